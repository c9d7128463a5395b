//! Which benchmarks say the same: a table that is read, and its figure.

use crate::figure::Theme;
use crate::figure::correlation::CorrelationFigure;
use crate::output;
use crate::recipe::write_png;
use crate::window::app::{App, Finished};
use crate::window::state::{Benchmarks, FigureFile, Known, NoticeKind, PathFor, expanded};
use opabinia_engine::Error;
use opabinia_eval::correlate::{Correlation, Groups, Scores};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl App {
    /// Reads the table that is typed, and that of groups, if one is.
    pub(super) fn open_benchmarks(&mut self) {
        let form = &self.state.evaluation.form;
        let typed = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(expanded);
        let (Some(table), groups) = (typed(&form.table), typed(&form.groups)) else { return };
        self.state.evaluation.benchmarks = Known::Coming;
        let texts = self.texts();
        self.run_beside(
            "benchmarks",
            |error| Finished::BenchmarksRead(Err(error)),
            move || {
                let read = || -> opabinia_eval::Result<Benchmarks> {
                    let groups = groups.as_deref().map(Groups::read).transpose()?;
                    Ok(Benchmarks { correlation: Correlation::new(Scores::read(&table)?), groups })
                };
                let read = read().map_err(|error| texts.evaluation.fault(texts, error));
                Finished::BenchmarksRead(read.map(Arc::new))
            },
        );
    }

    /// Asks where the figure is to be written.
    pub(super) fn pick_benchmarks_file(&mut self, kind: FigureFile) {
        let (title, name) = (self.texts().evaluation.export_benchmarks, self.benchmarks_name(kind));
        self.ask_for_path(PathFor::Benchmarks(kind), move || {
            let dialog = rfd::FileDialog::new().set_title(title).set_file_name(name);
            dialog.add_filter(kind.extension(), &[kind.extension()]).save_file()
        });
    }

    /// What the file is called unless a person says otherwise: after the table.
    pub(in crate::window::apply) fn benchmarks_name(&self, kind: FigureFile) -> String {
        let table = Path::new(self.state.evaluation.form.table.trim());
        let stem = table.file_stem().map_or_else(|| "benchmarks".into(), |stem| stem.to_string_lossy().into_owned());
        format!("{stem}-correlation.{}", kind.extension())
    }

    /// Writes the figure.
    pub(in crate::window::apply) fn export_benchmarks(&mut self, kind: FigureFile, path: PathBuf) {
        let Some(known) = self.state.evaluation.benchmarks.ready().map(Arc::clone) else { return };
        let texts = self.texts();
        self.write_beside(
            "figure",
            |error| Finished::Notice(NoticeKind::Failure, error),
            move || match write(&known, kind, &path) {
                Ok(()) => Finished::Notice(NoticeKind::Info, format!("{} {}", texts.inspector.written, path.display())),
                Err(error) => Finished::Notice(NoticeKind::Failure, texts.engine.error(&error)),
            },
        );
    }
}

fn write(known: &Benchmarks, kind: FigureFile, path: &Path) -> opabinia_engine::Result<()> {
    let correlation = &known.correlation;
    let figure = CorrelationFigure::of_file(correlation, known.groups.as_ref(), Theme::Light);
    let text = match kind {
        FigureFile::Png => return write_png(path, &figure.draw().map_err(Error::Panicked)?),
        FigureFile::Svg => figure.svg().map_err(Error::Panicked)?,
        FigureFile::Csv => correlation.csv(),
    };
    output::write(path, |file| file.write_all(text.as_bytes()))
}
