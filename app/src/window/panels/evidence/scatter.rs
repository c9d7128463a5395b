//! Attention against effect: where they part.

use crate::evidence::rank::spearman;
use crate::evidence::sheet::signed;
use egui::{Align2, Color32, FontId, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

/// One point.
pub struct Point {
    /// What attention, or what was written, says.
    pub x: f64,
    /// Δ log p.
    pub y: f64,
    /// Its colour.
    pub colour: Color32,
    /// What it is.
    pub name: String,
}

/// Draws `points` under a heading. `x` names the axis to the right; the one upwards is Δ log p.
pub fn show(ui: &mut Ui, (title, correlation): (&str, &str), x: &str, points: &[Point]) {
    ui.strong(title);
    let rank = spearman(&points.iter().map(|point| (point.x, point.y)).collect::<Vec<_>>());
    let about = rank.map_or_else(String::new, |rho| format!("{correlation} {} (n = {})", signed(rho), points.len()));
    ui.label(egui::RichText::new(&about).small().weak());
    let size = vec2(ui.available_width().min(320.0), 150.0);
    let (area, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, format!("{title}: {about}")));
    let plot = Rect::from_min_max(area.min + vec2(6.0, 6.0), area.max - vec2(6.0, 20.0));
    let (weak, line) = (ui.visuals().weak_text_color(), ui.visuals().window_stroke.color);
    let painter = ui.painter();
    painter.rect_stroke(plot, 2, Stroke::new(1.0, line), StrokeKind::Inside);
    let range = |values: &dyn Fn(&Point) -> f64, with: Option<f64>| {
        let all = points.iter().map(values).chain(with);
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let pad = ((high - low) * 0.08).max(1e-6);
        (low - pad, high + pad)
    };
    let (left, right) = range(&|point| point.x, None);
    let (bottom, top) = range(&|point| point.y, Some(0.0));
    let place = |px: f64, py: f64| {
        let across = ((px - left) / (right - left)) as f32;
        let up = ((py - bottom) / (top - bottom)) as f32;
        pos2(plot.left() + across * plot.width(), plot.bottom() - up * plot.height())
    };
    painter.hline(plot.x_range(), place(left, 0.0).y, Stroke::new(1.0, line));
    let font = FontId::proportional(10.0);
    painter.text(pos2(plot.left(), area.bottom() - 7.0), Align2::LEFT_CENTER, "↑ Δ log p", font.clone(), weak);
    painter.text(pos2(plot.right(), area.bottom() - 7.0), Align2::RIGHT_CENTER, format!("{x} →"), font.clone(), weak);
    let pointer = response.hover_pos();
    let mut nearest: Option<(f32, &Point)> = None;
    for point in points {
        let at = place(point.x, point.y);
        painter.circle_filled(at, 3.5, point.colour);
        if let Some(pointer) = pointer {
            let distance = at.distance(pointer);
            if distance < 12.0 && nearest.is_none_or(|(known, _)| distance < known) {
                nearest = Some((distance, point));
            }
        }
    }
    if let Some((_, point)) = nearest {
        response.on_hover_text(format!("{}\n{x} {:.3} · Δ log p {}", point.name, point.x, signed(point.y)));
    }
}
