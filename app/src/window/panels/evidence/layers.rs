//! SVA layers and their heads: a matrix of effects, and layers taken away together.

use super::super::Cx;
use super::About;
use super::paint::{effect_colour, legend, reach, table};
use crate::evidence::sheet::signed;
use crate::evidence::{Findings, LayerColumn, plan};
use egui::{Align2, FontId, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use opabinia_engine::intervention::Place;
use opabinia_engine::observe::SvaLayer;

/// Room for the names of layers.
const NAMES: f32 = 36.0;

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>) {
    let texts = &cx.texts.evidence_panel;
    let Some(findings) = about.findings else {
        ui.weak(texts.nothing_yet);
        return;
    };
    let anatomy = findings.anatomy();
    let layers: Vec<SvaLayer> = anatomy.layers().collect();
    ui.strong(texts.matrix.0);
    ui.label(RichText::new(texts.matrix.1).small().weak());
    if !layers.iter().any(|layer| Place::Samplers.contains(*layer)) {
        ui.label(RichText::new(texts.no_samplers).small().weak());
    }
    matrix(ui, cx, about, findings, &layers);
    ui.add_space(6.0);
    ui.strong(texts.joint_layers.0);
    ui.label(RichText::new(texts.joint_layers.1).small().weak());
    for (interventions, place) in
        plan::joint_layers().iter().zip([Place::Samplers, Place::Connector, Place::Everywhere])
    {
        let within: Vec<&SvaLayer> = layers.iter().filter(|layer| place.contains(**layer)).collect();
        let Some(together) = findings.delta_under(interventions, about.token).filter(|_| !within.is_empty()) else {
            continue;
        };
        let single = within.iter().map(|layer| findings.layer(**layer, LayerColumn::Skip, about.token));
        let sum = single.sum::<Option<f64>>().map_or_else(|| "–".to_owned(), signed);
        let name = interventions.to_spec(anatomy);
        ui.label(format!("{name}: {} {}, {} {sum}", texts.together, signed(together), texts.sum));
    }
}

fn matrix(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, findings: &Findings, layers: &[SvaLayer]) {
    let texts = &cx.texts.evidence_panel;
    let anatomy = findings.anatomy();
    let columns: Vec<LayerColumn> = LayerColumn::all(about.names.len()).collect();
    let values: Vec<Vec<Option<f64>>> = layers
        .iter()
        .map(|layer| columns.iter().map(|column| findings.layer(*layer, *column, about.token)).collect())
        .collect();
    let of = |wanted: &dyn Fn(&LayerColumn) -> bool| {
        let each = values.iter().flat_map(|row| row.iter().zip(&columns));
        reach(each.filter(|(_, column)| wanted(column)).filter_map(|(value, _)| *value))
    };
    // Whole layers would leave no colours for heads: heads have a scale of their own.
    let is_head = |column: &LayerColumn| matches!(column, LayerColumn::Head(_));
    let (heads, wholes) = (of(&is_head), of(&|column| !is_head(column)));
    let colours = table();
    let gap = 5.0;
    let width = ((ui.available_width() - NAMES - 2.0 * gap) / columns.len() as f32).clamp(11.5, 30.0);
    let height = 18.0;
    let left_of = |at: usize| {
        let before = columns
            .iter()
            .take(at + 1)
            .skip(1)
            .filter(|column| matches!(column, LayerColumn::Mask(0) | LayerColumn::Head(0)));
        at as f32 * width + before.count() as f32 * gap
    };
    ScrollArea::horizontal().id_salt("matrix of effects").show(ui, |ui| {
        let size = vec2(NAMES + left_of(columns.len() - 1) + width, height * (layers.len() + 1) as f32);
        let (area, _) = ui.allocate_exact_size(size, Sense::hover());
        let (font, weak) = (FontId::proportional(10.0), ui.visuals().weak_text_color());
        let painter = ui.painter().clone();
        for (at, column) in columns.iter().enumerate() {
            let head = match column {
                LayerColumn::Skip => texts.skip_short.to_owned(),
                LayerColumn::Mask(k) => {
                    about.names.get(*k).map_or_else(String::new, |name| name.chars().take(2).collect())
                }
                LayerColumn::Head(head) => head.to_string(),
            };
            let x = area.left() + NAMES + left_of(at) + width / 2.0;
            painter.text(pos2(x, area.top() + height / 2.0), Align2::CENTER_CENTER, head, font.clone(), weak);
        }
        for (at, (layer, row)) in layers.iter().zip(&values).enumerate() {
            let top = area.top() + height * (at + 1) as f32;
            let label = anatomy.label(*layer);
            painter.text(pos2(area.left(), top + height / 2.0), Align2::LEFT_CENTER, &label, font.clone(), weak);
            for (place, (column, value)) in columns.iter().zip(row).enumerate() {
                let min = pos2(area.left() + NAMES + left_of(place), top);
                let rect = Rect::from_min_size(min, vec2(width, height)).shrink(0.5);
                let what = match column {
                    LayerColumn::Skip => texts.skip.to_owned(),
                    LayerColumn::Mask(k) => {
                        format!("{} {}", texts.masked, about.names.get(*k).map_or("", String::as_str))
                    }
                    LayerColumn::Head(head) => format!("{} {head}", cx.texts.inspector.head),
                };
                let number = value.map_or_else(|| "–".to_owned(), signed);
                let spoken = format!("{label} · {what}: Δ log p {number}");
                let response = ui.interact(rect, ui.scope_id().with(("effect", at, place)), Sense::HOVER);
                response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &spoken));
                let most = if is_head(column) { heads } else { wholes };
                let fill = value.map_or(ui.visuals().faint_bg_color, |value| effect_colour(&colours, value, most));
                painter.rect_filled(rect, 1, fill);
                if response.hovered() {
                    let stroke = Stroke::new(1.0, ui.visuals().text_color());
                    painter.rect_stroke(rect, 1, stroke, StrokeKind::Outside);
                }
                response.on_hover_text(format!("{spoken}\n{}", texts.delta_tip));
            }
        }
    });
    ui.label(RichText::new(texts.heads_scale).small().weak());
    legend(ui, heads, (texts.less_likely, texts.more_likely));
    ui.label(RichText::new(texts.layers_scale).small().weak());
    legend(ui, wholes, (texts.less_likely, texts.more_likely));
}
