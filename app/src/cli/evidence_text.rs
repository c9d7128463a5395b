//! Measured evidence as a table for people and as JSON.

use crate::evidence::DecoderChoice;
use crate::evidence::checks::{Shuffled, Spread};
use crate::evidence::sheet::{attention_words, dropped_words, hop_words, number, says_words, signed, verdict_words};
use crate::evidence::{Findings, Measure, Removal};
use opabinia_engine::printable;
use opabinia_engine::probe::evidence::{CurvesOf, Effect, Evidence, FeatureMap, Way, normalised};
use serde_json::{Value, json};
use std::fmt::Write;

/// Characters of an answer that a line of the table shows.
const SHOWN: usize = 60;

/// Everything that was measured.
pub fn json(findings: &Findings, decoder: DecoderChoice) -> Value {
    let evidence = findings.evidence();
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
        "faithfulness": faithfulness_json(findings),
        "chains": chains_json(findings, decoder),
        "features": features_json(evidence),
        "randomised": randomised_json(findings),
        "lens": lens_json(evidence),
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
pub fn table(findings: &Findings, decoder: DecoderChoice) -> String {
    let evidence = findings.evidence();
    let mut text = String::new();
    let tokens = evidence.answer.len();
    let plural = if tokens == 1 { "" } else { "s" };
    // Writing to a string cannot fail, here and below.
    let _ =
        writeln!(text, "answer: {} ({tokens} token{plural}, log p {:.3})", quote(&evidence.text), evidence.base.sum());
    encoders_table(&mut text, findings);
    let n = findings.encoders();
    let stands_above = |effect: &&Effect| {
        let removals = Removal::ALL.into_iter().flat_map(|removal| (0..n).map(move |k| removal.of(k)));
        evidence.means.is_some()
            && effect.answer.is_none()
            && removals.into_iter().any(|one| one == effect.interventions)
    };
    let rows: Vec<(String, &Effect)> = evidence
        .effects
        .iter()
        .filter(|effect| !stands_above(effect))
        .map(|effect| {
            let spec = effect.interventions.to_spec(&evidence.anatomy);
            (if spec == effect.name { spec } else { format!("{} ({spec})", effect.name) }, effect)
        })
        .collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().max(12);
    if !rows.is_empty() {
        let _ = writeln!(text, "\n{:width$}  Δ log p   KL first  greedy answer", "intervention");
    }
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
    for of in kinds(evidence) {
        curves_table(&mut text, findings, of);
    }
    for reading in &evidence.readings {
        chain_table(&mut text, findings, reading.token, decoder);
    }
    checks_table(&mut text, findings);
    if let Some(features) = &evidence.features {
        text.push_str("\nfeatures: effective rank, tokens with an abnormal norm\n");
        for (name, map) in names.iter().zip(&features.own) {
            let _ =
                writeln!(text, "  {name:<12} {:>8.2}  {} of {}", map.effective_rank, map.sinks.len(), map.norms.len());
        }
    }
    if evidence.lens.is_some() {
        text.push_str("\nlens: read at every cell of the image; --json prints it, and it is too long for a table\n");
    }
    for note in &evidence.notes {
        let _ = writeln!(text, "\nnote: {note}");
    }
    if !evidence.effects.is_empty() {
        text.push_str("\nΔ log p: how the logarithm of the whole answer's probability changed (nats); below 0 it became less likely.\n");
    }
    text
}

/// A line for each number that encoders have, where their means were measured, and what attention and intervention say together.
fn encoders_table(text: &mut String, findings: &Findings) {
    if findings.evidence().means.is_none() {
        return;
    }
    let names = findings.anatomy().encoder_names();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().max(9) + 2;
    let heads: String = names.iter().map(|name| format!("{name:>width$}")).collect();
    let _ = writeln!(text, "\n{:<28}{heads}", "each encoder");
    for measure in Measure::ALL {
        let values = findings.column(measure, None);
        if values.iter().any(Option::is_some) {
            let shown = |value: &Option<f64>| value.map_or_else(|| "–".to_owned(), |value| number(measure, value));
            let values: String = values.iter().map(|value| format!("{:>width$}", shown(value))).collect();
            let _ = writeln!(text, "{:<28}{values}", measure.name());
        }
    }
    if let Some(verdict) = findings.verdict(Removal::default(), None) {
        let _ = writeln!(text, "\n{}", verdict_words(&verdict, &names, Removal::default()));
    }
}

/// The kinds of curves that were measured, in their order.
fn kinds(evidence: &Evidence) -> Vec<CurvesOf> {
    let mut kinds: Vec<CurvesOf> = evidence.curves.iter().map(|curve| curve.of).collect();
    kinds.dedup();
    kinds
}

fn curves_table(text: &mut String, findings: &Findings, of: CurvesOf) {
    let names = findings.anatomy().encoder_names();
    let target = of.target.and_then(|k| names.get(k)).map_or("all encoders", String::as_str);
    let _ = writeln!(text, "\ndeletion and insertion of cells, {target}, squares of {0} × {0} (intervention)", of.unit);
    let _ = writeln!(
        text,
        "{:<12} {:>10} {:>11} {:>10} {:>11}",
        "order", "deletion", "normalised", "insertion", "normalised"
    );
    for row in findings.curve_rows(of) {
        let _ = write!(text, "{:<12}", row.order.to_string());
        for area in row.areas {
            let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), signed);
            let _ = write!(
                text,
                " {:>10} {:>11}",
                number(area.map(|(area, _)| area)),
                number(area.and_then(|(_, part)| part))
            );
        }
        text.push('\n');
    }
    if let [Some((deletion, spread, count)), Some((insertion, other, _))] = findings.random_curves(of) {
        let name = format!("random ({count})");
        let _ = writeln!(
            text,
            "{name:<12} {:>10} {:>11} {:>10} {:>11}",
            signed(deletion),
            format!("± {spread:.3}"),
            signed(insertion),
            format!("± {other:.3}")
        );
    }
    text.push_str("area: mean Δ log p along the curve; an order is better the lower it is in deletion and the higher in insertion\n");
}

