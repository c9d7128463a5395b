//! Runs of one question under interventions, and what a given answer is worth in each.

use super::encoders::GradientOf;
use super::gradient::{Probe, check_memory};
use crate::advice::Advice;
use crate::checkpoint::EncoderSpec;
use crate::error::{Error, Result};
use crate::intervention::{Anatomy, FirstAffected, Interventions};
use crate::job::Job;
use crate::llm::KvCache;
use crate::model::{EncodedImage, Model, VisualTokens};
use crate::observe::{Both, Observer, Site, SvaLayer, Unobserved};
use crate::text::PromptIds;
use crate::vision::Picture;
use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Rows of logits that are taken at once: 64 of them are 33 MB in the 8B model.
const ROWS_AT_ONCE: usize = 64;

/// What a given answer is worth in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Natural logarithm of the probability of each of the answer's tokens, given those before it.
    pub log_probs: Vec<f32>,
    /// KL divergence at the answer's first position from the run without interventions to this one, over the tokenizer's
    /// ids, in nats.
    #[serde(with = "super::exact::one")]
    pub kl: f64,
    /// The likeliest id at each position, given the answer's earlier tokens.
    pub greedy: Vec<u32>,
}

impl Score {
    /// The logarithm of the whole answer's probability.
    pub fn sum(&self) -> f64 {
        self.log_probs.iter().map(|&p| f64::from(p)).sum()
    }

    /// The likeliest first token.
    pub fn first_id(&self) -> u32 {
        self.greedy.first().copied().unwrap_or_default()
    }

    /// Where the likeliest answer first differs from `answer`, if it does.
    pub fn divergence(&self, answer: &[u32]) -> Option<usize> {
        self.greedy.iter().zip(answer).position(|(greedy, given)| greedy != given)
    }
}

/// The likeliest answer in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuation {
    /// Its ids, the one that ended it included.
    pub ids: Vec<u32>,
    /// Its text.
    pub text: String,
}

/// One question about one image with one answer, run under interventions as often as one likes. Encoders have run before;
/// the decoder runs over what comes before the image once, and for interventions on samplers alone, the layers before the
/// first of these once too. A run that was made is known from then on.
pub struct Scorer {
    model: Arc<Model>,
    anatomy: Anatomy,
    image: EncodedImage,
    other: Option<EncodedImage>,
    /// The image's size in an even grey, once it was wanted.
    blank: Option<EncodedImage>,
    prompt: PromptIds,
    /// The same without the image.
    blind: PromptIds,
    answer: Vec<u32>,
    /// Positions of the whole prompt with the image.
    positions: usize,
    /// Keys and values of what comes before the image, and after it of the run made last.
    cache: KvCache,
    /// Positions before the image.
    before: usize,
    baseline: Option<Baseline>,
    /// Decoder layers, from the first, whose keys and values in the cache are those of the run without interventions.
    intact: usize,
    /// The run whose positions the cache holds.
    held: Option<Interventions>,
    scores: HashMap<Interventions, Score>,
    runs: usize,
}

/// What is kept of the run without interventions.
struct Baseline {
    visual: VisualTokens,
    /// In front of each sampler, the hidden states of every position from the image on.
    in_front: Vec<Tensor>,
    /// `[V]`: log-probabilities of the first token.
    first: Vec<f64>,
}

