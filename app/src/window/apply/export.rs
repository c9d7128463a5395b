//! Writing what is on the screen to files: a dialog for the figure, a dialog for the file's name, and the writing, all
//! beside the window.

use super::sides_export::SidesExport;
use crate::csv;
use crate::figure::Figure;
use crate::map_figure;
use crate::output;
use crate::recipe::{DifferenceOf, FigureSettings, Recipe, write_png};
use crate::token_figure::TokenFigure;
use crate::window::app::{App, Finished};
use crate::window::lang::EngineTexts;
use crate::window::state::{
    AppState, Counterparts, ExportKind, ExportOptions, MapSource, Model, NoticeKind, Overlay, PathFor, SidesLook,
    TokenPlace, TraceKey, chosen,
};
use opabinia_engine::probe::{TokenAttention, Trace, trace_file};
use opabinia_engine::vision::Picture;
use opabinia_shaders::{AdapterChoice, Gpu};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that one export needs, taken from the state before the writing begins.
enum Job {
    /// A figure, or its numbers, or how it is made.
    Figure {
        kind: ExportKind,
        trace: Arc<Trace>,
        /// What is taken away from it, in a difference.
        minus: Option<Arc<Trace>>,
        picture: Arc<Picture>,
        name: String,
        settings: Box<FigureSettings>,
    },
    /// A trace.
    Trace(Arc<Trace>),
    /// The map of a token's attention as numbers.
    Attention { attention: Arc<TokenAttention>, layer: Option<usize>, head: Option<usize>, about: AttentionOf },
    /// The same as a picture.
    AttentionFigure {
        attention: Arc<TokenAttention>,
        layer: Option<usize>,
        head: Option<usize>,
        about: AttentionOf,
        picture: Arc<Picture>,
        settings: Box<FigureSettings>,
    },
    /// Both sides of a comparison as a figure, or as numbers.
    Sides { kind: ExportKind, sides: Box<SidesExport> },
}

/// Whose attention it is.
struct AttentionOf {
    model: String,
    image: String,
    question: String,
    /// Its place in the answer, from 0.
    place: usize,
    token: String,
}

impl App {
    /// Begins to export: with the dialog about the figure where there is something to choose about it.
    pub(super) fn export(&mut self, kind: ExportKind) {
        let options = ExportOptions::of(self.state.lens());
        match kind {
            ExportKind::Recipe if !has_recipe(&self.state) => {
                self.state.notices.add(NoticeKind::Warning, self.texts().inspector.only_recipes_of_runs);
            }
            ExportKind::Picture | ExportKind::Recipe => self.state.overlay = Overlay::Export(kind, options),
            ExportKind::Numbers | ExportKind::Trace => self.pick_export(kind, options),
        }
    }

    /// Asks for the name of the file.
    pub(super) fn pick_export(&mut self, kind: ExportKind, options: ExportOptions) {
        self.state.overlay = Overlay::None;
        let title = self.texts().inspector.export_title(kind);
        let name = self.export_name(kind, &options);
        self.ask_for_path(PathFor::Export(kind, options), move || {
            let extension = kind.extension(&options);
            rfd::FileDialog::new().set_title(title).add_filter(title, &[extension]).set_file_name(name).save_file()
        });
    }

    /// What the file is called unless a person says otherwise: after the picture.
    pub(super) fn export_stem(&self) -> String {
        let name = self.picture_name(self.state.trace_key().as_ref());
        let stem = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem.is_empty() { "opabinia".to_owned() } else { stem }
    }

    fn picture_name(&self, key: Option<&TraceKey>) -> String {
        let entry = key.and_then(|key| self.state.pictures.get(key.picture));
        entry.map(|entry| entry.source.name()).unwrap_or_default()
    }

    /// Writes to `path`, beside the window; a notice says how that went.
    pub(super) fn export_to(&mut self, kind: ExportKind, options: &ExportOptions, path: PathBuf) {
        let Some(job) = self.export_job(kind, options) else {
            self.state.notices.add(NoticeKind::Warning, self.texts().inspector.nothing_to_export);
            return;
        };
        let texts = self.texts();
        let task = move || match job.write(&path, &texts.engine) {
            Ok(()) => Finished::Notice(NoticeKind::Info, format!("{} {}", texts.inspector.written, path.display())),
            Err(error) => Finished::Notice(NoticeKind::Failure, error),
        };
        self.write_beside("export", |error| Finished::Notice(NoticeKind::Failure, error), task);
    }

    fn attention_of(&self, at: TokenPlace) -> Option<AttentionOf> {
        let exchange = self.state.conversations.get(at.conversation)?.exchanges.get(at.exchange)?;
        Some(AttentionOf {
            model: self.state.models.current().map(Model::name)?.to_owned(),
            image: self.picture_name(self.state.trace_key().as_ref()),
            question: exchange.question.clone(),
            place: at.token,
            token: exchange.tokens.get(at.token)?.text.clone(),
        })
    }

