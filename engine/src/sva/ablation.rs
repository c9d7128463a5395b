//! Interventions on what the SVA sees. An ablation is evidence where attention is only a hint.

use crate::error::{Error, Result};

/// What is switched off in one forward pass. The default switches nothing off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Ablation {
    /// Encoders whose keys are masked out of every SVA softmax, connector and samplers alike. The global context is
    /// untouched: masking encoder 0 this way leaves its mean in every query.
    pub mask_keys: Vec<usize>,
    /// Encoders whose keys are masked and whose part in the global context is removed as well. Only encoder 0 has
    /// one: there the context becomes zero. For every other encoder this equals `mask_keys`.
    pub mask_keys_and_context: Vec<usize>,
    /// Encoders whose projected features are replaced by zeros. Their keys stay; for encoder 0 the global context
    /// becomes zero with them.
    pub zero_features: Vec<usize>,
}

impl Ablation {
    /// Whether nothing is switched off.
    pub fn is_none(&self) -> bool {
        self.mask_keys.is_empty() && self.mask_keys_and_context.is_empty() && self.zero_features.is_empty()
    }

    /// Whether encoder `k`'s keys are masked.
    pub fn masks(&self, k: usize) -> bool {
        self.mask_keys.contains(&k) || self.mask_keys_and_context.contains(&k)
    }

    /// Whether the global context is replaced by zeros.
    pub fn drops_context(&self) -> bool {
        self.mask_keys_and_context.contains(&0)
    }

    /// Whether encoder `k`'s features are replaced by zeros.
    pub fn zeroes(&self, k: usize) -> bool {
        self.zero_features.contains(&k)
    }

    /// Checks the ablation against a model with `encoders` encoders.
    ///
    /// # Errors
    /// [`Error::Input`] if it names an encoder that does not exist or leaves no key at all.
    pub fn check(&self, encoders: usize) -> Result<()> {
        let named = self.mask_keys.iter().chain(&self.mask_keys_and_context).chain(&self.zero_features);
        if let Some(k) = named.copied().find(|&k| k >= encoders) {
            return Err(Error::input(
                format!("there is no encoder {k}: this model has {encoders}"),
                format!("name encoders by their index, 0 to {}", encoders - 1),
            ));
        }
        if (0..encoders).all(|k| self.masks(k)) {
            return Err(Error::input(
                "all encoders are masked: no cell would have a key left to attend to",
                "leave at least one encoder unmasked, or ask without an image",
            ));
        }
        Ok(())
    }
}

impl std::fmt::Display for Ablation {
    /// What is switched off, in words; empty if nothing is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [
            ("keys masked", &self.mask_keys),
            ("keys and context masked", &self.mask_keys_and_context),
            ("features zeroed", &self.zero_features),
        ];
        let mut first = true;
        for (what, encoders) in kinds.into_iter().filter(|(_, encoders)| !encoders.is_empty()) {
            let list = encoders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            write!(f, "{}{what}: encoder {list}", if first { "" } else { "; " })?;
            first = false;
        }
        Ok(())
    }
}
