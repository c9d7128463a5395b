//! Files of checkpoints as people have them: saved again by another version of transformers, fine-tuned offline, half
//! downloaded, under a limit of memory, named by a stranger. Each either does what it did before it was changed, or is
//! refused in words.

use super::files::{Scratch, Stored, copy_of, edit_json, edit_tensors, goldens, photo, scratch};
use super::program::{Ended, ask, program, run};
use super::{REFUSED, forged};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What the model in `checkpoint` says of a picture.
fn answer(checkpoint: &Path, more: &[&str]) -> Ended {
    let mut command = program(["ask", "What is this?", "--max-tokens", "8", "--model"]);
    command.arg(checkpoint).arg("--image").arg(photo("wide.png")).args(more);
    let ended = run(command);
    ended.works();
    ended
}

/// A copy of the golden checkpoint `variant` whose `file` was changed, which must answer as the original; what it says
/// beside the answer.
fn answers_alike(variant: &str, file: &str, edit: impl FnOnce(&mut Value)) -> String {
    let copy = copy_of(variant);
    edit_json(&copy.path().join(file), edit);
    let ended = answer(copy.path(), &[]);
    assert_eq!(ended.stdout, answer(&goldens().join(variant).join("checkpoint"), &[]).stdout);
    ended.stderr
}

/// The refusal of the golden checkpoint `variant` whose `file` was changed.
fn refuses(variant: &str, file: &str, words: &[&str], edit: impl FnOnce(&mut Value)) {
    let copy = copy_of(variant);
    edit_json(&copy.path().join(file), edit);
    let name = Path::new(file).file_name().unwrap().to_str().unwrap();
    ask(copy.path(), &[]).says(REFUSED, &[&[name], words].concat());
}

// ---- fields that change what is computed ----

