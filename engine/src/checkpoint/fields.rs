//! Every field a configuration file can have, and what becomes of it.
//!
//! A field is either read by the code that needs it, or without effect on what is computed, or must have a value under
//! which it has none. A field on none of these lists cannot be judged, so a person is told of it: it may belong to a
//! tool that changed how the model computes.
//!
//! The lists are what transformers 4.37 to 5 can write for these models, open_clip and timm for theirs, and the
//! training code of Cambrian-1 itself.

use super::json::JsonFile;
use crate::error::Result;
use crate::printable;
use opabinia_trace::encoder_name::EncoderFamily;
use serde_json::Value;
use std::path::Path;

/// What is known of the fields of one kind of file, or of one object in it.
pub(super) struct Known {
    /// Read where they are needed.
    read: &'static [&'static [&'static str]],
    /// Without effect, whatever they say.
    harmless: &'static [&'static [&'static str]],
    /// Without effect only under certain values.
    neutral: &'static [&'static [Neutral]],
    /// Not obeyed, and told of where the value is not neutral.
    told: &'static [&'static [Neutral]],
    /// Without effect here, though not in other files.
    idle: &'static [&'static [Neutral]],
}

/// What a check of fields found to tell of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Fields that are not known.
    pub(super) unknown: Vec<String>,
    /// Fields that are known and not obeyed, with their values.
    pub(super) not_obeyed: Vec<String>,
}

/// A field that changes what is computed unless its value is neutral.
pub(super) struct Neutral {
    key: &'static str,
    is: fn(&Value) -> bool,
    /// The neutral values in words.
    expected: &'static str,
    /// What any other value asks for.
    problem: &'static str,
}

impl Known {
    /// Checks the fields of the object at `at` in `json`, the whole document if empty. Fields that are null count as
    /// absent, as they do for the programs that write them.
    ///
    /// # Errors
    /// A refusal of the first field with a value under which this program would compute something else.
    pub(super) fn check(&self, json: &JsonFile, at: &str) -> Result<Told> {
        let object = if at.is_empty() { Some(json.value()) } else { json.get(at) };
        let fields = object.and_then(Value::as_object).into_iter().flatten().filter(|(_, value)| !value.is_null());
        let mut told = Told::default();
        for (key, value) in fields {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let among = |lists: &[&'static [Neutral]]| lists.iter().copied().flatten().find(|rule| rule.key == key);
            if let Some(rule) = among(self.neutral) {
                if !(rule.is)(value) {
                    return Err(json.refusal(&path, rule.problem).expected(rule.expected).help(REMOVE).into());
                }
            } else if let Some(rule) = among(self.told) {
                if !(rule.is)(value) {
                    told.not_obeyed.push(format!("{path} {}", printable::line(&value.to_string())));
                }
            } else if among(self.idle).is_none()
                && ![self.read, self.harmless].into_iter().flatten().any(|list| list.contains(&key.as_str()))
            {
                told.unknown.push(path);
            }
        }
        Ok(told)
    }
}

/// Whether a field changes what is computed. In this order people want to read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It is read.
    Read,
    /// Nobody here knows.
    Unknown,
    /// It has none, or none under any value that is not refused.
    None,
}

impl Known {
    fn effect(&self, key: &str) -> Effect {
        let names = |list: &[&'static [&'static str]]| list.iter().any(|keys| keys.contains(&key));
        let rules = |list: &[&'static [Neutral]]| list.iter().any(|rules| rules.iter().any(|rule| rule.key == key));
        if names(self.read) {
            Effect::Read
        } else if names(self.harmless) || rules(self.neutral) || rules(self.told) || rules(self.idle) {
            Effect::None
        } else {
            Effect::Unknown
        }
    }
}

/// Whether the field `key` of a checkpoint's config.json changes what is computed.
pub(crate) fn effect(key: &str) -> Effect {
    CHECKPOINT.effect(key)
}

/// The same for generation_config.json.
pub(crate) fn generation_effect(key: &str) -> Effect {
    GENERATION_CONFIG.effect(key)
}

