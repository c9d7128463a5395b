//! From stored weights to tensors: shape checks, conversion, NaN checks, progress, and the count of what was used.
//!
//! A [`Loader`] works in one of two modes. **Reading** hands out real tensors and fails at the first thing that is
//! wrong. **Surveying** hands out zeros that occupy no memory, reads nothing, and collects everything that is wrong in
//! a [`Survey`]. The model is built by the same constructors either way, so there is one definition of what it needs:
//! inspection and the check before loading run it over a survey.
//!
//! What it hands out may lie between two sets of files ([`Loader::toward`]): each tensor is mixed as it is read.

use super::cache::Conversions;
use super::convert::{
    Element, NotFinite, check_finite, convert, convert_between, stored_at, widen_between, widen_checked,
};
use super::files::{TensorView, WeightFiles, is_derived};
use super::map::{MappedRange, MappedWeights};
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
use std::fmt::Display;
use std::ops::Range;
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
    /// The SVA, whose traces are what is looked at: never quantised.
    Exact,
    /// The table of token embeddings: never quantised either, and read a row at a time.
    Table,
    /// The output matrix.
    Output,
}

impl Part {
    /// The form of a matrix of this part, stored as `stored`, where `weights` was chosen.
    fn format(self, weights: WeightFormat, stored: Option<StoredType>) -> WeightFormat {
        let format = match self {
            Self::Layers => weights,
            Self::Exact | Self::Table => weights.of_exact_parts(),
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
    /// Whether it lies between two stored ones, so that it is in neither file.
    mixed: bool,
}

impl AskedMatrix {
    /// The form it is kept in where `weights` was chosen.
    fn format(&self, weights: WeightFormat) -> WeightFormat {
        self.part.format(weights, self.stored)
    }

    /// Whether it stays where it lies in its file.
    fn stays(&self, weights: WeightFormat) -> bool {
        !self.mixed && self.stored.is_some_and(|stored| stored.is(self.format(weights)))
    }
}

struct Shared<'a> {
    files: &'a WeightFiles,
    /// Files that weights go toward, and how far.
    toward: Option<(&'a WeightFiles, f64)>,
    precision: Precision,
    mode: Mode<'a>,
    used: RefCell<HashSet<String>>,
}

/// A stored tensor, or what lies between it and another of its name and shape.
#[derive(Clone, Copy)]
struct Stored<'a> {
    view: TensorView<'a>,
    toward: Option<(TensorView<'a>, f64)>,
}

enum Mode<'a> {
    Read(Reading<'a>),
    Survey(RefCell<Survey>),
}

/// Where tensors go, and who is told.
#[derive(Clone)]
struct Reading<'a> {
    device: Device,
    meter: Rc<Meter<'a>>,
    /// Quantised matrices that are kept on disk.
    conversions: Option<Rc<Conversions>>,
    /// Matrices that stay where they lie in a file.
    mapped: Rc<RefCell<MappedWeights>>,
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

    /// Bytes the weights occupy in memory on `device` when kept in `precision`. A matrix that is asked for twice is held once in
    /// each form; a table that stays in its mapped file is not held: what was looked up gives way again.
    pub fn bytes(&self, precision: Precision, device: &Device) -> u64 {
        let weights = precision.weights;
        let mut total = self.small_elements.saturating_mul(precision.compute.size_in_bytes() as u64);
        let mut last: Option<(&str, WeightFormat)> = None;
        for ((key, _), matrix) in &self.matrices {
            let looked_up = matrix.part == Part::Table && device.is_cpu() && matrix.stays(weights);
            let format = matrix.format(weights);
            if !looked_up && last.replace((key, format)) != Some((key, format)) {
                total = total.saturating_add(format.bytes(matrix.output, matrix.input));
            }
        }
        total
    }

    /// Those of [`Survey::bytes`] on the CPU that lie in files, where quantised matrices are kept on disk if `cached`: pages that
    /// the system can have back at any time.
    pub fn bytes_in_files(&self, precision: Precision, cached: bool) -> u64 {
        let weights = precision.weights;
        let mut total = 0u64;
        let mut last: Option<(&str, WeightFormat)> = None;
        for ((key, _), matrix) in self.matrices.iter().filter(|(_, matrix)| matrix.part != Part::Table) {
            let format = matrix.format(weights);
            let in_file = matrix.stays(weights) || cached && format.is_quantised();
            if in_file && last.replace((key, format)) != Some((key, format)) {
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
        Self::with_mode(
            files,
            precision,
            Mode::Read(Reading { device, meter, conversions: None, mapped: Rc::default() }),
        )
    }

    /// The same loader, which takes quantised matrices from those `conversions` of its files, and leaves new ones to them. Only
    /// for one that was just made, as [`Loader::toward`].
    #[must_use]
    pub(crate) fn converting(self, conversions: Option<Rc<Conversions>>) -> Self {
        let Mode::Read(reading) = &self.shared.mode else { return self };
        let mode = Mode::Read(Reading { conversions, ..reading.clone() });
        Self::with_mode(self.shared.files, self.shared.precision, mode)
    }

    /// A loader that reads nothing and collects a [`Survey`]: see [`Loader::into_survey`].
    pub fn survey(files: &'a WeightFiles, precision: Precision) -> Self {
        Self::with_mode(files, precision, Mode::Survey(RefCell::default()))
    }

    fn with_mode(files: &'a WeightFiles, precision: Precision, mode: Mode<'a>) -> Self {
        let shared = Shared { files, toward: None, precision, mode, used: RefCell::default() };
        Self { shared: Rc::new(shared), prefix: String::new(), part: Part::Layers }
    }

    /// The same loader, whose weights lie between its files' and those of `goal`: a + `part` (b − a), number by number. Only for
    /// one that was just made: what was handed out already is forgotten.
    #[must_use]
    pub fn toward(self, goal: Option<(&'a WeightFiles, f64)>) -> Self {
        let Self { shared, prefix, part } = self;
        let Shared { files, precision, .. } = *shared;
        let mode = match &shared.mode {
            Mode::Read(reading) => Mode::Read(reading.clone()),
            Mode::Survey(_) => Mode::Survey(RefCell::default()),
        };
        let shared = Shared { files, toward: goal, precision, mode, used: RefCell::default() };
        Self { shared: Rc::new(shared), prefix, part }
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
            Mode::Read(reading) => &reading.device,
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
            Mode::Read(Reading { device, meter, .. }) => {
                let stored = checked.map_err(Error::Refused)?;
                Ok(match dtype {
                    DType::F32 => Tensor::from_vec(read::<f32>(&key, stored, meter)?, shape, device)?,
                    DType::F16 => Tensor::from_vec(read::<f16>(&key, stored, meter)?, shape, device)?,
                    DType::BF16 => Tensor::from_vec(read::<bf16>(&key, stored, meter)?, shape, device)?,
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
                let stored = checked.as_ref().ok().map(|stored| stored.view.dtype);
                let mixed = self.shared.toward.is_some();
                let asked = AskedMatrix { part: self.part, output, input, stored, mixed };
                survey.matrices.insert((key.clone(), self.part), asked);
                if first_time {
                    survey.ask(key, &shape, checked.err());
                }
                Ok(Weight::absent(output, input))
            }
            Mode::Read(Reading { device, meter, conversions, mapped }) => {
                let stored = checked.map_err(Error::Refused)?;
                let format = self.part.format(self.shared.precision.weights, Some(stored.view.dtype));
                if device.is_cpu() {
                    let conversions = conversions.as_deref();
                    let (matrix, range) =
                        host_matrix(&key, stored, (self.part, format), (output, input), (meter, conversions))?;
                    mapped.borrow_mut().extend(range);
                    return Ok(matrix);
                }
                let tensor = match self.shared.precision.compute {
                    DType::F16 => Tensor::from_vec(read::<f16>(&key, stored, meter)?, &shape, device)?,
                    DType::BF16 => Tensor::from_vec(read::<bf16>(&key, stored, meter)?, &shape, device)?,
                    _ => Tensor::from_vec(read::<f32>(&key, stored, meter)?, &shape, device)?,
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
        let mut unknown = Vec::new();
        for files in std::iter::once(self.shared.files).chain(self.shared.toward.map(|(files, _)| files)) {
            for key in files.keys().filter(|key| !used.contains(*key) && !is_derived(key) && !ignored(key)) {
                let file = files.get(key).map_or(files.origin(), |view| view.file);
                unknown.push(UnknownWeight { file: file.to_path_buf(), key: key.to_owned() });
            }
        }
        match &self.shared.mode {
            Mode::Survey(survey) => survey.borrow_mut().unknown = unknown,
            Mode::Read(_) => {
                if let Some(refusal) = refuse_unknown(&unknown) {
                    return Err(refusal.into());
                }
            }
        }
        Ok(())
    }

    /// The matrices that stay where they lie in a file; none of a loader that surveys.
    pub(crate) fn into_mapped(self) -> MappedWeights {
        match &self.shared.mode {
            Mode::Read(reading) => reading.mapped.take(),
            Mode::Survey(_) => MappedWeights::default(),
        }
    }

    /// What was collected so far; empty for a loader that reads.
    pub fn into_survey(self) -> Survey {
        match &self.shared.mode {
            Mode::Survey(survey) => survey.borrow().clone(),
            Mode::Read(_) => Survey::default(),
        }
    }

    /// The stored tensor `key`, or both between which it lies, if they are floating-point tensors of this shape.
    fn checked(&self, key: &str, shape: &[usize]) -> Result<Stored<'a>, Box<Refusal>> {
        let view = Self::checked_in(self.shared.files, key, shape)?;
        let toward = match self.shared.toward {
            Some((files, part)) => Some((Self::checked_in(files, key, shape)?, part)),
            None => None,
        };
        Ok(Stored { view, toward })
    }

    fn checked_in(files: &'a WeightFiles, key: &str, shape: &[usize]) -> Result<TensorView<'a>, Box<Refusal>> {
        let Some(view) = files.get(key) else {
            let refusal = Refusal::new(files.origin(), "this weight is missing")
                .key(key)
                .expected(format!("shape {shape:?}"))
                .help("config.json and the weights do not belong together, or a file is missing: download again");
            let stale = files.is_stale(key);
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

/// The matrix `stored` `[output, input]` of a part as `format`, in host memory: where it lies if it is stored in that form, or kept
/// on disk in it. Gives the place, too, where it stays in a file.
fn host_matrix(
    key: &str,
    stored: Stored<'_>,
    (part, format): (Part, WeightFormat),
    (output, input): (usize, usize),
    (meter, conversions): (&Meter<'_>, Option<&Conversions>),
) -> Result<(Weight, Option<MappedRange>)> {
    let view = stored.view;
    if stored.toward.is_none()
        && view.dtype.is(format)
        && let Some(weight) = Weight::shared(format, Arc::new(view.stay()), output, input)
    {
        view.will_need();
        let size = view.dtype.size().unwrap_or(1);
        for (i, bytes) in view.bytes.chunks(CHUNK * size).enumerate() {
            check_finite(view.dtype, bytes)
                .map_err(|bad| Error::Refused(not_finite(format, key, view, i * CHUNK + bad.index, bad.stored)))?;
            // What is only looked up is not counted as in memory: see `Survey::bytes`.
            meter.advance(if part == Part::Table { 0 } else { bytes.len() as u64 })?;
        }
        if part == Part::Table {
            view.release(0, view.bytes.len());
        }
        return Ok((weight, Some(view.stay())));
    }
    let weight = match format {
        WeightFormat::F32 => f32::weight(read(key, stored, meter)?, output, input)?,
        WeightFormat::Bf16 => bf16::weight(read(key, stored, meter)?, output, input)?,
        WeightFormat::F16 => f16::weight(read(key, stored, meter)?, output, input)?,
        _ => {
            let step = |bytes| meter.advance(bytes);
            if let Some(conversions) = conversions
                && let Some((kept, range)) = conversions.find(key, format, (output, input), step)?
            {
                return Ok((Weight::quantised(Arc::new(kept)), Some(range)));
            }
            let quantised = Arc::new(quantise(key, stored, format, (output, input), meter)?);
            if let Some(conversions) = conversions {
                conversions.keep(key, &quantised);
            }
            Weight::quantised(quantised)
        }
    };
    Ok((weight, None))
}

impl Stored<'_> {
    /// Reads the numbers of `range`, counted over the whole tensor, as f32 on this thread.
    fn widened(&self, range: Range<usize>, out: &mut [f32]) -> Result<(), NotFinite> {
        let Some((goal, part)) = &self.toward else {
            return widen_checked(self.view.dtype, bytes_of(&self.view, &range), out);
        };
        let bytes = [&self.view, goal].map(|view| bytes_of(view, &range));
        widen_between([self.view.dtype, goal.dtype], bytes, *part, out);
        let bad = out.iter().position(|value| !value.is_finite());
        bad.map_or(Ok(()), |index| Err(NotFinite { index, stored: f64::from(out[index]) }))
    }

    /// Converts the numbers of `range` on all cores.
    fn converted<T: Element>(&self, range: Range<usize>, out: &mut [T]) -> Result<(), NotFinite> {
        let Some((goal, part)) = &self.toward else {
            return convert(self.view.dtype, bytes_of(&self.view, &range), out);
        };
        let bytes = [&self.view, goal].map(|view| bytes_of(view, &range));
        convert_between([self.view.dtype, goal.dtype], bytes, *part, out)
    }

    /// Tells the system that the numbers of `range` need not stay in memory.
    fn release(&self, range: &Range<usize>) {
        for view in std::iter::once(&self.view).chain(self.toward.as_ref().map(|(goal, _)| goal)) {
            let size = view.dtype.size().unwrap_or(1);
            view.release(range.start * size, range.len() * size);
        }
    }

    /// The refusal of the number at `index`, of which `stored` was made.
    fn not_finite(&self, format: impl Display, key: &str, index: usize, stored: f64) -> Box<Refusal> {
        if let Some((goal, _)) = &self.toward {
            // One of the two may be at fault by itself.
            for view in [&self.view, goal] {
                let own = stored_at(view.dtype, view.bytes, index);
                if !own.is_finite() {
                    return not_finite(format, key, *view, index, own);
                }
            }
        }
        not_finite(format, key, self.view, index, stored)
    }
}

/// The bytes of some numbers of `view`, counted from its first.
fn bytes_of<'a>(view: &TensorView<'a>, numbers: &Range<usize>) -> &'a [u8] {
    let size = view.dtype.size().unwrap_or(1);
    view.bytes.get(numbers.start * size..numbers.end * size).unwrap_or_default()
}

/// Quantises `stored` `[output, input]` some rows at a time.
fn quantise(
    key: &str,
    stored: Stored<'_>,
    format: WeightFormat,
    (output, input): (usize, usize),
    meter: &Meter<'_>,
) -> Result<Quantised> {
    let bytes = format.bytes(output, input);
    let mut quantised = Quantised::empty(format, output, input)
        .ok_or_else(|| Error::no_room(format!("{bytes} bytes for the weight `{key}`")))?;
    let groups = quantised.groups();
    let at_once = (CHUNK / (QUANTISED_ROWS * input.max(1))).max(1);
    for first in (0..groups).step_by(at_once) {
        let last = (first + at_once).min(groups);
        let read = |rows: Range<usize>, out: &mut [f32]| {
            let start = rows.start * input;
            stored
                .widened(start..rows.end * input, out)
                .map_err(|NotFinite { index, stored: number }| stored.not_finite(format, key, start + index, number))
        };
        let too_large = |row: usize| {
            let mut values = vec![0f32; input];
            read(row..row + 1, &mut values).err().unwrap_or_else(|| {
                let top = (0..input).max_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs())).unwrap_or(0);
                stored.not_finite(format, key, row * input + top, f64::from(values[top]))
            })
        };
        quantised.fill(first..last, read, too_large).map_err(Error::Refused)?;
        stored.release(&(first * QUANTISED_ROWS * input..(last * QUANTISED_ROWS).min(output) * input));
        meter.advance(bytes / groups as u64 * (last - first) as u64)?;
    }
    Ok(quantised)
}

/// Converts `stored` chunk by chunk.
fn read<T: Element>(key: &str, stored: Stored<'_>, meter: &Meter<'_>) -> Result<Vec<T>> {
    let count = stored.view.bytes.len() / stored.view.dtype.size().unwrap_or(1);
    let mut values: Vec<T> = Vec::new();
    values
        .try_reserve_exact(count)
        .map_err(|_| Error::no_room(format!("{} bytes for the weight `{key}`", count * size_of::<T>())))?;
    for start in (0..count).step_by(CHUNK) {
        let range = start..(start + CHUNK).min(count);
        values.resize(range.end, T::ZERO);
        let out = &mut values[start..];
        let converted = size_of_val(out) as u64;
        stored.converted(range.clone(), out).map_err(|NotFinite { index, stored: number }| {
            Error::Refused(stored.not_finite(T::DTYPE.as_str(), key, start + index, number))
        })?;
        stored.release(&range);
        meter.advance(converted)?;
    }
    Ok(values)
}

/// The refusal of a number that is not finite, or does not fit into `format`.
fn not_finite(format: impl Display, key: &str, view: TensorView<'_>, index: usize, stored: f64) -> Box<Refusal> {
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
