//! Numbers and colours of effects.

use crate::evidence::sheet::colour;
use egui::{Align2, Color32, CornerRadius, FontId, Rect, Sense, Ui, WidgetInfo, pos2, vec2};
use opabinia_shaders::ColourMap;

/// Height of a number with its rank below.
pub const FIELD: f32 = 34.0;

/// The colours of effects: one hue below 0, another above, neutral at 0.
pub fn table() -> Vec<[u8; 3]> {
    ColourMap::Diverging.table().to_vec()
}

/// The colour of `value` on a scale from −`reach` to `reach`.
pub fn effect_colour(table: &[[u8; 3]], value: f64, reach: f64) -> Color32 {
    let [r, g, b] = colour(table, if reach > 0.0 { value / reach } else { 0.0 });
    Color32::from_rgb(r, g, b)
}

/// The largest size among `values`.
pub fn reach(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// A number, how it ranks, and a bar: to the right for what supports the answer, from the middle where it has a sign.
pub struct Number<'a> {
    /// As it is written.
    pub text: &'a str,
    /// Its rank among its like.
    pub rank: Option<usize>,
    /// Length and colour of the bar below, −1 to 1.
    pub bar: Option<(f64, Color32)>,
    /// As a screen reader says it.
    pub spoken: &'a str,
    /// What it means, in a sentence.
    pub tip: &'a str,
}

impl Number<'_> {
    /// Draws it in a field of this width.
    pub fn show(&self, ui: &mut Ui, width: f32) {
        let (rect, response) = ui.allocate_exact_size(vec2(width, FIELD), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, self.spoken));
        let visuals = ui.visuals();
        let first = self.rank == Some(1);
        let colour = match (self.text, first) {
            ("–", _) => visuals.weak_text_color(),
            (_, true) => visuals.strong_text_color(),
            _ => visuals.text_color(),
        };
        let ranked = if first { visuals.hyperlink_color } else { visuals.weak_text_color() };
        let painter = ui.painter();
        let middle = rect.center().x;
        painter.text(pos2(middle, rect.top() + 9.0), Align2::CENTER_CENTER, self.text, FontId::monospace(11.0), colour);
        if let Some(rank) = self.rank {
            let at = pos2(rect.right() - 3.0, rect.top() + 22.0);
            painter.text(at, Align2::RIGHT_CENTER, format!("#{rank}"), FontId::proportional(9.5), ranked);
        }
        if let Some((part, colour)) = self.bar {
            let track = Rect::from_min_max(
                pos2(rect.left() + 4.0, rect.top() + 19.0),
                pos2(rect.right() - 20.0, rect.top() + 25.0),
            );
            let radius = CornerRadius::same(1);
            painter.rect_filled(track, radius, visuals.faint_bg_color);
            let length = track.width() * part.abs().clamp(0.0, 1.0) as f32;
            painter.rect_filled(Rect::from_min_size(track.min, vec2(length, track.height())), radius, colour);
        }
        if !self.tip.is_empty() {
            response.on_hover_text(format!("{}\n{}", self.spoken, self.tip));
        }
    }
}

/// What the colours of effects mean: both ends and the middle. With a negative `reach` the numbers are reliance, which is above 0
/// where the effect is below.
pub fn legend(ui: &mut Ui, reach: f64, (less, more): (&str, &str)) {
    let table = table();
    let width = ui.available_width().min(280.0);
    let (area, response) = ui.allocate_exact_size(vec2(width, 36.0), Sense::hover());
    let bar = Rect::from_min_size(pos2(area.left(), area.top() + 3.0), vec2(width, 9.0));
    let painter = ui.painter();
    let steps = 48.0_f32;
    for step in 0..48_u8 {
        let part = f64::from(step) / 47.0 * 2.0 - 1.0;
        let left = bar.left() + f32::from(step) / steps * bar.width();
        let strip = Rect::from_min_size(pos2(left, bar.top()), vec2(bar.width() / steps + 0.5, bar.height()));
        painter.rect_filled(strip, 0, effect_colour(&table, part, 1.0));
    }
    let (font, weak) = (FontId::proportional(10.5), ui.visuals().weak_text_color());
    let low = crate::evidence::sheet::signed(-reach);
    let high = crate::evidence::sheet::signed(reach);
    let row = |at: f32| area.top() + at;
    painter.text(pos2(area.left(), row(18.0)), Align2::LEFT_CENTER, &low, font.clone(), weak);
    painter.text(pos2(area.center().x, row(18.0)), Align2::CENTER_CENTER, "0", font.clone(), weak);
    painter.text(pos2(area.right(), row(18.0)), Align2::RIGHT_CENTER, &high, font.clone(), weak);
    painter.text(pos2(area.left(), row(30.0)), Align2::LEFT_CENTER, less, font.clone(), weak);
    painter.text(pos2(area.right(), row(30.0)), Align2::RIGHT_CENTER, more, font, weak);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, format!("{less} {low} … {high} {more}")));
}