/// The sentence about fields of `file` that are not known, if there are any.
pub(super) fn unknown_note(file: &str, unknown: &[String]) -> Option<String> {
    const NAMED: usize = 8;
    let rest = match unknown.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<_> = unknown.iter().take(NAMED).map(|key| printable::line(key)).collect();
    let file = printable::line(file);
    (!unknown.is_empty()).then(|| {
        format!(
            "{file} has fields that this program does not know and does not obey: {}{rest}. If one of them changes what \
             the model computes, the numbers here are not the model's",
            named.join(", ")
        )
    })
}

/// Checks the configuration files of an encoder of `family` in `dir`, and gives what a person should know of them.
/// Files that are missing are for whoever reads them to miss.
///
/// # Errors
/// A refusal of the first field with a value under which this program would compute something else.
pub fn check_encoder(family: EncoderFamily, dir: &Path) -> Result<Vec<String>> {
    let parts: &[(&str, &[(&Known, &str)])] = match family {
        EncoderFamily::Clip => &[
            ("config.json", &[(&CLIP, ""), (&CLIP, "vision_config")]),
            ("preprocessor_config.json", &[(&PREPROCESSOR, "")]),
        ],
        EncoderFamily::Dinov2 => {
            &[("config.json", &[(&DINOV2, "")]), ("preprocessor_config.json", &[(&PREPROCESSOR, "")])]
        }
        EncoderFamily::Siglip | EncoderFamily::ConvNext => &[(
            "open_clip_config.json",
            &[(&OPEN_CLIP_VISION, "model_cfg.vision_cfg"), (&OPEN_CLIP_PREPROCESS, "preprocess_cfg")],
        )],
    };
    let mut notes = Vec::new();
    for (name, objects) in parts {
        let file = dir.join(name);
        if !file.exists() {
            continue;
        }
        let json = JsonFile::read(&file)?;
        let mut unknown = Vec::new();
        for (known, at) in *objects {
            unknown.extend(known.check(&json, at)?.unknown);
        }
        notes.extend(unknown_note(&file.display().to_string(), &unknown));
    }
    Ok(notes)
}

/// What to do about a value that asks for something this program does not do.
const REMOVE: &str = "run this checkpoint with the program it was made for; or, to see what it does without this setting, \
     remove the field from a copy of the file: the numbers are then not those of the reference";

fn is_false(value: &Value) -> bool {
    value == &Value::Bool(false)
}

fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true)
}

fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

fn is_one(value: &Value) -> bool {
    value.as_f64() == Some(1.0)
}

fn is_three(value: &Value) -> bool {
    value.as_u64() == Some(3)
}

/// No entries.
fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Attention over everything, or over the window that `sliding_window` gives, which is read.
fn is_plain_attention(value: &Value) -> bool {
    let plain = |kind: &Value| matches!(kind.as_str(), Some("full_attention" | "sliding_attention"));
    let kinds = value.as_array();
    kinds.is_some_and(|kinds| kinds.iter().all(plain) && kinds.windows(2).all(|pair| pair[0] == pair[1]))
}

const fn neutral(key: &'static str, is: fn(&Value) -> bool, expected: &'static str, problem: &'static str) -> Neutral {
    Neutral { key, is, expected, problem }
}

/// A field that is not obeyed.
const fn told(key: &'static str, is: fn(&Value) -> bool) -> Neutral {
    Neutral { key, is, expected: "", problem: "" }
}

/// Fields that transformers writes into every configuration: names, types on disk, what else is given back, training.
const GENERIC: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_commit_hash",
    "_experts_implementation",
    "_experts_implementation_internal",
    "_name_or_path",
    "_output_attentions",
    "_use_cache",
    "architectures",
    "attn_implementation",
    "auto_map",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "custom_pipelines",
    "decoder_start_token_id",
    "dtype",
    "eos_token_id",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "initializer_factor",
    "initializer_range",
    "is_decoder",
    "label2id",
    "model_parallel",
    "name_or_path",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "prefix",
    "problem_type",
    "return_dict",
    "sep_token_id",
    "task_specific_params",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
];

