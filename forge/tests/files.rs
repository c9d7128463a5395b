//! What lies on disk after forging: layout, headers, index, tokenizer, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use opabinia_forge::{
    ConvNextSize, DecoderFamily, EncoderNetwork, EncoderSpec, ForgeError, ForgeSpec, Preset, SamplerLayout, StoredType,
    Template, forge,
};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tokenizers::Tokenizer;

/// Key → shape of one weight file or of a sharded set.
type Layout = BTreeMap<String, Vec<usize>>;

fn forged(spec: &ForgeSpec) -> TempDir {
    let dir = TempDir::new().unwrap();
    forge(spec, dir.path(), |_| {}).unwrap();
    dir
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What the safetensors crate reads from `file`, and the finiteness of every number.
fn layout(file: &Path, dtype: Dtype) -> Layout {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    tensors
        .tensors()
        .into_iter()
        .map(|(key, view)| {
            assert_eq!(view.dtype(), dtype, "{key}");
            if dtype == Dtype::F32 {
                let finite = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite();
                assert!(view.data().chunks_exact(4).all(finite), "{key} is not finite");
            }
            (key, view.shape().to_vec())
        })
        .collect()
}

/// The checkpoint's own tensors over all of its files.
fn checkpoint_layout(dir: &Path, dtype: Dtype) -> Layout {
    weight_files(dir).iter().flat_map(|name| layout(&dir.join(name), dtype)).collect()
}

fn weight_files(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".safetensors"))
        .collect()
}

/// A recorded layout: `@ file` lines, then `key AxBxC` lines.
fn recorded(text: &str) -> BTreeMap<String, Layout> {
    let mut files: BTreeMap<String, Layout> = BTreeMap::new();
    let mut file = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("@ ") {
            file = name.into();
            continue;
        }
        let (key, shape) = line.split_once(' ').unwrap_or((line, ""));
        let shape = shape.split('x').filter(|side| !side.is_empty()).map(|side| side.parse().unwrap()).collect();
        files.entry(file.clone()).or_default().insert(key.into(), shape);
    }
    files
}

/// The dimensions of a recorded checkpoint with the released names and a 6×6 query grid.
fn recorded_llama() -> ForgeSpec {
    let mut spec = Preset::Tiny.spec();
    let d = &mut spec.decoder;
    [d.hidden, d.intermediate, d.layers, d.heads, d.kv_heads, d.vocab] = [64, 160, 6, 4, 2, 600];
    spec.sva.hidden = 64;
    spec.sva.query_side = 6;
    spec.sva.group_sides = vec![6];
    spec.sva.connector_depth = 3;
    spec.sva.samplers = Some(SamplerLayout { count: 3, start: 0, stride: 2 });
    spec.towers = vec![
        EncoderSpec { network: EncoderNetwork::Siglip { image: 98, dim: 64, depth: 3 }, window: 1 },
        EncoderSpec {
            network: EncoderNetwork::Clip { image: 84, dim: 48, intermediate: 96, layers: 4, heads: 4 },
            window: 1,
        },
        EncoderSpec {
            network: EncoderNetwork::Dinov2 { image: 378, trained_image: 518, dim: 48, layers: 3, heads: 4 },
            window: 1,
        },
        EncoderSpec {
            network: EncoderNetwork::ConvNext {
                image: None,
                size: ConvNextSize::Xxl,
                dims: [8, 16, 32, 64],
                depths: [2, 2, 3, 1],
            },
            window: 4,
        },
    ];
    spec
}

