//! What is looked at.

use crate::window::app::{App, Finished};
use crate::window::state::{
    EncoderInput, InputKey, Linked, MapLens, MapPane, PaneId, ViewChange, cells_between, with_cells_switched,
};
use egui::ColorImage;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::job::CancelToken;
use opabinia_engine::sva::HEADS;
use opabinia_shaders::Indices;
use std::sync::Arc;

impl App {
    pub(super) fn look_at_all_layers_and_heads(&mut self) {
        let all = MapLens { layers: Indices::ALL, heads: Indices::ALL, ..self.state.lens().clone() };
        self.state.look_through(all);
    }

    /// Looks at the SVA layer after or before the one looked at.
    pub(super) fn step_layers(&mut self, forward: bool) {
        let layers = self.state.trace().map_or(0, |entry| entry.trace.layers.len());
        let next = step(self.state.lens().layers, layers, forward);
        self.state.change_view(&ViewChange::Layers(next));
    }

    /// Looks at the head after or before the one looked at.
    pub(super) fn step_heads(&mut self, forward: bool) {
        let next = step(self.state.lens().heads, HEADS, forward);
        self.state.change_view(&ViewChange::Heads(next));
    }

    pub(super) fn next_quantity(&mut self) {
        let (now, all) = (self.state.lens().quantity, self.state.pane().source.quantities());
        let at = all.iter().position(|quantity| *quantity == now).map_or(0, |at| at + 1);
        if let Some(next) = all.get(at).or(all.first()) {
            self.state.change_view(&ViewChange::Quantity(*next));
        }
    }

    pub(super) fn next_encoder(&mut self) {
        let encoders = self.state.trace().map_or(0, |entry| entry.trace.encoders.len());
        if let Some(next) = (self.state.lens().encoder + 1).checked_rem(encoders) {
            self.state.change_view(&ViewChange::Encoder(next));
        }
    }

    /// Changes what is looked at. A run that a person chooses is made, whatever it costs: they have asked for it.
    pub(super) fn change_view(&mut self, change: &ViewChange) {
        self.state.change_view(change);
        if let ViewChange::Source(source) = change
            && source.interventions().is_some_and(|on| !on.is_none())
        {
            self.ask_under_interventions();
            self.make_maps();
        }
    }

    /// Switches the selected cell off in the active pane, or on again.
    pub(super) fn switch_cell(&mut self) {
        let pane = self.state.pane();
        let (Some(now), Some(entry)) = (pane.source.interventions(), self.state.trace_of(pane)) else { return };
        let lens = pane.lens.fitted(&entry.trace);
        let Some(cell) = lens.selected else { return };
        let cells = cells_between(cell, cell, lens.side(&entry.trace), entry.trace.anatomy.side());
        let next = with_cells_switched(now, &cells, entry.trace.encoders.len());
        let source = pane.source.intervened(next);
        self.change_view(&ViewChange::Source(source));
    }

    /// Switches everything on again in the active pane.
    pub(super) fn switch_everything_on(&mut self) {
        let source = self.state.pane().source.intervened(Interventions::default());
        self.change_view(&ViewChange::Source(source));
    }

    /// Opens a pane beside the active one, which shows the same at first.
    pub(super) fn new_pane(&mut self) {
        if self.state.view.duplicate().is_some() {
            self.state.layout.show_exactly(self.state.view.panes());
        }
    }

    /// Makes `id` the active pane, and shows its tab.
    pub(super) fn activate_pane(&mut self, id: PaneId) {
        self.state.view.activate(id);
        self.state.layout.show(id);
    }

    /// Links the active pane with the others in everything, or in nothing if it is.
    pub(super) fn toggle_links(&mut self) {
        let (id, links) = (self.state.pane().id, self.state.pane().links);
        let linked = links.broken().next().is_none();
        self.state.view.link(id, &Linked::ALL, !linked);
    }

    /// Computes what the encoders that are looked at were shown, unless that was done. However the view came about: by a
    /// click, by undoing, from a file.
    pub(in crate::window) fn make_inputs(&mut self) {
        let wanted = |pane: &MapPane| {
            let key = self.state.key_of(pane)?;
            Some((key.model, key.picture, pane.lens.input_of?))
        };
        let wanted: Vec<InputKey> = self.state.panes().iter().filter_map(wanted).collect();
        for key in wanted {
            self.make_input(key);
        }
    }

    fn make_input(&mut self, key: InputKey) {
        let (model, picture, encoder) = key;
        if self.state.inputs.get(key).is_some() {
            return;
        }
        let Some(picture) = self.state.pictures.ready(picture).map(Arc::clone) else { return };
        let Some(model) = self.state.models.named(model) else { return };
        let Some(pixels) = model.inspection.encoders.get(encoder).and_then(|encoder| encoder.pixels.clone()) else {
            return;
        };
        self.state.inputs.set(key, EncoderInput::Making);
        let texts = self.texts();
        self.run_beside(
            "encoder input",
            move |error| Finished::Input(key, EncoderInput::Failed(error)),
            move || {
                let input = pixels.view(&picture, &CancelToken::default()).map(|input| {
                    EncoderInput::Ready(Arc::new(ColorImage::from_rgb([input.width, input.height], &input.rgb)))
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
