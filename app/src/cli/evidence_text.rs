//! Measured evidence as a table for people and as JSON.

use opabinia_engine::printable;
use opabinia_engine::probe::evidence::{Effect, Evidence};
use serde_json::{Value, json};
use std::fmt::Write;

/// Characters of an answer that a line of the table shows.
const SHOWN: usize = 60;

/// Everything that was measured.
pub fn json(evidence: &Evidence) -> Value {
    let base = &evidence.base;
    let tokens = evidence.answer.iter().zip(&base.log_probs);
    let tokens = tokens.map(|(token, log_prob)| json!({ "id": token.id, "text": token.text, "log_prob": log_prob }));
    let ids: Vec<u32> = evidence.answer.iter().map(|token| token.id).collect();
    let games = evidence.games.iter().map(|game| {
        let n = game.shapley.values.len().max(1);
        let interactions: Vec<&[f64]> = game.shapley.interactions.chunks(n).collect();
        let object = json!({
            "values": game.shapley.values,
            "coalitions": game.coalitions,
            "interactions": interactions,
        });
        (game.kind.name().to_owned(), object)
    });
    json!({
        "question": evidence.question,
        "answer": { "text": evidence.text, "token_ids": ids, "tokens": tokens.collect::<Value>(), "log_prob": base.sum() },
        "encoders": evidence.anatomy.encoder_names(),
        "interventions": evidence.effects.iter().map(|effect| effect_json(evidence, effect)).collect::<Value>(),
        "shapley": games.collect::<serde_json::Map<String, Value>>(),
        "region_cells": evidence.region,
        "runs": evidence.runs,
        "notes": evidence.notes,
    })
}

fn effect_json(evidence: &Evidence, effect: &Effect) -> Value {
    let answer = effect.answer.as_ref().map(|answer| json!({ "text": answer.text, "token_ids": answer.ids }));
    json!({
        "name": effect.name,
        "with": effect.interventions.to_spec(&evidence.anatomy),
        "words": effect.interventions.words(&evidence.anatomy),
        "interventions": effect.interventions,
        "log_probs": effect.score.log_probs,
        "delta_log_probs": deltas(evidence, effect),
        "delta_log_prob": effect.score.sum() - evidence.base.sum(),
        "kl": effect.score.kl,
        "first_id": effect.score.first_id(),
        "changes": effect.divergence.is_some(),
        "changes_at": effect.divergence,
        "answer": answer,
    })
}

/// Δ log p of each token.
fn deltas(evidence: &Evidence, effect: &Effect) -> Vec<f32> {
    effect.score.log_probs.iter().zip(&evidence.base.log_probs).map(|(with, without)| with - without).collect()
}

/// The answer, a line for each intervention with its tokens below, and the Shapley values.
pub fn table(evidence: &Evidence) -> String {
    let mut text = String::new();
    let tokens = evidence.answer.len();
    let plural = if tokens == 1 { "" } else { "s" };
    // Writing to a string cannot fail, here and below.
    let _ =
        writeln!(text, "answer: {} ({tokens} token{plural}, log p {:.3})", quote(&evidence.text), evidence.base.sum());
    let rows: Vec<(String, &Effect)> = evidence
        .effects
        .iter()
        .map(|effect| {
            let spec = effect.interventions.to_spec(&evidence.anatomy);
            (if spec == effect.name { spec } else { format!("{} ({spec})", effect.name) }, effect)
        })
        .collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().max(12);
    let _ = writeln!(text, "\n{:width$}  Δ log p   KL first  greedy answer", "intervention");
    for (name, effect) in rows {
        let pad = width - name.chars().count();
        let sum = effect.score.sum() - evidence.base.sum();
        let greedy = match (effect.divergence, &effect.answer) {
            (None, _) => "unchanged".to_owned(),
            (Some(_), Some(answer)) => format!("becomes {}", quote(&answer.text)),
            (Some(at), None) => format!("changes at token {}", at + 1),
        };
        let _ = writeln!(text, "{name}{:pad$}  {sum:>+8.3}  {:>8.4}  {greedy}", "", effect.score.kl);
        let by_token = evidence.answer.iter().zip(deltas(evidence, effect));
        let by_token = by_token.map(|(token, delta)| format!("{} {delta:+.3}", printable::line(&token.text)));
        let _ = writeln!(text, "    by token: {}", by_token.collect::<Vec<_>>().join(" · "));
    }
    let names = evidence.anatomy.encoder_names();
    for game in &evidence.games {
        let kind = match game.kind.name() {
            "swap" => "others swapped for another image's",
            _ => "others masked",
        };
        let values = names.iter().zip(&game.shapley.values).map(|(name, value)| format!("{name} {value:+.3}"));
        let _ = writeln!(text, "\nShapley values of log p ({kind}): {}", values.collect::<Vec<_>>().join(" · "));
    }
    for note in &evidence.notes {
        let _ = writeln!(text, "\nnote: {note}");
    }
    text.push_str("\nΔ log p: how the logarithm of the whole answer's probability changed (nats); below 0 it became less likely.\n");
    text
}

/// A text on one line, in quotes and cut where it is long.
fn quote(text: &str) -> String {
    let text = printable::line(text);
    if text.chars().count() <= SHOWN {
        return format!("“{text}”");
    }
    format!("“{}…”", text.chars().take(SHOWN).collect::<String>())
}
