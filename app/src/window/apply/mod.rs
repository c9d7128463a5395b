//! The one place that changes the state: what a person did, what the engine sent, what background tasks found.

mod attention;
mod between;
mod comparison;
mod conversation;
mod crossing;
mod download;
mod engine;
mod evaluation;
mod evidence;
mod export;
mod intervened;
mod kept_evidence;
mod model;
mod paths;
mod pictures;
mod program;
mod saving;
mod sides_export;
mod strongest_cell;
mod traces;
mod uploads;
mod view;

use super::action::{Action, ComparisonAction, ConversationAction, ModelAction, ViewAction};
use super::app::{App, Finished, Start};
use super::command::UiCommand;
use super::state::{
    Conversation, ExportKind, HelpPage, Known, Layout, MapLens, MapsCompared, NoticeKind, Overlay, PictureSource,
    PictureState, SidesLook, Slot, ViewChange,
};
use super::theme::ThemeChoice;
use crate::demo;
use crate::language::{Language, LanguageChoice};
use opabinia_shaders::Rect;
use std::collections::HashSet;
use std::sync::Arc;

/// Pixels that are kept of pictures which can be read again, in bytes: seven photos of 48 megapixels.
const PIXELS: usize = 1 << 30;

impl App {
    /// Does what the window begins with.
    pub(super) fn begin(&mut self, start: Start) {
        self.list_cached_models();
        let given = start.image.is_some();
        match start.image {
            Some(file) => self.apply(ConversationAction::AttachFile(file).into()),
            None => self.read_shown_picture(),
        }
        let untouched = self.state.settings.recent.is_empty() && self.state.picture().is_none() && !given;
        if let Some(model) = start.model.or_else(|| self.state.settings.last_model.clone()) {
            self.inspect_source(Slot::A, &model, true);
        } else if start.welcome && untouched {
            self.welcome();
        }
    }

    /// Opens the demo checkpoint and asks it about its first sample: there is something to look at from the beginning.
    fn welcome(&mut self) {
        let Some(sample) = demo::SAMPLES.first() else { return };
        self.inspect_source(Slot::A, demo::NAME, true);
        self.welcoming = true;
        let picture = self.state.pictures.insert(PictureSource::Sample(sample.name.to_owned()));
        self.apply_conversation(ConversationAction::AttachPicture(picture));
        self.apply_conversation(ConversationAction::SetDraft(sample.question.to_owned()));
        self.apply_conversation(ConversationAction::Ask);
    }

    /// Does what a person did; public for tests, which cannot answer the system's file dialogs.
    pub fn apply(&mut self, action: Action) {
        match action {
            Action::Command(command) => self.apply_command(command),
            Action::Model(action) => self.apply_model(action),
            Action::Conversation(action) => self.apply_conversation(action),
            Action::View(action) => self.apply_view(action),
            Action::Evidence(action) => self.apply_evidence(action),
            Action::Comparison(action) => self.apply_comparison(action),
            Action::Evaluation(action) => self.apply_evaluation(action),
            Action::Program(action) => self.apply_program(action),
        }
    }

