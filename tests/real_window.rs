//! The real program in a real window: on a display in memory, with Vulkan in software, a synthetic pointer and keyboard.
//!
//! Everything else about the window is tested without one, in `tests/window`. Here is shown that what those tests leave
//! out works too: the command line, the window of the system, its keyboard, its graphics, and saving when it closes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up: the program is built without optimisation of the window's own
/// code, and draws on the processor.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is said where a tool is missing.
const INSTALL: &str = "run `bash tests/run.sh`, or install it: apt-get install xvfb xdotool x11-apps";

/// A display in memory.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1360x860x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("Xvfb cannot be run: {error}; {INSTALL}"));
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let number = number.trim();
        assert!(!number.is_empty(), "Xvfb opened no display");
        Self { name: format!(":{number}"), server }
    }

    /// Runs a tool of X on this display, and gives what it wrote.
    fn tool(&self, name: &str, args: &[&str]) -> Vec<u8> {
        let output = Command::new(name)
            .args(args)
            .env("DISPLAY", &self.name)
            .stderr(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{name} cannot be run: {error}; {INSTALL}"));
        output.stdout
    }

    fn xdotool(&self, args: &[&str]) -> String {
        String::from_utf8(self.tool("xdotool", args)).unwrap().trim().to_owned()
    }

    /// What is on the screen.
    fn screenshot(&self) -> image::RgbImage {
        picture(&self.tool("xwd", &["-root", "-silent"]))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The picture in a dump of the X window system: a header of big-endian numbers, a table of colours, rows of pixels.
fn picture(dump: &[u8]) -> image::RgbImage {
    let field = |at: usize| u32::from_be_bytes(dump[4 * at..4 * at + 4].try_into().unwrap());
    let (header, width, height) = (field(0) as usize, field(4), field(5));
    let (order, bits, row_bytes, colours) = (field(7), field(11), field(12) as usize, field(19) as usize);
    assert_eq!((bits, order), (32, 0), "Xvfb gives 32 bits a pixel, the least significant byte first");
    let pixels = &dump[header + 12 * colours..];
    image::RgbImage::from_fn(width, height, |x, y| {
        let at = y as usize * row_bytes + 4 * x as usize;
        image::Rgb([pixels[at + 2], pixels[at + 1], pixels[at]])
    })
}

/// The program, ended with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(display: &str, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opabinia"));
    command.env("HOME", home).env("DISPLAY", display).env("LANG", "C.UTF-8");
    for other in ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XDG_DATA_HOME", "OPABINIA_DATA_DIR"] {
        command.env_remove(other);
    }
    command
}

/// Waits until `found` gives something.
fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The conversation in the session that is saved under `home`.
fn conversation(home: &Path) -> Option<Value> {
    let file = home.join(".local/share/opabinia/session.json");
    let session: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    session["conversations"]["all"].as_object()?.values().next().cloned()
}

/// Clicks where the field for questions may be, from the bottom up, and types, until what is typed is saved as the
/// draft of the next question.
fn type_question(display: &Display, home: &Path, window: &str, question: &str) {
    for from_bottom in (53..260).step_by(23).chain([30]) {
        let y = (860 - from_bottom).to_string();
        display.xdotool(&["mousemove", "--window", window, "150", &y, "click", "1"]);
        // On a slow machine what was typed before may come only now.
        display.xdotool(&["key", "--window", window, "ctrl+a"]);
        display.xdotool(&["type", "--window", window, "--delay", "8", question]);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(12) {
            let draft = conversation(home).map(|known| known["draft"].clone());
            if draft.as_ref().and_then(Value::as_str).is_some_and(|draft| draft.trim() == question) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        if let Ok(directory) = std::env::var("OPABINIA_SHOTS") {
            display.screenshot().save(PathBuf::from(directory).join(format!("real-typing-{from_bottom}.png"))).unwrap();
        }
    }
    panic!("nowhere on the left side is a field that takes a question");
}

/// The share of pixels whose colour is no shade of grey.
fn colourful(picture: &image::RgbImage) -> f64 {
    let strong = |pixel: &image::Rgb<u8>| {
        let [r, g, b] = pixel.0;
        r.max(g).max(b) - r.min(g).min(b) > 50
    };
    picture.pixels().filter(|pixel| strong(pixel)).count() as f64 / picture.pixels().len() as f64
}

#[test]
fn the_program_answers_in_a_real_window_and_saves_when_it_is_closed() {
    let display = Display::start();
    let home = tempfile::tempdir().unwrap();
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/goldens");
    let child = program(&display.name, home.path())
        .arg("open")
        .arg(goldens.join("tiny-llama3/checkpoint"))
        .arg("--image")
        .arg(goldens.join("images/wide.png"))
        .spawn()
        .unwrap();
    let mut program = Program(child);
    let window = wait("the window with its model", || {
        let found = display.xdotool(&["search", "--onlyvisible", "--name", "^checkpoint .*Opabinia$"]);
        found.lines().next().map(str::to_owned)
    });
    // There is no window manager to do this.
    display.xdotool(&["windowfocus", &window]);
    let before = colourful(&display.screenshot());
    type_question(&display, home.path(), &window, "What is this?");
    display.xdotool(&["key", "--window", &window, "Return"]);
    let exchange = wait("the answer in the saved session", || {
        let exchange = conversation(home.path())?["exchanges"][0].clone();
        matches!(exchange["status"].as_str(), Some("Done" | "Full")).then_some(exchange)
    });
    assert_eq!(exchange["question"], "What is this?");
    assert!(!exchange["tokens"].as_array().unwrap().is_empty(), "{exchange}");
    let drawn = wait("the maps on the screen", || {
        let drawn = display.screenshot();
        (colourful(&drawn) > before + 0.02).then_some(drawn)
    });
    if let Ok(directory) = std::env::var("OPABINIA_SHOTS") {
        drawn.save(PathBuf::from(directory).join("real-window.png")).unwrap();
    }
    let colours: std::collections::HashSet<_> = drawn.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 200, "only {} colours", colours.len());

    display.xdotool(&["key", "--window", &window, "ctrl+q"]);
    let status = wait("the end of the program", || program.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    let kept = conversation(home.path()).unwrap();
    assert_eq!(kept["exchanges"][0]["answer"], exchange["answer"]);
}

#[test]
fn without_a_display_the_program_says_what_it_lacks_and_what_works() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program("", home.path());
    let output = command.env_remove("DISPLAY").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("there is no display") && said.contains("render need no display"), "{said}");
}
