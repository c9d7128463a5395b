//! From stored weights to tensors: shape checks, conversion, NaN checks, progress, and the count of what was used.
//!
//! A [`Loader`] works in one of two modes. **Reading** hands out real tensors and fails at the first thing that is
//! wrong. **Surveying** hands out zeros that occupy no memory, reads nothing, and collects everything that is wrong in
//! a [`Survey`]. The model is built by the same constructors either way, so there is one definition of what it needs:
//! inspection and the check before loading run it over a survey.

use super::convert::{Element, convert};
use super::files::{TensorView, WeightFiles, is_derived};
use super::stored::StoredType;
use crate::advice::Advice;
use crate::device::Precision;
use crate::error::{Error, Refusal, Result};
use crate::job::{Job, Meter, Stage};
use crate::nn::{LayerNorm, Linear, RmsNorm};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

/// Numbers converted between two looks at the cancel token, and released from memory together.
const CHUNK: usize = 4 << 20;

/// How many unknown keys a refusal names.
const NAMED: usize = 8;

/// Hands out the tensors of one set of [`WeightFiles`], below a key prefix.
///
/// Mirrors a module tree: `loader.pp("layers").pp(3)` sees the keys that start with `layers.3.`. Each tensor is
/// converted on its own, chunk by chunk straight from the mapped file, so that never more than one chunk exists twice.
/// Clones share the count of what was used.
#[derive(Clone)]
pub struct Loader<'a> {
    shared: Rc<Shared<'a>>,
    prefix: String,
}

struct Shared<'a> {
    files: &'a WeightFiles,
    precision: Precision,
    mode: Mode<'a>,
    used: RefCell<HashSet<String>>,
}

enum Mode<'a> {
    Read { device: Device, meter: Rc<Meter<'a>> },
    Survey(RefCell<Survey>),
}

/// What a set of weight files holds, compared with what a model asks for.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Numbers in tensors kept in the weight type.
    pub matrix_elements: u64,
    /// Numbers in tensors kept in the compute type.
    pub small_elements: u64,
    /// Every key that was asked for, with the shape it must have.
    pub asked: BTreeMap<String, Vec<usize>>,
    /// Weights that are missing or stored with another shape or type, in the order they were asked for.
    pub faults: Vec<Refusal>,
    /// Weights nobody asked for, sorted by key within each set of files.
    pub unknown: Vec<UnknownWeight>,
}

/// A stored weight that nothing in the model asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWeight {
    /// The file it lies in.
    pub file: PathBuf,
    /// Its key there.
    pub key: String,
}

impl Survey {
    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        self.matrix_elements.saturating_add(self.small_elements)
    }

    /// Bytes the weights occupy in memory when kept in `precision`.
    pub fn bytes(&self, precision: Precision) -> u64 {
        let size = |dtype: DType| dtype.size_in_bytes() as u64;
        let matrices = self.matrix_elements.saturating_mul(size(precision.weights));
        matrices.saturating_add(self.small_elements.saturating_mul(size(precision.compute)))
    }

    /// Adds what another set of files holds.
    pub fn merge(&mut self, other: Self) {
        self.matrix_elements = self.matrix_elements.saturating_add(other.matrix_elements);
        self.small_elements = self.small_elements.saturating_add(other.small_elements);
        self.asked.extend(other.asked);
        self.faults.extend(other.faults);
        self.unknown.extend(other.unknown);
    }

    /// Turns the first fault, or the unknown keys, into an error.
    ///
    /// # Errors
    /// A refusal, if anything is missing, wrong or unknown.
    pub fn check(&self) -> Result<()> {
        if let Some((first, rest)) = self.faults.split_first() {
            let more = rest
                .iter()
                .take(NAMED)
                .map(|fault| format!("{}: {}", fault.key.as_deref().unwrap_or_default(), fault.problem));
            let mut refusal = more.fold(first.clone(), Refusal::detail);
            if rest.len() > NAMED {
                refusal = refusal.detail(format!("and {} more", rest.len() - NAMED));
            }
            return Err(refusal.into());
        }
        match refuse_unknown(&self.unknown) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }
}

