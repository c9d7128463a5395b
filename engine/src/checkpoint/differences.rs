//! Where two configuration files say different things.

use super::fields::{self, Effect};
use super::json::JsonFile;
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects within objects are looked into this far; what lies deeper is compared as a whole.
const MAX_DEPTH: usize = 4;

/// A field whose values differ.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingDifference {
    /// `config.json` or `generation_config.json`.
    pub file: &'static str,
    /// The field; dots go down into objects.
    pub key: String,
    /// What it means, where that is known.
    pub meaning: Option<&'static str>,
    /// Whether it changes what is computed.
    pub effect: Effect,
    /// Its value on each side; `None` where it is absent or null.
    pub values: [Option<Value>; 2],
}

/// Adds the differences of one file; gives how many fields are the same.
pub(crate) fn of(file: &'static str, sides: [Option<&JsonFile>; 2], differences: &mut Vec<SettingDifference>) -> usize {
    let values = sides.map(|json| json.map_or_else(Vec::new, |json| flat(json.value())));
    let keys: BTreeSet<&str> = values.iter().flatten().map(|(key, _)| key.as_str()).collect();
    let mut equal = 0;
    for key in keys {
        let find = |values: &[(String, Value)]| values.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone());
        let [a, b] = [find(&values[0]), find(&values[1])];
        if same(a.as_ref(), b.as_ref()) {
            equal += 1;
            continue;
        }
        let top = key.split('.').next().unwrap_or(key);
        let effect = if file == "config.json" { fields::effect(top) } else { fields::generation_effect(top) };
        let key = key.to_owned();
        differences.push(SettingDifference { file, meaning: meaning(&key), key, effect, values: [a, b] });
    }
    equal
}

/// Every field of `object` that is not null, with dots down into objects.
fn flat(object: &Value) -> Vec<(String, Value)> {
    fn down(prefix: &str, value: &Value, depth: usize, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Null => {}
            Value::Object(map) if depth < MAX_DEPTH && !map.is_empty() => {
                for (key, value) in map {
                    let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    down(&path, value, depth + 1, out);
                }
            }
            value => out.push((prefix.to_owned(), value.clone())),
        }
    }
    let mut out = Vec::new();
    down("", object, 0, &mut out);
    out
}

/// Whether both mean the same: 10000 is 10000.0.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a == b || a.as_f64() == b.as_f64(),
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b)))
        }
        (a, b) => a == b,
    }
}

/// What a field means.
fn meaning(key: &str) -> Option<&'static str> {
    Some(match key {
        "attention_bias" => "biases in attention",
        "bos_token_id" => "token that begins a text",
        "connector_depth" => "connector layers",
        "connector_only" => "no samplers",
        "eos_token_id" => "tokens that end an answer",
        "head_dim" => "width of a head",
        "hidden_act" => "activation of the MLP",
        "hidden_size" => "width of the decoder",
        "image_position" => "where training expected the image",
        "image_token_len" => "cells of the (final) query grid",
        "intermediate_size" => "width of the decoder's MLP",
        "max_position_embeddings" => "positions",
        "mlp_bias" => "biases in the MLP",
        "mm_use_im_start_end" => "markers around the image",
        "mm_vision_select_layer" => "which hidden state of CLIP is the feature",
        "mm_vision_tower_aux_list" => "encoders",
        "mm_vision_tower_aux_token_len_list" | "vision_tower_aux_token_len_list" => "tokens of each encoder",
        "model_type" => "kind of decoder",
        "num_attention_heads" => "attention heads of the decoder",
        "num_hidden_layers" => "decoder layers",
        "num_key_value_heads" => "heads for keys and values",
        "num_of_vision_sampler_layers" => "sampler layers",
        "num_query_group" => "query groups",
        "query_num_list" => "cells of each query grid",
        "rms_norm_eps" => "ε of the norms",
        "rope_theta" => "base of the rotary positions",
        "rope_scaling" => "stretching of the rotary positions",
        "sliding_window" => "window of attention in the decoder",
        "start_of_vision_sampler_layers" => "decoder layer the first sampler follows",
        "stride_of_vision_sampler_layers" => "decoder layers from one sampler to the next",
        "tie_word_embeddings" => "one table for input and output tokens",
        "tokenizer_model_max_length" => "longest sequence",
        "torch_dtype" | "dtype" => "type the weights were saved in",
        "transformers_version" => "version of the library that saved it",
        "unfreeze_mm_vision_tower" => "encoders trained along",
        "vision_hidden_size" => "width of the SVA",
        "vocab_size" => "rows of the token table",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn differences_are_named_and_what_matters_comes_first() {
        let file = |value: Value| JsonFile::parse(Path::new("config.json"), value.to_string().as_bytes()).unwrap();
        let a = file(json!({ "hidden_size": 64, "rope_theta": 10000, "use_cache": true, "odd": 1, "torch_dtype": null,
            "rope_scaling": { "factor": 2.0, "type": "linear" } }));
        let b = file(json!({ "hidden_size": 96, "rope_theta": 10000.0, "use_cache": false, "odd": 2,
            "rope_scaling": { "factor": 4.0, "type": "linear" } }));
        let mut differences = Vec::new();
        let equal = of("config.json", [Some(&a), Some(&b)], &mut differences);
        assert_eq!(equal, 2, "rope_theta and the type of scaling");
        let find = |key: &str| differences.iter().find(|difference| difference.key == key).unwrap();
        assert_eq!(find("hidden_size").meaning, Some("width of the decoder"));
        assert_eq!(find("hidden_size").effect, Effect::Read);
        assert_eq!(find("rope_scaling.factor").effect, Effect::Read);
        assert_eq!(find("use_cache").effect, Effect::None);
        assert_eq!(find("odd").effect, Effect::Unknown);
        assert_eq!(differences.len(), 4);
    }
}
