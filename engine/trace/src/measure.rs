//! The exact numbers of one cell of a trace, for tables and inspectors. Plain data in, plain data out.
//!
//! What is put together from several layers and heads is put together as in the shaders' maps (`reduce.wgsl`), so that a
//! number beside a map is the number under the cursor:
//!
//! - a place is found in every chosen layer, also in one with a coarser grid: its cell that holds the place's centre;
//! - (layer, head) pairs count where the layer covers the place, the encoder's window there holds some of the picture,
//!   and some of its keys are unmasked; mean and maximum run over those;
//! - of lift it is the ratio that is averaged. Maps show its logarithm to base 2, taken afterwards.

use crate::geometry::Frame;
use crate::layer::HEADS;
use crate::trace::{Trace, TraceLayer};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A cell of the padded frame of a query grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Cells to a side of the grid that row and column are counted on.
    pub side: usize,
    /// Row, from the top.
    pub row: usize,
    /// Column, from the left.
    pub column: usize,
}

/// What a map holds at each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Quantity {
    /// An encoder's part of a cell's attention, 0 to 1; per token, the key's probability. Of a grid of plain values, the
    /// values.
    Share,
    /// log₂ of share ÷ the share that uniform attention over the cell's unmasked keys would give. The ratio is
    /// what is averaged over layers and heads; 0 is "as much as uniform attention".
    Lift,
    /// Entropy of a cell's attention over all of its keys, in bits.
    Entropy,
    /// The same as a part of the entropy of uniform attention over the cell's unmasked keys, 0 to 1.
    NormalisedEntropy,
    /// Index of the encoder whose lift map is highest: the one attended to most beyond what uniform attention would give
    /// it. The highest share would nearly everywhere be that of the encoder with the largest window.
    Dominant,
}

impl Quantity {
    /// Whether there is one map for each encoder; otherwise there is one for all.
    #[must_use]
    pub fn per_encoder(self) -> bool {
        matches!(self, Self::Share | Self::Lift)
    }

    /// The name for captions and colour bars, with the unit.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Share => "share of attention",
            Self::Lift => "lift (log₂ of share ÷ uniform share)",
            Self::Entropy => "entropy (bits)",
            Self::NormalisedEntropy => "normalized entropy (÷ entropy of uniform attention)",
            Self::Dominant => "dominant encoder (highest lift)",
        }
    }
}

/// What is measured at one place, in every layer and head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// The part of a cell's attention that this encoder has, 0 to 1.
    Share(usize),
    /// Share of this encoder ÷ the share that uniform attention over the cell's unmasked keys would give; 1 is "as much
    /// as uniform attention".
    Lift(usize),
    /// Entropy of a cell's attention over all of its keys, in bits.
    Entropy,
    /// The same as a part of the entropy of uniform attention over the unmasked keys, 0 to 1.
    NormalisedEntropy,
}

/// How many layers and heads become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Reduction {
    /// Mean over all (layer, head) pairs that count.
    #[default]
    Mean,
    /// Maximum over them.
    Max,
}

/// A measurement, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured<T> {
    /// There is one.
    Value(T),
    /// The picture does not reach this place, or the layer does not cover it.
    Padding,
    /// All keys that it would be about are masked. For [`Measure::NormalisedEntropy`] also a cell with one unmasked key:
    /// there is no choice whose spread could be measured.
    Masked,
}

/// All numbers of one cell in one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct CellNumbers<'t> {
    /// Whether the cell lies wholly in the padding. The model attends there all the same, since the reference un-masks
    /// such cells; their numbers say nothing about the picture.
    pub padding: bool,
    /// Each encoder's part of it.
    pub encoders: Vec<EncoderNumbers>,
    /// The keys, encoders in order, those of one encoder row by row.
    pub keys: Vec<Key>,
    /// `[heads, keys]`: attention probabilities.
    pub probs: &'t [f32],
    /// `[heads]`: entropy over all keys in bits.
    pub entropy: Vec<f64>,
    /// Entropy of uniform attention over the unmasked keys in bits: the most there can be.
    pub uniform_entropy: f64,
}

