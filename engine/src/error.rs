//! What can go wrong, grouped by what a person can do about it.

use crate::advice::Advice;
use crate::limits;
use crate::printable::{self, lines};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What to do about a failure that is nobody's but the program's.
const REPORT: &str = "this is a fault of the program: please report it, with the command and the names of the files";

/// Every failure of the engine. The variants are the ways a caller may want to react; the text inside says the rest.
///
/// Names and values of strangers stand in the fields as they are; written out ([`fmt::Display`]) they are
/// [`printable`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A checkpoint (or one of its towers) cannot be run; found before or while loading it.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// Something the user gave for this one question cannot be used: an image, a prompt, a setting.
    #[error("{}\n  {}", lines(.what), lines(&.help.to_string()))]
    Input {
        /// What is wrong, naming the file or the value.
        what: String,
        /// What to do about it.
        help: Advice,
    },
    /// The job needs more memory than there is.
    #[error("out of memory: {}\n  {}", lines(.what), lines(&.help.to_string()))]
    OutOfMemory {
        /// What was to be allocated where, with the bytes needed and free where they are known.
        what: String,
        /// What would fit.
        help: Advice,
    },
    /// The job was cancelled by its owner.
    #[error("cancelled")]
    Cancelled,
    /// A file could not be read or written.
    #[error("{}: {source}", printable::path(.path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The device or driver failed, or the engine made a mistake in its arithmetic of shapes.
    #[error("tensor operation failed: {}\n  {REPORT}", lines(&.0.to_string()))]
    Tensor(candle_core::Error),
    /// The engine panicked; the thread survived.
    #[error("internal error (a panic in the engine): {}\n  {REPORT}", lines(.0))]
    Panicked(String),
}

/// Why a checkpoint was refused: the file, the key in it, what was expected, what was found and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The file (or directory) at fault.
    pub file: PathBuf,
    /// The key in it: a tensor name or a JSON field.
    pub key: Option<String>,
    /// One line that says what is wrong.
    pub problem: String,
    /// What would have been right.
    pub expected: Option<String>,
    /// What is there instead.
    pub found: Option<String>,
    /// Further lines: every place looked at and why it was rejected.
    pub details: Vec<String>,
    /// What to do about it.
    pub help: Option<Advice>,
}

impl Refusal {
    /// A refusal of `file` because of `problem`.
    pub fn new(file: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self { file: file.as_ref().to_path_buf(), problem: problem.into(), ..Self::default() }
    }

    /// Names the tensor or JSON field at fault.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Says what would have been right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Says what was there instead.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// Adds a line of detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// The same with its advice in the words of whoever shows it.
    #[must_use]
    pub fn advised(mut self, words: impl Fn(&Advice) -> String) -> Self {
        self.help = self.help.map(|help| Advice::Words(words(&help)));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<Advice>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", printable::path(&self.file))?;
        if let Some(key) = &self.key {
            write!(f, "`{}`: ", printable::line(key))?;
        }
        write!(f, "{}", lines(&self.problem))?;
        if let Some(expected) = &self.expected {
            write!(f, "\n  expected: {}", printable::line(expected))?;
        }
        if let Some(found) = &self.found {
            write!(f, "\n  found:    {}", printable::line(found))?;
        }
        for detail in &self.details {
            write!(f, "\n  - {}", printable::line(detail))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  what to do: {}", lines(&help.to_string()))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<opabinia_trace::Unusable> for Error {
    fn from(unusable: opabinia_trace::Unusable) -> Self {
        Self::input(unusable.what, unusable.help)
    }
}

impl From<candle_core::Error> for Error {
    /// Tells a device that ran out of memory from every other failure: candle passes the driver's words on as text.
    fn from(error: candle_core::Error) -> Self {
        let text = error.to_string();
        let lower = text.to_lowercase();
        if lower.contains("out of memory") || lower.contains("out_of_memory") {
            return Self::OutOfMemory { what: text, help: Advice::SmallerWeightsOrCpu };
        }
        Self::Tensor(error)
    }
}

impl Error {
    /// An input the user gave that cannot be used, and what to do.
    pub fn input(what: impl Into<String>, help: impl Into<Advice>) -> Self {
        Self::Input { what: what.into(), help: help.into() }
    }

    /// A failed read or write of `path`; out of memory where that is what failed.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        let path = path.as_ref();
        match source.kind() {
            ErrorKind::OutOfMemory => Self::no_room(format!("{} cannot be read", path.display())),
            _ => Self::Io { path: path.to_path_buf(), source },
        }
    }

    /// Checks that this process may have what its threads need before they do anything: where the system refuses them
    /// their stacks and first allocations, there is nobody to say so.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] with the limit.
    pub fn check_room_to_start() -> Result<()> {
        const NEEDED: u64 = 48 << 20;
        match limits::tightest() {
            Some(limit) if limit.left() < NEEDED => {
                Err(Self::no_room(format!("the program needs {} MB to start working", NEEDED / 1_000_000)))
            }
            _ => Ok(()),
        }
    }

    /// Memory that the system refused for `what`, with the limit that is the reason where there is one.
    pub fn no_room(what: impl Into<String>) -> Self {
        let what = what.into();
        match limits::tightest() {
            Some(limit) => Self::OutOfMemory {
                what: format!(
                    "{what}; this process is limited to {} MB and has {} MB",
                    limit.bytes / 1_000_000,
                    limit.used / 1_000_000
                ),
                help: Advice::RaiseLimit(limit.option),
            },
            None => Self::OutOfMemory { what, help: Advice::SmallerWeights },
        }
    }

    /// The same failure with its advice in the words of whoever shows it: then it is written out (`{}`) as there.
    #[must_use]
    pub fn advised(self, words: impl Fn(&Advice) -> String) -> Self {
        let worded = |help: &Advice| Advice::Words(words(help));
        match self {
            Self::Refused(refusal) => Self::Refused(Box::new(refusal.advised(words))),
            Self::Input { what, help } => Self::Input { what, help: worded(&help) },
            Self::OutOfMemory { what, help } => Self::OutOfMemory { what, help: worded(&help) },
            other => other,
        }
    }
}
