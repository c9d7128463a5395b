//! What came of a question to both sides, for people.

use super::answers::{Between, Compared};
use super::questions::Question;
use crate::encoder_names;
use opabinia_engine::compare::{Basis, LayerComparison, Maps, NAMES, SegmentKind};
use opabinia_engine::generate::Answer;
use opabinia_engine::printable;
use opabinia_engine::probe::Trace;
use std::fmt::Write;

/// Everything that is said of one question.
pub(super) fn report(question: &Question, compared: &Compared) -> String {
    let mut out = String::new();
    let about = question.image.as_ref().map_or_else(String::new, |(path, _)| format!("  ({})", printable::path(path)));
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}{about}", printable::line(&question.prompt));
    for (side, name) in NAMES.iter().enumerate() {
        let answer = &compared.answers[side];
        let (own, other) = match &compared.crossed {
            Some(crossed) => {
                let [own, other] = crossed.sums(side);
                (own, format!(", under {} {other:.3}", NAMES[1 - side]))
            }
            None => (answer.tokens.iter().map(|token| f64::from(token.log_prob)).sum(), String::new()),
        };
        let _ = writeln!(out, "  {name}  {}  [log p {own:.3}{other}]", printable::line(&answer.text));
    }
    if let Some(Between { name, answer, .. }) = &compared.between {
        let own = answer.tokens.iter().map(|token| f64::from(token.log_prob)).sum::<f64>();
        let _ = writeln!(out, "  {name}  {}  [log p {own:.3}]", printable::line(&answer.text));
    }
    alignment(&mut out, compared);
    match (&compared.maps, &compared.traces) {
        (Some(maps), [Some(a), Some(b)]) => attention(&mut out, maps, [a, b]),
        _ if question.image.is_some() => {
            let _ = writeln!(out, "  no maps to compare: a side was shown no image");
        }
        _ => {}
    }
    out
}

fn alignment(out: &mut String, compared: &Compared) {
    let [a, b] = &compared.answers;
    if compared.alignment.iter().all(|segment| segment.kind == SegmentKind::Equal) {
        let _ = writeln!(out, "  all {} tokens are equal", a.tokens.len());
        return;
    }
    for segment in &compared.alignment {
        let (left, right) = (spoken(a, segment.tokens[0].clone()), spoken(b, segment.tokens[1].clone()));
        let _ = match segment.kind {
            SegmentKind::Equal => writeln!(out, "    =  {left}"),
            SegmentKind::SameText => writeln!(out, "    ~  {left}  in other tokens: {right}"),
            SegmentKind::Different => writeln!(out, "    ≠  {} {left}  {} {right}", NAMES[0], NAMES[1]),
        };
    }
    match &compared.crossed {
        Some(crossed) => {
            if let Some(parting) = &crossed.parting {
                let kl = parting
                    .kl
                    .map_or_else(String::new, |[a, b]| format!("; KL(A‖B) there {a:.4} nats, KL(B‖A) {b:.4}"));
                let _ = writeln!(out, "  they part after {} tokens{kl}", parting.at);
            }
        }
        None => {
            let _ = writeln!(out, "  the tokenizers differ: no side can score the other's answer");
        }
    }
}

/// Tokens with the probability of each, in per cent: `The⟨98%⟩ sign⟨100%⟩`.
fn spoken(answer: &Answer, range: std::ops::Range<usize>) -> String {
    let last = answer.tokens.len().saturating_sub(1);
    let tokens = answer.tokens.get(range.clone()).unwrap_or_default();
    if tokens.is_empty() {
        return "nothing".into();
    }
    let each = tokens.iter().zip(range).map(|(token, at)| {
        // The token that ends an answer has no text of its own; others without one are parts of a character.
        let text = if token.text.is_empty() && at == last { "⏎".into() } else { printable::line(&token.text) };
        format!("{text}⟨{:.0}%⟩", f64::from(token.log_prob).exp() * 100.0)
    });
    each.collect()
}

fn attention(out: &mut String, maps: &Maps, traces: [&Trace; 2]) {
    let short = traces.map(|trace| {
        let names: Vec<&str> = trace.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        encoder_names::short(&names)
    });
    let matching = &maps.matching;
    for pair in &matching.encoders {
        let [i, j] = pair.places;
        if !pair.same_name || !pair.same_grid {
            let names = [&traces[0].encoders[i], &traces[1].encoders[j]];
            let [a, b] = names.map(|encoder| format!("{} ({1}×{1})", printable::line(&encoder.name), encoder.side));
            let _ = writeln!(out, "  matched: {a} in A with {b} in B");
        }
    }
    for (side, name) in NAMES.iter().enumerate() {
        let encoders: Vec<&str> = matching.encoders_alone[side].iter().map(|k| short[side][*k].as_str()).collect();
        let layers: Vec<&str> =
            matching.layers_alone[side].iter().map(|at| traces[side].layers[*at].label.as_str()).collect();
        for (what, list) in [("encoders", encoders), ("layers", layers)] {
            if !list.is_empty() {
                let _ =
                    writeln!(out, "  without a counterpart, {what} of {name}: {}", printable::line(&list.join(", ")));
            }
        }
    }
    let names: Vec<String> = matching.encoders.iter().map(|pair| short[0][pair.places[0]].clone()).collect();
    let heads: String = names.iter().map(|name| format!("{:>18}", printable::line(name))).collect();
    let _ = writeln!(out, "  {:<9}{heads}  {:>8}  differs most", "share A→B", "JSD/bit");
    for layer in &maps.layers {
        row(out, layer, maps);
    }
}

fn row(out: &mut String, layer: &LayerComparison, maps: &Maps) {
    let label = if layer.labels[0] == layer.labels[1] { layer.labels[0].clone() } else { layer.labels.join("~") };
    let share = |value: Option<f64>| value.map_or_else(|| "masked".into(), |value| format!("{value:.3}"));
    let shares = maps.matching.encoders.iter().map(|pair| {
        let [a, b] = [0, 1].map(|side| share(layer.shares[side].get(pair.places[side]).copied().flatten()));
        format!("{:>18}", format!("{a}→{b}"))
    });
    let most = match layer.largest(1).first() {
        Some((row, column, value)) if *value > 0.0 => format!("cell {row},{column}: {value:.4}"),
        _ => "nowhere".into(),
    };
    let over = if layer.basis == Basis::Encoders { ", over encoders" } else { "" };
    let resampled = if layer.resampled { ", resampled" } else { "" };
    let _ = writeln!(
        out,
        "  {:<9}{}  {:>8.4}  {most}{over}{resampled}",
        printable::line(&label),
        shares.collect::<String>(),
        layer.mean
    );
}
