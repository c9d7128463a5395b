//! Arithmetic-coded scans (T.81, annexes D, F and G).

use super::scan::{Coder, Member, Spectrum};
use super::source::Source;
use super::{BLOCK, natural};
use crate::vision::fault::{Result, damaged};

/// By state: the estimate of the less probable symbol, the next state after it and after the more probable one, and
/// whether the two change places (T.81, table D.3). The last one stays where it is, for symbols that are even.
#[rustfmt::skip]
const STATES: [(u16, u8, u8, bool); 114] = [
    (0x5A1D, 1, 1, true), (0x2586, 14, 2, false), (0x1114, 16, 3, false), (0x080B, 18, 4, false),
    (0x03D8, 20, 5, false), (0x01DA, 23, 6, false), (0x00E5, 25, 7, false), (0x006F, 28, 8, false),
    (0x0036, 30, 9, false), (0x001A, 33, 10, false), (0x000D, 35, 11, false), (0x0006, 9, 12, false),
    (0x0003, 10, 13, false), (0x0001, 12, 13, false), (0x5A7F, 15, 15, true), (0x3F25, 36, 16, false),
    (0x2CF2, 38, 17, false), (0x207C, 39, 18, false), (0x17B9, 40, 19, false), (0x1182, 42, 20, false),
    (0x0CEF, 43, 21, false), (0x09A1, 45, 22, false), (0x072F, 46, 23, false), (0x055C, 48, 24, false),
    (0x0406, 49, 25, false), (0x0303, 51, 26, false), (0x0240, 52, 27, false), (0x01B1, 54, 28, false),
    (0x0144, 56, 29, false), (0x00F5, 57, 30, false), (0x00B7, 59, 31, false), (0x008A, 60, 32, false),
    (0x0068, 62, 33, false), (0x004E, 63, 34, false), (0x003B, 32, 35, false), (0x002C, 33, 9, false),
    (0x5AE1, 37, 37, true), (0x484C, 64, 38, false), (0x3A0D, 65, 39, false), (0x2EF1, 67, 40, false),
    (0x261F, 68, 41, false), (0x1F33, 69, 42, false), (0x19A8, 70, 43, false), (0x1518, 72, 44, false),
    (0x1177, 73, 45, false), (0x0E74, 74, 46, false), (0x0BFB, 75, 47, false), (0x09F8, 77, 48, false),
    (0x0861, 78, 49, false), (0x0706, 79, 50, false), (0x05CD, 48, 51, false), (0x04DE, 50, 52, false),
    (0x040F, 50, 53, false), (0x0363, 51, 54, false), (0x02D4, 52, 55, false), (0x025C, 53, 56, false),
    (0x01F8, 54, 57, false), (0x01A4, 55, 58, false), (0x0160, 56, 59, false), (0x0125, 57, 60, false),
    (0x00F6, 58, 61, false), (0x00CB, 59, 62, false), (0x00AB, 61, 63, false), (0x008F, 61, 32, false),
    (0x5B12, 65, 65, true), (0x4D04, 80, 66, false), (0x412C, 81, 67, false), (0x37D8, 82, 68, false),
    (0x2FE8, 83, 69, false), (0x293C, 84, 70, false), (0x2379, 86, 71, false), (0x1EDF, 87, 72, false),
    (0x1AA9, 87, 73, false), (0x174E, 72, 74, false), (0x1424, 72, 75, false), (0x119C, 74, 76, false),
    (0x0F6B, 74, 77, false), (0x0D51, 75, 78, false), (0x0BB6, 77, 79, false), (0x0A40, 77, 48, false),
    (0x5832, 80, 81, true), (0x4D1C, 88, 82, false), (0x438E, 89, 83, false), (0x3BDD, 90, 84, false),
    (0x34EE, 91, 85, false), (0x2EAE, 92, 86, false), (0x299A, 93, 87, false), (0x2516, 86, 71, false),
    (0x5570, 88, 89, true), (0x4CA9, 95, 90, false), (0x44D9, 96, 91, false), (0x3E22, 97, 92, false),
    (0x3824, 99, 93, false), (0x32B4, 99, 94, false), (0x2E17, 93, 86, false), (0x56A8, 95, 96, true),
    (0x4F46, 101, 97, false), (0x47E5, 102, 98, false), (0x41CF, 103, 99, false), (0x3C3D, 104, 100, false),
    (0x375E, 99, 93, false), (0x5231, 105, 102, false), (0x4C0F, 106, 103, false), (0x4639, 107, 104, false),
    (0x415E, 103, 99, false), (0x5627, 105, 106, true), (0x50E7, 108, 107, false), (0x4B85, 109, 103, false),
    (0x5597, 110, 109, false), (0x504F, 111, 107, false), (0x5A10, 110, 111, true), (0x5522, 112, 109, false),
    (0x59EB, 112, 111, true), (0x5A1D, 113, 113, false),
];
/// The state of an estimate of one half.
const EVEN: u8 = 113;
/// A state's highest bit is its more probable symbol.
const SYMBOL: u8 = 0x80;

