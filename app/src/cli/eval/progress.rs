//! How far a run is, how fast it goes, and when it will be done.

use super::super::console::Console;
use crate::evaluation::{Pace, words_for};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(30);

/// The progress of one shard, as it is shown.
pub struct Progress {
    console: Console,
    bar: Option<ProgressBar>,
    pace: Pace,
    said: Instant,
}

impl Progress {
    /// Of `total` items, `done` were finished before.
    pub fn new(console: Console, total: usize, done: usize) -> Self {
        let bar = console.shows_progress().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            let template = "{prefix:>10} {bar:32.cyan/dim} {pos}/{len} questions, {msg}";
            // The template is this file's own; where it were wrong, the plain bar serves.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.set_prefix("asking");
            bar.set_position(done as u64);
            bar
        });
        Self { console, bar, pace: Pace::new(total, done), said: Instant::now() }
    }

    /// `count` more are finished.
    pub fn add(&mut self, count: usize) {
        self.pace.add(count);
        let (Some(rate), Some(left)) = (self.pace.rate(), self.pace.left()) else { return };
        let text = format!("{rate:.1}/s, {} left", words_for(left));
        if let Some(bar) = &self.bar {
            bar.set_message(text);
            bar.set_position(self.pace.done() as u64);
        } else if self.said.elapsed() > EVERY {
            self.said = Instant::now();
            self.console.say(&format!("{}/{} questions, {text}", self.pace.done(), self.pace.total()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
