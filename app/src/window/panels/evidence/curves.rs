//! Deletion and insertion: curves over random orders, and a table of their areas.

use super::super::Cx;
use super::{About, targets};
use crate::evidence::curves::{colour, curves_of};
use crate::evidence::sheet::signed;
use crate::figure::sheet::Plot;
use crate::window::action::Action;
use egui::{
    Align2, Color32, FontId, Grid, Label, RichText, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};
use opabinia_engine::probe::evidence::{CellOrder, GradientOf, Way};
use opabinia_engine::sva::PictureSize;

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_further;
    targets(ui, cx, about, out);
    ui.strong(texts.curves_about.0);
    ui.add(Label::new(RichText::new(texts.curves_about.1).small().weak()).wrap());
    let picture = about.exchange.picture.and_then(|id| cx.state.pictures.ready(id));
    let Some((findings, picture)) = about.findings.zip(picture) else {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    };
    let size = PictureSize { width: picture.width, height: picture.height };
    let wanted = about.token.map_or(GradientOf::Answer, GradientOf::Token);
    let of = curves_of(cx.state.evidence.view.target, wanted, findings.anatomy().side(), size);
    let rows = findings.curve_rows(of);
    if rows.is_empty() {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    }
    for way in Way::ALL {
        let (name, tip) = texts.way(way);
        ui.add_space(4.0);
        ui.strong(name).on_hover_text(tip);
        ui.label(RichText::new(texts.curves_rung).small().weak()).on_hover_text(tip);
        plot(ui, cx, name, &findings.curve_plot(of, way));
    }
    ui.add_space(6.0);
    let random = findings.random_curves(of);
    Grid::new("areas").striped(true).spacing(vec2(10.0, 3.0)).show(ui, |ui| {
        let [order, area, normalised] = texts.columns;
        ui.label(RichText::new(order.0).small().weak()).on_hover_text(order.1);
        for way in Way::ALL {
            for column in [area, normalised] {
                let text = format!("{}\n{}", texts.way(way).0, column.0);
                ui.label(RichText::new(text).small().weak()).on_hover_text(column.1);
            }
        }
        ui.end_row();
        for row in &rows {
            let (name, tip) = texts.order(row.order);
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(vec2(10.0, 12.0), Sense::hover());
                ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(2.5, rgb(row.order)));
                ui.label(RichText::new(name).size(11.5)).on_hover_text(tip);
            });
            for (way, value) in Way::ALL.into_iter().zip(row.areas) {
                for (column, value) in
                    [(area, value.map(|(area, _)| area)), (normalised, value.and_then(|(_, part)| part))]
                {
                    number(ui, &format!("{name} · {} · {}", texts.way(way).0, column.0), column.1, value);
                }
            }
            ui.end_row();
        }
        ui.label(RichText::new(texts.random.0).size(11.5)).on_hover_text(texts.random.1);
        for (way, band) in Way::ALL.into_iter().zip(random) {
            let text = band.map_or_else(
                || "–".to_owned(),
                |(mean, deviation, count)| format!("{} ± {deviation:.3} ({count})", signed(mean)),
            );
            let label = ui.monospace(RichText::new(&text).size(11.0)).on_hover_text(texts.random.1);
            let spoken = format!("{} · {}: {text}", texts.random.0, texts.way(way).0);
            label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, spoken.clone()));
            ui.monospace(RichText::new(band.map_or("–", |_| "0")).size(11.0)).on_hover_text(normalised.1);
        }
        ui.end_row();
    });
}

/// A number that a screen reader can tell from its neighbours.
fn number(ui: &mut Ui, name: &str, tip: &str, value: Option<f64>) {
    let text = value.map_or_else(|| "–".to_owned(), signed);
    let label = ui.monospace(RichText::new(&text).size(11.0)).on_hover_text(tip);
    let spoken = format!("{name}: {text}");
    label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, spoken.clone()));
}

fn rgb(order: CellOrder) -> Color32 {
    let [r, g, b] = colour(order);
    Color32::from_rgb(r, g, b)
}

/// Draws curves over the range of random orders.
fn plot(ui: &mut Ui, cx: &Cx<'_>, name: &str, plot: &Plot) {
    let texts = &cx.texts.evidence_further;
    let size = vec2(ui.available_width().min(420.0), 150.0);
    let (area, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, format!("{name}: {}", texts.across)));
    let inner = egui::Rect::from_min_max(area.min + vec2(6.0, 4.0), area.max - vec2(6.0, 18.0));
    let painter = ui.painter_at(area);
    let (weak, line) = (ui.visuals().weak_text_color(), ui.visuals().window_stroke.color);
    painter.rect_stroke(inner, 2, Stroke::new(1.0, line), StrokeKind::Inside);
    let [(left, right), (low, high)] = plot.ranges();
    let place = |x: f64, y: f64| {
        let across = ((x - left) / (right - left)) as f32;
        let up = ((y - low) / (high - low)) as f32;
        pos2(inner.left() + across * inner.width(), inner.bottom() - up * inner.height())
    };
    let grey = ui.visuals().weak_text_color().gamma_multiply(0.35);
    for pair in plot.band.windows(2) {
        let [(x, below, above), (next, next_below, next_above)] = [pair[0], pair[1]];
        let corners = vec![place(x, above), place(next, next_above), place(next, next_below), place(x, below)];
        painter.add(Shape::convex_polygon(corners, grey, Stroke::NONE));
    }
    painter.hline(inner.x_range(), place(left, 0.0).y, Stroke::new(1.0, line));
    for one in &plot.lines {
        let points = one.points.iter().map(|(x, y)| place(*x, *y)).collect();
        let [r, g, b] = one.colour;
        painter.add(Shape::line(points, Stroke::new(1.8, Color32::from_rgb(r, g, b))));
    }
    let font = FontId::proportional(10.0);
    let below = area.bottom() - 7.0;
    let up = format!("↑ Δ log p {} … {}", signed(low), signed(high));
    painter.text(pos2(inner.left(), below), Align2::LEFT_CENTER, up, font.clone(), weak);
    painter.text(pos2(inner.right(), below), Align2::RIGHT_CENTER, format!("{} →", texts.across), font, weak);
}
