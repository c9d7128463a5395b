//! From a token of an answer back to pixels: what the position that chose it attended to in the decoder, what the SVA read
//! for these cells, in which tokens of which encoder, and which pixels these tokens lie over.
//!
//! Attention multiplied along the way, hop by hop: where it was read, not what that was worth. Every hop says what it keeps of
//! the mass that came in and what it drops, and what was kept at last and dropped on the way adds up to 1. States mix in
//! every layer, and encoders see more than the patch a token lies over: the pixels are those a token stands for, no more.

use super::{Mass, Trace};
use crate::nn::taps;
use crate::sva::{Frame, HEADS, PictureSize};
use crate::vision::PatchGrid;

/// Bins to a side of the padded square that pixels are counted in.
pub const BINS: usize = 48;

/// Where mass is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// Decoder: text before the image, the system prompt and the first position among it.
    Before,
    /// Decoder: the newline tokens after each row of cells.
    Newlines,
    /// Decoder: text after the image, the question and the answer so far.
    After,
    /// SVA: cells that none of the chosen layers looked at.
    Unread,
    /// Windows: tokens in the padding, which a window of padding alone is opened to.
    PaddedTokens,
    /// Pixels: what lies in the padding, or in no patch.
    PaddedPixels,
}

impl Dropped {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "text_before",
            Self::Newlines => "newlines",
            Self::After => "text_after",
            Self::Unread => "unread_cells",
            Self::PaddedTokens => "padded_tokens",
            Self::PaddedPixels => "padded_pixels",
        }
    }
}

/// One step of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HopKind {
    /// From the answer's token to visual cells, by the decoder's attention.
    Decoder,
    /// From cells to encoders, by the SVA's.
    Sva,
    /// From encoders to their tokens.
    Windows,
    /// From tokens to pixels.
    Pixels,
}

impl HopKind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::Sva => "sva",
            Self::Windows => "windows",
            Self::Pixels => "pixels",
        }
    }
}

/// What a step keeps, and what it drops, of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Which step.
    pub kind: HopKind,
    /// What goes on.
    pub kept: f64,
    /// What does not, and why.
    pub dropped: Vec<(Dropped, f64)>,
}

/// What reached one encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainEncoder {
    /// Its part of 1 after the SVA.
    pub mass: f64,
    /// Side of its token grid.
    pub side: usize,
    /// `[side²]`: what each token got.
    pub tokens: Vec<f64>,
    /// [`BINS`]² over the padded square, row by row: what lies over the image.
    pub pixels: Vec<f64>,
}

/// The chain of one token.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The cells of the visual tokens.
    pub frame: Frame,
    /// `[rows · columns]`: what each cell got from the token.
    pub cells: Vec<f64>,
    /// `[rows · columns][n]`: of that, what each encoder got.
    pub shares: Vec<Vec<f64>>,
    /// Each encoder.
    pub encoders: Vec<ChainEncoder>,
    /// The steps, in order.
    pub hops: Vec<Hop>,
}

/// Which part of the SVA's attention goes into a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SvaChoice {
    /// Layers of the trace; none for all.
    pub layers: Vec<usize>,
    /// Heads; none for all.
    pub heads: Vec<usize>,
}

