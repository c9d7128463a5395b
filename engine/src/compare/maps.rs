//! Two traces of one image compared: what of the one has a counterpart in the other, and how far attention differs there.
//!
//! Encoders are matched by what they are: by their name in the checkpoint, else by their family where each side has one of it.
//! Layers are matched by their kind and index, cells by their place in the picture: where grids differ, each cell of the
//! finer one is compared with the cell of the coarser one that holds its centre, and the comparison says that it is resampled.

use crate::checkpoint::EncoderFamily;
use crate::error::{Error, Result};
use crate::probe::{CellNumbers, Trace};
use crate::sva::HEADS;
use std::ops::Range;

/// What of two traces belongs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Encoders of both, as places in either trace.
    pub encoders: Vec<EncoderPair>,
    /// Of each side, encoders without a counterpart.
    pub encoders_alone: [Vec<usize>; 2],
    /// SVA layers of both, as places in either trace.
    pub layers: Vec<[usize; 2]>,
    /// Of each side, layers without a counterpart.
    pub layers_alone: [Vec<usize>; 2],
}

/// An encoder on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderPair {
    /// Its place in either trace.
    pub places: [usize; 2],
    /// Whether both checkpoints call it the same; else they are of one family.
    pub same_name: bool,
    /// Whether its token grids have as many tokens.
    pub same_grid: bool,
}

/// What two distributions of attention are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Over all keys of a cell. Keys of an encoder without a counterpart are read on one side alone.
    Keys,
    /// Over encoders: the windows of the two cells are not the same tokens.
    Encoders,
}

/// One SVA layer of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerComparison {
    /// Its place in either trace.
    pub places: [usize; 2],
    /// Its label on either side. Samplers may follow different decoder layers.
    pub labels: [String; 2],
    /// Of each side, the mean share of every encoder of that side over cells and heads; `None` where all of its keys are
    /// masked. What a single trace says.
    pub shares: [Vec<Option<f64>>; 2],
    /// Cells to a side of the grid on which cells are compared: the finer one.
    pub side: usize,
    /// Whether the other side's grid is coarser.
    pub resampled: bool,
    /// What divergences are taken over.
    pub basis: Basis,
    /// Rows of that grid which hold some of the picture on both sides.
    pub rows: Range<usize>,
    /// Columns of it.
    pub columns: Range<usize>,
    /// `[rows, columns]`: Jensen–Shannon divergence in bits, 0 to 1, mean over heads; `None` for a cell in the padding.
    pub divergence: Vec<Option<f64>>,
    /// `[heads]`: mean over cells. Heads are matched by their index.
    pub heads: Vec<f64>,
    /// Mean over cells and heads.
    pub mean: f64,
    /// For each matched encoder `[rows, columns]`: its share in B − that in A, mean over heads; `None` as above.
    pub share_differences: Vec<Vec<Option<f64>>>,
}

impl LayerComparison {
    /// The cells that differ most, at most `count` of them: row and column of [`LayerComparison::side`], and divergence.
    #[must_use]
    pub fn largest(&self, count: usize) -> Vec<(usize, usize, f64)> {
        let width = self.columns.len().max(1);
        let place = |at: usize| (self.rows.start + at / width, self.columns.start + at % width);
        let known = self.divergence.iter().enumerate().filter_map(|(at, value)| Some((place(at), (*value)?)));
        let mut cells: Vec<_> = known.map(|((row, column), value)| (row, column, value)).collect();
        cells.sort_by(|a, b| b.2.total_cmp(&a.2));
        cells.truncate(count);
        cells
    }
}

/// Two traces of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// What belongs together.
    pub matching: Matching,
    /// Every layer that both have, in the order of the computation.
    pub layers: Vec<LayerComparison>,
}

