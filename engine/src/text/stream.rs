//! From ids to text, one id at a time.
//!
//! A [`TokenStream`] hands out text as soon as nothing that may still come can change it: bytes wait for the rest of
//! their character, trailing whitespace waits for what follows it. [`super::Tokenizer::decode`] is the same machine
//! run to its end, so a stream's pieces joined are the whole decoded at once. Every id costs a constant amount of
//! work, whatever came before it.

use super::json::Joining;
use super::sentencepiece::{Kind, UNDERLINE, byte_of};
use super::special::is_python_space;
use super::tokenizer::{Backend, Tokenizer};
use std::ops::Deref;

/// Text of an answer while it is being generated.
///
/// Special tokens are skipped and the ends are stripped of whitespace, as the reference does with a finished answer:
/// at the front whitespace is dropped, at the end it is held back until something follows it.
///
/// `T` is what holds the tokenizer: a reference, or an `Arc` where the stream has to outlive a borrow.
#[derive(Debug)]
pub struct TokenStream<T> {
    decoder: Decoder<T>,
    /// Whether anything but whitespace has been handed out.
    started: bool,
    /// Whitespace that nothing has followed yet.
    held: String,
}

impl<T: Deref<Target = Tokenizer>> TokenStream<T> {
    /// The stream of an answer that has not begun.
    pub fn new(tokenizer: T) -> Self {
        Self { decoder: Decoder::new(tokenizer, true), started: false, held: String::new() }
    }

    /// Takes the next id; returns the text that it completed, if any.
    pub fn push(&mut self, id: u32) -> Option<String> {
        let mut text = String::new();
        self.decoder.push(id, &mut text);
        self.strip(&text)
    }

    /// Ends the answer; returns what was still held back and belongs to it.
    #[must_use]
    pub fn finish(mut self) -> Option<String> {
        let mut text = String::new();
        self.decoder.finish(&mut text);
        self.strip(&text)
    }

    fn strip(&mut self, text: &str) -> Option<String> {
        let text = if self.started { text } else { text.trim_start_matches(is_python_space) };
        let solid = text.trim_end_matches(is_python_space);
        if solid.is_empty() {
            self.held.push_str(text);
            return None;
        }
        self.started = true;
        let out = std::mem::take(&mut self.held) + solid;
        self.held.push_str(&text[solid.len()..]);
        Some(out)
    }
}

/// Ids to text without stripping; see the module.
#[derive(Debug)]
pub(super) struct Decoder<T> {
    tokenizer: T,
    skip_special: bool,
    state: State,
    cleanup: Option<Cleanup>,
}

#[derive(Debug)]
enum State {
    ByteLevel { bytes: Vec<u8> },
    Underlines { run: Vec<u8>, fallback: bool, strip: usize },
    Pieces(PieceState),
}

impl<T: Deref<Target = Tokenizer>> Decoder<T> {
    pub(super) fn new(tokenizer: T, skip_special: bool) -> Self {
        let state = match &tokenizer.backend {
            Backend::Json(json) => match json.joining() {
                Joining::ByteLevel => State::ByteLevel { bytes: Vec::new() },
                Joining::Underlines { bytes, strip } => State::Underlines { run: Vec::new(), fallback: bytes, strip },
            },
            Backend::Pieces(pieces) => State::Pieces(PieceState::new(pieces.legacy() && !skip_special)),
        };
        let cleanup = tokenizer.clean_up.then(Cleanup::default);
        Self { tokenizer, skip_special, state, cleanup }
    }

    pub(super) fn push(&mut self, id: u32, out: &mut String) {
        if self.skip_special && self.tokenizer.is_special(id) {
            return;
        }
        let mut text = String::new();
        match (&mut self.state, &self.tokenizer.backend) {
            (State::Pieces(state), Backend::Pieces(pieces)) => state.push(pieces, id, &mut text),
            (State::ByteLevel { bytes }, _) => {
                let Some(token) = self.tokenizer.token_text(id) else { return };
                match token.chars().map(byte_level).collect::<Option<Vec<u8>>>() {
                    Some(decoded) => bytes.extend(decoded),
                    None => bytes.extend(token.bytes()),
                }
                drain_lossy(bytes, &mut text);
            }
            (State::Underlines { run, fallback, strip }, _) => {
                let Some(token) = self.tokenizer.token_text(id) else { return };
                match byte_of(&token).filter(|_| *fallback) {
                    Some(byte) => run.push(byte),
                    None => {
                        end_run(run, &mut text);
                        text.push_str(&token.replace(UNDERLINE, " "));
                        strip_front(strip, &mut text);
                    }
                }
            }
            (State::Pieces(_), Backend::Json(_)) => {}
        }
        self.hand_out(&text, out);
    }

