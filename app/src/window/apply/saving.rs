//! When the session is saved: shortly after something changed, beside the window; and at its end.

use crate::window::app::{App, Finished};
use crate::window::state::NoticeKind;
use crate::window::store::{Geometry, Session};
use std::time::{Duration, Instant};

/// How long after a change it is saved, with all changes in between.
const SOON: Duration = Duration::from_secs(1);

/// The same while an answer is being made, which changes with every token.
const BUSY: Duration = Duration::from_secs(5);

/// How long the window waits to be told how large the screen is.
const SETTLED: Duration = Duration::from_secs(3);

/// How long the window may stay while its last save is written.
const AT_END: Duration = Duration::from_secs(20);

impl App {
    /// Notes that something that is kept has changed.
    pub(in crate::window) fn changed(&mut self) {
        self.saver.changed.get_or_insert_with(Instant::now);
    }

    /// Saves at the next chance.
    pub(in crate::window) fn save_soon(&mut self) {
        self.saver.changed = Some(Instant::now().checked_sub(BUSY).unwrap_or_else(Instant::now));
    }

    /// Saves if it is time.
    pub(in crate::window) fn save_if_due(&mut self) {
        // Some systems never say how large the screen is, and place windows themselves.
        let settled = self.saver.opened.is_some_and(|opened| opened.elapsed() > SETTLED);
        if settled || self.saver.move_to.is_some_and(|geometry| geometry.move_to(&self.ctx)) {
            self.saver.move_to = None;
        }
        if self.saver.move_to.is_none() {
            let geometry = Geometry::of(&self.ctx, self.saver.geometry);
            if geometry.is_some() && geometry != self.saver.geometry {
                self.saver.geometry = geometry;
                self.changed();
            }
        }
        let (Some(changed), Some(store)) = (self.saver.changed, self.saver.store.clone()) else { return };
        if self.saver.saving || !store.keeps() {
            return;
        }
        let wait = if self.state.is_busy() { BUSY } else { SOON }.saturating_sub(changed.elapsed());
        if !wait.is_zero() {
            self.ctx.request_repaint_after(wait);
            return;
        }
        self.saver.changed = None;
        self.saver.saving = true;
        let mut session = Session::of(&self.state, self.saver.geometry);
        self.run_beside("save", |error| Finished::Saved(Err(error)), move || Finished::Saved(store.save(&mut session)));
    }

    /// A save has ended.
    pub(super) fn saved(&mut self, saved: Result<(), String>) {
        self.saver.saving = false;
        let failed = saved.err();
        if let Some(why) = failed.as_ref().filter(|_| failed != self.saver.failed) {
            let texts = self.texts();
            let text = format!("{} {}", texts.program.save_failed, (texts.engine.said)(why));
            self.state.notices.add(NoticeKind::Failure, text);
        }
        self.saver.failed = failed;
    }

    /// Saves before the window goes away, and waits for that and for files that are being written, but not forever: a
    /// disk may hang.
    ///
    /// # Errors
    /// In words, if something may not be on the disk.
    pub(in crate::window) fn save_now(&mut self) -> Result<(), String> {
        let until = Instant::now() + AT_END;
        let left = || until.saturating_duration_since(Instant::now());
        let late = || format!("the disk took longer than {} s", AT_END.as_secs());
        let saved = match self.saver.store.clone().filter(|store| store.keeps()) {
            None => Ok(()),
            Some(store) => {
                let mut session = Session::of(&self.state, self.saver.geometry);
                let (done, wait) = crossbeam_channel::bounded(1);
                let started = opabinia_engine::threads::named("last save").spawn(move || {
                    // Nobody waits any more after `AT_END`.
                    let _ = done.send(store.save(&mut session));
                });
                let saved = started
                    .map_err(|error| error.to_string())
                    .and_then(|_| wait.recv_timeout(left()).unwrap_or_else(|_| Err(late())));
                if saved.is_ok() {
                    self.saver.changed = None;
                }
                self.saver.failed = saved.clone().err();
                saved
            }
        };
        // Pasted pictures belong to the session, and exports were promised.
        let written = self.background.wait(left());
        saved.and_then(|()| if written { Ok(()) } else { Err(late()) })
    }
}
