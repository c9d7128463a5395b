//! Conditions × tasks: each rate with its interval as a small bar. A click lists the items behind it.

use super::{points, weak, with_interval};
use crate::evaluation::RunView;
use crate::window::action::{Action, EvaluationAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::Pick;
use egui::{Align2, FontId, Grid, Label, Response, RichText, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use opabinia_eval::report::ConditionSummary;
use opabinia_eval::stats::Rate;

/// Width and height of a number with its bar.
const FIELD: [f32; 2] = [70.0, 30.0];

/// Draws the tables of the run, and of the one it is compared with.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let evaluation = &cx.state.evaluation;
    for (of_other, run) in [(false, &evaluation.run), (true, &evaluation.other)] {
        if let Some(run) = run.ready() {
            of_run(ui, cx, run, of_other, out);
        }
    }
}

fn of_run(ui: &mut Ui, cx: &Cx<'_>, run: &RunView, of_other: bool, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let (header, summary) = (&run.header, &run.summary);
    parts::section(ui, &format!("{} · {}", header.model.name, header.data.name));
    weak(
        ui,
        &(texts.run_is)(
            summary.items,
            header.data.questions,
            summary.clusters,
            &header.protocol,
            &header.model.precision,
        ),
    );
    if let Ok(protocol) = header.protocol.parse() {
        weak(ui, (texts.rule)(protocol));
    }
    let warn = ui.visuals().warn_fg_color;
    if header.data.skipped.count() > 0 {
        ui.colored_label(warn, (texts.left_out)(header.data.skipped.count()));
    }
    if summary.unanswered > 0 {
        ui.colored_label(warn, (texts.unanswered)(summary.unanswered));
        ui.push_id(of_other, |ui| {
            ui.collapsing(texts.examples, |ui| {
                for (idx, why) in run.unanswered().take(20) {
                    weak(ui, &format!("{idx}: {}", (cx.texts.engine.said)(why)));
                }
            });
        });
    }
    if summary.items == 0 {
        return;
    }
    let columns = if run.tasks.len() > 1 { run.tasks.as_slice() } else { &[] };
    ScrollArea::horizontal().id_salt(("rates", of_other)).show(ui, |ui| {
        Grid::new(("rates", of_other)).spacing([6.0, 4.0]).striped(true).show(ui, |ui| {
            for head in [texts.condition, texts.all_tasks, texts.change] {
                ui.add(Label::new(RichText::new(head).small().weak()).extend());
            }
            for task in columns {
                ui.add(Label::new(RichText::new(task).small().weak()).truncate());
            }
            ui.end_row();
            for (at, condition) in summary.conditions.iter().enumerate() {
                let what = header.conditions.get(at).map_or("", |condition| condition.what.as_str());
                ui.label(RichText::new(&condition.name).strong()).on_hover_text(what);
                rate(ui, cx, run, (condition, None), condition.rate, of_other, out);
                change(ui, cx, condition);
                for task in columns {
                    match condition.tasks.get(task) {
                        Some(found) => rate(ui, cx, run, (condition, Some(task)), *found, of_other, out),
                        None => weak(ui, "–"),
                    }
                }
                ui.end_row();
            }
        });
    });
    weak(ui, &(texts.grey_rows)(summary.chance, summary.majority.value()));
    if let Some(mass) = summary.conditions.iter().filter_map(|condition| condition.mass).reduce(f64::max)
        && mass < 0.5
    {
        ui.colored_label(warn, (texts.little_mass)(mass));
    }
}

/// The difference to the first condition.
fn change(ui: &mut Ui, cx: &Cx<'_>, condition: &ConditionSummary) {
    let Some((paired, p)) = &condition.change else { return weak(ui, "") };
    let text = points(paired.difference);
    let (low, high) = (points(paired.interval.low), points(paired.interval.high));
    let tip = (cx.texts.evaluation.change_is)(&text, &low, &high, *p, 100.0 * paired.smallest_shown);
    let response = ui.label(RichText::new(format!("{text} [{low}, {high}]")).monospace().small());
    response.on_hover_text(tip);
}

/// A rate; a click lists its items.
fn rate(
    ui: &mut Ui,
    cx: &Cx<'_>,
    run: &RunView,
    (condition, task): (&ConditionSummary, Option<&String>),
    rate: Rate,
    of_other: bool,
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.evaluation;
    let name = task.map_or(texts.all_tasks, String::as_str);
    let spoken = format!("{}, {name}: {} % ({}/{})", condition.name, with_interval(rate), rate.right, rate.of);
    let view = &cx.state.evaluation.view;
    let pick = Pick { of_other, condition: condition.name.clone() };
    let chosen = view.picks.contains(&pick) && view.task.as_ref() == task;
    let response = bar(ui, rate, run.summary.chance, chosen);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, chosen, &spoken));
    if response.on_hover_text(format!("{spoken}\n{}", texts.list_items)).clicked() {
        let [first, second] = view.picks.clone();
        // The column that was there stands beside it.
        let picks = if pick == first { [first, second] } else { [first, pick] };
        out.push(EvaluationAction::Compare(picks).into());
        out.push(EvaluationAction::SetTask(task.cloned()).into());
        out.push(EvaluationAction::SetQuadrant(None).into());
    }
}

/// A number in percent and below it its interval, 0 to 100, with a line at chance.
fn bar(ui: &mut Ui, rate: Rate, chance: f64, chosen: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(FIELD[0], FIELD[1]), Sense::click());
    let visuals = ui.visuals();
    if chosen || response.hovered() {
        let fill =
            if chosen { visuals.selection.bg_fill.gamma_multiply(0.5) } else { visuals.widgets.hovered.weak_bg_fill };
        ui.painter().rect_filled(rect, 3.0, fill);
    }
    if response.has_focus() {
        let stroke = Stroke::new(1.5, visuals.hyperlink_color);
        ui.painter().rect_stroke(rect, 3.0, stroke, egui::StrokeKind::Inside);
    }
    let at = |part: f64| rect.left() + 4.0 + (rect.width() - 8.0) * part as f32;
    let line = rect.bottom() - 6.0;
    let painter = ui.painter();
    let colour = visuals.text_color();
    let text = format!("{:.1}", 100.0 * rate.value());
    painter.text(
        pos2(rect.center().x, rect.top() + 10.0),
        Align2::CENTER_CENTER,
        text,
        FontId::monospace(12.0),
        colour,
    );
    let weak = visuals.weak_text_color().gamma_multiply(0.5);
    painter.hline(at(0.0)..=at(1.0), line, Stroke::new(1.0, weak));
    painter.vline(at(chance), line - 4.0..=line + 4.0, Stroke::new(1.0, visuals.weak_text_color()));
    let (low, high) = rate.interval();
    painter.hline(at(low)..=at(high), line, Stroke::new(3.0, visuals.hyperlink_color.gamma_multiply(0.6)));
    painter.circle_filled(pos2(at(rate.value()), line), 3.0, visuals.hyperlink_color);
    response
}
