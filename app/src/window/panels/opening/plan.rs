//! What a checkpoint is and needs, before anything is loaded: the person decides.

use super::{download, refusal};
use crate::quality::{self, Quality};
use crate::window::action::{Action, ModelAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{Opening, Slot};
use egui::{CollapsingHeader, Grid, Label, RichText, TextEdit, Ui, vec2};
use opabinia_engine::checkpoint::{Bytes, EncoderOverride};
use opabinia_engine::device::DeviceChoice;
use opabinia_engine::model::{EncoderReport, Inspection};
use opabinia_engine::precision::WeightChoice;
use std::path::PathBuf;

/// Draws it.
pub fn show(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (slot, opening): (Slot, &Opening),
    inspection: &Inspection,
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.opening;
    facts(ui, cx, inspection);
    parts::section(ui, texts.encoders);
    encoders(ui, cx, slot, inspection, out);
    parts::section(ui, texts.memory);
    memory(ui, cx, (slot, opening), inspection, out);
    device(ui, cx, (slot, opening), inspection, out);
    if !inspection.notes.is_empty() {
        parts::section(ui, texts.notes);
        for note in &inspection.notes {
            ui.horizontal_top(|ui| {
                parts::weak(ui, "•");
                ui.add(Label::new((cx.texts.engine.said)(note)).wrap());
            });
        }
    }
    let refused = inspection.check().err();
    if let Some(error) = &refused {
        ui.add_space(10.0);
        ui.colored_label(ui.visuals().error_fg_color, RichText::new(texts.does_not_fit).strong());
        if inspection.encoders.iter().any(|encoder| encoder.location.is_err()) {
            ui.label(texts.encoders_first);
            let why = cx.texts.download.encoders_not_here;
            download::offer(ui, cx, slot, (&opening.request.source, why), out);
        } else {
            refusal::reason(ui, cx, error);
        }
    }
    ui.add_space(10.0);
    parts::buttons(ui, |ui| {
        if ui.add_enabled(refused.is_none(), parts::primary(ui, texts.load)).clicked() {
            out.push(ModelAction::Load(slot).into());
        }
        if ui.button(cx.texts.program.cancel).clicked() {
            out.push(ModelAction::Dismiss(slot).into());
        }
    });
}

/// What it is, in one line.
fn facts(ui: &mut Ui, cx: &Cx<'_>, inspection: &Inspection) {
    let texts = &cx.texts.opening;
    let facts = [
        format!("{} {}", count(inspection.parameters), texts.parameters),
        format!("{} {}, {}", texts.stored, inspection.stored_dtype, Bytes(inspection.stored_bytes)),
        format!("{} {}", texts.template, inspection.template),
        format!("{} {} {}", texts.context, inspection.config.context_length, cx.texts.program.tokens),
    ];
    ui.add(Label::new(RichText::new(facts.join("  ·  ")).small().weak()).wrap());
}

/// Its encoders, and where their files are.
fn encoders(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, inspection: &Inspection, out: &mut Vec<Action>) {
    let names: Vec<&str> = inspection.encoders.iter().map(|encoder| encoder.spec.name.as_str()).collect();
    let short = crate::encoder_names::short(&names);
    Grid::new("encoders").num_columns(4).spacing([16.0, 4.0]).show(ui, |ui| {
        for (name, encoder) in short.iter().zip(&inspection.encoders) {
            ui.label(name).on_hover_text(&encoder.spec.name);
            match &encoder.location {
                Ok((directory, rule)) => {
                    ui.label(encoder.input_side.map_or_else(String::new, |side| format!("{side} px")));
                    ui.label(count(encoder.parameters));
                    ui.add(Label::new(RichText::new((cx.texts.engine.said)(rule)).weak()).truncate())
                        .on_hover_text(directory.display().to_string());
                }
                Err(_) => {
                    ui.colored_label(ui.visuals().error_fg_color, cx.texts.opening.missing);
                }
            }
            ui.end_row();
        }
    });
    for (name, encoder) in short.iter().zip(&inspection.encoders).filter(|(_, encoder)| encoder.location.is_err()) {
        ui.push_id(&encoder.spec.name, |ui| missing(ui, cx, slot, (name, encoder), out));
    }
}

/// An encoder whose files were not found: where it was looked for, and ways to say where it is.
fn missing(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, (short, encoder): (&str, &EncoderReport), out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    let Err(why) = &encoder.location else { return };
    let name = &encoder.spec.name;
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let label = ui.label(format!("{} {short}", texts.encoder_path));
        let mut path = cx.state.drafts.encoders.get(name).cloned().unwrap_or_default();
        let width = (ui.available_width() - 190.0).max(100.0);
        let field = TextEdit::singleline(&mut path).hint_text(encoder.spec.origin.to_string());
        if ui.add_sized([width, 24.0], field).labelled_by(label.id).changed() {
            out.push(ModelAction::SetEncoderDraft(name.clone(), path.clone()).into());
        }
        let named = !path.trim().is_empty();
        if ui.add_enabled(named, egui::Button::new(texts.use_folder)).clicked() {
            let encoder = EncoderOverride { name: name.clone(), dir: PathBuf::from(path.trim()) };
            out.push(ModelAction::SetEncoder(slot, encoder).into());
        }
        if ui.button(texts.pick_folder).clicked() {
            out.push(ModelAction::PickEncoder(slot, name.clone()).into());
        }
    });
    CollapsingHeader::new(RichText::new(texts.looked_in).small()).default_open(true).show(ui, |ui| {
        for place in &why.details {
            ui.add(Label::new(RichText::new((cx.texts.engine.said)(place)).small().weak()).wrap());
        }
        if let Some(help) = &why.help {
            ui.add(Label::new(RichText::new((cx.texts.engine.advice)(help)).small()).wrap());
        }
    });
}

