//! Comparing the two checkpoints that are open.

use crate::window::action::ComparisonAction;
use crate::window::app::{App, Finished};
use crate::window::state::{
    FilesCompared, MapSource, MapsCompared, NoticeKind, Overlay, PictureState, ReadingProgress, RunRef, SIDES, Side,
    Slot, ViewChange,
};
use opabinia_engine::compare::{self, Maps};
use opabinia_engine::job::{CancelToken, Job};
use opabinia_shaders::Cell;
use std::sync::Arc;

impl App {
    pub(super) fn apply_comparison(&mut self, action: ComparisonAction) {
        match action {
            ComparisonAction::Open => {
                if self.state.models.are_two() {
                    self.state.overlay = Overlay::Comparison;
                    self.compare_maps();
                }
            }
            ComparisonAction::Show(tab) => {
                self.state.comparison.tab = tab;
                self.compare_maps();
            }
            ComparisonAction::AskBoth => self.ask_both(),
            ComparisonAction::AskAgain(slot) => self.ask_side_again(slot),
            ComparisonAction::Swap => self.swap_sides(),
            ComparisonAction::CompareFiles => self.compare_files(),
            ComparisonAction::StopFiles => {
                if let Some(models) = self.state.both_models() {
                    self.state.comparison.set_files(models, None);
                }
            }
            ComparisonAction::ShowMaps => self.show_both_maps(),
            ComparisonAction::LookAt { layer, side, row, column } => self.look_at(&layer, side, [row, column]),
        }
    }

    /// Puts the question in the field to both sides, in turn. Nothing is asked of either before its picture has been read.
    fn ask_both(&mut self) {
        if !self.state.models.are_two() {
            return;
        }
        if let Some(picture) = self.state.picture()
            && !matches!(self.state.pictures.get(picture).map(|entry| &entry.state), Some(PictureState::Ready(_)))
        {
            self.read_shown_picture();
            let text = self.texts().comparison.picture_first;
            return self.state.notices.add(NoticeKind::Info, text);
        }
        let sampling = self.state.settings.sampling.clone();
        let shown = self.state.conversations.shown();
        let id = shown.id;
        let Some(first) = shown.ask(sampling.clone()) else { return };
        let Some(second) = shown.repeat(first, sampling) else { return };
        for (at, slot) in [first, second].into_iter().zip(SIDES) {
            if let Some(exchange) = self.exchange_mut(id, at) {
                exchange.asked = Some(slot);
            }
        }
        let answering = if self.state.models.answering() == Slot::B { second } else { first };
        self.state.conversations.shown().show_branch(answering);
        self.submit(id, first);
        self.submit(id, second);
    }

    /// Puts the question that is shown to one side once more.
    fn ask_side_again(&mut self, slot: Slot) {
        let mut sampling = self.state.settings.sampling.clone();
        if sampling.temperature > 0.0 {
            sampling.seed = sampling.seed.wrapping_add(1);
        }
        let shown = self.state.conversations.shown();
        let (id, Some(leaf)) = (shown.id, shown.leaf) else { return };
        let Some(at) = shown.repeat(leaf, sampling) else { return };
        if let Some(exchange) = self.exchange_mut(id, at) {
            exchange.asked = Some(slot);
        }
        self.submit(id, at);
    }

    /// A becomes B and B becomes A.
    fn swap_sides(&mut self) {
        if !self.state.can_swap_sides() {
            return;
        }
        self.state.models.swap();
        let ids: Vec<_> = self.state.conversations.newest_first().map(|conversation| conversation.id).collect();
        for id in ids {
            let Some(conversation) = self.state.conversations.get_mut(id) else { continue };
            for exchange in conversation.exchanges.iter_mut_where(|exchange| exchange.asked.is_some()) {
                exchange.asked = exchange.asked.map(Slot::other);
            }
        }
        self.compare_maps();
    }

