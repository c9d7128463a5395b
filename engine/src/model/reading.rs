//! Reads one encoder for the pool.

use super::pool::{EncoderKey, ReadEncoder, descriptions};
use crate::checkpoint::cache::{AskedFeatures, Conversions};
use crate::checkpoint::{Caches, EncoderFiles, EncoderSpec, Loader, MappedWeights, WeightFiles};
use crate::error::Result;
use crate::job::{Job, Meter, Stage};
use crate::precision::Precision;
use crate::vision::Encoder;
use candle_core::Device;
use std::rc::Rc;

/// What reading an encoder takes.
pub(super) struct EncoderReading<'a> {
    pub(super) spec: &'a EncoderSpec,
    /// `mm_vision_select_layer`.
    pub(super) select_layer: i64,
    pub(super) files: &'a EncoderFiles,
    /// Files that its weights go toward, and how far.
    pub(super) toward: Option<(&'a WeightFiles, f64)>,
    pub(super) precision: Precision,
    pub(super) device: &'a Device,
    /// What is kept on disk, where it may be used.
    pub(super) caches: Option<&'a Caches>,
    /// Bytes its weights take in memory.
    pub(super) bytes: u64,
    /// Whether its weights leave memory when it has looked at a picture.
    pub(super) leaves: bool,
}

impl EncoderReading<'_> {
    /// Reads the encoder that is called `key` in the pool, and what was begun to be kept of its weights.
    ///
    /// One that leaves memory has to lie in files: quantised weights that were not kept on disk yet are written there first, and then
    /// taken from there.
    ///
    /// # Errors
    /// As [`super::Model::load`].
    pub(super) fn read<'a>(
        &'a self,
        key: &EncoderKey,
        meter: &Rc<Meter<'a>>,
        job: &Job<'_>,
    ) -> Result<(ReadEncoder, Option<Rc<Conversions>>)> {
        let conversions = self.conversions();
        let first = self.once(conversions.clone(), Rc::clone(meter))?;
        let (encoder, mapped) = match &conversions {
            Some(writing) if self.leaves && writing.written(job)? => {
                drop(first);
                let job = job.silent();
                self.once(self.conversions(), Rc::new(Meter::new(&job, Stage::Load, self.bytes)))?
            }
            _ => first,
        };
        if self.leaves {
            mapped.release();
        }
        let features = self.caches.and_then(|caches| {
            let described = &descriptions(self.files, self.spec.family);
            let (files, how, bytes) = (&self.files.weights, key.how(), self.bytes);
            caches.features.features(&AskedFeatures { files, described, how, bytes })
        });
        let leave = self.leaves.then_some(mapped);
        Ok((ReadEncoder { encoder, bytes: self.bytes, leave, kept: features }, conversions))
    }

    fn conversions(&self) -> Option<Rc<Conversions>> {
        let weights = &self.caches?.weights;
        weights.conversions(&self.files.weights, self.precision.weights, self.bytes).map(Rc::new)
    }

    /// The encoder, and those of its weights that lie in files.
    fn once<'a>(
        &'a self,
        conversions: Option<Rc<Conversions>>,
        meter: Rc<Meter<'a>>,
    ) -> Result<(Encoder, MappedWeights)> {
        let loader = Loader::metered(&self.files.weights, self.device.clone(), self.precision, meter);
        let loader = loader.converting(conversions).toward(self.toward);
        let encoder = Encoder::new(self.spec, self.select_layer, &self.files.dir, &loader)?;
        Ok((encoder, loader.into_mapped()))
    }
}
