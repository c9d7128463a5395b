//! Sets of questions: JSON lines beside a folder of pictures, tables with pictures in them (TSV), and parquet files with
//! the columns of CV-Bench.
//!
//! Rows are read one by one. Of a set, its questions stay in memory; pictures stay in their files, or are put into a
//! temporary file that has no name. A row that cannot be used is counted and left out, and says why; a file that cannot be
//! read any further is an error.

mod jsonl;
mod lines;
mod locate;
mod parquet;
mod pictures;
mod row;
mod tsv;

pub use locate::{SetFiles, locate};
use pictures::Form;
pub use pictures::{PictureId, Pictures};

use crate::error::{Error, Result};
use crate::hash;
use row::{Found, RawPicture, Row};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// No more questions are read: what is kept of so many fits into the memory of a small machine.
pub const MAX_QUESTIONS: usize = 1_000_000;

/// Examples that are kept of rows that were left out.
const EXAMPLES: usize = 20;

/// SHA-1 of the `idx` of CV-Bench's 2,638 rows, joined by commas, as its authors' files have them.
const CV_BENCH: &str = "02535f1c609db8bba7c6bd64d9a78b9aa3d0fa3a";

/// The sources that only CV-Bench has.
const CV_BENCH_SOURCES: [&str; 3] = ["ADE20K", "COCO", "Omni3D"];

/// What is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// One of the options, from 0.
    Option(usize),
    /// This text: there are no options.
    Text(String),
}

/// A question about a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Row in the set, from 0.
    pub row: usize,
    /// Its name in the set. Results are joined by it.
    pub idx: String,
    /// The coarsest grouping (`type`: 2D or 3D), if there is one.
    pub kind: Option<String>,
    /// What is asked for: counts, relations.
    pub task: String,
    /// Where the picture comes from, if that is known.
    pub source: Option<String>,
    /// What is not independent of each other: questions about one picture.
    pub cluster: String,
    /// The question.
    pub question: String,
    /// The options; none where the answer is free text.
    pub choices: Vec<String>,
    /// What is right.
    pub expected: Expected,
    /// Question and lettered options in the set's own words.
    pub prompt: Option<String>,
    /// The picture.
    pub picture: PictureId,
}

impl Item {
    /// The right answer in words.
    pub fn answer(&self) -> &str {
        match &self.expected {
            Expected::Option(option) => self.choices.get(*option).map_or("", String::as_str),
            Expected::Text(text) => text,
        }
    }

    /// The number of the right option.
    pub fn right_option(&self) -> Option<usize> {
        match self.expected {
            Expected::Option(option) => Some(option),
            Expected::Text(_) => None,
        }
    }

    /// The probability of a blind guess being right; 0 where there are no options.
    pub fn chance(&self) -> f64 {
        if self.choices.is_empty() { 0.0 } else { 1.0 / self.choices.len() as f64 }
    }
}

/// Rows that were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many, by reason.
    pub reasons: BTreeMap<String, usize>,
    /// The first of them: row (from 1), `idx` where there is one, and what is wrong.
    pub examples: Vec<String>,
}

impl Skipped {
    /// How many.
    pub fn count(&self) -> usize {
        self.reasons.values().sum()
    }

    fn add(&mut self, row: usize, idx: Option<&str>, fault: &Fault) {
        *self.reasons.entry(fault.reason.to_owned()).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            let idx = idx.map_or_else(String::new, |idx| format!(" (idx {})", short(idx)));
            self.examples.push(format!("row {}{idx}: {}{}", row + 1, fault.reason, fault.detail));
        }
    }
}

/// Why a row is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    reason: &'static str,
    detail: String,
}

impl Fault {
    fn new(reason: &'static str, detail: impl std::fmt::Display) -> Self {
        let detail = detail.to_string();
        Self { reason, detail: if detail.is_empty() { detail } else { format!(": {detail}") } }
    }
}

/// `text`, no longer than fits into a line.
fn short(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}