fn checks_table(text: &mut String, findings: &Findings) {
    let spread = |of: Spread| format!("{} ({} … {})", signed(of.mean), signed(of.low), signed(of.high));
    let maps = findings.map_checks();
    if let Some(first) = maps.first() {
        let _ = writeln!(
            text,
            "\nmaps with the SVA's weights shuffled: rank correlation with the trained ones over cells and encoders, mean of {} \
             (least … largest)",
            first.agreement.count
        );
    }
    for check in maps {
        let says = says_words(check.says());
        let _ = writeln!(text, "  {:<22} {:<26} {says}", check.measure.name(), spread(check.agreement));
    }
    let answers = Shuffled::ALL.map(|shuffled| (shuffled, findings.answer_check(shuffled, None)));
    if answers.iter().any(|(_, check)| check.is_some()) {
        text.push_str("\nthe answer with something shuffled: mean Δ log p (least … largest)\n");
    }
    for (shuffled, check) in answers {
        let Some(check) = check else { continue };
        let (changed, count) = (check.changed, check.delta.count);
        let _ = writeln!(
            text,
            "  {:<22} {:<26} {changed} of {count} answers changed",
            shuffled.name(),
            spread(check.delta)
        );
        if shuffled == Shuffled::Attention {
            let _ = writeln!(text, "{}", attention_words(&check));
        }
    }
}

fn chain_table(text: &mut String, findings: &Findings, token: usize, decoder: DecoderChoice) {
    let said = findings.evidence().answer.get(token).map_or("", |token| token.text.as_str());
    let _ =
        writeln!(text, "\nchain of token {} ({}): {} (attention)", token + 1, printable::line(said), decoder.words());
    let Some(chain) = findings.chain(token, decoder) else {
        text.push_str("  this model has no such layer and head\n");
        return;
    };
    for hop in &chain.hops {
        let dropped = hop.dropped.iter().map(|(what, mass)| format!("{} {:.2} %", dropped_words(*what), 100.0 * mass));
        let dropped = dropped.collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "  {:<18} kept {:>6.2} %   dropped: {dropped}", hop_words(hop.kind), 100.0 * hop.kept);
    }
    let names = findings.anatomy().encoder_names();
    let each = names.iter().zip(&chain.encoders).map(|(name, one)| format!("{name} {:.2} %", 100.0 * one.mass));
    let _ = writeln!(text, "  encoders: {}", each.collect::<Vec<_>>().join(" · "));
}