/// How the coding of a number depends on those before it.
pub(super) struct Conditioning {
    /// By table: the exponents of the least and the largest difference of means that is called small.
    small: [[u8; 2]; 16],
    /// By table: the last coefficient that is called low.
    low: [u8; 16],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self { small: [[0, 1]; 16], low: [5; 16] }
    }
}

impl Conditioning {
    /// Reads a segment that sets conditions.
    pub(super) fn read(&mut self, segment: &[u8]) -> Result<()> {
        const BROKEN: &str = "its conditions of arithmetic coding are damaged";
        if !segment.len().is_multiple_of(2) {
            return damaged(BROKEN);
        }
        for pair in segment.chunks_exact(2) {
            let (table, value) = (usize::from(pair[0] & 15), pair[1]);
            match pair[0] >> 4 {
                0 if value & 15 <= value >> 4 => self.small[table] = [value & 15, value >> 4],
                1 => self.low[table] = value,
                _ => return damaged(BROKEN),
            }
        }
        Ok(())
    }
}

/// The decoder of a scan.
pub(super) struct Arithmetic<'a> {
    conditioning: &'a Conditioning,
    /// The code, with bits not used yet at its end.
    code: i64,
    /// The width of the interval.
    interval: i64,
    /// How far the code is shifted; -1 after an impossible symbol, from where on nothing is decoded.
    shift: i32,
    /// States of the symbols that code means, by table.
    means: [[u8; 64]; 16],
    /// States of the symbols that code other coefficients, by table.
    others: [[u8; 256]; 16],
    even: u8,
}

/// Which state a symbol has: the table and the place in it.
#[derive(Clone, Copy)]
enum State {
    Mean(usize, usize),
    Other(usize, usize),
    Even,
}

impl State {
    fn plus(self, step: usize) -> Self {
        match self {
            Self::Mean(table, place) => Self::Mean(table, place + step),
            Self::Other(table, place) => Self::Other(table, place + step),
            Self::Even => Self::Even,
        }
    }
}

impl<'a> Arithmetic<'a> {
    pub(super) fn new(conditioning: &'a Conditioning) -> Self {
        Self {
            conditioning,
            code: 0,
            interval: 0,
            // Two bytes are read first.
            shift: -16,
            means: [[0; 64]; 16],
            others: [[0; 256]; 16],
            even: EVEN,
        }
    }

    fn state(&mut self, state: State) -> &mut u8 {
        match state {
            State::Mean(table, place) => &mut self.means[table][place],
            State::Other(table, place) => &mut self.others[table][place],
            State::Even => &mut self.even,
        }
    }

