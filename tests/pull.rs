//! `opabinia pull` as a person meets it: the real program, a hub on this machine, and an answer from what was brought.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "support/hub_server.rs"]
mod hub_server;

use hub_server::{Fault, HubServer, blob, noise};
use opabinia_forge::{Preset, forge};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const DEMO: &str = "test-lab/demo";
const ENCODERS: [&str; 4] = [
    "timm/ViT-SO400M-14-SigLIP-384",
    "openai/clip-vit-large-patch14-336",
    "facebook/dinov2-giant",
    "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A hub with the demo checkpoint and its four encoders.
fn demo_hub() -> HubServer {
    let hub = HubServer::start();
    hub.put_checkpoint(DEMO, &root().join("assets/demo/checkpoint"));
    hub
}

/// The program, of a person at home in `home`, who uses `hub`.
fn opabinia(hub: &HubServer, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opabinia"));
    for variable in ["HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env_remove(variable);
    }
    command
        .args(args)
        .env("HF_HOME", home)
        .env("HF_ENDPOINT", &hub.endpoint)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {:?}\n{}", output.status, stderr(&output));
    output
}

/// Runs it, expects exit code `code` and each of `words` on standard error.
#[track_caller]
fn fail(mut command: Command, code: i32, words: &[&str]) -> String {
    let output = command.output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {message}");
    for word in words {
        assert!(message.contains(word), "no `{word}` in {message}");
    }
    let said = message.split("error: ").nth(1).unwrap();
    assert!(said.contains("\n  ") || said.contains("--help"), "no advice in {said}");
    message
}

fn json(command: Command) -> Value {
    serde_json::from_slice(&succeed(command).stdout).unwrap()
}

fn repo_dir(home: &Path, id: &str) -> PathBuf {
    home.join("hub").join(format!("models--{}", id.replace('/', "--")))
}

/// What stands in the blobs of every repository has the checksum that is its name. Returns how many bytes are on their way.
#[track_caller]
fn assert_blobs_true(home: &Path) -> u64 {
    let mut arriving = 0;
    for repo in [DEMO].into_iter().chain(ENCODERS) {
        let Ok(entries) = fs::read_dir(repo_dir(home, repo).join("blobs")) else { continue };
        for entry in entries.map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            match name.ends_with(".incomplete") {
                true => arriving += entry.metadata().map_or(0, |about| about.len()),
                false => assert_eq!(blob(&fs::read(entry.path()).unwrap()), name, "{repo}"),
            }
        }
    }
    arriving
}

