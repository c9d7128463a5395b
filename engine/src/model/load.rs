//! From a name to a model in memory: find everything, check everything, and only then read weights.

use super::Model;
use super::between::{Goal, Toward};
use super::network::{Core, Network};
use super::pool::{AskedEncoder, EncoderKey, EncoderPool, PooledEncoder};
use super::reading::EncoderReading;
use crate::checkpoint::hub::{EncoderFiles, EncoderOverride, Hub};
use crate::checkpoint::loader::Survey;
use crate::checkpoint::memory::{self, EncoderStay, InFiles, MemoryNeed};
use crate::checkpoint::{
    Caches, CambrianConfig, EncoderSpec, Loader, StoredType, WeightFiles, checkpoint_name, fields,
};
use crate::device::DeviceChoice;
use crate::error::{Error, Refusal, Result};
use crate::job::{Job, Meter, Stage};
use crate::precision::{ComputeChoice, Precision, Products, WeightChoice, WeightFormat};
use crate::run::ModelId;
use crate::sva::{Frame, PictureSize};
use crate::text::{Conversation, ImageNewline, Template, Tokenizer};
use crate::vision::{Encoder, PixelSpec};
use candle_core::{DType, Device};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Base names of a checkpoint's own weight files.
const CHECKPOINT_STEMS: [&str; 2] = ["model", "pytorch_model"];

/// A checkpoint of which so many copies in f32 would fit is kept in f32 where nothing was asked for: it is fast enough, and
/// its numbers are those of the reference.
const SMALL: u64 = 16;

/// What an inspection calls the device that is no accelerator.
const CPU: &str = "cpu";

/// What surrounds the image where `mm_use_im_start_end` is set.
const IMAGE_MARKERS: [&str; 2] = ["<im_start>", "<im_end>"];

/// What to load and how.
#[derive(Debug, Clone, Default)]
pub struct LoadRequest {
    /// A directory, a hub snapshot, or a repository id in the hub cache.
    pub source: String,
    /// Directories given for single encoders.
    pub encoders: Vec<EncoderOverride>,
    /// Another checkpoint that its weights go toward, and how far.
    pub toward: Option<Toward>,
    /// Where tensors go.
    pub device: DeviceChoice,
    /// How the weights of the checkpoint itself are kept.
    pub weights: WeightChoice,
    /// How those of the encoders are kept; [`WeightChoice::Auto`] goes by `weights`.
    pub encoder_weights: WeightChoice,
    /// How exactly products are computed on the CPU.
    pub compute: ComputeChoice,
    /// Whether encoders stay in memory when they have looked at a picture.
    pub encoder_stay: EncoderStay,
    /// Prompt template; chosen from the checkpoint if `None`.
    pub template: Option<Template>,
    /// What becomes of the line break after the image.
    pub image_newline: ImageNewline,
    /// Where quantised weights and features of pictures are kept from one opening to the next; nowhere if `None`.
    pub cache: Option<Arc<Caches>>,
}

/// An encoder as an inspection finds it.
#[derive(Debug, Clone)]
pub struct EncoderReport {
    /// What config.json says.
    pub spec: EncoderSpec,
    /// Where its files are and by which rule they were found, or why they were not.
    pub location: Result<(PathBuf, String), Refusal>,
    /// Input side in pixels and width of its features, once its files were found.
    pub input_side: Option<usize>,
    /// What it is shown of a picture.
    pub pixels: Option<PixelSpec>,
    /// Width of its features.
    pub width: Option<usize>,
    /// Parameters that are used.
    pub parameters: u64,
    /// Bytes of its weight files.
    pub stored_bytes: u64,
    /// Bytes its weights take in memory in the chosen precision.
    pub bytes: u64,
}

