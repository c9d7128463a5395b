//! Memory while a checkpoint is opened: never much more than the weights it ends with, however they are stored.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use opabinia_forge::{Preset, forge, size};
use std::path::Path;
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
fn ask(checkpoint: &Path, dtype: &str) -> Peak {
    let mut child = Command::new(env!("CARGO_BIN_EXE_opabinia"))
        .args(["ask", "--quiet", "--device", "cpu", "--dtype", dtype, "--max-tokens", "2", "--model"])
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
        let program = ask(&small, dtype);
        let peak = ask(&large, dtype);
        let limit = (ALLOWED * (stored * width / 4) as f64) as u64 + BESIDE_WEIGHTS;
        let (resident, anonymous) = (peak.resident - program.resident, peak.anonymous - program.anonymous);
        let of = format!("{dtype}: {stored} bytes of f32, limit {limit}");
        println!("{of}, resident {resident}, anonymous {anonymous}");
        assert!(anonymous <= limit, "{of}, anonymous memory at its peak {anonymous}");
        assert!(resident <= limit, "{of}, resident memory at its peak {resident}");
    }
}
