//! What the whole-program tests share: where the golden data lies, and how a tensor is compared with it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests; each test binary uses its own part"
)]

use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The golden data committed with the tests.
pub fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/goldens")
}

/// Every set of golden data there is: the committed selection, and the full set where a checkout has it beside it.
pub fn golden_roots() -> Vec<PathBuf> {
    let committed = goldens();
    let full = committed.ancestors().nth(3).map(|parent| parent.join("shared/goldens"));
    let full = full.filter(|full| full.is_dir());
    if full.is_none() {
        println!("note: only the committed selection of golden data is here; the full set is not beside this checkout");
    }
    [committed].into_iter().chain(full).collect()
}

/// The recorded cases of `variant` under `root`, by name.
pub fn cases(root: &Path, variant: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root.join(variant)).unwrap();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".safetensors").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// A recorded case: its description and its tensors.
pub struct Case {
    pub about: serde_json::Value,
    pub tensors: HashMap<String, Tensor>,
}

impl Case {
    pub fn read(root: &Path, variant: &str, name: &str) -> Self {
        let base = root.join(variant).join(name);
        let text = std::fs::read_to_string(base.with_extension("json")).unwrap();
        Self {
            about: serde_json::from_str(&text).unwrap(),
            tensors: candle_core::safetensors::load(base.with_extension("safetensors"), &Device::Cpu).unwrap(),
        }
    }

    pub fn str(&self, key: &str) -> Option<&str> {
        self.about.get(key).and_then(|value| value.as_str())
    }

    pub fn ids(&self, name: &str) -> Vec<i64> {
        self.tensors[name].to_vec1().unwrap()
    }
}

/// Largest difference of two tensors, relative to the largest absolute value of `expected`. A shape that differs is
/// infinitely far.
pub fn deviation(got: &Tensor, expected: &Tensor) -> f64 {
    if got.dims() != expected.dims() {
        return f64::INFINITY;
    }
    let host = |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let (got, expected) = (host(got), host(expected));
    let scale = expected.iter().fold(0f64, |max, value| max.max(value.abs()));
    // A NaN has to count as a deviation, so the comparison is written for it to win.
    let worst = got.iter().zip(&expected).fold(0f64, |worst, (a, b)| {
        let difference = (a - b).abs();
        if difference <= worst { worst } else { difference }
    });
    if scale == 0.0 { worst } else { worst / scale }
}
