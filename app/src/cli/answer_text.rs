//! Answers in words and numbers: as they come, as JSON, and the figures beside them.

use super::driver::Opened;
use super::inspect::precision_json;
use super::json_path;
use opabinia_engine::generate::{Answer, StopReason};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Text that is printed while it is made, and that in the end equals the answer's: white space at both ends is left
/// out, and so is what a stop text cuts off.
#[derive(Debug)]
pub struct Streamed<'a> {
    stops: &'a [String],
    /// All text so far, without white space at its beginning.
    text: String,
    /// Bytes of it that were given out.
    shown: usize,
}

impl<'a> Streamed<'a> {
    /// Nothing yet, of an answer that ends before any of `stops`.
    pub fn new(stops: &'a [String]) -> Self {
        Self { stops, text: String::new(), shown: 0 }
    }

    /// Adds `piece` and gives the text that is certain to belong to the answer and was not given before.
    pub fn push(&mut self, piece: &str) -> &str {
        self.text.push_str(if self.text.is_empty() { piece.trim_start() } else { piece });
        let certain = self.text[..self.certain()].trim_end().len().max(self.shown);
        let new = &self.text[self.shown..certain];
        self.shown = certain;
        new
    }

    /// What is missing of the finished `answer`.
    pub fn rest<'t>(&self, answer: &'t str) -> &'t str {
        answer.get(self.shown..).unwrap_or_default()
    }

    /// Bytes before anything that is a stop text or may become one.
    fn certain(&self) -> usize {
        let found = self.stops.iter().filter_map(|stop| self.text.find(stop.as_str()));
        let begun = self.stops.iter().filter_map(|stop| {
            let possible = |at: &usize| stop.starts_with(&self.text[*at..]);
            self.text.char_indices().map(|(at, _)| at).find(possible)
        });
        found.chain(begun).min().unwrap_or(self.text.len())
    }
}

/// Why an answer ended, for programs.
fn stop_name(stop: StopReason) -> &'static str {
    match stop {
        StopReason::EndOfTurn => "end_of_turn",
        StopReason::StopText => "stop_text",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ContextFull => "context_full",
    }
}

/// Tokens a second, of all tokens after the first.
fn tokens_per_second(answer: &Answer) -> Option<f64> {
    let seconds = answer.timings.decode.as_secs_f64();
    let count = answer.tokens.len().saturating_sub(1);
    (count > 0 && seconds > 0.0).then(|| count as f64 / seconds)
}

/// Everything about one answer.
pub fn answer_json(answer: &Answer, opened: &Opened, image: Option<&Path>, question: &str) -> Value {
    let inspection = &opened.inspection;
    let tokens: Vec<Value> = answer
        .tokens
        .iter()
        .map(|token| {
            let mut object = json!({ "id": token.id, "text": token.text, "log_prob": token.log_prob });
            if !token.alternatives.is_empty() {
                let others = token.alternatives.iter();
                let others = others.map(|a| json!({ "id": a.id, "text": a.text, "log_prob": a.log_prob }));
                object["alternatives"] = others.collect();
            }
            object
        })
        .collect();
    let ids: Vec<u32> = answer.tokens.iter().map(|token| token.id).collect();
    let object = json!({
        "device": inspection.device,
        "precision": precision_json(inspection),
        "template": inspection.template.name(),
        "notes": inspection.notes,
        "question": question,
        "text": answer.text,
        "token_ids": ids,
        "tokens": tokens,
        "stop": stop_name(answer.stop),
        "prompt": {
            "ids": answer.prompt_ids,
            "positions": answer.prompt_positions,
            "reused_positions": answer.timings.reused_positions,
        },
        "timings": {
            "load_s": opened.took.as_secs_f64(),
            "vision_s": answer.timings.vision.as_secs_f64(),
            "prefill_s": answer.timings.prefill.as_secs_f64(),
            "decode_s": answer.timings.decode.as_secs_f64(),
            "tokens_per_s": tokens_per_second(answer),
        },
    });
    let mut object = json_path::with(object, "model", &inspection.directory);
    if let Some(object) = object.as_object_mut() {
        json_path::insert_optional(object, "image", image);
    }
    object
}

/// One line for people.
pub fn figures(answer: &Answer, opened: &Opened) -> String {
    let timings = &answer.timings;
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let mut parts = vec![format!("loaded in {}", seconds(opened.took))];
    if !timings.vision.is_zero() {
        parts.push(format!("looked in {}", seconds(timings.vision)));
    }
    parts.push(format!("{} positions read in {}", timings.prefill_positions, seconds(timings.prefill)));
    let speed = tokens_per_second(answer).map_or_else(String::new, |speed| format!(" at {speed:.1} tokens/s"));
    let plural = if answer.tokens.len() == 1 { "" } else { "s" };
    parts.push(format!("{} token{plural}{speed}", answer.tokens.len()));
    parts.push(match answer.stop {
        StopReason::EndOfTurn => "the model ended its turn".into(),
        StopReason::StopText => "stopped at a stop text".into(),
        StopReason::MaxTokens => "stopped by --max-tokens".into(),
        StopReason::ContextFull => "stopped because the context is full".into(),
    });
    format!("[{} · {}, {}]", parts.join(" · "), opened.inspection.device, opened.inspection.precision.weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pieces: &[&str], stops: &[&str], answer: &str) -> Vec<String> {
        let stops: Vec<String> = stops.iter().map(ToString::to_string).collect();
        let mut streamed = Streamed::new(&stops);
        let mut shown: Vec<String> = pieces.iter().map(|piece| streamed.push(piece).to_owned()).collect();
        shown.push(streamed.rest(answer).to_owned());
        assert_eq!(shown.concat(), answer);
        shown
    }

    #[test]
    fn text_comes_as_soon_as_it_is_certain() {
        assert_eq!(stream(&[" Two", " cups", ".\n"], &[], "Two cups."), ["Two", " cups", ".", ""]);
        assert_eq!(stream(&["", " ", "A", " ", " b"], &[], "A  b"), ["", "", "A", "", "  b", ""]);
    }

    #[test]
    fn what_may_become_a_stop_text_is_held_back() {
        assert_eq!(stream(&["a #", "# b"], &["###"], "a ## b"), ["a", " ## b", ""]);
        assert_eq!(stream(&["a #", "##", "x"], &["###"], "a"), ["a", "", "", ""]);
        assert_eq!(stream(&["ends in #"], &["###"], "ends in #"), ["ends in", " #"]);
        assert_eq!(stream(&["aé", "b"], &["éb"], "a"), ["a", "", ""]);
    }
}