    fn export_job(&self, kind: ExportKind, options: &ExportOptions) -> Option<Job> {
        let state = &self.state;
        if let (ExportKind::Numbers | ExportKind::Picture, &MapSource::TokenAttention { layer, head }) =
            (kind, &state.pane().source)
        {
            let key = state.attention_key()?;
            let attention = Arc::clone(state.attentions.ready(key)?);
            let about = self.attention_of(key.1)?;
            if kind == ExportKind::Numbers {
                return Some(Job::Attention { attention, layer, head, about });
            }
            let mut settings = Box::new(state.figure_settings(options)?);
            let side = attention.frame.side as u32;
            settings.cell = settings.cell.filter(|cell| cell.row < side && cell.col < side);
            let picture = Arc::clone(state.pictures.ready(state.picture()?)?);
            return Some(Job::AttentionFigure { attention, layer, head, about, picture, settings });
        }
        let key = state.trace_key()?;
        let trace = Arc::clone(&state.traces.get(&key)?.trace);
        if kind == ExportKind::Trace {
            return Some(Job::Trace(trace));
        }
        if let Some(sides) = SidesExport::of(state, options, self.picture_name(Some(&key))) {
            return (kind != ExportKind::Recipe).then(|| Job::Sides { kind, sides: Box::new(sides) });
        }
        let trace_of = |run| Some(Arc::clone(&state.traces.get(&state.run_key(run)?)?.trace));
        let (trace, minus) = match &state.pane().source {
            MapSource::Difference(_, minus) => (trace, Some(trace_of(minus)?)),
            // B − A.
            MapSource::Sides(_, of, SidesLook::Difference) => (trace_of(of)?, Some(trace)),
            MapSource::Run(_) | MapSource::Sides(..) | MapSource::TokenAttention { .. } => (trace, None),
        };
        Some(Job::Figure {
            kind,
            trace,
            minus,
            picture: Arc::clone(state.pictures.ready(key.picture)?),
            name: self.picture_name(Some(&key)),
            settings: Box::new(state.figure_settings(options)?),
        })
    }
}

impl Job {
    /// Does it; the error is in words.
    fn write(&self, path: &Path, texts: &EngineTexts) -> Result<(), String> {
        let words = |error: opabinia_engine::Error| texts.error(&error);
        let said = texts.said;
        let failed = |error| match error {
            map_figure::Error::Input(error) => words(error),
            error => said(&error.to_string()),
        };
        output::check(path, &[]).map_err(words)?;
        match self {
            Self::Trace(trace) => trace_file::save(trace, path).map_err(words),
            Self::Attention { attention, layer, head, about } => {
                let values = values(attention, *layer, *head).map_err(said)?;
                let text = attention_csv(attention, &values, &about.fields(*layer, *head));
                output::write(path, |file| file.write_all(text.as_bytes())).map_err(words)
            }
            Self::AttentionFigure { attention, layer, head, about, picture, settings } => {
                let figure = TokenFigure {
                    attention,
                    values: &values(attention, *layer, *head).map_err(said)?,
                    layer: *layer,
                    head: *head,
                    token: (&about.token, about.place + 1),
                    question: &about.question,
                    model: &about.model,
                    picture,
                    picture_name: &about.image,
                    settings,
                };
                let gpu = Gpu::headless(&AdapterChoice::Best).map_err(|error| said(&error.to_string()))?;
                let drawn = figure.draw(&gpu).map_err(failed)?;
                write_figure(path, &drawn.figure, texts)
            }
            Self::Sides { kind, sides } => {
                let gpu = Gpu::headless(&AdapterChoice::Best).map_err(|error| said(&error.to_string()))?;
                let (figure, numbers) = sides.draw(&gpu).map_err(failed)?;
                match kind {
                    ExportKind::Numbers => {
                        output::write(path, |file| file.write_all(numbers.as_bytes())).map_err(words)
                    }
                    _ => write_figure(path, &figure, texts),
                }
            }
            Self::Figure { kind, trace, minus, picture, name, settings } => {
                let mut figure = settings.figure(trace, picture, name).map_err(words)?;
                figure.minus = minus.as_deref();
                figure.check().map_err(words)?;
                if *kind == ExportKind::Recipe {
                    let written = match minus {
                        Some(minus) => {
                            let traces = [minus.as_ref(), trace.as_ref()];
                            Recipe::write_difference(path, traces, DifferenceOf::Quantity, picture, name, settings)
                        }
                        None => Recipe::write(path, trace, picture, name, settings),
                    };
                    return written.map_err(words);
                }
                // The device that `opabinia render` would take, so that its picture is this one.
                let gpu = Gpu::headless(&AdapterChoice::Best).map_err(|error| said(&error.to_string()))?;
                let drawn = figure.draw(&gpu).map_err(failed)?;
                if *kind == ExportKind::Numbers {
                    let text = figure.csv(&drawn.maps);
                    return output::write(path, |file| file.write_all(text.as_bytes())).map_err(words);
                }
                write_figure(path, &drawn.figure, texts)
            }
        }
    }
}

