//! Checks by shuffling: what maps show when weights know nothing, and what attention is worth to the answer.

use super::super::Cx;
use super::About;
use crate::evidence::Findings;
use crate::evidence::checks::{MapSays, Shuffled, Spread};
use crate::evidence::sheet::signed;
use egui::{Grid, Label, RichText, Ui, WidgetInfo, vec2};

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>) {
    let texts = &cx.texts.evidence_further;
    ui.strong(texts.checks_about.0);
    ui.add(Label::new(RichText::new(texts.checks_about.1).small().weak()).wrap());
    ui.add_space(6.0);
    let Some(findings) = about.findings else {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    };
    maps(ui, cx, findings);
    ui.add_space(10.0);
    answers(ui, cx, about, findings);
}

/// What became of each map when the weights were shuffled.
fn maps(ui: &mut Ui, cx: &Cx<'_>, findings: &Findings) {
    let texts = &cx.texts.evidence_further;
    let checks = findings.map_checks();
    if checks.is_empty() {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    }
    Grid::new("maps checked").striped(true).spacing(vec2(12.0, 4.0)).show(ui, |ui| {
        heads(ui, texts.checks_maps);
        for check in checks {
            let (name, tip) = cx.texts.evidence_panel.measure_words(check.measure);
            ui.label(RichText::new(name).size(12.0)).on_hover_text(tip);
            number(ui, &format!("{name} · {}", texts.checks_maps[1].0), &check.agreement, texts.checks_maps[1].1);
            let (says, why) = texts.map_says(check.says());
            let colour = match check.says() {
                MapSays::Geometry => ui.visuals().warn_fg_color,
                MapSays::Both | MapSays::Learned => ui.visuals().text_color(),
            };
            ui.label(RichText::new(says).size(12.0).color(colour)).on_hover_text(why);
            ui.end_row();
        }
    });
}

/// What became of the answer.
fn answers(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, findings: &Findings) {
    let texts = &cx.texts.evidence_further;
    let known = Shuffled::ALL.map(|shuffled| (shuffled, findings.answer_check(shuffled, about.token)));
    if known.iter().all(|(_, check)| check.is_none()) {
        return;
    }
    Grid::new("answers checked").striped(true).spacing(vec2(12.0, 4.0)).show(ui, |ui| {
        heads(ui, texts.checks_answers);
        for (shuffled, check) in known {
            let Some(check) = check else { continue };
            let (name, tip) = texts.shuffled(shuffled);
            ui.label(RichText::new(name).size(12.0)).on_hover_text(tip);
            number(ui, &format!("{name} · {}", texts.checks_answers[1].0), &check.delta, texts.checks_answers[1].1);
            let changed = format!("{} / {}", check.changed, check.delta.count);
            let label = ui.monospace(RichText::new(&changed).size(11.5)).on_hover_text(texts.checks_answers[2].1);
            let spoken = format!("{name} · {}: {changed}", texts.checks_answers[2].0);
            label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, spoken.clone()));
            ui.end_row();
        }
    });
    if let [_, (_, Some(check))] = known {
        ui.add_space(6.0);
        let (matters, nothing) = texts.attention_matters;
        let (text, colour) = match check.costs() {
            true => (matters, ui.visuals().text_color()),
            false => (nothing, ui.visuals().warn_fg_color),
        };
        ui.add(Label::new(RichText::new(text).color(colour)).wrap());
    }
}

fn heads(ui: &mut Ui, columns: [(&str, &str); 3]) {
    for (name, tip) in columns {
        ui.label(RichText::new(name).small().weak()).on_hover_text(tip);
    }
    ui.end_row();
}

/// A mean over shuffles with its range below, which a screen reader can tell from its neighbours.
fn number(ui: &mut Ui, name: &str, spread: &Spread, tip: &str) {
    let (mean, range) = (signed(spread.mean), format!("({} … {})", signed(spread.low), signed(spread.high)));
    let spoken = format!("{name}: {mean} {range}");
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let label = ui.monospace(RichText::new(mean).size(11.5)).on_hover_text(tip);
        label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, spoken.clone()));
        ui.label(RichText::new(range).size(9.5).weak()).on_hover_text(tip);
    });
}
