//! What a set of questions costs on the demo: beside the parts that have to be computed, and beside a loop of `opabinia ask`.
//!
//! `cargo bench --profile release -p opabinia --bench evaluation`. Conditions are six, as it is, without the picture and without each of the four
//! encoders. Of all runs the engine tells how long its passes took and how many positions they had; the positions are held
//! against what cannot be spared: the text before the picture once, the picture once for each condition, the question once for
//! each condition, every option's tokens.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark says what it found, or why not"
)]

use opabinia::evaluation::{Plan, Runs, Session, Subject, read_picture};
use opabinia_engine::Result;
use opabinia_engine::generate::Timings;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::run::ModelId;
use opabinia_engine::text::{IMAGE_ID, ImageNewline};
use opabinia_engine::worker::{Client, Decoding, Prompt, RunOutput, RunSpec, Ticket};
use opabinia_eval::data::{QuestionSet, ReadOptions, locate};
use opabinia_eval::run::{Entry, RunDirectory, Shard};
use opabinia_eval::score::Protocol;
use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// No more than this beyond the parts.
const MOST: f64 = 1.15;

/// At least this many times as fast as a loop.
const LEAST: f64 = 3.0;

/// Answers that the loop gives.
const LOOP: usize = 18;

/// A run as the engine did it.
struct Done {
    timings: Timings,
    /// Positions that had to be run.
    needed: usize,
}

/// An engine that writes down what it does.
struct Recorder {
    client: Client,
    /// What was asked for, and nobody has waited for.
    asked: VecDeque<(RunSpec, Ticket<RunOutput>)>,
    done: Vec<Done>,
    waited: Duration,
    /// What was run before: pictures under interventions, and prompts about them.
    images: HashSet<String>,
    prompts: HashSet<String>,
}

impl Runs for Recorder {
    fn submit(&mut self, spec: RunSpec) {
        self.asked.push_back((spec.clone(), self.client.run(spec)));
    }

    fn wait(&mut self) -> Result<RunOutput> {
        let (spec, ticket) = self.asked.pop_front().unwrap();
        let started = Instant::now();
        let output = self.client.wait(ticket)?;
        self.waited += started.elapsed();
        self.note(&spec, &output);
        Ok(output)
    }

    fn forget(&mut self) {
        self.asked.clear();
    }
}

