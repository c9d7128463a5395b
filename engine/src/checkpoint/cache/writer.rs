//! Writes quantised matrices into a file on a thread of its own: nobody waits for the disk.

use super::PART;
use super::file::{ALIGNMENT, MAGIC, PIECE, Place, Table};
use crate::nn::Quantised;
use crate::threads;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use tempfile::NamedTempFile;

enum Told {
    /// A matrix: its name among the weights. Whoever closes the model need not wait until it is written.
    Matrix(String, Weak<Quantised>),
    /// That was all.
    End,
}

/// A file that is being written. It has its name only if [`Writer::finish`] was called and everything could be written.
pub(super) struct Writer(Sender<Told>);

impl Writer {
    /// Begins a file of about so many `bytes` for `path` in `directory`; `about` is the format, and what it is made from. `None` if
    /// that is not possible.
    pub(super) fn start(directory: &Path, path: PathBuf, about: (String, String), bytes: u64) -> Option<Self> {
        let part = tempfile::Builder::new().prefix(PART).tempfile_in(directory).and_then(|part| {
            // Whoever tidies up knows by the lock that it is being written, and whoever makes room by the length how much it will be.
            part.as_file().lock()?;
            part.as_file().set_len(bytes)?;
            Ok(part)
        });
        let part = part.inspect_err(|error| tracing::info!(%error, "quantised weights are not kept")).ok()?;
        let (tell, told) = unbounded();
        let write = move || match write(part, &path, about, &told) {
            Ok(true) => tracing::info!(file = %path.display(), "quantised weights are kept"),
            Ok(false) => tracing::debug!("the model was closed before its quantised weights were written"),
            Err(error) => tracing::info!(%error, file = %path.display(), "quantised weights are not kept"),
        };
        threads::named("weight-cache").spawn(write).ok()?;
        Some(Self(tell))
    }

    pub(super) fn keep(&self, key: &str, quantised: &Arc<Quantised>) {
        // One that could not go on has said so.
        let _ = self.0.send(Told::Matrix(Table::key(key, quantised.format()), Arc::downgrade(quantised)));
    }

    pub(super) fn finish(&self) {
        let _ = self.0.send(Told::End);
    }
}

/// Writes what is told of until the end; gives whether that came, and everything was still there.
fn write(part: NamedTempFile, path: &Path, about: (String, String), told: &Receiver<Told>) -> io::Result<bool> {
    let (format, source) = about;
    let mut table = Table { format, source, ..Table::default() };
    let mut out = BufWriter::with_capacity(PIECE, part);
    let mut at = 0u64;
    loop {
        let (key, quantised) = match told.recv() {
            Ok(Told::Matrix(key, quantised)) => (key, quantised),
            Ok(Told::End) => break,
            Err(_) => return Ok(false),
        };
        let Some(quantised) = quantised.upgrade() else { return Ok(false) };
        let padding = at.next_multiple_of(ALIGNMENT) - at;
        out.write_all(&[0; ALIGNMENT as usize][..padding as usize])?;
        at += padding;
        let (bytes, (output, input)) = (quantised.bytes(), quantised.dims());
        let mut checksums = Vec::with_capacity(bytes.len().div_ceil(PIECE));
        for piece in bytes.chunks(PIECE) {
            checksums.push(crc32fast::hash(piece));
            out.write_all(piece)?;
        }
        table.matrices.insert(key, Place { start: at, length: bytes.len() as u64, output, input, checksums });
        at += bytes.len() as u64;
    }
    let table = serde_json::to_vec(&table)?;
    at += table.len() as u64 + 4 + 8 + MAGIC.len() as u64;
    out.write_all(&table)?;
    out.write_all(&crc32fast::hash(&table).to_le_bytes())?;
    out.write_all(&(table.len() as u64).to_le_bytes())?;
    out.write_all(&MAGIC)?;
    let part = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    part.as_file().set_len(at)?;
    part.as_file().sync_data()?;
    part.persist(path)?;
    Ok(true)
}
