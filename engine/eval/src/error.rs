//! What can go wrong: what, where, and what to do.

use std::path::Path;

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure in words. Names and values of strangers stand in it as they are; whoever prints it makes them printable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  {help}")]
pub struct Error {
    /// What is wrong, naming the file and the value.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl Error {
    /// `what` is wrong; do `help`.
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }

    /// The file `path` is wrong: `what`.
    pub fn at(path: &Path, what: impl std::fmt::Display, help: impl Into<String>) -> Self {
        Self::new(format!("{}: {what}", path.display()), help)
    }

    /// What the system said about reading `path`.
    pub fn reading(path: &Path, error: &std::io::Error) -> Self {
        Self::at(path, error, "check the path and its permissions")
    }

    /// What the system said about writing `path`.
    pub fn writing(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let help = match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => {
                "make room and give the same command again: what is finished is kept"
            }
            _ => "check the path and its permissions, or write somewhere else",
        };
        Self::at(path, format!("cannot be written: {error}"), help)
    }
}
