//! Why the bytes of a picture file give no pixels.

/// A reason in the words of a message, after "this picture cannot be decoded: " or "this picture is not read: ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The file breaks the rules of its format, or ends too early.
    Damaged(String),
    /// The file may be sound, but is of a kind that the program does not read.
    Unread(String),
    /// Decoding the file would take more memory than any picture may.
    TooLarge(String),
}

/// What a decoder gives.
pub(super) type Result<T> = std::result::Result<T, Fault>;

/// A file of a kind that the program does not read.
pub(super) fn unread<T>(kind: impl Into<String>) -> Result<T> {
    Err(Fault::Unread(kind.into()))
}

/// A file that is damaged or cut short.
pub(super) fn damaged<T>(what: impl Into<String>) -> Result<T> {
    Err(Fault::Damaged(what.into()))
}

impl From<&str> for Fault {
    fn from(what: &str) -> Self {
        Self::Damaged(what.into())
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Damaged(what)
    }
}
