//! The selected cell on both sides of a comparison: every number in two columns, with their difference.

use super::super::{Cx, parts as pieces};
use super::kept::Kept;
use super::parts::heading;
use super::selected::Selected;
use crate::window::state::SIDES;
use egui::{Grid, Label, RichText, Ui};
use opabinia_engine::probe::{Measure, Measured};

/// Draws the numbers, where the active pane shows both sides.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, kept: &Kept) {
    let Some(both) = Selected::of_both(cx, kept) else { return };
    let texts = &cx.texts.inspector;
    let [a, b] = &both;
    heading(ui, cx.texts.sides.both_numbers);
    if a.cell.side != b.cell.side {
        let (row, column, side) = (b.cell.row as u32, b.cell.column as u32, b.cell.side as u32);
        let text = (cx.texts.sides.cell_of_b)(row, column, side);
        ui.add(Label::new(RichText::new(text).small().weak()).wrap());
    }
    let counterparts = cx.counterparts(a.entry, b.entry);
    let mut rows: Vec<(String, [Measured<f64>; 2])> = Vec::new();
    for pair in &counterparts.matching().encoders {
        let name = a.entry.encoder_names.get(pair.places[0]).map_or("", String::as_str);
        for (what, of) in [(texts.share, Measure::Share as fn(usize) -> Measure), (texts.lift, Measure::Lift)] {
            rows.push((format!("{what} · {name}"), [a.value(of(pair.places[0])), b.value(of(pair.places[1]))]));
        }
    }
    rows.push((format!("{} ({})", texts.entropy, texts.bits), both.each_ref().map(|of| of.value(Measure::Entropy))));
    let normalised = cx.texts.probe.normalised_entropy.0.to_owned();
    rows.push((normalised, both.each_ref().map(|of| of.value(Measure::NormalisedEntropy))));
    Grid::new("both sides").striped(true).num_columns(4).spacing([6.0, 2.0]).show(ui, |ui| {
        ui.label("");
        for slot in SIDES {
            ui.label(RichText::new(slot.letter()).strong().color(pieces::side_colour(ui, slot)));
        }
        ui.label(RichText::new("B − A").small().weak());
        ui.end_row();
        for (name, values) in &rows {
            row(ui, cx, name, values);
            ui.end_row();
        }
    });
}

fn row(ui: &mut Ui, cx: &Cx<'_>, name: &str, values: &[Measured<f64>; 2]) {
    let probe = &cx.texts.probe;
    let text = |value: &Measured<f64>| match value {
        Measured::Value(value) => format!("{value:.4}"),
        Measured::Masked => probe.masked.to_owned(),
        Measured::Padding => probe.padding.to_owned(),
    };
    let difference = match values {
        [Measured::Value(a), Measured::Value(b)] => format!("{:+.4}", b - a).replace('-', "−"),
        _ => "–".to_owned(),
    };
    let [a, b] = values.each_ref().map(text);
    // In two lines: beside three numbers there is little room.
    let two_lines = if name.contains(" · ") { name.replace(" · ", "\n") } else { name.replacen(' ', "\n", 1) };
    let label = ui.label(RichText::new(two_lines).small());
    let spoken = format!("{name}: A {a}, B {b}, B − A {difference}");
    label.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &spoken));
    for number in [a, b, difference] {
        ui.label(RichText::new(number).monospace().size(11.0));
    }
}
