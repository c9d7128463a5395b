//! What a command can end in other than success, its exit code and its words.

use super::advice;
use crate::pulling;
use crate::window::Unopened;
use opabinia_engine::Error as EngineError;
use opabinia_engine::Unusable;
use opabinia_engine::output::STANDARD_OUTPUT;
use opabinia_engine::printable;
use opabinia_hub::Error as HubError;
use opabinia_shaders::{Error as ShaderError, INSTALL_HINT};
use serde_json::{Map, Value, json};
use std::any::Any;
use std::fmt;
use std::path::Path;

/// Result of everything in the command line that can fail.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Exit code of what stopped with work left, on request: EX_TEMPFAIL of sysexits.h.
const STOPPED: u8 = 75;

/// Why a command failed, and what it had found out by then.
#[derive(Debug)]
pub struct Failure {
    /// Why the command failed.
    pub cause: Cause,
    /// What a reader of JSON is told beside the error.
    pub report: Map<String, Value>,
}

/// Why a command failed.
#[derive(Debug)]
pub enum Cause {
    /// The engine said so.
    Engine(EngineError),
    /// Drawing failed.
    Shaders(ShaderError),
    /// Files were not brought from the hub.
    Hub(HubError),
    /// A fault of this program, with what is known of it.
    Internal(String),
    /// There is no display to open the window on.
    NoDisplay(String),
    /// The window cannot be opened, though there is a display.
    NoWindow(String),
    /// It was asked to stop when it had finished what it was at, and is not done.
    Stopped(String),
    /// Whoever read standard output has closed it: they have seen enough.
    ReaderGone,
}

impl Failure {
    /// A fault of this program.
    pub fn internal(what: impl Into<String>) -> Self {
        Cause::Internal(what.into()).into()
    }

    /// A fault of this program: a panic with this payload.
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self::internal(text.unwrap_or_else(|| "a panic without a message".into()))
    }

    /// What `cause` was said of standard output.
    pub fn of_stdout(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Cause::ReaderGone.into(),
            _ => Cause::Engine(EngineError::io(STANDARD_OUTPUT, error)).into(),
        }
    }

    /// The exit code, the same for every command. This is the one place that decides it.
    pub fn exit_code(&self) -> u8 {
        match &self.cause {
            Cause::ReaderGone => 0,
            Cause::Stopped(_) => STOPPED,
            Cause::Internal(_) => 1,
            Cause::NoDisplay(_) | Cause::NoWindow(_) => 5,
            Cause::Engine(error) => match error {
                EngineError::Input { .. } | EngineError::Io { .. } => 2,
                EngineError::Refused(_) => 3,
                EngineError::OutOfMemory { .. } => 4,
                EngineError::Cancelled => 130,
                _ => 1,
            },
            Cause::Hub(error) => match error {
                HubError::Usage { .. } | HubError::Storage { .. } => 2,
                HubError::Cancelled => 130,
                _ => 6,
            },
            Cause::Shaders(error) => match error {
                ShaderError::Trace(_) | ShaderError::View(_) | ShaderError::Photo(_) | ShaderError::TooLarge { .. } => {
                    2
                }
                ShaderError::OutOfMemory(_) => 4,
                ShaderError::NoAdapter { .. } | ShaderError::NoDevice { .. } => 5,
                ShaderError::DeviceLost(_) | ShaderError::Driver(_) => 1,
            },
        }
    }

    /// Whether it is about one input, so that others can be gone on with.
    pub fn is_of_input(&self) -> bool {
        matches!(self.cause, Cause::Engine(EngineError::Input { .. }))
    }

    /// The kind of failure in one word, for programs.
    pub fn kind(&self) -> &'static str {
        match self.exit_code() {
            0 => "reader_gone",
            2 => "input",
            3 => "refused",
            4 => "out_of_memory",
            5 => "no_adapter",
            6 => "hub",
            STOPPED => "stopped",
            130 => "cancelled",
            _ => "internal",
        }
    }

    /// The object that goes to standard output with `--json`.
    pub fn json(&self) -> Value {
        let mut object = self.report.clone();
        object.insert("error".into(), json!({ "kind": self.kind(), "message": self.to_string() }));
        Value::Object(object)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Engine(error) => error.fmt(f),
            Cause::Shaders(error) => error.fmt(f),
            Cause::Hub(error) => f.write_str(&printable::lines(&error.to_string())),
            Cause::Internal(what) => {
                write!(
                    f,
                    "internal error: {what}\n  this is a fault of the program; please report it with the command and `opabinia doctor`"
                )
            }
            Cause::NoDisplay(what) => write!(
                f,
                "the window cannot be opened: {what}\n  start it on a desktop, over `ssh -X`, or on a display in memory \
                 (`xvfb-run opabinia`); ask, trace and render need no display"
            ),
            Cause::NoWindow(what) => write!(
                f,
                "the window cannot be opened: {what}\n  it needs a graphics driver (`opabinia doctor` shows what is \
                 there); ask and trace need none\n  {INSTALL_HINT}"
            ),
            Cause::Stopped(what) => write!(f, "{what}\n  the same command goes on from there"),
            Cause::ReaderGone => f.write_str("standard output was closed"),
        }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self { cause, report: Map::new() }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            // Whoever wrote a file there.
            EngineError::Io { path, source } if path == Path::new(STANDARD_OUTPUT) => Self::of_stdout(source),
            error => Cause::Engine(error.advised(advice::words)).into(),
        }
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Cause::Hub(error).into()
    }
}

impl From<pulling::Error> for Failure {
    fn from(error: pulling::Error) -> Self {
        match error {
            pulling::Error::Engine(error) => error.into(),
            pulling::Error::Hub(error) => error.into(),
        }
    }
}

impl From<Unopened> for Failure {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::NoDisplay(what) => Cause::NoDisplay(what).into(),
            Unopened::NoWindow(what) => Cause::NoWindow(what).into(),
            Unopened::Setting(error) => error.into(),
        }
    }
}

impl From<opabinia_eval::Error> for Failure {
    fn from(error: opabinia_eval::Error) -> Self {
        EngineError::input(error.what, error.help).into()
    }
}

impl From<Unusable> for Failure {
    fn from(unusable: Unusable) -> Self {
        EngineError::from(unusable).into()
    }
}

impl From<ShaderError> for Failure {
    fn from(error: ShaderError) -> Self {
        Cause::Shaders(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_engine::error::Refusal;

    #[test]
    fn every_kind_has_its_code() {
        let code = |failure: Failure| (failure.exit_code(), failure.kind());
        assert_eq!(code(EngineError::input("a", "b").into()), (2, "input"));
        assert_eq!(code(EngineError::from(Refusal::new("f", "p")).into()), (3, "refused"));
        let memory = EngineError::OutOfMemory { what: String::new(), help: String::new().into() };
        assert_eq!(code(memory.into()), (4, "out_of_memory"));
        assert_eq!(code(EngineError::Cancelled.into()), (130, "cancelled"));
        assert_eq!(code(EngineError::Panicked("x".into()).into()), (1, "internal"));
        assert_eq!(code(ShaderError::NoAdapter { rejected: String::new() }.into()), (5, "no_adapter"));
        assert_eq!(code(Failure::internal("x")), (1, "internal"));
    }

    #[test]
    fn the_report_stands_beside_the_error() {
        let mut failure = Failure::from(EngineError::input("what", "help"));
        failure.report.insert("family".into(), "llama".into());
        let value = failure.json();
        assert_eq!(value["family"], "llama");
        assert_eq!(value["error"]["kind"], "input");
        assert_eq!(value["error"]["message"], "what\n  help");
    }
}
