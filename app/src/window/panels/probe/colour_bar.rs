//! What the colours of the maps mean.

use super::super::Cx;
use super::super::inspector::fitted;
use super::source::{Maps, Source};
use crate::figure::ticks::ticks;
use crate::window::state::SidesLook;
use egui::{
    Color32, Mesh, Pos2, Rect, Response, Sense, Shape, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo, pos2, vec2,
};
use opabinia_shaders::{ColourMap, Granularity, Normalisation, Quantity, encoder_colours};

pub use crate::number::significant;

/// Height of everything here: a line of words, the bar, a line of numbers.
pub const HEIGHT: f32 = 46.0;
/// A bar is not wider than this: further apart, its ends say less.
const WIDEST: f32 = 620.0;
const BAR: f32 = 9.0;
/// Points from one number on the bar to the next, at least.
const TICK_SPACING: f32 = 76.0;

/// A number at an end of a scale.
pub fn number(value: f32) -> String {
    significant(value, 3)
}

/// The colour of encoder `k` where encoders are told apart by colour.
pub fn encoder_colour(k: usize) -> Color32 {
    let colours = encoder_colours();
    let [r, g, b] = colours[k % colours.len()];
    Color32::from_rgb(r, g, b)
}

/// A small square of one colour.
pub fn swatch(ui: &mut Ui, colour: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().rect_filled(rect, 2.0, colour);
}

/// Draws the bars of all scales that are in use: one, or one for the large map and one for the small ones.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>) {
    let texts = &cx.texts.probe;
    let full = ui.available_width();
    let apart = source.small.is_some() && !source.lens.quantity.per_encoder();
    ui.allocate_ui_with_layout(vec2(full, HEIGHT), egui::Layout::left_to_right(egui::Align::Min), |ui| {
        ui.set_height(HEIGHT);
        ui.spacing_mut().item_spacing.x = 28.0;
        let width = if apart { (full - 28.0) / 2.0 } else { full }.min(WIDEST);
        if source.lens.quantity == Quantity::Dominant && !source.is_token() {
            legend(ui, cx, source, width);
        } else {
            let of = match source.large.view.normalisation {
                _ if apart => Some(texts.only_large),
                Normalisation::PerMap if source.small.is_some() => Some(texts.only_large),
                _ => None,
            };
            let at = if source.lens.quantity.per_encoder() { source.lens.encoder } else { 0 };
            bar(ui, width, &source.large, at, &Said::of(cx, source, &source.large, of));
        }
        if let Some(small) =
            source.small.as_ref().filter(|_| apart && source.large.view.normalisation != Normalisation::PerMap)
        {
            bar(ui, width, small, 0, &Said::of(cx, source, small, Some(texts.only_small)));
        }
    });
}

/// What is measured, with its unit.
pub fn unit(cx: &Cx<'_>, source: &Source<'_>, maps: &Maps) -> String {
    let texts = &cx.texts.probe;
    let unit = match maps.view.quantity {
        _ if source.pane.source.look() == Some(SidesLook::Divergence) => cx.texts.sides.divergence_unit,
        _ if source.is_token() => texts.attention_unit,
        Quantity::Share if maps.view.granularity == Granularity::Tokens => texts.token_share_unit,
        Quantity::Share => texts.share_unit,
        Quantity::Lift => texts.lift_unit,
        Quantity::Entropy => texts.entropy_unit,
        Quantity::NormalisedEntropy => texts.normalised_entropy_unit,
        Quantity::Dominant => texts.dominant_unit,
    };
    if source.is_difference() { format!("{}: {unit}", cx.texts.panes.difference) } else { unit.to_owned() }
}

fn legend(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, width: f32) {
    ui.allocate_ui_with_layout(vec2(width, HEIGHT), egui::Layout::top_down(egui::Align::Min), |ui| {
        ui.set_width(width);
        ui.small(cx.texts.probe.dominant_unit);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(5.0, 2.0);
            ui.spacing_mut().interact_size.y = 14.0;
            for (k, encoder) in source.encoders.iter().enumerate() {
                swatch(ui, encoder_colour(k));
                ui.small(encoder.name);
                ui.add_space(6.0);
            }
        });
    });
}

/// What is said of a bar.
struct Said {
    title: String,
    /// What its ends mean, where the middle is 0.
    ends: Option<(&'static str, &'static str)>,
}

