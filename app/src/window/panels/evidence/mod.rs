//! What an answer rests on: each encoder, token, layer and cell with the numbers of every rung of evidence side by side.
//!
//! The panel measures nothing. With checkpoints that take a moment it asks for what it shows as soon as it is shown; with
//! others a person does. Numbers appear as they come.

mod cells;
mod chain;
mod checks;
mod curves;
mod encoders;
mod features;
mod layers;
mod lens;
mod paint;
mod scatter;
mod tokens;

pub use tokens::{colour_of, legend_under};

use super::token_text;
use super::{Cx, whose};
use crate::evidence::export::EvidenceFile;
use crate::evidence::{Findings, Removal, Section};
use crate::window::action::{Action, EvidenceAction, ProgramAction};
use crate::window::state::{EvidenceKey, EvidencePart, Exchange, Model, NoEvidence, PartState, Purpose};
use egui::{Button, ComboBox, Label, RichText, ScrollArea, Spinner, Ui, WidgetInfo, vec2};
use opabinia_engine::probe::evidence::GradientOf;

/// Room for the scroll bar, which would lie over figures.
const SCROLL_BAR: f32 = 12.0;

/// Checkpoints with fewer parameters are measured in a moment, and nobody is asked whether they may.
const AT_ONCE: u64 = 100_000_000;

/// What every part of the panel is given.
struct About<'a> {
    key: EvidenceKey,
    exchange: &'a Exchange,
    /// What is known; `None` before the answer has been scored once.
    findings: Option<&'a Findings>,
    /// The token that effects are of; `None` for the whole answer.
    token: Option<usize>,
    /// Short names of the encoders.
    names: &'a [String],
}

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let (key, exchange) = match cx.state.evidence_about() {
        Ok(about) => about,
        Err(why) => {
            let why = match why {
                NoEvidence::NoAnswer => texts.no_answer,
                NoEvidence::Open => texts.open,
                NoEvidence::NoPicture => texts.no_picture,
                NoEvidence::OtherModel => texts.other_model,
                NoEvidence::NoModel => texts.no_model,
            };
            ui.add(Label::new(RichText::new(why).weak()).wrap());
            return;
        }
    };
    let Some(model) = cx.state.models.current() else { return };
    let known = cx.state.evidence.get(key, exchange);
    if known.is_none_or(|known| known.recall().is_none()) {
        out.push(EvidenceAction::Recall.into());
    }
    let about = About {
        key,
        exchange,
        findings: known.and_then(|known| known.findings()),
        token: cx.state.evidence_token(),
        names: &model.encoder_names,
    };
    header(ui, cx, &about, out);
    let part = part_of(cx);
    if let Some(part) = part {
        progress(ui, cx, &about, model, part, out);
    }
    ui.add_space(4.0);
    ScrollArea::vertical().id_salt(("evidence", cx.state.evidence.view.section)).auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - SCROLL_BAR);
        match cx.state.evidence.view.section {
            Section::Encoders => encoders::show(ui, cx, &about, out),
            Section::Tokens => tokens::show(ui, cx, &about, out),
            Section::Layers => layers::show(ui, cx, &about),
            Section::Cells => cells::show(ui, cx, &about, out),
            Section::Curves => curves::show(ui, cx, &about, out),
            Section::Chain => chain::show(ui, cx, &about, out),
            Section::Features => features::show(ui, cx, &about, out),
            Section::Lens => lens::show(ui, cx, &about),
            Section::Checks => checks::show(ui, cx, &about),
        }
        footer(ui, cx, &about, out);
    });
}

/// The part that the section which is looked at needs; `None` where something has to be selected first.
fn part_of(cx: &Cx<'_>) -> Option<EvidencePart> {
    let view = &cx.state.evidence.view;
    let of = cx.state.evidence_token().map_or(GradientOf::Answer, GradientOf::Token);
    Some(match view.section {
        Section::Encoders | Section::Tokens => EvidencePart::Encoders,
        Section::Layers => EvidencePart::Layers,
        Section::Cells => EvidencePart::Cells(view.target),
        Section::Curves => EvidencePart::Curves(view.target, of),
        Section::Chain => return chain::part(cx),
        Section::Features => EvidencePart::Features,
        Section::Lens => EvidencePart::Lens,
        Section::Checks => EvidencePart::Checks,
    })
}

