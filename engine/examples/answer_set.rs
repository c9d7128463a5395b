//! Answers a set of questions about pictures and says how many answers are right: with all encoders, without the
//! picture, and with each encoder switched off.
//!
//!     cargo run --release -p opabinia-engine --example answer_set -- CHECKPOINT SET [--whole]
//!
//! `SET` is a folder with `questions.jsonl` (`filename`, `task`, `template`, `language`, `question`, `answer` on each
//! line) and its pictures, as `python -m recipe write-set` writes it. `--whole` leaves the encoders on: about six times
//! as fast. An answer is right if it is the expected text, to the letter.

#![allow(clippy::print_stdout, reason = "an example prints")]

use opabinia_engine::generate::GenerateOptions;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Client, Decoding, Prompt, RunSpec};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
struct Item {
    filename: String,
    task: String,
    template: String,
    language: String,
    question: String,
    answer: String,
}

/// One way of answering.
#[derive(Debug, Clone)]
struct Way {
    name: String,
    /// `None`: without the picture.
    interventions: Option<Interventions>,
}

/// Right answers of one family, for each way, and how often each answer was expected.
#[derive(Debug, Default)]
struct Tally {
    count: usize,
    right: Vec<usize>,
    expected: HashMap<(String, String), HashMap<String, usize>>,
}

impl Tally {
    fn add(&mut self, item: &Item, right: &[bool]) {
        self.count += 1;
        self.right.resize(right.len(), 0);
        self.right.iter_mut().zip(right).for_each(|(sum, right)| *sum += usize::from(*right));
        let question = (item.template.clone(), item.language.clone());
        *self.expected.entry(question).or_default().entry(item.answer.clone()).or_default() += 1;
    }

    /// The tally as a row of a Markdown table.
    fn row(&self, name: &str) -> String {
        let percent = |count: usize| 100.0 * count as f64 / self.count as f64;
        let majority = self.expected.values().filter_map(|answers| answers.values().max()).sum();
        let ways: Vec<String> = self.right.iter().map(|right| format!("{:.1}", percent(*right))).collect();
        format!("| {name} | {} | {:.1} | {} |", self.count, percent(majority), ways.join(" | "))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (paths, flags): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| !arg.starts_with("--"));
    let [checkpoint, set] = paths.as_slice() else { return Err("usage: answer_set CHECKPOINT SET [--whole]".into()) };
    let whole = flags.iter().any(|flag| *flag == "--whole");
    let set = Path::new(set);
    let lines = std::fs::read_to_string(set.join("questions.jsonl"))?;
    let items: Vec<Item> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;

    let mut engine = Client::start()?;
    let request =
        LoadRequest { source: (*checkpoint).clone(), weights: WeightFormat::F32.into(), ..LoadRequest::default() };
    let (model, loading) = engine.load(request, None);
    let inspection = engine.wait(loading)?.inspection;
    let mut ways = vec![Way { name: "right".into(), interventions: Some(Interventions::default()) }];
    if !whole {
        ways.push(Way { name: "no picture".into(), interventions: None });
        ways.extend(inspection.config.towers.iter().enumerate().map(|(k, tower)| Way {
            name: format!("without {}", tower.name),
            interventions: Some(Interventions::mask(k, true)),
        }));
    }

    let mut families: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut all = Tally::default();
    // A picture's questions are asked together, one way after another: so it is encoded once, and each way's decoder
    // state serves all of its questions.
    for about in items.chunk_by(|a, b| a.filename == b.filename) {
        let picture = Arc::new(Picture::open(&set.join(&about[0].filename), Exif::Ignore)?);
        let mut right = vec![Vec::new(); about.len()];
        for way in &ways {
            for (item, right) in about.iter().zip(&mut right) {
                let asked = engine.run(RunSpec {
                    image: way.interventions.is_some().then(|| Arc::clone(&picture)),
                    interventions: way.interventions.clone().unwrap_or_default(),
                    decoding: Decoding::Generate(GenerateOptions { max_tokens: 64, ..GenerateOptions::default() }),
                    ..RunSpec::new(model, Prompt::question(&item.question))
                });
                let answer = engine.wait(asked)?.into_answer()?;
                right.push(answer.text == item.answer);
            }
        }
        for (item, right) in about.iter().zip(&right) {
            families.entry(&item.task).or_default().add(item, right);
            all.add(item, right);
        }
    }

    let names: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
    println!("| questions | n | majority % | {} |", names.join(" % | "));
    println!("| --- | --: | --: |{}", " --: |".repeat(ways.len()));
    for (family, tally) in &families {
        println!("{}", tally.row(family));
    }
    println!("{}", all.row("all"));
    Ok(())
}
