//! Interventions: changes made on purpose to a forward pass, as values. Attention is a hint at what an answer rests on; an
//! intervention is evidence.
//!
//! An [`Intervention`] is one [`Action`] at one [`Place`]. [`Interventions`] is the canonical list of them: composed in any
//! order it is the same value, so that it can name what was computed under it. Plain data: the SVA acts it out,
//! following the [`LayerPlan`] of each layer. [`Anatomy`] knows what there is to intervene on in one checkpoint; through
//! it lists are read from and written as text (`spec`) and said in `words`.
//!
//! # What each action does
//!
//! Actions are applied in the order of [`Action`]'s variants. `proj_k`, `[N_k, C]`, are encoder `k`'s tokens after its
//! projector; the global context is the mean over the tokens of `proj_0` after every action on features.

mod anatomy;
mod cells;
mod place;
mod plan;
mod spec;
#[cfg(test)]
mod tests;
mod words;

pub use anatomy::{Anatomy, MAX_SEED};
pub use cells::Cells;
pub use place::Place;
pub use plan::{EncoderPlan, LayerPlan, Source};
pub use spec::GRAMMAR;

use crate::error::{Result, Unusable};
use crate::layer::SvaLayer;
use place::Places;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is done. Variants stand in the order in which they are applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// The question is asked without the image: its positions are gone. Nothing else can act then.
    NoImage,
    /// Every encoder is shown an even grey of the image's size instead of the image.
    Blank,
    /// The encoder's output ← 0 before its projector, which makes of it one constant vector for every token; for encoder
    /// 0 the context becomes that constant. The tokens keep their softmax mass.
    ZeroRaw {
        /// Which encoder.
        encoder: usize,
    },
    /// `proj_k` ← 0.
    Zero {
        /// Which encoder.
        encoder: usize,
    },
    /// Every token of `proj_k` ← mean over all of its tokens.
    Mean {
        /// Which encoder.
        encoder: usize,
    },
    /// `proj_k` ← the same encoder's tokens of another image; masks and sizes stay those of this one.
    Swap {
        /// Which encoder.
        encoder: usize,
    },
    /// The tokens of `proj_k` under some cells of the padded query grid ← mean over all of its tokens.
    Region {
        /// Which encoder.
        encoder: usize,
        /// Which cells.
        cells: Cells,
    },
    /// The encoder's keys are masked in the softmax, after the rule that opens cells without a valid key.
    Mask {
        /// Which encoder.
        encoder: usize,
    },
    /// The global context ← 0, encoder 0's only other way in.
    Context,
    /// The columns of every matrix of the SVA layer are shuffled: weights of the same size that know nothing.
    ShuffleWeights {
        /// Which shuffle.
        seed: usize,
    },
    /// In every cell and head, the attention probabilities are shuffled among the keys that are not masked.
    ShuffleAttention {
        /// Which shuffle.
        seed: usize,
    },
    /// The SVA layer returns its input.
    Skip,
    /// The output of one attention head ← 0, before `o_proj`.
    Head {
        /// Which head.
        head: usize,
    },
}

impl Action {
    /// The encoder it is about, if it is about one.
    pub fn encoder(&self) -> Option<usize> {
        match self {
            Self::ZeroRaw { encoder }
            | Self::Zero { encoder }
            | Self::Mean { encoder }
            | Self::Swap { encoder }
            | Self::Region { encoder, .. }
            | Self::Mask { encoder } => Some(*encoder),
            Self::NoImage
            | Self::Blank
            | Self::Context
            | Self::ShuffleWeights { .. }
            | Self::ShuffleAttention { .. }
            | Self::Skip
            | Self::Head { .. } => None,
        }
    }

    /// The seed of what it shuffles, if it shuffles anything.
    pub fn seed(&self) -> Option<usize> {
        match self {
            Self::ShuffleWeights { seed } | Self::ShuffleAttention { seed } => Some(*seed),
            _ => None,
        }
    }

    /// Whether it is about the input, before any layer, so that it has no place among layers.
    fn is_of_input(&self) -> bool {
        matches!(self, Self::NoImage | Self::Blank)
    }
}

/// One action where it acts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Intervention {
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// In which SVA layers.
    pub at: Place,
}

/// What is changed in one forward pass, as a canonical list: whatever composes to the same changes is equal, and hashes,
/// prints and serialises alike. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Intervention>", into = "Vec<Intervention>")]
pub struct Interventions(Vec<Intervention>);

/// The first thing an intervention changes. What is computed before is the same with and without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FirstAffected {
    /// The prompt itself, from its first position on.
    Prompt,
    /// What the encoders give.
    Encoders,
    /// This SVA layer; before it nothing changes at any position.
    Layer(SvaLayer),
}

impl FirstAffected {
    /// The first position of the decoder at which something changes, for an image that starts at `image_start`.
    pub fn position(self, image_start: usize) -> usize {
        match self {
            Self::Prompt => 0,
            Self::Encoders | Self::Layer(_) => image_start,
        }
    }
}

impl Interventions {
    /// `action` in every SVA layer.
    pub fn of(action: Action) -> Self {
        Self::at(action, Place::Everywhere)
    }

    /// `action` in the layers of `at`.
    pub fn at(action: Action, at: Place) -> Self {
        [Intervention { action, at }].into_iter().collect()
    }

