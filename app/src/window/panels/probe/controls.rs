//! What is measured, over which layers and heads.

use super::super::Cx;
use super::readout::listed;
use super::scrubber::{Scrubber, chip};
use super::small_pane::{Choice, is_small, opener};
use super::{appearance, source::Source};
use crate::selection;
use crate::window::action::Action;
use crate::window::command::UiCommand;
use crate::window::lang::ProbeTexts;
use crate::window::state::{MapPane, MapSource, RunRef, ViewChange};
use egui::{Align, Layout, Ui, vec2};
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{Indices, Rect, Reduction};

/// Draws the rows of controls.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    let is_small = is_small(ui);
    ui.spacing_mut().item_spacing.y = 5.0;
    ui.horizontal_wrapped(|ui| {
        self::source(ui, cx, source.pane, out);
        if !source.is_token() && !source.is_of_comparison() {
            ui.spacing_mut().item_spacing.x = 2.0;
            if is_small {
                let (name, tip) = texts.quantity_words(source.lens.quantity);
                opener(ui, (texts.quantity, tip), name, Choice::One, |ui| quantities(ui, cx, source, out));
            } else {
                quantities(ui, cx, source, out);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            appearance::button(ui, cx, source, out);
            if source.lens.shown != Rect::SQUARE {
                let fit = chip(ui, texts.fit.0, false, texts.fit.0).on_hover_text(texts.fit.1);
                if fit.clicked() {
                    out.push(UiCommand::ZoomToFit.into());
                }
            }
        });
    });
    match source.pane.source {
        MapSource::Run(_) | MapSource::Difference(..) | MapSource::Sides(..) => {
            layers_and_heads(ui, texts, source, is_small, out);
        }
        MapSource::TokenAttention { layer, head } => decoder_layers_and_heads(ui, cx, (layer, head), is_small, out),
    }
}

/// Draws the rows that a token's map has, while it has not come: nothing moves when it does.
pub fn without_map(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    let is_small = is_small(ui);
    ui.spacing_mut().item_spacing.y = 5.0;
    ui.horizontal_wrapped(|ui| source(ui, cx, pane, out));
    if let MapSource::TokenAttention { layer, head } = pane.source {
        decoder_layers_and_heads(ui, cx, (layer, head), is_small, out);
    }
}

/// What the maps are made from. Always there, so that nothing moves when a token is selected.
fn source(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    let is_token = pane.source.is_token();
    let sva = MapSource::Run(RunRef::default());
    ui.spacing_mut().item_spacing.x = 2.0;
    for (source, (name, tip), chosen) in
        [(sva, texts.source_sva, !is_token), (MapSource::TOKEN, texts.source_token, is_token)]
    {
        let possible = chosen || !source.is_token() || cx.state.token.is_some();
        let response = ui.add_enabled_ui(possible, |ui| chip(ui, name, chosen, name)).inner;
        let response = response.on_hover_text(tip).on_disabled_hover_text(texts.no_token_map);
        if response.clicked() && !chosen {
            out.push(ViewChange::Source(source).into());
        }
    }
    ui.add_space(14.0);
}

fn quantities(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, out: &mut Vec<Action>) {
    for quantity in source.pane.source.quantities() {
        let (name, tip) = cx.texts.probe.quantity_words(*quantity);
        let chosen = source.lens.quantity == *quantity;
        if chip(ui, name, chosen, name).on_hover_text(tip).clicked() && !chosen {
            out.push(ViewChange::Quantity(*quantity).into());
        }
    }
}

fn layers_and_heads(ui: &mut Ui, texts: &ProbeTexts, source: &Source<'_>, is_small: bool, out: &mut Vec<Action>) {
    let lens = &source.lens;
    if is_small {
        let trace = &source.entry.trace;
        let reduction = if lens.reduction == Reduction::Mean { texts.mean.0 } else { texts.max.0 };
        let of_layers = among(texts, lens.layers, trace.layers.len(), |at| trace.layers[at].label.clone());
        let of_heads = among(texts, lens.heads, HEADS, |at| at.to_string());
        let of_heads = format!("{of_heads} · {reduction}");
        return both(ui, texts, [&of_layers, &of_heads], [texts.layers.1, texts.heads.1], |ui, is_heads| {
            if is_heads { heads(ui, texts, source, out) } else { layers(ui, texts, source, out) }
        });
    }
    let width = [texts.layers, texts.heads].map(|(name, _)| name_width(ui, name)).into_iter().fold(0.0, f32::max);
    row(ui, texts.layers, width, |ui| layers(ui, texts, source, out));
    row(ui, texts.heads, width, |ui| heads(ui, texts, source, out));
}

/// A chip for all layers and one for each.
fn layers(ui: &mut Ui, texts: &ProbeTexts, source: &Source<'_>, out: &mut Vec<Action>) {
    let names: Vec<String> = source.entry.trace.layers.iter().map(|layer| layer.label.clone()).collect();
    let all = Scrubber {
        names: &names,
        what: texts.layer,
        all: texts.all,
        kind: &|letters| texts.layer_kind(letters),
        about: &|at| texts.layer_about(&source.entry.trace, at),
        gesture: texts.several_tip,
        chosen: source.lens.layers,
    };
    if let Some(chosen) = all.show(ui) {
        out.push(ViewChange::Layers(chosen).into());
    }
}

