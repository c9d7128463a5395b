//! What one token of an answer attended to: the language model's own attention, read where the token was chosen.
//!
//! This is the rung *attention* of the decoder: where it read, not what that was worth. Unlike a trace of the SVA, which
//! is over before the question begins, it depends on the question and on the answer so far. What a layer reads at an
//! image position is no longer one patch of the picture: that position has mixed with those before it, and with the
//! samplers' updates, in every layer below.
//!
//! A token is chosen from the hidden state of the position before it. So the row that belongs to token `t` of an answer
//! is that of the last position of prompt and answer up to but without token `t`.

use crate::error::Result;
use crate::observe::{Observer, Site};
use crate::sva::Frame;
use candle_core::{DType, Device, Tensor};

/// How much attention each part of the prompt received from one head: parts of 1, which together make 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mass {
    /// Text before the image. The first position is among it, which many heads attend to when they have nothing to read.
    pub before: f32,
    /// Visual tokens of the unpadded frame.
    pub visual: f32,
    /// Newline tokens, one after each row of the frame.
    pub newline: f32,
    /// Text after the image: the question, the answer so far, and the attending position itself.
    pub after: f32,
}

/// How many positions each part has; uniform attention would give each part its count of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// Text before the image.
    pub before: usize,
    /// Visual tokens.
    pub visual: usize,
    /// Newline tokens.
    pub newline: usize,
    /// Text after the image.
    pub after: usize,
}

impl Positions {
    /// All positions the row runs over.
    #[must_use]
    pub fn total(&self) -> usize {
        self.before + self.visual + self.newline + self.after
    }
}

/// The self-attention of the position that chose one token, in every layer and head of the decoder.
///
/// All numbers are probabilities: a head's attention over all positions adds up to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenAttention {
    /// The cells of the visual tokens, on the query grid.
    pub frame: Frame,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads of each layer.
    pub heads: usize,
    /// `[layers, heads, rows, columns]`, row-major: attention to the visual token of each cell of the unpadded frame.
    pub visual: Vec<f32>,
    /// `[layers, heads, rows]`: attention to the newline token after each row.
    pub newlines: Vec<f32>,
    /// `[layers, heads]`: attention to each part of the prompt.
    pub mass: Vec<Mass>,
    /// How many positions each part has.
    pub positions: Positions,
}

impl TokenAttention {
    /// `[rows, columns]`: attention to the visual tokens in one layer and head; `None` if there is no such.
    #[must_use]
    pub fn map(&self, layer: usize, head: usize) -> Option<&[f32]> {
        let cells = self.positions.visual;
        let at = self.index(layer, head)? * cells;
        self.visual.get(at..at + cells)
    }

    /// Attention to each part in one layer and head.
    #[must_use]
    pub fn mass_of(&self, layer: usize, head: usize) -> Option<Mass> {
        self.mass.get(self.index(layer, head)?).copied()
    }

    /// Means over the given (layer, head) pairs: the map `[rows, columns]` and the mass of each part. Pairs there are
    /// not are left out; `None` if none is left.
    #[must_use]
    pub fn mean(&self, pairs: impl IntoIterator<Item = (usize, usize)>) -> Option<(Vec<f32>, Mass)> {
        let mut map = vec![0f32; self.positions.visual];
        let mut mass = Mass::default();
        let mut count = 0f32;
        for (layer, head) in pairs {
            let (Some(one), Some(part)) = (self.map(layer, head), self.mass_of(layer, head)) else { continue };
            map.iter_mut().zip(one).for_each(|(sum, p)| *sum += p);
            mass.before += part.before;
            mass.visual += part.visual;
            mass.newline += part.newline;
            mass.after += part.after;
            count += 1.0;
        }
        if count == 0.0 {
            return None;
        }
        map.iter_mut().for_each(|sum| *sum /= count);
        let Mass { before, visual, newline, after } = mass;
        let mass =
            Mass { before: before / count, visual: visual / count, newline: newline / count, after: after / count };
        Some((map, mass))
    }

    fn index(&self, layer: usize, head: usize) -> Option<usize> {
        (layer < self.layers && head < self.heads).then_some(layer * self.heads + head)
    }
}

/// The observer that keeps the last position's attention of one pass, layer by layer.
#[derive(Debug, Default)]
pub struct LastRows {
    /// `[heads][positions]` of each layer.
    layers: Vec<Vec<Vec<f32>>>,
}

impl LastRows {
    /// Rows that were kept elsewhere: `[heads][positions]` of each layer.
    pub(crate) fn of(layers: Vec<Vec<Vec<f32>>>) -> Self {
        Self { layers }
    }

