//! Two sides compared, as a person meets it: the real program, on checkpoints whose difference is known.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "compare/answers.rs"]
mod answers;
#[path = "compare/between.rs"]
mod between;
#[path = "compare/broken.rs"]
mod broken;
#[path = "compare/weights.rs"]
mod weights;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The demo checkpoint, where it lies in the repository.
fn demo() -> PathBuf {
    repository().join("assets/demo/checkpoint")
}

/// A tiny checkpoint of the goldens.
fn golden(variant: &str) -> PathBuf {
    repository().join("tests/goldens").join(variant).join("checkpoint")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `opabinia compare` with `args`, with no hub cache of the person who runs the tests.
fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opabinia"));
    command.arg("compare").args(args).env_remove("HF_HUB_CACHE").env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command.env("HF_HOME", "/nonexistent/opabinia-tests").stdin(Stdio::null()).output().unwrap()
}

/// The same, which must succeed.
fn succeed(args: &[&str]) -> (String, String) {
    let output = run(args);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{args:?}: {:?}\n{err}", output.status);
    (out, err)
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&succeed(&[args, &["--json"]].concat()).0).unwrap()
}

/// The same, which must end with `code` and one error; gives standard error.
fn fail(args: &[&str], code: i32) -> String {
    let output = run(args);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert_eq!(message.matches("error: ").count(), 1, "{message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}