/// What no model this program runs can be.
const GENERIC_NEUTRAL: &[Neutral] = &[
    neutral("is_encoder_decoder", is_false, "false", "a model of encoder and decoder is not supported"),
    neutral("add_cross_attention", is_false, "false", "cross-attention in the decoder is not supported"),
    neutral("pruned_heads", is_empty, "{}", "pruned attention heads are not supported"),
    neutral("quantization_config", is_empty, "null", "quantised checkpoints are not supported"),
    neutral("compression_config", is_empty, "null", "compressed checkpoints are not supported"),
];

/// How tokens are chosen, which is set for every question and not by the checkpoint: the reference's evaluation sets
/// the most of these itself, and the rest is without effect on a greedy answer.
const CHOOSING: &[Neutral] = &[
    told("do_sample", is_false),
    told("temperature", is_one),
    told("top_k", |k| k.as_u64() == Some(50)),
    told("top_p", is_one),
    told("typical_p", is_one),
    told("min_p", is_zero),
    told("top_h", is_zero),
    told("epsilon_cutoff", is_zero),
    told("eta_cutoff", is_zero),
    told("num_beams", is_one),
    told("num_beam_groups", is_one),
    told("diversity_penalty", is_zero),
];

/// Settings of generation without effect on the tokens of one greedy answer: lengths, which a question sets; what else
/// is given back; caches; speculative decoding, which gives the same tokens sooner; beams.
const GENERATION: &[&str] = &[
    "_from_model_config",
    "assistant_confidence_threshold",
    "assistant_early_exit",
    "assistant_lookbehind",
    "cache_config",
    "cache_implementation",
    "compile_config",
    "disable_compile",
    "early_stopping",
    "generation_kwargs",
    "is_assistant",
    "length_penalty",
    "low_memory",
    "max_length",
    "max_matching_ngram_size",
    "max_new_tokens",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_logits",
    "output_scores",
    "prefill_chunk_size",
    "prompt_lookup_num_tokens",
    "remove_invalid_values",
    "renormalize_logits",
    "return_dict_in_generate",
    "return_legacy_cache",
    "target_lookbehind",
];

/// Settings of generation that change which token is the most likely, or where an answer ends.
const GENERATION_NEUTRAL: &[Neutral] = &[
    neutral("repetition_penalty", is_one, "1.0", "a penalty on repeated tokens is not supported"),
    neutral("encoder_repetition_penalty", is_one, "1.0", "a penalty on tokens of the prompt is not supported"),
    neutral("no_repeat_ngram_size", is_zero, "0", "a ban on repeated sequences is not supported"),
    neutral("encoder_no_repeat_ngram_size", is_zero, "0", "a ban on sequences of the prompt is not supported"),
    neutral("suppress_tokens", is_empty, "null", "a ban on tokens is not supported"),
    neutral("begin_suppress_tokens", is_empty, "null", "a ban on first tokens is not supported"),
    neutral("bad_words_ids", is_empty, "null", "a ban on words is not supported"),
    neutral("force_words_ids", is_empty, "null", "words that must appear are not supported"),
    neutral("constraints", is_empty, "null", "constraints on the answer are not supported"),
    neutral("sequence_bias", is_empty, "null", "a bias of sequences is not supported"),
    neutral("forced_bos_token_id", |_| false, "null", "a forced first token is not supported"),
    neutral("forced_eos_token_id", |_| false, "null", "a forced last token is not supported"),
    neutral("forced_decoder_ids", is_empty, "null", "forced tokens are not supported"),
    neutral("exponential_decay_length_penalty", is_empty, "null", "a penalty on long answers is not supported"),
    neutral("min_length", is_zero, "0", "a least length of answers is not supported"),
    neutral("min_new_tokens", is_zero, "0", "a least length of answers is not supported"),
    neutral("max_time", |_| false, "null", "a limit of time on answers is not supported"),
    neutral("stop_strings", is_empty, "null", "texts that end an answer are given with --stop"),
    neutral("guidance_scale", is_one, "1", "classifier-free guidance is not supported"),
    neutral("penalty_alpha", is_zero, "0", "contrastive search is not supported"),
    neutral("dola_layers", is_empty, "null", "decoding by contrasting layers is not supported"),
    neutral("token_healing", is_false, "false", "healing the last token of the prompt is not supported"),
    neutral("watermarking_config", is_empty, "null", "watermarks are not supported"),
];

