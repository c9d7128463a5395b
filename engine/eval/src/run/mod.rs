//! A run: a directory that is safe against being killed at any moment.
//!
//! - `header-NONCE.json` says what the run is: checkpoint, data, protocol, conditions. Two processes that begin a run at
//!   the same moment write two of them, which say the same.
//! - `items-I-of-N.jsonl` holds what is finished of shard I, one line for each item, appended and handed to the system as
//!   soon as it is known. Its first line names the header. A half-written last line is cut off when the shard goes on;
//!   whoever works on a shard holds a lock on its file, which the system lets go of however the process ends.
//! - `merged.jsonl`, `summary.json` and `summary.md` are made of these and can be made again.

mod directory;
mod header;
mod merge;
mod record;
mod shard;

pub use directory::{Merged, RunDirectory};
pub use header::{Condition, DataPrint, First, Header, ModelPrint};
pub use merge::{Missing, merge};
pub use record::{Entry, Record, Unanswered};
pub use shard::{Shard, ShardFile};
