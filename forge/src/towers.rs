//! The encoders' own repositories: tensors and configuration files (docs/model.md §2.2, §4).
//!
//! The released files hold a text tower too, which Cambrian never reads. Here it is a stub of one narrow layer, so that
//! a loader meets its keys without anyone paying for its 0.4 G parameters; each configuration states the stub's size.

use crate::spec::{ConvNextSize, EncoderNetwork};
use crate::table::{Init, Table, TensorSpec};
use serde_json::{Value, json};

/// Width of text-tower stubs and of the embeddings they share with the picture.
const TEXT: usize = 16;
/// Vocabulary of text-tower stubs.
const TEXT_VOCAB: usize = 64;
/// Positions of text-tower stubs.
const TEXT_LENGTH: usize = 8;
/// Side of a patch in every ViT here.
const PATCH: usize = 14;

/// OpenAI's normalisation, used by CLIP and ConvNeXt.
const OPENAI_MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const OPENAI_STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];
/// ImageNet's normalisation, used by DINOv2.
const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

/// Every tensor of the encoder's weight file.
pub fn tower_tensors(network: &EncoderNetwork) -> Vec<TensorSpec> {
    let mut table = Table::default();
    match network {
        EncoderNetwork::Siglip { image, dim, depth } => siglip(&mut table, *image, *dim, *depth),
        EncoderNetwork::Clip { image, dim, intermediate, layers, .. } => {
            clip(&mut table, *image, *dim, *intermediate, *layers);
        }
        EncoderNetwork::Dinov2 { trained_image, dim, layers, .. } => dinov2(&mut table, *trained_image, *dim, *layers),
        EncoderNetwork::ConvNext { size, dims, depths, .. } => convnext(&mut table, *size, *dims, *depths),
    }
    table.into_tensors()
}

/// Name of the encoder's weight file.
pub(crate) fn weight_file(network: &EncoderNetwork) -> &'static str {
    match network {
        EncoderNetwork::Siglip { .. } | EncoderNetwork::ConvNext { .. } => "open_clip_model.safetensors",
        EncoderNetwork::Clip { .. } | EncoderNetwork::Dinov2 { .. } => "model.safetensors",
    }
}

/// The encoder's configuration files: name and content.
pub(crate) fn tower_configs(network: &EncoderNetwork) -> Vec<(&'static str, Value)> {
    match network {
        EncoderNetwork::Siglip { image, dim, .. } => vec![("open_clip_config.json", siglip_config(*image, *dim))],
        EncoderNetwork::ConvNext { size, .. } => vec![("open_clip_config.json", convnext_config(*size))],
        EncoderNetwork::Clip { image, .. } => {
            vec![("config.json", clip_config(network)), ("preprocessor_config.json", clip_preprocessor(*image))]
        }
        EncoderNetwork::Dinov2 { .. } => {
            vec![("config.json", dinov2_config(network)), ("preprocessor_config.json", dinov2_preprocessor())]
        }
    }
}

/// Width of SigLIP's MLP: SO400M's odd ratio, truncated as timm does.
pub(crate) fn siglip_mlp(dim: usize) -> usize {
    (dim as f64 * 3.7362) as usize
}

/// Inner width of DINOv2's SwiGLU (docs/model.md §4.3).
fn swiglu_width(dim: usize) -> usize {
    (4 * dim * 2 / 3).div_ceil(8) * 8
}

