//! A line of a run: what came of one item.

use crate::data::Item;
use crate::score::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came of an item under every condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Row in the set, from 0.
    pub row: usize,
    /// Its name in the set.
    pub idx: String,
    /// 2D, 3D.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is asked for.
    pub task: String,
    /// Where the picture comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What is not independent of each other.
    pub cluster: String,
    /// The question.
    pub question: String,
    /// Its options.
    pub choices: Vec<String>,
    /// The right one, from 0; `None` where there are none.
    pub answer: Option<usize>,
    /// The right answer in words.
    pub answer_text: String,
    /// What came of it, by condition.
    pub conditions: BTreeMap<String, Outcome>,
}

/// An item that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unanswered {
    /// Row in the set, from 0.
    pub row: usize,
    /// Its name in the set.
    pub idx: String,
    /// Why not.
    pub unanswered: String,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// What came of an item.
    Done(Box<Record>),
    /// Why nothing did.
    Unanswered(Unanswered),
}

impl Entry {
    /// The name of its item.
    pub fn idx(&self) -> &str {
        match self {
            Self::Done(record) => &record.idx,
            Self::Unanswered(unanswered) => &unanswered.idx,
        }
    }

    /// The row of its item.
    pub fn row(&self) -> usize {
        match self {
            Self::Done(record) => record.row,
            Self::Unanswered(unanswered) => unanswered.row,
        }
    }
}

impl Record {
    /// `item` with what came of it.
    pub fn new(item: &Item, conditions: BTreeMap<String, Outcome>) -> Self {
        Self {
            row: item.row,
            idx: item.idx.clone(),
            kind: item.kind.clone(),
            task: item.task.clone(),
            source: item.source.clone(),
            cluster: item.cluster.clone(),
            question: item.question.clone(),
            choices: item.choices.clone(),
            answer: item.right_option(),
            answer_text: item.answer().to_owned(),
            conditions,
        }
    }
}

impl Unanswered {
    /// `item`, which could not be asked because of `why`.
    pub fn new(item: &Item, why: impl Into<String>) -> Self {
        Self { row: item.row, idx: item.idx.clone(), unanswered: why.into() }
    }
}
