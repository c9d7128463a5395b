//! A weight file mapped into memory: read where it lies, never copied whole, and given back page by page.
//!
//! Weights that are kept as they are stored stay in the mapping for as long as the model lives ([`MappedRange`]). The
//! file must not be written to in that time: the mapping is private but not a copy, so that new bytes in the same file
//! would show as other weights (never as anything but numbers: every pattern of bits is one). Whoever puts a new file under the old name,
//! as downloads and this program's own outputs do, leaves the mapping as it was. A file that is cut short ends the process with
//! a signal when the missing part is read.
#![allow(unsafe_code)] // Mapping a file is unsafe by nature; this module is the only one that does it.

use crate::error::{Error, Refusal, Result};
use memmap2::Mmap;
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of known length, readable as bytes.
#[derive(Debug)]
pub(super) struct MappedFile {
    path: PathBuf,
    /// What was known of the file when it was opened.
    about: Metadata,
    map: Mmap,
}

impl MappedFile {
    /// Maps `path` for reading.
    ///
    /// # Errors
    /// A refusal if the file is empty or no regular file; [`Error::Io`] if the system cannot open or map it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        // Asked of the name, not of the open file: opening a pipe would wait for someone to write.
        let about = std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
        if !about.is_file() {
            return Err(Refusal::new(path, "is no regular file").help("download this file again").into());
        }
        if about.len() == 0 {
            return Err(Refusal::new(path, "is empty").help("download this file again").into());
        }
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let about = file.metadata().map_err(|e| Error::io(path, e))?;
        // SAFETY: the map is private and read-only, and this type hands out shared slices of bytes only, for which
        // every content is valid, as it is for the numbers they are read as (any bits are an f32, bf16 or f16). Lengths,
        // offsets and whatever else must not change are copied out when the file is opened. What remains is another process
        // that writes to the file while it is mapped, which changes numbers, or shortens it, which ends this process with a
        // signal, as it would in every program that maps files; neither can corrupt memory.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| match e.kind() {
            ErrorKind::OutOfMemory => {
                Error::no_room(format!("{} takes {} MB to be mapped", path.display(), about.len() / 1_000_000))
            }
            _ => Error::io(path, e),
        })?;
        Ok(Self { path: path.to_path_buf(), about, map })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was known of it when it was opened.
    pub(super) fn about(&self) -> &Metadata {
        &self.about
    }

    /// Its content.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Tells the system that `len` bytes from `start` are not needed any more, so that they stop counting as this
    /// process's memory. They can still be read; they then come from the file again. Best effort.
    pub(super) fn release(&self, start: usize, len: usize) {
        #[cfg(unix)]
        {
            // SAFETY: the pages of a private map of a file that is never written hold nothing but the file's content.
            // Dropping them is not observable: the next access reads the same bytes from the file.
            let advised = unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, len) };
            if let Err(error) = advised {
                tracing::debug!(file = %self.path.display(), %error, "could not release mapped pages");
            }
        }
        #[cfg(not(unix))]
        let _ = (start, len);
    }

    /// Asks the system to have `len` bytes from `start` at hand soon. Best effort.
    pub(super) fn will_need(&self, start: usize, len: usize) {
        #[cfg(unix)]
        if let Err(error) = self.map.advise_range(memmap2::Advice::WillNeed, start, len) {
            tracing::debug!(file = %self.path.display(), %error, "could not announce mapped pages");
        }
        #[cfg(not(unix))]
        let _ = (start, len);
    }
}

/// Part of a mapped file, which stays mapped as long as this lives.
#[derive(Debug, Clone)]
pub(super) struct MappedRange {
    file: Arc<MappedFile>,
    start: usize,
    len: usize,
}

impl MappedRange {
    /// `len` bytes of `file` from `start`.
    pub(super) fn new(file: &Arc<MappedFile>, start: usize, len: usize) -> Self {
        Self { file: Arc::clone(file), start, len }
    }

    /// Tells the system that its bytes are not needed for now: see [`MappedFile::release`].
    fn release(&self) {
        self.file.release(self.start, self.len);
    }
}

/// Weights that lie in mapped files.
#[derive(Debug, Default)]
pub(crate) struct MappedWeights(Vec<MappedRange>);

impl MappedWeights {
    pub(super) fn extend(&mut self, ranges: impl IntoIterator<Item = MappedRange>) {
        self.0.extend(ranges);
    }

    /// How many bytes they are.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|range| range.len as u64).sum()
    }

    /// Tells the system that they are not needed for now. Whoever uses them again finds them in its cache of files, or waits for
    /// the disk.
    pub(crate) fn release(&self) {
        self.0.iter().for_each(MappedRange::release);
    }
}

impl AsRef<[u8]> for MappedRange {
    fn as_ref(&self) -> &[u8] {
        self.file.bytes().get(self.start..self.start + self.len).unwrap_or_default()
    }
}
