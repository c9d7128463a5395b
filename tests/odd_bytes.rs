//! Bytes at random, the same way every time, in names of files, arguments, keys and the environment of the real program:
//! it answers or says what is wrong, in JSON where it was asked to, and never panics.
//!
//! `OPABINIA_MUTATIONS` multiplies the number of runs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "faults/files.rs"]
#[allow(dead_code, reason = "shared with the tests of single faults")]
mod files;
#[path = "faults/mutate.rs"]
#[allow(dead_code, reason = "shared with the tests of damaged files")]
mod mutate;
#[path = "faults/program.rs"]
#[allow(dead_code, reason = "shared with the tests of single faults")]
mod program;

use files::{copy_of, goldens, photo, scratch};
use mutate::Chance;
use program::{Ended, program, run};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

fn times(count: u64) -> u64 {
    count * std::env::var("OPABINIA_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn checkpoint() -> PathBuf {
    goldens().join("tiny-llama3/checkpoint")
}

/// A few bytes of every kind: letters, the beginnings and the insides of characters, controls, and what means something to
/// somebody. Neither NUL nor a slash, which no name has.
fn bytes(chance: &mut Chance) -> Vec<u8> {
    const PIECES: [&[u8]; 24] = [
        b"a",
        b"Z",
        b"7",
        b" ",
        b".",
        b"-",
        b"--",
        b"=",
        b"%s",
        b"{}",
        b"\"",
        b"'",
        b"\n",
        b"\t",
        b"\x1b[2J",
        b"\x07",
        b"\xe9",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xf0\x9f",
        "é".as_bytes(),
        "汉字".as_bytes(),
        "\u{202e}".as_bytes(),
        b"\\",
    ];
    let mut name = Vec::new();
    for _ in 0..1 + chance.below(8) {
        match chance.below(4) {
            0 => name.push(match chance.below(255) as u8 + 1 {
                b'/' => b'_',
                byte => byte,
            }),
            _ => name.extend(PIECES[chance.below(PIECES.len())]),
        }
    }
    name
}

/// The same as the name of a file, which is not that of a directory.
fn name(chance: &mut Chance) -> OsString {
    let mut name = bytes(chance);
    if name.iter().all(|byte| *byte == b'.') {
        name.push(b'x');
    }
    OsStr::from_bytes(&name).to_owned()
}

/// Runs `command`, and checks that it ended in a way that is meant for a person, and in JSON where that was asked for.
#[track_caller]
fn ends_well(command: Command) -> Ended {
    let what = format!("{command:?}");
    let json = command.get_args().any(|arg| arg == "--json");
    let ended = run(command);
    let code = ended.status.code();
    let (out, said) = (&ended.stdout, &ended.stderr);
    assert!(code.is_some_and(|code| [0, 2, 3, 4, 5].contains(&code)), "{what}\n{:?}\n{said}", ended.status);
    for word in ["panicked", "internal error", "a fault of the program"] {
        assert!(!said.contains(word), "{what}\n{said}");
    }
    // Help is help, whatever else was asked for.
    if json && !out.starts_with("Usage") && !out.contains("\nUsage: ") {
        let read: Result<Value, _> = serde_json::from_str(out);
        assert!(read.is_ok(), "{what}\n{read:?}\n{out}\n{said}");
    }
    ended
}

#[test]
fn names_of_files() {
    for number in 0..times(12) {
        let mut chance = Chance::new(1 << 32 | number);
        let dir = scratch();
        let [image, mut trace, mut png, csv] = std::array::from_fn(|_| name(&mut chance));
        trace.push(".safetensors");
        png.push(".png");
        let path = |name: &OsStr| dir.path().join(name);
        fs::copy(photo("wide.png"), path(&image)).unwrap();
        let json: &[&str] = if number % 2 == 0 { &["--json"] } else { &[] };
        let mut ask = program(["ask", "-q", "Hi", "--max-tokens", "1", "-m"]);
        ask.arg(checkpoint()).arg("-i").arg(path(&image)).args(json);
        ends_well(ask).works();
        let mut record = program(["trace", "-q", "-p", "Hi", "--max-tokens", "1", "-m"]);
        record.arg(checkpoint()).arg("-i").arg(path(&image)).arg("-o").arg(path(&trace)).args(json);
        ends_well(record).works();
        if number % 3 == 0 {
            let mut render = program(["render", "-q", "--size", "32"]);
            render.arg(path(&trace)).arg("-i").arg(path(&image)).arg("-o").arg(path(&png)).arg("--csv").arg(path(&csv));
            ends_well(render).works();
        }
        // As files that are none, and as directories that are not there.
        let mut missing = program(["render", "-q"]);
        missing.arg(path(&csv).join("x")).arg("-i").arg(path(&csv)).arg("-o").arg(path(&png).join("y.png"));
        ends_well(missing);
        let mut recipe = program(["render", "-q", "--recipe"]);
        recipe.arg(path(&image)).arg("-o").arg(path(OsStr::new("z.png")));
        assert_ne!(ends_well(recipe).status.code(), Some(0));
    }
}

#[test]
fn names_of_checkpoints() {
    for number in 0..times(20) {
        let mut chance = Chance::new(2 << 32 | number);
        let dir = scratch();
        let model = dir.path().join(name(&mut chance));
        symlink(checkpoint(), &model).unwrap();
        let json: &[&str] = if number % 2 == 0 { &["--json"] } else { &[] };
        for model in [&model, &dir.path().join(name(&mut chance))] {
            let mut inspect = program(["inspect", "-q"]);
            inspect.arg("--").arg(model);
            let mut ask = program(["ask", "-q", "--max-tokens", "1"]);
            ask.args(json).arg("-m").arg(model).args(["--", "Hi"]);
            for command in [inspect, ask] {
                let ended = ends_well(command);
                let code = ended.status.code().unwrap();
                assert!([0, 2, 3].contains(&code), "{}", ended.stderr);
            }
        }
        let mut tower = OsString::from("--tower=");
        tower.push(name(&mut chance));
        let mut inspect = program(["inspect", "-q"]);
        inspect.args(json).arg(tower).arg(checkpoint());
        ends_well(inspect);
    }
}

#[test]
fn arguments() {
    const WORDS: [&str; 26] = [
        "ask",
        "trace",
        "render",
        "inspect",
        "doctor",
        "open",
        "help",
        "--json",
        "-q",
        "-v",
        "-m",
        "-i",
        "-o",
        "-p",
        "--seed",
        "--top-p",
        "--device",
        "--weights",
        "--tower",
        "--layer",
        "--cell",
        "--norm",
        "--size",
        "--turn",
        "--stop",
        "--recipe",
    ];
    for number in 0..times(100) {
        let mut chance = Chance::new(3 << 32 | number);
        let dir = scratch();
        let mut command = program([WORDS[chance.below(7)]]);
        for _ in 0..chance.below(6) {
            match chance.below(3) {
                0 => command.arg(name(&mut chance)),
                _ => command.arg(WORDS[chance.below(WORDS.len())]),
            };
        }
        for variable in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(variable);
        }
        ends_well({
            command.current_dir(dir.path());
            command
        });
    }
}

