//! What every format of weight files tells about a tensor: its type, its shape and where it lies.

use crate::precision::WeightFormat;
use std::fmt;

/// Type of the numbers of a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StoredType {
    /// 64-bit floating point.
    F64,
    /// 32-bit floating point.
    F32,
    /// IEEE 16-bit floating point.
    F16,
    /// 16-bit floating point with the exponent of f32.
    BF16,
    /// Anything a weight cannot be, by name: counters and index buffers.
    Other(&'static str),
}

impl StoredType {
    /// Bytes of one number; `None` for types that are never read.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::F64 => Some(8),
            Self::F32 => Some(4),
            Self::F16 | Self::BF16 => Some(2),
            Self::Other(_) => None,
        }
    }

    /// Whether numbers of this type are what `format` keeps.
    pub fn is(self, format: WeightFormat) -> bool {
        matches!(
            (self, format),
            (Self::F32, WeightFormat::F32) | (Self::BF16, WeightFormat::Bf16) | (Self::F16, WeightFormat::F16)
        )
    }
}

impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Other(name) => name,
        })
    }
}

/// Where a tensor lies in its file. `start .. start + len` is inside the file, and `len` fits the shape.
#[derive(Debug, Clone)]
pub(super) struct Located {
    pub(super) dtype: StoredType,
    pub(super) shape: Vec<usize>,
    pub(super) start: usize,
    pub(super) len: usize,
}
