//! What maps are made from.

use super::Slot;
use opabinia_engine::intervention::Interventions;
use opabinia_shaders::Quantity;
use serde::{Deserialize, Serialize};

/// Which model a run is of: as a pane names it, which survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Side {
    /// The one that answers.
    #[default]
    Answering,
    /// The first model.
    A,
    /// The second one.
    B,
}

impl From<Slot> for Side {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::A => Self::A,
            Slot::B => Self::B,
        }
    }
}

/// Which run a pane shows of the picture of the conversation that is shown. With model and picture it becomes a
/// [`super::TraceKey`]: see [`super::AppState::run_key`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRef {
    /// Of which model.
    pub side: Side,
    /// What is done to the pass on purpose.
    pub interventions: Interventions,
}

impl RunRef {
    /// The plain run of the model of `side`.
    pub fn plain(side: Side) -> Self {
        Self { side, interventions: Interventions::default() }
    }
}

/// What the maps of a pane are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapSource {
    /// The SVA's attention in one run: where the visual tokens came from.
    Run(RunRef),
    /// The first of two runs minus the second, place by place.
    Difference(RunRef, RunRef),
    /// The language model's attention from the selected token to the visual tokens. Depends on the question.
    TokenAttention {
        /// Decoder layer; `None` is the mean of all.
        layer: Option<usize>,
        /// Head; `None` is the mean of all.
        head: Option<usize>,
    },
}

impl Default for MapSource {
    fn default() -> Self {
        Self::Run(RunRef::default())
    }
}

impl MapSource {
    /// A token's attention in all layers and heads of the language model.
    pub const TOKEN: Self = Self::TokenAttention { layer: None, head: None };

    /// Quantities of a run, in the order in which they are stepped through.
    pub const QUANTITIES: [Quantity; 5] =
        [Quantity::Share, Quantity::Lift, Quantity::Entropy, Quantity::NormalisedEntropy, Quantity::Dominant];

    /// Whether it is the attention of a token.
    pub fn is_token(&self) -> bool {
        matches!(self, Self::TokenAttention { .. })
    }

    /// Whether it is the difference of two runs.
    pub fn is_difference(&self) -> bool {
        matches!(self, Self::Difference(..))
    }

    /// Runs that it is made from, the one whose numbers are read first.
    pub fn runs(&self) -> impl Iterator<Item = &RunRef> {
        let (first, second) = match self {
            Self::Run(run) => (Some(run), None),
            Self::Difference(of, minus) => (Some(of), Some(minus)),
            Self::TokenAttention { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// What can be measured of it, in the order in which it is stepped through.
    pub fn quantities(&self) -> &'static [Quantity] {
        match self {
            Self::Run(_) => &Self::QUANTITIES,
            // Indices of encoders have no difference.
            Self::Difference(..) => &Self::QUANTITIES[..4],
            Self::TokenAttention { .. } => &[],
        }
    }
}