#[test]
fn the_base_of_rotary_embeddings_as_transformers_5_writes_it() {
    let said = answers_alike("tiny-llama3", "config.json", |config| {
        config.as_object_mut().unwrap().remove("rope_theta");
        config["rope_parameters"] = json!({"rope_theta": 500_000.0, "rope_type": "default"});
    });
    assert!(!said.contains("rope"), "{said}");
    for default in
        [json!({"rope_type": "default"}), json!({"type": "default"}), json!({"type": "linear", "factor": 1.0})]
    {
        answers_alike("tiny-phi3", "config.json", |config| config["rope_scaling"] = default);
    }
    for (field, value) in [
        ("rope_parameters", json!({"rope_theta": 1e6, "rope_type": "default"})),
        ("rope_parameters", json!({"rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0})),
        ("rope_scaling", json!({"type": "dynamic", "factor": 2.0})),
        ("partial_rotary_factor", json!(0.5)),
    ] {
        refuses("tiny-llama3", "config.json", &[field, "expected"], |config| config[field] = value);
    }
}

/// transformers takes 10,000 where no base is named, and so does the reference. It is said.
#[test]
fn no_base_of_rotary_embeddings_at_all() {
    let said = answers_alike("tiny-phi3", "config.json", |config| {
        assert_eq!(config.as_object_mut().unwrap().remove("rope_theta"), Some(json!(10_000.0)));
    });
    assert!(said.contains("note: ") && said.contains("rope_theta") && said.contains("10000"), "{said}");
}

#[test]
fn settings_of_generation_are_refused_or_told_of() {
    for (field, value) in [
        ("repetition_penalty", json!(1.5)),
        ("no_repeat_ngram_size", json!(2)),
        ("suppress_tokens", json!([5])),
        ("begin_suppress_tokens", json!([5])),
        ("bad_words_ids", json!([[5, 6]])),
        ("forced_eos_token_id", json!(2)),
        ("min_new_tokens", json!(3)),
        ("exponential_decay_length_penalty", json!([5, 1.1])),
        ("guidance_scale", json!(1.5)),
    ] {
        refuses("tiny-phi3", "generation_config.json", &[field, "expected"], |config| config[field] = value.clone());
        // Older versions of transformers kept them in config.json, and the reference obeys them there too.
        refuses("tiny-phi3", "config.json", &[field], |config| config[field] = value);
    }
    let said = answers_alike("tiny-phi3", "generation_config.json", |config| {
        config["do_sample"] = true.into();
        config["temperature"] = 0.6.into();
        config["repetition_penalty"] = 1.0.into();
    });
    assert!(said.contains("do_sample true, temperature 0.6"), "{said}");
}

#[test]
fn fields_nobody_knows_are_named() {
    let said = answers_alike("tiny-phi3", "config.json", |config| config["attention_of_the_future"] = 3.into());
    assert!(said.contains("note: config.json") && said.contains("attention_of_the_future"), "{said}");
    let clip = "towers/openai/clip-vit-large-patch14-336/config.json";
    let said = answers_alike("tiny-phi3", clip, |config| config["vision_config"]["register_tokens"] = 4.into());
    assert!(said.contains("vision_config.register_tokens") && said.contains("clip-vit-large"), "{said}");
    // What every version writes into every file is no news.
    let said = answers_alike("tiny-phi3", "config.json", |config| {
        config["dtype"] = "float32".into();
        config["_attn_implementation_autoset"] = true.into();
        config["pretraining_tp"] = 1.into();
    });
    assert!(!said.contains("note: "), "{said}");
}

#[test]
fn fields_of_encoders_that_change_what_is_computed() {
    let tower = |file: &str| format!("towers/{file}");
    let clip = "openai/clip-vit-large-patch14-336";
    for (file, pointer, value, words) in [
        (format!("{clip}/config.json"), "/model_type", json!("siglip"), ["model_type", "CLIP"]),
        (format!("{clip}/config.json"), "/vision_config/num_channels", json!(1), ["num_channels", "3"]),
        (format!("{clip}/preprocessor_config.json"), "/do_normalize", json!(false), ["do_normalize", "true"]),
        (
            "timm/ViT-SO400M-14-SigLIP-384/open_clip_config.json".into(),
            "/model_cfg/vision_cfg/timm_model_name",
            json!("vit_base_patch16_siglip_224"),
            ["timm_model_name", "vit_so400m"],
        ),
    ] {
        refuses("tiny-phi3", &tower(&file), &words, |config| *config.pointer_mut(pointer).unwrap() = value);
    }
    refuses("tiny-llama3", &tower("facebook/dinov2-giant/config.json"), &["model_type", "DINOv2"], |config| {
        config["model_type"] = "dinov2_with_registers".into();
    });
    refuses("tiny-yi", "tokenizer_config.json", &["add_eos_token"], |config| config["add_eos_token"] = true.into());
}

// ---- encoders named by a path ----

#[test]
fn encoders_named_by_a_path() {
    let copy = copy_of("tiny-phi3");
    let original = answer(copy.path(), &[]).stdout;
    let clip = copy.path().join("towers/openai/clip-vit-large-patch14-336");
    let name = |name: &str| {
        edit_json(&copy.path().join("config.json"), |config| config["mm_vision_tower_aux_list"][1] = name.into());
    };
    // Beside the checkpoint, where the released one would be.
    name("/data/ckpt/openai/clip-vit-large-patch14-336");
    assert_eq!(answer(copy.path(), &[]).stdout, original);
    // Anywhere, with --tower.
    let elsewhere = scratch();
    let moved = elsewhere.path().join("tuned");
    fs::rename(&clip, &moved).unwrap();
    for tower in ["clip", "1", "/data/ckpt/openai/clip-vit-large-patch14-336"] {
        let named = format!("{tower}={}", moved.display());
        assert_eq!(answer(copy.path(), &["--tower", &named]).stdout, original);
    }
    ask(copy.path(), &[]).says(REFUSED, &["/data/ckpt/openai/clip", "--tower clip=DIR", "towers/openai/clip"]);
    // A path that is there is not followed by itself: what is read is for the person to say.
    let there = elsewhere.path().join("openai/clip-vit-ft");
    fs::create_dir(there.parent().unwrap()).unwrap();
    fs::rename(&moved, &there).unwrap();
    name(there.to_str().unwrap());
    ask(copy.path(), &[]).says(REFUSED, &["openai/clip-vit-ft", "not followed"]);
    // A folder in the checkpoint.
    fs::create_dir(copy.path().join("encoders")).unwrap();
    fs::rename(&there, copy.path().join("encoders/openai-clip-vit")).unwrap();
    name("./encoders/openai-clip-vit");
    assert_eq!(answer(copy.path(), &[]).stdout, original);
    name("/data/eva/clip-02");
    ask(copy.path(), &[]).says(REFUSED, &["mm_vision_tower_aux_list", "unknown vision encoder"]);
}

// ---- files that are not what they should be ----

#[test]
fn words_of_python_and_marks_of_windows() {
    let copy = copy_of("tiny-phi3");
    let file = copy.path().join("config.json");
    let original = answer(copy.path(), &[]).stdout;
    let text = fs::read_to_string(&file).unwrap();
    let with = |field: &str| text.replacen('{', &format!("{{{field},"), 1);
    for field in [r#""time_step_limit": [0.0, Infinity]"#, r#""a": NaN"#, r#""b": {"c": -Infinity}"#] {
        fs::write(&file, with(field)).unwrap();
        assert_eq!(answer(copy.path(), &[]).stdout, original, "{field}");
    }
    fs::write(&file, text.replace("\"rope_theta\": 10000.0", "\"rope_theta\": Infinity")).unwrap();
    ask(copy.path(), &[]).says(REFUSED, &["`rope_theta`", "Infinity", "a number"]);
    fs::write(&file, format!("\u{feff}{text}")).unwrap();
    assert_eq!(answer(copy.path(), &[]).stdout, original);
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&file, utf16).unwrap();
    ask(copy.path(), &[]).says(REFUSED, &["config.json", "UTF-16", "UTF-8"]);
}

#[test]
fn what_downloads_leave_in_place_of_files() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 1234\n";
    let page = "<!DOCTYPE html>\n<html><body>Log in to download</body></html>\n";
    let xml = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
    let contents = [
        (pointer, ["git-lfs pointer", "git lfs pull"]),
        (page, ["web page", "licence"]),
        (xml, ["XML document", "AccessDenied"]),
        ("Entry not found", ["answer of the server", "Entry not found"]),
        (&"\0".repeat(300), ["zeros", "download this file again"]),
    ];
    for (variant, file) in [
        ("tiny-phi3", "config.json"),
        ("tiny-phi3", "generation_config.json"),
        ("tiny-phi3", "model.safetensors.index.json"),
        ("tiny-phi3", "model-00001-of-00002.safetensors"),
        ("tiny-phi3", "tokenizer.json"),
        ("tiny-phi3", "tokenizer_config.json"),
        ("tiny-phi3", "towers/openai/clip-vit-large-patch14-336/pytorch_model.bin"),
        ("tiny-phi3", "towers/openai/clip-vit-large-patch14-336/preprocessor_config.json"),
        ("tiny-yi", "tokenizer.model"),
    ] {
        let copy = copy_of(variant);
        for (content, words) in &contents {
            fs::write(copy.path().join(file), content).unwrap();
            let name = Path::new(file).file_name().unwrap().to_str().unwrap();
            let ended = ask(copy.path(), &[]);
            // Of an encoder, the place and what is wrong with it are one line of detail.
            let expected = if file.ends_with("pytorch_model.bin") { &words[..1] } else { &words[..] };
            ended.says(REFUSED, &[&[name], expected].concat());
        }
    }
}

#[test]
fn an_index_that_outlived_its_tensors() {
    let stale = "model.layers.0.self_attn.rotary_emb.inv_freq";
    let index = "model.safetensors.index.json";
    let shard = "model-00001-of-00002.safetensors";
    let said = answers_alike("tiny-phi3", index, |index| index["weight_map"][stale] = shard.into());
    assert!(!said.contains("note: "), "{said}");
    let said = answers_alike("tiny-phi3", index, |index| index["weight_map"]["model.gone.weight"] = shard.into());
    assert!(said.contains("note: ") && said.contains("model.gone.weight"), "{said}");
    let copy = copy_of("tiny-phi3");
    let second = copy.path().join("model-00002-of-00002.safetensors");
    edit_tensors(&second, |tensors| drop(tensors.remove("model.norm.weight")));
    ask(copy.path(), &[]).says(REFUSED, &["`model.norm.weight`", "missing", "named in the index, and in no file"]);
}

#[test]
fn parts_of_checkpoints_and_checkpoints_with_more_in_them() {
    let dir = scratch();
    fs::write(dir.path().join("adapter_config.json"), r#"{"base_model_name_or_path": "nyu-visionx/cambrian-8b"}"#)
        .unwrap();
    fs::write(dir.path().join("adapter_model.safetensors"), b"").unwrap();
    ask(dir.path(), &[]).says(REFUSED, &["adapter (LoRA)", "nyu-visionx/cambrian-8b", "merge_and_unload"]);
    // The same with the config.json of the base beside it.
    fs::copy(goldens().join("tiny-yi/checkpoint/config.json"), dir.path().join("config.json")).unwrap();
    for file in ["tokenizer.model", "tokenizer_config.json"] {
        fs::copy(goldens().join("tiny-yi/checkpoint").join(file), dir.path().join(file)).unwrap();
    }
    ask(dir.path(), &[]).says(REFUSED, &["adapter (LoRA)", "merge_and_unload", "model.safetensors: missing"]);
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        fs::remove_file(dir.path().join(file)).unwrap();
    }
    fs::write(dir.path().join("mm_projector.bin"), b"PK").unwrap();
    ask(dir.path(), &[]).says(REFUSED, &["connector", "mm_projector.bin", "language model"]);
    let gguf = dir.path().join("cambrian.gguf");
    fs::write(&gguf, b"GGUF\x03\0\0\0").unwrap();
    ask(&gguf, &[]).says(REFUSED, &["GGUF", "original model"]);

    let (_dir, checkpoint) = forged();
    edit_tensors(&checkpoint.join("model.safetensors"), |tensors| {
        let inside = Stored { dtype: "F32".into(), shape: vec![1], bytes: vec![0; 4] };
        tensors.insert("model.vision_tower_aux_list.0.vision_tower.norm.weight".into(), inside);
    });
    ask(&checkpoint, &[]).says(REFUSED, &["encoders inside", "model.vision_tower_aux_list.0", "--tower"]);
}

#[test]
fn a_missing_encoder_is_not_called_complete() {
    let (_dir, checkpoint) = forged();
    fs::remove_dir_all(checkpoint.join("towers/facebook")).unwrap();
    let mut inspect = program(["inspect"]);
    inspect.arg(&checkpoint);
    let ended = run(inspect);
    ended.says(REFUSED, &["facebook/dinov2-giant"]);
    assert!(ended.stdout.contains("an encoder is missing") && !ended.stdout.contains("nothing is missing"));
}

// ---- where the hub cache is ----

/// Each variable, as `huggingface_hub` reads it.
#[test]
fn hub_caches_are_where_the_variables_say() {
    let copy = copy_of("tiny-yi");
    let original = answer(copy.path(), &[]).stdout;
    let home = scratch();
    let hub = home.path().join("x/huggingface/hub");
    fs::create_dir_all(hub.parent().unwrap()).unwrap();
    fs::rename(copy.path().join("towers"), &hub).unwrap();
    let path = |end: &str| format!("{}/{end}", home.path().display());
    for (variable, value) in [
        ("HF_HUB_CACHE", path("x/huggingface/hub")),
        ("HF_HUB_CACHE", "~/x/huggingface/hub".into()),
        ("HF_HUB_CACHE", "$PLACE/huggingface/hub".into()),
        ("HUGGINGFACE_HUB_CACHE", "${PLACE}/huggingface/hub".into()),
        ("TRANSFORMERS_CACHE", path("x/huggingface/hub")),
        ("HF_HOME", "~/x/huggingface".into()),
        ("XDG_CACHE_HOME", path("x")),
    ] {
        let mut command = program(["ask", "What is this?", "--max-tokens", "8", "--model"]);
        command.arg(copy.path()).arg("--image").arg(photo("wide.png"));
        command.env(variable, &value).env("HOME", home.path()).env("PLACE", path("x"));
        let ended = run(command);
        ended.works();
        assert_eq!(ended.stdout, original, "{variable}={value}");
    }
    ask(copy.path(), &[]).says(REFUSED, &["huggingface/hub/models--facebook--dinov2-giant", "opabinia pull"]);
}

// ---- limits of memory ----

#[cfg(target_os = "linux")]
mod limits {
    use super::super::OUT_OF_MEMORY;
    use super::super::files::write_sparse;
    use super::super::program::home;
    use super::*;

    /// `arguments` where the process may have `kib` of address space.
    fn limited(kib: u64, arguments: &[&str]) -> Ended {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("ulimit -v {kib} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_opabinia")]);
        command.args(arguments).env("RAYON_NUM_THREADS", "2").env("HOME", home());
        // glibc sets 64 MiB of address space aside for a thread that allocates while another one does: whichever comes first
        // would decide what is left.
        command.env("MALLOC_ARENA_MAX", "1");
        run(command)
    }

    #[test]
    fn a_file_that_does_not_fit_into_the_address_space() {
        let (_dir, checkpoint) = forged();
        let path = checkpoint.to_str().unwrap();
        let limit = 1 << 20;
        limited(limit, &["ask", "Hi", "--model", path]).works();
        let tensors = [("model.norm.weight".to_owned(), vec![1 << 30])];
        let encoder = checkpoint.join("towers/facebook/dinov2-giant/model.safetensors");
        for file in [encoder, checkpoint.join("model.safetensors")] {
            write_sparse(&file, &tensors);
            let name = file.file_name().unwrap().to_str().unwrap();
            limited(limit, &["ask", "Hi", "--model", path])
                .says(OUT_OF_MEMORY, &["out of memory", name, "4294 MB", "limited to 1073 MB", "ulimit -v"]);
        }
    }

    #[test]
    fn small_limits_end_in_words() {
        let (_dir, checkpoint) = forged();
        let path = checkpoint.to_str().unwrap();
        let mut worked = false;
        // The system itself ends a program that does not fit with the libraries it is linked to.
        let program = fs::metadata(env!("CARGO_BIN_EXE_opabinia")).unwrap().len() >> 20;
        for mib in [24, 40, 56, 88, 128, 192, 256, 320, 512, 1024].map(|more| program + more) {
            for arguments in [&["inspect", path][..], &["ask", "Hi", "--max-tokens", "2", "--model", path]] {
                let ended = limited(mib << 10, arguments);
                match ended.code() {
                    Some(0) => worked = true,
                    Some(OUT_OF_MEMORY) => drop(ended.says(OUT_OF_MEMORY, &["out of memory"])),
                    other => panic!("{mib} MiB: {arguments:?} ended in {other:?}:\n{}", ended.stderr),
                }
            }
        }
        assert!(worked);
    }
}

