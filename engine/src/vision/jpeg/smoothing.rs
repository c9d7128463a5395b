//! Guesses for coefficients that a progressive picture has not brought yet, from the means of the blocks around.
//!
//! A progressive file that is whole knows everything. One that lacks scans, as a download that was cut short and
//! closed, is smoothed by libjpeg: without it, blocks would have edges.

use super::frame::{Component, Frame};
use super::scan::Spectrum;
use super::{BLOCK, natural};

/// Coefficients that are guessed: the first in zigzag order, after the mean.
const GUESSED: usize = 9;
/// Means across and down that a guess goes by; the block itself is in the middle.
const WINDOW: usize = 5;

/// How far a component's coefficients are known: by coefficient in zigzag order, the lowest digit that has come, or -1.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    now: [i8; BLOCK],
    /// Before the last scan of the component.
    before: [i8; BLOCK],
}

impl Default for Progress {
    fn default() -> Self {
        Self { now: [-1; BLOCK], before: [0; BLOCK] }
    }
}

impl Progress {
    /// Notes a scan, the `scans`-th of the picture.
    pub(super) fn scan(&mut self, spectrum: Spectrum, scans: usize) {
        for k in spectrum.start.min(1)..=spectrum.end.max(GUESSED) {
            self.before[k] = if scans > 1 { self.now[k] } else { 0 };
        }
        self.now[spectrum.start..=spectrum.end].fill(spectrum.low as i8);
    }
}

/// Weights of the means of the window for a coefficient.
type Weights = [i16; WINDOW * WINDOW];

/// For each coefficient in zigzag order, the weights where none of the nine is known at all. The mean comes first.
#[rustfmt::skip]
const FROM_MEANS: [Weights; GUESSED + 1] = [
    [ -2, -6, -8, -6, -2,  -6, 6, 42, 6, -6,  -8, 42, 152, 42, -8,  -6, 6, 42, 6, -6,  -2, -6, -8, -6, -2],
    [ -1, -1, 0, 1, 1,  -3, 13, 0, -13, 3,  -3, 38, 0, -38, 3,  -3, 13, 0, -13, 3,  -1, -1, 0, 1, 1],
    [ -1, -3, -3, -3, -1,  -1, 13, 38, 13, -1,  0, 0, 0, 0, 0,  1, -13, -38, -13, 1,  1, 3, 3, 3, 1],
    [ 0, 0, 1, 0, 0,  0, 2, 7, 2, 0,  0, -5, -14, -5, 0,  0, 2, 7, 2, 0,  0, 0, 1, 0, 0],
    [ -1, 0, 0, 0, 1,  0, 9, 0, -9, 0,  0, 0, 0, 0, 0,  0, -9, 0, 9, 0,  1, 0, 0, 0, -1],
    [ 0, 0, 0, 0, 0,  0, 2, -5, 2, 0,  1, 7, -14, 7, 1,  0, 2, -5, 2, 0,  0, 0, 0, 0, 0],
    [ 0, 0, 0, 0, 0,  0, 1, 0, -1, 0,  0, 2, 0, -2, 0,  0, 1, 0, -1, 0,  0, 0, 0, 0, 0],
    [ 0, 0, 0, 0, 0,  0, 1, -3, 1, 0,  0, 0, 0, 0, 0,  0, -1, 3, -1, 0,  0, 0, 0, 0, 0],
    [ 0, 0, 0, 0, 0,  0, 1, 0, -1, 0,  0, -3, 0, 3, 0,  0, 1, 0, -1, 0,  0, 0, 0, 0, 0],
    [ 0, 0, 0, 0, 0,  0, 1, 2, 1, 0,  0, 0, 0, 0, 0,  0, -1, -2, -1, 0,  0, 0, 0, 0, 0],
];

/// For the first five coefficients after the mean, the weights where some of the nine are known.
#[rustfmt::skip]
const BESIDES: [Weights; 5] = [
    [ 0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  -7, 50, 0, -50, 7,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0],
    [ 0, 0, -7, 0, 0,  0, 0, 50, 0, 0,  0, 0, 0, 0, 0,  0, 0, -50, 0, 0,  0, 0, 7, 0, 0],
    [ 0, 0, -1, 0, 0,  0, 0, 13, 0, 0,  0, 0, -24, 0, 0,  0, 0, 13, 0, 0,  0, 0, -1, 0, 0],
    [ 0, -1, 0, 1, 0,  -1, 10, 0, -10, 1,  0, 0, 0, 0, 0,  1, -10, 0, 10, -1,  0, 1, 0, -1, 0],
    [ 0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  -1, 13, -24, 13, -1,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0],
];

