//! Whose maps and numbers are shown, where that is not plain.

use super::Cx;
use egui::{Label, RichText, Ui};

/// Says which checkpoint maps and numbers are of, where two are loaded or another one gave the answer that is shown.
pub fn label(ui: &mut Ui, cx: &Cx<'_>) {
    let Some((name, of_another)) = cx.state.whose_maps() else { return };
    let texts = &cx.texts.conversation;
    // The answer beside them is not what they are about.
    let colour = if of_another { ui.visuals().warn_fg_color } else { ui.visuals().weak_text_color() };
    let tip = if of_another { texts.maps_of_another } else { texts.maps_of };
    ui.add(Label::new(RichText::new(&name).small().color(colour)).truncate()).on_hover_text(format!("{tip} {name}"));
}
