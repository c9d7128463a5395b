//! Where a checkpoint and its encoders are looked for, and what lies there instead.

use super::super::{EncoderFamily, EncoderOrigin, EncoderOverride, EncoderSource, EncoderSpec, Hub, Loader};
use super::configuration::{config, read_config};
use super::pickles::{archive, with_bin};
use super::weights::{F32, TWO, open, safetensors, sharded, with_model};
use super::{dir, refusal};
use crate::advice::Advice;
use crate::job::Job;
use candle_core::Device;
use serde_json::json;
use std::fs;
use std::path::Path;

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
