//! Quantised weights that are kept on disk, so that a checkpoint is quantised once and not at every opening.
//!
//! There is one file for each set of weight files and format (`file.rs`); it is written while the model is at work already
//! (`writer.rs`) and mapped when the same files are opened again. Its name says what it was made from: place, size and times
//! of each file, as they were when it was opened, so that a file that was changed is quantised anew. Every piece is checked
//! before it is used, against damage; against other people there are the rights to the directory, and where they may write
//! nothing is used. All of it may be deleted at any time; what was used longest ago goes when there is too much.

mod file;
mod writer;

use super::files::WeightFiles;
use crate::error::{Error, Result};
use crate::nn::Quantised;
use crate::precision::WeightFormat;
use file::{CachedFile, Checked};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use writer::Writer;

/// Goes into every name: what was quantised in another way, or lies otherwise, is another thing.
const VERSION: &str = "opabinia-quantised-weights-1";

/// How the names of files end.
const SUFFIX: &str = ".weights";

/// How the names of files begin that are being written.
const PART: &str = ".part-";

/// So many bytes of the disk are left to others.
const DISK_LEFT: u64 = 4 << 30;

/// Less than this is quantised sooner than it is looked for.
const WORTHWHILE: u64 = 64 << 20;

/// A directory of quantised weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightCache {
    /// Where the files are. It need not be there yet.
    pub directory: PathBuf,
    /// The most bytes that all of them may have.
    pub limit: u64,
    /// The fewest bytes that are kept.
    pub least: u64,
}

/// One of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedWeights {
    /// What it is called in this cache.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// When it was used last.
    pub used: SystemTime,
    /// The format it holds, and the weights that were quantised; `None` if it is damaged.
    pub holds: Option<(String, String)>,
}

impl WeightCache {
    /// The cache in `directory`, of at most `limit` bytes.
    pub fn new(directory: PathBuf, limit: u64) -> Self {
        Self { directory, limit, least: WORTHWHILE }
    }

    /// What is in it, the one used last at the beginning. A directory that is not there is empty.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn list(&self) -> Result<Vec<CachedWeights>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io(&self.directory, error)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(&self.directory, error))?;
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) else { continue };
            let Some(about) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
            let holds = CachedFile::open(&entry.path()).map(|file| file.about());
            let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            all.push(CachedWeights { name: name.to_owned(), bytes: about.len(), used, holds });
        }
        all.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
        Ok(all)
    }

    /// Removes what [`WeightCache::list`] calls `name`. A model that has it open keeps it until it is closed.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such file, [`Error::Io`] if it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        if !self.list()?.iter().any(|one| one.name == name) {
            return Err(Error::input(
                format!("`{name}` is not in the cache of quantised weights"),
                "`opabinia cache ls` lists what is in it",
            ));
        }
        let path = self.path(name);
        fs::remove_file(&path).map_err(|error| Error::io(path, error))
    }

    /// Removes what was left unfinished: whoever still writes holds a lock on it.
    pub fn tidy(&self) {
        for (path, _) in self.parts() {
            if fs::File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// What is being written, or was left unfinished, with its bytes.
    fn parts(&self) -> Vec<(PathBuf, u64)> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let parts = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PART));
        let parts =
            parts.filter_map(|entry| Some((entry.path(), entry.metadata().ok().filter(fs::Metadata::is_file)?.len())));
        parts.collect()
    }

    /// Whether weights of `files` as `format` are there.
    pub fn has(&self, files: &WeightFiles, format: WeightFormat) -> bool {
        self.limit > 0
            && is_private(&self.directory)
            && name_of(files, format).is_some_and(|name| CachedFile::open(&self.path(&name)).is_some())
    }

    /// What is to be had of `files` as `format`, `bytes` in memory, and the place for what is not.
    pub(crate) fn conversions(&self, files: &WeightFiles, format: WeightFormat, bytes: u64) -> Option<Conversions> {
        if !format.is_quantised() || bytes < self.least || self.limit == 0 {
            return None;
        }
        let name = name_of(files, format)?;
        let path = self.path(&name);
        if self.directory.exists() && !is_private(&self.directory) {
            tracing::warn!(directory = %self.directory.display(), "others may write here: no quantised weights are kept");
            return None;
        }
        if let Some(found) = CachedFile::open(&path) {
            found.touch();
            return Some(Conversions { found: Some(found), writer: None });
        }
        self.tidy();
        if !self.make_room(bytes) {
            return None;
        }
        let about = (format.name().to_owned(), files.origin().display().to_string());
        Some(Conversions { found: None, writer: Writer::start(&self.directory, path, about, bytes) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}{SUFFIX}"))
    }

    /// Whether there is room for another file of so many bytes, after those used longest ago have gone.
    fn make_room(&self, bytes: u64) -> bool {
        if make_private(&self.directory).is_err() {
            return false;
        }
        let (Ok(mut all), Ok(mut free)) = (self.list(), fs4::available_space(&self.directory)) else { return false };
        let mut held: u64 = all.iter().map(|one| one.bytes).sum();
        let written: u64 = self.parts().iter().map(|(_, bytes)| bytes).sum();
        let (wanted, on_disk) = (written.saturating_add(bytes), bytes.saturating_add(DISK_LEFT));
        // Nothing goes in vain.
        if wanted > self.limit || free.saturating_add(held) < on_disk {
            return false;
        }
        while held.saturating_add(wanted) > self.limit || free < on_disk {
            let Some(oldest) = all.pop() else { return false };
            if self.remove(&oldest.name).is_err() {
                return false;
            }
            held -= oldest.bytes;
            free = free.saturating_add(oldest.bytes);
        }
        true
    }
}