// ---- text of strangers ----

/// No control character reaches a terminal, but line breaks and tabs. Reports do; what a model generated is its own, and is
/// made printable for terminals alone.
#[track_caller]
fn is_printable(ended: &Ended) {
    let report = if ended.stdout.contains("\nencoders\n") { ended.stdout.as_str() } else { "" };
    for text in [report, &ended.stderr] {
        let hidden = text.chars().find(|&c| c.is_control() && c != '\n' && c != '\t');
        assert!(hidden.is_none(), "{hidden:?} in {text:?}");
    }
}

fn inspect(checkpoint: &Path) -> Ended {
    let mut command = program(["inspect"]);
    command.arg(checkpoint);
    run(command)
}

const EVIL: &str = "\u{1b}]0;PWNED\u{7}\u{9b}2J\r\u{8}x";

#[test]
fn names_in_files_do_not_control_the_terminal() {
    let index = "model.safetensors.index.json";
    let clip = "towers/openai/clip-vit-large-patch14-336/config.json";
    type Edit = fn(&mut Value);
    let edits: [(&str, Edit); 8] = [
        (index, |index| index["weight_map"][EVIL] = format!("{EVIL}.safetensors").into()),
        (index, |index| index["weight_map"][EVIL] = "model-00001-of-00002.safetensors".into()),
        ("config.json", |config| config[EVIL] = 1.into()),
        ("config.json", |config| config["model_type"] = EVIL.into()),
        ("config.json", |config| config["mm_vision_tower_aux_list"][1] = format!("/x/{EVIL}/openai/clip").into()),
        ("generation_config.json", |config| config[EVIL] = EVIL.into()),
        (clip, |config| config["vision_config"][EVIL] = 1.into()),
        (clip, |config| config["vision_config"]["hidden_act"] = EVIL.into()),
    ];
    for (file, edit) in edits {
        let copy = copy_of("tiny-phi3");
        edit_json(&copy.path().join(file), edit);
        for ended in [ask(copy.path(), &[]), inspect(copy.path())] {
            is_printable(&ended);
            assert!(ended.code() == Some(0) || ended.code() == Some(REFUSED), "{}", ended.stderr);
            // Values of JSON are shown as JSON.
            let shown = format!("{}{}", ended.stdout, ended.stderr);
            assert!(shown.contains("\\u{1b}]") || shown.contains("\\u001b]"), "{file}: {}", ended.stderr);
        }
    }
    let (_dir, checkpoint) = forged();
    edit_tensors(&checkpoint.join("model.safetensors"), |tensors| {
        tensors.insert(EVIL.into(), Stored { dtype: "F32".into(), shape: vec![1], bytes: vec![0; 4] });
    });
    for ended in [ask(&checkpoint, &[]), inspect(&checkpoint)] {
        is_printable(&ended);
        assert!(ended.stderr.contains("\\u{1b}]0;PWNED"), "{}", ended.stderr);
    }
}