    /// The next symbol.
    fn symbol(&mut self, state: State, source: &mut Source<'_>) -> Result<bool> {
        while self.interval < 0x8000 {
            self.shift -= 1;
            if self.shift < 0 {
                // Zeros follow the last byte before a marker.
                let byte = source.data()?.unwrap_or(0);
                self.code = self.code << 8 | i64::from(byte);
                self.shift += 8;
                if self.shift < 0 {
                    self.shift += 1;
                    if self.shift == 0 {
                        self.interval = 0x8000;
                    }
                }
            }
            self.interval <<= 1;
        }
        let place = self.state(state);
        let was = *place;
        let (estimate, after_less, after_more, swap) = STATES[usize::from(was & !SYMBOL)];
        let less = (was & SYMBOL ^ if swap { SYMBOL } else { 0 }) | after_less;
        let more = was & SYMBOL | after_more;
        let estimate = i64::from(estimate);
        let mut symbol = was & SYMBOL != 0;
        let mut next = was;
        self.interval -= estimate;
        let lower = self.interval.wrapping_shl(self.shift as u32);
        if self.code >= lower {
            self.code -= lower;
            if self.interval < estimate {
                next = more;
            } else {
                next = less;
                symbol = !symbol;
            }
            self.interval = estimate;
        } else if self.interval < 0x8000 {
            if self.interval < estimate {
                next = less;
                symbol = !symbol;
            } else {
                next = more;
            }
        }
        *self.state(state) = next;
        Ok(symbol)
    }

    /// Gives up on this stretch: a symbol came that cannot be.
    fn give_up(&mut self) {
        self.shift = -1;
    }

    fn has_given_up(&self) -> bool {
        self.shift == -1
    }

    /// The magnitude of a number less one: its highest digit is known to be `highest`; the others come with the state
    /// `state`.
    fn digits(&mut self, highest: i32, state: State, source: &mut Source<'_>) -> Result<i32> {
        let (mut magnitude, mut digit) = (highest, highest >> 1);
        while digit != 0 {
            if self.symbol(state.plus(14), source)? {
                magnitude |= digit;
            }
            digit >>= 1;
        }
        Ok(magnitude)
    }

    /// Doubles `highest` for each one that comes, each with a state of its own. Nothing if there are too many.
    fn highest(&mut self, mut highest: i32, mut state: State, source: &mut Source<'_>) -> Result<Option<(i32, State)>> {
        while self.symbol(state, source)? {
            highest <<= 1;
            if highest == 0x8000 {
                self.give_up();
                return Ok(None);
            }
            state = state.plus(1);
        }
        Ok(Some((highest, state)))
    }

    /// The next block's mean.
    fn mean(&mut self, member: &mut Member<'_>, source: &mut Source<'_>) -> Result<Option<i32>> {
        let table = member.statistics[0];
        let state = State::Mean(table, member.context);
        if !self.symbol(state, source)? {
            member.context = 0;
            return Ok(Some(member.predicted));
        }
        let negative = self.symbol(state.plus(1), source)?;
        let mut state = state.plus(2 + usize::from(negative));
        let mut highest = i32::from(self.symbol(state, source)?);
        if highest != 0 {
            match self.highest(highest, State::Mean(table, 20), source)? {
                Some(found) => (highest, state) = found,
                None => return Ok(None),
            }
        }
        let [least, largest] = self.conditioning.small[table].map(|exponent| (1i32 << exponent) >> 1);
        let sign = 4 * usize::from(negative);
        member.context = if highest < least {
            0
        } else if highest > largest {
            12 + sign
        } else {
            4 + sign
        };
        let magnitude = self.digits(highest, state, source)? + 1;
        let difference = if negative { -magnitude } else { magnitude };
        member.predicted = member.predicted.wrapping_add(difference) & 0xFFFF;
        Ok(Some(member.predicted))
    }

