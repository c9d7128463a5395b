//! The two places for models in the window.

use serde::{Deserialize, Serialize};

/// Which of the two models of the window; the engine knows them by their [`opabinia_engine::run::ModelId`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// The first model.
    A,
    /// The one it is compared with.
    B,
}

/// Both sides of a comparison, in order.
pub const SIDES: [Slot; 2] = [Slot::A, Slot::B];

impl Slot {
    /// What people call it.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}
