//! The selected cell: where it lies, what each encoder had of its attention, how spread out that was.

use super::super::Cx;
use super::kept::Kept;
use super::parts::{Bar, alone, encoder_colour, evidence, factor, heading, log_lift, share, signed};
use super::selected::Selected;
use super::{both, keys, matrix};
use crate::window::action::Action;
use egui::{Frame, RichText, Ui};
use opabinia_engine::probe::{Measure, Measured};

/// Draws the tab.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, kept: &Kept, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let Some(selected) = Selected::of(cx, kept) else {
        let text = if cx.state.trace().is_some() { texts.no_cell } else { texts.no_trace };
        ui.weak(text);
        return;
    };
    place(ui, cx, &selected);
    if selected.is_padding() {
        ui.add_space(4.0);
        let colour = ui.visuals().warn_fg_color;
        Frame::new().fill(ui.visuals().extreme_bg_color).corner_radius(5).inner_margin(8).show(ui, |ui| {
            ui.label(RichText::new(texts.in_padding).color(colour));
        });
    }
    both::show(ui, cx, kept);
    encoders(ui, cx, &selected);
    entropy(ui, cx, &selected);
    matrix::show(ui, cx, &selected, out);
    keys::show(ui, cx, &selected, out);
    evidence(ui, texts.evidence, texts.sva_evidence);
}

/// Where the cell lies, and what is put together.
fn place(ui: &mut Ui, cx: &Cx<'_>, selected: &Selected<'_>) {
    let texts = &cx.texts.inspector;
    let cell = selected.cell;
    ui.label(
        RichText::new(format!(
            "{} · {} {} · {} {}",
            cx.texts.probe.cell, texts.row, cell.row, texts.column, cell.column
        ))
        .size(15.5)
        .strong(),
    );
    let (inside, frame) = selected.unpadded();
    let (rows, columns) = frame.size_hw();
    let mut frames = format!("{} {side} × {side}", alone(texts.padded_frame), side = cell.side);
    if (rows, columns) != (cell.side, cell.side) {
        let at = inside.map_or_else(|| cx.texts.probe.padding.to_owned(), |(row, column)| format!("({row}, {column})"));
        frames += &format!("\n{} {rows} × {columns} · {at}", alone(texts.unpadded_frame));
    }
    ui.label(RichText::new(frames).small().weak());
    ui.label(RichText::new(alone(&selected.scope(cx))).small().weak());
}

/// A bar for each encoder.
fn encoders(ui: &mut Ui, cx: &Cx<'_>, selected: &Selected<'_>) {
    let texts = &cx.texts.inspector;
    heading(ui, texts.encoders);
    let uniform = (selected.own_layers().next())
        .and_then(|layer| selected.trace().uniform(layer, selected.cell.row, selected.cell.column));
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        for (k, name) in selected.entry.encoder_names.iter().enumerate() {
            let (shares, lift) = (selected.value(Measure::Share(k)), selected.value(Measure::Lift(k)));
            let uniform_share = uniform.as_ref().and_then(|uniform| uniform.shares.get(k).copied());
            let state =
                |measured| if measured == Measured::Masked { cx.texts.probe.masked } else { cx.texts.probe.padding };
            let (part, numbers, spoken, exact) = match (shares, lift) {
                (Measured::Value(part), Measured::Value(times)) => (
                    Some(part),
                    [(share(part), 48.0), (factor(times), 44.0)],
                    format!("{name}: {} {}, {} {}", texts.share, share(part), texts.lift, factor(times)),
                    format!(
                        "{name}\n{} {part:.7}\n{} ×{times:.5} (log₂ {})",
                        texts.share,
                        texts.lift,
                        signed(log_lift(times))
                    ),
                ),
                (measured, _) => (
                    None,
                    [(state(measured).to_owned(), 92.0), (String::new(), 0.0)],
                    format!("{name}: {}", state(measured)),
                    name.clone(),
                ),
            };
            let bar = Bar {
                name,
                name_width: 68.0,
                colour: encoder_colour(k),
                part,
                mark: part.and(uniform_share),
                numbers: &numbers,
                spoken,
            };
            bar.show(ui, 0.0).on_hover_text(exact);
        }
    });
    if !selected.is_padding() {
        ui.label(RichText::new(texts.uniform_mark).small().weak());
    }
}

/// How spread out the cell's attention was.
fn entropy(ui: &mut Ui, cx: &Cx<'_>, selected: &Selected<'_>) {
    let texts = &cx.texts.inspector;
    let Measured::Value(bits) = selected.value(Measure::Entropy) else { return };
    let most = (selected.own_layers())
        .filter_map(|layer| selected.trace().uniform(layer, selected.cell.row, selected.cell.column))
        .map(|uniform| uniform.entropy)
        .fold(0.0, f64::max);
    let part = match selected.value(Measure::NormalisedEntropy) {
        Measured::Value(part) => Some(part),
        _ => None,
    };
    heading(ui, texts.entropy);
    let numbers = [(format!("{bits:.3}"), 50.0), (format!("/ {most:.3}"), 58.0)];
    let spoken = format!("{}: {bits:.3} {} {} {most:.3}", texts.entropy, texts.bits, texts.of_at_most);
    let exact = match part {
        Some(part) => format!("{bits:.6} {}\n{:.2} % {}", texts.bits, part * 100.0, texts.of_uniform),
        None => format!("{bits:.6} {}", texts.bits),
    };
    let colour = ui.visuals().hyperlink_color;
    let bits = alone(texts.bits);
    let bar = Bar { name: &bits, name_width: 68.0, colour, part, mark: None, numbers: &numbers, spoken };
    bar.show(ui, 0.0).on_hover_text(exact);
}
