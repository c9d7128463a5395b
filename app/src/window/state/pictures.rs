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

    /// Whether the file of `id` was read before, and was then not as `stamp` says: it holds another picture now.
    pub fn has_changed(&self, id: PictureId, stamp: Option<Stamp>) -> bool {
        self.get(id).is_some_and(|entry| entry.stamp.is_some() && entry.stamp != stamp)
    }

    /// Takes in the pixels of `id`, from a file that was then as `stamp` says.
    pub fn set_ready(&mut self, id: PictureId, stamp: Option<Stamp>, picture: Picture) {
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.stamp, entry.state) = (stamp, PictureState::Ready(Arc::new(picture)));
        }
    }

    /// Lets go of pixels that can be read again, of the pictures that came first and are not `needed`, until all that are
    /// left take at most `room` bytes.
    pub fn make_room(&mut self, room: usize, needed: impl Fn(PictureId) -> bool) {
        let bytes = |entry: &PictureEntry| match &entry.state {
            PictureState::Ready(picture) => picture.rgb.len(),
            _ => 0,
        };
        let mut taken: usize = self.entries.values().map(bytes).sum();
        let mut ids: Vec<_> = self.entries.keys().copied().filter(|id| !needed(*id)).collect();
        ids.sort_unstable();
        for id in ids {
            if taken <= room {
                break;
            }
            if let Some(entry) = self.entries.get_mut(&id)
                && matches!(entry.state, PictureState::Ready(_))
                && entry.stamp.is_some()
            {
                taken -= bytes(entry);
                entry.state = PictureState::Unread;
            }
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
        pictures.set_ready(first, Stamp::of(&path), Picture { width: 1, height: 1, rgb: vec![0; 3] });
        assert!(pictures.was_read(&source));
        assert_eq!(pictures.insert_as_now(source.clone(), Stamp::of(&path)), first, "it is as it was");
        std::fs::write(&path, "longer").unwrap();
        let second = pictures.insert_as_now(source.clone(), Stamp::of(&path));
        assert_ne!(second, first);
        assert_eq!(pictures.insert(source), second, "the newest");
    }

    #[test]
    fn room_is_made_by_the_oldest_that_can_be_read_again() {
        let mut pictures = Pictures::default();
        let stamp = Some(Stamp { bytes: 1, modified: None });
        let of = |bytes| Picture { width: 1, height: bytes / 3, rgb: vec![0; bytes] };
        let file = |name: &str| PictureSource::File(PathBuf::from(name));
        let ids = ["a", "b", "c"].map(|name| pictures.insert(file(name)));
        for id in ids {
            pictures.set_ready(id, stamp, of(30));
        }
        let (pasted, _) = pictures.paste();
        pictures.set_ready(pasted, None, of(30));
        let known = |pictures: &Pictures| [ids[0], ids[1], ids[2], pasted].map(|id| pictures.ready(id).is_some());
        pictures.make_room(120, |_| false);
        assert_eq!(known(&pictures), [true; 4]);
        pictures.make_room(90, |id| id == ids[0]);
        assert_eq!(known(&pictures), [true, false, true, true]);
        pictures.make_room(0, |_| false);
        assert_eq!(known(&pictures), [false, false, false, true], "what is nowhere else stays");
        assert!(!pictures.has_changed(ids[0], stamp));
        assert!(pictures.has_changed(ids[0], Some(Stamp { bytes: 2, modified: None })));
    }
}
