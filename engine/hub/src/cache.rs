//! Which snapshot of a repository in a cache is meant.
//!
//! A cache holds a directory `models--<organisation>--<name>` per repository, with `refs/main` naming a commit and
//! `snapshots/<commit>/` holding its files, normally as links into a store of blobs.

use crate::names::is_plain_name;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// No name of a revision is longer.
const MAX_REVISION: u64 = 256;

/// The branch that is meant where nobody names one.
pub const MAIN: &str = "main";

/// The snapshot to use of the repository in `repo`: the one `refs/main` names, or the only one.
///
/// # Errors
/// In one line, why there is none, naming the place.
pub fn snapshot(repo: &Path) -> Result<PathBuf, String> {
    if !repo.is_dir() {
        return Err(absence(repo));
    }
    let snapshots = repo.join("snapshots");
    let main = repo.join("refs").join(MAIN);
    if main.exists() {
        let mut revision = String::new();
        let read = File::open(&main).and_then(|file| file.take(MAX_REVISION).read_to_string(&mut revision));
        let revision = revision.trim();
        if read.is_err() || !is_plain_name(revision) {
            return Err(format!("{}: names no revision", main.display()));
        }
        let dir = snapshots.join(revision);
        return if dir.is_dir() { Ok(dir) } else { Err(format!("{}: incomplete download (missing)", dir.display())) };
    }
    let dirs = fs::read_dir(&snapshots).map(|entries| {
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    });
    match dirs.unwrap_or_default().as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(format!("{}: no snapshot", snapshots.display())),
        several => Err(format!("{}: {} snapshots and no refs/main to choose one", repo.display(), several.len())),
    }
}

/// Why `path` cannot be used, as a line of detail. Hub caches hold links into a store; a link to nothing is a download
/// that did not finish.
pub fn absence(path: &Path) -> String {
    match path.symlink_metadata() {
        Ok(about) if about.is_symlink() => {
            format!("{}: incomplete download (the link points to a file that is missing)", path.display())
        }
        _ => format!("{}: missing", path.display()),
    }
}
