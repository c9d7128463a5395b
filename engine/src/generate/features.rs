//! Encoder features of the pictures seen last, shared by all models that look through the same encoders.

use crate::model::{EncoderId, Model, PooledEncoder};
use crate::run::{ImageId, ModelId};
use crate::vision::Picture;
use candle_core::Tensor;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// What one encoder made of one image, before the projector of any checkpoint.
struct Entry {
    image: ImageId,
    encoder: Weak<PooledEncoder>,
    id: EncoderId,
    /// `[N_k, D_k]`
    features: Tensor,
}

impl Entry {
    fn bytes(&self) -> u64 {
        (self.features.elem_count() * self.features.dtype().size_in_bytes()) as u64
    }
}

/// Features by (image, encoder), within a budget of bytes.
#[derive(Default)]
pub(super) struct FeatureCache {
    /// The one used last at the end.
    entries: Vec<Entry>,
    /// What each model adds to the budget.
    budgets: BTreeMap<ModelId, u64>,
}

impl FeatureCache {
    /// The features of `image` in `encoder`, if they are there.
    pub(super) fn get(&mut self, image: ImageId, encoder: &PooledEncoder) -> Option<Tensor> {
        let at = self.entries.iter().position(|entry| (entry.image, entry.id) == (image, encoder.id()))?;
        let entry = self.entries.remove(at);
        let features = entry.features.clone();
        self.entries.push(entry);
        Some(features)
    }

    /// Keeps `features`, computed for `model`; those used longest ago go when there are too many.
    pub(super) fn insert(&mut self, model: &Model, image: ImageId, encoder: &Arc<PooledEncoder>, features: &Tensor) {
        self.budgets.insert(model.id(), model.budgets().features);
        self.entries.retain(|entry| (entry.image, entry.id) != (image, encoder.id()));
        let (encoder, id) = (Arc::downgrade(encoder), encoder.id());
        self.entries.push(Entry { image, encoder, id, features: features.clone() });
        let budget: u64 = self.budgets.values().sum();
        let mut total: u64 = self.entries.iter().map(Entry::bytes).sum();
        while total > budget && self.entries.len() > 1 {
            total -= self.entries.remove(0).bytes();
        }
    }

    /// `model` has gone: so have the features of encoders that nobody holds any more.
    pub(super) fn forget(&mut self, model: ModelId) {
        self.budgets.remove(&model);
        self.entries.retain(|entry| entry.encoder.strong_count() > 0);
    }
}

/// The names of pictures, so that each is read only once to find its own.
#[derive(Default)]
pub(super) struct Images(Vec<(Weak<Picture>, ImageId)>);

impl Images {
    /// The name of `picture`.
    pub(super) fn id(&mut self, picture: &Arc<Picture>) -> ImageId {
        let asked = Arc::downgrade(picture);
        // A weak reference keeps the address from being given to another picture.
        if let Some((_, id)) = self.0.iter().find(|(known, _)| known.ptr_eq(&asked)) {
            return *id;
        }
        self.0.retain(|(known, _)| known.strong_count() > 0);
        let id = picture.id();
        self.0.push((asked, id));
        id
    }
}
