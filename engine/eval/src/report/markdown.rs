//! Tables for people.

use super::columns::Columns;
use super::pair::{Pair, check_protocols, nothing_in_common};
use super::summary::{Summary, paired_json};
use crate::error::Result;
use crate::stats::{Paired, Rate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is reported of CV-Bench under its authors' protocol (arXiv 2406.16860, table of final models): name, 2D, 3D. Nobody has
/// held these against the paper's own page for this program, and the report says so.
const PUBLISHED: [(&str, f64, f64); 3] =
    [("cambrian-8b", 72.3, 72.0), ("cambrian-13b", 72.5, 71.8), ("cambrian-34b", 74.0, 79.7)];

fn percent(value: f64) -> String {
    format!("{:.1}", 100.0 * value)
}

fn points(value: f64) -> String {
    format!("{:+.1}", 100.0 * value).replace('-', "−")
}

fn with_interval(rate: Rate) -> String {
    let (low, high) = rate.interval();
    format!("{} [{}, {}]", percent(rate.value()), percent(low), percent(high))
}

/// A cell of a table: nothing of a stranger's text ends it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn row(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn heading(text: &mut String, names: &[&str]) {
    row(text, &names.iter().map(ToString::to_string).collect::<Vec<_>>());
    let rules: Vec<String> =
        names.iter().enumerate().map(|(at, _)| if at == 0 { "---".into() } else { "--:".into() }).collect();
    row(text, &rules);
}

/// The run as a page.
pub fn markdown(columns: &Columns<'_>, summary: &Summary) -> String {
    let header = columns.header;
    let mut text = String::new();
    let _ = writeln!(text, "# {} on {}\n", cell(&header.model.name), cell(&header.data.name));
    let missing = header.data.questions.saturating_sub(summary.items + summary.unanswered);
    let _ = writeln!(
        text,
        "{} of {} questions in {} clusters{}{}{} · protocol `{}`: {} · {}, seed {}\n",
        summary.items,
        header.data.questions,
        summary.clusters,
        if missing > 0 { format!(" · {missing} not asked yet") } else { String::new() },
        if summary.unanswered > 0 { format!(" · {} could not be asked", summary.unanswered) } else { String::new() },
        match header.data.skipped.count() {
            0 => String::new(),
            count => format!(" · {count} rows of the set left out"),
        },
        header.protocol,
        header.rule,
        header.program,
        header.seed,
    );
    unanswered(&mut text, columns);
    main_table(&mut text, columns, summary);
    slices(&mut text, "task", summary, |condition| &condition.tasks);
    slices(&mut text, "source", summary, |condition| &condition.sources);
    slices(&mut text, "type", summary, |condition| &condition.types);
    lengths(&mut text, columns);
    encoders(&mut text, columns, summary);
    eyes(&mut text, summary);
    let _ = writeln!(
        text,
        "Rates: Wilson 95 % intervals. Differences and scores: bootstrap over clusters (2,000, seeded). p: exact McNemar where \
         every cluster is one item, otherwise by flipping signs of clusters; several at once after Holm."
    );
    text
}

/// Which items could not be asked, and why: the first of them.
fn unanswered(text: &mut String, columns: &Columns<'_>) {
    const NAMED: usize = 5;
    if columns.unanswered.is_empty() {
        return;
    }
    for one in columns.unanswered.iter().take(NAMED) {
        let why: Vec<&str> = one.unanswered.lines().map(str::trim).collect();
        let _ = writeln!(text, "- `{}` could not be asked: {}", cell(&one.idx), cell(&why.join("; ")));
    }
    match columns.unanswered.len().saturating_sub(NAMED) {
        0 => {}
        more => drop(writeln!(text, "- {more} more could not be asked: the run's items say why")),
    }
    text.push('\n');
}

