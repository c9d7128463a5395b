//! Huffman-coded scans: bits, codes, and the blocks of coefficients they spell.
//!
//! Damage is met as libjpeg meets it: an unknown code is a zero, a stretch that ends too early goes on with zeros to the
//! end of its group of blocks and leaves the groups after it as they were.

use super::scan::{Coder, Member, Spectrum};
use super::source::Source;
use super::{BLOCK, natural};
use crate::vision::fault::{Result, damaged};

/// Codes of at most this many bits are looked up at once. libjpeg, too, looks at eight bits, which decides how far it
/// reads ahead where a file is cut short.
const FAST: u32 = 8;

/// A Huffman code.
#[derive(Debug)]
pub(super) struct Table {
    /// By the next [`FAST`] bits: length of the code and its symbol; length 0 for longer codes.
    fast: Vec<[u8; 2]>,
    /// By length: one more than the last code of that length, shifted to 16 bits; 0 where there is none.
    limits: [u32; 17],
    /// By length: what to add to a code to get its index in `symbols`.
    offsets: [i32; 17],
    /// All 256 that libjpeg keeps: zeros after those of the file.
    symbols: Vec<u8>,
    /// Whether every symbol can be the size of a mean.
    pub(super) for_means: bool,
}

impl Table {
    /// The code with `counts[i]` codes of i + 1 bits, for at most 256 `symbols` in the order of the codes.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self> {
        let mut table = Self {
            fast: vec![[0; 2]; 1 << FAST],
            limits: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
            for_means: symbols.iter().all(|&symbol| symbol < 16),
        };
        table.symbols.resize(256, 0);
        let (mut code, mut index) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let count = usize::from(count);
            // No code may be all ones.
            if count > 0 && code as usize + count >= 1 << length {
                return damaged("a Huffman table has more codes than fit");
            }
            table.offsets[length as usize] = index as i32 - code as i32;
            for _ in 0..count {
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    table.fast[first..first + (1 << (FAST - length))].fill([length as u8, table.symbols[index]]);
                }
                code += 1;
                index += 1;
            }
            table.limits[length as usize] = if count > 0 { code << (16 - length) } else { 0 };
            code <<= 1;
        }
        Ok(table)
    }
}

/// Reads bits, most significant first.
#[derive(Default)]
pub(super) struct Bits {
    /// The next bits, from the top. Zeros follow.
    window: u64,
    /// Bits in the window that come from the file.
    available: u32,
    /// Whether bits were needed that the file does not have before its next marker.
    dry: bool,
    /// Blocks still to come that a progressive scan has declared empty.
    empty_blocks: u32,
}

impl Bits {
    /// Fills the window as far as the data go.
    #[inline]
    fn fill(&mut self, source: &mut Source<'_>) -> Result<()> {
        while self.available <= 56 {
            let Some(byte) = source.data()? else { return Ok(()) };
            self.window |= u64::from(byte) << (56 - self.available);
            self.available += 8;
        }
        Ok(())
    }

    #[inline]
    fn skip(&mut self, count: u32) {
        self.dry |= count > self.available;
        self.window <<= count;
        self.available = self.available.saturating_sub(count);
    }

    /// The next `count` ≤ 16 bits.
    #[inline]
    fn take(&mut self, count: u32, source: &mut Source<'_>) -> Result<i32> {
        if count == 0 {
            return Ok(0);
        }
        if self.available < count {
            self.fill(source)?;
        }
        let value = (self.window >> (64 - count)) as i32;
        self.skip(count);
        Ok(value)
    }

    /// The next `count` bits as the standard's signed number: its top bit is set if it is positive.
    #[inline]
    fn signed(&mut self, count: u32, source: &mut Source<'_>) -> Result<i32> {
        let value = self.take(count, source)?;
        let positive = count == 0 || value >> (count - 1) != 0;
        Ok(if positive { value } else { value - (1 << count) + 1 })
    }

    /// The next symbol of `table`.
    #[inline]
    fn symbol(&mut self, table: &Table, source: &mut Source<'_>) -> Result<u8> {
        if self.available < FAST {
            self.fill(source)?;
        }
        let [length, symbol] = table.fast[(self.window >> (64 - FAST)) as usize];
        if length > 0 {
            self.skip(u32::from(length));
            return Ok(symbol);
        }
        for length in FAST + 1..=16 {
            if self.available < length {
                self.fill(source)?;
            }
            let next = (self.window >> 48) as u32;
            if next < table.limits[length as usize] {
                self.skip(length);
                let index = (next >> (16 - length)) as i32 + table.offsets[length as usize];
                return Ok(table.symbols[(index & 0xFF) as usize]);
            }
        }
        // No such code: libjpeg has read one more bit by now.
        self.take(16, source)?;
        self.take(1, source)?;
        Ok(0)
    }