/// What a checkpoint is and what it needs, found without reading a weight.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The directory it lies in.
    pub directory: PathBuf,
    /// What people call it: its repository or its directory, or both checkpoints between which it lies.
    pub name: String,
    /// What config.json says.
    pub config: CambrianConfig,
    /// The prompt template that will be used.
    pub template: Template,
    /// Ids of the tokenizer.
    pub vocabulary: usize,
    /// Its encoders.
    pub encoders: Vec<EncoderReport>,
    /// Parameters of everything that will be loaded.
    pub parameters: u64,
    /// Parameters of the checkpoint's own weights.
    pub core_parameters: u64,
    /// Bytes the checkpoint's own weights take in memory in the chosen precision.
    pub core_bytes: u64,
    /// Bytes of the checkpoint's own weight files.
    pub stored_bytes: u64,
    /// Type of most of the stored numbers.
    pub stored_dtype: String,
    /// Weights that are missing, misshapen or unknown.
    pub survey: Survey,
    /// The device that was asked for.
    pub device: String,
    /// The precision that will be used there.
    pub precision: Precision,
    /// The precision of the encoders.
    pub encoder_precision: Precision,
    /// How exactly products were asked to be computed on the CPU.
    pub compute: ComputeChoice,
    /// Memory needed with weights kept in each format that the device can use, besides encoders that are in memory
    /// already. The encoders are kept as asked for, or as suits the format.
    pub needed: Vec<(WeightFormat, MemoryNeed)>,
    /// Bytes of memory free on the device, where it can be known.
    pub available_bytes: Option<u64>,
    /// What a person should know before loading.
    pub notes: Vec<String>,
}

/// Everything found on disk, still open.
struct Found {
    directory: PathBuf,
    name: String,
    /// What all weights go toward.
    goal: Option<Goal>,
    config: CambrianConfig,
    tokenizer: Tokenizer,
    template: Template,
    weights: WeightFiles,
    encoder_files: Vec<Result<EncoderFiles, Refusal>>,
    device: Device,
}

/// What a survey of the whole model found.
struct Surveyed {
    survey: Survey,
    reports: Vec<EncoderReport>,
    /// What each encoder holds; nothing for one that was not found.
    encoders: Vec<Survey>,
    /// What the checkpoint's own files hold.
    core: Survey,
    /// What the encoders' files say that is not known.
    notes: Vec<String>,
}

/// What is in memory already when a checkpoint is looked at.
pub struct InMemory<'a> {
    /// Encoders that other models hold: they need not be read again.
    pub pool: &'a mut EncoderPool,
    /// The model whose place the checkpoint would take; its memory counts as free.
    pub replaces: Option<&'a Model>,
    /// Bytes besides that would be free then.
    pub freed: u64,
}

/// The encoders of a checkpoint that are in memory already, in checkpoint order.
type Pooled = Vec<Option<Arc<PooledEncoder>>>;

impl Found {
    fn new(request: &LoadRequest, job: &Job<'_>) -> Result<Self> {
        job.step(Stage::Inspect, 0, 1)?;
        let hub = Hub::from_env();
        let directory = hub.model(Path::new(&request.source))?;
        let config = CambrianConfig::read(&directory)?;
        let tokenizer = Tokenizer::open(&directory)?;
        let template = match request.template {
            Some(template) => template,
            None => Template::choose(&config, &tokenizer),
        };
        if let Some(marker) =
            IMAGE_MARKERS.into_iter().find(|marker| config.use_im_start_end && tokenizer.id_of(marker).is_none())
        {
            return Err(Refusal::new(directory.join("config.json"), "the tokenizer lacks a marker this setting needs")
                .key("mm_use_im_start_end")
                .expected(format!("a tokenizer with the token {marker}"))
                .help("download the tokenizer files again: they do not belong to this config.json")
                .into());
        }
        Hub::check_overrides(&config.towers, &request.encoders)?;
        let device = request.device.open()?;
        let weights = WeightFiles::open(&directory, &CHECKPOINT_STEMS)?;
        let files = config.towers.len() as u64 + 1;
        let mut encoder_files = Vec::with_capacity(config.towers.len());
        for (k, spec) in config.towers.iter().enumerate() {
            job.step(Stage::Inspect, k as u64 + 1, files)?;
            encoder_files.push(match hub.encoder(&directory, k, spec, &request.encoders) {
                Ok(files) => Ok(files),
                Err(Error::Refused(refusal)) => Err(*refusal),
                Err(error) => return Err(error),
            });
        }
        let name = checkpoint_name(&directory);
        let found = Self { directory, name, goal: None, config, tokenizer, template, weights, encoder_files, device };
        match &request.toward {
            Some(toward) => found.toward(toward, &hub, job),
            None => Ok(found),
        }
    }

