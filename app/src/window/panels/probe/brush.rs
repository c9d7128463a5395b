//! Brushing a region on the large map, to switch it off; the panel of evidence says what that was worth, where it is open.

use super::frame::Frame;
use super::source::Source;
use crate::window::action::{Action, EvidenceAction};
use crate::window::state::{ViewChange, cells_between, with_cells_switched};
use egui::{Color32, Id, Rect, Response, Stroke, StrokeKind, Ui};
use opabinia_shaders::Cell;

/// Takes in dragging with Shift held, and draws the region meanwhile. Gives whether that is what is being dragged.
pub fn show(ui: &Ui, source: &Source<'_>, response: &Response, frame: &Frame, out: &mut Vec<Action>) -> bool {
    let id = Id::unique(("brush", source.pane.id));
    let shift = ui.input(|input| input.modifiers.shift);
    if response.drag_started() && shift && source.pane.source.interventions().is_some() {
        let from = ui.input(|input| input.pointer.press_origin()).and_then(|at| frame.cell(at, source.side));
        ui.data_mut(|data| data.insert_temp(id, from));
    }
    let Some(from) = ui.data(|data| data.get_temp::<Option<Cell>>(id)).flatten() else { return false };
    let to = response.interact_pointer_pos().map_or(from, |at| frame.nearest_cell(at, source.side));
    if response.drag_stopped() {
        ui.data_mut(|data| data.remove::<Option<Cell>>(id));
        if let Some(now) = source.pane.source.interventions() {
            let trace = &source.entry.trace;
            let cells = cells_between(from, to, source.side, trace.anatomy.side());
            let next = with_cells_switched(now, &cells, trace.encoders.len());
            out.push(ViewChange::Source(source.pane.source.intervened(next)).into());
            out.push(EvidenceAction::Brushed(cells).into());
        }
        return true;
    }
    if !response.dragged() {
        ui.data_mut(|data| data.remove::<Option<Cell>>(id));
        return false;
    }
    outline(ui, source, frame, (from, to));
    true
}

fn outline(ui: &Ui, source: &Source<'_>, frame: &Frame, (from, to): (Cell, Cell)) {
    let part = 1.0 / source.side as f32;
    let (top, left) = (from.row.min(to.row) as f32, from.col.min(to.col) as f32);
    let (bottom, right) = (from.row.max(to.row) as f32 + 1.0, from.col.max(to.col) as f32 + 1.0);
    let region = opabinia_shaders::Rect {
        left: left * part,
        top: top * part,
        width: (right - left) * part,
        height: (bottom - top) * part,
    };
    let rect: Rect = frame.on_screen(region);
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, Color32::from_black_alpha(90));
    painter.rect_stroke(rect, 0.0, Stroke::new(3.0, Color32::from_black_alpha(170)), StrokeKind::Middle);
    painter.rect_stroke(rect, 0.0, Stroke::new(1.5, ui.visuals().warn_fg_color), StrokeKind::Middle);
}
