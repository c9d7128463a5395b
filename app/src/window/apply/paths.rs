//! Paths: asked for with the system's dialogs, typed where there are none, or pasted.

use super::export::with_extension;
use crate::window::action::{ConversationAction, ModelAction};
use crate::window::app::{App, Finished};
use crate::window::dialogs::Asked;
use crate::window::dropped::Dropped;
use crate::window::panels::with_pasted;
use crate::window::state::Slot;
use crate::window::state::{ExportKind, ExportOptions, NoticeKind, Overlay, PathEntry, PathFor, TypedPath};
use std::path::{Path, PathBuf};

/// Names of a directory that are shown; nobody reads more.
const NAMES: usize = 5000;

impl App {
    /// Asks the person for a path, with the dialog that `show` makes if the system has any.
    pub(super) fn ask_for_path(&mut self, what: PathFor, show: impl FnOnce() -> Option<PathBuf> + Send + 'static) {
        let (dialogs, failed) = (self.dialogs, what.clone());
        let not_asked = self.texts().inspector.export_not_asked;
        self.run_beside(
            "file dialog",
            move |_| Finished::Asked(failed, Asked::NoDialog),
            move || match (dialogs.ask(show), what.extension()) {
                (Asked::Chosen(path), Some(extension)) => match with_extension(path, extension) {
                    Ok(path) => Finished::Asked(what, Asked::Chosen(path)),
                    Err(path) => Finished::Notice(NoticeKind::Failure, format!("{not_asked} {}", path.display())),
                },
                (asked, _) => Finished::Asked(what, asked),
            },
        );
    }

    /// A dialog has ended, or there was none: then the path is typed.
    pub(super) fn asked_for_path(&mut self, what: PathFor, asked: Asked) {
        match asked {
            Asked::Chosen(path) => self.use_path(what, path),
            Asked::Nothing => {}
            Asked::NoDialog => {
                let text = match &what {
                    PathFor::Export(kind, options) => self.export_name(*kind, options),
                    PathFor::Evidence(kind) => self.evidence_name(*kind),
                    PathFor::Benchmarks(kind) => self.benchmarks_name(*kind),
                    PathFor::Evaluation(field) => self.state.evaluation.form.text(*field).to_owned(),
                    PathFor::Model(_) | PathFor::Encoder(..) | PathFor::Picture => String::new(),
                };
                let home = std::env::home_dir().map(|home| home.join(&text).display().to_string());
                let typed = TypedPath::new(what, home.unwrap_or(text));
                self.state.overlay = Overlay::Path(Box::new(typed));
                self.list_names();
            }
        }
    }

    /// What is typed has changed.
    pub(super) fn type_path(&mut self, text: String) {
        if let Overlay::Path(typed) = &mut self.state.overlay {
            (typed.text, typed.problem) = (text, None);
            self.list_names();
        }
    }

    /// Looks into the directory of what is typed, unless that was done last.
    fn list_names(&mut self) {
        let Overlay::Path(typed) = &self.state.overlay else { return };
        let directory = typed.directory();
        if typed.listed.as_ref().is_some_and(|(known, _)| *known == directory) {
            return;
        }
        let failed = directory.clone();
        self.run_beside(
            "names",
            move |_| Finished::Names(failed, Vec::new()),
            move || {
                let names = names(&directory);
                Finished::Names(directory, names)
            },
        );
    }

    /// The names in a directory are known.
    pub(super) fn listed(&mut self, directory: PathBuf, entries: Vec<PathEntry>) {
        if let Overlay::Path(typed) = &mut self.state.overlay
            && typed.directory() == directory
        {
            typed.listed = Some((directory, entries));
        }
    }

    /// Takes what was typed for what it was asked for, once it is known that it can be.
    pub(super) fn use_typed_path(&mut self) {
        let Overlay::Path(typed) = &self.state.overlay else { return };
        let (what, path) = (typed.what.clone(), typed.path());
        let failed = path.clone();
        self.run_beside(
            "path",
            move |_| Finished::Typed(failed, None),
            move || {
                let fits = match what {
                    // A repository of the hub is no path.
                    PathFor::Model(_) | PathFor::Evaluation(_) => Some(path.clone()),
                    PathFor::Encoder(..) | PathFor::Picture => path.exists().then(|| path.clone()),
                    // Nobody was asked whether a file may be replaced.
                    PathFor::Export(..) | PathFor::Evidence(_) | PathFor::Benchmarks(_) => {
                        with_extension(path.clone(), what.extension().unwrap_or_default())
                            .ok()
                            .filter(|named| std::fs::symlink_metadata(named).is_err())
                    }
                };
                Finished::Typed(path, fits)
            },
        );
    }

