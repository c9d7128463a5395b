//! CCITT's compression of black and white: run lengths in Huffman codes, by row or by difference from the row before.
//!
//! The codes come from the crate `fax`; its decoders guess where a row is not whole, and do not read rows of run
//! lengths without markers, so the rows are put together here. Whatever is not exactly by the standard is refused:
//! libtiff goes on somehow, and nobody could say whether the picture is still the one that was meant.

use super::layout::Fax;
use crate::vision::fault::Result;
use fax::BitReader;
use fax::maps::{Mode, black, mode, white};

const DAMAGED: &str = "its CCITT-compressed data are damaged";

/// Unpacks `rows` rows of `width` pixels: a bit each, 1 for black, rows padded to whole bytes.
pub(super) fn decode(bytes: &[u8], kind: Fax, width: usize, rows: usize) -> Result<Vec<u8>> {
    let stride = width.div_ceil(8);
    let mut out = Vec::new();
    let mut bits = Bits { bytes, at: 0 };
    // Where the colour changes in the row before: from white to black first.
    let mut changes = Vec::new();
    for _ in 0..rows {
        changes = match kind {
            Fax::Rows => {
                bits.at = bits.at.next_multiple_of(8);
                bits.runs(width)?
            }
            Fax::Group3 { two_dimensional } => {
                bits.marker()?;
                if two_dimensional && bits.take(1)? == 0 {
                    bits.differences(&changes, width)?
                } else {
                    bits.runs(width)?
                }
            }
            Fax::Group4 => bits.differences(&changes, width)?,
        };
        let start = out.len();
        out.resize(start + stride, 0);
        for black in changes.chunks(2) {
            let end = black.get(1).copied().unwrap_or(width);
            fill(&mut out[start..], black[0], end);
        }
    }
    Ok(out)
}

/// Sets the bits from `start` to before `end`.
fn fill(row: &mut [u8], start: usize, end: usize) {
    let (first, last) = (start / 8, end / 8);
    let (head, tail) = (0xFFu8 >> (start % 8), !(0xFFu8 >> (end % 8)));
    if start >= end {
        return;
    }
    if first == last {
        row[first] |= head & tail;
        return;
    }
    row[first] |= head;
    row[first + 1..last].fill(0xFF);
    if tail != 0 {
        row[last] |= tail;
    }
}

/// Reads bits, most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl BitReader for Bits<'_> {
    type Error = ();

    /// The next bits; zeros follow the last.
    fn peek(&self, count: u8) -> Option<u16> {
        let byte = |index: usize| u32::from(self.bytes.get(index).copied().unwrap_or(0));
        let first = self.at / 8;
        let next = byte(first) << 16 | byte(first + 1) << 8 | byte(first + 2);
        let rest = next << (8 + self.at % 8);
        Some(if count == 0 { 0 } else { (rest >> (32 - u32::from(count.min(16)))) as u16 })
    }

    fn consume(&mut self, count: u8) -> std::result::Result<(), ()> {
        self.at += usize::from(count);
        if self.at <= self.bytes.len() * 8 { Ok(()) } else { Err(()) }
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (self.at.next_multiple_of(8) - self.at) as u8
    }
}

impl Bits<'_> {
    fn take(&mut self, count: u8) -> Result<u16> {
        let value = self.peek(count).unwrap_or(0);
        self.consume(count).map_err(|()| DAMAGED)?;
        Ok(value)
    }

    /// Goes behind the marker that must come next: at least eleven zeros and a one.
    fn marker(&mut self) -> Result<()> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
        }
        if zeros < 11 { Err(DAMAGED.into()) } else { Ok(()) }
    }

    /// The length of a run, which may take several codes.
    fn run(&mut self, is_black: bool) -> Result<usize> {
        let mut length = 0;
        loop {
            let code = if is_black { black::decode(self) } else { white::decode(self) };
            let code = usize::from(code.ok_or(DAMAGED)?);
            length += code;
            if code < 64 {
                return Ok(length);
            }
        }
    }

    /// Where the colour changes in a row of run lengths.
    fn runs(&mut self, width: usize) -> Result<Vec<usize>> {
        let (mut changes, mut at, mut is_black) = (Vec::new(), 0, false);
        while at < width {
            at += self.run(is_black)?;
            if at > width {
                return Err(DAMAGED.into());
            }
            changes.push(at);
            is_black = !is_black;
        }
        Ok(changes)
    }

    /// Where the colour changes in a row that refers to where it changes in the row `above`.
    fn differences(&mut self, above: &[usize], width: usize) -> Result<Vec<usize>> {
        let (mut changes, mut is_black) = (Vec::new(), false);
        // Where the part of the row begins that is still to come. At first it begins before the row.
        let (mut at, mut started) = (0, false);
        // The first change above that may still count.
        let mut above_at = 0usize;
        while at < width {
            // The first change above to the other colour right of here, and the one after it.
            above_at = above_at.saturating_sub(2);
            above_at += above_at % 2 ^ usize::from(is_black);
            while above.get(above_at).is_some_and(|&change| if started { change <= at } else { change < at }) {
                above_at += 2;
            }
            let change = |index: usize| above.get(index).copied().unwrap_or(width);
            match mode::decode(self).ok_or(DAMAGED)? {
                Mode::Pass => at = change(above_at + 1),
                Mode::Horizontal => {
                    for colour in [is_black, !is_black] {
                        at += self.run(colour)?;
                        if at > width {
                            return Err(DAMAGED.into());
                        }
                        changes.push(at);
                    }
                }
                Mode::Vertical(shift) => {
                    let to = change(above_at).checked_add_signed(isize::from(shift)).ok_or(DAMAGED)?;
                    if to < at || to > width || (to == at && started) {
                        return Err(DAMAGED.into());
                    }
                    at = to;
                    changes.push(at);
                    is_black = !is_black;
                }
                Mode::Extension | Mode::EOF => return Err(DAMAGED.into()),
            }
            started = true;
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a string of bits.
    fn bits(text: &str) -> Vec<u8> {
        let bits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').map(|byte| byte - b'0').collect();
        bits.chunks(8).map(|bits| bits.iter().enumerate().fold(0, |byte, (i, bit)| byte | bit << (7 - i))).collect()
    }

    #[test]
    fn runs_and_differences_are_put_together() {
        // Two white, three black, three white; then the same, one to the right; then all white.
        let rows = bits("0111 10 1000");
        assert_eq!(decode(&rows, Fax::Rows, 8, 1).unwrap(), [0b0011_1000]);
        let group4 = bits("001 0111 10 1 011 011 1 0001 1");
        assert_eq!(decode(&group4, Fax::Group4, 8, 3).unwrap(), [0b0011_1000, 0b0001_1100, 0]);
        let group3 = bits("000000000001 0111 10 1000 0000000000001 0111 10 1000");
        let kind = Fax::Group3 { two_dimensional: false };
        assert_eq!(decode(&group3, kind, 8, 2).unwrap(), [0b0011_1000; 2]);
    }

    #[test]
    fn what_does_not_fill_its_rows_exactly_is_refused() {
        for damaged in ["0111 10", "0111 10 01111", "00000000", "0111 10 10100"] {
            assert!(decode(&bits(damaged), Fax::Rows, 8, 1).is_err(), "{damaged}");
        }
        assert!(decode(&[], Fax::Group4, 8, 1).is_err());
        assert!(decode(&[0xFF; 8], Fax::Group3 { two_dimensional: true }, 8, 1).is_err());
    }
}
