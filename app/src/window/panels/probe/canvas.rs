//! The large map: zoom, pan, choosing a cell.

use super::super::Cx;
use super::brush;
use super::frame::Frame;
use super::source::{Maps, Source};
use crate::window::action::Action;
use crate::window::command::UiCommand;
use crate::window::gpu::{DrawMap, MapGpu};
use crate::window::state::{EncoderInput, Slot, ViewChange};
use crate::window::theme;
use egui::emath::GuiRounding as _;
use egui::{
    Button, Color32, CursorIcon, EventFilter, Id, Key, Label, Modifiers, Rect, Response, RichText, Sense, Shape,
    Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2,
};
use opabinia_shaders::{Cell, Look};

/// How much one press of a key zooms.
const KEY_ZOOM: f32 = 1.25;
/// Points of scrolling that zoom by a factor of e.
const SCROLL_PER_ZOOM: f32 = 240.0;

/// A place on a map that the pointer is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pointed {
    /// As parts of the padded square.
    pub place: Vec2,
    /// The cell there.
    pub cell: Cell,
}

/// Draws the large map into `rect` and says where the pointer is over it.
pub fn show(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    source: &Source<'_>,
    rect: Rect,
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    let rect = rect.round_to_pixels(ui.pixels_per_point());
    let id = Id::unique(("large map", source.pane.id, source.of_side.map(Slot::letter)));
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Canvas, true, source.named(cx, cx.texts.probe.large_map)));
    let frame = Frame::new(rect, source.lens.shown);
    ui.painter().rect_filled(rect, 0.0, ui.visuals().faint_bg_color);
    match source.lens.input_of {
        None => {
            let drawn = On {
                rect,
                frame,
                place: (source.place, source.lens.encoder),
                line: 1.0,
                hover: source.hovered(cx.state),
            };
            ui.painter().add(drawn.shape(ui, gpu, &source.large));
        }
        Some(encoder) => input(ui, cx, gpu, source, encoder, (rect, &frame)),
    }
    if response.has_focus() {
        let ring = Stroke::new(1.5, ui.visuals().hyperlink_color);
        // Beside the map: its pixels are the picture's.
        ui.painter().rect_stroke(rect.expand(1.0), 0.0, ring, StrokeKind::Outside);
    }
    if !brush::show(ui, source, &response, &frame, out) {
        use_pointer(ui, source, &response, &frame, out);
    }
    menu(cx, source, &response, &frame, out);
    use_keys(ui, source, &response, &frame, out);
    pointed(&response, &frame, source.side)
}

/// Where and how large a map is drawn.
pub struct On {
    /// On the screen, on whole pixels.
    pub rect: Rect,
    /// What of the square it shows.
    pub frame: Frame,
    /// Place and encoder.
    pub place: (usize, usize),
    /// Width of lines, in points.
    pub line: f32,
    /// The cell under a pointer, here or elsewhere.
    pub hover: Option<Cell>,
}

impl On {
    /// The shape that draws one of `maps` here.
    pub fn shape(&self, ui: &Ui, gpu: &MapGpu, maps: &Maps) -> Shape {
        let look = Look {
            shown: self.frame.shown(),
            background: theme::map_background(ui.visuals().dark_mode),
            line_px: self.line * ui.pixels_per_point(),
            hover: self.hover,
            ..maps.look
        };
        DrawMap::shape(gpu, &maps.shown, self.place, &maps.view, &look, self.rect)
    }
}

/// Where the pointer is over a map.
pub fn pointed(response: &Response, frame: &Frame, side: u32) -> Option<Pointed> {
    let at = response.hover_pos()?;
    Some(Pointed { place: frame.place(at), cell: frame.cell(at, side)? })
}

fn use_pointer(ui: &Ui, source: &Source<'_>, response: &Response, frame: &Frame, out: &mut Vec<Action>) {
    if response.clicked() {
        response.request_focus();
        let cell = response.interact_pointer_pos().and_then(|at| frame.cell(at, source.side));
        // The same cell again, or a place beside the square: nothing is selected any more.
        out.push(ViewChange::Select(cell.filter(|cell| source.lens.selected != Some(*cell))).into());
    }
    if response.double_clicked() {
        out.push(ViewChange::Shown(opabinia_shaders::Rect::SQUARE).into());
    }
    if response.dragged() {
        ui.set_cursor_icon(CursorIcon::Grabbing);
        let delta = response.drag_delta();
        if delta != Vec2::ZERO {
            out.push(ViewChange::Shown(frame.dragged(delta)).into());
        }
    }
    if let Some(at) = response.hover_pos() {
        let (scrolled, pinched) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = (scrolled / SCROLL_PER_ZOOM).exp() * pinched;
        if factor != 1.0 {
            // What surrounds the map is not to scroll meanwhile.
            ui.input_mut(|input| input.smooth_scroll_delta = Vec2::ZERO);
            out.push(ViewChange::Shown(frame.zoomed(factor, at)).into());
        }
    }
}