/// config.json of a checkpoint.
pub(super) const CHECKPOINT: Known = Known {
    read: &[&[
        "attention_bias",
        "bos_token_id",
        "connector_depth",
        "connector_only",
        "eos_token_id",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "image_position",
        "image_token_len",
        "intermediate_size",
        "max_position_embeddings",
        "mlp_bias",
        "mm_projector_type",
        "mm_use_im_start_end",
        "mm_vision_select_feature",
        "mm_vision_select_layer",
        "mm_vision_tower_aux_list",
        "mm_vision_tower_aux_token_len_list",
        "model_type",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "num_of_vision_sampler_layers",
        "num_query_group",
        "partial_rotary_factor",
        "query_num_list",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "start_of_vision_sampler_layers",
        "stride_of_vision_sampler_layers",
        "tie_word_embeddings",
        "tokenizer_model_max_length",
        "unfreeze_mm_vision_tower",
        "vision_hidden_size",
        "vision_tower_aux_token_len_list",
        "vocab_size",
    ]],
    harmless: &[
        GENERIC,
        GENERATION,
        // Dropout, which is for training; pieces of products that are summed again; the length before stretching the
        // positions, which is refused where it matters.
        &[
            "attention_dropout",
            "embd_pdrop",
            "hidden_dropout",
            "original_max_position_embeddings",
            "pretraining_tp",
            "resid_pdrop",
        ],
        // The training code's: what was trained how, on which machines; and settings that Cambrian-1 inherited from
        // LLaVA and that its path through several encoders never reads (it always pads, docs/model.md §2.1).
        &[
            "freeze_backbone",
            "freeze_mm_mlp_adapter",
            "image_aspect_ratio",
            "image_crop_resolution",
            "image_grid_pinpoints",
            "image_split_resolution",
            "mm_hidden_size",
            "mm_patch_merge_type",
            "mm_projector_lr",
            "mm_use_im_patch_token",
            "mm_vision_sampler_lr",
            "mm_vision_tower",
            "mm_vision_tower_lr",
            "spmd_debug",
            "spmd_fsdp_sharding",
            "spmd_mesh",
            "tokenizer_padding_side",
            "tune_mm_mlp_adapter",
            "use_mm_proj",
        ],
    ],
    neutral: &[
        GENERIC_NEUTRAL,
        GENERATION_NEUTRAL,
        &[
            neutral(
                "layer_types",
                is_plain_attention,
                "one kind of attention in all layers",
                "layers that differ in their attention are not supported",
            ),
            neutral("lm_head_bias", is_false, "false", "a bias of the output layer is not supported"),
        ],
    ],
    told: &[CHOOSING],
    idle: &[],
};

/// `rope_scaling` and `rope_parameters` of a checkpoint's config.json, of the kinds that stretch nothing.
pub(super) const ROPE: Known = Known {
    read: &[&["factor", "partial_rotary_factor", "rope_theta", "rope_type", "type"]],
    // Of kinds that stretch, which are refused.
    harmless: &[&[
        "attention_factor",
        "beta_fast",
        "beta_slow",
        "high_freq_factor",
        "long_factor",
        "low_freq_factor",
        "mscale",
        "mscale_all_dim",
        "original_max_position_embeddings",
        "short_factor",
        "truncate",
    ]],
    neutral: &[&[
        neutral("mrope_section", |_| false, "null", "positions of several axes are not supported"),
        neutral("mrope_interleaved", is_false, "false", "positions of several axes are not supported"),
    ]],
    told: &[],
    idle: &[],
};

