//! Settings and weights.

use super::{demo, fail, golden, json, list, succeed, text};
use opabinia_forge::{Derivation, Preset, StoredType, derive, forge};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The one tensor that is perturbed, and how far.
const MOVED: &str = "model.layers.2.mlp.up_proj.weight";
const STEP: f64 = 0.05;

fn perturbed(folder: &Path) -> std::path::PathBuf {
    let moved = folder.join("moved");
    let derivation = Derivation { perturb: vec![(MOVED.into(), STEP)], ..Derivation::default() };
    derive(&demo(), &derivation, &moved).unwrap();
    moved
}

fn relation<'r>(report: &'r Value, key: &str) -> &'r Value {
    list(&report["weights"]["tensors"]).iter().find(|tensor| tensor["key"] == key).unwrap()
}

#[test]
fn a_checkpoint_is_equal_to_itself() {
    let demo = demo();
    let report = json(&[text(&demo), text(&demo)]);
    let counts = &report["weights"]["counts"];
    assert!(counts["total"].as_u64().unwrap() > 200);
    assert_eq!(counts["equal"], counts["total"]);
    assert_eq!((&report["same_weights"], &report["same_tokenizer"]), (&json!(true), &json!(true)));
    assert_eq!(report["settings"]["differences"], json!([]));
    assert_eq!(report["findings"], json!([]));
    assert_eq!(report["sides"][0]["weight_hash"], report["sides"][1]["weight_hash"]);
    assert_eq!(
        (&report["weights"]["modules"]["norm"], &report["weights"]["modules"]["relative"]),
        (&json!(0.0), &json!(0.0))
    );
    let (out, err) = succeed(&[text(&demo), text(&demo)]);
    assert!(out.contains("are equal bit for bit") && !out.contains("moved most"), "{out}");
    assert!(err.contains("A and B are the same weights"), "{err}");
}

#[test]
fn one_perturbed_tensor_is_named_with_its_change() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, moved) = (demo(), perturbed(folder.path()));
    let report = json(&[text(&demo), text(&moved)]);
    let counts = &report["weights"]["counts"];
    assert_eq!(
        (&counts["changed"], counts["equal"].as_u64()),
        (&json!(1), Some(counts["total"].as_u64().unwrap() - 1))
    );
    assert_eq!(report["same_weights"], json!(false));
    let tensor = relation(&report, MOVED);
    assert_eq!(tensor["relation"], "changed");
    // bf16 rounds each number by up to 2⁻⁹ of itself.
    let relative = tensor["change"]["relative"].as_f64().unwrap();
    assert!((relative - STEP).abs() < 2e-3, "{relative}");
    let cosine = tensor["change"]["cosine"].as_f64().unwrap();
    assert!((cosine - (1.0 - STEP * STEP / 2.0)).abs() < 1e-3, "{cosine}");
    // The tree leads to it: every module above it says that one tensor changed, and the others none.
    let mut module = &report["weights"]["modules"];
    let mut path = Vec::new();
    while let Some(below) = list(&module["below"]).iter().find(|below| below["changed"] == 1) {
        assert_eq!(list(&module["below"]).iter().filter(|below| below["changed"] != 0).count(), 1);
        path.push(below["name"].as_str().unwrap());
        module = below;
    }
    assert_eq!(path.join("."), MOVED);
    let (out, _) = succeed(&[text(&demo), text(&moved)]);
    assert!(out.contains(MOVED) && out.contains("212 equal bit for bit, 1 changed"), "{out}");
    assert!(out.contains("where training moved most"), "{out}");
}

#[test]
fn formats_and_types_are_compared_by_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let [wide, narrow, shards] = ["wide", "narrow", "shards"].map(|name| folder.path().join(name));
    let spec = Preset::Tiny.spec();
    forge(&spec, &wide, |_| {}).unwrap();
    forge(&opabinia_forge::ForgeSpec { dtype: StoredType::Bf16, ..spec.clone() }, &narrow, |_| {}).unwrap();
    forge(&opabinia_forge::ForgeSpec { shard_bytes: 400_000, ..spec }, &shards, |_| {}).unwrap();
    // However the files are cut, the weights and their hash are the same.
    let report = json(&[text(&wide), text(&shards)]);
    assert!(shards.join("model.safetensors.index.json").exists());
    assert_eq!((&report["same_weights"], &report["weights"]["counts"]["changed"]), (&json!(true), &json!(0)));
    // Rounded to bf16: changed by no more than half a unit in the last place, and said to be of another type.
    let report = json(&[text(&wide), text(&narrow)]);
    let tensor = relation(&report, "model.layers.0.self_attn.q_proj.weight");
    assert_eq!((&tensor["a"]["dtype"], &tensor["b"]["dtype"]), (&json!("f32"), &json!("bf16")));
    let relative = tensor["change"]["relative"].as_f64().unwrap();
    assert!(relative > 0.0 && relative < 1.0 / 256.0, "{relative}");
    // Nothing is the same bits, and nothing is left out.
    let counts = &report["weights"]["counts"];
    let compared = counts["changed"].as_u64().unwrap() + counts["same_values"].as_u64().unwrap();
    assert_eq!((counts["equal"].as_u64(), Some(compared)), (Some(0), counts["total"].as_u64()));
}

