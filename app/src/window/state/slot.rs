//! The places for models in the window: two that are compared, and one for what lies between them.

use serde::{Deserialize, Serialize};

/// Which of the models of the window; the engine knows them by their [`opabinia_engine::run::ModelId`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// The first model.
    A,
    /// The one it is compared with.
    B,
    /// A + λ (B − A), a third one to ask.
    Between,
}

/// Both sides of a comparison, in order.
pub const SIDES: [Slot; 2] = [Slot::A, Slot::B];

impl Slot {
    /// What people call it.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::Between => "λ",
        }
    }

    /// The other side; what lies between them stays there.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
            Self::Between => Self::Between,
        }
    }
}
