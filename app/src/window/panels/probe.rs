//! Maps over the photo: a large one, and a small one for each encoder.

use super::Cx;
use crate::window::action::{Action, ViewAction};
use crate::window::gpu::{DrawMap, MapGpu, TraceOnGpu};
use crate::window::state::{TraceEntry, TraceUpload, ViewChange};
use egui::{Rect, Sense, Ui, WidgetInfo, vec2};
use opabinia_shaders::Cell;

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    let Some(entry) = cx.state.trace() else {
        let text = if cx.state.picture().is_some() { texts.no_trace } else { texts.no_picture };
        ui.centered_and_justified(|ui| ui.weak(text));
        return;
    };
    match (&entry.upload, cx.gpu) {
        (TraceUpload::Ready(on_gpu), Some(gpu)) => maps(ui, cx, entry, on_gpu, gpu, out),
        (TraceUpload::Failed(reason), _) => {
            ui.label(reason);
        }
        _ => {
            ui.spinner();
        }
    }
}

fn maps(ui: &mut Ui, cx: &Cx<'_>, entry: &TraceEntry, on_gpu: &TraceOnGpu, gpu: &MapGpu, out: &mut Vec<Action>) {
    let view = cx.state.view.now();
    let side = ui.available_width().min(ui.available_height() - 160.0).max(100.0);
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, cx.texts.probe.large_map));
    ui.painter().add(DrawMap::shape(gpu, &on_gpu.large, (0, view.encoder), &view.map_view(), &view.look(), rect));
    let cells = entry.trace.layers.iter().map(|layer| layer.frame.side).max().unwrap_or(1) as u32;
    if response.clicked()
        && let Some(at) = response.interact_pointer_pos()
    {
        out.push(ViewChange::Select(Some(cell_at(rect, at, cells))).into());
    }
    let hovered = response.hover_pos().map(|at| cell_at(rect, at, cells));
    if hovered != cx.state.hovered {
        out.push(ViewAction::Hover(hovered).into());
    }
    ui.horizontal(|ui| {
        for (k, name) in entry.encoder_names.iter().enumerate() {
            let (rect, response) = ui.allocate_exact_size(vec2(120.0, 120.0), Sense::click());
            response.widget_info(|| {
                WidgetInfo::labeled(egui::Role::Image, true, format!("{} {name}", cx.texts.probe.small_map))
            });
            ui.painter().add(DrawMap::shape(gpu, &on_gpu.small, (k, k), &view.map_view(), &view.look(), rect));
        }
    });
}

fn cell_at(rect: Rect, at: egui::Pos2, cells: u32) -> Cell {
    let place = |part: f32| ((part * cells as f32) as u32).min(cells - 1);
    let part = (at - rect.min) / rect.size();
    Cell { row: place(part.y), col: place(part.x) }
}
