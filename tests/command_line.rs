//! What people do with a command line and files, and what must come of it: nothing is replaced, nothing is silently
//! another, every message is true. Each run is one of the real program.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "faults/files.rs"]
#[allow(dead_code, reason = "shared with the tests of single faults")]
mod files;
#[path = "faults/program.rs"]
#[allow(dead_code, reason = "shared with the tests of single faults")]
mod program;

use files::{copy_of, edit_header, goldens, photo, scratch};
use opabinia_engine::probe::trace_file;
use opabinia_engine::vision::{Exif, Picture};
use program::{Ended, program, run};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

const USAGE: i32 = 2;

fn checkpoint() -> PathBuf {
    goldens().join("tiny-llama3/checkpoint")
}

/// A command that traces one token about `image`.
fn tracing(image: &Path, out: impl AsRef<OsStr>) -> Command {
    let mut command = program(["trace", "-q", "-p", "What is this?", "--max-tokens", "1", "-m"]);
    command.arg(checkpoint()).arg("-i").arg(image).arg("-o").arg(out);
    command
}

fn rendering(trace: &Path, image: impl AsRef<OsStr>, out: impl AsRef<OsStr>) -> Command {
    let mut command = program(["render", "-q", "--size", "64"]);
    command.arg(trace).arg("-i").arg(image).arg("-o").arg(out);
    command
}

fn asking(image: impl AsRef<OsStr>) -> Command {
    let mut command = program(["ask", "-q", "What is this?", "--max-tokens", "1", "-m"]);
    command.arg(checkpoint()).arg("-i").arg(image);
    command
}

