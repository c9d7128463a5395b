//! The one state of the window. Panels read it; [`super::apply`] changes it.
//!
//! What survives a restart is in types that can be serialised ([`Settings`], [`Conversations`], [`View`] and the
//! layout; see [`super::store`]); what lives only as long as the program (models, traces on the GPU, jobs) stands beside them.

mod answer;
mod attention;
mod comparison;
mod conversation;
mod download;
mod exchanges;
mod export;
mod inputs;
mod jobs;
mod kept_path;
mod models;
mod names;
mod notices;
mod pictures;
mod settings;
mod traces;
mod typed_path;
mod undo;
mod view;

pub use answer::{Alternative, AnswerStatus, AnswerTimes, TokenRecord};
pub use attention::{Attended, AttentionKey, Attentions, GridKey, GridUpload, chosen};
pub use comparison::{Comparison, ComparisonTab, FilesCompared, MapsCompared, ReadingProgress, SIDES};
pub use conversation::{
    BranchId, Conversation, ConversationId, Conversations, Exchange, ExchangeId, MAX_ID, TokenPlace,
};
pub use download::{Download, DownloadPhase, DownloadTask};
pub use exchanges::Exchanges;
pub use export::{ExportKind, ExportOptions};
pub use inputs::{EncoderInput, EncoderInputs, InputKey};
pub use jobs::{Jobs, Purpose, RunningJob};
pub use models::{Model, ModelPhase, Models, Opening, OpeningDrafts, Slot};
pub use names::{Names, Which};
pub use notices::{Notice, NoticeKind, Notices, sentences};
pub use pictures::{PictureEntry, PictureId, PictureSource, PictureState, Pictures, Stamp};
pub use settings::{Recent, SCALES, Sampling, Settings};
pub use traces::{Remade, TraceEntry, TraceKey, TraceUpload, Traces};
pub use typed_path::{PathEntry, PathFor, TypedPath};
pub use undo::{Deed, Deeds};
pub use view::{InspectorTab, MapSource, View, ViewChange, ViewHistory};

use super::gpu::GridOnGpu;
use super::layout::Layout;
use opabinia_engine::checkpoint::CachedModel;
use opabinia_shaders::Cell;
use std::path::PathBuf;

/// A page of help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HelpPage {
    /// What the maps show, and what they may claim.
    Guide,
    /// What each word means.
    Glossary,
    /// All keys and gestures.
    Shortcuts,
}

/// What lies over the panels, at most one at a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The list of all commands, narrowed by what was typed.
    Palette {
        /// What was typed.
        text: String,
        /// Which of the commands that are listed is chosen, counted from 0.
        chosen: usize,
    },
    /// Settings of answers and of the program.
    Settings,
    /// Everything that was reported.
    Log,
    /// What the program is.
    About,
    /// Help.
    Help(HelpPage),
    /// The graphics device is gone; what to do now.
    GraphicsLost,
    /// A path that is typed.
    Path(Box<TypedPath>),
    /// How a figure is written.
    Export(ExportKind, ExportOptions),
    /// The two checkpoints that are open, side by side.
    Comparison,
}

/// Whether what survives a restart is on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Kept {
    /// This window keeps nothing.
    #[default]
    Nowhere,
    /// Something has changed, and is being saved or will be soon.
    Soon,
    /// All of it is saved.
    Saved,
    /// It could not be saved, for this reason.
    Failed(String),
}

