//! Everything that is asked about one answer, in as few passes as it takes.

mod observed;
mod scoring;

use super::answer::Evidence;
use super::encoders::{EncoderMeans, GradientOf, GradientSums};
use super::faithfulness::{Curve, Runner};
use super::features::Features;
use super::finding::{Finding, SeenUnder};
use super::game::GameKind;
use super::lens::LensMap;
use super::reading::Reading;
use super::request::{Request, room};
use super::score::{Continuation, Scorer};
use super::standard::Named;
use crate::error::{Error, Result};
use crate::generate::run::{self, Finished, Goal, Run};
use crate::generate::{GenerateOptions, ImageInput, Session, Watch};
use crate::intervention::Interventions;
use crate::model::{EncodedImage, Model};
use crate::observe::Unobserved;
use crate::probe::Trace;
use crate::run::Lane;
use crate::sva::PictureSize;
use crate::text::PromptIds;
use crate::vision::Picture;
use candle_core::Tensor;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Measures what `request` asks for from beginning to end, with nobody in between: see [`Measurement`].
///
/// # Errors
/// Those of [`Measurement::new`] and [`Measurement::advance`].
pub fn measure(
    model: &Arc<Model>,
    session: &mut Session,
    request: &Request,
    watch: &mut Watch<'_>,
) -> Result<Evidence> {
    let mut measurement = Measurement::new(model, session, request.clone(), Lane::Interactive)?;
    loop {
        if let Some(evidence) = measurement.advance(model, session, watch)? {
            return Ok(evidence);
        }
    }
}

/// A measurement under way, pass by pass. The answer is made as any other is, so that the conversation can go on from what
/// is kept of it in the session; what runs under interventions changes nothing there.
pub struct Measurement {
    request: Request,
    lane: Lane,
    prompt: PromptIds,
    blind: PromptIds,
    max_tokens: usize,
    /// What the encoders make of the image, and of the other one.
    images: Vec<EncodedImage>,
    /// What encoders made of the image, before their projectors, where that is wanted.
    raw: Vec<Tensor>,
    phase: Phase,
    /// What was found and nobody has been told.
    found: Vec<Finding>,
}

enum Phase {
    /// The encoders run over the image that comes after those that are there.
    Encode(Run),
    /// The answer is made that will be scored.
    Answer(Run),
    /// It is scored.
    Score(Box<Scoring>),
    /// It has ended, or failed.
    Over,
}

/// Everything that is scored, and how far that is.
struct Scoring {
    scorer: Scorer,
    standard: Vec<Named>,
    games: Vec<GameKind>,
    todo: VecDeque<Todo>,
    /// Runs made, and to be made.
    done: u64,
    total: u64,
    /// The likeliest answers under what was asked for.
    answers: Vec<Continuation>,
    notes: Vec<String>,
    seen: BTreeMap<String, Tensor>,
    means: Option<EncoderMeans>,
    gradients: Vec<GradientSums>,
    seen_under: Vec<SeenUnder>,
    curves: Vec<Curve>,
    /// The curves that are being measured.
    runner: Option<Runner>,
    readings: Vec<Arc<Reading>>,
    trace: Option<Arc<Trace>>,
    features: Option<Features>,
    lens: Option<LensMap>,
    /// Projected tokens, where features are wanted.
    projected: Vec<Tensor>,
}

/// One thing to be scored.
#[derive(Debug, PartialEq)]
enum Todo {
    /// The run without interventions; with the standard list, contributions and the lens look on.
    Base,
    /// With the standard list: how sensitive the answer's first and last token are to the attention.
    Gradients,
    /// What was asked for, in this place of the list, with the answer under it.
    With(usize),
    /// Anything else.
    Under(Interventions),
    /// What is attended to and written under an intervention: that in this place of the list.
    SeenUnder(usize),
    /// A game, of which every coalition was scored.
    Play(GameKind),
    /// A gradient that was asked for by name.
    Gradient(GradientOf),
    /// The encoders' features as colours.
    Features,
    /// Curves, run by run: those that were asked for in this place of the list.
    Curves(usize),
}

