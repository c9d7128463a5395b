//! What a run says: tables for people, and the formats of other programs.

mod columns;
mod export;
mod filter;
mod markdown;
mod pair;
mod summary;

pub use columns::Columns;
pub use export::{csv, inspect, lmms_eval};
pub use filter::Filter;
pub use markdown::{compare, markdown};
pub use pair::Pair;
pub use summary::{ConditionSummary, EncoderSummary, Summary, group_score};