impl Scorer {
    /// A scorer of `answer` to `prompt` about `image`. `other` is the image whose features may be swapped in, `blind` the
    /// prompt without the image.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no answer, or prompt and answer together are longer than the model's context.
    pub fn new(
        model: Arc<Model>,
        image: EncodedImage,
        other: Option<EncodedImage>,
        prompt: PromptIds,
        blind: PromptIds,
        answer: Vec<u32>,
    ) -> Result<Self> {
        let Some(before) = prompt.image_index else {
            return Err(Error::input("the question is about no image", "attach one"));
        };
        if answer.is_empty() {
            return Err(Error::input("there is no answer to measure", "ask for one token at least, or give an answer"));
        }
        if let Some(id) = answer.iter().find(|&&id| id as usize >= model.vocabulary()) {
            return Err(Error::input(
                format!("no answer of this model holds token {id}: it knows {} tokens", model.vocabulary()),
                "take the answer from the same model",
            ));
        }
        let positions = prompt.ids.len() - 1 + model.visual_positions(image.picture)?;
        let limit = model.config().context_length.min(model.config().decoder.max_positions);
        // The last token of an answer needs no position.
        if positions + answer.len() - 1 > limit {
            return Err(Error::input(
                format!(
                    "the question takes {positions} positions and the answer {}, and this model can see {limit}",
                    answer.len()
                ),
                Advice::ShorterAnswer,
            ));
        }
        let mut cache = model.empty_cache()?;
        cache.reserve(positions + answer.len())?;
        Ok(Self {
            anatomy: model.anatomy(),
            model,
            image,
            other,
            blank: None,
            prompt,
            blind,
            answer,
            positions,
            cache,
            before,
            baseline: None,
            intact: 0,
            held: None,
            scores: HashMap::new(),
            runs: 0,
        })
    }

    /// What there is to intervene on.
    pub fn anatomy(&self) -> &Anatomy {
        &self.anatomy
    }

    /// The answer that is scored.
    pub fn answer(&self) -> &[u32] {
        &self.answer
    }

    /// Runs that were made so far, the one without interventions included.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Positions before the image.
    pub(super) fn before(&self) -> usize {
        self.before
    }

    /// Positions of one pass over everything from the image on.
    pub(super) fn positions_of_pass(&self) -> usize {
        self.positions - self.before + self.answer.len() - 1
    }

    /// What the answer is worth under `interventions`.
    ///
    /// # Errors
    /// [`Error::Input`] if they name what the model does not have or need an image that is not there;
    /// [`Error::Cancelled`]; failures of the device.
    pub fn score(&mut self, interventions: &Interventions, job: &Job<'_>) -> Result<Score> {
        if let Some(known) = self.scores.get(interventions) {
            return Ok(known.clone());
        }
        self.base(&mut Unobserved, job)?;
        if let Some(known) = self.scores.get(interventions) {
            return Ok(known.clone());
        }
        interventions.check(&self.anatomy)?;
        let rows = self.run(interventions, job)?;
        let (score, _) = self.read(&rows)?;
        self.scores.insert(interventions.clone(), score.clone());
        Ok(score)
    }

    /// The same, in front of `observer`, who sees the whole run from the connector on even where it is known.
    ///
    /// # Errors
    /// Those of [`Scorer::score`].
    pub(super) fn observed(
        &mut self,
        interventions: &Interventions,
        observer: &mut dyn Observer,
        job: &Job<'_>,
    ) -> Result<Score> {
        self.base(&mut Unobserved, job)?;
        let rows = self.whole_run(interventions, observer, job)?;
        let (score, _) = self.read(&rows)?;
        self.scores.insert(interventions.clone(), score.clone());
        Ok(score)
    }

    /// The likeliest answer under `interventions`, of at most `max_tokens` tokens. Its beginning that agrees with the
    /// scored answer costs nothing more than the score.
    ///
    /// # Errors
    /// Those of [`Scorer::score`].
    pub fn answer_under(
        &mut self,
        interventions: &Interventions,
        max_tokens: usize,
        job: &Job<'_>,
    ) -> Result<Continuation> {
        let score = self.score(interventions, job)?;
        let agreed = score.divergence(&self.answer).unwrap_or(self.answer.len());
        let mut ids = self.answer[..agreed].to_vec();
        ids.extend(score.greedy.get(agreed));
        ids.truncate(max_tokens);
        if !self.is_over(&ids, max_tokens) {
            // A run over the prompt under these interventions, if it was not the last one.
            let blind = interventions.drop_image();
            let mut own = None;
            if blind {
                own = Some(self.run_blind(job)?.1);
            } else {
                if self.held.as_ref() != Some(interventions) {
                    self.run(interventions, job)?;
                }
                (self.held, self.intact) = (None, 0);
            }
            let prompt = if blind { self.blind.ids.len() } else { self.positions };
            let cache = own.as_mut().unwrap_or(&mut self.cache);
            let known = (ids.len() - 1).min(self.answer.len() - 1);
            cache.truncate(prompt + known);
            let mut rest = ids[known..].to_vec();
            let limit = self.model.config().decoder.max_positions;
            while !is_over(&self.model, &ids, max_tokens) && cache.len() + rest.len() <= limit {
                let logits = self.model.decode(&rest, cache, job, &mut Unobserved)?;
                let last = logits.get(rest.len() - 1)?;
                let next = likeliest(&log_softmax(&last)?);
                ids.push(next);
                rest = vec![next];
            }
        }
        Ok(Continuation { text: self.text(&ids), ids })
    }

