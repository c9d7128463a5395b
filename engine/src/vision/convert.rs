//! Pillow's conversions to RGB that several formats share.

/// Pillow keeps 16-bit grey at full range and clips it.
pub(super) fn clip(value: u16) -> u8 {
    value.min(255) as u8
}

/// Of other 16-bit pixels Pillow reads the high bytes.
pub(super) fn high_byte(value: u16) -> u8 {
    (value >> 8) as u8
}

/// CMYK to RGB without a profile.
pub(super) fn cmyk(ink: [u8; 3], black: u8) -> [u8; 3] {
    let light = 255 - i32::from(black);
    ink.map(|ink| {
        let product = i32::from(ink) * light + 128;
        (light - (((product >> 8) + product) >> 8)).clamp(0, 255) as u8
    })
}

/// Turns the bits of each byte around.
pub(super) fn reverse_bits(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = byte.reverse_bits();
    }
}