/// How to guess the coefficients of a component.
pub(super) struct Smoothing<'a> {
    component: &'a Component,
    quantization: [i64; GUESSED + 1],
    /// Rows of groups, and rows of blocks in the last of them.
    groups: usize,
    rows_in_last: usize,
    /// The last row of groups that the last scan brought.
    last_good_row: usize,
    /// How far the rows after it are known.
    before: [i8; BLOCK],
}

impl<'a> Smoothing<'a> {
    /// How to guess the coefficients of each component; nothing if there is nothing to guess.
    pub(super) fn of(frame: &'a Frame) -> Option<Vec<Self>> {
        if !frame.progressive {
            return None;
        }
        let mut useful = false;
        let mut all = Vec::new();
        for component in &frame.components {
            let quantization = component.quantization?;
            let quantization: [i64; GUESSED + 1] = std::array::from_fn(|k| i64::from(quantization[k]));
            if quantization.contains(&0) || component.progress.now[0] < 0 {
                return None;
            }
            useful |= component.progress.now[1..=GUESSED].iter().any(|&digit| digit != 0);
            let [_, down] = component.sampling;
            let rows_in_last = match component.blocks[1] % down {
                0 => down,
                rows => rows,
            };
            let groups = frame.groups()[1];
            let last_good_row = frame.last_good_row;
            let before = if frame.scans > 1 { component.progress.before } else { [-1; BLOCK] };
            all.push(Self { component, quantization, groups, rows_in_last, last_good_row, before });
        }
        useful.then_some(all)
    }

    /// The coefficients of the block in row `y` and column `x`, the missing ones guessed.
    pub(super) fn block(&self, y: usize, x: usize) -> [i16; BLOCK] {
        let component = self.component;
        let place = (y * component.stored[0] + x) * BLOCK;
        let mut block: [i16; BLOCK] = std::array::from_fn(|i| component.coefficients[place + i]);
        let group = y / component.sampling[1];
        let known = if group > self.last_good_row { &self.before } else { &component.progress.now };
        let only_means = known[1..=GUESSED].iter().all(|&digit| digit == -1);
        let means = self.means(y, x);
        let guess = |k: usize, weights: &Weights, digit: i8| {
            let sum: i64 = means.iter().zip(weights).map(|(mean, &weight)| mean * i64::from(weight)).sum();
            let value = self.quantization[0] * sum;
            let step = self.quantization[k];
            let mut magnitude = (((step << 7) + value.abs()) / (step << 8)) as i32;
            if digit > 0 {
                magnitude = magnitude.min((1 << digit) - 1);
            }
            (if value >= 0 { magnitude } else { -magnitude }) as i16
        };
        let guessed = if only_means { GUESSED } else { BESIDES.len() };
        for k in 1..=guessed {
            let coefficient = natural(k);
            if known[k] != 0 && block[coefficient] == 0 {
                let weights = if only_means { &FROM_MEANS[k] } else { &BESIDES[k - 1] };
                block[coefficient] = guess(k, weights, known[k]);
            }
        }
        if only_means {
            block[0] = guess(0, &FROM_MEANS[0], 0);
        }
        block
    }

    /// The means of the blocks around. At the edges of the picture the last block is repeated.
    fn means(&self, y: usize, x: usize) -> [i64; WINDOW * WINDOW] {
        let down = self.component.sampling[1];
        let group = y / down;
        // libjpeg counts rows by those of the group at hand.
        let rows = if group + 1 == self.groups { self.rows_in_last } else { down };
        let (row, count) = (group * rows + y % down, rows * self.groups);
        let above = if row > 0 { y - 1 } else { y };
        let far_above = if row > 1 { y - 2 } else { above };
        let below = if row + 1 < count { y + 1 } else { y };
        let far_below = if row + 2 < count { y + 2 } else { below };
        let last = self.component.blocks[0] - 1;
        std::array::from_fn(|i| {
            let y = [far_above, above, y, below, far_below][i / WINDOW];
            let x = (x + i % WINDOW).saturating_sub(2).min(last);
            i64::from(self.component.coefficients[(y * self.component.stored[0] + x) * BLOCK])
        })
    }
}
