//! Switching encoders and cells off from the maps themselves, and what is off.

use super::super::Cx;
use super::scrubber::chip;
use super::source::Source;
use crate::window::action::Action;
use crate::window::state::{Off, ViewChange, off, switched};
use egui::{Align, Button, Label, Layout, Popup, Response, RichText, Sense, Stroke, Ui, WidgetInfo, vec2};
use opabinia_engine::Error;
use opabinia_engine::intervention::Interventions;

/// Characters that a line has for what is off.
const SHOWN: usize = 300;

/// What is off in `source`'s run, in words, cut where they are too many for a line; `None` where nothing is.
pub fn words(cx: &Cx<'_>, source: &Source<'_>) -> Option<String> {
    let interventions = source.pane.source.interventions().filter(|on| !on.is_none())?;
    let spec = |one: &Interventions| one.to_spec(&source.entry.trace.anatomy);
    let mut words = cx.texts.interventions.words(interventions, &source.entry.encoder_names, spec);
    if let Some((end, _)) = words.char_indices().nth(SHOWN) {
        words.truncate(end);
        words.push('…');
    }
    Some(words)
}

/// Where there is less room, what is off has one line with the chips at its end.
const WIDE: f32 = 480.0;

/// Draws the line that says what is off and what of it is shown. Nothing where everything is on.
pub fn line(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, out: &mut Vec<Action>) {
    let Some(words) = words(cx, source) else { return };
    let off = format!("{} {words}", cx.texts.interventions.off);
    let text = RichText::new(&off).small().color(ui.visuals().warn_fg_color);
    if ui.available_width() >= WIDE {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 3.0;
            ui.add(Label::new(text).wrap());
            ui.add_space(6.0);
            ways(ui, cx, source, [0, 1, 2], out);
        });
        return;
    }
    ui.allocate_ui_with_layout(vec2(ui.available_width(), 21.0), Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        ways(ui, cx, source, [2, 1, 0], out);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Label::new(text).truncate().show_tooltip_when_elided(false)).on_hover_text(&off);
        });
    });
}

/// Chips for the maps under what is off (0), their difference to the plain ones (1), and for everything on again (2), in `order`.
fn ways(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, order: [usize; 3], out: &mut Vec<Action>) {
    let (texts, of, difference) = (&cx.texts.interventions, &source.pane.source, source.is_difference());
    let all = [
        (texts.maps_under, !difference, of.alone()),
        (texts.difference, difference, of.against_plain()),
        (texts.everything_on, false, of.intervened(Interventions::default())),
    ];
    for ((name, tip), chosen, next) in order.into_iter().filter_map(|at| all.get(at)) {
        if chip(ui, name, *chosen, name).on_hover_text(*tip).clicked() && !chosen {
            out.push(ViewChange::Source(next.clone()).into());
        }
    }
}

/// The button that switches encoder `k` off, with its ways to do that.
pub fn encoder(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, k: usize, out: &mut Vec<Action>) {
    let texts = &cx.texts.interventions;
    let Some(now) = source.pane.source.interventions() else { return };
    let Some(encoder) = source.encoders.get(k) else { return };
    let how = off(now, k);
    let name = super::named(cx, source.pane, &format!("{} {}", texts.switch, encoder.name));
    let button = button(ui, how.is_some(), &name);
    Popup::menu(&button.on_hover_text(format!("{} {}", texts.switch, encoder.name))).show(|ui| {
        let ways = [
            (None, texts.on),
            (Some(Off::Mask), texts.mask),
            (Some(Off::Mean), texts.mean),
            (Some(Off::Zero), texts.zero),
        ];
        for (way, (name, tip)) in ways {
            let next = switched(now, k, way);
            // Something has to be left to attend to.
            let refused = next.check(&source.entry.trace.anatomy).err().map(Error::from);
            let line = ui.add_enabled(refused.is_none(), Button::selectable(how == way, name));
            let line = line.on_hover_text(tip);
            let line = match &refused {
                Some(error) => line.on_disabled_hover_text(cx.texts.engine.error(error)),
                None => line,
            };
            if line.clicked() && how != way {
                out.push(ViewChange::Source(source.pane.source.intervened(next)).into());
            }
        }
    });
}

/// A button with the sign of a power switch.
fn button(ui: &mut Ui, off: bool, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(18.0, 16.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, off, name));
    let visuals = ui.visuals();
    let focused = response.has_focus() || response.hovered();
    if focused {
        ui.painter().rect_filled(rect, 4.0, visuals.widgets.hovered.bg_fill);
    }
    let colour = match (off, focused) {
        (true, _) => visuals.warn_fg_color,
        (false, true) => visuals.strong_text_color(),
        (false, false) => visuals.weak_text_color(),
    };
    let (middle, stroke) = (rect.center() + vec2(0.0, 0.5), Stroke::new(1.3, colour));
    let arc = (0..=20).map(|step| {
        let angle = (35.0 + 290.0 * step as f32 / 20.0 - 90.0).to_radians();
        middle + 4.6 * vec2(angle.cos(), angle.sin())
    });
    ui.painter().line(arc.collect(), stroke);
    ui.painter().line_segment([middle - vec2(0.0, 5.6), middle - vec2(0.0, 0.6)], stroke);
    response
}
