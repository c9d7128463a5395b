//! Numbers of what is selected.

use super::Cx;
use crate::window::action::Action;
use egui::Ui;

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, _out: &mut Vec<Action>) {
    match cx.state.view.now().selected {
        Some(cell) => ui.strong(format!("{} ({}, {})", cx.texts.probe.cell, cell.row, cell.col)),
        None => ui.weak(cx.texts.probe.no_cell),
    };
}
