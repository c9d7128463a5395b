//! Every field a configuration file can have, and what becomes of it.
//!
//! A field is either read by the code that needs it, or without effect on what is computed, or must have a value under
//! which it has none. A field on none of these lists cannot be judged, so a person is told of it: it may belong to a
//! tool that changed how the model computes.
//!
//! The lists are what transformers 4.37 to 5 can write for these models, open_clip and timm for theirs, and the
//! training code of Cambrian-1 itself.

mod checkpoint;
mod encoders;
mod rules;
#[cfg(test)]
mod tests;

pub(super) use checkpoint::{CHECKPOINT, GENERATION_CONFIG, ROPE};
use encoders::{CLIP, DINOV2, OPEN_CLIP_PREPROCESS, OPEN_CLIP_VISION, PREPROCESSOR};
use rules::{is_empty, is_false, neutral};

use super::json::JsonFile;
use crate::error::Result;
use crate::printable;
use opabinia_trace::encoder_name::EncoderFamily;
use serde_json::Value;
use std::path::Path;

/// What is known of the fields of one kind of file, or of one object in it.
pub(super) struct Known {
    /// Read where they are needed.
    read: &'static [&'static [&'static str]],
    /// Without effect, whatever they say.
    harmless: &'static [&'static [&'static str]],
    /// Without effect only under certain values.
    neutral: &'static [&'static [Neutral]],
    /// Not obeyed, and told of where the value is not neutral.
    told: &'static [&'static [Neutral]],
    /// Without effect here, though not in other files.
    idle: &'static [&'static [Neutral]],
}

/// What a check of fields found to tell of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Fields that are not known.
    pub(super) unknown: Vec<String>,
    /// Fields that are known and not obeyed, with their values.
    pub(super) not_obeyed: Vec<String>,
}

/// A field that changes what is computed unless its value is neutral.
pub(super) struct Neutral {
    key: &'static str,
    is: fn(&Value) -> bool,
    /// The neutral values in words.
    expected: &'static str,
    /// What any other value asks for.
    problem: &'static str,
}

impl Known {
    /// Checks the fields of the object at `at` in `json`, the whole document if empty. Fields that are null count as
    /// absent, as they do for the programs that write them.
    ///
    /// # Errors
    /// A refusal of the first field with a value under which this program would compute something else.
    pub(super) fn check(&self, json: &JsonFile, at: &str) -> Result<Told> {
        let object = if at.is_empty() { Some(json.value()) } else { json.get(at) };
        let fields = object.and_then(Value::as_object).into_iter().flatten().filter(|(_, value)| !value.is_null());
        let mut told = Told::default();
        for (key, value) in fields {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let among = |lists: &[&'static [Neutral]]| lists.iter().copied().flatten().find(|rule| rule.key == key);
            if let Some(rule) = among(self.neutral) {
                if !(rule.is)(value) {
                    return Err(json.refusal(&path, rule.problem).expected(rule.expected).help(REMOVE).into());
                }
            } else if let Some(rule) = among(self.told) {
                if !(rule.is)(value) {
                    told.not_obeyed.push(format!("{path} {}", printable::line(&value.to_string())));
                }
            } else if among(self.idle).is_none()
                && ![self.read, self.harmless].into_iter().flatten().any(|list| list.contains(&key.as_str()))
            {
                told.unknown.push(path);
            }
        }
        Ok(told)
    }
}

/// Whether a field changes what is computed. In this order people want to read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It is read.
    Read,
    /// Nobody here knows.
    Unknown,
    /// It has none, or none under any value that is not refused.
    None,
}

impl Known {
    fn effect(&self, key: &str) -> Effect {
        let names = |list: &[&'static [&'static str]]| list.iter().any(|keys| keys.contains(&key));
        let rules = |list: &[&'static [Neutral]]| list.iter().any(|rules| rules.iter().any(|rule| rule.key == key));
        if names(self.read) {
            Effect::Read
        } else if names(self.harmless) || rules(self.neutral) || rules(self.told) || rules(self.idle) {
            Effect::None
        } else {
            Effect::Unknown
        }
    }
}

/// Whether the field `key` of a checkpoint's config.json changes what is computed.
pub(crate) fn effect(key: &str) -> Effect {
    CHECKPOINT.effect(key)
}

/// The same for generation_config.json.
pub(crate) fn generation_effect(key: &str) -> Effect {
    GENERATION_CONFIG.effect(key)
}

/// The sentence about fields of `file` that are not known, if there are any.
pub(super) fn unknown_note(file: &str, unknown: &[String]) -> Option<String> {
    const NAMED: usize = 8;
    let rest = match unknown.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<_> = unknown.iter().take(NAMED).map(|key| printable::line(key)).collect();
    let file = printable::line(file);
    (!unknown.is_empty()).then(|| {
        format!(
            "{file} has fields that this program does not know and does not obey: {}{rest}. If one of them changes what \
             the model computes, the numbers here are not the model's",
            named.join(", ")
        )
    })
}

/// Checks the configuration files of an encoder of `family` in `dir`, and gives what a person should know of them.
/// Files that are missing are for whoever reads them to miss.
///
/// # Errors
/// A refusal of the first field with a value under which this program would compute something else.
pub fn check_encoder(family: EncoderFamily, dir: &Path) -> Result<Vec<String>> {
    let parts: &[(&str, &[(&Known, &str)])] = match family {
        EncoderFamily::Clip => &[
            ("config.json", &[(&CLIP, ""), (&CLIP, "vision_config")]),
            ("preprocessor_config.json", &[(&PREPROCESSOR, "")]),
        ],
        EncoderFamily::Dinov2 => {
            &[("config.json", &[(&DINOV2, "")]), ("preprocessor_config.json", &[(&PREPROCESSOR, "")])]
        }
        EncoderFamily::Siglip | EncoderFamily::ConvNext => &[(
            "open_clip_config.json",
            &[(&OPEN_CLIP_VISION, "model_cfg.vision_cfg"), (&OPEN_CLIP_PREPROCESS, "preprocess_cfg")],
        )],
    };
    let mut notes = Vec::new();
    for (name, objects) in parts {
        let file = dir.join(name);
        if !file.exists() {
            continue;
        }
        let json = JsonFile::read(&file)?;
        let mut unknown = Vec::new();
        for (known, at) in *objects {
            unknown.extend(known.check(&json, at)?.unknown);
        }
        notes.extend(unknown_note(&file.display().to_string(), &unknown));
    }
    Ok(notes)
}

/// What to do about a value that asks for something this program does not do.
const REMOVE: &str = "run this checkpoint with the program it was made for; or, to see what it does without this setting, \
     remove the field from a copy of the file: the numbers are then not those of the reference";

/// Fields of tokenizer_config.json that change ids. Its other fields are read, or they are names, lengths and templates
/// of chats, of which there are as many as tools.
const TOKENIZER: &[Neutral] = &[
    neutral("add_eos_token", is_false, "false", "an end token after every text is not supported"),
    neutral("do_lower_case", is_false, "false", "texts in lower case are not supported"),
    neutral("split_special_tokens", is_false, "false", "templates without special tokens are not supported"),
    neutral("sp_model_kwargs", is_empty, "{}", "settings of sentencepiece are not supported"),
];

/// Checks a tokenizer_config.json.
///
/// # Errors
/// A refusal of the first field with a value under which texts would have other ids than here.
pub(crate) fn check_tokenizer(json: &JsonFile) -> Result<()> {
    Known { read: &[], harmless: &[], neutral: &[TOKENIZER], told: &[], idle: &[] }.check(json, "").map(drop)
}
