//! A matrix of weights in the form it is kept in.
//!
//! In host memory its numbers are either its own, or lie in bytes that somebody else keeps: a mapped file whose stored
//! type is the kept type is the weight. On an accelerator it is a tensor.

use super::few_rows::Number;
use super::quantised::Quantised;
use crate::error::Result;
use crate::precision::WeightFormat;
use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use half::slice::HalfBitsSliceExt;
use half::{bf16, f16};
use pulp::bytemuck;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that stay where they are for as long as anybody holds them.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Numbers in host memory.
#[derive(Clone)]
pub(super) enum Numbers<T> {
    /// Its own.
    Owned(Arc<Vec<T>>),
    /// In bytes of somebody else, aligned for the type.
    Shared(SharedBytes),
}

impl<T: Plain> Numbers<T> {
    /// `bytes` as numbers of this type, if they begin at an address for them.
    fn shared(bytes: SharedBytes) -> Option<Self> {
        T::cast((*bytes).as_ref()).is_some().then_some(Self::Shared(bytes))
    }

    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::Owned(numbers) => numbers,
            // That it can be cast was checked when it was made.
            Self::Shared(bytes) => T::cast((**bytes).as_ref()).unwrap_or_default(),
        }
    }
}

/// A type of numbers that any bits are one of.
pub(super) trait Plain: Sized + 'static {
    /// `bytes` as numbers in the processor's order of bytes; `None` at an address that is not for them.
    fn cast(bytes: &[u8]) -> Option<&[Self]>;
}

impl Plain for f32 {
    fn cast(bytes: &[u8]) -> Option<&[Self]> {
        bytemuck::try_cast_slice(bytes).ok()
    }
}

impl Plain for bf16 {
    fn cast(bytes: &[u8]) -> Option<&[Self]> {
        Some(bytemuck::try_cast_slice::<u8, u16>(bytes).ok()?.reinterpret_cast())
    }
}

impl Plain for f16 {
    fn cast(bytes: &[u8]) -> Option<&[Self]> {
        Some(bytemuck::try_cast_slice::<u8, u16>(bytes).ok()?.reinterpret_cast())
    }
}

/// Where the numbers are, and what they are.
#[derive(Clone)]
pub(super) enum Values {
    F32(Numbers<f32>),
    Bf16(Numbers<bf16>),
    F16(Numbers<f16>),
    Quantised(Arc<Quantised>),
    /// On an accelerator, `[output, input]`.
    Tensor(Tensor),
    /// Nowhere: of a model that is only surveyed.
    Absent,
}

/// A matrix of weights `[output, input]`, as PyTorch stores it. Clones share its memory.
#[derive(Clone)]
pub struct Weight {
    output: usize,
    input: usize,
    pub(super) values: Values,
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = self.format().map_or("nothing", WeightFormat::name);
        write!(f, "Weight([{}, {}], {format})", self.output, self.input)
    }
}

impl Weight {
    /// f32 numbers of its own. A count other than `output · input` is an error.
    pub fn of_f32(numbers: Vec<f32>, output: usize, input: usize) -> Result<Self> {
        check_count(numbers.len(), output, input)?;
        Ok(Self { output, input, values: Values::F32(Numbers::Owned(Arc::new(numbers))) })
    }

    /// The same in bf16.
    pub fn of_bf16(numbers: Vec<bf16>, output: usize, input: usize) -> Result<Self> {
        check_count(numbers.len(), output, input)?;
        Ok(Self { output, input, values: Values::Bf16(Numbers::Owned(Arc::new(numbers))) })
    }

    /// The same in f16.
    pub fn of_f16(numbers: Vec<f16>, output: usize, input: usize) -> Result<Self> {
        check_count(numbers.len(), output, input)?;
        Ok(Self { output, input, values: Values::F16(Numbers::Owned(Arc::new(numbers))) })
    }

    /// Numbers of the type `format` that lie in `bytes`, little-endian; `None` where they cannot be used as they lie
    /// there: quantised ones, a wrong count, an address that is not aligned, a processor of another byte order.
    pub fn shared(format: WeightFormat, bytes: SharedBytes, output: usize, input: usize) -> Option<Self> {
        if cfg!(target_endian = "big") || (*bytes).as_ref().len() as u64 != format.bytes(output, input) {
            return None;
        }
        let values = match format {
            WeightFormat::F32 => Values::F32(Numbers::shared(bytes)?),
            WeightFormat::Bf16 => Values::Bf16(Numbers::shared(bytes)?),
            WeightFormat::F16 => Values::F16(Numbers::shared(bytes)?),
            _ => return None,
        };
        Some(Self { output, input, values })
    }

