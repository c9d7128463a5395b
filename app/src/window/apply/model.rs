//! Opening checkpoints.

use crate::demo;
use crate::window::action::ModelAction;
use crate::window::app::{App, Finished};
use crate::window::state::{ModelPhase, Opening, Purpose};
use opabinia_engine::checkpoint::TowerOverride;
use opabinia_engine::model::{Inspection, LoadRequest};
use opabinia_engine::worker::{Command, Slot};
use std::path::PathBuf;

impl App {
    pub(super) fn apply_model(&mut self, action: ModelAction) {
        match action {
            ModelAction::Inspect(slot, source) => self.inspect_source(slot, &source),
            ModelAction::Pick(slot) => self.pick_model(slot),
            ModelAction::Reconsider(slot) => {
                if let Some(request) = self.state.models.loaded(slot).map(|model| model.request.clone()) {
                    self.inspect(slot, request);
                }
            }
            ModelAction::SetSourceDraft(text) => self.state.drafts.source = text,
            ModelAction::SetTowerDraft(name, text) => {
                self.state.drafts.towers.insert(name, text);
            }
            ModelAction::SetTower(slot, tower) => self.change_request(slot, |request| {
                request.towers.retain(|known| known.name != tower.name);
                request.towers.push(tower);
            }),
            ModelAction::PickTower(slot, name) => self.pick_tower(slot, name),
            ModelAction::SetDevice(slot, device) => self.change_request(slot, |request| request.device = device),
            ModelAction::SetDtype(slot, dtype) => self.change_request(slot, |request| request.dtype = dtype),
            ModelAction::Load(slot) => self.load(slot),
            ModelAction::Cancel(slot) => {
                let job = self
                    .state
                    .jobs
                    .find(|purpose| matches!(purpose, Purpose::Inspect(at) | Purpose::Load(at) if *at == slot));
                if let Some(job) = job.map(|(job, _)| job) {
                    self.cancel(job);
                }
            }
            ModelAction::Dismiss(slot) => {
                self.state.models.set_opening(slot, None);
                self.state.drafts.towers.clear();
            }
            ModelAction::Unload(slot) => {
                let job = self.engine.submit(Command::Unload(slot));
                self.state.jobs.begin(job, Purpose::Unload(slot));
                if slot == Slot::A {
                    self.state.settings.last_model = None;
                }
            }
        }
    }

    /// Finds out what `source` is; the demo checkpoint's files are put in their place first.
    pub(super) fn inspect_source(&mut self, slot: Slot, source: &str) {
        if source == demo::NAME {
            self.run_beside(
                "demo",
                move |error| Finished::Demo(slot, Err(error)),
                move || Finished::Demo(slot, demo::checkpoint().map_err(|error| error.to_string())),
            );
            return;
        }
        let request = self.state.settings.request(source);
        self.inspect(slot, request);
    }

    /// Finds out what `request` would load; the person then decides.
    fn inspect(&mut self, slot: Slot, request: LoadRequest) {
        self.apply_model(ModelAction::Cancel(slot));
        let job = self.engine.submit(Command::Inspect(request.clone()));
        self.state.jobs.begin(job, Purpose::Inspect(slot));
        self.state.models.set_opening(slot, Some(Opening { request, phase: ModelPhase::Inspecting }));
    }

    /// Opens `source` without asking, if it can be loaded as it is: what the command line named.
    pub(in crate::window) fn open_at_once(&mut self, slot: Slot, source: &str) {
        self.load_after_inspection = true;
        self.inspect_source(slot, source);
    }

    /// Takes in what an inspection found.
    pub(super) fn inspected(&mut self, slot: Slot, inspection: Box<Inspection>) {
        let Some(opening) = self.state.models.opening_mut(slot) else { return };
        let loadable = inspection.check().is_ok();
        opening.phase = ModelPhase::Inspected(inspection);
        if std::mem::take(&mut self.load_after_inspection) && loadable {
            self.load(slot);
        }
    }

    fn load(&mut self, slot: Slot) {
        let Some(opening) = self.state.models.opening_mut(slot) else { return };
        let ModelPhase::Inspected(inspection) = &opening.phase else { return };
        if inspection.check().is_err() {
            return;
        }
        opening.phase = ModelPhase::Loading(inspection.clone());
        let request = opening.request.clone();
        if slot == Slot::A {
            self.state.settings.last_model = None;
        }
        // The engine drops what the slot holds before it reads the new weights, so that both need not fit.
        self.state.models.clear(slot);
        let job = self.engine.submit(Command::Load(slot, request));
        self.state.jobs.begin(job, Purpose::Load(slot));
    }

    /// Changes what is asked for and looks again.
    fn change_request(&mut self, slot: Slot, change: impl FnOnce(&mut LoadRequest)) {
        let Some(opening) = self.state.models.opening_mut(slot) else { return };
        let mut request = opening.request.clone();
        change(&mut request);
        self.inspect(slot, request);
    }

    pub(super) fn set_tower(&mut self, slot: Slot, name: String, directory: PathBuf) {
        let tower = TowerOverride { name, dir: directory };
        self.apply_model(ModelAction::SetTower(slot, tower));
    }

    pub(super) fn pick_model(&mut self, slot: Slot) {
        let title = self.texts().opening.open_folder;
        self.run_beside(
            "folder dialog",
            move |_| Finished::ModelFolder(slot, None),
            move || Finished::ModelFolder(slot, rfd::FileDialog::new().set_title(title).pick_folder()),
        );
    }

    fn pick_tower(&mut self, slot: Slot, name: String) {
        let title = format!("{} {name}", self.texts().opening.pick_folder);
        let failed = name.clone();
        self.run_beside(
            "folder dialog",
            move |_| Finished::TowerFolder(slot, failed, None),
            move || Finished::TowerFolder(slot, name, rfd::FileDialog::new().set_title(title).pick_folder()),
        );
    }
}
