//! What keeping weights in fewer bits, and multiplying in smaller numbers, does to answers: for each format the divergence
//! of the distributions over the next token from those of f32, and how often the same token is chosen.
//!
//!     cargo run --release -p opabinia-engine --example formats -- CHECKPOINT SET [COUNT [FORMAT,FORMAT,…]]
//!
//! `SET` is a folder as `python -m recipe write-set` writes it; its first `COUNT` questions are asked (all, if left out), in
//! each of the formats (all, if left out). A question's tokens are compared up to the first at which the answers part: so far
//! both read the same text. *KL* is the mean over these tokens of Σ p ln(p / q), in thousandths of a nat, with p of f32; *same
//! token* how often the most likely one is the same; *same answer* how often all of them are; *right* how often the answer is
//! the expected text.

#![allow(clippy::print_stdout, reason = "an example prints")]

use opabinia_engine::generate::{Answer, GenerateOptions};
use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::{ComputeChoice, WeightFormat};
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Client, Decoding, Prompt, RunSpec};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// Tokens whose probabilities are compared: all of the demo checkpoint's.
const COMPARED: usize = 4096;

#[derive(Debug, Deserialize)]
struct Item {
    filename: String,
    task: String,
    question: String,
    answer: String,
}

/// Sums over questions.
#[derive(Debug, Default, Clone)]
struct Tally {
    questions: usize,
    right: usize,
    same: usize,
    tokens: usize,
    same_tokens: usize,
    divergence: f64,
}

impl Tally {
    fn add(&mut self, item: &Item, exact: &Answer, other: &Answer) {
        self.questions += 1;
        self.right += usize::from(other.text == item.answer);
        let ids = |answer: &Answer| answer.tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        self.same += usize::from(ids(exact) == ids(other));
        for (p, q) in exact.tokens.iter().zip(&other.tokens) {
            let others: HashMap<u32, f32> = q.alternatives.iter().map(|token| (token.id, token.log_prob)).collect();
            let terms = p.alternatives.iter().filter_map(|token| {
                let (p, q) = (f64::from(token.log_prob), f64::from(*others.get(&token.id)?));
                Some(p.exp() * (p - q))
            });
            self.divergence += terms.sum::<f64>();
            self.tokens += 1;
            self.same_tokens += usize::from(p.id == q.id);
            if p.id != q.id {
                break;
            }
        }
    }

    fn row(&self, name: &str) -> String {
        let percent = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
        format!(
            "| {name} | {} | {:.3} | {:.2} | {:.2} | {:.2} |",
            self.questions,
            1e3 * self.divergence / self.tokens.max(1) as f64,
            percent(self.same_tokens, self.tokens),
            percent(self.same, self.questions),
            percent(self.right, self.questions)
        )
    }
}

/// The answers of `checkpoint` to `items`, read as `weights` and computed as `compute`.
fn answers(
    checkpoint: &str,
    set: &Path,
    items: &[Item],
    (weights, compute): (WeightFormat, ComputeChoice),
) -> Result<Vec<Answer>, Box<dyn Error>> {
    let mut engine = Client::start()?;
    let source = checkpoint.to_owned();
    let request = LoadRequest { source, weights: weights.into(), compute, ..LoadRequest::default() };
    let (model, loading) = engine.load(request, None);
    engine.wait(loading)?;
    let mut answers = Vec::with_capacity(items.len());
    for about in items.chunk_by(|a, b| a.filename == b.filename) {
        let picture = Arc::new(Picture::open(&set.join(&about[0].filename), Exif::Ignore)?);
        for item in about {
            let options = GenerateOptions { max_tokens: 64, alternatives: COMPARED, ..GenerateOptions::default() };
            let asked = engine.run(RunSpec {
                image: Some(Arc::clone(&picture)),
                decoding: Decoding::Generate(options),
                ..RunSpec::new(model, Prompt::question(&item.question))
            });
            answers.push(engine.wait(asked)?.into_answer()?);
        }
    }
    Ok(answers)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, set, rest @ ..] = args.as_slice() else {
        return Err("usage: formats CHECKPOINT SET [COUNT [FORMAT,FORMAT,…]]".into());
    };
    let set = Path::new(set);
    let lines = std::fs::read_to_string(set.join("questions.jsonl"))?;
    let mut items: Vec<Item> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    if let Some(count) = rest.first() {
        items.truncate(count.parse()?);
    }
    let wanted: Option<Vec<&str>> = rest.get(1).map(|names| names.split(',').collect());
    let formats = WeightFormat::ALL.into_iter();
    let formats = formats.filter(|format| wanted.as_ref().is_none_or(|wanted| wanted.contains(&format.name())));
    let exact = answers(checkpoint, set, &items, (WeightFormat::F32, ComputeChoice::Exact))?;
    println!("| weights, products | n | KL, ‰ nat | same token % | same answer % | right % |");
    println!("| --- | --: | --: | --: | --: | --: |");
    let mut families: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for weights in formats {
        for compute in [ComputeChoice::Exact, ComputeChoice::Fast] {
            if compute == ComputeChoice::Fast && matches!(weights, WeightFormat::F32 | WeightFormat::F16) {
                continue;
            }
            let other = answers(checkpoint, set, &items, (weights, compute))?;
            let (mut all, mut of_family) = (Tally::default(), BTreeMap::<&str, Tally>::new());
            for ((item, exact), other) in items.iter().zip(&exact).zip(&other) {
                all.add(item, exact, other);
                of_family.entry(&item.task).or_default().add(item, exact, other);
            }
            let name = format!("{weights}, {compute}");
            println!("{}", all.row(&name));
            for (family, tally) in of_family {
                families.entry(family).or_default().push(tally.row(&name));
            }
        }
    }
    for (family, rows) in families {
        println!("\n{family}\n\n| weights, products | n | KL, ‰ nat | same token % | same answer % | right % |");
        println!("| --- | --: | --: | --: | --: | --: |\n{}", rows.join("\n"));
    }
    Ok(())
}