    /// The same on the way to another checkpoint. At either end it is read as it is stored there, to the bit.
    fn toward(self, toward: &Toward, hub: &Hub, job: &Job<'_>) -> Result<Self> {
        let goal = Goal::new(toward, hub, (&self.directory, &self.config), &CHECKPOINT_STEMS, job)?;
        let name = goal.name(&self.directory);
        Ok(match goal.part {
            0.0 => Self { name, ..self },
            1.0 => {
                let encoder_files = goal.encoders.into_iter().map(Ok).collect();
                Self { name, weights: goal.weights, encoder_files, ..self }
            }
            _ => Self { name, goal: Some(goal), ..self },
        })
    }

    /// What the weights of the checkpoint itself go toward, and how far.
    fn goal_of_core(&self) -> Option<(&WeightFiles, f64)> {
        self.goal.as_ref().map(|goal| (&goal.weights, goal.part))
    }

    /// What those of encoder `k` go toward, and how far.
    fn goal_of_encoder(&self, k: usize) -> Option<(&EncoderFiles, f64)> {
        self.goal.as_ref().and_then(|goal| Some((goal.encoders.get(k)?, goal.part)))
    }

    /// Builds the model over loaders that read nothing.
    fn survey(&self) -> Result<Surveyed> {
        let precision = Precision::on(&self.device, WeightFormat::F32, Products::Exact);
        let mut all = Survey::default();
        let mut notes = Vec::new();
        let mut reports = Vec::with_capacity(self.encoder_files.len());
        let mut encoders = Vec::with_capacity(self.encoder_files.len());
        let core = Loader::survey(&self.weights, precision).toward(self.goal_of_core());
        let mut widths = Vec::with_capacity(self.encoder_files.len());
        for (k, (spec, found)) in self.config.towers.iter().zip(&self.encoder_files).enumerate() {
            let mut report = EncoderReport {
                spec: spec.clone(),
                location: found.as_ref().map(|f| (f.dir.clone(), f.source.to_string())).map_err(Clone::clone),
                input_side: None,
                pixels: None,
                width: None,
                parameters: 0,
                stored_bytes: 0,
                bytes: 0,
            };
            let mut held = Survey::default();
            if let Ok(files) = found {
                notes.extend(fields::check_encoder(spec.family, &files.dir)?);
                let toward = self.goal_of_encoder(k).map(|(files, part)| (&files.weights, part));
                let loader = Loader::survey(&files.weights, precision).toward(toward);
                let encoder = Encoder::new(spec, self.config.select_layer, &files.dir, &loader)?;
                if let Some(goal) = &self.goal {
                    goal.check_encoder(k, &self.config, &encoder, precision)?;
                }
                loader.finish(|key| encoder.ignores(key))?;
                let survey = loader.into_survey();
                report.input_side = Some(encoder.pixel_spec().size);
                report.pixels = Some(encoder.pixel_spec().clone());
                report.width = Some(encoder.width());
                report.parameters = survey.parameters();
                report.stored_bytes = files.weights.stored_bytes();
                held = survey.clone();
                all.merge(survey);
            }
            // Where an encoder is missing, the projector that waits for it tells its width.
            let waiting = core.shape(&format!("model.mm_projector_aux_{k}.0.weight")).and_then(|s| s.get(1).copied());
            widths.push(report.width.or(waiting).unwrap_or(1));
            reports.push(report);
            encoders.push(held);
        }
        Core::new(&self.config, precision, &widths, &core)?;
        // A file written with tied embeddings may hold the table twice.
        let tied = self.config.decoder.tie_word_embeddings;
        core.finish(|key| tied && key == "lm_head.weight")?;
        let survey = core.into_survey();
        all.merge(survey.clone());
        Ok(Surveyed { survey: all, reports, encoders, core: survey, notes })
    }

