//! What a person can do. Panels read the state and return actions; [`super::apply`] is the one place that applies them.

use super::command::UiCommand;
use super::state::{
    BranchId, ComparisonTab, ConversationId, Deed, EvaluationField, EvaluationTab, EvidencePart, ExchangeId,
    ExportKind, ExportOptions, FigureFile, InspectorTab, Linked, MapLens, PaneId, Pick, PictureId, Sampling, SidesLook,
    Slot, TensorOrder, TokenPlace, ViewChange, WordColours,
};
use crate::evaluation::Quadrant;
use crate::evidence::DecoderChoice;
use crate::evidence::export::EvidenceFile;
use crate::evidence::{Removal, Section};
use opabinia_engine::checkpoint::EncoderOverride;
use opabinia_engine::device::DeviceChoice;
use opabinia_engine::intervention::Cells;
use opabinia_engine::precision::WeightChoice;
use opabinia_eval::score::Protocol;
use std::path::PathBuf;
use std::sync::Arc;

/// One thing a person did.
#[derive(Debug, Clone)]
pub enum Action {
    /// From a menu, a shortcut, the palette or a button.
    Command(UiCommand),
    /// About opening checkpoints.
    Model(ModelAction),
    /// About what is asked and answered.
    Conversation(ConversationAction),
    /// About what is looked at.
    View(ViewAction),
    /// About what an answer rests on.
    Evidence(EvidenceAction),
    /// About the two checkpoints side by side.
    Comparison(ComparisonAction),
    /// About sets of questions.
    Evaluation(EvaluationAction),
    /// About the program itself.
    Program(ProgramAction),
}

/// About the two checkpoints side by side.
#[derive(Debug, Clone)]
pub enum ComparisonAction {
    /// Look at both, or at one again if both are looked at.
    Toggle,
    /// Show this part of the comparison.
    Show(ComparisonTab),
    /// Look at one of them alone, which is asked from now on.
    LookAtOne(Slot),
    /// B takes the place of A, which is closed.
    Promote,
    /// Score each answer on the other side too.
    Cross,
    /// Measure what both answers rest on.
    MeasureBoth,
    /// Ask both what is in the field.
    AskBoth,
    /// Ask one of them once more.
    AskAgain(Slot),
    /// Put what can be asked between both sides so far from A, as a part of the way to B.
    SetLambda(f64),
    /// Ask what lies there.
    AskBetween,
    /// Show its maps in a pane of their own.
    ShowBetween,
    /// A becomes B and B becomes A.
    Swap,
    /// Read their files and compare them.
    CompareFiles,
    /// Stop reading the files.
    StopFiles,
    /// List changed tensors in this order.
    OrderTensors(TensorOrder),
    /// Show the maps of A, of B and of their difference, each in a pane of its own, linked.
    ShowMaps,
    /// Look at both sides like this in the active pane.
    Look(SidesLook),
    /// Move the line of a wipe there, as a part of the map's width.
    Wipe(f32),
    /// Show the maps of a layer, with this cell selected.
    LookAt {
        /// The layer's labels in A and in B.
        layers: [String; 2],
        /// Cells to a side of the grid on which the cell is counted.
        side: usize,
        /// The cell's row.
        row: usize,
        /// The cell's column.
        column: usize,
    },
}

/// About sets of questions and runs of them.
#[derive(Debug, Clone)]
pub enum EvaluationAction {
    /// Look at this part.
    Show(EvaluationTab),
    /// What is typed in a field.
    Type(EvaluationField, String),
    /// How questions are asked; `None` for what fits the model.
    SetProtocol(Option<Protocol>),
    /// Ask the person for what belongs into a field.
    Browse(EvaluationField),
    /// Open what is typed in a field.
    Open(EvaluationField),
    /// Close the run that is compared with.
    CloseOther,
    /// Ask what is left of the run.
    Start,
    /// Stop after the picture in hand; at once, if that was asked for before.
    Pause,
    /// Put these two columns beside each other.
    Compare([Pick; 2]),
    /// List items of this task, or of all.
    SetTask(Option<String>),
    /// List these items, or all.
    SetQuadrant(Option<Quadrant>),
    /// Look at this item.
    SelectItem(Option<String>),
    /// Ask this item in the conversation, under this condition of a run.
    OpenItem(String, Pick),
    /// Write the benchmarks' figure to a file the person chooses.
    ExportBenchmarks(FigureFile),
    /// Write this file.
    ExportBenchmarksTo(FigureFile, PathBuf),
}

