//! How far an inspection or a load is.

use crate::window::action::{Action, ModelAction};
use crate::window::panels::{Cx, parts};
use crate::window::state::{Purpose, Slot};
use egui::{ProgressBar, Ui};
use opabinia_engine::checkpoint::Bytes;
use opabinia_engine::job::Stage;
use std::time::Duration;

/// How often the time gone by is drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// Time gone by before what is left can be told from it.
const SETTLED: Duration = Duration::from_secs(2);

/// Draws it.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, (slot, purpose): (Slot, Purpose), out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    let job = cx.state.jobs.find(|known| *known == purpose).map(|(_, running)| running);
    let cancelling = job.is_some_and(|running| running.cancelling);
    let progress = job.and_then(|running| running.progress);
    let part = progress.map_or(0.0, |progress| progress.done as f32 / progress.total.max(1) as f32);
    let doing = match (cancelling, matches!(purpose, Purpose::Load(_))) {
        (true, _) => texts.cancelling,
        (false, true) if progress.is_none_or(|progress| progress.stage == Stage::Load) => texts.loading,
        (false, _) => texts.inspecting,
    };
    ui.horizontal(|ui| {
        ui.label(doing);
        parts::buttons(ui, |ui| parts::weak(ui, &format!("{:.0} %", part * 100.0)));
    });
    ui.add(ProgressBar::new(part).desired_height(8.0));
    let mut facts = Vec::new();
    if let Some(bytes) = progress.filter(|progress| progress.stage == Stage::Load) {
        facts.push(format!("{} / {}", Bytes(bytes.done), Bytes(bytes.total)));
    }
    if let Some(elapsed) = job.map(|running| running.asked.elapsed()) {
        facts.push(format!("{} {}", clock(elapsed), texts.elapsed));
        if part > 0.05 && part < 1.0 && elapsed > SETTLED {
            facts.push(format!("{} {}", clock(elapsed.mul_f32((1.0 - part) / part)), texts.left));
        }
        ui.ctx().request_repaint_after(TICK);
    }
    ui.horizontal(|ui| {
        parts::weak(ui, &facts.join("  ·  "));
        parts::buttons(ui, |ui| {
            if ui.add_enabled(!cancelling, egui::Button::new(cx.texts.program.cancel)).clicked() {
                out.push(ModelAction::Cancel(slot).into());
            }
        });
    });
}

/// Minutes and seconds.
fn clock(time: Duration) -> String {
    let secs = time.as_secs();
    format!("{}:{:02}", secs / 60, secs % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_clocks_write_them() {
        assert_eq!(clock(Duration::from_millis(9_900)), "0:09");
        assert_eq!(clock(Duration::from_secs(605)), "10:05");
    }
}
