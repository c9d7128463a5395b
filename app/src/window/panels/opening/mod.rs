//! The page on which a checkpoint is chosen, examined and loaded.
//!
//! Without a model it is all there is; beside one that is loaded it lies over the panels.

mod download;
mod loading;
mod plan;
mod refusal;
mod start;

use super::{Cx, parts};
use crate::window::action::{Action, ModelAction};
use crate::window::state::{AppState, ModelPhase, Opening, Purpose, Slot};
use egui::{Align2, Context, Id, Key, LayerId, Modal, Order, RichText, ScrollArea, TextEdit, Ui, vec2};
use std::path::Path;

/// How wide the page is.
const WIDTH: f32 = 660.0;

/// Whether this page is shown instead of the panels.
pub fn is_needed(state: &AppState) -> bool {
    state.models.current().is_none()
}

/// What is being opened, the first model first.
pub fn current(state: &AppState) -> Option<(Slot, &Opening)> {
    [Slot::A, Slot::B].into_iter().find_map(|slot| Some((slot, state.models.opening(slot)?)))
}

/// What gives up `opening`: stops what is being done, or closes what was found.
pub fn give_up((slot, opening): (Slot, &Opening)) -> ModelAction {
    match opening.phase {
        ModelPhase::Inspecting | ModelPhase::Loading(_) => ModelAction::Cancel(slot),
        ModelPhase::Refused(_) | ModelPhase::Inspected(_) => ModelAction::Dismiss(slot),
    }
}

/// Draws the page where the panels would be.
pub fn page(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let margin = ((ui.available_width() - WIDTH) / 2.0).max(16.0);
        ui.add_space((ui.available_height() * 0.06).min(56.0));
        ui.horizontal_top(|ui| {
            ui.add_space(margin);
            ui.vertical(|ui| {
                ui.set_width((ui.available_width() - margin).min(WIDTH));
                match current(cx.state) {
                    Some(opening) => parts::card(ui, |ui| opened(ui, cx, opening, out)),
                    None => start::show(ui, cx, out),
                }
                ui.add_space(32.0);
            });
        });
    });
}

/// Draws the page over the panels, if something is being opened beside a model that is loaded.
pub fn over_panels(ctx: &Context, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let Some(opening) = current(cx.state).filter(|_| !is_needed(cx.state)) else { return };
    Modal::new(Id::unique("opening")).frame(parts::over(ctx)).show(ctx, |ui| {
        ui.set_width(WIDTH.min(ctx.content_rect().width() - 64.0));
        let height = ctx.content_rect().height() - 96.0;
        ScrollArea::vertical()
            .max_height(height)
            .min_scrolled_height(height)
            .show(ui, |ui| opened(ui, cx, opening, out));
    });
}

/// What is known of a checkpoint that is being opened.
fn opened(ui: &mut Ui, cx: &Cx<'_>, (slot, opening): (Slot, &Opening), out: &mut Vec<Action>) {
    if slot == Slot::B {
        parts::weak(ui, cx.texts.opening.compare_title);
    }
    ui.label(RichText::new(checkpoint_title(&opening.request.source)).heading());
    let decided = matches!(opening.phase, ModelPhase::Refused(_) | ModelPhase::Inspected(_));
    if decided {
        source(ui, cx, (slot, opening), out);
    } else {
        ui.add(egui::Label::new(RichText::new(&opening.request.source).small().weak()).truncate());
    }
    ui.add_space(6.0);
    match &opening.phase {
        ModelPhase::Inspecting => loading::show(ui, cx, (slot, Purpose::Inspect(slot)), out),
        ModelPhase::Refused(error) => refusal::page(ui, cx, (slot, opening), error, out),
        ModelPhase::Inspected(inspection) => plan::show(ui, cx, (slot, opening), inspection, out),
        ModelPhase::Loading(_) => loading::show(ui, cx, (slot, Purpose::Load(slot)), out),
    }
}

/// Where the checkpoint is, to be changed.
fn source(ui: &mut Ui, cx: &Cx<'_>, (slot, opening): (Slot, &Opening), out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    ui.horizontal(|ui| {
        let label = ui.label(texts.source);
        let now = &opening.request.source;
        let mut path = cx.state.drafts.path.clone().unwrap_or_else(|| now.clone());
        let width = (ui.available_width() - 190.0).max(100.0);
        let field = TextEdit::singleline(&mut path).hint_text(texts.source_hint);
        let response = ui.add_sized([width, 24.0], field).labelled_by(label.id);
        if response.changed() {
            out.push(ModelAction::SetPathDraft(path.clone()).into());
        }
        let other = !path.trim().is_empty() && path.trim() != now;
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let open = ui.add_enabled(other, egui::Button::new(texts.open));
        if other && (open.clicked() || entered) {
            out.push(ModelAction::Inspect(slot, path.trim().to_owned()).into());
        }
        if ui.button(texts.open_folder).clicked() {
            out.push(ModelAction::Pick(slot).into());
        }
    });
}

/// What people call the checkpoint named `source`: nothing is asked of the file system for it.
fn checkpoint_title(source: &str) -> String {
    let is_id = source.split('/').count() == 2 && !source.starts_with(['.', '/', '~']);
    let last = || Path::new(source).file_name().map(|name| name.to_string_lossy().into_owned());
    if is_id { source.to_owned() } else { last().unwrap_or_else(|| source.to_owned()) }
}

/// Says what will become of files that hang over the window.
pub fn drop_hint(ctx: &Context, cx: &Cx<'_>) {
    if ctx.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("drop hint")));
    let (rect, style) = (ctx.content_rect(), ctx.global_style());
    painter.rect_filled(rect, 0.0, style.visuals.faint_bg_color.gamma_multiply(0.88));
    let font = egui::FontId::proportional(18.0);
    painter.text(rect.center(), Align2::CENTER_CENTER, cx.texts.opening.drop, font, style.visuals.text_color());
    let frame = rect.shrink2(vec2(18.0, 18.0));
    let stroke = egui::Stroke::new(2.0, style.visuals.hyperlink_color);
    painter.rect_stroke(frame, 12.0, stroke, egui::StrokeKind::Inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_called_by_their_last_name_or_their_id() {
        assert_eq!(checkpoint_title("nyu-visionx/cambrian-8b"), "nyu-visionx/cambrian-8b");
        assert_eq!(checkpoint_title("/models/cambrian-8b/"), "cambrian-8b");
        assert_eq!(checkpoint_title("./cambrian-8b"), "cambrian-8b");
        assert_eq!(checkpoint_title("/"), "/");
    }
}
