//! Comma-separated values as they are read.

use crate::error::{Error, Result};
use csv_core::{ReadFieldResult, Reader};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No table is longer.
const MAX_BYTES: u64 = 8 << 20;

/// The lines of the table at `path` that are not empty, with their numbers; `help` says what such a table looks like.
///
/// # Errors
/// If it cannot be read, is too long, or is no text.
pub fn rows(path: &Path, help: &str) -> Result<Vec<(u64, Vec<String>)>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| Error::reading(path, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::at(path, format!("it is longer than {} MiB", MAX_BYTES >> 20), help));
    }
    let text =
        std::str::from_utf8(&bytes).map_err(|error| Error::at(path, format!("this is no text: {error}"), help))?;
    let mut input = text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes();
    let (mut reader, mut rows, mut row, mut field) = (Reader::new(), Vec::new(), Vec::new(), Vec::new());
    let mut line = 1;
    let mut chunk = [0; 4096];
    loop {
        let (result, used, made) = reader.read_field(input, &mut chunk);
        input = &input[used..];
        field.extend_from_slice(&chunk[..made]);
        match result {
            // An empty input is how the reader is told of the end.
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                row.push(String::from_utf8_lossy(&std::mem::take(&mut field)).into_owned());
                if record_end {
                    rows.push((line, std::mem::take(&mut row)));
                    line = reader.line();
                }
            }
            ReadFieldResult::End => return Ok(rows),
        }
    }
}
