//! From a token of the answer back to pixels: what each hop keeps and drops, and maps of both ends.

use super::super::Cx;
use super::super::inspector::encoder_colour;
use super::About;
use super::cells::copy;
use crate::evidence::DecoderChoice;
use crate::window::action::{Action, EvidenceAction};
use crate::window::state::EvidencePart;
use egui::{
    Button, Color32, ColorImage, DragValue, Id, Label, Rect, RichText, Sense, TextureHandle, TextureOptions, Ui,
    WidgetInfo, pos2, vec2,
};
use opabinia_engine::probe::Chain;
use opabinia_engine::probe::chain::BINS;
use opabinia_engine::vision::Picture;
use opabinia_shaders::ColourMap;
use std::sync::Arc;

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_further;
    ui.strong(texts.chain_about.0);
    ui.add(Label::new(RichText::new(texts.chain_about.1).small().weak()).wrap());
    let Some(token) = cx.state.evidence_place() else {
        ui.weak(texts.chain_select);
        return;
    };
    let reading = about.findings.and_then(|findings| findings.evidence().reading(token));
    let Some(reading) = reading else {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    };
    decoder(ui, cx, (reading.rows.layers, reading.rows.heads), out);
    let choice = cx.state.evidence.view.decoder;
    let known = cx.state.evidence.get(about.key, about.exchange);
    match known.and_then(|known| known.chain(token, choice)) {
        Some(chain) => {
            hops(ui, cx, about, chain);
            if let Some(picture) = about.exchange.picture.and_then(|id| cx.state.pictures.ready(id)) {
                maps(ui, cx, about, (token, choice), chain, picture);
            }
        }
        // On its way; of layers and heads the fields above take only those that there are.
        None if known.is_some_and(|known| known.follows(token, choice)) => {}
        None => out.push(EvidenceAction::Follow(token).into()),
    }
}

/// The part that is measured for a token.
pub fn part(cx: &Cx<'_>) -> Option<EvidencePart> {
    cx.state.evidence_place().map(EvidencePart::Chain)
}

/// Which of the decoder's attention goes in.
fn decoder(ui: &mut Ui, cx: &Cx<'_>, (layers, heads): (usize, usize), out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_further;
    let chosen = cx.state.evidence.view.decoder;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        ui.label(RichText::new(texts.decoder).small().weak());
        let one = match chosen {
            DecoderChoice::Head { .. } => chosen,
            _ => DecoderChoice::Head { layer: layers.saturating_sub(1), head: 0 },
        };
        for (choice, (name, tip)) in
            [(DecoderChoice::Mean, texts.mean), (DecoderChoice::Rollout, texts.rollout), (one, texts.one_head)]
        {
            if ui.add(Button::selectable(chosen == choice, name).small()).on_hover_text(tip).clicked() {
                out.push(EvidenceAction::SetDecoder(choice).into());
            }
        }
        if let DecoderChoice::Head { mut layer, mut head } = chosen {
            let before = (layer, head);
            for (name, value, count) in
                [(texts.layer_head.0, &mut layer, layers), (texts.layer_head.1, &mut head, heads)]
            {
                ui.label(RichText::new(name).small().weak());
                let field = ui.add(DragValue::new(value).range(0..=count.saturating_sub(1)).speed(0.1));
                let spoken = format!("{} {name}", texts.decoder);
                field.widget_info(|| WidgetInfo::labeled(egui::Role::SpinButton, true, spoken.clone()));
            }
            if (layer, head) != before {
                out.push(EvidenceAction::SetDecoder(DecoderChoice::Head { layer, head }).into());
            }
        }
    });
}

