//! JSON files from strangers: bounded reads, and fields that name themselves when they are wrong.

use super::instead;
use crate::error::{Error, Refusal, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// No configuration file is larger than this; a tokenizer.json of 128,000 entries has 9 MB.
const MAX_BYTES: u64 = 256 << 20;

/// What to do about a file that is not what it should be.
const AGAIN: &str = "download this file again; if it stays so, it belongs to a model this program does not run";

/// A JSON file, read whole.
#[derive(Debug, Clone)]
pub struct JsonFile {
    file: PathBuf,
    value: Value,
}

impl JsonFile {
    /// Reads `file`, with or without a byte order mark. Python writes numbers that are not finite as bare words, which
    /// JSON has not: `NaN`, `Infinity`. They are read as texts, so that no number is ever one of them.
    ///
    /// # Errors
    /// A refusal if the file is missing, larger than 256 MiB, not a JSON object, or something that a download left in
    /// its place.
    pub fn read(file: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        // Asked of the name, not of the open file: opening a pipe would wait for someone to write.
        let about = std::fs::metadata(file).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Refusal::new(file, "this file is missing")
                .help("download the checkpoint again, with all of its files")
                .into(),
            _ => Error::io(file, e),
        })?;
        if !about.is_file() {
            return Err(Refusal::new(file, "is no regular file").help(AGAIN).into());
        }
        let opened = File::open(file).map_err(|e| Error::io(file, e))?;
        opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(file, e))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Refusal::new(file, "is larger than any configuration file")
                .expected(format!("at most {MAX_BYTES} bytes"))
                .help(AGAIN)
                .into());
        }
        Self::parse(file, &bytes)
    }

    /// Reads `bytes`, the content of `file`. Errors as for [`JsonFile::read`].
    pub(crate) fn parse(file: &Path, bytes: &[u8]) -> Result<Self> {
        if let Some(refusal) = instead::refused(file, bytes) {
            return Err(refusal.into());
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(Refusal::new(file, "is written in UTF-16")
                .expected("UTF-8")
                .help("save it as UTF-8 with an editor, or download it again")
                .into());
        }
        let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
            .map_err(|e| Refusal::new(file, format!("is no text in UTF-8: {e}")).help(AGAIN))?;
        // What is JSON as it stands, nearly everything, is not looked at twice.
        let value: Value = serde_json::from_str(text)
            .or_else(|error| match quoted_words(text) {
                Cow::Owned(text) => serde_json::from_str(&text),
                Cow::Borrowed(_) => Err(error),
            })
            .map_err(|e| Refusal::new(file, format!("is not valid JSON: {e}")).help(AGAIN))?;
        if !value.is_object() {
            return Err(Refusal::new(file, "is not a JSON object").found(kind(&value)).help(AGAIN).into());
        }
        Ok(Self { file: file.to_path_buf(), value })
    }

    /// The file this was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The whole document.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The field at `key`, where dots go down into objects; `None` if it is absent or null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.value, |value, part| value.get(part)).filter(|value| !value.is_null())
    }

    /// A refusal that names this file and `key`, and advises to fetch the file anew unless the caller knows better.
    pub fn refusal(&self, key: &str, problem: impl Into<String>) -> Refusal {
        let refusal = Refusal::new(&self.file, problem).key(key).help(AGAIN);
        match self.get(key) {
            Some(value) => refusal.found(short(value)),
            None => refusal.found("nothing"),
        }
    }

    fn typed<T>(&self, key: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.refusal(key, "this field has the wrong type").expected(expected).into()),
        }
    }

    /// The non-negative integer at `key`, if there.
    pub fn usize(&self, key: &str) -> Result<Option<usize>> {
        self.typed(key, "a non-negative integer", |v| v.as_u64().and_then(|v| usize::try_from(v).ok()))
    }

    /// The integer at `key`, if there.
    pub fn i64(&self, key: &str) -> Result<Option<i64>> {
        self.typed(key, "an integer", Value::as_i64)
    }

    /// The number at `key`, if there.
    pub fn f64(&self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// The truth value at `key`, if there.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// The text at `key`, if there.
    pub fn str(&self, key: &str) -> Result<Option<&str>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_str() {
            Some(text) => Ok(Some(text)),
            None => Err(self.refusal(key, "this field has the wrong type").expected("a text").into()),
        }
    }

    /// The list of non-negative integers at `key`, if there.
    pub fn usizes(&self, key: &str) -> Result<Option<Vec<usize>>> {
        self.typed(key, "a list of non-negative integers", |v| {
            v.as_array()?.iter().map(|v| v.as_u64().and_then(|v| usize::try_from(v).ok())).collect()
        })
    }

    /// The list of texts at `key`, if there.
    pub fn strs(&self, key: &str) -> Result<Option<Vec<&str>>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let texts = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        match texts {
            Some(texts) => Ok(Some(texts)),
            None => Err(self.refusal(key, "this field has the wrong type").expected("a list of texts").into()),
        }
    }

    /// The token id, or list of token ids, at `key`; none if it is absent.
    pub fn token_ids(&self, key: &str) -> Result<Vec<u32>> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = self.typed(key, "a token id or a list of token ids", |value| match value {
            Value::Array(list) => list.iter().map(id).collect(),
            value => id(value).map(|id| vec![id]),
        });
        ids.map(Option::unwrap_or_default)
    }

    /// The non-negative integer at `key`, which must be there.
    pub fn required_usize(&self, key: &str) -> Result<usize> {
        self.usize(key)?
            .ok_or_else(|| self.refusal(key, "this field is missing").expected("a non-negative integer").into())
    }
}

