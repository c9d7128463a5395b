//! Asking a model the questions of a set, under every condition: the same from the command line and from the window.
//!
//! `opabinia_eval` reads sets, scores answers and keeps runs, and knows no model; this module joins it with the engine. A
//! [`Session`] is a set, a plan and a model; it asks what a shard's file lacks, picture by picture, of whoever [`Runs`]
//! the model.

mod asker;
mod conditions;
mod others;
mod pace;
mod results;
mod run_view;
mod session;

pub use conditions::{Asked, How, parse as parse_conditions};
pub use others::others;
pub use pace::{Pace, time as words_for};
pub use results::write as write_results;
pub use run_view::{PairView, Quadrant, RunView};
pub use session::{Ended, Session, check_fit, read_picture};

use opabinia_engine::model::Inspection;
use opabinia_engine::run::ModelId;
use opabinia_engine::text::ImageNewline;
use opabinia_engine::worker::{RunOutput, RunSpec};
use opabinia_engine::{Error, Result};
use opabinia_eval::score::Protocol;

/// Under which conditions questions are asked unless a person says otherwise.
pub const CONDITIONS: &str = "as_is,no_image,encoders";

/// Whoever has the model run.
pub trait Runs {
    /// Asks for a run of `spec`, after all that were asked for before: the engine has the next run before anybody has looked at
    /// what came of the one before.
    fn submit(&mut self, spec: RunSpec);

    /// Waits for what comes of the run that was asked for first, of those that nobody has waited for.
    ///
    /// # Errors
    /// Whatever it failed with; [`Error::Cancelled`].
    fn wait(&mut self) -> Result<RunOutput>;

    /// Stops all that nobody has waited for: after a failure nobody will.
    fn forget(&mut self);
}

/// What [`Runs::wait`] fails with where nothing was asked for: a fault of the program.
pub fn nothing_asked_for() -> Error {
    Error::Panicked("nobody asked for the run that is waited for".into())
}

/// A checkpoint in memory, as it is asked.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name in the engine.
    pub model: ModelId,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub inspection: Inspection,
    /// What becomes of the line break after the picture.
    pub newline: ImageNewline,
}

/// How a set is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How questions are asked and answers scored.
    pub protocol: Protocol,
    /// Under which conditions, as [`parse_conditions`] reads them.
    pub conditions: String,
    /// Seed of everything random.
    pub seed: u64,
    /// No more rows of the set than these were read.
    pub limit: Option<usize>,
    /// How many shards its questions are dealt to.
    pub shards: usize,
}

/// The protocol unless a person says otherwise: the demo checkpoint has never been shown letters.
pub fn default_protocol(is_demo: bool) -> Protocol {
    if is_demo { Protocol::LogProbText } else { Protocol::LogProb }
}

/// A failure of the evaluation crate in the engine's words.
pub fn in_engine_words(error: opabinia_eval::Error) -> Error {
    Error::input(error.what, error.help)
}

/// Whether `error` is about one question or picture, so that others can be gone on with.
fn is_of_input(error: &Error) -> bool {
    matches!(error, Error::Input { .. })
}