#[test]
fn environments() {
    const VARIABLES: [&str; 27] = [
        "HOME",
        "TMPDIR",
        "HF_HOME",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "TRANSFORMERS_CACHE",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        "OPABINIA_DATA_DIR",
        "RUST_LOG",
        "LANG",
        "LC_ALL",
        "LANGUAGE",
        "TERM",
        "COLUMNS",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "RAYON_NUM_THREADS",
        "RUST_MIN_STACK",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "WAYLAND_SOCKET",
        "WINIT_X11_SCALE_FACTOR",
        "WGPU_BACKEND",
        "USER",
    ];
    let commands: [&[&str]; 7] = [
        &["doctor", "-q"],
        &["doctor", "--json"],
        &["ask", "-q", "Hi", "--json", "--max-tokens", "1"],
        &["inspect", "--json"],
        &["open"],
        &["inspect", "-q", "nobody/nothing", "--json"],
        &["help", "ask"],
    ];
    for number in 0..times(42) {
        let mut chance = Chance::new(4 << 32 | number);
        let dir = scratch();
        // What nobody has set must not lead to the screen of whoever runs this.
        let mut command = program(commands[number as usize % commands.len()]);
        for variable in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(variable);
        }
        for _ in 0..1 + chance.below(4) {
            command.env(VARIABLES[chance.below(VARIABLES.len())], name(&mut chance));
        }
        ends_well({
            command.current_dir(dir.path());
            command
        });
    }
}

