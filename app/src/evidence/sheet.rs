//! Evidence as a figure: the numbers of one part of it, with the words without which they would mislead.

use super::checks::{AnswerCheck, MapSays, Shuffled, Spread};
use super::curves::Band;
use super::{Findings, Joint, LayerColumn, Measure, Removal, Rung, Section, Shown, plan, ranks};
use crate::figure::Theme;
use crate::figure::sheet::{Field, Row, Sheet};
use opabinia_engine::probe::chain::{Dropped, HopKind};
use opabinia_engine::probe::evidence::{GameKind, GradientOf, Way};
use opabinia_engine::sva::HEADS;
use opabinia_shaders::ColourMap;

/// The figure of what is `shown` of `findings`, about `model` and the image that people call `image`.
pub fn sheet(findings: &Findings, shown: &Shown, model: &str, image: &str, theme: Theme) -> Sheet {
    let evidence = findings.evidence();
    let of = match shown.token.and_then(|t| Some((t, evidence.answer.get(t)?))) {
        Some((t, token)) => format!("token {} ({})", t + 1, quoted(&token.text)),
        None => "the whole answer".to_owned(),
    };
    let subtitle = vec![
        format!("{model} · {image} · {}", quoted(&evidence.question)),
        format!("Answer {} (log p {:.3}); effects are of {of}", quoted(&evidence.text), evidence.base.sum()),
    ];
    let empty = Sheet {
        title: String::new(),
        subtitle,
        heads: Vec::new(),
        rows: Vec::new(),
        plots: Vec::new(),
        field: (74, 28),
        scale: None,
        caption: Vec::new(),
        theme,
    };
    match shown.section {
        Section::Encoders => encoders(findings, shown, empty),
        Section::Tokens => tokens(findings, shown, empty),
        Section::Layers => layers(findings, shown, empty),
        Section::Cells => cells(findings, shown, empty),
        Section::Curves => curves(findings, shown, empty),
        Section::Chain => chain(findings, shown, empty),
        Section::Features => features(findings, shown, empty),
        Section::Lens => lens(findings, shown, empty),
        Section::Checks => checks(findings, shown, empty),
    }
}

/// What every figure of effects says of them.
const BASELINE: &str = "Δ log p is measured against the run without interventions, the answer's tokens given (teacher forcing), in nats; \
                        below 0 the answer became less likely. Effects of single removals do not add up to that of a joint one.";

fn encoders(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let names = findings.anatomy().encoder_names();
    let columns: Vec<(Measure, Vec<Option<f64>>)> = Measure::ALL
        .into_iter()
        .map(|measure| (measure, findings.column(measure, shown.token)))
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    let table = ColourMap::Diverging.table();
    let rows = names.iter().enumerate().map(|(k, name)| {
        let field = |(measure, values): &(Measure, Vec<Option<f64>>)| {
            let rank = ranks(*measure, values).get(k).copied().flatten();
            let Some((value, rank)) = values.get(k).copied().flatten().zip(rank) else { return Field::default() };
            let most = values.iter().flatten().map(|value| value.abs()).fold(0.0, f64::max);
            let fill = (measure.rung() == Rung::Intervention && most > 0.0).then(|| colour(table, value / most));
            Field { text: format!("{} ({rank})", number(*measure, value)), fill }
        };
        Row { name: name.clone(), fields: columns.iter().map(field).collect() }
    });
    let rows = rows.collect();
    let mut caption = Vec::new();
    if let Some(verdict) = findings.verdict(shown.removal, shown.token) {
        caption.push(verdict_words(&verdict, &names, shown.removal));
    }
    caption.extend(findings.joint(shown.token).iter().map(|joint| joint_words(joint, &names)));
    caption.push("Ranks stand in parentheses. Share, lift: attention (correlational): where it read. Norm: how much was written. Gradient × attention: local \
         sensitivity. Δ log p, Shapley: interventions: what changed in this model on this image; necessity here, not the worth of \
         an encoder. Masked and zeroed inputs are off-distribution, swapped ones are not."
        .to_owned());
    caption.push(BASELINE.to_owned());
    let heads = columns.iter().map(|(measure, _)| head(*measure)).collect();
    Sheet { title: "What each encoder was worth to this answer".into(), heads, rows, field: (92, 30), caption, ..sheet }
}

