//! Why a checkpoint cannot be opened, and what to do about it.

use crate::window::action::{Action, ModelAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{Opening, Slot, sentences};
use egui::{Grid, Label, RichText, Ui};
use opabinia_engine::Error;
use opabinia_engine::error::Refusal;

/// Draws the page of a checkpoint that was refused.
pub fn page(ui: &mut Ui, cx: &Cx<'_>, (slot, opening): (Slot, &Opening), error: &Error, out: &mut Vec<Action>) {
    ui.colored_label(ui.visuals().error_fg_color, RichText::new(cx.texts.opening.refused).strong());
    ui.add_space(4.0);
    reason(ui, cx, error);
    ui.add_space(8.0);
    parts::buttons(ui, |ui| {
        if ui.add(parts::primary(ui, cx.texts.opening.try_again)).clicked() {
            out.push(ModelAction::Inspect(slot, opening.request.source.clone()).into());
        }
        if ui.button(cx.texts.program.close).clicked() {
            out.push(ModelAction::Dismiss(slot).into());
        }
        if ui.button(cx.texts.program.copy).clicked() {
            out.push(crate::window::action::ProgramAction::Copy(cx.texts.engine.error(error)).into());
        }
    });
}

/// Why, in lines that can be read one by one.
pub fn reason(ui: &mut Ui, cx: &Cx<'_>, error: &Error) {
    let texts = &cx.texts.opening;
    match error {
        Error::Refused(refusal) => refused(ui, cx, refusal),
        Error::Input { what, help } | Error::OutOfMemory { what, help } => {
            let problem = if matches!(error, Error::Input { .. }) { texts.problem } else { texts.memory };
            let engine = &cx.texts.engine;
            grid(ui, &[(problem, (engine.said)(what)), (texts.what_to_do, (engine.advice)(help))]);
        }
        other => {
            ui.add(Label::new(sentences(&cx.texts.engine.error(other))).wrap());
        }
    }
}

/// What is wrong with which file.
pub fn refused(ui: &mut Ui, cx: &Cx<'_>, refusal: &Refusal) {
    let texts = &cx.texts.opening;
    let engine = &cx.texts.engine;
    let lines = [
        (texts.file, Some(refusal.file.display().to_string())),
        (texts.key, refusal.key.clone()),
        (texts.problem, Some((engine.said)(&refusal.problem))),
        (texts.expected, refusal.expected.as_deref().map(engine.said)),
        (texts.found, refusal.found.as_deref().map(engine.said)),
        (texts.details, Some((engine.said)(&refusal.details.join("\n")))),
        (texts.what_to_do, refusal.help.as_ref().map(engine.advice)),
    ];
    let said = lines.into_iter().filter_map(|(label, text)| Some((label, text.filter(|text| !text.is_empty())?)));
    grid(ui, &said.collect::<Vec<_>>());
}

/// Labels on the left, what they say on the right.
fn grid(ui: &mut Ui, lines: &[(&str, impl AsRef<str>)]) {
    let width = ui.available_width();
    Grid::new("reason").num_columns(2).spacing([14.0, 6.0]).max_col_width(width - 120.0).show(ui, |ui| {
        for (label, text) in lines {
            ui.vertical(|ui| parts::weak(ui, label));
            ui.vertical(|ui| ui.add(Label::new(sentences(text.as_ref())).wrap()));
            ui.end_row();
        }
    });
}
