//! Pieces that several pages are made of.

use super::Cx;
use crate::window::state::{Model, Slot, TraceEntry};
use egui::{Align, Atom, Button, Color32, Context, Frame, Layout, Margin, Response, RichText, Stroke, Ui, vec2};
use opabinia_engine::compare::{Matching, NAMES};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::printable;

/// A raised area around things that belong together.
pub fn card<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let visuals = ui.visuals();
    Frame::new()
        .fill(visuals.extreme_bg_color)
        .stroke(Stroke::new(1.0, visuals.window_stroke.color))
        .corner_radius(9)
        .inner_margin(Margin::symmetric(14, 12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui)
        })
        .inner
}

/// The heading of a part of a page.
pub fn section(ui: &mut Ui, title: &str) {
    ui.add_space(10.0);
    ui.label(RichText::new(title).strong().size(13.5));
}

/// The button for what a person most likely wants to do.
pub fn primary(ui: &Ui, text: &str) -> Button<'static> {
    let accent = ui.visuals().hyperlink_color;
    let ink = ui.visuals().faint_bg_color;
    Button::new(RichText::new(text).color(ink).strong()).fill(accent).min_size(vec2(84.0, 28.0))
}

/// A row of a list as wide as the list: what it is, and more about it in a weaker colour.
pub fn row(ui: &mut Ui, title: &str, detail: &str) -> Response {
    let width = ui.available_width();
    let weak = ui.visuals().weak_text_color();
    let atoms = (RichText::new(title), Atom::grow(), RichText::new(detail).color(weak).small());
    ui.add(Button::new(atoms).truncate().frame_when_inactive(false).min_size(vec2(width, 30.0)))
}

/// A check mark, or the room for one: at the beginning of the entries of a menu. Drawn, as not every font has one.
pub fn check(on: bool) -> Atom<'static> {
    Atom::paint(vec2(14.0, 14.0), move |ui, args| {
        if on {
            let at = |x: f32, y: f32| args.rect.min + vec2(x, y) * args.rect.size();
            let stroke = Stroke::new(1.6, ui.visuals().strong_text_color());
            ui.painter().line(vec![at(0.12, 0.55), at(0.4, 0.82), at(0.88, 0.2)], stroke);
        }
    })
}

/// A label with an accessible name, in the column of a grid whose other column has what it names.
pub fn weak(ui: &mut Ui, text: &str) {
    let colour = ui.visuals().weak_text_color();
    ui.label(RichText::new(text).color(colour));
}

/// Buttons at the right end of a row, the first one outermost.
pub fn buttons(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), ui.spacing().interact_size.y);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), content);
}

/// The frame of what lies over everything else.
pub fn over(ctx: &Context) -> Frame {
    Frame::popup(&ctx.global_style()).inner_margin(Margin::same(18))
}

/// What is switched off in a run of `model`, in words.
pub fn what_is_off(cx: &Cx<'_>, model: &Model, interventions: &Interventions) -> String {
    let spec = |one: &Interventions| one.to_spec(&model.inspection.config.anatomy());
    cx.texts.interventions.words(interventions, &model.encoder_names, spec)
}

/// The colour of a side of a comparison, and of what lies between both, the same everywhere.
pub fn side_colour(ui: &Ui, side: Slot) -> Color32 {
    match (side, ui.visuals().dark_mode) {
        (Slot::A, true) => Color32::from_rgb(0x7a, 0xb8, 0xff),
        (Slot::A, false) => Color32::from_rgb(0x0f, 0x5f, 0xb8),
        (Slot::B, true) => Color32::from_rgb(0xff, 0xab, 0x5e),
        (Slot::B, false) => Color32::from_rgb(0xa8, 0x4a, 0x00),
        (Slot::Between, true) => Color32::from_rgb(0x8f, 0xd6, 0xa2),
        (Slot::Between, false) => Color32::from_rgb(0x1c, 0x70, 0x3c),
    }
}

/// What is compared with what in two traces, where that is not plain, and what has no counterpart: a line for each.
pub fn matching(cx: &Cx<'_>, matching: &Matching, entries: [&TraceEntry; 2]) -> Vec<String> {
    let texts = &cx.texts.comparison;
    let unlike = matching.encoders.iter().filter(|pair| !pair.same_name || !pair.same_grid);
    let mut lines: Vec<String> = unlike
        .map(|pair| {
            let name = |side: usize| {
                let encoder = &entries[side].trace.encoders[pair.places[side]];
                format!("{} ({}×{})", printable::line(&encoder.name), encoder.side, encoder.side)
            };
            format!("A: {} {} B: {}", name(0), texts.matched, name(1))
        })
        .collect();
    for (side, letter) in NAMES.into_iter().enumerate() {
        let encoders = matching.encoders_alone[side].iter().map(|k| entries[side].encoder_names[*k].clone());
        let layers = matching.layers_alone[side].iter().map(|at| entries[side].trace.layers[*at].label.clone());
        let list: Vec<String> = encoders.chain(layers).collect();
        if !list.is_empty() {
            lines.push((texts.alone)(&list.join(", "), letter));
        }
    }
    lines
}
