//! One run, pass by pass: encoders, connector, prefill, token after token. Between two passes a run holds nothing but its
//! own state, so that others can go between.

use super::generation::{Generated, Generation, KNOWN_AT_ONCE, give_rest, log_probabilities, token};
use super::state::DecoderState;
use super::{Answer, GenerateOptions, ImageInput, Scores, Session, Timings, Token, Watch};
use crate::error::{Error, Result};
use crate::job::{Meter, Stage};
use crate::model::{Model, PooledEncoder};
use crate::observe::{Observer, Site, Unobserved, show};
use crate::run::{ImageId, Lane, RunKey};
use crate::sva::PictureSize;
use crate::text::{IMAGE_ID, PromptIds, TokenStream};
use crate::vision::Picture;
use candle_core::Tensor;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// How far a run goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Goal {
    /// Through the encoders: the image is ready for whatever is asked about it.
    Encode,
    /// Through the prompt.
    Prefill,
    /// Through prompt and forced prefix, whose tokens are scored: teacher forcing.
    Score {
        /// How many of the most likely tokens to report at each place.
        alternatives: usize,
        /// The place whose whole distribution is reported, if any.
        place: Option<usize>,
    },
    /// To the end of an answer that begins with the forced prefix.
    Generate(GenerateOptions),
    /// To the position that chooses the token after the forced prefix, and through that one again if it is known.
    Revisit,
}

/// How the positions in front of an answer are shared out among passes of the decoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Passes {
    /// As few passes as can be: whatever is known is reused, and the rest run together.
    #[default]
    Free,
    /// Always the same: the text before the image, the image, what comes after it, each in passes of its own; only
    /// whole ones are reused. A product of matrices may round otherwise when it has other rows beside it, so that a
    /// number would depend, in its last bits, on what was asked before. Among runs that are all made in this way it does
    /// not.
    Repeatable,
}

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Request {
    /// The prompt; of no meaning to [`Goal::Encode`].
    pub prompt: PromptIds,
    /// What it is about.
    pub image_input: Option<ImageInput>,
    /// Ids the answer begins with.
    pub forced: Vec<u32>,
    /// How far to go.
    pub goal: Goal,
    /// Whose states it may go on from.
    pub lane: Lane,
    /// In which passes.
    pub passes: Passes,
}

/// What a run has come to.
#[derive(Debug)]
pub enum Finished {
    /// The goal was reached, and it was nothing that gives a result.
    Reached,
    /// The features of every encoder, `[N_k, D_k]`.
    Encoded(Vec<Tensor>),
    /// The forced prefix with its scores.
    Scored(Scores),
    /// The answer.
    Answered(Answer),
}

/// A run under way.
pub struct Run {
    request: Request,
    key: RunKey,
    /// What the encoders are shown, one after another.
    pictures: Vec<(ImageId, Arc<Picture>)>,
    /// Ids to be run before the first choice: the prompt, and where they are no choices the forced ones.
    ids: Vec<i64>,
    /// Positions of the prompt.
    prompt_positions: usize,
    /// Positions of [`Run::ids`].
    positions: usize,
    phase: Phase,
    timings: Timings,
}

enum Phase {
    Begin,
    /// Features known so far, in the order of pictures and encoders.
    Encode(Vec<Tensor>),
    Connect(Vec<Tensor>),
    Prefill(DecoderState),
    Decode(DecoderState, Box<Generation>),
    /// It has ended, or failed.
    Over,
}

