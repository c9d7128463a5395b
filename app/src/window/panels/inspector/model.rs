//! What the loaded checkpoint is.

use super::super::Cx;
use super::parts::{encoder_colour, fact, grouped, heading};
use egui::{RichText, Sense, Ui, vec2};
use opabinia_engine::checkpoint::{Bytes, DecoderFamily};
use opabinia_engine::model::Inspection;

/// Draws the tab.
pub fn show(ui: &mut Ui, cx: &Cx<'_>) {
    let texts = &cx.texts.inspector;
    let Some(model) = cx.state.models.current() else {
        ui.weak(texts.no_model);
        return;
    };
    let inspection = &model.inspection;
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.label(RichText::new(model.name()).size(15.5).strong());
    let family = match inspection.config.decoder.family {
        DecoderFamily::Llama => "cambrian_llama",
        DecoderFamily::Phi3 => "cambrian_phi3",
    };
    ui.label(RichText::new(family).small().weak());
    ui.add_space(4.0);
    fact(ui, texts.directory, &inspection.directory.display().to_string());
    fact(ui, texts.parameters, &grouped(inspection.parameters));
    decoder(ui, cx, inspection);
    aggregator(ui, cx, inspection);
    encoders(ui, cx, inspection, &model.encoder_names);
    computing(ui, cx, inspection);
    if !inspection.notes.is_empty() {
        heading(ui, texts.notes);
        for note in &inspection.notes {
            ui.label(RichText::new((cx.texts.engine.said)(note)).small().weak());
        }
    }
    ui.add_space(8.0);
}

fn decoder(ui: &mut Ui, cx: &Cx<'_>, inspection: &Inspection) {
    let texts = &cx.texts.inspector;
    let decoder = &inspection.config.decoder;
    heading(ui, texts.decoder);
    fact(ui, texts.layers, &decoder.layers.to_string());
    fact(ui, texts.heads, &format!("{} ({} k/v)", decoder.heads, decoder.kv_heads));
    fact(ui, texts.width, &grouped(decoder.hidden_size as u64));
    fact(ui, texts.context, &grouped(inspection.config.context_length as u64));
    fact(ui, texts.template, inspection.template.name());
    fact(ui, texts.vocabulary, &grouped(decoder.vocab_size as u64));
}

fn aggregator(ui: &mut Ui, cx: &Cx<'_>, inspection: &Inspection) {
    let texts = &cx.texts.inspector;
    let sva = &inspection.config.sva;
    heading(ui, texts.sva);
    let sides: Vec<String> = sva.query_sides.iter().map(|side| format!("{side} × {side}")).collect();
    fact(ui, texts.query_grid, &sides.join(", "));
    fact(ui, texts.width, &grouped(sva.hidden_size as u64));
    fact(ui, texts.connector, &sva.connector_depth.to_string());
    let samplers = (0..inspection.config.decoder.layers)
        .filter(|layer| sva.samplers.is_some_and(|samplers| samplers.after_layer(*layer).is_some()));
    let samplers: Vec<String> = samplers.map(|layer| layer.to_string()).collect();
    let samplers = if samplers.is_empty() {
        texts.none.to_owned()
    } else {
        format!("{} {}", texts.after_decoder_layers, samplers.join(", "))
    };
    fact(ui, texts.samplers, &samplers);
}

fn encoders(ui: &mut Ui, cx: &Cx<'_>, inspection: &Inspection, names: &[String]) {
    let texts = &cx.texts.inspector;
    heading(ui, texts.encoders);
    for (k, (encoder, name)) in inspection.encoders.iter().zip(names).enumerate() {
        ui.add_space(2.0);
        ui.horizontal(|ui| {
            let (swatch, _) = ui.allocate_exact_size(vec2(10.0, 14.0), Sense::hover());
            let square = egui::Rect::from_center_size(swatch.center(), vec2(9.0, 9.0));
            ui.painter().rect_filled(square, 2, encoder_colour(k));
            ui.label(name);
        });
        ui.label(RichText::new(&encoder.spec.name).small().weak());
        let side = encoder.spec.side();
        if let Some(input) = encoder.input_side {
            fact(ui, texts.input, &format!("{input} × {input} px"));
        }
        fact(ui, texts.tokens, &format!("{side} × {side}"));
        if let Some(width) = encoder.width {
            fact(ui, texts.width, &grouped(width as u64));
        }
        fact(ui, texts.parameters, &grouped(encoder.parameters));
    }
}

fn computing(ui: &mut Ui, cx: &Cx<'_>, inspection: &Inspection) {
    let texts = &cx.texts.inspector;
    heading(ui, texts.computing);
    let precision = inspection.precision;
    fact(ui, texts.device, &inspection.device);
    fact(ui, texts.weights, &format!("{} → {}", precision.weights, precision.product_numbers()));
    fact(ui, texts.memory, &Bytes(inspection.need(precision.weights).total()).to_string());
    let towers = inspection.encoders.iter().map(|encoder| encoder.stored_bytes);
    let stored = towers.fold(inspection.stored_bytes, u64::saturating_add);
    fact(ui, texts.on_disk, &format!("{} ({})", Bytes(stored), inspection.stored_dtype));
}
