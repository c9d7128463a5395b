//! What is looked at.

use crate::window::app::{App, Finished};
use crate::window::state::{EncoderInput, View, ViewChange};
use egui::{ColorImage, TextureOptions};
use opabinia_engine::job::CancelToken;
use opabinia_engine::sva::HEADS;
use opabinia_shaders::Indices;
use std::sync::Arc;

impl App {
    pub(super) fn look_at_all_layers_and_heads(&mut self) {
        let all = View { layers: Indices::ALL, heads: Indices::ALL, ..self.state.view.now().clone() };
        self.state.view.replace(all);
    }

    /// Looks at the SVA layer after or before the one looked at.
    pub(super) fn step_layers(&mut self, forward: bool) {
        let layers = self.state.trace().map_or(0, |entry| entry.trace.layers.len());
        let next = step(self.state.view.now().layers, layers, forward);
        self.state.view.change(&ViewChange::Layers(next));
    }

    /// Looks at the head after or before the one looked at.
    pub(super) fn step_heads(&mut self, forward: bool) {
        let next = step(self.state.view.now().heads, HEADS, forward);
        self.state.view.change(&ViewChange::Heads(next));
    }

    pub(super) fn next_quantity(&mut self) {
        let now = self.state.view.now().quantity;
        let at = View::QUANTITIES.iter().position(|quantity| *quantity == now).unwrap_or(0);
        self.state.view.change(&ViewChange::Quantity(View::QUANTITIES[(at + 1) % View::QUANTITIES.len()]));
    }

    pub(super) fn next_encoder(&mut self) {
        let encoders = self.state.trace().map_or(0, |entry| entry.trace.encoders.len());
        if let Some(next) = (self.state.view.now().encoder + 1).checked_rem(encoders) {
            self.state.view.change(&ViewChange::Encoder(next));
        }
    }

    /// Computes what the encoder that is looked at was shown, unless that was done. However the view came about: by a
    /// click, by undoing, from a file.
    pub(in crate::window) fn make_input(&mut self) {
        let Some(encoder) = self.state.view.now().input_of else { return };
        let Some(key) = self.state.trace_key().map(|trace| (trace, encoder)) else { return };
        if self.state.inputs.get(key).is_some() {
            return;
        }
        let Some(picture) = self.state.pictures.ready(key.0.picture).map(Arc::clone) else { return };
        let Some(model) = self.state.models.current() else { return };
        let Some(pixels) = model.inspection.towers.get(encoder).and_then(|tower| tower.pixels.clone()) else { return };
        self.state.inputs.set(key, EncoderInput::Making);
        let (ctx, texts) = (self.ctx.clone(), self.texts());
        self.run_beside(
            "encoder input",
            move |error| Finished::Input(key, EncoderInput::Failed(error)),
            move || {
                let input = pixels.view(&picture, &CancelToken::default()).map(|input| {
                    let image = ColorImage::from_rgb([input.width, input.height], &input.rgb);
                    // Pixels are to be seen as they are, however close one looks.
                    let options =
                        TextureOptions { magnification: egui::TextureFilter::Nearest, ..TextureOptions::LINEAR };
                    EncoderInput::Ready(ctx.load_texture("encoder input", image, options))
                });
                Finished::Input(key, input.unwrap_or_else(|error| EncoderInput::Failed(texts.engine.error(&error))))
            },
        );
    }
}

/// The index after or before the only one of `chosen`; from several to the first or the last of `count`, and around.
fn step(chosen: Indices, count: usize, forward: bool) -> Indices {
    let places: Vec<usize> = (0..count).filter(|index| chosen.contains(*index)).collect();
    match (places.as_slice(), forward) {
        (_, _) if count == 0 => chosen,
        ([only], true) => Indices::one((only + 1) % count),
        ([only], false) => Indices::one((only + count - 1) % count),
        (_, true) => Indices::one(0),
        (_, false) => Indices::one(count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepping_goes_around_and_out_of_a_choice_of_several() {
        assert_eq!(step(Indices::ALL, 3, true), Indices::one(0));
        assert_eq!(step(Indices::ALL, 3, false), Indices::one(2));
        assert_eq!(step(Indices::one(2), 3, true), Indices::one(0));
        assert_eq!(step(Indices::one(0), 3, false), Indices::one(2));
        assert_eq!(step(Indices::one(0), 0, true), Indices::one(0));
    }
}
