//! Menus, both models, what the engine is doing, and the switches people look for.

use super::{Cx, parts};
use crate::language::{Language, LanguageChoice};
use crate::window::action::{Action, ComparisonAction, ModelAction, ProgramAction};
use crate::window::command::{Menu, UiCommand};
use crate::window::state::{Model, RunningJob, SIDES, Slot};
use crate::window::theme::ThemeChoice;
use crate::window::view_controls;
use egui::{Button, Frame, Layout, Margin, ProgressBar, RichText, Role, ScrollArea, TextEdit, Ui, WidgetInfo};
use opabinia_engine::checkpoint::Bytes;

/// Below this width the bar says less about the models.
const NARROW: f32 = 1180.0;

/// Draws the bar.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let narrow = ui.available_width() < NARROW;
    egui::MenuBar::new().ui(ui, |ui| {
        let texts = &cx.texts.program;
        for (menu, name) in [
            (Menu::File, texts.menu_file),
            (Menu::Edit, texts.menu_edit),
            (Menu::View, texts.menu_view),
            (Menu::Panes, texts.menu_panes),
            (Menu::Help, texts.menu_help),
        ] {
            ui.menu_button(name, |ui| self::menu(ui, cx, menu, out));
        }
        ui.separator();
        if cx.state.models.are_two() {
            sides(ui, cx, narrow, out);
        } else {
            model(ui, cx, Slot::A, narrow, out);
            if cx.state.models.current().is_some() {
                ui.separator();
                model(ui, cx, Slot::B, narrow, out);
            }
        }
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            switches(ui, cx, out);
            working(ui, cx, narrow, out);
        });
    });
}

/// One control for both models: A, B, or both of them, each with its name and colour and a menu behind it.
fn sides(ui: &mut Ui, cx: &Cx<'_>, narrow: bool, out: &mut Vec<Action>) {
    let line = ui.visuals().widgets.noninteractive.bg_stroke;
    Frame::new().stroke(line).corner_radius(6).inner_margin(Margin::symmetric(2, 0)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 1.0;
        for slot in SIDES {
            let called = cx.name_of(slot).unwrap_or_default();
            let chosen = !cx.state.comparison.on && cx.state.models.answering() == slot;
            let text = format!("{}  {}", slot.letter(), shortened(&called, if narrow { 14 } else { 28 }));
            let colour = parts::side_colour(ui, slot);
            let button = ui.add(Button::selectable(chosen, RichText::new(text).color(colour)));
            let spoken = format!("{} {}: {called}", cx.texts.comparison.only, slot.letter());
            button.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, &spoken));
            if button.on_hover_text(spoken).clicked() {
                out.push(ComparisonAction::LookAtOne(slot).into());
            }
            model(ui, cx, slot, narrow, out);
        }
        let on = cx.state.comparison.on;
        let button = ui.add(Button::selectable(on, cx.texts.comparison.both));
        button.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, cx.texts.comparison.both));
        if button.on_hover_text(UiCommand::CompareSides.words(cx.texts.language).1).clicked() && !on {
            out.push(UiCommand::CompareSides.into());
        }
    });
}