impl CellNumbers<'_> {
    /// Probability of `key` in `head`.
    #[must_use]
    pub fn prob(&self, head: usize, key: usize) -> Option<f32> {
        let at = (key < self.keys.len()).then_some(head * self.keys.len() + key)?;
        self.probs.get(at).copied()
    }
}

/// What uniform attention over the unmasked keys of a cell would give.
#[derive(Debug, Clone, PartialEq)]
pub struct Uniform {
    /// Each encoder's share; 0 where all of its keys are masked.
    pub shares: Vec<f64>,
    /// The entropy in bits: the most there can be.
    pub entropy: f64,
}

/// One encoder's part of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderNumbers {
    /// Whether its window holds none of the picture.
    pub padding: bool,
    /// Which of the cell's keys are its own.
    pub keys: Range<usize>,
    /// How many of them are unmasked.
    pub open: usize,
    /// Its share in uniform attention over the cell's unmasked keys; 0 where all of its keys are masked.
    pub uniform_share: f64,
    /// `[heads]`: its share.
    pub share: Vec<f64>,
    /// `[heads]`: share ÷ uniform share; `None` where all of its keys are masked.
    pub lift: Option<Vec<f64>>,
}

/// One key of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The encoder it comes from.
    pub encoder: usize,
    /// Row on that encoder's token grid over the padded frame.
    pub row: usize,
    /// Column on it.
    pub column: usize,
    /// Whether it could be attended.
    pub open: bool,
    /// Whether it lies in the padding.
    pub padding: bool,
}

/// One cell of one layer, with its numbers where they lie in the trace.
struct Place<'t> {
    trace: &'t Trace,
    layer: &'t TraceLayer,
    row: usize,
    column: usize,
    /// `[heads, keys]`.
    probs: &'t [f32],
    /// `[keys]`.
    mask: &'t [u8],
}

impl<'t> Place<'t> {
    /// The cell at `(row, column)` of the layer's padded frame, if the layer covers it and agrees with the encoders.
    fn new(trace: &'t Trace, layer: &'t TraceLayer, row: usize, column: usize) -> Option<Self> {
        let frame = &layer.frame;
        if !frame.contains(row, column) {
            return None;
        }
        let keys: usize = (0..trace.encoders.len()).map(|k| trace.window_side(layer, k).pow(2)).sum();
        if keys == 0 || keys != layer.keys {
            return None;
        }
        let index = (row - frame.rows.start) * frame.columns.len() + column - frame.columns.start;
        let part = |size: usize| index * size..(index + 1) * size;
        let probs = layer.probs.get(part(HEADS * layer.keys))?;
        let mask = layer.mask.get(part(layer.keys))?;
        Some(Self { trace, layer, row, column, probs, mask })
    }

    /// The layer's cell that holds the centre of `cell`.
    fn around(trace: &'t Trace, layer: &'t TraceLayer, cell: Cell) -> Option<Self> {
        if cell.row >= cell.side || cell.column >= cell.side {
            return None;
        }
        let from = |at: usize| (2 * at + 1) * layer.frame.side / (2 * cell.side);
        Self::new(trace, layer, from(cell.row), from(cell.column))
    }

    /// Keys of encoder `k`, if there is such an encoder.
    fn window(&self, k: usize) -> Option<Range<usize>> {
        let size = |k: usize| self.trace.window_side(self.layer, k).pow(2);
        let start = (0..k.min(self.trace.encoders.len())).map(size).sum();
        (k < self.trace.encoders.len()).then(|| start..start + size(k))
    }

    /// Whether none of the picture lies in encoder `k`'s window.
    fn is_padding(&self, k: usize) -> bool {
        let r = self.trace.window_side(self.layer, k);
        misses_picture(self.trace, k, self.row * r, self.column * r, r)
    }

