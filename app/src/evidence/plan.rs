//! What is measured for each part of the evidence, in the order in which it is wanted on the screen.

use super::{Block, LayerColumn, Removal};
use opabinia_engine::intervention::{Action, Anatomy, Cells, Interventions, Place};
use opabinia_engine::observe::SvaLayer;
use opabinia_engine::probe::evidence::GameKind;
use opabinia_engine::sva::{Frame, PictureSize};
use std::collections::HashSet;

/// Encoders above which no game is played: each one more doubles the runs.
const PLAYERS: usize = 8;

/// The published encoder-off study (arXiv 2507.03262) by the name that `opabinia evidence --preset` knows it by.
pub const CUR: &str = "cur-2507.03262";

/// Each encoder taken away in each way, then the picture itself and the global context. What a model does not allow (masking
/// its only encoder) is not in it.
pub fn encoders(anatomy: &Anatomy, has_other: bool) -> Vec<Interventions> {
    let ways = Removal::ALL.into_iter().filter(|removal| has_other || *removal != Removal::Swap);
    let each = ways.flat_map(|removal| (0..anatomy.encoders().len()).map(move |k| removal.of(k)));
    let blank = [Action::Blank, Action::Context].map(Interventions::of);
    allowed(each.chain(blank), anatomy)
}

/// The games that are played over the encoders.
pub fn games(anatomy: &Anatomy, has_other: bool) -> Vec<GameKind> {
    if anatomy.encoders().len() > PLAYERS {
        return Vec::new();
    }
    [GameKind::Mask].into_iter().chain(has_other.then_some(GameKind::Swap)).collect()
}

/// Each SVA layer skipped, each encoder masked and each head silenced in it; then layers together. The last layer goes
/// first: what lies before an intervention is then still that of the run without.
pub fn layers(anatomy: &Anatomy) -> Vec<Interventions> {
    let mut layers: Vec<SvaLayer> = anatomy.layers().collect();
    layers.reverse();
    let columns = |layer: &SvaLayer| {
        let layer = *layer;
        LayerColumn::all(anatomy.encoders().len()).map(move |column| column.of(layer))
    };
    allowed(layers.iter().flat_map(columns).chain(joint_layers()), anatomy)
}

/// Layers skipped together: the samplers, the connector, all.
pub fn joint_layers() -> [Interventions; 3] {
    [Place::Samplers, Place::Connector, Place::Everywhere].map(|at| Interventions::at(Action::Skip, at))
}

/// Blocks of cells of the padded query grid that hold some of a picture of this size, coarse ones first, down to single
/// cells.
pub fn blocks(side: usize, picture: PictureSize) -> Vec<Block> {
    let frame = Frame::new(side, picture);
    let (rows, columns) = (frame.rows, frame.columns);
    let mut size = side.div_ceil(2).max(1);
    let mut all = Vec::new();
    loop {
        for row in rows.clone().step_by(size) {
            for column in columns.clone().step_by(size) {
                all.push(Block {
                    row,
                    column,
                    rows: size.min(rows.end - row),
                    columns: size.min(columns.end - column),
                });
            }
        }
        if size == 1 {
            break;
        }
        size = size.div_ceil(2);
    }
    let mut seen = HashSet::new();
    all.retain(|block| seen.insert(*block));
    all
}

/// The cells of `block`, of the encoder `target` or of all, replaced by the mean.
pub fn block(anatomy: &Anatomy, target: Option<usize>, block: Block) -> Interventions {
    let cells = Cells::rectangle(block.row..block.row + block.rows, block.column..block.column + block.columns);
    region(anatomy, target, &cells)
}

/// The same for any cells.
pub fn region(anatomy: &Anatomy, target: Option<usize>, cells: &Cells) -> Interventions {
    match target {
        Some(k) => Interventions::region([k], cells),
        None => Interventions::region(0..anatomy.encoders().len(), cells),
    }
}