/// Writes `figure` to `path`: as SVG where its name says so, or else as PNG.
fn write_figure(path: &Path, figure: &Figure, texts: &EngineTexts) -> Result<(), String> {
    let (said, words) = (texts.said, |error: opabinia_engine::Error| texts.error(&error));
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
        let svg = figure.svg().map_err(|why| said(&why))?;
        return output::write(path, |file| file.write_all(svg.as_bytes())).map_err(words);
    }
    write_png(path, &figure.draw().map_err(|why| said(&why))?).map_err(words)
}

/// Whether a recipe can make the maps of the active pane again: those of one run, and differences of two that are taken place
/// by place.
fn has_recipe(state: &AppState) -> bool {
    let pane = state.pane();
    match &pane.source {
        MapSource::Run(_) | MapSource::Difference(..) => true,
        // Of traces that are not there yet nobody knows better.
        MapSource::Sides(_, _, SidesLook::Difference) => state.sides_of(pane).is_none_or(|keys| {
            let [a, b] = keys.each_ref().map(|key| state.traces.get(key));
            a.zip(b).is_none_or(|(a, b)| Counterparts::of(&a.trace, &b.trace).are_alike())
        }),
        MapSource::Sides(..) | MapSource::TokenAttention { .. } => false,
    }
}

/// Attention to each visual token in a layer and a head of the language model, or its mean.
fn values(attention: &TokenAttention, layer: Option<usize>, head: Option<usize>) -> Result<Vec<f32>, &'static str> {
    let (values, _) = chosen(attention, layer, head).ok_or("there is no such layer or head in the language model")?;
    Ok(values)
}

impl AttentionOf {
    /// What every row of its table says, as columns `model` to `head` of [`attention_csv`].
    fn fields(&self, layer: Option<usize>, head: Option<usize>) -> String {
        let number = |chosen: Option<usize>| chosen.map_or_else(|| "mean".to_owned(), |at| at.to_string());
        csv::fields(
            [
                &self.model,
                &self.image,
                &self.question,
                &self.place.to_string(),
                &self.token,
                &number(layer),
                &number(head),
            ]
            .map(|text: &String| text.as_str()),
        )
    }
}

/// What a token attended to as comma-separated values: one row for each cell of the unpadded frame, counted on the
/// padded one. The columns before them say whose attention it is, in every row: model, image and question; the token's
/// place in the answer and its text; the decoder layer and the head, or `mean` over all.
fn attention_csv(attention: &TokenAttention, values: &[f32], about: &str) -> String {
    let frame = &attention.frame;
    let cells = frame.rows.clone().flat_map(|row| frame.columns.clone().map(move |column| (row, column)));
    let mut text = String::from("model,image,question,token,text,layer,head,row,column,attention\n");
    for ((row, column), value) in cells.zip(values) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{about},{row},{column},{value}");
    }
    text
}

/// `path`, ending in `extension`: some dialogs leave it to the program. The error is a file that is there already by that
/// name: the dialog has asked about the other name only, so that nobody has agreed to replace it.
pub(super) fn with_extension(path: PathBuf, extension: &str) -> Result<PathBuf, PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.to_lowercase().ends_with(&format!(".{extension}")) {
        return Ok(path);
    }
    let named = path.with_file_name(format!("{name}.{extension}"));
    if fs::symlink_metadata(&named).is_ok() { Err(named) } else { Ok(named) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_ending_they_lack() {
        let named = |name: &str, extension| with_extension(PathBuf::from(name), extension).unwrap();
        assert_eq!(named("/a/b.png", "png"), PathBuf::from("/a/b.png"));
        assert_eq!(named("/a/b.PNG", "png"), PathBuf::from("/a/b.PNG"));
        assert_eq!(named("/a/b.v2", "csv"), PathBuf::from("/a/b.v2.csv"));
        assert_eq!(named("/a/b", "recipe.json"), PathBuf::from("/a/b.recipe.json"));
    }

    #[test]
    fn a_file_that_the_dialog_did_not_ask_about_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("map.png");
        fs::write(&there, "of somebody's").unwrap();
        assert_eq!(with_extension(directory.path().join("map"), "png"), Err(there.clone()));
        // About this one it did.
        assert_eq!(with_extension(there.clone(), "png"), Ok(there));
        let free = directory.path().join("other.png");
        assert_eq!(with_extension(directory.path().join("other"), "png"), Ok(free));
    }
}