impl Chain {
    /// Follows the attention `cells` `[rows · columns]` that a token paid to the cells of `frame`, out of all it paid
    /// (`mass`), through `trace` to the patches of each encoder.
    pub fn new(
        (frame, cells, mass): (&Frame, &[f32], Mass),
        trace: &Trace,
        choice: &SvaChoice,
        patches: &[PatchGrid],
    ) -> Self {
        let n = trace.encoders.len();
        let cells: Vec<f64> = cells.iter().map(|p| f64::from(*p)).collect();
        let all = |given: &[usize], count: usize| {
            if given.is_empty() { (0..count).collect() } else { given.to_vec() }
        };
        let layers: Vec<usize> = all(&choice.layers, trace.layers.len());
        let heads: Vec<usize> = all(&choice.heads, HEADS).into_iter().filter(|head| *head < HEADS).collect();
        let mut encoders: Vec<ChainEncoder> = trace
            .encoders
            .iter()
            .map(|encoder| ChainEncoder {
                mass: 0.0,
                side: encoder.side,
                tokens: vec![0.0; encoder.side * encoder.side],
                pixels: Vec::new(),
            })
            .collect();
        let mut shares = vec![vec![0.0; n]; cells.len()];
        let mut unread = 0.0;
        let places = frame.rows.clone().flat_map(|row| frame.columns.clone().map(move |column| (row, column)));
        for (at, (place, cell)) in places.zip(&cells).enumerate() {
            let read: Vec<(usize, usize)> =
                layers.iter().filter_map(|layer| Some((*layer, cell_of(trace, *layer, frame.side, place)?))).collect();
            if read.is_empty() || heads.is_empty() {
                unread += cell;
                continue;
            }
            let part = cell / (read.len() * heads.len()) as f64;
            for (layer, index) in read {
                let layer = &trace.layers[layer];
                let (columns, side) = (layer.frame.columns.len().max(1), layer.frame.side);
                let (row, column) =
                    (layer.frame.rows.start + index / columns, layer.frame.columns.start + index % columns);
                for head in &heads {
                    let start = (index * HEADS + head) * layer.keys;
                    let Some(probs) = layer.probs.get(start..start + layer.keys) else { continue };
                    let mut keys = probs.iter();
                    for (k, encoder) in encoders.iter_mut().enumerate() {
                        let window = encoder.side / side.max(1);
                        for (slot, p) in keys.by_ref().take(window * window).enumerate() {
                            let token = (row * window + slot / window) * encoder.side + column * window + slot % window;
                            let mass = part * f64::from(*p);
                            encoder.mass += mass;
                            shares[at][k] += mass;
                            if let Some(sum) = encoder.tokens.get_mut(token) {
                                *sum += mass;
                            }
                        }
                    }
                }
            }
        }
        let before = cells.iter().sum::<f64>();
        let reached: f64 = encoders.iter().map(|encoder| encoder.mass).sum();
        let mut over_image = 0.0;
        let mut drawn = 0.0;
        for (encoder, patches) in encoders.iter_mut().zip(patches) {
            let inside = Frame::new(encoder.side, trace.picture);
            let token_kept: f64 = inside.cells_in_padded().filter_map(|token| encoder.tokens.get(token)).sum();
            over_image += token_kept;
            encoder.pixels = footprint(encoder, &inside, *patches, trace.picture);
            drawn += encoder.pixels.iter().sum::<f64>();
        }
        let decoder = [
            (Dropped::Before, f64::from(mass.before)),
            (Dropped::Newlines, f64::from(mass.newline)),
            (Dropped::After, f64::from(mass.after)),
        ];
        let hops = vec![
            Hop { kind: HopKind::Decoder, kept: before, dropped: decoder.to_vec() },
            Hop { kind: HopKind::Sva, kept: reached, dropped: vec![(Dropped::Unread, unread)] },
            Hop {
                kind: HopKind::Windows,
                kept: over_image,
                dropped: vec![(Dropped::PaddedTokens, reached - over_image)],
            },
            Hop { kind: HopKind::Pixels, kept: drawn, dropped: vec![(Dropped::PaddedPixels, over_image - drawn)] },
        ];
        Self { frame: frame.clone(), cells, shares, encoders, hops }
    }

    /// What is left at the end and everything that was dropped: 1, up to the rounding of probabilities.
    pub fn total(&self) -> f64 {
        let dropped = self.hops.iter().flat_map(|hop| &hop.dropped).map(|(_, mass)| mass).sum::<f64>();
        dropped + self.hops.last().map_or(0.0, |hop| hop.kept)
    }

    /// [`BINS`]² over the padded square: the pixels of all encoders together.
    pub fn pixels(&self) -> Vec<f64> {
        let mut all = vec![0.0; BINS * BINS];
        for encoder in &self.encoders {
            all.iter_mut().zip(&encoder.pixels).for_each(|(sum, mass)| *sum += mass);
        }
        all
    }
}

/// The cell of layer `layer` of `trace` that holds the centre of a place on a grid of `side` × `side`.
fn cell_of(trace: &Trace, layer: usize, side: usize, (row, column): (usize, usize)) -> Option<usize> {
    let frame = &trace.layers.get(layer)?.frame;
    let of = |at: usize| (2 * at + 1) * frame.side / (2 * side.max(1));
    let (row, column) = (of(row), of(column));
    frame.contains(row, column).then(|| (row - frame.rows.start) * frame.columns.len() + column - frame.columns.start)
}

