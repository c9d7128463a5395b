//! A set that is asked: what a shard lacks, picture by picture.

use super::asker::{Asker, Blind, Question, Shown};
use super::conditions::{self, Asked};
use super::{Plan, Runs, Subject, in_engine_words, is_of_input, others};
use crate::fingerprint;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::{Error, Result};
use opabinia_eval::data::{Item, PictureId, QuestionSet};
use opabinia_eval::run::{DataPrint, Entry, Header, ModelPrint, Record, Shard, ShardFile, Unanswered};
use opabinia_eval::score::{Outcome, Protocol};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A set, how it is asked, and of which model.
pub struct Session {
    asker: Asker,
    asked: Vec<Asked>,
    set: Arc<QuestionSet>,
    /// Questions that the protocol can ask.
    items: Vec<Item>,
    others: HashMap<(PictureId, String), PictureId>,
    header: Header,
    /// Questions that were left out because the protocol cannot ask them.
    unfit: usize,
}

/// How the work on a shard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All of it is finished.
    Complete,
    /// It was asked to stop after a picture.
    Stopped,
}

impl Session {
    /// Makes ready to ask `subject` the questions of `set`.
    ///
    /// # Errors
    /// If the conditions are not understood, no question fits the protocol, or the checkpoint cannot be read again.
    pub fn new(subject: &Subject, set: Arc<QuestionSet>, plan: &Plan) -> Result<Self> {
        let anatomy = subject.inspection.config.anatomy();
        let asked = conditions::parse(&plan.conditions, &anatomy)?;
        let (protocol, shards) = (plan.protocol, plan.shards.max(1));
        let (items, skipped) =
            set.without("it has no options, and the protocol needs them", |item| !protocol.fits(item));
        check_fit(&set, protocol)?;
        let Some(first) = items.first() else { return Err(Error::input("there is no question", "take another set")) };
        let asker = Asker::new(subject, protocol)?;
        let inspection = &subject.inspection;
        let of_shard = |index| items.iter().filter(|item| (Shard { index, count: shards }).holds(&item.idx)).count();
        let header = Header {
            format: 1,
            program: format!("opabinia {}", env!("CARGO_PKG_VERSION")),
            model: ModelPrint {
                name: subject.name.clone(),
                fingerprint: fingerprint::of(inspection)?,
                encoders: anatomy.encoder_names(),
                template: inspection.template.name().to_owned(),
                precision: format!(
                    "{}, computed in {}",
                    inspection.precision.weights,
                    inspection.precision.product_numbers()
                ),
            },
            data: DataPrint {
                name: set.name.clone(),
                fingerprint: set.fingerprint.clone(),
                idx_sha1: set.idx_sha1.clone(),
                questions: items.len(),
                limit: plan.limit,
                skipped,
            },
            protocol: protocol.name().to_owned(),
            rule: protocol.rule().to_owned(),
            conditions: asked.iter().map(|asked| asked.condition.clone()).collect(),
            seed: plan.seed,
            shards,
            items_of_shards: (0..shards).map(of_shard).collect(),
            first: asker.first(first)?,
        };
        let (others, unfit) = (others(&items, plan.seed), set.items.len() - items.len());
        Ok(Self { asker, asked, set, items, others, header, unfit })
    }

    /// What the run is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many questions were left out because the protocol cannot ask them.
    pub fn unfit(&self) -> usize {
        self.unfit
    }

    /// How many questions `shard` has.
    pub fn count(&self, shard: Shard) -> usize {
        self.items.iter().filter(|item| shard.holds(&item.idx)).count()
    }

    /// Asks what `file`, that of `shard`, lacks, and writes it down. After each picture `finished` is shown what came of
    /// its questions, and says whether to go on.
    ///
    /// # Errors
    /// Whatever keeps questions from being asked or results from being written. What is finished is kept.
    pub fn ask(
        &self,
        engine: &mut dyn Runs,
        shard: Shard,
        file: &mut ShardFile,
        finished: &mut dyn FnMut(&[Entry]) -> ControlFlow<()>,
    ) -> Result<Ended> {
        let left: Vec<&Item> =
            self.items.iter().filter(|item| shard.holds(&item.idx) && !file.has(&item.idx)).collect();
        let mut blind = Blind::default();
        for about in by_picture(&left) {
            let entries = self.picture(engine, &about, &mut blind).inspect_err(|_| engine.forget())?;
            for entry in &entries {
                file.push(entry).map_err(in_engine_words)?;
            }
            if finished(&entries).is_break() && file.len() < self.count(shard) {
                return Ok(Ended::Stopped);
            }
        }
        file.sync().map_err(in_engine_words)?;
        Ok(Ended::Complete)
    }

