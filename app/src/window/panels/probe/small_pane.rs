//! Controls of a pane that is too small for a chip for each choice: one chip says what is chosen, and opens the others.

use super::scrubber::{CHIP, blank_chip, chip_layout};
use egui::{Color32, Popup, PopupCloseBehavior, Response, Shape, Stroke, Ui, Vec2, pos2, vec2};

/// A pane smaller than this in both directions has them: half of a window of the first size is not, a quarter is.
const SMALL: Vec2 = vec2(430.0, 480.0);

/// Room for the arrow at the end of a chip.
const ARROW: f32 = 13.0;

/// How wide what it opens may become: the sixteen heads take two lines.
const WIDTH: f32 = 360.0;

/// Whether the pane that `ui` fills is small.
pub fn is_small(ui: &Ui) -> bool {
    // Whatever of it is filled already: every row of controls comes to the same answer.
    let pane = ui.max_rect().size();
    pane.x < SMALL.x && pane.y < SMALL.y
}

/// How long what a chip opens stays open.
#[derive(Clone, Copy)]
pub enum Choice {
    /// Until something is chosen.
    One,
    /// Until a click elsewhere.
    Several,
}

/// A chip with what is `chosen` of the choices called `name`, which opens them.
pub fn opener(ui: &mut Ui, (name, tip): (&str, &str), chosen: &str, choice: Choice, choices: impl FnOnce(&mut Ui)) {
    let response = button(ui, chosen, &format!("{name}: {chosen}")).on_hover_text(tip);
    let closes = match choice {
        Choice::One => PopupCloseBehavior::CloseOnClick,
        Choice::Several => PopupCloseBehavior::CloseOnClickOutside,
    };
    Popup::from_toggle_button_response(&response).close_behavior(closes).show(|ui| {
        ui.set_max_width(WIDTH);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(2.0, 3.0);
            choices(ui);
        });
    });
}

fn button(ui: &mut Ui, chosen: &str, name: &str) -> Response {
    let (galley, size) = chip_layout(ui, chosen);
    let response = blank_chip(ui, size + vec2(ARROW, 0.0), false, name);
    let (rect, colour) = (response.rect, ui.visuals().text_color());
    let left = pos2(rect.left() + (size.x - galley.size().x) / 2.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(left, galley, colour);
    let tip = pos2(rect.right() - ARROW + 3.0, rect.top() + CHIP / 2.0 + 2.5);
    let arrow = vec![tip + vec2(-3.5, -4.0), tip + vec2(3.5, -4.0), tip];
    ui.painter().add(Shape::convex_polygon(arrow, colour, Stroke::new(0.0, Color32::TRANSPARENT)));
    response
}
