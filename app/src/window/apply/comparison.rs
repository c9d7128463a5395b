//! Comparing the two checkpoints that are open.

use crate::window::action::{ComparisonAction, ModelAction};
use crate::window::app::{App, Finished};
use crate::window::state::{
    FilesCompared, MapPane, MapSource, MapsCompared, NoticeKind, Overlay, PictureState, ReadingProgress, RunRef, SIDES,
    Side, SidesLook, Slot, TraceKey, ViewChange,
};
use opabinia_engine::compare::{self, Maps};
use opabinia_engine::job::{CancelToken, Job};
use opabinia_shaders::Cell;
use std::sync::Arc;

impl App {
    pub(super) fn apply_comparison(&mut self, action: ComparisonAction) {
        match action {
            ComparisonAction::Toggle if self.state.comparison.on => self.leave_comparison(),
            ComparisonAction::Toggle => self.enter_comparison(),
            ComparisonAction::Show(tab) => {
                self.state.comparison.tab = tab;
                self.state.layout.show_comparison();
                self.compare_maps();
            }
            ComparisonAction::LookAtOne(slot) => {
                self.leave_comparison();
                self.state.models.set_answering(slot);
            }
            ComparisonAction::Promote => {
                if self.state.can_swap_sides() {
                    self.swap_sides();
                    self.apply_model(ModelAction::Unload(Slot::B));
                }
            }
            ComparisonAction::Cross => self.cross(),
            ComparisonAction::MeasureBoth => self.measure_both(),
            ComparisonAction::AskBoth => self.ask_both(),
            ComparisonAction::AskAgain(slot) => self.ask_side_again(slot),
            ComparisonAction::SetLambda(part) => self.state.comparison.lambda = part,
            ComparisonAction::AskBetween => self.ask_between(),
            ComparisonAction::ShowBetween => self.show_between(),
            ComparisonAction::Swap => self.swap_sides(),
            ComparisonAction::CompareFiles => self.compare_files(),
            ComparisonAction::OrderTensors(order) => self.state.comparison.order = order,
            ComparisonAction::StopFiles => {
                if let Some(models) = self.state.both_models() {
                    self.state.comparison.set_files(models, None);
                }
            }
            ComparisonAction::ShowMaps => self.show_both_maps(),
            ComparisonAction::Look(look) => self.look_at_sides(look),
            ComparisonAction::Wipe(part) => self.state.comparison.wipe = part.clamp(0.0, 1.0),
            ComparisonAction::LookAt { layers, side, row, column } => self.look_at(&layers, side, [row, column]),
        }
    }

    /// Looks at both sides: their maps in the active pane, their answers beside each other.
    pub(super) fn enter_comparison(&mut self) {
        if !self.state.models.are_two() || self.state.comparison.on {
            return;
        }
        let (id, source) = (self.state.pane().id, self.state.pane().source.clone());
        let alone = source.look().is_none();
        self.state.comparison.before = Some((id, source));
        if alone {
            self.change_view(&ViewChange::Source(MapSource::sides(SidesLook::default())));
        }
        self.state.comparison.on = true;
        self.state.layout.hold_comparison();
        self.state.layout.show(id);
        self.compare_maps();
        self.cross_if_quick();
    }

    /// Looks at one side again: everything is where it was before.
    pub(super) fn leave_comparison(&mut self) {
        if !std::mem::take(&mut self.state.comparison.on) {
            return;
        }
        self.state.layout.close_comparison();
        let Some((id, source)) = self.state.comparison.before.take() else { return };
        if self.state.panes().get(id).is_some_and(|pane| pane.source.look().is_some()) {
            let active = self.state.pane().id;
            self.state.view.activate(id);
            self.state.change_view(&ViewChange::Source(source));
            self.state.view.activate(active);
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
        self.drop_between();
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

    /// Compares the traces of both sides, and of what panes show of two, where they are there and it was not done.
    pub(in crate::window) fn compare_maps(&mut self) {
        let in_panes = self.state.panes().iter().filter_map(|pane| self.state.sides_of(pane));
        let wanted: Vec<_> = in_panes.chain(self.state.both_traces().filter(|_| self.state.comparison.on)).collect();
        for keys in wanted {
            self.compare_traces(keys);
        }
    }

    fn compare_traces(&mut self, keys: [TraceKey; 2]) {
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
                let compared = task().map(|checkpoints| {
                    let modules = checkpoints.modules();
                    (checkpoints, modules)
                });
                let words = |error: opabinia_engine::Error| texts.engine.error(&error);
                Finished::FilesCompared(models, compared.map_err(words))
            },
        );
    }

