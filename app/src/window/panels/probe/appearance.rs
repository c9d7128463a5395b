//! Colours, ranges and lines of the maps.

use super::super::Cx;
use super::colour_bar::gradient;
use super::scrubber::{CHIP, blank_chip, chip, chip_width};
use super::source::Source;
use crate::window::action::Action;
use crate::window::command::UiCommand;
use crate::window::lang::ProbeTexts;
use crate::window::state::ViewChange;
use egui::{
    Checkbox, DragValue, Popup, PopupCloseBehavior, Rect, Sense, Slider, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};
use opabinia_shaders::{ColourMap, Filter, Granularity, Normalisation};

/// Width of the popup.
const WIDTH: f32 = 268.0;

/// Width of the button where there is no room for its name.
const NARROW: f32 = 32.0;

/// Draws the button that opens the choices: its name, or the colours of the maps where there is no room for that.
pub fn button(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, out: &mut Vec<Action>) {
    let name = cx.texts.probe.appearance;
    let words = format!("{name}…");
    let button = if chip_width(ui, &words) <= ui.available_width() {
        chip(ui, &words, false, name)
    } else {
        let chip = blank_chip(ui, vec2(NARROW, CHIP), false, name);
        ui.painter().add(gradient(chip.rect.shrink(6.0), source.lens.colours()));
        chip
    };
    let button = button.on_hover_text(name);
    Popup::from_toggle_button_response(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.set_width(WIDTH);
        ui.spacing_mut().item_spacing = vec2(6.0, 5.0);
        choices(ui, &cx.texts.probe, source, out);
    });
}

fn choices(ui: &mut Ui, texts: &ProbeTexts, source: &Source<'_>, out: &mut Vec<Action>) {
    let lens = &source.lens;
    ui.small(texts.colours);
    colour_maps(ui, texts, source, out);
    ui.add_space(6.0);
    let label = ui.small(texts.opacity);
    let mut opacity = lens.opacity * 100.0;
    ui.spacing_mut().slider_width = WIDTH - 70.0;
    let slider = Slider::new(&mut opacity, 0.0..=100.0).integer().suffix(" %");
    if ui.add(slider).labelled_by(label.id).changed() {
        out.push(ViewChange::Opacity(opacity / 100.0).into());
    }
    if !source.is_token() {
        ui.add_space(6.0);
        ui.small(texts.scale);
        ranges(ui, texts, source, out);
        ui.add_space(6.0);
        ui.small(texts.patches);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for (granularity, (name, tip)) in [(Granularity::Cells, texts.cells), (Granularity::Tokens, texts.tokens)] {
                let chosen = lens.granularity == granularity;
                if chip(ui, name, chosen, name).on_hover_text(tip).clicked() && !chosen {
                    out.push(ViewChange::Granularity(granularity).into());
                }
            }
        });
    }
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        let mut smooth = lens.filter == Filter::Bilinear;
        if ui.add(Checkbox::new(&mut smooth, texts.smooth.0)).on_hover_text(texts.smooth.1).changed() {
            let filter = if smooth { Filter::Bilinear } else { Filter::Nearest };
            out.push(ViewChange::Filter(filter).into());
        }
        ui.add_space(12.0);
        let mut grid = lens.grid;
        if ui.add(Checkbox::new(&mut grid, texts.grid.0)).on_hover_text(texts.grid.1).changed() {
            out.push(ViewChange::Grid(grid).into());
        }
    });
    if lens.photo_confounds() {
        let mut grey = lens.grey_photo;
        if ui.add(Checkbox::new(&mut grey, texts.grey_photo.0)).on_hover_text(texts.grey_photo.1).changed() {
            out.push(ViewChange::GreyPhoto(grey).into());
        }
    }
    ui.separator();
    if ui.button(texts.reset).clicked() {
        out.push(UiCommand::ResetView.into());
    }
}

/// One strip for each colour map, and one for that which fits the quantity.
fn colour_maps(ui: &mut Ui, texts: &ProbeTexts, source: &Source<'_>, out: &mut Vec<Action>) {
    let fitting = crate::map_figure::default_colours(source.lens.quantity);
    let all = std::iter::once(None).chain(ColourMap::ALL.map(Some));
    ui.spacing_mut().item_spacing.y = 1.0;
    for choice in all {
        let colours = choice.unwrap_or(fitting);
        let name = texts.colour_map_name(choice);
        let chosen = source.lens.colour_map == choice;
        let (rect, response) = ui.allocate_exact_size(vec2(WIDTH, 22.0), Sense::click());
        let label = format!("{}: {name}", texts.colours);
        response.widget_info(|| WidgetInfo::selected(egui::Role::RadioButton, true, chosen, &label));
        let visuals = ui.visuals();
        if chosen || response.hovered() {
            let fill = if chosen { visuals.selection.bg_fill } else { visuals.widgets.hovered.bg_fill };
            ui.painter().rect_filled(rect, 4.0, fill);
        }
        if response.has_focus() {
            ui.painter().rect_stroke(rect, 4.0, Stroke::new(1.0, visuals.hyperlink_color), StrokeKind::Inside);
        }
        let font = egui::TextStyle::Small.resolve(ui.style());
        let at = egui::pos2(rect.left() + 8.0, rect.center().y);
        ui.painter().text(at, egui::Align2::LEFT_CENTER, name, font, visuals.text_color());
        let strip = Rect::from_min_max(egui::pos2(rect.left() + 92.0, rect.top() + 6.0), rect.max - vec2(8.0, 6.0));
        ui.painter().add(gradient(strip, colours));
        if response.clicked() {
            out.push(ViewChange::ColourMap(choice).into());
        }
    }
}

fn ranges(ui: &mut Ui, texts: &ProbeTexts, source: &Source<'_>, out: &mut Vec<Action>) {
    let now = source.lens.normalisation;
    let fixed = match now {
        Normalisation::Fixed { low, high } => (low, high),
        _ => shown_range(source),
    };
    let is_fixed = matches!(now, Normalisation::Fixed { .. });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (choice, (name, tip), chosen) in [
            (Normalisation::Common, texts.scale_common, now == Normalisation::Common),
            (Normalisation::PerMap, texts.scale_own, now == Normalisation::PerMap),
            (Normalisation::Fixed { low: fixed.0, high: fixed.1 }, texts.scale_fixed, is_fixed),
        ] {
            if chip(ui, name, chosen, name).on_hover_text(tip).clicked() && !chosen {
                out.push(ViewChange::Normalisation(choice).into());
            }
        }
    });
    if !is_fixed {
        return;
    }
    let (mut low, mut high) = fixed;
    let speed = f64::from((high - low) / 100.0).max(1e-4);
    ui.horizontal(|ui| {
        let field = |ui: &mut Ui, name: &str, value: &mut f32| {
            let label = ui.small(name);
            ui.add(DragValue::new(value).speed(speed).max_decimals(4)).labelled_by(label.id).changed()
        };
        let changed = [field(ui, texts.from, &mut low), field(ui, texts.to, &mut high)];
        if changed.contains(&true) && low < high && low.is_finite() && high.is_finite() {
            out.push(ViewChange::Normalisation(Normalisation::Fixed { low, high }).into());
        }
    });
}

/// The range that the colours span now: where a fixed one begins.
fn shown_range(source: &Source<'_>) -> (f32, f32) {
    let numbers = source.large.shown.last_numbers(&source.large.view);
    let range = numbers.and_then(|maps| maps.iter().find_map(|map| map.range));
    range.filter(|(low, high)| low < high).unwrap_or((0.0, 1.0))
}