fn tokens(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let evidence = findings.evidence();
    let names = findings.anatomy().encoder_names();
    let mut heads: Vec<Vec<String>> =
        names.iter().map(|name| vec![shown.removal.name().to_owned(), name.clone()]).collect();
    heads.push(vec!["blank".into(), "picture".into()]);
    let of = |t: usize| {
        let each = (0..names.len()).map(|k| findings.delta_under(&shown.removal.of(k), Some(t)));
        each.chain([findings.blank(Some(t))]).collect::<Vec<_>>()
    };
    let rows: Vec<(String, Vec<Option<f64>>)> =
        evidence.answer.iter().enumerate().map(|(t, token)| (quoted(&token.text), of(t))).collect();
    let caption = vec![
        format!(
            "Interventions: Δ log p of each token when an encoder is taken away ({}), or the picture replaced by an even grey of \
             its size (blank): the negative of its reliance on the picture.",
            shown.removal.name()
        ),
        BASELINE.to_owned(),
    ];
    coloured(Sheet { title: "Token by token".into(), heads, field: (92, 28), caption, ..sheet }, rows, true)
}

fn layers(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let anatomy = findings.anatomy();
    let names = anatomy.encoder_names();
    let columns: Vec<LayerColumn> = LayerColumn::all(names.len()).collect();
    let heads = columns.iter().map(|column| match column {
        LayerColumn::Skip => vec!["skip".to_owned(), "layer".to_owned()],
        LayerColumn::Mask(k) => vec!["mask".to_owned(), names.get(*k).cloned().unwrap_or_default()],
        LayerColumn::Head(head) => vec![if *head == 0 { "head" } else { "" }.to_owned(), head.to_string()],
    });
    let heads = heads.collect();
    let rows = anatomy.layers().map(|layer| {
        let values = columns.iter().map(|column| findings.layer(layer, *column, shown.token)).collect();
        (anatomy.label(layer), values)
    });
    let rows: Vec<(String, Vec<Option<f64>>)> = rows.collect();
    let mut caption = vec![format!(
        "Interventions: Δ log p when an SVA layer returns its input, an encoder is masked in it, or the output of one of its {HEADS} heads is \
         zero."
    )];
    for together in plan::joint_layers() {
        if let Some(delta) = findings.delta_under(&together, shown.token) {
            caption.push(format!("Together: {} {}.", together.to_spec(anatomy), signed(delta)));
        }
    }
    caption.push(BASELINE.to_owned());
    coloured(
        Sheet { title: "What each layer and head was worth".into(), heads, field: (60, 28), caption, ..sheet },
        rows,
        true,
    )
}

fn cells(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let side = findings.anatomy().side();
    let mut grid: Vec<Vec<Option<f64>>> = vec![vec![None; side]; side];
    // Larger blocks first, so that finer ones take their place.
    for (block, delta) in findings.blocks(shown.target, shown.token) {
        let rows = grid.iter_mut().skip(block.row).take(block.rows);
        rows.flat_map(|row| row.iter_mut().skip(block.column).take(block.columns)).for_each(|cell| *cell = Some(delta));
    }
    let names = findings.anatomy().encoder_names();
    let target = shown.target.and_then(|k| names.get(k).cloned()).unwrap_or_else(|| "all encoders".to_owned());
    let caption = vec![
        format!(
            "Interventions: Δ log p when the tokens of {target} under a cell of the padded query grid are replaced by the mean over all of \
             the encoder's tokens. Where single cells are not measured yet, a field holds the effect of the block it lies in. Empty: \
             padding, or not measured."
        ),
        BASELINE.to_owned(),
    ];
    let rows = grid.into_iter().map(|row| (String::new(), row)).collect();
    let size = (560 / side.max(1) as u32).clamp(14, 64);
    let title = format!("What each cell was worth ({target})");
    coloured(Sheet { title, field: (size, size), caption, ..sheet }, rows, size >= 48)
}

