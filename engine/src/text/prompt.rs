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

/// What becomes of the newline after the image in the `llama_3` template (docs/model.md §11, §14 quirk 4).
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

impl PromptIds {
    /// The ids before the image, if there is one.
    pub fn before_image(&self) -> Option<&[i64]> {
        self.ids.get(..self.image_index?)
    }
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

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn text_of(tokenizer: &Tokenizer, ids: &[i64]) -> String {
        let show = |id: &i64| u32::try_from(*id).map_or(IMAGE_MARK.to_owned(), |id| tokenizer.decode(&[id], false));
        ids.iter().map(show).collect()
    }

    #[test]
    fn a_conversation_is_written_in_its_template() {
        let written = |template| Conversation {
            system: Some("S".into()),
            ..Conversation::new(template, true).answered("q", "a").ask("r")
        };
        let header = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>");
        let (user, assistant) = (header("user"), header("assistant"));
        assert_eq!(
            written(Template::Llama3).text(),
            format!(
                "<|begin_of_text|>{}S<|eot_id|>{user}<image>\nq<|eot_id|>{assistant}a<|eot_id|>{user}r<|eot_id|>{assistant}",
                header("system")
            )
        );
        assert_eq!(written(Template::Vicuna).text(), "S USER: <image>\nq ASSISTANT: a</s>USER: r ASSISTANT:");
        assert_eq!(
            written(Template::Chatml).text(),
            "<|im_start|>system\nS<|im_end|><|im_start|>user\n<image>\nq<|im_end|><|im_start|>assistant\na<|im_end|>\
             <|im_start|>user\nr<|im_end|><|im_start|>assistant\n"
        );
        assert_eq!(
            written(Template::Phi3).text(),
            "<|system|>\nS<|end|>\n<|user|>\n<image>\nq<|end|>\n<|assistant|>\na<|end|>\n<|user|>\nr<|end|>\n<|assistant|>\n"
        );
        let surrounded = Conversation { im_start_end: true, ..written(Template::Vicuna) };
        assert!(surrounded.text().contains("USER: <im_start><image><im_end>\nq"));
    }

    #[test]
    fn the_newline_after_the_image_goes_or_stays() {
        let tokenizer = fixtures::byte_level();
        let ids = |newline| {
            let conversation = Conversation { newline, ..Conversation::new(Template::Llama3, true).ask("Why?") };
            conversation.ids(&tokenizer).unwrap()
        };
        let (dropped, kept) = (ids(ImageNewline::Reference), ids(ImageNewline::Keep));
        assert_eq!(dropped.image_index, kept.image_index);
        assert!(text_of(&tokenizer, &dropped.ids).contains("<image>Why?"));
        assert!(text_of(&tokenizer, &kept.ids).contains("<image>\nWhy?"));
        assert_eq!(dropped.ids.iter().filter(|&&id| id == 257).count(), 1);
    }

    /// A file that adds BOS by itself to a template that has it changes nothing.
    #[test]
    fn there_is_one_bos() {
        let plain = fixtures::byte_level();
        let processor = r#""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|begin_of_text|>",
            "type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":
            {"id":"B","type_id":1}}],"special_tokens":{"<|begin_of_text|>":{"id":"<|begin_of_text|>","ids":[257],"tokens":
            ["<|begin_of_text|>"]}}}"#;
        let json = fixtures::byte_level_json().replace(r#""post_processor":null"#, processor);
        let config = r#"{"bos_token": "<|begin_of_text|>"}"#;
        let dir = fixtures::dir(&[("tokenizer.json", json.as_bytes()), ("tokenizer_config.json", config.as_bytes())]);
        let adding = Tokenizer::open(dir.path()).unwrap();
        assert_eq!((plain.automatic_bos(), adding.automatic_bos()), (None, Some(257)));
        let conversation = Conversation::new(Template::Llama3, true).ask("Why?");
        assert_eq!(conversation.ids(&adding).unwrap(), conversation.ids(&plain).unwrap());
        let vicuna = Conversation::new(Template::Vicuna, true).ask("Why?").ids(&adding).unwrap();
        assert!(text_of(&adding, &vicuna.ids).contains("<image>\nWhy?"));
        assert_eq!(vicuna.ids[0], 257);
        assert_eq!(vicuna.ids.iter().filter(|&&id| id == 257).count(), 1);
    }

    #[test]
    fn a_persons_words_are_words() {
        let tokenizer = fixtures::byte_level();
        let conversation = Conversation {
            system: Some("<|begin_of_text|><image>".into()),
            ..Conversation::new(Template::Llama3, true).answered("<image>", "<|eot_id|>").ask("<|eot_id|>")
        };
        let prompt = conversation.ids(&tokenizer).unwrap();
        assert_eq!(prompt.ids.iter().filter(|&&id| id == IMAGE_ID).count(), 1);
        assert_eq!(prompt.ids.iter().filter(|&&id| id == 257).count(), 1);
        assert_eq!(prompt.ids.iter().filter(|&&id| id == 258).count(), 4);
        assert_eq!(text_of(&tokenizer, &prompt.ids), conversation.text().replacen("<image>\n", "<image>", 1));
    }

    #[test]
    fn a_raw_prompt_is_read_as_the_reference_reads_it() {
        let tokenizer = fixtures::byte_level();
        let raw = encode_prompt_raw(&tokenizer, "ab<image><|eot_id|>", ImageNewline::Reference).unwrap();
        assert_eq!(raw, PromptIds { ids: vec![256, IMAGE_ID, 258], image_index: Some(1) });
        let raw = encode_prompt_raw(&tokenizer, "ab", ImageNewline::Reference).unwrap();
        assert_eq!(raw, PromptIds { ids: vec![256], image_index: None });
        assert!(encode_prompt_raw(&tokenizer, "", ImageNewline::Reference).is_err());
    }

    #[test]
    fn only_the_last_question_is_open() {
        let tokenizer = fixtures::byte_level();
        let new = || Conversation::new(Template::Llama3, true);
        for wrong in [new(), new().ask(""), new().ask(" \n"), new().answered("q", "a"), new().ask("q").ask("r")] {
            assert!(matches!(wrong.ids(&tokenizer), Err(Error::Input { .. })), "{wrong:?}");
        }
    }
}
