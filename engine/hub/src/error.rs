//! What can go wrong on the way from the hub, by what a person can do about it.

use std::path::Path;

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not brought. Each says what, and what to do; no address of a server stands in it but the endpoint that
/// whoever runs the program chose.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It was asked to stop. What arrived is kept and used the next time.
    #[error("cancelled")]
    Cancelled,
    /// What was asked for cannot be asked: a name, a setting, a variable of the environment.
    #[error("{what}\n  {help}")]
    Usage {
        /// What is wrong, with the value.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// The cache takes no files, or has no room.
    #[error("{what}\n  {help}")]
    Storage {
        /// What could not be written where, or how much room is missing.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// The hub could not be reached, did not give what was asked for, or gave something else.
    #[error("{what}\n  {help}")]
    Hub {
        /// What was asked for and what came.
        what: String,
        /// What to do about it.
        help: String,
    },
}

impl Error {
    pub(crate) fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), help: help.into() }
    }

    pub(crate) fn hub(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Hub { what: what.into(), help: help.into() }
    }

    /// What the system said of `path`, a place in the cache.
    pub(crate) fn storage(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let help = match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => {
                "make room, or set HF_HUB_CACHE to a directory on a larger disk; what arrived so far is kept"
            }
            PermissionDenied | ReadOnlyFilesystem => {
                "set HF_HUB_CACHE to a directory that you may write to, or get the permission for this one"
            }
            _ => "check this directory, or set HF_HUB_CACHE to another one",
        };
        Self::Storage { what: format!("{}: {error}", path.display()), help: help.into() }
    }
}
