//! Asks one question under one condition.

use super::conditions::{Asked, How};
use super::{Runs, Subject};
use opabinia_engine::generate::{GenerateOptions, Passes, Scores};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::run::{Lane, ModelId};
use opabinia_engine::text::{Conversation, ImageNewline, Special, Template, Tokenizer, Turn};
use opabinia_engine::vision::Picture;
use opabinia_engine::worker::{Decoding, Prompt, RunOutput, RunSpec};
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

    /// Whether all that is needed of a question is asked for in [`Asker::begin`], so that another may be begun before it ends.
    pub fn asks_all_at_once(&self) -> bool {
        self.alternatives() == 0
    }

    /// How many of the likeliest tokens are asked for in each place.
    fn alternatives(&self) -> usize {
        if self.protocol == Protocol::LogProb { ALTERNATIVES } else { 0 }
    }

    /// Begins to ask `item` under a condition; of one without a picture, what is not in `blind` yet.
    ///
    /// # Errors
    /// If it cannot be asked: there is no other picture.
    pub fn begin<'a>(
        &self,
        engine: &mut dyn Runs,
        item: &'a Item,
        asked: &Asked,
        shown: &Shown,
        blind: &Blind,
    ) -> Result<Question<'a>> {
        let spec = self.spec(item, asked, shown)?;
        let words = asked.is_blind().then(|| (asked.condition.name.clone(), self.protocol.prompt(item)));
        let options: Vec<Vec<Vec<u32>>> = match self.protocol {
            Protocol::LogProb => (0..item.choices.len()).map(|at| self.letters(at)).collect::<Result<_>>()?,
            Protocol::LogProbText => {
                item.choices.iter().map(|text| Ok(vec![self.whole(text)?])).collect::<Result<_>>()?
            }
            Protocol::Official | Protocol::LmmsEval | Protocol::Strict | Protocol::Exact => {
                let said = words.as_ref().and_then(|words| blind.said.get(words)).cloned();
                if said.is_none() {
                    let options =
                        GenerateOptions { max_tokens: self.protocol.max_tokens(), ..GenerateOptions::default() };
                    engine.submit(RunSpec { decoding: Decoding::Generate(options), ..spec });
                }
                return Ok(Question { item, words, way: Way::Said(said) });
            }
        };
        let known = words.as_ref().and_then(|words| blind.scored.get(words)).cloned().unwrap_or_default();
        let mut scoring =
            Scoring { spec, options, known: Scored { first: Vec::new(), sequences: known }, runs: Vec::new() };
        scoring.submit(engine, self.alternatives());
        Ok(Question { item, words, way: Way::Scored(Box::new(scoring)) })
    }

    /// Waits for what comes of a question.
    ///
    /// # Errors
    /// If it cannot be asked: the prompt is too long.
    pub fn end(&self, engine: &mut dyn Runs, question: Question<'_>, blind: &mut Blind) -> Result<Outcome> {
        let Question { item, words, way } = question;
        let mut scoring = match way {
            Way::Said(Some(said)) => return Ok(self.protocol.read(item, &said)),
            Way::Said(None) => {
                let answer = engine.wait()?.into_answer()?;
                let outcome = self.protocol.read(item, &answer.text);
                blind.said.extend(words.map(|words| (words, answer.text)));
                return Ok(outcome);
            }
            Way::Scored(scoring) => scoring,
        };
        while !scoring.runs.is_empty() {
            scoring.wait(engine)?;
            scoring.submit(engine, self.alternatives());
        }
        if let Some(words) = words {
            let asked_for = scoring.options.iter().flatten();
            let known = asked_for.filter_map(|ids| Some((ids.clone(), scoring.known.log_prob(ids)?)));
            blind.scored.entry(words).or_default().extend(known);
        }
        scoring.outcome(item)
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
}

/// A question that is being asked.
pub struct Question<'a> {
    item: &'a Item,
    /// What it is known by where it is asked without a picture.
    words: Option<(String, String)>,
    way: Way,
}

enum Way {
    /// By an answer, if that is known already.
    Said(Option<String>),
    Scored(Box<Scoring>),
}

/// Options of which the probabilities are asked for; each can be said in several ways.
struct Scoring {
    spec: RunSpec,
    options: Vec<Vec<Vec<u32>>>,
    known: Scored,
    /// The tokens of runs that were asked for.
    runs: Vec<Vec<u32>>,
}

