//! Everything that is asked about one answer, in as few passes as it takes.

use super::contribution::Contributions;
use super::encoders::{EncoderMeans, GradientOf, GradientSums};
use super::finding::{Also, Finding, Seen};
use super::game::{Game, GameKind, games};
use super::lens::Lens;
use super::score::{Continuation, Score, Scorer};
use super::shapley::Shapley;
use super::standard::{Named, standard};
use crate::advice::Advice;
use crate::checkpoint::EncoderSpec;
use crate::error::{Error, Result};
use crate::generate::run::{self, Finished, Goal, Run};
use crate::generate::{GenerateOptions, ImageInput, Session, Watch};
use crate::intervention::{Anatomy, Cells, FirstAffected, Interventions};
use crate::job::{Job, Meter, Stage};
use crate::model::{EncodedImage, Model};
use crate::observe::{Both, Observer, SvaLayer, Unobserved};
use crate::probe::{Detail, Recorder, trace_file};
use crate::run::{ImageId, Lane};
use crate::sva::{Frame, PictureSize};
use crate::text::{PromptIds, Turn};
use crate::vision::{Exif, Picture};
use candle_core::Tensor;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

/// Tokens of an answer where nobody says how many.
const TOKENS: usize = 64;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Request {
    /// System text instead of the template's own.
    pub system: Option<String>,
    /// All turns; the last one is open.
    pub turns: Vec<Turn>,
    /// The image.
    pub picture: Arc<Picture>,
    /// The image whose features may be swapped in.
    pub other: Option<Arc<Picture>>,
    /// The answer that is scored; the model's likeliest if none is given.
    pub answer: Option<Vec<u32>>,
    /// Tokens of the likeliest answer at most; 64, or what room there is, if nothing is said.
    pub max_tokens: Option<usize>,
    /// Interventions to be measured, each with the answer under it.
    pub with: Vec<Interventions>,
    /// Whether to run the standard list and the Shapley values beside them.
    pub standard: bool,
    /// The cells that the standard list takes away.
    pub region: Option<Cells>,
    /// What is measured beside that.
    pub also: Also,
}

impl Request {
    /// Checks that a model with `anatomy` can be asked for all of it, before anything is read or run.
    ///
    /// # Errors
    /// [`Error::Input`] for interventions that this model does not allow, and for a region of the standard list that is empty.
    pub fn check(&self, anatomy: &Anatomy) -> Result<()> {
        let swapping = self.also.games.contains(&GameKind::Swap) && self.other.is_none();
        let swapping = swapping.then(|| GameKind::Swap.interventions(0, 1));
        for with in self.with.iter().chain(&self.also.scored).chain(&swapping) {
            with.check(anatomy)?;
            if with.needs_other() && self.other.is_none() {
                return Err(Error::input(
                    "features are to be swapped, but there is no other image",
                    Advice::OtherImage,
                ));
            }
        }
        let Some(region) = &self.region else { return Ok(()) };
        let side = anatomy.side();
        if region.is_empty() {
            return Err(Error::input(
                "the region has no cells",
                format!("write ranges that hold a row and a column at least: 0:{side},0:{side} for all"),
            ));
        }
        match region.outside(side) {
            Some([row, column]) => Err(Error::input(
                format!("the region has a cell {row},{column}"),
                format!("this model's query grid has {side} × {side} cells, counted from 0"),
            )),
            None => Ok(()),
        }
    }
}

/// One token of the answer that is scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredToken {
    /// Its id.
    pub id: u32,
    /// What the tokenizer calls it.
    pub text: String,
}

/// What one intervention did.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Its name in files: that of the standard list, or as it is written.
    pub name: String,
    /// The intervention.
    pub interventions: Interventions,
    /// What the answer is worth under it.
    pub score: Score,
    /// Where the likeliest answer becomes another one, if it does.
    pub divergence: Option<usize>,
    /// The likeliest answer under it, where that was asked for.
    pub answer: Option<Continuation>,
}