    /// A quantised matrix.
    pub fn quantised(quantised: Arc<Quantised>) -> Self {
        let (output, input) = quantised.dims();
        Self { output, input, values: Values::Quantised(quantised) }
    }

    /// The numbers of `tensor` `[output, input]`: copied from host memory, left where they are on an accelerator.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let (output, input) = tensor.dims2()?;
        if !tensor.device().is_cpu() {
            return Ok(Self { output, input, values: Values::Tensor(tensor.clone()) });
        }
        match tensor.dtype() {
            DType::F32 => Self::of_f32(tensor.flatten_all()?.to_vec1::<f32>()?, output, input),
            DType::BF16 => Self::of_bf16(tensor.flatten_all()?.to_vec1::<bf16>()?, output, input),
            DType::F16 => Self::of_f16(tensor.flatten_all()?.to_vec1::<f16>()?, output, input),
            other => Err(candle_core::Error::UnsupportedDTypeForOp(other, "weight").into()),
        }
    }

    /// A matrix that is nowhere, of a model that is only surveyed: its shape is all there is.
    pub fn absent(output: usize, input: usize) -> Self {
        Self { output, input, values: Values::Absent }
    }

    /// Rows: the width of what a product with it gives.
    pub fn output(&self) -> usize {
        self.output
    }

    /// Columns: the width of what a product with it takes.
    pub fn input(&self) -> usize {
        self.input
    }

    /// The form it is kept in; `None` of one that is nowhere, or on an accelerator in a type that is no such form.
    pub fn format(&self) -> Option<WeightFormat> {
        match &self.values {
            Values::F32(_) => Some(WeightFormat::F32),
            Values::Bf16(_) => Some(WeightFormat::Bf16),
            Values::F16(_) => Some(WeightFormat::F16),
            Values::Quantised(quantised) => Some(quantised.format()),
            Values::Tensor(tensor) => {
                WeightFormat::ALL.into_iter().find(|format| format.dtype() == Some(tensor.dtype()))
            }
            Values::Absent => None,
        }
    }

    /// Rows `rows` in f32: `[rows, input]`. Nothing of a matrix that is not in host memory.
    pub(super) fn widened(&self, rows: Range<usize>) -> Vec<f32> {
        let mut out = vec![0f32; rows.len() * self.input];
        let range = rows.start * self.input..rows.end * self.input;
        match &self.values {
            Values::F32(w) => f32::widen_all(&w.as_slice()[range], &mut out),
            Values::Bf16(w) => bf16::widen_all(&w.as_slice()[range], &mut out),
            Values::F16(w) => f16::widen_all(&w.as_slice()[range], &mut out),
            Values::Quantised(w) => w.widen(rows, &mut out),
            Values::Tensor(_) | Values::Absent => {}
        }
        out
    }

    /// The rows `ids`, as an embedding table gives them: `[ids, input]` as `compute`.
    ///
    /// # Errors
    /// For an id that is no row.
    pub fn rows(&self, ids: &[u32], compute: DType) -> Result<Tensor> {
        if let Values::Tensor(tensor) = &self.values {
            let index = Tensor::new(ids, tensor.device())?;
            return Ok(tensor.index_select(&index, 0)?.to_dtype(compute)?);
        }
        let mut out = Vec::with_capacity(ids.len() * self.input);
        for &id in ids {
            let id = id as usize;
            if id >= self.output {
                return Err(candle_core::Error::Msg(format!("id {id} in a table of {} rows", self.output)).into());
            }
            out.extend(self.widened(id..id + 1));
        }
        Ok(Tensor::from_vec(out, (ids.len(), self.input), &Device::Cpu)?.to_dtype(compute)?)
    }
}

fn check_count(count: usize, output: usize, input: usize) -> Result<()> {
    if output.checked_mul(input) == Some(count) {
        return Ok(());
    }
    Err(candle_core::Error::Msg(format!("{count} numbers do not make a matrix [{output}, {input}]")).into())
}

/// The numbers of a contiguous tensor in host memory and a function of them.
pub(crate) fn with_host_values<R>(x: &Tensor, run: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => Ok(run(&values[start..end])),
        _ => Err(candle_core::Error::Msg("expected f32 numbers in host memory".into()).into()),
    }
}
