//! What is fuzzed: functions that take any bytes and must come back, with a result or an error, without a panic and
//! without more memory or time than the bytes warrant.
//!
//! `fuzz_targets/` wraps each for libFuzzer; `tests/fuzz.rs` replays `corpus/` through them in every run of the suite,
//! without libFuzzer. A new target is a function here, its line in [`TARGETS`], a wrapper, and a folder of seeds.

use opabinia_engine::checkpoint::files::HF_STEMS;
use opabinia_engine::checkpoint::{CambrianConfig, WeightFiles};
use opabinia_engine::probe::trace_file;
use opabinia_engine::sva::HEADS;
use opabinia_engine::text::{Special, Tokenizer};
use opabinia_engine::vision::{Exif, Picture};
use std::path::Path;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its wrapper and of its corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("jpeg", jpeg),
    ("tiff", tiff),
    ("picture", picture),
    ("config", config),
    ("index", index),
    ("safetensors", safetensors),
    ("pickle", pickle),
    ("tokenizer", tokenizer),
    ("sentencepiece", sentencepiece),
    ("trace", trace),
];

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

/// A folder with `files`, for what is read from folders only. Gone afterwards.
fn in_folder(files: &[(&str, &[u8])], read: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().expect("a folder for what is fuzzed");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("a file to be fuzzed");
    }
    read(folder.path());
}

/// The input as two files, cut at its first zero byte; without one there is no second file.
fn two_files(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(cut) => (&bytes[..cut], Some(&bytes[cut + 1..])),
        None => (bytes, None),
    }
}

/// config.json and, after a zero byte, generation_config.json.
pub fn config(bytes: &[u8]) {
    let (config, generation) = two_files(bytes);
    let mut files = vec![("config.json", config)];
    files.extend(generation.map(|generation| ("generation_config.json", generation)));
    in_folder(&files, |folder| drop(CambrianConfig::read(folder)));
}

/// Opens the weights in a folder with `files`. What is found must be as long as it says.
fn weights(files: &[(&str, &[u8])]) {
    in_folder(files, |folder| {
        let Ok(weights) = WeightFiles::open(folder, HF_STEMS) else { return };
        for key in weights.keys() {
            let view = weights.get(key).expect("a key that was listed");
            if let Some(size) = view.dtype.size() {
                assert_eq!(view.bytes.len(), view.shape.iter().product::<usize>() * size, "{key}");
            }
        }
        weights.elements_by_type();
    });
}

/// The index of two safetensors shards or, where the first byte is odd, of two pickles. They hold the tensors `a` and
/// `b`.
pub fn index(bytes: &[u8]) {
    let Some((&choice, index)) = bytes.split_first() else { return };
    let shard = |name: &str| {
        let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat()
    };
    if choice & 1 == 0 {
        weights(&[
            ("model.safetensors.index.json", index),
            ("1.safetensors", &shard("a")),
            ("2.safetensors", &shard("b")),
        ]);
    } else {
        weights(&[
            ("pytorch_model.bin.index.json", index),
            ("1.bin", include_bytes!("../corpus/pickle/zip")),
            ("2.bin", include_bytes!("../corpus/pickle/older")),
        ]);
    }
}

/// A safetensors file: the header of `bytes`, up to the first line feed, with its length before it and the rest behind.
/// Where there is no line feed, `bytes` are the whole file.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(header) => [&(header as u64).to_le_bytes()[..], &bytes[..header], &bytes[header + 1..]].concat(),
        None => bytes.to_vec(),
    }
}

/// A safetensors file, without the length of its header.
pub fn safetensors(bytes: &[u8]) {
    weights(&[("model.safetensors", &with_length(bytes))]);
}

/// A file of `torch.save`, a zip archive or older.
pub fn pickle(bytes: &[u8]) {
    weights(&[("pytorch_model.bin", bytes)]);
}

/// Opens the tokenizer in a folder with `files`, and sends a text through it and back.
fn tokenize(files: &[(&str, &[u8])]) {
    in_folder(files, |folder| {
        let Ok(tokenizer) = Tokenizer::open(folder) else { return };
        for special in [Special::Literal, Special::Parse] {
            if let Ok(ids) = tokenizer.encode("What  is <s>this</s>? ab \u{e9}\u{1f990}\n", special) {
                tokenizer.decode(&ids, false);
                tokenizer.decode(&ids, true);
            }
        }
        for id in [0, 1, 2, 258, u32::MAX] {
            tokenizer.token_text(id);
            tokenizer.is_special(id);
            tokenizer.decode(&[id, id], true);
        }
    });
}

/// tokenizer.json and, after a zero byte, tokenizer_config.json.
pub fn tokenizer(bytes: &[u8]) {
    let (json, config) = two_files(bytes);
    tokenize(&[("tokenizer.json", json), ("tokenizer_config.json", config.unwrap_or(b"{}"))]);
}

/// tokenizer.model, with a usual tokenizer_config.json.
pub fn sentencepiece(bytes: &[u8]) {
    tokenize(&[("tokenizer.model", bytes), ("tokenizer_config.json", br#"{"bos_token": "<s>", "legacy": false}"#)]);
}

/// A trace file, in the form of [`safetensors`].
pub fn trace(bytes: &[u8]) {
    in_folder(&[("t.safetensors", &with_length(bytes))], |folder| {
        if let Ok(trace) = trace_file::read(&folder.join("t.safetensors")) {
            trace.interventions.to_spec(&trace.anatomy);
            for layer in &trace.layers {
                assert_eq!(layer.probs.len(), layer.mask.len() * HEADS, "{}", layer.name);
            }
        }
    });
}
