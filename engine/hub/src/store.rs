//! The cache as it is written: blobs by their checksum, snapshots of links to them, references, locks. The layout and the order
//! of steps are those of `huggingface_hub`, so that both may work in one cache at the same time.
//!
//! A blob is written under a name that ends in `.incomplete`, at the places its bytes belong to, and takes its own name only
//! when its checksum is right. Where a file system grants every lock to everybody, two processes write the same bytes to the
//! same places.

use crate::cache::absence;
use crate::error::{Error, Result};
use crate::listing::{BlobId, RemoteFile};
use crate::names::Repo;
use crate::patience::check;
use crate::progress::Stop;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What tells programs that copy directories that this one can be had again.
const TAG: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a cache of files of the Hugging Face hub.\n";

/// One repository in a cache.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    cache: PathBuf,
    dir: PathBuf,
    locks: PathBuf,
}

/// A lock that is held, and released when this goes.
#[derive(Debug)]
pub(crate) struct Lock {
    // The system releases it when the file is closed.
    _file: Option<File>,
}

impl Store {
    pub(crate) fn new(cache: &Path, repo: &Repo) -> Self {
        let name = repo.dir_name();
        Self { cache: cache.to_path_buf(), dir: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// Where the content `blob` lies, once it is there.
    pub(crate) fn blob(&self, blob: &BlobId) -> PathBuf {
        self.dir.join("blobs").join(blob.digits())
    }

    /// Where it is written until it is.
    pub(crate) fn incomplete(&self, blob: &BlobId) -> PathBuf {
        self.dir.join("blobs").join(format!("{blob}.incomplete"))
    }

    /// The directory that shows the files of `commit` under their names.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit)
    }

    /// Whether `file` is there under its name, with its size.
    pub(crate) fn has(&self, commit: &str, file: &RemoteFile) -> bool {
        is_file_of(&self.snapshot(commit).join(&file.name), file.size)
    }

    /// Whether its content is there, under whatever name.
    pub(crate) fn has_blob(&self, file: &RemoteFile) -> bool {
        is_file_of(&self.blob(&file.blob), file.size)
    }

    /// Bytes of it that an earlier attempt left.
    pub(crate) fn arrived(&self, file: &RemoteFile) -> u64 {
        let length = self.incomplete(&file.blob).metadata().map_or(0, |about| about.len());
        if length > file.size { 0 } else { length }
    }

    /// Makes the directories that blobs and locks go into.
    pub(crate) fn prepare(&self) -> Result<()> {
        let is_new = !self.cache.exists();
        for dir in [self.dir.join("blobs"), self.locks.clone()] {
            fs::create_dir_all(&dir).map_err(|error| Error::storage(&dir, &error))?;
        }
        if is_new {
            let tag = self.cache.join("CACHEDIR.TAG");
            fs::write(&tag, TAG).map_err(|error| Error::storage(&tag, &error))?;
        }
        Ok(())
    }

    /// Waits until no other process brings `blob`; `waiting` is called while one does.
    pub(crate) fn lock(&self, blob: &BlobId, stop: &Stop, mut waiting: impl FnMut()) -> Result<Lock> {
        let path = self.locks.join(format!("{blob}.lock"));
        loop {
            check(stop)?;
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let file = match file {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    // Whoever tidies up may have taken the directory away.
                    self.prepare()?;
                    continue;
                }
                Err(error) => return Err(Error::storage(&path, &error)),
            };
            match file.try_lock() {
                // Others remove the file when they are done: then this is a lock on nothing.
                Ok(()) if is_still(&file, &path) => return Ok(Lock { _file: Some(file) }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    waiting();
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(TryLockError::Error(error)) => {
                    tracing::debug!("{}: no locks here: {error}", path.display());
                    return Ok(Lock { _file: None });
                }
            }
        }
    }

    /// Opens what `blob` is written to, whatever is there of it.
    pub(crate) fn open_incomplete(&self, blob: &BlobId) -> Result<(File, PathBuf)> {
        let path = self.incomplete(blob);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        file.map(|file| (file, path.clone())).map_err(|error| Error::storage(&path, &error))
    }

    /// Gives the content in `incomplete`, whose checksum is right, its name.
    pub(crate) fn land(&self, incomplete: &Path, blob: &BlobId) -> Result<()> {
        let place = self.blob(blob);
        fs::rename(incomplete, &place).map_err(|error| Error::storage(&place, &error))
    }

    /// Shows the content of `file` under its name in `commit`.
    pub(crate) fn link(&self, commit: &str, file: &RemoteFile) -> Result<()> {
        let place = self.snapshot(commit).join(&file.name);
        let at = |error: std::io::Error| Error::storage(&place, &error);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(at)?;
        }
        let ups = "../".repeat(file.name.split('/').count() + 1);
        let target = PathBuf::from(format!("{ups}blobs/{}", file.blob));
        // What is there was looked at, and does not hold this content.
        match symlink(&target, &place) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if self.has(commit, file) {
                    return Ok(());
                }
                let beside = self.beside(&place);
                if symlink(&target, &beside).is_ok() {
                    return fs::rename(&beside, &place).map_err(at);
                }
            }
            Err(error) => tracing::debug!("{}: no links here: {error}", place.display()),
        }
        // Where the system makes no links, the name holds the content itself.
        let beside = self.beside(&place);
        fs::copy(self.blob(&file.blob), &beside).map_err(at)?;
        fs::rename(&beside, &place).map_err(at)
    }

    /// Notes that `revision`, a branch or tag, is `commit`.
    pub(crate) fn write_reference(&self, revision: &str, commit: &str) -> Result<()> {
        let place = self.dir.join("refs").join(revision);
        let at = |error: std::io::Error| Error::storage(&place, &error);
        let parent = place.parent().unwrap_or(&self.dir);
        fs::create_dir_all(parent).map_err(at)?;
        if fs::read(&place).is_ok_and(|before| before == commit.as_bytes()) {
            return Ok(());
        }
        let mut file = tempfile::Builder::new().prefix(".opabinia-").tempfile_in(parent).map_err(at)?;
        file.write_all(commit.as_bytes()).map_err(at)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As the system would have made it; a temporary file is its owner's alone.
            let mode = self.dir.metadata().map_or(0o644, |about| about.permissions().mode() & 0o666);
            file.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(at)?;
        }
        file.persist(&place).map(drop).map_err(|error| at(error.error))
    }

    /// A name beside `place` that nobody else uses.
    fn beside(&self, place: &Path) -> PathBuf {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        place.with_file_name(format!(".opabinia-{}-{name}", std::process::id()))
    }
}

/// Whether a file of `size` bytes is at `path`, which may be a link to it.
fn is_file_of(path: &Path, size: u64) -> bool {
    match path.metadata() {
        Ok(about) => about.is_file() && about.len() == size,
        Err(_) => {
            tracing::trace!("{}", absence(path));
            false
        }
    }
}

/// Whether `path` still names the open `file`.
fn is_still(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else { return false };
        (open.dev(), open.ino()) == (named.dev(), named.ino())
    }
    // Elsewhere an open file cannot be removed.
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

#[cfg(unix)]
fn symlink(target: &Path, place: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(windows)]
fn symlink(target: &Path, place: &Path) -> std::io::Result<()> {
    // A link with slashes in it leads nowhere there.
    let target: PathBuf = target.components().collect();
    std::os::windows::fs::symlink_file(target, place)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_target: &Path, _place: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
