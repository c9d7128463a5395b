//! Opening checkpoints.

use crate::demo;
use crate::window::action::ModelAction;
use crate::window::app::{App, Finished};
use crate::window::state::{Model, ModelPhase, Opening, Purpose, Slot};
use opabinia_engine::checkpoint::EncoderOverride;
use opabinia_engine::model::{Inspection, LoadRequest};
use opabinia_engine::run::ModelId;
use opabinia_engine::worker::{Command, JobId};
use std::path::PathBuf;

impl App {
    pub(super) fn apply_model(&mut self, action: ModelAction) {
        match action {
            ModelAction::Inspect(slot, source) => self.inspect_source(slot, &source, false),
            ModelAction::Pick(slot) => self.pick_model(slot),
            ModelAction::Reconsider(slot) => {
                if let Some(request) = self.state.models.loaded(slot).map(|model| model.request.clone()) {
                    self.inspect(slot, request, false);
                }
            }
            ModelAction::SetSourceDraft(text) => self.state.drafts.source = text,
            ModelAction::SetPathDraft(text) => self.state.drafts.path = Some(text),
            ModelAction::SetEncoderDraft(name, text) => {
                self.state.drafts.encoders.insert(name, text);
            }
            ModelAction::SetEncoder(slot, encoder) => self.change_request(slot, |request| {
                request.encoders.retain(|known| known.name != encoder.name);
                request.encoders.push(encoder);
            }),
            ModelAction::PickEncoder(slot, name) => self.pick_encoder(slot, name),
            ModelAction::SetDevice(slot, device) => self.change_request(slot, |request| request.device = device),
            ModelAction::SetWeights(slot, weights) => self.change_request(slot, |request| request.weights = weights),
            ModelAction::Load(slot) => self.load(slot),
            ModelAction::Cancel(slot) => {
                let opens =
                    |purpose: &Purpose| matches!(purpose, Purpose::Inspect(at) | Purpose::Load(at) if *at == slot);
                let jobs = self.state.jobs.iter().filter(|(_, running)| opens(&running.purpose));
                let jobs: Vec<_> = jobs.map(|(job, _)| job).collect();
                jobs.into_iter().for_each(|job| self.cancel(job));
            }
            ModelAction::Dismiss(slot) => {
                self.state.models.set_opening(slot, None);
                self.state.drafts.encoders.clear();
                self.state.drafts.path = None;
            }
            ModelAction::LookUp(slot, repo) => self.look_up(slot, repo, false),
            ModelAction::Download => self.download(),
            ModelAction::PauseDownload => self.pause_download(),
            ModelAction::CloseDownload => self.close_download(),
            ModelAction::Call(slot, name) => {
                if let Some(which) = self.state.models.loaded(slot).map(Model::which) {
                    self.state.settings.call(which, &name);
                }
            }
            ModelAction::Answer(slot) => self.state.models.set_answering(slot),
            ModelAction::Unload(slot) => {
                let Some(model) = self.state.models.loaded(slot) else { return };
                let job = self.engine.submit(Command::Unload(model.id));
                self.state.jobs.begin(job, Purpose::Unload(slot));
                if slot == Slot::A {
                    self.state.settings.last_model = None;
                }
                if slot != Slot::Between {
                    self.drop_between();
                }
            }
        }
    }

    /// Finds out what `source` is, and loads it `at_once` if it can be loaded as it is: what the command line or the
    /// session named. The demo checkpoint's files are put in their place first.
    pub(super) fn inspect_source(&mut self, slot: Slot, source: &str, at_once: bool) {
        if source == demo::NAME {
            let texts = self.texts();
            self.run_beside(
                "demo",
                move |error| Finished::Demo(slot, at_once, Err(error)),
                move || Finished::Demo(slot, at_once, demo::checkpoint().map_err(|error| texts.engine.error(&error))),
            );
            return;
        }
        let request = self.state.settings.request(source);
        self.inspect(slot, request, at_once);
    }

    /// Finds out what `request` would load; unless it is loaded `at_once`, the person then decides.
    pub(super) fn inspect(&mut self, slot: Slot, request: LoadRequest, at_once: bool) {
        self.apply_model(ModelAction::Cancel(slot));
        self.state.drafts.path = None;
        let replaces = self.state.models.in_engine(slot);
        let job = self.engine.submit(Command::Inspect { request: request.clone(), replaces });
        self.state.jobs.begin(job, Purpose::Inspect(slot));
        let opening = Opening { request, phase: ModelPhase::Inspecting, job, at_once };
        self.state.models.set_opening(slot, Some(opening));
    }

    /// Takes in what the inspection `job` found.
    pub(super) fn inspected(&mut self, slot: Slot, job: JobId, inspection: Box<Inspection>) {
        let Some(opening) = self.state.models.opening_mut(slot).filter(|opening| opening.job == job) else { return };
        let check = inspection.check();
        let loads = opening.at_once && check.is_ok();
        opening.phase = ModelPhase::Inspected(inspection);
        match check {
            _ if loads => self.load(slot),
            Err(error) if slot == Slot::Between => self.between_refused(Some(&error)),
            _ => {}
        }
    }

    fn load(&mut self, slot: Slot) {
        let empty = self.state.models.loaded(slot).is_none();
        let Some(opening) = self.state.models.opening_mut(slot) else { return };
        let ModelPhase::Inspected(inspection) = &opening.phase else { return };
        if inspection.check().is_err() {
            return;
        }
        let request = opening.request.clone();
        if slot == Slot::B {
            // Who opens a second side wants to see both; who opens another one in its place has chosen how to look.
            self.state.comparison.awaited = empty;
        }
        let (model, settled) = (ModelId::unique(), inspection.with_chosen_formats(&request));
        let phase = ModelPhase::Loading(inspection.clone());
        let replaces = self.state.models.in_engine(slot);
        let job = self.engine.submit(Command::Load { model, request: settled, replaces });
        if let Some(opening) = self.state.models.opening_mut(slot) {
            (opening.phase, opening.job) = (phase, job);
        }
        self.state.models.set_loading(slot, job, model, request);
        self.state.jobs.begin(job, Purpose::Load(slot));
    }

    /// The engine has begun to load a model into `slot`. It drops what the slot held before it reads the new weights, so
    /// that both need not fit.
    pub(super) fn load_begun(&mut self, slot: Slot) {
        if slot == Slot::A {
            self.state.settings.last_model = None;
        }
        if slot != Slot::Between {
            self.drop_between();
        }
        self.state.models.clear(slot);
    }

    /// Changes what is asked for and looks again.
    fn change_request(&mut self, slot: Slot, change: impl FnOnce(&mut LoadRequest)) {
        let Some(opening) = self.state.models.opening_mut(slot) else { return };
        let mut request = opening.request.clone();
        change(&mut request);
        self.inspect(slot, request, false);
    }

    pub(super) fn set_encoder(&mut self, slot: Slot, name: String, directory: PathBuf) {
        let encoder = EncoderOverride { name, dir: directory };
        self.apply_model(ModelAction::SetEncoder(slot, encoder));
    }
}
