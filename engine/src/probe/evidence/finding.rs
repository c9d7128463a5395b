//! What a measurement has found so far, piece by piece, for whoever does not wait for its end.

use super::answer::{Effect, Evidence};
use super::encoders::{EncoderMeans, GradientOf, GradientSums};
use super::faithfulness::{Curve, Faithfulness};
use super::features::Features;
use super::game::{Game, GameKind};
use super::lens::LensMap;
use super::reading::Reading;
use crate::intervention::Interventions;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One thing that a measurement found, as soon as it is known. [`Evidence::add`] puts them together.
#[derive(Debug, Clone)]
pub enum Finding {
    /// The answer without interventions, with which everything else is compared. The first of a measurement's findings.
    Base(Box<Evidence>),
    /// What an intervention did.
    Effect(Effect),
    /// A game over coalitions of encoders was played to its end.
    Game(Game),
    /// A gradient.
    Gradient(GradientSums, Seen),
    /// What was attended to and written under an intervention.
    SeenUnder(Box<SeenUnder>),
    /// How log p goes while cells go or come.
    Curve(Curve),
    /// What a token of the answer attended to in the decoder.
    Reading(Arc<Reading>),
    /// What encoders made of the image.
    Features(Box<Features>),
    /// What the decoder would say at each cell, before and after each sampler.
    Lens(Box<LensMap>),
    /// Something was left out: why.
    Note(String),
}

/// What each encoder had of the attention and wrote, and how sensitive the answer was to it, in the run under some
/// interventions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenUnder {
    /// The interventions.
    pub interventions: Interventions,
    /// Share, lift and norm.
    pub means: EncoderMeans,
    /// The gradient of the whole answer; `None` where there was no memory for it.
    pub gradient: Option<GradientSums>,
}

/// Tensors under their names in files, handed on unseen.
#[derive(Debug, Clone, Default)]
pub struct Seen(pub(super) BTreeMap<String, Tensor>);

/// What is measured beside a request's own list, each thing reported as soon as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Also {
    /// Whether each encoder's share, lift and norm are wanted: see [`super::EncoderMeans`].
    pub means: bool,
    /// Interventions, measured in this order and without the answer under them.
    pub scored: Vec<Interventions>,
    /// Games, played after them.
    pub games: Vec<GameKind>,
    /// Gradients, taken last.
    pub gradients: Vec<GradientOf>,
    /// Interventions under which each encoder's share, lift, norm and gradient are wanted, too.
    pub seen_under: Vec<Interventions>,
    /// Deletion and insertion, after all that.
    pub curves: Vec<Faithfulness>,
    /// Tokens whose attention in the decoder is wanted, with the trace of the SVA that a [`crate::probe::Chain`] goes on in.
    pub readings: Vec<usize>,
    /// Whether the encoders' features are wanted as colours.
    pub features: bool,
    /// Whether the lens is wanted before and after each sampler.
    pub lens: bool,
}

impl Also {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Evidence {
    /// Takes in a finding about the same answer. What is known already is replaced; another [`Finding::Base`] brings only
    /// what was missing, so that effects stay differences to one run.
    pub fn add(&mut self, finding: Finding) {
        match finding {
            Finding::Base(base) => {
                let base = *base;
                self.means = self.means.take().or(base.means);
                self.trace = self.trace.take().or(base.trace);
                if self.patches.is_empty() {
                    self.patches = base.patches;
                }
                for (name, tensor) in base.seen {
                    self.seen.entry(name).or_insert(tensor);
                }
                self.other = base.other.or(self.other);
            }
            Finding::Effect(effect) => {
                let known = self.effects.iter_mut().find(|known| known.interventions == effect.interventions);
                match known {
                    Some(known) => *known = effect,
                    None => self.effects.push(effect),
                }
            }
            Finding::Game(game) => {
                self.games.retain(|known| known.kind != game.kind);
                self.games.push(game);
            }
            Finding::Gradient(sums, seen) => {
                self.gradients.retain(|known| known.of != sums.of);
                self.gradients.push(sums);
                self.seen.extend(seen.0);
            }
            Finding::SeenUnder(seen) => {
                self.seen_under.retain(|known| known.interventions != seen.interventions);
                self.seen_under.push(*seen);
            }
            Finding::Curve(curve) => {
                let same = |known: &Curve| (known.of, known.order, known.way) == (curve.of, curve.order, curve.way);
                self.curves.retain(|known| !same(known));
                self.curves.push(curve);
            }
            Finding::Reading(reading) => {
                self.readings.retain(|known| known.token != reading.token);
                self.readings.push(reading);
            }
            Finding::Features(features) => self.features = Some(*features),
            Finding::Lens(lens) => self.lens = Some(*lens),
            Finding::Note(note) => {
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
        }
    }

    /// Forgets what rests on another image: it is about to be another one.
    pub fn forget_swaps(&mut self) {
        self.effects.retain(|effect| !effect.interventions.needs_other());
        self.seen_under.retain(|seen| !seen.interventions.needs_other());
        self.games.retain(|game| game.kind != GameKind::Swap);
        self.other = None;
    }

    /// The gradient of `of`, if it is known.
    pub fn gradient(&self, of: GradientOf) -> Option<&GradientSums> {
        self.gradients.iter().find(|known| known.of == of)
    }

    /// What was attended to and written under `interventions`, if that is known.
    pub fn seen_under(&self, interventions: &Interventions) -> Option<&SeenUnder> {
        self.seen_under.iter().find(|known| known.interventions == *interventions)
    }

    /// What `token` attended to in the decoder, if that is known.
    pub fn reading(&self, token: usize) -> Option<&Arc<Reading>> {
        self.readings.iter().find(|known| known.token == token)
    }

    /// The game of this kind, if it was played.
    pub fn game(&self, kind: GameKind) -> Option<&Game> {
        self.games.iter().find(|game| game.kind == kind)
    }
}