/// What `encoder`'s tokens `inside` the image lie over, of the image's own pixels: each through the patches that it was
/// interpolated from.
fn footprint(encoder: &ChainEncoder, inside: &Frame, patches: PatchGrid, picture: PictureSize) -> Vec<f64> {
    let (width, height) = (picture.width.max(1), picture.height.max(1));
    let square = width.max(height);
    // The picture lies in the middle of the square, as it is padded.
    let extent = |length: usize| {
        let start = ((square - length) / 2) as f64 / square as f64;
        start..start + length as f64 / square as f64
    };
    let rows = axis(encoder.side, patches, &extent(height));
    let columns = axis(encoder.side, patches, &extent(width));
    let mut by_rows = vec![0.0; BINS * encoder.side];
    for (token_row, weights) in rows.iter().enumerate().filter(|(row, _)| inside.rows.contains(row)) {
        for (bin, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            for column in inside.columns.clone() {
                by_rows[bin * encoder.side + column] += weight * encoder.tokens[token_row * encoder.side + column];
            }
        }
    }
    let mut pixels = vec![0.0; BINS * BINS];
    for bin_row in 0..BINS {
        for column in inside.columns.clone() {
            let mass = by_rows[bin_row * encoder.side + column];
            if mass != 0.0 {
                let row = &mut pixels[bin_row * BINS..(bin_row + 1) * BINS];
                row.iter_mut().zip(&columns[column]).for_each(|(sum, weight)| *sum += mass * weight);
            }
        }
    }
    pixels
}

/// For each token along an axis of `tokens`, what part of it lies in each of [`BINS`] bins of the square, within `image`.
fn axis(tokens: usize, patches: PatchGrid, image: &std::ops::Range<f64>) -> Vec<Vec<f64>> {
    let bin = 1.0 / BINS as f64;
    let of_patch = |patch: u32| {
        let (start, end) = (f64::from(patch) * patches.part, f64::from(patch + 1) * patches.part);
        let length = (end - start).max(f64::MIN_POSITIVE);
        (0..BINS).map(move |at| {
            let low = start.max(at as f64 * bin).max(image.start);
            let high = end.min((at + 1) as f64 * bin).min(image.end);
            (high - low).max(0.0) / length
        })
    };
    let mix = |(low, high, weight): (u32, u32, f32)| {
        let weight = f64::from(weight);
        of_patch(low).zip(of_patch(high)).map(|(a, b)| a * (1.0 - weight) + b * weight).collect()
    };
    if patches.side == tokens {
        return (0..tokens).map(|token| mix((token as u32, token as u32, 0.0))).collect();
    }
    taps(patches.side, tokens).into_iter().map(mix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_token_on_its_own_patch_lies_over_that_patch_alone() {
        let patches = PatchGrid { side: 4, part: 0.25 };
        let rows = axis(4, patches, &(0.0..1.0));
        assert!(near(rows[1].iter().sum(), 1.0));
        assert!(rows[1].iter().enumerate().all(|(bin, weight)| (*weight > 0.0) == (12..24).contains(&bin)));
        // Half of the first patch lies in the padding.
        assert!(near(axis(4, patches, &(0.125..0.875))[0].iter().sum(), 0.5));
    }

    #[test]
    fn a_resized_token_lies_over_the_patches_it_was_mixed_from() {
        // 3 tokens from 6 patches: each between two of them.
        let rows = axis(3, PatchGrid { side: 6, part: 1.0 / 6.0 }, &(0.0..1.0));
        for (token, weights) in rows.iter().enumerate() {
            assert!(near(weights.iter().sum(), 1.0));
            let bins = token * 16..(token + 1) * 16;
            assert!(weights.iter().enumerate().all(|(bin, weight)| (*weight > 0.0) == bins.contains(&bin)), "{token}");
        }
        // Patches that leave the last pixels of an input out: nothing lies there.
        let short = axis(2, PatchGrid { side: 2, part: 0.4 }, &(0.0..1.0));
        assert!(short.iter().all(|weights| near(weights.iter().sum(), 1.0) && weights[BINS - 1] == 0.0));
    }
}
