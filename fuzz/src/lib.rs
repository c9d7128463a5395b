//! What is fuzzed: functions that take any bytes and must come back, with a result or an error, without a panic and
//! without more memory or time than the bytes warrant.
//!
//! `fuzz_targets/` wraps each for libFuzzer; `tests/fuzz.rs` replays `corpus/` through them in every run of the suite,
//! without libFuzzer. A new target is a function here, its line in [`TARGETS`], a wrapper, and a folder of seeds.

use opabinia_engine::vision::{Exif, Picture};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its wrapper and of its corpus.
pub const TARGETS: [(&str, Target); 3] = [("jpeg", jpeg), ("tiff", tiff), ("picture", picture)];

/// A picture file of any kind.
pub fn picture(bytes: &[u8]) {
    if let Ok(picture) = Picture::from_bytes("fuzz", &smaller(bytes), Exif::Honour) {
        assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
    }
}

/// JPEG files with sides of at most 1,023 pixels: a few bytes may honestly be a hundred million pixels of one colour,
/// which is no finding and takes seconds.
fn smaller(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.starts_with(b"\xff\xd8") {
        for at in 0..bytes.len().saturating_sub(8) {
            if bytes[at] == 0xFF && matches!(bytes[at + 1], 0xC0..=0xC2 | 0xC9 | 0xCA) {
                bytes[at + 5] &= 3;
                bytes[at + 7] &= 3;
            }
        }
    }
    bytes
}

/// A JPEG file: the input without its first marker.
pub fn jpeg(bytes: &[u8]) {
    picture(&[b"\xff\xd8\xff", bytes].concat());
}

/// A TIFF file: the first byte of the input chooses the header, the rest comes after it.
pub fn tiff(bytes: &[u8]) {
    const HEADERS: [&[u8]; 3] = [b"II*\0", b"MM\0*", b"II+\0"];
    if let Some((&choice, rest)) = bytes.split_first() {
        picture(&[HEADERS[usize::from(choice) % HEADERS.len()], rest].concat());
    }
}
