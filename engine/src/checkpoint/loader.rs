//! From stored weights to tensors: shape checks, conversion, NaN checks, progress, and the count of what was used.

use crate::checkpoint::WeightFiles;
use crate::device::Precision;
use crate::error::Result;
use crate::job::Job;
use crate::nn::{LayerNorm, Linear};
use candle_core::{Device, Tensor};

/// Hands out the tensors of one set of [`WeightFiles`], below a key prefix.
///
/// Mirrors a module tree: `loader.pp("layers").pp(3)` sees the keys that start with `layers.3.`. Each tensor is
/// converted on its own, so that never more than one tensor exists twice.
#[derive(Clone)]
pub struct Loader<'a> {
    _files: &'a WeightFiles,
}

impl<'a> Loader<'a> {
    /// A loader over all of `files`, for tensors on `device`.
    pub fn new(files: &'a WeightFiles, _device: Device, _precision: Precision, _job: &'a Job<'a>) -> Self {
        Self { _files: files }
    }

    /// The loader of the submodule `name`.
    #[must_use]
    pub fn pp(&self, _name: impl ToString) -> Self {
        unimplemented!()
    }

    /// Whether the files hold `name` under this prefix.
    pub fn contains(&self, _name: &str) -> bool {
        unimplemented!()
    }

    /// The stored shape of `name` under this prefix, for families whose dimensions follow from their weights.
    pub fn shape(&self, _name: &str) -> Option<&'a [usize]> {
        unimplemented!()
    }

    /// The tensor `name` in the compute type. Its stored shape must be `shape`.
    pub fn tensor(&self, _name: &str, _shape: &[usize]) -> Result<Tensor> {
        unimplemented!()
    }

    /// The tensor `name` in the weight type: for embedding tables.
    pub fn matrix(&self, _name: &str, _shape: &[usize]) -> Result<Tensor> {
        unimplemented!()
    }

    /// `weight` `[output, input]` and, if `bias`, `bias` `[output]` of the submodule `name`.
    pub fn linear(&self, _name: &str, _input: usize, _output: usize, _bias: bool) -> Result<Linear> {
        unimplemented!()
    }

    /// `weight` and `bias` `[dim]` of the layer norm `name`.
    pub fn layer_norm(&self, _name: &str, _dim: usize, _eps: f64) -> Result<LayerNorm> {
        unimplemented!()
    }

    /// Checks that every key was asked for, apart from those `ignored` says yes to.
    pub fn finish(&self, _ignored: impl Fn(&str) -> bool) -> Result<()> {
        unimplemented!()
    }
}
