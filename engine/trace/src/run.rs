//! Names of runs. A run is one forward pass with its model, its image and its interventions; whatever comes out of it is
//! named by its [`RunKey`], so that an intervened run can never be taken for the plain one.

pub use crate::image::ImageId;
use crate::intervention::Interventions;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one model in memory. Never given twice while the program runs: a checkpoint that is loaded again is another
/// model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(u64);

impl ModelId {
    /// A name nothing has had before.
    #[must_use]
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Names a text, or the ids of one, by their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextId([u8; 32]);

impl TextId {
    /// The name of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The name of the text with these `ids`.
    #[must_use]
    pub fn of_ids(ids: &[i64]) -> Self {
        let mut hash = Sha256::new();
        for id in ids {
            hash.update(id.to_le_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// Names everything that is computed of one image by one model after the same text and under the same interventions:
/// traces, visual tokens, decoder states.
///
/// The question is not a part of it: it comes after the image, and attention is causal. The system prompt comes before
/// the image, and what samplers attend to depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunKey {
    /// The model.
    pub model: ModelId,
    /// The image, if any.
    pub image: Option<ImageId>,
    /// The text before the image, if there is an image.
    pub before: Option<TextId>,
    /// What was done to the pass on purpose.
    pub interventions: Interventions,
    /// The image whose features are swapped in, where the interventions do that.
    pub other: Option<ImageId>,
}

impl RunKey {
    /// Whether nothing was done to the pass.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.interventions.is_none()
    }

    /// The same without interventions: what this run is compared with.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { interventions: Interventions::default(), other: None, ..self.clone() }
    }
}

/// Which work goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Somebody waits for it: it goes before all batch work, in the order in which it was asked for.
    #[default]
    Interactive,
    /// It can wait: whatever is interactive goes between its passes.
    Batch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intervened_run_has_a_name_of_its_own() {
        let none = Interventions::default();
        let plain = RunKey { model: ModelId::unique(), image: None, before: None, interventions: none, other: None };
        let intervened = RunKey { interventions: Interventions::mask(0, false), ..plain.clone() };
        assert!(plain.is_plain() && !intervened.is_plain());
        assert_ne!(plain, intervened);
        assert_eq!(intervened.plain(), plain);
        assert_ne!(ModelId::unique(), ModelId::unique());
    }

    #[test]
    fn a_text_is_named_by_all_of_its_ids() {
        assert_eq!(TextId::of_ids(&[1, -200]), TextId::of_ids(&[1, -200]));
        assert_ne!(TextId::of_ids(&[1, 2]), TextId::of_ids(&[1 | 2 << 8]));
        assert_ne!(TextId::of_ids(&[1]), TextId::of_ids(&[1, 0]));
        assert_ne!(TextId::of("a"), TextId::of("b"));
    }
}
