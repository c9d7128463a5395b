//! The decoder's state: a key/value cache and what it stands for.

use super::Watch;
use crate::error::Result;
use crate::llm::KvCache;
use crate::model::{Model, VisualTokens};
use crate::text::IMAGE_ID;
use candle_core::Tensor;

/// The positions of one prompt and its answer, ready to be continued.
pub(super) struct DecoderState {
    cache: KvCache,
    /// Ids whose positions the cache holds, in order.
    ids: Vec<i64>,
    /// What stands at [`IMAGE_ID`].
    image: Option<VisualTokens>,
}

impl DecoderState {
    /// Nothing decoded yet, about `image` or about none.
    pub(super) fn new(model: &Model, image: Option<VisualTokens>) -> Result<Self> {
        Ok(Self { cache: model.empty_cache()?, ids: Vec::new(), image })
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.cache.bytes() + self.image.as_ref().map_or(0, VisualTokens::bytes)
    }

    /// How many of the first `ids` it holds.
    pub(super) fn shares(&self, ids: &[i64]) -> usize {
        ids.iter().zip(&self.ids).take_while(|(a, b)| a == b).count()
    }

    /// How many of the first `ids` it holds before any image: these positions are the same whatever the image.
    pub(super) fn shares_before_image(&self, ids: &[i64]) -> usize {
        ids.iter().zip(&self.ids).take_while(|(a, b)| a == b && **a != IMAGE_ID).count()
    }

    /// Positions that the first `count` ids take.
    fn positions(&self, count: usize) -> usize {
        let image = self.image.as_ref().map_or(0, VisualTokens::len);
        self.ids.iter().take(count).map(|&id| if id == IMAGE_ID { image } else { 1 }).sum()
    }

    /// A state of its own that holds the first `count` ids.
    pub(super) fn copy(&self, count: usize) -> Result<Self> {
        let cache = self.cache.prefix(self.positions(count))?;
        Ok(Self { cache, ids: self.ids.iter().take(count).copied().collect(), image: self.image.clone() })
    }

    /// Takes over the first `count` positions of `other`, which come before any image; nothing must be decoded yet.
    pub(super) fn begin_with(&mut self, other: &Self, count: usize) -> Result<()> {
        self.cache = other.cache.prefix(count)?;
        self.ids = other.ids.iter().take(count).copied().collect();
        Ok(())
    }

    /// Forgets what does not begin `ids`, and says how many positions are left. At least the last `fresh` of them are
    /// left to run: their logits are wanted.
    pub(super) fn rewind(&mut self, ids: &[i64], fresh: usize) -> usize {
        let shared = self.shares(ids).min(ids.len().saturating_sub(fresh));
        self.ids.truncate(shared);
        let positions = self.positions(shared);
        self.cache.truncate(positions);
        positions
    }

    /// Runs what [`DecoderState::rewind`] left of `ids`, with room for `positions` in all; returns the last logits.
    pub(super) fn prefill(
        &mut self,
        model: &Model,
        ids: &[i64],
        positions: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor> {
        self.cache.reserve(positions)?;
        let rest = &ids[self.ids.len()..];
        let logits = model.prefill(rest, self.image.as_ref(), &mut self.cache, watch.job, watch.observer)?;
        self.ids.extend_from_slice(rest);
        Ok(logits)
    }

    /// The same, but returns the hidden states of the last `count` positions, `[count, H]`.
    pub(super) fn prefill_hidden(
        &mut self,
        model: &Model,
        ids: &[i64],
        positions: usize,
        count: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor> {
        self.cache.reserve(positions)?;
        let rest = &ids[self.ids.len()..];
        let hidden = model.run(rest, self.image.as_ref(), &mut self.cache, watch.job, watch.observer)?;
        self.ids.extend_from_slice(rest);
        let n = hidden.dims()[0];
        Ok(hidden.narrow(0, n - count, count)?)
    }

    /// Runs the last of `ids`, which take `positions`, in front of the observer, and those before it that are not held.
    /// What is held stays if it goes on from `ids`; otherwise only `ids` are held afterwards, as for a question.
    pub(super) fn revisit(
        &mut self,
        model: &Model,
        ids: &[i64],
        positions: usize,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        if self.ids.starts_with(ids) {
            // Another view of the same memory. The last position's keys and values are written over with themselves.
            let mut cache = self.cache.clone();
            cache.truncate(positions - 1);
            let last = &ids[ids.len() - 1..];
            model.prefill(last, None, &mut cache, watch.job, watch.observer)?;
        } else {
            self.rewind(ids, 1);
            self.prefill(model, ids, positions, watch)?;
        }
        Ok(())
    }

    /// Runs `ids`, the next of an answer; returns the logits after each, `[n, V]`.
    pub(super) fn extend(&mut self, model: &Model, ids: &[u32], watch: &mut Watch<'_>) -> Result<Tensor> {
        let logits = model.decode(ids, &mut self.cache, watch.job, watch.observer)?;
        self.ids.extend(ids.iter().map(|&id| i64::from(id)));
        Ok(logits)
    }

    /// Positions it holds.
    pub(super) fn len(&self) -> usize {
        self.cache.len()
    }
}
