//! Tokenizers damaged at random, many times, in memory: each is read, or refused in words. `OPABINIA_MUTATIONS`
//! multiplies the number of times.

use super::config::TokenizerConfig;
use super::fixtures;
use super::json::Json;
use super::sentencepiece::Model;
use crate::checkpoint::json::JsonFile;
use crate::error::{Error, Result};
use crate::mutate::{self, Chance};
use std::fs;
use std::path::Path;

fn damage(seed: u64, name: &str, original: &[u8], times: u64, read: impl Fn(&Path, &[u8]) -> Result<()>) {
    let path = Path::new(name);
    read(path, original).unwrap();
    let times = std::env::var("OPABINIA_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(1) * times;
    for number in 0..times {
        let (bytes, what) = mutate::file(original, path, &mut Chance::new(seed << 32 | number));
        match read(path, &bytes) {
            Ok(()) => {}
            Err(Error::Refused(refusal)) => assert!(refusal.help.is_some(), "{number}: {what}: {refusal}"),
            Err(error) => panic!("{number}: {what}: {error}"),
        }
    }
}

#[test]
fn damaged_vocabularies() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens");
    let model = fs::read(goldens.join("tiny-yi/checkpoint/tokenizer.model")).unwrap();
    damage(21, "tokenizer.model", &model, 10_000, |path, bytes| Model::parse(path, bytes).map(drop));
}

/// Both make the crate panic that reads the format, one of them only where overflow is checked.
#[test]
fn merges_that_make_no_token() {
    let json: serde_json::Value = serde_json::from_str(&fixtures::byte_level_json()).unwrap();
    let refused = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut json = json.clone();
        edit(&mut json["model"]);
        let file = JsonFile::parse(Path::new("tokenizer.json"), json.to_string().as_bytes()).unwrap();
        Json::new(&file, &TokenizerConfig::default()).map(drop).unwrap_err().to_string()
    };
    let long = "x".repeat(40);
    for merge in [serde_json::json!(format!("ab {long}")), serde_json::json!(["ab", long])] {
        let error = refused(&|model| model["merges"] = [merge.clone()].into());
        assert!(error.contains("`model.merges`") && error.contains("ab"), "{error}");
    }
    let error = refused(&|model| {
        model["merges"] = ["a b"].into();
        model["continuing_subword_prefix"] = "###".into();
    });
    assert!(error.contains("`model.merges`"), "{error}");
}

/// Both make the crate panic that reads the format, as soon as a text is tokenised.
#[test]
fn templates_that_name_what_is_not_there() {
    for (piece, problem) in [
        (r#"{"SpecialToken": {"id": "<x>", "type_id": 0}}"#, "does not explain"),
        (r#"{"Sequence": {"id": "B", "type_id": 0}}"#, "names a second"),
    ] {
        let mut json: serde_json::Value = serde_json::from_str(&fixtures::byte_level_json()).unwrap();
        let template = format!(
            r#"{{"type": "TemplateProcessing", "single": [{{"Sequence": {{"id": "A", "type_id": 0}}}}, {piece}],
                "pair": [], "special_tokens": {{}}}}"#
        );
        let template: serde_json::Value = serde_json::from_str(&template).unwrap();
        for processor in [template.clone(), serde_json::json!({"type": "Sequence", "processors": [template]})] {
            json["post_processor"] = processor;
            let file = JsonFile::parse(Path::new("tokenizer.json"), json.to_string().as_bytes()).unwrap();
            let error = Json::new(&file, &TokenizerConfig::default()).map(drop).unwrap_err().to_string();
            assert!(error.contains("`post_processor`") && error.contains(problem), "{error}");
        }
    }
}

#[test]
fn damaged_tokenizers() {
    let config = TokenizerConfig::default();
    damage(22, "tokenizer.json", fixtures::byte_level_json().as_bytes(), 5_000, |path, bytes| {
        Json::new(&JsonFile::parse(path, bytes)?, &config).map(drop)
    });
}