/// SigLIP: ViT without a class token, pooled by an attention head that Cambrian does not use.
fn siglip(table: &mut Table, image: usize, dim: usize, depth: usize) {
    let (mlp, trunk) = (siglip_mlp(dim), "visual.trunk");
    table.tensor(format!("{trunk}.pos_embed"), &[1, (image / PATCH).pow(2), dim], Init::POSITION);
    table.conv(&format!("{trunk}.patch_embed.proj"), dim, 3, PATCH);
    for b in 0..depth {
        let block = format!("{trunk}.blocks.{b}");
        table.layer_norm(&format!("{block}.norm1"), dim);
        table.linear(&format!("{block}.attn.qkv"), 3 * dim, dim);
        table.linear(&format!("{block}.attn.proj"), dim, dim);
        table.layer_norm(&format!("{block}.norm2"), dim);
        table.linear(&format!("{block}.mlp.fc1"), mlp, dim);
        table.linear(&format!("{block}.mlp.fc2"), dim, mlp);
    }
    table.layer_norm(&format!("{trunk}.norm"), dim);
    let pool = format!("{trunk}.attn_pool");
    table.tensor(format!("{pool}.latent"), &[1, 1, dim], Init::TOKEN);
    table.linear(&format!("{pool}.q"), dim, dim);
    table.linear(&format!("{pool}.kv"), 2 * dim, dim);
    table.linear(&format!("{pool}.proj"), dim, dim);
    table.layer_norm(&format!("{pool}.norm"), dim);
    table.linear(&format!("{pool}.mlp.fc1"), mlp, dim);
    table.linear(&format!("{pool}.mlp.fc2"), dim, mlp);
    open_clip_text(table, "text.", dim);
    table.tensor("logit_bias", &[], Init { center: -10.0, spread: 0.0 });
}

/// CLIP: ViT with a class token.
fn clip(table: &mut Table, image: usize, dim: usize, intermediate: usize, layers: usize) {
    let vision = "vision_model";
    table.tensor(format!("{vision}.embeddings.class_embedding"), &[dim], Init::TOKEN);
    table.kernel(&format!("{vision}.embeddings.patch_embedding"), dim, 3, PATCH);
    let positions = (image / PATCH).pow(2) + 1;
    table.tensor(format!("{vision}.embeddings.position_embedding.weight"), &[positions, dim], Init::POSITION);
    table.layer_norm(&format!("{vision}.pre_layrnorm"), dim);
    for i in 0..layers {
        clip_layer(table, &format!("{vision}.encoder.layers.{i}"), dim, intermediate);
    }
    table.layer_norm(&format!("{vision}.post_layernorm"), dim);
    table.matrix("visual_projection", TEXT, dim);

    let text = "text_model";
    table.tensor(format!("{text}.embeddings.token_embedding.weight"), &[TEXT_VOCAB, TEXT], Init::TOKEN);
    table.tensor(format!("{text}.embeddings.position_embedding.weight"), &[TEXT_LENGTH, TEXT], Init::POSITION);
    clip_layer(table, &format!("{text}.encoder.layers.0"), TEXT, TEXT);
    table.layer_norm(&format!("{text}.final_layer_norm"), TEXT);
    table.matrix("text_projection", TEXT, TEXT);
    table.tensor("logit_scale", &[], Init { center: 2.6592, spread: 0.0 });
}

/// One layer of either CLIP tower.
fn clip_layer(table: &mut Table, layer: &str, dim: usize, intermediate: usize) {
    table.layer_norm(&format!("{layer}.layer_norm1"), dim);
    for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        table.linear(&format!("{layer}.self_attn.{projection}"), dim, dim);
    }
    table.layer_norm(&format!("{layer}.layer_norm2"), dim);
    table.linear(&format!("{layer}.mlp.fc1"), intermediate, dim);
    table.linear(&format!("{layer}.mlp.fc2"), dim, intermediate);
}

/// DINOv2 with SwiGLU and layer scales.
fn dinov2(table: &mut Table, trained_image: usize, dim: usize, layers: usize) {
    let inner = swiglu_width(dim);
    table.tensor("embeddings.cls_token", &[1, 1, dim], Init::TOKEN);
    table.tensor("embeddings.mask_token", &[1, dim], Init::TOKEN);
    let positions = (trained_image / PATCH).pow(2) + 1;
    table.tensor("embeddings.position_embeddings", &[1, positions, dim], Init::POSITION);
    table.conv("embeddings.patch_embeddings.projection", dim, 3, PATCH);
    for i in 0..layers {
        let layer = format!("encoder.layer.{i}");
        table.layer_norm(&format!("{layer}.norm1"), dim);
        for projection in ["query", "key", "value"] {
            table.linear(&format!("{layer}.attention.attention.{projection}"), dim, dim);
        }
        table.linear(&format!("{layer}.attention.output.dense"), dim, dim);
        table.tensor(format!("{layer}.layer_scale1.lambda1"), &[dim], Init::BRANCH);
        table.layer_norm(&format!("{layer}.norm2"), dim);
        table.linear(&format!("{layer}.mlp.weights_in"), 2 * inner, dim);
        table.linear(&format!("{layer}.mlp.weights_out"), dim, inner);
        table.tensor(format!("{layer}.layer_scale2.lambda1"), &[dim], Init::BRANCH);
    }
    table.layer_norm("layernorm", dim);
}

