//! What interventions come to in one layer.

use super::{Action, Cells};

/// Where an encoder's tokens come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// From the image.
    #[default]
    Own,
    /// The projection of an encoder that gives nothing but zeros.
    Silent,
    /// Zeros.
    Zero,
    /// From another image.
    Other,
}

/// One encoder in one layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncoderPlan {
    /// Where its tokens come from.
    pub source: Source,
    /// Whether each of them is then replaced by their mean.
    pub averaged: bool,
    /// The cells whose tokens are replaced by the mean of all of them after that.
    pub region: Cells,
    /// Whether its keys are masked.
    pub masked: bool,
}

impl EncoderPlan {
    /// Whether its tokens are those of the image, untouched.
    pub fn keeps_tokens(&self) -> bool {
        self.source == Source::Own && !self.averaged && self.region.is_empty()
    }
}

/// What one layer computes with and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPlan {
    /// Each encoder's part.
    pub encoders: Vec<EncoderPlan>,
    /// Whether the global context is zero.
    pub no_context: bool,
    /// Shuffles of its matrices' columns, one after the other.
    pub weight_shuffles: Vec<usize>,
    /// Shuffles of its attention probabilities, one after the other.
    pub attention_shuffles: Vec<usize>,
    /// Whether the layer returns its input.
    pub skip: bool,
    /// Heads whose output is zero, in order.
    pub silent_heads: Vec<usize>,
}

impl LayerPlan {
    /// The plan of `actions`, in the order of application, for `encoders` encoders.
    pub(super) fn new<'a>(actions: impl Iterator<Item = &'a Action>, encoders: usize) -> Self {
        let mut plan = Self {
            encoders: vec![EncoderPlan::default(); encoders],
            no_context: false,
            weight_shuffles: Vec::new(),
            attention_shuffles: Vec::new(),
            skip: false,
            silent_heads: Vec::new(),
        };
        for action in actions {
            let encoder = action.encoder().and_then(|k| plan.encoders.get_mut(k));
            match (action, encoder) {
                (Action::ZeroRaw { .. }, Some(encoder)) => encoder.source = Source::Silent,
                (Action::Zero { .. }, Some(encoder)) => encoder.source = Source::Zero,
                (Action::Mean { .. }, Some(encoder)) => encoder.averaged = true,
                // Of what was there before nothing is left, its mean included.
                (Action::Swap { .. }, Some(encoder)) => {
                    (encoder.source, encoder.averaged) = (Source::Other, false);
                }
                (Action::Region { cells, .. }, Some(encoder)) => encoder.region.extend(cells),
                (Action::Mask { .. }, Some(encoder)) => encoder.masked = true,
                (Action::Context, _) => plan.no_context = true,
                (Action::ShuffleWeights { seed }, _) => plan.weight_shuffles.push(*seed),
                (Action::ShuffleAttention { seed }, _) => plan.attention_shuffles.push(*seed),
                (Action::Skip, _) => plan.skip = true,
                (Action::Head { head }, _) => plan.silent_heads.push(*head),
                // What is done to the input was done before any layer; what is about an encoder that does not exist
                // was refused.
                (Action::NoImage | Action::Blank, _) => {}
                (
                    Action::ZeroRaw { .. }
                    | Action::Zero { .. }
                    | Action::Mean { .. }
                    | Action::Swap { .. }
                    | Action::Region { .. }
                    | Action::Mask { .. },
                    None,
                ) => {}
            }
        }
        for numbers in [&mut plan.silent_heads, &mut plan.weight_shuffles, &mut plan.attention_shuffles] {
            numbers.sort_unstable();
            numbers.dedup();
        }
        plan
    }

    /// Whether the layer would see the same keys, values, masks and context under `other`.
    pub fn sees_as(&self, other: &Self) -> bool {
        self.encoders == other.encoders && self.no_context == other.no_context
    }
}
