//! Evidence as a figure: the numbers of one part of it, with the words without which they would mislead.

use super::{Findings, Joint, LayerColumn, Measure, Removal, Rung, Section, Shown, plan, ranks};
use crate::figure::Theme;
use crate::figure::sheet::{Field, Row, Sheet};
use opabinia_engine::probe::evidence::GameKind;
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
            let fill = (measure.rung() == Rung::Intervention && most > 0.0).then(|| colour(&table, value / most));
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

/// `rows` of effects, coloured on one scale about 0; with their numbers if `written`.
fn coloured(sheet: Sheet, rows: Vec<(String, Vec<Option<f64>>)>, written: bool) -> Sheet {
    let table = ColourMap::Diverging.table();
    let most = rows.iter().flat_map(|(_, values)| values.iter().flatten()).map(|value| value.abs()).fold(0.0, f64::max);
    let reach = if most > 0.0 { most } else { 1.0 };
    let field = |value: Option<f64>| {
        value.map_or_else(Field::default, |value| Field {
            text: if written { signed(value) } else { String::new() },
            fill: Some(colour(&table, value / reach)),
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
        Measure::Gradient | Measure::Removal(_) | Measure::Shapley(_) => signed(value),
    }
}

/// A number with its sign.
pub fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    // What rounds to nothing has no sign.
    if text.trim_start_matches(['+', '-']) == "0.000" { "0.000".to_owned() } else { text.replace('-', "−") }
}

fn verdict_words(verdict: &super::Verdict, names: &[String], removal: Removal) -> String {
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
