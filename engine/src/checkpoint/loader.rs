//! From stored weights to tensors: shape checks, conversion, NaN checks, progress, and the count of what was used.
//!
//! A [`Loader`] works in one of two modes. **Reading** hands out real tensors and fails at the first thing that is
//! wrong. **Surveying** hands out zeros that occupy no memory, reads nothing, and collects everything that is wrong in
//! a [`Survey`]. The model is built by the same constructors either way, so there is one definition of what it needs:
//! inspection and the check before loading run it over a survey.

use super::convert::{Element, NotFinite, check_finite, convert, widen_checked};
use super::files::{TensorView, WeightFiles, is_derived};
use super::stored::StoredType;
use crate::advice::Advice;
use crate::error::{Error, Refusal, Result};
use crate::job::{Job, Meter, Stage};
use crate::nn::{LayerNorm, Linear, Quantised, RmsNorm, Weight};
use crate::precision::{Precision, WeightFormat};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// Numbers converted between two looks at the cancel token, and released from memory together.
const CHUNK: usize = 4 << 20;

/// Rows that are quantised together.
const QUANTISED_ROWS: usize = 16;

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
    part: Part,
}

/// How exactly the matrices of a part of a model are kept beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// In the format that was chosen: the layers of decoder and encoders, which make most of the weight.
    Layers,
    /// Embeddings and the SVA, whose traces are what is looked at: never quantised.
    Exact,
    /// The output matrix.
    Output,
}

impl Part {
    /// The form of a matrix of this part, stored as `stored`, where `weights` was chosen.
    fn format(self, weights: WeightFormat, stored: Option<StoredType>) -> WeightFormat {
        let format = match self {
            Self::Layers => weights,
            Self::Exact => weights.of_exact_parts(),
            Self::Output => weights.of_output(),
        };
        // Where half numbers stand beside quantised ones, they are the stored ones if those are halves.
        let halves = weights.is_quantised() && format == WeightFormat::Bf16;
        if halves && stored == Some(StoredType::F16) { WeightFormat::F16 } else { format }
    }
}

/// A matrix that a model asks for.
#[derive(Debug, Clone, Copy)]
pub struct AskedMatrix {
    part: Part,
    output: usize,
    input: usize,
    stored: Option<StoredType>,
}

impl AskedMatrix {
    /// The form it is kept in where `weights` was chosen.
    fn format(&self, weights: WeightFormat) -> WeightFormat {
        self.part.format(weights, self.stored)
    }