fn main_table(text: &mut String, columns: &Columns<'_>, summary: &Summary) {
    let scored = summary.conditions.iter().any(|condition| condition.score.is_some());
    let generated = summary.conditions.iter().any(|condition| condition.unparsed > 0);
    let mut names = vec!["condition", "right % [95 %]"];
    if scored {
        names.push("score % [95 %]");
    }
    if generated {
        names.extend(["no option named", "right % with guesses"]);
    }
    if summary.conditions.iter().any(|condition| condition.mass.is_some()) {
        names.push("mass on options");
    }
    names.extend(["both · only first · only this · neither", "difference [95 %]", "p (Holm)", "smallest shown"]);
    heading(text, &names);
    for condition in &summary.conditions {
        let mut cells = vec![cell(&condition.name), with_interval(condition.rate)];
        if scored {
            cells.push(condition.score.as_ref().map_or_else(String::new, |(score, about)| {
                format!("{} [{}, {}]", percent(*score), percent(about.low), percent(about.high))
            }));
        }
        if generated {
            cells.extend([condition.unparsed.to_string(), percent(condition.guessed.value())]);
        }
        if names.contains(&"mass on options") {
            cells.push(condition.mass.map_or_else(String::new, |mass| format!("{mass:.3}")));
        }
        match &condition.change {
            None => cells.extend(["", "", "", ""].map(String::from)),
            Some((paired, adjusted)) => cells.extend(paired_cells(paired, *adjusted)),
        }
        row(text, &cells);
    }
    let empty = names.len() - 2;
    let mut grey = |name: &str, value: String| {
        let mut cells = vec![format!("*{name}*"), format!("*{value}*")];
        cells.extend(std::iter::repeat_n(String::new(), empty));
        row(text, &cells);
    };
    grey("chance", percent(summary.chance));
    grey("most frequent answer of each task", percent(summary.majority.value()));
    if let Some((name, two, three)) = published(columns) {
        let note = format!("{two:.1} in 2D, {three:.1} in 3D");
        grey(
            &format!("reported for {name} (arXiv 2406.16860), unverified: its authors' code, weights and machine"),
            note,
        );
    }
    text.push('\n');
    if let Some(mass) = summary.conditions.iter().filter_map(|condition| condition.mass).reduce(f64::max)
        && mass < 0.5
    {
        let _ = writeln!(
            text,
            "The options have little of the probability: the model was about to say something else, and the choice among them \
             says little. If it answers in words, use `--protocol logprob-text`.\n"
        );
    }
}

fn paired_cells(paired: &Paired, adjusted: f64) -> [String; 4] {
    let counts = paired.counts;
    [
        format!("{} · {} · {} · {}", counts.both, counts.only_a, counts.only_b, counts.neither),
        format!("{} [{}, {}]", points(paired.difference), points(paired.interval.low), points(paired.interval.high)),
        if adjusted < 0.001 { "< 0.001".into() } else { format!("{adjusted:.3}") },
        format!("± {:.1}", 100.0 * paired.smallest_shown),
    ]
}

/// The published values of this checkpoint, where they are comparable: the same rows under the same protocol.
fn published(columns: &Columns<'_>) -> Option<(&'static str, f64, f64)> {
    let header = columns.header;
    let comparable =
        header.data.idx_sha1 == "02535f1c609db8bba7c6bd64d9a78b9aa3d0fa3a" && header.protocol == "official";
    let name = header.model.name.to_lowercase();
    PUBLISHED.into_iter().find(|(published, ..)| comparable && name.ends_with(published))
}

fn slices<'s>(
    text: &mut String,
    by: &str,
    summary: &'s Summary,
    of: impl Fn(&'s super::ConditionSummary) -> &'s BTreeMap<String, Rate>,
) {
    let Some(first) = summary.conditions.first() else { return };
    if of(first).len() < 2 {
        return;
    }
    let mut names = vec![by, "n"];
    names.extend(summary.conditions.iter().map(|condition| condition.name.as_str()));
    heading(text, &names);
    for (group, rate) in of(first) {
        let mut cells = vec![cell(group), rate.of.to_string()];
        cells.extend(
            summary
                .conditions
                .iter()
                .map(|condition| of(condition).get(group).map_or_else(String::new, |rate| with_interval(*rate))),
        );
        row(text, &cells);
    }
    text.push('\n');
}

/// Thirds of the items by the length of their questions.
fn lengths(text: &mut String, columns: &Columns<'_>) {
    let mut lengths: Vec<usize> = columns.records.iter().map(|record| record.question.chars().count()).collect();
    lengths.sort_unstable();
    let (Some(low), Some(high)) = (lengths.get(lengths.len() / 3), lengths.get(2 * lengths.len() / 3)) else { return };
    if low == high || lengths.len() < 30 {
        return;
    }
    let (low, high) = (*low, *high);
    let group = |length: usize| match length {
        length if length < low => format!("1: under {low} characters"),
        length if length < high => format!("2: {low} to {}", high - 1),
        _ => format!("3: {high} and more"),
    };
    let groups = columns.groups(|record| Some(group(record.question.chars().count())));
    let mut names = vec!["length of the question", "n"];
    names.extend(columns.header.conditions.iter().map(|condition| condition.name.as_str()));
    heading(text, &names);
    for (group, columns) in &groups {
        let mut cells = vec![group.clone(), columns.records.len().to_string()];
        let conditions = columns.header.conditions.iter();
        cells.extend(conditions.map(|condition| with_interval(columns.rate(&columns.right(&condition.name)))));
        row(text, &cells);
    }
    text.push('\n');
}

