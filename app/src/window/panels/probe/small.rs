//! Small maps: one for each encoder, on one scale.

use super::super::Cx;
use super::canvas::{On, Pointed, pointed};
use super::colour_bar::number;
use super::frame::Frame;
use super::source::Source;
use crate::window::action::{Action, ViewAction};
use crate::window::gpu::MapGpu;
use crate::window::state::{MapLens, Slot, ViewChange};
use egui::emath::GuiRounding as _;
use egui::{
    Align, Color32, FontId, Id, Label, Layout, Rect, Response, RichText, Sense, Stroke, StrokeKind, Ui, UiBuilder,
    WidgetInfo, vec2,
};
use opabinia_shaders::{Normalisation, Quantity};

/// Draws the small map of encoder `k` into `rect`, its caption above it, and says where the pointer is over it.
pub fn show(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    source: &Source<'_>,
    (k, rect): (usize, Rect),
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    let rect = rect.round_to_pixels(ui.pixels_per_point());
    caption(ui, cx, source, k, rect, out);
    map(ui, cx, gpu, source, (k, rect), out)
}

/// Draws the small map of encoder `k` into `rect` without a caption.
pub fn map(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    source: &Source<'_>,
    (k, rect): (usize, Rect),
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    let (maps, encoder) = (source.small.as_ref()?, source.encoders.get(k)?);
    let rect = rect.round_to_pixels(ui.pixels_per_point());
    let id = Id::unique(("small map", source.pane.id, k, source.of_side.map(Slot::letter)));
    let response = ui.interact(rect, id, Sense::click());
    let name = source.named(cx, &format!("{} {}", cx.texts.probe.small_map, encoder.name));
    let chosen = source.large.view.quantity.per_encoder() && source.lens.encoder == k;
    response.widget_info(|| WidgetInfo::selected(egui::Role::Image, true, chosen, &name));
    let frame = Frame::new(rect, source.lens.shown);
    ui.painter().rect_filled(rect, 0.0, ui.visuals().faint_bg_color);
    ui.painter()
        .add(On { rect, frame, place: (k, k), line: 0.7, hover: source.hovered(cx.state) }.shape(ui, gpu, maps));
    if chosen || response.hovered() || response.has_focus() {
        let visuals = ui.visuals();
        let colour = if chosen { visuals.hyperlink_color } else { visuals.weak_text_color() };
        ui.painter().rect_stroke(rect.expand(1.0), 2.0, Stroke::new(1.5, colour), StrokeKind::Outside);
    }
    if response.clicked() {
        out.push(shown_large(source, k));
    }
    pointed(&response, &frame, source.side)
}

/// Shows the map of encoder `k` in the large one. Where that shows something that all encoders have in common, it shows
/// their shares afterwards.
fn shown_large(source: &Source<'_>, k: usize) -> Action {
    if source.lens.quantity.per_encoder() && source.lens.input_of.is_none() {
        return ViewChange::Encoder(k).into();
    }
    let each = source.lens.of_each_encoder();
    ViewAction::Replace(Box::new(MapLens { encoder: k, input_of: None, ..each })).into()
}

