//! When the session is saved: shortly after something changed, beside the window; and at its end.

use super::app::{App, Finished};
use super::state::{AppState, Kept, NoticeKind};
use super::store::{Geometry, Remark, Session, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after a change it is saved, with all changes in between.
const SOON: Duration = Duration::from_secs(1);

/// The same while an answer is being made, which changes with every token.
const BUSY: Duration = Duration::from_secs(5);

/// How long the window waits to be told how large the screen is.
const SETTLED: Duration = Duration::from_secs(3);

/// How long the window may stay while its last save is written.
const AT_END: Duration = Duration::from_secs(20);

/// What is kept, and whether something has changed.
#[derive(Debug, Default)]
pub struct Keeper {
    store: Option<Arc<Store>>,
    /// What was found and has not been brought back.
    found: Option<(Option<Session>, Vec<Remark>)>,
    /// When the first change came that has not been saved.
    changed: Option<Instant>,
    saving: bool,
    /// Where the window is.
    geometry: Option<Geometry>,
    /// Where it is to be moved, once the screen is known.
    move_to: Option<Geometry>,
    /// When the data directory was opened.
    opened: Option<Instant>,
    /// Why saving failed last: said once, not every second.
    failed: Option<String>,
}

impl Keeper {
    /// Opens `directory` and reads what is kept there: one file, before the first frame, so that nothing jumps.
    pub fn open(directory: Option<&Path>) -> Self {
        let Some(directory) = directory else { return Self::default() };
        let (store, session, remarks) = Store::open(directory);
        let geometry = session.as_ref().and_then(|session| session.window);
        let found = Some((session, remarks));
        let opened = Some(Instant::now());
        Self { store: Some(Arc::new(store)), found, geometry, move_to: geometry, opened, ..Self::default() }
    }

    /// Brings what was found back into `state`.
    pub fn restore(&mut self, state: &mut AppState) {
        let Some((session, remarks)) = self.found.take() else { return };
        if let Some(session) = session {
            session.restore(state);
        }
        let texts = state.settings.language.language().texts();
        // What was put together from damaged files is not put together a second time.
        self.changed = (!remarks.is_empty()).then(Instant::now);
        for remark in remarks {
            state.notices.add(NoticeKind::Warning, remark.words(texts));
        }
        self.tell(state);
    }

    /// Tells `state` where everything is kept, and whether it is by now.
    pub fn tell(&self, state: &mut AppState) {
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
    pub fn let_go(&self) -> bool {
        self.store().is_some_and(Store::let_go)
    }

    /// Keeps the session again after [`Keeper::let_go`], unless another window does by now.
    pub fn take_back(&self) {
        if let Some(store) = self.store() {
            store.take_back();
        }
    }
}

impl App {
    /// Notes that something that is kept has changed.
    pub(super) fn changed(&mut self) {
        self.keeper.changed.get_or_insert_with(Instant::now);
    }

    /// Saves at the next chance.
    pub(super) fn save_soon(&mut self) {
        self.keeper.changed = Some(Instant::now().checked_sub(BUSY).unwrap_or_else(Instant::now));
    }

    /// Saves if it is time.
    pub(super) fn keep(&mut self) {
        // Some systems never say how large the screen is, and place windows themselves.
        let settled = self.keeper.opened.is_some_and(|opened| opened.elapsed() > SETTLED);
        if settled || self.keeper.move_to.is_some_and(|geometry| geometry.move_to(&self.ctx)) {
            self.keeper.move_to = None;
        }
        if self.keeper.move_to.is_none() {
            let geometry = Geometry::of(&self.ctx, self.keeper.geometry);
            if geometry.is_some() && geometry != self.keeper.geometry {
                self.keeper.geometry = geometry;
                self.changed();
            }
        }
        let (Some(changed), Some(store)) = (self.keeper.changed, self.keeper.store.clone()) else { return };
        if self.keeper.saving || !store.keeps() {
            return;
        }
        let wait = if self.state.is_busy() { BUSY } else { SOON }.saturating_sub(changed.elapsed());
        if !wait.is_zero() {
            self.ctx.request_repaint_after(wait);
            return;
        }
        self.keeper.changed = None;
        self.keeper.saving = true;
        let mut session = Session::of(&self.state, self.keeper.geometry);
        self.run_beside("save", |error| Finished::Saved(Err(error)), move || Finished::Saved(store.save(&mut session)));
    }

    /// A save has ended.
    pub(super) fn saved(&mut self, saved: Result<(), String>) {
        self.keeper.saving = false;
        let failed = saved.err();
        if let Some(why) = failed.as_ref().filter(|_| failed != self.keeper.failed) {
            let texts = self.texts();
            let text = format!("{} {}", texts.program.save_failed, (texts.engine.said)(why));
            self.state.notices.add(NoticeKind::Failure, text);
        }
        self.keeper.failed = failed;
    }

    /// Saves before the window goes away, and waits for that and for files that are being written, but not forever: a
    /// disk may hang.
    ///
    /// # Errors
    /// In words, if something may not be on the disk.
    pub(super) fn save_now(&mut self) -> Result<(), String> {
        let until = Instant::now() + AT_END;
        let left = || until.saturating_duration_since(Instant::now());
        let late = || format!("the disk took longer than {} s", AT_END.as_secs());
        let saved = match self.keeper.store.clone().filter(|store| store.keeps()) {
            None => Ok(()),
            Some(store) => {
                let mut session = Session::of(&self.state, self.keeper.geometry);
                let (done, wait) = crossbeam_channel::bounded(1);
                let started = std::thread::Builder::new().name("last save".into()).spawn(move || {
                    // Nobody waits any more after `AT_END`.
                    let _ = done.send(store.save(&mut session));
                });
                let saved = started
                    .map_err(|error| error.to_string())
                    .and_then(|_| wait.recv_timeout(left()).unwrap_or_else(|_| Err(late())));
                if saved.is_ok() {
                    self.keeper.changed = None;
                }
                self.keeper.failed = saved.clone().err();
                saved
            }
        };
        // Pasted pictures belong to the session, and exports were promised.
        let written = self.background.wait(left());
        saved.and_then(|()| if written { Ok(()) } else { Err(late()) })
    }
}
