//! Two sides compared. [`checkpoints`] reads the files of two checkpoints and says how their settings and weights differ,
//! without ever holding more of them than a few megabytes.
//!
//! [`align`] puts two answers beside each other, and [`Maps`] says how two traces of one image differ.
//!
//! Plain data comes out. Which of the two is meant is a place in an array: 0 is A, 1 is B.

mod alignment;
mod crossed;
mod findings;
mod maps;
mod modules;
mod numbers;
mod settings;
mod side;
mod tensors;

pub use crate::checkpoint::tokenizer_files::same_tokenizer;
pub use alignment::{Segment, SegmentKind, align, kl, parting};
pub use crossed::{Crossed, Parting};
pub use findings::{Finding, FindingKind};
pub use maps::{Basis, EncoderPair, LayerComparison, Maps, Matching, mean_shares};
pub use modules::Module;
pub use numbers::Change;
pub use settings::{Effect, SettingDifference, Settings};
pub use side::Side;
pub use tensors::{Counts, Relation, StoredTensor, TensorComparison};

use crate::error::Result;
use crate::job::Job;

/// What people call the two sides.
pub const NAMES: [&str; 2] = ["A", "B"];

/// How two checkpoints differ on disk.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    /// Of each side, the SHA-256 of its weights: see [`Side`].
    pub hashes: [String; 2],
    /// What their configurations say.
    pub settings: Settings,
    /// Every tensor of either side, sorted by key.
    pub tensors: Vec<TensorComparison>,
    /// What is wrong with an upload, as far as its weights and the other side tell.
    pub findings: Vec<Finding>,
}

impl Checkpoints {
    /// Whether both hold the same weights: the same names, types, shapes and bytes.
    #[must_use]
    pub fn same_weights(&self) -> bool {
        self.hashes[0] == self.hashes[1]
    }

    /// How many tensors stand in which relation.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(&self.tensors)
    }

    /// The tensors as a tree of modules.
    #[must_use]
    pub fn modules(&self) -> Module {
        Module::tree(&self.tensors)
    }
}

/// Compares the files of two checkpoints. Every byte of their weights is read once, in chunks that are given back at once.
///
/// # Errors
/// [`crate::Error::Cancelled`].
pub fn checkpoints(sides: &[Side; 2], job: &Job<'_>) -> Result<Checkpoints> {
    let settings = Settings::of(sides);
    let (tensors, hashes) = tensors::compare(sides, job)?;
    let findings = findings::of(&tensors, settings.same_architecture);
    Ok(Checkpoints { hashes, settings, tensors, findings })
}
