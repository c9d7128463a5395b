//! Everything that is asked about one answer, in as few passes as it takes.

use super::contribution::Contributions;
use super::lens::Lens;
use super::score::{Continuation, Score, Scorer};
use super::shapley::{MAX_PLAYERS, Shapley};
use super::standard::{Named, standard};
use crate::checkpoint::TowerSpec;
use crate::error::{Error, Result};
use crate::generate::{GenerateOptions, Session, Subject, Watch};
use crate::intervention::{Action, Anatomy, Cells, Interventions};
use crate::job::{Job, Meter, Stage};
use crate::model::Model;
use crate::observe::{Both, Unobserved};
use crate::sva::{Frame, PictureSize};
use crate::text::Turn;
use crate::vision::Picture;
use candle_core::Tensor;
use std::collections::{BTreeMap, HashSet};
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

/// How encoders are taken away in a game over coalitions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GameKind {
    /// They get another image's features: still a picture, and defined when all of them do.
    Swap,
    /// Their keys are masked, and encoder 0's part of the context removed. With nothing left to attend to this has no
    /// meaning: then every encoder's tokens are replaced by their mean.
    Mask,
}

impl GameKind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Mask => "mask",
        }
    }

    /// What is done when only the encoders in `coalition` (bit `k`: encoder `k`) are in.
    pub fn interventions(self, coalition: usize, encoders: usize) -> Interventions {
        let outside = (0..encoders).filter(|k| coalition & (1 << k) == 0);
        let remove = |encoder| match self {
            Self::Swap => Interventions::of(Action::Swap { encoder }),
            Self::Mask if coalition == 0 => Interventions::of(Action::Mean { encoder }),
            Self::Mask => Interventions::mask(encoder, true),
        };
        outside.map(remove).fold(Interventions::default(), |all, one| all.and(&one))
    }
}

/// What each encoder is worth to the answer, over all coalitions of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Game {
    /// How encoders are taken away.
    pub kind: GameKind,
    /// `[2^n]`: logarithm of the answer's probability with the encoders in the coalition (bit `k`: encoder `k`).
    pub coalitions: Vec<f64>,
    /// The Shapley values and interactions.
    pub shapley: Shapley,
}

/// What was measured about one answer.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The parts of the model.
    pub anatomy: Anatomy,
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
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// With the standard list: contributions, the lens and gradients, by name.
    pub(super) seen: BTreeMap<String, Tensor>,
}

