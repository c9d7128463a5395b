//! What is known of the session on the disk: where it is, and whether something has changed since it was saved.

use super::state::{AppState, Kept, NoticeKind};
use super::store::{Geometry, LoadWarning, Session, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What is kept, and whether something has changed.
#[derive(Debug, Default)]
pub struct Saver {
    pub(super) store: Option<Arc<Store>>,
    /// What was found and has not been brought back.
    found: Option<(Option<Session>, Vec<LoadWarning>)>,
    /// When the first change came that has not been saved.
    pub(super) changed: Option<Instant>,
    pub(super) saving: bool,
    /// Where the window is.
    pub(super) geometry: Option<Geometry>,
    /// Where it is to be moved, once the screen is known.
    pub(super) move_to: Option<Geometry>,
    /// When the data directory was opened.
    pub(super) opened: Option<Instant>,
    /// Why saving failed last: said once, not every second.
    pub(super) failed: Option<String>,
}

impl Saver {
    /// Opens `directory` and reads what is kept there: one file, before the first frame, so that nothing jumps.
    pub fn open(directory: Option<&Path>) -> Self {
        let Some(directory) = directory else { return Self::default() };
        let (store, session, warnings) = Store::open(directory);
        let geometry = session.as_ref().and_then(|session| session.window);
        let found = Some((session, warnings));
        let opened = Some(Instant::now());
        Self { store: Some(Arc::new(store)), found, geometry, move_to: geometry, opened, ..Self::default() }
    }

    /// Brings what was found back into `state`.
    pub fn restore(&mut self, state: &mut AppState) {
        let Some((session, warnings)) = self.found.take() else { return };
        if let Some(session) = session {
            session.restore(state);
        }
        let texts = state.settings.language.language().texts();
        // What was put together from damaged files is not put together a second time.
        self.changed = (!warnings.is_empty()).then(Instant::now);
        for warning in warnings {
            state.notices.add(NoticeKind::Warning, warning.words(texts));
        }
        self.report(state);
    }

    /// Notes in `state` where everything is kept, and whether it is by now.
    pub fn report(&self, state: &mut AppState) {
        let directory = self.store().filter(|store| store.keeps()).map(Store::directory);
        if state.data_dir.as_deref() != directory {
            state.data_dir = directory.map(Path::to_path_buf);
        }
        state.kept = match &self.failed {
            _ if directory.is_none() => Kept::Nowhere,
            Some(why) => Kept::Failed(why.clone()),
            None if self.saving || self.changed.is_some() => Kept::Soon,
            None => Kept::Saved,
        };
    }

    /// Where the window was.
    pub fn geometry(&self) -> Geometry {
        self.geometry.unwrap_or_default()
    }

    /// Where it is kept.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_deref()
    }

    /// Leaves the data directory to another window; gives whether this one had it.
    pub fn release(&self) -> bool {
        self.store().is_some_and(Store::release)
    }

    /// Keeps the session again after [`Saver::release`], unless another window does by now.
    pub fn reacquire(&self) {
        if let Some(store) = self.store() {
            store.reacquire();
        }
    }
}
