//! The window's loop: take in what was sent, draw, apply what was done.

use super::action::{Action, ViewAction};
use super::apply::{Dropped, ItemToAsk};
use super::background::Background;
use super::caret::Caret;
use super::dialogs::{Asked, Dialogs};
use super::gpu::{GridOnGpu, GridPart, MapGpu, PaneMaps, TraceOnGpu};
use super::keeper::Keeper;
use super::lang::Texts;
use super::panels::{self, Panels};
use super::state::{
    AppState, Benchmarks, DownloadTask, EncoderInput, Ended, InputKey, MapSource, NoticeKind, OpenSet, Overlay, PairOf, PaneId, PathEntry, PathFor,
    PictureId, SCALES, Slot, Stamp, TraceKey,
};
use super::theme;
use crate::evaluation::{PairView, RunView};
use crate::image_source::ImageSource;
use crate::pulling::Needs;
use egui::{Context, ViewportCommand};
use opabinia_engine::checkpoint::CachedModel;
use opabinia_engine::compare::{Checkpoints, Maps};
use opabinia_engine::probe::{TokenAttention, Trace};
use opabinia_engine::run::ModelId;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Engine, EventKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// What the window begins with.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Checkpoint to open at once.
    pub model: Option<String>,
    /// Picture to attach at once.
    pub image: Option<PathBuf>,
    /// Where everything is kept, as [`super::store::data_dir`] finds it; nothing is kept without one.
    pub data_dir: Option<PathBuf>,
    /// Where nothing was opened before and nothing is to be opened now, open the demo checkpoint and ask it about its first
    /// sample.
    pub welcome: bool,
    /// Which file dialogs there are.
    pub dialogs: Dialogs,
}

/// What a background task found or did.
pub enum Finished {
    /// A picture was read, from a file that was then as the stamp says.
    Picture(PictureId, Option<Stamp>, Result<Picture, String>),
    /// A picture is to be attached whose file is now as the stamp says.
    Attach(PathBuf, Option<Stamp>),
    /// The demo checkpoint's files are in this directory, or cannot be put anywhere; whether it is then loaded at once.
    Demo(Slot, bool, Result<PathBuf, String>),
    /// A person was asked for a path.
    Asked(PathFor, Asked),
    /// What is in a directory.
    Names(PathBuf, Vec<PathEntry>),
    /// Which path is meant by one that was typed; `None` if it does not fit.
    Typed(PathBuf, Option<PathBuf>),
    /// This was pasted, and is no file's name.
    PastedText(String),
    /// The hub cache was looked through.
    Hub(Vec<CachedModel>),
    /// The hub said what a repository takes, or did not.
    LookedUp(DownloadTask, Result<Arc<Needs>, String>),
    /// A download has ended.
    Downloaded(DownloadTask, Result<(), String>),
    /// A trace was put on the GPU.
    Uploaded(Arc<Trace>, Result<TraceOnGpu, String>),
    /// It was found out what was dropped.
    Dropped(Vec<Dropped>),
    /// A pasted picture is here; why it could not be kept, if it could not.
    Pasted(PictureId, Picture, Option<String>),
    /// Two traces were compared.
    MapsCompared([TraceKey; 2], Result<Maps, String>),
    /// The files of two models were compared.
    FilesCompared([ModelId; 2], Result<Checkpoints, String>),
    /// The session was saved, or could not be.
    Saved(Result<(), String>),
    /// A set of questions was opened, or could not be.
    SetOpened(Result<Arc<OpenSet>, String>),
    /// A run was opened, or could not be; whether it is the one that is compared with.
    RunOpened(bool, Result<Arc<RunView>, String>),
    /// Work on a run has ended.
    Evaluated(u64, Result<Ended, String>),
    /// Two columns were put beside each other.
    Paired(PairOf, Result<Arc<PairView>, String>),
    /// The picture of an item was read, or could not be.
    ItemPicture(String, Result<Arc<Picture>, String>),
    /// An item can be asked, or cannot.
    ItemToAsk(Result<Box<ItemToAsk>, String>),
    /// A table of benchmarks was read, or could not be.
    BenchmarksRead(Result<Arc<Benchmarks>, String>),
    /// What an encoder is shown was computed.
    Input(InputKey, EncoderInput),
    /// A part of what a token attended to was put on the GPU.
    Grid(Arc<TokenAttention>, GridPart, Result<GridOnGpu, String>),
    /// Something else was done, or could not be: a message.
    Notice(NoticeKind, String),
}

/// The window.
pub struct App {
    pub(super) state: AppState,
    pub(super) engine: Engine,
    pub(super) background: Background<Finished>,
    pub(super) gpu: Option<MapGpu>,
    pub(super) ctx: Context,
    /// What survives the window.
    pub(super) keeper: Keeper,
    /// How a person is asked for paths.
    pub(super) dialogs: Dialogs,
    /// Whether the first answer is still to come, with which everything is explained.
    pub(super) welcoming: bool,
    panels: Panels,
    caret: Caret,
    title: String,
    /// Whether a fault of the graphics device has been reported.
    fault_said: bool,
}