/// Makes a directory that is its owner's alone, if it is not there.
fn make_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Whether nobody else may put files into a directory, as far as the system tells.
fn is_private(directory: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(directory).is_ok_and(|about| about.mode() & 0o022 == 0)
    }
    #[cfg(not(unix))]
    directory.is_dir()
}

/// What is known of `files` as `format`: hexadecimal digits that another state of the files has others of. `None` if they
/// cannot be told apart from another state.
fn name_of(files: &WeightFiles, format: WeightFormat) -> Option<String> {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION}\n{}\n", format.name()));
    for opened in files.opened() {
        hash.update(identity(opened)?);
        hash.update("\n");
    }
    let digest = hash.finalize();
    Some(digest.iter().take(16).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    }))
}

/// What tells a file, which was opened when this was known of it, from the same one with another content.
fn identity((path, about): (&Path, &fs::Metadata)) -> Option<String> {
    let written = about.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(format!("{} {} {} {}", path.display(), about.len(), written.as_nanos(), inode(about)))
}

#[cfg(unix)]
fn inode(about: &fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{} {} {}.{}", about.dev(), about.ino(), about.ctime(), about.ctime_nsec())
}

#[cfg(not(unix))]
fn inode(_about: &fs::Metadata) -> String {
    String::new()
}

/// Quantised matrices of one set of weight files: those that are there, and where others go.
pub(crate) struct Conversions {
    found: Option<CachedFile>,
    writer: Option<Writer>,
}

impl Conversions {
    /// The matrix `key` `[output, input]` as `format`, if it is there and whole. `step` is told of the bytes that were checked.
    ///
    /// # Errors
    /// Those of `step`.
    pub(super) fn find(
        &self,
        key: &str,
        format: WeightFormat,
        (output, input): (usize, usize),
        step: impl Fn(u64) -> Result<()>,
    ) -> Result<Option<Quantised>> {
        let Some(found) = &self.found else { return Ok(None) };
        match found.checked(key, format, (output, input), step)? {
            Checked::Whole(bytes) => Ok(Quantised::shared(format, Arc::new(bytes), output, input)),
            // Another checkpoint may have asked for fewer layers of the same encoder.
            Checked::NotThere => Ok(None),
            Checked::Damaged => {
                tracing::warn!(key, "quantised weights in the cache are damaged: they are made again");
                found.remove();
                Ok(None)
            }
        }
    }

    /// Keeps a matrix that was just quantised.
    pub(super) fn keep(&self, key: &str, quantised: &Arc<Quantised>) {
        if let Some(writer) = &self.writer {
            writer.keep(key, quantised);
        }
    }

    /// Everything was kept: the file may have its name once it is written.
    pub(crate) fn finish(&self) {
        if let Some(writer) = &self.writer {
            writer.finish();
        }
    }
}
