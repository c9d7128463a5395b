//! JSON lines beside a folder of pictures: `idx filename task question answer`, optionally `choices prompt type source
//! cluster`, as the recipe of the demo checkpoint writes them.

use super::Fault;
use super::lines::{Line, Lines};
use super::row::{Found, MAX_TEXT, RawPicture, Row, Rows};
use crate::error::Result;
use serde_json::{Map, Value};
use std::path::Path;

/// Opens the file.
pub(super) fn open(path: &Path) -> Result<Rows> {
    let lines = Lines::open(path, MAX_TEXT)?;
    let rows = lines.filter_map(|line| match line {
        Ok(Line::Whole(line)) if line.iter().all(u8::is_ascii_whitespace) => None,
        Ok(Line::Whole(line)) => Some(Ok(found(&line))),
        Ok(Line::TooLong) => Some(Ok(bad(Fault::new("its line is too long", "over 1 MiB")))),
        Err(error) => Some(Err(error)),
    });
    Ok(Box::new(rows))
}

fn bad(fault: Fault) -> Found {
    Found::Bad { idx: None, fault }
}

fn found(line: &[u8]) -> Found {
    match serde_json::from_slice::<Map<String, Value>>(line) {
        Ok(object) => match row(&object) {
            Ok(row) => Found::Row(Box::new(row)),
            Err(fault) => Found::Bad { idx: object.get("idx").and_then(text), fault },
        },
        Err(error) => bad(Fault::new("it is no JSON object, or half of one", error)),
    }
}

/// A string, or a number as one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn row(object: &Map<String, Value>) -> Result<Row, Fault> {
    let field = |name: &str| object.get(name).and_then(text);
    let choices = match object.get("choices") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(choices)) => {
            let texts: Option<Vec<String>> = choices.iter().map(text).collect();
            texts.ok_or_else(|| Fault::new("its choices are no list of texts", ""))?
        }
        Some(_) => return Err(Fault::new("its choices are no list of texts", "")),
    };
    Ok(Row {
        idx: field("idx"),
        kind: field("type"),
        task: field("task"),
        source: field("source"),
        source_filename: field("source_filename"),
        cluster: field("cluster"),
        question: field("question"),
        hint: None,
        prompt: field("prompt"),
        choices,
        answer: field("answer"),
        picture: field("filename").map_or(RawPicture::Missing, RawPicture::File),
    })
}
