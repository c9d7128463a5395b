//! `tokenizer.model`: the vocabulary of a sentencepiece BPE model and the settings that change its results.

use super::proto::{Fields, Value};
use crate::error::{Refusal, Result};
use std::collections::HashMap;
use std::path::Path;

/// What a piece is for (`SentencePiece.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte(u8),
}

/// One entry of the vocabulary; its index is its id.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::text) struct Piece {
    pub(in crate::text) text: String,
    pub(in crate::text) score: f32,
    pub(in crate::text) kind: Kind,
}

/// A sentencepiece model.
#[derive(Debug, Clone)]
pub(in crate::text) struct Model {
    pub(in crate::text) pieces: Vec<Piece>,
    /// Every piece by its text.
    pub(in crate::text) ids: HashMap<String, u32>,
    /// The piece of each byte; `Some` if unknown characters fall back to bytes.
    pub(in crate::text) bytes: Option<Box<[u32; 256]>>,
    /// The piece for what has no other.
    pub(in crate::text) unknown: u32,
    /// Whether every text gets a U+2581 first.
    pub(in crate::text) add_dummy_prefix: bool,
    /// Whether spaces become U+2581.
    pub(in crate::text) escape_whitespaces: bool,
    /// What an unknown piece is shown as.
    pub(in crate::text) unknown_surface: String,
}

impl Model {
    /// Reads a model from the bytes of `file`.
    ///
    /// # Errors
    /// A refusal if the bytes are no sentencepiece model, or one whose settings are not implemented.
    pub(in crate::text) fn parse(file: &Path, bytes: &[u8]) -> Result<Self> {
        let broken = |problem: &str| {
            Refusal::new(file, format!("is not a sentencepiece model: {problem}"))
                .help("download tokenizer.model again")
        };
        let mut pieces = Vec::new();
        let (mut trainer, mut normalizer) = (Trainer::default(), Normalizer::default());
        for field in Fields::new(bytes) {
            match field.map_err(broken)? {
                (1, Value::Bytes(message)) => {
                    let piece =
                        piece(message).map_err(|problem| broken(&format!("piece {}: {problem}", pieces.len())))?;
                    pieces.push(piece);
                }
                (2, Value::Bytes(message)) => trainer.merge(message).map_err(broken)?,
                (3, Value::Bytes(message)) => normalizer.merge(message).map_err(broken)?,
                _ => {}
            }
        }
        if pieces.is_empty() {
            return Err(broken("it has no pieces").into());
        }
        trainer.check(file)?;
        normalizer.check(file)?;

        let mut ids = HashMap::new();
        let mut unknown = None;
        for (id, piece) in (0u32..).zip(&pieces) {
            if ids.insert(piece.text.clone(), id).is_some() {
                return Err(broken(&format!("piece {:?} is there twice", piece.text)).into());
            }
            if piece.kind == Kind::Unknown && unknown.replace(id).is_some() {
                return Err(broken("it has two unknown pieces").into());
            }
        }
        let unknown = unknown.ok_or_else(|| broken("it has no unknown piece"))?;
        let bytes = if trainer.byte_fallback { Some(byte_pieces(&pieces).map_err(|p| broken(&p))?) } else { None };
        Ok(Self {
            pieces,
            ids,
            bytes,
            unknown,
            add_dummy_prefix: normalizer.add_dummy_prefix,
            escape_whitespaces: normalizer.escape_whitespaces,
            unknown_surface: trainer.unknown_surface,
        })
    }

    pub(in crate::text) fn piece(&self, id: u32) -> Option<&Piece> {
        self.pieces.get(id as usize)
    }
}

fn text(bytes: &[u8]) -> Result<String, &'static str> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "its text is not UTF-8")
}

