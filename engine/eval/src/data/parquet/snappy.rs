//! Snappy's block format as a stream. A page of pictures can be larger than memory should be, and the library that reads
//! the rest holds pages whole, twice.

use std::io::{Error, ErrorKind, Read, Result};

/// What is kept of what was given out: copies reach back no further. Every compressor works on blocks of 64 KiB.
const WINDOW: usize = 1 << 18;

/// Bytes that are made at a time.
const CHUNK: usize = 1 << 16;

/// What a compressed `input` says.
pub(super) struct Snappy<R> {
    input: R,
    /// The end of what was made; up to `given` it was given out.
    made: Vec<u8>,
    given: usize,
    /// Bytes that are still to be made.
    left: u64,
    /// Bytes of the literal at hand.
    literal: usize,
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("its compression is broken: {what}"))
}

impl<R: Read> Snappy<R> {
    /// Begins to read; `length` bytes will come of it.
    pub(super) fn new(mut input: R, length: u64) -> Result<Self> {
        let (mut found, mut shift) = (0_u64, 0);
        loop {
            let byte = one(&mut input)?;
            found |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
            if shift > 28 {
                return Err(broken("its length"));
            }
        }
        if found != length {
            return Err(broken("its length is another one"));
        }
        Ok(Self { input, made: Vec::with_capacity(2 * WINDOW), given: 0, left: length, literal: 0 })
    }

    /// Makes some more.
    fn make(&mut self) -> Result<()> {
        if self.given > WINDOW + CHUNK {
            self.made.drain(..self.given - WINDOW);
            self.given = WINDOW;
        }
        let start = self.made.len();
        while self.made.len() - start < CHUNK && (self.left > 0) {
            if self.literal == 0 {
                self.element()?;
            } else {
                let count = self.literal.min(CHUNK);
                let at = self.made.len();
                self.made.resize(at + count, 0);
                self.input.read_exact(&mut self.made[at..])?;
                self.literal -= count;
                self.left -= count as u64;
            }
        }
        Ok(())
    }

    fn element(&mut self) -> Result<()> {
        let tag = one(&mut self.input)?;
        let (length, offset) = match tag & 3 {
            0 => {
                let length = match tag >> 2 {
                    short @ 0..60 => u64::from(short) + 1,
                    long => little(&mut self.input, usize::from(long) - 59)? + 1,
                };
                if length > self.left {
                    return Err(broken("a literal is longer than all"));
                }
                self.literal = usize::try_from(length).map_err(|_| broken("a literal"))?;
                return Ok(());
            }
            1 => (u64::from(tag >> 2 & 7) + 4, u64::from(tag >> 5) << 8 | little(&mut self.input, 1)?),
            2 => (u64::from(tag >> 2) + 1, little(&mut self.input, 2)?),
            _ => (u64::from(tag >> 2) + 1, little(&mut self.input, 4)?),
        };
        let (length, offset) = (length as usize, usize::try_from(offset).map_err(|_| broken("a copy"))?);
        if offset == 0 || offset > self.made.len() || length as u64 > self.left {
            return Err(broken("a copy of what was not there"));
        }
        for _ in 0..length {
            // What is copied may be made by the copy itself.
            self.made.push(self.made[self.made.len() - offset]);
        }
        self.left -= length as u64;
        Ok(())
    }
}

impl<R: Read> Read for Snappy<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.given == self.made.len() && self.left > 0 {
            self.make()?;
        }
        let count = out.len().min(self.made.len() - self.given);
        out[..count].copy_from_slice(&self.made[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

fn one(input: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// A number of `count` bytes, the lowest first.
fn little(input: &mut impl Read, count: usize) -> Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes[..count])?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], length: u64) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        Snappy::new(bytes, length)?.read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn literals_and_copies_are_followed() {
        // "abcd", then 8 bytes copied from 4 back: "abcdabcdabcd".
        assert_eq!(read(&[12, 3 << 2, b'a', b'b', b'c', b'd', (7 << 2) | 2, 4, 0], 12).unwrap(), b"abcdabcdabcd");
        // A copy that makes what it copies.
        assert_eq!(read(&[7, 0, b'x', (2 << 2) | 1, 1], 7).unwrap(), b"xxxxxxx");
    }

    #[test]
    fn what_is_broken_is_an_error() {
        for (bytes, length) in [
            (vec![4, 3 << 2, b'a', b'b'], 4),
            (vec![4, 0, b'a', (2 << 2) | 2, 9, 0], 4),
            (vec![4, 0, b'a', (2 << 2) | 2, 0, 0], 4),
            (vec![4, 63 << 2, 255, 255, 255, 255], 4),
            (vec![5, 0, b'a'], 4),
            (vec![255, 255, 255, 255, 255, 255], 4),
            (vec![], 0),
        ] {
            assert!(read(&bytes, length).is_err(), "{bytes:?}");
        }
    }
}