    fn apply_command(&mut self, command: UiCommand) {
        if !command.enabled(&self.state) {
            return;
        }
        // Whatever was chosen, the palette has done its work.
        if matches!(self.state.overlay, Overlay::Palette { .. }) {
            self.state.overlay = Overlay::None;
        }
        match command {
            // In place of the one that is asked, which the next question then goes to.
            UiCommand::OpenFolder => self.pick_model(self.state.models.answering()),
            UiCommand::CompareFolder => self.pick_model(Slot::B),
            UiCommand::CompareSides => self.apply_comparison(ComparisonAction::Toggle),
            UiCommand::AskBoth => self.apply_comparison(ComparisonAction::AskBoth),
            UiCommand::OtherModel => {
                let other = self.state.models.answering().other();
                self.apply_model(ModelAction::Answer(other));
            }
            UiCommand::AttachPicture => self.pick_picture(),
            UiCommand::Quit => self.ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            UiCommand::NewConversation => self.apply_conversation(ConversationAction::New),
            UiCommand::RemoveConversation => {
                if let Some(id) = self.state.conversations.current().map(|shown| shown.id) {
                    self.apply_conversation(ConversationAction::Remove(id));
                }
            }
            UiCommand::Ask => self.apply_conversation(ConversationAction::Ask),
            UiCommand::Stop => self.stop(),
            UiCommand::Regenerate => {
                if let Some(leaf) = self.state.conversations.current().and_then(|shown| shown.leaf) {
                    self.apply_conversation(ConversationAction::Regenerate(leaf));
                }
            }
            UiCommand::Detach => self.apply_conversation(ConversationAction::Detach),
            UiCommand::Undo => self.undo(),
            UiCommand::Redo => self.state.view.redo(),
            UiCommand::ToggleTheme => {
                let dark = self.ctx.theme() == egui::Theme::Dark;
                self.state.settings.theme = if dark { ThemeChoice::Light } else { ThemeChoice::Dark };
            }
            UiCommand::SwitchLanguage => {
                self.state.settings.language = match self.state.settings.language.language() {
                    Language::English => LanguageChoice::Chinese,
                    Language::Chinese => LanguageChoice::English,
                };
            }
            UiCommand::ResetLayout => {
                self.state.layout = Layout::default();
                self.state.layout.show_exactly(self.state.view.panes());
            }
            UiCommand::LookBeside => self.look_at_sides(SidesLook::Beside),
            UiCommand::LookSwap => self.look_at_sides(SidesLook::Swap),
            UiCommand::LookWipe => self.look_at_sides(SidesLook::Wipe),
            UiCommand::LookDifference => self.look_at_sides(SidesLook::Difference),
            UiCommand::LookDivergence => self.look_at_sides(SidesLook::Divergence),
            UiCommand::NewPane => self.new_pane(),
            UiCommand::ClosePane => self.state.view.close(self.state.pane().id),
            UiCommand::NextPane => self.activate_pane(self.state.panes().next()),
            UiCommand::ToggleLinks => self.toggle_links(),
            UiCommand::SwitchCell => self.switch_cell(),
            UiCommand::EverythingOn => self.switch_everything_on(),
            UiCommand::Palette => self.state.overlay = Overlay::Palette { text: String::new(), chosen: 0 },
            UiCommand::Settings => self.state.overlay = Overlay::Settings,
            UiCommand::Log => self.state.overlay = Overlay::Log,
            UiCommand::About => self.state.overlay = Overlay::About,
            UiCommand::Guide => self.state.overlay = Overlay::Help(HelpPage::Guide),
            UiCommand::Glossary => self.state.overlay = Overlay::Help(HelpPage::Glossary),
            UiCommand::Shortcuts => self.state.overlay = Overlay::Help(HelpPage::Shortcuts),
            UiCommand::ExportPicture => self.export(ExportKind::Picture),
            UiCommand::ExportNumbers => self.export(ExportKind::Numbers),
            UiCommand::ExportTrace => self.export(ExportKind::Trace),
            UiCommand::ExportRecipe => self.export(ExportKind::Recipe),
            UiCommand::ResetView => self.state.look_through(MapLens::default()),
            UiCommand::ZoomToFit => self.state.change_view(&ViewChange::Shown(Rect::SQUARE)),
            UiCommand::ToggleGrid => {
                let grid = !self.state.lens().grid;
                self.state.change_view(&ViewChange::Grid(grid));
            }
            UiCommand::AllLayersAndHeads => self.look_at_all_layers_and_heads(),
            UiCommand::NextLayer => self.step_layers(true),
            UiCommand::PreviousLayer => self.step_layers(false),
            UiCommand::NextHead => self.step_heads(true),
            UiCommand::PreviousHead => self.step_heads(false),
            UiCommand::NextQuantity => self.next_quantity(),
            UiCommand::NextEncoder => self.next_encoder(),
            UiCommand::Evidence => self.show_evidence(),
            UiCommand::Evaluation => self.show_evaluation(),
        }
    }

    /// Takes back what was done last: a change of the view, or something that was done to a conversation.
    fn undo(&mut self) {
        let view = &mut self.state.view;
        match self.state.deeds.last() {
            Some((deed, at)) if at >= view.position() || !view.can_undo() => {
                self.apply_conversation(ConversationAction::TakeBack(deed));
            }
            _ => view.undo(),
        }
    }

