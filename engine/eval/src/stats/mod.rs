//! What the numbers of a run can and cannot say.
//!
//! A rate has a Wilson interval. Differences, and everything that is no plain rate, are resampled over clusters: questions
//! about one picture are not independent of each other.

mod bootstrap;
mod encoders;
mod holm;
mod paired;
mod rate;

pub use bootstrap::{Clusters, Interval, REPLICATES};
pub use encoders::{Game, shapley};
pub use holm::holm;
pub use paired::{Counts, Paired, mcnemar};
pub use rate::{Rate, wilson};

/// The 97.5 % point of the normal distribution: intervals hold 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Its 80 % point: what a set can show is what it would show in four of five runs.
pub const Z80: f64 = 0.841_621_233_572_914_2;