    /// Encoder `encoder`'s keys masked in every layer; with its part of the global context, which only encoder 0 has, if
    /// `with_context`.
    pub fn mask(encoder: usize, with_context: bool) -> Self {
        let mask = Self::of(Action::Mask { encoder });
        if with_context && encoder == 0 { mask.and(&Self::of(Action::Context)) } else { mask }
    }

    /// The tokens under `cells` of each of `encoders` replaced by their mean, in every layer.
    pub fn region(encoders: impl IntoIterator<Item = usize>, cells: &Cells) -> Self {
        let region = |encoder| Action::Region { encoder, cells: cells.clone() };
        encoders.into_iter().map(|encoder| Intervention { action: region(encoder), at: Place::Everywhere }).collect()
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).cloned().collect()
    }

    /// Whether nothing is changed.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, in the order of application.
    pub fn iter(&self) -> impl Iterator<Item = &Intervention> {
        self.0.iter()
    }

    /// Whether the question is asked without its image.
    pub fn drop_image(&self) -> bool {
        self.0.iter().any(|one| one.action == Action::NoImage)
    }

    /// Whether the encoders see an even grey instead of the image.
    pub fn blank_image(&self) -> bool {
        self.0.iter().any(|one| one.action == Action::Blank)
    }

    /// Whether another image's features are wanted.
    pub fn needs_other(&self) -> bool {
        self.0.iter().any(|one| matches!(one.action, Action::Swap { .. }))
    }

    /// Encoders of which the projection of nothing is wanted.
    pub fn silenced(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter_map(|one| match one.action {
            Action::ZeroRaw { encoder } => Some(encoder),
            _ => None,
        })
    }

    /// The first thing that changes in a model with the layers of `anatomy`; `None` if nothing does.
    pub fn first_affected(&self, anatomy: &Anatomy) -> Option<FirstAffected> {
        let first = |one: &Intervention| match one.action {
            Action::NoImage => Some(FirstAffected::Prompt),
            Action::Blank => Some(FirstAffected::Encoders),
            _ => anatomy.layers().find(|layer| one.at.contains(*layer)).map(FirstAffected::Layer),
        };
        self.0.iter().filter_map(first).min()
    }

    /// What they do in `layer` of a model with `encoders` encoders.
    pub fn plan(&self, layer: SvaLayer, encoders: usize) -> LayerPlan {
        LayerPlan::new(self.0.iter().filter(|one| one.at.contains(layer)).map(|one| &one.action), encoders)
    }

    /// Checks that everything they name is in `anatomy`, and that every layer keeps a key to attend to.
    ///
    /// # Errors
    /// [`Unusable`] naming what does not exist and what does.
    pub fn check(&self, anatomy: &Anatomy) -> Result<()> {
        for one in &self.0 {
            anatomy.check(one)?;
        }
        let encoders = anatomy.encoders().len();
        let closed = anatomy.layers().find(|layer| {
            let plan = self.plan(*layer, encoders);
            plan.encoders.iter().all(|encoder| encoder.masked)
        });
        match closed {
            Some(layer) => Err(Unusable::new(
                format!(
                    "every encoder is masked in layer {}: no cell would have a key left to attend to",
                    anatomy.label(layer)
                ),
                format!(
                    "leave one of {} unmasked, or replace features instead (zero, mean, swap); without any image it is \
                     no_image",
                    anatomy.encoder_words().join(", ")
                ),
            )),
            None => Ok(()),
        }
    }
}

impl FromIterator<Intervention> for Interventions {
    fn from_iter<I: IntoIterator<Item = Intervention>>(list: I) -> Self {
        // Every action with all places at which it is done; regions cell by cell, since their cells add up.
        let mut done: BTreeMap<Action, Places> = BTreeMap::new();
        let mut regions: BTreeMap<(usize, [usize; 2]), Places> = BTreeMap::new();
        for Intervention { action, at } in list {
            match action {
                Action::Region { encoder, cells } => {
                    for cell in cells.iter() {
                        regions.entry((encoder, cell)).or_default().insert(at);
                    }
                }
                Action::NoImage => return Self(vec![Intervention { action, at: Place::Everywhere }]),
                action if action.is_of_input() => done.entry(action).or_default().insert(Place::Everywhere),
                action => done.entry(action).or_default().insert(at),
            }
        }
        let mut by_place: BTreeMap<(usize, Place), Vec<[usize; 2]>> = BTreeMap::new();
        for ((encoder, cell), places) in &regions {
            for at in places.list() {
                by_place.entry((*encoder, at)).or_default().push(*cell);
            }
        }
        let regions = by_place.into_iter().map(|((encoder, at), cells)| Intervention {
            action: Action::Region { encoder, cells: cells.into_iter().collect() },
            at,
        });
        let each = |(action, places): (Action, Places)| {
            places.list().into_iter().map(move |at| Intervention { action: action.clone(), at })
        };
        let mut all: Vec<Intervention> = done.into_iter().flat_map(each).chain(regions).collect();
        all.sort();
        Self(all)
    }
}

impl From<Vec<Intervention>> for Interventions {
    fn from(list: Vec<Intervention>) -> Self {
        list.into_iter().collect()
    }
}

impl From<Interventions> for Vec<Intervention> {
    fn from(interventions: Interventions) -> Self {
        interventions.0
    }
}
