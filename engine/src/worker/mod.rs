//! The engine thread: the one owner of all tensors.
//!
//! Commands go in, events come out (`spec`). Each command is a job and ends in exactly one of done, cancelled or failed.
//! What a person waits for goes before batch work, between its passes (`thread`). A panic inside a job is caught,
//! reported as its failure, and survived. Models are named by [`crate::run::ModelId`], as many as there is memory for
//! (`registry`); who would rather wait than take events has a [`Client`].

mod active;
mod beside;
mod client;
mod registry;
mod spec;
mod thread;

pub use beside::{Beside, RunBeside};
pub use client::{Client, Ticket};
pub use spec::{
    Command, Decoding, Event, EventKind, EvidenceSpec, JobId, Loaded, Outcome, Prompt, Record, RunOutput, RunSpec,
    TraceFile,
};

use crate::cores::Cores;
use crate::error::{Error, Result};
use crate::job::CancelToken;
use crate::threads;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thread::{Envelope, Message, Worker};

/// Jobs that have not ended, with what cancels them.
type Pending = Arc<Mutex<HashMap<JobId, CancelToken>>>;

fn lock(pending: &Pending) -> MutexGuard<'_, HashMap<JobId, CancelToken>> {
    // The map stays consistent whatever panicked while it was held: its operations are single calls.
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until when batch work leaves a core to others.
#[derive(Clone, Default)]
struct CoreLeft(Arc<Mutex<Option<Instant>>>);

impl CoreLeft {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        // Whatever panicked while it was held: it was set as a whole, or not.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }
}

/// Where commands go in.
#[derive(Clone)]
struct Door {
    commands: Sender<Message>,
    pending: Pending,
    next: Arc<AtomicU64>,
}

impl Door {
    /// Queues `command`; its events go to `listener`, or to the handle's owner.
    fn submit(&self, command: Command, cancel: CancelToken, listener: Option<Sender<Event>>) -> JobId {
        let job = JobId(self.next.fetch_add(1, Ordering::Relaxed));
        lock(&self.pending).insert(job, cancel.clone());
        if self.commands.send(Message::Ask(Envelope { job, cancel, command, listener })).is_err() {
            // The thread has ended, and nobody will say so of this job.
            lock(&self.pending).remove(&job);
        }
        job
    }
}

/// The handle to the engine thread. Dropping it cancels every job and waits for the thread to end.
pub struct Engine {
    door: Door,
    events: Receiver<Event>,
    core_left: CoreLeft,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the thread. `wake` is called after every event, from the thread that works, which is the engine's or, in a pass
    /// that leaves a core, one of its helpers: a window asks for a repaint there.
    ///
    /// If `wake` panics it does so on that thread: after an event in the middle of a job (progress, a token) it is the
    /// job's failure, like any other panic inside it; after the first or last event of a job it goes no further. Tests
    /// of whoever drives the engine show in this way that a panic is survived, in the program as it is shipped: no
    /// command and no feature exists for it.
    ///
    /// # Errors
    /// [`Error::Io`] if the operating system gives no thread.
    pub fn start(wake: impl Fn() + Send + 'static) -> Result<Self> {
        let (commands, inbox) = unbounded();
        let (outbox, events) = unbounded();
        let pending = Pending::default();
        let shared = Arc::clone(&pending);
        let core_left = CoreLeft::default();
        let left = core_left.clone();
        let thread = threads::named("engine")
            .spawn(move || {
                let cores = Cores::join();
                Worker::new(outbox, Box::new(wake), shared).run(&inbox, &cores, &left);
            })
            .map_err(|e| Error::io("the engine thread", e))?;
        let door = Door { commands, pending, next: Arc::default() };
        Ok(Self { door, events, core_left, thread: Some(thread) })
    }

    /// Queues `command`.
    pub fn submit(&mut self, command: Command) -> JobId {
        self.door.submit(command, CancelToken::default(), None)
    }

    /// A handle for work beside the owner's: its events do not come to this one.
    pub fn beside(&self) -> Beside {
        Beside::new(self.door.clone())
    }

    /// Leaves one of the processor's cores to others for `time` from now on: passes of batch work that begin until then use
    /// one thread less than there are cores. For whoever draws a window, which would wait for its turn otherwise. What is
    /// interactive uses all cores, as does everything where there is only one; passes on a graphics device are not concerned.
    /// What is computed is the same.
    pub fn leave_a_core(&self, time: Duration) {
        *self.core_left.until() = Instant::now().checked_add(time);
    }

    /// Asks `job` to stop; without effect if it has ended.
    pub fn cancel(&self, job: JobId) {
        if let Some(cancel) = lock(&self.door.pending).get(&job) {
            cancel.cancel();
        }
    }

    /// The token that cancels `job`, for other threads (a signal handler); `None` if it has ended.
    pub fn cancel_token(&self, job: JobId) -> Option<CancelToken> {
        lock(&self.door.pending).get(&job).cloned()
    }

    /// The stream of events of all jobs.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for cancel in lock(&self.door.pending).values() {
            cancel.cancel();
        }
        // Others may hold the door open; nobody is let in any more.
        let _ = self.door.commands.send(Message::End);
        if let Some(thread) = self.thread.take() {
            // A panic on the thread was reported as its job's failure already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::ModelId;
    use crate::vision::Picture;

    #[test]
    fn a_question_without_a_model_says_so() {
        let mut client = Client::start().unwrap();
        let picture = Arc::new(Picture { width: 1, height: 1, rgb: vec![0; 3] });
        let ticket = client.run(RunSpec::encode(ModelId::unique(), picture));
        let error = client.wait(ticket).unwrap_err().to_string();
        assert!(error.contains("not loaded") && error.contains("open"), "{error}");
    }
}