/// The encoder whose cells are replaced.
fn targets(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let (texts, view) = (&cx.texts.evidence_panel, &cx.state.evidence.view);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        ui.label(RichText::new(texts.cells_of).small().weak());
        let targets = [(None, texts.all_encoders)].into_iter();
        let each = about.names.iter().enumerate().map(|(k, name)| (Some(k), name.as_str()));
        for (target, name) in targets.chain(each.filter(|_| about.names.len() > 1)) {
            if ui.add(Button::selectable(view.target == target, name).small()).clicked() {
                out.push(EvidenceAction::SetTarget(target).into());
            }
        }
    });
}

/// Which answer, which part, and of what effects are.
fn header(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let view = &cx.state.evidence.view;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        ui.spacing_mut().button_padding.x = 6.0;
        for (section, (name, tip)) in [
            (Section::Encoders, texts.encoders),
            (Section::Tokens, texts.tokens),
            (Section::Layers, texts.layers),
            (Section::Cells, texts.cells),
            (Section::Curves, cx.texts.evidence_further.curves),
            (Section::Chain, cx.texts.evidence_further.chain),
            (Section::Features, cx.texts.evidence_further.features),
            (Section::Lens, cx.texts.evidence_further.lens),
            (Section::Checks, cx.texts.evidence_further.checks),
        ] {
            if ui.add(Button::selectable(view.section == section, name)).on_hover_text(tip).clicked() {
                out.push(EvidenceAction::ShowSection(section).into());
            }
        }
    });
    whose::label(ui, cx);
    // In a conversation of several answers it may be any of them.
    let exchange = about.exchange;
    let asked = format!("{} → {}", exchange.question.trim(), exchange.answer.trim());
    ui.add(Label::new(RichText::new(asked.replace('\n', " ")).small().weak()).truncate());
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        ui.label(RichText::new(texts.effects_on).small().weak());
        let whole = about.token.is_none();
        if ui.add(Button::selectable(whole, texts.whole_answer).small()).on_hover_text(&about.exchange.answer).clicked()
        {
            out.push(EvidenceAction::OfToken(false).into());
        }
        let place = cx.state.token.filter(|place| (place.conversation, place.exchange) == (about.key.1, about.key.2));
        let token = place.and_then(|place| about.exchange.tokens.get(place.token));
        let name = token.map_or_else(
            || texts.selected_token.to_owned(),
            |token| format!("{} {}", texts.selected_token, token_text::name(token)),
        );
        let button = ui.add_enabled(token.is_some(), Button::selectable(!whole, name).small());
        if button.on_disabled_hover_text(texts.select_a_token).clicked() {
            out.push(EvidenceAction::OfToken(true).into());
        }
    });
    if matches!(view.section, Section::Encoders | Section::Tokens) {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(texts.taken_away_by).small().weak());
            let (name, tip) = texts.removal(view.removal);
            let chosen = ComboBox::from_id_salt("removal").selected_text(name).width(120.0);
            let response = chosen.show_ui(ui, |ui| {
                for removal in Removal::ALL {
                    let (name, tip) = texts.removal(removal);
                    if ui.selectable_label(view.removal == removal, name).on_hover_text(tip).clicked() {
                        out.push(EvidenceAction::SetRemoval(removal).into());
                    }
                }
            });
            let chosen = format!("{}: {name}", texts.taken_away_by);
            response.response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &chosen));
            response.response.on_hover_text(tip);
        });
        other(ui, cx, about, out);
    }
}

/// The picture whose features are swapped in.
fn other(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let view = &cx.state.evidence.view;
    let name = |id| cx.state.pictures.get(id).map(|entry| entry.source.name()).unwrap_or_default();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(texts.other_picture).small().weak()).on_hover_text(texts.other_picture_tip);
        let chosen = view.other.map_or_else(|| texts.no_other.to_owned(), name);
        let spoken = format!("{}: {chosen}", texts.other_picture);
        let response = ComboBox::from_id_salt("other picture").selected_text(chosen).width(120.0).show_ui(ui, |ui| {
            if ui.selectable_label(view.other.is_none(), texts.no_other).clicked() {
                out.push(EvidenceAction::SetOther(None).into());
            }
            let mut others: Vec<_> =
                cx.state.pictures.iter().map(|(id, _)| id).filter(|id| Some(*id) != about.exchange.picture).collect();
            others.sort();
            for id in others {
                if ui.selectable_label(view.other == Some(id), name(id)).clicked() {
                    out.push(EvidenceAction::SetOther(Some(id)).into());
                }
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &spoken));
    });
}

