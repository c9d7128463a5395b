//! The entropy-coded parts of a JPEG file: bits, Huffman codes, and the blocks of coefficients they spell.

use super::{BLOCK, Member, Result, Spectrum, ZIGZAG};

/// Codes of at most this many bits are looked up at once.
const FAST: u32 = 9;
const DAMAGED: &str = "its data are damaged";

/// A Huffman code.
#[derive(Debug)]
pub(super) struct Table {
    /// By the next [`FAST`] bits: length of the code and its symbol; length 0 for longer codes.
    fast: Vec<[u8; 2]>,
    /// By length: one more than the last code of that length, shifted to 16 bits; 0 where there is none.
    limits: [u32; 17],
    /// By length: what to add to a code to get its index in `symbols`.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// The code with `counts[i]` codes of i + 1 bits, for `symbols` in the order of the codes.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self> {
        let mut table =
            Self { fast: vec![[0; 2]; 1 << FAST], limits: [0; 17], offsets: [0; 17], symbols: symbols.to_vec() };
        let (mut code, mut index) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let count = usize::from(count);
            if code as usize + count > 1 << length {
                return Err("a Huffman table has more codes than fit".into());
            }
            table.offsets[length as usize] = index as i32 - code as i32;
            for _ in 0..count {
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    table.fast[first..first + (1 << (FAST - length))].fill([length as u8, symbols[index]]);
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

/// Reads bits, most significant first, and takes out the zeros stuffed after bytes of ones.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    window: u64,
    /// Bits in the window that come from the file.
    available: u32,
    /// Blocks still to come that a progressive scan has declared empty.
    empty_blocks: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, window: 0, available: 0, empty_blocks: 0 }
    }

    /// Where the entropy-coded data end: at a marker, or before bytes not read yet.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Fills the window as far as the data go; zeros follow.
    fn fill(&mut self) {
        while self.available <= 56 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            if byte == 0xFF {
                if self.bytes.get(self.at + 1) != Some(&0) {
                    return; // a marker
                }
                self.at += 1;
            }
            self.at += 1;
            self.window |= u64::from(byte) << (56 - self.available);
            self.available += 8;
        }
    }

    fn skip(&mut self, count: u32) -> Result<()> {
        if count > self.available {
            return Err(DAMAGED.into());
        }
        self.window <<= count;
        self.available -= count;
        Ok(())
    }

    /// The next `count` ≤ 16 bits.
    fn take(&mut self, count: u32) -> Result<i32> {
        if count == 0 {
            return Ok(0);
        }
        if self.available < count {
            self.fill();
        }
        let value = (self.window >> (64 - count)) as i32;
        self.skip(count)?;
        Ok(value)
    }

    /// The next `count` bits as the standard's signed number: its top bit is set if it is positive.
    fn signed(&mut self, count: u32) -> Result<i32> {
        let value = self.take(count)?;
        let positive = count == 0 || value >> (count - 1) != 0;
        Ok(if positive { value } else { value - (1 << count) + 1 })
    }

    /// The next symbol of `table`.
    fn symbol(&mut self, table: &Table) -> Result<u8> {
        if self.available < 16 {
            self.fill();
        }
        let [length, symbol] = table.fast[(self.window >> (64 - FAST)) as usize];
        if length > 0 {
            self.skip(u32::from(length))?;
            return Ok(symbol);
        }
        let next = (self.window >> 48) as u32;
        for length in FAST + 1..=16 {
            if next < table.limits[length as usize] {
                self.skip(length)?;
                let index = (next >> (16 - length)) as i32 + table.offsets[length as usize];
                return usize::try_from(index).ok().and_then(|i| table.symbols.get(i).copied()).ok_or(DAMAGED.into());
            }
        }
        Err(DAMAGED.into())
    }

    /// Goes on after the restart marker that must come next.
    pub(super) fn restart(&mut self) -> Result<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        if fill == 0 || !matches!(rest.get(fill), Some(0xD0..=0xD7)) {
            return Err(DAMAGED.into());
        }
        *self = Self::new(self.bytes, self.at + fill + 1);
        Ok(())
    }
}