/// The dimensions of a recorded Phi-3 checkpoint: three encoders, windows of 1, 2 and 4.
fn recorded_phi3() -> ForgeSpec {
    let mut spec = recorded_llama();
    spec.decoder.family = DecoderFamily::Phi3;
    spec.template = Template::Phi3;
    spec.vocab_padding = 9;
    let d = &mut spec.decoder;
    [d.hidden, d.intermediate, d.layers, d.heads, d.kv_heads, d.vocab] = [64, 144, 5, 4, 4, 640];
    spec.sva.hidden = 32;
    spec.sva.query_side = 4;
    spec.sva.group_sides = vec![4];
    spec.sva.connector_depth = 1;
    spec.sva.samplers = Some(SamplerLayout { count: 2, start: 1, stride: 2 });
    spec.towers.remove(2);
    spec.towers[1].window = 2;
    spec.towers[1].network = EncoderNetwork::Clip { image: 84, dim: 32, intermediate: 64, layers: 3, heads: 4 };
    spec.towers[2].network = EncoderNetwork::ConvNext {
        image: Some(160),
        size: ConvNextSize::Xxl,
        dims: [8, 12, 24, 48],
        depths: [1, 1, 1, 1],
    };
    spec
}

/// Whether the released text tower, of which only a stub is written, owns `key`.
fn is_text(key: &str) -> bool {
    !key.starts_with("visual.") && !key.starts_with("vision_model.") && !key.starts_with("model.")
}

#[test]
fn every_key_and_shape_is_that_of_a_checkpoint_the_reference_wrote() {
    let dir = forged(&recorded_llama());
    for (file, expected) in recorded(include_str!("layout/tiny-llama3.txt")) {
        let found = match file.as_str() {
            "checkpoint" => checkpoint_layout(dir.path(), Dtype::F32),
            _ => layout(&dir.path().join(&file), Dtype::F32),
        };
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{file}");
        for (key, shape) in expected.iter().filter(|(key, _)| !is_text(key) || file.contains("dinov2")) {
            // One text width is shared by all stubs, so the projection into it differs.
            if key != "visual_projection.weight" {
                assert_eq!(&found[key], shape, "{file}: {key}");
            }
        }
    }
}

#[test]
fn phi3_fuses_its_weights_as_the_reference_does() {
    let dir = forged(&recorded_phi3());
    let expected = recorded(include_str!("layout/tiny-phi3.txt"));
    assert_eq!(checkpoint_layout(dir.path(), Dtype::F32), expected["checkpoint"]);
    assert_eq!(json(&dir.path().join("config.json"))["sliding_window"], 2047);
}

#[test]
fn several_query_groups_have_position_embeddings_of_their_own_windows() {
    let mut spec = Preset::Tiny.spec();
    spec.sva.query_side = 6;
    spec.sva.group_sides = vec![3, 6];
    spec.sva.samplers = None;
    let dir = forged(&spec);
    let layout = checkpoint_layout(dir.path(), Dtype::F32);
    assert_eq!(layout["model.vision_sampler_0.layers.0.pos_embed_0"], [4, 32]);
    assert_eq!(layout["model.vision_sampler_0.layers.1.pos_embed_3"], [64, 32]);
    assert_eq!(layout["model.vision_sampler_1.layers.0.pos_embed_3"], [16, 32]);
    assert!(!layout.contains_key("model.vision_sampler_1.layers.0.pos_embed_0"));
    assert_eq!(layout["model.mm_projector.0.weight"], [32, 64]);
    assert_eq!(layout["model.vision_query"], [2, 32]);
    let config = json(&dir.path().join("config.json"));
    assert_eq!(config["connector_only"], true);
    assert!(config.get("num_of_vision_sampler_layers").is_none());
}

#[test]
fn shards_hold_what_the_index_says_and_the_same_numbers_as_one_file() {
    let whole = forged(&Preset::Tiny.spec());
    let sharded = forged(&ForgeSpec { shard_bytes: 200_000, ..Preset::Tiny.spec() });
    let index = json(&sharded.path().join("model.safetensors.index.json"));
    let map = index["weight_map"].as_object().unwrap();
    let named: BTreeSet<String> = map.values().map(|file| file.as_str().unwrap().to_string()).collect();
    assert!(named.len() > 2);
    assert_eq!(named, weight_files(sharded.path()));

    assert!(!whole.path().join("model.safetensors.index.json").exists());
    let bytes = fs::read(whole.path().join("model.safetensors")).unwrap();
    let one = SafeTensors::deserialize(&bytes).unwrap();
    let mut total = 0;
    for name in &named {
        let bytes = fs::read(sharded.path().join(name)).unwrap();
        for (key, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            assert_eq!(map[&key], **name);
            assert_eq!(one.tensor(&key).unwrap().data(), view.data(), "{key}");
            total += view.data().len();
        }
    }
    assert_eq!(map.len(), one.len());
    assert_eq!(index["metadata"]["total_size"], total);
}

