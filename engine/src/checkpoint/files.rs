//! Weight files: safetensors and PyTorch pickles, single or sharded, memory-mapped and checked.

use crate::error::Result;
use candle_core::DType;
use std::path::{Path, PathBuf};

/// All tensors of one checkpoint (or of one tower), found but not read.
#[derive(Debug)]
pub struct WeightFiles {}

/// Where one tensor lies and what it is.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// The file it lies in.
    pub file: &'a Path,
    /// Type on disk.
    pub dtype: DType,
    /// Shape on disk.
    pub shape: &'a [usize],
    /// The stored bytes, little-endian, contiguous row-major; exactly `shape · size of dtype` of them.
    pub bytes: &'a [u8],
}

impl WeightFiles {
    /// Opens the weights in `dir`, trying the given base names in order (`model`, `pytorch_model`, …).
    pub fn open(_dir: &Path, _stems: &[&str]) -> Result<Self> {
        unimplemented!()
    }

    /// The tensor called `key`.
    pub fn get(&self, _key: &str) -> Option<TensorView<'_>> {
        unimplemented!()
    }

    /// All keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// The files, in the order they were opened.
    pub fn paths(&self) -> &[PathBuf] {
        unimplemented!()
    }
}
