//! The base of the rotary embedding, wherever a version of transformers writes it.
//!
//! Up to version 4 that is `rope_theta`, with `rope_scaling` for stretched positions; version 5 writes both into
//! `rope_parameters`. A stretching of the kind `default`, or linear by 1, is none.

use super::json::JsonFile;
use crate::error::Result;
use serde_json::Value;

/// What transformers takes where no base is named.
const DEFAULT: f64 = 10_000.0;

/// The base of the rotary embedding, and what a person should know of it.
///
/// # Errors
/// A refusal if positions are stretched, only a part of each head is rotated, layers differ, or two fields disagree.
pub(super) fn theta(json: &JsonFile) -> Result<(f64, Option<String>)> {
    let mut named: Option<(String, f64)> = None;
    let mut name = |key: String| -> Result<()> {
        let Some(value) = json.f64(&key)? else { return Ok(()) };
        // It ends up as f32.
        if !(value > 0.0 && (value as f32).is_normal()) {
            return Err(json.refusal(&key, "this number is out of range").expected("a positive number").into());
        }
        match &named {
            Some((other, theirs)) if *theirs != value => {
                Err(json.refusal(&key, "two fields disagree").expected(format!("{theirs}, as in {other}")).into())
            }
            _ => {
                named = Some((key, value));
                Ok(())
            }
        }
    };
    name("rope_theta".into())?;
    for key in ["rope_scaling", "rope_parameters"] {
        plain(json, key)?;
        name(format!("{key}.rope_theta"))?;
    }
    whole(json, "partial_rotary_factor")?;
    match named {
        Some((_, theta)) => Ok((theta, None)),
        None => Ok((
            DEFAULT,
            Some(format!(
                "config.json names no rope_theta: the rotary embedding has the base {DEFAULT}, as in transformers. If the \
                 model was trained with another (Llama 3: 500000), its answers are wrong until the field is put back"
            )),
        )),
    }
}

/// Refuses the object at `key` if it changes positions in any way.
fn plain(json: &JsonFile, key: &str) -> Result<()> {
    let Some(value) = json.get(key) else { return Ok(()) };
    let refusal = |problem: &str| json.refusal(key, problem).expected("null, or the type default");
    let Some(fields) = value.as_object() else { return Err(refusal("this field has the wrong type").into()) };
    if fields.values().any(Value::is_object) {
        return Err(refusal("rotary embeddings that differ between layers are not supported").into());
    }
    let mut kinds =
        ["rope_type", "type"].into_iter().filter_map(|name| fields.get(name)).filter(|kind| !kind.is_null());
    let (kind, other) = (kinds.next(), kinds.next());
    // Which one counts depends on the version of transformers.
    if other.is_some_and(|other| Some(other) != kind) {
        return Err(refusal("rope_type and type disagree").into());
    }
    let unstretched = fields.get("factor").is_none_or(|factor| factor.is_null() || factor.as_f64() == Some(1.0));
    let is_plain = match kind.map(Value::as_str) {
        Some(Some("default")) => true,
        Some(Some("linear")) | None => unstretched,
        _ => false,
    };
    if !is_plain {
        return Err(refusal("scaled rotary embeddings are not supported").into());
    }
    whole(json, &format!("{key}.partial_rotary_factor"))
}

/// Refuses heads of which only a part is rotated.
fn whole(json: &JsonFile, key: &str) -> Result<()> {
    match json.f64(key)? {
        None | Some(1.0) => Ok(()),
        Some(_) => {
            Err(json.refusal(key, "rotary embeddings of a part of each head are not supported").expected("1.0").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    fn read(value: &Value) -> Result<(f64, Option<String>)> {
        theta(&JsonFile::parse(Path::new("config.json"), value.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn the_base_is_found_wherever_it_is_written() {
        for value in [
            json!({"rope_theta": 5e5}),
            json!({"rope_theta": 5e5, "rope_scaling": null}),
            json!({"rope_theta": 5e5, "rope_scaling": {"type": "default"}}),
            json!({"rope_theta": 5e5, "rope_scaling": {"rope_type": "default", "factor": 8.0}}),
            json!({"rope_theta": 5e5, "rope_scaling": {"type": "default", "rope_type": "default"}}),
            json!({"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 1.0}}),
            json!({"rope_theta": 5e5, "rope_scaling": {}}),
            json!({"rope_parameters": {"rope_theta": 500_000, "rope_type": "default"}}),
            json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default", "partial_rotary_factor": 1.0}}),
            json!({"rope_theta": 5e5, "rope_parameters": {"rope_theta": 500_000.0}}),
        ] {
            assert_eq!(read(&value).unwrap(), (5e5, None), "{value}");
        }
        let (theta, note) = read(&json!({})).unwrap();
        assert!(theta == 10_000.0 && note.unwrap().contains("rope_theta"));
    }

    #[test]
    fn whatever_changes_positions_is_refused() {
        for (value, key) in [
            (json!({"rope_scaling": {"type": "su", "long_factor": [1.0]}}), "rope_scaling"),
            (json!({"rope_scaling": {"type": "linear", "factor": 2.0}}), "rope_scaling"),
            (json!({"rope_scaling": {"type": "dynamic", "factor": 1.0}}), "rope_scaling"),
            (json!({"rope_scaling": {"factor": 2.0}}), "rope_scaling"),
            (json!({"rope_scaling": {"type": 1}}), "rope_scaling"),
            (json!({"rope_scaling": {"rope_type": "default", "type": "yarn", "factor": 4.0}}), "rope_scaling"),
            (json!({"rope_scaling": "default"}), "rope_scaling"),
            (json!({"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "rope_theta": 5e5}}), "rope_parameters"),
            (json!({"rope_parameters": {"full_attention": {"rope_type": "default"}}}), "rope_parameters"),
            (json!({"rope_parameters": {"partial_rotary_factor": 0.5}}), "rope_parameters.partial_rotary_factor"),
            (json!({"partial_rotary_factor": 0.75}), "partial_rotary_factor"),
            (json!({"rope_theta": 1e4, "rope_parameters": {"rope_theta": 5e5}}), "rope_parameters.rope_theta"),
            (json!({"rope_parameters": {"rope_theta": 0.0}}), "rope_parameters.rope_theta"),
            (json!({"rope_parameters": {"rope_theta": "NaN"}}), "rope_parameters.rope_theta"),
        ] {
            let error = read(&value).unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")) && error.contains("expected: "), "{value}: {error}");
        }
    }
}
