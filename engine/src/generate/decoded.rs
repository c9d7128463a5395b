//! The decoder's side of a session: a key/value cache, what it stands for, and the loop that extends it.

use super::{Alternative, GenerateOptions, StopReason, Subject, Token, Watch, same};
use crate::error::{Refusal, Result};
use crate::job::Stage;
use crate::llm::KvCache;
use crate::model::{Model, VisualTokens};
use crate::observe::{Site, show};
use crate::text::{IMAGE_ID, PromptIds, Tokenizer};
use candle_core::{D, Tensor};
use candle_transformers::generation::LogitsProcessor;
use std::time::{Duration, Instant};

/// Ids of a given beginning that one pass runs over. Together they cost little more than one of them; their logits,
/// 33 MB in the 8B model, are why there are not more.
const KNOWN_AT_ONCE: usize = 64;

/// The positions of one prompt and its answer, ready to be continued.
pub(super) struct Decoded {
    cache: KvCache,
    /// Ids whose positions the cache holds, in order.
    ids: Vec<i64>,
    /// What stands at [`IMAGE_ID`].
    image: Option<(Subject, VisualTokens)>,
}

/// A generated text and how it came about.
pub(super) struct Generated {
    pub(super) tokens: Vec<Token>,
    pub(super) text: String,
    pub(super) stop: StopReason,
    /// Time after the first token.
    pub(super) decode: Duration,
}

impl Decoded {
    /// Nothing decoded yet, about `image` or about none.
    pub(super) fn new(model: &Model, image: Option<(Subject, VisualTokens)>) -> Result<Self> {
        Ok(Self { cache: model.empty_cache()?, ids: Vec::new(), image })
    }

    /// Whether the stored positions are about `subject`.
    pub(super) fn is_about(&self, subject: Option<&Subject>) -> bool {
        match (&self.image, subject) {
            (Some((known, _)), Some(subject)) => {
                same(&known.picture, &subject.picture) && known.ablation == subject.ablation
            }
            (None, None) => true,
            _ => false,
        }
    }

    /// Forgets what does not begin `prompt`, and says how many positions are left. At least one id of the prompt is
    /// left to run: its logits are wanted.
    pub(super) fn rewind(&mut self, prompt: &PromptIds) -> usize {
        let shared = prompt.ids.iter().zip(&self.ids).take_while(|(a, b)| a == b).count();
        self.ids.truncate(shared.min(prompt.ids.len().saturating_sub(1)));
        let image = self.image.as_ref().map_or(0, |(_, tokens)| tokens.len());
        let positions = self.ids.iter().map(|&id| if id == IMAGE_ID { image } else { 1 }).sum();
        self.cache.truncate(positions);
        positions
    }

