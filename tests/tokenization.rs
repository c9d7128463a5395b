//! Every recorded text, prompt and answer of the reference, against the tokenizers and templates.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use opabinia_engine::text::{Conversation, ImageNewline, PromptIds, Special, Template, Tokenizer, encode_prompt_raw};
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::golden_roots;

const VARIANTS: [&str; 4] = ["tiny-llama3", "tiny-phi3", "tiny-vicuna", "tiny-yi"];

fn variants() -> Vec<(PathBuf, Tokenizer, Template)> {
    let mut all = Vec::new();
    for dir in golden_roots() {
        for variant in VARIANTS {
            let dir = dir.join(variant);
            let template = read(&dir.join("variant.json"))["conv"].as_str().unwrap().parse().unwrap();
            all.push((dir.clone(), Tokenizer::open(&dir.join("checkpoint")).unwrap(), template));
        }
    }
    all
}

fn read(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_json::from_str(&text).unwrap()
}

fn ids(value: &Value) -> Vec<i64> {
    value.as_array().unwrap_or_else(|| panic!("no list of ids: {value}")).iter().map(|v| v.as_i64().unwrap()).collect()
}

fn tokens(value: &Value) -> Vec<u32> {
    ids(value).into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

/// The recorded cases: every JSON beside `tokenization.json` that holds a prompt.
fn cases(dir: &Path) -> Vec<(String, Value)> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|e| e == "json") {
            let value = read(&file);
            if value.get("prompt").is_some() {
                cases.push((file.display().to_string(), value));
            }
        }
    }
    assert!(cases.len() >= 5, "{}: only {} cases", dir.display(), cases.len());
    cases
}

fn streamed(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    let mut stream = tokenizer.stream();
    let mut text: String = ids.iter().filter_map(|&id| stream.push(id)).collect();
    text.push_str(&stream.finish().unwrap_or_default());
    text
}

#[test]
fn texts_become_the_recorded_ids_and_text_again() {
    for (dir, tokenizer, _) in variants() {
        for entry in read(&dir.join("tokenization.json"))["texts"].as_array().unwrap() {
            let text = entry["text"].as_str().unwrap();
            let at = format!("{}: {text:?}", dir.display());
            let expected = tokens(&entry["ids"]);
            let mut found: Vec<u32> = tokenizer.automatic_bos().into_iter().collect();
            found.extend(tokenizer.encode(text, Special::Parse).unwrap());
            assert_eq!(found, expected, "{at}");
            assert_eq!(tokenizer.decode(&expected, false), entry["decoded"], "{at}");
            let skipped = tokenizer.decode(&expected, true);
            assert_eq!(skipped, entry["decoded_skip_special"], "{at}");
            assert_eq!(streamed(&tokenizer, &expected), skipped.trim(), "{at}");
        }
    }
}

#[test]
fn conversations_become_the_recorded_prompts() {
    for (dir, tokenizer, template) in variants() {
        for entry in read(&dir.join("tokenization.json"))["prompts"].as_array().unwrap() {
            let prompt = entry["prompt"].as_str().unwrap();
            let at = format!("{}: {prompt:?}", dir.display());
            let mut conversation = Conversation::new(template, entry["image"].as_bool().unwrap());
            for turn in entry["turns"].as_array().unwrap() {
                let question = turn[0].as_str().unwrap();
                conversation = match turn[1].as_str() {
                    Some(answer) => conversation.answered(question, answer),
                    None => conversation.ask(question),
                };
            }
            assert_eq!(conversation.text(), prompt, "{at}");

            let raw = encode_prompt_raw(&tokenizer, prompt, ImageNewline::Reference).unwrap();
            assert_eq!(raw.ids, ids(&entry["ids"]), "{at}");
            let built = conversation.ids(&tokenizer).unwrap();
            if prompt.matches("<image>").count() == usize::from(conversation.image) {
                assert_eq!(built, raw, "{at}");
            } else {
                assert!(!built.ids.contains(&-200), "{at}: an image from a person's text");
            }
            if !entry["ids_llama3_training"].is_null() {
                let kept = encode_prompt_raw(&tokenizer, prompt, ImageNewline::Keep).unwrap();
                assert_eq!(kept.ids, ids(&entry["ids_llama3_training"]), "{at}");
            }
        }
    }
}

