//! Each encoder with every number side by side, where they disagree, and what joint removals did.

use super::super::Cx;
use super::super::inspector::{encoder_colour, fitted};
use super::About;
use super::paint::{Number, effect_colour, reach, table};
use super::scatter::{self, Point};
use crate::evidence::sheet::{number, signed};
use crate::evidence::{Findings, Measure, Rung, ranks};
use crate::window::action::Action;
use egui::{Align2, Color32, FontId, Grid, Label, RichText, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

/// Where there is less room, encoders stand beside each other and measures below each other.
const WIDE: f32 = 640.0;

/// Room for the two numbers of a joint removal, beside the names of its encoders.
const NUMBERS: f32 = 140.0;

/// One column of numbers with its ranks.
struct Column {
    measure: Measure,
    values: Vec<Option<f64>>,
    ranks: Vec<Option<usize>>,
}

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, _out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let Some(findings) = about.findings else {
        ui.weak(texts.nothing_yet);
        return;
    };
    let removal = cx.state.evidence.view.removal;
    if let Some(verdict) = findings.verdict(removal, about.token) {
        let text = texts.verdict(&verdict, about.names, removal);
        let colour = if verdict.agrees() { ui.visuals().text_color() } else { ui.visuals().warn_fg_color };
        ui.add(Label::new(RichText::new(text).color(colour)).wrap());
        ui.add_space(6.0);
    }
    let columns = columns(cx, about, findings);
    if ui.available_width() >= WIDE {
        wide(ui, cx, about, &columns);
    } else {
        narrow(ui, cx, about, &columns);
    }
    blank(ui, cx, about, findings);
    scatter_of_encoders(ui, cx, about, findings);
    joint(ui, cx, about, findings);
}

/// The columns that have a place: a swap has none without another picture.
fn columns(cx: &Cx<'_>, about: &About<'_>, findings: &Findings) -> Vec<Column> {
    use crate::evidence::Removal;
    use opabinia_engine::probe::evidence::GameKind;
    let swaps = cx.state.evidence.view.other.is_some();
    let has_place = |measure: &Measure| {
        swaps || !matches!(measure, Measure::Removal(Removal::Swap) | Measure::Shapley(GameKind::Swap))
    };
    let column = |measure: Measure| {
        let values = findings.column(measure, about.token);
        Column { measure, ranks: ranks(measure, &values), values }
    };
    Measure::ALL.into_iter().filter(has_place).map(column).collect()
}

/// One number.
fn field(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, column: &Column, k: usize, width: f32) {
    let texts = &cx.texts.evidence_panel;
    let value = column.values.get(k).copied().flatten();
    let (name, tip) = texts.measure_words(column.measure);
    let encoder = about.names.get(k).map_or("", String::as_str);
    let text = value.map_or_else(|| "–".to_owned(), |value| number(column.measure, value));
    let rank = column.ranks.get(k).copied().flatten();
    let rung = texts.rung(column.measure.rung());
    let ranked = rank.map_or_else(String::new, |rank| format!(", #{rank}"));
    let spoken = format!("{encoder} · {name}: {text}{ranked} ({})", rung.0);
    let most = reach(column.values.iter().flatten().copied());
    let bar = value.filter(|_| most > 0.0).map(|value| {
        let colour = match column.measure.rung() {
            Rung::Attention | Rung::Contribution => encoder_colour(k),
            Rung::Gradient | Rung::Intervention => effect_colour(&table(), value, most),
        };
        (value / most, colour)
    });
    Number { text: &text, rank, bar, spoken: &spoken, tip: &format!("{tip}\n{}", rung.1) }.show(ui, width);
}

/// The name of an encoder, with the colour it has everywhere.
fn encoder(ui: &mut Ui, name: &str, k: usize, width: f32, height: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, name));
    let dot = pos2(rect.left() + 6.0, rect.center().y);
    ui.painter().circle_filled(dot, 4.0, encoder_colour(k));
    let (room, mut font) = (width - 14.0, FontId::proportional(12.0));
    // Rather small than cut.
    while font.size > 9.0
        && ui.fonts_mut(|fonts| fonts.layout_no_wrap(name.to_owned(), font.clone(), Color32::WHITE).size().x) > room
    {
        font.size -= 0.5;
    }
    let shown = fitted(ui, name, &font, room);
    let at = pos2(rect.left() + 13.0, rect.center().y);
    ui.painter().text(at, Align2::LEFT_CENTER, shown, font, ui.visuals().text_color());
    response.on_hover_text(name);
}