#[test]
fn half_precision_holds_the_rounded_numbers_of_full_precision() {
    let full = forged(&Preset::Tiny.spec());
    let full = fs::read(full.path().join("model.safetensors")).unwrap();
    let full = SafeTensors::deserialize(&full).unwrap();
    for (stored, dtype) in [(StoredType::Bf16, Dtype::BF16), (StoredType::F16, Dtype::F16)] {
        let dir = forged(&ForgeSpec { dtype: stored, ..Preset::Tiny.spec() });
        let bytes = fs::read(dir.path().join("model.safetensors")).unwrap();
        let half = SafeTensors::deserialize(&bytes).unwrap();
        for (key, view) in half.tensors() {
            assert_eq!(view.dtype(), dtype);
            let exact = full.tensor(&key).unwrap();
            for (h, f) in view.data().chunks_exact(2).zip(exact.data().chunks_exact(4)) {
                let exact = f32::from_le_bytes([f[0], f[1], f[2], f[3]]);
                let expected = match stored {
                    StoredType::Bf16 => half::bf16::from_f32(exact).to_le_bytes(),
                    _ => half::f16::from_f32(exact).to_le_bytes(),
                };
                assert_eq!(h, expected, "{key}");
            }
        }
    }
}

#[test]
fn a_seed_gives_the_same_bytes_again_and_another_seed_gives_others() {
    let bytes = |seed| {
        let dir = forged(&ForgeSpec { seed, ..Preset::Tiny.spec() });
        fs::read(dir.path().join("model.safetensors")).unwrap()
    };
    assert_eq!(bytes(3), bytes(3));
    assert_ne!(bytes(3), bytes(4));
}

/// The system prompts of the templates up to where the image stands (docs/model.md §11).
fn prompt_before_image(template: Template) -> String {
    let cambrian = "You are Cambrian, a highly intelligent multimodal AI trained by NYU Vision X. \n    As a multimodal AI, you \
        have the ability to process and analyze images. Whenever an image is present in the conversation, very carefully \
        examine it and consider its content when formulating your response.\n    You should give concise responses to very \
        simple questions, but provide thorough responses to more complex and open-ended questions. ";
    match template {
        Template::Llama3 => format!(
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>{cambrian}<|eot_id|>\
             <|start_header_id|>user<|end_header_id|>"
        ),
        Template::Phi3 => "<|system|>\nYou are a helpful AI assistant.<|end|>\n<|user|>\n".into(),
        Template::Vicuna => {
            "A chat between a curious user and an artificial intelligence assistant. The assistant gives \
                             helpful, detailed, and polite answers to the user's questions. USER: "
                .into()
        }
        Template::ChatMl => {
            let line = cambrian.replace(" \n    ", " ").replace("\n    ", " ");
            format!("<|im_start|>system\n{}<|im_end|><|im_start|>user\n", line.trim_end())
        }
    }
}