/// A model and what can be done with it.
fn model(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, narrow: bool, out: &mut Vec<Action>) {
    let texts = &cx.texts.program;
    let (letter, name) = (slot.letter(), if slot == Slot::A { texts.model_a } else { texts.model_b });
    let Some(model) = cx.state.models.loaded(slot) else {
        if slot == Slot::A {
            return parts::weak(ui, cx.texts.opening.no_model);
        }
        let (_, tip) = UiCommand::CompareFolder.words(cx.texts.language);
        let button = Button::new(format!("{letter}  {}", texts.compare)).frame_when_inactive(false);
        if ui.add(button).on_hover_text(tip).clicked() {
            out.push(UiCommand::CompareFolder.into());
        }
        return;
    };
    let facts = facts(model);
    let called = cx.name_of(slot).unwrap_or_else(|| model.name());
    let two = cx.state.models.are_two();
    let answers = cx.state.models.answering() == slot;
    let mut label = format!("{letter}  {}", shortened(&called, if narrow { 22 } else { 40 }));
    if !narrow {
        label.push_str(&format!("   {facts}"));
    }
    // Beside the name that stands there already, only the menu's mark.
    let label = if two { RichText::new("…").weak() } else { RichText::new(label) };
    let menu = ui.menu_button(label, |ui| {
        ui.strong(&called);
        parts::weak(ui, &facts);
        ui.label(RichText::new(model.inspection.directory.display().to_string()).small().weak());
        name_field(ui, cx, slot, model, out);
        ui.separator();
        let mut entry = |ui: &mut Ui, text: &str, action: Action| {
            if ui.button(text).clicked() {
                out.push(action);
                ui.close();
            }
        };
        if two && !answers {
            entry(ui, texts.answer_with, ModelAction::Answer(slot).into());
        }
        if two && slot == Slot::B && cx.state.can_swap_sides() {
            entry(ui, cx.texts.comparison.promote, ComparisonAction::Promote.into());
        }
        entry(ui, texts.change_model, ModelAction::Pick(slot).into());
        entry(ui, texts.reload, ModelAction::Reconsider(slot).into());
        entry(ui, texts.unload, ModelAction::Unload(slot).into());
    });
    let mut spoken = format!("{name}: {called}, {facts}");
    if two && answers {
        spoken = format!("{spoken}. {}", texts.is_asked);
    }
    menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &spoken));
    menu.response.on_hover_text(spoken);
}

/// The name by which a person calls a model; the checkpoint's own where it is empty.
fn name_field(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, model: &Model, out: &mut Vec<Action>) {
    let mut called = cx.state.settings.called(&model.which()).unwrap_or_default().to_owned();
    ui.horizontal(|ui| {
        let label = ui.label(cx.texts.comparison.name);
        let field = TextEdit::singleline(&mut called).hint_text(model.name()).char_limit(40).desired_width(160.0);
        if ui.add(field).labelled_by(label.id).changed() {
            out.push(ModelAction::Call(slot, called).into());
        }
    });
}

/// Where a model computes, how its weights are kept, and the memory it takes.
fn facts(model: &Model) -> String {
    let weights = model.inspection.precision.weights;
    let memory = Bytes(model.inspection.need(weights).total());
    format!("{} · {} · {memory}", model.inspection.device, weights)
}

/// The first letters of a long name.
fn shortened(name: &str, letters: usize) -> String {
    match name.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Palette, colours, language: from right to left.
fn switches(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let language = cx.texts.language;
    let (name, other) = match language {
        Language::English => ("中文", LanguageChoice::Chinese),
        Language::Chinese => ("EN", LanguageChoice::English),
    };
    let tip = UiCommand::SwitchLanguage.words(language).1;
    if ui.add(Button::new(name).frame_when_inactive(false)).on_hover_text(tip).clicked() {
        out.push(ProgramAction::SetLanguage(other).into());
    }
    let texts = &cx.texts.program;
    let dark = ui.visuals().dark_mode;
    let (name, other) = if dark { (texts.light, ThemeChoice::Light) } else { (texts.dark, ThemeChoice::Dark) };
    let theme = half_disc(ui);
    theme.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{}: {name}", texts.theme)));
    if theme.on_hover_text(format!("{}: {name}", texts.theme)).clicked() {
        out.push(ProgramAction::SetTheme(other).into());
    }
    let keys = UiCommand::Palette.shortcut().map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
    let palette = ui.add(Button::new(RichText::new(keys).small()).frame_when_inactive(true));
    palette.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, texts.find_command));
    if palette.on_hover_text(UiCommand::Palette.words(language).1).clicked() {
        out.push(UiCommand::Palette.into());
    }
    ui.add_space(6.0);
}

/// The button for light and dark. Drawn, as not every font has a sun and a moon.
fn half_disc(ui: &mut Ui) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(egui::vec2(26.0, 24.0), egui::Sense::click());
    let visuals = ui.style().interact(&response);
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, visuals.corner_radius, visuals.weak_bg_fill);
    }
    let (centre, radius) = (rect.center(), 6.0);
    let right = (0..=24).map(|step| std::f32::consts::PI * (step as f32 / 24.0 - 0.5));
    let edge = right.map(|angle| centre + radius * egui::Vec2::angled(angle)).collect();
    ui.painter().add(egui::Shape::convex_polygon(edge, visuals.fg_stroke.color, egui::Stroke::NONE));
    ui.painter().circle_stroke(centre, radius, egui::Stroke::new(1.2, visuals.fg_stroke.color));
    response
}

