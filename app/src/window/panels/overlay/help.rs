//! Help: a guide, a glossary, and all keys.

use crate::window::action::{Action, ProgramAction};
use crate::window::command::UiCommand;
use crate::window::panels::{Cx, parts};
use crate::window::state::HelpPage;
use egui::{Button, Grid, Label, RichText, ScrollArea, Ui};

/// Room for the scroll bar.
const SCROLL_BAR: f32 = 14.0;

/// Draws one of its pages.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, page: HelpPage, out: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (other, command) in [
            (HelpPage::Guide, UiCommand::Guide),
            (HelpPage::Glossary, UiCommand::Glossary),
            (HelpPage::Shortcuts, UiCommand::Shortcuts),
        ] {
            let (name, tip) = command.words(cx.texts.language);
            let button = Button::selectable(page == other, RichText::new(name).size(15.0));
            if ui.add(button).on_hover_text(tip).clicked() {
                out.push(command.into());
            }
        }
        parts::buttons(ui, |ui| {
            if ui.button(cx.texts.program.close).clicked() {
                out.push(ProgramAction::CloseOverlay.into());
            }
        });
    });
    ui.separator();
    let height = ui.ctx().content_rect().height() - 150.0;
    ScrollArea::vertical()
        .id_salt(page)
        .max_height(height)
        .min_scrolled_height(height)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            ui.set_max_width(ui.available_width() - SCROLL_BAR);
            match page {
                HelpPage::Guide => sections(ui, cx.texts.help.guide),
                HelpPage::Glossary => glossary(ui, cx.texts.help.glossary),
                HelpPage::Shortcuts => shortcuts(ui, cx),
            }
        });
}

/// Headings with a paragraph each.
fn sections(ui: &mut Ui, all: &[(&str, &str)]) {
    for (heading, text) in all {
        ui.add_space(10.0);
        ui.label(RichText::new(*heading).strong().size(15.0));
        ui.add(Label::new(*text).wrap());
    }
}

/// Words with what they mean, the one beside the other.
fn glossary(ui: &mut Ui, all: &[(&str, &str)]) {
    let name = (ui.available_width() * 0.27).min(180.0);
    for (word, meaning) in all {
        ui.horizontal_top(|ui| {
            ui.allocate_ui(egui::vec2(name, 18.0), |ui| {
                ui.set_width(name);
                ui.add(Label::new(RichText::new(*word).strong()).wrap());
            });
            ui.add(Label::new(*meaning).wrap());
        });
        ui.add_space(2.0);
    }
}

/// The keys of all commands, and what is done without a command.
fn shortcuts(ui: &mut Ui, cx: &Cx<'_>) {
    let format = |keys: &egui::KeyboardShortcut| ui.ctx().format_shortcut(keys);
    let commands: Vec<(String, &str)> = (UiCommand::ALL.iter())
        .filter_map(|command| Some((format(&command.shortcut()?), command.words(cx.texts.language).0)))
        .collect();
    let help = &cx.texts.help;
    parts::section(ui, help.everywhere);
    list(ui, "commands", commands.iter().map(|(keys, what)| (keys.as_str(), *what)));
    for (heading, gestures) in [(help.on_map, help.map_gestures), (help.in_question, help.question_keys)] {
        parts::section(ui, heading);
        list(ui, heading, gestures.iter().copied());
    }
}

fn list<'a>(ui: &mut Ui, id: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    Grid::new(id).num_columns(2).spacing([24.0, 4.0]).min_col_width(150.0).show(ui, |ui| {
        for (keys, what) in rows {
            ui.label(RichText::new(keys).strong());
            ui.label(what);
            ui.end_row();
        }
    });
}