#[test]
fn every_template_gets_a_tokenizer_that_encodes_any_text_and_returns_it() {
    for template in [Template::Llama3, Template::Phi3, Template::Vicuna, Template::ChatMl] {
        for vocab in [600, 2500] {
            let mut spec = Preset::Tiny.spec();
            spec.template = template;
            spec.decoder.vocab = vocab;
            let dir = forged(&spec);
            let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
            assert_eq!(tokenizer.get_vocab_size(true), vocab, "{template:?}");
            for text in
                ["How many cats?", " leading", "naïve façade", "日本語 и русский 🦐\u{200d}\n\n\ttabs", "\u{0}\u{7f}"]
            {
                let encoded = tokenizer.encode(text, true).unwrap();
                assert!(encoded.get_ids().iter().all(|id| (*id as usize) < vocab));
                assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), text, "{template:?}");
            }
            let config = json(&dir.path().join("config.json"));
            let ids = tokenizer.encode(prompt_before_image(template), true).unwrap();
            assert_eq!(config["image_position"], ids.get_ids().len(), "{template:?}: {:?}", ids.get_tokens());
            for (field, file) in [("bos_token", "bos_token_id"), ("eos_token", "eos_token_id")] {
                let map = json(&dir.path().join("special_tokens_map.json"));
                let id = tokenizer.token_to_id(map[field].as_str().unwrap()).unwrap();
                assert_eq!(config[file], id, "{template:?}: {field}");
            }
        }
    }
}

#[test]
fn vocabulary_padding_belongs_to_no_token() {
    let spec = recorded_phi3();
    let dir = forged(&spec);
    let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer.get_vocab_size(true), 640 - 9);
    assert_eq!(tokenizer.token_to_id("<|user|>"), Some(630));
}

#[test]
fn the_released_vocabularies_have_their_special_tokens_where_they_belong() {
    for (preset, token, id) in [
        (Preset::Cambrian8b, "<|eot_id|>", 128_009),
        (Preset::Cambrian8b, "<|begin_of_text|>", 128_000),
        (Preset::Cambrian3b, "<|end|>", 32_007),
        (Preset::Cambrian3b, "<|user|>", 32_010),
    ] {
        let released = preset.spec();
        let mut spec = Preset::Tiny.spec();
        spec.template = released.template;
        spec.vocab_padding = released.vocab_padding;
        spec.decoder.vocab = released.decoder.vocab;
        let dir = forged(&spec);
        let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
        assert_eq!(tokenizer.token_to_id(token), Some(id), "{token}");
    }
}

#[test]
fn no_towers_leaves_their_files_out_but_names_them() {
    let dir = forged(&ForgeSpec { write_towers: false, ..Preset::Tiny.spec() });
    assert!(!dir.path().join("towers").exists());
    assert_eq!(json(&dir.path().join("config.json"))["mm_vision_tower_aux_list"].as_array().unwrap().len(), 4);
}

#[test]
fn nothing_half_written_is_left_under_a_final_name() {
    let dir = forged(&Preset::Tiny.spec());
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "partial"))
        .collect();
    assert!(left.is_empty());
}

#[test]
fn a_directory_that_holds_something_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let error = forge(&Preset::Tiny.spec(), dir.path(), |_| {}).unwrap_err();
    assert!(matches!(error, ForgeError::NotEmpty(_)), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_disk_that_is_too_small_is_refused_before_anything_is_written() {
    let dir = TempDir::new().unwrap();
    let mut spec = Preset::Cambrian8b.spec();
    spec.decoder.vocab = 1 << 40;
    let error = forge(&spec, dir.path(), |_| {}).unwrap_err();
    assert!(matches!(error, ForgeError::NoSpace { .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn shapes_that_cannot_be_are_refused_with_the_number_that_is_wrong() {
    type Change = fn(&mut ForgeSpec);
    let cases: [(Change, &str); 8] = [
        (|s| s.decoder.hidden = 33, "hidden 33"),
        (|s| s.decoder.kv_heads = 3, "kv-heads 3"),
        (|s| s.sva.hidden = 24, "vision-hidden 24"),
        (|s| s.sva.group_sides = vec![3], "query group side 3"),
        (|s| s.sva.samplers = Some(SamplerLayout { count: 3, start: 0, stride: 2 }), "samplers 3"),
        (|s| s.decoder.vocab = 300, "vocab 300"),
        (|s| s.towers.clear(), "towers is 0"),
        (|s| s.towers[1] = s.towers[0].clone(), "named twice"),
    ];
    for (change, text) in cases {
        let mut spec = Preset::Tiny.spec();
        change(&mut spec);
        let error = spec.validate().unwrap_err().to_string();
        assert!(error.contains(text), "{text}: {error}");
    }
}