/// Measures what `request` asks for. The answer is made as any other is, so that the conversation can go on from what is
/// kept of it in `session`; what runs under interventions changes nothing there.
///
/// # Errors
/// [`Error::Input`], before anything is run, for interventions that this model does not allow and answers that do not fit
/// its context; [`Error::Cancelled`]; failures of the device.
pub fn measure(model: &Model, session: &mut Session, request: &Request, watch: &mut Watch<'_>) -> Result<Evidence> {
    let anatomy = model.anatomy();
    for with in &request.with {
        with.check(&anatomy)?;
        if with.needs_other() && request.other.is_none() {
            return Err(Error::input(
                "features are to be swapped, but there is no other image",
                "give one: --other FILE",
            ));
        }
    }
    if let Some([row, column]) = request.region.as_ref().and_then(|region| region.outside(anatomy.side())) {
        return Err(Error::input(
            format!("the region has a cell {row},{column}"),
            format!("this model's query grid has {0} × {0} cells, counted from 0", anatomy.side()),
        ));
    }
    let prompt = model.prompt(request.system.as_deref(), &request.turns, true)?;
    let blind = model.prompt(request.system.as_deref(), &request.turns, false)?;
    let size = PictureSize { width: request.picture.width, height: request.picture.height };
    let positions = prompt.ids.len() - 1 + model.visual_positions(size)?;
    let max_tokens = room(model, positions, request)?;

    let image = session.encode(model, &request.picture, watch.job, &mut Unobserved)?;
    let other = request.other.as_ref();
    let other = other.map(|other| session.encode(model, other, watch.job, &mut Unobserved)).transpose()?;
    let answer = match &request.answer {
        Some(answer) => answer.clone(),
        None => {
            let options = GenerateOptions { max_tokens, ..GenerateOptions::default() };
            let subject = Subject::plain(Arc::clone(&request.picture));
            let answer = session.ask(model, &prompt, Some(&subject), &[], &options, watch)?;
            answer.tokens.iter().map(|token| token.id).collect()
        }
    };
    let mut scorer = Scorer::new(model, image, other, prompt, blind, answer)?;
    let standard = if request.standard {
        standard(&anatomy, request.other.is_some(), request.region.as_ref())
    } else {
        Vec::new()
    };
    let games = if request.standard { games(&anatomy, request.other.is_some()) } else { Vec::new() };
    let counted = Counted::new(&standard, &request.with, &games, anatomy.encoders().len(), watch.job);
    let (mut seen, mut notes) = (BTreeMap::new(), Vec::new());
    if request.standard {
        let sides = model.config().towers.iter().map(TowerSpec::side).collect();
        let mut contributions = Contributions::new(sides);
        let mut lens = Lens::new(model, &Frame::new(model.config().sva.final_side, size), 0)?;
        scorer.base(&mut Both(&mut contributions, &mut lens), &watch.job.silent())?;
        seen = contributions.into_tensors();
        seen.extend(lens.into_tensors());
        let last = scorer.answer().len() - 1;
        let ends: &[usize] = if last == 0 { &[0] } else { &[0, last] };
        match scorer.gradients(ends, &watch.job.silent()) {
            Ok(gradients) => seen.extend(gradients),
            Err(Error::OutOfMemory { what, .. }) => notes.push(format!("no gradients: {what}")),
            Err(error) => return Err(error),
        }
    }
    let base = scorer.score(&Interventions::default(), &watch.job.silent())?;
    let mut effects = Vec::new();
    for with in &request.with {
        let score = counted.score(&mut scorer, with)?;
        let answer = Some(scorer.answer_under(with, max_tokens, &watch.job.silent())?);
        effects.push(effect(&scorer, with.to_spec(&anatomy), with, score, answer));
    }
    // What changes last goes first: then all that comes before it is still that of the run without interventions.
    let mut order: Vec<&Named> = standard.iter().collect();
    order.sort_by_key(|named| std::cmp::Reverse(named.interventions.first_affected(&anatomy)));
    for named in order {
        counted.score(&mut scorer, &named.interventions)?;
    }
    for Named { name, interventions } in &standard {
        let score = counted.score(&mut scorer, interventions)?;
        effects.push(effect(&scorer, name.clone(), interventions, score, None));
    }
    let games = games.into_iter().map(|kind| play(kind, &mut scorer, &counted)).collect::<Result<Vec<_>>>()?;
    let token = |&id: &u32| ScoredToken { id, text: model.tokenizer().token_text(id).unwrap_or_default() };
    Ok(Evidence {
        question: request.turns.last().map_or_else(String::new, |turn| turn.question.clone()),
        answer: scorer.answer().iter().map(token).collect(),
        text: scorer.text(scorer.answer()),
        base,
        effects,
        games: games.into_iter().flatten().collect(),
        region: request.region.clone(),
        runs: scorer.runs(),
        notes,
        seen,
        anatomy,
    })
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
            format!("ask for at most {room} tokens: --max-tokens {room}"),
        )),
        Some(asked) => Ok(asked),
        None => Ok(TOKENS.min(room)),
    }
}

/// The games that can be played.
fn games(anatomy: &Anatomy, has_other: bool) -> Vec<GameKind> {
    if anatomy.encoders().len() > MAX_PLAYERS {
        return Vec::new();
    }
    let swap = has_other.then_some(GameKind::Swap);
    swap.into_iter().chain([GameKind::Mask]).collect()
}

/// Reports runs as they are made, each once.
struct Counted<'a> {
    meter: Meter<'a>,
    silent: Job<'static>,
}

impl<'a> Counted<'a> {
    fn new(list: &[Named], with: &[Interventions], games: &[GameKind], encoders: usize, job: &'a Job<'a>) -> Self {
        let coalitions = games
            .iter()
            .flat_map(|kind| (0..1 << encoders).map(move |coalition| kind.interventions(coalition, encoders)));
        let listed = list.iter().map(|named| named.interventions.clone());
        let mut distinct: HashSet<Interventions> = coalitions.chain(listed).chain(with.iter().cloned()).collect();
        distinct.remove(&Interventions::default());
        Self { meter: Meter::new(job, Stage::Measure, distinct.len() as u64), silent: job.silent() }
    }

    fn score(&self, scorer: &mut Scorer<'_>, interventions: &Interventions) -> Result<Score> {
        let before = scorer.runs();
        let score = scorer.score(interventions, &self.silent)?;
        if scorer.runs() > before {
            self.meter.advance(1)?;
        }
        Ok(score)
    }
}

fn effect(
    scorer: &Scorer<'_>,
    name: String,
    interventions: &Interventions,
    score: Score,
    answer: Option<Continuation>,
) -> Effect {
    let divergence = score.divergence(scorer.answer());
    Effect { name, interventions: interventions.clone(), score, divergence, answer }
}

fn play(kind: GameKind, scorer: &mut Scorer<'_>, counted: &Counted<'_>) -> Result<Option<Game>> {
    let encoders = scorer.anatomy().encoders().len();
    let coalitions = (0..1 << encoders)
        .map(|coalition| Ok(counted.score(scorer, &kind.interventions(coalition, encoders))?.sum()))
        .collect::<Result<Vec<f64>>>()?;
    Ok(Shapley::new(encoders, &coalitions).map(|shapley| Game { kind, coalitions, shapley }))
}
