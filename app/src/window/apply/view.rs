//! What is looked at.

use crate::window::app::App;
use crate::window::command::UiCommand;
use crate::window::state::{ExportKind, View, ViewChange};
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{Indices, Quantity, Rect};

/// Quantities in the order in which they are stepped through.
pub const QUANTITIES: [Quantity; 5] =
    [Quantity::Lift, Quantity::Share, Quantity::Entropy, Quantity::NormalisedEntropy, Quantity::Dominant];

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
                let at = QUANTITIES.iter().position(|quantity| *quantity == view.quantity).unwrap_or(0);
                ViewChange::Quantity(QUANTITIES[(at + 1) % QUANTITIES.len()])
            }
            UiCommand::NextEncoder if encoders > 0 => ViewChange::Encoder((view.encoder + 1) % encoders),
            _ => return,
        };
        self.state.view.change(&change);
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