impl Said {
    /// Of the bar of `maps`, which are only `of` these maps.
    fn of(cx: &Cx<'_>, source: &Source<'_>, maps: &Maps, of: Option<&str>) -> Self {
        let (texts, panes) = (&cx.texts.probe, &cx.texts.panes);
        let label = unit(cx, source, maps);
        let ends = match maps.view.quantity {
            _ if source.is_difference() => Some(panes.difference_ends),
            Quantity::Lift => Some((texts.less_than_uniform, texts.more_than_uniform)),
            _ => None,
        };
        Self { title: of.map_or_else(|| label.clone(), |of| format!("{label} · {of}")), ends }
    }
}

/// One bar, with the range of map `at` of `maps`.
fn bar(ui: &mut Ui, width: f32, maps: &Maps, at: usize, said: &Said) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
    let known = maps.shown.last_numbers(&maps.view);
    let range = known.as_ref().and_then(|maps| {
        let own = maps.get(at).and_then(|map| map.range);
        own.or_else(|| maps.iter().find_map(|map| map.range))
    });
    response.widget_info(|| {
        let ends = range.map_or_else(String::new, |(low, high)| format!(": {} … {}", number(low), number(high)));
        WidgetInfo::labeled(egui::Role::Label, true, format!("{}{ends}", said.title))
    });
    let strip = Rect::from_min_size(pos2(rect.left(), rect.top() + 18.0), vec2(width, BAR));
    ui.painter().add(gradient(strip, maps.look.colour_map));
    ui.painter().rect_stroke(strip, 1.0, ui.visuals().widgets.noninteractive.bg_stroke, StrokeKind::Outside);
    words(ui, rect, said);
    if let Some((low, high)) = range {
        numbers(ui, strip, low, high);
    }
    response
}

/// The line above a bar.
fn words(ui: &Ui, rect: Rect, said: &Said) {
    let font = TextStyle::Small.resolve(ui.style());
    let (text, weak) = (ui.visuals().text_color(), ui.visuals().weak_text_color());
    let painter = ui.painter();
    // Two bars stand beside each other: neither's title runs into the other.
    let title = fitted(ui, &said.title, &font, rect.width());
    let Some((less, more)) = said.ends else {
        painter.text(rect.min, egui::Align2::LEFT_TOP, title, font, text);
        return;
    };
    let less = painter.layout_no_wrap(less.to_owned(), font.clone(), weak);
    let more = painter.layout_no_wrap(more.to_owned(), font.clone(), weak);
    let title = painter.layout_no_wrap(title, font, text);
    let gap = 12.0;
    let middle = pos2(rect.center().x - title.size().x / 2.0, rect.top());
    let fits = less.size().x.max(more.size().x) + gap <= middle.x - rect.left();
    if fits {
        painter.galley(rect.min, less, weak);
        painter.galley(pos2(rect.right() - more.size().x, rect.top()), more, weak);
        painter.galley(middle, title, text);
    } else {
        painter.galley(rect.min, title, text);
    }
}

/// Round numbers under a bar.
fn numbers(ui: &Ui, strip: Rect, low: f32, high: f32) {
    let font = TextStyle::Small.resolve(ui.style());
    let weak = ui.visuals().weak_text_color();
    let wanted = (strip.width() / TICK_SPACING).max(1.0) as usize;
    for (value, label) in ticks(low, high, wanted) {
        let part = if high > low { (value - low) / (high - low) } else { 0.5 };
        let x = strip.left() + part * strip.width();
        ui.painter().line_segment([pos2(x, strip.bottom()), pos2(x, strip.bottom() + 3.0)], Stroke::new(1.0, weak));
        let galley = ui.painter().layout_no_wrap(label, font.clone(), weak);
        let left = (x - galley.size().x / 2.0).clamp(strip.left(), (strip.right() - galley.size().x).max(strip.left()));
        ui.painter().galley(pos2(left, strip.bottom() + 4.0), galley, weak);
    }
}

/// A strip that runs through a colour map from left to right.
pub fn gradient(strip: Rect, colours: ColourMap) -> Shape {
    let table = colours.table();
    let mut mesh = Mesh::default();
    let step = strip.width() / (table.len() - 1) as f32;
    for (at, [r, g, b]) in table.iter().copied().enumerate() {
        let x = strip.left() + at as f32 * step;
        let colour = Color32::from_rgb(r, g, b);
        mesh.colored_vertex(Pos2::new(x, strip.top()), colour);
        mesh.colored_vertex(Pos2::new(x, strip.bottom()), colour);
        if at > 0 {
            let last = 2 * at as u32;
            mesh.add_triangle(last - 2, last - 1, last);
            mesh.add_triangle(last - 1, last, last + 1);
        }
    }
    mesh.into()
}
