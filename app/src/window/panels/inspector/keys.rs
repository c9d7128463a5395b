//! The keys of the selected cell: every token it could attend to, with its probability.

use super::super::Cx;
use super::parts::{ROW, encoder_colour, heading, share};
use super::selected::Selected;
use crate::window::action::{Action, ViewAction};
use egui::{
    Align2, Button, Color32, FontId, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo,
    pos2, vec2,
};
use opabinia_engine::probe::{Key, Measured};

/// No more keys are listed: a window of the released models has 19, but a checkpoint may have any.
const MOST: usize = 1024;

/// Side of the picture of one encoder's window.
const WINDOW: f32 = 50.0;

/// Draws each encoder's window, and the list.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, selected: &Selected<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let Some(layer) = selected.own_layers().next() else { return };
    let Some(numbers) = selected.trace().cell(layer, selected.cell.row, selected.cell.column) else { return };
    let mut keys: Vec<(Key, Measured<f64>)> = (numbers.keys.iter().take(MOST))
        .map(|key| {
            let value = if key.open { selected.token(key.encoder, key.row, key.column) } else { Measured::Masked };
            (*key, value)
        })
        .collect();
    heading(ui, texts.keys);
    ui.label(RichText::new(texts.keys_tip).small().weak());
    if numbers.keys.len() > MOST {
        ui.label(RichText::new(format!("{} {}", texts.keys_cut, numbers.keys.len())).small().weak());
    }
    let most = keys.iter().filter_map(|(_, value)| probability(*value)).fold(0.0, f64::max);
    windows(ui, cx, selected, &keys, most);
    let sorted = cx.state.keys_sorted;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (by_probability, name) in [(false, texts.by_place), (true, texts.by_probability)] {
            if ui.add(Button::selectable(sorted == by_probability, RichText::new(name).small())).clicked() {
                out.push(ViewAction::SortKeys(by_probability).into());
            }
        }
    });
    if sorted {
        let order = |value: &Measured<f64>| probability(*value).unwrap_or(-1.0);
        keys.sort_by(|(_, a), (_, b)| order(b).total_cmp(&order(a)));
    }
    let rows = keys.len().min(9) as f32;
    ScrollArea::vertical().id_salt("keys").auto_shrink([false, true]).max_height(rows * ROW).show_rows(
        ui,
        ROW,
        keys.len(),
        |ui, range| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (key, value) in &keys[range] {
                row(ui, cx, selected, *key, *value, most);
            }
        },
    );
}

fn probability(value: Measured<f64>) -> Option<f64> {
    if let Measured::Value(value) = value { Some(value) } else { None }
}

/// What is said of a key without a probability, or its probability.
fn words(cx: &Cx<'_>, key: Key, value: Measured<f64>) -> String {
    let texts = &cx.texts.probe;
    match value {
        Measured::Value(value) => share(value),
        Measured::Masked => texts.masked.to_owned(),
        Measured::Padding if key.padding => texts.padding.to_owned(),
        Measured::Padding => "–".to_owned(),
    }
}

