//! Everything that is scored of one answer: in which order, run by run, and how it is put together.

use super::{Measurement, Phase, Scoring, Todo};
use crate::error::{Error, Result};
use crate::intervention::{Anatomy, FirstAffected, Interventions};
use crate::job::{Job, Meter, Stage};
use crate::model::Model;
use crate::observe::SvaLayer;
use crate::probe::evidence::answer::{Effect, Evidence, ScoredToken};
use crate::probe::evidence::encoders::{GradientOf, GradientSums};
use crate::probe::evidence::faithfulness::{CellOrder, Reckonings, Runner};
use crate::probe::evidence::features::Features;
use crate::probe::evidence::finding::{Also, Finding, Seen};
use crate::probe::evidence::game::{Game, GameKind, games};
use crate::probe::evidence::request::Request;
use crate::probe::evidence::score::{Continuation, Score, Scorer};
use crate::probe::evidence::shapley::Shapley;
use crate::probe::evidence::standard::{Named, standard};
use crate::sva::{Frame, PictureSize};
use crate::vision::Picture;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

impl Measurement {
    /// The answer is known: what is to be scored, in the order that costs least.
    pub(super) fn scoring(&mut self, model: &Arc<Model>, answer: Vec<u32>) -> Result<Phase> {
        let mut images = std::mem::take(&mut self.images).into_iter();
        let Some(image) = images.next() else { return Ok(Phase::Over) };
        let (prompt, blind) = (self.prompt.clone(), self.blind.clone());
        let has_other = self.request.other.is_some();
        let projected = if self.request.also.features { image.tokens.clone() } else { Vec::new() };
        if let Some(token) = self.request.also.readings.iter().find(|token| **token >= answer.len()) {
            return Err(Error::input(
                format!("token {} is to be followed, and the answer has {}", token + 1, answer.len()),
                format!("take one from 1 to {}", answer.len()),
            ));
        }
        let scorer = Scorer::new(Arc::clone(model), image, images.next(), prompt, blind, answer)?;
        let (mut list, mut played, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        if self.request.standard {
            list = standard(scorer.anatomy(), has_other, self.request.region.as_ref());
            match games(scorer.anatomy(), has_other) {
                Ok(games) => played = games,
                Err(left_out) => notes.push(left_out),
            }
        }
        let encoders = scorer.anatomy().encoders().len();
        let coalitions = |kind: &GameKind| {
            let kind = *kind;
            (0..1 << encoders).map(move |coalition| kind.interventions(coalition, encoders))
        };
        // What changes last goes first: then all that comes before it is still that of the run without interventions.
        let mut order: Vec<Interventions> = list.iter().map(|named| named.interventions.clone()).collect();
        order.sort_by_key(|interventions| std::cmp::Reverse(interventions.first_affected(scorer.anatomy())));
        order.extend(played.iter().flat_map(coalitions));
        let Also { scored, games: also_played, gradients: also_gradients, curves, features, seen_under, .. } =
            &self.request.also;
        let frame = Frame::new(scorer.anatomy().side(), self.size());
        let coalitions_of_also: Vec<Interventions> =
            also_played.iter().flat_map(coalitions).filter(|coalition| !coalition.is_none()).collect();
        let distinct: HashSet<&Interventions> =
            order.iter().chain(&self.request.with).chain(scored).chain(&coalitions_of_also).collect();
        let total = distinct.iter().filter(|interventions| !interventions.is_none()).count() as u64
            + seen_under.len() as u64
            + curves.iter().map(|wanted| Runner::runs(wanted, &frame)).sum::<u64>();
        let gradients = self.request.standard.then_some(Todo::Gradients);
        let runs = in_order(order, &self.request.with, scorer.anatomy());
        let also = scored.iter().chain(&coalitions_of_also).map(|one| Todo::Under(one.clone()));
        let last = also_played.iter().map(|kind| Todo::Play(*kind));
        let last = last.chain(also_gradients.iter().map(|of| Todo::Gradient(*of)));
        let last = last.chain((0..seen_under.len()).map(Todo::SeenUnder)).chain((0..curves.len()).map(Todo::Curves));
        let seen = features.then_some(Todo::Features);
        let todo = [Todo::Base].into_iter().chain(seen).chain(gradients).chain(runs).chain(also).chain(last).collect();
        played.extend(also_played.iter().filter(|kind| !played.contains(kind)).copied().collect::<Vec<_>>());
        Ok(Phase::Score(Box::new(Scoring {
            scorer,
            standard: list,
            games: played,
            todo,
            done: 0,
            total,
            answers: Vec::new(),
            notes,
            seen: BTreeMap::new(),
            means: None,
            gradients: Vec::new(),
            seen_under: Vec::new(),
            curves: Vec::new(),
            runner: None,
            readings: Vec::new(),
            trace: None,
            features: None,
            lens: None,
            projected,
        })))
    }

    pub(super) fn score(
        &self,
        model: &Model,
        scoring: &mut Scoring,
        todo: &Todo,
        job: &Job<'_>,
    ) -> Result<Vec<Finding>> {
        let silent = job.silent();
        let Scoring { scorer, done, total, answers, notes, seen, .. } = scoring;
        let (interventions, before) = match todo {
            Todo::Base => return self.base(model, scoring, &silent),
            Todo::Gradients => {
                let last = scorer.answer().len() - 1;
                let ends: &[usize] = if last == 0 { &[0] } else { &[0, last] };
                match scorer.gradients(ends, &silent) {
                    Ok(gradients) => seen.extend(gradients),
                    Err(Error::OutOfMemory { what, .. }) => notes.push(format!("no gradients: {what}")),
                    Err(error) => return Err(error),
                }
                return Ok(Vec::new());
            }
            Todo::Gradient(of) => return Ok(self.gradient(model, scoring, *of, &silent)?.into_iter().collect()),
            Todo::Features => {
                let features = Features::new(&self.raw, &scoring.projected, self.size())?;
                scoring.features = Some(features.clone());
                return Ok(vec![Finding::Features(Box::new(features))]);
            }
            Todo::Curves(at) => return self.curves(model, scoring, *at, job),
            Todo::SeenUnder(at) => return self.seen_under(model, scoring, *at, job),
            Todo::Play(kind) => return Ok(play(*kind, scorer, &silent)?.map(Finding::Game).into_iter().collect()),
            Todo::With(at) => (&self.request.with[*at], scorer.runs()),
            Todo::Under(interventions) => (interventions, scorer.runs()),
        };
        let score = scorer.score(interventions, &silent)?;
        if scorer.runs() > before {
            Meter::resumed(job, Stage::Measure, *done, *total).advance(1)?;
            *done += 1;
        }
        let mut answer = None;
        if let Todo::With(_) = todo {
            answer = Some(scorer.answer_under(interventions, self.max_tokens, &silent)?);
            answers.extend(answer.clone());
        }
        let name = name_of(interventions, scorer.anatomy());
        Ok(vec![Finding::Effect(effect(scorer, name, interventions, score, answer))])
    }

    /// The gradient of `of`, or a note why there is none.
    pub(super) fn gradient(
        &self,
        model: &Model,
        scoring: &mut Scoring,
        of: GradientOf,
        job: &Job<'_>,
    ) -> Result<Option<Finding>> {
        let tensors = match scoring.scorer.gradients_of(&[of], &Interventions::default(), job) {
            Ok(tensors) => tensors,
            Err(Error::OutOfMemory { what, .. }) => {
                scoring.notes.push(format!("no gradients: {what}"));
                return Ok(scoring.notes.last().cloned().map(Finding::Note));
            }
            Err(error) => return Err(error),
        };
        let sums = GradientSums::new(model, self.size(), of, &tensors)?;
        scoring.gradients.push(sums.clone());
        scoring.seen.extend(tensors.clone());
        Ok(Some(Finding::Gradient(sums, Seen(tensors))))
    }

    /// One run more of the curves in place `at` of the request; they are over when no runner is left.
    fn curves(&self, model: &Model, scoring: &mut Scoring, at: usize, job: &Job<'_>) -> Result<Vec<Finding>> {
        let Some(wanted) = self.request.also.curves.get(at) else { return Ok(Vec::new()) };
        let silent = job.silent();
        let mut found = Vec::new();
        let of = wanted.of.of;
        if scoring.runner.is_none() {
            let by_gradient = wanted.orders.contains(&CellOrder::Gradient);
            if by_gradient && scoring.gradients.iter().all(|known| known.of != of) {
                found.extend(self.gradient(model, scoring, of, &silent)?);
            }
            let frame = Frame::new(scoring.scorer.anatomy().side(), self.size());
            scoring.runner = Some(Runner::new(wanted, &frame, scoring.scorer.anatomy().encoders().len()));
        }
        let Scoring { scorer, done, total, notes, means, gradients, curves, runner, .. } = scoring;
        let Some(running) = runner else { return Ok(found) };
        let before = scorer.runs();
        let known = Reckonings {
            side: scorer.anatomy().side(),
            means: means.as_ref().map(|means| means.cells.as_slice()),
            gradient: gradients.iter().find(|known| known.of == of),
        };
        // What is known needs no run: on to the next that does.
        while scorer.runs() == before && !running.is_over() {
            match running.advance(scorer, &known, &silent)? {
                None => {}
                Some(Ok(curve)) => {
                    curves.push(curve.clone());
                    found.push(Finding::Curve(curve));
                }
                Some(Err(order)) => {
                    let note = format!("no cells in the order of {order}: it is not known");
                    notes.push(note.clone());
                    found.push(Finding::Note(note));
                }
            }
        }
        if scorer.runs() > before && *done < *total {
            Meter::resumed(job, Stage::Measure, *done, *total).advance(1)?;
            *done += 1;
        }
        if running.is_over() {
            *runner = None;
        }
        Ok(found)
    }

    pub(super) fn size(&self) -> PictureSize {
        PictureSize { width: self.request.picture.width, height: self.request.picture.height }
    }

    /// What is known with the run without interventions: everything but effects and games.
    pub(super) fn known(&self, model: &Model, scoring: &Scoring, base: Score) -> Evidence {
        let scorer = &scoring.scorer;
        let token = |&id: &u32| ScoredToken { id, text: model.tokenizer().token_text(id).unwrap_or_default() };
        Evidence {
            image: self.request.picture.id(),
            other: self.request.other.as_deref().map(Picture::id),
            system: self.request.system.clone(),
            question: self.request.turns.last().map_or_else(String::new, |turn| turn.question.clone()),
            answer: scorer.answer().iter().map(token).collect(),
            text: scorer.text(scorer.answer()),
            base,
            effects: Vec::new(),
            games: Vec::new(),
            region: self.request.region.clone(),
            runs: scorer.runs(),
            means: scoring.means.clone(),
            gradients: scoring.gradients.clone(),
            seen_under: scoring.seen_under.clone(),
            curves: scoring.curves.clone(),
            readings: scoring.readings.clone(),
            trace: scoring.trace.clone(),
            patches: model.encoders().iter().map(|encoder| encoder.patches()).collect(),
            features: scoring.features.clone(),
            lens: scoring.lens.clone(),
            notes: scoring.notes.clone(),
            seen: scoring.seen.clone(),
            anatomy: model.anatomy(),
        }
    }

    /// Puts together what was measured. Every score is known by now.
    pub(super) fn evidence(&self, model: &Model, mut scoring: Scoring, job: &Job<'_>) -> Result<Evidence> {
        let (anatomy, silent) = (model.anatomy(), job.silent());
        let base = scoring.scorer.score(&Interventions::default(), &silent)?;
        let mut evidence = self.known(model, &scoring, base);
        let Scoring { scorer, standard, games, answers, .. } = &mut scoring;
        for (with, answer) in self.request.with.iter().zip(std::mem::take(answers)) {
            let score = scorer.score(with, &silent)?;
            evidence.effects.push(effect(scorer, name_of(with, &anatomy), with, score, Some(answer)));
        }
        for Named { name, interventions } in standard.iter() {
            let score = scorer.score(interventions, &silent)?;
            evidence.effects.push(effect(scorer, name.clone(), interventions, score, None));
        }
        let Request { with, also: Also { scored, seen_under, .. }, .. } = &self.request;
        let others = seen_under.iter().filter(|one| !scored.contains(one) && !with.contains(one));
        for interventions in scored.iter().chain(others) {
            let score = scorer.score(interventions, &silent)?;
            evidence.effects.push(plain_effect(scorer, interventions, score));
        }
        for kind in games.iter() {
            evidence.games.extend(play(*kind, scorer, &silent)?);
        }
        evidence.runs = scorer.runs();
        Ok(evidence)
    }
}

/// What an intervention is called in files. A region of no cells is no intervention, and has to be called something.
fn name_of(interventions: &Interventions, anatomy: &Anatomy) -> String {
    if interventions.is_none() { "none".to_owned() } else { interventions.to_spec(anatomy) }
}

/// What `interventions` did, whose score this is.
fn effect(
    scorer: &Scorer,
    name: String,
    interventions: &Interventions,
    score: Score,
    answer: Option<Continuation>,
) -> Effect {
    let divergence = score.divergence(scorer.answer());
    Effect { name, interventions: interventions.clone(), score, divergence, answer }
}

/// The effect of what was asked for by its SPEC alone.
pub(super) fn plain_effect(scorer: &Scorer, interventions: &Interventions, score: Score) -> Effect {
    effect(scorer, name_of(interventions, scorer.anatomy()), interventions, score, None)
}

/// The runs of `order`, which begins with what changes last, and of what was asked `with`. A run of the latter may begin at
/// the connector and ends with an answer, after which nothing of the run without interventions is left to go on from: it
/// waits for all that begin at a sampler.
fn in_order(order: Vec<Interventions>, with: &[Interventions], anatomy: &Anatomy) -> Vec<Todo> {
    let at_sampler = |interventions: &Interventions| {
        let first = interventions.first_affected(anatomy);
        matches!(first, Some(FirstAffected::Layer(SvaLayer::Sampler { .. })))
    };
    let runs = order.into_iter().filter(|interventions| !with.contains(interventions));
    let (samplers, others): (Vec<_>, Vec<_>) = runs.partition(at_sampler);
    let asked = (0..with.len()).map(Todo::With);
    samplers.into_iter().map(Todo::Under).chain(asked).chain(others.into_iter().map(Todo::Under)).collect()
}

fn play(kind: GameKind, scorer: &mut Scorer, job: &Job<'_>) -> Result<Option<Game>> {
    let encoders = scorer.anatomy().encoders().len();
    let coalitions = (0..1 << encoders)
        .map(|coalition| Ok(scorer.score(&kind.interventions(coalition, encoders), job)?.sum()))
        .collect::<Result<Vec<f64>>>()?;
    Ok(Shapley::new(encoders, &coalitions).map(|shapley| Game { kind, coalitions, shapley }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervention::{Action, Place};

    #[test]
    fn what_begins_at_a_sampler_goes_before_what_was_asked_for() {
        let layers =
            [SvaLayer::Connector { group: 0, layer: 0 }, SvaLayer::Sampler { n: 0 }, SvaLayer::Sampler { n: 1 }];
        let anatomy = Anatomy::from_parts(
            vec!["clip".into(), "dinov2".into()],
            layers.iter().map(|layer| (*layer, layer.to_string())).collect(),
            6,
        );
        let skip = |at: usize| Interventions::at(Action::Skip, Place::Layer(layers[at]));
        let with = [Interventions::mask(0, false), skip(2)];
        let order = vec![skip(2), skip(1), skip(0), Interventions::of(Action::Context)];
        let expected = vec![
            Todo::Under(skip(1)),
            Todo::With(0),
            Todo::With(1),
            Todo::Under(skip(0)),
            Todo::Under(Interventions::of(Action::Context)),
        ];
        assert_eq!(in_order(order, &with, &anatomy), expected);
    }
}
