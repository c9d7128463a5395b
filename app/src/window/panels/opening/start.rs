//! What the program is, and what can be opened.

use crate::demo;
use crate::window::action::{Action, ModelAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::Slot;
use egui::{Key, RichText, TextEdit, Ui};

/// How to fetch a checkpoint: shown to whoever has none.
const FETCH: &str = "opabinia pull nyu-visionx/cambrian-8b";

/// The checkpoint that is looked for.
const FIRST: &str = "nyu-visionx/cambrian-8b";

/// Draws the page.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    ui.label(RichText::new("Opabinia").heading().size(30.0));
    ui.label(RichText::new(texts.tagline).size(15.0).color(ui.visuals().weak_text_color()));
    ui.add_space(18.0);
    parts::card(ui, |ui| {
        ui.label(demo::notice(cx.texts.language));
        ui.add_space(6.0);
        if ui.add(parts::primary(ui, texts.demo_open)).clicked() {
            out.push(ModelAction::Inspect(Slot::A, demo::NAME.to_owned()).into());
        }
    });
    ui.add_space(8.0);
    parts::card(ui, |ui| choose(ui, cx, out));
    recent(ui, cx, out);
    hub(ui, cx, out);
}

/// A field for a path or a repository id, and the dialog of the system.
fn choose(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    ui.label(texts.what_can_be_opened);
    ui.add_space(6.0);
    let mut source = cx.state.drafts.source.clone();
    ui.horizontal(|ui| {
        let label = ui.label(texts.source);
        let field = TextEdit::singleline(&mut source).hint_text(texts.source_hint);
        let width = (ui.available_width() - 210.0).max(120.0);
        let response = ui.add_sized([width, 28.0], field).labelled_by(label.id);
        if response.changed() {
            out.push(ModelAction::SetSourceDraft(source.clone()).into());
        }
        let named = !source.trim().is_empty();
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let open = ui.add_enabled(named, egui::Button::new(texts.open).min_size(egui::vec2(0.0, 28.0)));
        if named && (open.clicked() || entered) {
            out.push(ModelAction::Inspect(Slot::A, source.trim().to_owned()).into());
        }
        if ui.button(texts.open_folder).clicked() {
            out.push(ModelAction::Pick(Slot::A).into());
        }
    });
}

/// Checkpoints opened before.
fn recent(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let recent = &cx.state.settings.recent;
    if recent.is_empty() {
        return;
    }
    parts::section(ui, cx.texts.opening.recent);
    parts::card(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for known in recent {
            let title = super::checkpoint_title(&known.source);
            let detail = if title == known.source { "" } else { &known.source };
            if parts::row(ui, &title, detail).on_hover_text(&known.source).clicked() {
                out.push(ModelAction::Inspect(Slot::A, known.source.clone()).into());
            }
        }
    });
}

/// Checkpoints in the hub cache.
fn hub(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    parts::section(ui, texts.hub);
    parts::card(ui, |ui| match cx.state.hub.as_deref() {
        None => {
            ui.horizontal(|ui| {
                ui.spinner();
                parts::weak(ui, texts.hub_searching);
            });
        }
        Some([]) => {
            parts::weak(ui, texts.hub_empty);
            ui.horizontal(|ui| {
                ui.label(RichText::new(FETCH).monospace());
                if ui.small_button(cx.texts.program.copy).clicked() {
                    out.push(crate::window::action::ProgramAction::Copy(FETCH.to_owned()).into());
                }
            });
            let why = cx.texts.download.not_here;
            super::download::offer(ui, cx, Slot::A, (FIRST, why), out);
        }
        Some(models) => {
            ui.spacing_mut().item_spacing.y = 2.0;
            for model in models {
                let directory = model.dir.display().to_string();
                if parts::row(ui, &model.repo, "").on_hover_text(directory).clicked() {
                    out.push(ModelAction::Inspect(Slot::A, model.repo.clone()).into());
                }
            }
        }
    });
}
