//! What a checkpoint takes from the hub, and how far it is on its way.

use crate::pulling::Needs;
use crate::window::action::{Action, ModelAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{Download, DownloadPhase, Slot, sentences};
use egui::{Grid, Label, ProgressBar, RichText, Ui};
use opabinia_engine::checkpoint::Bytes;
use opabinia_hub::names::is_repo_id;
use opabinia_hub::progress::FileState;
use std::time::Duration;

/// How often progress is drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// Files that are shown one by one.
const LISTED: usize = 6;

/// Offers to look for `source` on the hub, if it can be the name of a repository there, and shows what came of that.
pub fn offer(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, (source, why): (&str, &str), out: &mut Vec<Action>) {
    if !is_repo_id(source) {
        return;
    }
    ui.add_space(8.0);
    parts::card(ui, |ui| match cx.state.download.as_ref().filter(|download| download.repo == source) {
        Some(download) => show(ui, cx, download, out),
        None => {
            ui.add(Label::new(why).wrap());
            ui.add_space(4.0);
            if ui.button(cx.texts.download.look_up).clicked() {
                out.push(ModelAction::LookUp(slot, source.to_owned()).into());
            }
        }
    });
}

/// Draws how far `download` is.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, download: &Download, out: &mut Vec<Action>) {
    let texts = &cx.texts.download;
    ui.label(RichText::new(&download.repo).strong());
    ui.add_space(4.0);
    match &download.phase {
        DownloadPhase::Asking => {
            ui.horizontal(|ui| {
                ui.spinner();
                parts::weak(ui, texts.asking);
            });
        }
        DownloadPhase::Known(needs) => takes(ui, cx, needs),
        DownloadPhase::Arriving(needs) => {
            bar(ui, cx, download, needs, texts.arriving);
            files(ui, cx, needs);
            ui.ctx().request_repaint_after(TICK);
        }
        DownloadPhase::Pausing(needs) => bar(ui, cx, download, needs, texts.pausing),
        DownloadPhase::Paused(needs) => bar(ui, cx, download, needs, texts.paused),
        DownloadPhase::Failed(why) => {
            ui.colored_label(ui.visuals().error_fg_color, RichText::new(texts.failed).strong());
            ui.add(Label::new(sentences(why)).wrap());
        }
    }
    ui.add_space(8.0);
    parts::buttons(ui, |ui| buttons(ui, cx, download, out));
}

fn buttons(ui: &mut Ui, cx: &Cx<'_>, download: &Download, out: &mut Vec<Action>) {
    let texts = &cx.texts.download;
    let (name, action) = match &download.phase {
        DownloadPhase::Asking | DownloadPhase::Pausing(_) => (None, ModelAction::PauseDownload),
        DownloadPhase::Known(needs) if needs.plan.missing() == 0 => (Some(texts.open), ModelAction::Download),
        DownloadPhase::Known(_) => (Some(texts.download), ModelAction::Download),
        DownloadPhase::Arriving(_) => (Some(texts.pause), ModelAction::PauseDownload),
        DownloadPhase::Paused(_) => (Some(texts.resume), ModelAction::Download),
        DownloadPhase::Failed(_) => (Some(cx.texts.opening.try_again), ModelAction::Download),
    };
    if let Some(name) = name
        && ui.add(parts::primary(ui, name)).clicked()
    {
        out.push(action.into());
    }
    if ui.button(cx.texts.program.cancel).clicked() {
        out.push(ModelAction::CloseDownload.into());
    }
}

/// What is missing, how large it is, and where it comes from.
fn takes(ui: &mut Ui, cx: &Cx<'_>, needs: &Needs) {
    let texts = &cx.texts.download;
    Grid::new("takes").num_columns(2).spacing([16.0, 4.0]).show(ui, |ui| {
        for part in &needs.parts {
            ui.label(part.listing.repo.id());
            ui.label(Bytes(part.bytes()).to_string());
            ui.end_row();
        }
        for (encoder, directory) in &needs.elsewhere {
            ui.label(encoder);
            let place = directory.display().to_string();
            ui.add(Label::new(RichText::new(format!("{} {place}", texts.found_elsewhere)).weak()).truncate());
            ui.end_row();
        }
        let there = needs.plan.present_bytes + needs.plan.arrived_bytes;
        parts::weak(ui, texts.in_all);
        ui.horizontal(|ui| {
            ui.strong(format!("{} {}", Bytes(needs.plan.bytes_to_fetch()), texts.to_come));
            parts::weak(ui, &format!("{} {}", Bytes(there), texts.there));
        });
        ui.end_row();
        parts::weak(ui, texts.from);
        ui.label(&needs.endpoint);
        ui.end_row();
        parts::weak(ui, texts.into);
        ui.add(Label::new(needs.cache.display().to_string()).truncate());
        ui.end_row();
    });
    for note in &needs.notes {
        ui.add(Label::new(RichText::new((cx.texts.engine.said)(note)).small()).wrap());
    }
}

/// All files together.
fn bar(ui: &mut Ui, cx: &Cx<'_>, download: &Download, needs: &Needs, doing: &str) {
    let progress = needs.plan.progress();
    let (done, total) = (progress.done(), progress.total());
    let part = done as f32 / total.max(1) as f32;
    ui.horizontal(|ui| {
        ui.label(doing);
        parts::buttons(ui, |ui| parts::weak(ui, &format!("{:.0} %", part * 100.0)));
    });
    ui.add(ProgressBar::new(part).desired_height(8.0));
    let mut facts = vec![format!("{} / {}", Bytes(done), Bytes(total))];
    if matches!(download.phase, DownloadPhase::Arriving(_)) {
        facts.extend(download.rate.text());
        let left = download.rate.time_for(total.saturating_sub(done));
        facts.extend(left.map(|time| format!("{time} {}", cx.texts.opening.left)));
    }
    parts::weak(ui, &facts.join("  ·  "));
}

/// The files that are on their way, one by one.
fn files(ui: &mut Ui, cx: &Cx<'_>, needs: &Needs) {
    let texts = &cx.texts.download;
    ui.add_space(4.0);
    let files = &needs.plan.progress().files;
    let active = files.iter().filter(|file| !matches!(file.state(), FileState::Queued | FileState::Done));
    for file in active.take(LISTED) {
        let part = file.done() as f32 / file.total.max(1) as f32;
        let doing = match file.state() {
            FileState::Elsewhere => texts.elsewhere.to_owned(),
            FileState::Checking => texts.checking.to_owned(),
            _ => format!("{} / {}", Bytes(file.done()), Bytes(file.total)),
        };
        ui.horizontal(|ui| {
            ui.add(ProgressBar::new(part).desired_height(4.0).desired_width(120.0));
            parts::weak(ui, &doing);
            ui.add(Label::new(RichText::new(format!("{} · {}", file.repo, file.name)).small().weak()).truncate());
        });
    }
}
