//! What the window is made of: the state that is shown, and whatever brings it on. `frame.rs` is its loop.

use super::background::Background;
use super::caret::Caret;
use super::dialogs::{Asked, Dialogs};
use super::dropped::Dropped;
use super::gpu::{ComparedPart, GridOnGpu, GridPart, MapGpu, PaneMaps, TraceOnGpu};
use super::lang::Texts;
use super::panels::Panels;
use super::saver::Saver;
use super::state::{
    AppState, Benchmarks, CrossKey, DownloadTask, EncoderInput, Ended, EvidenceKey, InputKey, ItemToAsk, MapSource,
    NoticeKind, OpenSet, PairOf, PaneId, PathEntry, PathFor, PictureId, Recalled, SidesLook, Slot, Stamp, TraceKey,
};
use crate::evaluation::{PairView, RunView};
use crate::evidence::DecoderChoice;
use crate::pulling::Needs;
use egui::Context;
use opabinia_engine::checkpoint::CachedModel;
use opabinia_engine::compare::{Checkpoints, Maps, Module};
use opabinia_engine::probe::{Chain, TokenAttention, Trace};
use opabinia_engine::run::ModelId;
use opabinia_engine::vision::Picture;
use opabinia_engine::worker::Engine;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Whether both sides have one tokenizer, so that each can score the other's answer.
    Tokenizers(CrossKey, Result<bool, String>),
    /// A part of a comparison was put on the GPU.
    Compared(Arc<Maps>, ComparedPart, Result<GridOnGpu, String>),
    /// Two traces were compared.
    MapsCompared([TraceKey; 2], Result<Maps, String>),
    /// It was looked up what was measured about an answer before the program was started.
    Recalled(EvidenceKey, Box<Recalled>),
    /// Evidence was written beside the session.
    EvidenceKept,
    /// The chain of a token was followed; `None` where there is no such layer and head.
    Followed(EvidenceKey, usize, DecoderChoice, Option<Arc<Chain>>),
    /// The files of two models were compared.
    FilesCompared([ModelId; 2], Result<(Checkpoints, Module), String>),
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
    pub(super) saver: Saver,
    /// How a person is asked for paths.
    pub(super) dialogs: Dialogs,
    /// Whether the first answer is still to come, with which everything is explained.
    pub(super) welcoming: bool,
    pub(super) panels: Panels,
    pub(super) caret: Caret,
    pub(super) title: String,
    /// Whether a fault of the graphics device has been reported.
    pub(super) fault_said: bool,
}

impl App {
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
        match &pane.source {
            MapSource::Sides(_, _, SidesLook::Difference) => gpu.maps(id, on_gpu.get(1)?, on_gpu.first()).ok(),
            MapSource::Sides(..) => gpu.maps(id, on_gpu.first()?, None).ok(),
            _ => gpu.maps(id, on_gpu.first()?, on_gpu.get(1)).ok(),
        }
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
        let said = self.texts().engine.said;
        if let Err(error) = self.background.run(name, move |why| failed(said(&why)), task) {
            self.state.notices.add(NoticeKind::Failure, said(&format!("{name}: {error}")));
        }
    }

    /// The same for what writes a file: the program does not end before it has, but for [`App::save_now`]'s patience.
    pub(super) fn write_beside(
        &mut self,
        name: &str,
        failed: impl FnOnce(String) -> Finished + Send + 'static,
        task: impl FnOnce() -> Finished + Send + 'static,
    ) {
        let said = self.texts().engine.said;
        if let Err(error) = self.background.promise(name, move |why| failed(said(&why)), task) {
            self.state.notices.add(NoticeKind::Failure, said(&format!("{name}: {error}")));
        }
    }
}
