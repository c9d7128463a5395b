//! `config.json`: every number the model needs, checked before anything is allocated.
//!
//! The types say what a checkpoint is; [`CambrianConfig::read`] is the only way in. After it no product of two
//! dimensions can overflow, every grid is square, and every encoder's grid fits every query grid.

use super::json::JsonFile;
use super::{fields, generation, rope};
use crate::advice::Advice;
use crate::error::{Refusal, Result};
use crate::printable;
use opabinia_trace::encoder_name::{self, EncoderSpec};
use opabinia_trace::intervention::Anatomy;
use opabinia_trace::layer::{HEADS, SvaLayer};
use std::path::Path;

/// No dimension, vocabulary or token count is larger: products of two of them stay far below 2⁶⁴.
const MAX_DIM: usize = 1 << 24;

/// No decoder or connector has more layers.
const MAX_LAYERS: usize = 1024;

/// No checkpoint has more encoders or query groups.
const MAX_TOWERS: usize = 16;

/// A Cambrian-1 checkpoint's `config.json`, validated (docs/model.md §2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct CambrianConfig {
    /// The language model.
    pub decoder: DecoderConfig,
    /// Vision encoders, in checkpoint order: index `k` everywhere.
    pub towers: Vec<EncoderSpec>,
    /// The Spatial Vision Aggregator.
    pub sva: SvaConfig,
    /// Longest embedded sequence, text and image (`tokenizer_model_max_length`).
    pub context_length: usize,
    /// Where training expected the image (`image_position`). Never used to place it (docs/model.md §10), only to warn.
    pub image_position: Option<usize>,
    /// CLIP: which hidden state is the feature, counted from the end when negative (`mm_vision_select_layer`).
    pub select_layer: i64,
    /// Whether `<im_start>` and `<im_end>` surround the image (`mm_use_im_start_end`).
    pub use_im_start_end: bool,
    /// `bos_token_id`.
    pub bos_token_id: Option<u32>,
    /// `eos_token_id` of config.json and generation_config.json together, each a number or a list there.
    pub eos_token_ids: Vec<u32>,
    /// What a person should know: fields that are not obeyed or not known, and defaults that matter.
    pub notes: Vec<String>,
}

impl CambrianConfig {
    /// Reads `config.json` and `generation_config.json` in `dir`. Every field of theirs is read, or known to have no
    /// effect, or refused, or named in [`CambrianConfig::notes`].
    ///
    /// # Errors
    /// A refusal that names the file and the key if anything is missing, of the wrong type, out of range, at odds with
    /// another field, or describes a model this program does not run.
    pub fn read(dir: &Path) -> Result<Self> {
        let json = JsonFile::read(&dir.join("config.json"))?;
        let generation = dir.join("generation_config.json");
        let generation = if generation.exists() { Some(JsonFile::read(&generation)?) } else { None };
        Self::from_files(&json, generation.as_ref())
    }

    /// Whether `other` describes the same model: what is computed with given weights and tokens is the same.
    #[must_use]
    pub(crate) fn describes_same_model(&self, other: &Self) -> bool {
        // Neither changes anything that is computed.
        let computed = |config: &Self| Self { notes: Vec::new(), image_position: None, ..config.clone() };
        computed(self) == computed(other)
    }

    /// What there is to intervene on: encoders, SVA layers with their labels, and the (final) query grid.
    #[must_use]
    pub fn anatomy(&self) -> Anatomy {
        let sva = &self.sva;
        let groups = sva.query_sides.len();
        let connector = (0..groups).flat_map(|group| {
            (0..sva.connector_depth).map(move |layer| {
                let label =
                    if groups == 1 { format!("C{}", layer + 1) } else { format!("C{}.{}", group + 1, layer + 1) };
                (SvaLayer::Connector { group, layer }, label)
            })
        });
        let samplers = sva.samplers.into_iter().flat_map(|layout| {
            (0..layout.count).map(move |n| (SvaLayer::Sampler { n }, format!("S{}", layout.follows(n))))
        });
        let encoders = self.towers.iter().map(|tower| tower.name.clone()).collect();
        Anatomy::from_parts(encoders, connector.chain(samplers).collect(), sva.final_side)
    }

