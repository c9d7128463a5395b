//! A model between two checkpoints: A + λ (B − A), weight by weight, where both describe the same model.
//!
//! Everything but the weights is that of A: configuration, tokenizer, prompt template. Encoders take part where the two
//! checkpoints come with other ones. λ may lie outside of 0 to 1: then the line through both is followed beyond one of them.

use crate::checkpoint::differences::{self, SettingDifference};
use crate::checkpoint::fields::Effect;
use crate::checkpoint::hub::{EncoderFiles, EncoderOverride, Hub};
use crate::checkpoint::json::JsonFile;
use crate::checkpoint::{CambrianConfig, Loader, WeightFiles, checkpoint_name, fields, tokenizer_files};
use crate::error::{Error, Refusal, Result};
use crate::job::{Job, Stage};
use crate::precision::Precision;
use crate::vision::Encoder;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// No refusal names more settings.
const NAMED: usize = 8;

/// What to do about two checkpoints that nothing lies between.
const ONE_SHAPE: &str = "choose two checkpoints of one model: fine-tunes, or stages of one training";

/// Another checkpoint that all weights go toward.
#[derive(Debug, Clone, PartialEq)]
pub struct Toward {
    /// A directory, a hub snapshot, or a repository id in the hub cache.
    pub source: String,
    /// Directories given for single encoders of it.
    pub encoders: Vec<EncoderOverride>,
    /// How far: λ in A + λ (B − A). 0 is A, and 1 is B.
    pub part: f64,
}

/// What the model between `a` and `b` is called, `part` of the way from the one to the other.
#[must_use]
pub fn name_between(a: &str, b: &str, part: f64) -> String {
    format!("{a} + {part} ({b} − {a})")
}

/// That checkpoint, found and known to be of the same shape as far as settings tell.
pub(super) struct Goal {
    directory: PathBuf,
    pub(super) weights: WeightFiles,
    pub(super) encoders: Vec<EncoderFiles>,
    pub(super) part: f64,
}

impl Goal {
    /// Finds what the checkpoint in `directory`, which `config` describes, is to go toward.
    pub(super) fn new(
        toward: &Toward,
        hub: &Hub,
        (directory, config): (&Path, &CambrianConfig),
        stems: &[&str],
        job: &Job<'_>,
    ) -> Result<Self> {
        let Toward { source, encoders: overrides, part } = toward;
        if !part.is_finite() {
            return Err(Error::input(
                format!("{part} is no part of the way from one checkpoint to another"),
                "give a number: 0 is the first checkpoint, 1 the second, 0.5 their mean",
            ));
        }
        job.step(Stage::Inspect, 0, 1)?;
        let goal = hub.model(Path::new(source))?;
        let own = CambrianConfig::read(&goal)?;
        if !config.describes_same_model(&own) {
            return Err(other_settings([directory, &goal])?.into());
        }
        if !tokenizer_files::same_tokenizer(directory, &goal)? {
            let problem = "has another tokenizer than the first checkpoint: rows of the two token tables are not of the same words";
            return Err(Refusal::new(&goal, problem).help(ONE_SHAPE).into());
        }
        Hub::check_overrides(&own.towers, overrides)?;
        let weights = WeightFiles::open(&goal, stems)?;
        let mut encoders = Vec::with_capacity(own.towers.len());
        for (k, spec) in own.towers.iter().enumerate() {
            job.step(Stage::Inspect, k as u64, own.towers.len() as u64)?;
            encoders.push(hub.encoder(&goal, k, spec, overrides)?);
        }
        Ok(Self { directory: goal, weights, encoders, part: *part })
    }

    /// What the model between the checkpoint in `directory` and this one is called.
    pub(super) fn name(&self, directory: &Path) -> String {
        name_between(&checkpoint_name(directory), &checkpoint_name(&self.directory), self.part)
    }

    /// Checks that encoder `k` of this checkpoint is shown the same and gives as many features as `encoder`.
    pub(super) fn check_encoder(
        &self,
        k: usize,
        config: &CambrianConfig,
        encoder: &Encoder,
        precision: Precision,
    ) -> Result<()> {
        let (Some(spec), Some(files)) = (config.towers.get(k), self.encoders.get(k)) else { return Ok(()) };
        fields::check_encoder(spec.family, &files.dir)?;
        let own = Encoder::new(spec, config.select_layer, &files.dir, &Loader::survey(&files.weights, precision))?;
        if (own.pixel_spec(), own.width()) == (encoder.pixel_spec(), encoder.width()) {
            return Ok(());
        }
        let problem =
            "is an encoder that is shown another picture, or gives other features, than that of the first checkpoint";
        Err(Refusal::new(&files.dir, problem).help(ONE_SHAPE).into())
    }
}

/// The refusal of two checkpoints whose config.json describes two models, with what differs.
fn other_settings(directories: [&Path; 2]) -> Result<Refusal> {
    let [a, b] = directories.map(|directory| directory.join("config.json"));
    let problem = "describes another model than the first checkpoint's: nothing lies between the two";
    let refusal = Refusal::new(&b, problem).help(ONE_SHAPE);
    let files = [JsonFile::read(&a)?, JsonFile::read(&b)?];
    let mut found = Vec::new();
    differences::of("config.json", [Some(&files[0]), Some(&files[1])], &mut found);
    found.retain(|difference| difference.effect == Effect::Read);
    let Some((first, rest)) = found.split_first() else { return Ok(refusal) };
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "–".to_owned(), Value::to_string);
    let [expected, present] = first.values.each_ref().map(value);
    let refusal = refusal.key(&first.key).expected(expected).found(present);
    let line = |SettingDifference { key, values: [a, b], .. }: &SettingDifference| {
        format!("`{key}`: {} → {}", value(a), value(b))
    };
    Ok(rest.iter().take(NAMED).map(line).fold(refusal, Refusal::detail))
}
