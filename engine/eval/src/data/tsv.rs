//! Tables of VLMEvalKit: tab-separated values with quotes as in CSV, options in columns `A`, `B`, …, pictures as base64.

use super::row::{Found, MAX_TEXT, RawPicture, Row, Rows};
use super::{Fault, lines};
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// No field is longer: a picture of 48 MiB.
const MAX_FIELD: usize = 64 << 20;

/// No table has more columns.
const MAX_COLUMNS: usize = 256;

/// Anything shorter in the column of pictures is the name of the row that has the picture.
const SHORTEST_PICTURE: usize = 64;

/// Opens the file.
pub(super) fn open(path: &Path) -> Result<Rows> {
    let file = lines::open(path)?;
    let reader = ReaderBuilder::new().delimiter(b'\t').build();
    let mut table = Table { path: path.to_path_buf(), file, reader, columns: Vec::new(), over: false };
    let Some(Record { fields, .. }) = table.record()? else {
        return Err(Error::at(path, "it is empty", "a table begins with the names of its columns"));
    };
    table.columns = fields.iter().map(|name| String::from_utf8_lossy(name).trim().to_lowercase()).collect();
    for needed in ["question", "answer", "image"] {
        if !table.columns.iter().any(|column| column == needed) {
            return Err(Error::at(
                path,
                format!("there is no column `{needed}`"),
                "a table has the columns index, image (base64), question, A, B, …, answer, separated by tabs",
            ));
        }
    }
    Ok(Box::new(table))
}

struct Record {
    fields: Vec<Vec<u8>>,
    too_long: bool,
}

struct Table {
    path: PathBuf,
    file: BufReader<File>,
    reader: Reader,
    columns: Vec<String>,
    over: bool,
}

impl Table {
    /// The next record; of fields that are too long, nothing.
    fn record(&mut self) -> Result<Option<Record>> {
        let mut record = Record { fields: Vec::new(), too_long: false };
        let (mut field, mut length) = (Vec::new(), 0_usize);
        let mut chunk = [0; 1 << 14];
        loop {
            let input = self.file.fill_buf().map_err(|error| Error::reading(&self.path, &error))?;
            let (result, used, made) = self.reader.read_field(input, &mut chunk);
            self.file.consume(used);
            length += made;
            if length <= MAX_FIELD {
                field.extend_from_slice(&chunk[..made]);
            } else {
                (field, record.too_long) = (Vec::new(), true);
            }
            match result {
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
                ReadFieldResult::Field { record_end } => {
                    if record.fields.len() < MAX_COLUMNS {
                        record.fields.push(std::mem::take(&mut field));
                    } else {
                        (field, record.too_long) = (Vec::new(), true);
                    }
                    length = 0;
                    if record_end {
                        return Ok(Some(record));
                    }
                }
                ReadFieldResult::End => return Ok(None),
            }
        }
    }

    fn row(&self, record: &Record) -> Found {
        let column = |name: &str| self.columns.iter().position(|column| column == name);
        let text = |name: &str| {
            let bytes = column(name).and_then(|at| record.fields.get(at)).filter(|bytes| bytes.len() <= MAX_TEXT)?;
            let text = std::str::from_utf8(bytes).ok()?;
            // What pandas writes for nothing.
            (!text.is_empty() && text != "nan").then(|| text.to_owned())
        };
        let idx = text("index").or_else(|| text("idx"));
        let bad = |fault| Found::Bad { idx: idx.clone(), fault };
        if record.too_long {
            return bad(Fault::new("one of its fields is too long", "over 64 MiB"));
        }
        if record.fields.len() != self.columns.len() {
            let detail = format!("{} fields instead of {}", record.fields.len(), self.columns.len());
            return bad(Fault::new("it has not a field for each column", detail));
        }
        let choices = ('a'..='z').map_while(|letter| text(&letter.to_string())).collect();
        let picture = match column("image").and_then(|at| record.fields.get(at)) {
            None => RawPicture::Missing,
            Some(bytes) if bytes.is_empty() => RawPicture::Missing,
            Some(bytes) if bytes.len() < SHORTEST_PICTURE => {
                RawPicture::SameAs(String::from_utf8_lossy(bytes).into_owned())
            }
            Some(bytes) => match STANDARD.decode(bytes.trim_ascii()) {
                Ok(bytes) => RawPicture::Bytes(bytes),
                Err(error) => return bad(Fault::new("its picture is no base64", error)),
            },
        };
        Found::Row(Box::new(Row::of_columns(idx, choices, picture, text)))
    }
}

impl Iterator for Table {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let record = self.record();
        self.over = !matches!(record, Ok(Some(_)));
        record.transpose().map(|record| record.map(|record| self.row(&record)))
    }
}
