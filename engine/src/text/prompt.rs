//! A conversation as the ids a model is fed.
//!
//! **Prefix property.** The ids up to and including the image depend on nothing but the template, the system text and
//! the tokenizer: the text before the image is tokenised apart from everything after it. So a KV cache that holds them
//! serves every later question about that image.

use super::chunk::{Chunk, Special};
use super::template::Template;
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};

/// Stands in for the image among the ids of a prompt.
pub const IMAGE_ID: i64 = -200;

/// What stands for the image in a prompt's text.
const IMAGE_MARK: &str = "<image>";

/// The first token of the `llama_3` template.
const LLAMA3_BOS: &str = "<|begin_of_text|>";

/// What becomes of the newline after the image in the `llama_3` template (spec §11, §14 quirk 4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ImageNewline {
    /// Dropped, as the reference's inference and evaluation do.
    #[default]
    Reference,
    /// Kept, as in training.
    Keep,
}

/// One question and, unless it is the one to be answered, its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What the person asked.
    pub question: String,
    /// What the model answered.
    pub answer: Option<String>,
}

/// Everything that determines a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// How it is written.
    pub template: Template,
    /// System text instead of the template's own.
    pub system: Option<String>,
    /// Whether an image belongs to the first question.
    pub image: bool,
    /// Whether `<im_start>` and `<im_end>` surround the image (`mm_use_im_start_end`).
    pub im_start_end: bool,
    /// The newline after the image.
    pub newline: ImageNewline,
    /// In order; all but the last have an answer.
    pub turns: Vec<Turn>,
}

/// The ids of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptIds {
    /// Token ids, with [`IMAGE_ID`] where the image goes.
    pub ids: Vec<i64>,
    /// Index of the image in `ids`, which is also the position of its first visual token.
    pub image_index: Option<usize>,
}

/// A part of a prompt.
enum Part<'a> {
    Text(&'a str, Special),
    Image,
}

impl Conversation {
    /// A conversation without turns, with the template's own system text.
    pub fn new(template: Template, image: bool) -> Self {
        let newline = ImageNewline::default();
        Self { template, system: None, image, im_start_end: false, newline, turns: Vec::new() }
    }

    /// Adds an answered question.
    #[must_use]
    pub fn answered(mut self, question: impl Into<String>, answer: impl Into<String>) -> Self {
        self.turns.push(Turn { question: question.into(), answer: Some(answer.into()) });
        self
    }

    /// Adds the question to be answered.
    #[must_use]
    pub fn ask(mut self, question: impl Into<String>) -> Self {
        self.turns.push(Turn { question: question.into(), answer: None });
        self
    }

    fn parts(&self) -> Vec<Part<'_>> {
        use Special::{Literal, Parse};
        let strings = self.template.strings();
        let system = self.system.as_deref().unwrap_or(self.template.default_system());
        let mut parts = vec![Part::Text(strings.before_system, Parse), Part::Text(system, Literal)];
        for (i, turn) in self.turns.iter().enumerate() {
            let before = if i == 0 { strings.before_question } else { strings.next_question };
            parts.push(Part::Text(before, Parse));
            if i == 0 && self.image {
                let (start, end) = if self.im_start_end { ("<im_start>", "<im_end>") } else { ("", "") };
                parts.extend([Part::Text(start, Parse), Part::Image, Part::Text(end, Parse), Part::Text("\n", Parse)]);
            }
            parts.push(Part::Text(&turn.question, Literal));
            match &turn.answer {
                Some(answer) => {
                    parts.extend([Part::Text(strings.before_answer, Parse), Part::Text(answer, Literal)]);
                }
                None => parts.push(Part::Text(strings.open_answer, Parse)),
            }
        }
        parts
    }

    /// The prompt as a person can read it; `<image>` stands for the image.
    pub fn text(&self) -> String {
        let text = |part: &Part<'_>| match part {
            Part::Text(text, _) => (*text).to_owned(),
            Part::Image => IMAGE_MARK.to_owned(),
        };
        self.parts().iter().map(text).collect()
    }

    /// The prompt as ids.
    ///
    /// Questions, answers and the system text are never searched for special tokens or `<image>`.
    ///
    /// # Errors
    /// An input error if there is no question, one is empty, or one other than the last has no answer.
    pub fn ids(&self, tokenizer: &Tokenizer) -> Result<PromptIds> {
        let Some((last, earlier)) = self.turns.split_last() else {
            return Err(Error::input("there is no question", "ask something"));
        };
        if self.turns.iter().any(|turn| turn.question.trim().is_empty()) {
            return Err(Error::input("the question is empty", "ask something"));
        }
        if last.answer.is_some() || earlier.iter().any(|turn| turn.answer.is_none()) {
            return Err(Error::input(
                "the last question, and only that, must be without an answer",
                "give every earlier question its answer",
            ));
        }
        let mut chunks = vec![Chunk::default()];
        for part in self.parts() {
            match (part, chunks.last_mut()) {
                (Part::Text(text, special), Some(chunk)) => chunk.push(text, special),
                (Part::Image, _) | (_, None) => chunks.push(Chunk::default()),
            }
        }
        join(tokenizer, &chunks, self.newline)
    }
}

/// The ids of a prompt written out by hand, as the reference reads it: every `<image>` is the image and every string
/// of a special token is that token.
///
/// # Errors
/// An input error if the prompt is empty or cannot be encoded.
pub fn encode_prompt_raw(tokenizer: &Tokenizer, prompt: &str, newline: ImageNewline) -> Result<PromptIds> {
    if prompt.is_empty() {
        return Err(Error::input("the prompt is empty", "write a prompt"));
    }
    let chunks: Vec<Chunk> = prompt.split(IMAGE_MARK).map(|text| Chunk::of(text, Special::Parse)).collect();
    join(tokenizer, &chunks, newline)
}

/// Puts chunks together with the image between them.
///
/// The reference lets the tokenizer put BOS before each chunk, and if the first begins with it removes the first id of
/// every other. Where BOS comes from the template's text instead, nothing was put before the later chunks, and a real
/// id is lost: the newline after the image in `llama_3`.
fn join(tokenizer: &Tokenizer, chunks: &[Chunk], newline: ImageNewline) -> Result<PromptIds> {
    let mut ids: Vec<i64> = Vec::new();
    let mut image_index = None;
    let mut drop_first = false;
    for (i, chunk) in chunks.iter().enumerate() {
        let encoded = tokenizer.encode_chunk(chunk)?;
        let mut encoded = encoded.as_slice();
        if i == 0 {
            let written = tokenizer.bos().is_some() && encoded.first().copied() == tokenizer.bos();
            // A `llama_3` tokenizer that adds BOS by itself would lead to two of them; neither is added (quirk 5), and
            // the newline goes as it does for the others.
            let real = tokenizer.automatic_bos().is_none() || chunk.text().starts_with(LLAMA3_BOS);
            drop_first = written && real && newline == ImageNewline::Reference;
            if !written {
                ids.extend(tokenizer.automatic_bos().map(i64::from));
            }
        } else {
            image_index.get_or_insert(ids.len());
            ids.push(IMAGE_ID);
            if drop_first {
                encoded = encoded.get(1..).unwrap_or_default();
            }
        }
        ids.extend(encoded.iter().map(|&id| i64::from(id)));
    }
    Ok(PromptIds { ids, image_index })
}