#[cfg(unix)]
#[test]
fn names_of_files_do_not_control_the_terminal() {
    let dir = scratch();
    let (_forged, checkpoint) = forged();
    let renamed = dir.path().join(EVIL);
    fs::rename(&checkpoint, &renamed).unwrap();
    for ended in [ask(&renamed, &[]), inspect(&renamed)] {
        ended.works();
        is_printable(&ended);
    }
    fs::write(renamed.join("config.json"), "{").unwrap();
    let ended = ask(&renamed, &[]);
    ended.says(REFUSED, &["\\u{1b}]0;PWNED"]);
    is_printable(&ended);
    let named = format!("{EVIL}={EVIL}");
    is_printable(ask(&super::whole(), &["--tower", &named]).says(super::USAGE, &["\\u{1b}"]));
}

// ---- anything at all ----

/// Bytes a name can be made of: anything but NUL, and no way out of a directory.
#[cfg(unix)]
fn random_name(chance: &mut super::mutate::Chance) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt;
    let length = 1 + chance.below(24);
    let byte = |chance: &mut super::mutate::Chance| match chance.below(256) as u8 {
        0 | b'/' | b'=' | b'-' | b'~' => b'_',
        byte => byte,
    };
    std::ffi::OsString::from_vec((0..length).map(|_| byte(chance)).collect())
}