#[test]
fn unlike_checkpoints_are_compared_where_they_can_be() {
    let [llama, phi, vicuna] = ["tiny-llama3", "tiny-phi3", "tiny-vicuna"].map(golden);
    let report = json(&[text(&llama), text(&phi)]);
    assert_eq!(relation(&report, "model.layers.0.self_attn.q_proj.weight")["relation"], "only_in_a");
    assert_eq!(relation(&report, "model.layers.0.self_attn.qkv_proj.weight")["relation"], "only_in_b");
    assert_eq!(relation(&report, "model.embed_tokens.weight")["relation"], "unlike");
    assert_eq!(relation(&report, "model.norm.weight")["relation"], "changed");
    let settings = list(&report["settings"]["differences"]);
    let find = |key: &str| settings.iter().find(|setting| setting["key"] == key).unwrap();
    assert_eq!(find("model_type")["meaning"], "kind of decoder");
    assert_eq!((&find("num_hidden_layers")["a"], &find("num_hidden_layers")["b"]), (&json!(6), &json!(5)));
    assert_eq!(find("num_hidden_layers")["effect"], "changes what is computed");
    assert_eq!(find("embd_pdrop")["effect"], "none");
    assert_eq!(report["same_tokenizer"], json!(false));
    // Another kind of decoder lacks nothing: its weights have other names.
    assert!(list(&report["findings"]).iter().all(|finding| !finding["what"].as_str().unwrap().contains("lacks")));
    // PyTorch pickles against safetensors.
    let report = json(&[text(&vicuna), text(&llama), "--sort", "cosine"]);
    assert_eq!(relation(&report, "model.norm.weight")["relation"], "changed");
    let (out, _) = succeed(&[text(&llama), text(&phi), "--top", "3", "--depth", "2"]);
    for words in ["of other shapes or types", "in A alone", "in B alone", "decoder layers (num_hidden_layers): 6 → 5"]
    {
        assert!(out.contains(words), "{words} is missing:\n{out}");
    }
}

#[test]
fn what_is_no_checkpoint_is_refused_like_everywhere() {
    let (demo, folder) = (demo(), tempfile::tempdir().unwrap());
    let missing = folder.path().join("nowhere");
    assert!(fail(&[text(&demo), text(&missing)], 3).contains("nowhere"));
    assert!(fail(&[text(&missing), text(&demo)], 3).contains("nowhere"));
    fail(&[text(&demo)], 2);
    fail(&[text(&demo), text(&demo), "--sort", "taste"], 2);
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    let message = fail(&[text(&demo), text(folder.path()), "--json"], 3);
    assert!(message.contains("no weights found"), "{message}");
}

/// Two checkpoints of 400 MB each, most of it holes in their files, within what a hundred of them would take too.
#[cfg(target_os = "linux")]
#[test]
fn large_checkpoints_are_compared_in_little_memory() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    const MOST: u64 = 200 << 20;
    let folder = tempfile::tempdir().unwrap();
    let (demo, large) = (demo(), folder.path().join("large"));
    fs::create_dir(&large).unwrap();
    fs::copy(demo.join("config.json"), large.join("config.json")).unwrap();
    let count = 100_000_000u64;
    let header = json!({ "w": { "dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count] } }).to_string();
    let mut file = fs::File::create(large.join("model.safetensors")).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + 4 * count).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_opabinia"))
        .args(["compare", text(&large), text(&large), "--quiet"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("all 1 tensors are equal"), "{output:?}");
    assert!(peak > 0 && peak < MOST, "{peak} bytes at the peak");
}