/// Makes a special file with a tool every system has. Whether it could be made.
fn make(tool: &str, path: &Path, more: &[&str]) -> bool {
    Command::new(tool).arg(path).args(more).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn is_trace(bytes: &[u8]) -> bool {
    let dir = scratch();
    let file = dir.path().join("t");
    fs::write(&file, bytes).unwrap();
    trace_file::read(&file).is_ok()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Sends `bytes` into the standard input of `command`.
fn fed(mut command: Command, bytes: Vec<u8>) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Whoever has read enough closes it.
    let feeder = thread::spawn(move || drop(stdin.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

// ---- what is written to ----

#[test]
fn links_pipes_and_private_files_are_written_and_stay_what_they_are() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    let wide = photo("wide.png");

    fs::write(path("target"), "keep").unwrap();
    symlink("target", path("link")).unwrap();
    run(tracing(&wide, path("link"))).works();
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert!(is_trace(&fs::read(path("target")).unwrap()));

    fs::write(path("private"), "x").unwrap();
    fs::set_permissions(path("private"), fs::Permissions::from_mode(0o600)).unwrap();
    run(tracing(&wide, path("private"))).works();
    assert_eq!(fs::metadata(path("private")).unwrap().mode() & 0o777, 0o600);
    assert!(is_trace(&fs::read(path("private")).unwrap()));

    assert!(make("mkfifo", &path("fifo"), &[]));
    let reader = thread::spawn({
        let fifo = path("fifo");
        move || fs::read(fifo).unwrap()
    });
    run(tracing(&wide, path("fifo"))).works();
    assert!(is_trace(&reader.join().unwrap()));
    assert!(fs::symlink_metadata(path("fifo")).unwrap().file_type().is_fifo());

    if make("mknod", &path("null"), &["c", "1", "3"]) && File::options().write(true).open(path("null")).is_ok() {
        run(tracing(&wide, path("null"))).works();
        run(rendering(&path("target"), &wide, path("null"))).works();
        assert!(fs::symlink_metadata(path("null")).unwrap().file_type().is_char_device());
        fs::remove_file(path("null")).unwrap();
    } else {
        println!("note: this user may make no devices, so none is tried");
        let _ = fs::remove_file(path("null"));
    }
    assert_eq!(names(dir.path()), ["fifo", "link", "private", "target"]);
}

#[test]
fn what_cannot_be_written_is_refused_before_any_work() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("one"), "keep").unwrap();
    fs::hard_link(path("one"), path("two")).unwrap();
    symlink("nothing", path("dangling")).unwrap();
    symlink("loop", path("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    let before = names(dir.path());
    for (name, words) in [
        ("two", "2 names (hard links)"),
        ("dangling", "link to nothing, which does not exist"),
        ("loop", "link to loop, which leads nowhere"),
        ("socket", "this is a socket"),
        ("new/", "names a directory"),
        ("", "this is a directory"),
    ] {
        // A checkpoint that is not there would be the next thing to be said.
        let mut command = program(["trace", "-q", "-p", "x", "-m", "/nonexistent", "-o"]);
        command.arg(path(name));
        let ended = run(command);
        ended.says(USAGE, &["cannot be written", words]);
    }
    assert_eq!(names(dir.path()), before);
    assert_eq!(fs::metadata(path("one")).unwrap().nlink(), 2);
    assert_eq!(fs::read(path("two")).unwrap(), b"keep");
}

#[test]
fn nothing_is_written_into_a_checkpoint_or_an_encoder() {
    let copy = copy_of("tiny-llama3");
    let clip = copy.path().join("towers/openai/clip-vit-large-patch14-336");
    let wide = photo("wide.png");
    let before = (names(&clip), fs::read(clip.join("model.safetensors")).unwrap());
    for (out, words) in [("model.safetensors", "replace the input"), ("new", "a new file in the input")] {
        // Of the copy only the encoder is used.
        let mut tower = OsStr::new("clip=").to_owned();
        tower.push(&clip);
        let mut traced = tracing(&wide, clip.join(out));
        traced.arg("--tower").arg(&tower);
        let mut measured = program(["evidence", "-q", "-p", "x", "--with", "mask:clip", "-m"]);
        measured.arg(checkpoint()).arg("-i").arg(&wide).arg("-o").arg(clip.join(out)).arg("--tower").arg(&tower);
        for command in [traced, measured] {
            run(command).says(USAGE, &["cannot be written", words, "clip-vit-large-patch14-336"]);
        }
    }
    assert_eq!((names(&clip), fs::read(clip.join("model.safetensors")).unwrap()), before);
}

#[test]
fn files_of_other_names_are_left_alone() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("a.partial"), "mine").unwrap();
    fs::write(path("victim"), "victim").unwrap();
    symlink("victim", path("b.partial")).unwrap();
    for out in ["a", "b"] {
        run(tracing(&photo("wide.png"), path(out))).works();
    }
    assert_eq!(fs::read(path("a.partial")).unwrap(), b"mine");
    assert_eq!(fs::read(path("victim")).unwrap(), b"victim");
    assert_eq!(names(dir.path()), ["a", "a.partial", "b", "b.partial", "victim"]);
}

#[test]
fn a_full_disk_loses_nothing() {
    let dir = scratch();
    let out = dir.path().join("t.safetensors");
    fs::write(&out, "keep").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_opabinia")]);
    let traced = tracing(&photo("wide.png"), &out);
    // The arguments after the shell's own.
    command.args(traced.get_args().skip(if cfg!(target_os = "linux") { 3 } else { 0 }));
    run(command).says(USAGE, &["t.safetensors: cannot be written", "make room", "unchanged"]);
    assert_eq!(fs::read(&out).unwrap(), b"keep");
    assert_eq!(names(dir.path()), ["t.safetensors"]);
}

/// Nor does help that could not be written end as if it had been.
#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_an_error() {
    for args in [&["--help"][..], &["--version"], &["help", "ask"], &["ask", "-h"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = program(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(USAGE), "{args:?}");
        assert!(said(&output).contains("standard output"), "{args:?}: {}", said(&output));
    }
}

/// The standard library reads it for every thread that does not say how large its stack is.
#[test]
fn small_stacks_in_the_environment_overflow_none() {
    for value in ["1", "x"] {
        let mut command = asking(photo("wide.png"));
        command.env("RUST_MIN_STACK", value);
        run(command).works();
    }
}

#[test]
fn standard_output_is_a_place_to_write_to() {
    let dir = scratch();
    let wide = photo("wide.png");
    for out in ["-", "/dev/stdout", "/dev/fd/1"] {
        let output = tracing(&wide, out).output().unwrap();
        assert!(output.status.success(), "{out}: {}", said(&output));
        assert!(is_trace(&output.stdout), "{out}");
    }
    // What was asked for is said elsewhere then, quiet or not.
    let text = |mut command: Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    let answer = text(asking(&wide));
    assert_eq!(said(&tracing(&wide, "-").output().unwrap()).trim_end(), answer.trim_end());
    let measuring = |out: &Path| {
        let mut command = program(["evidence", "-q", "-p", "x", "--with", "mask:clip", "--max-tokens", "1", "-m"]);
        command.arg(checkpoint()).arg("-i").arg(&wide).arg("-o").arg(out);
        command
    };
    let table = text(measuring(&dir.path().join("e.safetensors")));
    assert!(table.contains("clip"), "{table}");
    assert_eq!(said(&measuring(Path::new("-")).output().unwrap()).trim_end(), table.trim_end());
    // What the file held before is not the program's.
    let file = dir.path().join("log");
    fs::write(&file, "before ").unwrap();
    let appended = File::options().append(true).open(&file).unwrap();
    assert!(tracing(&wide, "/dev/stdout").stdout(appended).status().unwrap().success());
    let written = fs::read(&file).unwrap();
    assert!(is_trace(written.strip_prefix(b"before ").unwrap()));
    let mut both = tracing(&wide, "-");
    both.arg("--json");
    run(both).says(USAGE, &["--json goes to standard output, too"]);

    let trace = dir.path().join("t.safetensors");
    run(tracing(&wide, &trace)).works();
    let output = rendering(&trace, &wide, "-").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    image::load_from_memory(&output.stdout).unwrap();
    let csv = dir.path().join("a.csv");
    symlink("a.csv", dir.path().join("b.csv")).unwrap();
    fs::write(&csv, "").unwrap();
    let mut twice = rendering(&trace, &wide, &csv);
    twice.arg("--csv").arg(dir.path().join("b.csv"));
    run(twice).says(USAGE, &["written as PNG"]);
    let png = dir.path().join("a.png");
    fs::rename(&csv, &png).unwrap();
    fs::remove_file(dir.path().join("b.csv")).unwrap();
    symlink("a.png", dir.path().join("b.csv")).unwrap();
    let mut twice = rendering(&trace, &wide, &png);
    twice.arg("--csv").arg(dir.path().join("b.csv"));
    run(twice).says(USAGE, &["name the same file"]);
}

#[test]
fn a_terminal_is_spared_what_is_not_text() {
    // The end of a pseudo-terminal that a terminal program has is a terminal, too, on Linux.
    let terminal = File::options().read(true).write(true).open("/dev/ptmx").ok().filter(IsTerminal::is_terminal);
    let Some(terminal) = terminal else {
        return println!("note: here is no pseudo-terminal, so none is tried");
    };
    let (dir, wide) = (scratch(), photo("wide.png"));
    let trace = dir.path().join("t");
    run(tracing(&wide, &trace)).works();
    let mut measured =
        program(["evidence", "-q", "-p", "x", "--with", "mask:clip", "--max-tokens", "1", "-o", "-", "-m"]);
    measured.arg(checkpoint()).arg("-i").arg(&wide);
    for mut command in [tracing(&wide, "-"), rendering(&trace, &wide, "-"), measured] {
        let output = command.stdout(terminal.try_clone().unwrap()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(USAGE), "{command:?}");
        assert!(said(&output).contains("is nothing for a terminal"), "{}", said(&output));
    }
}

// ---- names that are no text ----

#[test]
fn a_name_that_is_no_text_can_be_told_in_json() {
    let dir = scratch();
    let name = |bytes: &[u8]| dir.path().join(OsStr::from_bytes(bytes));
    let (image, trace) = (name(b"caf\xe9.png"), name(b"caf\xe9.safetensors"));
    fs::copy(photo("wide.png"), &image).unwrap();
    let told = |mut command: Command| -> Value {
        let ended = run({
            command.arg("--json");
            command
        });
        ended.works();
        serde_json::from_str(&ended.stdout).unwrap()
    };
    let bytes = |value: &Value| -> Vec<u8> { serde_json::from_value(value.clone()).unwrap() };
    let answer = told(asking(&image));
    assert!(answer["image"].as_str().unwrap().ends_with("caf\u{fffd}.png"));
    assert_eq!(bytes(&answer["image_bytes"]), image.as_os_str().as_bytes());
    assert!(answer.get("model_bytes").is_none());
    let traced = told(tracing(&image, &trace));
    assert_eq!(bytes(&traced["output"]["file_bytes"]), trace.as_os_str().as_bytes());
    let mut doctor = program(["doctor"]);
    doctor.env("HF_HOME", OsStr::from_bytes(b"/\xe9"));
    let caches = told(doctor)["hub"]["caches"].clone();
    assert!(caches.as_array().unwrap().iter().any(|cache| cache["directory_bytes"].is_array()), "{caches}");
    run(rendering(&trace, &image, name(b"\xe9.png"))).works();
    assert!(name(b"\xe9.png").is_file());
}

// ---- a trace and its picture ----

/// A JPEG file of which `orientation` is said in its EXIF data.
fn turned(orientation: u8) -> Vec<u8> {
    let mut bytes = fs::read(photo("exif6.jpg")).unwrap();
    // Tag, type and count of the entry, in both orders of bytes; then its value.
    let big = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0];
    let little = [0x12, 0x01, 3, 0, 1, 0, 0, 0];
    let find = |bytes: &[u8], pattern: &[u8]| bytes.windows(pattern.len()).position(|window| window == pattern);
    let at = find(&bytes, &big).map(|at| at + big.len()).or(find(&bytes, &little).map(|at| at + little.len()));
    bytes[at.unwrap()] = orientation;
    bytes
}