    /// The first digits of the coefficients of a block but its mean.
    fn first_digits(
        &mut self,
        table: usize,
        block: &mut [i16],
        [start, end]: [usize; 2],
        low: u8,
        source: &mut Source<'_>,
    ) -> Result<()> {
        let mut k = start;
        while k <= end {
            let mut state = State::Other(table, 3 * (k - 1));
            if self.symbol(state, source)? {
                break;
            }
            while !self.symbol(state.plus(1), source)? {
                state = state.plus(3);
                k += 1;
                if k > end {
                    self.give_up();
                    return Ok(());
                }
            }
            let negative = self.symbol(State::Even, source)?;
            state = state.plus(2);
            let mut highest = i32::from(self.symbol(state, source)?);
            if highest != 0 && self.symbol(state, source)? {
                let far = k > usize::from(self.conditioning.low[table]);
                match self.highest(2, State::Other(table, if far { 217 } else { 189 }), source)? {
                    Some(found) => (highest, state) = found,
                    None => return Ok(()),
                }
            }
            let magnitude = self.digits(highest, state, source)? + 1;
            let value = if negative { -magnitude } else { magnitude };
            block[natural(k)] = (value << low) as i16;
            k += 1;
        }
        Ok(())
    }

    /// One more digit of the coefficients of a block but its mean.
    fn next_digit(
        &mut self,
        table: usize,
        block: &mut [i16],
        spectrum: Spectrum,
        source: &mut Source<'_>,
    ) -> Result<()> {
        let digit = 1i16 << spectrum.low;
        let last = (1..=spectrum.end).rev().find(|&k| block[natural(k)] != 0).unwrap_or(0);
        let mut k = spectrum.start;
        while k <= spectrum.end {
            let mut state = State::Other(table, 3 * (k - 1));
            if k > last && self.symbol(state, source)? {
                break;
            }
            loop {
                let coefficient = &mut block[natural(k)];
                if *coefficient != 0 {
                    if self.symbol(state.plus(2), source)? {
                        *coefficient = coefficient.wrapping_add(if *coefficient < 0 { -digit } else { digit });
                    }
                    break;
                }
                if self.symbol(state.plus(1), source)? {
                    *coefficient = if self.symbol(State::Even, source)? { -digit } else { digit };
                    break;
                }
                state = state.plus(3);
                k += 1;
                if k > spectrum.end {
                    self.give_up();
                    return Ok(());
                }
            }
            k += 1;
        }
        Ok(())
    }
}

impl Coder for Arithmetic<'_> {
    /// Data that run out are zeros to an arithmetic decoder.
    fn is_dry(&self) -> bool {
        false
    }

    fn block(
        &mut self,
        member: &mut Member<'_>,
        block: &mut [i16],
        spectrum: Spectrum,
        source: &mut Source<'_>,
    ) -> Result<()> {
        if spectrum.progressive && spectrum.start == 0 && !spectrum.first {
            if self.symbol(State::Even, source)? {
                block[0] |= 1 << spectrum.low;
            }
            return Ok(());
        }
        if self.has_given_up() {
            return Ok(());
        }
        let table = member.statistics[1];
        if spectrum.start == 0 {
            match self.mean(member, source)? {
                Some(mean) => block[0] = (mean << spectrum.low) as i16,
                None => return Ok(()),
            }
            if spectrum.progressive {
                return Ok(());
            }
            return self.first_digits(table, block, [1, BLOCK - 1], 0, source);
        }
        if spectrum.first {
            self.first_digits(table, block, [spectrum.start, spectrum.end], spectrum.low, source)
        } else {
            self.next_digit(table, block, spectrum, source)
        }
    }

    fn restart(&mut self, members: &mut [Member<'_>], spectrum: Spectrum, source: &mut Source<'_>) -> Result<()> {
        source.restart()?;
        for member in members {
            if spectrum.start == 0 && spectrum.first {
                self.means[member.statistics[0]] = [0; 64];
                (member.predicted, member.context) = (0, 0);
            }
            if !spectrum.progressive || spectrum.start > 0 {
                self.others[member.statistics[1]] = [0; 256];
            }
        }
        (self.code, self.interval, self.shift) = (0, 0, -16);
        Ok(())
    }
}
