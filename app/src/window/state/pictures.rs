//! Pictures the person has attached, and whether they have been read.

use opabinia_engine::vision::Picture;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// Names a picture for as long as a saved session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PictureId(pub u64);

/// Where a picture can be read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PictureSource {
    /// A file of the person's.
    File(PathBuf),
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
        if let Some((id, _)) = self.entries.iter().find(|(_, entry)| entry.source == source) {
            return *id;
        }
        let id = PictureId(self.next);
        self.next += 1;
        self.entries.insert(id, PictureEntry { source, state: PictureState::Unread });
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
        self.next = self.next.max(id.0 + 1);
        self.entries.insert(id, PictureEntry { source, state: PictureState::Unread });
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

    /// All pictures with their names.
    pub fn iter(&self) -> impl Iterator<Item = (PictureId, &PictureEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }
}
