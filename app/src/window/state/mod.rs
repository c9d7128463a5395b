//! The one state of the window. Panels read it; [`super::apply`] changes it.
//!
//! What survives a restart is in types that can be serialised ([`Settings`], [`Conversations`], [`Panes`] and the
//! layout; see [`super::store`]); what lives only as long as the program (models, traces, jobs) stands beside them. What lies
//! on the GPU is not here at all: [`super::gpu`] keeps it by the data it was made from.

mod answer;
mod attention;
mod between;
mod called;
mod comparison;
mod conversation;
mod counterparts;
mod crossing;
mod download;
mod evaluation;
mod evidence;
mod exchange;
mod exchanges;
mod export;
mod history;
mod inputs;
mod intervened;
mod jobs;
mod kept_path;
mod layout;
mod lens;
mod links;
mod models;
mod names;
mod notices;
mod offset;
mod panes;
mod pictures;
mod settings;
mod slot;
mod source;
mod traces;
mod typed_path;
mod undo;

pub use answer::{Alternative, AnswerStatus, AnswerTimes, Intervened, TokenRecord};
pub use attention::{Attended, AttentionKey, Attentions, chosen};
pub use called::{Called, Which};
pub use comparison::{Comparison, ComparisonTab, FilesCompared, MapsCompared, ReadingProgress, TensorOrder};
pub use conversation::{BranchId, Conversation, ConversationId, Conversations, MAX_ID, TokenPlace};
pub use counterparts::{Counterparts, moved};
pub use crossing::{CrossKey, Crossing, Crossings};
pub use download::{Download, DownloadPhase, DownloadTask};
pub use evaluation::{
    Benchmarks, Ended, Evaluation, EvaluationField, EvaluationForm, EvaluationTab, EvaluationView, FigureFile,
    ItemPicture, ItemToAsk, Known, OpenSet, PairOf, Pick, Told, Working,
};
pub use evidence::{
    AnswerEvidence, EvidenceKey, EvidencePart, EvidenceView, Evidences, NoEvidence, PartState, Recall, Recalled,
    WordColours,
};
pub use exchange::{Exchange, ExchangeId};
pub use exchanges::Exchanges;
pub use export::{ExportKind, ExportOptions};
pub use history::ViewHistory;
pub use inputs::{EncoderInput, EncoderInputs, InputKey};
pub use intervened::{Off, cells_between, cells_off, off, switched, with_cells_switched};
pub use jobs::{Jobs, Purpose, RunningJob};
pub use layout::{Layout, PanelKind};
pub use lens::{InspectorTab, MapLens, ViewChange};
pub use links::{Linked, Links};
pub use models::{Model, ModelPhase, Models, Opening, OpeningDrafts};
pub use names::Names;
pub use notices::{Notice, NoticeKind, Notices, sentences};
pub use offset::Offset;
pub use panes::{MOST_PANES, MapPane, PaneId, Panes, Said};
pub use pictures::{PictureEntry, PictureId, PictureSource, PictureState, Pictures, Stamp};
pub use settings::{Recent, SCALES, Sampling, Settings};
pub use slot::{SIDES, Slot};
pub use source::{MapSource, RunRef, Side, SidesLook};
pub use traces::{Remade, TraceEntry, TraceKey, Traces};
pub use typed_path::{PathEntry, PathFor, TypedPath, expanded};
pub use undo::{Deed, Deeds};

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
    /// What answers rest on.
    pub evidence: Evidences,
    /// Sets of questions, runs of them, benchmarks.
    pub evaluation: Evaluation,
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
    /// The panes of maps, with their history.
    pub view: ViewHistory,
    /// What was done to conversations and can be taken back.
    pub deeds: Deeds,
    /// The picture that will be attached once it has been read.
    pub attaching: Option<PictureId>,
    /// The cell under the pointer, and the pane whose it is.
    pub hovered: Option<(PaneId, Cell)>,
    /// Why nothing can be drawn, where the graphics device is gone.
    pub graphics_lost: Option<String>,
    /// The token looked at.
    pub token: Option<TokenPlace>,
    /// Whether nobody chose that token: it is the first one of the last answer, and goes on to that of the next one.
    pub token_follows: bool,
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

    /// The panes of maps.
    pub fn panes(&self) -> &Panes {
        self.view.panes()
    }

    /// The active pane of maps: the one that keys and menus are about, and that the inspector explains.
    pub fn pane(&self) -> &MapPane {
        self.view.panes().active()
    }

    /// How its maps are drawn.
    pub fn lens(&self) -> &MapLens {
        &self.pane().lens
    }

    /// The model of `side`.
    pub fn model_of(&self, side: Side) -> Option<&Model> {
        match side.slot() {
            Some(slot) => self.models.loaded(slot),
            None => self.models.current(),
        }
    }

    /// The name of the run that `run` means on the picture that is shown, under the system prompt of the latest answer about it.
    pub fn run_key(&self, run: &RunRef) -> Option<TraceKey> {
        let conversation = self.conversations.current()?;
        let (model, picture) = (self.model_of(run.side)?.id, conversation.picture?);
        let plain = TraceKey::new(model, picture, conversation.system_about(picture));
        Some(TraceKey { interventions: run.interventions.clone(), ..plain })
    }

    /// The run whose numbers `pane` shows: the first of a difference, and the plain one beside a token's attention.
    pub fn key_of(&self, pane: &MapPane) -> Option<TraceKey> {
        match pane.source.runs().next() {
            Some(run) => self.run_key(run),
            None => self.run_key(&RunRef::default()),
        }
    }

    /// The same of the active pane.
    pub fn trace_key(&self) -> Option<TraceKey> {
        self.key_of(self.pane())
    }

    /// The plain run of the picture that is shown, by the model that answers.
    pub fn plain_key(&self) -> Option<TraceKey> {
        self.run_key(&RunRef::default())
    }

    /// The attention of the selected token by the model that answers.
    pub fn attention_key(&self) -> Option<AttentionKey> {
        Some((self.models.current()?.id, self.token?))
    }

    /// The trace that `pane` shows the numbers of.
    pub fn trace_of(&self, pane: &MapPane) -> Option<&TraceEntry> {
        self.traces.get(&self.key_of(pane)?)
    }

    /// The trace that is looked at: that of the active pane.
    pub fn trace(&self) -> Option<&TraceEntry> {
        self.trace_of(self.pane())
    }

    /// Whether the trace named `key` is being made.
    pub fn is_coming(&self, key: &TraceKey) -> bool {
        self.jobs.make_trace(key)
    }

    /// Whether an answer about the picture is shown of which there could be the run `key`, which is neither there nor being
    /// made.
    pub fn lacks_trace(&self, key: &TraceKey) -> bool {
        if self.traces.get(key).is_some() || self.is_coming(key) {
            return false;
        }
        let Some(shown) = self.conversations.current() else { return false };
        let mut told = false;
        for exchange in shown.path().iter().filter_map(|at| shown.exchanges.get(*at)) {
            if exchange.status.is_open() {
                return false;
            }
            told |= exchange.is_told() && exchange.picture == Some(key.picture);
        }
        told
    }

    /// The cell under the pointer, as `pane` shows it: its own, or that of a pane that it is linked with.
    pub fn hovered_in(&self, pane: &MapPane) -> Option<Cell> {
        let (id, cell) = self.hovered?;
        let links = |id| self.panes().get(id).is_some_and(|other| other.links.has(Linked::Cell));
        (id == pane.id || pane.links.has(Linked::Cell) && links(id)).then_some(cell)
    }
}
