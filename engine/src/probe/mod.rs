//! What is measured: observers and what they record. Never how it is drawn.

pub mod announcer;
pub mod cell;
pub mod evidence;
pub mod recorder;
pub mod token_attention;
pub mod trace;

pub use announcer::Announcer;
pub use cell::{Cell, CellNumbers, EncoderNumbers, Key, Measured, Quantity, Reduction, reduce};
pub use recorder::{Detail, Recorder};
pub use token_attention::{LastRows, Mass, Positions, TokenAttention};
pub use trace::{Trace, TraceEncoder, TraceLayer};
