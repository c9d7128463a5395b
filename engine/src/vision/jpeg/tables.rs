//! Tables and notes that a JPEG file makes as it goes.

use super::frame::Frame;
use super::huffman::Table;
use super::source::{END, Source};
use super::standard::STANDARD;
use super::{BLOCK, arithmetic::Conditioning};
use crate::vision::fault::{Result, damaged, unread};

/// What the components of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    Rgb,
    Ycc,
    Cmyk,
    Ycck,
}

/// Tables and notes made so far.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) quantization: [Option<[u16; BLOCK]>; 4],
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    pub(super) conditioning: Conditioning,
    pub(super) restart_interval: usize,
    jfif: bool,
    adobe: Option<u8>,
    pub(super) exif: Option<Vec<u8>>,
    pub(super) frame: Option<Frame>,
}

/// Where reading segments stopped.
pub(super) enum Stop<'a> {
    /// At the data of the scan with this header.
    Scan(&'a [u8]),
    End,
}

impl Tables {
    /// Forgets what does not go on from one stream to the next.
    pub(super) fn begin_stream(&mut self) {
        self.restart_interval = 0;
        self.conditioning = Conditioning::default();
        (self.jfif, self.adobe) = (false, None);
    }

    /// Reads segments up to the next scan or the end.
    pub(super) fn read<'a>(&mut self, source: &mut Source<'a>) -> Result<Stop<'a>> {
        loop {
            match source.next_marker()? {
                END => return Ok(Stop::End),
                0xDA => return Ok(Stop::Scan(source.segment(false)?)),
                // Restart markers out of place, and a marker for temporary use, have no segment.
                0xD0..=0xD7 | 0x01 => {}
                marker @ (0xC0..=0xCF | 0xDB..=0xDD | 0xE0..=0xEF | 0xFE) => {
                    let segment = source.segment(matches!(marker, 0xDC | 0xE0..))?;
                    self.take(marker, segment)?;
                }
                other => return damaged(format!("it has an unknown marker ({other:#04X})")),
            }
        }
    }

    /// Takes notice of a segment.
    fn take(&mut self, marker: u8, segment: &[u8]) -> Result<()> {
        match marker {
            0xC4 => self.huffman_tables(segment),
            0xCC => self.conditioning.read(segment),
            0xDB => self.quantization_tables(segment),
            0xDD => match *segment {
                [high, low] => {
                    self.restart_interval = usize::from(u16::from_be_bytes([high, low]));
                    Ok(())
                }
                _ => damaged("its restart interval is not whole"),
            },
            0xC0..=0xC2 | 0xC9 | 0xCA if self.frame.is_some() => damaged("it has two frame headers"),
            0xC0..=0xC2 | 0xC9 | 0xCA => {
                self.frame = Some(Frame::read(marker, segment)?);
                Ok(())
            }
            0xC3 | 0xCB => unread("a lossless JPEG file"),
            0xC5..=0xC7 | 0xCD..=0xCF => unread("a hierarchical JPEG file"),
            0xE0 => {
                self.jfif |= segment.len() >= 14 && segment.starts_with(b"JFIF\0");
                Ok(())
            }
            0xE1 => {
                if let Some(exif) = segment.strip_prefix(b"Exif\0\0") {
                    // Long blocks come in several segments.
                    self.exif.get_or_insert_default().extend_from_slice(exif);
                }
                Ok(())
            }
            0xEE => {
                if segment.starts_with(b"Adobe") && segment.len() >= 12 {
                    self.adobe = Some(segment[11]);
                }
                Ok(())
            }
            0xC8 => damaged("it has a reserved marker"),
            // Notes of applications, comments, and the number of lines, which is in the frame header.
            _ => Ok(()),
        }
    }

    fn quantization_tables(&mut self, mut segment: &[u8]) -> Result<()> {
        const BROKEN: &str = "a quantisation table is not whole";
        while let Some((&kind, rest)) = segment.split_first() {
            let slot = self.quantization.get_mut(usize::from(kind & 15)).ok_or(BROKEN)?;
            let wide = kind >> 4 != 0;
            let (values, rest) = rest.split_at_checked(if wide { 2 * BLOCK } else { BLOCK }).ok_or(BROKEN)?;
            *slot = Some(std::array::from_fn(|i| {
                if wide { u16::from_be_bytes([values[2 * i], values[2 * i + 1]]) } else { u16::from(values[i]) }
            }));
            segment = rest;
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<()> {
        const BROKEN: &str = "a Huffman table is not whole";
        while let Some((&kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(BROKEN)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(count).filter(|_| count <= 256).ok_or(BROKEN)?;
            let tables = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return damaged(BROKEN),
            };
            *tables.get_mut(usize::from(kind & 15)).ok_or(BROKEN)? = Some(Table::new(counts, symbols)?);
            segment = rest;
        }
        Ok(())
    }

    /// Puts the standard's tables where there are none: frames of films, as webcams send them, leave them out.
    pub(super) fn complete(&mut self) -> Result<()> {
        for (index, [dc, ac]) in STANDARD.into_iter().enumerate() {
            for (slot, (counts, symbols)) in [(&mut self.dc[index], dc), (&mut self.ac[index], ac)] {
                if slot.is_none() {
                    *slot = Some(Table::new(&counts, symbols)?);
                }
            }
        }
        Ok(())
    }

    /// What libjpeg takes the components for.
    pub(super) fn colour(&self) -> Result<Colour> {
        let components = self.frame.as_ref().map_or(&[][..], |frame| &frame.components);
        let ids: Vec<u8> = components.iter().map(|component| component.id).collect();
        Ok(match (ids.len(), self.adobe) {
            (1, _) => Colour::Grey,
            (3, Some(0)) if !self.jfif => Colour::Rgb,
            (3, None) if !self.jfif && ids == *b"RGB" => Colour::Rgb,
            (3, _) => Colour::Ycc,
            (4, None | Some(0)) => Colour::Cmyk,
            (4, _) => Colour::Ycck,
            (count, _) => return unread(format!("a JPEG file with {count} colour channels")),
        })
    }
}