impl Measurement {
    /// Checks that `model` can do what `request` asks for. Computes nothing.
    ///
    /// # Errors
    /// Those of [`Request::check`]; [`Error::Input`] for answers that do not fit the model's context.
    pub fn new(model: &Model, session: &mut Session, request: Request, lane: Lane) -> Result<Self> {
        request.check(&model.anatomy())?;
        let prompt = model.prompt(request.system.as_deref(), &request.turns, true)?;
        let blind = model.prompt(request.system.as_deref(), &request.turns, false)?;
        let size = PictureSize { width: request.picture.width, height: request.picture.height };
        let positions = prompt.ids.len() - 1 + model.visual_positions(size)?;
        let max_tokens = room(model, positions, &request)?;
        let phase = Phase::Encode(encoding(model, session, &request.picture, lane)?);
        Ok(Self {
            request,
            lane,
            prompt,
            blind,
            max_tokens,
            images: Vec::new(),
            raw: Vec::new(),
            phase,
            found: Vec::new(),
        })
    }

    /// Does the next pass, or the passes of one run under interventions; `Some` after the last one.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; failures of the device.
    pub fn advance(
        &mut self,
        model: &Arc<Model>,
        session: &mut Session,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Evidence>> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Encode(mut run) => match run.advance(model, session, watch)? {
                None => Phase::Encode(run),
                Some(Finished::Encoded(features)) => self.encoded(model, session, &features)?,
                Some(_) => Phase::Over,
            },
            Phase::Answer(mut run) => match run.advance(model, session, watch)? {
                None => Phase::Answer(run),
                Some(Finished::Answered(answer)) => {
                    let ids = answer.tokens.iter().map(|token| token.id).collect();
                    self.scoring(model, ids)?
                }
                Some(_) => Phase::Over,
            },
            Phase::Score(mut scoring) => match scoring.todo.pop_front() {
                Some(todo) => {
                    watch.job.check()?;
                    let found = self.score(model, &mut scoring, &todo, watch.job)?;
                    self.found.extend(found);
                    if matches!(todo, Todo::Curves(_)) && scoring.runner.is_some() {
                        scoring.todo.push_front(todo);
                    }
                    Phase::Score(scoring)
                }
                None => return self.evidence(model, *scoring, watch.job).map(Some),
            },
            Phase::Over => return Err(Error::Cancelled),
        };
        Ok(None)
    }

    /// What was found since this was asked last.
    pub fn drain_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }

    /// The features of one more image are there.
    fn encoded(&mut self, model: &Arc<Model>, session: &mut Session, features: &[Tensor]) -> Result<Phase> {
        let Request { picture, other, .. } = &self.request;
        let shown = if self.images.is_empty() { Some(picture) } else { other.as_ref() };
        if let Some(shown) = shown {
            let size = PictureSize { width: shown.width, height: shown.height };
            if self.images.is_empty() && self.request.also.features {
                self.raw = features.to_vec();
            }
            self.images.push(model.project(size, features, &mut Unobserved)?);
        }
        if let (1, Some(other)) = (self.images.len(), other) {
            return Ok(Phase::Encode(encoding(model, session, other, self.lane)?));
        }
        if let Some(answer) = self.request.answer.clone() {
            return self.scoring(model, answer);
        }
        let request = run::Request {
            prompt: self.prompt.clone(),
            image_input: Some(ImageInput::plain(Arc::clone(&self.request.picture))),
            forced: Vec::new(),
            goal: Goal::Generate(GenerateOptions { max_tokens: self.max_tokens, ..GenerateOptions::default() }),
            lane: self.lane,
            passes: run::Passes::Free,
        };
        Ok(Phase::Answer(Run::new(model, session, request)?))
    }
}

/// The run of the encoders over `picture`.
fn encoding(model: &Model, session: &mut Session, picture: &Arc<Picture>, lane: Lane) -> Result<Run> {
    let request = run::Request {
        prompt: PromptIds { ids: Vec::new(), image_index: None },
        image_input: Some(ImageInput::plain(Arc::clone(picture))),
        forced: Vec::new(),
        goal: Goal::Encode,
        lane,
        passes: run::Passes::Free,
    };
    Run::new(model, session, request)
}