/// generation_config.json of a checkpoint.
pub(super) const GENERATION_CONFIG: Known = Known {
    read: &[&["eos_token_id"]],
    harmless: &[
        GENERATION,
        &["bos_token_id", "decoder_start_token_id", "pad_token_id", "transformers_version", "use_cache"],
    ],
    neutral: &[GENERATION_NEUTRAL],
    told: &[CHOOSING],
    idle: &[],
};

/// What configurations of encoders say of training, of what comes after the features, and of ties between embeddings
/// they do not have.
const ENCODER: &[&str] = &[
    "attention_dropout",
    "attention_probs_dropout_prob",
    "drop_path_rate",
    "dropout",
    "hidden_dropout_prob",
    "projection_dim",
    "tie_word_embeddings",
];

/// Nothing is generated with an encoder.
const NO_GENERATION: &[&[Neutral]] = &[GENERATION_NEUTRAL, CHOOSING];

const RGB: Neutral = neutral("num_channels", is_three, "3", "pictures have three channels");

/// config.json of CLIP, of the whole model or its vision part alone.
pub(super) const CLIP: Known = Known {
    read: &[
        &["vision_config"],
        &[
            "hidden_act",
            "hidden_size",
            "image_size",
            "intermediate_size",
            "layer_norm_eps",
            "num_attention_heads",
            "num_hidden_layers",
            "patch_size",
        ],
    ],
    // The part for texts is not used, and the reference reads `vision_config`, never its older copy.
    harmless: &[
        GENERIC,
        GENERATION,
        ENCODER,
        &["logit_scale_init_value", "text_config", "text_config_dict", "vision_config_dict"],
    ],
    neutral: &[
        GENERIC_NEUTRAL,
        &[
            RGB,
            neutral(
                "model_type",
                |kind| matches!(kind.as_str(), Some("clip" | "clip_vision_model")),
                "clip or clip_vision_model",
                "this is no CLIP model",
            ),
        ],
    ],
    told: &[],
    idle: NO_GENERATION,
};

/// config.json of DINOv2.
pub(super) const DINOV2: Known = Known {
    read: &[&[
        "hidden_act",
        "hidden_size",
        "image_size",
        "layer_norm_eps",
        "mlp_ratio",
        "num_attention_heads",
        "num_hidden_layers",
        "patch_size",
        "qkv_bias",
        "use_swiglu_ffn",
    ]],
    // What only a backbone, a classifier or the beginning of training looks at.
    harmless: &[
        GENERIC,
        GENERATION,
        ENCODER,
        &[
            "_out_features",
            "_out_indices",
            "apply_layernorm",
            "layerscale_value",
            "out_features",
            "out_indices",
            "reshape_hidden_states",
            "stage_names",
            "use_mask_token",
        ],
    ],
    neutral: &[
        GENERIC_NEUTRAL,
        &[RGB, neutral("model_type", |kind| kind == "dinov2", "dinov2", "this is no DINOv2 model")],
    ],
    told: &[],
    idle: NO_GENERATION,
};

/// preprocessor_config.json of CLIP and DINOv2.
pub(super) const PREPROCESSOR: Known = Known {
    read: &[&["crop_size", "image_mean", "image_std", "rescale_factor", "size"]],
    // The picture has its size before the reference's processor sees it: resizing and cropping find nothing to do.
    harmless: &[&[
        "_processor_class",
        "data_format",
        "default_to_square",
        "device",
        "disable_grouping",
        "do_center_crop",
        "do_convert_rgb",
        "do_resize",
        "feature_extractor_type",
        "image_processor_type",
        "image_seq_length",
        "input_data_format",
        "processor_class",
        "resample",
        "return_tensors",
    ]],
    neutral: &[&[
        neutral("do_normalize", is_true, "true", "pixels that are not normalised are not supported"),
        neutral("do_rescale", is_true, "true", "pixels that are not rescaled are not supported"),
        neutral("do_pad", is_false, "false", "padding by the processor is not supported"),
        neutral("do_flip_channel_order", is_false, "false", "channels in another order are not supported"),
    ]],
    told: &[],
    idle: &[],
};