/// What can be done with the cell that was clicked with the other button.
fn menu(cx: &Cx<'_>, source: &Source<'_>, response: &Response, frame: &Frame, out: &mut Vec<Action>) {
    if response.secondary_clicked() {
        let cell = response.interact_pointer_pos().and_then(|at| frame.cell(at, source.side));
        out.push(ViewChange::Select(cell).into());
    }
    if source.pane.source.is_token() {
        return;
    }
    let texts = &cx.texts.interventions;
    response.context_menu(|ui| {
        if ui
            .add_enabled(source.lens.selected.is_some(), Button::new(texts.cell.0))
            .on_hover_text(texts.cell.1)
            .clicked()
        {
            out.push(UiCommand::SwitchCell.into());
        }
        ui.add(Label::new(RichText::new(texts.brush).small().weak()));
    });
}

fn use_keys(ui: &Ui, source: &Source<'_>, response: &Response, frame: &Frame, out: &mut Vec<Action>) {
    if !response.has_focus() {
        return;
    }
    let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, escape: true, tab: false };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let moves =
        [(Key::ArrowLeft, (0, -1)), (Key::ArrowRight, (0, 1)), (Key::ArrowUp, (-1, 0)), (Key::ArrowDown, (1, 0))];
    for (key, (down, right)) in moves {
        if pressed(key) {
            let moved = |at: u32, by: i32| at.saturating_add_signed(by).min(source.side - 1);
            let middle = Cell { row: source.side / 2, col: source.side / 2 };
            let next = source
                .lens
                .selected
                .map_or(middle, |cell| Cell { row: moved(cell.row, down), col: moved(cell.col, right) });
            out.push(ViewChange::Select(Some(next)).into());
        }
    }
    if pressed(Key::Escape) {
        if source.lens.selected.is_some() {
            out.push(ViewChange::Select(None).into());
        } else {
            response.surrender_focus();
        }
    }
    let middle = response.rect.center();
    if pressed(Key::Plus) || pressed(Key::Equals) {
        out.push(ViewChange::Shown(frame.zoomed(KEY_ZOOM, middle)).into());
    }
    if pressed(Key::Minus) {
        out.push(ViewChange::Shown(frame.zoomed(1.0 / KEY_ZOOM, middle)).into());
    }
    if pressed(Key::Home) {
        out.push(ViewChange::Shown(opabinia_shaders::Rect::SQUARE).into());
    }
}

/// What `encoder` was shown, in the place of the map: its square is the padded square.
fn input(ui: &mut Ui, cx: &Cx<'_>, gpu: &MapGpu, source: &Source<'_>, encoder: usize, (rect, frame): (Rect, &Frame)) {
    // What B was shown is B's.
    let of_b = source.pane.source.runs().nth(1).filter(|_| source.of_side == Some(Slot::B));
    let key = of_b.map_or_else(|| cx.state.key_of(source.pane), |run| cx.state.run_key(run));
    let known = key.and_then(|key| cx.state.inputs.get((key.model, key.picture, encoder)));
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    match known {
        Some(EncoderInput::Ready(image)) => {
            let Some(texture) = gpu.input(ui.ctx(), image) else { return };
            let whole = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
            painter.image(texture.id(), frame.on_screen(opabinia_shaders::Rect::SQUARE), whole, Color32::WHITE);
            outlines(&painter, cx, source, frame);
        }
        Some(EncoderInput::Failed(reason)) => {
            ui.put(rect.shrink(24.0), egui::Label::new(reason).wrap());
        }
        Some(EncoderInput::Making) | None => {
            ui.put(Rect::from_center_size(rect.center(), vec2(32.0, 32.0)), egui::Spinner::new());
        }
    }
}

/// The cells under the pointer and in focus, where no shader draws them.
fn outlines(painter: &egui::Painter, cx: &Cx<'_>, source: &Source<'_>, frame: &Frame) {
    let part = 1.0 / source.side as f32;
    let lined = |cell: Cell, colour: Color32, width: f32| {
        let (left, top) = (cell.col as f32 * part, cell.row as f32 * part);
        let rect = frame.on_screen(opabinia_shaders::Rect { left, top, width: part, height: part });
        painter.rect_stroke(rect, 0.0, Stroke::new(width + 2.0, Color32::from_black_alpha(150)), StrokeKind::Middle);
        painter.rect_stroke(rect, 0.0, Stroke::new(width, colour), StrokeKind::Middle);
    };
    if let Some(cell) = source.hovered(cx.state).filter(|cell| cell.row < source.side && cell.col < source.side) {
        lined(cell, Color32::from_rgb(255, 204, 64), 1.25);
    }
    if let Some(cell) = source.lens.selected {
        lined(cell, Color32::WHITE, 2.0);
    }
}