fn piece(message: &[u8]) -> Result<Piece, String> {
    let (mut content, mut score, mut kind) = (String::new(), 0f32, 1);
    for field in Fields::new(message) {
        match field? {
            (1, Value::Bytes(bytes)) => content = text(bytes)?,
            (2, Value::Fixed32(bytes)) => score = f32::from_le_bytes(bytes),
            (3, Value::Varint(value)) => kind = value,
            _ => {}
        }
    }
    if content.is_empty() {
        return Err("it is empty".into());
    }
    if score.is_nan() {
        return Err("its score is not a number".into());
    }
    let kind = match kind {
        1 => Kind::Normal,
        2 => Kind::Unknown,
        3 => Kind::Control,
        4 => Kind::UserDefined,
        5 => Kind::Unused,
        6 => Kind::Byte(byte_of(&content).ok_or_else(|| format!("{content:?} is no byte piece"))?),
        other => return Err(format!("unknown type {other}")),
    };
    Ok(Piece { text: content, score, kind })
}

/// The byte that a piece such as `<0x0A>` stands for.
pub(in crate::text) fn byte_of(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let hex = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| u8::from_str_radix(digits, 16).ok())?
}

fn byte_pieces(pieces: &[Piece]) -> Result<Box<[u32; 256]>, String> {
    let mut ids = Box::new([u32::MAX; 256]);
    for (id, piece) in (0u32..).zip(pieces) {
        if let Kind::Byte(byte) = piece.kind {
            ids[usize::from(byte)] = id;
        }
    }
    match ids.iter().position(|&id| id == u32::MAX) {
        Some(byte) => Err(format!("it falls back to bytes, but has no piece <0x{byte:02X}>")),
        None => Ok(ids),
    }
}

struct Trainer {
    model_type: u64,
    byte_fallback: bool,
    whitespace_as_suffix: bool,
    unknown_surface: String,
}

impl Default for Trainer {
    fn default() -> Self {
        Self { model_type: 1, byte_fallback: false, whitespace_as_suffix: false, unknown_surface: " \u{2047} ".into() }
    }
}

impl Trainer {
    fn merge(&mut self, message: &[u8]) -> Result<(), &'static str> {
        for field in Fields::new(message) {
            match field? {
                (3, Value::Varint(value)) => self.model_type = value,
                (24, Value::Varint(value)) => self.whitespace_as_suffix = value != 0,
                (35, Value::Varint(value)) => self.byte_fallback = value != 0,
                (44, Value::Bytes(bytes)) => self.unknown_surface = text(bytes)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn check(&self, file: &Path) -> Result<()> {
        if self.model_type != 2 {
            let found = match self.model_type {
                1 => "1 (unigram)".to_owned(),
                3 => "3 (word)".to_owned(),
                4 => "4 (char)".to_owned(),
                other => other.to_string(),
            };
            return Err(unsupported(file, "trainer_spec.model_type", "2 (BPE)", found));
        }
        if self.whitespace_as_suffix {
            return Err(unsupported(file, "trainer_spec.treat_whitespace_as_suffix", "false", "true"));
        }
        Ok(())
    }
}

struct Normalizer {
    charsmap: usize,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    escape_whitespaces: bool,
}

impl Default for Normalizer {
    fn default() -> Self {
        Self { charsmap: 0, add_dummy_prefix: true, remove_extra_whitespaces: true, escape_whitespaces: true }
    }
}

impl Normalizer {
    fn merge(&mut self, message: &[u8]) -> Result<(), &'static str> {
        for field in Fields::new(message) {
            match field? {
                (2, Value::Bytes(bytes)) => self.charsmap = bytes.len(),
                (3, Value::Varint(value)) => self.add_dummy_prefix = value != 0,
                (4, Value::Varint(value)) => self.remove_extra_whitespaces = value != 0,
                (5, Value::Varint(value)) => self.escape_whitespaces = value != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn check(&self, file: &Path) -> Result<()> {
        if self.charsmap != 0 {
            let found = format!("{} bytes", self.charsmap);
            return Err(unsupported(file, "normalizer_spec.precompiled_charsmap", "nothing (identity)", found));
        }
        if self.remove_extra_whitespaces {
            return Err(unsupported(file, "normalizer_spec.remove_extra_whitespaces", "false", "true"));
        }
        Ok(())
    }
}

fn unsupported(file: &Path, key: &str, expected: &str, found: impl Into<String>) -> crate::Error {
    Refusal::new(file, "this kind of sentencepiece model is not supported")
        .key(key)
        .expected(expected)
        .found(found)
        .help("convert the tokenizer to tokenizer.json and put it beside this file")
        .into()
}
