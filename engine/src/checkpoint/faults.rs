//! Every way a checkpoint can be wrong, each with the message a person gets: small files, written here.

use super::config::DecoderFamily;
use super::files::HF_STEMS;
use super::{
    CambrianConfig, EncoderFamily, EncoderOrigin, EncoderOverride, EncoderSource, EncoderSpec, Hub, Loader, WeightFiles,
};
use crate::advice::Advice;
use crate::error::{Error, Refusal};
use crate::job::{CancelToken, Job};
use crate::nn::Linear;
use crate::precision::{Precision, Products, WeightFormat};
use candle_core::{DType, Device};
use opabinia_trace::encoder_name;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn refusal<T>(result: crate::Result<T>) -> Refusal {
    match result.err().expect("this should have been refused") {
        Error::Refused(refusal) => *refusal,
        other => panic!("not a refusal: {other}"),
    }
}

// ---- config.json ----

pub(super) fn config() -> Value {
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

fn read_config(value: &Value) -> crate::Result<CambrianConfig> {
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

// ---- safetensors ----

/// A safetensors file of f32 tensors.
pub(super) fn safetensors(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        header.insert((*name).into(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

pub(super) const TWO: &[(&str, &[usize], &[f32])] =
    &[("a.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0]), ("b", &[1], &[5.0])];

fn open(dir: &Path) -> crate::Result<WeightFiles> {
    WeightFiles::open(dir, HF_STEMS)
}

fn with_model(bytes: &[u8]) -> (TempDir, crate::Result<WeightFiles>) {
    let dir = dir();
    fs::write(dir.path().join("model.safetensors"), bytes).unwrap();
    let files = open(dir.path());
    (dir, files)
}

#[test]
fn a_shard_cut_short_is_named_with_its_lengths() {
    let whole = safetensors(TWO);
    for cut in [1, 4, 19] {
        let refusal = refusal(with_model(&whole[..whole.len() - cut]).1);
        assert!(refusal.file.ends_with("model.safetensors") && refusal.problem.contains("cut short"), "{refusal}");
        assert_eq!(refusal.expected, Some(format!("{} bytes", whole.len())));
        assert_eq!(refusal.found, Some(format!("{} bytes", whole.len() - cut)));
    }
    // Wherever else it ends, or with anything after it: refused, never a panic.
    for cut in 0..whole.len() {
        refusal(with_model(&whole[..cut]).1);
    }
    refusal(with_model(&[&whole[..], b"x"].concat()).1);
}

#[test]
fn absurd_lengths_in_a_header_are_refused() {
    for length in [u64::MAX, 1 << 40, 33 << 20] {
        refusal(with_model(&[&length.to_le_bytes()[..], b"{}"].concat()).1);
    }
    let big = u64::MAX;
    for header in [
        format!(r#"{{"a":{{"dtype":"F32","shape":[{big},{big}],"data_offsets":[0,4]}}}}"#),
        format!(r#"{{"a":{{"dtype":"F32","shape":[1],"data_offsets":[{big},4]}}}}"#),
        format!(r#"{{"a":{{"dtype":"F32","shape":[{big}],"data_offsets":[0,{big}]}}}}"#),
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#.to_owned(),
    ] {
        refusal(with_model(&[&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat()).1);
    }
}

fn sharded(index: &Value, shards: &[(&str, &[u8])]) -> (TempDir, crate::Result<WeightFiles>) {
    let dir = dir();
    fs::write(dir.path().join("model.safetensors.index.json"), json!({"weight_map": index}).to_string()).unwrap();
    for (name, bytes) in shards {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let files = open(dir.path());
    (dir, files)
}

#[test]
fn an_index_is_compared_with_its_shards() {
    let (a, b) = (safetensors(&TWO[..1]), safetensors(&TWO[1..]));
    let good = json!({"a.weight": "1.safetensors", "b": "2.safetensors"});
    let (_dir, files) = sharded(&good, &[("1.safetensors", &a), ("2.safetensors", &b)]);
    assert_eq!(files.unwrap().keys().collect::<Vec<_>>(), ["a.weight", "b"]);

    let missing = refusal(sharded(&good, &[("1.safetensors", &a)]).1);
    assert!(missing.problem.contains("missing") && missing.expected.unwrap().contains("2.safetensors"));

    for elsewhere in ["../2.safetensors", "/etc/passwd", "x/2.safetensors", "..", "", "c:\\x"] {
        let refusal = refusal(sharded(&json!({"b": elsewhere}), &[]).1);
        assert!(refusal.problem.contains("plain file name") && refusal.key.as_deref() == Some("b"), "{refusal}");
    }
    let swapped = json!({"a.weight": "2.safetensors", "b": "1.safetensors"});
    assert!(refusal(sharded(&swapped, &[("1.safetensors", &a), ("2.safetensors", &b)]).1).key.is_some());
    // An entry for nothing is no fault until someone wants it.
    let stale = json!({"a.weight": "1.safetensors", "c": "1.safetensors", "l.0.rotary_emb.inv_freq": "1.safetensors"});
    let (_dir, files) = sharded(&stale, &[("1.safetensors", &a)]);
    let files = files.unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a.weight"]);
    assert_eq!(
        files.stale_note().unwrap(),
        "model.safetensors.index.json names weights that no file holds and the model does not need: c"
    );
    let job = Job::unattended();
    let wanted = refusal(Loader::new(&files, Device::Cpu, F32, &job).tensor("c", &[1]));
    assert_eq!(
        (wanted.key.as_deref(), wanted.found.as_deref()),
        (Some("c"), Some("named in the index, and in no file"))
    );
    let twice = refusal(sharded(&good, &[("1.safetensors", &a), ("2.safetensors", &safetensors(TWO))]).1);
    assert!(twice.problem.contains("twice"), "{twice}");
    refusal(sharded(&json!(["x"]), &[]).1);
}

// ---- the loader ----

const F32: Precision = Precision { weights: WeightFormat::F32, compute: DType::F32, products: Products::Exact };

fn load<T>(values: &[f32], precision: Precision, run: impl Fn(&Loader<'_>) -> T) -> T {
    let (_dir, files) =
        with_model(&safetensors(&[("m.weight", &[values.len() / 2, 2], values), ("m.bias", &[1], &[0.5])]));
    let (files, job) = (files.unwrap(), Job::unattended());
    run(&Loader::new(&files, Device::Cpu, precision, &job))
}

#[test]
fn weights_are_converted() {
    let values: Vec<f32> = (0..20_000).map(|i| (i as f32 - 9_999.5) / 7.0).collect();
    let one = candle_core::Tensor::eye(2, DType::F32, &Device::Cpu).unwrap();
    for format in [WeightFormat::F32, WeightFormat::F16, WeightFormat::Bf16, WeightFormat::Q8_0, WeightFormat::Q4K] {
        load(&values, Precision { weights: format, ..F32 }, |loader| {
            let matrix = loader.matrix("m.weight", 10_000, 2).unwrap();
            assert_eq!((matrix.format(), matrix.output(), matrix.input()), (Some(format), 10_000, 2));
            let exact = candle_core::Tensor::from_slice(&values, (10_000, 2), &Device::Cpu).unwrap();
            let exact = match format.dtype() {
                Some(dtype) => exact.to_dtype(dtype).unwrap().to_dtype(DType::F32).unwrap(),
                None => exact,
            };
            let ours = Linear::new(matrix, None, Products::Exact).forward(&one).unwrap().t().unwrap();
            let off = (ours - &exact).unwrap().abs().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            // A step of the larger of the two numbers of a row.
            let steps = match format {
                WeightFormat::Q8_0 => 127.0,
                WeightFormat::Q4K => 15.0,
                _ => f32::INFINITY,
            };
            for (i, off) in off.into_iter().enumerate() {
                let row = &values[i / 2 * 2..i / 2 * 2 + 2];
                assert!(off <= row[0].abs().max(row[1].abs()) / steps, "{format} {i}: {off}");
            }
        });
    }
}

#[test]
fn missing_misshapen_and_unknown_weights_are_refused() {
    load(&[1.0; 4], F32, |loader| {
        let wrong = refusal(loader.matrix("m.weight", 4, 1));
        assert_eq!((wrong.expected.as_deref(), wrong.found.as_deref()), (Some("[4, 1]"), Some("[2, 2]")));
        assert_eq!(wrong.key.as_deref(), Some("m.weight"));
        let missing = refusal(loader.pp("m").tensor("gamma", &[4]));
        assert_eq!(missing.key.as_deref(), Some("m.gamma"));
        let unknown = refusal(loader.finish(|_| false));
        assert_eq!(unknown.key.as_deref(), Some("m.bias"), "{unknown}");
        loader.finish(|key| key.ends_with("bias")).unwrap();
    });
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut values = vec![1.0; 10_000];
        values[7_001] = bad;
        let small = load(&values, F32, |loader| refusal(loader.tensor("m.weight", &[5_000, 2])));
        assert!(small.problem.contains("NaN") && small.found.clone().unwrap().contains("7001"), "{small}");
        for weights in WeightFormat::ALL {
            let precision = Precision { weights, ..F32 };
            let refusal = load(&values, precision, |loader| refusal(loader.matrix("m.weight", 5_000, 2)));
            assert!(refusal.problem.contains("NaN") && refusal.found.clone().unwrap().contains("7001"), "{refusal}");
        }
    }
    for weights in [WeightFormat::F16, WeightFormat::Q8_0, WeightFormat::Q5K] {
        let values = [1.0, if weights == WeightFormat::F16 { 1e6 } else { 1e9 }];
        let precision = Precision { weights, ..F32 };
        let refusal = load(&values, precision, |loader| refusal(loader.matrix("m.weight", 1, 2)));
        assert_eq!(refusal.help, Some(Advice::WeightsAs(&["bf16", "f32"])), "{refusal}");
        assert!(refusal.found.clone().unwrap().contains("at index 1"), "{refusal}");
    }
}

#[test]
fn a_survey_collects_instead_of_failing() {
    let (_dir, files) = with_model(&safetensors(TWO));
    let files = files.unwrap();
    let loader = Loader::survey(&files, Precision { weights: WeightFormat::Bf16, ..F32 });
    loader.linear("a", 2, 2, true).unwrap();
    assert_eq!(loader.tensor("c", &[3, 1 << 40]).unwrap().dims(), [3, 1 << 40]);
    loader.finish(|_| false).unwrap();
    let survey = loader.into_survey();
    let keys: Vec<_> = survey.faults.iter().filter_map(|fault| fault.key.as_deref()).collect();
    assert_eq!(keys, ["a.bias", "c"]);
    assert_eq!(survey.unknown.iter().map(|weight| weight.key.as_str()).collect::<Vec<_>>(), ["b"]);
    assert!(survey.unknown[0].file.ends_with("model.safetensors"));
    assert_eq!((survey.parameters(), survey.small_elements), (4 + 2 + (3 << 40), 2 + (3 << 40)));
    assert_eq!(refusal(survey.check()).key.as_deref(), Some("a.bias"));
}

#[test]
fn loading_can_be_cancelled() {
    let (_dir, files) = with_model(&safetensors(TWO));
    let (files, cancel) = (files.unwrap(), CancelToken::default());
    cancel.cancel();
    let job = Job::new(cancel, |_| {});
    let loader = Loader::new(&files, Device::Cpu, F32, &job);
    assert!(matches!(loader.tensor("a.weight", &[2, 2]), Err(Error::Cancelled)));
}

// ---- pickles ----

/// A zip archive of stored entries. `method` and `claimed` lie about the last one.
fn zip(entries: &[(&str, &[u8])], method: u16, claimed: Option<u32>) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (number, (name, data)) in entries.iter().enumerate() {
        let last = number + 1 == entries.len();
        let (method, size) = if last { (method, claimed.unwrap_or(data.len() as u32)) } else { (0, data.len() as u32) };
        let offset = file.len() as u32;
        let mut common = Vec::new();
        for field in [0, method, 0, 0] {
            common.extend(u16::to_le_bytes(field));
        }
        for field in [0, data.len() as u32, size] {
            common.extend(field.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04\x14\0");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(*data);
        directory.extend(b"PK\x01\x02\x14\0\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, at, size) = ((entries.len() as u16).to_le_bytes(), file.len() as u32, directory.len() as u32);
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].concat());
    file.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// `name`: a 2×2 tensor with these strides, from number `offset` of storage `0`, which claims `count` numbers.
pub(super) fn tensor(name: &str, offset: u8, strides: [u8; 2], count: u8) -> Vec<u8> {
    let mut p = text(name);
    p.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    p.extend(text("storage"));
    p.extend(b"ctorch\nFloatStorage\n");
    p.extend([text("0"), text("cpu")].concat());
    p.extend([b'K', count, b't', b'Q', b'K', offset, b'K', 2, b'K', 2, 0x86, b'K', strides[0], b'K', strides[1], 0x86]);
    p.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    p
}

pub(super) fn dict(items: &[Vec<u8>]) -> Vec<u8> {
    [&b"}("[..], &items.concat(), b"u"].concat()
}

fn pickle(top: &[u8]) -> Vec<u8> {
    [&b"\x80\x02"[..], top, b"."].concat()
}

fn floats(count: u8) -> Vec<u8> {
    (0..count).flat_map(|value| f32::from(value).to_le_bytes()).collect()
}

fn with_bin(bytes: &[u8]) -> (TempDir, crate::Result<WeightFiles>) {
    let dir = dir();
    fs::write(dir.path().join("pytorch_model.bin"), bytes).unwrap();
    let files = open(dir.path());
    (dir, files)
}

pub(super) fn archive(top: &[u8]) -> Vec<u8> {
    zip(&[("x/data.pkl", &pickle(top)), ("x/data/0", &floats(8))], 0, None)
}

#[test]
fn pickled_tensors_are_found() {
    // A view with an offset, tied with another; then the same below `state_dict`.
    let items = dict(&[tensor("a", 4, [2, 1], 8), tensor("b", 0, [2, 1], 8), [text("epoch"), vec![b'K', 3]].concat()]);
    let nested = dict(&[[text("state_dict"), items.clone()].concat()]);
    for top in [items, nested] {
        let (_dir, files) = with_bin(&archive(&top));
        let files = files.unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(files.get("a").unwrap().bytes, &floats(8)[16..]);
        assert_eq!(files.get("b").unwrap().bytes, &floats(8)[..16]);
        assert_eq!(files.get("a").unwrap().shape, [2, 2]);
    }
}

/// What `torch.save` wrote before it wrote archives: one tensor.
pub(super) fn older_format() -> Vec<u8> {
    let mut file = pickle(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
    file.extend(pickle(b"M\xe9\x03"));
    file.extend(pickle(b"}"));
    let mut item = tensor("a", 4, [2, 1], 8);
    // Its storage references have one more item.
    let at = item.windows(2).position(|pair| pair == b"tQ").unwrap();
    item.insert(at, b'N');
    file.extend(pickle(&dict(&[item])));
    file.extend(pickle(&[&b"]"[..], &text("0"), b"a"].concat()));
    file.extend(8u64.to_le_bytes());
    file.extend(floats(8));
    file
}

#[test]
fn the_older_format_is_read() {
    let file = older_format();
    let (_dir, files) = with_bin(&file);
    assert_eq!(files.unwrap().get("a").unwrap().bytes, &floats(8)[16..]);
    for cut in 0..file.len() {
        refusal(with_bin(&file[..cut]).1);
    }
}

#[test]
fn pickles_that_want_more_are_refused_and_not_run() {
    let system = [&b"cposix\nsystem\n("[..], &text("true"), b"tR"].concat();
    for (top, named) in [
        (system, "posix.system"),
        (b"c__builtin__\neval\n".to_vec(), "__builtin__.eval"),
        (b"ctorch._utils\n_rebuild_tensor\n".to_vec(), "torch._utils._rebuild_tensor"),
        (b"(i__main__\nX\n".to_vec(), "0x69"),
        (b"\x82\x01".to_vec(), "0x82"),
        (b")\x81".to_vec(), "0x81"),
        (b"K\x01}b".to_vec(), "state"),
    ] {
        let refusal = refusal(with_bin(&archive(&top)).1);
        assert!(refusal.problem.contains(named) && refusal.problem.contains("nothing in it was run"), "{refusal}");
        assert!(refusal.file.ends_with("pytorch_model.bin"));
    }
}

#[test]
fn damaged_pickles_are_refused() {
    let good = archive(&dict(&[tensor("a", 0, [2, 1], 8)]));
    for cut in 0..good.len() {
        refusal(with_bin(&good[..cut]).1);
    }
    // Every single byte changed: anything but a panic.
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        let _ = with_bin(&bytes);
    }
    for top in [&b"t"[..], b"u", b"h\x05", b"X\xff\xff\xff\xff", b"(((((", b"\x8a\xff", b"}(K\x01u", b"\x85", b"K\x01a"]
    {
        refusal(with_bin(&archive(top)).1);
    }
    // Nesting that would exhaust the stack of a recursive reader.
    let deep: Vec<u8> = std::iter::once(b')').chain(std::iter::repeat_n(0x85, 1 << 20)).collect();
    refusal(with_bin(&archive(&deep)).1);
}

#[test]
fn pickled_tensors_are_compared_with_their_storage() {
    for (item, word) in [
        (tensor("a", 5, [2, 1], 8), "fit"),
        (tensor("a", 0, [2, 1], 9), "fit"),
        (tensor("a", 0, [1, 2], 8), "contiguous"),
    ] {
        let refusal = refusal(with_bin(&archive(&dict(&[item]))).1);
        assert!(refusal.problem.contains(word) && refusal.key.as_deref() == Some("a"), "{refusal}");
    }
    let absent = zip(&[("x/data.pkl", &pickle(&dict(&[tensor("a", 0, [2, 1], 8)])))], 0, None);
    assert!(refusal(with_bin(&absent).1).problem.contains("missing"));
}

#[test]
fn archives_that_would_grow_are_refused() {
    let top = pickle(&dict(&[tensor("a", 0, [2, 1], 8)]));
    let data = floats(8);
    let entries: &[(&str, &[u8])] = &[("x/data.pkl", &top), ("x/data/0", &data)];
    for bytes in [zip(entries, 8, None), zip(entries, 8, Some(u32::MAX - 1)), zip(entries, 0, Some(1 << 30))] {
        assert!(refusal(with_bin(&bytes).1).problem.contains("compressed"));
    }
    refusal(with_bin(&zip(&[("x/other", &top)], 0, None)).1);
    refusal(with_bin(&zip(&[entries[0], entries[0]], 0, None)).1);
    refusal(with_bin(b"not a model").1);
}

// ---- finding things ----

fn siglip() -> EncoderSpec {
    EncoderSpec {
        name: "siglip/CLIP-ViT-SO400M-14-384".into(),
        family: EncoderFamily::Siglip,
        origin: EncoderOrigin::Repository("timm/ViT-SO400M-14-SigLIP-384".into()),
        tokens: 36,
        res: None,
        multi_stage: false,
    }
}

fn put_tower(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("open_clip_config.json"), "{}").unwrap();
    fs::write(dir.join("open_clip_model.safetensors"), safetensors(TWO)).unwrap();
}

fn put_snapshot(cache: &Path, revision: &str) -> std::path::PathBuf {
    let repo = cache.join("models--timm--ViT-SO400M-14-SigLIP-384");
    fs::create_dir_all(repo.join("refs")).unwrap();
    fs::write(repo.join("refs/main"), revision).unwrap();
    repo.join("snapshots").join(revision)
}

#[test]
fn encoders_are_looked_for_in_order() {
    let (checkpoint, cache, named) = (dir(), dir(), dir());
    let hub = Hub::new(vec![cache.path().to_path_buf()]);
    let find = |overrides: &[EncoderOverride]| hub.encoder(checkpoint.path(), 0, &siglip(), overrides);

    let missing = refusal(find(&[]));
    assert_eq!(missing.details.len(), 3, "{missing}");
    let Some(Advice::FetchEncoder(found)) = missing.help else { panic!("{missing}") };
    assert_eq!((found.repository.as_str(), found.encoder), ("timm/ViT-SO400M-14-SigLIP-384", "siglip"));

    put_tower(&put_snapshot(cache.path(), "abc"));
    assert_eq!(find(&[]).unwrap().source, EncoderSource::HubCache);
    put_tower(&put_snapshot(&checkpoint.path().join("towers"), "abc"));
    assert_eq!(find(&[]).unwrap().source, EncoderSource::CheckpointHub);
    put_tower(&checkpoint.path().join("towers/timm/ViT-SO400M-14-SigLIP-384"));
    assert_eq!(find(&[]).unwrap().source, EncoderSource::Checkpoint);
    for name in ["0", "siglip", "timm/ViT-SO400M-14-SigLIP-384", "siglip/CLIP-ViT-SO400M-14-384"] {
        let over = [EncoderOverride { name: name.into(), dir: named.path().to_path_buf() }];
        fs::remove_file(named.path().join("open_clip_config.json")).ok();
        refusal(find(&over));
        put_tower(named.path());
        assert_eq!(find(&over).unwrap().source, EncoderSource::Override);
    }
}

#[test]
fn a_path_in_a_name_is_looked_for_beside_the_checkpoint_and_nowhere_else() {
    let (outside, cache) = (dir(), dir());
    let path = outside.path().join("encoders/siglip-tuned");
    put_tower(&path);
    let name = path.to_str().unwrap().replace('\\', "/");
    let tower = EncoderSpec { origin: EncoderOrigin::Folder(name.clone()), name, ..siglip() };
    let hub = Hub::new(vec![cache.path().to_path_buf()]);
    let models = dir();
    let checkpoint = models.path().join("model");
    let find = |overrides: &[EncoderOverride]| hub.encoder(&checkpoint, 0, &tower, overrides);

    let missing = refusal(find(&[]));
    assert_eq!(missing.help, Some(Advice::NameEncoder("siglip")), "{missing}");
    assert_eq!(missing.details.len(), 6, "{missing}");
    let over = [EncoderOverride { name: "siglip".into(), dir: path }];
    assert_eq!(find(&over).unwrap().source, EncoderSource::Override);
    for place in ["siglip-tuned", "model/siglip-tuned", "model/encoders/siglip-tuned", "model/towers/siglip-tuned"] {
        let place = models.path().join(place);
        put_tower(&place);
        let found = find(&[]).unwrap();
        assert_eq!((found.source, found.dir), (EncoderSource::Checkpoint, place));
    }
}

#[test]
fn folders_that_hold_something_else_are_described() {
    let hub = Hub::new(Vec::new());
    for (file, content, words) in [
        (
            "adapter_config.json",
            r#"{"base_model_name_or_path": "org/base"}"#,
            &["adapter (LoRA)", "org/base", "merge_and_unload"][..],
        ),
        ("adapter_model.safetensors", "", &["adapter (LoRA)", "the model it was trained on"]),
        ("mm_projector.bin", "", &["connector", "mm_projector.bin", "language model"]),
        ("model-q4.gguf", "", &["GGUF", "model-q4.gguf", "original model"]),
        ("tf_model.h5", "", &["another program", "tf_model.h5", "transformers"]),
        ("checkpoint-900/x", "", &["training run", "checkpoint-900", "give one of them"]),
        ("notes.txt", "", &["no checkpoint", "config.json: missing"]),
    ] {
        let dir = dir();
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        let without_config = refusal(hub.model(dir.path())).to_string();
        let without_weights = refusal(open(dir.path())).to_string();
        for word in words {
            assert!(without_config.contains(word), "no `{word}` in {without_config}");
            assert!(file == "notes.txt" || without_weights.contains(word), "no `{word}` in {without_weights}");
        }
    }
}

#[test]
fn weights_that_tell_how_a_checkpoint_was_made() {
    for (key, words) in [
        ("model.vision_tower_aux_list.0.x", ["encoders inside", "say where they are"]),
        ("base_model.model.layers.0.q_proj.lora_A.weight", ["adapter", "merge"]),
        ("model.layers.0.q_proj.qweight", ["quantised", "as it was released"]),
    ] {
        let (_dir, files) = with_model(&safetensors(&[("a.weight", &[1], &[1.0]), (key, &[1], &[1.0])]));
        let (files, job) = (files.unwrap(), Job::unattended());
        let refusal = refusal(Loader::new(&files, Device::Cpu, F32, &job).finish(|_| false));
        assert_eq!(refusal.key.as_deref(), Some(key));
        let text = refusal.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn files_under_a_wrong_name_are_named() {
    let (_, files) = with_model(&archive(b"}"));
    assert!(refusal(files).problem.contains("torch.save"));
    assert!(refusal(with_bin(&safetensors(TWO)).1).problem.contains("safetensors file"));
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1234\n";
    for files in [with_model(pointer).1, with_bin(pointer).1] {
        assert!(refusal(files).problem.contains("git-lfs pointer"));
    }
}

#[test]
fn names_of_strangers_do_not_reach_the_terminal_as_they_are() {
    let evil = "\u{1b}]0;PWNED\u{7}\u{9b}2J\r\n\u{202e}";
    let b = safetensors(&[(evil, &[1], &[5.0])]);
    let texts = [
        refusal(sharded(&json!({ evil: "../x" }), &[]).1).to_string(),
        refusal(sharded(&json!({"b": format!("{evil}.safetensors")}), &[]).1).to_string(),
        refusal(
            sharded(
                &json!({ evil: "1.safetensors", "x": "2.safetensors" }),
                &[("1.safetensors", &b), ("2.safetensors", &b)],
            )
            .1,
        )
        .to_string(),
        refusal(read_config(&json!({"model_type": evil}))).to_string(),
    ];
    for text in texts {
        let hidden = text.chars().find(|&c| c != '\n' && (c.is_control() || c == '\u{202e}'));
        // A value of JSON is shown as JSON.
        let shown = text.contains("\\u{1b}]0;PWNED") || text.contains("\\u001b]0;PWNED");
        assert!(hidden.is_none() && shown, "{text:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_unfinished_download_is_called_that() {
    let (checkpoint, cache) = (dir(), dir());
    let snapshot = put_snapshot(cache.path(), "abc");
    put_tower(&snapshot);
    fs::remove_file(snapshot.join("open_clip_model.safetensors")).unwrap();
    std::os::unix::fs::symlink("../../blobs/none", snapshot.join("open_clip_model.safetensors")).unwrap();
    let hub = Hub::new(vec![cache.path().to_path_buf()]);
    let refusal = refusal(hub.encoder(checkpoint.path(), 0, &siglip(), &[]));
    assert!(refusal.details.iter().any(|detail| detail.contains("incomplete download")), "{refusal}");
}

#[test]
fn a_revision_cannot_lead_elsewhere() {
    let (checkpoint, cache) = (dir(), dir());
    put_tower(&cache.path().join("elsewhere"));
    put_snapshot(cache.path(), "x");
    fs::write(cache.path().join("models--timm--ViT-SO400M-14-SigLIP-384/refs/main"), "../../elsewhere").unwrap();
    let hub = Hub::new(vec![cache.path().to_path_buf()]);
    let refusal = refusal(hub.encoder(checkpoint.path(), 0, &siglip(), &[]));
    assert!(refusal.details.iter().any(|detail| detail.contains("names no revision")), "{refusal}");
}

#[test]
fn models_are_found_by_directory_and_by_id() {
    let cache = dir();
    let snapshot = cache.path().join("models--org--name/snapshots/abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(snapshot.join("config.json"), config().to_string()).unwrap();
    let hub = Hub::new(vec![cache.path().to_path_buf()]);
    for name in ["org/name".into(), snapshot.clone(), cache.path().join("models--org--name")] {
        assert_eq!(hub.model(&name).unwrap(), snapshot);
    }
    assert_eq!(hub.models()[0].repo, "org/name");
    for name in ["org/other", "../name", "nowhere", "a/b/c"] {
        refusal(hub.model(Path::new(name)));
    }
    refusal(hub.model(cache.path()));
    refusal(hub.model(&snapshot.join("config.json")));
}
