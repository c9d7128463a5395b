//! What both answers rest on: each encoder's numbers on both sides, with their difference.

use super::{Cx, parts};
use crate::evidence::{Findings, Measure, Removal, Rung, sheet};
use crate::window::action::{Action, ComparisonAction};
use crate::window::state::{EvidencePart, PartState, Purpose, SIDES};
use egui::{Grid, Label, RichText, ScrollArea, Ui};
use opabinia_engine::probe::evidence::GameKind;

/// Numbers that are compared: attention, what was written, and what changed when an encoder was taken away.
const MEASURES: [Measure; 5] = [
    Measure::Share,
    Measure::Lift,
    Measure::Norm,
    Measure::Removal(Removal::MaskContext),
    Measure::Shapley(GameKind::Mask),
];

/// Draws the part of the page.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let [Some((of_a, a)), Some((of_b, b))] = cx.state.evidence_of_both() else {
        parts::weak(ui, texts.no_evidence);
        return;
    };
    let known = [cx.state.evidence.get(of_a, a), cx.state.evidence.get(of_b, b)];
    let running = |purpose: &Purpose| matches!(purpose, Purpose::Evidence(key, _) if [of_a, of_b].contains(key));
    let measuring = cx.state.jobs.find(running).is_some();
    let all = known
        .iter()
        .all(|known| known.is_some_and(|known| known.part(EvidencePart::Encoders) == Some(&PartState::Done)));
    ui.horizontal(|ui| {
        if measuring {
            ui.spinner();
            parts::weak(ui, cx.texts.evidence_panel.measuring);
        } else if !all && ui.button(texts.measure_both).on_hover_text(texts.measure_both_tip).clicked() {
            out.push(ComparisonAction::MeasureBoth.into());
        }
    });
    for known in known.into_iter().flatten() {
        if let Some(PartState::Failed(why)) = known.part(EvidencePart::Encoders) {
            ui.add(Label::new(RichText::new(why).color(ui.visuals().error_fg_color)).wrap());
        }
    }
    let [Some(a), Some(b)] = known.map(|known| known.and_then(|known| known.findings())) else { return };
    ScrollArea::both().auto_shrink(false).show(ui, |ui| table(ui, cx, [a, b]));
}

fn table(ui: &mut Ui, cx: &Cx<'_>, findings: [&Findings; 2]) {
    let (texts, words) = (&cx.texts.comparison, &cx.texts.evidence_panel);
    let Some(keys) = cx.state.both_traces() else { return };
    let [Some(a), Some(b)] = keys.each_ref().map(|key| cx.state.traces.get(key)) else {
        parts::weak(ui, texts.no_maps);
        return;
    };
    let counterparts = cx.counterparts(a, b);
    for line in parts::matching(cx, counterparts.matching(), [a, b]) {
        parts::weak(ui, &line);
    }
    let mut rung: Option<Rung> = None;
    for measure in MEASURES {
        let (name, tip) = words.measure_words(measure);
        if rung != Some(measure.rung()) {
            rung = Some(measure.rung());
            let (kind, about) = words.rung(measure.rung());
            ui.add_space(6.0);
            ui.strong(kind).on_hover_text(about);
        }
        ui.label(RichText::new(name).small()).on_hover_text(tip);
        let columns = findings.map(|findings| findings.column(measure, None));
        Grid::new(("evidence of both", name)).striped(true).num_columns(4).show(ui, |ui| {
            ui.label("");
            for slot in SIDES {
                ui.label(RichText::new(slot.letter()).strong().color(parts::side_colour(ui, slot)));
            }
            parts::weak(ui, "B − A");
            ui.end_row();
            for pair in &counterparts.matching().encoders {
                let encoder = a.encoder_names.get(pair.places[0]).map_or("", String::as_str);
                let value = |side: usize| columns[side].get(pair.places[side]).copied().flatten();
                let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| sheet::number(measure, v));
                let difference = match (value(0), value(1)) {
                    (Some(a), Some(b)) => format!("{:+.4}", b - a).replace('-', "−"),
                    _ => "–".to_owned(),
                };
                let numbers = [text(value(0)), text(value(1)), difference];
                let spoken = format!("{encoder} · {name}: A {}, B {}, B − A {}", numbers[0], numbers[1], numbers[2]);
                let label = ui.label(encoder);
                label.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &spoken));
                numbers.into_iter().for_each(|number| drop(ui.monospace(number)));
                ui.end_row();
            }
        });
    }
    ui.add_space(6.0);
    ui.add(Label::new(RichText::new(texts.own_answers).small().weak()).wrap());
}
