//! Pictures against what Pillow made of them: decoding, and padding and resizing at the released models' sizes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use opabinia_engine::job::CancelToken;
use opabinia_engine::vision::{Exif, Picture, PixelSpec, Rescale};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;
use support::goldens;

fn open(file: &Path) -> Picture {
    Picture::open(file, Exif::Ignore).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Each way of subsampling, sequential and progressive, with restart markers, narrower than its filter, grey, CMYK and
/// without colour transform: sums of what Pillow with libjpeg-turbo decodes.
#[test]
fn jpeg_is_decoded_as_pillow_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/jpeg");
    let text = std::fs::read_to_string(folder.join("jpeg.json")).unwrap();
    let cases: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 11);
    for (file, case) in cases {
        let picture = open(&folder.join(&file));
        assert_eq!(serde_json::json!([picture.width, picture.height]), case["size"], "{file}");
        assert_eq!(sha256(&picture.rgb), case["sha256"].as_str().unwrap(), "{file}");
    }
}

/// Decodes every file in `tests/faults/{set}` that `tests/faults/{set}.json` tells about: each must be the bytes that
/// Pillow's `convert("RGB")` gave, or be refused in the words recorded there, with what to do. Returns how many are
/// equal and how many refused.
fn check_pictures(set: &str) -> [usize; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults");
    let text = std::fs::read_to_string(folder.join(format!("{set}.json"))).unwrap();
    let cases: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), std::fs::read_dir(folder.join(set)).unwrap().count(), "{set}: every file has its record");
    let mut counts = [0; 2];
    for (file, case) in cases {
        let path = folder.join(set).join(&file);
        match (Picture::open(&path, Exif::Ignore), case.get("refused").and_then(Value::as_str)) {
            (Ok(picture), None) => {
                assert_eq!(serde_json::json!([picture.width, picture.height]), case["size_wh"], "{file}");
                assert_eq!(sha256(&picture.rgb), case["rgb_sha256"].as_str().unwrap(), "{file}");
                counts[0] += 1;
            }
            (Err(error), Some(words)) => {
                let message = error.to_string();
                for word in [file.as_str(), words, "not read", "save it as PNG"] {
                    assert!(message.contains(word), "{file}: {word:?} is missing in {message}");
                }
                counts[1] += 1;
            }
            (Ok(_), Some(_)) => panic!("{file} is read now: record it"),
            (Err(error), None) => panic!("{file} is refused: {error}"),
        }
    }
    counts
}

/// Pictures that people meet: damaged downloads, scans, frames of webcams, what old programs save. Never quietly
/// another picture than the reference saw.
#[test]
fn faulty_and_rare_pictures_are_as_in_pillow_or_refused_in_words() {
    assert_eq!(check_pictures("pictures"), [69, 12]);
}

/// One small file of every kind of BMP, GIF, PNG, TIFF and animated WebP that is read (pixels, layout, compression), and JPEG
/// pictures damaged in every way that libjpeg survives.
#[test]
fn every_kind_of_picture_is_as_in_pillow() {
    assert_eq!(check_pictures("kinds"), [245, 2]);
}

/// Pillow turns TIFF files by their orientation; asking for the upright picture must not turn them again.
#[test]
fn a_tiff_is_turned_once() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults/pictures/tiff_orient6.tif");
    let turned = Picture::open(&file, Exif::Honour).unwrap();
    assert_eq!((turned.width, turned.height), (45, 67));
    assert_eq!(turned, open(&file));
}

/// The orientation in an odd type, in a PNG text as old programs write it, and in an EXIF block: all turned if asked for.
#[test]
fn orientation_is_found_wherever_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults/pictures");
    for file in ["exif_odd_II_type4.jpg", "exif_odd_MM_type4.jpg", "exif_odd_II_count2.jpg", "png_rawprofile.png"] {
        let stored = open(&folder.join(file));
        let turned = Picture::open(&folder.join(file), Exif::Honour).unwrap();
        assert_eq!((turned.width, turned.height), (stored.height, stored.width), "{file}");
    }
    let stored = open(&folder.join("exif180.jpeg"));
    let turned = Picture::open(&folder.join("exif180.jpeg"), Exif::Honour).unwrap();
    let upside_down: Vec<u8> = stored.rgb.chunks_exact(3).rev().flatten().copied().collect();
    assert_eq!(turned.rgb, upside_down);
}

/// Whatever byte is damaged and wherever a file ends: some picture or a refusal, never a panic.
#[test]
fn damage_anywhere_is_survived() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults/kinds");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = std::fs::read(&path).unwrap();
        let step = file.len().div_ceil(64);
        for place in (0..file.len()).step_by(step) {
            let _ = Picture::from_bytes("cut", &file[..place], Exif::Honour);
            for flip in [0x01, 0x5A, 0x80, 0xFF] {
                let mut damaged = file.clone();
                damaged[place] ^= flip;
                let _ = Picture::from_bytes("damaged", &damaged, Exif::Honour);
            }
        }
    }
}

#[test]
fn a_jpeg_cut_anywhere_is_refused_and_damage_is_survived() {
    let file = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/jpeg/progressive420.jpg")).unwrap();
    for length in 0..file.len() {
        assert!(Picture::from_bytes("cut.jpg", &file[..length], Exif::Ignore).is_err(), "{length}");
    }
    // Any byte may be damaged: an error or some picture, never a panic.
    for place in 2..file.len() {
        let mut damaged = file.clone();
        damaged[place] ^= 0x5A;
        let _ = Picture::from_bytes("damaged.jpg", &damaged, Exif::Ignore);
    }
}

#[test]
fn padding_and_resizing_are_bit_exact() {
    let text = std::fs::read_to_string(goldens().join("preprocess/preprocess.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 12);
    for case in cases {
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        let file = case["file"].as_str().unwrap();
        let picture = open(&goldens().join("preprocess").join(file));
        let size = &case["image_size_wh"];
        assert_eq!((picture.width, picture.height), (number(&size[0]), number(&size[1])), "{file}");
        let spec = PixelSpec {
            size: number(&case["size"]),
            background: [0, 1, 2].map(|c| number(&case["background"][c]) as u8),
            rescale: Rescale::DivideBy255,
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        let view = spec.view(&picture, &CancelToken::default()).unwrap();
        assert_eq!(sha256(&view.rgb), case["sha256"].as_str().unwrap(), "{file} at {}", spec.size);
        if spec.size == 336 {
            let stem = file.strip_suffix(".png").unwrap();
            assert_eq!(view, open(&goldens().join("preprocess").join(format!("{stem}.resized336.png"))), "{file}");
        }
    }
}

/// The reference shows pictures as they are stored; a person may ask for them as the camera meant them.
#[test]
fn orientation_is_ignored_unless_asked_for() {
    let file = goldens().join("images/exif6.jpg");
    let stored = open(&file);
    let turned = Picture::open(&file, Exif::Honour).unwrap();
    assert_eq!((turned.width, turned.height), (stored.height, stored.width));
    // Orientation 6: the first row of what is seen is the first column of what is stored, from its end.
    let pixel = |picture: &Picture, x: usize, y: usize| {
        let at = 3 * (y * picture.width + x);
        [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
    };
    for (x, y) in (0..turned.width).flat_map(|x| (0..turned.height).map(move |y| (x, y))) {
        assert_eq!(pixel(&turned, x, y), pixel(&stored, y, stored.height - 1 - x));
    }
}
