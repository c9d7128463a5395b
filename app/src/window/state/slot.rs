//! The two places for models in the window.

/// Which of the two models of the window; the engine knows them by their [`opabinia_engine::run::ModelId`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The first model.
    A,
    /// The one it is compared with.
    B,
}

impl Slot {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}