fn faithfulness_json(findings: &Findings) -> Value {
    let evidence = findings.evidence();
    let kind = |of: CurvesOf| {
        let curves = findings.curves(of).map(|curve| {
            let normalised = normalised(&evidence.curves, curve);
            json!({
                "order": curve.order.to_string(),
                "way": curve.way.name(),
                "area": curve.area(),
                "normalised": normalised,
                "sequence": curve.sequence,
                "cells": curve.cells,
                "log_p": curve.log_p,
            })
        });
        let random = findings.random_curves(of);
        let random = Way::ALL.iter().zip(random).map(|(way, band)| {
            let band =
                band.map(|(mean, deviation, count)| json!({ "mean": mean, "deviation": deviation, "count": count }));
            (way.name().to_owned(), band.unwrap_or_default())
        });
        json!({
            "encoder": of.target,
            "of": of.of.name(),
            "unit": of.unit,
            "fill": "mean",
            "curves": curves.collect::<Value>(),
            "random": random.collect::<serde_json::Map<String, Value>>(),
        })
    };
    kinds(evidence).into_iter().map(kind).collect()
}

fn chains_json(findings: &Findings, decoder: DecoderChoice) -> Value {
    let names = findings.anatomy().encoder_names();
    let one = |token: usize| {
        let chain = findings.chain(token, decoder)?;
        let hops = chain.hops.iter().map(|hop| {
            let dropped = hop.dropped.iter().map(|(what, mass)| (what.name().to_owned(), json!(mass)));
            let dropped = dropped.collect::<serde_json::Map<String, Value>>();
            json!({ "hop": hop.kind.name(), "kept": hop.kept, "dropped": dropped })
        });
        let encoders = names.iter().zip(&chain.encoders).map(|(name, encoder)| {
            json!({ "name": name, "mass": encoder.mass, "tokens": encoder.tokens, "pixels": encoder.pixels })
        });
        Some(json!({
            "token": token,
            "decoder": decoder.words(),
            "hops": hops.collect::<Value>(),
            "rows": [chain.frame.rows.start, chain.frame.rows.end],
            "columns": [chain.frame.columns.start, chain.frame.columns.end],
            "cells": chain.cells,
            "encoders": encoders.collect::<Value>(),
            "total": chain.total(),
        }))
    };
    findings.evidence().readings.iter().filter_map(|reading| one(reading.token)).collect()
}

fn randomised_json(findings: &Findings) -> Value {
    let spread = |of: Spread| json!({ "mean": of.mean, "low": of.low, "high": of.high, "shuffles": of.count });
    let maps = findings.map_checks().into_iter().map(|check| {
        (check.measure.name(), json!({ "rank_correlation": spread(check.agreement), "says": says_words(check.says()) }))
    });
    let maps = maps.collect::<serde_json::Map<String, Value>>();
    let answers = Shuffled::ALL.into_iter().filter_map(|shuffled| {
        let check = findings.answer_check(shuffled, None)?;
        let object = json!({ "delta_log_prob": spread(check.delta), "answers_changed": check.changed });
        Some((shuffled.name().to_owned(), object))
    });
    let answers = answers.collect::<serde_json::Map<String, Value>>();
    if maps.is_empty() && answers.is_empty() { Value::Null } else { json!({ "maps": maps, "answers": answers }) }
}

fn features_json(evidence: &Evidence) -> Value {
    let Some(features) = &evidence.features else { return Value::Null };
    let names = evidence.anatomy.encoder_names();
    let one = |(name, (own, shared)): (&String, (&FeatureMap, &FeatureMap))| {
        json!({
            "name": name,
            "effective_rank": own.effective_rank,
            "explained": own.explained,
            "abnormal_norms": own.sinks,
            "projected": { "effective_rank": shared.effective_rank, "explained": shared.explained, "abnormal_norms": shared.sinks },
        })
    };
    names.iter().zip(features.own.iter().zip(&features.shared)).map(one).collect()
}

fn lens_json(evidence: &Evidence) -> Value {
    let Some(lens) = &evidence.lens else { return Value::Null };
    let samplers = lens
        .samplers
        .iter()
        .map(|sampler| json!({ "after_layer": sampler.layer, "before": sampler.before, "after": sampler.after }));
    json!({
        "rows": [lens.frame.rows.start, lens.frame.rows.end],
        "columns": [lens.frame.columns.start, lens.frame.columns.end],
        "samplers": samplers.collect::<Value>(),
    })
}

/// A text on one line, in quotes and cut where it is long.
fn quote(text: &str) -> String {
    let text = printable::line(text);
    if text.chars().count() <= SHOWN {
        return format!("“{text}”");
    }
    format!("“{}…”", text.chars().take(SHOWN).collect::<String>())
}
