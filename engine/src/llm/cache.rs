//! Keys and values of every position so far, preallocated so that a token costs no copy of the past.

use crate::advice::Advice;
use crate::checkpoint::{DecoderConfig, memory};
use crate::error::{Error, Result};
use candle_core::{DType, Device, Tensor};

/// Positions by which a cache grows: about one long answer.
const GROWTH: usize = 512;

/// The key/value cache of one conversation.
#[derive(Debug, Clone)]
pub struct KvCache {
    /// Keys and values of each layer, `[kv heads, capacity, head width]`.
    layers: Vec<(Tensor, Tensor)>,
    length: usize,
    capacity: usize,
}

impl KvCache {
    /// An empty cache with room for `positions`.
    pub fn new(config: &DecoderConfig, positions: usize, dtype: DType, device: &Device) -> Result<Self> {
        let shape = (config.kv_heads, positions, config.head_dim);
        let layers = (0..config.layers)
            .map(|_| Ok((Tensor::zeros(shape, dtype, device)?, Tensor::zeros(shape, dtype, device)?)))
            .collect::<Result<_>>()?;
        Ok(Self { layers, length: 0, capacity: positions })
    }

    /// Positions stored.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes it takes, room for more positions included.
    pub fn bytes(&self) -> u64 {
        let tensors = self.layers.iter().flat_map(|(keys, values)| [keys, values]);
        tensors.map(|tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64).sum()
    }

    /// A cache of its own with the first `length` positions, and room for no more.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is none.
    pub fn prefix(&self, length: usize) -> Result<Self> {
        let length = length.min(self.length);
        self.check_room(length)?;
        let copy = |stored: &Tensor| {
            let part = stored.narrow(1, 0, length)?;
            if part.is_contiguous() { part.copy() } else { part.contiguous() }
        };
        let layers =
            self.layers.iter().map(|(keys, values)| Ok((copy(keys)?, copy(values)?))).collect::<Result<_>>()?;
        Ok(Self { layers, length, capacity: length })
    }

    /// Forgets every position from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Makes room for `positions` in all, keeping what is stored.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is none.
    pub fn reserve(&mut self, positions: usize) -> Result<()> {
        if positions <= self.capacity {
            return Ok(());
        }
        let capacity = positions.next_multiple_of(GROWTH);
        self.check_room(capacity)?;
        for (keys, values) in &mut self.layers {
            for stored in [keys, values] {
                let (heads, _, width) = stored.dims3()?;
                let grown = Tensor::zeros((heads, capacity, width), stored.dtype(), stored.device())?;
                if self.length > 0 {
                    grown.slice_set(&stored.narrow(1, 0, self.length)?.contiguous()?, 1, 0)?;
                }
                *stored = grown;
            }
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Checks that the memory for `capacity` positions is there: an allocation that fails would end the program.
    fn check_room(&self, capacity: usize) -> Result<()> {
        let Some((keys, _)) = self.layers.first() else { return Ok(()) };
        let (heads, _, width) = keys.dims3()?;
        let numbers = [2, self.layers.len(), heads, width, capacity].into_iter().fold(1, usize::saturating_mul);
        let bytes = numbers.saturating_mul(keys.dtype().size_in_bytes()) as u64;
        match memory::available(keys.device()) {
            Some(available) if bytes > available => Err(Error::OutOfMemory {
                what: format!(
                    "keys and values of {capacity} positions take {}, and {} are available",
                    memory::Bytes(bytes),
                    memory::Bytes(available)
                ),
                help: Advice::FewerTokens,
            }),
            _ => Ok(()),
        }
    }

    /// Stores `keys` and `values` `[kv heads, n, head width]` of the positions after the stored ones in `layer`, and
    /// returns those of all positions. Those that are tracked for gradients are not stored. The length changes only with [`KvCache::advance`], after the last layer.
    pub(super) fn append(&mut self, layer: usize, keys: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let n = keys.dims()[1];
        let (all_keys, all_values) = &self.layers[layer];
        if keys.track_op() || values.track_op() {
            let joined = |stored: &Tensor, new: &Tensor| -> Result<Tensor> {
                if self.length == 0 {
                    return Ok(new.contiguous()?);
                }
                Ok(Tensor::cat(&[&stored.narrow(1, 0, self.length)?.contiguous()?, &new.contiguous()?], 1)?)
            };
            return Ok((joined(all_keys, keys)?, joined(all_values, values)?));
        }
        all_keys.slice_set(&keys.contiguous()?, 1, self.length)?;
        all_values.slice_set(&values.contiguous()?, 1, self.length)?;
        let length = self.length + n;
        Ok((all_keys.narrow(1, 0, length)?, all_values.narrow(1, 0, length)?))
    }

    /// Counts `n` positions that every layer has appended.
    pub(super) fn advance(&mut self, n: usize) {
        self.length += n;
    }
}
