//! config.json, and the names of encoders in it.

use super::super::config::DecoderFamily;
use super::super::{CambrianConfig, EncoderFamily, EncoderOrigin};
use super::{dir, refusal};
use opabinia_trace::encoder_name;
use serde_json::{Value, json};
use std::fs;

pub(in crate::checkpoint) fn config() -> Value {
    json!({
        "model_type": "cambrian_llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 6,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 600, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
        "rope_theta": 5e5, "rope_scaling": null, "hidden_act": "silu", "attention_bias": false,
        "bos_token_id": 1, "eos_token_id": [2, 3], "mm_projector_type": "sva",
        "mm_vision_tower_aux_list": ["siglip/CLIP-ViT-SO400M-14-384", "clip-convnext-XXL-multi-stage-res128"],
        "mm_vision_tower_aux_token_len_list": [36, 576], "image_token_len": 36, "num_query_group": 1,
        "query_num_list": [36], "connector_depth": 3, "connector_only": false, "num_of_vision_sampler_layers": 3,
        "start_of_vision_sampler_layers": 0, "stride_of_vision_sampler_layers": 2, "vision_hidden_size": 64,
        "tokenizer_model_max_length": 2048
    })
}

pub(super) fn read_config(value: &Value) -> crate::Result<CambrianConfig> {
    let dir = dir();
    fs::write(dir.path().join("config.json"), value.to_string()).unwrap();
    CambrianConfig::read(dir.path())
}

#[test]
fn a_configuration_is_read() {
    let config = read_config(&config()).unwrap();
    assert_eq!(config.decoder.family, DecoderFamily::Llama);
    assert_eq!((config.decoder.head_dim, config.sva.final_side, config.towers[1].side()), (16, 6, 24));
    assert_eq!(config.sva.samplers.unwrap().after_layer(4), Some(2));
    assert_eq!(config.eos_token_ids, [2, 3]);
    assert!(config.towers[1].multi_stage);
    assert_eq!(config.towers[1].res, Some(128));
}

/// What is read and obeyed by other decoders, and what no list names: a person is told.
#[test]
fn fields_that_change_nothing_here_are_told_of() {
    let notes = |key: &str, value: Value| {
        let mut changed = config();
        changed[key] = value;
        read_config(&changed).unwrap().notes.join("; ")
    };
    assert_eq!(notes("hidden_act", "swish".into()), "");
    assert_eq!(notes("rope_scaling", json!({"rope_type": "default", "attention_factor": 2.0})), "");
    let window = notes("sliding_window", 16.into());
    assert!(window.contains("sliding_window (16)") && window.contains("do not have"), "{window}");
    let invented = notes("rope_scaling", json!({"rope_type": "default", "invented": 1}));
    assert!(invented.contains("rope_scaling.invented"), "{invented}");
    let mut axes = config();
    axes["rope_scaling"] = json!({"rope_type": "default", "mrope_section": [16, 24, 24]});
    let refused = read_config(&axes).unwrap_err().to_string();
    assert!(refused.contains("`rope_scaling.mrope_section`") && refused.contains("several axes"), "{refused}");
}

