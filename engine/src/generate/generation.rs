//! Token after token: choosing, stopping, streaming. One pass of the decoder at a time, so that others can go between.

use super::state::DecoderState;
use super::{Alternative, GenerateOptions, StopReason, Token, Watch};
use crate::advice::Advice;
use crate::error::{Refusal, Result};
use crate::job::Stage;
use crate::model::Model;
use crate::nn::FEW_ROWS;
use crate::observe::{Site, show};
use crate::text::{TokenStream, Tokenizer};
use candle_core::{D, Tensor};
use candle_transformers::generation::LogitsProcessor;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ids of a forced prefix that one pass runs over. Together they cost little more than one of them; their logits,
/// 33 MB in the 8B model, are why there are not more.
pub(super) const KNOWN_AT_ONCE: usize = 64;

// More would be multiplied in other numbers than each of them alone was when it was sampled.
const _: () = assert!(KNOWN_AT_ONCE <= FEW_ROWS);

/// A text that is being generated.
pub(super) struct Generation {
    options: GenerateOptions,
    /// The tokens it begins with, whatever the logits say.
    forced: Vec<u32>,
    processor: LogitsProcessor,
    stream: TokenStream<Arc<Tokenizer>>,
    text: String,
    tokens: Vec<Token>,
    /// Logits of the next places, in order: `[n, V]`.
    rows: Tensor,
    decode: Duration,
}

/// A generated text and how it came about.
pub(super) struct Generated {
    pub(super) tokens: Vec<Token>,
    pub(super) text: String,
    pub(super) stop: StopReason,
    /// Time after the first token.
    pub(super) decode: Duration,
}

impl Generation {
    /// Generates from `logits` on, the prompt's last.
    pub(super) fn new(model: &Model, logits: &Tensor, forced: &[u32], options: GenerateOptions) -> Result<Self> {
        Ok(Self {
            forced: forced[..forced.len().min(options.max_tokens)].to_vec(),
            processor: LogitsProcessor::from_sampling(options.sampling.seed, options.sampling.rule()),
            stream: TokenStream::new(Arc::clone(model.tokenizer())),
            text: String::new(),
            tokens: Vec::new(),
            rows: logits.unsqueeze(0)?,
            decode: Duration::ZERO,
            options,
        })
    }

    /// Chooses the tokens whose logits are there and runs the next pass; `Some` when the text has ended instead.
    pub(super) fn step(
        &mut self,
        model: &Model,
        state: &mut DecoderState,
        watch: &mut Watch<'_>,
    ) -> Result<Option<StopReason>> {
        let started = Instant::now();
        let first = self.tokens.is_empty();
        let stop = self.choose(model, watch)?;
        // The first token belongs to the prefill that gave its logits.
        let started = if first { Instant::now() } else { started };
        let stop = match stop {
            Some(stop) => Some(stop),
            None => self.pass(model, state, watch)?,
        };
        self.decode += started.elapsed();
        Ok(stop)
    }

    /// Takes a token from each row of logits, until one of them ends the text.
    fn choose(&mut self, model: &Model, watch: &mut Watch<'_>) -> Result<Option<StopReason>> {
        if self.options.max_tokens == 0 {
            return Ok(Some(StopReason::MaxTokens));
        }
        for row in 0..self.rows.dims()[0] {
            let logits = self.rows.get(row)?;
            show(watch.observer, Site::StepLogits(self.tokens.len()), &logits)?;
            let log_probs = log_probabilities(model, &logits)?;
            // Drawn in front of a given token too, so that after it the same seed draws on as before.
            let drawn = self.processor.sample(&logits)?;
            let id = self.forced.get(self.tokens.len()).copied().unwrap_or(drawn);
            let ended = model.stop_ids.contains(&id);
            let piece = if ended { None } else { self.stream.push(id) }.unwrap_or_default();
            self.text.push_str(&piece);
            let token = token(model.tokenizer(), id, piece, &log_probs, self.options.alternatives);
            (watch.on_token)(&token);
            self.tokens.push(token);
            watch.job.step(Stage::Decode, self.tokens.len() as u64, self.options.max_tokens as u64)?;
            if ended {
                return Ok(Some(StopReason::EndOfTurn));
            }
            let stops = self.options.stop.iter().filter(|stop| !stop.is_empty());
            if let Some(at) = stops.filter_map(|stop| self.text.find(stop)).min() {
                self.text.truncate(at);
                return Ok(Some(StopReason::StopText));
            }
            if self.tokens.len() == self.options.max_tokens {
                return Ok(Some(StopReason::MaxTokens));
            }
        }
        Ok(None)
    }