fn curves(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let names = findings.anatomy().encoder_names();
    let target = shown.target.and_then(|k| names.get(k).cloned()).unwrap_or_else(|| "all encoders".to_owned());
    let title = format!("How faithful orders of cells are ({target})");
    let wanted = shown.token.map_or(GradientOf::Answer, GradientOf::Token);
    let mut known = findings.evidence().curves.iter().map(|curve| curve.of);
    let Some(of) = known.rfind(|of| of.target == shown.target && of.of == wanted) else {
        return Sheet { title, ..sheet };
    };
    let plots = Way::ALL.map(|way| (way.name().to_owned(), findings.curve_plot(of, way))).to_vec();
    let field = |value: Option<f64>| Field { text: value.map_or_else(|| "–".to_owned(), signed), fill: None };
    let mut rows: Vec<Row> = findings
        .curve_rows(of)
        .iter()
        .map(|row| {
            let fields =
                row.areas.iter().flat_map(|area| [area.map(|(area, _)| area), area.and_then(|(_, part)| part)]);
            Row { name: row.order.to_string(), fields: fields.map(field).collect() }
        })
        .collect();
    let random = findings.random_curves(of);
    if let Some((_, _, count)) = random[0] {
        let mean = |band: &Band| band.map(|(mean, deviation, _)| format!("{} ± {deviation:.3}", signed(mean)));
        let fields = random.iter().flat_map(|band| [mean(band), band.map(|_| signed(0.0))]);
        let fields = fields.map(|text| Field { text: text.unwrap_or_default(), fill: None }).collect();
        rows.push(Row { name: format!("random ({count})"), fields });
    }
    let heads = ["deletion", "insertion"]
        .iter()
        .flat_map(|way| ["area", "normalised"].map(|what| vec![(*way).to_owned(), what.to_owned()]));
    let caption = vec![
        format!(
            "Interventions: squares of {0} × {0} cells of {target} are replaced by the mean over all of the encoder's tokens, one after the other (deletion), or given back (insertion). Area: mean Δ log p along the curve (nats); a faithful order has a low one in deletion and a high one in insertion. Normalised: 0 is the mean of the random orders, 1 the greedy order. Grey: the range of the random orders.",
            of.unit
        ),
        BASELINE.to_owned(),
    ];
    Sheet { title, plots, heads: heads.collect(), rows, field: (104, 28), caption, ..sheet }
}

fn chain(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let title = "From a token back to pixels".to_owned();
    let Some(chain) = shown.token.and_then(|token| findings.chain(token, shown.decoder)) else {
        return Sheet { title, ..sheet };
    };
    let part = |value: f64| Field { text: format!("{:.2} %", 100.0 * value), fill: None };
    let mut rows: Vec<Row> = Vec::new();
    for hop in &chain.hops {
        rows.push(Row { name: hop_words(hop.kind).to_owned(), fields: vec![part(hop.kept), Field::default()] });
        for (what, mass) in &hop.dropped {
            rows.push(Row { name: dropped_words(*what).to_owned(), fields: vec![Field::default(), part(*mass)] });
        }
        if hop.kind == HopKind::Sva {
            for (name, encoder) in findings.anatomy().encoder_names().iter().zip(&chain.encoders) {
                rows.push(Row { name: format!("· {name}"), fields: vec![part(encoder.mass), Field::default()] });
            }
        }
    }
    let caption = vec![format!(
        "Attention (correlational), of 1: {}; then the SVA's, averaged over its layers and heads. What is kept at last and all that was dropped add up to 1. Where it was read, not what that was worth; states mix in every layer, and encoders see more than the patch a token lies over.",
        shown.decoder.words()
    )];
    let heads = vec![vec!["kept".to_owned()], vec!["dropped".to_owned()]];
    Sheet { title, heads, rows, field: (110, 26), caption, ..sheet }
}

/// A step of a chain in words.
pub fn hop_words(kind: HopKind) -> &'static str {
    match kind {
        HopKind::Decoder => "token → cells",
        HopKind::Sva => "cells → encoders",
        HopKind::Windows => "encoders → tokens",
        HopKind::Pixels => "tokens → pixels",
    }
}

/// What a chain drops, in words.
pub fn dropped_words(what: Dropped) -> &'static str {
    match what {
        Dropped::Before => "text before",
        Dropped::Newlines => "newline tokens",
        Dropped::After => "text after",
        Dropped::Unread => "unread cells",
        Dropped::PaddedTokens => "padded tokens",
        Dropped::PaddedPixels => "padded pixels",
    }
}

fn features(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let names = findings.anatomy().encoder_names();
    let k = shown.target.unwrap_or(0);
    let directions = if shown.shared { "after the projector, shared directions" } else { "own directions" };
    let title = format!("Features of {} ({directions})", names.get(k).map_or("?", String::as_str));
    let features = findings.evidence().features.as_ref();
    let maps = features.map(|features| if shown.shared { &features.shared } else { &features.own });
    let Some(map) = maps.and_then(|maps| maps.get(k)) else {
        return Sheet { title, ..sheet };
    };
    let byte = |part: f32| (part.clamp(0.0, 1.0) * 255.0).round() as u8;
    let fields = map.colours.iter().enumerate().map(|(token, colour)| Field {
        text: if map.sinks.contains(&token) { "×".to_owned() } else { String::new() },
        fill: colour.map(|colour| colour.map(byte)),
    });
    let fields: Vec<Field> = fields.collect();
    let rows = fields.chunks(map.side.max(1)).map(|row| Row { name: String::new(), fields: row.to_vec() }).collect();
    let size = (560 / map.side.max(1) as u32).clamp(6, 64);
    let [red, green, blue] = map.explained.map(|part| 100.0 * part);
    let caption = vec![format!(
        "Features (correlational): the three directions in which the encoder's tokens differ most, as red ({red:.0} % of the variance), green ({green:.0} %) and blue ({blue:.0} %), each from its 2nd to its 98th percentile; a direction points to where its distribution leans. Effective rank {:.1}. ×: a token with an abnormal norm. Empty: padding.",
        map.effective_rank
    )];
    Sheet { title, rows, field: (size, size), caption, ..sheet }
}

