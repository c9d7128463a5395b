//! Numbers of what is selected: a cell, a token, the maps as a table, the checkpoint.
//!
//! Numbers of cells come from the engine ([`opabinia_engine::probe::Measured`]), those of maps from the GPU: nothing is
//! reduced here a second time.

mod both;
mod cell;
mod kept;
mod keys;
mod matrix;
mod model;
mod numbers;
mod parts;
mod selected;
mod table;
mod token;

pub use kept::Kept;
pub(super) use parts::{encoder_colour, fitted};

use super::{Cx, whose};
use crate::window::action::{Action, ViewAction};
use crate::window::state::InspectorTab;
use egui::{Button, ScrollArea, Ui, vec2};

/// Room for the scroll bar, which would lie over figures and buttons. Always there, so that nothing moves when it comes.
const SCROLL_BAR: f32 = 12.0;

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, kept: &mut Kept, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let shown = cx.state.inspector;
    kept.begin_frame();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        // So that the four of them stand in one row of the narrowest window that is promised to be usable.
        ui.spacing_mut().button_padding.x = 6.0;
        for (tab, name) in [
            (InspectorTab::Cell, texts.tab_cell),
            (InspectorTab::Token, texts.tab_token),
            (InspectorTab::Table, texts.tab_table),
            (InspectorTab::Model, texts.tab_model),
        ] {
            if ui.add(Button::selectable(shown == tab, name)).clicked() {
                out.push(ViewAction::ShowInspector(tab).into());
            }
        }
    });
    match shown {
        InspectorTab::Cell => whose::of_numbers(ui, cx, cx.state.pane()),
        InspectorTab::Table => whose::of_pane(ui, cx, cx.state.pane()),
        InspectorTab::Model => whose::label(ui, cx),
        InspectorTab::Token => {}
    }
    ui.add_space(6.0);
    // A table scrolls by itself, so that only the rows that are seen are drawn.
    if shown == InspectorTab::Table {
        return table::show(ui, cx, out);
    }
    ScrollArea::vertical().id_salt(shown).auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - SCROLL_BAR);
        match shown {
            InspectorTab::Cell => cell::show(ui, cx, kept, out),
            InspectorTab::Token => token::show(ui, cx, out),
            InspectorTab::Table | InspectorTab::Model => model::show(ui, cx),
        }
    });
}