    /// The formats that weights can be kept in on this device.
    fn formats(&self) -> impl Iterator<Item = WeightFormat> {
        let cpu = self.device.is_cpu();
        WeightFormat::ALL.into_iter().filter(move |format| cpu || !format.is_quantised())
    }

    /// The precision of the checkpoint itself where its weights are kept as `weights`, and that of its encoders.
    fn precisions(&self, request: &LoadRequest, weights: WeightFormat) -> (Precision, Precision) {
        let encoders = match request.encoder_weights {
            WeightChoice::Format(format) => format,
            WeightChoice::Auto => weights.of_encoders(),
        };
        let on = |weights| Precision::on(&self.device, weights, request.compute.beside(weights));
        (on(weights), on(encoders))
    }

    /// What names encoder `k`, kept in `precision`, in the pool; `None` if its files were not found.
    fn key(&self, pool: &mut EncoderPool, k: usize, precision: Precision, job: &Job<'_>) -> Result<Option<EncoderKey>> {
        let (Some(spec), Some(Ok(files))) = (self.config.towers.get(k), self.encoder_files.get(k)) else {
            return Ok(None);
        };
        let asked =
            AskedEncoder { spec, select_layer: self.config.select_layer, files, toward: self.goal_of_encoder(k) };
        pool.key(&asked, precision, self.device.location(), job).map(Some)
    }

    /// The encoders that are in memory in `precision`.
    fn pooled(&self, pool: &mut EncoderPool, precision: Precision, job: &Job<'_>) -> Result<Pooled> {
        let find = |k| Ok(self.key(pool, k, precision, job)?.and_then(|key| pool.find(&key)));
        (0..self.config.towers.len()).map(find).collect()
    }

    /// The weights of encoders in this precision that lie in files, or will when they are loaded: they could leave memory. Those
    /// that are `held` stay or leave as whoever holds them says.
    fn in_files(
        &self,
        request: &LoadRequest,
        surveyed: &Surveyed,
        precision: Precision,
        held: &[Option<&Arc<PooledEncoder>>],
    ) -> InFiles {
        if !self.device.is_cpu() || self.goal.is_some() {
            return InFiles::default();
        }
        let of = |(k, survey): (usize, &Survey)| {
            let files = self.encoder_files.get(k).and_then(|files| files.as_ref().ok());
            let is_there =
                |caches: &Caches| files.is_some_and(|files| caches.weights.has(&files.weights, precision.weights));
            let bytes = survey.bytes(precision, &self.device);
            let cached = precision.weights.is_quantised()
                && request.cache.as_ref().is_some_and(|caches| caches.weights.has_room(bytes) || is_there(caches));
            match held.get(k) {
                Some(Some(encoder)) if !encoder.leaves() => 0,
                _ => survey.bytes_in_files(precision, cached),
            }
        };
        surveyed.encoders.iter().enumerate().map(of).collect()
    }

    /// Memory needed in these precisions of checkpoint and encoders, where `pooled` bytes of the latter are in memory and
    /// stay there, and `in_files` are those that could leave.
    fn need(
        &self,
        surveyed: &Surveyed,
        (core, encoders): (Precision, Precision),
        pooled: u64,
        in_files: InFiles,
    ) -> MemoryNeed {
        let encoder_bytes = surveyed.encoders.iter().map(|survey| survey.bytes(encoders, &self.device));
        let weights =
            encoder_bytes.fold(surveyed.core.bytes(core, &self.device), u64::saturating_add).saturating_sub(pooled);
        MemoryNeed::of(&self.config, &surveyed.survey, core, weights, in_files)
    }

    /// The format of most of the checkpoint's own stored numbers.
    fn stored(&self) -> Option<StoredType> {
        self.weights.elements_by_type().into_iter().max_by_key(|(_, count)| *count).map(|(stored, _)| stored)
    }