#[test]
fn interrupted_twenty_times_the_model_answers_from_the_cache() {
    let hub = demo_hub();
    // About 7 MB in all.
    hub.set_rate(Some(1_500_000));
    let home = tempfile::tempdir().unwrap();
    let waits = noise(20, u64::from(std::process::id()));
    for (attempt, wait) in waits.into_iter().enumerate() {
        let mut child = opabinia(&hub, home.path(), &["pull", DEMO]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        let before = assert_blobs_true(home.path());
        // Some end at any moment of the beginning, the others when a part of the weights has come.
        let waits_for_bytes = attempt % 2 == 1;
        let until = Duration::from_millis(u64::from(wait) + 20);
        while if waits_for_bytes {
            assert_blobs_true(home.path()) < before + 60_000 && begun.elapsed() < Duration::from_secs(5)
        } else {
            begun.elapsed() < until
        } {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_blobs_true(home.path());
    }
    hub.set_rate(None);
    succeed(opabinia(&hub, home.path(), &["pull", DEMO]));
    assert!(hub.take_seen().iter().any(|seen| seen.headers.contains_key("range")), "nothing was resumed");
    assert_eq!(assert_blobs_true(home.path()), 0, "nothing is left on its way");

    // Without a network: the answer of the demo model that is part of the program.
    let question = "How many red circles are there?";
    let ask = |model: &str| {
        let args = ["ask", "--model", model, "--image", "sample:gift", "--json", question];
        let mut command = opabinia(&hub, home.path(), &args);
        command.env("HF_HUB_OFFLINE", "1").env("HF_ENDPOINT", "http://127.0.0.1:9");
        json(command)
    };
    let (pulled, own) = (ask(DEMO), ask("demo"));
    assert_eq!(pulled["text"], own["text"]);
    assert!(pulled["tokens"].as_array().is_some_and(|tokens| !tokens.is_empty()), "{pulled}");
    assert_eq!(pulled["tokens"], own["tokens"]);
}

#[test]
fn only_what_is_needed_comes_and_the_report_says_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    let mut spec = Preset::Tiny.spec();
    spec.shard_bytes = 200_000;
    forge(&spec, &model, |_| {}).unwrap();
    let shards = fs::read_dir(&model)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("model-0"));
    assert!(shards.count() > 1, "the checkpoint is to be in shards");
    // What released repositories hold besides.
    for name in ["pytorch_model.bin", "training_args.bin", "README.md", "optimizer.pt", "images.zip"] {
        fs::write(model.join(name), noise(5000, 3)).unwrap();
    }
    let hub = HubServer::start();
    hub.put_checkpoint("test-lab/forged", &model);
    let home = dir.path().join("home");

    let planned = json(opabinia(&hub, &home, &["pull", "test-lab/forged", "--dry-run", "--json"]));
    assert!(planned["missing_files"].as_u64().unwrap() >= 6, "{planned}");
    assert!(planned["missing_bytes"].as_u64().unwrap() > 500_000, "{planned}");
    let text = stdout(&succeed(opabinia(&hub, &home, &["pull", "test-lab/forged", "--dry-run"])));
    assert!(text.contains("To fetch: ") && text.contains("facebook/dinov2-giant main"), "{text}");
    hub.take_seen();

    let done = json(opabinia(&hub, &home, &["pull", "test-lab/forged", "--json"]));
    assert_eq!(done["fetched_bytes"], planned["missing_bytes"]);
    let repositories = done["repositories"].as_array().unwrap();
    assert_eq!(repositories.len(), 5, "{done}");
    assert_eq!(repositories[0]["repo"], "test-lab/forged");
    let directory = Path::new(repositories[0]["directory"].as_str().unwrap());
    for name in repositories[0]["files"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert_eq!(fs::read(directory.join(name)).unwrap(), fs::read(model.join(name)).unwrap(), "{name}");
    }
    for seen in hub.take_seen() {
        for name in ["pytorch_model.bin", "training_args", "README", "optimizer", "images.zip"] {
            assert!(!seen.path.contains(name), "{name} was asked for");
        }
    }
    let inspected = json(opabinia(&hub, &home, &["inspect", "test-lab/forged", "--json"]));
    assert_eq!(inspected["towers"].as_array().unwrap().iter().filter(|tower| tower["found"] == true).count(), 4);

    let again = succeed(opabinia(&hub, &home, &["pull", "test-lab/forged"]));
    assert!(
        stdout(&again).contains("Fetched 0") && stdout(&again).contains("opabinia open test-lab/forged"),
        "{again:?}"
    );
    // An encoder by itself, and a checkpoint without them.
    let alone = dir.path().join("alone");
    let done = json(opabinia(&hub, &alone, &["pull", "test-lab/forged", "--no-encoders", "--json"]));
    assert_eq!(done["repositories"].as_array().unwrap().len(), 1);
    fail(
        opabinia(&hub, &alone, &["ask", "-m", "test-lab/forged", "Hm?"]),
        3,
        &["opabinia pull timm/ViT-SO400M-14-SigLIP-384"],
    );
    let done = json(opabinia(&hub, &alone, &["pull", ENCODERS[2], "--json"]));
    assert_eq!(done["repositories"][0]["files"].as_array().unwrap().len(), 3, "{done}");
}

