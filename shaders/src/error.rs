//! What can go wrong between a trace and its picture.

/// Why a picture could not be made. Every message says what was expected and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable graphics adapter.
    #[error("no usable graphics adapter was found{rejected}\n{hint}", hint = crate::INSTALL_HINT)]
    NoAdapter {
        /// One line for each adapter that was looked at, each after a line break, with the reason against it.
        rejected: String,
    },
    /// The adapter gave no device.
    #[error("the graphics adapter {adapter} gave no device: {reason}")]
    NoDevice {
        /// Name of the adapter.
        adapter: String,
        /// What the driver said.
        reason: String,
    },
    /// The trace contradicts itself.
    #[error("the trace cannot be drawn: {0}")]
    Trace(String),
    /// The view or the look asks for something that the trace does not have.
    #[error("the view cannot be drawn: {0}")]
    View(String),
    /// The photo's bytes do not fit its size.
    #[error("the photo cannot be drawn: {0}")]
    Photo(String),
    /// The device cannot hold something of this size.
    #[error("{what} needs {needed}, the graphics adapter allows {allowed}; {advice}")]
    TooLarge {
        /// What does not fit.
        what: &'static str,
        /// Bytes or pixels that it needs.
        needed: u64,
        /// The adapter's limit in the same unit.
        allowed: u64,
        /// What a person can do about it.
        advice: &'static str,
    },
    /// The device ran out of memory.
    #[error(
        "the graphics adapter ran out of memory ({0}); close other programs that use it, or ask for a smaller picture"
    )]
    OutOfMemory(String),
    /// The device was lost or reset: nothing on it can be used any more.
    #[error("the graphics device was lost ({0}); start again, or choose the software adapter")]
    DeviceLost(String),
    /// The driver refused something that should have been right.
    #[error("the graphics driver refused a command, which is a fault of this program or of the driver: {0}")]
    Driver(String),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
