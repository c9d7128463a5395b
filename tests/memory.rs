//! Memory while a checkpoint is opened: never much more than the weights it ends with, however they are stored.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that cannot go on has failed")]

use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::worker::Client;
use opabinia_forge::{EncoderNetwork, Preset, forge, size};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How far the peak may lie above the weights, as a share of them.
const ALLOWED: f64 = 1.15;
/// What the question takes besides, whatever the size of the checkpoint: half weights are widened 1024 rows at a time
/// (16 MiB here), and the matrix product packs as much again.
const BESIDE_WEIGHTS: u64 = 32 << 20;

/// The most memory one question took, in bytes: everything, and without the pages of files.
struct Peak {
    resident: u64,
    anonymous: u64,
}

/// Asks one question with weights kept as `dtype`, looking at the process all the while.
fn ask(checkpoint: &Path, dtype: &str, more: &[&str]) -> Peak {
    let mut child = Command::new(env!("CARGO_BIN_EXE_opabinia"))
        // Each run does all of the work.
        .env("OPABINIA_CACHE_GB", "0")
        .args(["ask", "--quiet", "--device", "cpu", "--weights", dtype, "--max-tokens", "2"])
        .args(more)
        .arg("--model")
        .arg(checkpoint)
        .arg("What is this?")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = Peak { resident: 0, anonymous: 0 };
    let status = loop {
        // The high-water mark is the kernel's own; anonymous memory has none, so it is looked at often.
        if let Ok(text) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib << 10)
            };
            peak.resident = peak.resident.max(field("VmHWM:"));
            peak.anonymous = peak.anonymous.max(field("RssAnon:"));
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        sleep(Duration::from_millis(1));
    };
    assert!(status.success(), "{dtype}: {status}");
    peak
}

/// 285 MB of f32, read as 143 MB of halves. Were the file's pages kept, or a tensor converted in one piece beside its
/// source, it would show.
#[test]
fn opening_a_checkpoint_takes_little_more_than_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let [small, large] = ["small", "large"].map(|name| folder.path().join(name));
    let tiny = Preset::Tiny.spec();
    let mut spec = tiny.clone();
    spec.decoder.hidden = 1024;
    spec.decoder.intermediate = 4096;
    spec.decoder.vocab = 4096;
    spec.decoder.layers = 4;
    spec.sva.samplers = None;
    forge(&tiny, &small, |_| {}).unwrap();
    forge(&spec, &large, |_| {}).unwrap();
    let stored = size(&spec).bytes;
    for (dtype, width) in [("bf16", 2), ("f16", 2), ("f32", 4)] {
        let program = ask(&small, dtype, &[]);
        let peak = ask(&large, dtype, &[]);
        let limit = (ALLOWED * (stored * width / 4) as f64) as u64 + BESIDE_WEIGHTS;
        let (resident, anonymous) = (peak.resident - program.resident, peak.anonymous - program.anonymous);
        let of = format!("{dtype}: {stored} bytes of f32, limit {limit}");
        println!("{of}, resident {resident}, anonymous {anonymous}");
        assert!(anonymous <= limit, "{of}, anonymous memory at its peak {anonymous}");
        assert!(resident <= limit, "{of}, resident memory at its peak {resident}");
    }
}

/// Encoders of 110 MB, 57 MB and little, which are read where they lie: with `--keep-encoders no` only one of them is there at a
/// time, whose pages then count no more.
#[test]
fn encoders_that_leave_take_the_memory_of_the_largest() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let mut spec = Preset::Tiny.spec();
    for tower in &mut spec.towers {
        match &mut tower.network {
            EncoderNetwork::Siglip { dim, depth, .. } => (*dim, *depth) = (768, 4),
            // The last layer is not used.
            EncoderNetwork::Clip { dim, intermediate, layers, .. } => (*dim, *intermediate, *layers) = (768, 3072, 3),
            _ => {}
        }
    }
    forge(&spec, &checkpoint, |_| {}).unwrap();
    let image = folder.path().join("photo.bmp");
    std::fs::write(&image, bitmap(64)).unwrap();
    let image = image.to_str().unwrap();
    let peak = |stay| ask(&checkpoint, "f32", &["--keep-encoders", stay, "--image", image]).resident;
    let (all, one) = (peak("yes"), peak("no"));
    println!("all of them {all}, one at a time {one}");
    // The smaller of the two large ones is not there while the larger one is; the rest is as noisy as its size.
    let smaller = 40 << 20;
    assert!(one + smaller <= all, "{all} with all of them, {one} with one at a time");
}

