//! Sets of questions about pictures, how answers to them are scored, and what the scores mean.
//!
//! - [`data`]: question sets in the formats they come in, read row by row.
//! - [`score`]: protocols, from a question to what a model is asked and from its answer to an option.
//! - [`run`]: the directory a run is kept in, safe against being killed at any moment.
//! - [`stats`]: intervals, paired comparisons, values of encoders.
//! - [`report`]: tables and the formats of other programs.
//! - [`audit`]: what a set gives away without its pictures.
//! - [`csv`]: tables of comma-separated values, as they are read.
//! - [`correlate`]: which benchmarks say the same, from a table of models × benchmarks.
//! - [`slurm`]: the scripts that run a set on many machines.
//!
//! Plain data: this crate knows no model and no screen. Whoever drives the engine asks the questions.

pub mod audit;
pub mod correlate;
pub mod csv;
pub mod data;
pub mod error;
mod hash;
mod random;
pub mod report;
pub mod run;
pub mod score;
pub mod slurm;
pub mod stats;

pub use error::{Error, Result};
