//! The maps as a table: what a screen reader, or a person who wants numbers, reads instead of colours.

use super::super::Cx;
use super::numbers::{self, Table};
use super::parts::{alone, fitted, grouped, share};
use crate::map_figure;
use crate::window::action::{Action, ProgramAction, ViewAction};
use crate::window::state::{ExportKind, ViewChange};
use egui::{Align2, Color32, FontId, RichText, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};
use opabinia_shaders::{Cell, Map, MapTexel, Quantity};

/// Height of a row.
const ROW: f32 = 19.0;

/// Width of the column of places, and of the others at least.
const PLACE: f32 = 52.0;
const COLUMN: f32 = 56.0;
/// A longer heading does not make its column wider.
const WIDEST: f32 = 76.0;

/// Draws the tab.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let Some(table) = numbers::shown(cx) else {
        let text = if cx.state.trace().is_some() { texts.no_numbers } else { texts.no_trace };
        ui.weak(text);
        return;
    };
    ui.label(RichText::new(format!("{} {}", texts.table_of, alone(&table.what))).strong());
    let of_token = cx.state.pane().source.is_token();
    let evidence = if of_token { texts.token_table_evidence } else { texts.table_evidence };
    ui.label(RichText::new(evidence).small().weak());
    for note in &table.notes {
        ui.label(RichText::new(*note).small().weak());
    }
    ui.horizontal(|ui| {
        if ui.button(texts.copy_csv).on_hover_text(texts.copy_csv_tip).clicked() {
            let named: Vec<(String, Map)> = table.names.iter().cloned().zip(table.maps.iter().cloned()).collect();
            out.push(ProgramAction::Copy(map_figure::csv(&named)).into());
        }
        if ui.button(texts.save_csv).on_hover_text(texts.export_numbers).clicked() {
            out.push(ViewAction::Export(ExportKind::Numbers).into());
        }
    });
    let side = table.maps.iter().map(|map| map.side as usize).max().unwrap_or(0);
    let (padding, mut listed): (Vec<usize>, Vec<usize>) = (0..side * side).partition(|at| table.is_padding(*at));
    if !padding.is_empty() {
        let mut all = cx.state.padding_listed;
        let name = format!("{} ({})", texts.list_padding, grouped(padding.len() as u64));
        if ui.checkbox(&mut all, RichText::new(name).small()).on_hover_text(texts.list_padding_tip).changed() {
            out.push(ViewAction::ListPadding(all).into());
        }
        if all {
            listed = (0..side * side).collect();
        }
    }
    ui.add_space(4.0);
    rows(ui, cx, &table, &listed, out);
}

