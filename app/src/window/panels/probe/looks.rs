//! The row above a pane of both sides: how they are looked at, whether their colours can be compared, what has no counterpart.

use super::super::{Cx, parts};
use super::scrubber::chip;
use super::small_pane::{Choice, is_small, opener};
use crate::window::action::{Action, ViewAction};
use crate::window::command::UiCommand;
use crate::window::state::{Counterparts, MapPane, SidesLook, ViewChange};
use egui::{Label, RichText, Ui, vec2};
use opabinia_shaders::Normalisation;

/// How both are looked at, whether their colours can be compared, and what has no counterpart.
pub fn bar(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, counterparts: Option<&Counterparts<'_>>, out: &mut Vec<Action>) {
    let texts = &cx.texts.sides;
    let is_small = is_small(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(2.0, 3.0);
        let now = pane.source.look();
        if is_small && let Some(now) = now {
            let (name, tip) = texts.look(now);
            opener(ui, (texts.look_label, tip), name, Choice::One, |ui| looks(ui, cx, pane, out));
        } else {
            looks(ui, cx, pane, out);
        }
        ui.add_space(8.0);
        if !matches!(pane.source.look(), Some(SidesLook::Difference | SidesLook::Divergence)) {
            let broken = pane.lens.normalisation == Normalisation::PerMap;
            let (name, tip) = texts.one_scale;
            let next = if broken { Normalisation::Common } else { Normalisation::PerMap };
            if chip(ui, name, !broken, name).on_hover_text(tip).clicked() {
                out.extend([ViewAction::Activate(pane.id).into(), ViewChange::Normalisation(next).into()]);
            }
            if broken {
                let (ink, ground) = (ui.visuals().faint_bg_color, ui.visuals().warn_fg_color);
                let shout = RichText::new(format!(" {} ", texts.scales_apart)).small().strong();
                ui.add_space(4.0);
                ui.label(shout.color(ink).background_color(ground));
            }
        }
    });
    if let Some(counterparts) = counterparts {
        for line in unmatched(cx, pane, counterparts) {
            ui.add(Label::new(RichText::new(line).small().weak()).wrap());
        }
    }
}

/// A chip for each way to look at both.
fn looks(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    for (look, command) in SidesLook::ALL.into_iter().zip(UiCommand::LOOKS) {
        let (name, tip) = cx.texts.sides.look(look);
        let keys = command.shortcut().map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
        let chosen = pane.source.look() == Some(look);
        let response = chip(ui, name, chosen, name).on_hover_text(format!("{tip} ({keys})"));
        if response.clicked() && !chosen {
            out.extend([ViewAction::Activate(pane.id).into(), command.into()]);
        }
    }
}

/// What is matched where that is not plain, and what has no counterpart.
fn unmatched(cx: &Cx<'_>, pane: &MapPane, counterparts: &Counterparts<'_>) -> Vec<String> {
    let entries: Vec<_> = pane.source.runs().filter_map(|run| cx.state.traces.get(&cx.state.run_key(run)?)).collect();
    let [a, b] = entries.as_slice() else { return Vec::new() };
    let mut lines = parts::matching(cx, counterparts.matching(), [a, b]);
    let left_out: Vec<&str> = counterparts.left_out(&pane.lens).collect();
    if !left_out.is_empty() && !pane.source.is_difference() {
        lines.push(format!("{} {}", cx.texts.sides.left_out, left_out.join(", ")));
    }
    lines
}
