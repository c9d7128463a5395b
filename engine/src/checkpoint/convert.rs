//! Stored bytes to numbers of the type wanted, in parallel, without a full-size copy in between.

use super::stored::StoredType;
use crate::error::Result;
use crate::nn::Weight;
use candle_core::WithDType;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Numbers converted at once by one thread; a block of them in f32 stays in the first-level cache.
const BLOCK: usize = 4096;

/// Numbers looked at by one thread at once where nothing is converted.
const CHECKED: usize = 1 << 18;

/// A type weights are kept in.
pub(super) trait Element: WithDType {
    /// Zero, to make room with.
    const ZERO: Self;
    /// Narrows `block` into `out`, rounding to nearest even. Both have the same length.
    fn narrow(block: &[f32], out: &mut [Self]);
    /// Whether the number is neither infinite nor NaN.
    fn finite(self) -> bool;
    /// A matrix of them.
    fn weight(values: Vec<Self>, output: usize, input: usize) -> Result<Weight>;
}

impl Element for f32 {
    const ZERO: Self = 0.0;
    fn narrow(block: &[f32], out: &mut [Self]) {
        out.copy_from_slice(block);
    }
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn weight(values: Vec<Self>, output: usize, input: usize) -> Result<Weight> {
        Weight::of_f32(values, output, input)
    }
}

impl Element for f16 {
    const ZERO: Self = f16::ZERO;
    fn narrow(block: &[f32], out: &mut [Self]) {
        out.convert_from_f32_slice(block);
    }
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn weight(values: Vec<Self>, output: usize, input: usize) -> Result<Weight> {
        Weight::of_f16(values, output, input)
    }
}

impl Element for bf16 {
    const ZERO: Self = bf16::ZERO;
    fn narrow(block: &[f32], out: &mut [Self]) {
        out.convert_from_f32_slice(block);
    }
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn weight(values: Vec<Self>, output: usize, input: usize) -> Result<Weight> {
        Weight::of_bf16(values, output, input)
    }
}

/// A number that is not finite after conversion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NotFinite {
    /// Its index among those converted.
    pub(super) index: usize,
    /// What is stored there, in f64 so that nothing stored overflows.
    pub(super) stored: f64,
}

/// Converts `bytes`, little-endian numbers of type `from`, into `out`, which has room for exactly as many.
///
/// Types that are no floating-point numbers never come here; they convert to nothing.
pub(super) fn convert<T: Element>(from: StoredType, bytes: &[u8], out: &mut [T]) -> std::result::Result<(), NotFinite> {
    let Some(size) = from.size() else { return Ok(()) };
    let blocks = bytes.par_chunks(BLOCK * size).zip(out.par_chunks_mut(BLOCK)).enumerate();
    let failed = blocks.find_map_first(|(number, (bytes, out))| {
        let mut block = [0f32; BLOCK];
        let block = &mut block[..out.len()];
        widen(from, bytes, block);
        T::narrow(block, out);
        // Counting instead of stopping at the first lets the compiler use vectors.
        let bad = out.iter().filter(|value| !value.finite()).count();
        let index = (bad > 0).then(|| out.iter().position(|value| !value.finite()))??;
        let stored = bytes.chunks_exact(size).nth(index).map_or(f64::NAN, |bytes| read(from, bytes));
        Some(NotFinite { index: number * BLOCK + index, stored })
    });
    failed.map_or(Ok(()), Err)
}

/// Converts what lies between the numbers in `bytes`, little-endian of the types `from`, into `out`: a + `part` (b − a) of each
/// two, computed in f64. All three have as many numbers.
///
/// # Errors
/// The index of the first result that is not finite, and what it is.
pub(super) fn convert_between<T: Element>(
    from: [StoredType; 2],
    bytes: [&[u8]; 2],
    part: f64,
    out: &mut [T],
) -> std::result::Result<(), NotFinite> {
    let [Some(size_a), Some(size_b)] = from.map(StoredType::size) else { return Ok(()) };
    let [a, b] = bytes;
    let blocks = a.par_chunks(BLOCK * size_a).zip(b.par_chunks(BLOCK * size_b)).zip(out.par_chunks_mut(BLOCK));
    let failed = blocks.enumerate().find_map_first(|(number, ((a, b), out))| {
        let mut block = [0f32; BLOCK];
        let block = &mut block[..out.len()];
        widen_between(from, [a, b], part, block);
        T::narrow(block, out);
        let index = out.iter().position(|value| !value.finite())?;
        Some(NotFinite { index: number * BLOCK + index, stored: f64::from(block[index]) })
    });
    failed.map_or(Ok(()), Err)
}