    /// Whether it stays where it lies in its file.
    fn stays(&self, weights: WeightFormat) -> bool {
        self.stored.is_some_and(|stored| stored.is(self.format(weights)))
    }
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
    /// The matrices that were asked for, by key; one that is asked for twice may be kept in two forms.
    pub matrices: BTreeMap<(String, Part), AskedMatrix>,
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
        // One that is kept in two forms is counted once.
        let keys: BTreeMap<&str, &AskedMatrix> =
            self.matrices.iter().map(|((key, _), matrix)| (key.as_str(), matrix)).collect();
        let matrices = keys.values().map(|matrix| (matrix.output as u64).saturating_mul(matrix.input as u64));
        matrices.fold(self.small_elements, u64::saturating_add)
    }

    /// Bytes the weights occupy in memory when kept in `precision`.
    pub fn bytes(&self, precision: Precision) -> u64 {
        let small = self.small_elements.saturating_mul(precision.compute.size_in_bytes() as u64);
        self.kept(precision.weights, |_| true).saturating_add(small)
    }

    /// Bytes of them that are not copied on the CPU: they stay in the mapped files, and give way where memory is short.
    pub fn mapped_bytes(&self, weights: WeightFormat) -> u64 {
        self.kept(weights, |matrix| matrix.stays(weights))
    }

    /// Bytes of the matrices for which `counts`; one that is asked for twice is held once in each form.
    fn kept(&self, weights: WeightFormat, counts: impl Fn(&AskedMatrix) -> bool) -> u64 {
        let mut total = 0u64;
        let mut last: Option<(&str, WeightFormat)> = None;
        for ((key, _), matrix) in &self.matrices {
            let format = matrix.format(weights);
            if last.replace((key, format)) != Some((key, format)) && counts(matrix) {
                total = total.saturating_add(format.bytes(matrix.output, matrix.input));
            }
        }
        total
    }

    /// Adds what another set of files holds.
    pub fn merge(&mut self, other: Self) {
        self.matrices.extend(other.matrices);
        self.small_elements = self.small_elements.saturating_add(other.small_elements);
        self.asked.extend(other.asked);
        self.faults.extend(other.faults);
        self.unknown.extend(other.unknown);
    }

    /// Notes that `key` was asked for, and what is wrong with it.
    fn ask(&mut self, key: String, shape: &[usize], fault: Option<Box<Refusal>>) {
        self.asked.insert(key, shape.to_vec());
        self.faults.extend(fault.map(|fault| *fault));
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
        let meter = Meter::new(job, Stage::Load, precision.weights.bytes(1, total as usize));
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
        Self { shared: Rc::new(shared), prefix: String::new(), part: Part::Layers }
    }

    /// The loader of the submodule `name`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "names are literals and numbers")]
    pub fn pp(&self, name: impl ToString) -> Self {
        Self { shared: self.shared.clone(), prefix: format!("{}{}.", self.prefix, name.to_string()), part: self.part }
    }

    /// The same loader for a part of the model that is kept as `part` says.
    #[must_use]
    pub fn of(&self, part: Part) -> Self {
        Self { part, ..self.clone() }
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
        let (key, dtype) = (self.key(name), self.shared.precision.compute);
        let first_time = self.shared.used.borrow_mut().insert(key.clone());
        let checked = self.checked(&key, shape);
        match &self.shared.mode {
            Mode::Survey(survey) => {
                if first_time {
                    let count = shape.iter().map(|&dim| dim as u64).fold(1, u64::saturating_mul);
                    let mut survey = survey.borrow_mut();
                    survey.small_elements = survey.small_elements.saturating_add(count);
                    survey.ask(key, shape, checked.err());
                }
                Ok(Tensor::zeros((), dtype, &Device::Cpu)?.broadcast_as(shape)?)
            }
            Mode::Read { device, meter } => {
                let view = checked.map_err(Error::Refused)?;
                Ok(match dtype {
                    DType::F32 => Tensor::from_vec(read::<f32>(&key, view, meter)?, view.shape, device)?,
                    DType::F16 => Tensor::from_vec(read::<f16>(&key, view, meter)?, view.shape, device)?,
                    DType::BF16 => Tensor::from_vec(read::<bf16>(&key, view, meter)?, view.shape, device)?,
                    other => return Err(candle_core::Error::UnsupportedDTypeForOp(other, "load").into()),
                })
            }
        }
    }

    /// The matrix `name` `[output, input]` in the form its part is kept in. Errors as [`Loader::tensor`].
    pub fn matrix(&self, name: &str, output: usize, input: usize) -> Result<Weight> {
        let (key, shape) = (self.key(name), [output, input]);
        let first_time = self.shared.used.borrow_mut().insert(key.clone());
        let checked = self.checked(&key, &shape);
        match &self.shared.mode {
            Mode::Survey(survey) => {
                let mut survey = survey.borrow_mut();
                let stored = checked.as_ref().ok().map(|view| view.dtype);
                survey
                    .matrices
                    .insert((key.clone(), self.part), AskedMatrix { part: self.part, output, input, stored });
                if first_time {
                    survey.ask(key, &shape, checked.err());
                }
                Ok(Weight::absent(output, input))
            }
            Mode::Read { device, meter } => {
                let view = checked.map_err(Error::Refused)?;
                let format = self.part.format(self.shared.precision.weights, Some(view.dtype));
                if device.is_cpu() {
                    return host_matrix(&key, view, format, (output, input), meter);
                }
                let tensor = match self.shared.precision.compute {
                    DType::F16 => Tensor::from_vec(read::<f16>(&key, view, meter)?, &shape, device)?,
                    DType::BF16 => Tensor::from_vec(read::<bf16>(&key, view, meter)?, &shape, device)?,
                    _ => Tensor::from_vec(read::<f32>(&key, view, meter)?, &shape, device)?,
                };
                Weight::from_tensor(&tensor)
            }
        }
    }

    /// `weight` `[output, input]` and, if `bias`, `bias` `[output]` of the submodule `name`.
    /// Errors as [`Loader::tensor`].
    pub fn linear(&self, name: &str, input: usize, output: usize, bias: bool) -> Result<Linear> {
        let module = self.pp(name);
        let weight = module.matrix("weight", output, input)?;
        let bias = if bias { Some(module.tensor("bias", &[output])?) } else { None };
        Ok(Linear::new(weight, bias, self.shared.precision.products))
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

/// The matrix `view` `[output, input]` as `format`, in host memory: where it lies if it is stored in that form.
fn host_matrix(
    key: &str,
    view: TensorView<'_>,
    format: WeightFormat,
    (output, input): (usize, usize),
    meter: &Meter<'_>,
) -> Result<Weight> {
    if view.dtype.is(format)
        && let Some(weight) = Weight::shared(format, Arc::new(view.stay()), output, input)
    {
        view.will_need();
        let size = view.dtype.size().unwrap_or(1);
        for (i, bytes) in view.bytes.chunks(CHUNK * size).enumerate() {
            check_finite(view.dtype, bytes)
                .map_err(|bad| Error::Refused(not_finite(format, key, view, i * CHUNK + bad.index, bad.stored)))?;
            meter.advance(bytes.len() as u64)?;
        }
        return Ok(weight);
    }
    match format {
        WeightFormat::F32 => f32::weight(read(key, view, meter)?, output, input),
        WeightFormat::Bf16 => bf16::weight(read(key, view, meter)?, output, input),
        WeightFormat::F16 => f16::weight(read(key, view, meter)?, output, input),
        _ => quantise(key, view, format, (output, input), meter),
    }
}

/// Quantises `view` `[output, input]` some rows at a time.
fn quantise(
    key: &str,
    view: TensorView<'_>,
    format: WeightFormat,
    (output, input): (usize, usize),
    meter: &Meter<'_>,
) -> Result<Weight> {
    let bytes = format.bytes(output, input);
    let mut quantised = Quantised::empty(format, output, input)
        .ok_or_else(|| Error::no_room(format!("{bytes} bytes for the weight `{key}`")))?;
    let size = view.dtype.size().unwrap_or(1);
    let groups = quantised.groups();
    let at_once = (CHUNK / (QUANTISED_ROWS * input.max(1))).max(1);
    for first in (0..groups).step_by(at_once) {
        let last = (first + at_once).min(groups);
        let read = |rows: std::ops::Range<usize>, out: &mut [f32]| {
            let bytes = view.bytes.get(rows.start * input * size..rows.end * input * size).unwrap_or_default();
            widen_checked(view.dtype, bytes, out).map_err(|NotFinite { index, stored }| {
                not_finite(format, key, view, rows.start * input + index, stored)
            })
        };
        let too_large = |row: usize| {
            let mut values = vec![0f32; input];
            read(row..row + 1, &mut values).err().unwrap_or_else(|| {
                let top = (0..input).max_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs())).unwrap_or(0);
                not_finite(format, key, view, row * input + top, f64::from(values[top]))
            })
        };
        quantised.fill(first..last, read, too_large).map_err(Error::Refused)?;
        let done = first * QUANTISED_ROWS * input * size;
        let end = (last * QUANTISED_ROWS).min(output) * input * size;
        view.release(done, end - done);
        meter.advance(bytes / groups as u64 * (last - first) as u64)?;
    }
    Ok(Weight::quantised(quantised))
}

/// Converts `view` chunk by chunk.
fn read<T: Element>(key: &str, view: TensorView<'_>, meter: &Meter<'_>) -> Result<Vec<T>> {
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
        convert(view.dtype, bytes, out)
            .map_err(|bad| Error::Refused(not_finite(T::DTYPE.as_str(), key, view, start + bad.index, bad.stored)))?;
        view.release(start * size, bytes.len());
        meter.advance(converted)?;
    }
    Ok(values)
}

/// The refusal of a number that is not finite, or does not fit into `format`.
fn not_finite(
    format: impl std::fmt::Display,
    key: &str,
    view: TensorView<'_>,
    index: usize,
    stored: f64,
) -> Box<Refusal> {
    let refusal = if stored.is_finite() {
        Refusal::new(view.file, format!("holds a number too large for {format}"))
            .help(Advice::WeightsAs(&["bf16", "f32"]))
    } else {
        Refusal::new(view.file, "holds a number that is NaN or infinite")
            .help("the file is damaged, or training diverged: download it again")
    };
    Box::new(
        refusal
            .key(key)
            .expected("finite numbers")
            .found(format!("{stored} at index {index}, stored as {}", view.dtype)),
    )
}