/// The refusal of weights nobody asked for.
fn refuse_unknown(unknown: &[UnknownWeight]) -> Option<Refusal> {
    let (first, rest) = unknown.split_first()?;
    for (part, problem, help) in TELLTALES {
        if let Some(weight) = unknown.iter().find(|weight| weight.key.contains(part)) {
            let count = unknown.iter().filter(|weight| weight.key.contains(part)).count();
            let refusal = Refusal::new(&weight.file, *problem).key(&weight.key).help(help());
            return Some(refusal.found(format!("{count} such weights")));
        }
    }
    let problem = match rest.len() {
        0 => "this weight has no place in the model its config.json describes".to_owned(),
        1 => "this weight and another have no place in the model its config.json describes".to_owned(),
        n => format!("this weight and {n} others have no place in the model its config.json describes"),
    };
    let refusal = Refusal::new(&first.file, problem)
        .key(&first.key)
        .help("config.json and the weights do not belong together: download both from the same place");
    let place = |weight: &UnknownWeight| format!("{}: `{}`", weight.file.display(), weight.key);
    Some(rest.iter().take(NAMED).map(place).fold(refusal, Refusal::detail))
}

/// A part of a weight's name, the problem, and what to do.
type Telltale = (&'static str, &'static str, fn() -> Advice);

/// What a weight that has no place tells by its name of how the checkpoint was made, and what to do about it: a part of
/// the name, the problem, the help.
const TELLTALES: &[Telltale] = &[
    ("vision_tower", "is a weight of a vision encoder: a fine-tune with its encoders inside", || {
        Advice::SeparateEncoders
    }),
    (".lora_", "is a weight of an adapter (LoRA) that was not merged", || {
        "merge it into the model (peft: merge_and_unload, then save_pretrained) and give the result".into()
    }),
    (".qweight", QUANTISED, || UNQUANTISED.into()),
    (".absmax", QUANTISED, || UNQUANTISED.into()),
    (".SCB", QUANTISED, || UNQUANTISED.into()),
    (".weight_scale", QUANTISED, || UNQUANTISED.into()),
];

const QUANTISED: &str = "belongs to a quantised copy, which is not supported";
const UNQUANTISED: &str = "use the checkpoint as it was released";

impl<'a> Loader<'a> {
    /// A loader that reads `files` into tensors on `device` and reports its own progress to `job`.
    pub fn new(files: &'a WeightFiles, device: Device, precision: Precision, job: &'a Job<'a>) -> Self {
        let floats = files.elements_by_type().into_iter().filter(|(dtype, _)| dtype.size().is_some());
        let total: u64 = floats.map(|(_, count)| count).sum();
        let meter = Meter::new(job, Stage::Load, total * precision.weights.size_in_bytes() as u64);
        Self::metered(files, device, precision, Rc::new(meter))
    }

    /// A loader that shares its progress, in bytes in memory, with others: one per tower and one for the checkpoint.
    pub fn metered(files: &'a WeightFiles, device: Device, precision: Precision, meter: Rc<Meter<'a>>) -> Self {
        Self::with_mode(files, precision, Mode::Read { device, meter })
    }

    /// A loader that reads nothing and collects a [`Survey`]: see [`Loader::into_survey`].
    pub fn survey(files: &'a WeightFiles, precision: Precision) -> Self {
        Self::with_mode(files, precision, Mode::Survey(RefCell::default()))
    }

    fn with_mode(files: &'a WeightFiles, precision: Precision, mode: Mode<'a>) -> Self {
        let shared = Shared { files, precision, mode, used: RefCell::default() };
        Self { shared: Rc::new(shared), prefix: String::new() }
    }

    /// The loader of the submodule `name`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "names are literals and numbers")]
    pub fn pp(&self, name: impl ToString) -> Self {
        Self { shared: self.shared.clone(), prefix: format!("{}{}.", self.prefix, name.to_string()) }
    }

    /// Whether this loader reads nothing and hands out zeros.
    pub fn is_survey(&self) -> bool {
        matches!(self.shared.mode, Mode::Survey(_))
    }

    /// The device the tensors are on.
    pub fn device(&self) -> &Device {
        match &self.shared.mode {
            Mode::Read { device, .. } => device,
            Mode::Survey(_) => &Device::Cpu,
        }
    }

    /// In which types the tensors are.
    pub fn precision(&self) -> Precision {
        self.shared.precision
    }

