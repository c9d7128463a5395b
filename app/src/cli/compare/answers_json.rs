//! What came of questions to both sides, as JSON.

use super::answers::Compared;
use super::questions::Question;
use super::sides::LoadedSide;
use crate::cli::inspect::precision_json;
use crate::cli::json_path;
use opabinia_engine::compare::{Basis, LayerComparison, Maps, NAMES, Segment, SegmentKind, mean_shares};
use opabinia_engine::generate::Answer;
use opabinia_engine::probe::Trace;
use serde_json::{Value, json};

/// How many of the cells that differ most are named.
const LARGEST: usize = 8;

/// What a side is.
pub(super) fn side(side: &LoadedSide) -> Value {
    let inspection = &side.opened.inspection;
    let anatomy = inspection.config.anatomy();
    let object = json!({
        "name": side.name(),
        "precision": precision_json(inspection),
        "template": inspection.template.name(),
        "system": side.system,
        "with": side.interventions.to_spec(&anatomy),
        "interventions": side.interventions,
    });
    json_path::with(object, "model", &inspection.directory)
}

/// What came of one question.
pub(super) fn question(question: &Question, compared: &Compared) -> Value {
    let answers = (0..2)
        .map(|side| answer(&compared.answers[side], compared.crossed.as_ref().map(|crossed| &crossed.log_probs[side])));
    let mut object = json!({
        "question": question.prompt,
        "answers": answers.collect::<Value>(),
        "same_text": compared.answers[0].text == compared.answers[1].text,
        "alignment": compared.alignment.iter().map(|segment| segment_json(segment, &compared.answers)).collect::<Value>(),
        "parting": compared.crossed.as_ref().and_then(|crossed| crossed.parting.as_ref()).map(|parting| json!({
            "at": parting.at,
            "kl_a_b": parting.kl.map(|kl| kl[0]),
            "kl_b_a": parting.kl.map(|kl| kl[1]),
        })),
        "maps": match (&compared.maps, &compared.traces) {
            (Some(maps), [Some(a), Some(b)]) => maps_json(maps, [a, b]),
            _ => Value::Null,
        },
    });
    if let Some(between) = &compared.between {
        let shares = between.trace.as_deref().map(shares_json);
        object["between"] = json!({ "answer": answer(&between.answer, None), "shares": shares });
    }
    if let Some(object) = object.as_object_mut() {
        json_path::insert_optional(object, "image", question.image.as_ref().map(|(path, _)| path.as_path()));
    }
    object
}

fn answer(answer: &Answer, scored: Option<&[Vec<f32>; 2]>) -> Value {
    let at_place = |side: usize, at: usize| scored.and_then(|scored| scored[side].get(at).copied());
    let tokens = answer.tokens.iter().enumerate().map(|(at, token)| {
        json!({
            "id": token.id,
            "text": token.text,
            "log_prob": at_place(0, at).unwrap_or(token.log_prob),
            "log_prob_other": at_place(1, at),
        })
    });
    let sum = |log_probs: &[f32]| log_probs.iter().map(|p| f64::from(*p)).sum::<f64>();
    let own: Vec<f32> = answer.tokens.iter().map(|token| token.log_prob).collect();
    json!({
        "text": answer.text,
        "tokens": tokens.collect::<Value>(),
        "log_prob": sum(scored.map_or(&own, |scored| &scored[0])),
        "log_prob_other": scored.map(|scored| sum(&scored[1])),
    })
}

fn segment_json(segment: &Segment, answers: &[Answer; 2]) -> Value {
    let text = |side: usize| {
        let tokens = answers[side].tokens.get(segment.tokens[side].clone()).unwrap_or_default();
        tokens.iter().map(|token| token.text.as_str()).collect::<String>()
    };
    let range = |side: usize| [segment.tokens[side].start, segment.tokens[side].end];
    json!({
        "kind": match segment.kind {
            SegmentKind::Equal => "equal",
            SegmentKind::SameText => "same_text",
            SegmentKind::Different => "different",
        },
        "tokens": { "a": range(0), "b": range(1) },
        "a": text(0),
        "b": text(1),
    })
}

fn maps_json(maps: &Maps, traces: [&Trace; 2]) -> Value {
    let matching = &maps.matching;
    let encoder = |side: usize, k: usize| traces[side].encoders[k].name.as_str();
    let label = |side: usize, layer: usize| traces[side].layers[layer].label.as_str();
    let alone = |side: usize| {
        json!({
            "encoders": matching.encoders_alone[side].iter().map(|k| encoder(side, *k)).collect::<Vec<_>>(),
            "layers": matching.layers_alone[side].iter().map(|at| label(side, *at)).collect::<Vec<_>>(),
        })
    };
    json!({
        "matched": {
            "encoders": matching.encoders.iter().map(|pair| json!({
                "a": encoder(0, pair.places[0]),
                "b": encoder(1, pair.places[1]),
                "same_name": pair.same_name,
                "same_grid": pair.same_grid,
            })).collect::<Value>(),
            "layers": matching.layers.iter().map(|places| json!([label(0, places[0]), label(1, places[1])])).collect::<Value>(),
        },
        "without_counterpart": { "a": alone(0), "b": alone(1) },
        "layers": maps.layers.iter().map(|layer| layer_json(layer, traces)).collect::<Value>(),
    })
}

fn layer_json(layer: &LayerComparison, traces: [&Trace; 2]) -> Value {
    let shares = |side: usize| {
        let named = traces[side].encoders.iter().zip(&layer.shares[side]);
        named.map(|(encoder, share)| (encoder.name.clone(), json!(share))).collect::<serde_json::Map<_, _>>()
    };
    let largest = layer.largest(LARGEST).into_iter();
    json!({
        "a": layer.labels[0],
        "b": layer.labels[1],
        "shares": { "a": shares(0), "b": shares(1) },
        "cells": {
            "side": layer.side,
            "resampled": layer.resampled,
            "rows": [layer.rows.start, layer.rows.end],
            "columns": [layer.columns.start, layer.columns.end],
        },
        "divergence": {
            "unit": "bits",
            "over": match layer.basis {
                Basis::Keys => "keys",
                Basis::Encoders => "encoders",
            },
            "mean": layer.mean,
            "heads": layer.heads,
            "by_cell": layer.divergence,
            "largest": largest.map(|(row, column, value)| json!({ "row": row, "column": column, "value": value })).collect::<Value>(),
        },
    })
}

/// The mean share of each encoder in every layer of one trace.
fn shares_json(trace: &Trace) -> Value {
    let layers = trace.layers.iter().enumerate().map(|(at, layer)| {
        let named = trace.encoders.iter().zip(mean_shares(trace, at));
        let shares: serde_json::Map<_, _> =
            named.map(|(encoder, share)| (encoder.name.clone(), json!(share))).collect();
        json!({ "layer": layer.label, "shares": shares })
    });
    layers.collect()
}

/// Both sides, what lies between them, and every question.
pub(super) fn report(
    sides: &[LoadedSide; 2],
    between: Option<(&LoadedSide, f64)>,
    same_tokenizer: bool,
    questions: &[Value],
) -> Value {
    let named = sides.iter().zip(NAMES).map(|(one, name)| {
        let mut object = side(one);
        object["side"] = name.into();
        object
    });
    let mut report =
        json!({ "sides": named.collect::<Value>(), "same_tokenizer": same_tokenizer, "questions": questions });
    if let Some((one, part)) = between {
        let mut object = side(one);
        object["lambda"] = json!(part);
        report["between"] = object;
    }
    report
}