/// ConvNeXt: a stem, four stages, and a head that Cambrian does not use.
fn convnext(table: &mut Table, size: ConvNextSize, dims: [usize; 4], depths: [usize; 4]) {
    let trunk = "visual.trunk";
    table.conv(&format!("{trunk}.stem.0"), dims[0], 3, 4);
    table.layer_norm(&format!("{trunk}.stem.1"), dims[0]);
    let mut previous = dims[0];
    for (s, (dim, depth)) in dims.into_iter().zip(depths).enumerate() {
        let stage = format!("{trunk}.stages.{s}");
        if s > 0 {
            table.layer_norm(&format!("{stage}.downsample.0"), previous);
            table.conv(&format!("{stage}.downsample.1"), dim, previous, 2);
        }
        for b in 0..depth {
            let block = format!("{stage}.blocks.{b}");
            table.tensor(format!("{block}.gamma"), &[dim], Init::BRANCH);
            table.conv(&format!("{block}.conv_dw"), dim, 1, 7);
            table.layer_norm(&format!("{block}.norm"), dim);
            table.linear(&format!("{block}.mlp.fc1"), 4 * dim, dim);
            table.linear(&format!("{block}.mlp.fc2"), dim, 4 * dim);
        }
        previous = dim;
    }
    table.layer_norm(&format!("{trunk}.head.norm"), previous);
    match size {
        ConvNextSize::Xxl => table.matrix("visual.head.proj", TEXT, previous),
        ConvNextSize::L => {
            table.linear("visual.head.mlp.fc1", 2 * TEXT, previous);
            table.matrix("visual.head.mlp.fc2", TEXT, 2 * TEXT);
        }
    }
    open_clip_text(table, "", TEXT);
}

/// The stub of an open_clip text tower, with keys below `prefix` and embeddings of width `embed`.
fn open_clip_text(table: &mut Table, prefix: &str, embed: usize) {
    table.tensor(format!("{prefix}token_embedding.weight"), &[TEXT_VOCAB, TEXT], Init::TOKEN);
    table.tensor(format!("{prefix}positional_embedding"), &[TEXT_LENGTH, TEXT], Init::POSITION);
    let block = format!("{prefix}transformer.resblocks.0");
    table.layer_norm(&format!("{block}.ln_1"), TEXT);
    table.tensor(format!("{block}.attn.in_proj_weight"), &[3 * TEXT, TEXT], Init::fan_in(TEXT));
    table.tensor(format!("{block}.attn.in_proj_bias"), &[3 * TEXT], Init::fan_in(TEXT));
    table.linear(&format!("{block}.attn.out_proj"), TEXT, TEXT);
    table.layer_norm(&format!("{block}.ln_2"), TEXT);
    table.linear(&format!("{block}.mlp.c_fc"), 4 * TEXT, TEXT);
    table.linear(&format!("{block}.mlp.c_proj"), TEXT, 4 * TEXT);
    table.layer_norm(&format!("{prefix}ln_final"), TEXT);
    if prefix.is_empty() {
        table.tensor("text_projection", &[TEXT, embed], Init::fan_in(TEXT));
    } else {
        table.linear(&format!("{prefix}text_projection"), embed, TEXT);
    }
    table.tensor("logit_scale", &[], Init { center: 2.6592, spread: 0.0 });
}