#[test]
fn a_trace_is_drawn_over_its_own_picture_turned_as_it_was() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("e.jpg"), turned(3)).unwrap();
    let (stored, upright) =
        [Exif::Ignore, Exif::Honour].map(|exif| Picture::open(&path("e.jpg"), exif).unwrap()).into();
    assert!(stored != upright && stored.width == upright.width, "half a turn");

    let mut command = tracing(&path("e.jpg"), path("with"));
    command.arg("--exif");
    run(command).works();
    run(tracing(&path("e.jpg"), path("without"))).works();
    // Both are drawn over the right picture, without being told.
    for trace in ["with", "without"] {
        let out = path(trace).with_extension("png");
        run(rendering(&path(trace), path("e.jpg"), &out)).works();
    }
    assert!(fs::read(path("with.png")).unwrap() != fs::read(path("without.png")).unwrap());
    let mut command = rendering(&path("with"), path("e.jpg"), path("again.png"));
    command.arg("--exif");
    run(command).works();
    assert!(fs::read(path("with.png")).unwrap() == fs::read(path("again.png")).unwrap());
    let mut command = rendering(&path("without"), path("e.jpg"), path("x.png"));
    command.arg("--exif");
    run(command).says(USAGE, &["e.jpg: with --exif it is turned", "leave --exif out"]);

    // Another picture of the same size.
    let mut other = upright.clone();
    other.rgb[0] ^= 1;
    let buffer = image::RgbImage::from_raw(other.width as u32, other.height as u32, other.rgb).unwrap();
    buffer.save(path("other.png")).unwrap();
    run(rendering(&path("with"), path("other.png"), path("x.png")))
        .says(USAGE, &["other.png is another picture", "with --exif"]);
    run(rendering(&path("without"), path("other.png"), path("x.png")))
        .says(USAGE, &["other.png is another picture", "without --exif"]);
    // The same pixels in another file are the same picture.
    let pixels = image::RgbImage::from_raw(upright.width as u32, upright.height as u32, upright.rgb).unwrap();
    pixels.save(path("same.png")).unwrap();
    run(rendering(&path("with"), path("same.png"), path("y.png"))).works();
    assert!(!path("x.png").exists());

    // What a file says of its picture is checked like the rest of it.
    for (sha256, words) in [("00".repeat(32), "another picture"), ("0".repeat(63), "64 hexadecimal digits")] {
        fs::copy(path("with"), path("edited")).unwrap();
        edit_header(&path("edited"), |header| {
            let text = &mut header["__metadata__"]["opabinia.trace"];
            let mut about: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            about["image"]["sha256"] = sha256.clone().into();
            *text = about.to_string().into();
        });
        run(rendering(&path("edited"), path("e.jpg"), path("x.png"))).says(USAGE, &[words]);
    }
}

