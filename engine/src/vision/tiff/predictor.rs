//! Undoes predictors: samples stored as differences from their neighbours on the left.

/// Makes values of a row of differences. `bytes` of `bits` per sample are little-endian; a sample's neighbour is
/// `samples` before it.
pub(super) fn accumulate(row: &mut [u8], bits: usize, samples: usize) {
    let width = bits / 8;
    let distance = samples * width;
    for at in (distance..row.len()).step_by(width) {
        let value = |from: usize| row[from..from + width].iter().rev().fold(0u32, |v, &byte| v << 8 | u32::from(byte));
        let sum = value(at).wrapping_add(value(at - distance));
        row[at..at + width].copy_from_slice(&sum.to_le_bytes()[..width]);
    }
}

/// Makes little-endian numbers of 32 bits of a row of differences between bytes, where the highest bytes of all
/// numbers come first.
pub(super) fn accumulate_floats(row: &mut [u8], samples: usize) {
    for at in samples..row.len() {
        row[at] = row[at].wrapping_add(row[at - samples]);
    }
    let planes = row.to_vec();
    let count = row.len() / 4;
    for (index, number) in row.chunks_exact_mut(4).enumerate() {
        for (place, byte) in number.iter_mut().enumerate() {
            *byte = planes[(3 - place) * count + index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_become_values() {
        let mut bytes = [1, 10, 2, 20, 255, 250];
        accumulate(&mut bytes, 8, 2);
        assert_eq!(bytes, [1, 10, 3, 30, 2, 24]);
        let mut shorts = [0xFF, 0, 1, 0];
        accumulate(&mut shorts, 16, 1);
        assert_eq!(shorts, [0xFF, 0, 0, 1]);
        // Two floats: 1.0 and 1.0. The highest bytes come first, each less the byte before.
        let mut floats = [0x3F, 0, 0x80 - 0x3F, 0, 0x80, 0, 0, 0];
        accumulate_floats(&mut floats, 1);
        assert_eq!(floats, [0, 0, 0x80, 0x3F, 0, 0, 0x80, 0x3F]);
    }
}
