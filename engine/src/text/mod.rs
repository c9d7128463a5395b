//! Text to ids and back: tokenizers ([`Tokenizer`]), prompt templates ([`Template`], [`Conversation`]) and text as it
//! is generated ([`TokenStream`]).
//!
//! A person's text is never searched for special tokens: a [`Chunk`] knows which of it is template. Apart from that,
//! ids equal those of the reference, which tokenises the text before the image and the text after it each as one
//! (docs/model.md §11).

mod chunk;
mod config;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod fixtures;
mod json;
mod prompt;
mod sentencepiece;
mod special;
mod stream;
mod template;
mod tokenizer;

pub use chunk::{Chunk, Special};
pub use prompt::{Conversation, IMAGE_ID, ImageNewline, PromptIds, Turn, encode_prompt_raw};
pub use stream::TokenStream;
pub use template::Template;
pub use tokenizer::Tokenizer;