    /// Everything about one picture.
    fn picture(&self, engine: &mut dyn Runs, about: &[&Item], blind: &mut Blind) -> Result<Vec<Entry>> {
        let Some(first) = about.first() else { return Ok(Vec::new()) };
        let own = match read_picture(&self.set, first.picture) {
            Ok(own) => own,
            // What one picture is, is its questions' own matter; the rest goes on.
            Err(error) if is_of_input(&error) => {
                let why = error.to_string();
                return Ok(about.iter().map(|item| Entry::Unanswered(Unanswered::new(item, &why))).collect());
            }
            Err(error) => return Err(error),
        };
        let mut pictures: HashMap<PictureId, Arc<Picture>> = HashMap::new();
        let mut outcomes: Vec<Outcomes> = about.iter().map(|_| Ok(BTreeMap::new())).collect();
        // The question before the one that is asked now: the engine need not wait for whoever reads its numbers.
        let mut before: Option<UnderWay<'_>> = None;
        // One condition after another, so that the questions about the picture share what comes before them.
        for asked in &self.asked {
            for (at, item) in about.iter().enumerate() {
                if outcomes[at].is_err() {
                    continue;
                }
                let other = match self.others.get(&(item.picture, item.task.clone())) {
                    Some(id) if asked.needs_other() => match pictures.get(id) {
                        Some(picture) => Some(Arc::clone(picture)),
                        None => match read_picture(&self.set, *id) {
                            Ok(picture) => {
                                pictures.insert(*id, Arc::clone(&picture));
                                Some(picture)
                            }
                            Err(error) if is_of_input(&error) => {
                                outcomes[at] = Err(format!("the picture shown instead: {error}"));
                                continue;
                            }
                            Err(error) => return Err(error),
                        },
                    },
                    _ => None,
                };
                let shown = Shown { own: Arc::clone(&own), other };
                // What is known without a picture is known only once it was answered.
                if asked.is_blind() || !self.asker.asks_all_at_once() {
                    self.end(before.take(), engine, blind, &mut outcomes)?;
                }
                match self.asker.begin(engine, item, asked, &shown, blind) {
                    Ok(question) => {
                        let name = &asked.condition.name;
                        let before = before.replace(UnderWay { at, name, question });
                        self.end(before, engine, blind, &mut outcomes)?;
                    }
                    Err(error) if is_of_input(&error) => outcomes[at] = Err(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
        }
        self.end(before, engine, blind, &mut outcomes)?;
        let entry = |(item, outcomes): (&&Item, Result<_, String>)| match outcomes {
            Ok(outcomes) => Entry::Done(Box::new(Record::new(item, outcomes))),
            Err(why) => Entry::Unanswered(Unanswered::new(item, why)),
        };
        Ok(about.iter().zip(outcomes).map(entry).collect())
    }

    /// Waits for the answer to a question, if there is one.
    fn end(
        &self,
        under_way: Option<UnderWay<'_>>,
        engine: &mut dyn Runs,
        blind: &mut Blind,
        outcomes: &mut [Outcomes],
    ) -> Result<()> {
        let Some(UnderWay { at, name, question }) = under_way else { return Ok(()) };
        match (self.asker.end(engine, question, blind), &mut outcomes[at]) {
            (Ok(outcome), Ok(done)) => drop(done.insert(name.to_owned(), outcome)),
            (Ok(_), Err(_)) => {}
            (Err(error), Ok(_)) if is_of_input(&error) => outcomes[at] = Err(error.to_string()),
            // The first reason stands.
            (Err(error), Err(_)) if is_of_input(&error) => {}
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }
}

/// What came of one item, by condition, or why it cannot be asked.
type Outcomes = std::result::Result<BTreeMap<String, Outcome>, String>;

/// A question about the item at a place, under the condition of that name.
struct UnderWay<'a> {
    at: usize,
    name: &'a str,
    question: Question<'a>,
}

/// Checks that `protocol` can ask any question of `set`: before a model is read.
///
/// # Errors
/// If it cannot.
pub fn check_fit(set: &QuestionSet, protocol: Protocol) -> Result<()> {
    if set.items.iter().any(|item| protocol.fits(item)) {
        return Ok(());
    }
    Err(Error::input(
        format!("no question of {} has options, and the protocol {protocol} is about options", set.name),
        "use --protocol exact, or give the questions `choices`",
    ))
}

/// A picture of `set`.
///
/// # Errors
/// If it cannot be read any more, or is none.
pub fn read_picture(set: &QuestionSet, id: PictureId) -> Result<Arc<Picture>> {
    let bytes = set.pictures.bytes(id).map_err(in_engine_words)?;
    Picture::from_bytes("its picture", &bytes, Exif::Ignore).map(Arc::new)
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

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_engine::model::LoadRequest;
    use opabinia_engine::text::ImageNewline;
    use opabinia_engine::worker::{Client, RunOutput, RunSpec, Ticket};
    use opabinia_eval::data::{ReadOptions, locate};
    use opabinia_eval::run::RunDirectory;
    use std::collections::VecDeque;
    use std::path::Path;

    /// An engine that counts what it is asked without a picture.
    struct Counting {
        client: Client,
        asked: VecDeque<Ticket<RunOutput>>,
        /// How many were asked for before one was waited for.
        most: usize,
        blind: usize,
    }

    impl Runs for Counting {
        fn submit(&mut self, spec: RunSpec) {
            self.blind += usize::from(spec.image.is_none());
            self.asked.push_back(self.client.run(spec));
            self.most = self.most.max(self.asked.len());
        }

        fn wait(&mut self) -> Result<RunOutput> {
            self.client.wait(self.asked.pop_front().unwrap())
        }

        fn forget(&mut self) {
            self.asked.clear();
        }
    }

    #[test]
    fn the_same_question_without_a_picture_is_asked_once() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/demo");
        let directory = tempfile::tempdir().unwrap();
        for name in ["000000.png", "000001.png"] {
            std::fs::copy(demo.join("questions/images").join(name), directory.path().join(name)).unwrap();
        }
        // Of other pictures, with options in another order and another right one.
        let lines = [("000000.png", "[\"no\", \"yes\"]", "(A)"), ("000001.png", "[\"yes\", \"no\"]", "(A)")];
        let lines = lines.iter().enumerate().map(|(idx, (picture, choices, answer))| {
            format!(
                "{{\"idx\": {idx}, \"task\": \"sign\", \"filename\": \"{picture}\", \"question\": \"Is there a sign?\", \
                 \"choices\": {choices}, \"answer\": \"{answer}\"}}\n"
            )
        });
        std::fs::write(directory.path().join("questions.jsonl"), lines.collect::<String>()).unwrap();
        let files = locate(directory.path(), &[]).unwrap();
        let set = Arc::new(QuestionSet::read(&files, ReadOptions::default()).unwrap());
        let mut client = Client::start().unwrap();
        let source = demo.join("checkpoint").display().to_string();
        let (model, ticket) = client.load(LoadRequest { source, ..LoadRequest::default() }, None);
        let inspection = client.wait(ticket).unwrap().inspection;
        let subject = Subject { model, name: "demo".into(), inspection, newline: ImageNewline::Reference };
        let conditions = "no_image".to_owned();
        let plan = Plan { protocol: Protocol::LogProbText, conditions, seed: 0, limit: None, shards: 1 };
        let session = Session::new(&subject, set, &plan).unwrap();
        let run = RunDirectory::begin(&directory.path().join("run"), session.header().clone()).unwrap();
        let mut engine = Counting { client, asked: VecDeque::new(), most: 0, blind: 0 };
        let mut found = Vec::new();
        let mut finished = |entries: &[Entry]| {
            found.extend(entries.iter().filter_map(|entry| match entry {
                Entry::Done(record) => record.conditions["no_image"].log_probs.clone(),
                Entry::Unanswered(_) => None,
            }));
            ControlFlow::Continue(())
        };
        session.ask(&mut engine, Shard::WHOLE, &mut run.work_on(0).unwrap(), &mut finished).unwrap();
        assert_eq!(engine.blind, 2, "one run for each option");
        assert_eq!(engine.most, 2, "both options are asked for at once");
        let [first, second] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((first[0], first[1]), (second[1], second[0]));
    }
}
