//! The command palette: what a person wants to do, by a few letters of its name.

use crate::window::action::{Action, ProgramAction};
use crate::window::palette::{Entry, found};
use crate::window::panels::{Cx, parts};
use egui::{Atom, Button, Key, Modifiers, RichText, ScrollArea, TextEdit, Ui, vec2};

/// Draws it.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, text: &str, chosen: usize, out: &mut Vec<Action>) {
    let texts = &cx.texts.program;
    let entries = found(text, cx.texts.language, cx.state);
    let mut chosen = chosen.min(entries.len().saturating_sub(1));
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let (up, down, enter) = (pressed(Key::ArrowUp), pressed(Key::ArrowDown), pressed(Key::Enter));
    if !entries.is_empty() && (up || down) {
        chosen = (chosen + if down { 1 } else { entries.len() - 1 }) % entries.len();
        out.push(ProgramAction::ChooseInPalette(chosen).into());
    }
    let mut typed = text.to_owned();
    let field = TextEdit::singleline(&mut typed)
        .hint_text(texts.palette_hint)
        .desired_width(f32::INFINITY)
        .margin(vec2(10.0, 8.0));
    let response = ui.add(field);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, texts.palette));
    response.request_focus();
    if response.changed() {
        out.push(ProgramAction::SetPaletteText(typed).into());
    }
    if let (true, Some(entry)) = (enter, entries.get(chosen)) {
        done(entry, out);
    }
    ui.add_space(2.0);
    if entries.is_empty() {
        parts::weak(ui, texts.palette_nothing);
    }
    let height = (ui.ctx().content_rect().height() - 240.0).clamp(120.0, 380.0);
    ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        for (at, known) in entries.iter().enumerate() {
            let response = entry(ui, cx, known, at == chosen);
            if at == chosen && (up || down) {
                response.scroll_to_me(None);
            }
            if response.clicked() {
                done(known, out);
            }
        }
    });
    ui.add_space(2.0);
    ui.label(RichText::new(texts.palette_keys).small().weak());
}

/// Does what was chosen, and closes the palette.
fn done(entry: &Entry, out: &mut Vec<Action>) {
    match entry {
        Entry::Command(command) => out.push((*command).into()),
        Entry::Control(control) => {
            out.push(ProgramAction::CloseOverlay.into());
            out.push(control.change.clone().into());
        }
    }
}

fn entry(ui: &mut Ui, cx: &Cx<'_>, entry: &Entry, chosen: bool) -> egui::Response {
    let (name, tip) = entry.words(cx.texts.language);
    let (keys, on) = match entry {
        Entry::Command(command) => (command.shortcut(), command.is_on(cx.state).unwrap_or(false)),
        Entry::Control(control) => (None, control.on),
    };
    let keys = keys.map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
    let weak = ui.visuals().weak_text_color();
    let width = ui.available_width();
    let atoms = (parts::check(on), RichText::new(name), Atom::grow(), RichText::new(keys).color(weak).small());
    let button = Button::new(atoms).selected(chosen).frame_when_inactive(chosen).min_size(vec2(width, 28.0));
    ui.add(button).on_hover_text(tip)
}
