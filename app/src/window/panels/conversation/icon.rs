//! Symbols, drawn as lines: no font that is always there has them.

use super::named;
use egui::{Color32, Painter, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use std::f32::consts::TAU;

/// Side of the square that can be clicked.
const BUTTON: f32 = 24.0;

/// What a button of one symbol does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// Add one more.
    Add,
    /// Attach a picture.
    Attach,
    /// Close, or take away.
    Close,
    /// Copy.
    Copy,
    /// Open what is below.
    Down,
    /// Change.
    Edit,
    /// To the one after.
    Next,
    /// To the one before.
    Previous,
    /// Remove.
    Remove,
    /// Do it again.
    Repeat,
    /// Set how answers are chosen.
    Settings,
}

/// A button of one symbol, quiet until it is pointed at, with its name.
pub fn button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(BUTTON, BUTTON), Sense::click());
    named(&response, Role::Button, name);
    if ui.is_rect_visible(rect) {
        let pointed = response.enabled() && (response.hovered() || response.has_focus());
        if pointed {
            ui.painter().rect_filled(rect, 5, ui.visuals().widgets.hovered.weak_bg_fill);
        }
        let colour = if pointed { ui.visuals().text_color() } else { ui.visuals().weak_text_color() };
        paint(ui.painter(), icon, rect.center(), colour);
    }
    response.on_hover_text(name)
}

/// Draws `icon` around `centre`, 14 points wide.
pub fn paint(painter: &Painter, icon: Icon, centre: Pos2, colour: Color32) {
    let stroke = Stroke::new(1.3, colour);
    let at = |x: f32, y: f32| centre + vec2(x, y);
    let lines = |points: &[(f32, f32)]| {
        painter.line(points.iter().map(|(x, y)| at(*x, *y)).collect(), stroke);
    };
    let framed = |left: f32, top: f32, right: f32, bottom: f32| {
        let rect = Rect::from_min_max(at(left, top), at(right, bottom));
        painter.rect_stroke(rect, 1.5, stroke, StrokeKind::Middle);
    };
    match icon {
        Icon::Add => {
            lines(&[(-5.0, 0.0), (5.0, 0.0)]);
            lines(&[(0.0, -5.0), (0.0, 5.0)]);
        }
        Icon::Attach => {
            framed(-6.0, -5.0, 6.0, 5.0);
            lines(&[(-6.0, 3.5), (-2.0, -0.5), (1.0, 2.5), (3.0, 0.5), (6.0, 3.0)]);
            painter.circle_filled(at(2.6, -2.2), 1.3, colour);
        }
        Icon::Close => {
            lines(&[(-3.5, -3.5), (3.5, 3.5)]);
            lines(&[(-3.5, 3.5), (3.5, -3.5)]);
        }
        Icon::Copy => {
            framed(-2.0, -2.0, 5.5, 6.0);
            lines(&[(-2.0, 3.0), (-5.0, 3.0), (-5.0, -5.5), (2.5, -5.5), (2.5, -2.0)]);
        }
        Icon::Down => lines(&[(-3.5, -1.5), (0.0, 2.0), (3.5, -1.5)]),
        Icon::Edit => {
            lines(&[(-5.0, 5.0), (-4.0, 1.5), (2.5, -5.0), (5.0, -2.5), (-1.5, 4.0), (-5.0, 5.0)]);
            lines(&[(0.7, -3.2), (3.2, -0.7)]);
        }
        Icon::Next => lines(&[(-1.5, -4.0), (2.5, 0.0), (-1.5, 4.0)]),
        Icon::Previous => lines(&[(1.5, -4.0), (-2.5, 0.0), (1.5, 4.0)]),
        Icon::Remove => {
            lines(&[(-5.5, -3.5), (5.5, -3.5)]);
            lines(&[(-2.0, -3.5), (-2.0, -5.5), (2.0, -5.5), (2.0, -3.5)]);
            lines(&[(-4.2, -3.5), (-3.5, 5.5), (3.5, 5.5), (4.2, -3.5)]);
            lines(&[(-1.3, -0.8), (-1.1, 3.0)]);
            lines(&[(1.3, -0.8), (1.1, 3.0)]);
        }
        Icon::Repeat => {
            let around = (0..=20u8).map(|step| -0.7 + f32::from(step) / 20.0 * TAU * 0.8);
            let circle: Vec<(f32, f32)> = around.map(|angle| (angle.cos() * 5.0, angle.sin() * 5.0)).collect();
            lines(&circle);
            lines(&[(3.9, -6.5), (4.0, -3.1), (0.6, -3.2)]);
        }
        Icon::Settings => {
            for (y, knob) in [(-3.0, 2.0), (3.0, -2.0)] {
                lines(&[(-6.0, y), (knob - 1.8, y)]);
                lines(&[(knob + 1.8, y), (6.0, y)]);
                painter.circle_stroke(at(knob, y), 1.8, stroke);
            }
        }
    }
}

/// Room for an icon at the right end of `rect`.
pub fn right_end(rect: Rect) -> Pos2 {
    pos2(rect.right() - 12.0, rect.center().y)
}
