//! What a person sets once and for all.

use super::heading;
use crate::language::LanguageChoice;
use crate::window::action::{Action, ProgramAction};
use crate::window::panels::conversation::settings::sampling_settings;
use crate::window::panels::{Cx, parts};
use crate::window::state::SCALES;
use crate::window::theme::ThemeChoice;
use egui::{DragValue, Grid, RichText, ScrollArea, Ui};

/// Draws them.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.program;
    heading(ui, cx, texts.settings, out);
    let height = ui.ctx().content_rect().height() - 160.0;
    ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
        parts::section(ui, texts.appearance);
        parts::card(ui, |ui| appearance(ui, cx, out));
        parts::section(ui, texts.answers);
        parts::card(ui, |ui| sampling_settings(ui, cx, out));
        ui.add_space(8.0);
        let kept = cx.state.data_dir.as_ref();
        let kept = kept.map_or_else(|| texts.not_kept.to_owned(), |dir| format!("{} {}", texts.kept_in, dir.display()));
        ui.label(RichText::new(kept).small().weak());
    });
}

/// How the window looks.
fn appearance(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let (texts, settings) = (&cx.texts.program, &cx.state.settings);
    Grid::new("appearance").num_columns(2).spacing([24.0, 8.0]).show(ui, |ui| {
        ui.label(texts.language);
        ui.horizontal(|ui| {
            let choices = [
                (LanguageChoice::System, texts.system),
                (LanguageChoice::English, "English"),
                (LanguageChoice::Chinese, "简体中文"),
            ];
            for (choice, name) in choices {
                if ui.selectable_label(settings.language == choice, name).clicked() {
                    out.push(ProgramAction::SetLanguage(choice).into());
                }
            }
        });
        ui.end_row();
        ui.label(texts.theme);
        ui.horizontal(|ui| {
            let choices = [
                (ThemeChoice::System, texts.system),
                (ThemeChoice::Light, texts.light),
                (ThemeChoice::Dark, texts.dark),
            ];
            for (choice, name) in choices {
                if ui.selectable_label(settings.theme == choice, name).clicked() {
                    out.push(ProgramAction::SetTheme(choice).into());
                }
            }
        });
        ui.end_row();
        let label = ui.label(texts.scale);
        let mut percent = settings.scale * 100.0;
        let bounds = SCALES.start() * 100.0..=SCALES.end() * 100.0;
        let value = DragValue::new(&mut percent).range(bounds).speed(1.0).fixed_decimals(0).suffix(" %");
        let response = ui.add(value.update_while_editing(false)).labelled_by(label.id);
        // While it is being dragged, everything would move away under the pointer.
        if response.drag_stopped() || (response.changed() && !response.dragged()) {
            out.push(ProgramAction::SetScale(percent / 100.0).into());
        }
        ui.end_row();
    });
}
