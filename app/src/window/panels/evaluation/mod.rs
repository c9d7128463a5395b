//! Sets of questions: what is asked, how far it is, what came of it, and the items behind each number.

mod benchmarks;
mod form;
mod item;
mod items;
mod pair;
mod table;

use super::Cx;
use crate::window::action::{Action, EvaluationAction};
use crate::window::state::EvaluationTab;
use egui::{Label, RichText, ScrollArea, TextureHandle, Ui};
use opabinia_engine::vision::Picture;
use opabinia_eval::stats::Rate;
use std::sync::Weak;

/// Room for the scroll bar, which would lie over figures.
const SCROLL_BAR: f32 = 12.0;

/// What the panel keeps for speed alone: the picture of the item that is looked at.
#[derive(Default)]
pub struct Kept {
    picture: Option<(Weak<Picture>, TextureHandle)>,
}

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, kept: &mut Kept, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let tab = cx.state.evaluation.view.tab;
    ui.horizontal(|ui| {
        for (other, name) in [EvaluationTab::Run, EvaluationTab::Benchmarks].into_iter().zip(texts.tabs) {
            if ui.selectable_label(tab == other, name).clicked() {
                out.push(EvaluationAction::Show(other).into());
            }
        }
    });
    ui.separator();
    ScrollArea::vertical().id_salt(("evaluation", tab)).auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - SCROLL_BAR);
        match tab {
            EvaluationTab::Run => {
                form::show(ui, cx, out);
                table::show(ui, cx, out);
                pair::show(ui, cx, out);
                items::show(ui, cx, out);
                item::show(ui, cx, kept, out);
            }
            EvaluationTab::Benchmarks => benchmarks::show(ui, cx, out),
        }
        ui.add_space(8.0);
    });
}

/// A sentence in weak colours.
fn weak(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).small().weak()).wrap());
}

/// What went wrong.
fn wrong(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).color(ui.visuals().error_fg_color)).wrap());
}

/// A rate with its interval: `75.0 [60.1, 85.9]`, in percent.
fn with_interval(rate: Rate) -> String {
    let (low, high) = rate.interval();
    format!("{:.1} [{:.1}, {:.1}]", 100.0 * rate.value(), 100.0 * low, 100.0 * high)
}

/// A difference in points, with its sign.
fn points(value: f64) -> String {
    format!("{:+.1}", 100.0 * value).replace('-', "−")
}
