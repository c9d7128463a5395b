//! `opabinia eval`: the run itself.

use super::super::console::{Console, print_json, print_report};
use super::super::driver::{Driver, Opened};
use super::super::failure::{Cause, Failure, Result};
use super::asker::{Asker, Shown};
use super::conditions::{self, Asked};
use super::fingerprint;
use super::merge;
use super::options::AskingArgs;
use super::progress::Progress;
use super::stop::Stop;
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_eval::data::{Item, PictureId, QuestionSet};
use opabinia_eval::report::{Columns, Summary, markdown};
use opabinia_eval::run::{DataPrint, Entry, Header, ModelPrint, Record, RunDirectory, Shard, ShardFile, Unanswered};
use opabinia_eval::score::Protocol;
use std::collections::{BTreeMap, HashMap};
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
        let anatomy = inspection.config.anatomy();
        let asked = conditions::parse(&self.asking.conditions, &anatomy)?;
        let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut set = self.asking.data.read(Some(directory))?;
        set.notes.iter().for_each(|note| console.say(&format!("note: {note}")));
        let protocol = self.asking.protocol();
        refuse_unfit(&mut set, protocol, console)?;
        let opened = driver.load(request.clone(), &inspection)?;
        let asker = Asker::new(&opened, request.image_newline, protocol)?;
        let shard = self.shard.unwrap_or(Shard::WHOLE);
        let header = self.header(&set, &opened, &asked, &asker, shard.count)?;
        let run = RunDirectory::begin(out, header)?;
        let mut file = run.work_on(shard.index)?;
        driver.without_bars();
        let mut work = Work { driver, asker, asked, set, console, seed: self.asking.seed, stop };
        work.run(shard, &mut file)?;
        drop(file);
        self.conclude(&run, shard, console)
    }

    fn header(
        &self,
        set: &QuestionSet,
        opened: &Opened,
        asked: &[Asked],
        asker: &Asker,
        shards: usize,
    ) -> Result<Header> {
        let inspection = &opened.inspection;
        let Some(first) = set.items.first() else {
            return Err(Error::input("there is no question", "add --data").into());
        };
        let of_shard =
            |index| set.items.iter().filter(|item| (Shard { index, count: shards }).holds(&item.idx)).count();
        let precision = inspection.precision;
        Ok(Header {
            format: 1,
            program: format!("opabinia {}", env!("CARGO_PKG_VERSION")),
            model: ModelPrint {
                name: if self.asking.model.is_demo() {
                    self.asking.model.model.clone()
                } else {
                    opabinia_engine::checkpoint::checkpoint_name(&inspection.directory)
                },
                fingerprint: fingerprint::of(inspection)?,
                encoders: inspection.config.anatomy().encoder_names(),
                template: inspection.template.name().to_owned(),
                precision: format!("{}, computed in {}", precision.weights, precision.product_numbers()),
            },
            data: DataPrint {
                name: set.name.clone(),
                fingerprint: set.fingerprint.clone(),
                idx_sha1: set.idx_sha1.clone(),
                questions: set.items.len(),
                limit: self.asking.data.limit,
                skipped: set.skipped.clone(),
            },
            protocol: self.asking.protocol().name().to_owned(),
            rule: self.asking.protocol().rule().to_owned(),
            conditions: asked.iter().map(|asked| asked.condition.clone()).collect(),
            seed: self.asking.seed,
            shards,
            items_of_shards: (0..shards).map(of_shard).collect(),
            first: asker.first(first)?,
        })
    }

    /// Says what came of it: of the whole run, or where that is still to come, of the shard.
    fn conclude(&self, run: &RunDirectory, shard: Shard, console: Console) -> Result<()> {
        let merged = run.finished()?;
        let columns = Columns::new(run.header(), &merged.entries);
        let summary = Summary::new(&columns);
        if shard.count == 1 {
            merge::write(run, &merged, &columns, &summary)?;
        } else {
            console.say(&format!(
                "shard {shard} is finished; when all are, put them together: opabinia eval merge {}",
                run.path().display()
            ));
        }
        if self.json { print_json(&summary.json(&columns)) } else { print_report(&markdown(&columns, &summary)) }
    }
}

/// Leaves out what the protocol cannot ask.
fn refuse_unfit(set: &mut QuestionSet, protocol: Protocol, console: Console) -> Result<()> {
    let before = set.items.len();
    let fits = set.items.iter().filter(|item| protocol.fits(item)).count();
    if fits == 0 {
        return Err(Error::input(
            format!("no question of {} has options, and the protocol {protocol} is about options", set.name),
            "use --protocol exact, or give the questions `choices`",
        )
        .into());
    }
    if fits < before {
        console.say(&format!("note: {} questions have no options and are left out", before - fits));
        set.leave_out("it has no options, and the protocol needs them", |item| !protocol.fits(item));
    }
    Ok(())
}

/// The work on one shard.
struct Work {
    driver: Driver,
    asker: Asker,
    asked: Vec<Asked>,
    set: QuestionSet,
    console: Console,
    seed: u64,
    stop: Stop,
}

