//! Conversations with a model: prompts in, tokens out, and as little recomputed as possible between questions.
//!
//! A [`Session`] keeps the encoded pictures it has seen and the decoder's cache of its last prompt. A follow-up
//! question shares a prefix of ids with that prompt, up to and including the image; only what comes after the shared
//! prefix is run again.

use crate::error::{Error, Refusal, Result};
use crate::job::{Job, Stage};
use crate::llm::KvCache;
use crate::model::{EncodedImage, Model, VisualTokens};
use crate::observe::{Observer, Site, show};
use crate::sva::Ablation;
use crate::text::{IMAGE_ID, PromptIds};
use crate::vision::Picture;
use candle_core::{D, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling as Rule};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pictures whose encoder features a session keeps.
const KEPT_PICTURES: usize = 8;

/// Below this temperature only the most likely token is left, and logits divided by it would leave the range of f32.
const COLD: f64 = 1e-6;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 chooses the most likely token; otherwise logits are divided by this.
    pub temperature: f64,
    /// Only the most likely tokens that together reach this probability.
    pub top_p: Option<f64>,
    /// Only this many of the most likely tokens.
    pub top_k: Option<usize>,
    /// Seed of the random choice.
    pub seed: u64,
}

impl Default for Sampling {
    /// Greedy, as the reference evaluates.
    fn default() -> Self {
        Self { temperature: 0.0, top_p: None, top_k: None, seed: 0 }
    }
}

