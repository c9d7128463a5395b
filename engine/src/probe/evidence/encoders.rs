//! Each encoder as one row of numbers: what it had of the attention, how much it wrote, how sensitive the answer is to it;
//! and the same for each cell. Plain numbers, put together from the tensors of a pass.

use crate::error::Result;
use crate::model::Model;
use crate::observe::SvaLayer;
use crate::probe::Trace;
use crate::sva::{Frame, PictureSize};
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What each encoder had of the attention and wrote into the cells, in the run without interventions: means over SVA
/// layers, heads and the cells that hold some of the image. None of it depends on the question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderMeans {
    /// Cells to a side of the padded query grid that [`EncoderMeans::cells`] are of.
    pub side: usize,
    /// `[n]`: share of the attention, 0 to 1. Correlational.
    #[serde(with = "super::exact::list")]
    pub share: Vec<f64>,
    /// `[n]`: share ÷ what uniform attention over the unmasked keys would give; the ratio is averaged. Correlational.
    #[serde(with = "super::exact::list")]
    pub lift: Vec<f64>,
    /// `[n]`: norm of what the encoder's keys write together (`enc_norm`). How much was written.
    #[serde(with = "super::exact::list")]
    pub norm: Vec<f64>,
    /// `[side²]`, row by row; `None` for cells without any of the image.
    pub cells: Vec<Option<CellMeans>>,
}

/// The same for one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellMeans {
    /// `[n]`: share of the attention.
    #[serde(with = "super::exact::list")]
    pub share: Vec<f64>,
    /// `[n]`: lift.
    #[serde(with = "super::exact::list")]
    pub lift: Vec<f64>,
    /// `[n]`: norm of what each encoder's keys write together.
    #[serde(with = "super::exact::list")]
    pub norm: Vec<f64>,
    /// Norm of what all keys write together (`attn_norm`).
    #[serde(with = "super::exact::one")]
    pub all: f64,
}

/// What a gradient is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GradientOf {
    /// The logarithm of the whole answer's probability.
    Answer,
    /// That of one token's, counted from 0.
    Token(usize),
}

impl GradientOf {
    /// Its name in files: `answer`, `t0`, `t1`, …
    pub fn name(self) -> String {
        match self {
            Self::Answer => "answer".to_owned(),
            Self::Token(t) => format!("t{t}"),
        }
    }
}

/// Gradient × attention of each encoder, signed: local sensitivity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradientSums {
    /// Of what.
    pub of: GradientOf,
    /// `[n]`: sums over SVA layers, cells, heads and keys.
    #[serde(with = "super::exact::list")]
    pub encoders: Vec<f64>,
    /// `[n]`: Chefer's relevancy, of the same products what is above 0, averaged over heads; sums over layers, cells and keys.
    #[serde(with = "super::exact::list")]
    pub relevancy: Vec<f64>,
    /// `[side²][n]`: sums over layers, heads and keys in each cell of the padded query grid.
    #[serde(with = "super::exact::lists")]
    pub cells: Vec<Vec<f64>>,
}

/// A sum of vectors of one length and how many there were.
#[derive(Debug, Clone, Default)]
struct Mean {
    sum: Vec<f64>,
    count: Vec<u32>,
}

impl Mean {
    fn of(length: usize) -> Self {
        Self { sum: vec![0.0; length], count: vec![0; length] }
    }

    fn add(&mut self, at: usize, value: f64) {
        if let (Some(sum), Some(count)) = (self.sum.get_mut(at), self.count.get_mut(at)) {
            *sum += value;
            *count += 1;
        }
    }

    /// 0 where nothing was added.
    fn values(&self) -> Vec<f64> {
        self.sum.iter().zip(&self.count).map(|(sum, count)| sum / f64::from((*count).max(1))).collect()
    }

    fn is_empty(&self) -> bool {
        self.count.iter().all(|count| *count == 0)
    }
}

/// Means over one cell, or over all of them.
#[derive(Debug, Clone)]
struct Means {
    share: Mean,
    lift: Mean,
    norm: Mean,
    all: Mean,
}

impl Means {
    fn of(encoders: usize) -> Self {
        let each = || Mean::of(encoders);
        Self { share: each(), lift: each(), norm: each(), all: Mean::of(1) }
    }
}

