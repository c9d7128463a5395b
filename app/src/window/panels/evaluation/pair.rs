//! Two columns beside each other: right in both, in one, in neither. Each field is a filter of the items below.

use super::{points, weak, with_interval, wrong};
use crate::evaluation::{PairView, Quadrant};
use crate::window::action::{Action, EvaluationAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{Known, PairOf, Pick};
use egui::{Button, ComboBox, Grid, RichText, Spinner, Ui, WidgetInfo, vec2};

/// Draws them.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let evaluation = &cx.state.evaluation;
    if evaluation.run.ready().is_none_or(|run| run.summary.items == 0) {
        return;
    }
    parts::section(ui, texts.pair);
    ui.horizontal_wrapped(|ui| {
        for which in 0..2 {
            column(ui, cx, which, out);
        }
        task(ui, cx, out);
    });
    match &evaluation.pair {
        Some((of, Known::Ready(pair))) => fields(ui, cx, of, pair, out),
        Some((_, Known::Failed(why))) => wrong(ui, why),
        _ => drop(ui.add(Spinner::new().size(13.0))),
    }
}

/// What a column is called: with the model's name where two are beside each other.
pub fn name_of(cx: &Cx<'_>, pick: &Pick) -> String {
    let evaluation = &cx.state.evaluation;
    match evaluation.run_of(pick) {
        Some(run) if evaluation.other.ready().is_some() => format!("{} · {}", run.header.model.name, pick.condition),
        _ => pick.condition.clone(),
    }
}

/// Chooses one of the two columns.
fn column(ui: &mut Ui, cx: &Cx<'_>, which: usize, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let evaluation = &cx.state.evaluation;
    let picks = &evaluation.view.picks;
    let chosen = name_of(cx, &picks[which]);
    let label = texts.columns[which];
    ui.label(RichText::new(label).small().weak());
    let response = ComboBox::from_id_salt(("column", which)).selected_text(&chosen).width(132.0).show_ui(ui, |ui| {
        for (of_other, run) in [(false, &evaluation.run), (true, &evaluation.other)] {
            for condition in run.ready().into_iter().flat_map(|run| &run.header.conditions) {
                let pick = Pick { of_other, condition: condition.name.clone() };
                if ui.selectable_label(picks[which] == pick, name_of(cx, &pick)).clicked() {
                    let mut picks = picks.clone();
                    picks[which] = pick;
                    out.push(EvaluationAction::Compare(picks).into());
                }
            }
        }
    });
    let spoken = format!("{label}: {chosen}");
    response.response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &spoken));
}

/// Chooses the task.
fn task(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let evaluation = &cx.state.evaluation;
    let Some(run) = evaluation.run.ready().filter(|run| run.tasks.len() > 1) else { return };
    let task = evaluation.view.task.as_ref();
    let chosen = task.map_or(texts.all_tasks, String::as_str);
    ui.label(RichText::new(texts.task).small().weak());
    let response = ComboBox::from_id_salt("task").selected_text(chosen).width(92.0).show_ui(ui, |ui| {
        if ui.selectable_label(task.is_none(), texts.all_tasks).clicked() {
            out.push(EvaluationAction::SetTask(None).into());
        }
        for known in &run.tasks {
            if ui.selectable_label(task == Some(known), known).clicked() {
                out.push(EvaluationAction::SetTask(Some(known.clone())).into());
            }
        }
    });
    let spoken = format!("{}: {chosen}", texts.task);
    response.response.widget_info(|| WidgetInfo::labeled(egui::Role::ComboBox, true, &spoken));
}

/// The four fields, and the difference in numbers.
fn fields(ui: &mut Ui, cx: &Cx<'_>, of: &PairOf, pair: &PairView, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let chosen = cx.state.evaluation.view.quadrant;
    Grid::new("four fields").spacing([6.0, 6.0]).show(ui, |ui| {
        ui.label("");
        ui.label(RichText::new((texts.second_is)(true, &of.conditions[1])).small().weak());
        ui.label(RichText::new((texts.second_is)(false, &of.conditions[1])).small().weak());
        ui.end_row();
        for row in [[Quadrant::Both, Quadrant::OnlyFirst], [Quadrant::OnlySecond, Quadrant::Neither]] {
            let is_right = row[0] == Quadrant::Both;
            ui.label(RichText::new((texts.first_is)(is_right, &of.conditions[0])).small().weak());
            for quadrant in row {
                let count = pair.of(quadrant).len();
                let on = chosen == Some(quadrant);
                let text = RichText::new(count.to_string()).strong().size(15.0);
                let response = ui.add(Button::selectable(on, text).min_size(vec2(96.0, 34.0)));
                let spoken = format!("{}: {count}", texts.quadrant(quadrant));
                response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, on, &spoken));
                if response.on_hover_text(&spoken).clicked() {
                    let next = Some(quadrant).filter(|_| !on);
                    out.push(EvaluationAction::SetQuadrant(next).into());
                }
            }
            ui.end_row();
        }
    });
    let ([first, second], paired) = (pair.pair.rates(), &pair.pair.paired);
    ui.label(format!("{} % → {} %", with_interval(first), with_interval(second)));
    let (low, high) = (points(paired.interval.low), points(paired.interval.high));
    let difference = points(paired.difference);
    weak(ui, &(texts.pair_is)(&difference, &low, &high, paired.p, 100.0 * paired.smallest_shown, pair.pair.clusters));
}