    /// The format to keep weights in where `available` bytes are free and the formats take the bytes `needed`: the one asked
    /// for, or the best that fits. For a small checkpoint that is f32. For others it is the type they are stored in, which
    /// costs nothing to keep and loses nothing, or else the first narrower one.
    fn choose(
        &self,
        request: &LoadRequest,
        needed: &[(WeightFormat, MemoryNeed)],
        available: Option<u64>,
    ) -> Result<WeightFormat> {
        for choice in [request.weights, request.encoder_weights] {
            if let WeightChoice::Format(format) = choice
                && !self.formats().any(|possible| possible == format)
            {
                let what = format!("weights in {format} are multiplied on the CPU only");
                return Err(Error::input(what, "use --device cpu, or --weights bf16"));
            }
        }
        if let WeightChoice::Format(format) = request.weights {
            return Ok(format);
        }
        if !self.device.is_cpu() {
            return Ok(WeightFormat::Bf16);
        }
        let fits = |wanted: WeightFormat, times: u64| {
            let need = needed.iter().find(|(format, _)| *format == wanted).map(|(_, need)| need.total());
            need.zip(available).is_none_or(|(need, free)| need.saturating_mul(times) <= free)
        };
        if fits(WeightFormat::F32, SMALL) {
            return Ok(WeightFormat::F32);
        }
        let candidates: &[WeightFormat] = match self.stored() {
            Some(StoredType::F16) => &[WeightFormat::F16],
            Some(StoredType::BF16) => &[WeightFormat::Bf16],
            _ => &[WeightFormat::F32, WeightFormat::Bf16],
        };
        let narrow = [WeightFormat::Q8_0, WeightFormat::Q6K, WeightFormat::Q5K, WeightFormat::Q4K];
        // Reading encoders again for each picture costs more than the first step down.
        let stay = |wanted: WeightFormat| {
            request.encoder_stay != EncoderStay::Auto
                || needed.iter().any(|(format, need)| *format == wanted && !need.encoders_leave)
        };
        let [wide, ..] = narrow;
        let comfortable = candidates.iter().chain([&wide]).find(|format| stay(**format) && fits(**format, 1));
        let best = comfortable.or_else(|| candidates.iter().chain(&narrow).find(|format| fits(**format, 1)));
        Ok(best.copied().unwrap_or(WeightFormat::Q4K))
    }

    fn inspect(&self, request: &LoadRequest, memory: &mut InMemory<'_>, job: &Job<'_>) -> Result<Inspection> {
        let mut surveyed = self.survey()?;
        // What goes with the model that is replaced, encoders that nobody else holds among it.
        let goes = |encoder: &Arc<PooledEncoder>| Arc::strong_count(encoder) == 1;
        let replaced = memory.replaces.map_or(0, |model| {
            let encoders = model.network.encoders.iter().filter(|encoder| goes(encoder));
            model.core_bytes + encoders.map(|encoder| encoder.bytes()).sum::<u64>()
        });
        // What is free on an accelerator its driver says only by failing; then the failure is the message.
        let freed = replaced + memory.freed;
        let available_bytes = memory::available(&self.device).map(|free| free.saturating_add(freed));
        let mut needed = Vec::new();
        let mut shared = Vec::new();
        for format in self.formats() {
            let precisions = self.precisions(request, format);
            let pooled = self.pooled(memory.pool, precisions.1, job)?;
            // One that only the replaced model holds counts as freed already, and as needed again.
            let is_replaced = |encoder: &Arc<PooledEncoder>| {
                memory.replaces.is_some_and(|model| model.network.encoders.iter().any(|of| Arc::ptr_eq(of, encoder)))
            };
            // Beside the pool's own, the one just found is held by its model and by `pooled`.
            let stays = |one: &&Arc<PooledEncoder>| !(is_replaced(one) && Arc::strong_count(one) == 2);
            let held: Vec<_> = pooled.iter().map(|one| one.as_ref().filter(stays)).collect();
            let bytes: u64 = held.iter().flatten().map(|encoder| encoder.bytes()).sum();
            let in_files = self.in_files(request, &surveyed, precisions.1, &held);
            let need = self.need(&surveyed, precisions, bytes, in_files);
            needed.push((format, need.with_encoders(request.encoder_stay, available_bytes)));
            shared.push((format, pooled.iter().map(Option::is_some).collect::<Vec<_>>(), bytes));
        }
        let weights = self.choose(request, &needed, available_bytes)?;
        let (precision, encoder_precision) = self.precisions(request, weights);
        let shared = shared.into_iter().find(|(format, ..)| *format == weights);
        for (report, survey) in surveyed.reports.iter_mut().zip(&surveyed.encoders) {
            report.bytes = survey.bytes(encoder_precision, &self.device);
        }
        let (shared, shared_bytes) = shared.map_or((Vec::new(), 0), |(_, shared, bytes)| (shared, bytes));
        let mut notes = self.notes(request, precision, (&shared, shared_bytes))?;
        let leave = |(format, need): &(WeightFormat, MemoryNeed)| *format == weights && need.encoders_leave;
        if needed.iter().any(leave) {
            notes.push(
                "encoders leave memory when they have looked at a picture, and are read again for the next one \
                 (--keep-encoders yes: they stay)"
                    .to_owned(),
            );
        }
        notes.extend(surveyed.notes);
        Ok(Inspection {
            directory: self.directory.clone(),
            name: self.name.clone(),
            template: self.template,
            vocabulary: self.tokenizer.len(),
            parameters: surveyed.survey.parameters(),
            core_parameters: surveyed.core.parameters(),
            core_bytes: surveyed.core.bytes(precision, &self.device),
            stored_bytes: self.weights.stored_bytes(),
            stored_dtype: self.stored().map(|stored| stored.to_string()).unwrap_or_default(),
            device: if self.device.is_cpu() {
                CPU.to_owned()
            } else {
                format!("{:?}", self.device.location()).to_lowercase()
            },
            needed,
            available_bytes,
            notes,
            config: self.config.clone(),
            encoders: surveyed.reports,
            survey: surveyed.survey,
            precision,
            encoder_precision,
            compute: request.compute,
        })
    }

