//! Questions of a set asked of a model: the set, the run, what is looked at of it.

use super::AppState;
use crate::evaluation::{Pace, PairView, Quadrant, RunView};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::job::CancelToken;
use opabinia_engine::vision::Picture;
use opabinia_eval::correlate::{Correlation, Groups};
use opabinia_eval::data::{Item, QuestionSet};
use opabinia_eval::score::Protocol;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that is found out beside the window.
#[derive(Debug, Clone, Default)]
pub enum Known<T> {
    /// Nobody has asked for it.
    #[default]
    Nothing,
    /// It is on its way.
    Coming,
    /// It is here.
    Ready(T),
    /// It cannot be had: why.
    Failed(String),
}

impl<T> Known<T> {
    /// What is here.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(found) => Some(found),
            _ => None,
        }
    }

    /// Whether it is on its way.
    pub fn is_coming(&self) -> bool {
        matches!(self, Self::Coming)
    }
}

/// A set that was opened.
#[derive(Debug)]
pub struct OpenSet {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub set: Arc<QuestionSet>,
    /// No more rows than these were read.
    pub limit: Option<usize>,
    by_idx: HashMap<String, usize>,
}

impl OpenSet {
    /// `set`, which was read from `path`.
    pub fn new(path: PathBuf, limit: Option<usize>, set: QuestionSet) -> Self {
        let by_idx = set.items.iter().enumerate().map(|(at, item)| (item.idx.clone(), at)).collect();
        Self { path, set: Arc::new(set), limit, by_idx }
    }

    /// The question called `idx`.
    pub fn item(&self, idx: &str) -> Option<&Item> {
        self.set.items.get(*self.by_idx.get(idx)?)
    }
}

/// A table of benchmarks that was read.
#[derive(Debug)]
pub struct Benchmarks {
    /// What it says.
    pub correlation: Correlation,
    /// What benchmarks are coloured by, if by anything.
    pub groups: Option<Groups>,
}

/// What the figure of benchmarks is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FigureFile {
    /// Pixels.
    Png,
    /// Vector graphics.
    Svg,
    /// The correlations as comma-separated values.
    Csv,
}

impl FigureFile {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 3] = [Self::Png, Self::Svg, Self::Csv];

    /// How the names of such files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Csv => "csv",
        }
    }
}

/// What is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvaluationForm {
    /// Where the set is.
    pub set: String,
    /// Where the run is or will be.
    pub run: String,
    /// Where a run is that it is compared with.
    pub other: String,
    /// Under which conditions questions are asked; empty for the usual ones.
    pub conditions: String,
    /// How they are asked; `None` for what fits the model.
    pub protocol: Option<Protocol>,
    /// No more rows than these; empty for all.
    pub limit: String,
    /// Where a table of benchmarks is.
    pub table: String,
    /// Where a table of their groups is.
    pub groups: String,
}

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluationField {
    /// The set.
    Set,
    /// The run.
    Run,
    /// The run it is compared with.
    Other,
    /// Conditions.
    Conditions,
    /// Rows at most.
    Limit,
    /// A table of benchmarks.
    Table,
    /// A table of their groups.
    Groups,
}

impl EvaluationForm {
    /// What is typed in `field`.
    pub fn text(&self, field: EvaluationField) -> &str {
        match field {
            EvaluationField::Set => &self.set,
            EvaluationField::Run => &self.run,
            EvaluationField::Other => &self.other,
            EvaluationField::Conditions => &self.conditions,
            EvaluationField::Limit => &self.limit,
            EvaluationField::Table => &self.table,
            EvaluationField::Groups => &self.groups,
        }
    }

    /// Types `text` into `field`.
    pub fn set_text(&mut self, field: EvaluationField, text: String) {
        let place = match field {
            EvaluationField::Set => &mut self.set,
            EvaluationField::Run => &mut self.run,
            EvaluationField::Other => &mut self.other,
            EvaluationField::Conditions => &mut self.conditions,
            EvaluationField::Limit => &mut self.limit,
            EvaluationField::Table => &mut self.table,
            EvaluationField::Groups => &mut self.groups,
        };
        *place = text;
    }
}

/// A run that is being worked on, told from another thread.
#[derive(Debug, Default)]
pub struct Told {
    pace: Mutex<Option<Pace>>,
    view: Mutex<Option<Arc<RunView>>>,
    /// Whether it is to stop after the picture in hand.
    stop: AtomicBool,
}

impl Told {
    /// Notes how far it is.
    pub fn set_pace(&self, pace: Pace) {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = Some(pace);
    }

    /// How far it is; `None` before it has begun.
    pub fn pace(&self) -> Option<Pace> {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what is finished by now.
    pub fn set_view(&self, view: Arc<RunView>) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Some(view);
    }

    /// What is finished by now, if that is news.
    pub fn take_view(&self) -> Option<Arc<RunView>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks it to stop after the picture in hand.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Work on a run.
#[derive(Debug)]
pub struct Working {
    /// Names it: what others end is not this one.
    pub number: u64,
    /// Stops it at once.
    pub cancel: CancelToken,
    /// How far it is.
    pub told: Arc<Told>,
}

/// How work on a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everything is asked.
    Complete,
    /// It was stopped; what is finished is kept.
    Paused,
    /// It could not go on: why.
    Failed(String),
}

