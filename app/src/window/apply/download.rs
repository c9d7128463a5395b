//! Bringing checkpoints from the hub.

use crate::pace::Rate;
use crate::pulling::{self, Needs, Wish};
use crate::window::app::{App, Finished};
use crate::window::lang::Texts;
use crate::window::state::{Download, DownloadPhase, DownloadTask, NoticeKind, Slot};
use opabinia_engine::checkpoint::Hub;
use opabinia_engine::printable;
use opabinia_hub::cache::MAIN;
use opabinia_hub::names::{Repo, RepoKind};
use opabinia_hub::progress::Stop;
use std::sync::Arc;

impl App {
    /// Asks the hub what `repo` takes, and brings it without asking the person if it `begins`.
    pub(super) fn look_up(&mut self, slot: Slot, repo: String, begins: bool) {
        self.close_download();
        let Some(wished) = Repo::new(RepoKind::Model, &repo) else { return };
        let (task, stop) = (DownloadTask::unique(), Stop::default());
        let (rate, phase) = (Rate::default(), DownloadPhase::Asking);
        self.state.download = Some(Download { repo, slot, task, stop: stop.clone(), begins, rate, phase });
        let texts = self.texts();
        let wish = Wish { repo: wished, revision: MAIN.to_owned(), encoders: true, include: Vec::new() };
        self.run_beside(
            "hub",
            move |error| Finished::LookedUp(task, Err(error)),
            move || {
                let hub = Hub::from_env();
                let needs = pulling::session(&hub, stop)
                    .and_then(|session| pulling::needs(&session, &hub, &wish, &|_| {}))
                    .map(Arc::new);
                Finished::LookedUp(task, needs.map_err(|error| words(&error, texts)))
            },
        );
    }

    /// What a repository takes is known, or why not.
    pub(super) fn looked_up(&mut self, task: DownloadTask, needs: Result<Arc<Needs>, String>) {
        let Some(download) = self.state.download.as_mut().filter(|download| download.task == task) else { return };
        download.phase = match needs {
            Ok(needs) => DownloadPhase::Known(needs),
            Err(error) => DownloadPhase::Failed(error),
        };
        if download.begins {
            self.download();
        }
    }

    /// Brings what was looked up. What was paused or failed is looked up again first: what it takes is less by now.
    pub(super) fn download(&mut self) {
        let Some(download) = &mut self.state.download else { return };
        let needs = match &download.phase {
            DownloadPhase::Known(needs) => Arc::clone(needs),
            DownloadPhase::Asking | DownloadPhase::Arriving(_) | DownloadPhase::Pausing(_) => return,
            // It failed just now, as what was to begin.
            DownloadPhase::Failed(_) if download.begins => {
                download.begins = false;
                return;
            }
            DownloadPhase::Paused(_) | DownloadPhase::Failed(_) => {
                let (slot, repo) = (download.slot, download.repo.clone());
                return self.look_up(slot, repo, true);
            }
        };
        let (task, stop) = (DownloadTask::unique(), Stop::default());
        (download.task, download.stop, download.begins) = (task, stop.clone(), false);
        download.phase = DownloadPhase::Arriving(Arc::clone(&needs));
        let texts = self.texts();
        self.run_beside(
            "download",
            move |error| Finished::Downloaded(task, Err(error)),
            move || {
                let brought = pulling::session(&Hub::from_env(), stop).and_then(|session| {
                    session.fetch(&needs.plan)?;
                    Ok(session.publish(&needs.plan)?)
                });
                Finished::Downloaded(task, brought.map_err(|error| words(&error, texts)))
            },
        );
    }

    /// A download has ended: it is whole, was stopped, or failed.
    pub(super) fn downloaded(&mut self, task: DownloadTask, ended: Result<(), String>) {
        let Some(download) = self.state.download.as_mut().filter(|download| download.task == task) else { return };
        match (ended, &download.phase) {
            (Ok(()), _) => {
                let (slot, repo) = (download.slot, download.repo.clone());
                self.state.download = None;
                let done = self.state.settings.language.language().texts().download.done;
                self.state.notices.add(NoticeKind::Info, format!("{done} {repo}"));
                self.list_cached_models();
                self.inspect_source(slot, &repo, false);
            }
            (Err(_), DownloadPhase::Pausing(needs)) => download.phase = DownloadPhase::Paused(Arc::clone(needs)),
            (Err(error), _) => download.phase = DownloadPhase::Failed(error),
        }
    }

    /// Lets what is on its way stand still.
    pub(super) fn pause_download(&mut self) {
        let Some(download) = &mut self.state.download else { return };
        if let DownloadPhase::Arriving(needs) = &download.phase {
            download.stop.stop();
            download.phase = DownloadPhase::Pausing(Arc::clone(needs));
        }
    }

    /// Forgets what was looked up, or is on its way.
    pub(super) fn close_download(&mut self) {
        if let Some(download) = self.state.download.take() {
            download.stop.stop();
        }
    }

    /// Notes how fast it comes.
    pub(in crate::window) fn update_download_rate(&mut self) {
        let Some(download) = &mut self.state.download else { return };
        if let DownloadPhase::Arriving(needs) = &download.phase {
            download.rate.update(needs.plan.progress().fetched());
        }
    }

    /// Looks for checkpoints in the hub cache.
    pub(super) fn list_cached_models(&mut self) {
        self.run_beside("hub", |_| Finished::Hub(Vec::new()), || Finished::Hub(Hub::from_env().models()));
    }
}

/// Why nothing came, as the window says it.
fn words(error: &pulling::Error, texts: &Texts) -> String {
    match error {
        pulling::Error::Engine(error) => texts.engine.error(error),
        pulling::Error::Hub(error) => (texts.engine.said)(&printable::lines(&error.to_string())),
    }
}
