//! Work beside that of the handle's owner: long batches that a thread of their own waits for, while a window goes on
//! taking events.

use super::Door;
use super::spec::{Command, Event, EventKind, Outcome, RunOutput, RunSpec};
use crate::error::{Error, Result};
use crate::job::CancelToken;
use crossbeam_channel::{Receiver, unbounded};

/// A handle to an engine that somebody else owns. Its owner hears nothing of what is asked for here, and whatever the owner
/// asks for interactively goes first.
#[derive(Clone)]
pub struct Beside {
    door: Door,
}

impl Beside {
    pub(super) fn new(door: Door) -> Self {
        Self { door }
    }

    /// Asks for a run of `spec`, which `cancel` stops.
    pub fn submit(&self, spec: RunSpec, cancel: &CancelToken) -> RunBeside {
        let (listener, events) = unbounded();
        self.door.submit(Command::Run(Box::new(spec)), cancel.clone(), Some(listener));
        RunBeside { events }
    }
}

/// A run that was asked for.
#[must_use = "what comes of it comes to whoever waits for it"]
pub struct RunBeside {
    events: Receiver<Event>,
}

impl RunBeside {
    /// Waits for what comes of it. Not for a window's own thread.
    ///
    /// # Errors
    /// Whatever the run failed with; [`Error::Cancelled`], also where the engine has ended.
    pub fn wait(self) -> Result<RunOutput> {
        for event in self.events {
            match event.kind {
                EventKind::Done(Outcome::Ran(output)) => return Ok(*output),
                EventKind::Done(_) => return Err(Error::Panicked("the engine did another job".into())),
                EventKind::Cancelled => return Err(Error::Cancelled),
                EventKind::Failed(error) => return Err(error),
                _ => {}
            }
        }
        // The engine has ended and dropped what was asked for.
        Err(Error::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::job::CancelToken;
    use crate::run::ModelId;
    use crate::worker::{Engine, Prompt, RunSpec};

    #[test]
    fn who_asks_beside_hears_of_it_alone_and_is_let_go_when_the_engine_ends() {
        let engine = Engine::start(|| {}).unwrap();
        let (beside, cancel) = (engine.beside(), CancelToken::default());
        let spec = RunSpec::new(ModelId::unique(), Prompt::question("Is anybody there?"));
        let error = beside.submit(spec.clone(), &cancel).wait().unwrap_err().to_string();
        assert!(error.contains("not loaded"), "{error}");
        assert_eq!(engine.events().try_iter().count(), 0, "its owner heard of it");
        drop(engine);
        assert!(matches!(beside.submit(spec, &cancel).wait(), Err(Error::Cancelled)));
    }
}