    /// Whether the files hold `name` under this prefix.
    pub fn contains(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// The stored shape of `name` under this prefix, for families whose dimensions follow from their weights.
    pub fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.shared.files.get(&self.key(name)).map(|view| view.shape)
    }

    /// The full key of `name` under this prefix.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A refusal that names these files and the key `name`, for dimensions a family cannot make sense of.
    pub fn refusal(&self, name: &str, problem: impl Into<String>) -> Refusal {
        let key = self.key(name);
        let found = self.shared.files.get(&key);
        let file = found.map_or(self.shared.files.origin(), |view| view.file);
        let found = found.map_or("nothing".into(), |view| format!("{} of shape {:?}", view.dtype, view.shape));
        Refusal::new(file, problem)
            .key(key)
            .found(found)
            .help("check that these weights belong to the configuration beside them: download both from the same place")
    }

    /// The tensor `name` in the compute type. Its stored shape must be `shape`.
    ///
    /// # Errors
    /// When reading: a refusal if the weight is missing, has another shape, is no floating-point tensor or holds NaN
    /// or infinity; [`Error::Cancelled`]. When surveying, none of these.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.load(name, shape, self.shared.precision.compute, |survey| &mut survey.small_elements)
    }

    /// The tensor `name` in the weight type: for embedding tables. Errors as [`Loader::tensor`].
    pub fn matrix(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.load(name, shape, self.shared.precision.weights, |survey| &mut survey.matrix_elements)
    }

    /// `weight` `[output, input]` and, if `bias`, `bias` `[output]` of the submodule `name`.
    /// Errors as [`Loader::tensor`].
    pub fn linear(&self, name: &str, input: usize, output: usize, bias: bool) -> Result<Linear> {
        let module = self.pp(name);
        let weight = module.matrix("weight", &[output, input])?;
        let bias = if bias { Some(module.tensor("bias", &[output])?) } else { None };
        Ok(Linear::new(weight, bias))
    }

    /// `weight` and `bias` `[dim]` of the layer norm `name`. Errors as [`Loader::tensor`].
    pub fn layer_norm(&self, name: &str, dim: usize, eps: f64) -> Result<LayerNorm> {
        let module = self.pp(name);
        Ok(LayerNorm::new(module.tensor("weight", &[dim])?, module.tensor("bias", &[dim])?, eps))
    }

    /// `weight` `[dim]` of the RMS norm `name`. Errors as [`Loader::tensor`].
    pub fn rms_norm(&self, name: &str, dim: usize, eps: f64) -> Result<RmsNorm> {
        Ok(RmsNorm::new(self.pp(name).tensor("weight", &[dim])?, eps))
    }

    /// Checks that every key of the files was asked for, apart from those `ignored` says yes to and tables that follow
    /// from the configuration (`*.rotary_emb.inv_freq`, `*.position_ids`). Looks at all keys, whatever the prefix.
    ///
    /// # Errors
    /// When reading: a refusal that counts the unknown keys and names the first. When surveying: none.
    pub fn finish(&self, ignored: impl Fn(&str) -> bool) -> Result<()> {
        let used = self.shared.used.borrow();
        let keys = self.shared.files.keys();
        let unknown = keys.filter(|key| !used.contains(*key) && !is_derived(key) && !ignored(key)).map(|key| {
            let file = self.shared.files.get(key).map_or(self.shared.files.origin(), |view| view.file);
            UnknownWeight { file: file.to_path_buf(), key: key.to_owned() }
        });
        let unknown: Vec<UnknownWeight> = unknown.collect();
        match &self.shared.mode {
            Mode::Survey(survey) => survey.borrow_mut().unknown = unknown,
            Mode::Read { .. } => {
                if let Some(refusal) = refuse_unknown(&unknown) {
                    return Err(refusal.into());
                }
            }
        }
        Ok(())
    }

    /// What was collected so far; empty for a loader that reads.
    pub fn into_survey(self) -> Survey {
        match &self.shared.mode {
            Mode::Survey(survey) => survey.borrow().clone(),
            Mode::Read { .. } => Survey::default(),
        }
    }

    fn load(&self, name: &str, shape: &[usize], dtype: DType, counter: fn(&mut Survey) -> &mut u64) -> Result<Tensor> {
        let key = self.key(name);
        let first_time = self.shared.used.borrow_mut().insert(key.clone());
        let checked = self.checked(&key, shape);
        match &self.shared.mode {
            Mode::Survey(survey) => {
                let mut survey = survey.borrow_mut();
                if first_time {
                    let count = shape.iter().map(|&dim| dim as u64).fold(1, u64::saturating_mul);
                    let counter = counter(&mut survey);
                    *counter = counter.saturating_add(count);
                    survey.asked.insert(key.clone(), shape.to_vec());
                    survey.faults.extend(checked.err().map(|fault| *fault));
                }
                Ok(Tensor::zeros((), dtype, &Device::Cpu)?.broadcast_as(shape)?)
            }
            Mode::Read { device, meter } => {
                let view = checked.map_err(Error::Refused)?;
                match dtype {
                    DType::F32 => read::<f32>(&key, view, device, meter),
                    DType::F16 => read::<f16>(&key, view, device, meter),
                    DType::BF16 => read::<bf16>(&key, view, device, meter),
                    other => Err(candle_core::Error::UnsupportedDTypeForOp(other, "load").into()),
                }
            }
        }
    }

    /// The stored tensor `key`, if it is a floating-point tensor of this shape.
    fn checked(&self, key: &str, shape: &[usize]) -> Result<TensorView<'a>, Box<Refusal>> {
        let Some(view) = self.shared.files.get(key) else {
            let refusal = Refusal::new(self.shared.files.origin(), "this weight is missing")
                .key(key)
                .expected(format!("shape {shape:?}"))
                .help("config.json and the weights do not belong together, or a file is missing: download again");
            let stale = self.shared.files.is_stale(key);
            return Err(Box::new(if stale { refusal.found("named in the index, and in no file") } else { refusal }));
        };
        if view.shape != shape {
            let refusal = Refusal::new(view.file, "this weight has another shape than config.json implies")
                .key(key)
                .expected(format!("{shape:?}"))
                .found(format!("{:?}", view.shape))
                .help("config.json and the weights do not belong together: download both from the same place");
            return Err(Box::new(refusal));
        }
        if let StoredType::Other(_) = view.dtype {
            let refusal = Refusal::new(view.file, "this weight is not stored as floating-point numbers")
                .key(key)
                .expected("f32, f16, bf16 or f64")
                .found(view.dtype.to_string())
                .help("use the checkpoint as it was released; quantised copies are not supported");
            return Err(Box::new(refusal));
        }
        Ok(view)
    }
}

