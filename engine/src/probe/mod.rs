//! What is measured: observers and what they record. Never how it is drawn.

pub mod announcer;
pub mod chain;
pub mod evidence;
pub mod recorder;
pub mod token_attention;
pub mod trace_file;

pub use announcer::Announcer;
pub use chain::Chain;
pub use opabinia_trace::measure::{Cell, CellNumbers, EncoderNumbers, Key, Measure, Measured, Reduction, reduce};
pub use opabinia_trace::trace::{Trace, TraceEncoder, TraceLayer};
pub use recorder::{Detail, Recorder};
pub use token_attention::{LastRows, Mass, Positions, TokenAttention};