    fn is_all_padding(&self) -> bool {
        (0..self.trace.encoders.len()).all(|k| self.is_padding(k))
    }

    /// Unmasked keys among `keys`.
    fn open(&self, keys: Range<usize>) -> usize {
        self.mask[keys].iter().filter(|&&flag| flag != 0).count()
    }

    /// Probabilities of all keys in each head.
    fn heads(&self) -> impl Iterator<Item = &'t [f32]> {
        self.probs.chunks_exact(self.layer.keys)
    }

    /// The share of `keys` in each head.
    fn shares(&self, keys: &Range<usize>) -> Vec<f64> {
        self.heads().map(|probs| probs[keys.clone()].iter().map(|&p| f64::from(p)).sum()).collect()
    }

    fn entropies(&self) -> Vec<f64> {
        let bits = |probs: &[f32]| {
            let terms = probs.iter().map(|&p| f64::from(p)).filter(|&p| p > 0.0).map(|p| -p * p.log2());
            terms.sum::<f64>().max(0.0)
        };
        self.heads().map(bits).collect()
    }

    /// Share of `keys` in each head, or with `per_uniform` its ratio to what uniform attention would give.
    fn share_of(&self, keys: &Range<usize>, per_uniform: bool) -> Measured<Vec<f64>> {
        let open = self.open(keys.clone());
        if open == 0 {
            return Measured::Masked;
        }
        let mut shares = self.shares(keys);
        if per_uniform {
            let uniform = open as f64 / self.open(0..self.layer.keys) as f64;
            shares.iter_mut().for_each(|share| *share /= uniform);
        }
        Measured::Value(shares)
    }

    fn values(&self, measure: Measure) -> Measured<Vec<f64>> {
        match measure {
            Measure::Share(k) | Measure::Lift(k) => match self.window(k) {
                Some(keys) if !self.is_padding(k) => self.share_of(&keys, matches!(measure, Measure::Lift(_))),
                _ => Measured::Padding,
            },
            Measure::Entropy if self.is_all_padding() => Measured::Padding,
            Measure::Entropy if self.open(0..self.layer.keys) == 0 => Measured::Masked,
            Measure::Entropy => Measured::Value(self.entropies()),
            Measure::NormalisedEntropy => self.normalised(&self.values(Measure::Entropy)),
        }
    }

    /// The cell's `entropy` as a part of that of uniform attention.
    fn normalised(&self, entropy: &Measured<Vec<f64>>) -> Measured<Vec<f64>> {
        match entropy {
            Measured::Value(bits) => match self.open(0..self.layer.keys) {
                0 | 1 => Measured::Masked,
                open => {
                    let most = (open as f64).log2();
                    Measured::Value(bits.iter().map(|bits| bits / most).collect())
                }
            },
            Measured::Padding => Measured::Padding,
            Measured::Masked => Measured::Masked,
        }
    }

    fn uniform(&self) -> Uniform {
        let all = self.open(0..self.layer.keys);
        let share = |k| match self.window(k).map_or(0, |window| self.open(window)) {
            0 => 0.0,
            open => open as f64 / all as f64,
        };
        let shares = (0..self.trace.encoders.len()).map(share).collect();
        Uniform { shares, entropy: (all.max(1) as f64).log2() }
    }

    fn numbers(&self) -> CellNumbers<'t> {
        let uniform = self.uniform();
        let mut encoders = Vec::with_capacity(self.trace.encoders.len());
        let mut keys = Vec::with_capacity(self.layer.keys);
        for k in 0..self.trace.encoders.len() {
            let r = self.trace.window_side(self.layer, k);
            let window = keys.len()..keys.len() + r * r;
            for slot in 0..r * r {
                let (row, column) = (self.row * r + slot / r, self.column * r + slot % r);
                let open = self.mask[keys.len()] != 0;
                keys.push(Key {
                    encoder: k,
                    row,
                    column,
                    open,
                    padding: misses_picture(self.trace, k, row, column, 1),
                });
            }
            let open = self.open(window.clone());
            let share = self.shares(&window);
            let uniform_share = uniform.shares[k];
            let lift = (open > 0).then(|| share.iter().map(|share| share / uniform_share).collect());
            encoders.push(EncoderNumbers {
                padding: self.is_padding(k),
                keys: window,
                open,
                uniform_share,
                share,
                lift,
            });
        }
        CellNumbers {
            padding: self.is_all_padding(),
            encoders,
            keys,
            probs: self.probs,
            entropy: self.entropies(),
            uniform_entropy: uniform.entropy,
        }
    }
}