/// A grey picture of `side` × `side` pixels: the header of a Windows bitmap, and its rows.
fn bitmap(side: u32) -> Vec<u8> {
    let pixels = 3 * side * side;
    let mut bytes = b"BM".to_vec();
    let header = [54 + pixels, 0, 54, 40, side, side, 1 | 24 << 16, 0, pixels, 2835, 2835, 0, 0];
    bytes.extend(header.iter().flat_map(|number: &u32| number.to_le_bytes()));
    bytes.resize(bytes.len() + pixels as usize, 128);
    bytes
}

/// Names the directories of the checkpoints that this program, called by its own test, opens one after another.
const OPENED: &str = "OPABINIA_TEST_OPENS";

/// How far the peak of two checkpoints may lie above that of the first and the second's own weights.
const ALLOWED_FOR_TWO: f64 = 1.03;

/// The most memory a process took that opened `checkpoints` one after another, and kept them, in bytes.
fn open(checkpoints: &[&Path]) -> u64 {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args(["--exact", "two_checkpoints_hold_their_common_encoders_once", "--nocapture"])
        .env(OPENED, std::env::join_paths(checkpoints).unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let peak = text.lines().find_map(|line| line.split_once("peak ")?.1.split(' ').next()?.parse().ok());
    peak.unwrap_or_else(|| panic!("no peak in {text}"))
}

/// Opens `checkpoints` in this process and says how much memory that took at most.
fn open_here(checkpoints: impl Iterator<Item = PathBuf>) {
    let mut client = Client::start().unwrap();
    for directory in checkpoints {
        let request = LoadRequest {
            source: directory.display().to_string(),
            device: "cpu".parse().unwrap(),
            weights: WeightFormat::F32.into(),
            ..LoadRequest::default()
        };
        let (_, loading) = client.load(request, None);
        client.wait(loading).unwrap();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok());
    println!("peak {} bytes", peak.unwrap() << 10);
}

/// 190 MB each, of which 110 MB are encoders that both have, in files of their own.
#[test]
fn two_checkpoints_hold_their_common_encoders_once() {
    if let Some(checkpoints) = std::env::var_os(OPENED) {
        return open_here(std::env::split_paths(&checkpoints));
    }
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let mut spec = Preset::Tiny.spec();
    for tower in &mut spec.towers {
        if let EncoderNetwork::Siglip { dim, depth, .. } = &mut tower.network {
            (*dim, *depth) = (768, 4);
        }
    }
    spec.decoder.hidden = 1024;
    spec.decoder.layers = 4;
    spec.decoder.intermediate = 3072;
    let mut other = spec.clone();
    other.decoder.intermediate = 4096;
    for (spec, directory) in [(&spec, &first), (&other, &second)] {
        forge(spec, directory, |_| {}).unwrap();
    }
    let (towers, own) = (4 * size(&other).towers, 4 * size(&other).checkpoint);
    let (alone, both) = (open(&[&first]), open(&[&first, &second]));
    let limit = (ALLOWED_FOR_TWO * (alone + own) as f64) as u64;
    println!("first {alone}, both {both}, the second's own weights {own}, encoders {towers}, limit {limit}");
    assert!(towers > limit - alone - own, "the encoders are too small to be noticed twice");
    assert!(both <= limit, "both take {both} at their peak, the limit is {limit}");
    assert!(both >= alone + own, "the second was not read");
}
