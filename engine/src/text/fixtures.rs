//! Small tokenizers for tests, written byte by byte.

use super::Tokenizer;
use std::fs;
use tempfile::TempDir;

pub(super) const NORMAL: u8 = 1;
pub(super) const UNKNOWN: u8 = 2;
pub(super) const CONTROL: u8 = 3;
pub(super) const USER_DEFINED: u8 = 4;
pub(super) const UNUSED: u8 = 5;
pub(super) const BYTE: u8 = 6;

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn message(number: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(content.len(), out);
    out.extend(content);
}

/// A `tokenizer.model` of the given pieces `(text, score, type)`.
pub(super) fn model(pieces: &[(&str, f32, u8)], byte_fallback: bool, dummy_prefix: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (text, score, kind) in pieces {
        let mut piece = Vec::new();
        message(1, text.as_bytes(), &mut piece);
        piece.push(2 << 3 | 5);
        piece.extend(score.to_le_bytes());
        piece.extend([3 << 3, *kind]);
        message(1, &piece, &mut out);
    }
    let mut trainer = vec![3 << 3, 2];
    varint(35 << 3, &mut trainer);
    trainer.push(u8::from(byte_fallback));
    message(2, &trainer, &mut out);
    message(3, &[3 << 3, u8::from(dummy_prefix), 4 << 3, 0], &mut out);
    out
}

/// `<unk>`, `<s>`, `</s>`, then the 256 byte pieces, then `pieces`: ids of the last begin at 259.
pub(super) fn with_bytes<'a>(bytes: &'a [String], pieces: &[(&'a str, f32, u8)]) -> Vec<(&'a str, f32, u8)> {
    let mut all = vec![("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)];
    all.extend(bytes.iter().map(|byte| (byte.as_str(), 0.0, BYTE)));
    all.extend(pieces);
    all
}

pub(super) fn byte_names() -> Vec<String> {
    (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect()
}

/// A directory with the given files.
pub(super) fn dir(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

/// A sentencepiece tokenizer with byte fallback, the given pieces from id 259, and this tokenizer_config.json.
pub(super) fn pieces(extra: &[(&str, f32, u8)], config: &str) -> Tokenizer {
    let bytes = byte_names();
    let model = model(&with_bytes(&bytes, extra), true, true);
    let dir = dir(&[("tokenizer.model", &model), ("tokenizer_config.json", config.as_bytes())]);
    Tokenizer::open(dir.path()).unwrap()
}

/// A byte-level tokenizer.json: ids 0 to 255 are the bytes in the order of their characters, 256 is `ab`, 257 is
/// `<|begin_of_text|>`, 258 is `<|eot_id|>`.
pub(super) fn byte_level_json() -> String {
    let mut characters: Vec<char> = (0x21u8..=0x7e).chain(0xa1..=0xac).chain(0xae..=0xff).map(char::from).collect();
    characters.extend((0x100u32..0x144).map(|code| char::from_u32(code).unwrap()));
    let mut vocab: serde_json::Map<String, serde_json::Value> =
        characters.iter().enumerate().map(|(id, c)| (c.to_string(), id.into())).collect();
    vocab.insert("ab".into(), 256.into());
    let special = |id: u32, content: &str| {
        serde_json::json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true })
    };
    let level = |regex: bool| serde_json::json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex });
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(257, "<|begin_of_text|>"), special(258, "<|eot_id|>")],
        "normalizer": null, "pre_tokenizer": level(true), "post_processor": null, "decoder": level(true),
        "model": { "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": ["a b"] }
    })
    .to_string()
}

/// [`byte_level_json`], opened.
pub(super) fn byte_level() -> Tokenizer {
    let config =
        r#"{"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "clean_up_tokenization_spaces": true}"#;
    let dir = dir(&[("tokenizer.json", byte_level_json().as_bytes()), ("tokenizer_config.json", config.as_bytes())]);
    Tokenizer::open(dir.path()).unwrap()
}
