//! One tokenizer, whichever file it came from.

use super::chunk::{Chunk, Special};
use super::config::TokenizerConfig;
use super::json::Json;
use super::sentencepiece::Pieces;
use super::stream::{Decoder, TokenStream};
use crate::error::{Refusal, Result};
use std::path::Path;

/// Text to ids and back, exactly as the reference does it for the checkpoint this was opened from.
#[derive(Debug)]
pub struct Tokenizer {
    pub(super) backend: Backend,
    pub(super) clean_up: bool,
    bos: Option<u32>,
    automatic_bos: Option<u32>,
}

#[derive(Debug)]
pub(super) enum Backend {
    Json(Box<Json>),
    Pieces(Box<Pieces>),
}

impl Tokenizer {
    /// Opens the tokenizer of the checkpoint in `dir`: `tokenizer.json` if there, else `tokenizer.model`.
    ///
    /// The order is the reference's: a checkpoint saved from a slow tokenizer has no `tokenizer.json`, and where there
    /// is one the reference used it. The two differ after special tokens (docs/model.md §11).
    ///
    /// # Errors
    /// A refusal if there is neither file, or if one of them or of the files that go with them
    /// (`tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`) is not what it should be.
    pub fn open(dir: &Path) -> Result<Self> {
        let config = TokenizerConfig::read(dir)?;
        let (json, model) = (dir.join("tokenizer.json"), dir.join("tokenizer.model"));
        let backend = if json.is_file() {
            Backend::Json(Box::new(Json::open(&json, &config)?))
        } else if model.is_file() {
            Backend::Pieces(Box::new(Pieces::open(&model, &config)?))
        } else {
            return Err(Refusal::new(dir, "the tokenizer is missing")
                .expected("tokenizer.json or tokenizer.model")
                .found("neither")
                .help(
                    "download tokenizer.json or tokenizer.model of this checkpoint, and tokenizer_config.json with it",
                )
                .into());
        };
        // The slow Llama tokenizer does not clean up unless told to; every other one does unless told not to.
        let clean_up = config.clean_up_tokenization_spaces.unwrap_or(matches!(backend, Backend::Json(_)));
        let mut tokenizer = Self { backend, clean_up, bos: None, automatic_bos: None };
        let declared = config.roles.get("bos_token").map(String::as_str);
        tokenizer.bos = declared.or(Some("<s>")).and_then(|bos| tokenizer.id_of(bos));
        tokenizer.automatic_bos = match &tokenizer.backend {
            Backend::Json(json) => json.prefix(),
            Backend::Pieces(_) => tokenizer.bos.filter(|_| config.add_bos_token.unwrap_or(true)),
        };
        Ok(tokenizer)
    }