impl EncoderMeans {
    /// The means of what was seen in one pass: its `trace`, and the tensors of [`super::Contributions`]. `side` is that of
    /// the grid that cells are counted on.
    pub(super) fn new(trace: &Trace, contributions: &BTreeMap<String, Tensor>, side: usize) -> Result<Self> {
        let n = trace.encoders.len();
        let mut whole = Means::of(n);
        let mut cells = vec![Means::of(n); side * side];
        for (at, layer) in trace.layers.iter().enumerate() {
            let norms = numbers(contributions, &format!("contrib.{}.enc_norm", layer.name))?;
            let all = numbers(contributions, &format!("contrib.{}.attn_norm", layer.name))?;
            let places = layer.frame.rows.clone().flat_map(|row| layer.frame.columns.clone().map(move |c| (row, c)));
            for (index, (row, column)) in places.enumerate() {
                let Some(cell) = trace.cell(at, row, column).filter(|cell| !cell.padding) else { continue };
                let fine = fine_cells(&layer.frame, (row, column), side);
                let mut take = |part: fn(&mut Means) -> &mut Mean, k: usize, values: &[f64]| {
                    for value in values {
                        part(&mut whole).add(k, *value);
                        for fine in &fine {
                            part(&mut cells[*fine]).add(k, *value);
                        }
                    }
                };
                for (k, encoder) in cell.encoders.iter().enumerate() {
                    if !encoder.padding
                        && let Some(lift) = &encoder.lift
                    {
                        take(|means| &mut means.share, k, &encoder.share);
                        take(|means| &mut means.lift, k, lift);
                    }
                    take(|means| &mut means.norm, k, norms.get(index * n + k).map_or(&[], std::slice::from_ref));
                }
                take(|means| &mut means.all, 0, all.get(index).map_or(&[], std::slice::from_ref));
            }
        }
        let cell = |means: &Means| {
            (!means.all.is_empty()).then(|| CellMeans {
                share: means.share.values(),
                lift: means.lift.values(),
                norm: means.norm.values(),
                all: means.all.values().first().copied().unwrap_or_default(),
            })
        };
        Ok(Self {
            side,
            share: whole.share.values(),
            lift: whole.lift.values(),
            norm: whole.norm.values(),
            cells: cells.iter().map(cell).collect(),
        })
    }
}

impl GradientSums {
    /// The sums of the `gradxattn.NAME.LAYER.encoders` and `relevancy.…` among `tensors`, for an image of this size.
    pub(super) fn new(
        model: &Model,
        size: PictureSize,
        of: GradientOf,
        tensors: &BTreeMap<String, Tensor>,
    ) -> Result<Self> {
        let anatomy = model.anatomy();
        let (n, side) = (anatomy.encoders().len(), anatomy.side());
        let mut sums =
            Self { of, encoders: vec![0.0; n], relevancy: vec![0.0; n], cells: vec![vec![0.0; n]; side * side] };
        for layer in anatomy.layers() {
            let frame = frame_of(model, layer, size);
            let values = numbers(tensors, &format!("gradxattn.{}.{layer}.encoders", of.name()))?;
            let places = frame.rows.clone().flat_map(|row| frame.columns.clone().map(move |c| (row, c)));
            for (place, values) in places.zip(values.chunks_exact(n.max(1))) {
                let fine = fine_cells(&frame, place, side);
                for (k, value) in values.iter().enumerate() {
                    sums.encoders[k] += value;
                    for cell in &fine {
                        sums.cells[*cell][k] += value / fine.len() as f64;
                    }
                }
            }
            let relevancy = numbers(tensors, &format!("relevancy.{}.{layer}.encoders", of.name()))?;
            for values in relevancy.chunks_exact(n.max(1)) {
                sums.relevancy.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        Ok(sums)
    }
}

/// The grid of `layer` over an image of this size.
fn frame_of(model: &Model, layer: SvaLayer, size: PictureSize) -> Frame {
    let sva = &model.config().sva;
    match layer {
        SvaLayer::Connector { group, .. } => {
            Frame::padded(sva.query_sides.get(group).copied().unwrap_or(sva.final_side))
        }
        SvaLayer::Sampler { .. } => Frame::new(sva.final_side, size),
    }
}

/// Cells of a grid of `side` × `side` whose centre lies in the cell `(row, column)` of `frame`.
fn fine_cells(frame: &Frame, (row, column): (usize, usize), side: usize) -> Vec<usize> {
    let within = |at: usize| (0..side).filter(move |fine| (2 * fine + 1) * frame.side / (2 * side) == at);
    within(row).flat_map(|row| within(column).map(move |column| row * side + column)).collect()
}

/// The numbers of one of `tensors`, in order; none where it is not there (the layer was skipped).
fn numbers(tensors: &BTreeMap<String, Tensor>, name: &str) -> Result<Vec<f64>> {
    let Some(tensor) = tensors.get(name) else { return Ok(Vec::new()) };
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_a_coarse_grid_holds_the_fine_cells_whose_centres_lie_in_it() {
        let frame = Frame::padded(2);
        assert_eq!(fine_cells(&frame, (0, 1), 4), [2, 3, 6, 7]);
        assert_eq!(fine_cells(&Frame::padded(4), (1, 2), 4), [6]);
        // Every fine cell lies in one coarse cell.
        let all = (0..2).flat_map(|row| (0..2).flat_map(move |column| fine_cells(&Frame::padded(2), (row, column), 3)));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        assert_eq!(all, (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn a_mean_of_nothing_is_nothing() {
        let mut mean = Mean::of(2);
        assert!(mean.is_empty());
        mean.add(1, 3.0);
        mean.add(1, 5.0);
        mean.add(7, 1.0);
        assert_eq!(mean.values(), [0.0, 4.0]);
        assert!(!mean.is_empty());
    }
}
