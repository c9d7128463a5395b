//! Asks one question under one condition.

use super::conditions::{Asked, How};
use super::{Runs, Subject};
use opabinia_engine::generate::{GenerateOptions, Passes};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::run::{Lane, ModelId};
use opabinia_engine::text::{Conversation, ImageNewline, Special, Template, Tokenizer, Turn};
use opabinia_engine::vision::Picture;
use opabinia_engine::worker::{Decoding, Prompt, RunSpec};
use opabinia_engine::{Error, Result};
use opabinia_eval::data::Item;
use opabinia_eval::run::First;
use opabinia_eval::score::{MISSING_PREFIX, Outcome, Protocol, letter};
use std::collections::HashMap;
use std::sync::Arc;

/// How many of the likeliest tokens are asked for where options differ only in their last one.
const ALTERNATIVES: usize = 64;

/// What is shown: the picture of a question, and another one of its task.
#[derive(Debug, Clone)]
pub struct Shown {
    pub own: Arc<Picture>,
    pub other: Option<Arc<Picture>>,
}

/// What is known of questions without a picture, by condition and words: sets ask the same of many pictures, and without
/// one it is the same question.
#[derive(Debug, Default)]
pub struct Blind {
    /// What was answered.
    said: HashMap<(String, String), String>,
    /// Probabilities of the options.
    scored: HashMap<(String, String), HashMap<Vec<u32>, f64>>,
}

/// Asks questions of one model under one protocol.
pub struct Asker {
    model: ModelId,
    protocol: Protocol,
    tokenizer: Tokenizer,
    template: Template,
    newline: ImageNewline,
    im_start_end: bool,
}

impl Asker {
    /// For a checkpoint in memory.
    ///
    /// # Errors
    /// If its tokenizer cannot be read again.
    pub fn new(subject: &Subject, protocol: Protocol) -> Result<Self> {
        let inspection = &subject.inspection;
        Ok(Self {
            model: subject.model,
            protocol,
            tokenizer: Tokenizer::open(&inspection.directory)?,
            template: inspection.template,
            newline: subject.newline,
            im_start_end: inspection.config.use_im_start_end,
        })
    }

    /// `item` as the model is asked it, for the header of a run.
    ///
    /// # Errors
    /// If it cannot be tokenised.
    pub fn first(&self, item: &Item) -> Result<First> {
        let conversation = Conversation {
            template: self.template,
            system: None,
            image: true,
            im_start_end: self.im_start_end,
            newline: self.newline,
            turns: vec![Turn { question: self.protocol.prompt(item), answer: None }],
        };
        let ids = conversation.ids(&self.tokenizer)?.ids;
        Ok(First { idx: item.idx.clone(), prompt: conversation.text(), ids })
    }

    /// Asks `item` under a condition; of one without a picture, what is not in `blind` yet.
    ///
    /// # Errors
    /// If it cannot be asked: the prompt is too long, there is no other picture.
    pub fn ask(
        &self,
        engine: &mut dyn Runs,
        item: &Item,
        asked: &Asked,
        shown: &Shown,
        blind: &mut Blind,
    ) -> Result<Outcome> {
        let spec = self.spec(item, asked, shown)?;
        let words = asked.is_blind().then(|| (asked.condition.name.clone(), self.protocol.prompt(item)));
        let mut elsewhere = HashMap::new();
        let known = match &words {
            Some(words) => blind.scored.entry(words.clone()).or_default(),
            None => &mut elsewhere,
        };
        match self.protocol {
            Protocol::LogProb => {
                let options: Vec<Vec<Vec<u32>>> =
                    (0..item.choices.len()).map(|at| self.letters(at)).collect::<Result<_>>()?;
                self.score(engine, &spec, item, &options, known)
            }
            Protocol::LogProbText => {
                let whole = |text: &String| Ok(vec![self.whole(text)?]);
                let options: Vec<Vec<Vec<u32>>> = item.choices.iter().map(whole).collect::<Result<_>>()?;
                self.score(engine, &spec, item, &options, known)
            }
            Protocol::Official | Protocol::LmmsEval | Protocol::Strict | Protocol::Exact => {
                if let Some(said) = words.as_ref().and_then(|words| blind.said.get(words)) {
                    return Ok(self.protocol.read(item, said));
                }
                let options = GenerateOptions { max_tokens: self.protocol.max_tokens(), ..GenerateOptions::default() };
                let answer = engine.run(RunSpec { decoding: Decoding::Generate(options), ..spec })?.into_answer()?;
                let outcome = self.protocol.read(item, &answer.text);
                blind.said.extend(words.map(|words| (words, answer.text)));
                Ok(outcome)
            }
        }
    }

