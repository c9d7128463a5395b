//! What can go wrong while forging.

use std::path::{Path, PathBuf};

/// Result of everything in this crate that can fail.
pub type Result<T, E = ForgeError> = std::result::Result<T, E>;

/// Why a checkpoint was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// The numbers asked for do not fit together.
    #[error("this shape cannot be: {0}")]
    Spec(String),
    /// The target holds something already.
    #[error("{path} is not an empty directory\n  what to do: name a new one, or empty it first", path = .0.display())]
    NotEmpty(PathBuf),
    /// The disk is too small.
    #[error(
        "{path}: not enough disk space: {needed} bytes are needed, {free} are free\n  \
         what to do: choose another disk, a smaller shape, or --dtype bf16",
        path = path.display()
    )]
    NoSpace {
        /// The target.
        path: PathBuf,
        /// Bytes the checkpoint will take.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A file could not be written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl ForgeError {
    /// A failure of the operating system at `path`; for `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}