    /// What `json`, a config.json, and `generation`, a generation_config.json, say. Errors as for
    /// [`CambrianConfig::read`].
    pub(super) fn from_files(json: &JsonFile, generation: Option<&JsonFile>) -> Result<Self> {
        let (decoder, rope_note) = DecoderConfig::from_json(json)?;
        let mut told = fields::CHECKPOINT.check(json, "")?;
        for key in ["rope_scaling", "rope_parameters"] {
            told.unknown.extend(fields::ROPE.check(json, key)?.unknown);
        }
        let mut notes: Vec<String> = rope_note.into_iter().collect();
        notes.extend(fields::unknown_note("config.json", &told.unknown));
        if decoder.family == DecoderFamily::Llama
            && let Some(window) = json.get("sliding_window")
        {
            notes.push(format!(
                "config.json gives a sliding_window ({}), which decoders of this kind do not have: every position sees all \
                 before it, as in the reference",
                printable::line(&window.to_string())
            ));
        }
        require(
            json,
            "mm_projector_type",
            json.str("mm_projector_type")? == Some("sva"),
            "sva",
            || "only checkpoints with the Spatial Vision Aggregator can be opened",
        )?;
        let feature = json.str("mm_vision_select_feature")?;
        require(
            json,
            "mm_vision_select_feature",
            feature.is_none_or(|f| f == "patch"),
            "patch",
            || "this way of choosing image features is not supported",
        )?;
        let towers = towers(json)?;
        let sva = SvaConfig::from_json(json, &towers, decoder.layers)?;
        let context_length = bounded(json, "tokenizer_model_max_length", 1..=MAX_DIM)?.unwrap_or(decoder.max_positions);
        require(
            json,
            "image_token_len",
            sva.final_side.pow(2) <= context_length,
            format!("at most {context_length}, the length of the context"),
            || "the image would not fit into the context",
        )?;
        let mut eos_token_ids = json.token_ids("eos_token_id")?;
        let generation = generation::read(generation, told.not_obeyed)?;
        eos_token_ids.extend(generation.eos_token_ids);
        notes.extend(generation.notes);
        if json.bool("unfreeze_mm_vision_tower")?.unwrap_or(false) {
            notes.push(
                "config.json says that the encoders were trained along (unfreeze_mm_vision_tower), and checkpoints do not \
                 hold them: with encoders as they were released the numbers are others. Name the trained ones with --tower"
                    .into(),
            );
        }
        eos_token_ids.sort_unstable();
        eos_token_ids.dedup();
        Ok(Self {
            decoder,
            towers,
            sva,
            context_length,
            image_position: json.usize("image_position")?,
            select_layer: json.i64("mm_vision_select_layer")?.unwrap_or(-2),
            use_im_start_end: json.bool("mm_use_im_start_end")?.unwrap_or(false),
            bos_token_id: json.token_ids("bos_token_id")?.first().copied(),
            eos_token_ids,
            notes,
        })
    }
}

/// Refuses `key` unless `holds`.
fn require<P: Into<String>>(
    json: &JsonFile,
    key: &str,
    holds: bool,
    expected: impl Into<String>,
    problem: impl FnOnce() -> P,
) -> Result<()> {
    if holds { Ok(()) } else { Err(json.refusal(key, problem()).expected(expected).into()) }
}

/// The integer at `key`, if there, which must lie in `range`.
fn bounded(json: &JsonFile, key: &str, range: std::ops::RangeInclusive<usize>) -> Result<Option<usize>> {
    let value = json.usize(key)?;
    let expected = format!("{} to {}", range.start(), range.end());
    require(json, key, value.is_none_or(|value| range.contains(&value)), expected, || "this number is out of range")?;
    Ok(value)
}

/// The integer at `key`, which must be there and between 1 and `max`.
fn required(json: &JsonFile, key: &str, max: usize) -> Result<usize> {
    json.required_usize(key)?;
    Ok(bounded(json, key, 1..=max)?.unwrap_or_default())
}

/// The square root of `count`, the number at (or in the list at) `key`.
fn side(json: &JsonFile, key: &str, count: usize) -> Result<usize> {
    let side = count.isqrt();
    let square = (1..=MAX_DIM).contains(&count) && side * side == count;
    require(json, key, square, format!("square numbers from 1 to {MAX_DIM}"), || {
        format!("{count} tokens do not form a square grid")
    })?;
    Ok(side)
}

/// The encoders, in checkpoint order.
fn towers(json: &JsonFile) -> Result<Vec<EncoderSpec>> {
    const NAMES: &str = "mm_vision_tower_aux_list";
    let names = json.strs(NAMES)?.unwrap_or_default();
    require(
        json,
        NAMES,
        (1..=MAX_TOWERS).contains(&names.len()),
        format!("1 to {MAX_TOWERS} encoders"),
        || "no usable list of vision encoders",
    )?;
    // Released under two names, always with the same content.
    let (key, other) = ("mm_vision_tower_aux_token_len_list", "vision_tower_aux_token_len_list");
    let tokens = json.usizes(key)?;
    let duplicate = json.usizes(other)?;
    if let (Some(tokens), Some(duplicate)) = (&tokens, &duplicate) {
        require(json, other, tokens == duplicate, format!("{tokens:?}, as in {key}"), || "two fields disagree")?;
    }
    let key = if tokens.is_some() { key } else { other };
    let tokens = tokens.or(duplicate).unwrap_or_default();
    require(
        json,
        key,
        tokens.len() == names.len(),
        format!("{} numbers, one per encoder", names.len()),
        || "the number of encoders and of token counts differ",
    )?;
    let towers = names.iter().zip(tokens).map(|(name, tokens)| {
        side(json, key, tokens)?;
        let parsed = encoder_name::parse(name).map_err(|problem| -> Refusal {
            json.refusal(NAMES, problem).expected(encoder_name::KNOWN).help(
                "only the encoders of the released \
                 Cambrian-1 models can be run",
            )
        })?;
        Ok(EncoderSpec {
            name: (*name).to_owned(),
            family: parsed.family,
            origin: parsed.origin,
            tokens,
            res: parsed.res,
            multi_stage: parsed.multi_stage,
        })
    });
    towers.collect()
}