    /// What a person should know before the numbers appear. `shared`: which encoders are in memory already, and the
    /// bytes they take there.
    fn notes(
        &self,
        request: &LoadRequest,
        precision: Precision,
        (shared, bytes): (&[bool], u64),
    ) -> Result<Vec<String>> {
        let mut notes = self.config.notes.clone();
        notes.extend(self.weights.stale_note());
        let known = self.config.towers.iter().zip(shared).filter(|(_, shared)| **shared);
        let names: Vec<&str> = known.map(|(encoder, _)| encoder.name.as_str()).collect();
        if !names.is_empty() && bytes > 0 {
            notes.push(format!(
                "shared with a model that is open, and in memory already ({}): {}",
                memory::Bytes(bytes),
                names.join(", ")
            ));
        }
        let (weights, numbers) = (precision.weights, precision.product_numbers());
        let cache = request.cache.as_ref().filter(|_| self.device.is_cpu() && self.goal.is_none());
        if weights.is_quantised() && cache.is_some_and(|cache| cache.weights.has(&self.weights, weights)) {
            notes.push(format!("its weights in {weights} are kept from an earlier opening (opabinia cache ls)"));
        }
        if precision.compute == DType::F32 && weights != WeightFormat::F32 {
            notes.push(match numbers {
                "bf16" => {
                    "activations are rounded to bf16 inside products with weights (--compute exact: f32)".to_owned()
                }
                "f32/bf16" => "tokens and up to 64 positions at once: activations are rounded to bf16 inside products with weights; \
                               encoders and longer prompts: f32 (--compute exact: f32)"
                    .to_owned(),
                "int8" => format!(
                    "activations are rounded to 8 bits, with a scale for 32 of them, inside products with weights in \
                     {weights} (--compute exact: f32)"
                ),
                _ => format!(
                    "weights are kept as {weights} and widened to f32 inside every product: the CPU computes in f32"
                ),
            });
        }
        let missing = self.template.missing_tokens(&self.tokenizer);
        if !missing.is_empty() {
            notes.push(format!(
                "the template {} is written with {}, which this tokenizer does not have: the model will read them as \
                 letters. Choose another --template",
                self.template,
                missing.join(" ")
            ));
        }
        let mut conversation = Conversation::new(self.template, true).ask("?");
        conversation.im_start_end = self.config.use_im_start_end;
        conversation.newline = request.image_newline;
        let actual = conversation.ids(&self.tokenizer)?.image_index;
        if let (Some(actual), Some(trained)) = (actual, self.config.image_position)
            && actual != trained
            && self.config.sva.samplers.is_some()
        {
            notes.push(format!(
                "config.json says training put the image at position {trained}; with the template {} it stands at \
                 {actual}. The samplers use the real position. If answers are poor, try another --template",
                self.template
            ));
        }
        Ok(notes)
    }
}

