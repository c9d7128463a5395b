//! What is looked at.

use crate::window::app::{App, Finished};
use crate::window::command::UiCommand;
use crate::window::state::{EncoderInput, ExportKind, View, ViewChange};
use egui::{ColorImage, TextureOptions};
use opabinia_engine::job::CancelToken;
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{Indices, Rect};
use std::sync::Arc;

impl App {
    pub(super) fn apply_view_command(&mut self, command: UiCommand) {
        let view = self.state.view.now();
        let layers = self.state.trace().map_or(0, |entry| entry.trace.layers.len());
        let encoders = self.state.trace().map_or(0, |entry| entry.trace.encoders.len());
        let change = match command {
            UiCommand::ResetView => return self.state.view.replace(View::default()),
            UiCommand::ExportPicture => return self.export(ExportKind::Picture),
            UiCommand::ExportNumbers => return self.export(ExportKind::Numbers),
            UiCommand::ExportTrace => return self.export(ExportKind::Trace),
            UiCommand::ExportRecipe => return self.export(ExportKind::Recipe),
            UiCommand::AllLayersAndHeads => {
                let all = View { layers: Indices::ALL, heads: Indices::ALL, ..view.clone() };
                return self.state.view.replace(all);
            }
            UiCommand::ZoomToFit => ViewChange::Shown(Rect::SQUARE),
            UiCommand::ToggleGrid => ViewChange::Grid(!view.grid),
            UiCommand::NextLayer => ViewChange::Layers(step(view.layers, layers, true)),
            UiCommand::PreviousLayer => ViewChange::Layers(step(view.layers, layers, false)),
            UiCommand::NextHead => ViewChange::Heads(step(view.heads, HEADS, true)),
            UiCommand::PreviousHead => ViewChange::Heads(step(view.heads, HEADS, false)),
            UiCommand::NextQuantity => {
                let at = View::QUANTITIES.iter().position(|quantity| *quantity == view.quantity).unwrap_or(0);
                ViewChange::Quantity(View::QUANTITIES[(at + 1) % View::QUANTITIES.len()])
            }
            UiCommand::NextEncoder if encoders > 0 => ViewChange::Encoder((view.encoder + 1) % encoders),
            _ => return,
        };
        self.state.view.change(&change);
    }

    /// Computes what the encoder that is looked at was shown, unless that was done. However the view came about: by a
    /// click, by undoing, from a file.
    pub(in crate::window) fn make_input(&mut self) {
        let Some(encoder) = self.state.view.now().input_of else { return };
        let Some(key) = self.state.trace_key().map(|trace| (trace, encoder)) else { return };
        if self.state.inputs.get(key).is_some() {
            return;
        }
        let Some(picture) = self.state.pictures.ready(key.0.1).map(Arc::clone) else { return };
        let Some(model) = self.state.models.current() else { return };
        let Some(pixels) = model.inspection.towers.get(encoder).and_then(|tower| tower.pixels.clone()) else { return };
        self.state.inputs.set(key, EncoderInput::Making);
        let ctx = self.ctx.clone();
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
                Finished::Input(key, input.unwrap_or_else(|error| EncoderInput::Failed(error.to_string())))
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
