//! What stands on the tab bar above a pane of maps: its links, its menu.

use super::super::Cx;
use crate::window::action::{Action, ViewAction};
use crate::window::command::UiCommand;
use crate::window::state::{Linked, MapPane, PaneId};
use egui::{
    Button, Checkbox, Popup, PopupCloseBehavior, Rect, Response, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    vec2,
};

/// What the tab of the pane `id` is called.
pub fn title(cx: &Cx<'_>, id: PaneId) -> String {
    let name = cx.texts.program.panel_probe;
    let panes = cx.state.panes();
    if panes.count() == 1 { name.to_owned() } else { format!("{name} {}", panes.number(id)) }
}

/// Draws the buttons, from right to left.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    let texts = &cx.texts.panes;
    let name = super::named(cx, pane, texts.menu);
    let menu = button(ui, &name, ui.visuals().text_color(), |ui, rect, stroke| {
        for x in [-5.0, 0.0, 5.0] {
            ui.painter().circle_filled(rect.center() + vec2(x, 0.0), 1.4, stroke.color);
        }
    });
    Popup::menu(&menu.on_hover_text(texts.menu)).show(|ui| {
        command(ui, cx, texts.duplicate, UiCommand::NewPane, || {
            out.extend([ViewAction::Activate(pane.id).into(), ViewAction::DuplicatePane.into()]);
        });
        command(ui, cx, texts.close, UiCommand::ClosePane, || out.push(ViewAction::ClosePane(pane.id).into()));
    });
    if cx.state.panes().count() > 1 {
        links(ui, cx, pane, out);
    }
}

/// One line of the menu, with the keys that do the same in the active pane.
fn command(ui: &mut Ui, cx: &Cx<'_>, name: &str, command: UiCommand, chosen: impl FnOnce()) {
    let keys = command.shortcut().map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
    if ui.add_enabled(command.enabled(cx.state), Button::new(name).shortcut_text(keys)).clicked() {
        chosen();
    }
}

/// The button that says what is linked, and what it opens. A broken link is seen without opening anything.
fn links(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    let texts = &cx.texts.panes;
    let broken: Vec<&str> = pane.links.broken().map(|what| texts.link(what).0).collect();
    let text =
        if broken.is_empty() { texts.linked.to_owned() } else { format!("{} {}", texts.unlinked, broken.join(", ")) };
    let colour = if broken.is_empty() { ui.visuals().weak_text_color() } else { ui.visuals().warn_fg_color };
    let response = button(ui, &super::named(cx, pane, &text), colour, |ui, rect, stroke| {
        let gap = if broken.is_empty() { -1.5 } else { 1.5 };
        for side in [-1.0, 1.0] {
            let link = Rect::from_center_size(rect.center() + vec2(side * (3.5 + gap), 0.0), vec2(7.0, 5.0));
            ui.painter().rect_stroke(link, 2.5, stroke, StrokeKind::Middle);
        }
        if !broken.is_empty() {
            let middle = rect.center();
            ui.painter().line_segment([middle + vec2(2.0, -6.0), middle + vec2(-2.0, 6.0)], stroke);
        }
    });
    let popup = Popup::from_toggle_button_response(&response);
    popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.label(RichText::new(texts.links).small().weak());
        for what in Linked::ALL {
            let (name, tip) = texts.link(what);
            let mut linked = pane.links.has(what);
            if ui.add(Checkbox::new(&mut linked, name)).on_hover_text(tip).changed() {
                out.push(ViewAction::Link(pane.id, what, linked).into());
            }
        }
        ui.separator();
        let all = broken.is_empty();
        if ui.button(if all { texts.link_none } else { texts.link_all }).clicked() {
            let each = Linked::ALL.into_iter().filter(|what| pane.links.has(*what) == all);
            out.extend(each.map(|what| Action::from(ViewAction::Link(pane.id, what, !all))));
        }
    });
    if !broken.is_empty() {
        // Whoever looks at two maps is told what they do not have in common.
        ui.label(RichText::new(&text).small().color(colour)).on_hover_text(&text);
    }
    response.on_hover_text(text);
}

/// A button with something drawn on it.
fn button(ui: &mut Ui, name: &str, colour: egui::Color32, draw: impl FnOnce(&Ui, Rect, Stroke)) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(24.0, 20.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, name));
    let visuals = ui.visuals();
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 4.0, visuals.widgets.hovered.bg_fill);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4.0, Stroke::new(1.0, visuals.hyperlink_color), StrokeKind::Inside);
    }
    draw(ui, rect, Stroke::new(1.4, colour));
    response
}