impl Work {
    /// Asks what is not finished of `shard`, picture by picture.
    fn run(&mut self, shard: Shard, file: &mut ShardFile) -> Result<()> {
        let of_shard: Vec<Item> = self.set.items.iter().filter(|item| shard.holds(&item.idx)).cloned().collect();
        let left: Vec<&Item> = of_shard.iter().filter(|item| !file.has(&item.idx)).collect();
        if left.len() < of_shard.len() {
            let done = of_shard.len() - left.len();
            self.console.say(&format!("going on: {done} of {} questions are finished", of_shard.len()));
        }
        let mut progress = Progress::new(self.console, of_shard.len(), of_shard.len() - left.len());
        let others = self.others();
        for about in by_picture(&left) {
            if self.stop.is_wanted() {
                let what = format!("stopped by a signal with {} of {} questions finished", file.len(), of_shard.len());
                return Err(Cause::Stopped(what).into());
            }
            for entry in self.picture(&about, &others).map_err(|failure| kept(failure, file.len()))? {
                file.push(&entry)?;
            }
            progress.add(about.len());
        }
        Ok(file.sync()?)
    }

    /// Everything about one picture.
    fn picture(&mut self, about: &[&Item], others: &HashMap<(PictureId, String), PictureId>) -> Result<Vec<Entry>> {
        let Some(first) = about.first() else { return Ok(Vec::new()) };
        let own = match self.decode(first.picture) {
            Ok(own) => own,
            // What one picture is, is its questions' own matter; the rest goes on.
            Err(failure) if failure.is_of_input() => {
                let why = failure.to_string();
                return Ok(about.iter().map(|item| Entry::Unanswered(Unanswered::new(item, &why))).collect());
            }
            Err(failure) => return Err(failure),
        };
        let mut pictures: HashMap<PictureId, Arc<Picture>> = HashMap::new();
        let mut outcomes: Vec<Result<BTreeMap<_, _>, String>> = about.iter().map(|_| Ok(BTreeMap::new())).collect();
        // One condition after another, so that the questions about the picture share what comes before them.
        for asked in self.asked.clone() {
            for (item, outcomes) in about.iter().zip(&mut outcomes) {
                let Ok(done) = outcomes else { continue };
                let other = match others.get(&(item.picture, item.task.clone())) {
                    Some(id) if asked.needs_other() => match pictures.get(id) {
                        Some(picture) => Some(Arc::clone(picture)),
                        None => match self.decode(*id) {
                            Ok(picture) => {
                                pictures.insert(*id, Arc::clone(&picture));
                                Some(picture)
                            }
                            Err(failure) if failure.is_of_input() => {
                                *outcomes = Err(format!("the picture shown instead: {failure}"));
                                continue;
                            }
                            Err(failure) => return Err(failure),
                        },
                    },
                    _ => None,
                };
                let shown = Shown { own: Arc::clone(&own), other };
                match self.asker.ask(&mut self.driver, item, &asked, &shown) {
                    Ok(outcome) => {
                        done.insert(asked.condition.name.clone(), outcome);
                    }
                    Err(failure) if failure.is_of_input() => *outcomes = Err(failure.to_string()),
                    Err(failure) => return Err(failure),
                }
            }
        }
        let entry = |(item, outcomes): (&&Item, Result<_, String>)| match outcomes {
            Ok(outcomes) => Entry::Done(Box::new(Record::new(item, outcomes))),
            Err(why) => Entry::Unanswered(Unanswered::new(item, why)),
        };
        Ok(about.iter().zip(outcomes).map(entry).collect())
    }

    fn decode(&mut self, id: PictureId) -> Result<Arc<Picture>> {
        let bytes = self.set.pictures.bytes(id)?;
        Ok(Arc::new(Picture::from_bytes("its picture", &bytes, Exif::Ignore)?))
    }

    /// For each picture and task another picture of the task; of the whole set, whatever the shard.
    fn others(&self) -> HashMap<(PictureId, String), PictureId> {
        let mut of_task: BTreeMap<&str, Vec<PictureId>> = BTreeMap::new();
        let mut all: Vec<PictureId> = Vec::new();
        for item in &self.set.items {
            let task = of_task.entry(&item.task).or_default();
            if task.last() != Some(&item.picture) {
                task.push(item.picture);
            }
            if all.last() != Some(&item.picture) {
                all.push(item.picture);
            }
        }
        let seed = self.seed;
        let pick = |from: &[PictureId], item: &Item| {
            let drawn =
                opabinia_eval::score::draw(&[&seed.to_string(), &item.picture.to_string(), &item.task], from.len());
            (0..from.len()).map(|step| from[(drawn + step) % from.len()]).find(|id| *id != item.picture)
        };
        let mut others = HashMap::new();
        for item in &self.set.items {
            let key = (item.picture, item.task.clone());
            if !others.contains_key(&key)
                && let Some(other) = pick(&of_task[item.task.as_str()], item).or_else(|| pick(&all, item))
            {
                others.insert(key, other);
            }
        }
        others
    }
}

/// Adds to a failure that what is finished is kept.
fn kept(failure: Failure, finished: usize) -> Failure {
    if let Cause::Engine(Error::Cancelled) = failure.cause {
        super::super::console::complain(&format!(
            "{finished} questions are finished and kept; the same command goes on from there"
        ));
    }
    failure
}

/// `items` by picture, in the order in which pictures first come up.
fn by_picture<'a>(items: &[&'a Item]) -> Vec<Vec<&'a Item>> {
    let mut at: HashMap<PictureId, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Item>> = Vec::new();
    for &item in items {
        let group = *at.entry(item.picture).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(item);
    }
    groups
}
