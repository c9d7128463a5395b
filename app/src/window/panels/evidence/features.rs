//! What each encoder made of the picture, as colours, with its effective rank and tokens of an abnormal norm.

use super::super::Cx;
use super::super::inspector::encoder_colour;
use super::About;
use crate::window::action::{Action, EvidenceAction};
use egui::{
    Align2, Button, Color32, ColorImage, FontId, Id, Label, Rect, RichText, Sense, TextureHandle, TextureOptions, Ui,
    WidgetInfo, pos2, vec2,
};
use opabinia_engine::probe::evidence::FeatureMap;

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_further;
    let shared = cx.state.evidence.view.shared;
    ui.strong(texts.features_about.0);
    ui.add(Label::new(RichText::new(texts.features_about.1).small().weak()).wrap());
    ui.horizontal_wrapped(|ui| {
        for (choice, (name, tip)) in [(false, texts.own), (true, texts.shared)] {
            if ui.add(Button::selectable(shared == choice, name).small()).on_hover_text(tip).clicked() {
                out.push(EvidenceAction::ShowShared(choice).into());
            }
        }
    });
    let Some(features) = about.findings.and_then(|findings| findings.evidence().features.as_ref()) else {
        ui.weak(cx.texts.evidence_panel.nothing_yet);
        return;
    };
    let maps = if shared { &features.shared } else { &features.own };
    let edge = ((ui.available_width() - 8.0) / 2.0).clamp(96.0, 220.0);
    for pair in maps.chunks(2).enumerate() {
        ui.horizontal_top(|ui| {
            for (at, one) in pair.1.iter().enumerate() {
                let k = pair.0 * 2 + at;
                ui.vertical(|ui| {
                    ui.set_width(edge);
                    map(ui, cx, about, k, one, edge);
                });
            }
        });
        ui.add_space(6.0);
    }
}

/// One encoder.
fn map(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, k: usize, map: &FeatureMap, edge: f32) {
    let texts = &cx.texts.evidence_further;
    let name = about.names.get(k).map_or("", String::as_str);
    ui.label(RichText::new(name).color(encoder_colour(k)));
    let (area, response) = ui.allocate_exact_size(vec2(edge, edge), Sense::hover());
    response
        .widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, format!("{} · {name}", texts.features_about.0)));
    let painter = ui.painter_at(area);
    painter.rect_filled(area, 0, ui.visuals().faint_bg_color);
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let id = Id::unique("features").with((about.key, k, cx.state.evidence.view.shared));
    painter.image(texture(ui, id, map).id(), area, whole, Color32::WHITE);
    let side = map.side.max(1);
    let unit = edge / side as f32;
    let middle =
        |token: usize| area.min + vec2(((token % side) as f32 + 0.5) * unit, ((token / side) as f32 + 0.5) * unit);
    for token in &map.sinks {
        let font = FontId::proportional((unit * 0.9).clamp(8.0, 16.0));
        painter.text(middle(*token) + vec2(0.7, 0.7), Align2::CENTER_CENTER, "×", font.clone(), Color32::BLACK);
        painter.text(middle(*token), Align2::CENTER_CENTER, "×", font, Color32::WHITE);
    }
    if let Some(at) = response.hover_pos() {
        let cell = |part: f32| ((part / unit).max(0.0) as usize).min(side - 1);
        let token = cell(at.y - area.top()) * side + cell(at.x - area.left());
        let norm = map.norms.get(token).copied().unwrap_or_default();
        response.on_hover_text_at_pointer(format!("({}, {}) · ‖·‖ {norm:.2}", token / side, token % side));
    }
    let shown = 100.0 * map.explained.iter().sum::<f64>();
    for ((name, tip), value) in [
        (texts.rank, format!("{:.1}", map.effective_rank)),
        (texts.explained, format!("{shown:.0} %")),
        (texts.sinks, format!("{} / {}", map.sinks.len(), map.colours.iter().flatten().count())),
    ] {
        ui.add(Label::new(RichText::new(format!("{name}: {value}")).size(11.0)).wrap()).on_hover_text(tip);
    }
}

/// The colours, made once for each `id`.
fn texture(ui: &Ui, id: Id, map: &FeatureMap) -> TextureHandle {
    if let Some(known) = ui.data(|data| data.get_temp::<TextureHandle>(id)) {
        return known;
    }
    let byte = |part: f32| (part.clamp(0.0, 1.0) * 255.0).round() as u8;
    let pixels = map
        .colours
        .iter()
        .map(|colour| colour.map_or(Color32::TRANSPARENT, |[r, g, b]| Color32::from_rgb(byte(r), byte(g), byte(b))));
    let image = ColorImage::new([map.side, map.side], pixels.collect());
    let texture = ui.ctx().load_texture("features", image, TextureOptions::NEAREST);
    ui.data_mut(|data| data.insert_temp(id, texture.clone()));
    texture
}