    /// The gradients of the log-probabilities of some `tokens` of the answer with respect to the attention probabilities of
    /// every SVA layer, without interventions: `grad.tT.LAYER` and `gradxattn.tT.LAYER.encoders`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], before anything is computed, if they do not fit; those of [`Scorer::score`].
    pub fn gradients(&mut self, tokens: &[usize], job: &Job<'_>) -> Result<BTreeMap<String, Tensor>> {
        let tokens: Vec<GradientOf> = tokens.iter().map(|t| GradientOf::Token(*t)).collect();
        self.gradients_of(&tokens, &Interventions::default(), job)
    }

    /// The same for tokens or the whole answer, under `interventions`: `grad.NAME.LAYER` and
    /// `gradxattn.NAME.LAYER.encoders` with the names of [`GradientOf`].
    ///
    /// # Errors
    /// Those of [`Scorer::gradients`].
    pub fn gradients_of(
        &mut self,
        wanted: &[GradientOf],
        interventions: &Interventions,
        job: &Job<'_>,
    ) -> Result<BTreeMap<String, Tensor>> {
        self.base(&mut Unobserved, job)?;
        let model = Arc::clone(&self.model);
        let ids = self.forced(&self.prompt.ids[self.before..]);
        let answer = self.answer.len();
        let rows = if wanted.contains(&GradientOf::Answer) { answer } else { 1 };
        check_memory(&model, self.positions_of_pass(), self.before, rows)?;
        let mut probe = Probe::default();
        let shown = self.shown(interventions, job)?;
        let visual = model.connect(&shown, self.other.as_ref(), interventions, job, &mut probe)?;
        // Another view of the same memory, in which nothing is written: what is tracked is not stored.
        let mut cache = self.cache.clone();
        cache.truncate(self.before);
        let hidden = model.run(&ids, Some(&visual), &mut cache, job, &mut probe)?;
        let rows = self.answer_rows(&hidden)?;
        let sides: Vec<usize> = model.config().towers.iter().map(EncoderSpec::side).collect();
        let mut tensors = BTreeMap::new();
        for of in wanted {
            let places = match *of {
                GradientOf::Answer => 0..answer,
                GradientOf::Token(t) if t < answer => t..t + 1,
                GradientOf::Token(_) => continue,
            };
            let logits = model.logits(&rows.narrow(0, places.start, places.len())?)?;
            let log_probs = candle_nn::ops::log_softmax(&logits, D::Minus1)?;
            let mut sum: Option<Tensor> = None;
            for (row, t) in places.enumerate() {
                let log_prob = log_probs.get(row)?.narrow(0, self.answer[t] as usize, 1)?.squeeze(0)?;
                sum = Some(match sum {
                    Some(sum) => (sum + log_prob)?,
                    None => log_prob,
                });
            }
            if let Some(log_prob) = sum {
                probe.read(&log_prob, &of.name(), &sides, &mut tensors)?;
            }
            job.check()?;
        }
        Ok(tensors)
    }

    /// The text of an answer.
    pub fn text(&self, ids: &[u32]) -> String {
        let shown: Vec<u32> = ids.iter().copied().filter(|id| !self.model.stop_ids.contains(id)).collect();
        self.model.tokenizer().decode(&shown, true).trim().to_owned()
    }

    fn is_over(&self, ids: &[u32], max_tokens: usize) -> bool {
        is_over(&self.model, ids, max_tokens)
    }

