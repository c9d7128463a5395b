//! The file in which a session is kept.

use super::Geometry;
use crate::window::state::{
    AppState, Conversations, InspectorTab, Layout, MAX_ID, Panes, PictureId, PictureSource, Settings, TokenPlace,
    ViewHistory,
};
use serde::de::{DeserializeOwned, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

/// The version this program writes. A program that writes what older ones cannot read counts it up, and goes on reading
/// what older ones wrote; `tests/window` keeps a file of each version.
pub const VERSION: u32 = 2;

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
    /// What was looked at, in which panes.
    pub panes: Panes,
    /// What numbers were of.
    pub inspected: Inspected,
    /// Where pictures can be read again.
    pub pictures: Vec<KeptPicture>,
    /// Where the window was.
    pub window: Option<Geometry>,
}

/// What the inspector showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inspected {
    /// Which part of it.
    tab: InspectorTab,
    /// The token looked at.
    token: Option<TokenPlace>,
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
pub enum SessionPart {
    /// [`Session::settings`].
    Settings,
    /// [`Session::layout`].
    Layout,
    /// [`Session::conversations`].
    Conversations,
    /// [`Session::panes`].
    Panes,
    /// [`Session::inspected`].
    Inspected,
    /// [`Session::pictures`].
    Pictures,
    /// [`Session::window`].
    Window,
}

impl SessionPart {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Layout => "layout",
            Self::Conversations => "conversations",
            Self::Panes => "panes",
            Self::Inspected => "inspected",
            Self::Pictures => "pictures",
            Self::Window => "window",
        }
    }
}

/// A session, and its parts that could not be read, with the reasons.
pub type Parsed = (Session, Vec<(SessionPart, String)>);

/// Why a session cannot be read at all.
#[derive(Debug)]
pub enum Unreadable {
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
    /// What is to be kept of `state`: of the pictures, those that a conversation is about.
    pub fn of(state: &AppState, window: Option<Geometry>) -> Self {
        let wanted: HashSet<_> = state.conversations.pictures().collect();
        let wanted = state.pictures.iter().filter(|(id, _)| wanted.contains(id));
        let mut pictures: Vec<_> = wanted.map(|(id, entry)| KeptPicture { id, source: entry.source.clone() }).collect();
        pictures.sort_by_key(|kept| kept.id);
        Self {
            version: VERSION,
            settings: state.settings.clone(),
            layout: state.layout.clone(),
            conversations: state.conversations.clone(),
            panes: state.panes().clone(),
            inspected: Inspected { tab: state.inspector, token: state.token },
            pictures,
            window,
        }
    }

    /// Brings it back into `state`.
    pub fn restore(self, state: &mut AppState) {
        state.settings = self.settings;
        state.layout = self.layout;
        for picture in self.conversations.pictures() {
            state.pictures.reserve(picture);
        }
        state.conversations = self.conversations;
        state.view = ViewHistory::starting_with(self.panes);
        state.layout.show_exactly(state.view.panes());
        // The second side does not come back by itself.
        state.layout.close_comparison();
        state.inspector = self.inspected.tab;
        let conversations = &state.conversations;
        state.token = self.inspected.token.filter(|place| {
            let shown = conversations.current().filter(|shown| shown.id == place.conversation);
            shown.is_some_and(|shown| shown.shows(place.exchange))
                && conversations.exchange(*place).is_some_and(|exchange| place.token < exchange.tokens.len())
        });
        for kept in self.pictures {
            state.pictures.restore(kept.id, kept.source);
        }
    }

