//! The dialog about a figure: what is not said by the view already.

use super::Cx;
use crate::figure::Theme;
use crate::map_figure::Part;
use crate::recipe::SIDES;
use crate::window::action::{Action, ProgramAction, ViewAction};
use crate::window::state::{ExportKind, ExportOptions};
use egui::{Align, Button, DragValue, Grid, Layout, RichText, Ui};
use opabinia_shaders::Rect;

/// Widths that are offered, in pixels.
const WIDTHS: [u32; 3] = [640, 960, 1920];

/// Draws the dialog.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, kind: ExportKind, options: ExportOptions, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let lens = cx.state.lens();
    let mut chosen = options;
    ui.heading(texts.export_title(kind));
    ui.add_space(10.0);
    Grid::new("export").num_columns(2).spacing([18.0, 10.0]).show(ui, |ui| {
        if kind == ExportKind::Picture {
            ui.weak(texts.format);
            ui.horizontal(|ui| {
                ui.selectable_value(&mut chosen.svg, false, "PNG");
                ui.selectable_value(&mut chosen.svg, true, "SVG").on_hover_text(texts.svg_tip);
            });
            ui.end_row();
        }
        if lens.quantity.per_encoder() {
            ui.weak(texts.panels);
            ui.horizontal(|ui| {
                ui.selectable_value(&mut chosen.only_large, false, texts.every_encoder);
                ui.selectable_value(&mut chosen.only_large, true, texts.large_map_only);
            });
            ui.end_row();
        }
        ui.weak(texts.part);
        ui.horizontal(|ui| {
            ui.selectable_value(&mut chosen.part, Part::Padded, texts.part_padded);
            ui.selectable_value(&mut chosen.part, Part::Picture, texts.part_picture);
            if lens.shown != Rect::SQUARE {
                ui.selectable_value(&mut chosen.part, Part::Zoomed(lens.shown), texts.part_zoomed);
            }
        });
        ui.end_row();
        let label = ui.weak(texts.side);
        ui.horizontal(|ui| {
            for side in WIDTHS {
                ui.selectable_value(&mut chosen.side, side, format!("{side} px"));
            }
            ui.add_space(8.0);
            ui.weak(texts.other_side);
            let value = DragValue::new(&mut chosen.side).range(SIDES).speed(8).suffix(" px");
            ui.add(value).labelled_by(label.id).on_hover_text(texts.other_side_tip);
        });
        ui.end_row();
        ui.weak(texts.ground);
        ui.horizontal(|ui| {
            ui.selectable_value(&mut chosen.theme, Theme::Light, texts.ground_light);
            ui.selectable_value(&mut chosen.theme, Theme::Dark, texts.ground_dark);
        });
        ui.end_row();
    });
    if kind == ExportKind::Recipe {
        ui.add_space(8.0);
        ui.label(RichText::new(texts.recipe_note).small().weak());
    }
    ui.add_space(14.0);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let accent = ui.visuals().selection.bg_fill;
        if ui.add(Button::new(texts.choose_file).fill(accent)).clicked() {
            out.push(ViewAction::PickExport(kind, chosen).into());
        } else if chosen != options {
            out.push(ViewAction::SetExport(kind, chosen).into());
        }
        if ui.button(cx.texts.program.cancel).clicked() {
            out.push(ProgramAction::CloseOverlay.into());
        }
    });
}
