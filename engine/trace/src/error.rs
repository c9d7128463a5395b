//! What a person wrote that cannot be used.

/// A name, a place or a number that a person gave and that is not there, and what to give instead.
///
/// What was given stands in it as it is: whoever shows it on a terminal makes it printable first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  {help}")]
pub struct Unusable {
    /// What is wrong, naming the value.
    pub what: String,
    /// What to do about it, with what there is.
    pub help: String,
}

impl Unusable {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
}

/// Result of whatever reads what a person wrote.
pub(crate) type Result<T> = std::result::Result<T, Unusable>;
