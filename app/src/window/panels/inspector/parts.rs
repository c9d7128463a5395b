//! What the parts of the inspector are made of: headings, bars, rows of facts, and numbers as they are written.

use egui::{
    Align, Align2, Color32, FontId, Layout, Rect, Response, RichText, Sense, TextStyle, Ui, WidgetInfo, pos2, vec2,
};

/// Height of a row of numbers.
pub const ROW: f32 = 21.0;

/// The heading of a part.
pub fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(10.0);
    ui.strong(text);
}

/// What a part stands on, and where it may mislead.
pub fn evidence(ui: &mut Ui, heading_text: &str, text: &str) {
    heading(ui, heading_text);
    ui.label(RichText::new(text).small().weak());
    ui.add_space(8.0);
}

/// The colour of encoder `k` in every map and list.
pub fn encoder_colour(k: usize) -> Color32 {
    let colours = opabinia_shaders::encoder_colours();
    let [r, g, b] = colours[k % colours.len()];
    Color32::from_rgb(r, g, b)
}

/// A name, a bar, and numbers that stand below each other.
pub struct Bar<'a> {
    /// What it is about.
    pub name: &'a str,
    /// Room for names, the same in all rows.
    pub name_width: f32,
    /// Colour of the bar.
    pub colour: Color32,
    /// Length of the bar, 0 to 1; `None` for no bar.
    pub part: Option<f64>,
    /// A mark on the bar, 0 to 1.
    pub mark: Option<f64>,
    /// Numbers at its right, each with its width.
    pub numbers: &'a [(String, f32)],
    /// The row as a screen reader says it.
    pub spoken: String,
}

impl Bar<'_> {
    /// Draws the row over the width there is, less `reserved` on its right.
    pub fn show(self, ui: &mut Ui, reserved: f32) -> Response {
        let width = (ui.available_width() - reserved).max(100.0);
        let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
        let spoken = self.spoken;
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &spoken));
        let visuals = ui.visuals();
        let (text, weak, ground) = (visuals.text_color(), visuals.weak_text_color(), visuals.faint_bg_color);
        let body = TextStyle::Body.resolve(ui.style());
        let mono = TextStyle::Monospace.resolve(ui.style());
        let name = fitted(ui, self.name, &body, self.name_width - 6.0);
        let painter = ui.painter();
        painter.text(pos2(rect.left(), rect.center().y), Align2::LEFT_CENTER, name, body, text);
        let mut right = rect.right();
        for (number, width) in self.numbers.iter().rev() {
            let colour = if self.part.is_some() { text } else { weak };
            painter.text(pos2(right, rect.center().y), Align2::RIGHT_CENTER, number, mono.clone(), colour);
            right -= width;
        }
        let bar = Rect::from_min_max(
            pos2(rect.left() + self.name_width, rect.top() + 5.0),
            pos2(right - 4.0, rect.bottom() - 5.0),
        );
        if bar.width() > 8.0 {
            painter.rect_filled(bar, 2, ground);
            if let Some(part) = self.part {
                let length = bar.width() * part.clamp(0.0, 1.0) as f32;
                painter.rect_filled(Rect::from_min_size(bar.min, vec2(length, bar.height())), 2, self.colour);
            }
            if let Some(mark) = self.mark {
                let x = bar.left() + bar.width() * mark.clamp(0.0, 1.0) as f32;
                painter.vline(x, (bar.top() - 2.0)..=(bar.bottom() + 2.0), (1.5, text));
            }
        }
        response
    }
}

/// Where there is less room than this, what stands beside each other elsewhere stands below each other.
pub const NARROW: f32 = 170.0;

/// A fact: its name, and beside or below it what there is to say. Both wrap: neither is cut where there is little room.
pub fn fact(ui: &mut Ui, name: &str, value: &str) {
    if ui.available_width() < NARROW {
        ui.add(egui::Label::new(RichText::new(alone(name)).small().weak()).wrap());
        ui.add(egui::Label::new(value).wrap());
        return;
    }
    ui.horizontal_top(|ui| {
        let width = 118.0_f32.min(ui.available_width() * 0.55);
        ui.allocate_ui_with_layout(vec2(width, 18.0), Layout::top_down(Align::Min), |ui| {
            ui.set_width(width);
            ui.add(egui::Label::new(RichText::new(alone(name)).weak()).wrap());
        });
        ui.add(egui::Label::new(value).wrap());
    });
}

/// As much of `text` as fits into `width`, with an ellipsis for what does not.
pub fn fitted(ui: &Ui, text: &str, font: &FontId, width: f32) -> String {
    let long = |text: &str| {
        ui.fonts_mut(|fonts| fonts.layout_no_wrap(text.to_owned(), font.clone(), Color32::WHITE)).size().x > width
    };
    if !long(text) {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(64).collect();
    while !kept.is_empty() && long(&format!("{kept}…")) {
        kept.pop();
    }
    kept.push('…');
    kept
}

/// A probability or a share with four decimals; what is less than they can say is not called nothing.
pub fn share(value: f64) -> String {
    if value > 0.0 && value < 5e-5 { "<0.0001".to_owned() } else { format!("{value:.4}") }
}

/// `text` as it stands alone: beginning with a capital, in scripts that have them.
pub fn alone(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A lift as a factor.
pub fn factor(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("×{value:.0}"),
        value if value >= 9.995 => format!("×{value:.1}"),
        value => format!("×{value:.2}"),
    }
}

/// Lift as maps show it: log₂, with a sign, and no further down than maps go.
pub fn log_lift(value: f64) -> f64 {
    value.log2().max(f64::from(opabinia_shaders::LIFT_FLOOR))
}

/// A number with a sign and two decimals.
pub fn signed(value: f64) -> String {
    format!("{value:+.2}").replace('-', "−")
}

/// A count with its thousands apart.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // A thin space, as it is done in both languages' scientific writing.
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_they_carry() {
        assert_eq!([0.25, 1.0, 0.0, 3e-6].map(share), ["0.2500", "1.0000", "0.0000", "<0.0001"]);
        assert_eq!(["layers", "层", ""].map(alone), ["Layers", "层", ""]);
        assert_eq!([0.5, 1.234, 12.34, 123.4].map(factor), ["×0.50", "×1.23", "×12.3", "×123"]);
        assert_eq!([0.304, -1.0].map(signed), ["+0.30", "−1.00"]);
        assert_eq!([1, 12_345, 1_234_567].map(grouped), ["1", "12\u{2009}345", "1\u{2009}234\u{2009}567"]);
        assert_eq!(log_lift(2.0), 1.0);
        assert_eq!(log_lift(0.0), f64::from(opabinia_shaders::LIFT_FLOOR));
    }
}
