//! Checkpoints: what is being opened, and what is in memory.

use super::{Exchange, Slot};
use opabinia_engine::Error;
use opabinia_engine::model::{Inspection, LoadRequest, name_between};
use opabinia_engine::run::ModelId;
use opabinia_engine::worker::{JobId, Loaded};

use std::collections::BTreeMap;

/// What is typed on the page on which checkpoints are opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpeningDrafts {
    /// The checkpoint to open: a directory or a repository id.
    pub source: String,
    /// Another checkpoint in place of the one that is being opened; `None` until something is typed.
    pub path: Option<String>,
    /// Directories of encoders, by the encoder's name.
    pub encoders: BTreeMap<String, String>,
}

/// A checkpoint that is being opened.
#[derive(Debug)]
pub struct Opening {
    /// What was asked for.
    pub request: LoadRequest,
    /// How far it is.
    pub phase: ModelPhase,
    /// The job that brings it on; what others find out is about an earlier request.
    pub job: JobId,
    /// Whether it is loaded without asking, if it can be loaded as it is.
    pub at_once: bool,
}

/// How far the opening of a checkpoint is.
#[derive(Debug)]
pub enum ModelPhase {
    /// It is being looked at.
    Inspecting,
    /// It cannot be opened at all: why.
    Refused(Error),
    /// What it is and needs is known; the person decides.
    Inspected(Box<Inspection>),
    /// Its weights are being read.
    Loading(Box<Inspection>),
}

/// A checkpoint in memory.
#[derive(Debug)]
pub struct Model {
    /// How it was asked for.
    pub request: LoadRequest,
    /// What it is.
    pub inspection: Box<Inspection>,
    /// Short names of its encoders, in key order.
    pub encoder_names: Vec<String>,
    /// What the engine calls it: what was computed with an earlier model is not shown for this one.
    pub id: ModelId,
}

impl Model {
    /// Whether it is the one that is part of the program.
    pub fn is_demo(&self) -> bool {
        crate::demo::is_at(&self.inspection.directory)
    }

    /// What people call it.
    pub fn name(&self) -> String {
        self.inspection.name.clone()
    }

    /// Where it is, as an exchange notes it; of what lies between two checkpoints, where both are.
    pub fn directory(&self) -> String {
        let directory = self.inspection.directory.display().to_string();
        match &self.request.toward {
            Some(toward) => name_between(&directory, &toward.source, toward.part),
            None => directory,
        }
    }

    /// The type in which its weights are kept, as an exchange notes it.
    pub fn weights(&self) -> &'static str {
        self.inspection.precision.weights.name()
    }

    /// Whether it gave the answer of `exchange`.
    pub fn answered(&self, exchange: &Exchange) -> bool {
        let there = match exchange.directory.as_str() {
            "" => exchange.model == self.name(),
            directory => directory == self.directory(),
        };
        // Other numbers come from the same weights in another type.
        there && ["", self.weights()].contains(&exchange.weights.as_str())
    }
}

/// One of the places for a checkpoint.
#[derive(Debug, Default)]
struct Place {
    opening: Option<Opening>,
    /// What the engine was last asked to load, until it has.
    loading: Option<(JobId, ModelId, LoadRequest)>,
    model: Option<Model>,
}

/// The places for checkpoints.
#[derive(Debug, Default)]
pub struct Models {
    a: Place,
    b: Place,
    between: Place,
    /// Whether B was chosen to answer.
    b_answers: bool,
}

impl Models {
    fn place(&self, slot: Slot) -> &Place {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
            Slot::Between => &self.between,
        }
    }

    fn place_mut(&mut self, slot: Slot) -> &mut Place {
        match slot {
            Slot::A => &mut self.a,
            Slot::B => &mut self.b,
            Slot::Between => &mut self.between,
        }
    }

    /// The model in `slot`.
    pub fn loaded(&self, slot: Slot) -> Option<&Model> {
        self.place(slot).model.as_ref()
    }

    /// The slot of the model that answers and whose maps are shown: the one that was chosen, if it holds a model, or else
    /// the other.
    pub fn answering(&self) -> Slot {
        match (&self.a.model, &self.b.model) {
            (Some(_), Some(_)) if self.b_answers => Slot::B,
            (None, Some(_)) => Slot::B,
            _ => Slot::A,
        }
    }

    /// Chooses the slot whose model answers.
    pub fn set_answering(&mut self, slot: Slot) {
        self.b_answers = slot == Slot::B;
    }

    /// A becomes B and B becomes A; who answers is the same model as before.
    pub fn swap(&mut self) {
        let answering = self.answering();
        std::mem::swap(&mut self.a, &mut self.b);
        self.set_answering(answering.other());
    }

    /// Whether there are two models to choose from.
    pub fn are_two(&self) -> bool {
        self.a.model.is_some() && self.b.model.is_some()
    }

    /// The model that answers and whose maps are shown.
    pub fn current(&self) -> Option<&Model> {
        self.loaded(self.answering())
    }

    /// What the engine has, or may soon have, in the place of `slot`: what the next model there replaces.
    pub fn in_engine(&self, slot: Slot) -> Option<ModelId> {
        let place = self.place(slot);
        let loading = place.loading.as_ref().map(|(_, id, _)| *id);
        place.model.as_ref().map(|model| model.id).or(loading)
    }

    /// The model of this name, if it is still there.
    pub fn named(&self, id: ModelId) -> Option<&Model> {
        let models = [Slot::A, Slot::B, Slot::Between].into_iter().filter_map(|slot| self.loaded(slot));
        models.into_iter().find(|model| model.id == id)
    }

    /// What is being opened in `slot`.
    pub fn opening(&self, slot: Slot) -> Option<&Opening> {
        self.place(slot).opening.as_ref()
    }

    /// What is being opened in `slot`, to be changed.
    pub fn opening_mut(&mut self, slot: Slot) -> Option<&mut Opening> {
        self.place_mut(slot).opening.as_mut()
    }

    /// Begins or ends an opening.
    pub fn set_opening(&mut self, slot: Slot, opening: Option<Opening>) {
        self.place_mut(slot).opening = opening;
    }

    /// The engine has let go of what was in `slot`.
    pub fn clear(&mut self, slot: Slot) {
        self.place_mut(slot).model = None;
    }

    /// The engine was asked by `job` to load `request` as the model `id` of `slot`.
    pub fn set_loading(&mut self, slot: Slot, job: JobId, id: ModelId, request: LoadRequest) {
        self.place_mut(slot).loading = Some((job, id, request));
    }

    /// Puts the model that `job` has loaded into `slot`, and gives how it was asked for. Its opening ends, unless another
    /// has begun since.
    pub fn set_loaded(&mut self, slot: Slot, job: JobId, loaded: Loaded) -> Option<LoadRequest> {
        let Loaded { model: id, inspection } = loaded;
        let place = self.place_mut(slot);
        let (_, _, request) = place.loading.take_if(|(loading, ..)| *loading == job)?;
        place.opening.take_if(|opening| opening.job == job);
        let names: Vec<&str> = inspection.config.towers.iter().map(|encoder| encoder.name.as_str()).collect();
        let encoder_names = crate::encoder_names::short(&names);
        let model = Model { request: request.clone(), inspection: Box::new(inspection), encoder_names, id };
        self.place_mut(slot).model = Some(model);
        Some(request)
    }
}