/// What each hop keeps and drops.
fn hops(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, chain: &Chain) {
    let texts = &cx.texts.evidence_further;
    let percent = |mass: f64| format!("{:.2} %", 100.0 * mass);
    for hop in &chain.hops {
        let (name, tip) = texts.hop(hop.kind);
        ui.add_space(4.0);
        let kept = format!("{name}: {} {}", texts.kept_dropped.0, percent(hop.kept));
        ui.label(RichText::new(&kept).size(12.0)).on_hover_text(tip);
        let (bar, response) = ui.allocate_exact_size(vec2(ui.available_width().min(420.0), 7.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, kept.clone()));
        ui.painter().rect_filled(bar, 1, ui.visuals().faint_bg_color);
        let mut left = bar.left();
        let part = |mass: f64| bar.width() * mass.clamp(0.0, 1.0) as f32;
        if hop.kind == opabinia_engine::probe::chain::HopKind::Sva {
            for (k, encoder) in chain.encoders.iter().enumerate() {
                let width = part(encoder.mass);
                let strip = Rect::from_min_size(pos2(left, bar.top()), vec2(width, bar.height()));
                ui.painter().rect_filled(strip, 0, encoder_colour(k));
                left += width;
            }
        } else {
            let strip = Rect::from_min_size(bar.min, vec2(part(hop.kept), bar.height()));
            ui.painter().rect_filled(strip, 1, ui.visuals().hyperlink_color);
        }
        let dropped: Vec<_> = hop.dropped.iter().filter(|(_, mass)| *mass > 5e-7).collect();
        let by_encoder = hop.kind == opabinia_engine::probe::chain::HopKind::Sva;
        if dropped.is_empty() && !by_encoder {
            continue;
        }
        // A number stays with its name.
        let whole = |text: RichText| Label::new(text.size(11.0)).extend();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(8.0, 1.0);
            if by_encoder {
                for (k, (name, encoder)) in about.names.iter().zip(&chain.encoders).enumerate() {
                    let text = format!("{name} {}", percent(encoder.mass));
                    ui.add(whole(RichText::new(text).color(encoder_colour(k)))).on_hover_text(tip);
                }
            }
            for (what, mass) in dropped {
                let (name, tip) = texts.dropped(*what);
                let text = format!("{}: {name} {}", texts.kept_dropped.1, percent(*mass));
                ui.add(whole(RichText::new(text).weak())).on_hover_text(tip);
            }
        });
    }
    ui.label(RichText::new(format!("{} = {}", texts.total, percent(chain.total()))).small().weak());
}

/// The cells that were attended to, and the pixels at the end, over a grey copy of the picture.
fn maps(
    ui: &mut Ui,
    cx: &Cx<'_>,
    about: &About<'_>,
    (token, choice): (usize, DecoderChoice),
    chain: &Arc<Chain>,
    picture: &Picture,
) {
    let texts = &cx.texts.evidence_further;
    let edge = ((ui.available_width() - 8.0) / 2.0).clamp(96.0, 240.0);
    ui.add_space(6.0);
    ui.horizontal_wrapped(|ui| {
        let frame = &chain.frame;
        let mut cells = vec![0.0; frame.side * frame.side];
        for (at, mass) in frame.cells_in_padded().zip(&chain.cells) {
            cells[at] = *mass;
        }
        for (which, name, side, values) in
            [(0, texts.chain_maps.0, frame.side, cells), (1, texts.chain_maps.1, BINS, chain.pixels())]
        {
            ui.vertical(|ui| {
                ui.set_width(edge);
                ui.label(RichText::new(name).small());
                let (area, response) = ui.allocate_exact_size(vec2(edge, edge), Sense::hover());
                response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, name));
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                let (width, height) = (picture.width.max(1) as f32, picture.height.max(1) as f32);
                let longer = width.max(height);
                let photo = Rect::from_center_size(area.center(), vec2(edge * width / longer, edge * height / longer));
                ui.painter().rect_filled(area, 0, ui.visuals().faint_bg_color);
                ui.painter().image(copy(ui, about, picture).id(), photo, whole, Color32::WHITE);
                let id = Id::unique("map of a chain").with((about.key, token, choice, which));
                ui.painter().image(texture(ui, id, side, &values).id(), area, whole, Color32::WHITE);
            });
        }
    });
}

/// `values` `[side²]` as colours, the more opaque the larger, made once for each `id`.
fn texture(ui: &Ui, id: Id, side: usize, values: &[f64]) -> TextureHandle {
    if let Some(known) = ui.data(|data| data.get_temp::<TextureHandle>(id)) {
        return known;
    }
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let table = ColourMap::Viridis.table();
    let last = table.len().saturating_sub(1);
    let pixels = values.iter().map(|value| {
        let part = (value / most).clamp(0.0, 1.0);
        let [r, g, b] = table.get((part * last as f64).round() as usize).copied().unwrap_or_default();
        Color32::from_rgba_unmultiplied(r, g, b, (60.0 + 150.0 * part) as u8).gamma_multiply(if part > 0.0 {
            1.0
        } else {
            0.0
        })
    });
    let image = ColorImage::new([side, side], pixels.collect());
    let texture = ui.ctx().load_texture("map of a chain", image, TextureOptions::NEAREST);
    ui.data_mut(|data| data.insert_temp(id, texture.clone()));
    texture
}
