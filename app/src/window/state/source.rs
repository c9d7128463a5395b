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
    /// What lies between them.
    Between,
}

impl Side {
    /// Its place, where it is not whoever answers.
    pub fn slot(self) -> Option<Slot> {
        match self {
            Self::Answering => None,
            Self::A => Some(Slot::A),
            Self::B => Some(Slot::B),
            Self::Between => Some(Slot::Between),
        }
    }
}

impl From<Slot> for Side {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::A => Self::A,
            Slot::B => Self::B,
            Slot::Between => Self::Between,
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

/// How both sides of a comparison are looked at in one pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SidesLook {
    /// A to the left of B.
    #[default]
    Beside,
    /// A, and B in its place for as long as a key is held.
    Swap,
    /// A to the left of a line that can be moved, B to the right of it.
    Wipe,
    /// B − A.
    Difference,
    /// How far the attention of each cell differs, over all of its keys: Jensen–Shannon divergence.
    Divergence,
}

impl SidesLook {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 5] = [Self::Beside, Self::Swap, Self::Wipe, Self::Difference, Self::Divergence];
}

/// What the maps of a pane are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapSource {
    /// The SVA's attention in one run: where the visual tokens came from.
    Run(RunRef),
    /// The first of two runs minus the second, place by place.
    Difference(RunRef, RunRef),
    /// Two runs beside each other or over each other: both sides of a comparison. Layers, heads, encoder and cell of the lens
    /// are those of the first one; what belongs to them in the other is [`super::Counterparts`]'s to say.
    Sides(RunRef, RunRef, SidesLook),
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

    /// Both sides of a comparison, looked at like this.
    pub fn sides(look: SidesLook) -> Self {
        Self::Sides(RunRef::plain(Side::A), RunRef::plain(Side::B), look)
    }

    /// Whether what is shown is the difference of two runs.
    pub fn is_difference(&self) -> bool {
        matches!(self, Self::Difference(..) | Self::Sides(_, _, SidesLook::Difference))
    }

    /// How both sides are looked at, where it is them.
    pub fn look(&self) -> Option<SidesLook> {
        if let Self::Sides(_, _, look) = self { Some(*look) } else { None }
    }

    /// The same two sides, looked at otherwise.
    pub fn looked_at(&self, look: SidesLook) -> Option<Self> {
        if let Self::Sides(a, b, _) = self { Some(Self::Sides(a.clone(), b.clone(), look)) } else { None }
    }

    /// Runs that it is made from, the one whose numbers are read first.
    pub fn runs(&self) -> impl Iterator<Item = &RunRef> {
        let (first, second) = match self {
            Self::Run(run) => (Some(run), None),
            Self::Difference(of, minus) | Self::Sides(of, minus, _) => (Some(of), Some(minus)),
            Self::TokenAttention { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// What can be measured of it, in the order in which it is stepped through.
    pub fn quantities(&self) -> &'static [Quantity] {
        match self {
            Self::TokenAttention { .. } | Self::Sides(_, _, SidesLook::Divergence) => &[],
            // Indices of encoders have no difference.
            _ if self.is_difference() => &Self::QUANTITIES[..4],
            Self::Run(_) | Self::Sides(..) | Self::Difference(..) => &Self::QUANTITIES,
        }
    }
}