fn lens(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let title = "What the decoder would say at a cell".to_owned();
    let Some((lens, [row, column])) = findings.evidence().lens.as_ref().zip(shown.cell) else {
        return Sheet { title, ..sheet };
    };
    let Some(cell) = lens.cell(row, column) else { return Sheet { title, ..sheet } };
    let words = |tokens: Option<&Vec<(String, f32)>>| Field {
        text: tokens.into_iter().flatten().map(|(text, _)| quoted(text)).collect::<Vec<_>>().join(" "),
        fill: None,
    };
    let rows = lens.samplers.iter().map(|sampler| Row {
        name: format!("after layer {}", sampler.layer),
        fields: vec![words(sampler.before.get(cell)), words(sampler.after.get(cell))],
    });
    let rows = rows.collect();
    let caption = vec![format!(
        "Logit lens, a hint: the five likeliest tokens of the hidden state at cell ({row}, {column}) before and after each sampler, through the final norm and the output matrix. States between layers are not trained to be read this way; a blank lens is not a blank token."
    )];
    let heads = vec![vec!["before the sampler".to_owned()], vec!["after it".to_owned()]];
    Sheet { title, heads, rows, field: (330, 28), caption, ..sheet }
}

fn checks(findings: &Findings, shown: &Shown, sheet: Sheet) -> Sheet {
    let number = |spread: &Spread| Field {
        text: format!("{} ({} … {})", signed(spread.mean), signed(spread.low), signed(spread.high)),
        fill: None,
    };
    let maps = findings.map_checks();
    let mut rows: Vec<Row> = maps
        .iter()
        .map(|check| Row {
            name: check.measure.name(),
            fields: vec![number(&check.agreement), Field { text: says_words(check.says()).to_owned(), fill: None }],
        })
        .collect();
    for shuffled in Shuffled::ALL {
        if let Some(check) = findings.answer_check(shuffled, shown.token) {
            let changed = format!("{} of {} answers changed", check.changed, check.delta.count);
            let fields = vec![number(&check.delta), Field { text: changed, fill: None }];
            rows.push(Row { name: format!("Δ log p, {}", shuffled.name()), fields });
        }
    }
    let mut caption = vec![
        "Interventions: the columns of every matrix of the SVA are shuffled (shuffle_weights), or its attention among the keys of each cell and \
         head (shuffle_attention). Of maps: Spearman's rank correlation, over cells and encoders, of the map with shuffled weights and the map \
         with trained ones; a map that stays shows how many tokens each encoder has under a cell more than what was learned. Mean over \
         shuffles (least … largest)."
            .to_owned(),
    ];
    caption.extend(
        findings.answer_check(Shuffled::Attention, shown.token).map(|check| attention_words(&check).to_owned()),
    );
    caption.push(BASELINE.to_owned());
    let heads = vec![vec!["mean (range)".to_owned()], vec!["says".to_owned()]];
    Sheet { title: "Checks by shuffling".into(), heads, rows, field: (210, 28), caption, ..sheet }
}

/// What a map shows, in words.
pub fn says_words(says: MapSays) -> &'static str {
    match says {
        MapSays::Geometry => "stays: geometry",
        MapSays::Both => "changes in part",
        MapSays::Learned => "changes: learned",
    }
}

/// What shuffled attention did, in words.
pub fn attention_words(check: &AnswerCheck) -> &'static str {
    if check.costs() {
        "Where the SVA attends matters to this answer: shuffled attention makes it less likely."
    } else {
        "Shuffled attention does not make this answer less likely: do not explain it by where the SVA attends."
    }
}