impl Member<'_> {
    /// Adds what the scan says about the next block to `block`.
    pub(super) fn decode_block(&mut self, block: &mut [i16], spectrum: Spectrum, data: &mut Bits<'_>) -> Result<()> {
        match (spectrum.progressive, spectrum.start, spectrum.first) {
            (false, ..) => {
                block[0] = self.mean(data)? as i16;
                self.sequential(block, data)
            }
            (true, 0, true) => {
                block[0] = (self.mean(data)? << spectrum.low) as i16;
                Ok(())
            }
            (true, 0, false) => {
                block[0] |= (data.take(1)? << spectrum.low) as i16;
                Ok(())
            }
            (true, _, true) => self.first_digits(block, spectrum, data),
            (true, _, false) => self.next_digit(block, spectrum, data),
        }
    }

    fn ac(&self) -> Result<&Table> {
        self.ac.ok_or_else(|| "a Huffman table is missing".into())
    }

    /// The mean of the block: the last one's and a difference.
    fn mean(&mut self, data: &mut Bits<'_>) -> Result<i32> {
        let size = data.symbol(self.dc.ok_or("a Huffman table is missing")?)?;
        if size > 15 {
            return Err(DAMAGED.into());
        }
        // Sixteen bits are all a valid file needs; a damaged one may wrap around.
        self.predicted = i32::from(self.predicted.wrapping_add(data.signed(u32::from(size))?) as i16);
        Ok(self.predicted)
    }

    fn sequential(&self, block: &mut [i16], data: &mut Bits<'_>) -> Result<()> {
        let table = self.ac()?;
        let mut k = 1;
        while k < BLOCK {
            let symbol = data.symbol(table)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if run != 15 {
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            let value = data.signed(size)?;
            *place(block, k)? = value as i16;
            k += 1;
        }
        Ok(())
    }

    fn first_digits(&self, block: &mut [i16], spectrum: Spectrum, data: &mut Bits<'_>) -> Result<()> {
        if data.empty_blocks > 0 {
            data.empty_blocks -= 1;
            return Ok(());
        }
        let table = self.ac()?;
        let mut k = spectrum.start;
        while k <= spectrum.end {
            let symbol = data.symbol(table)?;
            let (run, size) = (symbol >> 4, u32::from(symbol & 15));
            if size == 0 {
                if run != 15 {
                    data.empty_blocks = (1 << run) - 1 + data.take(u32::from(run))? as u32;
                    break;
                }
                k += 16;
                continue;
            }
            k += usize::from(run);
            let value = data.signed(size)?;
            *place(block, k)? = (value << spectrum.low) as i16;
            k += 1;
        }
        Ok(())
    }

    fn next_digit(&self, block: &mut [i16], spectrum: Spectrum, data: &mut Bits<'_>) -> Result<()> {
        let table = self.ac()?;
        let digit = 1i16 << spectrum.low;
        let mut k = spectrum.start;
        if data.empty_blocks == 0 {
            while k <= spectrum.end {
                let symbol = data.symbol(table)?;
                let (mut run, size) = (symbol >> 4, symbol & 15);
                let mut new = 0;
                match size {
                    0 if run < 15 => {
                        data.empty_blocks = (1 << run) + data.take(u32::from(run))? as u32;
                        break;
                    }
                    0 => {}
                    1 => new = if data.take(1)? == 1 { digit } else { -digit },
                    _ => return Err(DAMAGED.into()),
                }
                // Coefficients that already have digits get one more and do not count in the run.
                while k <= spectrum.end {
                    let coefficient = place(block, k)?;
                    if *coefficient != 0 {
                        refine(coefficient, digit, data)?;
                    } else if run == 0 {
                        *coefficient = new;
                        k += 1;
                        break;
                    } else {
                        run -= 1;
                    }
                    k += 1;
                }
            }
        }
        if data.empty_blocks > 0 {
            for k in k..=spectrum.end {
                let coefficient = place(block, k)?;
                if *coefficient != 0 {
                    refine(coefficient, digit, data)?;
                }
            }
            data.empty_blocks -= 1;
        }
        Ok(())
    }
}

/// Gives a coefficient that is not zero its next digit.
fn refine(coefficient: &mut i16, digit: i16, data: &mut Bits<'_>) -> Result<()> {
    if data.take(1)? == 1 && *coefficient & digit == 0 {
        *coefficient = coefficient.wrapping_add(if *coefficient >= 0 { digit } else { -digit });
    }
    Ok(())
}

/// The `k`-th coefficient in the order of the file.
fn place(block: &mut [i16], k: usize) -> Result<&mut i16> {
    let place = ZIGZAG.get(k).ok_or(DAMAGED)?;
    Ok(&mut block[usize::from(*place)])
}