/// What was measured about one answer.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The parts of the model.
    pub anatomy: Anatomy,
    /// The image.
    pub image: ImageId,
    /// The image whose features could be swapped in.
    pub other: Option<ImageId>,
    /// System text instead of the template's own.
    pub system: Option<String>,
    /// The question.
    pub question: String,
    /// The answer that was scored.
    pub answer: Vec<ScoredToken>,
    /// Its text.
    pub text: String,
    /// What it is worth without interventions.
    pub base: Score,
    /// Each intervention, in the order asked for; then the standard list.
    pub effects: Vec<Effect>,
    /// The Shapley values.
    pub games: Vec<Game>,
    /// The cells that the standard list took away.
    pub region: Option<Cells>,
    /// Runs that were made, the one without interventions included.
    pub runs: usize,
    /// What each encoder had of the attention and wrote, where that was asked for.
    pub means: Option<EncoderMeans>,
    /// The gradients that were asked for, put together for each encoder.
    pub gradients: Vec<GradientSums>,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// With the standard list: contributions, the lens and gradients, by name.
    pub(super) seen: BTreeMap<String, Tensor>,
}

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
    /// A game, of which every coalition was scored.
    Play(GameKind),
    /// A gradient that was asked for by name.
    Gradient(GradientOf),
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
        Ok(Self { request, lane, prompt, blind, max_tokens, images: Vec::new(), phase, found: Vec::new() })
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

    /// The answer is known: what is to be scored, in the order that costs least.
    fn scoring(&mut self, model: &Arc<Model>, answer: Vec<u32>) -> Result<Phase> {
        let mut images = std::mem::take(&mut self.images).into_iter();
        let Some(image) = images.next() else { return Ok(Phase::Over) };
        let (prompt, blind) = (self.prompt.clone(), self.blind.clone());
        let has_other = self.request.other.is_some();
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
        let Also { scored, games: also_played, gradients: also_gradients, .. } = &self.request.also;
        let coalitions_of_also: Vec<Interventions> =
            also_played.iter().flat_map(coalitions).filter(|coalition| !coalition.is_none()).collect();
        let distinct: HashSet<&Interventions> =
            order.iter().chain(&self.request.with).chain(scored).chain(&coalitions_of_also).collect();
        let total = distinct.iter().filter(|interventions| !interventions.is_none()).count() as u64;
        let gradients = self.request.standard.then_some(Todo::Gradients);
        let runs = in_order(order, &self.request.with, scorer.anatomy());
        let also = scored.iter().chain(&coalitions_of_also).map(|one| Todo::Under(one.clone()));
        let last = also_played.iter().map(|kind| Todo::Play(*kind));
        let last = last.chain(also_gradients.iter().map(|of| Todo::Gradient(*of)));
        let todo = [Todo::Base].into_iter().chain(gradients).chain(runs).chain(also).chain(last).collect();
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
        })))
    }

    fn score(&self, model: &Model, scoring: &mut Scoring, todo: &Todo, job: &Job<'_>) -> Result<Option<Finding>> {
        let silent = job.silent();
        let Scoring { scorer, done, total, answers, notes, seen, gradients, .. } = scoring;
        let (interventions, before) = match todo {
            Todo::Base => return self.base(model, scoring, &silent).map(Some),
            Todo::Gradients => {
                let last = scorer.answer().len() - 1;
                let ends: &[usize] = if last == 0 { &[0] } else { &[0, last] };
                match scorer.gradients(ends, &silent) {
                    Ok(gradients) => seen.extend(gradients),
                    Err(Error::OutOfMemory { what, .. }) => notes.push(format!("no gradients: {what}")),
                    Err(error) => return Err(error),
                }
                return Ok(None);
            }
            Todo::Gradient(of) => {
                let tensors = match scorer.gradients_of(&[*of], &silent) {
                    Ok(tensors) => tensors,
                    Err(Error::OutOfMemory { what, .. }) => {
                        notes.push(format!("no gradients: {what}"));
                        return Ok(notes.last().cloned().map(Finding::Note));
                    }
                    Err(error) => return Err(error),
                };
                let sums = GradientSums::new(model, self.size(), *of, &tensors)?;
                gradients.push(sums.clone());
                seen.extend(tensors.clone());
                return Ok(Some(Finding::Gradient(sums, Seen(tensors))));
            }
            Todo::Play(kind) => return Ok(play(*kind, scorer, &silent)?.map(Finding::Game)),
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
        Ok(Some(Finding::Effect(effect(scorer, name, interventions, score, answer))))
    }

    /// Makes the run without interventions, before whoever wants to see it.
    fn base(&self, model: &Model, scoring: &mut Scoring, job: &Job<'_>) -> Result<Finding> {
        let (standard, means) = (self.request.standard, self.request.also.means);
        let Scoring { scorer, .. } = scoring;
        let sides = model.config().towers.iter().map(EncoderSpec::side).collect();
        let (mut contributions, mut recorder) = (Contributions::new(sides), Recorder::new(Detail::Sva));
        match (standard, means) {
            (false, false) => scorer.base(&mut Unobserved, job)?,
            _ => {
                let frame = Frame::new(model.config().sva.final_side, self.size());
                let mut lens = standard.then(|| Lens::new(model, &frame, 0)).transpose()?;
                let (mut nobody, mut no_lens) = (Unobserved, Unobserved);
                let probs: &mut dyn Observer = if means { &mut recorder } else { &mut nobody };
                let states: &mut dyn Observer = match &mut lens {
                    Some(lens) => lens,
                    None => &mut no_lens,
                };
                let mut inner = Both(&mut contributions, states);
                scorer.base(&mut Both(probs, &mut inner), job)?;
                scoring.seen = contributions.into_tensors();
                scoring.seen.extend(lens.into_iter().flat_map(Lens::into_tensors));
            }
        }
        if means {
            let image_input = ImageInput::plain(Arc::clone(&self.request.picture));
            let question = self.request.turns.last().map_or("", |turn| turn.question.as_str());
            let trace = trace_file::recorded(
                model,
                &image_input,
                Exif::Ignore,
                question,
                recorder.layers(),
                recorder.tensors(),
            )?;
            scoring.means = Some(EncoderMeans::new(&trace, &scoring.seen, model.anatomy().side())?);
        }
        let base = scoring.scorer.score(&Interventions::default(), job)?;
        Ok(Finding::Base(Box::new(self.known(model, scoring, base))))
    }

    fn size(&self) -> PictureSize {
        PictureSize { width: self.request.picture.width, height: self.request.picture.height }
    }

    /// What is known with the run without interventions: everything but effects and games.
    fn known(&self, model: &Model, scoring: &Scoring, base: Score) -> Evidence {
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
            notes: scoring.notes.clone(),
            seen: scoring.seen.clone(),
            anatomy: model.anatomy(),
        }
    }

    /// Puts together what was measured. Every score is known by now.
    fn evidence(&self, model: &Model, mut scoring: Scoring, job: &Job<'_>) -> Result<Evidence> {
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
        for interventions in &self.request.also.scored {
            let score = scorer.score(interventions, &silent)?;
            evidence.effects.push(effect(scorer, name_of(interventions, &anatomy), interventions, score, None));
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

/// How many tokens an answer may have after `positions` of the prompt.
fn room(model: &Model, positions: usize, request: &Request) -> Result<usize> {
    let limit = model.config().context_length.min(model.config().decoder.max_positions);
    // The last token of an answer needs no position.
    let room = (limit + 1).saturating_sub(positions);
    match request.max_tokens {
        Some(asked) if asked > room && request.answer.is_none() => Err(Error::input(
            format!(
                "the question takes {positions} positions and the answer up to {asked}, and this model can see {limit}"
            ),
            Advice::AtMostTokens(room),
        )),
        Some(asked) => Ok(asked),
        None => Ok(TOKENS.min(room)),
    }
}

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
