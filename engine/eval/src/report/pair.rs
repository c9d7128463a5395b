//! Two columns item by item: two conditions of a run, or of two runs over the same questions.

use super::columns::Columns;
use crate::error::{Error, Result};
use crate::stats::{Clusters, Paired, Rate};
use std::collections::HashMap;

/// Two columns over the items that both have.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Places of an item in the first columns and in the second.
    pub items: Vec<(usize, usize)>,
    /// Whether each is right in the first and in the second.
    pub right: Vec<(bool, bool)>,
    /// How they go together.
    pub paired: Paired,
    /// Groups of items that are not independent.
    pub clusters: usize,
}

impl Pair {
    /// The condition `first` of `a` and the condition `second` of `b`.
    ///
    /// # Errors
    /// If their protocols are different, or they have no question in common.
    pub fn new(a: &Columns<'_>, first: &str, b: &Columns<'_>, second: &str) -> Result<Self> {
        check_protocols(a, b)?;
        let items = joined(a, b);
        if items.is_empty() {
            return Err(nothing_in_common());
        }
        let (ours, theirs) = (a.right(first), b.right(second));
        let right: Vec<(bool, bool)> = items.iter().map(|(at, other)| (ours[*at], theirs[*other])).collect();
        let clusters = Clusters::of(items.iter().map(|(at, _)| a.records[*at].cluster.as_str()));
        let (ours, theirs): (Vec<bool>, Vec<bool>) = right.iter().copied().unzip();
        let paired = Paired::new(&ours, &theirs, &clusters, a.header.seed);
        Ok(Self { items, right, paired, clusters: clusters.len() })
    }

    /// The rate of either.
    pub fn rates(&self) -> [Rate; 2] {
        let (counts, of) = (self.paired.counts, self.items.len());
        [counts.both + counts.only_a, counts.both + counts.only_b].map(|right| Rate { right, of })
    }
}

/// Refuses to compare what was asked in different ways.
pub(super) fn check_protocols(a: &Columns<'_>, b: &Columns<'_>) -> Result<()> {
    let (left, right) = (&a.header.protocol, &b.header.protocol);
    if left == right {
        return Ok(());
    }
    Err(Error::new(
        format!("the runs have different protocols: {left} and {right}"),
        "their numbers are not comparable: run one of them again under the other's protocol",
    ))
}

pub(super) fn nothing_in_common() -> Error {
    Error::new(
        "the runs have no question with the same idx and words, or no condition in common",
        "compare two runs over the same set",
    )
}

/// Places of the items that both have, with the same name, question and options.
fn joined(a: &Columns<'_>, b: &Columns<'_>) -> Vec<(usize, usize)> {
    let theirs: HashMap<&str, usize> = b.records.iter().enumerate().map(|(at, r)| (r.idx.as_str(), at)).collect();
    let ours = a.records.iter().enumerate();
    let with_other = ours.filter_map(|(at, record)| {
        let other = *theirs.get(record.idx.as_str())?;
        let same = b.records[other].question == record.question && b.records[other].choices == record.choices;
        same.then_some((at, other))
    });
    with_other.collect()
}
