//! A file of matrices: their bytes as they lie in memory, each at a multiple of 64, then a table of contents in
//! JSON, the CRC-32 of that in 4 bytes, its length in 8, and [`MAGIC`].

use super::super::map::{MappedFile, MappedRange};
use crate::error::Result;
use crate::precision::WeightFormat;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// The last bytes of every file.
pub(super) const MAGIC: [u8; 8] = *b"OPABQW01";

/// Where matrices begin: at multiples of a line of the processor's caches.
pub(super) const ALIGNMENT: u64 = 64;

/// Bytes that share a checksum.
pub(super) const PIECE: usize = 4 << 20;

/// Pieces that are checked between two looks at the cancel token.
const AT_ONCE: usize = 16;

/// No table of contents is longer: 16 MiB are some 100,000 matrices.
const LONGEST_TABLE: usize = 16 << 20;

/// What a file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Table {
    /// The format of the numbers that were chosen to be kept.
    pub(super) format: String,
    /// What it was made from, for people.
    pub(super) source: String,
    /// By [`Table::key`].
    pub(super) matrices: BTreeMap<String, Place>,
}

/// Where a matrix lies, and what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) output: usize,
    pub(super) input: usize,
    /// CRC-32 of each [`PIECE`].
    pub(super) checksums: Vec<u32>,
}

impl Table {
    /// What a matrix is called: a tied one may be there in two formats.
    pub(super) fn key(key: &str, format: WeightFormat) -> String {
        format!("{} {key}", format.name())
    }

    /// Whether every matrix lies within `end` bytes, as its format has it.
    fn is_within(&self, end: u64) -> bool {
        self.matrices.iter().all(|(key, place)| {
            let format = key
                .split_once(' ')
                .and_then(|(format, _)| WeightFormat::ALL.into_iter().find(|known| known.name() == format));
            format.is_some_and(|format| format.bytes(place.output, place.input) == place.length)
                && place.start.is_multiple_of(ALIGNMENT)
                && place.start.checked_add(place.length).is_some_and(|last| last <= end)
                && place.checksums.len() as u64 == place.length.div_ceil(PIECE as u64)
        })
    }
}

/// What became of looking for a matrix.
pub(super) enum Checked {
    Whole(MappedRange),
    NotThere,
    Damaged,
}

/// A file, open, with its table read.
pub(super) struct CachedFile {
    file: Arc<MappedFile>,
    table: Table,
}

impl CachedFile {
    /// Opens a file; `None` if it is not there, or not whole.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let file = MappedFile::open(path).ok()?;
        let (rest, magic) = file.bytes().split_last_chunk::<8>()?;
        let (rest, length) = rest.split_last_chunk::<8>()?;
        let (rest, checksum) = rest.split_last_chunk::<4>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= LONGEST_TABLE)?;
        let end = rest.len().checked_sub(length).filter(|_| *magic == MAGIC)?;
        let table = rest.get(end..).filter(|table| crc32fast::hash(table) == u32::from_le_bytes(*checksum))?;
        let table: Table = serde_json::from_slice(table).ok()?;
        table.is_within(end as u64).then(|| Self { file: Arc::new(file), table })
    }

    /// The format, and what it was made from.
    pub(super) fn about(&self) -> (String, String) {
        (self.table.format.clone(), self.table.source.clone())
    }

    /// Says that it was used now. Best effort.
    pub(super) fn touch(&self) {
        if let Ok(file) = File::options().append(true).open(self.file.path()) {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// Has it made anew next time. What is mapped stays as it is.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(self.file.path());
    }

    /// The bytes of the matrix `key` `[output, input]` as `format`, if they are there and as they were written. `step` is told of the bytes that were checked.
    ///
    /// # Errors
    /// Those of `step`.
    pub(super) fn checked(
        &self,
        key: &str,
        format: WeightFormat,
        dims: (usize, usize),
        step: impl Fn(u64) -> Result<()>,
    ) -> Result<Checked> {
        let place = self.table.matrices.get(&Table::key(key, format));
        let Some(place) = place.filter(|place| (place.output, place.input) == dims) else {
            return Ok(Checked::NotThere);
        };
        // That it fits was checked when the file was opened.
        let (start, length) = (place.start as usize, place.length as usize);
        let bytes = self.file.bytes().get(start..start + length).unwrap_or_default();
        self.file.will_need(start, length);
        for (bytes, sums) in bytes.chunks(PIECE * AT_ONCE).zip(place.checksums.chunks(AT_ONCE)) {
            if !bytes.par_chunks(PIECE).zip(sums).all(|(piece, sum)| crc32fast::hash(piece) == *sum) {
                return Ok(Checked::Damaged);
            }
            step(bytes.len() as u64)?;
        }
        Ok(Checked::Whole(MappedRange::new(&self.file, start, length)))
    }
}
