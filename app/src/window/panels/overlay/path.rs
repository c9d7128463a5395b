//! A field for a path, where the system has no file dialog: what is there completes what is typed.

use super::heading;
use crate::window::action::{Action, ProgramAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{PathEntry, PathFor, TypedPath};
use egui::text::{CCursor, CCursorRange};
use egui::{EventFilter, Id, Key, Label, Modifiers, RichText, ScrollArea, TextEdit, Ui, WidgetInfo, vec2};

/// How many names are shown.
const SHOWN: usize = 200;

/// Draws it.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, typed: &TypedPath, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    let title = match &typed.what {
        PathFor::Model(_) => texts.open_folder.to_owned(),
        PathFor::Encoder(_, name) => format!("{} {name}", texts.pick_folder),
        PathFor::Picture => cx.texts.conversation.attach.to_owned(),
        PathFor::Export(kind, _) => cx.texts.inspector.export_title(*kind).to_owned(),
        PathFor::Evidence(kind) => cx.texts.evidence_panel.export_title(*kind).to_owned(),
        PathFor::Evaluation(field) => cx.texts.evaluation.field(*field).to_owned(),
        PathFor::Benchmarks(_) => cx.texts.evaluation.export_benchmarks.to_owned(),
    };
    heading(ui, cx, &title, out);
    ui.add(Label::new(texts.no_dialog).wrap());
    ui.add_space(6.0);
    let first = typed.completions().next();
    field(ui, cx, typed, first, out);
    if let Some(problem) = &typed.problem {
        ui.colored_label(ui.visuals().error_fg_color, problem);
    }
    ui.add_space(2.0);
    let height = (ui.ctx().content_rect().height() - 320.0).clamp(96.0, 260.0);
    ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        for entry in typed.completions().take(SHOWN) {
            let name =
                if entry.file { entry.name.clone() } else { format!("{}{}", entry.name, std::path::MAIN_SEPARATOR) };
            if parts::row(ui, &name, "").clicked() {
                complete(ui, typed, entry, out);
            }
        }
    });
    ui.label(RichText::new(texts.path_keys).small().weak());
    parts::buttons(ui, |ui| {
        let named = !typed.text.trim().is_empty();
        if ui.add_enabled(named, parts::primary(ui, texts.open)).clicked() {
            out.push(ProgramAction::UsePath.into());
        }
    });
}

fn field(ui: &mut Ui, cx: &Cx<'_>, typed: &TypedPath, first: Option<&PathEntry>, out: &mut Vec<Action>) {
    let id = field_id();
    let has_focus = ui.memory(|memory| memory.has_focus(id));
    if has_focus {
        // Tab completes.
        let filter = EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: false };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    }
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let (tab, enter) = (has_focus && pressed(Key::Tab), has_focus && pressed(Key::Enter));
    let mut text = typed.text.clone();
    let edit = TextEdit::singleline(&mut text).id(id).desired_width(f32::INFINITY).margin(vec2(10.0, 8.0));
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, cx.texts.opening.path));
    // Before anything is listed it has just been opened.
    if ui.memory(|memory| memory.focused().is_none()) || (typed.listed.is_none() && !has_focus) {
        response.request_focus();
        caret_to_end(ui, &typed.text);
    }
    if response.changed() {
        out.push(ProgramAction::TypePath(text).into());
    } else if let (true, Some(entry)) = (tab, first) {
        complete(ui, typed, entry, out);
    } else if enter && !typed.text.trim().is_empty() {
        out.push(ProgramAction::UsePath.into());
    }
}

fn field_id() -> Id {
    Id::unique("typed path")
}

fn complete(ui: &Ui, typed: &TypedPath, entry: &PathEntry, out: &mut Vec<Action>) {
    let text = typed.completed(entry);
    caret_to_end(ui, &text);
    ui.memory_mut(|memory| memory.request_focus(field_id()));
    out.push(ProgramAction::TypePath(text).into());
}

/// Where one goes on typing.
fn caret_to_end(ui: &Ui, text: &str) {
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), field_id()).unwrap_or_default();
    state.cursor.set_char_range(Some(CCursorRange::one(CCursor::new(text.chars().count()))));
    state.store(ui.ctx(), field_id());
}