/// How far the measuring is, and what a person can do about it.
fn progress(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, model: &Model, part: EvidencePart, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let known = cx.state.evidence.get(about.key, about.exchange);
    let running = cx.state.jobs.find(|purpose| matches!(purpose, Purpose::Evidence(key, _) if *key == about.key));
    let state = known.and_then(|known| known.part(part));
    let quick = model.is_demo() || model.inspection.parameters < AT_ONCE;
    if let Some((_, running)) = running {
        ui.horizontal(|ui| {
            ui.add(Spinner::new().size(13.0));
            let progress = running.progress.filter(|progress| progress.stage == opabinia_engine::job::Stage::Measure);
            let count = progress.map(|progress| format!(" {} / {}", progress.done, progress.total));
            ui.label(RichText::new(format!("{}{}", texts.measuring, count.unwrap_or_default())).small().weak());
            let stop = ui.add_enabled(!running.cancelling, Button::new(texts.stop).small());
            if stop.on_hover_text(texts.stop_tip).clicked() {
                out.push(EvidenceAction::Stop.into());
            }
        });
        return;
    }
    // One after the other, so that what is looked at comes first.
    let gradient = EvidencePart::Gradient(about.token.map_or(GradientOf::Answer, GradientOf::Token));
    match state {
        None if quick => out.push(EvidenceAction::Measure(part).into()),
        None => {
            if ui.button(texts.measure).on_hover_text(texts.measure_tip).clicked() {
                out.push(EvidenceAction::Measure(part).into());
            }
        }
        Some(PartState::Stopped) => again(ui, texts.stopped, texts.go_on, false, part, out),
        Some(PartState::Failed(why)) => again(ui, why, texts.try_again, true, part, out),
        Some(PartState::Asked | PartState::Done) => {
            let wanted = cx.state.evidence.view.section == Section::Encoders;
            match known.and_then(|known| known.part(gradient)) {
                None if wanted => out.push(EvidenceAction::Measure(gradient).into()),
                Some(PartState::Failed(why)) if wanted => {
                    again(ui, &format!("{} {why}", texts.no_gradient), texts.try_again, true, gradient, out);
                }
                _ => {}
            }
        }
    }
}

/// What became of a measurement, and a button that goes on with it.
fn again(ui: &mut Ui, text: &str, button: &str, wrong: bool, part: EvidencePart, out: &mut Vec<Action>) {
    ui.horizontal_wrapped(|ui| {
        let colour = if wrong { ui.visuals().error_fg_color } else { ui.visuals().weak_text_color() };
        ui.label(RichText::new(text).small().color(colour));
        if ui.add(Button::new(button).small()).clicked() {
            out.push(EvidenceAction::Measure(part).into());
        }
    });
}

/// What the numbers are compared with, what was left out, and how they leave the window.
fn footer(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let Some(findings) = about.findings else { return };
    ui.add_space(8.0);
    for note in &findings.evidence().notes {
        let note = (cx.texts.engine.said)(note);
        ui.label(RichText::new(note).small().color(ui.visuals().warn_fg_color));
    }
    ui.label(RichText::new(texts.baseline).small().weak());
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        ui.menu_button(texts.export, |ui| {
            for kind in EvidenceFile::ALL {
                if ui.button(texts.export_title(kind)).clicked() {
                    out.push(EvidenceAction::Export(kind).into());
                    ui.close();
                }
            }
        });
        if let Some(command) = cx.state.evidence_command()
            && ui.button(texts.copy_command).on_hover_text(&command).clicked()
        {
            out.push(ProgramAction::Copy(command).into());
        }
    });
    ui.add_space(6.0);
}
