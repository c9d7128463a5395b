//! One number for each layer and head of the selected cell, as a small heat map.

use super::super::Cx;
use super::parts::{alone, factor, heading, log_lift, share, signed};
use super::selected::Selected;
use crate::window::action::{Action, ViewAction};
use crate::window::state::MapLens;
use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use opabinia_engine::probe::{Measure, Measured};
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{Cell, ColourMap, Indices, Quantity as Shown};

/// Room for the names of layers.
const NAMES: f32 = 30.0;

/// Colours of lift reach no further than this power of 2 either way.
const FURTHEST: f64 = 3.0;

/// How one number of the matrix is written and coloured.
#[derive(Clone, Copy)]
struct Scale {
    measure: Measure,
    low: f64,
    high: f64,
    /// Whether there are values below `low` and above `high`, which have the colours of the ends.
    cut: (bool, bool),
}

impl Scale {
    /// A scale over all `values`.
    fn over(measure: Measure, values: &[Measured<Vec<f64>>]) -> Self {
        let scale = Self { measure, low: 0.0, high: 1.0, cut: (false, false) };
        let all = values.iter().filter_map(|layer| if let Measured::Value(heads) = layer { Some(heads) } else { None });
        let (low, high) = all
            .flatten()
            .map(|value| scale.position(*value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return scale;
        }
        match measure {
            Measure::Lift(_) => {
                // A head that read nothing of an encoder would leave no colours for the others.
                let reach = low.abs().max(high.abs()).clamp(0.01, FURTHEST);
                Self { low: -reach, high: reach, cut: (low < -reach, high > reach), ..scale }
            }
            _ if low == high => Self { low: low - 0.5, high: high + 0.5, ..scale },
            _ => Self { low, high, ..scale },
        }
    }

    /// Where a value lies on the scale's own axis.
    fn position(self, value: f64) -> f64 {
        if let Measure::Lift(_) = self.measure { log_lift(value) } else { value }
    }

    fn colour(self, table: &[[u8; 3]], value: f64) -> Color32 {
        let part = (self.position(value) - self.low) / (self.high - self.low);
        let at = (part.clamp(0.0, 1.0) * (table.len() - 1) as f64).round() as usize;
        let [r, g, b] = table[at];
        Color32::from_rgb(r, g, b)
    }

    fn words(self, value: f64) -> String {
        match self.measure {
            Measure::Lift(_) => format!("{} (log₂ {})", factor(value), signed(log_lift(value))),
            Measure::Entropy => format!("{value:.3}"),
            _ => share(value),
        }
    }

    fn end(self, position: f64) -> String {
        match self.measure {
            Measure::Lift(_) => signed(position),
            _ => format!("{position:.3}"),
        }
    }
}

/// Draws the matrix. Clicking a number looks at its layer and head alone.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, selected: &Selected<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let view = &selected.lens;
    let encoder = view.encoder;
    let encoder_name = selected.entry.encoder_names.get(encoder).map(String::as_str).unwrap_or_default();
    let (measure, what) = match view.quantity {
        Shown::Lift | Shown::Dominant => (Measure::Lift(encoder), format!("{} · {encoder_name}", texts.lift)),
        Shown::Entropy => (Measure::Entropy, format!("{} ({})", texts.entropy, texts.bits)),
        Shown::NormalisedEntropy => (Measure::NormalisedEntropy, cx.texts.probe.normalised_entropy.0.to_owned()),
        Shown::Share => (Measure::Share(encoder), format!("{} · {encoder_name}", texts.share)),
    };
    heading(ui, texts.matrix);
    ui.label(egui::RichText::new(alone(&what)).small().weak());
    let matrix = selected.matrix(measure);
    let scale = Scale::over(measure, &matrix);
    let colours = if view.quantity == Shown::Dominant { ColourMap::Diverging } else { view.colours() };
    let table = colours.table();

