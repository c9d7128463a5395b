//! Files on their way from the hub.

use super::Slot;
use crate::pace::Rate;
use crate::pulling::Needs;
use opabinia_hub::progress::Stop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is being done for a download, by a name of its own: what an earlier task found is nobody's any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadTask(u64);

impl DownloadTask {
    /// A name that no other has.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A checkpoint that is looked up on the hub, or on its way from there.
#[derive(Debug)]
pub struct Download {
    /// The repository.
    pub repo: String,
    /// Where it is opened when it is there.
    pub slot: Slot,
    /// What is being done.
    pub task: DownloadTask,
    /// What ends that.
    pub stop: Stop,
    /// Whether it begins as soon as it is known what it takes: the person has decided before.
    pub begins: bool,
    /// How fast it comes.
    pub rate: Rate,
    /// How far it is.
    pub phase: DownloadPhase,
}

/// How far a download is.
#[derive(Debug, Clone)]
pub enum DownloadPhase {
    /// The hub is asked what there is.
    Asking,
    /// What it takes is known; the person decides.
    Known(Arc<Needs>),
    /// It is arriving.
    Arriving(Arc<Needs>),
    /// It was asked to pause.
    Pausing(Arc<Needs>),
    /// It stands still, and can go on.
    Paused(Arc<Needs>),
    /// It did not work, for this reason.
    Failed(String),
}

impl DownloadPhase {
    /// What it takes, as far as that is known.
    pub fn needs(&self) -> Option<&Arc<Needs>> {
        match self {
            Self::Asking | Self::Failed(_) => None,
            Self::Known(needs) | Self::Arriving(needs) | Self::Pausing(needs) | Self::Paused(needs) => Some(needs),
        }
    }
}