impl Scoring {
    /// Asks for what is not known.
    fn submit(&mut self, engine: &mut dyn Runs, alternatives: usize) {
        let mut unknown: Vec<&Vec<u32>> = self.options.iter().flatten().collect();
        unknown.retain(|ids| self.known.log_prob(ids).is_none());
        // Longer ones first: they tell what the first place holds, too.
        unknown.sort_by_key(|ids| std::cmp::Reverse(ids.len()));
        let runs = without_what_they_tell(&unknown, alternatives > 0);
        for ids in &runs {
            let decoding = Decoding::Score { alternatives };
            engine.submit(RunSpec { forced_prefix: ids.to_vec(), decoding, ..self.spec.clone() });
        }
        self.runs = runs.into_iter().map(<[u32]>::to_vec).collect();
    }

    /// Waits for all that was asked for, also where one of it fails.
    fn wait(&mut self, engine: &mut dyn Runs) -> Result<()> {
        let mut ended = Ok(());
        for ids in std::mem::take(&mut self.runs) {
            match engine.wait().and_then(RunOutput::into_scores) {
                Ok(scores) => self.known.add(&ids, scores),
                Err(error) => ended = ended.and(Err(error)),
            }
        }
        ended
    }

    /// What the probabilities say.
    fn outcome(&self, item: &Item) -> Result<Outcome> {
        let log_prob = |forms: &Vec<Vec<u32>>| {
            let mut known = forms.iter().filter_map(|ids| self.known.log_prob(ids));
            if forms.len() == 1 {
                return known.next().unwrap_or(f64::NEG_INFINITY) as f32;
            }
            known.map(f64::exp).sum::<f64>().ln() as f32
        };
        // JSON has no infinity, and nothing is impossible to a softmax.
        let bounded = |p: f32| if p.is_nan() { p } else { p.max(f32::MIN) };
        let log_probs: Vec<f32> = self.options.iter().map(log_prob).map(bounded).collect();
        if log_probs.iter().any(|p| p.is_nan()) {
            return Err(Error::input(
                "the numbers inside this model grow beyond the range of its type",
                "use --weights f32",
            ));
        }
        Ok(Outcome::of_scores(log_probs, item.right_option()))
    }
}

/// Those of `all`, the longest first, that are run together: without what one of them certainly tells of another, which is how
/// it begins, and every token in the first place. Where likely tokens are asked for, which `may_tell_more`, one at a time.
fn without_what_they_tell<'a>(all: &[&'a Vec<u32>], may_tell_more: bool) -> Vec<&'a [u32]> {
    let mut next: Vec<&[u32]> = Vec::new();
    for ids in all {
        if may_tell_more && !next.is_empty() {
            break;
        }
        let told = next.iter().any(|longer| longer.starts_with(ids)) || (ids.len() == 1 && !next.is_empty());
        if !told {
            next.push(ids);
        }
    }
    next
}

/// What is known of the probabilities of token sequences.
struct Scored {
    /// Of every token in the first place.
    first: Vec<f32>,
    sequences: HashMap<Vec<u32>, f64>,
}

impl Scored {
    /// Adds what `scores` tell of the tokens `ids` and of the likeliest ones in the place of each.
    fn add(&mut self, ids: &[u32], scores: Scores) {
        if self.first.is_empty() {
            self.first = scores.first;
        }
        let mut total = 0.0;
        for (at, token) in scores.tokens.iter().enumerate() {
            for other in &token.alternatives {
                let mut key = ids[..at].to_vec();
                key.push(other.id);
                self.sequences.entry(key).or_insert(total + f64::from(other.log_prob));
            }
            total += f64::from(token.log_prob);
            self.sequences.insert(ids[..=at].to_vec(), total);
        }
    }

    fn log_prob(&self, ids: &[u32]) -> Option<f64> {
        let first = || match ids {
            [id] => self.first.get(*id as usize).map(|p| f64::from(*p)),
            _ => None,
        };
        first().or_else(|| self.sequences.get(ids).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_run_tells_is_not_run_again() {
        let all = [vec![4, 5, 6], vec![4, 5], vec![7, 5], vec![4], vec![9]];
        let all: Vec<&Vec<u32>> = all.iter().collect();
        assert_eq!(without_what_they_tell(&all, false), [&[4, 5, 6][..], &[7, 5]]);
        assert_eq!(without_what_they_tell(&all, true), [&[4, 5, 6][..]]);
        // Some run is needed to know the first place.
        assert_eq!(without_what_they_tell(&all[3..], false), [&[4][..]]);
        assert!(without_what_they_tell(&[], false).is_empty());
    }
}