    fn spec(&self, item: &Item, asked: &Asked, shown: &Shown) -> Result<RunSpec> {
        let prompt = self.protocol.prompt(item);
        let other = || {
            shown.other.clone().ok_or_else(|| {
                Error::input(
                    "the set has no other picture to show",
                    "leave shuffled and swap out, or take more of the set",
                )
            })
        };
        let (image, interventions, prompt) = match &asked.how {
            How::AsIs => (Some(Arc::clone(&shown.own)), Interventions::default(), prompt),
            How::NoImage => (None, Interventions::default(), prompt),
            How::Missing => (None, Interventions::default(), format!("{MISSING_PREFIX}{prompt}")),
            How::Shuffled => (Some(other()?), Interventions::default(), prompt),
            How::Intervene(interventions) => (Some(Arc::clone(&shown.own)), interventions.clone(), prompt),
        };
        let other = if interventions.needs_other() { Some(other()?) } else { None };
        let (lane, passes) = (Lane::Batch, Passes::Repeatable);
        Ok(RunSpec { image, interventions, other, lane, passes, ..RunSpec::new(self.model, Prompt::question(prompt)) })
    }

    /// The ways in which the letter of option `at` can begin an answer: bare, after a space, and in a bracket.
    fn letters(&self, at: usize) -> Result<Vec<Vec<u32>>> {
        let letter = letter(at);
        let bare = self.encode(&letter.to_string())?;
        let spaced = self.encode(&format!(" {letter}"))?;
        let mut forms = vec![bare];
        // What is more than one token after a space begins with the space, and is another text than was meant.
        if spaced.len() == 1 && !forms.contains(&spaced) {
            forms.push(spaced);
        }
        forms.push(self.encode(&format!("({letter}"))?);
        Ok(forms)
    }

    /// The tokens of a whole answer, the end of the turn included.
    fn whole(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.encode(text)?;
        ids.extend(self.template.stop_ids(&self.tokenizer).first());
        Ok(ids)
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.tokenizer.encode(text, Special::Literal)
    }

    /// Scores options, each of which can be said in several ways, but for those whose probability is in `before`; adds the
    /// others to it.
    fn score(
        &self,
        engine: &mut dyn Runs,
        spec: &RunSpec,
        item: &Item,
        options: &[Vec<Vec<u32>>],
        before: &mut HashMap<Vec<u32>, f64>,
    ) -> Result<Outcome> {
        let mut known = Scored { first: Vec::new(), sequences: before.clone() };
        let mut log_probs = Vec::with_capacity(options.len());
        // Longer ones first: they tell what the first place holds, too.
        let mut all: Vec<&Vec<u32>> = options.iter().flatten().collect();
        all.sort_by_key(|ids| std::cmp::Reverse(ids.len()));
        let alternatives = if self.protocol == Protocol::LogProb { ALTERNATIVES } else { 0 };
        for ids in all {
            if known.log_prob(ids).is_none() {
                let decoding = Decoding::Score { alternatives };
                let output = engine.run(RunSpec { forced_prefix: ids.clone(), decoding, ..spec.clone() })?;
                let scores = output.into_scores()?;
                if known.first.is_empty() {
                    known.first = scores.first;
                }
                let mut total = 0.0;
                for (at, token) in scores.tokens.iter().enumerate() {
                    for other in &token.alternatives {
                        let mut key = ids[..at].to_vec();
                        key.push(other.id);
                        known.sequences.entry(key).or_insert(total + f64::from(other.log_prob));
                    }
                    total += f64::from(token.log_prob);
                    known.sequences.insert(ids[..=at].to_vec(), total);
                }
            }
        }
        let asked_for = options.iter().flatten();
        before.extend(asked_for.filter_map(|ids| Some((ids.clone(), known.log_prob(ids)?))));
        for forms in options {
            let total: f64 = forms.iter().filter_map(|ids| known.log_prob(ids)).map(f64::exp).sum();
            log_probs.push(if forms.len() == 1 {
                forms.first().and_then(|ids| known.log_prob(ids)).unwrap_or(f64::NEG_INFINITY) as f32
            } else {
                total.ln() as f32
            });
        }
        // JSON has no infinity, and nothing is impossible to a softmax.
        let log_probs: Vec<f32> =
            log_probs.into_iter().map(|p: f32| if p.is_nan() { p } else { p.max(f32::MIN) }).collect();
        if log_probs.iter().any(|p| p.is_nan()) {
            return Err(Error::input(
                "the numbers inside this model grow beyond the range of its type",
                "use --weights f32",
            ));
        }
        Ok(Outcome::of_scores(log_probs, item.right_option()))
    }
}

/// What is known of the probabilities of token sequences.
struct Scored {
    /// Of every token in the first place.
    first: Vec<f32>,
    sequences: HashMap<Vec<u32>, f64>,
}

impl Scored {
    fn log_prob(&self, ids: &[u32]) -> Option<f64> {
        let first = || match ids {
            [id] => self.first.get(*id as usize).map(|p| f64::from(*p)),
            _ => None,
        };
        first().or_else(|| self.sequences.get(ids).copied())
    }
}
