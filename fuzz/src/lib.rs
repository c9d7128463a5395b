//! What is fuzzed: functions that take any bytes and must come back, with a result or an error, without a panic and
//! without more memory or time than the bytes warrant.
//!
//! `fuzz_targets/` wraps each for libFuzzer; `tests/fuzz.rs` replays `corpus/` through them in every run of the suite,
//! without libFuzzer. A new target is a function here, its line in [`TARGETS`], a wrapper, and a folder of seeds.

use opabinia_engine::vision::{Exif, Picture};

/// Every target, by the name of its wrapper and of its corpus.
pub const TARGETS: [(&str, fn(&[u8])); 3] = [("jpeg", jpeg), ("tiff", tiff), ("picture", picture)];

/// A picture file of any kind.
pub fn picture(bytes: &[u8]) {
    if let Ok(picture) = Picture::from_bytes("fuzz", bytes, Exif::Honour) {
        assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
    }
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