    /// It is known which path is meant by `path`, which was typed; `None` if it does not fit.
    pub(super) fn typed(&mut self, path: &Path, fits: Option<PathBuf>) {
        let texts = &self.texts().opening;
        let Overlay::Path(typed) = &mut self.state.overlay else { return };
        if typed.path() != path {
            return;
        }
        match (&typed.what, fits) {
            (_, Some(path)) => {
                let what = typed.what.clone();
                self.state.overlay = Overlay::None;
                self.use_path(what, path);
            }
            (PathFor::Export(..) | PathFor::Evidence(_) | PathFor::Benchmarks(_), None) => {
                typed.problem = Some(texts.path_taken.to_owned());
            }
            (_, None) => typed.problem = Some(texts.path_missing.to_owned()),
        }
    }

    fn use_path(&mut self, what: PathFor, path: PathBuf) {
        match what {
            PathFor::Model(slot) => {
                self.apply_model(ModelAction::Inspect(slot, path.to_string_lossy().into_owned()));
            }
            PathFor::Encoder(slot, name) => self.set_encoder(slot, name, path),
            PathFor::Picture => self.apply_conversation(ConversationAction::AttachFile(path)),
            PathFor::Export(kind, options) => self.export_to(kind, &options, path),
            PathFor::Evidence(kind) => self.export_evidence(kind, path),
            PathFor::Evaluation(field) => self.use_evaluation_path(field, &path),
            PathFor::Benchmarks(kind) => self.export_benchmarks(kind, path),
        }
    }

    pub(super) fn pick_model(&mut self, slot: Slot) {
        let title = self.texts().opening.open_folder;
        self.ask_for_path(PathFor::Model(slot), move || rfd::FileDialog::new().set_title(title).pick_folder());
    }

    pub(super) fn pick_encoder(&mut self, slot: Slot, name: String) {
        let title = format!("{} {name}", self.texts().opening.pick_folder);
        let what = PathFor::Encoder(slot, name);
        self.ask_for_path(what, move || rfd::FileDialog::new().set_title(title).pick_folder());
    }

    pub(super) fn pick_picture(&mut self) {
        let title = self.texts().conversation.attach;
        self.ask_for_path(PathFor::Picture, move || {
            let extensions = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];
            rfd::FileDialog::new().set_title(title).add_filter(title, &extensions).pick_file()
        });
    }

    /// What the file of an export is called unless a person says otherwise: after the picture.
    pub(super) fn export_name(&self, kind: ExportKind, options: &ExportOptions) -> String {
        format!("{}.{}", self.export_stem(), kind.extension(options))
    }

    /// `text` was pasted, and looks like the name of the file at `path`: if there is one, that is what is meant.
    pub(super) fn paste_path(&mut self, text: String, path: PathBuf) {
        let failed = text.clone();
        self.run_beside(
            "pasted path",
            move |_| Finished::PastedText(failed),
            move || {
                if path.is_file() { Finished::Dropped(vec![Dropped::of(&path)]) } else { Finished::PastedText(text) }
            },
        );
    }

    /// What was pasted names no file: it is text.
    pub(super) fn paste_text(&mut self, text: &str) {
        let draft = std::mem::take(&mut self.state.conversations.shown().draft);
        let draft = with_pasted(&self.ctx, draft, text);
        self.apply_conversation(ConversationAction::SetDraft(draft));
    }
}

/// What is in `directory`, directories first. What has a name that cannot be typed is left out.
fn names(directory: &Path) -> Vec<PathEntry> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().take(NAMES);
    let mut names: Vec<PathEntry> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(PathEntry { file: !entry.path().is_dir(), name })
        })
        .collect();
    names.sort();
    names
}