/// `model_cfg.vision_cfg` of open_clip_config.json, for an encoder of timm.
pub(super) const OPEN_CLIP_VISION: Known = Known {
    read: &[&["image_size", "timm_model_name"]],
    // Dropout, where weights come from at the beginning of training, and what comes after the features.
    harmless: &[&[
        "output_tokens",
        "patch_dropout",
        "timm_drop",
        "timm_drop_path",
        "timm_model_pretrained",
        "timm_pool",
        "timm_proj",
        "timm_proj_bias",
    ]],
    neutral: &[],
    told: &[],
    idle: &[],
};

/// `preprocess_cfg` of open_clip_config.json.
pub(super) const OPEN_CLIP_PREPROCESS: Known = Known {
    read: &[&["mean", "std"]],
    // The picture is padded and resized before open_clip's transforms see it.
    harmless: &[&["fill_color", "interpolation", "resize_mode"]],
    neutral: &[&[neutral("mode", |mode| mode == "RGB", "RGB", "pictures have three channels")]],
    told: &[],
    idle: &[],
};

/// Fields of tokenizer_config.json that change ids. Its other fields are read, or they are names, lengths and templates
/// of chats, of which there are as many as tools.
const TOKENIZER: &[Neutral] = &[
    neutral("add_eos_token", is_false, "false", "an end token after every text is not supported"),
    neutral("do_lower_case", is_false, "false", "texts in lower case are not supported"),
    neutral("split_special_tokens", is_false, "false", "templates without special tokens are not supported"),
    neutral("sp_model_kwargs", is_empty, "{}", "settings of sentencepiece are not supported"),
];

