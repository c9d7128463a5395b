//! What is measured: observers and what they record. Never how it is drawn.

pub mod recorder;
pub mod trace;

pub use recorder::{Detail, Recorder};
pub use trace::{Trace, TraceEncoder, TraceLayer};
