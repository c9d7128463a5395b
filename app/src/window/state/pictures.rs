//! Pictures the person has attached, and whether they have been read.

use super::kept_path;
use opabinia_engine::vision::Picture;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Names a picture for as long as a saved session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PictureId(pub u64);

/// Where a picture can be read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PictureSource {
    /// A file of the person's.
    File(#[serde(with = "kept_path")] PathBuf),
    /// A sample that is part of the program, by its name.
    Sample(String),
    /// Pixels from the clipboard, kept as a PNG file of this name among our own.
    Pasted(PathBuf),
}

impl PictureSource {
    /// What people call it.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Pasted(path) => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
            Self::Sample(name) => name.clone(),
        }
    }
}

/// What tells a file from what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// Of the file at `path` as it is now, if there is one. Asks the file system: not for the window's own thread.
    pub fn of(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self { bytes: about.len(), modified: about.modified().ok() })
    }
}

/// Whether a picture has been read.
#[derive(Debug, Clone)]
pub enum PictureState {
    /// Nobody asked for it yet.
    Unread,
    /// It is being read.
    Reading,
    /// It is here.
    Ready(Arc<Picture>),
    /// It cannot be read: why.
    Failed(String),
}

/// One picture.
#[derive(Debug, Clone)]
pub struct PictureEntry {
    /// Where it comes from.
    pub source: PictureSource,
    /// Whether it has been read.
    pub state: PictureState,
    /// What its file was when it was read.
    pub stamp: Option<Stamp>,
}

impl PictureEntry {
    fn new(source: PictureSource) -> Self {
        Self { source, state: PictureState::Unread, stamp: None }
    }
}

/// All pictures.
#[derive(Debug, Default)]
pub struct Pictures {
    entries: HashMap<PictureId, PictureEntry>,
    next: u64,
}

impl Pictures {
    /// The picture from `source`: the one that is known, or a new one that has not been read.
    pub fn insert(&mut self, source: PictureSource) -> PictureId {
        match self.newest(&source) {
            Some((id, _)) => id,
            None => self.add(source),
        }
    }

    /// The picture from the file `source` as it is `now`: a new one if what is known was read from it before it changed.
    pub fn insert_as_now(&mut self, source: PictureSource, now: Option<Stamp>) -> PictureId {
        match self.newest(&source) {
            Some((id, entry)) if entry.stamp.is_none() || entry.stamp == now => id,
            _ => self.add(source),
        }
    }

    /// Whether a picture from `source` was read from its file, which may have changed since.
    pub fn was_read(&self, source: &PictureSource) -> bool {
        self.newest(source).is_some_and(|(_, entry)| entry.stamp.is_some())
    }

    /// The newest picture from `source`.
    fn newest(&self, source: &PictureSource) -> Option<(PictureId, &PictureEntry)> {
        self.iter().filter(|(_, entry)| entry.source == *source).max_by_key(|(id, _)| *id)
    }

    fn add(&mut self, source: PictureSource) -> PictureId {
        let id = PictureId(self.next);
        self.next += 1;
        self.entries.insert(id, PictureEntry::new(source));
        id
    }

    /// A new picture from the clipboard, whose pixels are on their way.
    pub fn paste(&mut self) -> (PictureId, PathBuf) {
        // Unique among the files of all windows that ever had this data directory.
        let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let name = PathBuf::from(format!("pasted-{millis}-{}-{}.png", std::process::id(), self.next));
        let id = self.insert(PictureSource::Pasted(name.clone()));
        self.set_state(id, PictureState::Reading);
        (id, name)
    }

    /// Brings back a picture of a saved session.
    pub fn restore(&mut self, id: PictureId, source: PictureSource) {
        self.reserve(id);
        self.entries.insert(id, PictureEntry::new(source));
    }

    /// Gives `id` to no new picture: a conversation of a saved session means another one by it.
    pub fn reserve(&mut self, id: PictureId) {
        self.next = self.next.max(id.0.saturating_add(1));
    }

    /// The picture named `id`.
    pub fn get(&self, id: PictureId) -> Option<&PictureEntry> {
        self.entries.get(&id)
    }

    /// Its pixels, if they have been read.
    pub fn ready(&self, id: PictureId) -> Option<&Arc<Picture>> {
        match &self.get(id)?.state {
            PictureState::Ready(picture) => Some(picture),
            _ => None,
        }
    }

    /// Notes how far the reading of `id` is.
    pub fn set_state(&mut self, id: PictureId, state: PictureState) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.state = state;
        }
    }

    /// Notes what the file of `id` was when it was read.
    pub fn set_stamp(&mut self, id: PictureId, stamp: Option<Stamp>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.stamp = stamp;
        }
    }

    /// All pictures with their names.
    pub fn iter(&self) -> impl Iterator<Item = (PictureId, &PictureEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_is_another_picture() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.png");
        std::fs::write(&path, "one").unwrap();
        let source = PictureSource::File(path.clone());
        let mut pictures = Pictures::default();
        let first = pictures.insert(source.clone());
        assert!(!pictures.was_read(&source), "there is nothing to compare with yet");
        assert_eq!(pictures.insert_as_now(source.clone(), Stamp::of(&path)), first);
        pictures.set_stamp(first, Stamp::of(&path));
        assert!(pictures.was_read(&source));
        assert_eq!(pictures.insert_as_now(source.clone(), Stamp::of(&path)), first, "it is as it was");
        std::fs::write(&path, "longer").unwrap();
        let second = pictures.insert_as_now(source.clone(), Stamp::of(&path));
        assert_ne!(second, first);
        assert_eq!(pictures.insert(source), second, "the newest");
    }
}