/// A chip for all heads, one for each, and for what is made of several.
fn heads(ui: &mut Ui, texts: &ProbeTexts, source: &Source<'_>, out: &mut Vec<Action>) {
    let names: Vec<String> = (0..HEADS).map(|head| head.to_string()).collect();
    let all = Scrubber {
        names: &names,
        what: texts.head,
        all: texts.all,
        kind: &|_| None,
        about: &|at| texts.head_about(at),
        gesture: texts.several_tip,
        chosen: source.lens.heads,
    };
    if let Some(chosen) = all.show(ui) {
        out.push(ViewChange::Heads(chosen).into());
    }
    ui.add_space(4.0);
    for (reduction, (name, tip)) in [(Reduction::Mean, texts.mean), (Reduction::Max, texts.max)] {
        let chosen = source.lens.reduction == reduction;
        if chip(ui, name, chosen, name).on_hover_text(tip).clicked() && !chosen {
            out.push(ViewChange::Reduction(reduction).into());
        }
    }
}

/// What is chosen of `count` layers or heads, in few words.
fn among(texts: &ProbeTexts, chosen: Indices, count: usize, name: impl Fn(usize) -> String) -> String {
    let places: Vec<usize> = (0..count).filter(|at| chosen.contains(*at)).collect();
    match places.len() {
        0 => "–".to_owned(),
        some if some == count => texts.all.to_owned(),
        _ => listed(texts, &selection::runs(&places, name)),
    }
}

/// What is `chosen` of layers and heads, in one line of a small pane; `choices` draws what there is of the former, or of the
/// latter.
fn both(ui: &mut Ui, texts: &ProbeTexts, chosen: [&str; 2], tips: [&str; 2], mut choices: impl FnMut(&mut Ui, bool)) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 3.0);
        for (at, (name, _)) in [texts.layers, texts.heads].into_iter().enumerate() {
            ui.small(name).on_hover_text(tips[at]);
            opener(ui, (name, tips[at]), chosen[at], Choice::Several, |ui| choices(ui, at == 1));
            ui.add_space(4.0);
        }
    });
}

/// Which layer and head of the language model a token's attention is shown of: one, or the mean of all.
fn decoder_layers_and_heads(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (layer, head): (Option<usize>, Option<usize>),
    is_small: bool,
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.probe;
    let Some(known) = cx.state.attention_key().and_then(|key| cx.state.attentions.ready(key)) else { return };
    let mut choices = |ui: &mut Ui, is_heads: bool| {
        let chosen = if is_heads {
            one_of(ui, texts, (texts.head, texts.decoder_heads), head, known.heads).map(|head| (layer, head))
        } else {
            one_of(ui, texts, (texts.layer, texts.decoder_layers), layer, known.layers).map(|layer| (layer, head))
        };
        let source = chosen.map(|(layer, head)| MapSource::TokenAttention { layer, head });
        out.extend(source.map(|source| ViewChange::Source(source).into()));
    };
    let tips = [texts.decoder_layers, texts.decoder_heads];
    if is_small {
        let name = |at: Option<usize>| at.map_or_else(|| texts.all.to_owned(), |at| at.to_string());
        return both(ui, texts, [&name(layer), &name(head)], tips, choices);
    }
    let names = [texts.layers.0, texts.heads.0];
    let width = names.map(|name| name_width(ui, name)).into_iter().fold(0.0, f32::max);
    for at in 0..2 {
        row(ui, (names[at], tips[at]), width, |ui| choices(ui, at == 1));
    }
}

/// A chip for the mean of all and one for each of `count`; gives what was chosen anew.
fn one_of(
    ui: &mut Ui,
    texts: &ProbeTexts,
    (what, tip): (&str, &str),
    now: Option<usize>,
    count: usize,
) -> Option<Option<usize>> {
    let mut chosen = None;
    for at in std::iter::once(None).chain((0..count).map(Some)) {
        let name = at.map_or_else(|| texts.all.to_owned(), |at| at.to_string());
        let response = chip(ui, &name, now == at, &format!("{what} {name}")).on_hover_text(tip);
        if response.clicked() && now != at {
            chosen = Some(at);
        }
    }
    chosen
}

fn name_width(ui: &Ui, name: &str) -> f32 {
    let font = egui::TextStyle::Small.resolve(ui.style());
    ui.painter().layout_no_wrap(name.to_owned(), font, egui::Color32::PLACEHOLDER).size().x + 6.0
}

/// A row of chips behind its name; what does not fit goes on below, behind the name as well.
fn row(ui: &mut Ui, (name, tip): (&str, &str), width: f32, chips: impl FnOnce(&mut Ui)) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.allocate_ui_with_layout(vec2(width, 21.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(vec2(width, 21.0));
            ui.small(name).on_hover_text(tip);
        });
        ui.vertical(|ui| {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                chips(ui);
            })
        });
    });
}
