//! JSON files from strangers: bounded reads, and fields that name themselves when they are wrong.

use crate::error::{Error, Refusal, Result};
use serde_json::Value;
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
    /// Reads `file`.
    ///
    /// # Errors
    /// A refusal if the file is missing, larger than 256 MiB or not a JSON object.
    pub fn read(file: &Path) -> Result<Self> {
        let mut text = String::new();
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
        let read = opened.take(MAX_BYTES + 1).read_to_string(&mut text);
        read.map_err(|e| Refusal::new(file, format!("cannot be read as text: {e}")).help(AGAIN))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Refusal::new(file, "is larger than any configuration file")
                .expected(format!("at most {MAX_BYTES} bytes"))
                .help(AGAIN)
                .into());
        }
        let value: Value = serde_json::from_str(&text)
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

    /// The non-negative integer at `key`, which must be there.
    pub fn required_usize(&self, key: &str) -> Result<usize> {
        self.usize(key)?
            .ok_or_else(|| self.refusal(key, "this field is missing").expected("a non-negative integer").into())
    }
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