impl Matching {
    /// What of `a` belongs to what of `b`.
    #[must_use]
    pub fn of(a: &Trace, b: &Trace) -> Self {
        let names = [a, b].map(|trace| trace.encoders.iter().map(|encoder| encoder.name.as_str()).collect::<Vec<_>>());
        let mut taken = [vec![false; names[0].len()], vec![false; names[1].len()]];
        let mut pairs = Vec::new();
        let mut take = |i: usize, j: usize, same_name: bool, taken: &mut [Vec<bool>; 2]| {
            let same_grid = a.encoders[i].side == b.encoders[j].side;
            taken[0][i] = true;
            taken[1][j] = true;
            pairs.push(EncoderPair { places: [i, j], same_name, same_grid });
        };
        for (i, name) in names[0].iter().enumerate() {
            let same = (0..names[1].len()).find(|j| !taken[1][*j] && names[1][*j] == *name);
            if let Some(j) = same {
                take(i, j, true, &mut taken);
            }
        }
        let left = |side: usize, family: EncoderFamily, taken: &[Vec<bool>; 2]| -> Vec<usize> {
            let free = (0..names[side].len()).filter(|at| !taken[side][*at]);
            free.filter(|at| EncoderFamily::of_name(names[side][*at]) == Some(family)).collect()
        };
        for family in names[0].iter().filter_map(|name| EncoderFamily::of_name(name)) {
            if let ([i], [j]) = (left(0, family, &taken).as_slice(), left(1, family, &taken).as_slice()) {
                take(*i, *j, false, &mut taken);
            }
        }
        pairs.sort_by_key(|pair| pair.places);
        let alone = taken.map(|taken| (0..taken.len()).filter(|at| !taken[*at]).collect());
        let find = |trace: &Trace, name: &str| trace.layers.iter().position(|layer| layer.name == name);
        let layers = a.layers.iter().enumerate();
        let layers = layers.filter_map(|(i, layer)| Some([i, find(b, &layer.name)?])).collect();
        let without = |trace: &Trace, other: &Trace| {
            let layers = trace.layers.iter().enumerate();
            layers.filter(|(_, layer)| find(other, &layer.name).is_none()).map(|(at, _)| at).collect()
        };
        Self { encoders: pairs, encoders_alone: alone, layers, layers_alone: [without(a, b), without(b, a)] }
    }
}

impl Maps {
    /// Compares `a` with `b`.
    ///
    /// # Errors
    /// [`Error::Input`] if they are not of one image.
    pub fn of(a: &Trace, b: &Trace) -> Result<Self> {
        if (a.picture, a.pixels) != (b.picture, b.pixels) {
            return Err(Error::input(
                "the two traces are of different images, and no cell of the one has a place in the other",
                "compare traces of one image, read in the same way",
            ));
        }
        let matching = Matching::of(a, b);
        let layers = matching.layers.iter().map(|places| layer([a, b], &matching, *places)).collect();
        Ok(Self { matching, layers })
    }
}