    let labels = FontId::proportional(10.5);
    let width = ((ui.available_width() - NAMES - 2.0) / HEADS as f32).clamp(8.0, 22.0);
    let height = width.clamp(13.0, 18.0);
    let size = vec2(NAMES + width * HEADS as f32, height * (matrix.len() + 1) as f32);
    let (area, _) = ui.allocate_exact_size(size, Sense::hover());
    let weak = ui.visuals().weak_text_color();
    let painter = ui.painter_at(area.expand(2.0));
    for head in (0..HEADS).filter(|head| width >= 14.0 || head % 2 == 0) {
        let at = pos2(area.left() + NAMES + (head as f32 + 0.5) * width, area.top() + height * 0.5);
        painter.text(at, Align2::CENTER_CENTER, head, labels.clone(), weak);
    }
    for (at, (layer, values)) in selected.trace().layers.iter().zip(matrix.iter()).enumerate() {
        let top = area.top() + height * (at + 1) as f32;
        let name = pos2(area.left(), top + height / 2.0);
        painter.text(name, Align2::LEFT_CENTER, &layer.label, labels.clone(), weak);
        let row = Rect::from_min_size(pos2(area.left() + NAMES, top), vec2(width * HEADS as f32, height));
        let words = |head: usize| match values {
            Measured::Value(heads) => heads.get(head).map_or_else(String::new, |value| scale.words(*value)),
            Measured::Masked => cx.texts.probe.masked.to_owned(),
            Measured::Padding => cx.texts.probe.padding.to_owned(),
        };
        // One row is one thing to point at and to hear of: two hundred numbers by themselves would take longer to keep ready
        // than all that stands above them. Clicked, not tabbed to: layers and heads have keys of their own.
        let response = ui.interact(row, ui.scope_id().with(("matrix", at)), Sense::CLICK | Sense::HOVER);
        response.widget_info(|| {
            let heads = if let Measured::Value(heads) = values { heads.as_slice() } else { &[] };
            let ends = [heads.iter().copied().reduce(f64::min), heads.iter().copied().reduce(f64::max)];
            let all = match ends {
                [Some(least), Some(most)] => format!("{} … {}", scale.words(least), scale.words(most)),
                _ => words(0),
            };
            WidgetInfo::labeled(egui::Role::Button, true, format!("{} · {}: {all}", layer.label, texts.heads))
        });
        let under = |at: Pos2| (((at.x - row.left()) / width) as usize).min(HEADS - 1);
        let pointed = response.hover_pos().map(under);
        for head in 0..HEADS {
            let left = row.left() + head as f32 * width;
            let rect = Rect::from_min_size(pos2(left, top), vec2(width, height)).shrink(0.5);
            let value = if let Measured::Value(heads) = values { heads.get(head).copied() } else { None };
            let fill = value.map_or(ui.visuals().faint_bg_color, |value| scale.colour(table, value));
            painter.rect_filled(rect, 1, fill);
            let one = view.layers == Indices::one(at) && view.heads == Indices::one(head);
            if one || pointed == Some(head) {
                let stroke = Stroke::new(if one { 2.0 } else { 1.0 }, ui.visuals().text_color());
                painter.rect_stroke(rect, 1, stroke, StrokeKind::Outside);
            }
        }
        let clicked = response.interact_pointer_pos().filter(|_| response.clicked()).map(under);
        response.on_hover_ui_at_pointer(|ui| {
            let Some(head) = pointed else { return };
            ui.label(format!("{} · {} {head}: {}\n{}", layer.label, texts.head, words(head), texts.matrix_tip));
        });
        if let Some(head) = clicked {
            out.push(Action::View(ViewAction::Replace(Box::new(looking_at(selected, at, head)))));
        }
    }
    if matrix.iter().any(|layer| matches!(layer, Measured::Value(_))) {
        legend(ui, scale, table);
    }
    ui.label(egui::RichText::new(texts.layer_letters).small().weak());
}

/// The view of one layer and head, with the cell of that layer's own grid that holds the one now selected.
fn looking_at(selected: &Selected<'_>, layer: usize, head: usize) -> MapLens {
    let side = selected.trace().layers[layer].frame.side;
    let cell = selected.cell;
    let from = |at: usize| u32::try_from((2 * at + 1) * side / (2 * cell.side)).unwrap_or(0);
    MapLens {
        layers: Indices::one(layer),
        heads: Indices::one(head),
        selected: Some(Cell { row: from(cell.row), col: from(cell.column) }),
        ..selected.lens.clone()
    }
}

/// What the colours mean.
fn legend(ui: &mut Ui, scale: Scale, table: &[[u8; 3]]) {
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
    let font = FontId::proportional(10.5);
    let weak = ui.visuals().weak_text_color();
    let painter = ui.painter();
    let middle = area.center().y;
    let low = format!("{}{}", if scale.cut.0 { "≤ " } else { "" }, scale.end(scale.low));
    let left = painter.text(pos2(area.left() + NAMES, middle), Align2::LEFT_CENTER, low, font.clone(), weak);
    let bar = Rect::from_min_size(pos2(left.right() + 6.0, area.top() + 4.0), vec2(96.0, 8.0));
    const STEPS: usize = 48;
    for step in 0..STEPS {
        let [r, g, b] = table[step * (table.len() - 1) / (STEPS - 1)];
        let width = bar.width() / STEPS as f32;
        let rect =
            Rect::from_min_size(pos2(bar.left() + step as f32 * width, bar.top()), vec2(width + 0.5, bar.height()));
        painter.rect_filled(rect, 0, Color32::from_rgb(r, g, b));
    }
    let high = format!("{}{}", if scale.cut.1 { "≥ " } else { "" }, scale.end(scale.high));
    painter.text(pos2(bar.right() + 6.0, middle), Align2::LEFT_CENTER, high, font, weak);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lift_is_coloured_symmetrically_about_one() {
        let values = [Measured::Value(vec![1.0, 4.0]), Measured::Padding, Measured::Masked];
        let scale = Scale::over(Measure::Lift(0), &values);
        assert_eq!((scale.low, scale.high), (-2.0, 2.0));
        let table = [[0, 0, 0], [1, 1, 1], [2, 2, 2]];
        let colours = [0.25, 1.0, 4.0].map(|value| scale.colour(&table, value).r());
        assert_eq!(colours, [0, 1, 2]);
    }

    #[test]
    fn what_was_not_read_at_all_leaves_colours_for_the_rest() {
        let scale = Scale::over(Measure::Lift(0), &[Measured::Value(vec![0.0, 2.0])]);
        assert_eq!((scale.low, scale.high, scale.cut), (-FURTHEST, FURTHEST, (true, false)));
    }

    #[test]
    fn scales_span_the_values_and_never_vanish() {
        let scale = |values| Scale::over(Measure::Share(0), &[Measured::Value(values)]);
        assert_eq!((scale(vec![0.2, 0.7]).low, scale(vec![0.2, 0.7]).high), (0.2, 0.7));
        assert!(scale(vec![0.3, 0.3]).low < scale(vec![0.3, 0.3]).high);
        assert!(scale(Vec::new()).low < scale(Vec::new()).high);
    }
}
