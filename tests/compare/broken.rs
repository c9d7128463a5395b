//! Uploads that went wrong.

use super::{demo, json, list, succeed, text};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A copy of the demo checkpoint's own files whose weights `change` has changed: bytes by key.
fn broken(folder: &Path, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> PathBuf {
    let (demo, copy) = (demo(), folder.join("broken"));
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&demo).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
    }
    let bytes = fs::read(demo.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut data: BTreeMap<String, Vec<u8>> =
        tensors.tensors().into_iter().map(|(key, view)| (key, view.data().to_vec())).collect();
    change(&mut data);
    let views = data.iter().map(|(key, data)| {
        let like = tensors.tensor(key).ok();
        let shape = like.as_ref().map_or(vec![data.len() / 2], |like| like.shape().to_vec());
        (key.clone(), TensorView::new(safetensors::Dtype::BF16, shape, data).unwrap())
    });
    let views: Vec<_> = views.collect();
    let written = safetensors::serialize(views, None).unwrap();
    fs::write(copy.join("model.safetensors"), written).unwrap();
    copy
}

fn findings(other: &Path) -> Vec<String> {
    let report = json(&[text(&demo()), text(other)]);
    list(&report["findings"]).iter().map(|finding| finding["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_missing_family_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = broken(folder.path(), |data| data.retain(|key, _| !key.contains("mlp.up_proj")));
    let found = findings(&other);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("B lacks model.layers.*.mlp.up_proj.weight, of which there are 4 weights in A"),
        "{found:?}"
    );
    let (out, _) = succeed(&[text(&demo()), text(&other)]);
    assert!(out.contains("B would be refused") && out.contains("this weight is missing"), "{out}");
    assert!(out.contains("tensors that both have are equal bit for bit; 4 in A alone"), "{out}");
}

#[test]
fn encoders_inside_zeros_and_numbers_that_are_none_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let other = broken(folder.path(), |data| {
        data.insert("model.vision_tower_aux_list.0.patch.weight".into(), vec![1; 64]);
        data.get_mut("model.layers.1.self_attn.o_proj.weight").unwrap().fill(0);
        data.get_mut("model.layers.3.self_attn.o_proj.weight").unwrap()[..4].copy_from_slice(&[0xc0, 0x7f, 0x80, 0xff]);
    });
    let found = findings(&other);
    let has = |words: &str| assert!(found.iter().any(|text| text.contains(words)), "{words} is missing: {found:?}");
    has("encoders saved inside");
    has("B: model.layers.*.self_attn.o_proj.weight is all zeros");
    has("B: 2 numbers in model.layers.*.self_attn.o_proj.weight are NaN or infinite");
    assert_eq!(found.len(), 3, "{found:?}");
}