impl App {
    /// A window in `ctx`. Without `render_state` there is no graphics device, and no maps are drawn.
    ///
    /// # Errors
    /// If the system gives no thread for the engine.
    pub fn new(
        ctx: &Context,
        render_state: Option<&egui_wgpu::RenderState>,
        start: Start,
    ) -> opabinia_engine::Result<Self> {
        let keeper = Keeper::open(start.data_dir.as_deref());
        Self::with_keeper(ctx, render_state, start, keeper)
    }

    /// The same, with what is kept in [`Start::data_dir`] opened already.
    pub(super) fn with_keeper(
        ctx: &Context,
        render_state: Option<&egui_wgpu::RenderState>,
        start: Start,
        mut keeper: Keeper,
    ) -> opabinia_engine::Result<Self> {
        theme::install(ctx);
        let wake = ctx.clone();
        let engine = Engine::start(move || wake.request_repaint())?;
        let wake = ctx.clone();
        let background = Background::new(move || wake.request_repaint());
        let mut state = AppState::default();
        keeper.restore(&mut state);
        ctx.set_zoom_factor(state.settings.scale);
        let gpu = render_state.and_then(|render_state| {
            let gpu = MapGpu::new(render_state);
            gpu.map_err(|error| state.notices.add(NoticeKind::Failure, error.to_string())).ok()
        });
        let on_processor =
            render_state.is_some_and(|state| state.adapter.get_info().device_type == wgpu::DeviceType::Cpu);
        let mut app = Self {
            state,
            engine,
            background,
            gpu,
            ctx: ctx.clone(),
            keeper,
            dialogs: start.dialogs,
            welcoming: false,
            panels: Panels::default(),
            caret: Caret::new(ctx, on_processor),
            title: String::new(),
            fault_said: false,
        };
        app.begin(start);
        Ok(app)
    }

    /// What is shown: for tests.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// The same, to be changed: for tests and benchmarks, which have no other way to a state that takes long to reach.
    pub fn state_mut(&mut self) -> &mut AppState {
        &mut self.state
    }

    /// What maps are drawn with, where there is a graphics device: for tests.
    pub fn gpu(&self) -> Option<&MapGpu> {
        self.gpu.as_ref()
    }

    /// The maps that the active pane draws, once they can be drawn: for tests.
    pub fn maps(&self) -> Option<Arc<PaneMaps>> {
        self.maps_of(self.state.pane().id)
    }

    /// The same of the pane `id`.
    pub fn maps_of(&self, id: PaneId) -> Option<Arc<PaneMaps>> {
        let (pane, gpu) = (self.state.panes().get(id)?, self.gpu.as_ref()?);
        if let MapSource::TokenAttention { layer, head } = pane.source {
            let attention = self.state.attentions.ready(self.state.attention_key()?)?;
            let grid = gpu.grid(attention, GridPart { layer, head })?;
            return gpu.maps(id, &grid.ready()?.on_gpu, None).ok();
        }
        let on_gpu = |run| {
            let entry = self.state.traces.get(&self.state.run_key(run)?)?;
            gpu.trace(&entry.trace)?.ready().cloned()
        };
        let on_gpu: Option<Vec<_>> = pane.source.runs().map(on_gpu).collect();
        let on_gpu = on_gpu?;
        gpu.maps(id, on_gpu.first()?, on_gpu.get(1)).ok()
    }

    /// Does what a person did: for tests and benchmarks.
    pub fn act(&mut self, action: impl Into<Action>) {
        self.changed();
        self.apply(action.into());
        self.ctx.request_repaint();
    }

