//! What is asked, and how far that is.

use super::{weak, wrong};
use crate::evaluation::{CONDITIONS, words_for};
use crate::window::action::{Action, EvaluationAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{Ended, EvaluationField, Known, OpenSet};
use egui::{Button, ComboBox, Grid, Key, ProgressBar, Spinner, TextEdit, Ui, WidgetInfo};
use opabinia_eval::score::Protocol;

/// Draws it.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let evaluation = &cx.state.evaluation;
    parts::card(ui, |ui| {
        Grid::new("evaluation form").num_columns(2).spacing([8.0, 6.0]).show(ui, |ui| {
            field(ui, cx, EvaluationField::Set, texts.set_hint, out);
            field(ui, cx, EvaluationField::Run, texts.run_hint, out);
            if evaluation.run.ready().is_none() {
                protocol(ui, cx, out);
                field(ui, cx, EvaluationField::Conditions, CONDITIONS, out);
                field(ui, cx, EvaluationField::Limit, texts.limit_hint, out);
            } else {
                field(ui, cx, EvaluationField::Other, texts.other_hint, out);
            }
        });
        set(ui, cx);
        for run in [&evaluation.run, &evaluation.other] {
            match run {
                Known::Coming => drop(ui.add(Spinner::new().size(13.0))),
                Known::Failed(why) => wrong(ui, why),
                Known::Nothing | Known::Ready(_) => {}
            }
        }
        if evaluation.other.ready().is_some() && ui.button(texts.close_other).clicked() {
            out.push(EvaluationAction::CloseOther.into());
        }
        ui.add_space(4.0);
        work(ui, cx, out);
    });
}

/// A field with its name, and what opens it.
pub fn field(ui: &mut Ui, cx: &Cx<'_>, field: EvaluationField, hint: &str, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let is_path = !matches!(field, EvaluationField::Conditions | EvaluationField::Limit);
    parts::weak(ui, texts.field(field));
    let mut text = cx.state.evaluation.form.text(field).to_owned();
    ui.horizontal(|ui| {
        let room = if is_path { 150.0 } else { 0.0 };
        let edit =
            TextEdit::singleline(&mut text).hint_text(hint).desired_width((ui.available_width() - room).max(90.0));
        let response = ui.add(edit);
        let name = texts.field(field);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
        if response.changed() {
            out.push(EvaluationAction::Type(field, text.clone()).into());
        }
        if !is_path {
            return;
        }
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let named = !text.trim().is_empty();
        let open = ui.add_enabled(named, Button::new(texts.open));
        spoken(&open, named, &format!("{}: {name}", texts.open));
        if named && (open.clicked() || entered) {
            out.push(EvaluationAction::Open(field).into());
        }
        let browse = ui.button("…");
        spoken(&browse, true, &format!("{} {name}", texts.browse));
        if browse.on_hover_text(texts.browse).clicked() {
            out.push(EvaluationAction::Browse(field).into());
        }
    });
    ui.end_row();
}

/// Says `text` of a button that shows less.
fn spoken(response: &egui::Response, enabled: bool, text: &str) {
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, enabled, text));
}

fn protocol(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let chosen = cx.state.evaluation.form.protocol;
    parts::weak(ui, texts.protocol);
    let name = chosen.map_or(texts.usual_protocol, Protocol::name);
    let response = ComboBox::from_id_salt("protocol").selected_text(name).width(180.0).show_ui(ui, |ui| {
        if ui.selectable_label(chosen.is_none(), texts.usual_protocol).clicked() {
            out.push(EvaluationAction::SetProtocol(None).into());
        }
        for protocol in Protocol::ALL {
            let entry = ui.selectable_label(chosen == Some(protocol), protocol.name());
            if entry.on_hover_text((texts.rule)(protocol)).clicked() {
                out.push(EvaluationAction::SetProtocol(Some(protocol)).into());
            }
        }
    });
    let spoken = format!("{}: {name}", texts.protocol);
    response.response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &spoken));
    ui.end_row();
}

/// What is known of the set, and what was left out of it.
fn set(ui: &mut Ui, cx: &Cx<'_>) {
    let texts = &cx.texts.evaluation;
    match &cx.state.evaluation.set {
        Known::Nothing => weak(ui, texts.no_set),
        Known::Coming => drop(ui.add(Spinner::new().size(13.0))),
        Known::Failed(why) => wrong(ui, why),
        Known::Ready(open) => {
            let set = &open.set;
            weak(ui, &(texts.set_is)(&set.name, set.items.len(), set.pictures.len()));
            left_out(ui, cx, open);
        }
    }
}

fn left_out(ui: &mut Ui, cx: &Cx<'_>, open: &OpenSet) {
    let texts = &cx.texts.evaluation;
    let skipped = &open.set.skipped;
    if skipped.count() == 0 {
        return;
    }
    let colour = ui.visuals().warn_fg_color;
    ui.colored_label(colour, (texts.left_out)(skipped.count()));
    for (reason, count) in &skipped.reasons {
        weak(ui, &format!("{count} × {}", (cx.texts.engine.said)(reason)));
    }
    ui.collapsing(texts.examples, |ui| {
        for example in &skipped.examples {
            weak(ui, &(cx.texts.engine.said)(example));
        }
    });
}

/// Start, pause, how far it is, how it ended.
fn work(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let evaluation = &cx.state.evaluation;
    if let Some(working) = &evaluation.working {
        let pace = working.told.pace();
        ui.horizontal(|ui| {
            let name = if working.told.is_stopping() { texts.pause_at_once } else { texts.pause };
            let pause = ui.add_enabled(!working.cancel.is_cancelled(), Button::new(name));
            if pause.on_hover_text(texts.pause_tip).clicked() {
                out.push(EvaluationAction::Pause.into());
            }
            let Some(pace) = pace else {
                ui.add(Spinner::new().size(13.0));
                weak(ui, texts.preparing);
                return;
            };
            let part = pace.done() as f32 / pace.total().max(1) as f32;
            let left = pace.left().map(words_for);
            let text = (texts.progress)(pace.done(), pace.total(), pace.rate(), left.as_deref());
            let bar = ui.add(ProgressBar::new(part).text(text.clone()).desired_width(ui.available_width()));
            bar.widget_info(|| WidgetInfo::labeled(egui::Role::ProgressIndicator, true, &text));
        });
        return;
    }
    let complete = evaluation.run.ready().is_some_and(|run| run.is_complete());
    let begun = evaluation.run.ready().is_some();
    let why_not = match (&evaluation.set, cx.state.models.current()) {
        (Known::Ready(_), Some(_)) => None,
        (_, None) => Some(texts.no_model),
        _ => Some(texts.set_first),
    };
    ui.horizontal(|ui| {
        if !complete {
            let name = if begun { texts.resume } else { texts.start };
            let start = ui.add_enabled(why_not.is_none(), parts::primary(ui, name));
            let start = start.on_hover_text(texts.start_tip);
            if start.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
                out.push(EvaluationAction::Start.into());
            }
        }
        let said = match &evaluation.ended {
            Some(Ended::Complete) => Some(texts.complete),
            Some(Ended::Paused) => Some(texts.paused),
            Some(Ended::Failed(_)) => why_not.filter(|_| !complete),
            None if complete => Some(texts.complete),
            None => why_not,
        };
        if let Some(said) = said {
            weak(ui, said);
        }
    });
    if let Some(Ended::Failed(why)) = &evaluation.ended {
        wrong(ui, why);
    }
}