    /// Takes in what a background task found or did.
    pub(super) fn apply_finished(&mut self, finished: Finished) {
        match finished {
            Finished::Picture(id, stamp, Ok(_)) if self.state.pictures.has_changed(id, stamp) => {
                let changed = self.texts().conversation.picture_changed.to_owned();
                self.apply_finished(Finished::Picture(id, None, Err(changed)));
            }
            Finished::Picture(id, stamp, Ok(picture)) => {
                self.state.pictures.set_ready(id, stamp, picture);
                if self.state.attaching == Some(id) {
                    self.ask_about(Some(id));
                    self.deselect_hidden_token();
                }
                let shown = self.state.conversations.current().into_iter();
                let shown: HashSet<_> = shown.flat_map(Conversation::pictures).collect();
                self.state.pictures.make_room(PIXELS, |other| other == id || shown.contains(&other));
                self.ask_what_waited_for(id);
            }
            Finished::Picture(id, _, Err(error)) => {
                if self.state.attaching == Some(id) {
                    // It is not attached, and nothing else has changed.
                    self.state.attaching = None;
                    self.state.notices.add(NoticeKind::Failure, error.clone());
                } else {
                    // What is about it says so.
                    self.state.notices.log(NoticeKind::Failure, error.clone());
                }
                self.state.pictures.set_state(id, PictureState::Failed(error));
                self.ask_what_waited_for(id);
            }
            Finished::Demo(slot, at_once, Ok(directory)) => {
                self.inspect_source(slot, &directory.to_string_lossy(), at_once);
            }
            Finished::Demo(_, _, Err(error)) => self.state.notices.add(NoticeKind::Failure, error),
            Finished::Asked(what, asked) => self.asked_for_path(what, asked),
            Finished::Names(directory, names) => self.listed(directory, names),
            Finished::Typed(path, fits) => self.typed(&path, fits),
            Finished::PastedText(text) => self.paste_text(&text),
            Finished::Attach(path, now) => self.attach_as_now(path, now),
            Finished::Hub(models) => self.state.hub = Some(models),
            Finished::LookedUp(task, needs) => self.looked_up(task, needs),
            Finished::Downloaded(task, ended) => self.downloaded(task, ended),
            Finished::Uploaded(trace, ended) => self.uploaded(ended, |gpu, upload| gpu.end_trace(&trace, upload)),
            Finished::Dropped(dropped) => self.open_dropped(dropped),
            Finished::Pasted(id, picture, unkept) => {
                if let Some(why) = unkept {
                    self.state.notices.add(NoticeKind::Warning, why);
                }
                self.apply_finished(Finished::Picture(id, None, Ok(picture)));
            }
            Finished::Recalled(key, recalled) => self.recalled(key, *recalled),
            Finished::EvidenceKept => {}
            Finished::Followed(key, token, choice, chain) => self.followed(key, (token, choice), chain),
            Finished::MapsCompared(keys, Ok(maps)) => {
                self.state.comparison.set_maps(keys, MapsCompared::Ready(Arc::new(maps)));
            }
            Finished::MapsCompared(keys, Err(error)) => {
                self.state.comparison.set_maps(keys, MapsCompared::Failed(error));
            }
            Finished::Tokenizers(key, same) => self.tokenizers_compared(key, same),
            Finished::FilesCompared(models, compared) => self.files_compared(models, compared),
            Finished::SetOpened(set) => self.set_opened(set),
            Finished::RunOpened(is_other, run) => self.run_opened(is_other, run),
            Finished::Evaluated(number, ended) => self.evaluated(number, ended),
            Finished::Paired(of, pair) => {
                self.state.evaluation.pairing = false;
                self.state.evaluation.pair = Some((of, pair.map_or_else(Known::Failed, Known::Ready)));
            }
            Finished::ItemPicture(item, picture) => self.item_picture_read(&item, picture),
            Finished::ItemToAsk(item) => self.ask_item(item),
            Finished::BenchmarksRead(read) => {
                self.state.evaluation.benchmarks = read.map_or_else(Known::Failed, Known::Ready);
            }
            Finished::Saved(saved) => self.saved(saved),
            Finished::Input(key, input) => self.state.inputs.set(key, input),
            Finished::Grid(of, part, ended) => self.uploaded(ended, |gpu, upload| gpu.end_grid(&of, part, upload)),
            Finished::Compared(of, part, ended) => {
                self.uploaded(ended, |gpu, upload| gpu.end_compared(&of, part, upload));
            }
            Finished::Notice(kind, text) => self.state.notices.add(kind, text),
        }
    }

    fn apply_view(&mut self, action: ViewAction) {
        match action {
            ViewAction::Change(change) => self.change_view(&change),
            ViewAction::Replace(lens) => self.state.look_through(*lens),
            ViewAction::Activate(id) => self.activate_pane(id),
            ViewAction::DuplicatePane => self.new_pane(),
            ViewAction::ClosePane(id) => self.state.view.close(id),
            ViewAction::Link(id, what, linked) => self.state.view.link(id, &[what], linked),
            ViewAction::Hover(cell) => self.state.hovered = cell,
            ViewAction::ShowInspector(tab) => self.state.inspector = tab,
            ViewAction::AttendAgain => self.attend_again(),
            ViewAction::MakeMaps => self.make_maps(),
            ViewAction::SortKeys(sorted) => self.state.keys_sorted = sorted,
            ViewAction::ListPadding(listed) => self.state.padding_listed = listed,
            ViewAction::Export(kind) => self.export(kind),
            ViewAction::SetExport(kind, options) => self.state.overlay = Overlay::Export(kind, options),
            ViewAction::PickExport(kind, options) => self.pick_export(kind, options),
            ViewAction::ExportTo(kind, options, path) => self.export_to(kind, &options, path),
        }
    }
}