    /// Sorts what was seen into parts. The visual tokens of `frame` begin at position `image_start`.
    ///
    /// # Errors
    /// If the rows are too short for such an image, or there are none.
    pub fn around(self, frame: Frame, image_start: usize) -> Result<TokenAttention> {
        let (rows, columns) = frame.size_hw();
        let image_end = image_start + rows * (columns + 1);
        let heads = self.layers.first().map_or(0, Vec::len);
        let total = self.layers.first().and_then(|heads| heads.first()).map_or(0, Vec::len);
        let fits = |heads_of_layer: &Vec<Vec<f32>>| {
            heads_of_layer.len() == heads && heads_of_layer.iter().all(|row| row.len() == total)
        };
        if heads == 0 || total <= image_end || !self.layers.iter().all(fits) {
            let message = format!("attention rows of {total} positions around an image at {image_start}..{image_end}");
            return Err(candle_core::Error::Msg(message).into());
        }
        let mut attention = TokenAttention {
            layers: self.layers.len(),
            heads,
            visual: Vec::with_capacity(self.layers.len() * heads * rows * columns),
            newlines: Vec::with_capacity(self.layers.len() * heads * rows),
            mass: Vec::with_capacity(self.layers.len() * heads),
            positions: Positions {
                before: image_start,
                visual: rows * columns,
                newline: rows,
                after: total - image_end,
            },
            frame,
        };
        for row in self.layers.iter().flatten() {
            let mut mass = Mass { before: sum(&row[..image_start]), after: sum(&row[image_end..]), ..Mass::default() };
            for line in row[image_start..image_end].chunks_exact(columns + 1) {
                let (cells, newline) = line.split_at(columns);
                attention.visual.extend_from_slice(cells);
                attention.newlines.extend_from_slice(newline);
                mass.visual += sum(cells);
                mass.newline += sum(newline);
            }
            attention.mass.push(mass);
        }
        Ok(attention)
    }
}

fn sum(probabilities: &[f32]) -> f32 {
    probabilities.iter().map(|&p| f64::from(p)).sum::<f64>() as f32
}

impl Observer for LastRows {
    fn wants(&self, site: Site) -> bool {
        matches!(site, Site::SelfAttentionRow(_))
    }

    fn observe(&mut self, _site: Site, value: &Tensor) -> Result<()> {
        self.layers.push(value.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.to_vec2()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two positions of text, a frame of 2 × 2 cells in a grid of side 3, and one position after it.
    fn seen(layers: &[[[f32; 9]; 2]]) -> LastRows {
        let mut rows = LastRows::default();
        for layer in layers {
            rows.observe(Site::SelfAttentionRow(0), &Tensor::new(layer, &Device::Cpu).unwrap()).unwrap();
        }
        rows
    }

    fn frame() -> Frame {
        Frame { side: 3, rows: 0..2, columns: 1..3 }
    }

    #[test]
    fn positions_are_sorted_into_parts() {
        let first = [0.5, 0.0, 0.0625, 0.125, 0.0, 0.0, 0.0625, 0.125, 0.125];
        let second = [0.0, 0.25, 0.0, 0.0, 0.25, 0.25, 0.0, 0.0, 0.25];
        let attention = seen(&[[first, second], [second, first]]).around(frame(), 2).unwrap();
        assert_eq!((attention.layers, attention.heads), (2, 2));
        assert_eq!(attention.positions, Positions { before: 2, visual: 4, newline: 2, after: 1 });
        assert_eq!(attention.positions.total(), 9);
        assert_eq!(attention.map(0, 0).unwrap(), [0.0625, 0.125, 0.0, 0.0625]);
        assert_eq!(attention.map(1, 0).unwrap(), [0.0, 0.0, 0.25, 0.0]);
        assert_eq!(attention.newlines, [0.0, 0.125, 0.25, 0.0, 0.25, 0.0, 0.0, 0.125]);
        let expected = Mass { before: 0.5, visual: 0.25, newline: 0.125, after: 0.125 };
        assert_eq!(attention.mass_of(0, 0), Some(expected));
        assert_eq!(attention.mass_of(1, 1), Some(expected));
        assert_eq!((attention.map(0, 2), attention.mass_of(2, 0)), (None, None));
    }

    #[test]
    fn means_run_over_the_chosen_pairs() {
        let first = [0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let second = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let attention = seen(&[[first, second]]).around(frame(), 2).unwrap();
        let (map, mass) = attention.mean([(0, 0), (0, 1), (7, 0)]).unwrap();
        assert_eq!(map, [0.25, 0.0, 0.5, 0.0]);
        assert_eq!(mass, Mass { before: 0.25, visual: 0.75, newline: 0.0, after: 0.0 });
        assert_eq!(attention.mean([(0, 1)]).unwrap().0, attention.map(0, 1).unwrap());
        assert!(attention.mean([(1, 0)]).is_none());
    }

    #[test]
    fn rows_that_cannot_hold_the_image_are_refused() {
        assert!(LastRows::default().around(frame(), 0).is_err());
        // The attending position lies after the image, so that there is always one more.
        assert!(seen(&[[[0.0; 9]; 2]]).around(frame(), 3).is_err());
    }
}
