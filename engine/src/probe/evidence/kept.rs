//! What is kept of evidence across restarts: its plain numbers. Tensors, traces, features and what a lens reads are large, and are
//! measured again when they are looked at.

use super::answer::{Effect, Evidence, ScoredToken};
use super::encoders::{CellMeans, EncoderMeans, GradientOf, GradientSums};
use super::faithfulness::Curve;
use super::finding::SeenUnder;
use super::game::{Game, GameKind};
use super::score::Score;
use super::shapley::Shapley;
use crate::error::{Error, Result};
use crate::intervention::Anatomy;
use crate::run::ImageId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The plain numbers of [`Evidence`], but for what rests on another image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptEvidence {
    image: ImageId,
    system: Option<String>,
    question: String,
    answer: Vec<ScoredToken>,
    text: String,
    base: Score,
    effects: Vec<Effect>,
    /// `[2^n]`: values of the coalitions of the game in which encoders are masked, if it was played.
    coalitions: Option<Coalitions>,
    runs: usize,
    means: Option<EncoderMeans>,
    gradients: Vec<GradientSums>,
    seen_under: Vec<SeenUnder>,
    curves: Vec<Curve>,
    notes: Vec<String>,
}

impl KeptEvidence {
    /// What is kept of `evidence`.
    pub fn of(evidence: &Evidence) -> Self {
        let own = |effect: &&Effect| !effect.interventions.needs_other();
        let seen = evidence.seen_under.iter().filter(|seen| !seen.interventions.needs_other());
        Self {
            image: evidence.image,
            system: evidence.system.clone(),
            question: evidence.question.clone(),
            answer: evidence.answer.clone(),
            text: evidence.text.clone(),
            base: evidence.base.clone(),
            effects: evidence.effects.iter().filter(own).cloned().collect(),
            coalitions: evidence.game(GameKind::Mask).map(|game| Coalitions(game.coalitions.clone())),
            runs: evidence.runs,
            means: evidence.means.clone(),
            gradients: evidence.gradients.clone(),
            seen_under: seen.cloned().collect(),
            curves: evidence.curves.clone(),
            notes: evidence.notes.clone(),
        }
    }

    /// The evidence again, about a model with `anatomy`.
    ///
    /// # Errors
    /// [`Error::Input`] if the numbers cannot be those of such a model: the file was damaged, or made by somebody else.
    pub fn restore(self, anatomy: &Anatomy) -> Result<Evidence> {
        self.check(anatomy)?;
        let encoders = anatomy.encoders().len();
        let game = |Coalitions(coalitions)| {
            let shapley =
                Some(&coalitions).filter(|values| finite(values)).and_then(|values| Shapley::new(encoders, values));
            shapley.map(|shapley| Game { kind: GameKind::Mask, coalitions, shapley })
        };
        Ok(Evidence {
            anatomy: anatomy.clone(),
            image: self.image,
            other: None,
            system: self.system,
            question: self.question,
            answer: self.answer,
            text: self.text,
            base: self.base,
            effects: self.effects,
            games: self.coalitions.and_then(game).into_iter().collect(),
            region: None,
            runs: self.runs,
            means: self.means,
            gradients: self.gradients,
            seen_under: self.seen_under,
            curves: self.curves,
            readings: Vec::new(),
            trace: None,
            patches: Vec::new(),
            features: None,
            lens: None,
            notes: self.notes,
            seen: BTreeMap::new(),
        })
    }

    /// Checks that the numbers can be those of a model with `anatomy`.
    fn check(&self, anatomy: &Anatomy) -> Result<()> {
        let shape = Shape { encoders: anatomy.encoders().len(), side: anatomy.side(), tokens: self.answer.len() };
        let seen = || self.seen_under.iter();
        let effects = self.effects.iter().map(|effect| &effect.interventions);
        for one in effects.chain(seen().map(|seen| &seen.interventions)) {
            one.check(anatomy)?;
            if one.needs_other() {
                return Err(unsound("an effect rests on another image"));
            }
        }
        let mut scores = [&self.base].into_iter().chain(self.effects.iter().map(|effect| &effect.score));
        let mut means = self.means.iter().chain(seen().map(|seen| &seen.means));
        let mut gradients = self.gradients.iter().chain(seen().filter_map(|seen| seen.gradient.as_ref()));
        let sound = shape.tokens > 0
            && scores.all(|score| shape.score(score))
            && means.all(|means| shape.means(means))
            && gradients.all(|sums| shape.gradient(sums))
            && self.curves.iter().all(|curve| shape.curve(curve));
        if sound { Ok(()) } else { Err(unsound("its numbers do not fit this model or this answer")) }
    }
}

/// A number for each coalition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Coalitions(#[serde(with = "super::exact::list")] Vec<f64>);

/// What is wrong with a file.
fn unsound(why: &str) -> Error {
    Error::input(format!("evidence that was kept cannot be used: {why}"), "measure it again")
}

fn finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// How many numbers there have to be.
struct Shape {
    encoders: usize,
    side: usize,
    tokens: usize,
}

impl Shape {
    fn score(&self, score: &Score) -> bool {
        [score.log_probs.len(), score.greedy.len()] == [self.tokens; 2]
            && score.log_probs.iter().all(|value| value.is_finite())
            && score.kl.is_finite()
    }

    /// A number for each encoder.
    fn of_encoders(&self, values: &[f64]) -> bool {
        values.len() == self.encoders && finite(values)
    }

    fn means(&self, means: &EncoderMeans) -> bool {
        let cell = |CellMeans { share, lift, norm, all }: &CellMeans| {
            [share, lift, norm].into_iter().all(|values| self.of_encoders(values)) && all.is_finite()
        };
        means.side == self.side
            && means.cells.len() == self.side * self.side
            && [&means.share, &means.lift, &means.norm].into_iter().all(|values| self.of_encoders(values))
            && means.cells.iter().flatten().all(cell)
    }

    fn of(&self, of: GradientOf) -> bool {
        match of {
            GradientOf::Answer => true,
            GradientOf::Token(t) => t < self.tokens,
        }
    }

    fn gradient(&self, sums: &GradientSums) -> bool {
        self.of(sums.of)
            && sums.cells.len() == self.side * self.side
            && sums.cells.iter().chain([&sums.encoders, &sums.relevancy]).all(|values| self.of_encoders(values))
    }

    fn curve(&self, curve: &Curve) -> bool {
        let points = curve.sequence.len() + 1;
        self.of(curve.of.of)
            && curve.of.unit > 0
            && curve.of.target.is_none_or(|k| k < self.encoders)
            && [curve.cells.len(), curve.log_p.len()] == [points; 2]
            && curve.cells.is_sorted()
            && curve.cells.iter().all(|cells| *cells <= self.side * self.side)
            && finite(&curve.log_p)
    }
}
