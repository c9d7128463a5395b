//! One progress bar for the stage a job is in.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use opabinia_engine::job::{Progress, Stage};

/// The bar of the current stage; none where progress is not shown.
#[derive(Debug)]
pub struct Bars {
    shown: bool,
    /// Whether generated tokens are counted. Where they are printed as they come, they are their own progress.
    counts_tokens: bool,
    current: Option<(Stage, ProgressBar)>,
}

impl Bars {
    /// Bars for one job.
    pub fn new(shown: bool, counts_tokens: bool) -> Self {
        Self { shown, counts_tokens, current: None }
    }

    /// Shows `progress`.
    pub fn show(&mut self, progress: Progress) {
        if !self.shown {
            return;
        }
        if self.current.as_ref().is_none_or(|(stage, _)| *stage != progress.stage) {
            self.clear();
            if progress.stage == Stage::Decode && !self.counts_tokens {
                return;
            }
            self.current = Some((progress.stage, bar(progress)));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    }

    /// Takes the bar off the screen.
    pub fn clear(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(progress: Progress) -> ProgressBar {
    let (name, units) = match progress.stage {
        Stage::Inspect => ("checking", "{pos}/{len} files"),
        Stage::Load => ("loading", "{decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}"),
        Stage::Encode => ("looking", "{pos}/{len} encoder layers"),
        Stage::Connect => ("fusing", "{pos}/{len} SVA layers"),
        Stage::Prefill => ("reading", "{pos}/{len} layers"),
        Stage::Measure => ("measuring", "{pos}/{len} interventions"),
        Stage::Compare => ("comparing", "{decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}"),
        Stage::Decode => ("answering", "{pos} tokens, {per_sec}"),
    };
    let bar = ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::stderr());
    // The templates are this file's own; where one were wrong, the plain bar serves.
    if let Ok(style) = ProgressStyle::with_template(&format!("{{prefix:>10}} {{bar:32.cyan/dim}} {units}")) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(name);
    bar
}