    pub(super) fn finish(&mut self, out: &mut String) {
        let mut text = String::new();
        match &mut self.state {
            State::Pieces(state) => state.finish(&mut text),
            State::ByteLevel { bytes } => text.push_str(&String::from_utf8_lossy(&std::mem::take(bytes))),
            State::Underlines { run, strip, .. } => {
                end_run(run, &mut text);
                strip_front(strip, &mut text);
            }
        }
        self.hand_out(&text, out);
        if let Some(cleanup) = &mut self.cleanup {
            cleanup.finish(out);
        }
    }

    fn hand_out(&mut self, text: &str, out: &mut String) {
        match &mut self.cleanup {
            Some(cleanup) => cleanup.push(text, out),
            None => out.push_str(text),
        }
    }
}

/// The byte that a character of a byte-level vocabulary stands for: printable ones for themselves, the others for
/// U+0100 and up, in order.
fn byte_level(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(code).ok(),
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// Moves every character that is complete from `bytes` to `out`; each longest invalid sequence becomes U+FFFD.
fn drain_lossy(bytes: &mut Vec<u8>, out: &mut String) {
    let incomplete = bytes.utf8_chunks().last().map_or(0, |chunk| {
        let tail = chunk.invalid();
        let waits = std::str::from_utf8(tail).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none());
        if waits { tail.len() } else { 0 }
    });
    let rest = bytes.split_off(bytes.len() - incomplete);
    out.push_str(&String::from_utf8_lossy(bytes));
    *bytes = rest;
}

/// Ends a run of byte pieces: text if all of it is, otherwise one U+FFFD for each byte.
fn end_run(run: &mut Vec<u8>, out: &mut String) {
    match std::str::from_utf8(run) {
        Ok(text) => out.push_str(text),
        Err(_) => out.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, run.len())),
    }
    run.clear();
}

/// Removes up to `count` spaces from the front of the whole text, of which `text` is the next part.
fn strip_front(count: &mut usize, text: &mut String) {
    let spaces = text.bytes().take(*count).take_while(|&b| b == b' ').count();
    text.drain(..spaces);
    *count = if text.is_empty() { *count - spaces } else { 0 };
}

/// The reference's slow Llama tokenizer, which joins three kinds of tokens in three ways: pieces through
/// sentencepiece, special tokens as they are, other added tokens as they are with spaces around them.
#[derive(Debug)]
struct PieceState {
    /// Something stands before the current run of pieces and special tokens.
    after_added: bool,
    /// Tokens in the current run.
    run_tokens: usize,
    /// The current run has text.
    run_text: bool,
    previous_special: bool,
    segment: Segment,
    /// Text of the current segment, where a later token decides what stands before it (`legacy`).
    held: Option<String>,
}

/// Pieces that sentencepiece decodes together.
#[derive(Debug, Default)]
struct Segment {
    /// Bytes of a character that is not complete.
    bytes: Vec<u8>,
    has_text: bool,
    /// The dummy prefix has been met (and removed).
    prefix_seen: bool,
    prefix_over: bool,
}

impl PieceState {
    fn new(hold: bool) -> Self {
        Self {
            after_added: false,
            run_tokens: 0,
            run_text: false,
            previous_special: false,
            segment: Segment::default(),
            held: hold.then(String::new),
        }
    }

    fn emit(&mut self, text: &str, out: &mut String) {
        if text.is_empty() {
            return;
        }
        if self.after_added && !self.run_text {
            out.push(' ');
        }
        self.run_text = true;
        out.push_str(text);
    }

    fn push(&mut self, pieces: &super::sentencepiece::Pieces, id: u32, out: &mut String) {
        let Some(token) = pieces.token_text(id) else { return };
        if pieces.is_special(id) {
            self.end_segment(pieces.legacy() && !self.previous_special && self.run_tokens > 0, out);
            self.emit(token, out);
            self.previous_special = true;
            self.run_tokens += 1;
        } else if pieces.added(id).is_some() {
            self.end_segment(false, out);
            if self.after_added || self.run_text {
                out.push(' ');
            }
            out.push_str(token);
            (self.after_added, self.run_tokens, self.run_text, self.previous_special) = (true, 0, false, false);
        } else {
            let token = if self.run_tokens == 0 { token.strip_prefix(UNDERLINE).unwrap_or(token) } else { token };
            let text = self.segment.push(pieces.model(), token);
            match &mut self.held {
                Some(held) => held.push_str(&text),
                None => self.emit(&text, out),
            }
            self.previous_special = false;
            self.run_tokens += 1;
        }
    }