#[test]
fn stop_tokens_come_from_both_files() {
    let dir = dir();
    fs::write(dir.path().join("config.json"), config().to_string()).unwrap();
    fs::write(dir.path().join("generation_config.json"), r#"{"eos_token_id": 9}"#).unwrap();
    assert_eq!(CambrianConfig::read(dir.path()).unwrap().eos_token_ids, [2, 3, 9]);
}

#[test]
fn every_wrong_field_is_named() {
    let cases = [
        ("model_type", json!("llava_mistral")),
        ("model_type", json!(7)),
        ("rope_parameters", json!({"rope_type": "yarn"})),
        ("partial_rotary_factor", json!(0.5)),
        ("repetition_penalty", json!(1.2)),
        ("quantization_config", json!({"bits": 4})),
        ("is_encoder_decoder", json!(true)),
        ("mm_projector_type", json!("mlp2x_gelu")),
        ("hidden_size", json!(-1)),
        ("hidden_size", json!(1u64 << 40)),
        ("num_hidden_layers", json!(1 << 20)),
        ("num_attention_heads", json!(5)),
        ("num_attention_heads", json!(64)),
        ("num_key_value_heads", json!(3)),
        ("rope_scaling", json!({"type": "su"})),
        ("attention_bias", json!(true)),
        ("hidden_act", json!("gelu")),
        ("rms_norm_eps", json!(0.0)),
        ("vision_hidden_size", json!(40)),
        ("image_token_len", json!(35)),
        ("query_num_list", json!([35])),
        ("num_query_group", json!(2)),
        ("mm_vision_tower_aux_token_len_list", json!([36, 575])),
        ("mm_vision_tower_aux_token_len_list", json!([36, 625])),
        ("mm_vision_tower_aux_token_len_list", json!([36])),
        ("vision_tower_aux_token_len_list", json!([36, 36])),
        ("mm_vision_tower_aux_list", json!([])),
        ("mm_vision_tower_aux_list", json!(["eva/CLIP-02", "clip-convnext-L"])),
        ("num_of_vision_sampler_layers", json!(4)),
        ("stride_of_vision_sampler_layers", json!(0)),
        ("start_of_vision_sampler_layers", json!(6)),
        ("eos_token_id", json!("two")),
    ];
    for (key, value) in cases {
        let mut config = config();
        config[key] = value.clone();
        let refusal = refusal(read_config(&config));
        assert_eq!(refusal.key.as_deref(), Some(key), "{value}: {refusal}");
        assert!(refusal.file.ends_with("config.json") && refusal.expected.is_some(), "{value}: {refusal}");
    }
}

#[test]
fn missing_or_broken_configurations_are_refused() {
    let dir = dir();
    assert!(refusal(CambrianConfig::read(dir.path())).problem.contains("missing"));
    for text in ["", "{", "[]", "\u{0}"] {
        fs::write(dir.path().join("config.json"), text).unwrap();
        assert!(refusal(CambrianConfig::read(dir.path())).file.ends_with("config.json"));
    }
}

#[test]
fn tower_names_are_understood() {
    let parsed = |name: &str| encoder_name::parse(name).map(|t| (t.family, t.origin, t.res));
    let is = |name: &str, family, repo: &str, res| {
        assert_eq!(parsed(name), Ok((family, EncoderOrigin::Repository(repo.to_owned()), res)), "{name}");
    };
    is("siglip/CLIP-ViT-SO400M-14-384-interp576", EncoderFamily::Siglip, "timm/ViT-SO400M-14-SigLIP-384", None);
    is("timm/ViT-SO400M-14-SigLIP", EncoderFamily::Siglip, "timm/ViT-SO400M-14-SigLIP", None);
    is("openai/clip-vit-large-patch14-336", EncoderFamily::Clip, "openai/clip-vit-large-patch14-336", None);
    is("facebook/dinov2-giant-res378-interp576", EncoderFamily::Dinov2, "facebook/dinov2-giant", Some(378));
    for name in [
        "facebook/dinov2-huge",
        "openai/clip-vit-../../etc",
        "openai/clip-vit-a/b",
        "clip-convnext-S",
        "facebook/dinov2-giant-res0",
        "",
        "eva/CLIP-02",
        "/data/eva/CLIP-02",
        "/data/../openai/clip-vit-large",
        "..\\dinov2",
    ] {
        assert!(parsed(name).is_err(), "{name}");
    }
}

#[test]
fn tower_names_may_be_paths_and_repositories_of_fine_tunes() {
    let parsed = |name: &str| encoder_name::parse(name).unwrap();
    let folder = |name: &str, family, folder: &str, res| {
        let tower = parsed(name);
        let expected = (family, EncoderOrigin::Folder(folder.to_owned()), res);
        assert_eq!((tower.family, tower.origin, tower.res), expected, "{name}");
    };
    let clip = EncoderFamily::Clip;
    folder("/data/ckpt/openai/clip-vit-large-patch14-336", clip, "/data/ckpt/openai/clip-vit-large-patch14-336", None);
    folder("/data/my-research/clip-vit-large-interp576", clip, "/data/my-research/clip-vit-large", None);
    folder("D:\\models\\openai\\clip-vit-large\\", clip, "D:/models/openai/clip-vit-large", None);
    folder("./out/SigLIP-tuned", EncoderFamily::Siglip, "./out/SigLIP-tuned", None);
    folder("/x/dinov2-huge-res518-ft", EncoderFamily::Dinov2, "/x/dinov2-huge-ft", Some(518));
    let convnext = parsed("/x/clip-convnext-XXL-multi-stage-res1024");
    assert_eq!((convnext.family, convnext.res, convnext.multi_stage), (EncoderFamily::ConvNext, Some(1024), true));
    let tuned = parsed("me/dinov2-with-care-res378");
    assert_eq!(tuned.origin.repository(), Some("me/dinov2-with-care"));
    assert_eq!((tuned.family, tuned.res), (EncoderFamily::Dinov2, Some(378)));
}