    /// What the window says in the language that was chosen.
    pub fn texts(&self) -> &'static Texts {
        self.state.settings.language.language().texts()
    }

    /// Starts `task` beside the window.
    pub(super) fn run_beside(
        &mut self,
        name: &str,
        failed: impl FnOnce(String) -> Finished + Send + 'static,
        task: impl FnOnce() -> Finished + Send + 'static,
    ) {
        if let Err(error) = self.background.run(name, failed, task) {
            self.state.notices.add(NoticeKind::Failure, format!("{name}: {error}"));
        }
    }

    /// The same for what writes a file: the program does not end before it has, but for [`App::save_now`]'s patience.
    pub(super) fn write_beside(
        &mut self,
        name: &str,
        failed: impl FnOnce(String) -> Finished + Send + 'static,
        task: impl FnOnce() -> Finished + Send + 'static,
    ) {
        if let Err(error) = self.background.promise(name, failed, task) {
            self.state.notices.add(NoticeKind::Failure, format!("{name}: {error}"));
        }
    }

    /// Takes in everything that was sent since the last frame.
    fn take_in(&mut self) {
        let events: Vec<_> = self.engine.events().try_iter().collect();
        if events.iter().any(|event| !matches!(event.kind, EventKind::Started | EventKind::Progress(_))) {
            self.changed();
        }
        for event in events {
            self.take_event(event);
        }
        let finished: Vec<_> = self.background.results().collect();
        for finished in finished {
            self.take_finished(finished);
        }
        self.watch_download();
        self.watch_evaluation();
        self.keep_item_up();
        self.make_inputs();
        self.keep_intervened_up();
        self.keep_traces_up();
        self.keep_attention_up();
        if let Some(wait) = self.state.notices.expire(SystemTime::now()) {
            self.ctx.request_repaint_after(wait);
        }
        self.watch_graphics();
        self.keep();
        self.keeper.tell(&mut self.state);
    }

    /// Says in the window's title which model is open.
    fn entitle(&mut self) {
        let model = self.state.name_of(self.state.models.answering());
        let title = model.map_or_else(|| "Opabinia".to_owned(), |name| format!("{name} – Opabinia"));
        if title != self.title {
            self.ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    /// Notices what went wrong on the graphics device. If it is gone, saves, lets go of everything on it, and says so.
    fn watch_graphics(&mut self) {
        let Some(gpu) = &self.gpu else { return };
        let (Some(fault), lost) = (gpu.fault(), gpu.is_lost()) else { return };
        if !lost {
            if !std::mem::replace(&mut self.fault_said, true) {
                self.state
                    .notices
                    .add(NoticeKind::Failure, format!("{}: {fault}", self.texts().program.graphics_fault));
            }
            return;
        }
        self.gpu = None;
        self.save_soon();
        let text = format!("{}: {fault}", self.texts().program.graphics_lost);
        // Where nothing can be drawn any more, whoever started the program from a terminal still sees it.
        tracing::error!("{text}");
        self.state.graphics_lost = Some(text.clone());
        self.state.notices.add(NoticeKind::Failure, text);
        self.state.overlay = Overlay::GraphicsLost;
    }
}

impl eframe::App for App {
    fn logic(&mut self, _ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_in();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.ctx.set_theme(self.state.settings.theme.preference());
        self.caret.update(ui.ctx());
        let mut actions: Vec<Action> = Vec::new();
        let texts = self.texts();
        panels::take_input(ui.ctx(), &self.state, &mut actions);
        let layout = self.panels.show(ui, &self.state, texts, self.gpu.as_ref(), &mut actions);
        if let Some(layout) = layout {
            self.state.layout = layout;
            self.changed();
        }
        // The keyboard changes it without asking anybody.
        if ui.ctx().zoom_factor() != self.state.settings.scale {
            self.state.settings.scale = ui.ctx().zoom_factor().clamp(*SCALES.start(), *SCALES.end());
            ui.ctx().set_zoom_factor(self.state.settings.scale);
            self.changed();
        }
        if !actions.is_empty() {
            // What was done shows in the next frame.
            self.ctx.request_repaint();
        }
        for action in actions {
            // Where the pointer is, is not kept.
            if !matches!(action, Action::View(ViewAction::Hover(_))) {
                self.changed();
            }
            self.apply(action);
        }
        self.state.layout.hold(self.state.view.panes());
        self.entitle();
    }

    fn on_exit(&mut self) {
        self.state.conversations.settle();
        if let Err(why) = self.save_now() {
            tracing::error!("the session could not be saved: {why}");
        }
        // Nobody looks at the window any more.
        for finished in self.background.results() {
            if let Finished::Notice(NoticeKind::Failure, text) | Finished::Pasted(_, _, Some(text)) = finished {
                tracing::error!("{text}");
            }
        }
    }
}

impl App {
    /// Reads the picture named `id`, unless that was done or is being done.
    pub(super) fn read_picture(&mut self, id: PictureId) {
        use super::state::{PictureSource, PictureState};
        let Some(entry) = self.state.pictures.get(id) else { return };
        if !matches!(entry.state, PictureState::Unread | PictureState::Failed(_)) {
            return;
        }
        // Samples are no files, and nobody edits our own.
        let may_change = matches!(entry.source, PictureSource::File(_));
        let path = match (&entry.source, self.keeper.store()) {
            (PictureSource::Pasted(name), Some(store)) => store.picture_path(name),
            (PictureSource::File(path) | PictureSource::Pasted(path), _) => path.clone(),
            (PictureSource::Sample(name), _) => crate::demo::sample_path(name),
        };
        self.state.pictures.set_state(id, PictureState::Reading);
        let texts = self.texts();
        self.run_beside(
            "picture",
            move |error| Finished::Picture(id, None, Err(error)),
            move || {
                // Before it is read: what changes meanwhile has changed.
                let stamp = may_change.then(|| Stamp::of(&path)).flatten();
                let picture = ImageSource::named(&path).and_then(|source| source.decode(Exif::Ignore));
                Finished::Picture(id, stamp, picture.map_err(|error| texts.engine.error(&error)))
            },
        );
    }
}