    /// Compares the traces of both sides, if both are there and it was not done.
    pub(super) fn compare_maps(&mut self) {
        let Some(keys) = self.state.both_traces() else { return };
        let [Some(a), Some(b)] =
            keys.each_ref().map(|key| self.state.traces.get(key).map(|entry| Arc::clone(&entry.trace)))
        else {
            return;
        };
        if self.state.comparison.maps(&keys).is_some() {
            return;
        }
        self.state.comparison.set_maps(keys.clone(), MapsCompared::Computing);
        let failed = keys.clone();
        let texts = self.texts();
        self.run_beside(
            "comparing maps",
            move |error| Finished::MapsCompared(failed, Err(error)),
            move || Finished::MapsCompared(keys, Maps::of(&a, &b).map_err(|error| texts.engine.error(&error))),
        );
    }

    /// Reads the files of both sides and compares them.
    fn compare_files(&mut self) {
        let (Some(models), [Some(a), Some(b)]) =
            (self.state.both_models(), SIDES.map(|slot| self.state.models.loaded(slot)))
        else {
            return;
        };
        let directories = [a.directory(), b.directory()];
        let (cancel, progress) = (CancelToken::default(), Arc::new(ReadingProgress::default()));
        let reading = FilesCompared::Reading { cancel: cancel.clone(), progress: Arc::clone(&progress) };
        self.state.comparison.set_files(models, Some(reading));
        let ctx = self.ctx.clone();
        let task = move || {
            let [a, b] = directories;
            let sides = [compare::Side::open(&a)?, compare::Side::open(&b)?];
            let job = Job::new(cancel, move |step| {
                progress.set(step.done, step.total);
                ctx.request_repaint();
            });
            compare::checkpoints(&sides, &job)
        };
        let texts = self.texts();
        self.run_beside(
            "comparing weights",
            move |error| Finished::FilesCompared(models, Err(error)),
            move || {
                Finished::FilesCompared(
                    models,
                    task().map_err(|error: opabinia_engine::Error| texts.engine.error(&error)),
                )
            },
        );
    }

    /// Takes in how the files of two models differ, unless that is not wanted any more.
    pub(super) fn files_compared(
        &mut self,
        models: [opabinia_engine::run::ModelId; 2],
        compared: Result<compare::Checkpoints, String>,
    ) {
        if matches!(self.state.comparison.files(models), Some(FilesCompared::Reading { .. })) {
            let files = match compared {
                Ok(checkpoints) => FilesCompared::Ready(Arc::new(checkpoints)),
                Err(error) => FilesCompared::Failed(error),
            };
            self.state.comparison.set_files(models, Some(files));
        }
    }

    /// Opens panes of A, of B and of B − A, all linked; where the difference has a pane already, that one is shown.
    fn show_both_maps(&mut self) {
        let [a, b] = [Side::A, Side::B].map(RunRef::plain);
        let difference = MapSource::Difference(b.clone(), a.clone());
        self.state.overlay = Overlay::None;
        let known = self.state.panes().iter().find(|pane| pane.source == difference).map(|pane| pane.id);
        if let Some(known) = known {
            return self.activate_pane(known);
        }
        for (at, source) in [MapSource::Run(a), MapSource::Run(b), difference].into_iter().enumerate() {
            if at > 0 {
                self.new_pane();
            }
            self.state.view.change(&ViewChange::Source(source));
        }
    }

    /// Shows the maps of one layer with a cell in focus: the one that holds the centre of `cell` on a grid of `side`.
    fn look_at(&mut self, label: &str, side: usize, cell: [usize; 2]) {
        let Some(trace) = self.state.trace().map(|entry| &entry.trace) else { return };
        let Some(layer) = trace.layers.iter().position(|layer| layer.label == label) else { return };
        let own = trace.layers.get(layer).map_or(0, |layer| layer.frame.side);
        let [row, column] = cell.map(|at| u32::try_from((2 * at + 1) * own / (2 * side.max(1))));
        let (Ok(row), Ok(column)) = (row, column) else { return };
        self.state.view.change(&ViewChange::Layers(opabinia_shaders::Indices::one(layer)));
        self.state.view.change(&ViewChange::Select(Some(Cell { row, col: column })));
        self.state.overlay = Overlay::None;
    }
}