/// Which decoder implementation runs the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecoderFamily {
    /// `cambrian_llama` (and `llava_llama` in early uploads).
    Llama,
    /// `cambrian_phi3`.
    Phi3,
}

/// Dimensions of the language model (docs/model.md §2.1, §13).
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Which implementation.
    pub family: DecoderFamily,
    /// Width `H`.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Positions the decoder was made for (`max_position_embeddings`).
    pub max_positions: usize,
    /// Epsilon of every RMSNorm.
    pub rms_norm_eps: f64,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// Phi-3: how far back a position can see.
    pub sliding_window: Option<usize>,
    /// Whether `lm_head` is the embedding table.
    pub tie_word_embeddings: bool,
}

impl DecoderConfig {
    /// With what a person should know of it.
    fn from_json(json: &JsonFile) -> Result<(Self, Option<String>)> {
        let family = match json.str("model_type")? {
            Some("cambrian_llama" | "llava_llama") => DecoderFamily::Llama,
            Some("cambrian_phi3") => DecoderFamily::Phi3,
            _ => {
                return Err(json
                    .refusal("model_type", "this is not a Cambrian-1 checkpoint this program can run")
                    .expected("cambrian_llama, llava_llama or cambrian_phi3")
                    .help(Advice::GiveCheckpoint)
                    .into());
            }
        };
        // Variants of the decoders that change the arithmetic; running without them would give wrong numbers.
        let (rope_theta, note) = rope::theta(json)?;
        let act = json.str("hidden_act")?.unwrap_or("silu");
        // Two names of one function.
        let is_silu = matches!(act, "silu" | "swish");
        require(json, "hidden_act", is_silu, "silu", || "this activation is not supported")?;
        for key in ["attention_bias", "mlp_bias"] {
            let bias = json.bool(key)?.unwrap_or(false);
            require(json, key, !bias, "false", || "biases in the decoder are not supported")?;
        }
        let hidden_size = required(json, "hidden_size", MAX_DIM)?;
        let heads = required(json, "num_attention_heads", MAX_DIM)?;
        let kv_heads = bounded(json, "num_key_value_heads", 1..=MAX_DIM)?.unwrap_or(heads);
        require(json, "num_attention_heads", hidden_size.is_multiple_of(heads), "a divisor of hidden_size", || {
            format!("the hidden size {hidden_size} cannot be split into {heads} heads")
        })?;
        let head_dim = hidden_size / heads;
        require(json, "num_attention_heads", head_dim.is_multiple_of(2), "heads of an even width", || {
            format!("heads of width {head_dim} cannot be rotated in halves")
        })?;
        let stated = json.usize("head_dim")?.unwrap_or(head_dim);
        require(
            json,
            "head_dim",
            stated == head_dim,
            format!("{head_dim}, hidden_size / num_attention_heads"),
            || "heads of another width are not supported",
        )?;
        require(
            json,
            "num_key_value_heads",
            heads.is_multiple_of(kv_heads),
            "a divisor of num_attention_heads",
            || format!("{heads} query heads cannot share {kv_heads} key/value heads evenly"),
        )?;
        let rms_norm_eps = json.f64("rms_norm_eps")?.unwrap_or(f64::NAN);
        // It ends up as f32.
        let usable = rms_norm_eps > 0.0 && (rms_norm_eps as f32).is_normal();
        require(json, "rms_norm_eps", usable, "a positive number", || "this number is missing or out of range")?;
        let decoder = Self {
            family,
            hidden_size,
            intermediate_size: required(json, "intermediate_size", MAX_DIM)?,
            layers: required(json, "num_hidden_layers", MAX_LAYERS)?,
            heads,
            kv_heads,
            head_dim,
            vocab_size: required(json, "vocab_size", MAX_DIM)?,
            max_positions: required(json, "max_position_embeddings", MAX_DIM)?,
            rms_norm_eps,
            rope_theta,
            sliding_window: match family {
                DecoderFamily::Llama => None,
                DecoderFamily::Phi3 => bounded(json, "sliding_window", 1..=MAX_DIM)?,
            },
            tie_word_embeddings: json.bool("tie_word_embeddings")?.unwrap_or(false),
        };
        Ok((decoder, note))
    }
}