/// Checks a tokenizer_config.json.
///
/// # Errors
/// A refusal of the first field with a value under which texts would have other ids than here.
pub(crate) fn check_tokenizer(json: &JsonFile) -> Result<()> {
    Known { read: &[], harmless: &[], neutral: &[TOKENIZER], told: &[], idle: &[] }.check(json, "").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    fn check(known: &Known, value: &Value, at: &str) -> Result<Told> {
        known.check(&JsonFile::parse(Path::new("f.json"), value.to_string().as_bytes()).unwrap(), at)
    }

    fn unknown(known: &Known, value: &Value, at: &str) -> Vec<String> {
        check(known, value, at).unwrap().unknown
    }

    #[test]
    fn no_field_is_on_two_lists() {
        for known in [
            &CHECKPOINT,
            &ROPE,
            &GENERATION_CONFIG,
            &CLIP,
            &DINOV2,
            &PREPROCESSOR,
            &OPEN_CLIP_VISION,
            &OPEN_CLIP_PREPROCESS,
        ] {
            let rules = known.neutral.iter().chain(known.told).chain(known.idle).copied().flatten();
            let named = rules.map(|rule| rule.key);
            let listed = known.read.iter().chain(known.harmless).copied().flatten().copied();
            let read: Vec<&str> = known.read.iter().copied().flatten().copied().collect();
            for key in named.clone() {
                assert!(!listed.clone().any(|other| other == key), "{key} is read or harmless, and must be neutral");
                assert_eq!(named.clone().filter(|other| *other == key).count(), 1, "{key}");
            }
            // Identifiers that every file has are read in one and ignored in another.
            let generic = ["bos_token_id", "eos_token_id"];
            for key in known.harmless.iter().copied().flatten().filter(|key| !generic.contains(key)) {
                assert!(!read.contains(key), "{key} is read and harmless");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_named_and_null_is_nothing() {
        let value = json!({"hidden_size": 1, "use_cache": true, "invented": 1, "suppress_tokens": null, "vision_config": {"x": 0}});
        assert_eq!(unknown(&CHECKPOINT, &value, ""), ["invented", "vision_config"]);
        let value = json!({"vision_config": {"hidden_size": 1, "x": 0}});
        assert_eq!(unknown(&CLIP, &value, "vision_config"), ["vision_config.x"]);
        assert_eq!(unknown(&CLIP, &json!({}), "vision_config"), [""; 0]);
        assert_eq!(unknown_note("f", &[]), None);
        let many: Vec<String> = (0..10).map(|n| format!("x{n}")).collect();
        assert!(unknown_note("f", &many).unwrap().contains("x6, x7 and 2 more"));
    }

    #[test]
    fn how_tokens_are_chosen_is_told_of() {
        let value = json!({"do_sample": true, "temperature": 0.6, "top_p": 1.0, "num_beams": 1, "eos_token_id": 2});
        let told = check(&GENERATION_CONFIG, &value, "").unwrap();
        assert_eq!(
            told,
            Told { unknown: Vec::new(), not_obeyed: vec!["do_sample true".into(), "temperature 0.6".into()] }
        );
    }

    #[test]
    fn values_that_change_what_is_computed_are_refused() {
        for (known, key, neutral, other) in [
            (&GENERATION_CONFIG, "repetition_penalty", json!(1), json!(1.5)),
            (&GENERATION_CONFIG, "no_repeat_ngram_size", json!(0), json!(3)),
            (&GENERATION_CONFIG, "suppress_tokens", json!([]), json!([1, 2])),
            (&GENERATION_CONFIG, "sequence_bias", json!({}), json!([[[1], 2.0]])),
            (&GENERATION_CONFIG, "guidance_scale", json!(1.0), json!(1.5)),
            (&GENERATION_CONFIG, "guidance_scale", json!(1), json!(0.5)),
            (&GENERATION_CONFIG, "min_new_tokens", json!(0), json!(4)),
            (&CHECKPOINT, "repetition_penalty", json!(1.0), json!("NaN")),
            (&CHECKPOINT, "pruned_heads", json!({}), json!({"1": [0]})),
            (&CHECKPOINT, "is_encoder_decoder", json!(false), json!(true)),
            (
                &CHECKPOINT,
                "layer_types",
                json!(["full_attention", "full_attention"]),
                json!(["full_attention", "chunked_attention"]),
            ),
            (&ROPE, "mrope_interleaved", json!(false), json!(true)),
            (&CLIP, "model_type", json!("clip"), json!("siglip")),
            (&CLIP, "num_channels", json!(3), json!(1)),
            (&DINOV2, "model_type", json!("dinov2"), json!("dinov2_with_registers")),
            (&PREPROCESSOR, "do_normalize", json!(true), json!(false)),
            (&OPEN_CLIP_PREPROCESS, "mode", json!("RGB"), json!("L")),
        ] {
            assert_eq!(check(known, &json!({ key: neutral }), "").unwrap(), Told::default(), "{key}");
            let refused = check(known, &json!({ key: other.clone() }), "").unwrap_err().to_string();
            assert!(refused.contains(&format!("`{key}`")) && refused.contains(&other.to_string()), "{refused}");
            assert!(refused.contains("expected: ") && refused.contains("what to do: "), "{refused}");
        }
    }

    /// What the released checkpoints and their encoders say, and what any of them would say when saved again by
    /// another version of transformers.
    #[test]
    fn everything_transformers_writes_by_default_is_known() {
        let generic = json!({
            "return_dict": true, "output_hidden_states": false, "torchscript": false, "dtype": "bfloat16", "pruned_heads": {},
            "tie_word_embeddings": true, "chunk_size_feed_forward": 0, "is_encoder_decoder": false, "is_decoder": false,
            "add_cross_attention": false, "max_length": 20, "min_length": 0, "do_sample": false, "num_beams": 1,
            "temperature": 1.0, "top_k": 50, "top_p": 1.0, "typical_p": 1.0, "repetition_penalty": 1.0,
            "no_repeat_ngram_size": 0, "bad_words_ids": null, "id2label": {"0": "LABEL_0"}, "architectures": ["X"],
            "transformers_version": "5.0.0", "_attn_implementation_autoset": true, "use_bfloat16": false
        });
        for known in [&CHECKPOINT, &CLIP, &DINOV2] {
            assert_eq!(check(known, &generic, "").unwrap(), Told::default());
        }
    }
}
