//! The comparison of two checkpoints as a report for people.

use super::{Compared, Sort};
use opabinia_engine::checkpoint::Bytes;
use opabinia_engine::compare::{
    Change, Checkpoints, Counts, Effect, Module, NAMES, Relation, SettingDifference, TensorComparison,
};
use opabinia_engine::printable;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt::Write;

/// Characters of a hash that are shown; JSON has all 64.
const HASH: usize = 16;

/// Characters of a value of config.json that are shown.
const VALUE: usize = 100;

/// Characters of the longest bar of the tree.
const BAR: f64 = 24.0;

/// The whole report, with at most `top` tensors of each kind and a tree of `depth` levels.
pub(super) fn report(compared: &Compared, sort: Sort, top: usize, depth: usize) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    for ((about, hash), name) in compared.about.iter().zip(&compared.checkpoints.hashes).zip(NAMES) {
        let side = &about.side;
        let _ = writeln!(
            out,
            "{name}  {}: {} tensors, {} numbers, {}; weights {}",
            printable::line(&side.name()),
            side.tensors(),
            side.parameters(),
            Bytes(side.stored_bytes()),
            hash.get(..HASH).unwrap_or(hash),
        );
        let _ = writeln!(out, "   {}", printable::path(side.directory()));
    }
    let checkpoints = &compared.checkpoints;
    weights(&mut out, checkpoints, sort, top);
    tree(&mut out, &checkpoints.modules(), depth);
    settings(&mut out, checkpoints);
    let faults = compared.about.iter().zip(NAMES).filter_map(|(about, name)| Some((name, about.fault.as_ref()?)));
    let faults: Vec<String> = faults.map(|(name, fault)| format!("{name} would be refused: {fault}")).collect();
    if !faults.is_empty() || !checkpoints.findings.is_empty() {
        let _ = writeln!(out, "\nwhat looks wrong");
        for text in checkpoints.findings.iter().map(ToString::to_string).chain(faults) {
            let _ = writeln!(out, "  {}", text.replace('\n', "\n  "));
        }
    }
    out
}