/// About opening checkpoints.
#[derive(Debug, Clone)]
pub enum ModelAction {
    /// Find out what this checkpoint is and what it needs: a directory, or a repository id in the hub cache.
    Inspect(Slot, String),
    /// Ask the person for the directory of a checkpoint.
    Pick(Slot),
    /// Look again at what is loaded, to load it with other settings.
    Reconsider(Slot),
    /// What is typed as the checkpoint to open.
    SetSourceDraft(String),
    /// What is typed in the place of the checkpoint that is being opened.
    SetPathDraft(String),
    /// What is typed as the directory of the encoder of this name.
    SetEncoderDraft(String, String),
    /// Where the encoder of this name is to be found.
    SetEncoder(Slot, EncoderOverride),
    /// Ask the person for the directory of the encoder of this name.
    PickEncoder(Slot, String),
    /// Where to compute.
    SetDevice(Slot, DeviceChoice),
    /// In which type to keep weights.
    SetWeights(Slot, WeightChoice),
    /// Load what was inspected.
    Load(Slot),
    /// Give up inspecting or loading.
    Cancel(Slot),
    /// Close the question about what to load, with what was loaded before untouched.
    Dismiss(Slot),
    /// Let this one answer, and show its maps.
    Answer(Slot),
    /// Call it this from now on; by the checkpoint's own name if that is empty.
    Call(Slot, String),
    /// Take the model out of memory.
    Unload(Slot),
    /// Ask the hub what this repository takes, to open it in this slot. The first thing that touches the network.
    LookUp(Slot, String),
    /// Bring what was looked up, or go on with it.
    Download,
    /// Let what is on its way stand still.
    PauseDownload,
    /// Forget what was looked up. What arrived stays in the cache.
    CloseDownload,
}

/// About what is asked and answered.
#[derive(Debug, Clone)]
pub enum ConversationAction {
    /// Begin a new one, and show it.
    New,
    /// Show this conversation.
    Show(ConversationId),
    /// Remove this one. That can be taken back.
    Remove(ConversationId),
    /// Take back what was done.
    TakeBack(Deed),
    /// What is in the field for the next question.
    SetDraft(String),
    /// System text instead of the template's own; empty for the template's.
    SetSystem(String),
    /// How answers are chosen.
    SetSampling(Sampling),
    /// Read this picture file and attach it.
    AttachFile(PathBuf),
    /// Attach the sample of this name, with this question about it in the field.
    TrySample(&'static str, &'static str),
    /// Attach a picture that is known already.
    AttachPicture(PictureId),
    /// Go on without a picture.
    Detach,
    /// Ask what is in the field.
    Ask,
    /// Stop everything the engine was asked for.
    Stop,
    /// Ask the same question again.
    Regenerate(ExchangeId),
    /// Put a question into the field for editing; asking it makes a branch beside the old one.
    Edit(ExchangeId),
    /// Give up editing.
    CancelEdit,
    /// Show another branch.
    ShowBranch(BranchId),
    /// Show the answer of this exchange as tokens, or as formatted text.
    ShowTokens(ExchangeId, bool),
    /// Show all of the question of this exchange, or its beginning only.
    ShowQuestion(ExchangeId, bool),
    /// Look at this token: its probability, its alternatives, its attention to the picture.
    SelectToken(Option<TokenPlace>),
    /// Ask the question of the answer that is shown under every intervention that is on.
    AskUnderInterventions,
    /// The same for what was stopped or failed.
    AskUnderAgain,
    /// Answer again with the same tokens up to this place, and this token there.
    ContinueFrom(TokenPlace, u32),
}

/// About what is looked at.
#[derive(Debug, Clone)]
pub enum ViewAction {
    /// Makes this pane the active one: what follows is about it. Not a part of the history.
    Activate(PaneId),
    /// Opens a pane beside the active one that shows the same.
    DuplicatePane,
    /// Closes this pane; can be undone.
    ClosePane(PaneId),
    /// Links this of a pane with the others, or breaks that link; can be undone.
    Link(PaneId, Linked, bool),
    /// Changes one property of the active pane, and what is linked with it; can be undone.
    Change(ViewChange),
    /// Looks through another lens in the active pane; can be undone.
    Replace(Box<MapLens>),
    /// The cell under the pointer, and the pane whose it is; shown in every map that is linked. Not a part of the history.
    Hover(Option<(PaneId, opabinia_shaders::Cell)>),
    /// Which part of the inspector is shown.
    ShowInspector(InspectorTab),
    /// Make the maps of an answer given before once more.
    MakeMaps,
    /// Ask once more what the selected token attended to.
    AttendAgain,
    /// List the keys of a cell by their probability instead of by their place.
    SortKeys(bool),
    /// List cells of the padding in the table of a map, or leave them out.
    ListPadding(bool),
    /// Write what is on the screen to a file the person chooses.
    Export(ExportKind),
    /// Change what is chosen in the dialog about a figure.
    SetExport(ExportKind, ExportOptions),
    /// Ask for the name of the file.
    PickExport(ExportKind, ExportOptions),
    /// Write this file.
    ExportTo(ExportKind, ExportOptions, PathBuf),
}