/// What it needs with weights kept in each type, beside what is free.
fn memory(ui: &mut Ui, cx: &Cx<'_>, (slot, opening): (Slot, &Opening), inspection: &Inspection, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    let free = inspection.available_bytes;
    Grid::new("memory").num_columns(7).spacing([16.0, 4.0]).show(ui, |ui| {
        for heading in ["", texts.weights, texts.kv_cache, texts.activations, texts.total, ""] {
            parts::weak(ui, heading);
        }
        ui.label(RichText::new(texts.same_answers).weak()).on_hover_text((texts.same_answers_note)(quality::QUESTIONS));
        ui.end_row();
        for (format, need) in &inspection.needed {
            let chosen = inspection.precision.weights == *format;
            if ui.radio(chosen, format.name()).clicked() {
                out.push(ModelAction::SetWeights(slot, (*format).into()).into());
            }
            for bytes in [need.weights, need.kv_cache, need.activations] {
                ui.label(Bytes(bytes).to_string());
            }
            ui.strong(Bytes(need.total()).to_string());
            match free {
                Some(free) if need.total() > free => {
                    ui.colored_label(ui.visuals().error_fg_color, texts.too_large);
                }
                Some(_) if need.encoders_leave => {
                    ui.add(Label::new(RichText::new(texts.fits_one_by_one).weak()))
                        .on_hover_text(texts.one_by_one_note);
                }
                Some(_) => parts::weak(ui, texts.fits),
                None => parts::weak(ui, ""),
            }
            if let Some(Quality { same_answers, divergence }) = Quality::of(inspection, *format) {
                ui.label(format!("{same_answers:.2} %")).on_hover_text((texts.divergence)(divergence));
            }
            ui.end_row();
        }
    });
    ui.horizontal(|ui| {
        let free = free.map_or_else(|| texts.unknown.to_owned(), |free| Bytes(free).to_string());
        ui.label(format!("{}: {free}", texts.available)).on_hover_text(texts.memory_note);
        ui.add_space(12.0);
        let mut auto = opening.request.weights == WeightChoice::Auto;
        if ui.checkbox(&mut auto, texts.weights_auto).changed() {
            let weights = if auto { WeightChoice::Auto } else { inspection.precision.weights.into() };
            out.push(ModelAction::SetWeights(slot, weights).into());
        }
    });
}

/// Where to compute.
fn device(ui: &mut Ui, cx: &Cx<'_>, (slot, opening): (Slot, &Opening), inspection: &Inspection, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        ui.label(texts.device);
        let choices = devices();
        if choices.is_empty() {
            ui.strong(&inspection.device).on_hover_text(texts.only_cpu);
            return;
        }
        ui.spacing_mut().button_padding = vec2(10.0, 4.0);
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu].into_iter().chain(choices) {
            let name = match choice {
                DeviceChoice::Auto => format!("{} ({})", texts.device_auto, inspection.device),
                other => other.to_string(),
            };
            if ui.selectable_label(opening.request.device == choice, name).clicked() {
                out.push(ModelAction::SetDevice(slot, choice).into());
            }
        }
    });
}

/// Devices besides the CPU that this build can compute on.
fn devices() -> Vec<DeviceChoice> {
    let cuda = cfg!(feature = "cuda").then_some(DeviceChoice::Cuda(0));
    let metal = cfg!(feature = "metal").then_some(DeviceChoice::Metal);
    cuda.into_iter().chain(metal).collect()
}

/// A number of parameters for people: 7.5 M, 8.0 B.
fn count(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{:.1} k", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", number as f64 / 1e6),
        _ => format!("{:.1} B", number as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_parameters_are_short() {
        assert_eq!(count(999), "999");
        assert_eq!(count(7_540_000), "7.5 M");
        assert_eq!(count(8_030_000_000), "8.0 B");
    }
}