/// Two layers that belong together.
fn layer(traces: [&Trace; 2], matching: &Matching, places: [usize; 2]) -> LayerComparison {
    let of = |side: usize| &traces[side].layers[places[side]];
    let grids = [0, 1].map(|side| of(side).frame.side);
    let side = grids[0].max(grids[1]);
    let same_windows = matching.encoders.iter().all(|pair| pair.same_grid);
    let basis = if grids[0] == grids[1] && same_windows { Basis::Keys } else { Basis::Encoders };
    // What both cover, in cells of the finer grid.
    let cover = |range: fn(&crate::sva::Frame) -> &Range<usize>| {
        let scaled = [0, 1].map(|at| {
            let (range, own) = (range(&of(at).frame), grids[at].max(1));
            range.start * side / own..(range.end * side).div_ceil(own)
        });
        let start = scaled[0].start.max(scaled[1].start);
        start..scaled[0].end.min(scaled[1].end).max(start)
    };
    let (rows, columns) = (cover(|frame| &frame.rows), cover(|frame| &frame.columns));
    let own = |at: usize, grid: usize| (2 * at + 1) * grid / (2 * side.max(1));
    let cells = rows.len() * columns.len();
    let mut divergence = Vec::with_capacity(cells);
    let mut share_differences = vec![Vec::with_capacity(cells); matching.encoders.len()];
    let mut heads = vec![0.0; HEADS];
    let mut counted = 0usize;
    for row in rows.clone() {
        for column in columns.clone() {
            let cell = |at: usize| traces[at].cell(places[at], own(row, grids[at]), own(column, grids[at]));
            let both = match (cell(0), cell(1)) {
                (Some(a), Some(b)) if !a.padding && !b.padding => Some((a, b)),
                _ => None,
            };
            let Some((a, b)) = both else {
                divergence.push(None);
                share_differences.iter_mut().for_each(|values| values.push(None));
                continue;
            };
            let by_head: Vec<f64> = (0..HEADS).map(|head| cell_divergence(&a, &b, matching, basis, head)).collect();
            heads.iter_mut().zip(&by_head).for_each(|(sum, value)| *sum += value);
            counted += 1;
            divergence.push(Some(mean(&by_head)));
            for (values, pair) in share_differences.iter_mut().zip(&matching.encoders) {
                let share =
                    |numbers: &CellNumbers<'_>, k: usize| numbers.encoders.get(k).map_or(0.0, |e| mean(&e.share));
                values.push(Some(share(&b, pair.places[1]) - share(&a, pair.places[0])));
            }
        }
    }
    heads.iter_mut().for_each(|sum| *sum /= counted.max(1) as f64);
    LayerComparison {
        places,
        labels: [0, 1].map(|side| of(side).label.clone()),
        shares: [0, 1].map(|side| mean_shares(traces[side], places[side])),
        side,
        resampled: grids[0] != grids[1],
        basis,
        rows,
        columns,
        divergence,
        mean: mean(&heads),
        heads,
        share_differences,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The mean share of each encoder over the cells of a layer that hold some of the picture, and over heads. Cells all of whose
/// keys of that encoder are masked do not count.
#[must_use]
pub fn mean_shares(trace: &Trace, layer: usize) -> Vec<Option<f64>> {
    let frame = &trace.layers[layer].frame;
    let mut sums = vec![(0.0, 0usize); trace.encoders.len()];
    for row in frame.rows.clone() {
        for column in frame.columns.clone() {
            let Some(numbers) = trace.cell(layer, row, column) else { continue };
            for (sum, encoder) in sums.iter_mut().zip(&numbers.encoders) {
                if !encoder.padding && encoder.open > 0 {
                    *sum = (sum.0 + mean(&encoder.share), sum.1 + 1);
                }
            }
        }
    }
    sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / count as f64)).collect()
}

/// Jensen–Shannon divergence of one head's attention in one cell, in bits.
fn cell_divergence(a: &CellNumbers<'_>, b: &CellNumbers<'_>, matching: &Matching, basis: Basis, head: usize) -> f64 {
    let mut sum = 0.0;
    let window = |numbers: &CellNumbers<'_>, k: usize| -> Range<usize> {
        numbers.encoders.get(k).map_or(0..0, |encoder| encoder.keys.clone())
    };
    let prob = |numbers: &CellNumbers<'_>, key: usize| f64::from(numbers.prob(head, key).unwrap_or(0.0));
    let share = |numbers: &CellNumbers<'_>, k: usize| -> f64 {
        numbers.encoders.get(k).and_then(|encoder| encoder.share.get(head).copied()).unwrap_or(0.0)
    };
    for pair in &matching.encoders {
        let [i, j] = pair.places;
        match basis {
            Basis::Keys => {
                let keys = window(a, i).zip(window(b, j));
                sum += keys.map(|(i, j)| term(prob(a, i), prob(b, j))).sum::<f64>();
            }
            Basis::Encoders => sum += term(share(a, i), share(b, j)),
        }
    }
    for k in &matching.encoders_alone[0] {
        sum += term(share(a, *k), 0.0);
    }
    for k in &matching.encoders_alone[1] {
        sum += term(0.0, share(b, *k));
    }
    sum.max(0.0)
}