/// About what an answer rests on.
#[derive(Debug, Clone)]
pub enum EvidenceAction {
    /// Measure what is not known of this part.
    Measure(EvidencePart),
    /// Stop measuring; what was found stays.
    Stop,
    /// Look up what was measured about the shown answer before the program was started.
    Recall,
    /// Look at this part.
    ShowSection(Section),
    /// Effects on the selected token instead of the whole answer.
    OfToken(bool),
    /// How encoders are taken away where one way has to be chosen.
    SetRemoval(Removal),
    /// The decoder's attention that chains begin with.
    SetDecoder(DecoderChoice),
    /// Follow the chain of this token, of which everything is known.
    Follow(usize),
    /// Features after the projector instead of each encoder's own.
    ShowShared(bool),
    /// The encoder whose cells are replaced; `None` for all.
    SetTarget(Option<usize>),
    /// What the words of answers are coloured by.
    ColourWords(Option<WordColours>),
    /// The picture whose features are swapped in.
    SetOther(Option<PictureId>),
    /// What is typed as a region.
    TypeRegion(String),
    /// Measure the region that is typed.
    UseRegion,
    /// These cells were brushed on a large map: they are measured where effects of cells are looked at.
    Brushed(Cells),
    /// Measure these cells.
    SetRegion(Option<Cells>),
    /// Write what is known to a file the person chooses.
    Export(EvidenceFile),
    /// Write this file.
    ExportTo(EvidenceFile, PathBuf),
}

/// About the program itself.
#[derive(Debug, Clone)]
pub enum ProgramAction {
    /// Which language it speaks.
    SetLanguage(crate::language::LanguageChoice),
    /// Light, dark, or as the system has it.
    SetTheme(super::theme::ThemeChoice),
    /// Close whatever lies over the panels.
    CloseOverlay,
    /// Take this message off the screen; it stays in the log.
    DismissNotice(u64),
    /// What is typed into the command palette.
    SetPaletteText(String),
    /// Choose the command at this place of the palette's list.
    ChooseInPalette(usize),
    /// Size of everything; 1 is the system's.
    SetScale(f32),
    /// These files or directories were dropped on the window.
    Dropped(Vec<PathBuf>),
    /// What is typed as a path.
    TypePath(String),
    /// Use the path that is typed.
    UsePath,
    /// This text was pasted, which may name the file at this path.
    PastedPath(String, PathBuf),
    /// This picture was pasted.
    Pasted(Arc<egui::ColorImage>),
    /// Save everything and start the program again: the graphics device is gone.
    Restart,
    /// Put this text on the clipboard.
    Copy(String),
}

impl From<UiCommand> for Action {
    fn from(command: UiCommand) -> Self {
        Self::Command(command)
    }
}

impl From<ModelAction> for Action {
    fn from(action: ModelAction) -> Self {
        Self::Model(action)
    }
}

impl From<ConversationAction> for Action {
    fn from(action: ConversationAction) -> Self {
        Self::Conversation(action)
    }
}

impl From<ViewAction> for Action {
    fn from(action: ViewAction) -> Self {
        Self::View(action)
    }
}

impl From<ComparisonAction> for Action {
    fn from(action: ComparisonAction) -> Self {
        Self::Comparison(action)
    }
}

impl From<EvaluationAction> for Action {
    fn from(action: EvaluationAction) -> Self {
        Self::Evaluation(action)
    }
}

impl From<ViewChange> for Action {
    fn from(change: ViewChange) -> Self {
        Self::View(ViewAction::Change(change))
    }
}

impl From<EvidenceAction> for Action {
    fn from(action: EvidenceAction) -> Self {
        Self::Evidence(action)
    }
}

impl From<ProgramAction> for Action {
    fn from(action: ProgramAction) -> Self {
        Self::Program(action)
    }
}