    /// Makes sure that the run without interventions is known. If it is not yet, it is made in front of `observer`: the
    /// connector, and the decoder over the image and what comes after it, the answer's tokens included.
    ///
    /// # Errors
    /// Those of [`Scorer::score`].
    pub fn base(&mut self, observer: &mut dyn Observer, job: &Job<'_>) -> Result<()> {
        if self.baseline.is_some() {
            return Ok(());
        }
        let none = Interventions::default();
        let visual = self.model.connect(&self.image, None, &none, job, observer)?;
        if self.cache.len() < self.before {
            self.cache.truncate(0);
            if self.before > 0 {
                self.model.run(&self.prompt.ids[..self.before], None, &mut self.cache, job, &mut Unobserved)?;
            }
        }
        let layout = self.model.config().sva.samplers;
        let after_layers = layout.iter().flat_map(|layout| (0..layout.count).map(|n| layout.follows(n))).collect();
        let mut in_front = InFront { after_layers, states: Vec::new() };
        let rows = self.pass(&visual, &mut Both(&mut in_front, observer), job)?;
        self.intact = self.model.config().decoder.layers;
        let (score, first) = self.read(&rows)?;
        self.baseline = Some(Baseline { visual, in_front: in_front.states, first });
        self.held = Some(none.clone());
        self.scores.insert(none, score);
        Ok(())
    }

    /// Hidden states `[T, H]` of the positions that choose the answer's tokens, under `interventions`.
    fn run(&mut self, interventions: &Interventions, job: &Job<'_>) -> Result<Tensor> {
        let model = Arc::clone(&self.model);
        let first = interventions.first_affected(&self.anatomy);
        self.held = None;
        let rows = match (first, &self.baseline) {
            (Some(FirstAffected::Prompt), _) => return Ok(self.run_blind(job)?.0),
            (Some(FirstAffected::Layer(SvaLayer::Sampler { n })), Some(baseline))
                if baseline.in_front.len() > n && self.after_layer(n) < self.intact =>
            {
                let hidden = baseline.in_front[n].clone();
                let visual = model.reconnect(&baseline.visual, &self.image, self.other.as_ref(), interventions)?;
                self.cache.truncate(self.before);
                self.intact = self.after_layer(n) + 1;
                self.runs += 1;
                let hidden = model.run_from_sampler(n, hidden, &visual, &mut self.cache, job, &mut Unobserved)?;
                self.answer_rows(&hidden)?
            }
            _ => return self.whole_run(interventions, &mut Unobserved, job),
        };
        self.held = Some(interventions.clone());
        Ok(rows)
    }

    /// The same from the connector on, in front of `observer`, for interventions that leave the image in the prompt.
    fn whole_run(
        &mut self,
        interventions: &Interventions,
        observer: &mut dyn Observer,
        job: &Job<'_>,
    ) -> Result<Tensor> {
        let shown = self.shown(interventions, job)?;
        let visual = self.model.connect(&shown, self.other.as_ref(), interventions, job, observer)?;
        (self.held, self.intact) = (None, 0);
        let rows = self.pass(&visual, observer, job)?;
        self.held = Some(interventions.clone());
        Ok(rows)
    }

    /// What the encoders give under `interventions`: of the image, or of an even grey.
    fn shown(&mut self, interventions: &Interventions, job: &Job<'_>) -> Result<EncodedImage> {
        if !interventions.blank_image() {
            return Ok(self.image.clone());
        }
        if let Some(blank) = &self.blank {
            return Ok(blank.clone());
        }
        let blank = Picture::blank(self.image.picture.width, self.image.picture.height);
        Ok(self.blank.insert(self.model.encode(&blank, job, &mut Unobserved)?).clone())
    }

    /// One pass over everything from the image on.
    fn pass(&mut self, visual: &VisualTokens, observer: &mut dyn Observer, job: &Job<'_>) -> Result<Tensor> {
        self.cache.truncate(self.before);
        self.runs += 1;
        let ids = self.forced(&self.prompt.ids[self.before..]);
        let hidden = self.model.run(&ids, Some(visual), &mut self.cache, job, observer)?;
        self.answer_rows(&hidden)
    }