impl Recorder {
    fn note(&mut self, spec: &RunSpec, output: &RunOutput) {
        let image = spec.image.as_ref().map(|picture| format!("{:?} {:?}", picture.id(), spec.interventions));
        let question = format!("{image:?} {:?}", spec.prompt);
        let forced = spec.forced_prefix.len();
        if let Some(scores) = &output.scores {
            let before = scores.prompt_ids.iter().position(|id| *id == IMAGE_ID).unwrap_or(0);
            let text = scores.prompt_ids.len() - usize::from(image.is_some());
            let visual = scores.prompt_positions - text;
            let needed = if self.prompts.contains(&question) {
                // Its last position chooses the first token.
                forced
            } else {
                let first_picture = self.images.is_empty() && image.is_some();
                let own = image.as_ref().is_some_and(|image| !self.images.contains(image));
                let shared = if image.is_some() && !first_picture { before } else { 0 };
                text - shared + if own { visual } else { 0 } + forced - 1
            };
            self.done.push(Done { timings: scores.timings, needed });
        }
        self.images.extend(image);
        self.prompts.insert(question);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn demo(client: &mut Client) -> (ModelId, Subject) {
    let source = root().join("assets/demo/checkpoint").display().to_string();
    let request = LoadRequest { source, ..LoadRequest::default() };
    let (model, ticket) = client.load(request, None);
    let loaded = client.wait(ticket).unwrap();
    let subject =
        Subject { model, name: "demo".into(), inspection: loaded.inspection, newline: ImageNewline::Reference };
    (model, subject)
}

fn seconds(times: impl Iterator<Item = Duration>) -> f64 {
    times.map(|time| time.as_secs_f64()).sum()
}

fn main() {
    // As the program begins.
    opabinia_engine::threads::start_pool();
    let directory = tempfile::tempdir().unwrap();
    let files = locate(&root().join("assets/demo/questions"), &[]).unwrap();
    let set = Arc::new(QuestionSet::read(&files, ReadOptions::default()).unwrap());
    let conditions = "as_is,no_image,encoders".to_owned();
    let plan = Plan { protocol: Protocol::LogProbText, conditions, seed: 0, limit: None, shards: 1 };
    let mut recorder = Recorder {
        client: Client::start().unwrap(),
        asked: VecDeque::new(),
        done: Vec::new(),
        waited: Duration::ZERO,
        images: HashSet::new(),
        prompts: HashSet::new(),
    };
    let (_, subject) = demo(&mut recorder.client);
    let session = Session::new(&subject, Arc::clone(&set), &plan).unwrap();
    let names: Vec<String> = session.header().conditions.iter().map(|condition| condition.name.clone()).collect();
    assert_eq!(names.len(), 6, "{names:?}");

    // What a picture costs by itself: its encoders once, and what each condition cannot spare, the connector.
    let mut alone = Client::start().unwrap();
    let (model, _) = demo(&mut alone);
    let mut pictures: Vec<_> = set.items.iter().map(|item| item.picture).collect();
    pictures.dedup();
    let (mut vision, mut connector) = (0.0, 0.0);
    for id in &pictures {
        let picture = read_picture(&set, *id).unwrap();
        let started = Instant::now();
        let ticket = alone.run(RunSpec::encode(model, Arc::clone(&picture)));
        alone.wait(ticket).unwrap();
        vision += started.elapsed().as_secs_f64();
        let spec = RunSpec {
            image: Some(picture),
            forced_prefix: vec![1],
            decoding: Decoding::Score { alternatives: 0 },
            ..RunSpec::new(model, Prompt::question("?"))
        };
        let ticket = alone.run(spec);
        let scores = alone.wait(ticket).unwrap().into_scores().unwrap();
        // All conditions but the one without a picture.
        connector += scores.timings.vision.as_secs_f64() * (names.len() - 1) as f64;
    }
    drop(alone);

    let run = RunDirectory::begin(&directory.path().join("run"), session.header().clone()).unwrap();
    let mut file = run.work_on(0).unwrap();
    let started = Instant::now();
    let mut asked = 0;
    session
        .ask(&mut recorder, Shard::WHOLE, &mut file, &mut |entries: &[Entry]| {
            asked += entries.len();
            ControlFlow::Continue(())
        })
        .unwrap();
    let wall = started.elapsed().as_secs_f64();

    let positions: usize = recorder.done.iter().map(|done| done.timings.prefill_positions).sum();
    let needed: usize = recorder.done.iter().map(|done| done.needed).sum();
    let prefills = seconds(recorder.done.iter().map(|done| done.timings.prefill));
    let floor = vision + connector + prefills;
    let answers = asked * names.len();
    println!("{asked} questions about {} pictures under 6 conditions: {wall:.2} s", pictures.len());
    println!("  vision once {vision:.2} s, connectors {connector:.2} s, prefills {prefills:.2} s; in all {floor:.2} s");
    println!("  positions run {positions}, that cannot be spared {needed}");
    println!("  waiting for the engine {:.2} s", recorder.waited.as_secs_f64());
    let cost = wall / floor * (positions as f64 / needed as f64);
    println!("  cost: {cost:.3} of the parts (at most {MOST})");

    let program = env!("CARGO_BIN_EXE_opabinia");
    let started = Instant::now();
    for (at, item) in set.items.iter().cycle().take(LOOP).enumerate() {
        // Without the picture in one of six, as in the set. Interventions would only make the loop slower.
        let mut command = Command::new(program);
        command.args(["ask", "--json", &item.question]).stdout(Stdio::null()).stderr(Stdio::null());
        match names[at % names.len()].as_str() {
            "no_image" => command.arg("--text-only"),
            _ => command.arg("--image").arg(set.pictures.file(item.picture).unwrap()),
        };
        assert!(command.status().unwrap().success(), "{command:?}");
    }
    let each = started.elapsed().as_secs_f64() / LOOP as f64;
    let faster = each / (wall / answers as f64);
    println!("{:.1} answers a second; a loop of `opabinia ask`: {:.1}", answers as f64 / wall, 1.0 / each);
    println!("  {faster:.1} times as fast (at least {LEAST})");
    if cost > MOST || faster < LEAST {
        std::process::exit(1);
    }
}