/// Dimensions of the Spatial Vision Aggregator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SvaConfig {
    /// Width `C` (`vision_hidden_size`); a multiple of 16, the number of heads.
    pub hidden_size: usize,
    /// Side `Q` of the final query grid: the square root of `image_token_len`.
    pub final_side: usize,
    /// Side of each query group's grid (`query_num_list`).
    pub query_sides: Vec<usize>,
    /// Connector layers per group.
    pub connector_depth: usize,
    /// In-LLM samplers; `None` for `connector_only`.
    pub samplers: Option<SamplerLayout>,
}

impl SvaConfig {
    fn from_json(json: &JsonFile, towers: &[EncoderSpec], layers: usize) -> Result<Self> {
        let hidden_size = required(json, "vision_hidden_size", MAX_DIM)?;
        let even = hidden_size.is_multiple_of(HEADS);
        require(json, "vision_hidden_size", even, format!("a multiple of {HEADS}"), || {
            format!("SVA layers always have {HEADS} heads")
        })?;
        let final_side = side(json, "image_token_len", required(json, "image_token_len", MAX_DIM)?)?;
        let counts = json.usizes("query_num_list")?.unwrap_or_default();
        let groups = json.usize("num_query_group")?.unwrap_or(counts.len());
        require(
            json,
            "query_num_list",
            (1..=MAX_TOWERS).contains(&counts.len()),
            format!("1 to {MAX_TOWERS} groups"),
            || "no usable list of query groups",
        )?;
        require(
            json,
            "num_query_group",
            groups == counts.len(),
            format!("{}, as in query_num_list", counts.len()),
            || "the number of query groups and of their query counts differ",
        )?;
        let query_sides: Vec<usize> =
            counts.iter().map(|&count| side(json, "query_num_list", count)).collect::<Result<_>>()?;
        let samplers = SamplerLayout::from_json(json, layers)?;
        // Samplers run on the final grid, so it too must divide every encoder's.
        let sampled = samplers.map(|_| final_side);
        for query_side in query_sides.iter().copied().chain(sampled) {
            for tower in towers {
                let fits = tower.side().is_multiple_of(query_side);
                require(
                    json,
                    "mm_vision_tower_aux_token_len_list",
                    fits,
                    format!("grid sides that {query_side} divides"),
                    || {
                        format!(
                            "the {side}×{side} tokens of {name} cannot be shared out evenly to {query_side}×{query_side} cells",
                            side = tower.side(),
                            name = tower.name
                        )
                    },
                )?;
            }
        }
        Ok(Self {
            hidden_size,
            final_side,
            query_sides,
            connector_depth: required(json, "connector_depth", MAX_LAYERS)?,
            samplers,
        })
    }
}

/// Which decoder layers a sampler follows: `start`, `start + stride`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplerLayout {
    /// Number of samplers.
    pub count: usize,
    /// Decoder layer after which sampler 0 runs, from 0.
    pub start: usize,
    /// Distance between two samplers.
    pub stride: usize,
}

impl SamplerLayout {
    /// The decoder layer that sampler `n` follows.
    pub fn follows(self, n: usize) -> usize {
        self.start + n * self.stride
    }

    /// `None` if the checkpoint has no samplers.
    fn from_json(json: &JsonFile, layers: usize) -> Result<Option<Self>> {
        if json.bool("connector_only")?.unwrap_or(false) {
            return Ok(None);
        }
        let (count_key, start_key, stride_key) =
            ("num_of_vision_sampler_layers", "start_of_vision_sampler_layers", "stride_of_vision_sampler_layers");
        let count = required(json, count_key, MAX_LAYERS)?;
        json.required_usize(start_key)?;
        let start = bounded(json, start_key, 0..=layers - 1)?.unwrap_or_default();
        let stride = required(json, stride_key, MAX_LAYERS)?;
        let last = start + (count - 1) * stride;
        require(json, count_key, last < layers, format!("samplers after decoder layers 0 to {}", layers - 1), || {
            format!("{count} samplers from layer {start} in steps of {stride} end after layer {last}")
        })?;
        Ok(Some(Self { count, start, stride }))
    }

    /// The sampler that runs after decoder layer `layer`, if any.
    pub fn after_layer(&self, layer: usize) -> Option<usize> {
        let offset = layer.checked_sub(self.start)?;
        (offset.is_multiple_of(self.stride) && offset / self.stride < self.count).then_some(offset / self.stride)
    }
}
