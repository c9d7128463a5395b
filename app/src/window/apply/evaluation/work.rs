//! Work on a run: beside the window, through the engine's batch lane, so that whatever a person asks meanwhile goes first.

use crate::demo;
use crate::evaluation::{
    CONDITIONS, Ended as Asked, Pace, Plan, RunView, Runs, Session, Subject, default_protocol, in_engine_words,
    nothing_asked_for, write_results,
};
use crate::window::app::{App, Finished};
use crate::window::state::{Ended, Known, Told, Working, expanded};
use egui::Context;
use opabinia_engine::job::CancelToken;
use opabinia_engine::worker::{Beside, RunBeside, RunOutput, RunSpec};
use opabinia_engine::{Error, Result};
use opabinia_eval::data::QuestionSet;
use opabinia_eval::report::{Columns, Summary};
use opabinia_eval::run::{Entry, RunDirectory, Shard};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often tables are computed while a run goes on, at most.
const EVERY: Duration = Duration::from_millis(700);

/// No more than this part of the time goes into tables.
const PART: u32 = 20;

/// The window's engine, as a run uses it.
struct BesideWindow {
    engine: Beside,
    cancel: CancelToken,
    asked: VecDeque<RunBeside>,
}

impl Runs for BesideWindow {
    fn submit(&mut self, spec: RunSpec) {
        self.asked.push_back(self.engine.submit(spec, &self.cancel));
    }

    fn wait(&mut self) -> Result<RunOutput> {
        self.asked.pop_front().ok_or_else(nothing_asked_for)?.wait()
    }

    fn forget(&mut self) {
        self.cancel.cancel();
        self.asked.clear();
    }
}

/// What a run is made of.
struct Task {
    subject: Subject,
    set: Arc<QuestionSet>,
    plan: Plan,
    out: PathBuf,
    engine: BesideWindow,
    told: Arc<Told>,
    ctx: Context,
}

impl App {
    /// Asks what is left of the run.
    pub(super) fn start_evaluation(&mut self) {
        let texts = self.texts();
        if self.state.evaluation.working.is_some() {
            return;
        }
        let (Some(model), Some(open)) = (self.state.models.current(), self.state.evaluation.set.ready()) else {
            return;
        };
        let is_demo = model.is_demo();
        let subject = Subject {
            model: model.id,
            name: if is_demo { demo::NAME.to_owned() } else { model.name() },
            inspection: (*model.inspection).clone(),
            newline: model.request.image_newline,
        };
        let Some(out) = self.run_directory(&subject.name, &open.set.name) else {
            self.state.evaluation.ended = Some(Ended::Failed(texts.evaluation.no_place.to_owned()));
            return;
        };
        let form = &self.state.evaluation.form;
        let of_form = || Plan {
            protocol: form.protocol.unwrap_or_else(|| default_protocol(is_demo)),
            conditions: Some(form.conditions.trim()).filter(|text| !text.is_empty()).unwrap_or(CONDITIONS).to_owned(),
            seed: 0,
            limit: open.limit,
            shards: 1,
        };
        // A run that is open goes on as it began.
        let begun = self.state.evaluation.run.ready().filter(|run| run.path == out);
        let plan = begun.and_then(|run| run.plan()).unwrap_or_else(of_form);
        let (told, cancel) = (Arc::new(Told::default()), CancelToken::default());
        let task = Task {
            subject,
            set: Arc::clone(&open.set),
            plan,
            out: out.clone(),
            engine: BesideWindow { engine: self.engine.beside(), cancel: cancel.clone(), asked: VecDeque::new() },
            told: Arc::clone(&told),
            ctx: self.ctx.clone(),
        };
        let evaluation = &mut self.state.evaluation;
        if evaluation.run.ready().is_none_or(|run| run.path != out) {
            evaluation.run = Known::Nothing;
        }
        evaluation.begun += 1;
        let number = evaluation.begun;
        evaluation.form.run = out.display().to_string();
        evaluation.working = Some(Working { number, cancel, told });
        evaluation.ended = None;
        self.run_beside(
            "evaluation",
            move |error| Finished::Evaluated(number, Err(error)),
            move || Finished::Evaluated(number, task.work().map_err(|error| failure(texts, &error))),
        );
    }