    /// The mean of a block: the last one's and a difference.
    fn mean(&mut self, member: &mut Member<'_>, source: &mut Source<'_>) -> Result<i32> {
        let size = self.symbol(member.dc()?, source)?;
        // Sixteen bits are all a valid file needs; a damaged one may wrap around.
        let difference = self.signed(u32::from(size), source)?;
        member.predicted = i32::from(member.predicted.wrapping_add(difference) as i16);
        Ok(member.predicted)
    }

    fn sequential(&mut self, table: &Table, block: &mut [i16], source: &mut Source<'_>) -> Result<()> {
        let mut k = 1;
        while k < BLOCK {
            let symbol = self.symbol(table, source)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if run != 15 {
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            block[natural(k)] = self.signed(size, source)? as i16;
            k += 1;
        }
        Ok(())
    }

    fn first_digits(
        &mut self,
        table: &Table,
        block: &mut [i16],
        spectrum: Spectrum,
        source: &mut Source<'_>,
    ) -> Result<()> {
        if self.empty_blocks > 0 {
            self.empty_blocks -= 1;
            return Ok(());
        }
        let mut k = spectrum.start;
        while k <= spectrum.end {
            let symbol = self.symbol(table, source)?;
            let (run, size) = (symbol >> 4, u32::from(symbol & 15));
            if size == 0 {
                if run != 15 {
                    self.empty_blocks = (1 << run) - 1 + self.take(u32::from(run), source)? as u32;
                    break;
                }
                k += 16;
                continue;
            }
            k += usize::from(run);
            block[natural(k)] = (self.signed(size, source)? << spectrum.low) as i16;
            k += 1;
        }
        Ok(())
    }

    fn next_digit(
        &mut self,
        table: &Table,
        block: &mut [i16],
        spectrum: Spectrum,
        source: &mut Source<'_>,
    ) -> Result<()> {
        let digit = 1i16 << spectrum.low;
        let mut k = spectrum.start;
        if self.empty_blocks == 0 {
            while k <= spectrum.end {
                let symbol = self.symbol(table, source)?;
                let (mut run, size) = (symbol >> 4, symbol & 15);
                let mut new = 0;
                if size > 0 {
                    new = if self.take(1, source)? == 1 { digit } else { -digit };
                } else if run < 15 {
                    self.empty_blocks = (1 << run) + self.take(u32::from(run), source)? as u32;
                    break;
                }
                // Coefficients that already have digits get one more and do not count in the run.
                while k <= spectrum.end {
                    let coefficient = &mut block[natural(k)];
                    if *coefficient != 0 {
                        self.refine(coefficient, digit, source)?;
                    } else if run == 0 {
                        break;
                    } else {
                        run -= 1;
                    }
                    k += 1;
                }
                if new != 0 {
                    block[natural(k)] = new;
                }
                k += 1;
            }
        }
        if self.empty_blocks > 0 {
            for k in k..=spectrum.end {
                let coefficient = &mut block[natural(k)];
                if *coefficient != 0 {
                    self.refine(coefficient, digit, source)?;
                }
            }
            self.empty_blocks -= 1;
        }
        Ok(())
    }

    /// Gives a coefficient that is not zero its next digit.
    fn refine(&mut self, coefficient: &mut i16, digit: i16, source: &mut Source<'_>) -> Result<()> {
        if self.take(1, source)? == 1 && *coefficient & digit == 0 {
            *coefficient = coefficient.wrapping_add(if *coefficient >= 0 { digit } else { -digit });
        }
        Ok(())
    }
}

impl Coder for Bits {
    fn is_dry(&self) -> bool {
        self.dry
    }

    fn block(
        &mut self,
        member: &mut Member<'_>,
        block: &mut [i16],
        spectrum: Spectrum,
        source: &mut Source<'_>,
    ) -> Result<()> {
        match (spectrum.progressive, spectrum.start, spectrum.first) {
            (false, ..) => {
                block[0] = self.mean(member, source)? as i16;
                self.sequential(member.ac()?, block, source)
            }
            (true, 0, true) => {
                block[0] = (self.mean(member, source)? << spectrum.low) as i16;
                Ok(())
            }
            (true, 0, false) => {
                block[0] |= (self.take(1, source)? << spectrum.low) as i16;
                Ok(())
            }
            (true, _, true) => self.first_digits(member.ac()?, block, spectrum, source),
            (true, _, false) => self.next_digit(member.ac()?, block, spectrum, source),
        }
    }

    fn restart(&mut self, members: &mut [Member<'_>], _: Spectrum, source: &mut Source<'_>) -> Result<()> {
        source.restart()?;
        members.iter_mut().for_each(|member| member.predicted = 0);
        // Where the stretch is lost altogether, its blocks stay as they are.
        *self = Self { dry: self.dry && source.marker.is_some(), ..Self::default() };
        Ok(())
    }
}
