//! Whose maps and numbers are shown, where that is not plain.

use super::{Cx, parts};
use crate::window::state::{MapPane, MapSource, Side};
use egui::{Color32, Label, RichText, Ui};

/// Says which checkpoint maps and numbers are of, where two are loaded or another one gave the answer that is shown.
pub fn label(ui: &mut Ui, cx: &Cx<'_>) {
    let Some((name, of_another)) = cx.state.whose_maps() else { return };
    let texts = &cx.texts.conversation;
    // The answer beside them is not what they are about.
    let colour = if of_another { ui.visuals().warn_fg_color } else { ui.visuals().weak_text_color() };
    written(ui, &name, colour, if of_another { texts.maps_of_another } else { texts.maps_of });
}

/// The same of the maps of `pane`, which may be those of a side that a person has chosen, or of both.
pub fn of_pane(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane) {
    let name = |side: Side| Some(cx.state.names().of(cx.state.model_of(side)?));
    let maps_of = cx.texts.conversation.maps_of;
    match &pane.source {
        MapSource::Sides(a, b, _) => {
            if let (Some(a), Some(b)) = (name(a.side), name(b.side)) {
                written(ui, &format!("{b} − {a}"), ui.visuals().weak_text_color(), maps_of);
            }
        }
        MapSource::Run(run) => match (run.side.slot(), name(run.side)) {
            (Some(slot), Some(name)) => written(ui, &name, parts::side_colour(ui, slot), maps_of),
            _ => label(ui, cx),
        },
        MapSource::Difference(..) | MapSource::TokenAttention { .. } => label(ui, cx),
    }
}

fn written(ui: &mut Ui, name: &str, colour: Color32, tip: &str) {
    ui.add(Label::new(RichText::new(name).small().color(colour)).truncate()).on_hover_text(format!("{tip} {name}"));
}
