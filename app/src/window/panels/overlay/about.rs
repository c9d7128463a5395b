//! What the program is, and what its numbers may claim.

use super::heading;
use crate::window::action::Action;
use crate::window::panels::{Cx, parts};
use egui::{Grid, Label, ScrollArea, Ui};

/// Draws it.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.program;
    heading(ui, cx, texts.about, out);
    let height = ui.ctx().content_rect().height() - 160.0;
    ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
        ui.add(Label::new(texts.about_text).wrap());
        parts::section(ui, texts.claims);
        for claim in [texts.claim_prefill, texts.claim_hint, texts.claim_lift, texts.claim_grid, texts.claim_precision]
        {
            ui.horizontal_top(|ui| {
                parts::weak(ui, "•");
                ui.add(Label::new(claim).wrap());
            });
        }
        ui.add_space(10.0);
        Grid::new("about").num_columns(2).spacing([18.0, 4.0]).show(ui, |ui| {
            for (label, text) in
                [(texts.version, env!("CARGO_PKG_VERSION")), (texts.licence, env!("CARGO_PKG_LICENSE"))]
            {
                parts::weak(ui, label);
                ui.label(text);
                ui.end_row();
            }
        });
        parts::weak(ui, texts.offline);
    });
}