#[test]
fn a_trace_without_a_layer_is_named_by_its_own_spec() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    let wide = photo("wide.png");
    let spec = "skip:S0+region:clip@0:2,0:2";
    let mut command = tracing(&wide, path("t"));
    command.args(["--with", spec]);
    run(command).works();
    let trace = trace_file::read(&path("t")).unwrap();
    assert!(trace.layers.iter().all(|layer| layer.label != "S0"), "it did not run");
    assert_eq!(trace.interventions.to_spec(&trace.anatomy).split('+').count(), 2);
    let mut command = rendering(&path("t"), &wide, path("m.png"));
    command.args(["--with", spec]);
    run(command).works();
    let mut command = rendering(&path("t"), &wide, path("x.png"));
    command.args(["--with", "skip:C1"]);
    run(command).says(USAGE, &["skip:S0", "not with skip:C1"]);
}

#[test]
fn a_trace_without_any_layer_says_that_all_were_skipped() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    let mut command = tracing(&photo("wide.png"), path("t"));
    command.args(["--with", "skip:all"]);
    run(command).works();
    run(rendering(&path("t"), photo("wide.png"), path("x.png")))
        .says(USAGE, &["all of them were skipped", "at least one SVA layer"]);
}

#[test]
fn a_trace_knows_the_picture_that_was_swapped_in_turned_like_its_own() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("e.jpg"), turned(3)).unwrap();
    for (exif, name) in [(Exif::Ignore, "stored"), (Exif::Honour, "upright")] {
        let mut command = tracing(&photo("wide.png"), path(name));
        command.args(["--with", "swap:clip", "--other"]).arg(path("e.jpg"));
        if exif == Exif::Honour {
            command.arg("--exif");
        }
        run(command).works();
        let other = Picture::open(&path("e.jpg"), exif).unwrap();
        assert_eq!(trace_file::read(&path(name)).unwrap().other, Some(other.id()), "{name}");
    }
    // A picture that the model cannot look at is refused, before weights are read.
    image::RgbImage::new(700, 2).save(path("long.png")).unwrap();
    let mut command = tracing(&photo("wide.png"), path("x"));
    command.args(["--with", "swap:clip", "--other"]).arg(path("long.png"));
    run(command).says(USAGE, &["long.png", "700 × 2", "crop"]);
}

