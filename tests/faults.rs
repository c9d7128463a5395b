//! Everything that can be wrong with what the program is given, each run through the real program: the exit code, and
//! a message that names the file and the key and says what to do. Never a panic; nothing allocated from a number in a
//! file (every run is confined to 1 GiB, see `program`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "faults/checkpoint_files.rs"]
mod checkpoint_files;
#[path = "faults/files.rs"]
mod files;
#[path = "faults/mutate.rs"]
#[allow(dead_code, reason = "shared with the tests of files damaged at random")]
mod mutate;
#[path = "faults/program.rs"]
mod program;

use files::{
    Entry, Scratch, Stored, copy_of, edit_header, edit_json, edit_tensors, goldens, photo, pickle_that_runs, png,
    scratch, write_sparse, zip,
};
use opabinia_forge::{Preset, checkpoint_tensors, forge};
use program::{Ended, ask, ask_about, program, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const USAGE: i32 = 2;
const REFUSED: i32 = 3;
const OUT_OF_MEMORY: i32 = 4;
const NO_ADAPTER: i32 = 5;

/// A checkpoint nobody breaks.
fn whole() -> PathBuf {
    goldens().join("tiny-llama3/checkpoint")
}

/// A small forged checkpoint with one weight file, to be broken.
fn forged() -> (Scratch, PathBuf) {
    let dir = scratch();
    let checkpoint = dir.path().join("tiny");
    forge(&Preset::Tiny.spec(), &checkpoint, |_| ()).unwrap();
    (dir, checkpoint)
}

/// A copy of a sharded checkpoint, and its first shard.
fn sharded() -> (Scratch, PathBuf) {
    let copy = copy_of("tiny-llama3");
    let shard = copy.path().join("model-00001-of-00003.safetensors");
    (copy, shard)
}

/// Replaces the weights of the forged `checkpoint` by the pickle file `bytes`.
fn with_pickle(checkpoint: &Path, bytes: &[u8]) {
    fs::remove_file(checkpoint.join("model.safetensors")).unwrap();
    fs::write(checkpoint.join("pytorch_model.bin"), bytes).unwrap();
}

/// What comes of a forged checkpoint whose config.json was changed.
fn with_config(edit: impl FnOnce(&mut Value)) -> Ended {
    let (_dir, checkpoint) = forged();
    edit_json(&checkpoint.join("config.json"), edit);
    ask(&checkpoint, &[])
}

/// What comes of asking about a file with these bytes.
fn with_picture(name: &str, bytes: &[u8]) -> Ended {
    let dir = scratch();
    let file = dir.path().join(name);
    fs::write(&file, bytes).unwrap();
    ask_about(&whole(), &file, "What is this?", &[])
}

/// A trace of `photo`, written into `dir`.
fn trace_in(dir: &Path, image: &Path) -> PathBuf {
    let out = dir.join("t.safetensors");
    let mut command = program(["trace", "--max-tokens", "1", "--prompt", "What is this?", "--model"]);
    command.arg(whole()).arg("--image").arg(image).arg("--out").arg(&out);
    run(command).works();
    out
}

fn render(trace: &Path, image: &Path, more: &[&str]) -> Ended {
    let dir = scratch();
    let mut command = program(["render"]);
    command.arg(trace).arg("--image").arg(image).arg("--out").arg(dir.path().join("maps.png")).args(more);
    let ended = run(command);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was left behind");
    ended
}

/// Changes what the trace `path` says of itself.
fn edit_description(path: &Path, edit: &dyn Fn(&mut Value)) {
    edit_header(path, |header| {
        let text = &mut header["__metadata__"]["opabinia.trace"];
        let mut about = serde_json::from_str(text.as_str().unwrap()).unwrap();
        edit(&mut about);
        *text = about.to_string().into();
    });
}

#[test]
fn what_is_whole_works() {
    ask_about(&whole(), &photo("wide.png"), "What is this?", &[]).works();
    let (_dir, checkpoint) = forged();
    ask_about(&checkpoint, &photo("wide.png"), "What is this?", &[]).works();
    edit_tensors(&checkpoint.join("model.safetensors"), |_| ());
    ask(&checkpoint, &[]).works();
    let dir = scratch();
    let small = dir.path().join("small.png");
    fs::write(&small, png(20, 10, true)).unwrap();
    ask_about(&whole(), &small, "What is this?", &[]).works();
}

// ---- naming a checkpoint ----

#[test]
fn a_model_that_is_not_there() {
    let dir = scratch();
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let file = whole().join("config.json");
    ask(&file, &[]).says(REFUSED, &["config.json", "is a file", "give the directory"]);
    ask(&empty, &[]).says(REFUSED, &["empty", "no checkpoint", "config.json: missing", "give the directory"]);
    ask(&empty.join("nowhere"), &[]).says(REFUSED, &["nowhere", "no such directory"]);
    ask(Path::new("nyu-visionx/cambrian-0b"), &[])
        .says(REFUSED, &["nyu-visionx/cambrian-0b", "models--nyu-visionx--cambrian-0b", "opabinia pull"]);
    ask(Path::new("../nyu-visionx"), &[]).says(REFUSED, &["../nyu-visionx", "no such directory"]);
    run(program(["ask", "What is this?", "--image", "sample:nothing"]))
        .says(USAGE, &["no sample picture `nothing`", "the samples are"]);
}

#[test]
fn failures_are_json_too() {
    let ended = ask(Path::new("nowhere/at-all"), &["--json"]);
    ended.says(REFUSED, &["nowhere/at-all"]);
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(object["error"]["kind"], "refused");
    assert!(object["error"]["message"].as_str().unwrap().contains("nowhere/at-all"));
}

// ---- weight files ----

#[test]
fn a_shard_cut_short() {
    let (copy, shard) = sharded();
    let length = fs::metadata(&shard).unwrap().len();
    fs::OpenOptions::new().write(true).open(&shard).unwrap().set_len(length - 100).unwrap();
    let whole = format!("{length} bytes");
    ask(copy.path(), &[])
        .says(REFUSED, &["model-00001-of-00003.safetensors", "cut short", &whole, "download this file again"]);
    fs::write(&shard, []).unwrap();
    ask(copy.path(), &[]).says(REFUSED, &["model-00001-of-00003.safetensors", "is empty", "download this file again"]);
}

#[test]
fn an_index_that_names_a_missing_or_foreign_file() {
    let (copy, shard) = sharded();
    fs::rename(&shard, copy.path().join("elsewhere")).unwrap();
    ask(copy.path(), &[]).says(
        REFUSED,
        &["model.safetensors.index.json", "model-00001-of-00003.safetensors: missing", "download the missing file"],
    );
    for foreign in ["../model.safetensors", "/etc/passwd", ".."] {
        edit_json(&copy.path().join("model.safetensors.index.json"), |index| {
            index["weight_map"]["model.norm.weight"] = foreign.into();
        });
        ask(copy.path(), &[]).says(
            REFUSED,
            &["model.safetensors.index.json", "`model.norm.weight`", foreign, "do not use this checkpoint"],
        );
    }
}

#[test]
fn weights_that_do_not_fit_the_configuration() {
    let (_dir, checkpoint) = forged();
    let weights = checkpoint.join("model.safetensors");
    let original = fs::read(&weights).unwrap();
    let broken = |edit: &dyn Fn(&mut std::collections::BTreeMap<String, Stored>), words: &[&str]| {
        fs::write(&weights, &original).unwrap();
        edit_tensors(&weights, |tensors| edit(tensors));
        ask(&checkpoint, &[]).says(REFUSED, &[&["model.safetensors"], words].concat());
    };
    broken(
        &|tensors| tensors.get_mut("model.norm.weight").unwrap().shape = vec![4, 8],
        &["`model.norm.weight`", "shape", "[32]", "[4, 8]"],
    );
    broken(&|tensors| drop(tensors.remove("model.vision_query")), &["`model.vision_query`", "missing", "[1, 32]"]);
    broken(
        &|tensors| {
            let stored = tensors.remove("model.norm.weight").unwrap();
            tensors.insert("model.norm.wait".into(), Stored { ..stored });
        },
        &["`model.norm.weight`", "missing"],
    );
    broken(
        &|tensors| {
            let extra = Stored { dtype: "F32".into(), shape: vec![1], bytes: vec![0; 4] };
            tensors.insert("model.extra.weight".into(), extra);
        },
        &["`model.extra.weight`", "no place in the model"],
    );
    broken(
        &|tensors| {
            let norm = tensors.get_mut("model.norm.weight").unwrap();
            (norm.dtype, norm.shape) = ("I8".into(), vec![norm.bytes.len()]);
        },
        &["`model.norm.weight`", "[32]"],
    );
    for bad in [f32::NAN, f32::NEG_INFINITY] {
        broken(
            &|tensors| {
                let norm = tensors.get_mut("model.norm.weight").unwrap();
                *norm =
                    Stored { dtype: "F32".into(), shape: vec![32], bytes: [1f32; 32].map(f32::to_le_bytes).concat() };
                norm.bytes[28..32].copy_from_slice(&bad.to_le_bytes());
            },
            &["`model.norm.weight`", "NaN or infinite", "at index 7"],
        );
    }
}

#[test]
fn numbers_that_grow_without_bound() {
    let (_dir, checkpoint) = forged();
    edit_tensors(&checkpoint.join("model.safetensors"), |tensors| {
        let norm =
            Stored { dtype: "F32".into(), shape: vec![32], bytes: [f32::MAX; 32].map(f32::to_le_bytes).concat() };
        tensors.insert("model.norm.weight".into(), norm);
    });
    for more in [&[][..], &["--temperature", "1"]] {
        ask(&checkpoint, more).says(REFUSED, &["tiny: ", "beyond the range of f32", "NaN"]);
    }
}

#[test]
fn room_that_only_a_number_asks_for() {
    let (_dir, checkpoint) = forged();
    let file = checkpoint.join("config.json");
    // An answer may be as long as the positions; they are not all set aside in advance.
    edit_json(&file, |config| config["max_position_embeddings"] = (1 << 24).into());
    ask(&checkpoint, &["--max-tokens", "16000000", "--stop", "e"]).works();
    // Without samplers no weight depends on the final grid: a finer one than the encoders' is right, but not any.
    edit_json(&file, |config| config["connector_only"] = true.into());
    edit_tensors(&checkpoint.join("model.safetensors"), |tensors| {
        tensors.retain(|key, _| !key.starts_with("model.vision_sampler_layers."));
    });
    edit_json(&file, |config| config["image_token_len"] = (16 * 16).into());
    ask_about(&checkpoint, &photo("wide.png"), "Hi", &[]).works();
    edit_json(&file, |config| config["image_token_len"] = (1 << 24).into());
    ask_about(&checkpoint, &photo("wide.png"), "Hi", &[])
        .says(REFUSED, &["config.json", "`image_token_len`", "context"]);
}

#[test]
fn an_encoder_with_a_foreign_weight_is_named_itself() {
    let (_dir, checkpoint) = forged();
    let tower = checkpoint.join("towers/facebook/dinov2-giant/model.safetensors");
    edit_tensors(&tower, |tensors| {
        tensors.insert("extra.weight".into(), Stored { dtype: "F32".into(), shape: vec![1], bytes: vec![0; 4] });
    });
    ask(&checkpoint, &[]).says(REFUSED, &["towers/facebook/dinov2-giant/model.safetensors: `extra.weight`"]);
    edit_tensors(&tower, |tensors| drop(tensors.remove("extra.weight")));
    edit_tensors(&tower, |tensors| drop(tensors.remove("layernorm.weight")));
    ask(&checkpoint, &[])
        .says(REFUSED, &["towers/facebook/dinov2-giant/model.safetensors: `layernorm.weight`", "missing"]);
}

#[test]
fn lengths_no_file_can_have() {
    let (_dir, checkpoint) = forged();
    let weights = checkpoint.join("model.safetensors");
    for length in [u64::MAX, 1 << 40, 33 << 20] {
        fs::write(&weights, [&length.to_le_bytes()[..], b"{}"].concat()).unwrap();
        ask(&checkpoint, &[]).says(REFUSED, &["model.safetensors", "impossible length", "download this file again"]);
    }
    let huge = u64::MAX / 8;
    for (shape, end) in [(json!([huge]), 4), (json!([1u64 << 40]), 1u64 << 42), (json!([huge, huge]), 4)] {
        let header =
            json!({"model.norm.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).to_string();
        fs::write(&weights, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 4]].concat()).unwrap();
        ask(&checkpoint, &[]).says(REFUSED, &["model.safetensors", "download this file again"]);
    }
}

// ---- pickles ----

#[test]
fn a_pickle_that_wants_to_run_something_is_not_run() {
    let (dir, checkpoint) = forged();
    let mark = dir.path().join("mark");
    let pickle = pickle_that_runs(&format!("touch {}", mark.display()));
    let archive = zip(&[Entry::stored("x/data.pkl", &pickle), Entry::stored("x/data/0", &[0; 4])]);
    with_pickle(&checkpoint, &archive);
    let words = ["pytorch_model.bin", "posix.system", "nothing in it was run", "weights_only=True"];
    ask(&checkpoint, &[]).says(REFUSED, &words);
    let mut inspect = program(["inspect"]);
    inspect.arg(&checkpoint);
    run(inspect).says(REFUSED, &words);

    // The same as an encoder's weights.
    let copy = copy_of("tiny-phi3");
    let tower = "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup/open_clip_pytorch_model.bin";
    fs::write(copy.path().join("towers").join(tower), &archive).unwrap();
    ask(copy.path(), &[]).says(REFUSED, &[tower, "posix.system", "nothing in it was run"]);
    assert!(!mark.exists(), "the pickle was run");
}

#[test]
fn archives_that_would_grow() {
    let (_dir, checkpoint) = forged();
    let state = b"\x80\x02}.";
    let bomb = Entry { name: "x/data/0", data: &[0; 64], method: 8, claimed: u32::MAX - 1 };
    with_pickle(&checkpoint, &zip(&[Entry::stored("x/data.pkl", state), bomb]));
    ask(&checkpoint, &[]).says(REFUSED, &["pytorch_model.bin", "`x/data/0`", "compressed", "4294967294"]);
    let liar = Entry { method: 0, ..bomb };
    fs::write(checkpoint.join("pytorch_model.bin"), zip(&[Entry::stored("x/data.pkl", state), liar])).unwrap();
    ask(&checkpoint, &[]).says(REFUSED, &["pytorch_model.bin", "`x/data/0`"]);
    // A text that claims 4 GB, in the pickle itself.
    let long = b"\x80\x02X\xff\xff\xff\xffa.";
    fs::write(checkpoint.join("pytorch_model.bin"), zip(&[Entry::stored("x/data.pkl", long)])).unwrap();
    ask(&checkpoint, &[]).says(REFUSED, &["pytorch_model.bin", "damaged"]);
    fs::write(checkpoint.join("pytorch_model.bin"), b"version https://git-lfs.github.com/spec/v1\n").unwrap();
    ask(&checkpoint, &[]).says(REFUSED, &["pytorch_model.bin", "git-lfs pointer", "git lfs pull"]);
    fs::write(checkpoint.join("pytorch_model.bin"), b"Dear diary, nothing.").unwrap();
    ask(&checkpoint, &[]).says(REFUSED, &["pytorch_model.bin", "not written by PyTorch"]);
}

// ---- config.json ----

#[test]
fn models_of_another_kind() {
    with_config(|config| config["model_type"] = "llava_mistral".into())
        .says(REFUSED, &["config.json", "`model_type`", "cambrian_phi3", "llava_mistral"]);
    with_config(|config| config["mm_projector_type"] = "mlp2x_gelu".into())
        .says(REFUSED, &["config.json", "`mm_projector_type`", "sva", "mlp2x_gelu"]);
    with_config(|config| config["mm_vision_tower_aux_list"][2] = "eva/CLIP-02".into())
        .says(REFUSED, &["config.json", "`mm_vision_tower_aux_list`", "eva/CLIP-02"]);
}

#[test]
fn absurd_numbers() {
    let cases = [
        ("num_attention_heads", json!(0)),
        ("num_key_value_heads", json!(0)),
        ("num_key_value_heads", json!(3)),
        ("hidden_size", json!(1u64 << 40)),
        ("hidden_size", json!(-32)),
        ("hidden_size", json!("32")),
        ("hidden_size", json!(32.5)),
        ("hidden_size", json!(null)),
        ("num_hidden_layers", json!(u64::MAX)),
        ("vocab_size", json!([600])),
        ("rms_norm_eps", json!(-1e-5)),
        ("rope_theta", json!("big")),
        ("vision_hidden_size", json!(33)),
        ("query_num_list", json!([9])),
        ("query_num_list", json!("16")),
        ("image_token_len", json!(15)),
        ("connector_depth", json!(1u64 << 50)),
        ("mm_vision_tower_aux_token_len_list", json!([16, 16, 16, 1u64 << 60])),
        ("mm_vision_tower_aux_token_len_list", json!([0, 0, 0, 0])),
        ("mm_vision_tower_aux_list", json!({})),
        ("start_of_vision_sampler_layers", json!(1000)),
        ("eos_token_id", json!(-1)),
        ("tokenizer_model_max_length", json!(0)),
    ];
    let (_dir, checkpoint) = forged();
    let file = checkpoint.join("config.json");
    let original = fs::read(&file).unwrap();
    for (key, value) in cases {
        fs::write(&file, &original).unwrap();
        edit_json(&file, |config| config[key] = value.clone());
        // The grid of the queries is at odds with the encoders': either of the two may be named.
        let named = if key == "query_num_list" && value == json!([9]) { "tokens" } else { key };
        ask(&checkpoint, &[]).says(REFUSED, &["config.json", named, "expected"]);
    }
    for text in ["", "{", "[]", "\u{0}", "{\"model_type\": \"cambrian_llama\"}", &"[".repeat(100_000)] {
        fs::write(&file, text).unwrap();
        ask(&checkpoint, &[]).says(REFUSED, &["config.json"]);
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    ask(&checkpoint, &[]).says(REFUSED, &["config.json"]);
}

#[test]
fn absurd_numbers_in_the_files_of_an_encoder() {
    let (_dir, checkpoint) = forged();
    for (file, key, value) in [
        ("openai/clip-vit-large-patch14-336/config.json", "/vision_config/hidden_size", json!(1u64 << 40)),
        ("openai/clip-vit-large-patch14-336/config.json", "/vision_config/hidden_size", json!(u64::MAX)),
        ("openai/clip-vit-large-patch14-336/config.json", "/vision_config/intermediate_size", json!(u64::MAX)),
        ("openai/clip-vit-large-patch14-336/config.json", "/vision_config/num_attention_heads", json!(0)),
        ("openai/clip-vit-large-patch14-336/config.json", "/vision_config/patch_size", json!(0)),
        ("openai/clip-vit-large-patch14-336/config.json", "/vision_config/num_hidden_layers", json!(1u64 << 40)),
        ("facebook/dinov2-giant/config.json", "/hidden_size", json!(1u64 << 62)),
        ("facebook/dinov2-giant/config.json", "/mlp_ratio", json!(1e300)),
        ("facebook/dinov2-giant/config.json", "/patch_size", json!(-1)),
        ("timm/ViT-SO400M-14-SigLIP-384/open_clip_config.json", "/model_cfg/vision_cfg/image_size", json!(1u64 << 40)),
        ("timm/ViT-SO400M-14-SigLIP-384/open_clip_config.json", "/model_cfg/vision_cfg/image_size", json!(0)),
    ] {
        let path = checkpoint.join("towers").join(file);
        let original = fs::read(&path).unwrap();
        edit_json(&path, |config| *config.pointer_mut(key).unwrap() = value.clone());
        let name = key.rsplit('/').next().unwrap();
        let ended = ask(&checkpoint, &[]);
        let folder = Path::new(file).parent().unwrap().to_str().unwrap();
        println!("{}", ended.stderr);
        ended.says(REFUSED, &[folder, name]);
        fs::write(&path, original).unwrap();
    }
}

// ---- encoders ----

#[test]
fn a_missing_encoder_lists_every_place() {
    let (_dir, checkpoint) = forged();
    fs::remove_dir_all(checkpoint.join("towers/facebook")).unwrap();
    let cache = scratch();
    let mut command = program(["ask", "Hi", "--model"]);
    command.arg(&checkpoint).env("HF_HUB_CACHE", cache.path()).env("HF_HOME", "/nowhere/hf");
    let in_cache = cache.path().join("models--facebook--dinov2-giant");
    run(command).says(
        REFUSED,
        &[
            "facebook/dinov2-giant-res",
            "towers/facebook/dinov2-giant: missing",
            "towers/models--facebook--dinov2-giant: missing",
            in_cache.to_str().unwrap(),
            "/nowhere/hf/hub/models--facebook--dinov2-giant",
            ".cache/huggingface/hub/models--facebook--dinov2-giant",
            "opabinia pull facebook/dinov2-giant",
            "--tower dinov2=DIR",
        ],
    );
    let named = format!("dinov2={}", cache.path().display());
    ask(&checkpoint, &["--tower", &named])
        .says(REFUSED, &[cache.path().to_str().unwrap(), "config.json: missing", "give the directory"]);
    ask(&checkpoint, &["--tower", "eva=/x"]).says(USAGE, &["--tower eva", "no such encoder", "facebook/dinov2-giant"]);
}

// ---- tokenizers ----

#[test]
fn tokenizers_that_cannot_be_used() {
    let (_dir, checkpoint) = forged();
    let file = checkpoint.join("tokenizer.json");
    let original = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    ask(&checkpoint, &[]).says(REFUSED, &["tokenizer is missing", "tokenizer.json or tokenizer.model"]);
    for bytes in [&original[..original.len() / 2], b"{}", b"[]", b"", b"\xff\xfe"] {
        fs::write(&file, bytes).unwrap();
        ask(&checkpoint, &[]).says(REFUSED, &["tokenizer.json"]);
    }
    fs::write(&file, &original).unwrap();
    edit_json(&file, |tokenizer| tokenizer["model"]["type"] = "Telepathy".into());
    ask(&checkpoint, &[]).says(REFUSED, &["tokenizer.json"]);

    let copy = copy_of("tiny-yi");
    let model = copy.path().join("tokenizer.model");
    let original = fs::read(&model).unwrap();
    for bytes in [&original[..original.len() - 3], b"", b"version https://git-lfs", b"\x0a\xff\xff\xff\xff\x7f"] {
        fs::write(&model, bytes).unwrap();
        ask(copy.path(), &[]).says(REFUSED, &["tokenizer.model"]);
    }
}

// ---- pictures ----

#[test]
fn pictures_that_cannot_be_used() {
    let photo = fs::read(photo("wide.png")).unwrap();
    with_picture("cut.png", &photo[..photo.len() / 2]).says(USAGE, &["cut.png", "cannot be decoded", "again"]);
    with_picture("empty.png", b"").says(USAGE, &["empty.png", "0 bytes", "again"]);
    with_picture("vast.png", &png(60_000, 60_000, false))
        .says(USAGE, &["vast.png", "60000 × 60000", "make it smaller"]);
    with_picture("diary.png", b"Dear diary, nothing.").says(USAGE, &["diary.png", "not a picture", "PNG"]);
    with_picture("flat.png", &png(0, 10, false)).says(USAGE, &["flat.png"]);
    with_picture("long.png", &png(700, 2, true)).says(USAGE, &["700 × 2", "crop"]);
    let dir = scratch();
    for (file, word) in [(dir.path().to_path_buf(), "not a file"), (dir.path().join("none.png"), "cannot be read")] {
        ask_about(&whole(), &file, "Hi", &[]).says(USAGE, &[file.to_str().unwrap(), word]);
    }
    #[cfg(unix)]
    ask_about(&whole(), Path::new("/dev/zero"), "Hi", &[]).says(USAGE, &["/dev/zero", "not a file"]);
}

// ---- questions and settings ----

#[test]
fn questions_that_cannot_be_asked() {
    for empty in ["", "  \n"] {
        ask_about(&whole(), &photo("wide.png"), empty, &[]).says(USAGE, &["question"]);
    }
    let long = "word ".repeat(20_000);
    let file = photo("wide.png");
    ask_about(&whole(), &file, &long, &[]).says(USAGE, &["positions", "this model can see", "shorten the question"]);
}

#[test]
fn settings_that_cannot_be_used() {
    for (setting, words) in [
        (["--temperature", "nan"], ["temperature NaN", "use 0"]),
        (["--temperature", "-1"], ["temperature -1", "use 0"]),
        (["--temperature", "inf"], ["temperature inf", "use 0"]),
        (["--top-p", "0"], ["top-p", "leave it out"]),
        (["--top-p", "nan"], ["top-p", "leave it out"]),
        (["--top-k", "0"], ["top-k", "leave it out"]),
        (["--max-tokens", "0"], ["max-tokens", "leave it out"]),
        (["--device", "cuda:99"], ["cuda", "--device cpu"]),
    ] {
        ask(&whole(), &setting).says(USAGE, &words);
    }
    ask(&whole(), &["--temperature", "1e-300"]).works();
    ask(&whole(), &["--temperature", "1e300", "--top-p", "1e-300"]).works();
    ask(&whole(), &["--max-tokens", "18446744073709551615", "--stop", "a"]).works();
    ask(&whole(), &["--top", "18446744073709551615", "--json"]).works();
}

#[test]
fn encoders_that_cannot_be_switched_off() {
    let dir = scratch();
    let out = dir.path().join("t.safetensors");
    let trace = |more: &[&str]| {
        let mut command = program(["trace", "--max-tokens", "1", "--prompt", "Hi", "--model"]);
        command.arg(whole()).arg("--image").arg(photo("wide.png")).arg("--out").arg(&out).args(more);
        let ended = run(command);
        assert!(!out.exists());
        ended
    };
    trace(&["--with", "mask:eva"]).says(USAGE, &["no encoder `eva`", "facebook/dinov2-giant", "siglip"]);
    trace(&["--with", "zero:9"]).says(USAGE, &["no encoder 9", "siglip"]);
    let all = ["--with", "mask:0,1,2+mask_context:3"];
    trace(&all).says(USAGE, &["every encoder is masked", "leave one of"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let dir = scratch();
    let trace = trace_in(dir.path(), &photo("wide.png"));
    let missing = dir.path().join("no/maps.png");
    for (out, words) in [
        (missing.as_path(), ["no/maps.png", "there is no directory", "make the directory first"]),
        (dir.path(), [dir.path().to_str().unwrap(), "this is a directory", "give the name of a file"]),
        (&trace, ["t.safetensors", "would replace the input", "give another name"]),
    ] {
        let mut command = program(["render"]);
        command.arg(&trace).arg("--image").arg(photo("wide.png")).arg("--out").arg(out);
        run(command).says(USAGE, &words);
    }
    let mut command = program(["trace", "--prompt", "Hi", "--model"]);
    command.arg(whole()).arg("--out").arg(dir.path().join("no/t.safetensors"));
    run(command).says(USAGE, &["no/t.safetensors", "there is no directory"]);
}

// ---- traces ----

#[test]
fn traces_that_cannot_be_drawn() {
    let dir = scratch();
    let wide = photo("wide.png");
    let trace = trace_in(dir.path(), &wide);
    let original = fs::read(&trace).unwrap();
    let again = "give a file that `opabinia trace` wrote";
    render(&trace, &photo("tall.png"), &[]).says(USAGE, &["tall.png", "picture"]);
    render(&wide, &wide, &[]).says(USAGE, &["wide.png", "not a safetensors file", again]);
    render(&dir.path().join("none"), &wide, &[]).says(USAGE, &["none"]);
    render(dir.path(), &wide, &[]).says(USAGE, &[dir.path().to_str().unwrap()]);
    #[cfg(unix)]
    render(Path::new("/dev/zero"), &wide, &[]).says(USAGE, &["/dev/zero"]);
    render(&whole().join("model-00001-of-00003.safetensors"), &wide, &[]).says(USAGE, &["this is not a trace", again]);
    render(&trace, &wide, &["--encoder", "eva"]).says(USAGE, &["no encoder `eva`", "siglip"]);
    render(&trace, &wide, &["--layer", "C9"]).says(USAGE, &["C9", "C1"]);
    render(&trace, &wide, &["--head", "16"]).says(USAGE, &["16"]);
    render(&trace, &wide, &["--cell", "99,0"]).says(USAGE, &["99"]);

    let described = |edit: &dyn Fn(&mut Value)| {
        fs::write(&trace, &original).unwrap();
        edit_description(&trace, edit);
        render(&trace, &wide, &[])
    };
    described(&|about| about["model"] = "x".repeat(100_000).into())
        .says(USAGE, &["t.safetensors", "longer than 1024", again]);
    described(&|about| about["layers"] = json!([])).says(USAGE, &["t.safetensors", "no SVA layer", "at least one"]);
    described(&|about| about["layers"][0]["rows"] = json!([5, 1u64 << 40]))
        .says(USAGE, &["t.safetensors", "outside its own grid", again]);
    let strange = |about: &mut Value, one: Value| about["interventions"] = json!([one]);
    for (one, words) in [
        (
            json!({ "kind": "region", "encoder": 0, "cells": [[0, u64::MAX]], "at": "everywhere" }),
            "there is no cell 0,",
        ),
        (json!({ "kind": "mask", "encoder": 9, "at": "everywhere" }), "there is no encoder 9"),
        (json!({ "kind": "skip", "at": "vision_sampler_layers.99.layers.0" }), "there is no layer"),
    ] {
        described(&|about| strange(about, one.clone())).says(USAGE, &["t.safetensors", words, again]);
    }
    described(&|about| about["anatomy"]["side"] = 0.into()).says(USAGE, &["t.safetensors", "0 × 0 cells", again]);
    described(&|about| about["anatomy"]["layers"] = json!([]))
        .says(USAGE, &["t.safetensors", "its model has not", again]);
    described(&|about| about["anatomy"]["layers"][0]["name"] = "x".into())
        .says(USAGE, &["t.safetensors", "no SVA layer", again]);
    described(&|about| about["encoders"][0]["side"] = 7.into()).says(USAGE, &["t.safetensors", "does not fit", again]);

    fs::write(&trace, &original[..original.len() - 4]).unwrap();
    render(&trace, &wide, &[]).says(USAGE, &["t.safetensors", again]);
    fs::write(&trace, &original).unwrap();
    edit_tensors(&trace, |tensors| tensors.retain(|key, _| !key.ends_with(".mask")));
    render(&trace, &wide, &[]).says(USAGE, &["t.safetensors", ".mask` is missing", again]);
    fs::write(&trace, &original).unwrap();
    edit_tensors(&trace, |tensors| {
        let probs = tensors.iter_mut().find(|(key, _)| key.ends_with(".probs")).unwrap().1;
        probs.bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    render(&trace, &wide, &[]).says(USAGE, &["t.safetensors", "no probabilities", again]);
}

// ---- what the machine lacks ----

#[test]
fn a_checkpoint_larger_than_the_machine() {
    let (_dir, checkpoint) = forged();
    let mut spec = Preset::Tiny.spec();
    (spec.decoder.hidden, spec.decoder.intermediate, spec.decoder.layers) = (16_384, 65_536, 128);
    (spec.decoder.heads, spec.decoder.kv_heads) = (128, 128);
    edit_json(&checkpoint.join("config.json"), |config| {
        config["hidden_size"] = spec.decoder.hidden.into();
        config["intermediate_size"] = spec.decoder.intermediate.into();
        config["num_hidden_layers"] = spec.decoder.layers.into();
        config["num_attention_heads"] = spec.decoder.heads.into();
        config["num_key_value_heads"] = spec.decoder.kv_heads.into();
    });
    let tensors: Vec<_> = checkpoint_tensors(&spec).into_iter().map(|tensor| (tensor.key, tensor.shape)).collect();
    let length = write_sparse(&checkpoint.join("model.safetensors"), &tensors);
    assert!(length > 1 << 40);
    ask(&checkpoint, &[]).says(OUT_OF_MEMORY, &["out of memory", "needs", "GB", "are available", "smaller checkpoint"]);
    ask(&checkpoint, &["--weights", "f32"]).says(OUT_OF_MEMORY, &["needs", "are available"]);
    // To say what it is needs no room.
    let mut inspect = program(["inspect"]);
    inspect.arg(&checkpoint);
    let ended = run(inspect);
    ended.works();
    assert!(ended.stdout.contains("does not fit"), "{}", ended.stdout);
}

#[test]
fn no_graphics_adapter() {
    let dir = scratch();
    let wide = photo("wide.png");
    let trace = trace_in(dir.path(), &wide);
    let words = ["no usable graphics adapter", "mesa-vulkan-drivers"];
    render(&trace, &wide, &["--adapter", "no adapter is called this"]).says(NO_ADAPTER, &words);
    if cfg!(target_os = "linux") {
        let mut command = program(["render"]);
        command.arg(&trace).arg("--image").arg(&wide).arg("--out").arg(dir.path().join("maps.png"));
        for variable in [
            "VK_DRIVER_FILES",
            "VK_ICD_FILENAMES",
            "LIBGL_DRIVERS_PATH",
            "GBM_BACKENDS_PATH",
            "__EGL_VENDOR_LIBRARY_FILENAMES",
        ] {
            command.env(variable, "/nonexistent");
        }
        run(command).says(NO_ADAPTER, &words);
        assert!(!dir.path().join("maps.png").exists());
    }
}
