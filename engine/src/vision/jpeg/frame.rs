//! The frame of a JPEG picture: its size and its components.

use super::{BLOCK, smoothing::Progress};
use crate::vision::fault::{Result, damaged, unread};

/// A picture between its header and its pixels.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) progressive: bool,
    /// Arithmetic instead of Huffman coding.
    pub(super) arithmetic: bool,
    pub(super) components: Vec<Component>,
    /// Largest sampling factors, across and down.
    pub(super) sampling: [usize; 2],
    /// Scans begun.
    pub(super) scans: usize,
    /// The last row of groups that began before the data of its scan ran out.
    pub(super) last_good_row: usize,
}

/// One colour channel.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, across and down.
    pub(super) sampling: [usize; 2],
    pub(super) quantization_table: usize,
    /// The quantisation in force when the component's first scan began, in zigzag order. A component without a scan
    /// has none; all its samples are in the middle of their range.
    pub(super) quantization: Option<[u16; BLOCK]>,
    /// Blocks per row, and rows of blocks, that hold samples of the picture.
    pub(super) blocks: [usize; 2],
    /// Blocks per row, and rows of blocks, as stored: whole groups of interleaved components.
    pub(super) stored: [usize; 2],
    /// Samples across and down that belong to the picture.
    pub(super) size: [usize; 2],
    /// Quantised coefficients: `[stored rows, stored blocks, 64]`, each block row by row. Empty until the first scan.
    pub(super) coefficients: Vec<i16>,
    /// How far the coefficients are known.
    pub(super) progress: Progress,
}

impl Frame {
    /// Reads a frame header that came with `marker`.
    pub(super) fn read(marker: u8, segment: &[u8]) -> Result<Self> {
        const BROKEN: &str = "its frame header is damaged";
        let &[precision, h1, h0, w1, w0, count] = segment.first_chunk().ok_or(BROKEN)?;
        let (width, height) = (usize::from(u16::from_be_bytes([w1, w0])), usize::from(u16::from_be_bytes([h1, h0])));
        if precision != 8 {
            return unread(format!("a JPEG file with {precision} bits per sample"));
        }
        if width == 0 || height == 0 {
            return damaged(format!("its header says it has {width} × {height} pixels"));
        }
        if !(1..=4).contains(&count) {
            return unread(format!("a JPEG file with {count} colour channels"));
        }
        let entries = &segment[6..];
        if entries.len() != 3 * usize::from(count) {
            return damaged(BROKEN);
        }
        let factors: Vec<[usize; 2]> =
            entries.chunks_exact(3).map(|entry| [usize::from(entry[1] >> 4), usize::from(entry[1] & 15)]).collect();
        if factors.iter().flatten().any(|factor| !(1..=4).contains(factor)) {
            return damaged(BROKEN);
        }
        let sampling = [0, 1].map(|axis| factors.iter().map(|factor| factor[axis]).max().unwrap_or(1));
        let picture = [width, height];
        let mut components = Vec::new();
        for (entry, sampled) in entries.chunks_exact(3).zip(&factors) {
            if (0..2).any(|axis| !sampling[axis].is_multiple_of(sampled[axis])) {
                return unread("a JPEG file with colour channels of sizes that do not divide the picture's");
            }
            if components.iter().any(|other: &Component| other.id == entry[0]) {
                return damaged(BROKEN);
            }
            let size = [0, 1].map(|axis| (picture[axis] * sampled[axis]).div_ceil(sampling[axis]));
            components.push(Component {
                id: entry[0],
                sampling: *sampled,
                quantization_table: usize::from(entry[2]),
                quantization: None,
                blocks: size.map(|size| size.div_ceil(8)),
                stored: [0, 1].map(|axis| picture[axis].div_ceil(8 * sampling[axis]) * sampled[axis]),
                size,
                coefficients: Vec::new(),
                progress: Progress::default(),
            });
        }
        let (progressive, arithmetic) = (marker & 3 == 2, marker & 8 != 0);
        Ok(Self { width, height, progressive, arithmetic, components, sampling, scans: 0, last_good_row: 0 })
    }

    /// Groups of blocks across and down in a scan of several components.
    pub(super) fn groups(&self) -> [usize; 2] {
        [0, 1].map(|axis| [self.width, self.height][axis].div_ceil(8 * self.sampling[axis]))
    }
}
