//! `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`: what surrounds a vocabulary.

use crate::checkpoint::fields;
use crate::checkpoint::json::JsonFile;
use crate::error::Result;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The named special tokens, in the order in which the reference lists them.
const ROLES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// A token declared beside the vocabulary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) content: String,
    pub(super) lstrip: bool,
    pub(super) rstrip: bool,
    pub(super) normalized: bool,
    pub(super) special: bool,
}

/// What the three files say together.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenizerConfig {
    /// `tokenizer_class`, empty if absent.
    pub(super) class: String,
    pub(super) legacy: Option<bool>,
    pub(super) add_bos_token: Option<bool>,
    pub(super) clean_up_tokenization_spaces: Option<bool>,
    /// Token of each role, such as `bos_token`.
    pub(super) roles: BTreeMap<&'static str, String>,
    /// `additional_special_tokens`.
    pub(super) additional: Vec<String>,
    /// Added tokens by id.
    pub(super) added: BTreeMap<u32, Declared>,
}

impl TokenizerConfig {
    /// Reads the files of `dir`; each may be absent.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let mut config = Self::default();
        let main = optional(dir, "tokenizer_config.json")?;
        if let Some(file) = &main {
            fields::check_tokenizer(file)?;
            config.class = file.str("tokenizer_class")?.unwrap_or_default().to_owned();
            config.legacy = file.bool("legacy")?;
            config.add_bos_token = file.bool("add_bos_token")?;
            config.clean_up_tokenization_spaces = file.bool("clean_up_tokenization_spaces")?;
            config.read_roles(file)?;
            config.read_added_tokens_decoder(file)?;
        }
        // The two older files count only where the newer table is absent.
        if main.as_ref().is_none_or(|file| file.get("added_tokens_decoder").is_none()) {
            if let Some(file) = optional(dir, "special_tokens_map.json")? {
                config.read_roles(&file)?;
            }
            if let Some(file) = optional(dir, "added_tokens.json")? {
                config.read_added_tokens(&file)?;
            }
        }
        Ok(config)
    }

    /// Every special token of a role, without repetition.
    pub(super) fn special_tokens(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        let named = ROLES.iter().filter_map(|role| self.roles.get(role)).chain(&self.additional);
        for token in named {
            if !all.contains(&token.as_str()) {
                all.push(token);
            }
        }
        all
    }

    fn read_roles(&mut self, file: &JsonFile) -> Result<()> {
        for role in ROLES {
            if let (Some(value), false) = (file.get(role), self.roles.contains_key(role)) {
                let token = content(value).ok_or_else(|| {
                    file.refusal(role, "this field has the wrong type").expected("a text, or an object with `content`")
                })?;
                self.roles.insert(role, token.to_owned());
            }
        }
        if let (Some(value), true) = (file.get("additional_special_tokens"), self.additional.is_empty()) {
            let tokens = value.as_array().and_then(|list| list.iter().map(content).collect::<Option<Vec<_>>>());
            let tokens = tokens.ok_or_else(|| {
                file.refusal("additional_special_tokens", "this field has the wrong type").expected("a list of tokens")
            })?;
            self.additional = tokens.into_iter().map(str::to_owned).collect();
        }
        Ok(())
    }

    fn read_added_tokens_decoder(&mut self, file: &JsonFile) -> Result<()> {
        let key = "added_tokens_decoder";
        let Some(value) = file.get(key) else { return Ok(()) };
        let entries = value.as_object().ok_or_else(|| {
            file.refusal(key, "this field has the wrong type").expected("an object from ids to tokens")
        })?;
        for (id, token) in entries {
            let at = format!("{key}.{id}");
            let number: u32 = id.parse().map_err(|_| file.refusal(&at, "this is no token id"))?;
            let flag = |name: &str| token.get(name).and_then(Value::as_bool).unwrap_or(false);
            let text = token.get("content").and_then(Value::as_str).filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| file.refusal(&at, "this token has no content"))?;
            if flag("single_word") {
                return Err(file.refusal(&at, "tokens with `single_word` are not supported").into());
            }
            let declared = Declared {
                content: text.to_owned(),
                lstrip: flag("lstrip"),
                rstrip: flag("rstrip"),
                normalized: flag("normalized"),
                special: flag("special"),
            };
            self.added.insert(number, declared);
        }
        Ok(())
    }

    fn read_added_tokens(&mut self, file: &JsonFile) -> Result<()> {
        let specials: Vec<String> = self.special_tokens().into_iter().map(str::to_owned).collect();
        for (content, id) in file.value().as_object().into_iter().flatten() {
            let id = id
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .ok_or_else(|| file.refusal(content, "this is no token id").expected("a non-negative integer"))?;
            let special = specials.contains(content);
            let declared = Declared { content: content.clone(), special, normalized: !special, ..Declared::default() };
            self.added.insert(id, declared);
        }
        Ok(())
    }
}

/// The text of a token that is given as a text or as an object.
fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str()).filter(|text| !text.is_empty())
}

fn optional(dir: &Path, name: &str) -> Result<Option<JsonFile>> {
    let file = dir.join(name);
    if file.is_file() { JsonFile::read(&file).map(Some) } else { Ok(None) }
}
