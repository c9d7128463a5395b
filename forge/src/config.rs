//! config.json and generation_config.json of the checkpoint (docs/model.md §2.1).

use crate::spec::{DecoderFamily, ForgeSpec, StoredType};
use crate::tokenizer::SpecialIds;
use serde_json::{Map, Value, json};

/// `config.json`.
pub(crate) fn config(spec: &ForgeSpec, ids: SpecialIds) -> Value {
    let (d, sva) = (&spec.decoder, &spec.sva);
    let tokens: Vec<usize> = spec.towers.iter().map(|tower| spec.tower_tokens(tower)).collect();
    let names: Vec<String> = spec.towers.iter().map(|tower| tower.network.config_name()).collect();
    let queries: Vec<usize> = sva.group_sides.iter().map(|side| side * side).collect();
    let (model_type, architecture) = match d.family {
        DecoderFamily::Llama => ("cambrian_llama", "CambrianLlamaForCausalLM"),
        DecoderFamily::Phi3 => ("cambrian_phi3", "CambrianPhi3ForCausalLM"),
    };
    let dtype = match spec.dtype {
        StoredType::F32 => "float32",
        StoredType::Bf16 => "bfloat16",
        StoredType::F16 => "float16",
    };
    let fields = json!({
        "architectures": [architecture],
        "bos_token_id": ids.bos,
        "connector_depth": sva.connector_depth,
        "connector_only": sva.samplers.is_none(),
        "eos_token_id": ids.eos,
        "hidden_act": "silu",
        "hidden_size": d.hidden,
        "image_position": ids.image_position,
        "image_token_len": sva.query_side * sva.query_side,
        "intermediate_size": d.intermediate,
        "max_position_embeddings": d.max_positions,
        "mm_projector_type": "sva",
        "mm_use_im_patch_token": false,
        "mm_use_im_start_end": false,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower_aux_list": names,
        "mm_vision_tower_aux_token_len_list": tokens,
        "model_type": model_type,
        "num_attention_heads": d.heads,
        "num_hidden_layers": d.layers,
        "num_key_value_heads": d.kv_heads,
        "num_query_group": queries.len(),
        "query_num_list": queries,
        "rms_norm_eps": 1e-5,
        "rope_scaling": null,
        "rope_theta": d.rope_theta,
        "tie_word_embeddings": false,
        "tokenizer_model_max_length": 2048,
        "tokenizer_padding_side": "right",
        "torch_dtype": dtype,
        "vision_hidden_size": sva.hidden,
        "vision_tower_aux_token_len_list": tokens,
        "vocab_size": d.vocab,
    });
    let mut config = fields.as_object().cloned().unwrap_or_default();
    if let Some(samplers) = sva.samplers {
        config.insert("num_of_vision_sampler_layers".into(), samplers.count.into());
        config.insert("start_of_vision_sampler_layers".into(), samplers.start.into());
        config.insert("stride_of_vision_sampler_layers".into(), samplers.stride.into());
    }
    match d.family {
        DecoderFamily::Llama => {
            config.insert("attention_bias".into(), false.into());
            config.insert("pretraining_tp".into(), 1.into());
        }
        DecoderFamily::Phi3 => {
            config.insert("embd_pdrop".into(), 0.0.into());
            config.insert("resid_pdrop".into(), 0.0.into());
            config.insert("original_max_position_embeddings".into(), d.max_positions.into());
            config.insert("pad_token_id".into(), ids.eos.into());
            config.insert("sliding_window".into(), 2047.into());
        }
    }
    config.into_iter().chain(training_fields()).collect()
}

/// Fields that steer training and saving; inference reads none of them.
fn training_fields() -> Map<String, Value> {
    let fields = json!({
        "attention_dropout": 0.0,
        "freeze_mm_mlp_adapter": false,
        "image_aspect_ratio": "pad",
        "initializer_range": 0.02,
        "mm_patch_merge_type": "flat",
        "mm_projector_lr": null,
        "mm_vision_sampler_lr": null,
        "mm_vision_tower_lr": null,
        "spmd_debug": null,
        "spmd_fsdp_sharding": null,
        "spmd_mesh": null,
        "transformers_version": "4.37.0",
        "tune_mm_mlp_adapter": false,
        "unfreeze_mm_vision_tower": false,
        "use_cache": true,
        "use_mm_proj": true,
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// `generation_config.json`.
pub(crate) fn generation_config(ids: SpecialIds) -> Value {
    json!({
        "_from_model_config": true,
        "bos_token_id": ids.bos,
        "eos_token_id": [ids.eos, ids.end_of_turn],
        "transformers_version": "4.37.0",
    })
}
