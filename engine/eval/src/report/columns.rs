//! Records as columns: for each condition, which items it has right.

use crate::hash;
use crate::run::{Condition, Entry, Header, Record, Unanswered};
use crate::score::Outcome;
use crate::stats::{Clusters, Rate};
use std::collections::BTreeMap;

/// The items of a run that were asked, with what belongs together.
#[derive(Debug)]
pub struct Columns<'a> {
    /// What the run is.
    pub header: &'a Header,
    /// Its items, in the order of the set.
    pub records: Vec<&'a Record>,
    /// Items that could not be asked.
    pub unanswered: Vec<&'a Unanswered>,
    /// Which items belong together.
    pub clusters: Clusters,
}

impl<'a> Columns<'a> {
    /// The columns of `entries`.
    pub fn new(header: &'a Header, entries: &'a [Entry]) -> Self {
        let (mut records, mut unanswered) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Done(record) => records.push(&**record),
                Entry::Unanswered(one) => unanswered.push(one),
            }
        }
        Self::of(header, records, unanswered)
    }

    fn of(header: &'a Header, records: Vec<&'a Record>, unanswered: Vec<&'a Unanswered>) -> Self {
        let clusters = Clusters::of(records.iter().map(|record| record.cluster.as_str()));
        Self { header, records, unanswered, clusters }
    }

    /// Those items for which `keep` holds.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Record) -> bool) -> Self {
        let records = self.records.iter().copied().filter(|record| keep(record)).collect();
        Self::of(self.header, records, self.unanswered.clone())
    }

    /// The condition called `name`.
    pub fn condition(&self, name: &str) -> Option<&'a Condition> {
        self.header.conditions.iter().find(|condition| condition.name == name)
    }

    /// What came of every item under `condition`.
    pub fn outcomes(&self, condition: &str) -> Vec<Option<&'a Outcome>> {
        self.records.iter().map(|record| record.conditions.get(condition)).collect()
    }

    /// Whether each is right under `condition`.
    pub fn right(&self, condition: &str) -> Vec<bool> {
        self.outcomes(condition).iter().map(|outcome| outcome.is_some_and(|outcome| outcome.right)).collect()
    }

    /// The same, but what named no option is a guess: the same one whenever it is asked for.
    pub fn right_with_guesses(&self, condition: &str) -> Vec<bool> {
        let seed = self.header.seed.to_string();
        let guess = |record: &Record| {
            let drawn = hash::stable(&["guess", &seed, &record.idx, condition]);
            Some((drawn % record.choices.len().max(1) as u64) as usize)
        };
        let each = self.records.iter().zip(self.outcomes(condition));
        each.map(|(record, outcome)| match outcome {
            Some(outcome) if outcome.choice.is_none() && record.answer.is_some() => guess(record) == record.answer,
            Some(outcome) => outcome.right,
            None => false,
        })
        .collect()
    }

    /// The rate of a column.
    pub fn rate(&self, right: &[bool]) -> Rate {
        Rate::count(right.iter().copied())
    }

    /// The mean probability of a blind guess being right.
    pub fn chance(&self) -> f64 {
        let each = self.records.iter().map(|record| match record.choices.len() {
            0 => 0.0,
            count => 1.0 / count as f64,
        });
        each.sum::<f64>() / self.records.len().max(1) as f64
    }

    /// How many are right for whoever gives the most frequent answer of each task: its letter where that is asked for,
    /// or its text.
    pub fn majority(&self) -> Rate {
        let mut answers: BTreeMap<&str, [BTreeMap<String, usize>; 2]> = BTreeMap::new();
        for record in &self.records {
            let of_task = answers.entry(&record.task).or_default();
            if let Some(answer) = record.answer {
                *of_task[0].entry(answer.to_string()).or_default() += 1;
            }
            *of_task[1].entry(record.answer_text.clone()).or_default() += 1;
        }
        let most = |counts: &BTreeMap<String, usize>| counts.values().copied().max().unwrap_or(0);
        let right = answers.values().map(|[letters, texts]| most(letters).max(most(texts))).sum();
        Rate { right, of: self.records.len() }
    }

    /// The groups of `of`, by name.
    pub fn groups(&self, of: impl Fn(&Record) -> Option<String>) -> BTreeMap<String, Self> {
        let mut groups: BTreeMap<String, Vec<&'a Record>> = BTreeMap::new();
        for record in &self.records {
            if let Some(group) = of(record) {
                groups.entry(group).or_default().push(record);
            }
        }
        groups.into_iter().map(|(name, records)| (name, Self::of(self.header, records, Vec::new()))).collect()
    }
}