impl Inspection {
    /// The directories its files lie in: its own, and those of its encoders that were found.
    pub fn directories(&self) -> Vec<&Path> {
        let encoders = self.encoders.iter().filter_map(|encoder| encoder.location.as_ref().ok());
        std::iter::once(&self.directory).chain(encoders.map(|(directory, _)| directory)).map(PathBuf::as_path).collect()
    }

    /// Finds out what `request` would load, beside what is in `memory`.
    ///
    /// # Errors
    /// A refusal if config.json, the tokenizer or a weight file cannot be read at all. Missing encoders and missing,
    /// misshapen or unknown weights are reported in the result.
    pub fn new(request: &LoadRequest, memory: &mut InMemory<'_>, job: &Job<'_>) -> Result<Self> {
        memory.pool.tidy();
        Found::new(request, job)?.inspect(request, memory, job)
    }

    /// `request` with what was chosen in place of [`WeightChoice::Auto`] and [`EncoderStay::Auto`]: loading it does what this says,
    /// whatever has become of the memory since.
    pub fn with_chosen_formats(&self, request: &LoadRequest) -> LoadRequest {
        let (weights, encoder_weights) = (self.precision.weights.into(), self.encoder_precision.weights.into());
        let leave = self.need(self.precision.weights).encoders_leave;
        let encoder_stay = if leave { EncoderStay::No } else { EncoderStay::Yes };
        LoadRequest { weights, encoder_weights, encoder_stay, ..request.clone() }
    }

    /// Whether the checkpoint can be loaded.
    ///
    /// # Errors
    /// A refusal for the first missing encoder or faulty weight; [`Error::OutOfMemory`] if it cannot fit.
    pub fn check(&self) -> Result<()> {
        if let Some(refusal) = self.encoders.iter().find_map(|encoder| encoder.location.as_ref().err()) {
            return Err(refusal.clone().into());
        }
        self.survey.check()?;
        let choices: Vec<(WeightFormat, u64)> =
            self.needed.iter().map(|(format, need)| (*format, need.total())).collect();
        memory::check(self.need(self.precision.weights).total(), self.available_bytes, &choices)
    }

    /// Checks that something of a picture of this size would be left on the query grid.
    ///
    /// # Errors
    /// [`Error::Input`] for a picture too long for it.
    pub fn check_picture(&self, picture: PictureSize) -> Result<()> {
        Ok(Frame::new(self.config.sva.final_side, picture).check(picture).map(drop)?)
    }

    /// How products beside weights kept as `weights` would be computed on the CPU; `None` on another device.
    pub fn products(&self, weights: WeightFormat) -> Option<Products> {
        (self.device == CPU).then(|| self.compute.beside(weights))
    }

    /// Memory needed with weights kept as `weights`: one of the formats in [`Inspection::needed`].
    pub fn need(&self, weights: WeightFormat) -> MemoryNeed {
        let found = self.needed.iter().find(|(format, _)| *format == weights);
        found.map_or(MemoryNeed::default(), |(_, need)| *need)
    }
}

impl Model {
    /// Finds, checks and reads a checkpoint that shares nothing with others. Nothing is read before everything was found
    /// and is known to fit.
    ///
    /// # Errors
    /// A refusal for whatever is missing, faulty or unknown; [`Error::OutOfMemory`]; [`Error::Cancelled`].
    pub fn load(request: &LoadRequest, job: &Job<'_>) -> Result<(Self, Inspection)> {
        Self::load_shared(ModelId::unique(), request, &mut EncoderPool::default(), Vec::new(), job)
    }

