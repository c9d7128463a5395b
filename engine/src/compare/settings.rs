//! What the configurations of two checkpoints say, and where they say different things.

use super::side::Side;
use crate::checkpoint::differences;

pub use crate::checkpoint::differences::SettingDifference;
pub use crate::checkpoint::fields::Effect;

/// The settings of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Fields whose values differ, those that change what is computed first.
    pub differences: Vec<SettingDifference>,
    /// How many fields have the same value on both sides.
    pub equal: usize,
    /// Whether both call themselves the same kind of model.
    pub same_architecture: bool,
    /// Whether the files of both tokenizers are the same.
    pub same_tokenizer: bool,
}

impl Settings {
    pub(super) fn of(sides: &[Side; 2]) -> Self {
        let [a, b] = sides;
        let mut found = Vec::new();
        let mut equal = differences::of("config.json", [Some(&a.config), Some(&b.config)], &mut found);
        equal += differences::of("generation_config.json", [a.generation.as_ref(), b.generation.as_ref()], &mut found);
        found.sort_by_key(|difference| difference.effect);
        let kind = |side: &Side| side.config.get("model_type").cloned();
        Self { differences: found, equal, same_architecture: kind(a) == kind(b), same_tokenizer: a.same_tokenizer(b) }
    }
}