/// What one outcome with probabilities `p` and `q` adds.
fn term(p: f64, q: f64) -> f64 {
    let middle = (p + q) / 2.0;
    let half = |p: f64| if p > 0.0 { p / 2.0 * (p / middle).log2() } else { 0.0 };
    half(p) + half(q)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervention::{Anatomy, Interventions};
    use crate::probe::{TraceEncoder, TraceLayer};
    use crate::sva::{Frame, PictureSize};
    use crate::vision::{Exif, PixelHash};

    const CLIP: &str = "openai/clip-vit-large-patch14-336";
    const SIGLIP: &str = "siglip/CLIP-ViT-SO400M-14-384";

    /// A square picture; encoders of these names and grids; layers of these names and grids in which every cell gives the
    /// whole attention to the encoder `to`, evenly.
    fn trace(encoders: &[(&str, usize)], layers: &[(&str, usize)], to: usize) -> Trace {
        let picture = PictureSize { width: 8, height: 8 };
        let encoders: Vec<TraceEncoder> =
            encoders.iter().map(|(name, side)| TraceEncoder { name: (*name).into(), side: *side }).collect();
        let layers = layers.iter().map(|(name, side)| {
            let sizes: Vec<usize> = encoders.iter().map(|encoder| (encoder.side / side).pow(2)).collect();
            let keys: usize = sizes.iter().sum();
            let probs = sizes
                .iter()
                .enumerate()
                .flat_map(|(k, size)| vec![if k == to { 1.0 / *size as f32 } else { 0.0 }; *size]);
            let probs: Vec<f32> = probs.collect();
            TraceLayer {
                name: (*name).into(),
                label: (*name).into(),
                frame: Frame::padded(*side),
                keys,
                probs: probs.repeat(side * side * HEADS),
                mask: vec![1; side * side * keys],
            }
        });
        Trace {
            model: "m".into(),
            question: String::new(),
            interventions: Interventions::default(),
            picture,
            pixels: PixelHash::of(&[0; 192]),
            exif: Exif::Ignore,
            other: None,
            anatomy: Anatomy::from_parts(Vec::new(), Vec::new(), 4),
            layers: layers.collect(),
            encoders,
        }
    }

    #[test]
    fn a_trace_does_not_differ_from_itself() {
        let one = trace(&[(CLIP, 4), (SIGLIP, 8)], &[("C1", 4), ("S0", 4)], 1);
        let maps = Maps::of(&one, &one).unwrap();
        assert_eq!(maps.layers.len(), 2);
        for layer in &maps.layers {
            assert_eq!((layer.basis, layer.resampled, layer.mean), (Basis::Keys, false, 0.0));
            assert!(layer.divergence.iter().all(|value| *value == Some(0.0)));
            assert!(layer.share_differences.iter().flatten().all(|value| *value == Some(0.0)));
            assert_eq!(layer.shares, [vec![Some(0.0), Some(1.0)], vec![Some(0.0), Some(1.0)]]);
        }
    }

    #[test]
    fn attention_to_other_keys_is_one_bit() {
        let [a, b] = [0, 1].map(|to| trace(&[(CLIP, 4), (SIGLIP, 8)], &[("C1", 4)], to));
        let layer = Maps::of(&a, &b).unwrap().layers.remove(0);
        assert!((layer.mean - 1.0).abs() < 1e-9, "{}", layer.mean);
        assert_eq!(layer.share_differences[0][0], Some(-1.0));
        assert_eq!(layer.largest(3).len(), 3);
    }

    #[test]
    fn what_has_no_counterpart_is_named_and_grids_are_resampled() {
        let a = trace(&[(CLIP, 4), ("facebook/dinov2-giant", 4)], &[("C1", 4), ("C2", 4)], 0);
        let b = trace(&[(SIGLIP, 8), ("openai/clip-vit-base-patch16", 8)], &[("C1", 2), ("S0", 2)], 1);
        let maps = Maps::of(&a, &b).unwrap();
        let pair = EncoderPair { places: [0, 1], same_name: false, same_grid: false };
        assert_eq!(maps.matching.encoders, [pair]);
        assert_eq!(maps.matching.encoders_alone, [vec![1], vec![0]]);
        assert_eq!(
            (maps.matching.layers.as_slice(), &maps.matching.layers_alone),
            (&[[0, 0]][..], &[vec![1], vec![1]])
        );
        let layer = &maps.layers[0];
        assert_eq!((layer.side, layer.resampled, layer.basis), (4, true, Basis::Encoders));
        assert_eq!((layer.divergence.len(), layer.mean), (16, 0.0), "all of it went to CLIP on both sides");
    }

    #[test]
    fn other_images_are_refused() {
        let a = trace(&[(CLIP, 4)], &[("C1", 4)], 0);
        let b = Trace { picture: PictureSize { width: 9, height: 8 }, ..a.clone() };
        assert!(Maps::of(&a, &b).unwrap_err().to_string().contains("different images"));
    }
}