/// A set in memory: its questions, and where its pictures are.
#[derive(Debug)]
pub struct QuestionSet {
    /// What people call it: the end of its path.
    pub name: String,
    /// Its questions, in the order of the set.
    pub items: Vec<Item>,
    /// What was left out.
    pub skipped: Skipped,
    /// SHA-256 of everything that matters to a result: names, questions, options, answers and the bytes of pictures.
    pub fingerprint: String,
    /// SHA-1 of every `idx`, joined by commas: how CV-Bench is known.
    pub idx_sha1: String,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Its pictures.
    pub pictures: Pictures,
}

/// How a set is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions<'a> {
    /// No more rows than these, from the first.
    pub limit: Option<usize>,
    /// Where pictures that have no files of their own are put, in a file without a name; `None` if nobody will look at
    /// them.
    pub pictures_in: Option<&'a Path>,
}

impl QuestionSet {
    /// Reads the set in `files`.
    ///
    /// # Errors
    /// If a file cannot be read, is no question set, or is cut off where nothing in it can be found any more; if there is
    /// not one question that can be used, or more than [`MAX_QUESTIONS`].
    pub fn read(files: &SetFiles, options: ReadOptions<'_>) -> Result<Self> {
        let mut reading = Reading::new(files, options)?;
        'files: for file in &files.files {
            for found in row::open(file)? {
                if options.limit.is_some_and(|limit| reading.rows >= limit) {
                    break 'files;
                }
                match found? {
                    Found::Pictures(column) => {
                        let wanted = options.limit.map_or(usize::MAX, |limit| limit - reading.rows);
                        reading.streamed = column.read(&mut reading.pictures, wanted)?;
                    }
                    found => reading.take(found, file)?,
                }
            }
        }
        reading.finish(files, options)
    }

    /// The questions but for those that are `unfit`, for this reason; and everything that is left out then.
    pub fn without(&self, reason: &'static str, unfit: impl Fn(&Item) -> bool) -> (Vec<Item>, Skipped) {
        let (out, kept): (Vec<&Item>, Vec<&Item>) = self.items.iter().partition(|item| unfit(item));
        let mut skipped = self.skipped.clone();
        out.iter().for_each(|item| skipped.add(item.row, Some(&item.idx), &Fault::new(reason, "")));
        (kept.into_iter().cloned().collect(), skipped)
    }

    /// Whether these are CV-Bench's rows in CV-Bench's order.
    pub fn is_cv_bench(&self) -> bool {
        self.idx_sha1 == CV_BENCH
    }
}

/// A set that is being read.
struct Reading {
    items: Vec<Item>,
    /// Rows by their names, for those that share a picture.
    named: HashMap<String, Option<PictureId>>,
    skipped: Skipped,
    pictures: Pictures,
    /// The pictures of a group of rows.
    streamed: Vec<Option<Result<PictureId, Fault>>>,
    fingerprint: Sha256,
    idx_sha1: Sha1,
    rows: usize,
}

impl Reading {
    fn new(files: &SetFiles, options: ReadOptions<'_>) -> Result<Self> {
        Ok(Self {
            items: Vec::new(),
            named: HashMap::new(),
            skipped: Skipped::default(),
            pictures: Pictures::new(&files.folder, options.pictures_in)?,
            streamed: Vec::new(),
            fingerprint: Sha256::new(),
            idx_sha1: Sha1::new(),
            rows: 0,
        })
    }