/// Whether rows `row..row + side` and the same columns of encoder `k`'s tokens miss the picture altogether.
fn misses_picture(trace: &Trace, k: usize, row: usize, column: usize, side: usize) -> bool {
    let photo = Frame::new(trace.encoders[k].side, trace.picture);
    let misses = |at: usize, kept: &Range<usize>| at + side <= kept.start || at >= kept.end;
    misses(row, &photo.rows) || misses(column, &photo.columns)
}

impl Trace {
    /// All numbers of the cell at `(row, column)` of a layer's own padded frame. `None` where the layer does not reach:
    /// samplers cover the unpadded frame only.
    #[must_use]
    pub fn cell(&self, layer: usize, row: usize, column: usize) -> Option<CellNumbers<'_>> {
        Some(Place::new(self, self.layers.get(layer)?, row, column)?.numbers())
    }

    /// What uniform attention would give in the cell at `(row, column)` of a layer's own padded frame; `None` where the layer
    /// does not reach.
    #[must_use]
    pub fn uniform(&self, layer: usize, row: usize, column: usize) -> Option<Uniform> {
        Some(Place::new(self, self.layers.get(layer)?, row, column)?.uniform())
    }

    /// Cells to a side of the finest grid among `layers`, on which a map of them lies; `None` if there are none of them.
    #[must_use]
    pub fn finest_side(&self, layers: &[usize]) -> Option<usize> {
        layers.iter().filter_map(|&layer| self.layers.get(layer)).map(|layer| layer.frame.side).max()
    }

    /// `[layers][heads]`: `measure` at `cell` in every layer of the trace.
    #[must_use]
    pub fn matrix(&self, measure: Measure, cell: Cell) -> Vec<Measured<Vec<f64>>> {
        let values = |layer| Place::around(self, layer, cell).map_or(Measured::Padding, |place| place.values(measure));
        self.layers.iter().map(values).collect()
    }

    /// [`Measure::NormalisedEntropy`] at `cell`, for whoever has its `entropy` `[layers][heads]`.
    #[must_use]
    pub fn normalised_entropy(&self, entropy: &[Measured<Vec<f64>>], cell: Cell) -> Vec<Measured<Vec<f64>>> {
        let layers = self.layers.iter().zip(entropy);
        let part = |(layer, entropy)| {
            Place::around(self, layer, cell).map_or(Measured::Padding, |place| place.normalised(entropy))
        };
        layers.map(part).collect()
    }

    /// `[layers][heads]`: the probability of encoder `k`'s token at `(row, column)` of its grid over the padded frame,
    /// in the one cell of each layer whose window holds it; with `per_uniform`, its ratio to that of any key in uniform
    /// attention over the cell's unmasked keys.
    #[must_use]
    pub fn token_matrix(&self, k: usize, row: usize, column: usize, per_uniform: bool) -> Vec<Measured<Vec<f64>>> {
        let values = |layer: &TraceLayer| {
            let side = self.encoders.get(k).map_or(0, |encoder| encoder.side);
            if row >= side || column >= side || misses_picture(self, k, row, column, 1) {
                return Measured::Padding;
            }
            let r = self.window_side(layer, k);
            let Some(place) = Place::new(self, layer, row / r, column / r) else { return Measured::Padding };
            let Some(window) = place.window(k) else { return Measured::Padding };
            let key = window.start + row % r * r + column % r;
            place.share_of(&(key..key + 1), per_uniform)
        };
        self.layers.iter().map(values).collect()
    }
}

