//! Everything that was reported, newest first.

use super::heading;
use crate::window::action::{Action, ProgramAction};
use crate::window::lang::ProgramTexts;
use crate::window::panels::{Cx, parts};
use crate::window::state::{Notice, NoticeKind};
use egui::{Label, ScrollArea, Ui};

/// Draws it.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.program;
    heading(ui, cx, texts.log, out);
    let notices: Vec<&Notice> = cx.state.notices.all().rev().collect();
    if notices.is_empty() {
        parts::weak(ui, texts.log_empty);
        return;
    }
    let height = ui.ctx().content_rect().height() - 200.0;
    ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink([false, true]).show(ui, |ui| {
        for notice in &notices {
            ui.horizontal(|ui| {
                ui.colored_label(colour(ui, notice.kind), name(texts, notice.kind));
                parts::weak(ui, &ago(notice));
                parts::buttons(ui, |ui| {
                    if ui.small_button(texts.copy).clicked() {
                        out.push(ProgramAction::Copy(notice.text.clone()).into());
                    }
                });
            });
            ui.add(Label::new(&notice.text).wrap());
            ui.separator();
        }
    });
    parts::buttons(ui, |ui| {
        if ui.button(texts.copy_all).clicked() {
            let lines = notices.iter().rev().map(|notice| format!("{}: {}", name(texts, notice.kind), notice.text));
            out.push(ProgramAction::Copy(lines.collect::<Vec<_>>().join("\n")).into());
        }
    });
}

/// How much it matters, in one word.
pub fn name(texts: &ProgramTexts, kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Info => texts.info,
        NoticeKind::Warning => texts.warning,
        NoticeKind::Failure => texts.failure,
    }
}

/// The colour of that word.
pub fn colour(ui: &Ui, kind: NoticeKind) -> egui::Color32 {
    match kind {
        NoticeKind::Info => ui.visuals().hyperlink_color,
        NoticeKind::Warning => ui.visuals().warn_fg_color,
        NoticeKind::Failure => ui.visuals().error_fg_color,
    }
}

/// How long ago it came, as clocks write it.
fn ago(notice: &Notice) -> String {
    let secs = notice.at.elapsed().unwrap_or_default().as_secs();
    format!("−{}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}
