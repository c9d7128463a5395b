//! Messages to the person: shortly over the panels, and for good in the log.

use super::Deed;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// How many messages the log keeps.
const KEPT: usize = 1000;

/// How long a message is shown: a glance, or as long as it takes to act on it.
const SHOWN: Duration = Duration::from_secs(6);
const SHOWN_LONG: Duration = Duration::from_secs(20);

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something was done.
    Info,
    /// Something a person should know.
    Warning,
    /// Something did not work.
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
    /// Whether it is still shown, and not only in the log.
    pub shown: bool,
    /// What it says was done and can be taken back.
    pub deed: Option<Deed>,
}

/// The lines of a message as they are read: each begins with a capital, and none is indented.
pub fn sentences(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim();
        let first = line.split_whitespace().next().unwrap_or_default();
        // Not the names of files and keys.
        let is_word = first.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, ',' | ':' | '\''));
        match line.chars().next() {
            Some(letter) if is_word => letter.to_uppercase().chain(line.chars().skip(1)).collect(),
            _ => line.to_owned(),
        }
    });
    lines.filter(|line: &String| !line.is_empty()).collect::<Vec<_>>().join("\n")
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
        self.push(kind, &text.into(), true, None);
    }

    /// Adds a message to the log alone: the same is said where it belongs.
    pub fn log(&mut self, kind: NoticeKind, text: impl Into<String>) {
        self.push(kind, &text.into(), false, None);
    }

    /// Adds a message that something was done which can be taken back.
    pub fn offer(&mut self, text: impl Into<String>, deed: Deed) {
        self.push(NoticeKind::Info, &text.into(), true, Some(deed));
    }

    /// What `deed` was has been taken back: nobody is told of it any more.
    pub fn withdraw(&mut self, deed: Deed) {
        self.kept.iter_mut().filter(|notice| notice.deed == Some(deed)).for_each(|notice| notice.shown = false);
    }

    fn push(&mut self, kind: NoticeKind, text: &str, shown: bool, deed: Option<Deed>) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let id = self.next;
        self.next += 1;
        self.kept.push_back(Notice { id, kind, text: sentences(text), at: SystemTime::now(), shown, deed });
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
        for notice in self.kept.iter_mut().filter(|notice| notice.shown) {
            let long = notice.kind == NoticeKind::Failure || notice.deed.is_some();
            let shown = if long { SHOWN_LONG } else { SHOWN };
            // A clock that was set back counts as no time at all.
            let left = shown.saturating_sub(now.duration_since(notice.at).unwrap_or_default());
            if left.is_zero() {
                notice.shown = false;
            } else {
                next = Some(next.map_or(left, |known: Duration| known.min(left)));
            }
        }
        next
    }
}
