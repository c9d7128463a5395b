//! The command line as a person meets it: the real program, its exit codes, what it prints where, and what it writes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use safetensors::SafeTensors;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const VARIANT: &str = "tiny-yi";
const QUESTION: &str = "Describe this image in detail.";

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/goldens")
}

fn checkpoint() -> String {
    goldens().join(VARIANT).join("checkpoint").display().to_string()
}

fn image(name: &str) -> String {
    goldens().join("images").join(name).display().to_string()
}

fn recorded(case: &str) -> Value {
    let text = std::fs::read_to_string(goldens().join(VARIANT).join(case).with_extension("json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The program, with no hub cache of the person who runs the tests.
fn opabinia(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opabinia"));
    command.args(args).env_remove("HF_HUB_CACHE").env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command.env("HF_HOME", "/nonexistent/opabinia-tests").stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs the program and expects success.
fn succeed(args: &[&str]) -> Output {
    let output = opabinia(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {:?}\n{}", output.status, stderr(&output));
    output
}

/// Runs the program, expects exit code `code`, one `error:` on standard error and nothing but that error on standard
/// output; gives standard error.
fn fail(args: &[&str], code: i32) -> String {
    let output = opabinia(args).output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert_eq!(message.matches("error: ").count(), 1, "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    if args.contains(&"--json") {
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(object["error"]["kind"].is_string(), "{object}");
        assert!(message.contains(object["error"]["message"].as_str().unwrap().lines().next().unwrap()), "{message}");
    } else {
        assert_eq!(stdout(&output), "", "{args:?}");
    }
    message
}

fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&succeed(args).stdout).unwrap()
}

fn ids(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

#[test]
fn help_teaches() {
    let all = stdout(&succeed(&["--help"]));
    for word in ["inspect", "ask", "trace", "render", "evidence", "compare", "doctor", "Exit codes", "A first walk"] {
        assert!(all.contains(word), "{word} is missing:\n{all}");
    }
    for command in ["inspect", "ask", "trace", "render", "evidence", "compare", "doctor"] {
        let help = stdout(&succeed(&["help", command]));
        assert!(help.contains("Examples:") && help.contains("Usage: opabinia"), "{help}");
        // Flags are described once, and each is described.
        for line in help.lines().filter(|line| line.trim_start().starts_with("--")) {
            let flag = line.split_whitespace().next().unwrap();
            assert_eq!(
                help.lines().filter(|other| other.trim_start().split(' ').next() == Some(flag)).count(),
                1,
                "{help}"
            );
        }
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let model = checkpoint();
    let cases: [(&[&str], &str); 9] = [
        (&["ask"], "QUESTION"),
        (&["ask", "--model", &model], "QUESTION"),
        (&["ask", "--model", &model, "--device", "abacus", "What?"], "abacus"),
        (&["ask", "--model", &model, "--template", "haiku", "What?"], "chatml_direct"),
        (&["ask", "--model", &model, "--temperature", "-1", "What?"], "temperature"),
        (&["ask", "--model", &model, "--top-p", "2", "What?"], "top-p"),
        (&["ask", "--model", &model, "--max-tokens", "0", "What?"], "max-tokens"),
        (&["ask", "--model", &model, "--turn", "only a question"], "--turn"),
        (&["frobnicate"], "frobnicate"),
    ];
    for (args, word) in cases {
        let message = fail(args, 2);
        assert!(message.contains(word), "{args:?}: {message}");
    }
    fail(&["ask", "--json"], 2);
    fail(&["ask", "--json", "--model", &model, "--no-such-flag", "What?"], 2);
}

#[test]
fn inputs_that_cannot_be_used_end_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, text) = (dir.path().join("empty.png"), dir.path().join("text.png"));
    std::fs::write(&empty, "").unwrap();
    std::fs::write(&text, "no picture").unwrap();
    let (model, wide) = (checkpoint(), image("wide.png"));
    for (file, word) in [(dir.path().join("none.png"), "none.png"), (empty, "0 bytes"), (text, "not a picture")] {
        let file = file.display().to_string();
        let message = fail(&["ask", "--model", &model, "--image", &file, "What?"], 2);
        assert!(message.contains(word), "{message}");
    }
    assert!(fail(&["ask", "--model", &model, "--image", &wide, "  "], 2).contains("empty"));
    if cfg!(not(feature = "cuda")) {
        assert!(fail(&["ask", "--model", &model, "--device", "cuda:0", "What?"], 2).contains("--device cpu"));
    }
    let unknown = fail(&["trace", "-m", &model, "-i", &wide, "-p", "What?", "--with", "mask:9", "-o", "t"], 2);
    assert!(unknown.contains("no encoder 9") && unknown.contains("dinov2"), "{unknown}");
}

#[test]
fn checkpoints_that_are_none_end_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().display().to_string();
    assert!(fail(&["inspect", &empty], 3).contains("config.json"));
    assert!(fail(&["ask", "--json", "--model", "no-such/model", "What?"], 3).contains("no-such/model"));
    std::fs::write(dir.path().join("config.json"), "{\"model_type\": \"gpt2\"}").unwrap();
    assert!(fail(&["inspect", "--json", &empty], 3).contains("gpt2"));
}

#[test]
fn inspecting_tells_what_a_checkpoint_is() {
    let report = json(&["inspect", &checkpoint(), "--json"]);
    assert_eq!(report["family"], "cambrian_llama");
    assert_eq!(report["template"], "chatml_direct");
    assert_eq!(report["stored"]["dtype"], "bf16");
    assert_eq!(report["towers"].as_array().unwrap().len(), 4);
    assert_eq!(report["towers"][0]["family"], "dinov2");
    assert!(report["towers"].as_array().unwrap().iter().all(|tower| tower["found"] == true));
    assert!(report["parameters"]["total"].as_u64() > report["parameters"]["core"].as_u64());
    assert!(report["needed_bytes"]["f32"]["weights"].as_u64() > report["needed_bytes"]["bf16"]["weights"].as_u64());
    assert_eq!(report["unknown_keys"].as_array().unwrap().len() + report["faults"].as_array().unwrap().len(), 0);
    assert!(report.get("error").is_none());
    let text = stdout(&succeed(&["inspect", &checkpoint()]));
    for word in ["cambrian_llama", "dinov2", "nothing is missing", "chatml_direct", "will be used"] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
}

#[test]
fn a_missing_encoder_is_reported_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(checkpoint()).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
    }
    let model = dir.path().display().to_string();
    let output = opabinia(&["inspect", &model, "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["family"], "cambrian_llama", "the report comes with the error");
    assert_eq!(report["towers"][0]["found"], false);
    assert_eq!(report["error"]["kind"], "refused");
    let message = fail(&["ask", "--model", &model, "What?"], 3);
    assert!(message.contains("--tower") && message.contains("facebook/dinov2-giant"), "{message}");
    // Where it says to, the encoders are found.
    let towers = goldens().join(VARIANT).join("checkpoint/towers");
    let mut args = vec!["inspect".to_owned(), model, "--quiet".to_owned()];
    for (family, repo) in [
        ("dinov2", "facebook--dinov2-giant"),
        ("convnext", "laion--CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup"),
        ("siglip", "timm--ViT-SO400M-14-SigLIP-384"),
        ("clip", "openai--clip-vit-large-patch14-336"),
    ] {
        args.extend(["--tower".to_owned(), format!("{family}={}/models--{repo}", towers.display())]);
    }
    succeed(&args.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn answers_are_those_of_the_reference() {
    let (model, wide) = (checkpoint(), image("wide.png"));
    let expected = recorded("wide");
    let common = ["ask", "--model", &model, "--weights", "f32", "--max-tokens", "20", "--image", &wide];
    let streamed = succeed(&[&common[..], &[QUESTION]].concat());
    assert_eq!(stdout(&streamed), format!("{}\n", expected["decoded"].as_str().unwrap()));
    assert!(stderr(&streamed).contains("20 tokens"), "{}", stderr(&streamed));

    let answer = json(&[&common[..], &["--json", "--top", "3", QUESTION]].concat());
    assert_eq!(ids(&answer["token_ids"]), ids(&expected["generated_ids"]));
    assert_eq!(answer["text"], expected["decoded"]);
    assert_eq!(answer["stop"], "max_tokens");
    assert_eq!(answer["prompt"]["positions"], expected["prompt_len"]);
    assert_eq!(answer["device"], "cpu");
    assert_eq!(answer["precision"]["products"], "f32");
    for (token, id) in answer["tokens"].as_array().unwrap().iter().zip(ids(&answer["token_ids"])) {
        let alternatives = token["alternatives"].as_array().unwrap();
        assert_eq!(token["id"].as_u64(), Some(id));
        assert_eq!(alternatives.len(), 3);
        // The most likely token was taken.
        assert_eq!(alternatives[0]["id"], token["id"]);
        assert_eq!(alternatives[0]["log_prob"], token["log_prob"]);
        assert!(token["log_prob"].as_f64().unwrap() < 0.0);
    }
    for time in ["load_s", "vision_s", "prefill_s", "decode_s"] {
        assert!(answer["timings"][time].as_f64().unwrap() > 0.0, "{time}");
    }

    let second = recorded("turn2_wide");
    let turn = ["--turn", QUESTION, "It shows a scene.", "--json", second["question"].as_str().unwrap()];
    assert_eq!(ids(&json(&[&common[..], &turn].concat())["token_ids"]), ids(&second["generated_ids"]));
}

#[test]
fn conversations_without_a_picture() {
    let expected = recorded("text_only");
    let model = checkpoint();
    let args = ["ask", "-m", &model, "--weights", "f32", "--max-tokens", "20", "--quiet"];
    let output = succeed(&[&args[..], &["Tell me a short story about a rocket."]].concat());
    assert_eq!(stdout(&output).trim(), expected["decoded"].as_str().unwrap().trim());
    assert_eq!(stderr(&output), "", "quiet is quiet");
}

/// Everything that is needed for a first answer is in the program.
#[test]
fn the_demo_model_answers_without_any_file() {
    let cache = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let output = opabinia(args).env("HOME", cache.path()).env_remove("XDG_CACHE_HOME").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        output
    };
    let first = run(&["ask", "How many red circles are there?"]);
    for said in ["trained on drawn scenes", "sample:gift", "--image"] {
        assert!(stderr(&first).contains(said), "{said} is missing: {}", stderr(&first));
    }
    assert_eq!(stdout(&first).trim(), "2");
    for sample in opabinia::demo::SAMPLES {
        let picture = sample.path().display().to_string();
        let answer = run(&["ask", "--image", &picture, sample.question]);
        assert!(!stdout(&answer).trim().is_empty(), "{picture}: no answer to {}", sample.question);
    }
    // What lies in the cache is the checkpoint of the program, whatever was made of it since.
    let weights = walk(cache.path()).into_iter().find(|path| path.ends_with("model.safetensors")).unwrap();
    let shipped = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &shipped[..shipped.len() / 2]).unwrap();
    let again = run(&["ask", "How many red circles are there?"]);
    assert_eq!(stdout(&first), stdout(&again));
    assert_eq!(std::fs::read(&weights).unwrap(), shipped);
}

/// Every file under `directory`.
fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn stop_texts_and_notes() {
    let (model, wide) = (checkpoint(), image("wide.png"));
    let args =
        ["ask", "-m", &model, "-i", &wide, "--weights", "f32", "--max-tokens", "20", "--stop", "theta", QUESTION];
    assert_eq!(stdout(&succeed(&args)), "( x un\n");
    let output =
        succeed(&["ask", "-m", &model, "--weights", "bf16", "--compute", "exact", "--max-tokens", "1", "What?"]);
    assert!(stderr(&output).contains("note: weights are kept as bf16"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_cancel() {
    for signal in ["INT", "TERM"] {
        let mut child = long_answer();
        let mut first = [0; 1];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        // The shell's own command: a program of that name is not on every system.
        let signalled = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
        assert!(signalled.success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal}: {}", stderr(&output));
        assert!(stderr(&output).contains("error: cancelled"), "{signal}: {}", stderr(&output));
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = long_answer();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

/// An answer that takes a while: sampled, and as long as the context allows.
fn long_answer() -> Child {
    let model = checkpoint();
    let args = ["ask", "-m", &model, "--max-tokens", "100000", "--temperature", "1", "Tell me a long story."];
    opabinia(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Largest difference, relative to the largest absolute value of `expected`.
fn deviation(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    got.iter().zip(expected).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / scale
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let tensor = file.tensor(name).unwrap_or_else(|_| panic!("{name} is not in {:?}", file.names()));
    tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn a_trace_holds_what_the_reference_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("all.safetensors").display().to_string();
    let (model, tall) = (checkpoint(), image("tall.png"));
    let about = recorded("tall");
    let question = about["question"].as_str().unwrap();
    let common =
        ["trace", "-m", &model, "-i", &tall, "--weights", "f32", "--prompt", question, "--json", "--out", &out];
    let report = json(&[&common[..], &["--tensors", "all", "--max-tokens", "20"]].concat());
    assert_eq!(ids(&report["token_ids"]), ids(&about["generated_ids"]));
    let got = std::fs::read(&out).unwrap();
    assert_eq!(report["output"]["bytes"].as_u64(), Some(got.len() as u64));
    let labels: Vec<&str> =
        report["trace"]["layers"].as_array().unwrap().iter().map(|layer| layer["label"].as_str().unwrap()).collect();
    assert!(labels.starts_with(&["C1", "C2"]) && labels.iter().any(|label| label.starts_with('S')), "{labels:?}");
    let got = SafeTensors::deserialize(&got).unwrap();
    let expected = std::fs::read(goldens().join(VARIANT).join("tall.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&expected).unwrap();
    for name in ["tower1.proj", "sva.vision_sampler_0.layers.0.probs", "llm.hidden_states", "logits.steps"] {
        assert!(deviation(&floats(&got, name), &floats(&expected, name)) < 5e-5, "{name}");
    }
    for (spec, kind, name) in [("mask:clip", "mask", "mask_keys"), ("zero:clip", "zero", "zero_features")] {
        let intervened = json(&[&common[..], &["--with", spec, "--max-tokens", "1"]].concat());
        assert_eq!(intervened["interventions"][0]["kind"], kind);
        let got = std::fs::read(&out).unwrap();
        let got = SafeTensors::deserialize(&got).unwrap();
        let clip = report["trace"]["encoders"]
            .as_array()
            .unwrap()
            .iter()
            .position(|encoder| encoder["name"].as_str().unwrap().starts_with("openai/clip"));
        let expected = floats(&expected, &format!("ablate.{name}.tower{}.logits", clip.unwrap()));
        assert!(deviation(&floats(&got, "logits.steps"), &expected) < 5e-5, "{name}");
    }
}

#[test]
fn evidence_runs_the_published_encoder_off_study_on_any_answer() {
    let (model, square) = (checkpoint(), image("square.png"));
    let common =
        ["evidence", "-m", &model, "-i", &square, "-p", QUESTION, "--weights", "f32", "--max-tokens", "2", "--json"];
    let report = json(&[&common[..], &["--preset", "cur-2507.03262", "--answer-ids", "5,9"]].concat());
    assert_eq!(report["answer"]["token_ids"], serde_json::json!([5, 9]));
    let measured: Vec<&str> =
        report["interventions"].as_array().unwrap().iter().map(|one| one["with"].as_str().unwrap()).collect();
    // Each encoder off, all but each, all; then the first encoder's two ways in.
    assert_eq!(measured.len(), 4 + 4 + 1 + 3, "{measured:?}");
    assert!(measured[..9].iter().all(|spec| spec.starts_with("zero_raw:")), "{measured:?}");
    assert_eq!(measured[8], "zero_raw:all");
    assert!(measured[9].starts_with("mask:") && measured.last() == Some(&"context"), "{measured:?}");
    let message = fail(&[&common[..], &["--preset", "cur-1"]].concat(), 2);
    assert!(message.contains("cur-2507.03262"), "{message}");
    let message = fail(&[&common[..], &["--with", "mask:clip", "--answer-ids", "5,99999999"]].concat(), 2);
    assert!(message.contains("99999999"), "{message}");
}

#[test]
fn evidence_says_what_an_answer_rests_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("e.safetensors").display().to_string();
    let (model, square, tall) = (checkpoint(), image("square.png"), image("tall.png"));
    let common = ["evidence", "-m", &model, "-i", &square, "-p", QUESTION, "--weights", "f32", "--max-tokens", "4"];
    let specs = ["mask:clip", "region:all@0:4,0:4", "swap:all", "skip:C1+context", "region:all@2:2,0:8"];
    let with: Vec<&str> = specs.iter().flat_map(|spec| ["--with", *spec]).collect();
    let report = json(&[&common[..], &with, &["--other", &tall, "--json"]].concat());
    assert_eq!(report["answer"]["token_ids"].as_array().unwrap().len(), 4);
    let measured = report["interventions"].as_array().unwrap();
    assert_eq!(measured.len(), specs.len());
    for (one, spec) in measured.iter().zip(specs) {
        let deltas = one["delta_log_probs"].as_array().unwrap().iter().map(|delta| delta.as_f64().unwrap());
        let sum = one["delta_log_prob"].as_f64().unwrap();
        assert!((deltas.sum::<f64>() - sum).abs() < 1e-4, "{one}");
        assert!(one["kl"].as_f64().unwrap() >= 0.0 && one["answer"]["text"].is_string(), "{one}");
        let changes = one["answer"]["token_ids"] != report["answer"]["token_ids"];
        assert_eq!(one["changes"], changes, "{one}");
        // A region of no cells is no intervention.
        let nothing = spec == "region:all@2:2,0:8";
        assert_eq!((one["with"] == "", sum == 0.0), (nothing, nothing), "{one}");
    }
    assert_eq!(measured[0]["interventions"][0]["kind"], "mask");

    let text = stdout(&succeed(&[&common[..], &["--with", "mask:clip", "--out", &out]].concat()));
    assert!(text.contains("mask:clip") && text.contains("by token"), "{text}");
    let file = std::fs::read(&out).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    assert_eq!(floats(&file, "mask:clip.logp").len(), 4);
    assert_eq!(floats(&file, "mask:clip.kl").len(), 1);

    let standard = ["--standard", "--other", &tall, "--region", "0:4,0:4", "--out", &out, "--json"];
    let report = json(&[&common[..], &standard].concat());
    assert_eq!(report["shapley"]["swap"]["values"].as_array().unwrap().len(), 4);
    let file = std::fs::read(&out).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    for name in ["base.logp", "mask0.samplers.kl", "head3.vision_sampler_0.layers.0.logp", "shapley.mask.interactions"]
    {
        assert!(file.tensor(name).is_ok(), "{name} is not in {:?}", file.names());
    }

    let refused: [(&[&str], &str); 9] = [
        (&["--with", "mask:eva"], "encoders are"),
        (&["--with", "skip:S9"], "C1 C2"),
        (&["--with", "region:all@0:9,0:1"], "8 × 8"),
        (&["--with", "mask:all"], "every encoder is masked"),
        (&["--with", "swap:clip"], "--other"),
        (&["--standard", "--region", "0:9,0:9"], "8 × 8"),
        (&["--with", "mask:clip", "--max-tokens", "100000"], "--max-tokens"),
        (&["--with", "frobnicate:clip"], "no intervention"),
        (&[], "--with"),
    ];
    for (args, word) in refused {
        let common = &common[..if args.contains(&"--max-tokens") { 9 } else { common.len() }];
        let message = fail(&[common, args].concat(), 2);
        assert!(message.contains(word), "{args:?}: {message}");
    }
}

#[test]
fn outputs_are_checked_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("wide.png");
    std::fs::copy(image("wide.png"), &picture).unwrap();
    let (model, picture) = (checkpoint(), picture.display().to_string());
    let lost = dir.path().join("none/t.safetensors").display().to_string();
    let message = fail(&["trace", "-m", &model, "-i", &picture, "-p", "What?", "-o", &lost], 2);
    assert!(message.contains("no directory"), "{message}");
    let message = fail(&["trace", "-m", &model, "-i", &picture, "-p", "What?", "-o", &picture], 2);
    assert!(message.contains("replace the input"), "{message}");
    let message = fail(&["render", &lost, "-i", &picture, "-o", &picture], 2);
    assert!(message.contains("replace the input"), "{message}");
}

#[test]
fn maps_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (model, wide, trace) = (checkpoint(), image("wide.png"), path("t.safetensors"));
    succeed(&[
        "trace",
        "-m",
        &model,
        "-i",
        &wide,
        "-p",
        QUESTION,
        "-o",
        &trace,
        "--max-tokens",
        "1",
        "--weights",
        "f32",
    ]);
    let (png, csv) = (path("share.png"), path("share.csv"));
    let draw = |rest: &[&str]| {
        let common = ["render", &trace, "--image", &wide];
        let output = opabinia(&[&common[..], rest].concat()).output().unwrap();
        let hint = "pictures need a Vulkan driver: apt-get install -y libvulkan1 mesa-vulkan-drivers";
        assert_ne!(output.status.code(), Some(5), "{hint}\n{}", stderr(&output));
        output
    };
    let drawn = |rest: &[&str], file: &str| {
        let output = draw(rest);
        assert!(output.status.success(), "{rest:?}: {}", stderr(&output));
        image::open(file).unwrap().into_rgb8()
    };

    let figure = drawn(&["--size", "200", "--out", &png, "--csv", &csv], &png);
    assert!(figure.width() > 400 && figure.height() > 400, "four panels of 200 pixels");
    // The shares of each cell sum to 1, and padding is no cell.
    let csv = std::fs::read_to_string(csv).unwrap();
    let mut sums = std::collections::BTreeMap::<(u32, u32), f64>::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[4] == "value" {
            let place = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
            *sums.entry(place).or_default() += fields[3].parse::<f64>().unwrap();
        }
    }
    assert!(sums.len() >= 32, "a 4 × 8 grid at least: {}", sums.len());
    assert!(sums.values().all(|sum| (sum - 1.0).abs() < 1e-3), "{sums:?}");

    // Every way to look gives another picture.
    let ways: [&[&str]; 8] = [
        &["--encoder", "clip", "--layer", "C1", "--head", "3"],
        &["--encoder", "clip", "--layer", "samplers", "--head", "max", "--mode", "lift"],
        &["--mode", "entropy", "--colormap", "magma", "--theme", "dark"],
        &["--mode", "dominant", "--frame", "picture"],
        &["--cell", "3,4"],
        &["--granularity", "tokens", "--norm", "map", "--opacity", "1"],
        &["--norm", "0..0.5", "--smooth", "--colormap", "turbo"],
        &["--encoder", "0,convnext", "--layer", "C1..C2", "--size", "native"],
    ];
    let mut seen = vec![figure];
    for (at, way) in ways.iter().enumerate() {
        let file = path(&format!("{at}.png"));
        let picture = drawn(&[way, &["--out", file.as_str()][..]].concat(), &file);
        assert!(!seen.contains(&picture), "{way:?} changes nothing");
        seen.push(picture);
    }

    let refused: [(&[&str], &str); 6] = [
        (&["--cell", "99,0"], "no cell 99,0"),
        (&["--cell", "0,0", "--layer", "samplers"], "padding"),
        (&["--layer", "C9"], "C1 C2"),
        (&["--head", "16"], "0 to 15"),
        (&["--encoder", "eva"], "no encoder `eva`"),
        (&["--mode", "entropy", "--encoder", "clip"], "leave --encoder out"),
    ];
    for (args, word) in refused {
        let output = draw(&[args, &["--out", png.as_str()][..]].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(word), "{args:?}: {}", stderr(&output));
    }
    let message = fail(&["render", &trace, "--image", &image("tall.png"), "--out", &png], 2);
    assert!(message.contains("160 × 80") && message.contains("--exif"), "{message}");
    let message = fail(&["render", &wide, "--image", &wide, "--out", &png], 2);
    assert!(message.contains("wide.png"), "{message}");
    fail(&["render", &path("none.safetensors"), "--image", &wide, "--out", &png], 2);
    let output =
        opabinia(&["render", &trace, "-i", &wide, "-o", &png, "--adapter", "no such adapter"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("apt install mesa-vulkan-drivers"), "{}", stderr(&output));
}

#[test]
fn the_doctor_says_what_there_is() {
    let report = json(&["doctor", "--json"]);
    assert!(report["memory"]["total_bytes"].as_u64().unwrap() > 0);
    assert!(report["cpu"]["threads"].as_u64().unwrap() > 0);
    assert_eq!(report["devices"][0]["compiled_in"], cfg!(feature = "cuda"));
    assert!(!report["advice"].as_array().unwrap().is_empty());
    let text = stdout(&succeed(&["doctor"]));
    assert!(text.contains("processor") && text.contains("draws with") && text.contains("hub cache"), "{text}");
}