/// What the engine is doing, and what stops it.
fn working(ui: &mut Ui, cx: &Cx<'_>, narrow: bool, out: &mut Vec<Action>) {
    let Some((_, running)) = cx.state.jobs.iter().next() else { return };
    let texts = &cx.texts.program;
    if ui.add_enabled(!running.cancelling, Button::new(texts.stop)).clicked() {
        out.push(UiCommand::Stop.into());
    }
    let bar = ProgressBar::new(part(running))
        .desired_width(if narrow { 110.0 } else { 160.0 })
        .text(RichText::new(doing(cx, running)).small());
    ui.add(bar).on_hover_text(texts.working);
}

/// How much of its stage a job has done.
fn part(running: &RunningJob) -> f32 {
    running.progress.map_or(0.0, |progress| progress.done as f32 / progress.total.max(1) as f32)
}

/// What a job is doing, in a few words.
fn doing(cx: &Cx<'_>, running: &RunningJob) -> String {
    use opabinia_engine::job::Stage;
    let texts = &cx.texts.program;
    match running.progress {
        _ if running.cancelling => cx.texts.opening.cancelling.to_owned(),
        None => texts.waiting.to_owned(),
        Some(progress) => {
            let word = texts.stage(progress.stage);
            match progress.stage {
                Stage::Load => format!("{word} {:.0} %", part(running) * 100.0),
                Stage::Decode => format!("{word} {}", progress.done),
                _ => format!("{word} {}/{}", progress.done, progress.total),
            }
        }
    }
}

/// What stands in a menu: its commands, with a line between groups, and in that of views every control of the view.
fn menu(ui: &mut Ui, cx: &Cx<'_>, menu: Menu, out: &mut Vec<Action>) {
    if menu == Menu::View {
        view_controls(ui, cx, out);
    }
    let mut before = None;
    for command in UiCommand::ALL.iter().filter(|command| command.place().0 == menu) {
        let group = command.place().1;
        if before.is_some_and(|before| before != group) {
            ui.separator();
        }
        before = Some(group);
        command_button(ui, cx, *command, out);
    }
}

/// A submenu for each group of controls of the view that there are.
fn view_controls(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let all = view_controls::all(cx.state, cx.texts);
    for of_group in all.chunk_by(|a, b| a.group == b.group) {
        let Some(group) = of_group.first().map(|control| control.group) else { continue };
        ui.menu_button((parts::check(false), group.name(cx.texts)), |ui| {
            ScrollArea::vertical().max_height(ui.ctx().content_rect().height() * 0.7).show(ui, |ui| {
                for control in of_group {
                    let button = Button::new((parts::check(control.on), control.name.as_str()));
                    let response = ui.add(button);
                    let name = format!("{}: {}", group.name(cx.texts), control.name);
                    response.widget_info(|| WidgetInfo::selected(Role::MenuItemCheckBox, true, control.on, &name));
                    if response.on_hover_text(&control.tip).clicked() {
                        out.push(control.change.clone().into());
                        ui.close();
                    }
                }
            });
        });
    }
    if !all.is_empty() {
        ui.separator();
    }
}

/// A menu's entry for `command`.
fn command_button(ui: &mut Ui, cx: &Cx<'_>, command: UiCommand, out: &mut Vec<Action>) {
    let (name, tip) = command.words(cx.texts.language);
    let on = command.is_on(cx.state);
    let mut button = Button::new((parts::check(on == Some(true)), name));
    if let Some(keys) = command.shortcut() {
        button = button.shortcut_text(ui.ctx().format_shortcut(&keys));
    }
    let response = ui.add_enabled(command.enabled(cx.state), button);
    if let Some(on) = on {
        response.widget_info(|| WidgetInfo::selected(Role::MenuItemCheckBox, ui.is_enabled(), on, name));
    }
    if response.on_hover_text(tip).clicked() {
        out.push(command.into());
        ui.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_letters() {
        assert_eq!(shortened("模型一二三", 3), "模型一…");
        assert_eq!(shortened("short", 22), "short");
    }
}
