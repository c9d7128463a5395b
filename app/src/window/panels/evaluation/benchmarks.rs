//! Which benchmarks say the same: a table in, the figure that files have, too.

use super::form::field;
use super::{weak, wrong};
use crate::figure::correlation::CorrelationFigure;
use crate::figure::{Mark, Theme};
use crate::window::action::{Action, EvaluationAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{Benchmarks, EvaluationField, FigureFile, Known};
use egui::{Align2, Color32, FontId, Grid, Rect, Sense, Spinner, Stroke, Ui, WidgetInfo, pos2, vec2};

/// Draws the page.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    parts::card(ui, |ui| {
        Grid::new("benchmarks form").num_columns(2).spacing([8.0, 6.0]).show(ui, |ui| {
            field(ui, cx, EvaluationField::Table, texts.table_hint, out);
            field(ui, cx, EvaluationField::Groups, texts.groups_hint, out);
        });
        weak(ui, texts.benchmarks_are);
    });
    match &cx.state.evaluation.benchmarks {
        Known::Nothing => {}
        Known::Coming => drop(ui.add(Spinner::new())),
        Known::Failed(why) => wrong(ui, why),
        Known::Ready(known) => found(ui, cx, known, out),
    }
}

fn found(ui: &mut Ui, cx: &Cx<'_>, known: &Benchmarks, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let scores = &known.correlation.scores;
    parts::section(ui, &(texts.table_is)(scores.benchmarks.len(), scores.models.len()));
    for note in &scores.notes {
        ui.colored_label(ui.visuals().warn_fg_color, (cx.texts.engine.said)(note));
    }
    figure(ui, cx, known);
    weak(ui, texts.figure_is);
    ui.horizontal_wrapped(|ui| {
        for kind in FigureFile::ALL {
            let name = format!("{} {}…", texts.export, kind.extension().to_uppercase());
            if ui.button(name).clicked() {
                out.push(EvaluationAction::ExportBenchmarks(kind).into());
            }
        }
    });
}

/// The marks of the figure, as wide as the panel.
fn figure(ui: &mut Ui, cx: &Cx<'_>, known: &Benchmarks) {
    let theme = if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light };
    let (correlation, groups) = (&known.correlation, known.groups.as_ref());
    let figure = CorrelationFigure { correlation, groups, title: None, caption: Vec::new(), theme };
    let drawing = match figure.drawing() {
        Ok(drawing) => drawing,
        Err(why) => return wrong(ui, &why),
    };
    let scale = (ui.available_width() / drawing.width as f32).min(1.2);
    let size = vec2(drawing.width as f32, drawing.height as f32) * scale;
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let name = cx.texts.evaluation.figure;
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, name));
    let painter = ui.painter_at(rect);
    let colour = |[r, g, b]: [u8; 3]| Color32::from_rgb(r, g, b);
    let at = |x: f32, y: f32| rect.min + vec2(x, y) * scale;
    painter.rect_filled(rect, 4.0, colour(theme.ground()));
    for mark in drawing.marks {
        match mark {
            Mark::Fill(area, fill) => {
                let size = vec2(area.width as f32, area.height as f32) * scale;
                let corner = at(area.left as f32, area.top as f32);
                painter.rect_filled(Rect::from_min_size(corner, size), 0.0, colour(fill));
            }
            // The figure has none.
            Mark::Picture { .. } => {}
            Mark::Line { from, to, width, colour: ink } if from == to => {
                painter.circle_filled(at(from.0, from.1), width / 2.0 * scale, colour(ink));
            }
            Mark::Line { from, to, width, colour: ink } => {
                let points = [at(from.0, from.1), at(to.0, to.1)];
                painter.line_segment(points, Stroke::new(width * scale, colour(ink)));
            }
            Mark::Text { text, size, left, top, colour: ink } => {
                let middle = at(left, top + 0.65 * size);
                let font = FontId::proportional(size * scale);
                painter.text(pos2(middle.x, middle.y), Align2::LEFT_CENTER, text, font, colour(ink));
            }
        }
    }
}