/// Draws what stands above the small map of encoder `k`, or above both of a pair.
pub fn caption(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, k: usize, below: Rect, out: &mut Vec<Action>) {
    let (Some(maps), Some(encoder)) = (&source.small, source.encoders.get(k)) else { return };
    let texts = &cx.texts.probe;
    let geometry = texts.geometry(encoder.tokens, encoder.window);
    let area = Rect::from_min_max(below.min - vec2(0.0, super::arrange::CAPTION), below.right_top());
    let mut ui = ui.new_child(UiBuilder::new().max_rect(area).id_salt(("caption", k)));
    ui.spacing_mut().item_spacing = vec2(4.0, 0.0);
    ui.spacing_mut().interact_size.y = 17.0;
    let own_scale = maps.view.normalisation == Normalisation::PerMap;
    let range = maps.shown.last_numbers(&maps.view).filter(|_| own_scale).and_then(|maps| maps.get(k)?.range);
    let about = format!("{} · {geometry}", encoder.name);
    let second = range.map_or(geometry, |(low, high)| format!("{} … {}", number(low), number(high)));
    // The name comes first. Where it has no room beside the buttons, they stand below it, under all maps alike.
    let names_width = *source.names_width.get_or_init(|| names_width(&ui, source));
    let buttons_above = names_width + BUTTONS <= area.width();
    let name = |ui: &mut Ui| {
        if source.lens.quantity == Quantity::Dominant {
            super::colour_bar::swatch(ui, super::colour_bar::encoder_colour(k));
        }
        let name = fitted_name(ui, encoder.name, ui.available_width());
        ui.add(Label::new(name).truncate()).on_hover_text(&about);
    };
    let numbers = |ui: &mut Ui| {
        ui.add(Label::new(RichText::new(&second).size(10.0).weak()).truncate()).on_hover_text(&about);
    };
    let mut line = |with_buttons: bool, text: &dyn Fn(&mut Ui)| {
        ui.allocate_ui_with_layout(vec2(area.width(), 17.0), Layout::right_to_left(Align::Center), |ui| {
            if with_buttons {
                buttons(ui, cx, source, k, out);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), text);
        });
    };
    line(buttons_above, &name);
    line(!buttons_above, &numbers);
}

/// Room for the buttons of a caption, with the space before them.
const BUTTONS: f32 = 50.0;

/// Size of the letters of an encoder's name, and the least that they are made where it is too long.
const LETTERS: [f32; 2] = [13.0, 9.5];

/// The width of the longest of the encoders' names.
fn names_width(ui: &Ui, source: &Source<'_>) -> f32 {
    let swatch = if source.lens.quantity == Quantity::Dominant { 16.0 } else { 0.0 };
    let names = source.encoders.iter().map(|encoder| name_width(ui, encoder.name));
    names.fold(0.0, f32::max) + swatch
}

fn name_width(ui: &Ui, name: &str) -> f32 {
    ui.painter().layout_no_wrap(name.to_owned(), FontId::proportional(LETTERS[0]), Color32::PLACEHOLDER).size().x
}

/// `name` in letters that make it fit into `width`, if they need not be too small for that.
fn fitted_name(ui: &Ui, name: &str, width: f32) -> RichText {
    let [normal, least] = LETTERS;
    let size = normal * (width / name_width(ui, name).max(1.0)).min(1.0);
    RichText::new(name).strong().size(size.max(least))
}

/// The buttons of a caption, from right to left: what the encoder is shown, and whether it is on.
fn buttons(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, k: usize, out: &mut Vec<Action>) {
    let (texts, Some(encoder)) = (&cx.texts.probe, source.encoders.get(k)) else { return };
    let shown = source.lens.input_of == Some(k);
    let name = format!("{} {}", texts.input_of, encoder.name);
    let response = picture_button(ui, shown, &name).on_hover_text(format!("{name}\n{}", texts.input_tip));
    if response.clicked() {
        out.push(ViewChange::InputOf((!shown).then_some(k)).into());
    }
    super::switch::encoder(ui, cx, source, k, out);
}

/// A button with a picture on it: not an eye, which says "show or hide" to everybody.
fn picture_button(ui: &mut Ui, chosen: bool, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(20.0, 16.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, chosen, name));
    let visuals = ui.visuals();
    let focused = response.has_focus() || response.hovered();
    if chosen || focused {
        let fill = if chosen { visuals.selection.bg_fill } else { visuals.widgets.hovered.bg_fill };
        ui.painter().rect_filled(rect, 4.0, fill);
    }
    let colour = if chosen || focused { visuals.strong_text_color() } else { visuals.weak_text_color() };
    let stroke = Stroke::new(1.1, colour);
    let frame = Rect::from_center_size(rect.center(), vec2(13.0, 10.0));
    ui.painter().rect_stroke(frame, 2.0, stroke, StrokeKind::Inside);
    ui.painter().circle_filled(frame.left_top() + vec2(4.0, 3.4), 1.1, colour);
    let at = |x: f32, y: f32| frame.left_top() + vec2(x, y);
    ui.painter().line(vec![at(1.5, 8.5), at(5.0, 5.5), at(7.0, 7.0), at(9.5, 3.8), at(12.0, 6.6)], stroke);
    response
}