/// A column: a condition of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Pick {
    /// Whether it is of the run that is compared with.
    pub of_other: bool,
    /// The condition.
    pub condition: String,
}

/// Which part of the panel is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EvaluationTab {
    /// A set and a run of it.
    #[default]
    Run,
    /// A table of benchmarks.
    Benchmarks,
}

/// What is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvaluationView {
    /// Which part is shown.
    pub tab: EvaluationTab,
    /// The two columns that are beside each other.
    pub picks: [Pick; 2],
    /// The task whose items are listed; `None` for all.
    pub task: Option<String>,
    /// Which of them; `None` for all.
    pub quadrant: Option<Quadrant>,
    /// The item that is looked at, by its name.
    pub item: Option<String>,
}

/// A picture of a set, as the window attaches it.
#[derive(Debug)]
pub enum ItemPicture {
    /// It has a file of its own.
    File(PathBuf),
    /// It lies in a table.
    Pixels(Arc<Picture>),
}

/// An item as the conversation asks it under a condition.
#[derive(Debug)]
pub struct ItemToAsk {
    /// What is asked.
    pub question: String,
    /// The picture that is shown, if any.
    pub picture: Option<ItemPicture>,
    /// The picture whose features are swapped in, where that is the condition.
    pub other: Option<ItemPicture>,
    /// What is done to the pass on purpose.
    pub interventions: Interventions,
}

/// What a pair of columns is of.
#[derive(Debug, Clone)]
pub struct PairOf {
    /// The runs.
    pub runs: [Arc<RunView>; 2],
    /// Their conditions.
    pub conditions: [String; 2],
    /// The task, or all.
    pub task: Option<String>,
}

impl PartialEq for PairOf {
    fn eq(&self, other: &Self) -> bool {
        let same = |at: usize| Arc::ptr_eq(&self.runs[at], &other.runs[at]);
        same(0) && same(1) && self.conditions == other.conditions && self.task == other.task
    }
}

/// Everything about sets, runs and benchmarks.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// What is typed.
    pub form: EvaluationForm,
    /// The set.
    pub set: Known<Arc<OpenSet>>,
    /// The run.
    pub run: Known<Arc<RunView>>,
    /// The run that it is compared with.
    pub other: Known<Arc<RunView>>,
    /// Work on the run.
    pub working: Option<Working>,
    /// How the last work on it ended.
    pub ended: Option<Ended>,
    /// What is looked at.
    pub view: EvaluationView,
    /// The two columns beside each other, as far as they are known.
    pub pair: Option<(PairOf, Known<Arc<PairView>>)>,
    /// Whether columns are being put beside each other.
    pub pairing: bool,
    /// What is done to the item that is being asked, until it was asked under that, too.
    pub under: Option<Interventions>,
    /// The picture of the item that is looked at, by the item's name.
    pub picture: Option<(String, Known<Arc<Picture>>)>,
    /// A table of benchmarks.
    pub benchmarks: Known<Arc<Benchmarks>>,
    /// How often work was begun.
    pub begun: u64,
}

impl Evaluation {
    /// The run of `pick`.
    pub fn run_of(&self, pick: &Pick) -> Option<&Arc<RunView>> {
        if pick.of_other { self.other.ready() } else { self.run.ready() }
    }

    /// The pair that is looked at, if both columns are there.
    pub fn wanted_pair(&self) -> Option<PairOf> {
        let [first, second] = &self.view.picks;
        let has = |pick: &Pick| {
            let run = self.run_of(pick)?;
            run.header.conditions.iter().any(|one| one.name == pick.condition).then(|| Arc::clone(run))
        };
        let runs = [has(first)?, has(second)?];
        let conditions = [first.condition.clone(), second.condition.clone()];
        Some(PairOf { runs, conditions, task: self.view.task.clone() })
    }

    /// The pair that is looked at, once it is known. While a run goes on, that of a moment ago.
    pub fn shown_pair(&self) -> Option<(&PairOf, &Arc<PairView>)> {
        let (of, known) = self.pair.as_ref()?;
        Some((of, known.ready()?))
    }

    /// Makes the picks such that there are columns of these names: the first two of the run, or the first of each run.
    pub fn settle_picks(&mut self) {
        let name = |run: &Known<Arc<RunView>>, at: usize| {
            run.ready().and_then(|run| run.header.conditions.get(at)).map(|one| one.name.clone())
        };
        let is_there = |pick: &Pick| {
            let run = self.run_of(pick);
            run.is_some_and(|run| run.header.conditions.iter().any(|one| one.name == pick.condition))
        };
        if self.view.picks.iter().all(is_there) && self.view.picks[0] != self.view.picks[1] {
            return;
        }
        let Some(first) = name(&self.run, 0) else { return };
        let second = match (name(&self.run, 1), name(&self.other, 0)) {
            (Some(second), None) => Pick { of_other: false, condition: second },
            (_, Some(second)) => Pick { of_other: true, condition: second },
            (None, None) => Pick { of_other: false, condition: first.clone() },
        };
        self.view.picks = [Pick { of_other: false, condition: first }, second];
    }
}

impl AppState {
    /// Whether the model that answers is the one that the run shown was made with.
    pub fn answers_as_in_run(&self) -> Option<bool> {
        let run = self.evaluation.run.ready()?;
        let model = self.models.current()?;
        let name = if model.is_demo() { crate::demo::NAME.to_owned() } else { model.name() };
        Some(run.header.model.name == name)
    }
}