    fn take(&mut self, found: Found, file: &Path) -> Result<()> {
        let at = self.rows;
        self.rows += 1;
        if self.rows > MAX_QUESTIONS {
            return Err(Error::at(
                file,
                format!("it has more than {MAX_QUESTIONS} rows"),
                "use --limit to take the first of them, or part the file",
            ));
        }
        let idx = found.idx().map_or_else(|| at.to_string(), str::to_owned);
        if at > 0 {
            self.idx_sha1.update(b",");
        }
        self.idx_sha1.update(idx.as_bytes());
        let taken = match found {
            Found::Row(row) => self.item(at, &idx, *row)?,
            Found::Bad { fault, .. } => Err(fault),
            Found::Pictures(_) => return Ok(()),
        };
        match taken {
            Ok(item) => {
                self.mark(&item);
                self.items.push(item);
            }
            Err(fault) => self.skipped.add(at, Some(&idx), &fault),
        }
        Ok(())
    }

    /// The question in `row`, or why there is none; an error if its picture cannot be kept.
    fn item(&mut self, at: usize, idx: &str, row: Row) -> Result<Result<Item, Fault>> {
        if self.named.contains_key(idx) {
            return Ok(Err(Fault::new("its idx was there before", "")));
        }
        let picture = match &row.picture {
            RawPicture::Missing => Err(Fault::new("it names no picture", "")),
            RawPicture::SameAs(other) => match self.named.get(other) {
                Some(Some(picture)) => Ok(*picture),
                _ => Err(Fault::new("it shares the picture of a row that is not before it", short(other))),
            },
            RawPicture::Streamed(row) => match self.streamed.get(*row).cloned().flatten() {
                Some(picture) => picture,
                None => Err(Fault::new("it names no picture", "")),
            },
            RawPicture::File(name) => self.pictures.add_file(name),
            RawPicture::Bytes(bytes) => self.pictures.add_bytes(bytes)?,
        };
        self.named.insert(idx.to_owned(), picture.as_ref().ok().copied());
        Ok(picture.and_then(|picture| row.into_item(at, idx, picture)))
    }

    fn mark(&mut self, item: &Item) {
        let mut field = |text: &str| {
            self.fingerprint.update((text.len() as u64).to_le_bytes());
            self.fingerprint.update(text.as_bytes());
        };
        field(&item.idx);
        field(&item.question);
        field(item.prompt.as_deref().unwrap_or(""));
        item.choices.iter().for_each(|choice| field(choice));
        field(item.answer());
        field(&item.picture.to_string());
    }

    fn finish(self, files: &SetFiles, options: ReadOptions<'_>) -> Result<QuestionSet> {
        let first = files.files.first().map_or(files.folder.as_path(), |file| file);
        if self.items.is_empty() {
            let why = match self.skipped.examples.first() {
                Some(example) => format!("none of its {} rows can be used; {example}", self.rows),
                None => "there is no question in it".to_owned(),
            };
            let help = "a row needs a question, a picture, and an answer that is one of its options; \
                        docs/evaluation.md describes the formats";
            return Err(Error::at(first, why, help));
        }
        let idx_sha1 = hash::hex(&self.idx_sha1.finalize());
        let mut notes = Vec::new();
        if self.skipped.count() > 0 {
            let reasons = self.skipped.reasons.iter().map(|(reason, count)| format!("{count} × {reason}"));
            notes.push(format!(
                "{} of {} rows are left out: {}",
                self.skipped.count(),
                self.rows,
                reasons.collect::<Vec<_>>().join("; ")
            ));
        }
        let of_cv_bench = |item: &Item| item.source.as_deref().is_some_and(|s| CV_BENCH_SOURCES.contains(&s));
        if self.items.iter().any(of_cv_bench) && idx_sha1 != CV_BENCH {
            let limited = if options.limit.is_some() { " (--limit leaves rows out)" } else { "" };
            notes.push(format!(
                "these are not the rows of CV-Bench as published{limited}: {} rows, SHA-1 of their idx {idx_sha1} instead \
                 of {CV_BENCH}; scores are comparable only among the same rows",
                self.rows
            ));
        }
        Ok(QuestionSet {
            name: files.name.clone(),
            items: self.items,
            skipped: self.skipped,
            fingerprint: hash::hex(&self.fingerprint.finalize()),
            idx_sha1,
            notes,
            pictures: self.pictures,
        })
    }
}