/// How many tensors stand in which relation, in words that hold.
fn summary(counts: &Counts) -> String {
    let both = counts.equal + counts.same_values + counts.changed + counts.unlike;
    let only = counts.only_in.iter().zip(NAMES).filter(|(count, _)| **count > 0);
    let only: Vec<String> = only.map(|(count, name)| format!("{count} in {name} alone")).collect();
    if counts.equal == both && both > 0 {
        let whose = if only.is_empty() { "" } else { " that both have" };
        let mut text = format!("all {both} tensors{whose} are equal bit for bit");
        only.iter().for_each(|part| text.push_str(&format!("; {part}")));
        return text;
    }
    let parts = [
        (counts.equal, "equal bit for bit"),
        (counts.same_values, "the same numbers in other bits"),
        (counts.changed, "changed"),
        (counts.unlike, "of other shapes or types"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let parts: Vec<String> = parts.chain(only).collect();
    format!("{} tensors: {}", counts.total(), parts.join(", "))
}

/// Whether a tensor is of a kind.
type Is = fn(&Relation) -> bool;

fn weights(out: &mut String, checkpoints: &Checkpoints, sort: Sort, top: usize) {
    let _ = writeln!(out, "\nweights\n  {}", summary(&checkpoints.counts()));
    if checkpoints.same_weights() {
        let _ = writeln!(out, "  {} and {} are the same weights", NAMES[0], NAMES[1]);
    }
    let mut changed: Vec<(&TensorComparison, &Change)> =
        checkpoints.tensors.iter().filter_map(|tensor| Some((tensor, tensor.change()?))).collect();
    changed.sort_by(|a, b| order(*a, *b, sort));
    if !changed.is_empty() {
        let _ = writeln!(out, "\n  {:>10}  {:>10}  {:>11}  changed, B − A", "relative", "max |Δ|", "cosine");
    }
    for (tensor, change) in changed.iter().take(top) {
        let cosine = change.cosine.map_or_else(|| "–".into(), |cosine| format!("{cosine:.8}"));
        let relative = change.relative.map_or_else(|| "from zero".into(), number);
        let about = tensor.sides[0].as_ref().map_or_else(String::new, |a| format!("{} {:?}", a.dtype, a.shape));
        let other = tensor.sides[1].as_ref().filter(|b| tensor.sides[0].as_ref().is_some_and(|a| a.dtype != b.dtype));
        let other = other.map_or_else(String::new, |b| format!(" → {}", b.dtype));
        let key = printable::line(&tensor.key);
        let _ = writeln!(out, "  {relative:>10}  {:>10}  {cosine:>11}  {key}  {about}{other}", number(change.largest));
    }
    more(out, changed.len(), top);
    let kinds: [(&str, Is); 4] = [
        ("the same numbers in other bits", |relation| matches!(relation, Relation::SameValues)),
        ("of other shapes or types", |relation| matches!(relation, Relation::Unlike)),
        ("in A alone", |relation| matches!(relation, Relation::OnlyIn(0))),
        ("in B alone", |relation| matches!(relation, Relation::OnlyIn(1))),
    ];
    for (what, is) in kinds {
        let these: Vec<&TensorComparison> = checkpoints.tensors.iter().filter(|t| is(&t.relation)).collect();
        if these.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n  {what}");
        for tensor in these.iter().take(top) {
            let shapes: Vec<String> =
                tensor.sides.iter().flatten().map(|side| format!("{} {:?}", side.dtype, side.shape)).collect();
            let _ = writeln!(out, "    {}  {}", printable::line(&tensor.key), shapes.join(" → "));
        }
        more(out, these.len(), top);
    }
}

fn more(out: &mut String, count: usize, top: usize) {
    if count > top {
        let _ = writeln!(out, "    and {} more (--top N lists more, --json all)", count - top);
    }
}

fn order((a, of_a): (&TensorComparison, &Change), (b, of_b): (&TensorComparison, &Change), sort: Sort) -> Ordering {
    // From nothing to something is the largest change there is.
    let relative = |change: &Change| change.relative.unwrap_or(f64::INFINITY);
    let cosine = |change: &Change| change.cosine.unwrap_or(f64::NEG_INFINITY);
    let ordering = match sort {
        Sort::Relative => relative(of_b).total_cmp(&relative(of_a)),
        Sort::Max => of_b.largest.total_cmp(&of_a.largest),
        Sort::Cosine => cosine(of_a).total_cmp(&cosine(of_b)),
        Sort::Size => of_b.elements.cmp(&of_a.elements),
        Sort::Name => Ordering::Equal,
    };
    ordering.then_with(|| a.key.cmp(&b.key))
}

/// Where training moved most.
fn tree(out: &mut String, root: &Module, depth: usize) {
    if root.counts.changed == 0 {
        return;
    }
    let most = most(root, depth);
    let width = widest(root, depth, 0);
    let _ = writeln!(out, "\nwhere training moved most: ‖B − A‖ ÷ ‖A‖");
    for module in &root.below {
        branch(out, module, (1, depth), width, most);
    }
}

fn branch(out: &mut String, module: &Module, (level, depth): (usize, usize), width: usize, most: f64) {
    let name = format!("{}{}", "  ".repeat(level), printable::line(&module.name));
    let comparable = module.counts.equal + module.counts.same_values + module.counts.changed;
    let told = match (module.counts.changed, module.relative) {
        (0, _) if comparable == 0 => "nothing to compare".to_owned(),
        (0, _) => "equal".to_owned(),
        (changed, relative) => {
            let part = relative.map_or(0.0, |relative| if most > 0.0 { relative / most } else { 0.0 });
            let bar = "▇".repeat((part * BAR).round().clamp(1.0, BAR) as usize);
            let relative = relative.map_or_else(|| "from zero".into(), number);
            let of = if comparable == 1 { String::new() } else { format!("  {changed} of {comparable} changed") };
            format!("{relative:>10}  {bar}{of}")
        }
    };
    let _ = writeln!(out, "{name:<width$}  {told}");
    if level < depth && module.counts.changed > 0 {
        for below in &module.below {
            branch(out, below, (level + 1, depth), width, most);
        }
    }
}

/// The largest relative change among the modules that are shown.
fn most(module: &Module, depth: usize) -> f64 {
    let own = module.relative.unwrap_or(0.0);
    if depth == 0 { own } else { module.below.iter().map(|below| most(below, depth - 1)).fold(own, f64::max) }
}

fn widest(module: &Module, depth: usize, level: usize) -> usize {
    let own = 2 * level + printable::line(&module.name).chars().count();
    if level == depth || module.counts.changed == 0 {
        return own;
    }
    module.below.iter().map(|below| widest(below, depth, level + 1)).fold(own, usize::max)
}

fn settings(out: &mut String, checkpoints: &Checkpoints) {
    let settings = &checkpoints.settings;
    let _ = writeln!(out, "\nsettings");
    if settings.differences.is_empty() {
        let _ = writeln!(out, "  all {} fields are equal", settings.equal);
    } else {
        let _ = writeln!(out, "  {} fields differ, {} are equal", settings.differences.len(), settings.equal);
    }
    let (tokenizer, comparable) = match settings.same_tokenizer {
        true => ("the same files", ""),
        false => ("other files", ": the same text may become other tokens"),
    };
    let _ = writeln!(out, "  tokenizer: {tokenizer}{comparable}");
    for difference in &settings.differences {
        let SettingDifference { file, key, meaning, effect, values } = difference;
        let key = printable::line(key);
        let name = meaning.map_or_else(|| key.to_string(), |meaning| format!("{meaning} ({key})"));
        let [a, b] = values.each_ref().map(|value| value.as_ref().map_or_else(|| "not set".into(), short));
        let whose = if *file == "config.json" { String::new() } else { format!("{file}: ") };
        let effect = match effect {
            Effect::Read => "",
            Effect::Unknown => "  (not a field this program knows)",
            Effect::None => "  (without effect here)",
        };
        let _ = writeln!(out, "  {whose}{name}: {a} → {b}{effect}");
    }
}

/// A value of config.json, cut to a length that a line can bear.
fn short(value: &Value) -> String {
    let text = value.to_string();
    let text = if text.chars().count() <= VALUE { text } else { text.chars().take(VALUE - 1).chain(['…']).collect() };
    printable::line(&text).into_owned()
}

/// With three significant digits.
fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e4).contains(&value.abs()) { format!("{value:.4}") } else { format!("{value:.2e}") }
}