impl Run {
    /// Checks that `request` can be fulfilled by `model`. Computes nothing.
    ///
    /// # Errors
    /// [`Error::Input`] if prompt and forced prefix are longer than the model's context, or something is out of range.
    pub fn new(model: &Model, session: &mut Session, request: Request) -> Result<Self> {
        if let Goal::Generate(options) = &request.goal {
            options.sampling.check()?;
        }
        check_ids(model, &request.forced)?;
        let visual = match &request.image_input {
            Some(ImageInput { picture, interventions, .. }) => {
                interventions.check(&model.anatomy())?;
                model.visual_positions(PictureSize { width: picture.width, height: picture.height })?
            }
            None => 0,
        };
        let taken = |ids: &[i64]| ids.iter().map(|&id| if id == IMAGE_ID { visual } else { 1 }).sum::<usize>();
        let prompt_positions = taken(&request.prompt.ids);
        let decoder = &model.config().decoder;
        let limit = model.config().context_length.min(decoder.max_positions);
        if prompt_positions > limit {
            return Err(Error::input(
                format!("the conversation takes {prompt_positions} positions, and this model can see {limit}"),
                "shorten the question, or start a new conversation about the image",
            ));
        }
        let forced = match request.goal {
            Goal::Score { .. } if request.forced.is_empty() => {
                return Err(Error::input("there is no answer to score", "give the tokens of one"));
            }
            // The last one chooses nothing that is asked for.
            Goal::Score { .. } => &request.forced[..request.forced.len() - 1],
            Goal::Revisit => &request.forced[..],
            Goal::Encode | Goal::Prefill | Goal::Generate(_) => &[],
        };
        let ids: Vec<i64> = request.prompt.ids.iter().copied().chain(forced.iter().map(|&id| i64::from(id))).collect();
        let positions = taken(&ids);
        if positions > decoder.max_positions {
            return Err(Error::input(
                format!("prompt and answer take {positions} positions, and this model has {}", decoder.max_positions),
                "take fewer tokens of the answer",
            ));
        }
        let key = session.key(model, &request.prompt, request.image_input.as_ref());
        let pictures = request.image_input.iter().flat_map(|image_input| {
            let other = image_input.swapped_in().filter(|_| request.goal != Goal::Encode);
            [Some(image_input.shown()), other.cloned()].into_iter().flatten()
        });
        let pictures = pictures.map(|picture| (session.image_id(&picture), picture)).collect();
        let timings = Timings::default();
        Ok(Self { request, key, pictures, ids, prompt_positions, positions, phase: Phase::Begin, timings })
    }

    /// What names its results.
    pub fn key(&self) -> &RunKey {
        &self.key
    }

    /// Does the next pass; `Some` after the last one.
    ///
    /// An observer that needs the whole pass gets it: then nothing but encoder features is reused.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; failures of the device and the observer. What is complete of the decoder's state is kept.
    pub fn advance(&mut self, model: &Model, session: &mut Session, watch: &mut Watch<'_>) -> Result<Option<Finished>> {
        if let Err(cancelled) = watch.job.check() {
            if let Phase::Prefill(state) | Phase::Decode(state, _) = mem::replace(&mut self.phase, Phase::Over) {
                session.prefixes.save(model, &self.key, (self.request.lane, self.request.passes), state);
            }
            return Err(cancelled);
        }
        match mem::replace(&mut self.phase, Phase::Over) {
            Phase::Begin => {
                self.phase = self.begin(model, session, watch.observer)?;
                self.advance(model, session, watch)
            }
            Phase::Encode(features) => self.encode(model, session, features, watch),
            Phase::Connect(features) => self.connect(model, session, &features, watch),
            Phase::Prefill(mut state) => {
                let ended = self.prefill(model, &mut state, watch);
                self.next(model, session, state, ended)
            }
            Phase::Decode(mut state, mut generation) => {
                let ended = match generation.step(model, &mut state, watch) {
                    Ok(Some(stop)) => Ok(Next::Finished(Finished::Answered(self.answer(generation.finish(stop))))),
                    Ok(None) => Ok(Next::Decode(generation)),
                    Err(error) => Err(error),
                };
                self.next(model, session, state, ended)
            }
            Phase::Over => Ok(Some(Finished::Reached)),
        }
    }

    /// Goes on from `state`, or saves it where there is nothing more to do with it.
    fn next(
        &mut self,
        model: &Model,
        session: &mut Session,
        state: DecoderState,
        next: Result<Next>,
    ) -> Result<Option<Finished>> {
        match next {
            Ok(Next::Decode(generation)) => {
                self.phase = Phase::Decode(state, generation);
                Ok(None)
            }
            Ok(Next::Finished(finished)) => {
                session.prefixes.save(model, &self.key, (self.request.lane, self.request.passes), state);
                Ok(Some(finished))
            }
            Err(error) => {
                session.prefixes.save(model, &self.key, (self.request.lane, self.request.passes), state);
                Err(error)
            }
        }
    }

    fn begin(&self, model: &Model, session: &mut Session, observer: &dyn Observer) -> Result<Phase> {
        let lane = self.request.lane;
        if self.request.goal == Goal::Encode {
            return Ok(Phase::Encode(Vec::new()));
        }
        if observer.needs_whole_pass() {
            session.prefixes.drop_state(&self.key, lane);
        } else if let Some(state) = session.prefixes.check_out(&self.key, &self.ids, (lane, self.request.passes))? {
            return Ok(Phase::Prefill(state));
        }
        match &self.request.image_input {
            Some(_) => Ok(Phase::Encode(Vec::new())),
            None => Ok(Phase::Prefill(DecoderState::new(model, None)?)),
        }
    }