    /// Reads a file, part by part: what is damaged in one does not take the others along.
    ///
    /// # Errors
    /// [`Unreadable`] if it is of a newer version or no session at all.
    pub fn parse(text: &[u8]) -> Result<Parsed, Unreadable> {
        let damaged = |why: serde_json::Error| Unreadable::Damaged(why.to_string());
        // A file without damage, as nearly all are, is read in one go.
        let whole = serde_json::from_slice::<Parts>(text);
        let version = match &whole {
            Ok(parts) => parts.version,
            Err(_) => serde_json::from_slice::<Head>(text).map_err(damaged)?.version,
        };
        match version {
            0 => return Err(Unreadable::Damaged("it names no version".into())),
            version if version > u64::from(VERSION) => return Err(Unreadable::Newer),
            _ => {}
        }
        let mut lost = Vec::new();
        let mut parts = whole.unwrap_or_else(|_| Parts {
            version,
            settings: part(text, SessionPart::Settings, &mut lost),
            layout: part(text, SessionPart::Layout, &mut lost),
            conversations: part(text, SessionPart::Conversations, &mut lost),
            panes: part(text, SessionPart::Panes, &mut lost),
            inspected: part(text, SessionPart::Inspected, &mut lost),
            pictures: part(text, SessionPart::Pictures, &mut lost),
            window: part(text, SessionPart::Window, &mut lost),
        });
        reset_unless(&mut parts.layout, Layout::is_sound, SessionPart::Layout, &mut lost);
        reset_unless(&mut parts.conversations, Conversations::is_sound, SessionPart::Conversations, &mut lost);
        reset_unless(&mut parts.panes, Panes::is_sound, SessionPart::Panes, &mut lost);
        reset_unless(&mut parts.pictures, |kept| are_sound(kept), SessionPart::Pictures, &mut lost);
        reset_unless(
            &mut parts.window,
            |window| window.is_none_or(|at| at.is_finite()),
            SessionPart::Window,
            &mut lost,
        );
        parts.settings.clamp();
        parts.conversations.stop_open_answers();
        parts.panes.clamp();
        let Parts { version: _, settings, layout, conversations, panes, inspected, pictures, window } = parts;
        Ok((Self { version: VERSION, settings, layout, conversations, panes, inspected, pictures, window }, lost))
    }

    /// Replaces `part` by that of an older session.
    pub(super) fn replace_part(&mut self, part: SessionPart, older: &mut Self) {
        match part {
            SessionPart::Settings => std::mem::swap(&mut self.settings, &mut older.settings),
            SessionPart::Layout => std::mem::swap(&mut self.layout, &mut older.layout),
            SessionPart::Conversations => {
                std::mem::swap(&mut self.conversations, &mut older.conversations);
                // What has been removed since was about pictures that are no longer kept.
                let known: HashSet<_> = self.pictures.iter().map(|kept| kept.id).collect();
                self.pictures.extend(older.pictures.iter().filter(|kept| !known.contains(&kept.id)).cloned());
            }
            SessionPart::Panes => std::mem::swap(&mut self.panes, &mut older.panes),
            SessionPart::Inspected => std::mem::swap(&mut self.inspected, &mut older.inspected),
            SessionPart::Pictures => std::mem::swap(&mut self.pictures, &mut older.pictures),
            SessionPart::Window => std::mem::swap(&mut self.window, &mut older.window),
        }
    }

    /// JSON has no word for infinity and the like; a log-probability that is none becomes the least there is.
    pub fn make_finite(&mut self) {
        self.conversations.make_finite();
    }
}

/// A session as it stands in a file. What is missing has its default.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parts {
    version: u64,
    settings: Settings,
    layout: Layout,
    conversations: Conversations,
    panes: Panes,
    inspected: Inspected,
    pictures: Vec<KeptPicture>,
    window: Option<Geometry>,
}

/// Whether there may be such pictures.
fn are_sound(pictures: &[KeptPicture]) -> bool {
    pictures.len() <= MAX_PICTURES && pictures.iter().all(|kept| kept.id.0 < MAX_ID)
}

/// Resets a part that is not `sound` to what stands for a missing one.
fn reset_unless<T: Default>(
    part: &mut T,
    sound: impl FnOnce(&T) -> bool,
    name: SessionPart,
    lost: &mut Vec<(SessionPart, String)>,
) {
    if !sound(part) {
        *part = T::default();
        lost.push((name, "it refers to something that is not there or cannot be".to_owned()));
    }
}

/// What is read of a damaged file before anything else. Reading it also shows that the file is JSON to its end.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: u64,
}

/// The part of the file `text` called `name`, or what stands for it where it is missing or damaged.
fn part<T: DeserializeOwned + Default>(text: &[u8], name: SessionPart, lost: &mut Vec<(SessionPart, String)>) -> T {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let why = match reader.deserialize_map(Part(name.name(), PhantomData)) {
        Ok(part) => return part.unwrap_or_default(),
        Err(error) => error.to_string(),
    };
    lost.push((name, why));
    T::default()
}

/// Reads one member of an object and passes over the others. A tree of JSON values in between would not hold the
/// integers of 128 bits in which a lens keeps its layers and heads.
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
