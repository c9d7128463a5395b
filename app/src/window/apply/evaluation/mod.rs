//! Sets of questions, runs of them, benchmarks.

mod benchmarks;
mod items;
mod work;

use crate::evaluation::{PairView, RunView};
use crate::window::action::EvaluationAction;
use crate::window::app::{App, Finished};
use crate::window::state::{EvaluationField, Known, NoticeKind, OpenSet, PathFor, expanded};
use opabinia_engine::checkpoint::Hub;
use opabinia_eval::data::{QuestionSet, ReadOptions, locate};
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl App {
    pub(super) fn apply_evaluation(&mut self, action: EvaluationAction) {
        let evaluation = &mut self.state.evaluation;
        match action {
            EvaluationAction::Show(tab) => evaluation.view.tab = tab,
            EvaluationAction::Type(field, text) => evaluation.form.set_text(field, text),
            EvaluationAction::SetProtocol(protocol) => evaluation.form.protocol = protocol,
            EvaluationAction::Browse(field) => self.browse(field),
            EvaluationAction::Open(field) => self.open_field(field),
            EvaluationAction::CloseOther => {
                evaluation.other = Known::Nothing;
                evaluation.settle_picks();
            }
            EvaluationAction::Start => self.start_evaluation(),
            EvaluationAction::Pause => self.pause_evaluation(),
            EvaluationAction::Compare(picks) => evaluation.view.picks = picks,
            EvaluationAction::SetTask(task) => evaluation.view.task = task,
            EvaluationAction::SetQuadrant(quadrant) => evaluation.view.quadrant = quadrant,
            EvaluationAction::SelectItem(item) => self.select_item(item),
            EvaluationAction::OpenItem(item, pick) => self.open_item(&item, &pick),
            EvaluationAction::ExportBenchmarks(kind) => self.pick_benchmarks_file(kind),
            EvaluationAction::ExportBenchmarksTo(kind, path) => self.export_benchmarks(kind, path),
        }
    }

    /// Brings the panel to the front.
    pub(super) fn show_evaluation(&mut self) {
        self.state.layout.show_evaluation();
    }

    /// Asks for what belongs into `field`.
    fn browse(&mut self, field: EvaluationField) {
        let title = self.texts().evaluation.field(field);
        self.ask_for_path(PathFor::Evaluation(field), move || {
            let dialog = rfd::FileDialog::new().set_title(title);
            match field {
                EvaluationField::Run | EvaluationField::Other => dialog.pick_folder(),
                EvaluationField::Table | EvaluationField::Groups => dialog.add_filter(title, &["csv"]).pick_file(),
                _ => dialog.add_filter(title, &["jsonl", "tsv", "parquet"]).pick_file(),
            }
        });
    }

    /// Takes `path` for what belongs into `field`, and opens it.
    pub(super) fn use_evaluation_path(&mut self, field: EvaluationField, path: &Path) {
        self.state.evaluation.form.set_text(field, path.display().to_string());
        self.open_field(field);
    }

    /// Opens a set or a run that was dropped, and shows the panel.
    pub(super) fn take_dropped_evaluation(&mut self, field: EvaluationField, path: &Path) {
        self.show_evaluation();
        self.use_evaluation_path(field, path);
    }

    fn open_field(&mut self, field: EvaluationField) {
        let text = self.state.evaluation.form.text(field).trim().to_owned();
        if text.is_empty() {
            return;
        }
        let path = expanded(&text);
        match field {
            EvaluationField::Set => self.open_set(path),
            EvaluationField::Run => self.open_run(path, false),
            EvaluationField::Other => self.open_run(path, true),
            EvaluationField::Table | EvaluationField::Groups => self.open_benchmarks(),
            EvaluationField::Conditions | EvaluationField::Limit => {}
        }
    }

    fn open_set(&mut self, path: PathBuf) {
        let texts = self.texts();
        let evaluation = &mut self.state.evaluation;
        let limit = match evaluation.form.limit.trim() {
            "" => None,
            text => match text.parse::<usize>() {
                Ok(limit) if limit > 0 => Some(limit),
                _ => {
                    evaluation.set = Known::Failed(texts.evaluation.bad_limit.to_owned());
                    return;
                }
            },
        };
        evaluation.set = Known::Coming;
        // Pictures of a table lie there, in a file without a name.
        let kept = self.state.data_dir.clone().filter(|directory| directory.is_dir());
        self.run_beside(
            "questions",
            |error| Finished::SetOpened(Err(error)),
            move || {
                let directory = kept.unwrap_or_else(std::env::temp_dir);
                let options = ReadOptions { limit, pictures_in: Some(&directory) };
                let read = locate(&path, Hub::from_env().caches()).and_then(|files| QuestionSet::read(&files, options));
                let read = read.map_err(|error| texts.evaluation.fault(texts, error));
                Finished::SetOpened(read.map(|set| Arc::new(OpenSet::new(path, limit, set))))
            },
        );
    }

    fn open_run(&mut self, path: PathBuf, is_other: bool) {
        if self.state.evaluation.working.is_some() && !is_other {
            return;
        }
        let place = if is_other { &mut self.state.evaluation.other } else { &mut self.state.evaluation.run };
        *place = Known::Coming;
        let texts = self.texts();
        self.run_beside(
            "run",
            move |error| Finished::RunOpened(is_other, Err(error)),
            move || {
                let run = RunView::open(&path).map_err(|error| texts.engine.error(&error));
                Finished::RunOpened(is_other, run.map(Arc::new))
            },
        );
    }

    /// A set was opened, or could not be.
    pub(super) fn set_opened(&mut self, set: Result<Arc<OpenSet>, String>) {
        self.state.evaluation.set = match set {
            Ok(set) => Known::Ready(set),
            Err(why) => {
                self.state.notices.log(NoticeKind::Failure, why.clone());
                Known::Failed(why)
            }
        };
        // The picture of the item that is looked at may be in this one.
        let item = self.state.evaluation.view.item.clone();
        self.select_item(item);
    }

    /// A run was opened, or could not be.
    pub(super) fn run_opened(&mut self, is_other: bool, run: Result<Arc<RunView>, String>) {
        let evaluation = &mut self.state.evaluation;
        let known = match run {
            Ok(run) => Known::Ready(run),
            Err(why) => {
                self.state.notices.log(NoticeKind::Failure, why.clone());
                Known::Failed(why)
            }
        };
        if is_other {
            evaluation.other = known;
            // Two runs were opened to be compared.
            evaluation.view.picks = Default::default();
        } else {
            (evaluation.run, evaluation.ended) = (known, None);
        }
        evaluation.settle_picks();
    }

    /// Takes in what the work on a run has told, and sees to it that the columns that are looked at are put beside each
    /// other.
    pub(in crate::window) fn update_evaluation(&mut self) {
        let evaluation = &mut self.state.evaluation;
        if let Some(view) = evaluation.working.as_ref().and_then(|working| working.told.take_view()) {
            evaluation.run = Known::Ready(view);
            evaluation.settle_picks();
        }
        let Some(wanted) = evaluation.wanted_pair() else { return };
        if evaluation.pairing || evaluation.pair.as_ref().is_some_and(|(of, _)| *of == wanted) {
            return;
        }
        evaluation.pairing = true;
        let (failed, texts) = (wanted.clone(), self.texts());
        self.run_beside(
            "columns",
            move |error| Finished::Paired(failed, Err(error)),
            move || {
                let [a, b] = wanted.runs.each_ref().map(Arc::as_ref);
                let [first, second] = wanted.conditions.each_ref().map(String::as_str);
                let pair = PairView::new((a, first), (b, second), wanted.task.as_deref());
                let pair = pair.map(Arc::new).map_err(|error| texts.engine.error(&error));
                Finished::Paired(wanted, pair)
            },
        );
    }
}
