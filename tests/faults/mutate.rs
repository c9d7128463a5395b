//! Damage at random, decided by a number alone.

use serde_json::{Value, json};
use std::path::Path;

/// A source of chance that gives the same for the same seed (SplitMix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// A damaged copy of `original`, the content of `path`, and what was done to it. What is understood as JSON or as
/// safetensors is mostly damaged in its fields: bytes at random seldom get past the parser.
pub fn file(original: &[u8], path: &Path, chance: &mut Chance) -> (Vec<u8>, String) {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let fields = chance.below(5) > 0;
    match extension {
        Some("json") if fields => json(original, chance),
        Some("safetensors") if fields => {
            let end = 8 + u64::from_le_bytes(*original.first_chunk().unwrap()) as usize;
            let (header, what) = json(&original[8..end], chance);
            ([&(header.len() as u64).to_le_bytes()[..], &header, &original[end..]].concat(), what)
        }
        _ => (bytes(original, chance), "bytes".into()),
    }
}

/// `original` with a few bytes changed, removed, repeated or cut off. Headers are hit more often than what follows.
pub fn bytes(original: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=chance.below(3) {
        let reach = if chance.below(2) == 0 { bytes.len().min(200) } else { bytes.len() };
        let at = chance.below(reach);
        let length = (1 + chance.below(16)).min(bytes.len() - at);
        match chance.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..at + length)),
            2 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            3 => bytes[at..at + length].fill([0, 0x7f, 0x80, 0xff][chance.below(4)]),
            _ if !bytes.is_empty() => bytes[at] = chance.next() as u8,
            _ => {}
        }
    }
    bytes
}

/// The JSON `original` with one of its values replaced, removed or doubled. Text in it that is itself JSON (the
/// description of a trace) is damaged in the same way.
fn json(original: &[u8], chance: &mut Chance) -> (Vec<u8>, String) {
    let Ok(mut value) = serde_json::from_slice::<Value>(original) else {
        return (bytes(original, chance), "bytes".into());
    };
    let mut places = Vec::new();
    list(&value, &mut String::new(), &mut places);
    let place = places[chance.below(places.len())].clone();
    let target = value.pointer_mut(&place).unwrap();
    let what = match target.as_str().filter(|text| text.starts_with('{')) {
        Some(text) => {
            let (inner, what) = json(text.as_bytes(), chance);
            *target = String::from_utf8_lossy(&inner).into();
            what
        }
        None => replace(target, chance),
    };
    (value.to_string().into_bytes(), format!("{place} {what}"))
}

/// Pointers to every value below `value`; of long lists (a vocabulary) only a few.
fn list(value: &Value, at: &mut String, into: &mut Vec<String>) {
    let mut down = |key: &str, value: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        into.push(at.clone());
        list(value, at, into);
        at.truncate(length);
    };
    match value {
        Value::Object(map) => map.iter().take(40).for_each(|(key, value)| down(key, value)),
        Value::Array(items) => items.iter().take(8).enumerate().for_each(|(i, value)| down(&i.to_string(), value)),
        _ if at.is_empty() => into.push(String::new()),
        _ => {}
    }
}

fn replace(target: &mut Value, chance: &mut Chance) -> String {
    let old = target.clone();
    let number = old.as_f64().unwrap_or(1.0);
    let whole = old.as_u64().unwrap_or(1);
    let new = match chance.below(22) {
        0 => Value::Null,
        1 => json!(0),
        2 => json!(-1),
        3 => json!(1u64 << 40),
        4 => json!(u64::MAX),
        5 => json!(1e300),
        6 => json!(1e-300),
        7 => json!(number + 0.5),
        8 => json!(whole.saturating_add(1)),
        9 => json!(whole.saturating_mul(2)),
        10 => json!(whole / 2),
        11 => json!(""),
        12 => json!("../../etc/passwd"),
        13 => json!("x".repeat(5000)),
        14 => json!(true),
        15 => json!([]),
        16 => json!({}),
        17 => json!([old, old]),
        18 => json!({ "x": old }),
        19 => json!(1 << 24),
        20 => json!(1 << 16),
        _ => match old {
            Value::Array(mut items) => {
                items.pop();
                items.into()
            }
            Value::Object(map) => map.into_iter().skip(1).collect::<serde_json::Map<_, _>>().into(),
            Value::String(text) => text.chars().rev().collect::<String>().into(),
            Value::Bool(value) => (!value).into(),
            _ => json!(3),
        },
    };
    let shown: String = new.to_string().chars().take(60).collect();
    *target = new;
    format!("= {shown}")
}