fn encoders(text: &mut String, columns: &Columns<'_>, summary: &Summary) {
    if !summary.encoders.is_empty() {
        heading(text, &["encoder", "taken away by", "CUR %", "CUR above chance %"]);
        for encoder in &summary.encoders {
            row(
                text,
                &[
                    cell(&encoder.name),
                    cell(&encoder.condition),
                    points(encoder.cur),
                    encoder.corrected.map_or_else(String::new, points),
                ],
            );
        }
        text.push('\n');
        let gap = summary
            .information_gap
            .map_or_else(String::new, |gap| format!(" IG, the largest minus the smallest: {}.", points(gap)));
        let _ = writeln!(
            text,
            "CUR = (right − right without it) / right (arXiv 2507.03262); its ceiling is set by chance, so the part above chance \
             stands beside it. Necessity in this checkpoint, under this way of taking away, not the worth of an encoder.{gap}\n"
        );
    }
    for (game, values) in &summary.shapley {
        heading(text, &["encoder", "Shapley value, points of accuracy"]);
        for (name, value) in columns.header.model.encoders.iter().zip(values) {
            row(text, &[cell(name), points(*value)]);
        }
        let _ = writeln!(text, "\nGame `{}`: who is not in the coalition is taken away so.\n", game.name());
    }
}

fn eyes(text: &mut String, summary: &Summary) {
    if let Some(needed) = summary.needed_eyes {
        let _ =
            write!(text, "Needed eyes (right as is, wrong without a picture): {} % of items.", with_interval(needed));
    }
    if let Some((left, control)) = summary.beyond_blind {
        let _ = write!(
            text,
            " Among the {} that this model cannot answer blind, {} % are right; among as many at random, {} %.",
            left.of,
            with_interval(left),
            percent(control)
        );
    }
    if summary.needed_eyes.is_some() {
        text.push_str("\n\n");
    }
}

/// Two runs over the same questions, condition by condition: as a page and as JSON.
///
/// # Errors
/// If they are about different questions, or asked them in different ways.
pub fn compare(a: &Columns<'_>, b: &Columns<'_>) -> Result<(String, Value)> {
    let (left, right) = (a.header, b.header);
    check_protocols(a, b)?;
    let conditions: Vec<&str> = left
        .conditions
        .iter()
        .map(|condition| condition.name.as_str())
        .filter(|name| b.condition(name).is_some())
        .collect();
    let compared: Vec<Pair> = conditions.iter().map(|name| Pair::new(a, name, b, name)).collect::<Result<_>>()?;
    let Some(any) = compared.first() else { return Err(nothing_in_common()) };
    let adjusted = crate::stats::holm(&compared.iter().map(|pair| pair.paired.p).collect::<Vec<_>>());
    let mut text = String::new();
    let _ = writeln!(text, "# {} → {} on {}\n", cell(&left.model.name), cell(&right.model.name), cell(&left.data.name));
    let _ = writeln!(
        text,
        "{} questions that both have, in {} clusters · protocol `{}`{}\n",
        any.items.len(),
        any.clusters,
        left.protocol,
        if left.data.fingerprint == right.data.fingerprint {
            ""
        } else {
            " · the sets are not the same: joined by idx"
        }
    );
    heading(
        &mut text,
        &[
            "condition",
            "first %",
            "second %",
            "both · only first · only second · neither",
            "difference [95 %]",
            "p (Holm)",
            "smallest shown",
        ],
    );
    let mut rows = Vec::new();
    for ((name, pair), adjusted) in conditions.iter().zip(&compared).zip(&adjusted) {
        let ([first, second], paired) = (pair.rates(), &pair.paired);
        let mut cells = vec![cell(name), with_interval(first), with_interval(second)];
        cells.extend(paired_cells(paired, *adjusted));
        row(&mut text, &cells);
        let mut object = paired_json(paired);
        object["condition"] = (*name).into();
        object["first"] = first.value().into();
        object["second"] = second.value().into();
        object["p_holm"] = (*adjusted).into();
        rows.push(object);
    }
    text.push('\n');
    let value = json!({
        "first": { "run": left.id(), "model": left.model.name },
        "second": { "run": right.id(), "model": right.model.name },
        "protocol": left.protocol,
        "items": any.items.len(),
        "clusters": any.clusters,
        "conditions": rows,
    });
    Ok((text, value))
}
