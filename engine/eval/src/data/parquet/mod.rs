//! Parquet files with the columns of CV-Bench, row by row.
//!
//! The library reads what is small. Pictures are read as a stream where they are compressed in the usual ways ([`mod@column`]),
//! because it holds pages whole, and writers put a thousand pictures into a page.

mod column;
mod header;
mod snappy;

pub(super) use column::Column;

use super::Fault;
use super::row::{Found, MAX_TEXT, RawPicture, Row, Rows};
use crate::error::{Error, Result};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::reader::{ReaderIter, TreeBuilder};
use ::parquet::record::{Field, Row as Record};
use ::parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The columns that are read; the others are left where they are.
const COLUMNS: [&str; 36] = [
    "idx",
    "index",
    "type",
    "task",
    "category",
    "image",
    "question",
    "hint",
    "choices",
    "answer",
    "prompt",
    "source",
    "source_filename",
    "cluster",
    "filename",
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "H",
    "I",
    "J",
    "K",
    "L",
    "M",
    "N",
    "O",
    "P",
    "Q",
    "R",
    "S",
    "T",
    "U",
];

/// Values that are read ahead of a column: of pictures, few fit into memory.
const AHEAD: usize = 4;

/// Bytes of the largest page that is read whole: of pictures that cannot be read as a stream, and of all else.
const MAX_PAGE_OF_PICTURES: u64 = 512 << 20;
const MAX_PAGE: u64 = 64 << 20;

/// What a damaged file is answered with.
const HELP: &str = "download it again; a file that was cut off cannot be read, because its description is at its end";

/// Opens the file.
pub(super) fn open(path: &Path) -> Result<Rows> {
    let file = File::open(path).map_err(|error| Error::reading(path, &error))?;
    let reader = guarded(path, || SerializedFileReader::new(file))?;
    let described = reader.metadata().file_metadata().schema();
    let found: Vec<Arc<Type>> =
        described.get_fields().iter().filter(|field| COLUMNS.contains(&field.name())).cloned().collect();
    for needed in ["question", "answer", "image"] {
        if !found.iter().any(|field| field.name() == needed) {
            return Err(Error::at(
                path,
                format!("there is no column `{needed}`"),
                "a set in this format has the columns of CV-Bench: idx, image, question, choices, answer, prompt, …",
            ));
        }
    }
    let wanted = guarded(path, || Type::group_type_builder(described.name()).with_fields(found).build())?;
    let wanted = Arc::new(SchemaDescriptor::new(Arc::new(wanted)));
    let table = Table { path: path.to_path_buf(), reader, wanted, group: 0, rows: None, row: None, over: false };
    Ok(Box::new(table))
}

/// Does `what`; a failure or a panic of the library, which a damaged file can cause, says which file it was.
fn guarded<T>(path: &Path, what: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(what)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::at(path, format!("this is no whole parquet file: {error}"), HELP)),
        Err(_) => Err(Error::at(path, "this parquet file is damaged", HELP)),
    }
}

struct Table {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    wanted: SchemaDescPtr,
    group: usize,
    rows: Option<ReaderIter>,
    /// The next row of the group, where its pictures were read as a stream.
    row: Option<usize>,
    over: bool,
}

impl Table {
    fn read(&mut self) -> Result<Option<Found>> {
        loop {
            if let Some(rows) = &mut self.rows {
                if let Some(record) = guarded(&self.path, || rows.next().transpose())? {
                    let at = self.row;
                    self.row = at.map(|at| at + 1);
                    return Ok(Some(found(&record, at)));
                }
                self.rows = None;
            }
            if self.group == self.reader.num_row_groups() {
                return Ok(None);
            }
            let column = self.pictures();
            let wanted =
                if column.is_some() { without_pictures(&self.path, &self.wanted)? } else { Arc::clone(&self.wanted) };
            self.check_pages(&wanted)?;
            let (reader, group) = (&self.reader, self.group);
            let opened = guarded(&self.path, || {
                let group = reader.get_row_group(group)?;
                TreeBuilder::new().with_batch_size(AHEAD).as_iter(wanted, &*group)
            })?;
            self.rows = Some(opened);
            self.row = column.as_ref().map(|_| 0);
            self.group += 1;
            if let Some(column) = column {
                return Ok(Some(Found::Pictures(Box::new(column))));
            }
        }
    }
}

impl Table {
    /// The pictures of the next group, if they can be read as a stream.
    fn pictures(&self) -> Option<Column> {
        let group = self.reader.metadata().row_group(self.group);
        let rows = usize::try_from(group.num_rows()).ok()?;
        let chunk = group.columns().iter().find(|chunk| {
            let path = chunk.column_path().string();
            path == "image.bytes" || path == "image"
        })?;
        Column::new(self.path.clone(), chunk, rows)
    }

