//! Whose maps and numbers are shown, where that is not plain.

use super::{Cx, parts};
use crate::window::state::{MapPane, MapSource, RunRef, SidesLook};
use egui::{Color32, Label, RichText, Ui};

/// Says which checkpoint maps and numbers are of, where two are loaded or another one gave the answer that is shown.
pub fn label(ui: &mut Ui, cx: &Cx<'_>) {
    let Some((name, of_another)) = cx.state.whose_maps() else { return };
    let texts = &cx.texts.conversation;
    // The answer beside them is not what they are about.
    let colour = if of_another { ui.visuals().warn_fg_color } else { ui.visuals().weak_text_color() };
    written(ui, &name, colour, if of_another { texts.maps_of_another } else { texts.maps_of });
}

/// The same of what `pane` shows, which may be of a side that a person has chosen, or of both.
pub fn of_pane(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane) {
    let name = |run: &RunRef| Some(cx.state.names().of(cx.state.model_of(run.side)?));
    let tip = cx.texts.conversation.maps_of;
    match &pane.source {
        // Of both sides numbers are those of A, with B's beside them, but for what only the two together have.
        MapSource::Sides(a, b, look) => {
            let (Some(of_a), Some(of_b)) = (name(a), name(b)) else { return };
            let text = match look {
                SidesLook::Difference => format!("{of_b} − {of_a}"),
                SidesLook::Divergence => format!("{of_a} ~ {of_b}"),
                SidesLook::Beside | SidesLook::Swap | SidesLook::Wipe => of_a,
            };
            written(ui, &text, ui.visuals().weak_text_color(), tip);
        }
        MapSource::Run(run) => match (run.side.slot(), name(run)) {
            (Some(slot), Some(name)) => written(ui, &name, parts::side_colour(ui, slot), tip),
            _ => label(ui, cx),
        },
        MapSource::Difference(..) | MapSource::TokenAttention { .. } => label(ui, cx),
    }
}

fn written(ui: &mut Ui, name: &str, colour: Color32, tip: &str) {
    ui.add(Label::new(RichText::new(name).small().color(colour)).truncate()).on_hover_text(format!("{tip} {name}"));
}
