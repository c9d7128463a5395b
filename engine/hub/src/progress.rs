//! How far files are, for whoever watches, and a way to ask for an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// Asks whatever is going on to stop. Cloned freely; anyone who holds one may ask, from any thread.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for the end.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the end was asked for.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What is happening to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Its turn has not come.
    Queued,
    /// Another process is bringing it.
    Elsewhere,
    /// What was there of it from before is read, for the checksum.
    Checking,
    /// It is arriving.
    Arriving,
    /// It is there.
    Done,
}

impl FileState {
    const ALL: [Self; 5] = [Self::Queued, Self::Elsewhere, Self::Checking, Self::Arriving, Self::Done];
}

/// How far one file is.
#[derive(Debug)]
pub struct FileProgress {
    /// The repository it belongs to.
    pub repo: String,
    /// Its name there.
    pub name: String,
    /// Its size in bytes.
    pub total: u64,
    done: AtomicU64,
    fetched: AtomicU64,
    state: AtomicU8,
}

impl FileProgress {
    pub(crate) fn new(repo: String, name: String, total: u64) -> Self {
        let zero = AtomicU64::default;
        Self { repo, name, total, done: zero(), fetched: zero(), state: AtomicU8::default() }
    }

    /// Bytes that are on the disk.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed).min(self.total)
    }

    /// Bytes that came over the network in this run; more than [`Self::total`] where some had to come again.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// What is happening to it.
    pub fn state(&self) -> FileState {
        FileState::ALL.get(usize::from(self.state.load(Ordering::Relaxed))).copied().unwrap_or(FileState::Done)
    }

    pub(crate) fn set(&self, state: FileState) {
        let place = FileState::ALL.iter().position(|each| *each == state);
        self.state.store(place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default(), Ordering::Relaxed);
    }

    pub(crate) fn set_done(&self, bytes: u64) {
        self.done.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// How far everything is: one entry for each file that was not there.
#[derive(Debug, Default)]
pub struct Progress {
    /// The files, in the order of the plan.
    pub files: Vec<Arc<FileProgress>>,
}

impl Progress {
    /// Bytes of all files.
    pub fn total(&self) -> u64 {
        self.files.iter().map(|file| file.total).fold(0, u64::saturating_add)
    }

    /// Bytes of all files that are on the disk.
    pub fn done(&self) -> u64 {
        self.files.iter().map(|file| file.done()).fold(0, u64::saturating_add)
    }

    /// Bytes that came over the network in this run.
    pub fn fetched(&self) -> u64 {
        self.files.iter().map(|file| file.fetched()).fold(0, u64::saturating_add)
    }
}
