//! Fields of the files of encoders.

use super::checkpoint::{CHOOSING, GENERATION, GENERATION_NEUTRAL, GENERIC, GENERIC_NEUTRAL};
use super::rules::{is_false, is_three, is_true, neutral};
use super::{Known, Neutral};

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