/// The same into f32 on this thread, whatever comes of it.
pub(super) fn widen_between(from: [StoredType; 2], bytes: [&[u8]; 2], part: f64, out: &mut [f32]) {
    let [Some(size_a), Some(size_b)] = from.map(StoredType::size) else { return };
    let mut goal = [0f32; BLOCK];
    let [a, b] = bytes;
    for ((a, b), out) in a.chunks(BLOCK * size_a).zip(b.chunks(BLOCK * size_b)).zip(out.chunks_mut(BLOCK)) {
        let goal = &mut goal[..out.len()];
        widen(from[0], a, out);
        widen(from[1], b, goal);
        for (value, goal) in out.iter_mut().zip(goal) {
            let (start, end) = (f64::from(*value), f64::from(*goal));
            *value = (start + part * (end - start)) as f32;
        }
    }
}

/// The number at `index` of `bytes`, which are of type `from`.
pub(super) fn stored_at(from: StoredType, bytes: &[u8], index: usize) -> f64 {
    let number = from.size().and_then(|size| bytes.chunks_exact(size).nth(index));
    number.map_or(f64::NAN, |bytes| read(from, bytes))
}

/// Looks for a number among `bytes` that is not finite, without converting any.
pub(super) fn check_finite(from: StoredType, bytes: &[u8]) -> std::result::Result<(), NotFinite> {
    let Some(size) = from.size() else { return Ok(()) };
    let failed = bytes.par_chunks(CHECKED * size).enumerate().find_map_first(|(number, bytes)| {
        let bad = Arch::new().dispatch(CountNotFinite { from, bytes });
        if bad == 0 {
            return None;
        }
        let (index, stored) =
            bytes.chunks_exact(size).map(|bytes| read(from, bytes)).enumerate().find(|(_, x)| !x.is_finite())?;
        Some(NotFinite { index: number * CHECKED + index, stored })
    });
    failed.map_or(Ok(()), Err)
}

/// Counts numbers whose exponent has all its bits, compiled once per instruction set.
struct CountNotFinite<'a> {
    from: StoredType,
    bytes: &'a [u8],
}

impl WithSimd for CountNotFinite<'_> {
    type Output = u32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> u32 {
        match self.from {
            StoredType::F32 => count(self.bytes, |b| u32::from_le_bytes(b) & 0x7f80_0000 == 0x7f80_0000),
            StoredType::BF16 => count(self.bytes, |b| u16::from_le_bytes(b) & 0x7f80 == 0x7f80),
            StoredType::F16 => count(self.bytes, |b| u16::from_le_bytes(b) & 0x7c00 == 0x7c00),
            StoredType::F64 => count(self.bytes, |b| !f64::from_le_bytes(b).is_finite()),
            StoredType::Other(_) => 0,
        }
    }
}

#[inline(always)]
fn count<const N: usize>(bytes: &[u8], bad: impl Fn([u8; N]) -> bool) -> u32 {
    let mut count = 0;
    for bytes in bytes.as_chunks().0 {
        count += u32::from(bad(*bytes));
    }
    count
}

/// Reads `bytes` as numbers of type `from` into `out`, in f32 and on this thread.
///
/// # Errors
/// For the first that is not finite.
pub(super) fn widen_checked(from: StoredType, bytes: &[u8], out: &mut [f32]) -> std::result::Result<(), NotFinite> {
    let Some(size) = from.size() else { return Ok(()) };
    for (number, (bytes, out)) in bytes.chunks(BLOCK * size).zip(out.chunks_mut(BLOCK)).enumerate() {
        widen(from, bytes, out);
        let bad = out.iter().filter(|value| !value.is_finite()).count();
        if let Some(index) = (bad > 0).then(|| out.iter().position(|value| !value.is_finite())).flatten() {
            let stored = bytes.chunks_exact(size).nth(index).map_or(f64::NAN, |bytes| read(from, bytes));
            return Err(NotFinite { index: number * BLOCK + index, stored });
        }
    }
    Ok(())
}

/// Reads `bytes` as numbers of type `from` into `out`.
fn widen(from: StoredType, bytes: &[u8], out: &mut [f32]) {
    match from {
        StoredType::F64 => each(bytes, out, |b| f64::from_le_bytes(b) as f32),
        StoredType::F32 => each(bytes, out, f32::from_le_bytes),
        StoredType::BF16 => each(bytes, out, |b: [u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        StoredType::F16 => {
            let mut block = [f16::ZERO; BLOCK];
            let block = &mut block[..out.len()];
            for (value, bytes) in block.iter_mut().zip(bytes.as_chunks().0) {
                *value = f16::from_le_bytes(*bytes);
            }
            block.convert_to_f32_slice(out);
        }
        StoredType::Other(_) => {}
    }
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *value = read(*bytes);
    }
}

/// One stored number.
fn read(from: StoredType, bytes: &[u8]) -> f64 {
    if let (StoredType::F64, Some(bytes)) = (from, bytes.first_chunk()) {
        return f64::from_le_bytes(*bytes);
    }
    let mut value = [0f32];
    widen(from, bytes, &mut value);
    f64::from(value[0])
}