impl Sampling {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Input`] naming the setting.
    pub fn check(&self) -> Result<()> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return Err(Error::input(
                format!("temperature {} cannot be used", self.temperature),
                "use 0 for the most likely token, or a number up to about 2",
            ));
        }
        if self.top_p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return Err(Error::input("top-p must lie above 0 and at most at 1", "leave it out to allow every token"));
        }
        if self.top_k == Some(0) {
            return Err(Error::input("top-k must be at least 1", "leave it out to allow every token"));
        }
        Ok(())
    }

    fn rule(&self) -> Rule {
        let temperature = self.temperature;
        // The rule takes p as f32, where a smaller one would be 0 and leave no token.
        let top_p = self.top_p.map(|p| p.max(f64::from(f32::MIN_POSITIVE)));
        match (self.top_k, top_p) {
            _ if temperature < COLD => Rule::ArgMax,
            (None, None) => Rule::All { temperature },
            (Some(k), None) => Rule::TopK { k, temperature },
            (None, Some(p)) => Rule::TopP { p, temperature },
            (Some(k), Some(p)) => Rule::TopKThenTopP { k, p, temperature },
        }
    }
}

/// How an answer is generated.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// At most this many tokens.
    pub max_tokens: usize,
    /// How each is chosen.
    pub sampling: Sampling,
    /// Texts at which to stop, beside the template's stop ids. The answer ends before them.
    pub stop: Vec<String>,
    /// How many of the most likely tokens to report beside each chosen one.
    pub alternatives: usize,
}

impl Default for GenerateOptions {
    /// The reference's evaluation settings.
    fn default() -> Self {
        Self { max_tokens: 512, sampling: Sampling::default(), stop: Vec::new(), alternatives: 0 }
    }
}

/// One generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// The text it completes: empty for special tokens and in the middle of a character.
    pub text: String,
    /// Natural logarithm of its probability under the model, before temperature and truncation.
    pub log_prob: f32,
    /// The most likely ids at this place with their log-probabilities, most likely first.
    pub alternatives: Vec<(u32, f32)>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The model ended its turn.
    EndOfTurn,
    /// One of the stop texts appeared.
    StopText,
    /// `max_tokens` were generated.
    MaxTokens,
    /// The model's positions are used up.
    ContextFull,
}

/// Where the time of one answer went.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Vision encoders and connector; zero where the picture was known.
    pub vision: Duration,
    /// The decoder over the prompt.
    pub prefill: Duration,
    /// All generated tokens after the first.
    pub decode: Duration,
    /// Positions the decoder ran over in prefill.
    pub prefill_positions: usize,
    /// Positions taken over from an earlier prompt.
    pub reused_positions: usize,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its text, without special tokens, ends trimmed.
    pub text: String,
    /// Every generated token, the one that ended it included.
    pub tokens: Vec<Token>,
    /// Why it ended.
    pub stop: StopReason,
    /// The ids of its prompt, [`IMAGE_ID`] at the image.
    pub prompt_ids: Vec<i64>,
    /// Positions of the prompt, the image's included.
    pub prompt_positions: usize,
    /// Where the time went.
    pub timings: Timings,
}

/// What a question is asked about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The picture.
    pub picture: Arc<Picture>,
    /// What is switched off.
    pub ablation: Ablation,
}

/// Who looks on while an answer is made.
pub struct Watch<'a> {
    /// Progress and cancellation.
    pub job: &'a Job<'a>,
    /// Takes values from inside.
    pub observer: &'a mut dyn Observer,
    /// Gets every token as soon as it is chosen.
    pub on_token: &'a mut dyn FnMut(&Token),
}

/// A model's working memory between questions.
#[derive(Default)]
pub struct Session {
    /// Encoded pictures, most recent last.
    encoded: Vec<(Arc<Picture>, EncodedImage)>,
    decoded: Option<Decoded>,
}

/// The decoder's cache and what it stands for.
struct Decoded {
    cache: KvCache,
    /// Ids whose positions the cache holds, in order.
    ids: Vec<i64>,
    /// What stood at [`IMAGE_ID`].
    image: Option<(Arc<Picture>, Ablation, VisualTokens)>,
}

impl Decoded {
    /// Positions that `ids` take.
    fn positions(&self, ids: &[i64]) -> usize {
        let image = self.image.as_ref().map_or(0, |(_, _, tokens)| tokens.len());
        ids.iter().map(|&id| if id == IMAGE_ID { image } else { 1 }).sum()
    }
}

impl Session {
    /// Forgets everything that was computed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The encoder features of `picture`, computed at most once.
    pub fn encode(
        &mut self,
        model: &Model,
        picture: &Arc<Picture>,
        job: &Job<'_>,
        observer: &mut dyn Observer,
    ) -> Result<EncodedImage> {
        let known = self.encoded.iter().position(|(known, _)| same(known, picture));
        let watched = (0..model.encoders().len()).any(|k| observer.wants(Site::TowerPixels(k)));
        if let Some(at) = known {
            let entry = self.encoded.remove(at);
            if !watched {
                let image = entry.1.clone();
                self.encoded.push(entry);
                return Ok(image);
            }
        }
        let image = model.encode(picture, job, observer)?;
        if self.encoded.len() == KEPT_PICTURES {
            self.encoded.remove(0);
        }
        self.encoded.push((Arc::clone(picture), image.clone()));
        Ok(image)
    }

    /// Answers `prompt`.
    ///
    /// An observer that needs the whole pass gets it: then nothing but encoder features is reused.
    pub fn ask(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        subject: Option<&Subject>,
        options: &GenerateOptions,
        watch: &mut Watch<'_>,
    ) -> Result<Answer> {
        options.sampling.check()?;
        let started = Instant::now();
        if watch.observer.needs_whole_pass() {
            self.decoded = None;
        }
        let mut decoded = self.recall(model, prompt, subject, watch)?;
        let vision = started.elapsed();

        // Keep the positions of the longest shared prefix, but run at least one id: its logits are wanted.
        let prefix = prompt.ids.iter().zip(&decoded.ids).take_while(|(a, b)| a == b).count();
        let prefix = prefix.min(prompt.ids.len().saturating_sub(1));
        decoded.ids.truncate(prefix);
        let reused = decoded.positions(&decoded.ids);
        decoded.cache.truncate(reused);
        let positions = decoded.positions(&prompt.ids);
        let limit = model.config().context_length.min(model.config().decoder.max_positions);
        if positions > limit {
            return Err(Error::input(
                format!("the conversation takes {positions} positions, and this model can see {limit}"),
                "shorten the question, or start a new conversation about the image",
            ));
        }

        let started = Instant::now();
        let rest = &prompt.ids[prefix..];
        let image = decoded.image.as_ref().map(|(_, _, tokens)| tokens);
        // Room for the answer, but no more than the check before loading has counted; the rest comes as it is needed.
        decoded.cache.reserve(positions + options.max_tokens.min(limit - positions))?;
        let logits = model.prefill(rest, image, &mut decoded.cache, watch.job, watch.observer)?;
        decoded.ids.extend_from_slice(rest);
        let timings = Timings {
            vision,
            prefill: started.elapsed(),
            prefill_positions: positions - reused,
            reused_positions: reused,
            ..Timings::default()
        };
        let generated = decoded.generate(model, logits, options, watch);
        self.decoded = Some(decoded);
        let Generated { tokens, text, stop, decode } = generated?;
        Ok(Answer {
            text,
            tokens,
            stop,
            prompt_ids: prompt.ids.clone(),
            prompt_positions: positions,
            timings: Timings { decode, ..timings },
        })
    }

    /// The decoder's state as far as it can serve `prompt`, with the visual tokens of `subject`.
    fn recall(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        subject: Option<&Subject>,
        watch: &mut Watch<'_>,
    ) -> Result<Decoded> {
        let mut decoded = match self.decoded.take() {
            Some(decoded) => decoded,
            None => Decoded { cache: model.empty_cache()?, ids: Vec::new(), image: None },
        };
        let image_at = prompt.ids.iter().position(|&id| id == IMAGE_ID);
        let known = match (&decoded.image, subject) {
            (Some((picture, ablation, _)), Some(subject)) => {
                same(picture, &subject.picture) && *ablation == subject.ablation
            }
            (None, None) => true,
            _ => false,
        };
        if !known {
            // Whatever follows the old image stands on it.
            let keep = decoded.ids.iter().position(|&id| id == IMAGE_ID).unwrap_or(decoded.ids.len());
            decoded.ids.truncate(keep);
            decoded.image = None;
            if let (Some(subject), Some(_)) = (subject, image_at) {
                let encoded = self.encode(model, &subject.picture, watch.job, watch.observer)?;
                let tokens = model.connect(&encoded, &subject.ablation, watch.job, watch.observer)?;
                decoded.image = Some((Arc::clone(&subject.picture), subject.ablation.clone(), tokens));
            }
        }
        Ok(decoded)
    }
}

/// A generated text and how it came about.
struct Generated {
    tokens: Vec<Token>,
    text: String,
    stop: StopReason,
    /// Time after the first token.
    decode: Duration,
}

impl Decoded {
    /// Generates from `logits` on, the prompt's last.
    fn generate(
        &mut self,
        model: &Model,
        mut logits: Tensor,
        options: &GenerateOptions,
        watch: &mut Watch<'_>,
    ) -> Result<Generated> {
        let mut processor = LogitsProcessor::from_sampling(options.sampling.seed, options.sampling.rule());
        let stop_ids = &model.stop_ids;
        let mut stream = model.tokenizer().stream();
        let mut text = String::new();
        let mut tokens: Vec<Token> = Vec::new();
        let mut started = Instant::now();
        let stop = loop {
            if tokens.len() == options.max_tokens {
                break StopReason::MaxTokens;
            }
            if self.cache.len() == model.config().decoder.max_positions {
                break StopReason::ContextFull;
            }
            show(watch.observer, Site::StepLogits(tokens.len()), &logits)?;
            let log_probs = candle_nn::ops::log_softmax(&logits, D::Minus1)?.to_vec1::<f32>()?;
            if log_probs.iter().any(|p| p.is_nan()) {
                return Err(not_a_number(model).into());
            }
            let id = processor.sample(&logits)?;
            let ended = stop_ids.contains(&id);
            let piece = if ended { None } else { stream.push(id) }.unwrap_or_default();
            text.push_str(&piece);
            let token = Token {
                id,
                text: piece,
                log_prob: log_probs[id as usize],
                alternatives: most_likely(&log_probs, options.alternatives),
            };
            (watch.on_token)(&token);
            tokens.push(token);
            watch.job.step(Stage::Decode, tokens.len() as u64, options.max_tokens as u64)?;
            if tokens.len() == 1 {
                started = Instant::now();
            }
            if ended {
                break StopReason::EndOfTurn;
            }
            if let Some(at) = options.stop.iter().filter(|s| !s.is_empty()).filter_map(|s| text.find(s)).min() {
                text.truncate(at);
                break StopReason::StopText;
            }
            if tokens.len() < options.max_tokens {
                logits = model.decode(id, &mut self.cache, watch.job, watch.observer)?;
                self.ids.push(i64::from(id));
            }
        };
        if stop != StopReason::StopText {
            text.push_str(&stream.finish().unwrap_or_default());
        }
        Ok(Generated { tokens, text: text.trim().to_owned(), stop, decode: started.elapsed() })
    }
}

/// The refusal of a model whose logits are NaN. Its weights are finite, or it would not have been loaded.
fn not_a_number(model: &Model) -> Refusal {
    let compute = model.precision().compute.as_str();
    Refusal::new(model.directory(), format!("the numbers inside this model grow beyond the range of {compute}"))
        .expected("a probability for every token")
        .found("NaN")
        .help("use --dtype f32; if it stays so, the weights are damaged: download them again")
}

/// Whether two pictures are the same to a model.
fn same(a: &Arc<Picture>, b: &Arc<Picture>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// The `count` most likely ids, most likely first.
fn most_likely(log_probs: &[f32], count: usize) -> Vec<(u32, f32)> {
    let count = count.min(log_probs.len());
    if count == 0 {
        return Vec::new();
    }
    let mut ids: Vec<u32> = (0..log_probs.len() as u32).collect();
    let by_probability = |a: &u32, b: &u32| log_probs[*b as usize].total_cmp(&log_probs[*a as usize]);
    ids.select_nth_unstable_by(count - 1, by_probability);
    ids.truncate(count);
    ids.sort_unstable_by(by_probability);
    ids.into_iter().map(|id| (id, log_probs[id as usize])).collect()
}