/// A region of all encoders, then of each.
pub fn regions(anatomy: &Anatomy, cells: &Cells) -> Vec<Interventions> {
    let targets = [None].into_iter().chain((0..anatomy.encoders().len()).map(Some));
    allowed(targets.map(|target| region(anatomy, target, cells)), anatomy)
}

/// The interventions of the published encoder-off study (arXiv 2507.03262): each encoder's output zero before its
/// projector, each alone left on, and all off; then what takes apart the first encoder's two ways into the SVA, its keys
/// and the global context.
pub fn cur(anatomy: &Anatomy) -> Vec<Interventions> {
    let n = anatomy.encoders().len();
    let off = |keep: &dyn Fn(usize) -> bool| {
        let off = (0..n).filter(|k| !keep(*k)).map(|k| Removal::ZeroRaw.of(k));
        off.fold(Interventions::default(), |all, one| all.and(&one))
    };
    let each = (0..n).map(|k| Removal::ZeroRaw.of(k));
    let alone = (0..n).map(|k| off(&|other| other == k)).collect::<Vec<_>>();
    let apart = [Removal::Mask.of(0), Removal::MaskContext.of(0), Interventions::of(Action::Context)];
    allowed(each.chain(alone).chain([off(&|_| false)]).chain(apart), anatomy)
}

/// Those of `all` that `anatomy` allows, each once.
fn allowed(all: impl IntoIterator<Item = Interventions>, anatomy: &Anatomy) -> Vec<Interventions> {
    let mut seen = HashSet::new();
    let wanted = |one: &Interventions| !one.is_none() && one.check(anatomy).is_ok() && seen.insert(one.clone());
    all.into_iter().filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anatomy(encoders: usize) -> Anatomy {
        let layers = [SvaLayer::Connector { group: 0, layer: 0 }, SvaLayer::Sampler { n: 0 }];
        let names = ["siglip", "clip", "dinov2", "convnext"];
        let layers = layers.map(|layer| (layer, layer.to_string())).to_vec();
        Anatomy::from_parts(names[..encoders].iter().map(|name| (*name).to_owned()).collect(), layers, 6)
    }

    #[test]
    fn each_thing_is_measured_once_and_only_what_is_allowed() {
        let list = encoders(&anatomy(4), false);
        // Masking with the context differs for the first encoder alone.
        assert_eq!(list.len(), 4 + 1 + 3 * 4 + 2);
        assert_eq!(encoders(&anatomy(4), true).len(), list.len() + 4);
        assert!(encoders(&anatomy(1), false).iter().all(|one| one.check(&anatomy(1)).is_ok()));
        let matrix = layers(&anatomy(4));
        assert_eq!(matrix.len(), 2 * (1 + 4 + 16) + 3);
        assert_eq!(matrix[0], LayerColumn::Skip.of(SvaLayer::Sampler { n: 0 }), "the last layer first");
    }

    #[test]
    fn blocks_are_coarse_first_and_end_with_every_cell_of_the_picture() {
        let square = blocks(6, PictureSize { width: 50, height: 50 });
        assert_eq!(square[0], Block { row: 0, column: 0, rows: 3, columns: 3 });
        assert_eq!(square.iter().filter(|block| block.rows * block.columns == 1).count(), 36);
        let sizes: Vec<usize> = square.iter().map(|block| block.rows.max(block.columns)).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
        let wide = blocks(6, PictureSize { width: 60, height: 20 });
        assert!(wide.iter().all(|block| block.row >= 2 && block.row + block.rows <= 4), "no padding: {wide:?}");
        assert_eq!(blocks(1, PictureSize { width: 5, height: 5 }).len(), 1);
    }

    #[test]
    fn the_published_study_turns_off_each_all_but_each_and_all() {
        let list = cur(&anatomy(4));
        let spec: Vec<String> = list.iter().map(|one| one.to_spec(&anatomy(4))).collect();
        assert_eq!(spec[0], "zero_raw:siglip");
        assert_eq!(spec[4], "zero_raw:clip,dinov2,convnext");
        assert_eq!(spec[8], "zero_raw:all");
        assert_eq!(list.len(), 4 + 4 + 1 + 3);
    }
}
