//! The comparison of two checkpoints as JSON.

use super::Compared;
use crate::cli::json_path;
use opabinia_engine::compare::{
    Change, Checkpoints, Effect, Module, NAMES, Relation, SettingDifference, StoredTensor, TensorComparison,
};
use serde_json::{Value, json};

/// Everything.
pub(super) fn report(compared: &Compared) -> Value {
    let Compared { about, checkpoints } = compared;
    let sides = about.iter().zip(&checkpoints.hashes).map(|(about, hash)| {
        let side = &about.side;
        let object = json!({
            "name": side.name(),
            "tensors": side.tensors(),
            "parameters": side.parameters(),
            "stored_bytes": side.stored_bytes(),
            "weight_hash": hash,
            "fault": about.fault.as_ref().map(ToString::to_string),
        });
        json_path::with(object, "directory", side.directory())
    });
    json!({
        "sides": sides.collect::<Value>(),
        "same_weights": checkpoints.same_weights(),
        "same_tokenizer": checkpoints.settings.same_tokenizer,
        "settings": {
            "equal": checkpoints.settings.equal,
            "differences": checkpoints.settings.differences.iter().map(setting).collect::<Value>(),
        },
        "weights": weights(checkpoints),
        "findings": checkpoints.findings.iter().map(|finding| json!({
            "side": NAMES.get(finding.side),
            "family": finding.family,
            "weights": finding.weights,
            "what": finding.to_string(),
        })).collect::<Value>(),
    })
}

fn setting(difference: &SettingDifference) -> Value {
    json!({
        "file": difference.file,
        "key": difference.key,
        "meaning": difference.meaning,
        "effect": match difference.effect {
            Effect::Read => "changes what is computed",
            Effect::Unknown => "not known",
            Effect::None => "none",
        },
        "a": difference.values[0],
        "b": difference.values[1],
    })
}

fn weights(checkpoints: &Checkpoints) -> Value {
    let counts = checkpoints.counts();
    json!({
        "counts": {
            "total": counts.total(),
            "equal": counts.equal,
            "same_values": counts.same_values,
            "changed": counts.changed,
            "unlike": counts.unlike,
            "only_in_a": counts.only_in[0],
            "only_in_b": counts.only_in[1],
        },
        "tensors": checkpoints.tensors.iter().map(tensor).collect::<Value>(),
        "modules": module(&checkpoints.modules()),
    })
}

fn tensor(tensor: &TensorComparison) -> Value {
    let stored = |side: &StoredTensor| {
        json!({
            "dtype": side.dtype.to_string(),
            "shape": side.shape,
            "norm": side.norm,
            "zeros": side.zeros,
            "not_finite": side.not_finite,
        })
    };
    let mut object = json!({
        "key": tensor.key,
        "relation": match tensor.relation {
            Relation::OnlyIn(0) => "only_in_a",
            Relation::OnlyIn(_) => "only_in_b",
            Relation::Unlike => "unlike",
            Relation::Equal => "equal",
            Relation::SameValues => "same_values",
            Relation::Changed(_) => "changed",
        },
        "a": tensor.sides[0].as_ref().map(stored),
        "b": tensor.sides[1].as_ref().map(stored),
    });
    if let Relation::Changed(Change { elements, differing, norm, relative, largest, cosine }) = tensor.relation {
        object["change"] = json!({
            "elements": elements,
            "differing": differing,
            "norm": norm,
            "relative": relative,
            "largest": largest,
            "cosine": cosine,
        });
    }
    object
}

fn module(module: &Module) -> Value {
    json!({
        "name": module.name,
        "tensors": module.counts.total(),
        "equal": module.counts.equal,
        "changed": module.counts.changed,
        "elements": module.elements,
        "norm": module.norm,
        "relative": module.relative,
        "below": module.below.iter().map(self::module).collect::<Value>(),
    })
}