fn row(ui: &mut Ui, cx: &Cx<'_>, selected: &Selected<'_>, key: Key, value: Measured<f64>, most: f64) {
    let texts = &cx.texts.inspector;
    let name = selected.entry.encoder_names.get(key.encoder).map(String::as_str).unwrap_or_default();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width() - 10.0, ROW), Sense::hover());
    let text = words(cx, key, value);
    let spoken = format!("{name} ({}, {}): {text}", key.row, key.column);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &spoken));
    let visuals = ui.visuals();
    let (ink, weak, ground) = (visuals.text_color(), visuals.weak_text_color(), visuals.faint_bg_color);
    let mono = TextStyle::Monospace.resolve(ui.style());
    let body = TextStyle::Body.resolve(ui.style());
    let painter = ui.painter();
    let middle = rect.center().y;
    let swatch = Rect::from_center_size(pos2(rect.left() + 5.0, middle), vec2(9.0, 9.0));
    painter.rect_filled(swatch, 2, encoder_colour(key.encoder));
    painter.text(pos2(rect.left() + 15.0, middle), Align2::LEFT_CENTER, name, body, ink);
    let place = format!("{:>2}, {:>2}", key.row, key.column);
    painter.text(pos2(rect.left() + 126.0, middle), Align2::RIGHT_CENTER, place, mono.clone(), weak);
    let colour = if probability(value).is_some() { ink } else { weak };
    painter.text(pos2(rect.right(), middle), Align2::RIGHT_CENTER, text, mono, colour);
    let bar =
        Rect::from_min_max(pos2(rect.left() + 136.0, rect.top() + 6.0), pos2(rect.right() - 56.0, rect.bottom() - 6.0));
    if bar.width() > 8.0 && most > 0.0 {
        painter.rect_filled(bar, 2, ground);
        if let Some(value) = probability(value) {
            let length = bar.width() * (value / most) as f32;
            let filled = Rect::from_min_size(bar.min, vec2(length, bar.height()));
            painter.rect_filled(filled, 2, encoder_colour(key.encoder));
        }
    }
    let exact = probability(value).map_or_else(
        || spoken.clone(),
        |value| format!("{name} ({}, {})\n{} {value:.7}", key.row, key.column, texts.probability),
    );
    response.on_hover_text(exact);
}

/// One small picture for each encoder: all windows cover the same part of the image, so all have the same size.
fn windows(ui: &mut Ui, cx: &Cx<'_>, selected: &Selected<'_>, keys: &[(Key, Measured<f64>)], most: f64) {
    let texts = &cx.texts.inspector;
    ui.add_space(2.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(10.0, 6.0);
        for own in keys.chunk_by(|(a, _), (b, _)| a.encoder == b.encoder) {
            let Some((first, _)) = own.first() else { continue };
            let k = first.encoder;
            let name = selected.entry.encoder_names.get(k).map(String::as_str).unwrap_or_default();
            let side = own.len().isqrt();
            let (area, _) = ui.allocate_exact_size(vec2(WINDOW, WINDOW + 15.0), Sense::hover());
            let weak = ui.visuals().weak_text_color();
            let title = FontId::proportional(10.5);
            let short = super::parts::fitted(ui, name, &title, WINDOW + 6.0);
            ui.painter().text(pos2(area.left(), area.top()), Align2::LEFT_TOP, short, title, weak);
            let (step, top) = (WINDOW / side.max(1) as f32, area.top() + 15.0);
            for (slot, (key, value)) in own.iter().enumerate() {
                let corner = pos2(area.left() + (slot % side) as f32 * step, top + (slot / side) as f32 * step);
                let rect = Rect::from_min_size(corner, vec2(step, step)).shrink(0.5);
                let part = probability(*value).map(|value| if most > 0.0 { value / most } else { 0.0 });
                let ground = ui.visuals().faint_bg_color;
                let fill = part.map_or(ground, |part| mixed(ground, encoder_colour(k), part as f32));
                ui.painter().rect_filled(rect, 1, fill);
                let line = Stroke::new(1.0, ui.visuals().widgets.noninteractive.bg_stroke.color);
                ui.painter().rect_stroke(rect, 1, line, StrokeKind::Inside);
                if part.is_none() {
                    ui.painter().line_segment([rect.left_bottom(), rect.right_top()], line);
                }
                let response = ui.interact(rect, ui.scope_id().with(("key", k, slot)), Sense::hover());
                let text = words(cx, *key, *value);
                response.on_hover_text(format!("{name} ({}, {})\n{} {text}", key.row, key.column, texts.probability));
            }
        }
    });
}

/// A colour between two others.
fn mixed(from: Color32, to: Color32, part: f32) -> Color32 {
    from.lerp_to_gamma(to, part.clamp(0.0, 1.0))
}
