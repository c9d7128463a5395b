//! The comparison of the two checkpoints: what is looked at, and what is known of it.

use super::{AppState, Crossings, Exchange, ExchangeId, MapPane, MapSource, PaneId, SIDES, Slot, TraceKey};
use opabinia_engine::compare::{Checkpoints, Maps, Module};
use opabinia_engine::job::CancelToken;
use opabinia_engine::run::ModelId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many pairs of traces are kept compared.
const COMPARED: usize = 12;

/// Which part of the comparison is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ComparisonTab {
    /// Both answers.
    #[default]
    Answers,
    /// Where both looked.
    Attention,
    /// What both answers rest on.
    Evidence,
    /// Settings and weights.
    Checkpoints,
}

/// How two traces differ, or why that is not known.
#[derive(Debug, Clone)]
pub enum MapsCompared {
    /// It is being computed.
    Computing,
    /// It is known.
    Ready(Arc<Maps>),
    /// It cannot be: why.
    Failed(String),
}

/// How the files of two checkpoints differ.
#[derive(Debug, Clone)]
pub enum FilesCompared {
    /// They are being read.
    Reading {
        /// Stops that.
        cancel: CancelToken,
        /// How far it is.
        progress: Arc<ReadingProgress>,
    },
    /// It is known: every tensor, and the tree of modules.
    Ready(Arc<Checkpoints>, Arc<Module>),
    /// It cannot be: why.
    Failed(String),
}

/// In which order changed tensors are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum TensorOrder {
    /// ‖B − A‖ ÷ ‖A‖, the largest first.
    #[default]
    Relative,
    /// The largest |B − A|, the largest first.
    Largest,
    /// Cosine between A and B, the smallest first.
    Cosine,
    /// By name.
    Name,
}

impl TensorOrder {
    /// All of them, in the order of columns.
    pub const ALL: [Self; 4] = [Self::Relative, Self::Largest, Self::Cosine, Self::Name];
}

/// Bytes that were read of all there are, told from another thread.
#[derive(Debug, Default)]
pub struct ReadingProgress {
    done: AtomicU64,
    total: AtomicU64,
}

impl ReadingProgress {
    /// Notes how far it is.
    pub fn set(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// How far it is, 0 to 1.
    pub fn part(&self) -> f32 {
        let total = self.total.load(Ordering::Relaxed);
        if total == 0 { 0.0 } else { self.done.load(Ordering::Relaxed) as f32 / total as f32 }
    }
}

/// The comparison of the two checkpoints that are open.
#[derive(Debug)]
pub struct Comparison {
    /// Whether both sides are looked at: their answers beside each other, their maps in one pane.
    pub on: bool,
    /// Whether it begins when the second side has been loaded.
    pub awaited: bool,
    /// What the active pane was made from before that.
    pub before: Option<(PaneId, MapSource)>,
    /// Which part is shown.
    pub tab: ComparisonTab,
    /// In which order changed tensors are listed.
    pub order: TensorOrder,
    /// Where the line of a wipe is, as a part of the map's width: A to the left of it, B to the right.
    pub wipe: f32,
    /// How far from A to B the third model lies that can be asked: λ in A + λ (B − A).
    pub lambda: f64,
    /// What each side makes of the other's answer.
    pub crossed: Crossings,
    maps: Vec<([TraceKey; 2], MapsCompared)>,
    files: Option<([ModelId; 2], FilesCompared)>,
}

impl Default for Comparison {
    fn default() -> Self {
        Self {
            on: false,
            awaited: false,
            before: None,
            tab: ComparisonTab::default(),
            order: TensorOrder::default(),
            wipe: 0.5,
            lambda: 0.5,
            maps: Vec::new(),
            files: None,
            crossed: Crossings::default(),
        }
    }
}

impl Comparison {
    /// What is known of these two traces.
    pub fn maps(&self, keys: &[TraceKey; 2]) -> Option<&MapsCompared> {
        self.maps.iter().find(|(known, _)| known == keys).map(|(_, maps)| maps)
    }

    /// Notes what is known of these two traces.
    pub fn set_maps(&mut self, keys: [TraceKey; 2], maps: MapsCompared) {
        self.maps.retain(|(known, _)| *known != keys);
        if self.maps.len() == COMPARED {
            self.maps.remove(0);
        }
        self.maps.push((keys, maps));
    }

    /// What is known of the files of these two models.
    pub fn files(&self, models: [ModelId; 2]) -> Option<&FilesCompared> {
        self.files.as_ref().filter(|(known, _)| *known == models).map(|(_, files)| files)
    }

