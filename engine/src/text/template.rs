//! The four prompt templates of the released models (docs/model.md §11).

use super::tokenizer::Tokenizer;
use crate::checkpoint::{CambrianConfig, DecoderFamily};
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// How a conversation is written for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Template {
    /// `llama_3`: Cambrian 8B.
    Llama3,
    /// `vicuna_v1`: Cambrian 13B.
    Vicuna,
    /// `chatml_direct`: Cambrian 34B.
    Chatml,
    /// `phi3`: Cambrian 3B.
    Phi3,
}

/// The strings of a template around system text, questions and answers.
pub(super) struct Strings {
    pub(super) before_system: &'static str,
    pub(super) before_question: &'static str,
    pub(super) before_answer: &'static str,
    /// Before the answer that is to be generated; without the space that separates a given one.
    pub(super) open_answer: &'static str,
    /// Before every question but the first.
    pub(super) next_question: &'static str,
}

impl Template {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Llama3, Self::Vicuna, Self::Chatml, Self::Phi3];

    /// The reference's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama3 => "llama_3",
            Self::Vicuna => "vicuna_v1",
            Self::Chatml => "chatml_direct",
            Self::Phi3 => "phi3",
        }
    }

    /// The system text that the model was trained with.
    pub fn default_system(self) -> &'static str {
        match self {
            Self::Llama3 => {
                "You are Cambrian, a highly intelligent multimodal AI trained by NYU Vision X. \n    As a multimodal AI, \
                 you have the ability to process and analyze images. Whenever an image is present in the conversation, \
                 very carefully examine it and consider its content when formulating your response.\n    You should give \
                 concise responses to very simple questions, but provide thorough responses to more complex and \
                 open-ended questions. "
            }
            Self::Vicuna => {
                "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, \
                 detailed, and polite answers to the user's questions."
            }
            Self::Chatml => {
                "You are Cambrian, a highly intelligent multimodal AI trained by NYU Vision X. As a multimodal AI, you \
                 have the ability to process and analyze images. Whenever an image is present in the conversation, very \
                 carefully examine it and consider its content when formulating your response. You should give concise \
                 responses to very simple questions, but provide thorough responses to more complex and open-ended \
                 questions."
            }
            Self::Phi3 => "You are a helpful AI assistant.",
        }
    }

    /// Chooses by decoder family and vocabulary: config.json does not name the template.
    pub fn choose(config: &CambrianConfig, tokenizer: &Tokenizer) -> Self {
        if config.decoder.family == DecoderFamily::Phi3 {
            Self::Phi3
        } else if tokenizer.id_of("<|eot_id|>").is_some() {
            Self::Llama3
        } else if tokenizer.id_of("<|im_start|>").is_some() {
            Self::Chatml
        } else {
            Self::Vicuna
        }
    }

    /// The ids that end an answer, besides those the checkpoint's configuration names (docs/model.md §12).
    pub fn stop_ids(self, tokenizer: &Tokenizer) -> Vec<u32> {
        let tokens: &[&str] = match self {
            Self::Llama3 => &["<|eot_id|>", "<|end_of_text|>"],
            Self::Vicuna => &["</s>"],
            Self::Chatml => &["<|im_end|>"],
            Self::Phi3 => &["<|end|>", "<|endoftext|>"],
        };
        tokens.iter().filter_map(|token| tokenizer.id_of(token)).collect()
    }

    /// The special tokens this template is written with that `tokenizer` does not have. With any of them missing a
    /// prompt would be read letter by letter where its structure should be.
    pub fn missing_tokens(self, tokenizer: &Tokenizer) -> Vec<&'static str> {
        let tokens: &[&str] = match self {
            Self::Llama3 => &["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
            Self::Vicuna => &["</s>"],
            Self::Chatml => &["<|im_start|>", "<|im_end|>"],
            Self::Phi3 => &["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
        };
        tokens.iter().copied().filter(|token| tokenizer.id_of(token).is_none()).collect()
    }

    pub(super) fn strings(self) -> Strings {
        match self {
            Self::Llama3 => Strings {
                before_system: "<|begin_of_text|><|start_header_id|>system<|end_header_id|>",
                before_question: "<|eot_id|><|start_header_id|>user<|end_header_id|>",
                before_answer: "<|eot_id|><|start_header_id|>assistant<|end_header_id|>",
                open_answer: "<|eot_id|><|start_header_id|>assistant<|end_header_id|>",
                next_question: "<|eot_id|><|start_header_id|>user<|end_header_id|>",
            },
            Self::Vicuna => Strings {
                before_system: "",
                before_question: " USER: ",
                before_answer: " ASSISTANT: ",
                open_answer: " ASSISTANT:",
                next_question: "</s>USER: ",
            },
            Self::Chatml => Strings {
                before_system: "<|im_start|>system\n",
                before_question: "<|im_end|><|im_start|>user\n",
                before_answer: "<|im_end|><|im_start|>assistant\n",
                open_answer: "<|im_end|><|im_start|>assistant\n",
                next_question: "<|im_end|><|im_start|>user\n",
            },
            Self::Phi3 => Strings {
                before_system: "<|system|>\n",
                before_question: "<|end|>\n<|user|>\n",
                before_answer: "<|end|>\n<|assistant|>\n",
                open_answer: "<|end|>\n<|assistant|>\n",
                next_question: "<|end|>\n<|user|>\n",
            },
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Template {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|template| template.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|template| template.name()).collect();
            Error::input(format!("there is no prompt template {name:?}"), format!("use one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn names_are_read_and_wrong_ones_explained() {
        for template in Template::ALL {
            assert_eq!(template.name().parse::<Template>().unwrap(), template);
        }
        let error = "llama3".parse::<Template>().unwrap_err().to_string();
        assert!(error.contains("llama3") && error.contains("llama_3") && error.contains("phi3"), "{error}");
    }

    #[test]
    fn system_texts_have_the_whitespace_of_the_reference() {
        let llama = Template::Llama3.default_system();
        assert_eq!(llama.matches("\n    ").count(), 2);
        assert!(llama.contains("Vision X. \n    As a multimodal AI, you have") && llama.ends_with("questions. "));
        let chatml = llama.replace(" \n    ", " ").replace("\n    ", " ");
        assert_eq!(Template::Chatml.default_system(), chatml.trim_end());
        for template in [Template::Vicuna, Template::Chatml, Template::Phi3] {
            assert!(!template.default_system().contains("  ") && !template.default_system().ends_with(' '));
        }
    }

    #[test]
    fn stop_ids_are_those_the_vocabulary_has() {
        let tokenizer = fixtures::byte_level();
        assert_eq!(Template::Llama3.stop_ids(&tokenizer), [258]);
        assert_eq!(Template::Vicuna.stop_ids(&tokenizer), [0; 0]);
    }
}