/// Keys and values that are text of every kind, and bytes that are none.
#[test]
fn keys_in_the_files_of_a_checkpoint() {
    let copy = copy_of("tiny-llama3");
    let read = |name: &str| fs::read(copy.path().join(name)).unwrap();
    for name in ["config.json", "generation_config.json", "model.safetensors.index.json", "tokenizer_config.json"] {
        let original = read(name);
        for number in 0..times(10) {
            let mut chance = Chance::new(5 << 32 | number);
            let text = String::from_utf8_lossy(&bytes(&mut chance)).into_owned();
            let mut value: Value = serde_json::from_slice(&original).unwrap();
            let object = value.as_object_mut().unwrap();
            let nested = object.iter().find(|(_, value)| value.is_object()).map(|(key, _)| key.clone());
            match (chance.below(3), nested) {
                (0, _) => drop(object.insert(text, bytes(&mut chance).into())),
                (1, Some(key)) => drop(object[&key].as_object_mut().unwrap().insert(text.clone(), text.into())),
                _ => {
                    let key = object.keys().nth(chance.below(object.len())).unwrap().clone();
                    object.insert(key, text.into());
                }
            }
            let mut file = value.to_string().into_bytes();
            if chance.below(4) == 0 {
                let at = chance.below(file.len());
                file.splice(at..at, bytes(&mut chance));
            }
            fs::write(copy.path().join(name), file).unwrap();
            let json: &[&str] = if number % 2 == 0 { &["--json"] } else { &[] };
            let mut inspect = program(["inspect", "-q"]);
            inspect.arg(copy.path()).args(json);
            let ended = ends_well(inspect);
            let control = |c: char| c.is_control() && c != '\n' && c != '\t';
            assert!(!ended.stderr.contains(control), "{:?}", ended.stderr);
            assert!(!ended.stdout.contains(control), "{:?}", ended.stdout);
        }
        fs::write(copy.path().join(name), original).unwrap();
    }
}

/// A working directory whose name is no text, and one that is gone.
#[test]
fn working_directories() {
    let dir = scratch();
    let odd = dir.path().join(OsStr::from_bytes(b"\xe9"));
    fs::create_dir(&odd).unwrap();
    fs::copy(photo("wide.png"), odd.join("a.png")).unwrap();
    let gone = dir.path().join("gone");
    for directory in [&odd, &gone] {
        for arguments in [
            &["ask", "-q", "--json", "Hi", "--max-tokens", "1", "-i", "a.png"][..],
            &["trace", "-q", "-p", "Hi", "--max-tokens", "1", "-i", "a.png", "-o", "t"],
            &["render", "-q", "t", "-i", "a.png", "-o", "m.png"],
            &["inspect", "-q"],
            &["doctor", "--json"],
            &["open", "."],
        ] {
            // A shell goes there, and takes the directory away under itself.
            let mut command = Command::new("sh");
            command.args([
                "-c",
                "mkdir -p \"$1\" && cd \"$1\" && shift && { [ -e a.png ] || rmdir \"$PWD\"; } && exec \"$@\"",
                "sh",
            ]);
            command.arg(directory).arg(env!("CARGO_BIN_EXE_opabinia")).args(arguments).env("HOME", dir.path());
            for variable in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "HF_HOME", "HF_HUB_CACHE", "RUST_LOG"] {
                command.env_remove(variable);
            }
            ends_well(command);
        }
    }
    assert!(Path::new(&odd).join("m.png").is_file());
}
