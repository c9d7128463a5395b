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
    let value =
        json!({"hidden_size": 1, "use_cache": true, "invented": 1, "suppress_tokens": null, "vision_config": {"x": 0}});
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
    assert_eq!(told, Told { unknown: Vec::new(), not_obeyed: vec!["do_sample true".into(), "temperature 0.6".into()] });
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