#[test]
fn a_trace_without_a_picture_says_so() {
    let dir = scratch();
    let trace = dir.path().join("t.safetensors");
    let mut command = program(["trace", "-q", "-p", "Hi", "--max-tokens", "1", "-m"]);
    command.arg(checkpoint()).arg("-o").arg(&trace);
    run(command).works();
    run(rendering(&trace, photo("wide.png"), dir.path().join("x.png")))
        .says(USAGE, &["t.safetensors: was recorded without a picture", "opabinia trace --image"]);
}

#[test]
fn numbers_say_what_they_are_about() {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    let wide = photo("wide.png");
    run(tracing(&wide, path("t"))).works();
    let mut command = rendering(&path("t"), &wide, path("m.png"));
    command.args(["--layer", "C1..C2", "--head", "0,4..7", "--mode", "lift", "--csv"]).arg(path("m.csv"));
    run(command).works();
    let text = fs::read_to_string(path("m.csv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(columns.len(), row.len());
    let field = |name: &str| row[columns.iter().position(|column| *column == name).unwrap()];
    for (name, value) in [
        ("quantity", "lift over uniform attention (log2)"),
        ("layers", "C1 C2"),
        ("heads", "0 4..7"),
        ("reduction", "mean"),
        ("image", "wide.png"),
        ("question", "What is this?"),
        ("intervention", ""),
    ] {
        assert_eq!(field(name), value, "{name}");
    }
    assert!(!field("model").is_empty());
}

// ---- habits ----

#[test]
fn a_picture_may_come_through_a_pipe() {
    let wide = fs::read(photo("wide.png")).unwrap();
    let expected = run(asking(photo("wide.png")));
    for name in ["-", "/dev/stdin", "/dev/fd/0"] {
        let output = fed(asking(name), wide.clone());
        assert!(output.status.success(), "{name}: {}", said(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected.stdout, "{name}");
    }
    // A file on standard input.
    let output = asking("/dev/stdin").stdin(File::open(photo("wide.png")).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected.stdout);
    let dir = scratch();
    let trace = dir.path().join("t");
    assert!(fed(tracing(Path::new("-"), &trace), wide.clone()).status.success());
    let output = fed(rendering(&trace, "-", dir.path().join("a.png")), wide.clone());
    assert!(output.status.success(), "{}", said(&output));
    // A pipe with a name.
    let fifo = dir.path().join("fifo");
    assert!(make("mkfifo", &fifo, &[]));
    let writer = thread::spawn({
        let (fifo, wide) = (fifo.clone(), wide.clone());
        move || File::options().write(true).open(fifo).unwrap().write_all(&wide).unwrap()
    });
    assert_eq!(run(asking(&fifo)).stdout, expected.stdout);
    writer.join().unwrap();

    for (bytes, words) in [(Vec::new(), "0 bytes"), (b"Dear diary".to_vec(), "not a picture")] {
        let output = fed(asking("-"), bytes);
        assert_eq!(output.status.code(), Some(USAGE));
        assert!(said(&output).contains("standard input") && said(&output).contains(words), "{}", said(&output));
    }
}

#[test]
fn what_is_no_file_is_answered_with_what_is_possible() {
    run(asking("https://example.org/a.png"))
        .says(USAGE, &["https://example.org/a.png: this is an address", "download the picture"]);
    run(program(["ask", "x", "-m", "https://example.org/m"])).says(3, &["this is an address", "opabinia pull"]);
    for (flag, value, words) in [
        ("--seed", "-1", "`-1` is no seed: it is a whole number from 0 to 18446744073709551615"),
        ("--seed", "dice", "`dice` is no seed"),
        ("--max-tokens", "-1", "'-1'"),
        ("--top-k", "-1", "'-1'"),
    ] {
        let ended = run(program(["ask", "x", flag, value]));
        assert_eq!(ended.status.code(), Some(USAGE), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    run(program(["open", "-i", "-"])).says(USAGE, &["from files, not from standard input"]);
    run(program(["open", "-i", "https://example.org/a.png"])).says(USAGE, &["this is an address"]);
}

#[test]
fn the_texts_of_tokens_are_the_answer() {
    for (variant, count) in [("tiny-llama3", 40), ("tiny-yi", 40), ("tiny-phi3", 40), ("tiny-vicuna", 40)] {
        for tokens in 1..=count {
            // Every length: some end within a character.
            if tokens > 12 && tokens % 7 != 0 {
                continue;
            }
            let mut command = program(["ask", "-q", "--json", "--temperature", "2", "--seed"]);
            command.args([&tokens.to_string(), "Tell me.", "--max-tokens", &tokens.to_string(), "-m"]);
            command.arg(goldens().join(variant).join("checkpoint"));
            if tokens % 3 == 0 {
                command.args(["--stop", "e"]);
            }
            let ended = run(command);
            ended.works();
            let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
            let joined: String =
                answer["tokens"].as_array().unwrap().iter().map(|token| token["text"].as_str().unwrap()).collect();
            assert_eq!(joined, answer["text"].as_str().unwrap(), "{variant}, {tokens} tokens");
        }
    }
}

#[test]
fn every_variable_of_the_hub_names_its_cache() {
    let dir = scratch();
    let place = |name: &str| dir.path().join(name);
    let place_of = |value: PathBuf| value.into_os_string();
    for (variable, value, cache) in [
        ("HF_HUB_CACHE", place_of(place("a")), place("a")),
        ("HUGGINGFACE_HUB_CACHE", place_of(place("b")), place("b")),
        ("TRANSFORMERS_CACHE", place_of(place("c")), place("c")),
        ("HF_HOME", place_of(place("d")), place("d/hub")),
        ("XDG_CACHE_HOME", place_of(place("e")), place("e/huggingface/hub")),
        ("HF_HUB_CACHE", "~/hub".into(), place("hub")),
        ("HF_HUB_CACHE", "$HOME/hub".into(), place("hub")),
    ] {
        let mut command = program(["doctor", "-q", "--json"]);
        command.env("HOME", dir.path()).env(variable, &value);
        let ended = run(command);
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(report["hub"]["caches"][0]["directory"].as_str(), cache.to_str(), "{variable}={}", value.display());
    }
}

// ---- without a screen ----

fn quiet(mut command: Command) -> Ended {
    command.env_remove("XDG_RUNTIME_DIR");
    let ended = run(command);
    ended.works();
    assert_eq!(ended.stderr, "");
    ended
}

#[test]
fn quiet_is_quiet_without_a_runtime_directory() {
    let dir = scratch();
    quiet(program(["doctor", "-q"]));
    let trace = dir.path().join("t");
    quiet(tracing(&photo("wide.png"), &trace));
    quiet(rendering(&trace, photo("wide.png"), dir.path().join("a.png")));
}

/// Without a runtime directory the program begins anew; what the system takes for it then is the loader.
#[test]
fn the_program_may_be_started_through_the_loader() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let loader = maps.split_whitespace().find(|word| word.starts_with('/') && word.contains("/ld-"));
    let Some(loader) = loader else {
        return println!("note: this system's programs have no loader that could be called, so none is tried");
    };
    let mut command = Command::new(loader);
    command.args([env!("CARGO_BIN_EXE_opabinia"), "doctor", "-q"]).env_remove("XDG_RUNTIME_DIR");
    let ended = run(command);
    ended.works();
    assert!(ended.stdout.contains("opabinia"), "{}", ended.stdout);
}

#[test]
fn a_missing_display_is_said_to_be_the_reason() {
    if !cfg!(target_os = "linux") {
        return println!("note: only Linux has displays that can be missing");
    }
    let open = |display: Option<&OsStr>| {
        let mut command = program(["open"]);
        for variable in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(variable);
        }
        command.env("OPABINIA_DATA_DIR", scratch().path()).envs(display.map(|display| ("DISPLAY", display)));
        run(command)
    };
    for (display, words) in [
        (None, "neither DISPLAY nor WAYLAND_DISPLAY is set"),
        (Some(OsStr::new(":987")), "DISPLAY=:987"),
        (Some(OsStr::new("nowhere")), "DISPLAY=nowhere"),
        (Some(OsStr::from_bytes(b":\xff")), "no text"),
    ] {
        let ended = open(display);
        ended.says(5, &["the window cannot be opened", words, "ask, trace and render need no display"]);
        for foreign in [".rs", "cargo", "mesa", "apt install"] {
            assert!(!ended.stderr.contains(foreign), "{foreign}: {}", ended.stderr);
        }
    }
}

/// A file that may be written can still refuse to be replaced; that is known before any work is done.
#[cfg(target_os = "linux")]
#[test]
fn places_that_cannot_be_replaced_are_refused_before_any_work() {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    let refused = |mut command: Command, words: &[&str], out: &Path| {
        // An image that is not there: who reads it first says something else.
        command.stdin(Stdio::null());
        run(command).says(USAGE, words);
        assert_eq!(fs::read(out).unwrap(), b"old");
    };
    let works = |mut command: Command| command.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    let mut probe = Command::new("unshare");
    probe.args(["-rm", "true"]);
    if works(probe) {
        let (from, out) = (path("from"), path("mounted here"));
        fs::write(&from, "old").unwrap();
        fs::write(&out, "old").unwrap();
        let inner = tracing(&path("none.png"), &out);
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"", "sh"]);
        command.arg(&from).arg(&out).arg(inner.get_program()).args(inner.get_args()).env("HOME", program::home());
        refused(command, &["mounted here: cannot be written", "mounted from somewhere else"], &out);
        assert!(!names(dir.path()).iter().any(|name| name.starts_with(".opabinia-")), "{:?}", names(dir.path()));
    } else {
        println!("skipped: this system lets nobody mount anything in a namespace of their own (unshare -rm)");
    }
    let shared = path("shared");
    fs::create_dir(&shared).unwrap();
    for (place, mode) in [(dir.path(), 0o755), (&shared, 0o1777)] {
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
    }
    let out = shared.join("theirs");
    fs::write(&out, "old").unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o666)).unwrap();
    let mut probe = program(["--version"]);
    probe.uid(NOBODY).stdout(Stdio::null());
    if works(probe) {
        let mut command = tracing(&path("none.png"), &out);
        command.uid(NOBODY);
        refused(command, &["theirs: cannot be written", "another user's"], &out);
    } else {
        println!("skipped: only the system's administrator can be another user, who may also run the program");
    }
}