/// Draws the rows of the places that are `listed`.
fn rows(ui: &mut Ui, cx: &Cx<'_>, table: &Table<'_>, listed: &[usize], out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let side = table.maps.iter().map(|map| map.side as usize).max().unwrap_or(0);
    let columns = table.maps.len();
    let font = FontId::monospace(11.5);
    let small = FontId::proportional(11.0);
    let width = |name: &String| ui.painter().layout_no_wrap(name.clone(), small.clone(), Color32::PLACEHOLDER).size().x;
    let names = table.names.iter().map(width).fold(0.0, f32::max) + 12.0;
    let room = ((ui.available_width() - PLACE - 12.0) / columns.max(1) as f32).max(names.clamp(COLUMN, WIDEST));
    let selected = cx.state.lens().selected;
    ScrollArea::horizontal().id_salt("table").auto_shrink(false).show(ui, |ui| {
        let width = PLACE + room * columns as f32;
        let weak = ui.visuals().weak_text_color();
        let (head, _) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
        let place = alone(if table.of_cells { texts.cell } else { texts.token });
        ui.painter().text(head.left_center(), Align2::LEFT_CENTER, place, small.clone(), weak);
        for (at, name) in table.names.iter().enumerate() {
            let right = head.left() + PLACE + room * (at + 1) as f32 - 4.0;
            let name = fitted(ui, &alone(name), &small, room - 8.0);
            ui.painter().text(pos2(right, head.center().y), Align2::RIGHT_CENTER, name, small.clone(), weak);
        }
        ui.painter().hline(head.x_range(), head.bottom(), ui.visuals().widgets.noninteractive.bg_stroke);
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().id_salt("rows").auto_shrink(false).show_rows(ui, ROW, listed.len(), |ui, range| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for at in &listed[range] {
                let (row, column) = (at / side, at % side);
                let cell = Cell { row: row as u32, col: column as u32 };
                let values = table.maps.iter().zip(&table.differences).zip(&table.encoders);
                let values: Vec<(String, Kind)> = values
                    .map(|((map, difference), encoders)| value(cx, (map, *difference, encoders), row, column))
                    .collect();
                let sense = if table.of_cells { Sense::CLICK | Sense::HOVER } else { Sense::hover() };
                let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), sense);
                let spoken = table.names.iter().zip(&values).map(|(name, (value, _))| format!("{name} {value}"));
                let spoken = format!("({row}, {column}): {}", spoken.collect::<Vec<_>>().join(", "));
                response.widget_info(|| WidgetInfo::labeled(egui::Role::Row, true, &spoken));
                let is_selected = table.of_cells && selected == Some(cell);
                if is_selected || (table.of_cells && response.hovered()) {
                    let visuals = ui.visuals();
                    let fill = if is_selected { visuals.selection.bg_fill } else { visuals.faint_bg_color };
                    ui.painter().rect_filled(rect, 3, fill);
                }
                let ink = ui.visuals().text_color();
                let place = format!("{row:>2}, {column:>2}");
                ui.painter().text(
                    pos2(rect.left() + 2.0, rect.center().y),
                    Align2::LEFT_CENTER,
                    place,
                    font.clone(),
                    weak,
                );
                for (at, (value, kind)) in values.iter().enumerate() {
                    let right = rect.left() + PLACE + room * (at + 1) as f32 - 4.0;
                    let (font, colour) = match kind {
                        Kind::Number => (&font, ink),
                        Kind::Name => (&small, ink),
                        Kind::Nothing => (&small, weak),
                    };
                    ui.painter().text(pos2(right, rect.center().y), Align2::RIGHT_CENTER, value, font.clone(), colour);
                }
                if response.clicked() {
                    out.push(ViewChange::Select(Some(cell)).into());
                }
            }
        });
    });
}

/// What stands in a column of a row.
#[derive(Clone, Copy)]
enum Kind {
    /// A number.
    Number,
    /// The name of an encoder.
    Name,
    /// Why there is no value.
    Nothing,
}

/// One value of a map at a place of the widest map's grid: with its sign if it is a difference, or the encoder it means.
fn value(cx: &Cx<'_>, (map, signed, encoders): (&Map, bool, &[String]), row: usize, column: usize) -> (String, Kind) {
    let texts = &cx.texts.probe;
    let side = map.side as usize;
    let inside = row < side && column < side;
    let nothing = |text: &str| (text.to_owned(), Kind::Nothing);
    match map.texels.get(row * side + column).filter(|_| inside) {
        Some(MapTexel::Value(encoder)) if map.quantity == Quantity::Dominant => {
            (encoders.get(*encoder as usize).cloned().unwrap_or_default(), Kind::Name)
        }
        Some(MapTexel::Value(value)) if map.quantity == Quantity::Lift => {
            (format!("{value:+.3}").replace('-', "−"), Kind::Number)
        }
        Some(MapTexel::Value(value)) if signed => (format!("{value:+.4}").replace('-', "−"), Kind::Number),
        Some(MapTexel::Value(value)) => (share(f64::from(*value)), Kind::Number),
        Some(MapTexel::Masked) => nothing(texts.masked),
        Some(MapTexel::Outside) => nothing(texts.outside),
        Some(MapTexel::Padding) => nothing(texts.padding),
        None => nothing(""),
    }
}