    /// Runs what [`Decoded::rewind`] left of `prompt`, with room for `positions` in all; returns its last logits.
    pub(super) fn prefill(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        positions: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor> {
        self.cache.reserve(positions)?;
        let rest = &prompt.ids[self.ids.len()..];
        let image = self.image.as_ref().map(|(_, tokens)| tokens);
        let logits = model.prefill(rest, image, &mut self.cache, watch.job, watch.observer)?;
        self.ids.extend_from_slice(rest);
        Ok(logits)
    }

    /// Runs the last id of `prompt` in front of the observer, and those before it that are not stored. What is stored
    /// stays if it goes on from `prompt`; otherwise only `prompt` is stored afterwards, as for a question.
    pub(super) fn revisit(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        positions: usize,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        if self.ids.starts_with(&prompt.ids) {
            // Another view of the same memory. The last position's keys and values are written over with themselves.
            let mut cache = self.cache.clone();
            cache.truncate(positions - 1);
            let last = &prompt.ids[prompt.ids.len() - 1..];
            model.prefill(last, None, &mut cache, watch.job, watch.observer)?;
        } else {
            self.rewind(prompt);
            self.prefill(model, prompt, positions, watch)?;
        }
        Ok(())
    }

    /// Generates from `logits` on, the prompt's last. The first tokens are those of `begin`, whatever the logits say.
    pub(super) fn generate(
        &mut self,
        model: &Model,
        logits: &Tensor,
        begin: &[u32],
        options: &GenerateOptions,
        watch: &mut Watch<'_>,
    ) -> Result<Generated> {
        let begin = &begin[..begin.len().min(options.max_tokens)];
        // To an observer of the pass every token looks as if it had been chosen: one pass each.
        let at_once = if watch.observer.needs_whole_pass() { 1 } else { KNOWN_AT_ONCE };
        let max_positions = model.config().decoder.max_positions;
        let mut processor = LogitsProcessor::from_sampling(options.sampling.seed, options.sampling.rule());
        let stop_ids = &model.stop_ids;
        let mut stream = model.tokenizer().stream();
        let mut text = String::new();
        let mut tokens: Vec<Token> = Vec::new();
        let mut started = Instant::now();
        // Logits of the next places in order, and which of them is the next.
        let (mut rows, mut row) = (logits.unsqueeze(0)?, 0);
        let stop = loop {
            if options.max_tokens == 0 {
                break StopReason::MaxTokens;
            }
            let logits = rows.get(row)?;
            show(watch.observer, Site::StepLogits(tokens.len()), &logits)?;
            let log_probs = candle_nn::ops::log_softmax(&logits, D::Minus1)?.to_vec1::<f32>()?;
            if log_probs.iter().any(|p| p.is_nan()) {
                return Err(not_a_number(model).into());
            }
            // Drawn in front of a given token too, so that after it the same seed draws on as before.
            let drawn = processor.sample(&logits)?;
            let id = begin.get(tokens.len()).copied().unwrap_or(drawn);
            let ended = stop_ids.contains(&id);
            let piece = if ended { None } else { stream.push(id) }.unwrap_or_default();
            text.push_str(&piece);
            let token = Token {
                id,
                text: piece,
                log_prob: log_probs[id as usize],
                alternatives: most_likely(model.tokenizer(), &log_probs, options.alternatives),
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
            if tokens.len() == options.max_tokens {
                break StopReason::MaxTokens;
            }
            row += 1;
            if row < rows.dims()[0] {
                continue;
            }
            let room = max_positions - self.cache.len();
            if room == 0 {
                break StopReason::ContextFull;
            }
            let known = begin.get(tokens.len()..).unwrap_or_default();
            let next: Vec<u32> = [id].into_iter().chain(known.iter().copied()).take(at_once.min(room)).collect();
            (rows, row) = (model.decode(&next, &mut self.cache, watch.job, watch.observer)?, 0);
            self.ids.extend(next.into_iter().map(i64::from));
        };
        if stop != StopReason::StopText {
            // What was held back, such as a character that is never completed, is the last token's.
            let rest = stream.finish().unwrap_or_default();
            text.push_str(&rest);
            let of_answer = tokens.len() - usize::from(stop == StopReason::EndOfTurn);
            if let Some(last) = tokens[..of_answer].last_mut() {
                last.text.push_str(&rest);
            }
        }
        let text = text.trim().to_owned();
        cut_to(&mut tokens, text.len());
        Ok(Generated { tokens, text, stop, decode: started.elapsed() })
    }
}

/// Takes from the texts of `tokens` what lies beyond `length` bytes of them joined: a stop text, and what stands after it.
fn cut_to(tokens: &mut [Token], mut length: usize) {
    for token in tokens {
        let kept = length.min(token.text.len());
        token.text.truncate(token.text.floor_char_boundary(kept));
        length -= kept;
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

/// The `count` most likely tokens, most likely first.
fn most_likely(tokenizer: &Tokenizer, log_probs: &[f32], count: usize) -> Vec<Alternative> {
    let count = count.min(log_probs.len());
    if count == 0 {
        return Vec::new();
    }
    let mut ids: Vec<u32> = (0..log_probs.len() as u32).collect();
    let by_probability = |a: &u32, b: &u32| log_probs[*b as usize].total_cmp(&log_probs[*a as usize]);
    ids.select_nth_unstable_by(count - 1, by_probability);
    ids.truncate(count);
    ids.sort_unstable_by(by_probability);
    ids.into_iter()
        .map(|id| Alternative {
            id,
            text: tokenizer.token_text(id).unwrap_or_default(),
            log_prob: log_probs[id as usize],
        })
        .collect()
}
