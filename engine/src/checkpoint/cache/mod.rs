//! What is kept on disk from one opening of a checkpoint to the next: quantised weights (`weights.rs`), so that a checkpoint is
//! quantised once, and features of pictures (`features.rs`), so that an encoder looks at a picture once.
//!
//! Each is a [`DiskCache`] of its own: a directory of files (`file.rs`) that are written while the model is at work already
//! (`part.rs`) and mapped when they are wanted again. The name of a file says what it was made from: place, size and times of each
//! weight file, as they were when it was opened, so that what was made of a file that was changed is made anew. Every piece is
//! checked before it is used, against damage; against other people there are the rights to the directory, and where they may write
//! nothing is used. All of it may be deleted at any time; what was used longest ago goes when there is too much.

mod features;
mod file;
mod part;
mod weights;

use super::files::WeightFiles;
use crate::error::{Error, Result};
use file::CachedFile;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(crate) use features::{AskedFeatures, KeptFeatures};
pub(crate) use weights::Conversions;

/// How the names of files end.
const SUFFIX: &str = ".tensors";

/// How the names of files begin that are being written.
const PART: &str = ".part-";

/// So many bytes of the disk are left to others.
const DISK_LEFT: u64 = 4 << 30;

/// What is made of less than this is made sooner than it is looked for.
const WORTHWHILE: u64 = 64 << 20;

/// What a user keeps on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caches {
    /// Quantised weights.
    pub weights: DiskCache,
    /// Features of pictures.
    pub features: DiskCache,
}

/// A directory of files that can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskCache {
    /// Where the files are. It need not be there yet.
    pub directory: PathBuf,
    /// The most bytes that all of them may have.
    pub limit: u64,
    /// The fewest bytes of weights, as they are in memory, that anything made of them is kept of.
    pub least: u64,
}

/// One of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFileInfo {
    /// What it is called in this cache.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// When it was used last.
    pub used: SystemTime,
    /// The format of its numbers, and the weights that they or their encoder were made from; `None` if it is damaged.
    pub holds: Option<(String, String)>,
}

impl DiskCache {
    /// The cache in `directory`, of at most `limit` bytes.
    pub fn new(directory: PathBuf, limit: u64) -> Self {
        Self { directory, limit, least: WORTHWHILE }
    }

    /// What is in it, the one used last at the beginning. A directory that is not there is empty.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn list(&self) -> Result<Vec<CachedFileInfo>> {
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
            all.push(CachedFileInfo { name: name.to_owned(), bytes: about.len(), used, holds });
        }
        all.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
        Ok(all)
    }

    /// Removes what [`DiskCache::list`] calls `name`. A model that has it open keeps it until it is closed.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such file, [`Error::Io`] if it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        if !self.list()?.iter().any(|one| one.name == name) {
            return Err(Error::input(
                format!("`{name}` is not in the cache"),
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

    /// Whether there is room for what is made of `bytes` of weights, if it is not there already.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        let nearest = self.directory.ancestors().find(|directory| directory.is_dir());
        let free = nearest.and_then(|directory| fs4::available_space(directory).ok()).unwrap_or(0);
        (self.least..=self.limit).contains(&bytes) && self.is_usable() && free >= bytes.saturating_add(DISK_LEFT)
    }

    /// Whether anything may be kept or used.
    fn is_usable(&self) -> bool {
        if self.limit > 0 && self.directory.exists() && !is_private(&self.directory) {
            tracing::warn!(directory = %self.directory.display(), "others may write here: nothing is kept");
            return false;
        }
        self.limit > 0
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

/// A name for what was made from all of `parts`: hexadecimal digits that anything else has others of.
fn name_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update("\n");
    }
    hash.finalize().iter().take(16).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// What tells the weights in `files` from those of another state of the same files; `None` if nothing does.
fn identities(files: &WeightFiles) -> Option<Vec<String>> {
    files.opened().map(identity).collect()
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
