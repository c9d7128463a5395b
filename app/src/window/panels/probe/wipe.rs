//! A wipe: A to one side of a line, B to the other.

use super::super::{Cx, parts};
use super::canvas::On;
use super::frame::Frame;
use super::source::Source;
use crate::window::action::{Action, ComparisonAction};
use crate::window::gpu::MapGpu;
use crate::window::state::{MapPane, Slot};
use egui::emath::GuiRounding as _;
use egui::{Color32, CursorIcon, Id, Key, Modifiers, Rect, Sense, Stroke, Ui, WidgetInfo, pos2};

/// Points to either side of the line of a wipe in which it can be taken hold of.
const GRIP: f32 = 7.0;

/// Draws B over A to the right of a line at `part` of `rect`; to the left of it where sides are `swapped`.
#[expect(clippy::too_many_arguments, reason = "what is drawn, where, and how much of it")]
pub fn over(
    ui: &Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    b: &Source<'_>,
    place: (usize, usize),
    (rect, part, swapped): (Rect, f32, bool),
    line: f32,
    small: bool,
) {
    let maps = if small { b.small.as_ref() } else { Some(&b.large) };
    let Some(maps) = maps.filter(|_| b.lens.input_of.is_none() || small) else { return };
    let x = (rect.left() + part * rect.width()).round_to_pixels(ui.pixels_per_point());
    let shown = if swapped { rect.with_max_x(x) } else { rect.with_min_x(x) };
    let frame = Frame::new(rect, b.lens.shown);
    let painter = ui.painter().with_clip_rect(shown.intersect(ui.clip_rect()));
    painter.add(On { rect, frame, place, line, hover: b.hovered(cx.state) }.shape(ui, gpu, maps));
}

/// The line of a wipe between `sides`, left and right: dragged, or moved by the arrow keys.
pub fn line(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (pane, rect): (&MapPane, Rect),
    part: f32,
    sides: [Slot; 2],
    out: &mut Vec<Action>,
) {
    let x = rect.left() + part * rect.width();
    let grip = Rect::from_x_y_ranges(x - GRIP..=x + GRIP, rect.y_range());
    let response = ui.interact(grip, Id::unique(("wipe", pane.id)), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(true, f64::from(part), cx.texts.sides.wipe_line));
    let mut next = part;
    if response.dragged()
        && let Some(at) = response.interact_pointer_pos()
    {
        next = (at.x - rect.left()) / rect.width();
    }
    if response.clicked() {
        response.request_focus();
    }
    if response.has_focus() {
        let filter = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        next += 0.05 * (f32::from(u8::from(pressed(Key::ArrowRight))) - f32::from(u8::from(pressed(Key::ArrowLeft))));
    }
    let next = next.clamp(0.0, 1.0);
    if next != part {
        out.push(ComparisonAction::Wipe(next).into());
    }
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    let painter = ui.painter().with_clip_rect(rect.expand(8.0).intersect(ui.clip_rect()));
    painter.vline(x, rect.y_range(), Stroke::new(4.0, Color32::from_black_alpha(150)));
    painter.vline(x, rect.y_range(), Stroke::new(if response.has_focus() { 3.0 } else { 2.0 }, Color32::WHITE));
    for (side, offset) in sides.into_iter().zip([-14.0, 14.0]) {
        let at = pos2(x + offset, rect.top() + 14.0);
        painter.circle_filled(at, 9.0, ui.visuals().panel_fill);
        let font = egui::TextStyle::Body.resolve(ui.style());
        painter.text(at, egui::Align2::CENTER_CENTER, side.letter(), font, parts::side_colour(ui, side));
    }
}