/// Everything the window shows.
#[derive(Debug, Default)]
pub struct AppState {
    /// What a person has set once and for all.
    pub settings: Settings,
    /// Where the panels are.
    pub layout: Layout,
    /// Checkpoints: found, being loaded, loaded.
    pub models: Models,
    /// What was asked and answered.
    pub conversations: Conversations,
    /// Pictures, and whether they have been read.
    pub pictures: Pictures,
    /// Traces that have been recorded.
    pub traces: Traces,
    /// What encoders were shown.
    pub inputs: EncoderInputs,
    /// What tokens of answers attended to.
    pub attentions: Attentions,
    /// What the engine has been asked to do.
    pub jobs: Jobs,
    /// The comparison of the two checkpoints that are open.
    pub comparison: Comparison,
    /// What is typed where checkpoints are opened.
    pub drafts: OpeningDrafts,
    /// Where everything is kept; `None` if it is not.
    pub data_dir: Option<PathBuf>,
    /// Whether it is kept by now.
    pub kept: Kept,
    /// Checkpoints in the hub cache; `None` until they have been looked for.
    pub hub: Option<Vec<CachedModel>>,
    /// What is looked up on the hub, or on its way from there.
    pub download: Option<Download>,
    /// What is looked at, with its history.
    pub view: ViewHistory,
    /// What was done to conversations and can be taken back.
    pub deeds: Deeds,
    /// The picture that will be attached once it has been read.
    pub attaching: Option<PictureId>,
    /// The cell under the pointer.
    pub hovered: Option<Cell>,
    /// The token looked at.
    pub token: Option<TokenPlace>,
    /// Which part of the inspector is shown.
    pub inspector: InspectorTab,
    /// Whether keys of a cell are listed by their probability instead of by their place.
    pub keys_sorted: bool,
    /// Whether the table of a map lists cells of the padding too.
    pub padding_listed: bool,
    /// What lies over the panels.
    pub overlay: Overlay,
    /// Messages and their log.
    pub notices: Notices,
}

impl AppState {
    /// Whether there is anything to take back.
    pub fn can_undo(&self) -> bool {
        self.view.can_undo() || self.deeds.last().is_some()
    }

    /// Whether the engine has anything to do that could be stopped.
    pub fn is_busy(&self) -> bool {
        self.jobs.iter().next().is_some()
    }

    /// The picture of the conversation that is shown.
    pub fn picture(&self) -> Option<PictureId> {
        self.conversations.current()?.picture
    }

    /// The trace of that picture by the model that answers, under the system prompt of the latest answer about it.
    pub fn trace_key(&self) -> Option<TraceKey> {
        let conversation = self.conversations.current()?;
        let picture = conversation.picture?;
        Some(TraceKey::new(self.models.current()?.id, picture, conversation.system_about(picture)))
    }

    /// The attention of the selected token by the model that answers.
    pub fn attention_key(&self) -> Option<AttentionKey> {
        Some((self.models.current()?.id, self.token?))
    }

    /// The trace that is looked at.
    pub fn trace(&self) -> Option<&TraceEntry> {
        self.traces.get(self.trace_key()?)
    }

    /// Whether a trace of the picture that is shown is being made.
    pub fn trace_is_coming(&self) -> bool {
        self.trace_key().is_some_and(|key| self.jobs.bring_trace(key))
    }

    /// Whether an answer about the picture is shown whose maps are neither there nor being made.
    pub fn lacks_trace(&self) -> bool {
        let Some(picture) = self.picture().filter(|_| self.trace().is_none() && !self.trace_is_coming()) else {
            return false;
        };
        let Some(shown) = self.conversations.current() else { return false };
        let mut told = false;
        for exchange in shown.path().iter().filter_map(|at| shown.exchanges.get(*at)) {
            if exchange.status.is_open() {
                return false;
            }
            told |= exchange.is_told() && exchange.picture == Some(picture);
        }
        told
    }

    /// The language model's attention from the selected token to the visual tokens, as [`MapSource::Token`] shows it.
    pub fn attention_map(&self) -> Option<&GridOnGpu> {
        let MapSource::Token { layer, head } = self.view.now().source else { return None };
        let wanted = GridKey { attention: self.attention_key()?, layer, head };
        match self.attentions.grid()? {
            (key, GridUpload::Ready(on_gpu)) if *key == wanted => Some(on_gpu),
            _ => None,
        }
    }
}
