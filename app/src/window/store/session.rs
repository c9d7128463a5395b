//! The file in which a session is kept.

use super::Geometry;
use crate::window::layout::Layout;
use crate::window::state::{AppState, Conversations, PictureId, PictureSource, Settings, View, ViewHistory};
use serde::de::{DeserializeOwned, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;

/// The version this program writes. A program that writes what older ones cannot read counts it up, and goes on reading
/// what older ones wrote; `tests/window` keeps a file of each version.
pub const VERSION: u32 = 1;

/// How many pictures are kept.
const MAX_PICTURES: usize = 100_000;

/// What survives a restart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Session {
    /// [`VERSION`] of the program that wrote it.
    pub version: u32,
    /// What a person has set once and for all.
    pub settings: Settings,
    /// Where the panels are.
    pub layout: Layout,
    /// What was asked and answered.
    pub conversations: Conversations,
    /// What was looked at.
    pub view: View,
    /// Where pictures can be read again.
    pub pictures: Vec<KeptPicture>,
    /// Where the window was.
    pub window: Option<Geometry>,
}

/// Where a picture can be read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPicture {
    /// Names it in conversations.
    pub id: PictureId,
    /// Where it is.
    pub source: PictureSource,
}

/// A part of a session that may be unreadable while the rest is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// [`Session::settings`].
    Settings,
    /// [`Session::layout`].
    Layout,
    /// [`Session::conversations`].
    Conversations,
    /// [`Session::view`].
    View,
    /// [`Session::pictures`].
    Pictures,
    /// [`Session::window`].
    Window,
}

impl Lost {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Layout => "layout",
            Self::Conversations => "conversations",
            Self::View => "view",
            Self::Pictures => "pictures",
            Self::Window => "window",
        }
    }
}

/// Why a session cannot be read at all.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// A newer version of the program wrote it.
    Newer,
    /// It is no session, for this reason.
    Damaged(String),
}

impl Unreadable {
    /// The reason; `None` if it is newer.
    pub(super) fn reason(self) -> Option<String> {
        match self {
            Self::Newer => None,
            Self::Damaged(why) => Some(why),
        }
    }
}

impl Session {
    /// What is to be kept of `state`.
    pub fn of(state: &AppState, window: Option<Geometry>) -> Self {
        let mut pictures: Vec<_> =
            state.pictures.iter().map(|(id, entry)| KeptPicture { id, source: entry.source.clone() }).collect();
        pictures.sort_by_key(|kept| kept.id);
        Self {
            version: VERSION,
            settings: state.settings.clone(),
            layout: state.layout.clone(),
            conversations: state.conversations.clone(),
            view: state.view.now().clone(),
            pictures,
            window,
        }
    }

    /// Brings it back into `state`.
    pub fn restore(self, state: &mut AppState) {
        state.settings = self.settings;
        state.layout = self.layout;
        state.conversations = self.conversations;
        state.view = ViewHistory::starting_with(self.view);
        for kept in self.pictures {
            state.pictures.restore(kept.id, kept.source);
        }
    }

    /// Reads a file, part by part: what is damaged in one does not take the others along.
    pub(super) fn parse(text: &[u8]) -> Result<(Self, Vec<(Lost, String)>), Unreadable> {
        let damaged = |why: serde_json::Error| Unreadable::Damaged(why.to_string());
        let head: Head = serde_json::from_slice(text).map_err(damaged)?;
        match head.version {
            0 => return Err(Unreadable::Damaged("it names no version".into())),
            version if version > u64::from(VERSION) => return Err(Unreadable::Newer),
            _ => {}
        }
        let mut lost = Vec::new();
        let mut settings: Settings = part(text, Lost::Settings, |_| true, &mut lost);
        settings.settle();
        let mut conversations = part(text, Lost::Conversations, Conversations::is_sound, &mut lost);
        conversations.settle();
        let session = Self {
            version: VERSION,
            settings,
            layout: part(text, Lost::Layout, Layout::is_sound, &mut lost),
            conversations,
            view: part(text, Lost::View, |_| true, &mut lost),
            pictures: part(text, Lost::Pictures, |kept: &Vec<_>| kept.len() <= MAX_PICTURES, &mut lost),
            window: part(text, Lost::Window, |_| true, &mut lost),
        };
        Ok((session, lost))
    }

    /// JSON has no word for infinity and the like; a log-probability that is none becomes the least there is.
    pub(super) fn make_finite(&mut self) {
        self.conversations.make_finite();
    }
}

/// What is read of a file before anything else. Reading it also shows that the file is JSON to its end.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: u64,
}

/// The part of the file `text` called `name`, or what stands for it where it is missing, damaged or not `sound`.
fn part<T: DeserializeOwned + Default>(
    text: &[u8],
    name: Lost,
    sound: impl FnOnce(&T) -> bool,
    lost: &mut Vec<(Lost, String)>,
) -> T {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let why = match reader.deserialize_map(Part(name.name(), PhantomData)) {
        Ok(None) => return T::default(),
        Ok(Some(part)) if sound(&part) => return part,
        Ok(Some(_)) => "it refers to something that is not there".to_owned(),
        Err(error) => error.to_string(),
    };
    lost.push((name, why));
    T::default()
}

/// Reads one member of an object and passes over the others. A tree of JSON values in between would not hold the
/// integers of 128 bits in which the view keeps its layers and heads.
struct Part<T>(&'static str, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Part<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