/// One number of a matrix `[layers][heads]`, from the chosen layers and heads.
#[must_use]
pub fn reduce(matrix: &[Measured<Vec<f64>>], layers: &[usize], heads: &[usize], reduction: Reduction) -> Measured<f64> {
    let mut masked = false;
    let mut chosen = Vec::new();
    for layer in layers.iter().filter_map(|&layer| matrix.get(layer)) {
        match layer {
            Measured::Value(values) => chosen.extend(heads.iter().filter_map(|&head| values.get(head))),
            Measured::Masked => masked = true,
            Measured::Padding => {}
        }
    }
    match reduction {
        _ if chosen.is_empty() && masked => Measured::Masked,
        _ if chosen.is_empty() => Measured::Padding,
        Reduction::Mean => Measured::Value(chosen.iter().copied().sum::<f64>() / chosen.len() as f64),
        Reduction::Max => Measured::Value(chosen.into_iter().fold(f64::NEG_INFINITY, |most, &x| most.max(x))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Exif, PictureSize, PixelHash};
    use crate::intervention::Interventions;
    use crate::trace::TraceEncoder;

    /// A picture twice as wide as high; encoder `a` with one key a cell of a 4 × 4 grid, `b` with four. In every cell
    /// that is not in the padding, head 0 gives `a` a half and each key of `b` an eighth; head `h` > 0 gives all to key
    /// `h % 5`.
    fn trace() -> Trace {
        let picture = PictureSize { width: 80, height: 40 };
        let encoder = |name: &str, side| TraceEncoder { name: name.into(), side };
        let layer = |label: &str, frame: Frame, keys: usize, probs: &dyn Fn(usize) -> Vec<f32>| {
            let cells = frame.size_hw().0 * frame.size_hw().1;
            let probs = (0..cells).flat_map(|_| (0..HEADS).flat_map(probs)).collect();
            let (name, label) = (label.to_owned(), label.to_owned());
            TraceLayer { name, label, frame, keys, probs, mask: vec![1; cells * keys] }
        };
        let five = |head: usize| match head {
            0 => vec![0.5, 0.125, 0.125, 0.125, 0.125],
            _ => (0..5).map(|key| f32::from(u8::from(key == head % 5))).collect(),
        };
        let coarse = |_: usize| [vec![0.0; 3], vec![0.25], vec![0.0; 15], vec![0.75]].concat();
        Trace {
            model: "m".into(),
            question: String::new(),
            interventions: Interventions::default(),
            picture,
            pixels: PixelHash::of(&[0; 80 * 40 * 3]),
            exif: Exif::Ignore,
            other: None,
            anatomy: crate::intervention::Anatomy::from_parts(vec!["a".into(), "b".into()], Vec::new(), 4),
            encoders: vec![encoder("a", 4), encoder("b", 8)],
            layers: vec![
                layer("C1", Frame::padded(4), 5, &five),
                layer("S0", Frame::new(4, picture), 5, &five),
                layer("C2", Frame::padded(2), 4 + 16, &coarse),
            ],
        }
    }

    /// A cell of the 4 × 4 grid; the picture fills rows 1 and 2.
    fn cell(row: usize, column: usize) -> Cell {
        Cell { side: 4, row, column }
    }

    fn value<T: Clone>(measured: &Measured<T>) -> T {
        let Measured::Value(value) = measured else { panic!("no value") };
        value.clone()
    }

    #[test]
    fn the_numbers_of_a_cell() {
        let trace = trace();
        let numbers = trace.cell(0, 1, 2).unwrap();
        assert!(!numbers.padding);
        let [a, b] = numbers.encoders.as_slice() else { panic!() };
        assert_eq!((a.keys.clone(), b.keys.clone(), a.open, b.open), (0..1, 1..5, 1, 4));
        assert_eq!((a.uniform_share, b.uniform_share), (0.2, 0.8));
        assert_eq!(a.share[..6], [0.5, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(b.share[..6], [0.5, 1.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(a.lift.as_ref().unwrap()[..2], [2.5, 0.0]);
        assert_eq!(b.lift.as_ref().unwrap()[..2], [0.625, 1.25]);
        // ½ · 1 + 4 · ⅛ · 3 bits, and a sure choice.
        assert_eq!(numbers.entropy[..2], [2.0, 0.0]);
        assert!((numbers.uniform_entropy - 5f64.log2()).abs() < 1e-12);
        let places: Vec<_> = numbers.keys.iter().map(|key| (key.encoder, key.row, key.column)).collect();
        assert_eq!(places, [(0, 1, 2), (1, 2, 4), (1, 2, 5), (1, 3, 4), (1, 3, 5)]);
        assert_eq!((numbers.prob(0, 0), numbers.prob(3, 3), numbers.prob(3, 5)), (Some(0.5), Some(1.0), None));
        assert_eq!(numbers.prob(HEADS, 0), None);
    }

    #[test]
    fn samplers_reach_no_further_than_the_picture() {
        let trace = trace();
        assert!(trace.cell(1, 0, 0).is_none() && trace.cell(1, 3, 3).is_none());
        assert_eq!(trace.cell(1, 2, 3).unwrap().keys[0], trace.cell(0, 2, 3).unwrap().keys[0]);
        let in_padding = trace.cell(0, 0, 1).unwrap();
        assert!(in_padding.padding && in_padding.encoders.iter().all(|encoder| encoder.padding));
        assert!(in_padding.keys.iter().all(|key| key.padding && key.open));
        assert!(trace.cell(0, 4, 0).is_none() && trace.cell(3, 0, 0).is_none());
    }

    #[test]
    fn masked_keys_count_neither_in_lift_nor_in_the_most_entropy() {
        let mut trace = trace();
        // The cell (1, 0) of the first layer: one of `b`'s keys is masked; of (1, 1), all of `a`'s and three of `b`'s.
        trace.layers[0].mask[4 * 5 + 2] = 0;
        trace.layers[0].mask[5 * 5..5 * 5 + 4].fill(0);
        let numbers = trace.cell(0, 1, 0).unwrap();
        assert_eq!(numbers.keys.iter().map(|key| key.open).collect::<Vec<_>>(), [true, true, false, true, true]);
        assert_eq!((numbers.encoders[0].uniform_share, numbers.encoders[1].open), (0.25, 3));
        assert_eq!(numbers.encoders[0].lift.as_ref().unwrap()[0], 2.0);
        assert_eq!(numbers.uniform_entropy, 2.0);
        let numbers = trace.cell(0, 1, 1).unwrap();
        assert_eq!((numbers.encoders[0].open, numbers.encoders[0].lift.clone()), (0, None));
        assert_eq!(numbers.uniform_entropy, 0.0);
        assert_eq!(trace.matrix(Measure::Share(0), cell(1, 1))[0], Measured::Masked);
        assert_eq!(trace.matrix(Measure::NormalisedEntropy, cell(1, 1))[0], Measured::Masked);
        for cell in (0..16).map(|at| cell(at / 4, at % 4)) {
            let entropy = trace.matrix(Measure::Entropy, cell);
            assert_eq!(trace.normalised_entropy(&entropy, cell), trace.matrix(Measure::NormalisedEntropy, cell));
        }
        assert!(matches!(trace.matrix(Measure::Entropy, cell(1, 1))[0], Measured::Value(_)));
    }

    #[test]
    fn a_matrix_has_a_row_for_every_layer() {
        let trace = trace();
        let shares = trace.matrix(Measure::Share(1), cell(1, 3));
        assert_eq!(value(&shares[0])[..6], [0.5, 1.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(shares[1], shares[0]);
        // The coarse layer's cell (0, 1) holds the centre of the fine (1, 3).
        assert_eq!(value(&shares[2])[0], 0.75);
        assert_eq!(value(&trace.matrix(Measure::Lift(1), cell(1, 3))[2])[0], 0.75 / 0.8);
        let bits = value(&trace.matrix(Measure::Entropy, cell(1, 3))[2])[0];
        assert!((bits - (0.5 + 0.75 * (4f64 / 3.0).log2())).abs() < 1e-12, "{bits}");
        let part = value(&trace.matrix(Measure::NormalisedEntropy, cell(1, 3))[2])[0];
        assert!((part - bits / 20f64.log2()).abs() < 1e-12);
        // Row 0 is padding for the fine layers, and shares its coarse cell with row 1.
        let shares = trace.matrix(Measure::Share(1), cell(0, 3));
        assert!(matches!(shares.as_slice(), [Measured::Padding, Measured::Padding, Measured::Value(_)]));
        assert!(trace.matrix(Measure::Share(2), cell(1, 1)).iter().all(|measured| *measured == Measured::Padding));
        assert!(trace.matrix(Measure::Entropy, cell(1, 4)).iter().all(|measured| *measured == Measured::Padding));
        assert_eq!(
            (trace.finest_side(&[2]), trace.finest_side(&[2, 0]), trace.finest_side(&[7])),
            (Some(2), Some(4), None)
        );
    }

    #[test]
    fn tokens_are_found_in_the_cell_that_holds_them() {
        let trace = trace();
        // Token (3, 5) of `b` is the last key of cell (1, 2), and slot 3 · 4 + 1 of the coarse cell (0, 1).
        let probs = trace.token_matrix(1, 3, 5, false);
        assert_eq!(value(&probs[0])[..5], [0.125, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!((probs[1].clone(), value(&probs[2])[0]), (probs[0].clone(), 0.0));
        // The coarse cell's last key, (3, 3) in its window, is token (3, 7).
        assert_eq!(value(&trace.token_matrix(1, 3, 7, false)[2])[0], 0.75);
        assert_eq!(value(&trace.token_matrix(1, 3, 5, true)[0])[0], 0.625);
        assert!(trace.token_matrix(1, 1, 5, false).iter().all(|measured| *measured == Measured::Padding));
        assert!(trace.token_matrix(1, 8, 0, false).iter().all(|measured| *measured == Measured::Padding));
        assert!(trace.token_matrix(2, 0, 0, false).iter().all(|measured| *measured == Measured::Padding));
    }

    #[test]
    fn what_does_not_cover_a_place_does_not_count() {
        let trace = trace();
        let at = |row, layers: &[usize], heads: &[usize], reduction| {
            reduce(&trace.matrix(Measure::Lift(0), cell(row, 0)), layers, heads, reduction)
        };
        // Lift of `a`: 2.5 in head 0, 0 in head 1, 5 in head 5; in the coarse layer ¼ ÷ ⅕ in all heads.
        assert_eq!(at(1, &[0, 1], &[0, 1, 5], Reduction::Mean), Measured::Value(2.5));
        assert_eq!(at(1, &[0, 1], &[0, 1, 5], Reduction::Max), Measured::Value(5.0));
        assert_eq!(at(1, &[0, 2], &[0], Reduction::Mean), Measured::Value((2.5 + 1.25) / 2.0));
        assert_eq!(at(0, &[0, 2], &[0], Reduction::Mean), Measured::Value(1.25));
        assert_eq!(at(0, &[0, 1], &[0], Reduction::Mean), Measured::Padding);
        assert_eq!(at(1, &[0], &[], Reduction::Max), Measured::Padding);
        let matrix = [Measured::Masked, Measured::Padding, Measured::Value(vec![0.5])];
        assert_eq!(reduce(&matrix, &[0, 1], &[0], Reduction::Mean), Measured::Masked);
        assert_eq!(reduce(&matrix, &[0, 1, 2], &[0], Reduction::Mean), Measured::Value(0.5));
    }
}
