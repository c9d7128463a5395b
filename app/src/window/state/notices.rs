//! Messages to the person: shortly over the panels, and for good in the log.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// How many messages the log keeps.
const KEPT: usize = 1000;

/// How long a message that is no failure stays over the panels.
pub const SHOWN: Duration = Duration::from_secs(6);

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something was done.
    Info,
    /// Something a person should know.
    Warning,
    /// Something did not work. Stays until it is dismissed.
    Failure,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Names it.
    pub id: u64,
    /// How much it matters.
    pub kind: NoticeKind,
    /// What it says, in one or more lines.
    pub text: String,
    /// When it came.
    pub at: SystemTime,
    /// Whether it is still over the panels.
    pub shown: bool,
}

/// All messages.
#[derive(Debug, Default)]
pub struct Notices {
    kept: VecDeque<Notice>,
    next: u64,
}

impl Notices {
    /// Adds a message.
    pub fn add(&mut self, kind: NoticeKind, text: impl Into<String>) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let id = self.next;
        self.next += 1;
        self.kept.push_back(Notice { id, kind, text: text.into(), at: SystemTime::now(), shown: true });
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        self.kept.iter()
    }

    /// Those over the panels, oldest first.
    pub fn shown(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        self.kept.iter().filter(|notice| notice.shown)
    }

    /// Takes `id` off the panels.
    pub fn dismiss(&mut self, id: u64) {
        if let Some(notice) = self.kept.iter_mut().find(|notice| notice.id == id) {
            notice.shown = false;
        }
    }

    /// Takes off what has been shown long enough, and gives the time until the next one has.
    pub fn expire(&mut self, now: SystemTime) -> Option<Duration> {
        let mut next = None;
        for notice in self.kept.iter_mut().filter(|notice| notice.shown && notice.kind != NoticeKind::Failure) {
            // A clock that was set back counts as no time at all.
            let left = SHOWN.saturating_sub(now.duration_since(notice.at).unwrap_or_default());
            if left.is_zero() {
                notice.shown = false;
            } else {
                next = Some(next.map_or(left, |known: Duration| known.min(left)));
            }
        }
        next
    }
}