#[test]
fn a_data_set_comes_whole_or_by_pattern() {
    let hub = HubServer::start();
    let table = noise(50_000, 1);
    let files = vec![
        ("test_2d.parquet", table.clone()),
        ("test_3d.parquet", noise(50_000, 2)),
        ("README.md", b"about".to_vec()),
        ("img/a b.png", noise(500, 3)),
        ("train.py", b"code".to_vec()),
    ];
    hub.put("datasets", "test-lab/questions", files);
    let home = tempfile::tempdir().unwrap();
    let args = ["pull", "--dataset", "test-lab/questions", "--json"];
    let done = json(opabinia(&hub, home.path(), &args));
    let names: Vec<&str> =
        done["repositories"][0]["files"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(names, ["img/a b.png", "test_2d.parquet", "test_3d.parquet"]);
    let directory = PathBuf::from(done["repositories"][0]["directory"].as_str().unwrap());
    assert!(directory.starts_with(home.path().join("hub/datasets--test-lab--questions/snapshots")), "{directory:?}");
    assert_eq!(fs::read(directory.join("test_2d.parquet")).unwrap(), table);
    let other = tempfile::tempdir().unwrap();
    let done = json(opabinia(&hub, other.path(), &[&args[..], &["--include", "*2d*"]].concat()));
    assert_eq!(done["repositories"][0]["files"], serde_json::json!(["test_2d.parquet"]));
    let pattern = [&args[..], &["--include", "*.zip"]].concat();
    fail(opabinia(&hub, other.path(), &pattern), 2, &["test-lab/questions has no such file", "--include", "README.md"]);
}

#[test]
fn every_refusal_has_its_exit_code_and_a_next_step() {
    let hub = demo_hub();
    let home = tempfile::tempdir().unwrap();
    let pull = |args: &[&str]| opabinia(&hub, home.path(), &[&["pull"], args].concat());
    for args in [&["cambrian-8b"][..], &["../x/y"], &[]] {
        fail(pull(args), 2, &["REPOSITORY"]);
    }
    let mut offline = pull(&[DEMO]);
    offline.env("HF_HUB_OFFLINE", "1");
    fail(offline, 2, &["HF_HUB_OFFLINE is set", "unset"]);
    let mut nowhere = pull(&[DEMO]);
    nowhere.env("HF_ENDPOINT", "http://127.0.0.1:9");
    fail(nowhere, 6, &["http://127.0.0.1:9", "no connection", "HTTPS_PROXY"]);
    fail(pull(&["test-lab/none"]), 6, &["test-lab/none was not found", "check its name"]);
    fail(pull(&[DEMO, "--revision", "v9"]), 6, &["no revision `v9`", "--revision"]);
    hub.put("models", "test-lab/other", vec![("config.json", b"{\"model_type\": \"bert\"}".to_vec())]);
    fail(pull(&["test-lab/other"]), 3, &["what to do"]);
    hub.put("models", "test-lab/gguf", vec![("model.gguf", noise(5000, 1))]);
    fail(pull(&["test-lab/gguf"]), 3, &["has no config.json", "what to do"]);
    hub.lock(DEMO, "hf_secret", true);
    fail(pull(&[DEMO]), 6, &["is gated", "agree", "HF_TOKEN"]);
    // A cache that cannot be made.
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let mut blocked = pull(&[ENCODERS[0]]);
    blocked.env("HF_HUB_CACHE", file.join("hub"));
    fail(blocked, 2, &["file/hub", "HF_HUB_CACHE"]);
    // The token of whoever logged in.
    fs::write(home.path().join("token"), "hf_secret\n").unwrap();
    let done = json(pull(&[DEMO, "--no-encoders", "--json"]));
    assert_eq!(done["repositories"][0]["repo"], DEMO);
    for _ in 0..3 {
        hub.fail("open_clip_model.safetensors", Fault::WrongBytes);
    }
    let mut wrong = pull(&[ENCODERS[0], "--json"]);
    let output = wrong.output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["error"]["kind"], "hub");
    assert!(object["error"]["message"].as_str().unwrap().contains("checksum"), "{object}");
    assert_blobs_true(home.path());
}