    fn end_segment(&mut self, space_before: bool, out: &mut String) {
        let tail = std::mem::take(&mut self.segment).end();
        if space_before {
            self.emit(" ", out);
        }
        if let Some(held) = &mut self.held {
            let held = std::mem::take(held);
            self.emit(&held, out);
        }
        self.emit(&tail, out);
    }

    fn finish(&mut self, out: &mut String) {
        self.end_segment(false, out);
        if self.after_added && self.run_tokens > 0 && !self.run_text {
            out.push(' ');
        }
    }
}

impl Segment {
    /// The text that `token` completes.
    fn push(&mut self, model: &super::sentencepiece::Model, token: &str) -> String {
        let piece = model.ids.get(token).and_then(|&id| model.piece(id));
        let mut out = String::new();
        if let Some(Kind::Byte(byte)) = piece.map(|piece| piece.kind) {
            self.bytes.push(byte);
            self.drain(false, &mut out);
        } else {
            self.drain(true, &mut out);
            self.has_text |= !out.is_empty();
            self.prefix_over |= self.prefix_seen || self.has_text;
            self.prefix_seen = false;
            match piece.map(|piece| piece.kind) {
                Some(Kind::Control) => {}
                Some(Kind::Unknown) => out.push_str(&model.unknown_surface),
                None => out.push_str(token),
                Some(_) => {
                    let stripped =
                        token.strip_prefix(UNDERLINE).filter(|_| !self.prefix_over && model.add_dummy_prefix);
                    self.prefix_seen = stripped.is_some();
                    out.push_str(&stripped.unwrap_or(token).replace(UNDERLINE, " "));
                }
            }
        }
        self.has_text |= !out.is_empty();
        out
    }

    fn end(mut self) -> String {
        let mut out = String::new();
        self.drain(true, &mut out);
        out
    }

    /// Moves complete characters from the bytes to `out`. A byte that begins none becomes U+FFFD; at the end of the
    /// run that is also true of the beginning of a character.
    fn drain(&mut self, end: bool, out: &mut String) {
        let mut at = 0;
        while at < self.bytes.len() {
            let rest = &self.bytes[at..];
            let error = match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.push_str(text);
                    at = self.bytes.len();
                    break;
                }
                Err(error) => error,
            };
            out.push_str(&String::from_utf8_lossy(&rest[..error.valid_up_to()]));
            at += error.valid_up_to();
            if error.error_len().is_none() && !end {
                break;
            }
            out.push(char::REPLACEMENT_CHARACTER);
            at += 1;
        }
        self.bytes.drain(..at);
    }
}

/// `clean_up_tokenization_spaces`: the reference's removal of spaces before punctuation.
#[derive(Debug, Default)]
struct Cleanup {
    held: String,
}