    /// The ids of `text`, without BOS.
    ///
    /// # Errors
    /// An input error if the tokenizer cannot encode the text.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>> {
        self.encode_chunk(&Chunk::of(text, special))
    }

    /// The ids of `chunk`, without BOS.
    ///
    /// # Errors
    /// An input error if the tokenizer cannot encode the text.
    pub fn encode_chunk(&self, chunk: &Chunk) -> Result<Vec<u32>> {
        match &self.backend {
            Backend::Json(json) => json.encode(chunk),
            Backend::Pieces(pieces) => Ok(pieces.encode(chunk)),
        }
    }

    /// The text of `ids`, not stripped. Ids beyond the vocabulary have none.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let mut decoder = Decoder::new(self, skip_special);
        let mut text = String::new();
        for &id in ids {
            decoder.push(id, &mut text);
        }
        decoder.finish(&mut text);
        text
    }

    /// An empty answer, to be filled id by id.
    pub fn stream(&self) -> TokenStream<&Self> {
        TokenStream::new(self)
    }

    /// How many ids there are. Logits beyond are of tokens that do not exist (docs/model.md §12).
    #[allow(clippy::len_without_is_empty)] // no tokenizer is empty
    pub fn len(&self) -> usize {
        match &self.backend {
            Backend::Json(json) => json.len(),
            Backend::Pieces(pieces) => pieces.len(),
        }
    }

    /// The token as the vocabulary writes it, for display.
    pub fn token_text(&self, id: u32) -> Option<String> {
        match &self.backend {
            Backend::Json(json) => json.token_text(id),
            Backend::Pieces(pieces) => pieces.token_text(id).map(str::to_owned),
        }
    }

    /// The id of a token as the vocabulary writes it.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        match &self.backend {
            Backend::Json(json) => json.id_of(token),
            Backend::Pieces(pieces) => pieces.id_of(token),
        }
    }

    /// The token that begins a text, if there is one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The token that the reference's tokenizer puts before every text by itself.
    pub fn automatic_bos(&self) -> Option<u32> {
        self.automatic_bos
    }

    /// Whether `decode` leaves `id` out when special tokens are skipped.
    pub fn is_special(&self, id: u32) -> bool {
        match &self.backend {
            Backend::Json(json) => json.is_special(id),
            Backend::Pieces(pieces) => pieces.is_special(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::Error;

    fn refused(files: &[(&str, &[u8])]) -> String {
        let dir = fixtures::dir(files);
        match Tokenizer::open(dir.path()) {
            Err(Error::Refused(refusal)) => refusal.to_string(),
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn a_missing_tokenizer_is_refused_with_both_names() {
        let message = refused(&[("config.json", b"{}")]);
        assert!(message.contains("tokenizer.json") && message.contains("tokenizer.model"), "{message}");
    }

    #[test]
    fn tokenizer_json_is_preferred() {
        let json = fixtures::byte_level_json();
        let dir = fixtures::dir(&[("tokenizer.json", json.as_bytes()), ("tokenizer.model", b"broken")]);
        assert_eq!(Tokenizer::open(dir.path()).unwrap().len(), 259);
    }

    #[test]
    fn broken_files_are_refused_by_name() {
        let json = fixtures::byte_level_json();
        let json = json.as_bytes();
        assert!(refused(&[("tokenizer.model", b"")]).contains("tokenizer.model"));
        assert!(refused(&[("tokenizer.model", b"version https://git-lfs")]).contains("git-lfs pointer"));
        assert!(refused(&[("tokenizer.json", &json[..json.len() / 2])]).contains("tokenizer.json"));
        assert!(refused(&[("tokenizer.json", b"{}")]).contains("tokenizer.json"));
        assert!(refused(&[("tokenizer.json", b"[]")]).contains("not a JSON object"));
        for (config, key) in [
            (r#"{"legacy": 1}"#, "legacy"),
            (r#"{"bos_token": 1}"#, "bos_token"),
            (r#"{"additional_special_tokens": [1]}"#, "additional_special_tokens"),
            (r#"{"added_tokens_decoder": []}"#, "added_tokens_decoder"),
            (r#"{"added_tokens_decoder": {"x": {"content": "a"}}}"#, "added_tokens_decoder.x"),
            (r#"{"added_tokens_decoder": {"-1": {"content": "a"}}}"#, "added_tokens_decoder.-1"),
            (r#"{"added_tokens_decoder": {"1": {}}}"#, "added_tokens_decoder.1"),
            (r#"{"added_tokens_decoder": {"4": {"content": "new"}}}"#, "id 4"),
        ] {
            let message = refused(&[("tokenizer.json", json), ("tokenizer_config.json", config.as_bytes())]);
            assert!(message.contains(key), "{key}: {message}");
        }
    }

    #[test]
    fn merges_left_out_at_random_are_refused() {
        let mut json: serde_json::Value = serde_json::from_str(&fixtures::byte_level_json()).unwrap();
        json["model"]["dropout"] = 0.0.into();
        let dir = fixtures::dir(&[("tokenizer.json", json.to_string().as_bytes())]);
        assert_eq!(Tokenizer::open(dir.path()).unwrap().len(), 259);
        for dropout in [0.1.into(), 1.into(), "0".into()] {
            json["model"]["dropout"] = dropout;
            let message = refused(&[("tokenizer.json", json.to_string().as_bytes())]);
            assert!(message.contains("`model.dropout`") && message.contains("expected"), "{message}");
        }
    }

    #[test]
    fn decoders_that_are_not_implemented_are_refused() {
        let mut json: serde_json::Value = serde_json::from_str(&fixtures::byte_level_json()).unwrap();
        json["decoder"] = serde_json::json!({ "type": "WordPiece", "prefix": "##", "cleanup": true });
        let changed = json.to_string();
        let message = refused(&[("tokenizer.json", changed.as_bytes())]);
        assert!(message.contains("`decoder`") && message.contains("WordPiece"), "{message}");
    }

    #[test]
    fn a_token_has_a_text_and_a_text_an_id() {
        let tokenizer = fixtures::byte_level();
        assert_eq!(tokenizer.token_text(256).as_deref(), Some("ab"));
        assert_eq!(tokenizer.id_of("<|eot_id|>"), Some(258));
        assert_eq!((tokenizer.token_text(259), tokenizer.id_of("abc")), (None, None));
        assert_eq!((tokenizer.len(), tokenizer.bos()), (259, Some(257)));
    }

    #[test]
    fn seams_between_parts_leave_no_trace() {
        let tokenizer = fixtures::byte_level();
        let mut chunk = Chunk::of("<|eot_id|>a", Special::Parse);
        chunk.push("b<|eot_id|>", Special::Literal);
        let ids = tokenizer.encode_chunk(&chunk).unwrap();
        assert_eq!(ids[..2], [258, 256]);
        assert_eq!(tokenizer.decode(&ids[2..], false), "<|eot_id|>");
        assert!(!ids[2..].contains(&258));
    }
}