    /// Runs the last token, and forced ones that follow it.
    fn pass(&mut self, model: &Model, state: &mut DecoderState, watch: &mut Watch<'_>) -> Result<Option<StopReason>> {
        let room = model.config().decoder.max_positions - state.len();
        if room == 0 {
            return Ok(Some(StopReason::ContextFull));
        }
        // To an observer of the pass every token looks as if it had been chosen: one pass each.
        let at_once = if watch.observer.needs_whole_pass() { 1 } else { KNOWN_AT_ONCE };
        let known = self.forced.get(self.tokens.len()..).unwrap_or_default();
        let last = self.tokens.last().map(|token| token.id);
        let next: Vec<u32> = last.into_iter().chain(known.iter().copied()).take(at_once.min(room)).collect();
        self.rows = state.extend(model, &next, watch)?;
        Ok(None)
    }

    /// What came of it.
    pub(super) fn finish(self, stop: StopReason) -> Generated {
        let (mut text, mut tokens) = (self.text, self.tokens);
        if stop != StopReason::StopText {
            text.push_str(&give_rest(&mut tokens, self.stream, stop == StopReason::EndOfTurn));
        }
        let text = text.trim().to_owned();
        cut_to(&mut tokens, text.len());
        Generated { tokens, text, stop, decode: self.decode }
    }
}

/// Gives what `stream` held back, such as a character that is never completed, to the last of `tokens` that has a text:
/// the last one, unless that one `ended` it.
pub(super) fn give_rest(tokens: &mut [Token], stream: TokenStream<Arc<Tokenizer>>, ended: bool) -> String {
    let rest = stream.finish().unwrap_or_default();
    let of_answer = tokens.len() - usize::from(ended);
    if let Some(last) = tokens[..of_answer].last_mut() {
        last.text.push_str(&rest);
    }
    rest
}

/// Takes from the texts of `tokens` what lies beyond `length` bytes of them joined: a stop text, and what stands after it.
fn cut_to(tokens: &mut [Token], mut length: usize) {
    for token in tokens {
        let kept = length.min(token.text.len());
        token.text.truncate(token.text.floor_char_boundary(kept));
        length -= kept;
    }
}

/// Natural logarithms of the probabilities in `logits` `[V]`.
///
/// # Errors
/// A refusal of a model whose logits are NaN. Its weights are finite, or it would not have been loaded.
pub(super) fn log_probabilities(model: &Model, logits: &Tensor) -> Result<Vec<f32>> {
    let log_probs = candle_nn::ops::log_softmax(logits, D::Minus1)?.to_vec1::<f32>()?;
    if log_probs.iter().any(|p| p.is_nan()) {
        let compute = model.precision().compute.as_str();
        let problem = format!("the numbers inside this model grow beyond the range of {compute}");
        return Err(Refusal::new(model.directory(), problem)
            .expected("a probability for every token")
            .found("NaN")
            .help(Advice::WeightsAsF32OrAnew)
            .into());
    }
    Ok(log_probs)
}

/// The token `id`, which completes `text`, as the model sees it in its place.
pub(super) fn token(tokenizer: &Tokenizer, id: u32, text: String, log_probs: &[f32], alternatives: usize) -> Token {
    let alternatives = most_likely(tokenizer, log_probs, alternatives);
    Token { id, text, log_prob: log_probs[id as usize], alternatives }
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