    /// Takes in how the files of two models differ, unless that is not wanted any more.
    pub(super) fn files_compared(
        &mut self,
        models: [opabinia_engine::run::ModelId; 2],
        compared: Result<(compare::Checkpoints, compare::Module), String>,
    ) {
        if matches!(self.state.comparison.files(models), Some(FilesCompared::Reading { .. })) {
            let files = match compared {
                Ok((checkpoints, modules)) => FilesCompared::Ready(Arc::new(checkpoints), Arc::new(modules)),
                Err(error) => FilesCompared::Failed(error),
            };
            self.state.comparison.set_files(models, Some(files));
        }
    }

    /// Shows both sides in the active pane, looked at like this.
    pub(super) fn look_at_sides(&mut self, look: SidesLook) {
        if !self.state.models.are_two() && self.state.pane().source.look().is_none() {
            return;
        }
        let source = self.state.pane().source.looked_at(look).unwrap_or_else(|| MapSource::sides(look));
        self.state.overlay = Overlay::None;
        self.change_view(&ViewChange::Source(source));
    }

    /// Opens panes of A, of B and of B − A, all linked; where the difference has a pane already, that one is shown.
    fn show_both_maps(&mut self) {
        let [a, b] = [Side::A, Side::B].map(RunRef::plain);
        let difference = MapSource::sides(SidesLook::Difference);
        self.state.overlay = Overlay::None;
        let known = self.state.panes().iter().find(|pane| pane.source == difference).map(|pane| pane.id);
        if let Some(known) = known {
            return self.activate_pane(known);
        }
        for (at, source) in [MapSource::Run(a), MapSource::Run(b), difference].into_iter().enumerate() {
            if at > 0 {
                self.new_pane();
            }
            self.state.change_view(&ViewChange::Source(source));
        }
    }

    /// Shows the maps of one layer with a cell in focus: the one that holds the centre of `cell` on a grid of `side`. In the pane
    /// of both sides, if there is one.
    fn look_at(&mut self, labels: &[String; 2], side: usize, cell: [usize; 2]) {
        let of_both = |pane: &&MapPane| pane.source.look().is_some();
        let active = Some(self.state.pane()).filter(of_both);
        if let Some(id) = active.or_else(|| self.state.panes().iter().find(of_both)).map(|pane| pane.id) {
            self.activate_pane(id);
        }
        let pane = self.state.pane();
        let of_b = pane.source.runs().next().is_some_and(|run| match run.side {
            Side::B => true,
            Side::A | Side::Between => false,
            Side::Answering => self.state.models.answering() == Slot::B,
        });
        let id = pane.id;
        let Some(trace) = self.state.trace().map(|entry| &entry.trace) else { return };
        let label = &labels[usize::from(of_b)];
        let Some(layer) = trace.layers.iter().position(|layer| layer.label == *label) else { return };
        let own = trace.layers.get(layer).map_or(0, |layer| layer.frame.side);
        let [row, column] = cell.map(|at| u32::try_from((2 * at + 1) * own / (2 * side.max(1))));
        let (Ok(row), Ok(column)) = (row, column) else { return };
        self.state.change_view(&ViewChange::Layers(opabinia_shaders::Indices::one(layer)));
        self.state.change_view(&ViewChange::Select(Some(Cell { row, col: column })));
        self.state.layout.show(id);
    }
}