    /// Where the run is kept: where the person said, or beside the window.
    fn run_directory(&self, model: &str, set: &str) -> Option<PathBuf> {
        let typed = self.state.evaluation.form.run.trim();
        if !typed.is_empty() {
            return Some(expanded(typed));
        }
        let plain = |text: &str| {
            let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '-' };
            text.chars().map(plain).collect::<String>().trim_matches(['-', '.']).to_owned()
        };
        Some(self.state.data_dir.as_ref()?.join("runs").join(format!("{}-{}", plain(set), plain(model))))
    }

    /// Stops after the picture in hand; at once, where that was asked for before.
    pub(super) fn pause_evaluation(&mut self) {
        if let Some(working) = &self.state.evaluation.working {
            if working.told.is_stopping() {
                working.cancel.cancel();
            }
            working.told.stop();
        }
    }

    /// The work `number` has ended.
    pub(in crate::window::apply) fn evaluated(&mut self, number: u64, ended: Result<Ended, String>) {
        let evaluation = &mut self.state.evaluation;
        let Some(working) = evaluation.working.take_if(|working| working.number == number) else { return };
        if let Some(view) = working.told.take_view() {
            evaluation.run = Known::Ready(view);
            evaluation.settle_picks();
        }
        evaluation.ended = Some(ended.unwrap_or_else(Ended::Failed));
    }
}

fn failure(texts: &crate::window::lang::Texts, error: &Error) -> String {
    texts.engine.error(error)
}

impl Task {
    fn work(mut self) -> Result<Ended> {
        let session = Session::new(&self.subject, Arc::clone(&self.set), &self.plan)?;
        if let Some(parent) = self.out.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
        }
        let run = RunDirectory::begin(&self.out, session.header().clone()).map_err(in_engine_words)?;
        let entries = run.finished().map_err(in_engine_words)?.entries;
        let pace = Pace::new(session.header().data.questions, entries.len());
        let mut teller = Teller { told: &self.told, out: &self.out, run: &run, entries, pace, told_at: None };
        teller.tell();
        let mut ended = Asked::Complete;
        for index in 0..self.plan.shards {
            let shard = Shard { index, count: self.plan.shards };
            let mut file = run.work_on(index).map_err(in_engine_words)?;
            let (told, ctx) = (Arc::clone(&self.told), &self.ctx);
            let asked = session.ask(&mut self.engine, shard, &mut file, &mut |new| {
                teller.add(new);
                ctx.request_repaint();
                if told.is_stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            match asked {
                Ok(Asked::Complete) => {}
                Ok(Asked::Stopped) | Err(Error::Cancelled) => {
                    ended = Asked::Stopped;
                    break;
                }
                Err(error) => {
                    teller.tell();
                    return Err(error);
                }
            }
        }
        teller.tell();
        if ended == Asked::Stopped {
            return Ok(Ended::Paused);
        }
        let merged = run.finished().map_err(in_engine_words)?;
        let columns = Columns::new(run.header(), &merged.entries);
        write_results(&run, &merged, &columns, &Summary::new(&columns))?;
        Ok(Ended::Complete)
    }
}

/// Tells the window how far a run is.
struct Teller<'a> {
    told: &'a Told,
    out: &'a Path,
    run: &'a RunDirectory,
    entries: Vec<Entry>,
    pace: Pace,
    /// When tables were told last, and how long they took.
    told_at: Option<(Instant, Duration)>,
}

impl Teller<'_> {
    fn add(&mut self, new: &[Entry]) {
        self.entries.extend(new.iter().cloned());
        self.pace.add(new.len());
        let is_due = self.told_at.is_none_or(|(at, took)| at.elapsed() > EVERY.max(took * PART));
        if is_due {
            self.tell();
        } else {
            self.told.set_pace(self.pace);
        }
    }

    fn tell(&mut self) {
        let started = Instant::now();
        let view = RunView::new(self.out, self.run.header().clone(), self.entries.clone());
        self.told.set_pace(self.pace);
        self.told.set_view(Arc::new(view));
        self.told_at = Some((Instant::now(), started.elapsed()));
    }
}
