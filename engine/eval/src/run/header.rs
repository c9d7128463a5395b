//! What a run is.

use crate::data::Skipped;
use crate::hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What makes numbers comparable: everything a result depends on, and nothing else. Two headers are alike if they are
/// equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the format.
    pub format: u32,
    /// The program and its version.
    pub program: String,
    /// The checkpoint.
    pub model: ModelPrint,
    /// The questions.
    pub data: DataPrint,
    /// How they are asked and scored.
    pub protocol: String,
    /// What is compared, in words.
    pub rule: String,
    /// Under which conditions each is asked.
    pub conditions: Vec<Condition>,
    /// Seed of everything random.
    pub seed: u64,
    /// How many shards the items are dealt to.
    pub shards: usize,
    /// Items of each.
    pub items_of_shards: Vec<usize>,
    /// The first item as the model is asked it.
    pub first: First,
}

/// The checkpoint of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrint {
    /// What people call it.
    pub name: String,
    /// SHA-256 over its configuration and the names, sizes and ends of its weight files.
    pub fingerprint: String,
    /// Its encoders, in checkpoint order.
    pub encoders: Vec<String>,
    /// The prompt template.
    pub template: String,
    /// Types in which weights are kept and numbers computed.
    pub precision: String,
}

/// The questions of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPrint {
    /// What people call the set.
    pub name: String,
    /// SHA-256 of its questions and pictures.
    pub fingerprint: String,
    /// SHA-1 of every `idx`, joined by commas.
    pub idx_sha1: String,
    /// Questions that are asked.
    pub questions: usize,
    /// No more rows than these were read.
    pub limit: Option<usize>,
    /// Rows that were left out.
    pub skipped: Skipped,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Its name in the run.
    pub name: String,
    /// What is done, in words.
    pub what: String,
    /// The encoder that it takes away, where it takes away one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<usize>,
    /// The game and the coalition of encoders that are left, where it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coalition: Option<(String, usize)>,
}

/// The first item as the model is asked it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct First {
    /// Its name.
    pub idx: String,
    /// The prompt, with the template's own words; `<image>` stands for the image.
    pub prompt: String,
    /// Its token ids.
    pub ids: Vec<i64>,
}

/// The version that this program writes and reads.
pub const FORMAT: u32 = 1;

impl Header {
    /// Names the header: everything in it.
    pub fn id(&self) -> String {
        hash::sha256(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// The value of every field that differs in `other`, as lines.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (mut lines, value) = (Vec::new(), |header: &Self| serde_json::to_value(header).unwrap_or_default());
        compare("", &value(self), &value(other), &mut lines);
        lines
    }
}

fn compare(path: &str, here: &Value, there: &Value, lines: &mut Vec<String>) {
    match (here, there) {
        _ if here == there => {}
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let at = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, &at(a), &at(b), lines);
            }
        }
        _ => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            lines.push(format!("{path}: {} here, {} there", short(here), short(there)));
        }
    }
}