    /// Notes what is known of the files of these two models; what was being read of others is stopped.
    pub fn set_files(&mut self, models: [ModelId; 2], files: Option<FilesCompared>) {
        if let Some((_, FilesCompared::Reading { cancel, .. })) = &self.files {
            cancel.cancel();
        }
        self.files = files.map(|files| (models, files));
    }
}

impl AppState {
    /// The names of both models in the engine, if there are two.
    pub fn both_models(&self) -> Option<[ModelId; 2]> {
        Some([self.models.loaded(Slot::A)?.id, self.models.loaded(Slot::B)?.id])
    }

    /// Names of the traces of the picture that is shown, by both models.
    pub fn both_traces(&self) -> Option<[TraceKey; 2]> {
        let conversation = self.conversations.current()?;
        let picture = conversation.picture?;
        let system = conversation.system_about(picture);
        Some(self.both_models()?.map(|model| TraceKey::new(model, picture, system)))
    }

    /// Names of both traces that `pane` shows, where it shows both sides of a comparison.
    pub fn sides_of(&self, pane: &MapPane) -> Option<[TraceKey; 2]> {
        pane.source.look()?;
        let mut runs = pane.source.runs();
        Some([self.run_key(runs.next()?)?, self.run_key(runs.next()?)?])
    }

    /// Both answers to the question that is shown: of the exchanges beside the last one, the newest that each side has
    /// given or is to give.
    pub fn both_answers(&self) -> [Option<(ExchangeId, &Exchange)>; 2] {
        let find = |slot: Slot| {
            let shown = self.conversations.current()?;
            let leaf = shown.leaf?;
            let question = &shown.exchanges.get(leaf)?.question;
            let model = self.models.loaded(slot)?;
            let of_side = |exchange: &Exchange| match exchange.asked {
                Some(asked) if exchange.model.is_empty() => asked == slot,
                // Two sides may be one checkpoint.
                Some(asked) if self.is_one_checkpoint() => asked == slot,
                _ => !exchange.model.is_empty() && model.answered(exchange),
            };
            let known = shown.siblings(leaf).into_iter().rev();
            let mut known = known.filter_map(|at| Some((at, shown.exchanges.get(at)?)));
            known.find(|(_, exchange)| exchange.question == *question && of_side(exchange))
        };
        SIDES.map(find)
    }

    /// The side that gave the answer of `exchange`, where two are open.
    pub fn side_of(&self, exchange: &Exchange) -> Option<Slot> {
        if !self.models.are_two() || exchange.model.is_empty() {
            return None;
        }
        if exchange.asked == Some(Slot::Between) {
            return exchange.asked;
        }
        let gave = |slot: &Slot| self.models.loaded(*slot).is_some_and(|model| model.answered(exchange));
        let mut sides = SIDES.into_iter().filter(gave);
        match (sides.next(), sides.next()) {
            // One checkpoint in both places.
            (Some(_), Some(_)) => exchange.asked,
            (one, _) => one,
        }
    }

    /// Whether both sides are the same checkpoint, kept in the same type.
    pub fn is_one_checkpoint(&self) -> bool {
        match SIDES.map(|slot| self.models.loaded(slot)) {
            [Some(a), Some(b)] => (a.directory(), a.weights()) == (b.directory(), b.weights()),
            _ => false,
        }
    }

    /// Whether the sides may change places: nothing is being opened or closed in either.
    pub fn can_swap_sides(&self) -> bool {
        use super::Purpose;
        let moving = |purpose: &Purpose| matches!(purpose, Purpose::Inspect(_) | Purpose::Load(_) | Purpose::Unload(_));
        self.models.are_two()
            && self.jobs.find(moving).is_none()
            && SIDES.into_iter().all(|slot| self.models.opening(slot).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_of_these_two_and_no_others() {
        let [a, b, c] = std::array::from_fn(|_| ModelId::unique());
        let mut comparison = Comparison::default();
        let cancel = CancelToken::default();
        let reading = FilesCompared::Reading { cancel: cancel.clone(), progress: Arc::default() };
        comparison.set_files([a, b], Some(reading));
        assert!(comparison.files([a, b]).is_some() && comparison.files([a, c]).is_none());
        comparison.set_files([a, c], Some(FilesCompared::Failed("no".into())));
        assert!(cancel.is_cancelled() && comparison.files([a, b]).is_none());
    }
}