impl Cleanup {
    /// The replacements, one after the other over the whole text.
    const RULES: [(&'static str, &'static str); 10] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];

    /// No rule reaches over a place after a character that stands in none of them except last.
    fn push(&mut self, text: &str, out: &mut String) {
        self.held.push_str(text);
        let reach = |c: char| matches!(c, ' ' | '\'' | 'n' | 'v' | 'r');
        // Only the new text has to be searched: what was held before is all reach.
        let Some(last) = text.rfind(|c| !reach(c)) else { return };
        let end = self.held.len() - text.len() + last + text[last..].chars().next().map_or(0, char::len_utf8);
        let rest = self.held.split_off(end);
        out.push_str(&Self::apply(&std::mem::replace(&mut self.held, rest)));
    }

    fn finish(&mut self, out: &mut String) {
        out.push_str(&Self::apply(&std::mem::take(&mut self.held)));
    }

    fn apply(text: &str) -> String {
        Self::RULES.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, NORMAL};
    use super::*;

    /// The parts of an answer, and that joined they are the whole decoded at once and stripped.
    fn parts(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
        let mut stream = tokenizer.stream();
        let mut parts: Vec<String> = ids.iter().filter_map(|&id| stream.push(id)).collect();
        parts.extend(stream.finish());
        assert!(parts.iter().all(|part| !part.is_empty()));
        assert_eq!(parts.concat(), tokenizer.decode(ids, true).trim_matches(is_python_space));
        parts
    }

    /// The ids of bytes in the byte-level fixture.
    fn level(bytes: &[u8]) -> Vec<u32> {
        let tokenizer = fixtures::byte_level();
        let id = |&byte: &u8| {
            (0..256).find(|&id| tokenizer.token_text(id).unwrap().chars().map(byte_level).eq([Some(byte)]))
        };
        bytes.iter().map(|byte| id(byte).unwrap()).collect()
    }

    #[test]
    fn characters_come_when_they_are_complete() {
        let tokenizer = fixtures::byte_level();
        assert_eq!(parts(&tokenizer, &level("aé🙂b".as_bytes())), ["a", "é", "🙂", "b"]);
        assert_eq!(parts(&tokenizer, &level(b"a\xf0\x9fb\xff")), ["a", "\u{fffd}b", "\u{fffd}"]);
        assert_eq!(parts(&tokenizer, &level(b"a\xf0\x9f\x99")), ["a", "\u{fffd}"]);
    }

    #[test]
    fn whitespace_at_the_ends_is_not_part_of_an_answer() {
        let tokenizer = fixtures::byte_level();
        assert_eq!(parts(&tokenizer, &level(b" \n a b \n")), ["a", " b"]);
        assert_eq!(parts(&tokenizer, &level(b" \n")), [""; 0]);
        assert_eq!(parts(&tokenizer, &[]), [""; 0]);
    }

    #[test]
    fn spaces_before_punctuation_go_where_the_checkpoint_says_so() {
        let tokenizer = fixtures::byte_level();
        let decode = |text: &str| tokenizer.decode(&level(text.as_bytes()), false);
        assert_eq!(
            decode("a . b ? c ! d , e ' f n't g 'm h 's i 've j 're k"),
            "a. b? c! d, e'fn't g'm h's i've j're k"
        );
        assert_eq!(decode("x  ' m n ' t  ."), Cleanup::apply("x  ' m n ' t  ."));
        assert_eq!(parts(&tokenizer, &level(b"it 's n't . ' s n").to_vec()).concat(), "it'sn't.'s n");
    }

    #[test]
    fn special_tokens_are_skipped_or_shown() {
        let tokenizer = fixtures::byte_level();
        let ids = [257, 256, 258, 256, 9999];
        assert_eq!(tokenizer.decode(&ids, true), "abab");
        assert_eq!(tokenizer.decode(&ids, false), "<|begin_of_text|>ab<|eot_id|>ab");
        assert_eq!(parts(&tokenizer, &ids), ["ab", "ab"]);
    }

    /// Byte piece `b` has id `3 + b`; `▁a` is 259.
    #[test]
    fn byte_pieces_of_sentencepiece_become_characters() {
        let extra = [("▁a", -1.0, NORMAL), ("▁", -1.0, NORMAL)];
        let tokenizer = fixtures::pieces(&extra, r#"{"legacy": false}"#);
        let bytes = |bytes: &[u8]| bytes.iter().map(|&b| 3 + u32::from(b)).collect::<Vec<_>>();
        let ids = [vec![259], bytes("你好".as_bytes()), vec![259]].concat();
        assert_eq!(parts(&tokenizer, &ids), ["a", "你", "好", " a"]);
        // A byte that begins nothing is one U+FFFD, and so is each byte of a beginning that ends.
        let ids = [bytes(b"\xe4\xbd"), vec![259], bytes(b"\xffx\xe4")].concat();
        assert_eq!(parts(&tokenizer, &ids).concat(), "\u{fffd}\u{fffd} a\u{fffd}x\u{fffd}");
        assert_eq!(tokenizer.decode(&[260, 259, 259], false), " a a");
    }

    #[test]
    fn added_tokens_stand_between_spaces() {
        let config = r#"{"legacy": true, "added_tokens_decoder": {"260": {"content": "<x>"}}}"#;
        let tokenizer = fixtures::pieces(&[("▁a", -1.0, NORMAL)], config);
        assert_eq!(tokenizer.decode(&[259, 260, 259, 260, 260], false), "a <x> a <x> <x>");
        assert_eq!(tokenizer.decode(&[260, 259, 2, 259], false), "<x>  a</s>a");
        assert_eq!(tokenizer.decode(&[260, 259, 2, 259], true), "<x> a a");
    }

    #[test]
    fn long_answers_cost_no_more_per_token() {
        let tokenizer = fixtures::byte_level();
        let mut stream = tokenizer.stream();
        let ids = level(b"word  ");
        let start = std::time::Instant::now();
        let length: usize = (0..300_000).filter_map(|i| stream.push(ids[i % ids.len()])).map(|text| text.len()).sum();
        assert!(length > 290_000);
        assert!(start.elapsed().as_secs() < 20, "quadratic: {:?}", start.elapsed());
    }
}
