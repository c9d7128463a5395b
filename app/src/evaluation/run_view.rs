//! A run as people look at it: its tables, its items, and two columns of it or of two runs beside each other.

use super::{Plan, in_engine_words};
use opabinia_engine::Result;
use opabinia_eval::report::{Columns, Pair, Summary};
use opabinia_eval::run::{Entry, Header, Record, RunDirectory};
use opabinia_eval::score::Protocol;
use std::path::{Path, PathBuf};

/// What is known of a run.
#[derive(Debug)]
pub struct RunView {
    /// Its directory.
    pub path: PathBuf,
    /// What it is.
    pub header: Header,
    /// Everything that is finished, in the order of the set.
    pub entries: Vec<Entry>,
    /// The same in numbers.
    pub summary: Summary,
    /// Tasks, by name.
    pub tasks: Vec<String>,
}

/// Which items of a pair of columns are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quadrant {
    /// Right in both.
    Both,
    /// Right in the first only.
    OnlyFirst,
    /// Right in the second only.
    OnlySecond,
    /// Wrong in both.
    Neither,
}

impl Quadrant {
    /// All of them, row by row: right in the first, then wrong in the first.
    pub const ALL: [Self; 4] = [Self::Both, Self::OnlyFirst, Self::OnlySecond, Self::Neither];

    /// The one of an item that is right or wrong so.
    pub fn of((first, second): (bool, bool)) -> Self {
        match (first, second) {
            (true, true) => Self::Both,
            (true, false) => Self::OnlyFirst,
            (false, true) => Self::OnlySecond,
            (false, false) => Self::Neither,
        }
    }
}

/// Two columns, item by item.
#[derive(Debug)]
pub struct PairView {
    /// How they go together.
    pub pair: Pair,
    /// Places of the items among the entries of the first run and of the second.
    pub entries: Vec<(usize, usize)>,
    /// The same in the four fields, in the order of [`Quadrant::ALL`], as places in [`PairView::entries`].
    fields: [Vec<usize>; 4],
}

impl RunView {
    /// What is finished of the run in `path`. Reads all of it: not for a window's own thread.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let run = RunDirectory::open(path).map_err(in_engine_words)?;
        let finished = run.finished().map_err(in_engine_words)?;
        Ok(Self::new(path, run.header().clone(), finished.entries))
    }

    /// Of a run with this `header`, of which `entries` are finished. Resamples: not for a window's own thread.
    pub fn new(path: &Path, header: Header, mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(Entry::row);
        let columns = Columns::new(&header, &entries);
        let summary = Summary::new(&columns);
        let tasks = columns.groups(|record| Some(record.task.clone())).into_keys().collect();
        Self { path: path.to_path_buf(), summary, tasks, header, entries }
    }

    /// The item at this place among the entries, if it was asked.
    pub fn record(&self, at: usize) -> Option<&Record> {
        match self.entries.get(at)? {
            Entry::Done(record) => Some(record),
            Entry::Unanswered(_) => None,
        }
    }

    /// Items that could not be asked: their names and why.
    pub fn unanswered(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Unanswered(none) => Some((none.idx.as_str(), none.unanswered.as_str())),
            Entry::Done(_) => None,
        })
    }

    /// Whether every question was asked, or could not be.
    pub fn is_complete(&self) -> bool {
        self.entries.len() >= self.header.data.questions
    }

    /// How the run asks, so that it can be gone on with; `None` if it was made under a protocol that is not known here.
    pub fn plan(&self) -> Option<Plan> {
        let header = &self.header;
        let mut names: Vec<String> = header.conditions.iter().map(|condition| condition.name.clone()).collect();
        // The coalitions of a game are conditions of their own, and named by it.
        let mut games: Vec<&str> =
            header.conditions.iter().filter_map(|one| one.coalition.as_ref()).map(|(game, _)| game.as_str()).collect();
        games.sort_unstable();
        games.dedup();
        names.extend(games.into_iter().map(|game| format!("shapley:{game}")));
        Some(Plan {
            protocol: header.protocol.parse::<Protocol>().ok()?,
            conditions: names.join(","),
            seed: header.seed,
            limit: header.data.limit,
            shards: header.shards,
        })
    }

    /// Columns of the items of `task`, or of all.
    fn columns(&self, task: Option<&str>) -> Columns<'_> {
        let all = Columns::new(&self.header, &self.entries);
        match task {
            Some(task) => all.filtered(|record| record.task == task),
            None => all,
        }
    }
}

impl PairView {
    /// The condition `first` of the run `a` beside the condition `second` of `b`, over the items of `task` or over all.
    /// Resamples: not for a window's own thread.
    ///
    /// # Errors
    /// If the runs are not comparable, or nothing was asked yet.
    pub fn new((a, first): (&RunView, &str), (b, second): (&RunView, &str), task: Option<&str>) -> Result<Self> {
        let pair = Pair::new(&a.columns(task), first, &b.columns(task), second).map_err(in_engine_words)?;
        let places = |run: &RunView| {
            let is_of_task = |record: &Record| task.is_none_or(|task| record.task == task);
            let asked = run.entries.iter().enumerate().filter(|(_, entry)| match entry {
                Entry::Done(record) => is_of_task(record),
                Entry::Unanswered(_) => false,
            });
            asked.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let (ours, theirs) = (places(a), places(b));
        let entries = pair.items.iter().map(|(at, other)| (ours[*at], theirs[*other])).collect();
        let mut fields: [Vec<usize>; 4] = Default::default();
        for (at, right) in pair.right.iter().enumerate() {
            fields[Quadrant::of(*right) as usize].push(at);
        }
        Ok(Self { pair, entries, fields })
    }

    /// Places in [`PairView::entries`] of the items of `quadrant`.
    pub fn of(&self, quadrant: Quadrant) -> &[usize] {
        &self.fields[quadrant as usize]
    }
}