/// Converts `view` chunk by chunk and moves it to `device`.
fn read<T: Element>(key: &str, view: TensorView<'_>, device: &Device, meter: &Meter<'_>) -> Result<Tensor> {
    let size = view.dtype.size().unwrap_or(1);
    let count = view.bytes.len() / size;
    let mut values: Vec<T> = Vec::new();
    values
        .try_reserve_exact(count)
        .map_err(|_| Error::no_room(format!("{} bytes for the weight `{key}`", count * size_of::<T>())))?;
    for bytes in view.bytes.chunks(CHUNK * size) {
        let start = values.len();
        values.resize(start + bytes.len() / size, T::ZERO);
        let out = &mut values[start..];
        let converted = size_of_val(out) as u64;
        convert(view.dtype, bytes, out).map_err(|bad| not_finite::<T>(key, view, start + bad.index, bad.stored))?;
        view.release(start * size, bytes.len());
        meter.advance(converted)?;
    }
    Ok(Tensor::from_vec(values, view.shape, device)?)
}

/// The refusal of a number that is not finite, or does not fit into `T`.
fn not_finite<T: Element>(key: &str, view: TensorView<'_>, index: usize, stored: f64) -> Refusal {
    let refusal = if stored.is_finite() {
        Refusal::new(view.file, format!("holds a number too large for {}", T::DTYPE.as_str()))
            .help(Advice::WeightsAs(&["bf16", "f32"]))
    } else {
        Refusal::new(view.file, "holds a number that is NaN or infinite")
            .help("the file is damaged, or training diverged: download it again")
    };
    refusal.key(key).expected("finite numbers").found(format!("{stored} at index {index}, stored as {}", view.dtype))
}