#[test]
fn cases_have_the_recorded_prompts_and_answers() {
    for (dir, tokenizer, template) in variants() {
        for (file, case) in cases(&dir) {
            let prompt = case["prompt"].as_str().unwrap();
            let raw = encode_prompt_raw(&tokenizer, prompt, ImageNewline::Reference).unwrap();
            assert_eq!(raw.image_index.map(|i| i as u64), case["image_token_index"].as_u64(), "{file}");
            if let Some(count) = case["n_input_ids"].as_u64() {
                assert_eq!(raw.ids.len() as u64, count, "{file}");
            }
            if !case["input_ids_keep_newline"].is_null() {
                let kept = encode_prompt_raw(&tokenizer, prompt, ImageNewline::Keep).unwrap();
                assert_eq!(kept.ids, ids(&case["input_ids_keep_newline"]), "{file}");
            }
            let generated = tokens(&case["generated_ids"]);
            assert_eq!(tokenizer.decode(&generated, false), case["decoded_with_special"], "{file}");
            assert_eq!(streamed(&tokenizer, &generated), case["decoded"], "{file}");

            // Cases with an image also from their question instead of their prompt.
            if let Some(question) = case["question"].as_str().filter(|_| prompt.contains("<image>\n")) {
                let mut conversation = Conversation::new(template, true);
                if case["note"].as_str().is_some_and(|note| note.starts_with("second turn")) {
                    conversation = conversation.answered("Describe this image in detail.", "It shows a scene.");
                }
                let conversation = conversation.ask(question);
                assert_eq!(conversation.text(), prompt, "{file}");
                assert_eq!(conversation.ids(&tokenizer).unwrap(), raw, "{file}");
            }
        }
    }
}

#[test]
fn stop_ids_include_the_recorded_ends() {
    for (dir, tokenizer, template) in variants() {
        let end = read(&dir.join("checkpoint/generation_config.json"))["eos_token_id"].clone();
        let ends = if end.is_array() { tokens(&end) } else { tokens(&Value::Array(vec![end])) };
        let stops = template.stop_ids(&tokenizer);
        assert!(ends.iter().all(|end| stops.contains(end)), "{}: {stops:?}, recorded {ends:?}", dir.display());
        let recorded = read(&dir.join("tokenization.json"))["bos_token_id"].as_u64();
        assert_eq!(tokenizer.bos().map(u64::from), recorded, "{}", dir.display());
    }
}

/// Special tokens in a person's words are characters, wherever they stand.
#[test]
fn special_tokens_in_user_text_are_plain_text() {
    let strings =
        ["<image>", "</s>", "<s>", "<unk>", "<|eot_id|>", "<|im_end|>", "<|end|>", "<|user|>", "<|endoftext|>"];
    for (dir, tokenizer, template) in variants() {
        for string in strings {
            for question in [string.to_owned(), format!("a{string}b"), format!("a {string} b"), format!("{string}\n")] {
                let at = format!("{}: {question:?}", dir.display());
                let with = |question: &str| Conversation::new(template, true).ask(question).ids(&tokenizer).unwrap();
                let (plain, marked) = (with("ab"), with(&question));
                assert_eq!(special_ids(&tokenizer, &plain), special_ids(&tokenizer, &marked), "{at}");
                let ids: Vec<u32> = marked.ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
                let text = tokenizer.decode(&ids, false);
                assert!(text.contains(string), "{at}: {text:?}");
            }
        }
    }
}

/// The ids of a prompt that are an image or a token with a meaning of its own.
fn special_ids(tokenizer: &Tokenizer, prompt: &PromptIds) -> Vec<i64> {
    let marked = |id: u32| {
        let text = tokenizer.token_text(id).unwrap();
        tokenizer.is_special(id) || text == "</s>" || (text.starts_with("<|") && text.ends_with("|>"))
    };
    prompt.ids.iter().copied().filter(|&id| u32::try_from(id).map_or(true, marked)).collect()
}

/// The ids up to and including the image do not depend on what follows it, so a KV cache of them can be kept.
#[test]
fn the_prefix_with_the_image_never_changes() {
    for (dir, tokenizer, template) in variants() {
        let prefix = |conversation: Conversation| {
            let prompt = conversation.ids(&tokenizer).unwrap();
            prompt.ids[..=prompt.image_index.unwrap()].to_vec()
        };
        let expected = prefix(Conversation::new(template, true).ask("What is it?"));
        for question in ["\n", " x", "<image>", "\u{2581}\u{2581}", "</s>", "é", "<|end|>"].map(|q| format!("{q}?")) {
            let later = Conversation::new(template, true).answered(question.as_str(), "Yes.").ask("And now?");
            assert_eq!(prefix(later), expected, "{}: {question:?}", dir.display());
        }
    }
}

#[test]
fn a_question_must_be_asked() {
    for (_, tokenizer, template) in variants() {
        for question in ["", " \n\t"] {
            let error = Conversation::new(template, true).ask(question).ids(&tokenizer).unwrap_err();
            assert!(error.to_string().contains("the question is empty"), "{error}");
        }
        assert!(Conversation::new(template, false).ids(&tokenizer).is_err());
    }
}
