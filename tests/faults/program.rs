//! Runs the real program and says what it ended in.

use super::files::{Scratch, scratch};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// What the program may write to: heap, stacks, anonymous mappings. Everything here is a tiny model; whoever needs
/// more has believed a number in a file. Files mapped for reading do not count.
const MEMORY_KIB: u64 = 1 << 20;

/// Nothing here takes more than a few seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Words that have no place in a message to a person.
const NEVER: [&str; 5] = ["panicked", "panic", "internal error", "unwrap", "tensor operation failed"];

/// A home without a hub cache.
static HOME: LazyLock<Scratch> = LazyLock::new(scratch);

/// The same for who starts the program otherwise.
#[cfg(target_os = "linux")]
pub fn home() -> &'static Path {
    HOME.path()
}

/// The program with `arguments`, in an environment that has nothing of the person who runs the tests.
pub fn program<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = if cfg!(target_os = "linux") {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -d {MEMORY_KIB} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_opabinia")]);
        shell
    } else {
        Command::new(env!("CARGO_BIN_EXE_opabinia"))
    };
    command.args(arguments).env("HOME", HOME.path()).env("RAYON_NUM_THREADS", "2").stdin(Stdio::null());
    for variable in [
        "HF_HOME",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "TRANSFORMERS_CACHE",
        "XDG_CACHE_HOME",
        "RUST_BACKTRACE",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

/// What a run of the program ended in.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `command` to its end.
#[track_caller]
pub fn run(mut command: Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let read = |pipe: Box<dyn std::io::Read + Send>| {
        let mut pipe = pipe;
        thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(Box::new(child.stdout.take().unwrap()));
    let stderr = read(Box::new(child.stderr.take().unwrap()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("still running after {PATIENCE:?}: {command:?}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    Ended { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

impl Ended {
    /// Checks the exit code, that the message holds all of `words`, that it goes on to say what to do, and that it is
    /// meant for a person.
    #[track_caller]
    pub fn says(&self, code: i32, words: &[&str]) -> &Self {
        let text = &self.stderr;
        assert_eq!(self.status.code(), Some(code), "{}\n{text}\n{}", self.status, self.stdout);
        for word in words {
            assert!(text.contains(word), "no `{word}` in:\n{text}");
        }
        for word in NEVER {
            assert!(!text.contains(word), "`{word}` in:\n{text}");
        }
        // Graphics drivers chatter on the same stream, before it.
        let message = text.rsplit_once("error: ").map_or("", |(_, message)| message);
        let advice = message.lines().nth(1);
        assert!(advice.is_some_and(|line| !line.is_empty()), "it does not go on to say what to do:\n{text}");
        assert!(code != 3 || message.contains("\n  what to do: "), "it does not say what to do:\n{text}");
        self
    }

    /// The exit code; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Checks that it went well.
    #[track_caller]
    pub fn works(&self) -> &Self {
        assert_eq!(self.status.code(), Some(0), "{}\n{}", self.status, self.stderr);
        self
    }
}

/// Asks the model in `checkpoint` about `image`.
pub fn ask_about(checkpoint: &Path, image: &Path, question: &str, more: &[&str]) -> Ended {
    let mut command = program(["ask", question, "--max-tokens", "2", "--model"]);
    command.arg(checkpoint).arg("--image").arg(image).args(more);
    run(command)
}

/// Asks the model in `checkpoint` something without a picture.
pub fn ask(checkpoint: &Path, more: &[&str]) -> Ended {
    let mut command = program(["ask", "What is this?", "--model"]);
    command.arg(checkpoint).args(more);
    run(command)
}
