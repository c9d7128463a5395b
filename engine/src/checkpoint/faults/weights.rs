//! Files of safetensors, their index, and what the loader makes of them.

use super::super::files::HF_STEMS;
use super::super::{Loader, WeightFiles};
use super::{dir, refusal};
use crate::advice::Advice;
use crate::error::Error;
use crate::job::{CancelToken, Job};
use crate::nn::Linear;
use crate::precision::{Precision, Products, WeightFormat};
use candle_core::{DType, Device};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A safetensors file of f32 tensors.
pub(in crate::checkpoint) fn safetensors(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
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

pub(in crate::checkpoint) const TWO: &[(&str, &[usize], &[f32])] =
    &[("a.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0]), ("b", &[1], &[5.0])];

pub(super) fn open(dir: &Path) -> crate::Result<WeightFiles> {
    WeightFiles::open(dir, HF_STEMS)
}

pub(super) fn with_model(bytes: &[u8]) -> (TempDir, crate::Result<WeightFiles>) {
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

pub(super) fn sharded(index: &Value, shards: &[(&str, &[u8])]) -> (TempDir, crate::Result<WeightFiles>) {
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

pub(super) const F32: Precision =
    Precision { weights: WeightFormat::F32, compute: DType::F32, products: Products::Exact };

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
