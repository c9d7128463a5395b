//! The models in memory, the encoders they share, and what is kept between their runs.

use crate::error::{Error, Result};
use crate::generate::Session;
use crate::job::Job;
use crate::model::{EncoderPool, InMemory, Inspection, LoadRequest, Model, PooledEncoder};
use crate::run::ModelId;
use std::collections::HashMap;
use std::sync::Arc;

/// What is said of a model that is not there.
pub(super) fn gone(id: ModelId) -> Error {
    Error::input(format!("model {id} is not loaded, or not any more"), "open its checkpoint first")
}

/// Any number of models.
#[derive(Default)]
pub(super) struct Registry {
    models: HashMap<ModelId, Arc<Model>>,
    pool: EncoderPool,
    session: Session,
}

impl Registry {
    /// A model, and what is kept between runs.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such model.
    pub(super) fn model(&mut self, id: ModelId) -> Result<(&Arc<Model>, &mut Session)> {
        let model = self.models.get(&id).ok_or_else(|| gone(id))?;
        Ok((model, &mut self.session))
    }

    /// Finds out what `request` would load in place of `replaces`.
    pub(super) fn inspect(
        &mut self,
        request: &LoadRequest,
        replaces: Option<ModelId>,
        job: &Job<'_>,
    ) -> Result<Inspection> {
        let freed = replaces.map_or(0, |id| self.session.bytes_of(id));
        let replaces = replaces.and_then(|id| self.models.get(&id)).map(Arc::as_ref);
        Inspection::new(request, &mut InMemory { pool: &mut self.pool, replaces, freed }, job)
    }

    /// Loads `request` as the model `id` in place of `replaces`, which is dropped first but for the encoders the new one
    /// shares with it.
    pub(super) fn load(
        &mut self,
        id: ModelId,
        request: &LoadRequest,
        replaces: Option<ModelId>,
        job: &Job<'_>,
    ) -> Result<Inspection> {
        let kept = replaces.map(|id| self.remove(id)).unwrap_or_default();
        let loaded = Model::load_shared(id, request, &mut self.pool, kept, job);
        if let Some(replaced) = replaces {
            // Only now it is known which encoders have gone.
            self.session.forget(replaced);
        }
        let (model, inspection) = loaded?;
        self.models.insert(id, Arc::new(model));
        Ok(inspection)
    }

    /// Drops the model `id`, with its encoders unless others hold them.
    pub(super) fn unload(&mut self, id: ModelId) {
        drop(self.remove(id));
        self.session.forget(id);
    }

    /// Drops all of the model `id` but its encoders.
    fn remove(&mut self, id: ModelId) -> Vec<Arc<PooledEncoder>> {
        self.session.forget(id);
        let Some(model) = self.models.remove(&id) else { return Vec::new() };
        // Whatever else held it has ended before.
        Arc::into_inner(model).map(|model| model.into_network().encoders).unwrap_or_default()
    }
}