/// `text` with Python's words for numbers that are not finite in quotes, where they stand outside of texts.
fn quoted_words(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    let (mut in_text, bytes) = (false, text.as_bytes());
    while let Some(&byte) = bytes.get(at) {
        // The name of a field is never such a word: it stands before a colon.
        let is_value = |end: usize| !text[end..].trim_start().starts_with(':');
        let starts = |word: &&&str| !in_text && bytes[at..].starts_with(word.as_bytes());
        let word = WORDS.iter().find(starts).filter(|word| is_value(at + word.len()));
        if let Some(word) = word {
            out.push_str(&text[copied..at]);
            out.extend(["\"", word, "\""]);
            at += word.len();
            copied = at;
            continue;
        }
        match byte {
            b'"' => in_text = !in_text,
            // Whatever is escaped does not end the text; it may be the last byte of a file that was cut short.
            b'\\' if in_text => at += 1,
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// What kind of JSON value this is, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The value as text, cut to a length a message can bear.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<JsonFile> {
        JsonFile::parse(Path::new("f.json"), bytes)
    }

    fn refused(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn words_of_python_are_texts_and_never_numbers() {
        let file = parse(br#"{"a": NaN, "b": [0.5, -Infinity, Infinity], "c": "x\" NaN", "d": 2}"#).unwrap();
        assert_eq!(file.value()["b"], serde_json::json!([0.5, "-Infinity", "Infinity"]));
        assert_eq!((file.str("c").unwrap(), file.f64("d").unwrap()), (Some("x\" NaN"), Some(2.0)));
        let error = file.f64("a").unwrap_err().to_string();
        assert!(error.contains("`a`") && error.contains("NaN") && error.contains("a number"), "{error}");
        for text in [
            "{\"a\": NaNs}",
            "{\"a\": Infinit}",
            "{NaN: 1}",
            "{\"a\": 1, Infinity : 2}",
            "{\"a\": NaN \"\\",
            "{\"a\": nan}",
        ] {
            assert!(refused(text.as_bytes()).contains("not valid JSON"), "{text}");
        }
    }

    #[test]
    fn marks_of_byte_order_are_understood() {
        assert_eq!(parse(b"\xef\xbb\xbf{\"a\": 1}").unwrap().usize("a").unwrap(), Some(1));
        for bytes in [&b"\xff\xfe{\0}\0"[..], b"\xfe\xff\0{\0}"] {
            assert!(refused(bytes).contains("UTF-16"));
        }
    }
}
