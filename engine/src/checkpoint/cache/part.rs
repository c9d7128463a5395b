//! A file of a cache while it is being written.

use super::PART;
use super::file::{ALIGNMENT, MAGIC, PIECE, Place, Table};
use crate::precision::WeightFormat;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// A file that has no name of its own yet: it goes with this value unless [`Part::finish`] gives it one.
pub(super) struct Part {
    out: BufWriter<NamedTempFile>,
    at: u64,
    table: Table,
}

impl Part {
    /// Begins a file of about so many `bytes` in `directory`; `about` is the format of its numbers, and what they are made from.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn start(directory: &Path, about: (String, String), bytes: u64) -> io::Result<Self> {
        let part = tempfile::Builder::new().prefix(PART).tempfile_in(directory)?;
        // Whoever tidies up knows by the lock that it is being written, and whoever makes room by the length how much it will be.
        part.as_file().lock()?;
        part.as_file().set_len(bytes)?;
        let (format, source) = about;
        let table = Table { format, source, ..Table::default() };
        Ok(Self { out: BufWriter::with_capacity(PIECE, part), at: 0, table })
    }

    /// Adds the matrix `key` `[output, input]`, which lies in memory as `bytes`.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn add(
        &mut self,
        key: &str,
        format: WeightFormat,
        (output, input): (usize, usize),
        bytes: &[u8],
    ) -> io::Result<()> {
        let padding = self.at.next_multiple_of(ALIGNMENT) - self.at;
        self.out.write_all(&[0; ALIGNMENT as usize][..padding as usize])?;
        self.at += padding;
        let mut checksums = Vec::with_capacity(bytes.len().div_ceil(PIECE));
        for piece in bytes.chunks(PIECE) {
            checksums.push(crc32fast::hash(piece));
            self.out.write_all(piece)?;
        }
        let place = Place { start: self.at, length: bytes.len() as u64, output, input, checksums };
        self.table.matrices.insert(Table::key(key, format), place);
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Writes the table of contents, and names the file `path`.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn finish(self, path: &Path) -> io::Result<()> {
        let Self { mut out, at, table } = self;
        let table = serde_json::to_vec(&table)?;
        out.write_all(&table)?;
        out.write_all(&crc32fast::hash(&table).to_le_bytes())?;
        out.write_all(&(table.len() as u64).to_le_bytes())?;
        out.write_all(&MAGIC)?;
        let part = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        part.as_file().set_len(at + table.len() as u64 + 4 + 8 + MAGIC.len() as u64)?;
        part.as_file().sync_data()?;
        part.persist(path)?;
        Ok(())
    }
}