fn siglip_config(image: usize, dim: usize) -> Value {
    json!({
        "model_cfg": {
            "embed_dim": dim,
            "init_logit_bias": -10,
            "custom_text": true,
            "vision_cfg": {
                "image_size": image,
                "timm_model_name": "vit_so400m_patch14_siglip_384",
                "timm_model_pretrained": false,
                "timm_pool": "map",
                "timm_proj": "none"
            },
            "text_cfg": {
                "context_length": TEXT_LENGTH,
                "vocab_size": TEXT_VOCAB,
                "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
                "tokenizer_kwargs": { "clean": "canonicalize" },
                "width": TEXT,
                "heads": 2,
                "layers": 1,
                "mlp_ratio": 4.0,
                "no_causal_mask": true,
                "proj_bias": true,
                "pool_type": "last",
                "norm_kwargs": { "eps": 1e-6 }
            }
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bicubic",
            "resize_mode": "squash"
        }
    })
}

fn convnext_config(size: ConvNextSize) -> Value {
    let (name, proj, image) = match size {
        ConvNextSize::Xxl => ("convnext_xxlarge", "linear", 256),
        ConvNextSize::L => ("convnext_large", "mlp", 320),
    };
    json!({
        "model_cfg": {
            "embed_dim": TEXT,
            "vision_cfg": {
                "timm_model_name": name,
                "timm_model_pretrained": false,
                "timm_pool": "",
                "timm_proj": proj,
                "timm_drop": 0.0,
                "timm_drop_path": 0.1,
                "image_size": image
            },
            "text_cfg": {
                "context_length": TEXT_LENGTH,
                "vocab_size": TEXT_VOCAB,
                "width": TEXT,
                "heads": 2,
                "layers": 1
            }
        },
        "preprocess_cfg": { "mean": OPENAI_MEAN, "std": OPENAI_STD }
    })
}

fn clip_config(network: &EncoderNetwork) -> Value {
    let EncoderNetwork::Clip { image, dim, intermediate, layers, heads } = network else { return Value::Null };
    json!({
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": TEXT,
        "logit_scale_init_value": 2.6592,
        "text_config": {
            "model_type": "clip_text_model",
            "vocab_size": TEXT_VOCAB,
            "hidden_size": TEXT,
            "intermediate_size": TEXT,
            "projection_dim": TEXT,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": TEXT_LENGTH
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": dim,
            "intermediate_size": intermediate,
            "projection_dim": TEXT,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_channels": 3,
            "patch_size": PATCH,
            "image_size": image,
            "layer_norm_eps": 1e-5,
            "hidden_act": "quick_gelu"
        }
    })
}

fn clip_preprocessor(image: usize) -> Value {
    json!({
        "crop_size": image,
        "do_center_crop": true,
        "do_normalize": true,
        "do_resize": true,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": OPENAI_MEAN,
        "image_std": OPENAI_STD,
        "resample": 3,
        "size": image
    })
}

fn dinov2_config(network: &EncoderNetwork) -> Value {
    let EncoderNetwork::Dinov2 { trained_image, dim, layers, heads, .. } = network else { return Value::Null };
    json!({
        "architectures": ["Dinov2Model"],
        "model_type": "dinov2",
        "hidden_size": dim,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "mlp_ratio": 4,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "image_size": trained_image,
        "patch_size": PATCH,
        "num_channels": 3,
        "qkv_bias": true,
        "layerscale_value": 1.0,
        "drop_path_rate": 0.0,
        "use_swiglu_ffn": true,
        "apply_layernorm": true,
        "reshape_hidden_states": true
    })
}

fn dinov2_preprocessor() -> Value {
    json!({
        "crop_size": { "height": 224, "width": 224 },
        "do_center_crop": true,
        "do_convert_rgb": true,
        "do_normalize": true,
        "do_rescale": true,
        "do_resize": true,
        "image_mean": IMAGENET_MEAN,
        "image_processor_type": "BitImageProcessor",
        "image_std": IMAGENET_STD,
        "resample": 3,
        "rescale_factor": 0.003_921_568_627_450_98,
        "size": { "shortest_edge": 256 }
    })
}
