//! `opabinia eval`: the run itself.

use super::super::console::{Console, complain, print_json, print_report};
use super::super::driver::Driver;
use super::super::failure::{Cause, Result};
use super::options::AskingArgs;
use super::progress::Progress;
use super::stop::Stop;
use crate::evaluation::{Ended, Session, Subject, check_fit, parse_conditions, write_results};
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::checkpoint::checkpoint_name;
use opabinia_eval::report::{Columns, Summary, markdown};
use opabinia_eval::run::{RunDirectory, Shard, ShardFile};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A run of a set of questions.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    asking: AskingArgs,
    /// The directory that the run is kept in: made if it is not there, gone on with if it is.
    #[arg(long, short, value_name = "RUN", required = true)]
    out: Option<PathBuf>,
    /// Only shard I of N, from 0: 0/8. Items are dealt to shards by their idx; `opabinia eval merge` puts shards together.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<Shard>,
    /// Print one JSON object when done: the summary.
    #[arg(long)]
    json: bool,
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    text.parse()
}

impl RunArgs {
    /// Runs what is left of the run.
    ///
    /// # Errors
    /// Whatever keeps the questions from being asked or the results from being written. What is finished is kept.
    pub fn run(&self, console: Console) -> Result<()> {
        let stop = Stop::listen();
        let Some(out) = &self.out else {
            return Err(Error::input("there is no place for the run", "add --out").into());
        };
        let request = self.asking.load.request(&self.asking.model.model)?;
        let mut driver = Driver::start(console, true)?;
        let inspection = driver.inspect(request.clone())?;
        let shard = self.shard.unwrap_or(Shard::WHOLE);
        let plan = self.asking.plan(shard.count);
        // Nobody waits for a set and a model to be read before a condition is refused.
        parse_conditions(&plan.conditions, &inspection.config.anatomy())?;
        let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let set = Arc::new(self.asking.data.read(Some(directory))?);
        set.notes.iter().for_each(|note| console.say(&format!("note: {note}")));
        check_fit(&set, plan.protocol)?;
        let newline = request.image_newline;
        let opened = driver.load(request, &inspection)?;
        let name = match self.asking.model.is_demo() {
            true => self.asking.model.model.clone(),
            false => checkpoint_name(&opened.inspection.directory),
        };
        let subject = Subject { model: opened.model, name, inspection: opened.inspection, newline };
        let session = Session::new(&subject, set, &plan)?;
        if session.unfit() > 0 {
            console.say(&format!("note: {} questions have no options and are left out", session.unfit()));
        }
        let run = RunDirectory::begin(out, session.header().clone())?;
        let mut file = run.work_on(shard.index)?;
        ask(&session, &mut driver, shard, &mut file, &stop, console)?;
        drop(file);
        self.conclude(&run, shard, console)
    }

    /// Says what came of it: of the whole run, or where that is still to come, of the shard.
    fn conclude(&self, run: &RunDirectory, shard: Shard, console: Console) -> Result<()> {
        let merged = run.finished()?;
        let columns = Columns::new(run.header(), &merged.entries);
        let summary = Summary::new(&columns);
        if shard.count == 1 {
            write_results(run, &merged, &columns, &summary)?;
        } else {
            console.say(&format!(
                "shard {shard} is finished; when all are, put them together: opabinia eval merge {}",
                run.path().display()
            ));
        }
        if self.json { print_json(&summary.json(&columns)) } else { print_report(&markdown(&columns, &summary)) }
    }
}

/// Asks what is not finished of `shard`.
fn ask(
    session: &Session,
    driver: &mut Driver,
    shard: Shard,
    file: &mut ShardFile,
    stop: &Stop,
    console: Console,
) -> Result<()> {
    let (total, mut done) = (session.count(shard), file.len());
    if done > 0 {
        console.say(&format!("going on: {done} of {total} questions are finished"));
    }
    let mut progress = Progress::new(console, total, done);
    let ended = session.ask(driver, shard, file, &mut |entries| {
        done += entries.len();
        progress.add(entries.len());
        if stop.is_wanted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(progress);
    match ended {
        Ok(Ended::Complete) => Ok(()),
        Ok(Ended::Stopped) => {
            Err(Cause::Stopped(format!("stopped by a signal with {done} of {total} questions finished")).into())
        }
        Err(error) => {
            if matches!(error, Error::Cancelled) {
                complain(&format!("{done} questions are finished and kept; the same command goes on from there"));
            }
            Err(error.into())
        }
    }
}