/// Whatever stands in names, keys, values, files and the environment: no panic, no control character, and an exit code
/// that says what was wrong. `OPABINIA_MUTATIONS` multiplies the number of runs.
#[cfg(unix)]
#[test]
fn anything_at_all() {
    use std::os::unix::ffi::OsStrExt;
    let times: u64 = std::env::var("OPABINIA_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (_forged, checkpoint) = forged();
    let original = |name: &str| fs::read(checkpoint.join(name)).unwrap();
    let (config, generation) = (original("config.json"), original("generation_config.json"));
    for number in 0..40 * times {
        let mut chance = super::mutate::Chance::new(7 << 32 | number);
        let name = random_name(&mut chance);
        let lossy = name.to_string_lossy().into_owned();
        fs::write(checkpoint.join("config.json"), &config).unwrap();
        fs::write(checkpoint.join("generation_config.json"), &generation).unwrap();
        let mut model = checkpoint.clone().into_os_string();
        let mut variable = None;
        match chance.below(7) {
            0 => edit_json(&checkpoint.join("config.json"), |config| config[&lossy] = lossy.clone().into()),
            1 => edit_json(&checkpoint.join("config.json"), |config| {
                config["mm_vision_tower_aux_list"][0] = format!("siglip/{lossy}").into();
            }),
            2 => edit_json(&checkpoint.join("generation_config.json"), |config| config[&lossy] = 1.into()),
            3 => fs::write(checkpoint.join("config.json"), name.as_bytes()).unwrap(),
            4 => model = name.clone(),
            5 => model.push(&name),
            _ => variable = Some(["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"][chance.below(4)]),
        }
        for command in ["inspect", "ask"] {
            let mut command = match command {
                "ask" => program(["ask", "Hi", "--max-tokens", "1", "--model"]),
                _ => program([command]),
            };
            command.arg(&model);
            if let Some(variable) = variable {
                command.env(variable, &name);
            }
            let ended = run(command);
            is_printable(&ended);
            let code = ended.code();
            assert!(matches!(code, Some(0 | 2 | 3)), "{number}: {code:?}\n{}", ended.stderr);
            assert!(!ended.stderr.contains("panic"), "{number}: {}", ended.stderr);
        }
    }
}

// ---- the files these tests stand for ----

/// The files of the shared folder, where it exists: each goes over its namesake in a copy of a golden checkpoint.
#[test]
fn files_people_sent() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("../shared/faults/checkpoint");
    if !shared.is_dir() {
        println!("skipped: there is no ../shared/faults");
        return;
    }
    let over = |file: &str| -> (Scratch, String) {
        let (variant, rest) = file.split_once('.').unwrap();
        let copy = copy_of(variant);
        fs::copy(shared.join(file), copy.path().join(rest.split_once('.').unwrap().1)).unwrap();
        let original = answer(&goldens().join(variant).join("checkpoint"), &[]).stdout;
        (copy, original)
    };
    for file in [
        "tiny-llama3.rope_parameters.config.json",
        "tiny-phi3.rope_scaling_default.config.json",
        "tiny-phi3.bom.config.json",
        "tiny-phi3.infinity.config.json",
        "tiny-phi3.local_clip_path.config.json",
        "tiny-phi3.stale_entry.model.safetensors.index.json",
    ] {
        let (copy, original) = over(file);
        assert_eq!(answer(copy.path(), &[]).stdout, original, "{file}");
    }
    let (copy, _) = over("tiny-llama3.no_rope_theta.config.json");
    assert!(answer(copy.path(), &[]).stderr.contains("rope_theta"));
    for (file, word) in [
        ("tiny-phi3.repetition_penalty.generation_config.json", "repetition_penalty"),
        ("tiny-phi3.lfs_pointer.config.json", "git-lfs pointer"),
        ("tiny-phi3.escape_sequences.model.safetensors.index.json", "\\u{1b}"),
    ] {
        let (copy, _) = over(file);
        let ended = ask(copy.path(), &[]);
        is_printable(ended.says(REFUSED, &[word]));
    }
}