/// The most memory that the process `id` has used so far, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_what_is_fetched() {
    const LARGE: usize = 192 << 20;
    let peaks = [1 << 20, LARGE].map(|bytes| {
        let hub = HubServer::start();
        hub.put("datasets", "test-lab/one", vec![("one.parquet", noise(bytes, 5))]);
        let home = tempfile::tempdir().unwrap();
        let mut command = opabinia(&hub, home.path(), &["pull", "--dataset", "test-lab/one"]);
        let started = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut peak = 0;
        let ended = loop {
            peak = peak_memory(child.id()).unwrap_or(peak);
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = started.elapsed().as_secs_f64();
        assert!(ended.success() && peak > 0);
        println!("{} MB in {took:.2} s, {:.0} MB/s, peak {} MB", bytes >> 20, bytes as f64 / 1e6 / took, peak >> 20);
        peak
    });
    assert!(peaks[1] < peaks[0] + (LARGE as u64 >> 4), "{peaks:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_arrived() {
    let hub = demo_hub();
    hub.set_rate(Some(200_000));
    let home = tempfile::tempdir().unwrap();
    let mut command = opabinia(&hub, home.path(), &["pull", DEMO]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while assert_blobs_true(home.path()) < 20_000 && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let signalled = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(signalled.success());
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("error: cancelled") && said.contains("goes on from there"), "{said}");
    assert!(assert_blobs_true(home.path()) > 0);
}

/// Both ways, for whom `tests/huggingface_hub.sh` has installed it.
#[test]
fn huggingface_hub_and_this_program_share_a_cache() {
    let Some(python) = std::env::var_os("OPABINIA_HUGGINGFACE_HUB") else {
        println!("not tested: `bash tests/huggingface_hub.sh` installs huggingface_hub and runs this test with it");
        return;
    };
    let hub = demo_hub();
    let all: Vec<&str> = [DEMO].into_iter().chain(ENCODERS).collect();
    let theirs = |task: &str, home: &Path, endpoint: &str| {
        let mut command = Command::new(&python);
        command.arg(root().join("tests/support/hub_client.py")).arg(task).args(&all);
        command.env("HF_HOME", home).env("HF_ENDPOINT", endpoint).env_remove("HF_TOKEN").env_remove("HF_HUB_CACHE");
        command.env("HF_HUB_DISABLE_PROGRESS_BARS", "1").env("HF_HUB_DISABLE_TELEMETRY", "1");
        let output = succeed(command);
        println!("huggingface_hub {}", stderr(&output).lines().next().unwrap_or_default());
        stdout(&output).lines().map(PathBuf::from).collect::<Vec<_>>()
    };
    let ours = |home: &Path| {
        let done = json(opabinia(&hub, home, &["pull", DEMO, "--json"]));
        let directories =
            done["repositories"].as_array().unwrap().iter().map(|repo| repo["directory"].as_str().unwrap());
        let directories: Vec<PathBuf> = directories.map(|dir| Path::new(dir).canonicalize().unwrap()).collect();
        (done["fetched_bytes"].as_u64().unwrap(), directories)
    };
    let sorted = |mut paths: Vec<PathBuf>| {
        paths.sort();
        paths
    };

    // What we brought is found, without a network.
    let home = tempfile::tempdir().unwrap();
    let home = home.path().canonicalize().unwrap();
    let (bytes, brought) = ours(&home);
    assert!(bytes > 1_000_000);
    assert_eq!(sorted(theirs("find", &home, "http://127.0.0.1:9")), sorted(brought));
    // And with one, nothing of it comes again: only what we left out.
    hub.take_seen();
    theirs("fill", &home, &hub.endpoint);
    let again: Vec<_> = hub.take_seen().into_iter().filter(|seen| seen.cdn).collect();
    assert!(again.is_empty(), "{again:?}");

    // What they brought is used.
    let home = tempfile::tempdir().unwrap();
    let home = home.path().canonicalize().unwrap();
    let filled = theirs("fill", &home, &hub.endpoint);
    let (bytes, found) = ours(&home);
    assert_eq!((bytes, sorted(found)), (0, sorted(filled)));
    // A file that they cannot go on with, since they begin a new one, and we can.
    let large = repo_dir(&home, ENCODERS[0]).join("blobs");
    let largest = fs::read_dir(&large)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len());
    let largest = largest.unwrap();
    let bytes = fs::read(&largest).unwrap();
    fs::write(largest.with_file_name(format!("{}.incomplete", blob(&bytes))), &bytes[..bytes.len() / 2]).unwrap();
    fs::remove_file(&largest).unwrap();
    let (fetched, _) = ours(&home);
    assert_eq!(fetched as usize, bytes.len() - bytes.len() / 2);
    assert!(fs::read(&largest).unwrap() == bytes);
}