/// `rows` of effects, coloured on one scale about 0; with their numbers if `written`.
fn coloured(sheet: Sheet, rows: Vec<(String, Vec<Option<f64>>)>, written: bool) -> Sheet {
    let table = ColourMap::Diverging.table();
    let most = rows.iter().flat_map(|(_, values)| values.iter().flatten()).map(|value| value.abs()).fold(0.0, f64::max);
    let reach = if most > 0.0 { most } else { 1.0 };
    let field = |value: Option<f64>| {
        value.map_or_else(Field::default, |value| Field {
            text: if written { signed(value) } else { String::new() },
            fill: Some(colour(table, value / reach)),
        })
    };
    let rows = rows.into_iter().map(|(name, values)| Row { name, fields: values.into_iter().map(field).collect() });
    let scale = Some((table.to_vec(), -reach, reach, "Δ log p (nats), intervention".to_owned()));
    Sheet { rows: rows.collect(), scale, ..sheet }
}

/// The colour of a part of the range, −1 to 1.
pub fn colour(table: &[[u8; 3]], part: f64) -> [u8; 3] {
    let last = table.len().saturating_sub(1);
    let at = ((part.clamp(-1.0, 1.0) + 1.0) / 2.0 * last as f64).round() as usize;
    table.get(at).copied().unwrap_or_default()
}

/// What stands above a column.
fn head(measure: Measure) -> Vec<String> {
    match measure {
        Measure::Share => vec!["attention".into(), "share".into()],
        Measure::Lift => vec!["attention".into(), "lift".into()],
        Measure::Norm => vec!["contribution".into(), "norm".into()],
        Measure::Gradient => vec!["gradient".into(), "× attention".into()],
        Measure::Relevancy => vec!["gradient".into(), "relevancy".into()],
        Measure::Removal(removal) => vec!["Δ log p".into(), removal.name().into()],
        Measure::Shapley(GameKind::Mask) => vec!["Shapley".into(), "mask".into()],
        Measure::Shapley(GameKind::Swap) => vec!["Shapley".into(), "swap".into()],
    }
}

/// A value of `measure` as it is written.
pub fn number(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Share => format!("{value:.3}"),
        Measure::Lift => format!("×{value:.2}"),
        Measure::Norm => format!("{value:.3}"),
        Measure::Relevancy => format!("{value:.4}"),
        Measure::Gradient | Measure::Removal(_) | Measure::Shapley(_) => signed(value),
    }
}

/// A number with its sign.
pub fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    // What rounds to nothing has no sign.
    if text.trim_start_matches(['+', '-']) == "0.000" { "0.000".to_owned() } else { text.replace('-', "−") }
}

/// What attention and intervention say together, in a sentence.
pub fn verdict_words(verdict: &super::Verdict, names: &[String], removal: Removal) -> String {
    let name = |k: usize| names.get(k).map_or("?", String::as_str);
    let (attended, lift) = verdict.attended;
    match verdict.needed {
        None => format!(
            "Attention favours {} (lift ×{lift:.2}), but no single removal ({}) made this answer less likely.",
            name(attended),
            removal.name()
        ),
        Some((needed, delta)) if needed == attended => format!(
            "Attention and intervention agree: {} has the highest lift (×{lift:.2}) and its removal ({}) cost most ({}).",
            name(attended),
            removal.name(),
            signed(delta)
        ),
        Some((needed, delta)) => format!(
            "Attention and intervention disagree: {} has the highest lift (×{lift:.2}), but removing {} ({}) cost most ({}).",
            name(attended),
            name(needed),
            removal.name(),
            signed(delta)
        ),
    }
}

fn joint_words(joint: &Joint, names: &[String]) -> String {
    let who: Vec<&str> = joint.encoders.iter().filter_map(|k| names.get(*k)).map(String::as_str).collect();
    format!(
        "Without {} together: {}; one by one they add up to {}.",
        who.join(" + "),
        signed(joint.together),
        signed(joint.sum)
    )
}

/// A text on one line, in quotes and cut where it is long.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let line = opabinia_engine::printable::line(text);
    let line = line.trim();
    if line.chars().count() <= LONGEST {
        return format!("“{line}”");
    }
    format!("“{}…”", line.chars().take(LONGEST).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounds_to_nothing_has_no_sign() {
        assert_eq!([-0.0001, 0.0, 0.0004, -1.25, 2.0].map(signed), ["0.000", "0.000", "0.000", "−1.250", "+2.000"]);
    }

    #[test]
    fn colours_lie_about_the_middle() {
        let table = [[0; 3], [1; 3], [2; 3]];
        assert_eq!([-1.0, 0.0, 1.0, 9.0].map(|part| colour(&table, part)[0]), [0, 1, 2, 2]);
        assert_eq!(colour(&[], 0.0), [0; 3]);
    }
}
