//! What people call checkpoints.

use serde::{Deserialize, Serialize};

/// A checkpoint, as far as its name depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Which {
    /// The checkpoint's own name.
    pub name: String,
    /// Where it is; empty if that is not known.
    pub directory: String,
    /// The type of its weights; empty if that is not known.
    pub weights: String,
}

/// What a person calls a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Called {
    /// Which one.
    pub which: Which,
    /// Its name.
    pub name: String,
}
