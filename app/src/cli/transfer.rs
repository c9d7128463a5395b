//! How far files are on their way from the hub: bars on a terminal, now and then a line elsewhere.

use super::console::Console;
use crate::pace::Rate;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use opabinia_engine::checkpoint::Bytes;
use opabinia_engine::printable;
use opabinia_hub::progress::{FileState, Progress};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a line is written where there are no bars.
const LINES_EVERY: Duration = Duration::from_secs(30);

/// Characters of a file's name beside its bar.
const NAME: usize = 34;

/// What is shown of a transfer.
pub struct Transfer {
    console: Console,
    bars: Option<Bars>,
    last_line: Instant,
    rate: Rate,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    files: BTreeMap<usize, ProgressBar>,
}

impl Transfer {
    /// Nothing yet.
    pub fn new(console: Console) -> Self {
        Self { console, bars: None, last_line: Instant::now(), rate: Rate::default() }
    }

    /// Shows `progress`.
    pub fn show(&mut self, progress: &Progress) {
        self.rate.update(progress.fetched());
        let left = progress.total().saturating_sub(progress.done());
        if !self.console.shows_progress() {
            if self.last_line.elapsed() >= LINES_EVERY {
                self.last_line = Instant::now();
                self.console.say(&summary(progress, &self.rate, left));
            }
            return;
        }
        let bars = self.bars.get_or_insert_with(|| Bars::new(progress));
        bars.total.set_position(progress.done());
        bars.total.set_message(pace(&self.rate, left));
        for (index, file) in progress.files.iter().enumerate() {
            let word = match file.state() {
                FileState::Queued | FileState::Done => {
                    if let Some(bar) = bars.files.remove(&index) {
                        bar.finish_and_clear();
                        bars.all.remove(&bar);
                    }
                    continue;
                }
                FileState::Elsewhere => "another process brings it",
                FileState::Checking => "checking",
                FileState::Arriving => "",
            };
            let all = &bars.all;
            let bar = bars.files.entry(index).or_insert_with(|| {
                let name = printable::line(file.name.rsplit('/').next().unwrap_or(&file.name)).to_string();
                all.insert_before(&bars.total, bar(&name, file.total))
            });
            bar.set_position(file.done());
            bar.set_message(word);
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(bars) = self.bars.take() {
            // What is left on the screen would look as if it went on.
            let _ = bars.all.clear();
        }
    }
}

impl Bars {
    fn new(progress: &Progress) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(bar(&format!("{} files", progress.files.len()), progress.total()));
        Self { all, total, files: BTreeMap::new() }
    }
}

fn bar(name: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    // The template is this file's own; where it were wrong, the plain bar serves.
    let template = format!("{{prefix:>{NAME}}} {{bar:28.cyan/dim}} {{decimal_bytes}}/{{decimal_total_bytes}} {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    let length = name.chars().count();
    let end: String = name.chars().skip(length.saturating_sub(NAME - 1)).collect();
    bar.set_prefix(if length > NAME { format!("…{end}") } else { name.to_owned() });
    bar
}

/// Rate and time left.
fn pace(rate: &Rate, left: u64) -> String {
    let parts = [rate.text(), rate.time_for(left).map(|time| format!("{time} left"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn summary(progress: &Progress, rate: &Rate, left: u64) -> String {
    let done = progress.files.iter().filter(|file| file.state() == FileState::Done).count();
    let pace = pace(rate, left);
    let pace = if pace.is_empty() { String::new() } else { format!("; {pace}") };
    format!("{} of {}, {done} of {} files{pace}", Bytes(progress.done()), Bytes(progress.total()), progress.files.len())
}
