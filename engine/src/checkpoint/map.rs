//! A weight file mapped into memory: read where it lies, never copied whole, and given back page by page.
#![allow(unsafe_code)] // Mapping a file is unsafe by nature; this module is the only one that does it.

use crate::error::{Error, Refusal, Result};
use memmap2::Mmap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A file of known length, readable as bytes.
#[derive(Debug)]
pub(super) struct MappedFile {
    path: PathBuf,
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
        // SAFETY: the map is private and read-only, and this type hands out shared slices of bytes only, for which
        // every content is valid. What remains is another process that shortens the file while it is mapped; that ends
        // this process with a signal, as it would in every program that maps files, and cannot corrupt memory.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| match e.kind() {
            ErrorKind::OutOfMemory => {
                Error::no_room(format!("{} takes {} MB to be mapped", path.display(), about.len() / 1_000_000))
            }
            _ => Error::io(path, e),
        })?;
        Ok(Self { path: path.to_path_buf(), map })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
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
}