    /// Checks that the library can hold every page that it reads of the columns of `wanted`: a page may be a thousand times
    /// as large as it lies in the file.
    fn check_pages(&self, wanted: &SchemaDescPtr) -> Result<()> {
        let mut file = File::open(&self.path).map_err(|error| Error::reading(&self.path, &error))?;
        for chunk in self.reader.metadata().row_group(self.group).columns() {
            let name = chunk.column_path().parts().first().map_or("", String::as_str);
            if !wanted.root_schema().get_fields().iter().any(|field| field.name() == name) {
                continue;
            }
            let largest = column::largest_page(&mut file, chunk);
            let largest = largest
                .map_err(|error| Error::at(&self.path, format!("this is no whole parquet file: {error}"), HELP))?;
            let most = if name == "image" { MAX_PAGE_OF_PICTURES } else { MAX_PAGE };
            if largest > most {
                return Err(Error::at(
                    &self.path,
                    format!("a page of its column `{name}` has {} MiB, more than {} MiB", largest >> 20, most >> 20),
                    "write the file anew with smaller pages, compressed with snappy or gzip",
                ));
            }
        }
        Ok(())
    }
}

/// The columns of `wanted` but the pictures.
fn without_pictures(path: &Path, wanted: &SchemaDescPtr) -> Result<SchemaDescPtr> {
    let schema = wanted.root_schema();
    let fields: Vec<Arc<Type>> = schema.get_fields().iter().filter(|field| field.name() != "image").cloned().collect();
    let schema = guarded(path, || Type::group_type_builder(schema.name()).with_fields(fields).build())?;
    Ok(Arc::new(SchemaDescriptor::new(Arc::new(schema))))
}

impl Iterator for Table {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

fn found(record: &Record, streamed: Option<usize>) -> Found {
    let field = |name: &str| record.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field);
    let text = |name: &str| field(name).and_then(text);
    let idx = text("idx").or_else(|| text("index"));
    let mut choices: Vec<String> = match field("choices") {
        Some(Field::ListInternal(list)) => list.elements().iter().filter_map(self::text).collect(),
        _ => Vec::new(),
    };
    if choices.is_empty() {
        choices = ('A'..='Z').map_while(|letter| text(&letter.to_string())).filter(|text| !text.is_empty()).collect();
    }
    let picture = match (streamed, field("image").map(picture)) {
        (Some(row), _) => RawPicture::Streamed(row),
        (None, None) => RawPicture::Missing,
        (None, Some(Ok(picture))) => picture,
        (None, Some(Err(fault))) => return Found::Bad { idx, fault },
    };
    Found::Row(Box::new(Row::of_columns(idx, choices, picture, text)))
}

/// A text, or a whole number as one.
fn text(field: &Field) -> Option<String> {
    match field {
        Field::Str(text) => Some(text.clone()).filter(|text| text.len() <= MAX_TEXT),
        Field::Bytes(bytes) if bytes.len() <= MAX_TEXT => String::from_utf8(bytes.data().to_vec()).ok(),
        Field::Byte(n) => Some(n.to_string()),
        Field::Short(n) => Some(n.to_string()),
        Field::Int(n) => Some(n.to_string()),
        Field::Long(n) => Some(n.to_string()),
        Field::UByte(n) => Some(n.to_string()),
        Field::UShort(n) => Some(n.to_string()),
        Field::UInt(n) => Some(n.to_string()),
        Field::ULong(n) => Some(n.to_string()),
        _ => None,
    }
}

/// The picture: the bytes of a file, alone or beside its path, or base64.
fn picture(field: &Field) -> Result<RawPicture, Fault> {
    match field {
        Field::Bytes(bytes) => Ok(RawPicture::Bytes(bytes.data().to_vec())),
        Field::Str(text) => match STANDARD.decode(text.trim()) {
            Ok(bytes) => Ok(RawPicture::Bytes(bytes)),
            Err(error) => Err(Fault::new("its picture is no base64", error)),
        },
        Field::Group(parts) => {
            let part = |name: &str| parts.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field);
            match (part("bytes"), part("path")) {
                (Some(Field::Bytes(bytes)), _) => Ok(RawPicture::Bytes(bytes.data().to_vec())),
                (_, Some(Field::Str(path))) => Ok(RawPicture::File(path.clone())),
                _ => Ok(RawPicture::Missing),
            }
        }
        _ => Ok(RawPicture::Missing),
    }
}
