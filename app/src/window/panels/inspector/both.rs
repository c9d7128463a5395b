//! The selected cell on both sides of a comparison: every number in two columns, with their difference.

use super::super::{Cx, parts as pieces};
use super::kept::Kept;
use super::parts::{fitted, heading};
use super::selected::Selected;
use crate::window::state::SIDES;
use egui::{Align2, FontId, Label, RichText, Sense, TextStyle, Ui, pos2, vec2};
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
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        header(ui);
        for (at, (name, values)) in rows.iter().enumerate() {
            row(ui, cx, (at, name), values);
        }
    });
}

/// Height of the names of the columns, and of a row: beside three numbers there is little room, and a name takes two lines.
const HEADER: f32 = 18.0;
const ROW: f32 = 30.0;

/// Width of a number, and of one with its sign, with the space before it.
const NUMBER: f32 = 46.0;
const SIGNED: f32 = 52.0;

/// Where the three columns of numbers end, in a row that ends at `right`.
fn columns(right: f32) -> [f32; 3] {
    [SIGNED + NUMBER, SIGNED, 0.0].map(|after| right - 2.0 - after)
}

fn header(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEADER), Sense::hover());
    let (weak, small) = (ui.visuals().weak_text_color(), TextStyle::Small.resolve(ui.style()));
    let [a, b, difference] = columns(rect.right());
    let painter = ui.painter();
    for (slot, right) in SIDES.into_iter().zip([a, b]) {
        let (letter, colour) = (slot.letter(), pieces::side_colour(ui, slot));
        painter.text(pos2(right, rect.center().y), Align2::RIGHT_CENTER, letter, small.clone(), colour);
    }
    painter.text(pos2(difference, rect.center().y), Align2::RIGHT_CENTER, "B − A", small, weak);
}

/// One row is one thing to hear of, and is painted: four labels by themselves would take several times as long.
fn row(ui: &mut Ui, cx: &Cx<'_>, (at, name): (usize, &str), values: &[Measured<f64>; 2]) {
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
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let spoken = format!("{name}: A {a}, B {b}, B − A {difference}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &spoken));
    if at % 2 == 0 {
        ui.painter().rect_filled(rect, 2.0, ui.visuals().faint_bg_color);
    }
    let (ink, small) = (ui.visuals().text_color(), TextStyle::Small.resolve(ui.style()));
    let middle = rect.center().y;
    let columns = columns(rect.right());
    let room = columns[0] - NUMBER - rect.left();
    let (first, second) = name.split_once(" · ").or_else(|| name.split_once(' ')).unwrap_or((name, ""));
    let two_lines = [first, second].map(|line| fitted(ui, line, &small, room)).join("\n");
    let two_lines = two_lines.trim_end();
    ui.painter().text(pos2(rect.left() + 2.0, middle), Align2::LEFT_CENTER, two_lines, small, ink);
    for (number, right) in [a, b, difference].into_iter().zip(columns) {
        ui.painter().text(pos2(right, middle), Align2::RIGHT_CENTER, number, FontId::monospace(11.0), ink);
    }
    response.on_hover_text(spoken);
}