    /// Runs the next encoder whose features are not known.
    fn encode(
        &mut self,
        model: &Model,
        session: &mut Session,
        mut features: Vec<Tensor>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Finished>> {
        let started = Instant::now();
        let encoders = model.encoders();
        let wanted = self.pictures.len() * encoders.len();
        while features.len() < wanted {
            let (of, k) = (features.len() / encoders.len(), features.len() % encoders.len());
            let (image, picture) = &self.pictures[of];
            let encoder = &encoders[k];
            // Observers look at the picture itself.
            let observer: &mut dyn Observer = if of == 0 { watch.observer } else { &mut Unobserved };
            let known = session.features.get(*image, encoder).filter(|_| !watches_encoder(observer, k));
            if let Some(known) = known {
                features.push(known);
                continue;
            }
            if let Some(kept) = encoder.kept().filter(|_| !watches_encoder(observer, k))
                && let Some(found) = kept.find(*image, encoder.features_dims(), |_| watch.job.check())?
            {
                session.features.insert(model, *image, encoder, &found);
                features.push(found);
                break;
            }
            // Progress counts the layers of all encoders, those whose features were known among them.
            let layers = |encoders: &[Arc<PooledEncoder>]| encoders.iter().map(|encoder| encoder.layers()).sum();
            let meter = Meter::resumed(watch.job, Stage::Encode, layers(&encoders[..k]), layers(encoders));
            let computed = model.features(k, picture, watch.job, &meter, observer)?;
            session.features.insert(model, *image, encoder, &computed);
            // A batch may be of more pictures than there is room for, each shown once.
            if let Some(kept) = encoder.kept().filter(|_| self.request.lane == Lane::Interactive) {
                kept.keep(*image, &computed);
            }
            features.push(computed);
            break;
        }
        self.timings.vision += started.elapsed();
        if features.len() < wanted {
            self.phase = Phase::Encode(features);
            return Ok(None);
        }
        if self.request.goal == Goal::Encode {
            return Ok(Some(Finished::Encoded(features)));
        }
        self.phase = Phase::Connect(features);
        Ok(None)
    }

    fn connect(
        &mut self,
        model: &Model,
        session: &mut Session,
        features: &[Tensor],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Finished>> {
        let Some(ImageInput { interventions, .. }) = &self.request.image_input else {
            return Ok(Some(Finished::Reached));
        };
        let started = Instant::now();
        let mut images = Vec::with_capacity(self.pictures.len());
        for (at, ((_, picture), features)) in
            self.pictures.iter().zip(features.chunks(model.encoders().len())).enumerate()
        {
            let observer: &mut dyn Observer = if at == 0 { watch.observer } else { &mut Unobserved };
            let size = PictureSize { width: picture.width, height: picture.height };
            images.push(model.project(size, features, observer)?);
        }
        let [image, others @ ..] = images.as_slice() else { return Ok(Some(Finished::Reached)) };
        let tokens = model.connect(image, others.first(), interventions, watch.job, watch.observer)?;
        let mut state = DecoderState::new(model, Some(tokens))?;
        if !watch.observer.needs_whole_pass() {
            session.prefixes.share_text(&self.key, &self.ids, self.request.passes, &mut state)?;
        }
        self.timings.vision += started.elapsed();
        self.phase = Phase::Prefill(state);
        Ok(None)
    }

    fn prefill(&mut self, model: &Model, state: &mut DecoderState, watch: &mut Watch<'_>) -> Result<Next> {
        if self.request.goal == Goal::Revisit {
            state.revisit(model, &self.ids, self.positions, watch)?;
            return Ok(Next::Finished(Finished::Reached));
        }
        let fresh = match self.request.goal {
            Goal::Score { .. } => self.request.forced.len(),
            _ => 1,
        };
        let ends = self.pass_ends(fresh);
        let reused = match self.request.passes {
            Passes::Free => state.rewind(&self.ids, fresh),
            Passes::Repeatable => {
                let known = state.shares(&self.ids);
                let whole = ends.iter().copied().filter(|end| *end <= known).max().unwrap_or(0);
                state.rewind(&self.ids[..whole], 0)
            }
        };
        self.timings.reused_positions = reused;
        self.timings.prefill_positions = self.positions - reused;
        let started = Instant::now();
        for end in ends {
            if end > state.shares(&self.ids) {
                state.prefill_hidden(model, &self.ids[..end], self.positions, 1, watch)?;
            }
        }
        match &self.request.goal {
            Goal::Score { alternatives, place } => {
                let hidden = state.prefill_hidden(model, &self.ids, self.positions, fresh, watch)?;
                let (tokens, [first, distribution]) =
                    score(model, &hidden, &self.request.forced, (*alternatives, *place), watch)?;
                self.timings.prefill = started.elapsed();
                Ok(Next::Finished(Finished::Scored(Scores {
                    tokens,
                    first,
                    distribution,
                    prompt_ids: self.request.prompt.ids.clone(),
                    prompt_positions: self.prompt_positions,
                    timings: self.timings,
                })))
            }
            Goal::Generate(options) => {
                // Room for the answer, but no more than the check before loading has counted; the rest comes as it is
                // needed.
                let room = model.config().context_length.saturating_sub(self.positions).min(options.max_tokens);
                let logits = state.prefill(model, &self.ids, self.positions + room, watch)?;
                self.timings.prefill = started.elapsed();
                let generation = Generation::new(model, &logits, &self.request.forced, options.clone())?;
                Ok(Next::Decode(Box::new(generation)))
            }
            Goal::Encode | Goal::Prefill | Goal::Revisit => {
                state.prefill(model, &self.ids, self.positions, watch)?;
                Ok(Next::Finished(Finished::Reached))
            }
        }
    }

    /// How many of the ids are held after each pass but the last, of which at least the `fresh` last ids are a part.
    fn pass_ends(&self, fresh: usize) -> Vec<usize> {
        if self.request.passes == Passes::Free {
            return Vec::new();
        }
        let prompt = &self.request.prompt;
        let image = prompt.image_index.map(|at| [at, at + 1]);
        // Several answers to one prompt differ only after its last position, which chooses their first token.
        let question = (fresh > 1).then(|| prompt.ids.len().saturating_sub(1));
        let ends = image.into_iter().flatten().chain(question);
        ends.filter(|end| *end > 0 && *end + fresh <= self.ids.len()).collect()
    }

    fn answer(&mut self, generated: Generated) -> Answer {
        let Generated { tokens, text, stop, decode } = generated;
        Answer {
            text,
            tokens,
            stop,
            prompt_ids: self.request.prompt.ids.clone(),
            prompt_positions: self.prompt_positions,
            timings: Timings { decode, ..self.timings },
        }
    }
}

/// What follows a pass of the decoder.
enum Next {
    Decode(Box<Generation>),
    Finished(Finished),
}

/// `forced` as the model sees them from the `hidden` states `[T, H]` of the positions before each, and the
/// log-probabilities of all tokens in the first place and in `place`, if any.
fn score(
    model: &Model,
    hidden: &Tensor,
    forced: &[u32],
    (alternatives, place): (usize, Option<usize>),
    watch: &mut Watch<'_>,
) -> Result<(Vec<Token>, [Vec<f32>; 2])> {
    let mut stream = TokenStream::new(Arc::clone(model.tokenizer()));
    let mut tokens = Vec::with_capacity(forced.len());
    let (mut first, mut distribution) = (Vec::new(), Vec::new());
    for (chunk, ids) in forced.chunks(KNOWN_AT_ONCE).enumerate() {
        let logits = model.logits(&hidden.narrow(0, chunk * KNOWN_AT_ONCE, ids.len())?)?;
        for (row, &id) in ids.iter().enumerate() {
            let logits = logits.get(row)?;
            show(watch.observer, Site::StepLogits(tokens.len()), &logits)?;
            let log_probs = log_probabilities(model, &logits)?;
            let ended = model.stop_ids.contains(&id);
            let piece = if ended { None } else { stream.push(id) }.unwrap_or_default();
            tokens.push(token(model.tokenizer(), id, piece, &log_probs, alternatives));
            if place == Some(tokens.len() - 1) {
                distribution.clone_from(&log_probs);
            }
            if first.is_empty() {
                first = log_probs;
            }
        }
        watch.job.step(Stage::Decode, tokens.len() as u64, forced.len() as u64)?;
    }
    let ended = forced.last().is_some_and(|id| model.stop_ids.contains(id));
    give_rest(&mut tokens, stream, ended);
    Ok((tokens, [first, distribution]))
}

/// Whether `observer` wants anything from inside encoder `k`, which then has to run.
fn watches_encoder(observer: &dyn Observer, k: usize) -> bool {
    let sites = [Site::EncoderPixels(k), Site::EncoderRaw(k), Site::EncoderFeatures(k)];
    sites.into_iter().any(|site| observer.wants(site)) || observer.wants(Site::EncoderStage { encoder: k, stage: 0 })
}

/// Checks that an answer of `model` can hold `ids`.
fn check_ids(model: &Model, ids: &[u32]) -> Result<()> {
    let vocabulary = model.vocabulary();
    match ids.iter().find(|&&id| id as usize >= vocabulary) {
        Some(id) => Err(Error::input(
            format!("no answer of this model holds token {id}: it knows {vocabulary} tokens"),
            "take the tokens from an answer of the same model",
        )),
        None => Ok(()),
    }
}
