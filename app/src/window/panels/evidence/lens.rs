//! The likeliest tokens at the cell that is pointed at, before and after each sampler.

use super::super::Cx;
use super::About;
use egui::{Grid, Label, RichText, Ui, WidgetInfo, vec2};
use opabinia_engine::printable;

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>) {
    let texts = &cx.texts.evidence_further;
    ui.strong(texts.lens_about.0);
    ui.add(Label::new(RichText::new(texts.lens_about.1).small().weak()).wrap());
    let Some(findings) = about.findings else {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    };
    if !findings.anatomy().layers().any(|layer| opabinia_engine::intervention::Place::Samplers.contains(layer)) {
        ui.label(RichText::new(texts.lens_none).color(ui.visuals().warn_fg_color));
        return;
    }
    let Some(lens) = &findings.evidence().lens else {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    };
    let Some([row, column]) = cx.state.evidence_cell() else {
        ui.weak(texts.lens_select);
        return;
    };
    ui.label(format!("({row}, {column})"));
    let Some(cell) = lens.cell(row, column) else {
        ui.weak(texts.lens_padding);
        return;
    };
    for sampler in &lens.samplers {
        ui.add_space(4.0);
        ui.label(RichText::new(format!("{} {}", texts.after_layer, sampler.layer)).size(12.0));
        Grid::new(("lens", sampler.layer)).striped(true).spacing(vec2(14.0, 1.0)).show(ui, |ui| {
            for name in [texts.before_after.0, texts.before_after.1] {
                ui.label(RichText::new(name).small().weak());
            }
            ui.end_row();
            let (Some(before), Some(after)) = (sampler.before.get(cell), sampler.after.get(cell)) else { return };
            for place in 0..before.len().max(after.len()) {
                for (when, tokens) in [(texts.before_after.0, before), (texts.before_after.1, after)] {
                    let Some((text, log_prob)) = tokens.get(place) else { continue };
                    let new = !before.iter().any(|(known, _)| known == text);
                    let written = format!("“{}” {log_prob:.2}", printable::line(text));
                    let rich = RichText::new(&written).size(11.5);
                    let label = ui.label(if new { rich.strong() } else { rich }).on_hover_text(texts.lens_about.1);
                    let spoken = format!("{} {} · {when} · {written}", texts.after_layer, sampler.layer);
                    label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, spoken.clone()));
                }
                ui.end_row();
            }
        });
    }
}