    /// One pass over the prompt without the image, with a cache of its own.
    fn run_blind(&mut self, job: &Job<'_>) -> Result<(Tensor, KvCache)> {
        let mut cache = self.model.empty_cache()?;
        self.runs += 1;
        let hidden = self.model.run(&self.forced(&self.blind.ids), None, &mut cache, job, &mut Unobserved)?;
        Ok((self.answer_rows(&hidden)?, cache))
    }

    /// `ids` and all of the answer but its last token, which nothing follows.
    fn forced(&self, ids: &[i64]) -> Vec<i64> {
        let answer = &self.answer[..self.answer.len() - 1];
        ids.iter().copied().chain(answer.iter().map(|&id| i64::from(id))).collect()
    }

    fn answer_rows(&self, hidden: &Tensor) -> Result<Tensor> {
        let (all, wanted) = (hidden.dims()[0], self.answer.len());
        Ok(hidden.narrow(0, all - wanted, wanted)?)
    }

    /// The decoder layer that sampler `n` follows.
    fn after_layer(&self, n: usize) -> usize {
        self.model.config().sva.samplers.map_or(usize::MAX, |layout| layout.follows(n))
    }

    /// What the answer is worth, of the hidden states `[T, H]` that choose its tokens; and the log-probabilities `[V]` of
    /// its first.
    fn read(&self, rows: &Tensor) -> Result<(Score, Vec<f64>)> {
        let mut score = Score { log_probs: Vec::new(), kl: 0.0, greedy: Vec::new() };
        let mut first = Vec::new();
        for start in (0..self.answer.len()).step_by(ROWS_AT_ONCE) {
            let count = ROWS_AT_ONCE.min(self.answer.len() - start);
            let logits = self.model.logits(&rows.narrow(0, start, count)?)?;
            for row in 0..count {
                let log_probs = log_softmax(&logits.get(row)?)?;
                let id = self.answer[start + row] as usize;
                score.log_probs.push(log_probs.get(id).map_or(f32::NAN, |&p| p as f32));
                score.greedy.push(likeliest(&log_probs));
                if start + row == 0 {
                    score.kl = self.baseline.as_ref().map_or(0.0, |base| divergence(&base.first, &log_probs));
                    first = log_probs;
                }
            }
        }
        if score.log_probs.iter().any(|p| p.is_nan()) {
            return Err(Error::input(
                "the numbers inside this model grow beyond the range of its type under this intervention",
                Advice::WeightsAs(&["f32"]),
            ));
        }
        Ok((score, first))
    }
}

/// Whether nothing follows `ids`.
fn is_over(model: &Model, ids: &[u32], max_tokens: usize) -> bool {
    ids.len() >= max_tokens || ids.last().is_some_and(|id| model.stop_ids.contains(id))
}

/// Natural logarithms of the probabilities of `[V]` logits.
pub(super) fn log_softmax(logits: &Tensor) -> Result<Vec<f64>> {
    let logits: Vec<f64> = logits.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = top + logits.iter().map(|x| (x - top).exp()).sum::<f64>().ln();
    Ok(logits.into_iter().map(|x| x - total).collect())
}

/// KL(p ‖ q) of two distributions given by their logarithms.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let terms = p.iter().zip(q).filter(|(p, _)| p.is_finite()).map(|(p, q)| p.exp() * (p - q));
    terms.sum::<f64>().max(0.0)
}

/// The first of the likeliest ids.
fn likeliest(log_probs: &[f64]) -> u32 {
    let best = log_probs.iter().enumerate().fold(
        (0, f64::NEG_INFINITY),
        |best, (id, &p)| {
            if p > best.1 { (id, p) } else { best }
        },
    );
    best.0 as u32
}

/// Keeps the hidden states in front of each sampler.
struct InFront {
    after_layers: Vec<usize>,
    states: Vec<Tensor>,
}

impl Observer for InFront {
    fn wants(&self, site: Site) -> bool {
        matches!(site, Site::DecoderLayer(layer) if self.after_layers.contains(&layer))
    }

    fn observe(&mut self, _site: Site, value: &Tensor) -> Result<()> {
        self.states.push(value.clone());
        Ok(())
    }
}
