//! A row of small chips from which one, several or all can be chosen.

use egui::{
    CornerRadius, CursorIcon, FontId, Galley, Modifiers, Pos2, Rect, Response, RichText, Sense, Stroke, StrokeKind,
    TextStyle, Ui, Vec2, WidgetInfo, vec2,
};
use opabinia_shaders::Indices;
use std::sync::Arc;

/// What the chips are.
pub struct Scrubber<'a> {
    /// Names that stand on them.
    pub names: &'a [String],
    /// What one of them is, for accessible names.
    pub what: &'a str,
    /// Name of the chip for all.
    pub all: &'a str,
    /// What stands before the chips of one kind, by the letters that their names begin with, and what that is; `None` for
    /// nothing.
    pub kind: &'a dyn Fn(&str) -> Option<Words>,
    /// What the chip at this place is.
    pub about: &'a dyn Fn(usize) -> String,
    /// How to use it.
    pub gesture: &'a str,
    /// Which are chosen.
    pub chosen: Indices,
}

/// A name, and what it means.
pub type Words = (&'static str, &'static str);

impl Scrubber<'_> {
    /// Draws the chips, and gives what was chosen, if that was changed.
    pub fn show(&self, ui: &mut Ui) -> Option<Indices> {
        let everything = (0..self.names.len()).all(|at| self.chosen.contains(at));
        ui.spacing_mut().item_spacing.x = 2.0;
        let all = chip(ui, self.all, everything, &format!("{} {}", self.what, self.all));
        let mut next = all.clicked().then_some(Indices::ALL);
        ui.add_space(4.0);
        let mut rects = Vec::with_capacity(self.names.len());
        let mut dragged: Option<(usize, Pos2)> = None;
        for (at, name) in self.names.iter().enumerate() {
            if at == 0 || kind(name) != kind(&self.names[at - 1]) {
                if at > 0 {
                    ui.add_space(6.0);
                }
                if let Some((word, tip)) = (self.kind)(kind(name)) {
                    ui.label(RichText::new(word).small().weak()).on_hover_text(tip);
                    ui.add_space(2.0);
                }
            }
            let chosen = self.chosen.contains(at) && !everything;
            let response = chip(ui, name, chosen, &format!("{} {name}", self.what));
            if response.clicked() {
                next = Some(self.clicked(at, everything, ui.input(|input| input.modifiers)));
            }
            if response.dragged() {
                dragged = response.interact_pointer_pos().map(|to| (at, to));
            }
            rects.push(response.rect);
            let tip = |ui: &mut Ui| {
                ui.label((self.about)(at));
                ui.label(RichText::new(self.gesture).small().weak());
            };
            response.on_hover_ui(tip).on_hover_cursor(CursorIcon::PointingHand);
        }
        if let Some((from, to)) = dragged
            && let Some(to) = nearest(&rects, to)
        {
            next = Some((from.min(to)..=from.max(to)).collect());
        }
        next.filter(|next| *next != self.chosen)
    }

    /// What is chosen after a click on `at`.
    fn clicked(&self, at: usize, everything: bool, modifiers: Modifiers) -> Indices {
        let before = || (0..self.names.len()).filter(|index| self.chosen.contains(*index) && !everything);
        let next: Indices = if modifiers.shift {
            let from = before().next().unwrap_or(at);
            (from.min(at)..=from.max(at)).collect()
        } else if modifiers.command {
            let added = (!before().any(|index| index == at)).then_some(at);
            before().filter(|index| *index != at).chain(added).collect()
        } else {
            Indices::one(at)
        };
        // Something is always chosen.
        if (0..self.names.len()).any(|index| next.contains(index)) { next } else { Indices::ALL }
    }
}

/// The letters a name begins with: layers of one kind stand together.
fn kind(name: &str) -> &str {
    name.trim_end_matches(|c: char| !c.is_alphabetic())
}

fn nearest(rects: &[Rect], to: Pos2) -> Option<usize> {
    let distance = |at: &usize| rects[*at].distance_sq_to_pos(to);
    (0..rects.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Height of a chip.
pub const CHIP: f32 = 21.0;

/// One chip: as narrow as its name allows.
pub fn chip(ui: &mut Ui, text: &str, chosen: bool, name: &str) -> Response {
    let (galley, size) = chip_layout(ui, text);
    let response = blank_chip(ui, size, chosen, name);
    let colour = if chosen { ui.visuals().strong_text_color() } else { ui.visuals().text_color() };
    ui.painter().galley(response.rect.center() - galley.size() / 2.0, galley, colour);
    response
}

/// A chip without its text, for whoever draws into it.
pub fn blank_chip(ui: &mut Ui, size: Vec2, chosen: bool, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, ui.is_enabled(), chosen, name));
    if ui.is_rect_visible(rect) {
        let visuals = ui.visuals();
        let fill = if chosen {
            visuals.selection.bg_fill
        } else if response.hovered() {
            visuals.widgets.hovered.bg_fill
        } else {
            visuals.widgets.inactive.bg_fill
        };
        ui.painter().rect_filled(rect, CornerRadius::same(4), fill);
        if response.has_focus() {
            let ring = Stroke::new(1.0, visuals.hyperlink_color);
            ui.painter().rect_stroke(rect, CornerRadius::same(4), ring, StrokeKind::Inside);
        }
    }
    response
}

/// How wide [`chip`] is.
pub fn chip_width(ui: &Ui, text: &str) -> f32 {
    chip_layout(ui, text).1.x
}

/// The text of a chip, and how large the chip is.
pub fn chip_layout(ui: &Ui, text: &str) -> (Arc<Galley>, Vec2) {
    let font = FontId { size: 12.0, ..TextStyle::Button.resolve(ui.style()) };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, egui::Color32::PLACEHOLDER);
    let size = vec2((galley.size().x + 9.0).max(19.0), CHIP);
    (galley, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click(chosen: Indices, at: usize, modifiers: Modifiers) -> Vec<usize> {
        let names: Vec<String> = (0..6).map(|at| at.to_string()).collect();
        let about = |_| String::new();
        let scrubber =
            Scrubber { names: &names, what: "", all: "", kind: &|_| None, about: &about, gesture: "", chosen };
        let everything = (0..6).all(|at| chosen.contains(at));
        let next = scrubber.clicked(at, everything, modifiers);
        (0..6).filter(|at| next.contains(*at)).collect()
    }

    #[test]
    fn clicks_choose_one_several_or_a_range() {
        assert_eq!(click(Indices::ALL, 2, Modifiers::NONE), [2]);
        assert_eq!(click(Indices::one(2), 4, Modifiers::COMMAND), [2, 4]);
        assert_eq!(click([2, 4].into_iter().collect(), 2, Modifiers::COMMAND), [4]);
        assert_eq!(click(Indices::one(1), 3, Modifiers::SHIFT), [1, 2, 3]);
        assert_eq!(click(Indices::one(4), 3, Modifiers::SHIFT), [3, 4]);
        assert_eq!(click(Indices::one(4), 4, Modifiers::COMMAND), [0, 1, 2, 3, 4, 5], "something is always chosen");
    }
}
