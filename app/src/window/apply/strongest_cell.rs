//! The cell that is explained when the window opens for the first time: one that shows what the maps are about.

use crate::window::app::App;
use crate::window::state::{NoticeKind, Panes, TraceKey, ViewChange, ViewHistory};
use opabinia_engine::probe::Trace;
use opabinia_shaders::Cell;

impl App {
    /// Selects the strongest cell of the first trace that a person sees, and says what the colours mean.
    pub(super) fn select_strongest_cell(&mut self, key: &TraceKey) {
        if !std::mem::take(&mut self.welcoming) || self.state.panes() != &Panes::default() {
            return;
        }
        let Some(cell) =
            self.state.traces.get(key).and_then(|entry| strongest_cell(&entry.trace, self.state.lens().encoder))
        else {
            return;
        };
        // Nobody has looked at another view that undoing could bring back.
        let mut panes = Panes::default();
        panes.change(&ViewChange::Select(Some(cell)), &|_, change| Some(change.clone()));
        self.state.view = ViewHistory::starting_with(panes);
        self.state.notices.add(NoticeKind::Info, self.texts().probe.first_colours);
    }
}

/// The cell in which encoder `k` is read the most compared with uniform attention, over all layers on the finest grid and
/// all heads.
fn strongest_cell(trace: &Trace, k: usize) -> Option<Cell> {
    let side = trace.layers.iter().map(|layer| layer.frame.side).max()?;
    let layers: Vec<usize> = (0..trace.layers.len()).filter(|l| trace.layers[*l].frame.side == side).collect();
    let cells = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
    let share = |(row, column): (usize, usize)| {
        let of_layer: Vec<_> = layers.iter().filter_map(|layer| trace.cell(*layer, row, column)).collect();
        // Every layer reaches it, and none finds padding there.
        if of_layer.len() < layers.len() || of_layer.iter().any(|cell| cell.padding) {
            return None;
        }
        let numbers: Option<Vec<_>> = of_layer.iter().map(|cell| cell.encoders.get(k)).collect();
        let parts: Vec<f64> =
            numbers?.iter().flat_map(|of| of.share.iter().map(|share| share / of.uniform_share)).collect();
        (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / parts.len() as f64)
    };
    let measured = cells.filter_map(|cell| Some((cell, share(cell)?))).filter(|(_, share)| share.is_finite());
    let ((row, column), _) = measured.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    Some(Cell { row: u32::try_from(row).ok()?, col: u32::try_from(column).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_engine::intervention::Interventions;
    use opabinia_engine::probe::{TraceEncoder, TraceLayer};
    use opabinia_engine::sva::{Frame, HEADS, PictureSize};
    use opabinia_engine::vision::{Exif, Picture, PixelHash};

    #[test]
    fn the_cell_in_which_the_encoder_stands_out_is_chosen() {
        let side = 3;
        let encoder = |name: &str| TraceEncoder { name: name.to_owned(), side };
        // Two encoders share every cell evenly, but for one.
        let probs = (0..side * side).flat_map(|cell| {
            let first = if cell == 5 { 0.9 } else { 0.5 };
            (0..HEADS).flat_map(move |_| [first, 1.0 - first])
        });
        let layer = TraceLayer {
            name: "vision_sampler_0.layers.0".to_owned(),
            label: "C1".to_owned(),
            frame: Frame::padded(side),
            keys: 2,
            probs: probs.collect(),
            mask: vec![1; side * side * 2],
        };
        let trace = Trace {
            model: String::new(),
            question: String::new(),
            interventions: Interventions::default(),
            picture: PictureSize { width: 30, height: 30 },
            pixels: PixelHash::of(&Picture::blank(30, 30).rgb),
            exif: Exif::Ignore,
            other: None,
            anatomy: opabinia_engine::intervention::Anatomy::from_parts(vec!["a".into(), "b".into()], Vec::new(), 3),
            encoders: vec![encoder("a"), encoder("b")],
            layers: vec![layer],
        };
        assert_eq!(strongest_cell(&trace, 0), Some(Cell { row: 1, col: 2 }));
        assert_ne!(strongest_cell(&trace, 1), Some(Cell { row: 1, col: 2 }));
        assert_eq!(strongest_cell(&trace, 2), None);
    }
}
