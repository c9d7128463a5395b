//! Whose maps and numbers are shown, where that is not plain.

use super::{Cx, parts};
use crate::window::state::{MapPane, MapSource, RunRef, SidesLook};
use egui::{Color32, Label, RichText, Ui};

/// Says which checkpoint maps and numbers are of, where two are loaded or another one gave the answer that is shown.
pub fn label(ui: &mut Ui, cx: &Cx<'_>) {
    let Some((name, of_another)) = cx.state.whose_maps(cx.names()) else { return };
    let texts = &cx.texts.conversation;
    // The answer beside them is not what they are about.
    let colour = if of_another { ui.visuals().warn_fg_color } else { ui.visuals().weak_text_color() };
    written(ui, &name, colour, if of_another { texts.maps_of_another } else { texts.maps_of });
}

/// The same of the maps of `pane`, which may be of a side that a person has chosen, or of both.
pub fn of_pane(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane) {
    let joined = match &pane.source {
        MapSource::Sides(a, b, SidesLook::Difference) => Some((b, "−", a)),
        MapSource::Sides(a, b, SidesLook::Divergence) => Some((a, "~", b)),
        _ => None,
    };
    match joined.and_then(|(first, sign, second)| Some((name(cx, first)?, sign, name(cx, second)?))) {
        Some((first, sign, second)) => {
            let text = format!("{first} {sign} {second}");
            written(ui, &text, ui.visuals().weak_text_color(), cx.texts.conversation.maps_of);
        }
        None => of_numbers(ui, cx, pane),
    }
}

/// The same of the numbers of a cell of `pane`: where it shows both sides those of A, beside which B's stand.
pub fn of_numbers(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane) {
    let run = pane.source.runs().next();
    let chosen = run.and_then(|run| Some((run.side.slot()?, name(cx, run)?)));
    match (chosen, &pane.source) {
        (Some((slot, name)), MapSource::Run(_) | MapSource::Sides(..)) => {
            written(ui, &name, parts::side_colour(ui, slot), cx.texts.conversation.maps_of);
        }
        _ => label(ui, cx),
    }
}

/// What the model of `run` is called, with its letter.
fn name(cx: &Cx<'_>, run: &RunRef) -> Option<String> {
    Some(cx.names().of(cx.state.model_of(run.side)?))
}

fn written(ui: &mut Ui, name: &str, colour: Color32, tip: &str) {
    ui.add(Label::new(RichText::new(name).small().color(colour)).truncate()).on_hover_text(format!("{tip} {name}"));
}
