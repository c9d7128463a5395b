//! Passes that somebody looks on at: the one without interventions, and those whose attention is wanted under some.

use super::scoring::plain_effect;
use super::{Measurement, Scoring};
use crate::checkpoint::EncoderSpec;
use crate::error::{Error, Result};
use crate::generate::ImageInput;
use crate::intervention::Interventions;
use crate::job::{Job, Meter, Stage};
use crate::model::Model;
use crate::observe::{Both, Observer, Unobserved};
use crate::probe::evidence::contribution::Contributions;
use crate::probe::evidence::encoders::{EncoderMeans, GradientOf, GradientSums};
use crate::probe::evidence::finding::{Finding, SeenUnder};
use crate::probe::evidence::lens::{Lens, LensMap};
use crate::probe::evidence::reading::Attention;
use crate::probe::{Detail, Recorder, Trace, trace_file};
use crate::sva::Frame;
use crate::vision::Exif;
use std::sync::Arc;

impl Measurement {
    /// Makes the run without interventions, before whoever wants to see it.
    pub(super) fn base(&self, model: &Model, scoring: &mut Scoring, job: &Job<'_>) -> Result<Vec<Finding>> {
        let (standard, also) = (self.request.standard, &self.request.also);
        let tokens = &also.readings;
        let means = also.means || !also.curves.is_empty() || !also.seen_under.is_empty() || !tokens.is_empty();
        let scorer = &mut scoring.scorer;
        let sides = model.config().towers.iter().map(EncoderSpec::side).collect();
        let (mut contributions, mut recorder) = (Contributions::new(sides), Recorder::new(Detail::Sva));
        let frame = Frame::new(model.config().sva.final_side, self.size());
        let sampled = also.lens && model.config().sva.samplers.is_some();
        let lens = || Lens::new(model, &frame, 0);
        let mut lens = match (standard, sampled) {
            (true, _) => Some(lens()?),
            (false, true) => Some(lens()?.at_samplers()),
            (false, false) => None,
        };
        let mut noted = Vec::new();
        if also.lens && !sampled {
            noted.push("no lens: this model has no samplers, and it is read before and after each of them".to_owned());
        }
        let mut attention = None;
        if !tokens.is_empty() {
            let (layers, positions) = (model.config().decoder.layers, scorer.positions_of_pass());
            match Attention::check(layers, positions, scorer.before()) {
                Ok(()) => attention = Some(Attention::new(scorer.answer().len(), tokens)),
                Err(Error::OutOfMemory { what, .. }) => noted.push(format!("no attention of tokens: {what}")),
                Err(error) => return Err(error),
            }
        }
        {
            let (mut first, mut second, mut third, mut fourth) = (Unobserved, Unobserved, Unobserved, Unobserved);
            let written: &mut dyn Observer = if standard || means { &mut contributions } else { &mut first };
            let probs: &mut dyn Observer = if means { &mut recorder } else { &mut second };
            let states: &mut dyn Observer = match &mut lens {
                Some(lens) => lens,
                None => &mut third,
            };
            let rows: &mut dyn Observer = match &mut attention {
                Some(attention) => attention,
                None => &mut fourth,
            };
            let (mut sva, mut decoder) = (Both(written, probs), Both(states, rows));
            scorer.base(&mut Both(&mut sva, &mut decoder), job)?;
        }
        scoring.seen = contributions.into_tensors();
        let read = lens.map(Lens::into_tensors).unwrap_or_default();
        if sampled {
            scoring.lens = Some(LensMap::new(model, frame.clone(), &read)?);
        }
        scoring.seen.extend(read);
        if means {
            let trace = self.trace(model, &Interventions::default(), &recorder)?;
            scoring.means = Some(EncoderMeans::new(&trace, &scoring.seen, model.anatomy().side())?);
            scoring.trace = (!tokens.is_empty()).then(|| Arc::new(trace));
        }
        if let Some(attention) = attention {
            let readings = attention.readings(tokens, &frame, scoring.scorer.before())?;
            scoring.readings = readings.into_iter().map(Arc::new).collect();
        }
        scoring.notes.extend(noted.iter().cloned());
        let base = scoring.scorer.score(&Interventions::default(), job)?;
        let base = Finding::Base(Box::new(self.known(model, scoring, base)));
        let readings = scoring.readings.iter().map(|reading| Finding::Reading(Arc::clone(reading)));
        let lens = scoring.lens.iter().map(|lens| Finding::Lens(Box::new(lens.clone())));
        Ok([base].into_iter().chain(readings).chain(lens).chain(noted.into_iter().map(Finding::Note)).collect())
    }

    /// What `recorder` saw of a pass under `interventions`, as a trace.
    fn trace(&self, model: &Model, interventions: &Interventions, recorder: &Recorder) -> Result<Trace> {
        let image_input = ImageInput {
            interventions: interventions.clone(),
            other: self.request.other.clone(),
            ..ImageInput::plain(Arc::clone(&self.request.picture))
        };
        let question = self.request.turns.last().map_or("", |turn| turn.question.as_str());
        trace_file::recorded(model, &image_input, Exif::Ignore, question, recorder.layers(), recorder.tensors())
    }

    /// Makes the run under the interventions in place `at` of the list before those who see what is attended to and written,
    /// and takes the gradient of the answer in it.
    pub(super) fn seen_under(
        &self,
        model: &Model,
        scoring: &mut Scoring,
        at: usize,
        job: &Job<'_>,
    ) -> Result<Vec<Finding>> {
        let Some(interventions) = self.request.also.seen_under.get(at) else { return Ok(Vec::new()) };
        let silent = job.silent();
        let mut found = Vec::new();
        if scoring.gradients.iter().all(|known| known.of != GradientOf::Answer) {
            found.extend(self.gradient(model, scoring, GradientOf::Answer, &silent)?);
        }
        let sides = model.config().towers.iter().map(EncoderSpec::side).collect();
        let (mut contributions, mut recorder) = (Contributions::new(sides), Recorder::new(Detail::Sva));
        let scorer = &mut scoring.scorer;
        let score = scorer.observed(interventions, &mut Both(&mut contributions, &mut recorder), &silent)?;
        let trace = self.trace(model, interventions, &recorder)?;
        let means = EncoderMeans::new(&trace, &contributions.into_tensors(), model.anatomy().side())?;
        // A note has been made where there is no memory for it.
        let gradient = match scorer.gradients_of(&[GradientOf::Answer], interventions, &silent) {
            Ok(tensors) => Some(GradientSums::new(model, self.size(), GradientOf::Answer, &tensors)?),
            Err(Error::OutOfMemory { .. }) => None,
            Err(error) => return Err(error),
        };
        let seen = SeenUnder { interventions: interventions.clone(), means, gradient };
        scoring.seen_under.push(seen.clone());
        if scoring.done < scoring.total {
            Meter::resumed(job, Stage::Measure, scoring.done, scoring.total).advance(1)?;
            scoring.done += 1;
        }
        let effect = plain_effect(&scoring.scorer, interventions, score);
        found.extend([Finding::Effect(effect), Finding::SeenUnder(Box::new(seen))]);
        Ok(found)
    }
}