    /// The same for a model called `id`, whose encoders are taken from `pool` where it has them. `kept` are encoders of a
    /// model that has gone: those that are not needed are let go of before anything is read.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_shared(
        id: ModelId,
        request: &LoadRequest,
        pool: &mut EncoderPool,
        kept: Vec<Arc<PooledEncoder>>,
        job: &Job<'_>,
    ) -> Result<(Self, Inspection)> {
        let found = Found::new(request, job)?;
        // One that stays would stay.
        let kept = if request.encoder_stay == EncoderStay::No { Vec::new() } else { kept };
        let wanted = found
            .formats()
            .map(|format| found.pooled(pool, found.precisions(request, format).1, job))
            .collect::<Result<Vec<_>>>()?;
        drop(kept);
        pool.tidy();
        let inspection = found.inspect(request, &mut InMemory { pool, replaces: None, freed: 0 }, job)?;
        inspection.check()?;
        let (precision, encoder_precision) = (inspection.precision, inspection.encoder_precision);
        let keys = (0..found.config.towers.len())
            .map(|k| found.key(pool, k, encoder_precision, job))
            .collect::<Result<Vec<_>>>()?;
        let pooled: Pooled = keys.iter().map(|key| pool.find(key.as_ref()?)).collect();
        drop(wanted);
        let Found { directory, name, goal, config, tokenizer, template, weights, encoder_files, device } = found;
        let encoder_files: Vec<EncoderFiles> = encoder_files.into_iter().collect::<Result<_, Refusal>>()?;

        let meter = Rc::new(Meter::new(job, Stage::Load, inspection.need(precision.weights).weights));
        // What lies between two checkpoints is made anew each time.
        let caches = request.cache.as_deref().filter(|_| device.is_cpu() && goal.is_none());
        let mut kept = Vec::new();
        let mut encoders = Vec::with_capacity(encoder_files.len());
        let leaves = inspection.need(precision.weights).encoders_leave;
        for (k, (((spec, files), report), (key, pooled))) in config
            .towers
            .iter()
            .zip(&encoder_files)
            .zip(&inspection.encoders)
            .zip(keys.into_iter().zip(pooled))
            .enumerate()
        {
            encoders.push(match (key, pooled) {
                (_, Some(known)) => known,
                (Some(key), None) => {
                    let toward = goal.as_ref().filter(|_| key.is_between());
                    let toward = toward.and_then(|goal| Some((&goal.encoders.get(k)?.weights, goal.part)));
                    let (select_layer, device, bytes) = (config.select_layer, &device, report.bytes);
                    let precision = encoder_precision;
                    let reading =
                        EncoderReading { spec, select_layer, files, toward, precision, device, caches, bytes, leaves };
                    let (read, conversions) = reading.read(&key, &meter, job)?;
                    kept.extend(conversions);
                    pool.add(key, read)
                }
                // Files without a key are files that were not found, and those were refused above.
                (None, None) => return Err(Refusal::new(&files.dir, "this encoder was not found").into()),
            });
        }
        let mut stop_ids = template.stop_ids(&tokenizer);
        stop_ids.extend(&config.eos_token_ids);
        let widths: Vec<usize> = encoders.iter().map(|encoder| encoder.width()).collect();
        let toward = goal.as_ref().map(|goal| (&goal.weights, goal.part));
        let conversions = caches.and_then(|caches| {
            caches.weights.conversions(&weights, precision.weights, inspection.core_bytes).map(Rc::new)
        });
        kept.extend(conversions.clone());
        let loader = Loader::metered(&weights, device.clone(), precision, Rc::clone(&meter));
        let loader = loader.converting(conversions).toward(toward);
        let core = Core::new(&config, precision, &widths, &loader)?;
        kept.iter().for_each(|conversions| conversions.finish());
        let model = Self {
            id,
            name,
            network: Network { encoders, core },
            image_newline: request.image_newline,
            stop_ids,
            config,
            tokenizer: Arc::new(tokenizer),
            template,
            device,
            precision,
            directory,
            core_bytes: inspection.core_bytes,
            budgets: inspection.need(precision.weights).budgets(inspection.available_bytes),
        };
        Ok((model, inspection))
    }
}