/// One row for each encoder.
fn wide(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, columns: &[Column]) {
    let texts = &cx.texts.evidence_panel;
    let width = 62.0;
    ScrollArea::horizontal().id_salt("encoders").show(ui, |ui| {
        Grid::new("rows of encoders").striped(true).spacing(vec2(4.0, 2.0)).show(ui, |ui| {
            ui.label("");
            for column in columns {
                let (name, tip) = texts.measure_words(column.measure);
                let (rung, about_rung) = texts.rung(column.measure.rung());
                ui.vertical(|ui| {
                    ui.set_width(width);
                    ui.add(Label::new(RichText::new(rung).size(9.5).weak()).wrap());
                    ui.add(Label::new(RichText::new(name).size(11.0)).wrap());
                })
                .response
                .on_hover_text(format!("{tip}\n{about_rung}"));
            }
            ui.end_row();
            for (k, name) in about.names.iter().enumerate() {
                encoder(ui, name, k, 86.0, super::paint::FIELD);
                for column in columns {
                    field(ui, cx, about, column, k, width);
                }
                ui.end_row();
            }
        });
    });
}

/// The same with encoders beside each other.
fn narrow(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, columns: &[Column]) {
    let texts = &cx.texts.evidence_panel;
    let names = (ui.available_width() * 0.3).clamp(64.0, 110.0);
    let count = about.names.len().max(1) as f32;
    let width = ((ui.available_width() - names) / count - 2.0).clamp(44.0, 84.0);
    ScrollArea::horizontal().id_salt("encoders").show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(2.0, 1.0);
        ui.horizontal(|ui| {
            ui.allocate_exact_size(vec2(names, 18.0), Sense::hover());
            for (k, name) in about.names.iter().enumerate() {
                encoder(ui, name, k, width, 18.0);
            }
        });
        let mut rung = None;
        for column in columns {
            let (name, tip) = texts.measure_words(column.measure);
            let (kind, about_rung) = texts.rung(column.measure.rung());
            if rung != Some(column.measure.rung()) {
                rung = Some(column.measure.rung());
                ui.add_space(3.0);
                ui.label(RichText::new(kind).size(10.5).strong()).on_hover_text(about_rung);
            }
            ui.horizontal(|ui| {
                let (rect, response) = ui.allocate_exact_size(vec2(names, super::paint::FIELD), Sense::hover());
                response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, name));
                let font = FontId::proportional(11.5);
                let shown = fitted(ui, name, &font, names - 4.0);
                let at = pos2(rect.left(), rect.top() + 10.0);
                ui.painter().text(at, Align2::LEFT_CENTER, shown, font, ui.visuals().weak_text_color());
                response.on_hover_text(format!("{name}: {tip}"));
                for k in 0..about.names.len() {
                    field(ui, cx, about, column, k, width);
                }
            });
        }
    });
}

/// What the picture as a whole was worth.
fn blank(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, findings: &Findings) {
    if let Some(delta) = findings.blank(about.token) {
        ui.add_space(6.0);
        ui.label(format!("{}: {}", cx.texts.evidence_panel.blank.0, signed(delta)))
            .on_hover_text(cx.texts.evidence_panel.blank.1);
    }
}

/// Lift against Δ log p, one point for each encoder.
fn scatter_of_encoders(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, findings: &Findings) {
    let texts = &cx.texts.evidence_panel;
    let removal = Measure::Removal(cx.state.evidence.view.removal);
    let (lift, deltas) = (findings.column(Measure::Lift, about.token), findings.column(removal, about.token));
    let points: Vec<Point> = lift
        .iter()
        .zip(&deltas)
        .enumerate()
        .filter_map(|(k, (lift, delta))| {
            let name = about.names.get(k).cloned().unwrap_or_default();
            Some(Point { x: (*lift)?, y: (*delta)?, colour: encoder_colour(k), name })
        })
        .collect();
    if points.len() > 1 {
        ui.add_space(8.0);
        scatter::show(ui, texts.scatter_encoders, texts.measure_words(Measure::Lift).0, &points);
    }
}

/// Joint removals beside single ones.
fn joint(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, findings: &Findings) {
    let texts = &cx.texts.evidence_panel;
    let joint = findings.joint(about.token);
    if joint.is_empty() {
        return;
    }
    ui.add_space(8.0);
    ui.strong(texts.joint.0);
    ui.label(RichText::new(texts.joint.1).small().weak());
    // A grid remembers how wide its columns were, and never makes one wider for text that wraps.
    let room = (ui.available_width() - NUMBERS).clamp(80.0, 320.0);
    Grid::new("joint removals").striped(true).spacing(vec2(8.0, 2.0)).show(ui, |ui| {
        for head in ["", texts.together, texts.sum] {
            ui.label(RichText::new(head).small().weak());
        }
        ui.end_row();
        for one in &joint {
            let who: Vec<&str> = one.encoders.iter().filter_map(|k| about.names.get(*k)).map(String::as_str).collect();
            let who = who.join(" + ");
            let (together, sum) = (signed(one.together), signed(one.sum));
            let spoken = format!("{who}: {} {together}, {} {sum}", texts.together, texts.sum);
            ui.vertical(|ui| {
                ui.set_width(room);
                let label = ui.add(Label::new(RichText::new(&who).size(11.5)).wrap());
                label.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, spoken.clone()));
            });
            ui.monospace(RichText::new(&together).size(11.0));
            let colour: Color32 = ui.visuals().weak_text_color();
            ui.monospace(RichText::new(&sum).size(11.0).color(colour));
            ui.end_row();
        }
    });
}
