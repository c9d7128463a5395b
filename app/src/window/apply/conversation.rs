//! Asking and answering.

use crate::window::action::ConversationAction;
use crate::window::app::{App, Finished};
use crate::window::state::{
    AnswerStatus, Conversation, ConversationId, Exchange, ExchangeId, InspectorTab, PictureId, PictureSource,
    PictureState, Purpose,
};
use opabinia_engine::generate::Subject;
use opabinia_engine::probe::Detail;
use opabinia_engine::sva::Ablation;
use opabinia_engine::worker::{Command, Question, Slot};
use std::path::PathBuf;
use std::sync::Arc;

/// Alternatives that are kept beside each token.
const ALTERNATIVES: usize = 8;

impl App {
    pub(super) fn apply_conversation(&mut self, action: ConversationAction) {
        let conversations = &mut self.state.conversations;
        match action {
            ConversationAction::New => {
                let picture = conversations.current().and_then(|shown| shown.picture);
                conversations.start();
                conversations.shown().picture = picture;
            }
            ConversationAction::Show(id) => {
                conversations.show(id);
                self.read_shown_picture();
            }
            ConversationAction::Remove(id) => {
                conversations.remove(id);
                self.state.attentions.forget_conversation(id);
                self.read_shown_picture();
            }
            ConversationAction::SetDraft(text) => conversations.shown().draft = text,
            ConversationAction::SetSystem(text) => conversations.shown().system = text,
            ConversationAction::SetSampling(sampling) => self.state.settings.sampling = sampling,
            ConversationAction::AttachFile(path) => self.attach(PictureSource::File(path)),
            ConversationAction::AttachPixels(width, height, rgb) => self.attach_pixels(width, height, &rgb),
            ConversationAction::AttachPicture(id) => {
                conversations.shown().picture = Some(id);
                self.read_picture(id);
            }
            ConversationAction::Detach => conversations.shown().picture = None,
            ConversationAction::Ask => self.ask(),
            ConversationAction::Stop => self.stop(),
            ConversationAction::Regenerate(exchange) => self.repeat(exchange, Vec::new()),
            ConversationAction::Edit(exchange) => {
                let shown = conversations.shown();
                if let Some(question) = shown.exchanges.get(exchange).map(|known| known.question.clone()) {
                    shown.draft = question;
                    shown.editing = Some(exchange);
                }
            }
            ConversationAction::CancelEdit => {
                let shown = conversations.shown();
                shown.editing = None;
                shown.draft.clear();
            }
            ConversationAction::ShowBranch(exchange) => conversations.shown().show_branch(exchange),
            ConversationAction::SelectToken(place) => {
                self.state.token = place;
                if place.is_some() {
                    self.state.inspector = InspectorTab::Token;
                }
            }
            ConversationAction::ContinueFrom(place, id) => {
                let known = conversations.exchange(place).and_then(|exchange| exchange.tokens.get(..place.token));
                if let Some(known) = known {
                    let begin = known.iter().map(|token| token.id).chain([id]).collect();
                    conversations.show(place.conversation);
                    self.repeat(place.exchange, begin);
                }
            }
        }
    }

    pub(super) fn pick_picture(&mut self) {
        let title = self.texts().conversation.attach;
        self.run_beside(
            "picture dialog",
            |_| Finished::PictureFile(None),
            move || {
                let extensions = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];
                let dialog = rfd::FileDialog::new().set_title(title).add_filter(title, &extensions);
                Finished::PictureFile(dialog.pick_file())
            },
        );
    }

    fn attach(&mut self, source: PictureSource) {
        let id = self.state.pictures.insert(source);
        self.state.conversations.shown().picture = Some(id);
        self.read_picture(id);
    }

    /// Keeps pasted pixels; they are written to a file by the next save.
    fn attach_pixels(&mut self, width: usize, height: usize, rgb: &Arc<Vec<u8>>) {
        if rgb.len() != width * height * 3 || rgb.is_empty() {
            return;
        }
        let picture = opabinia_engine::vision::Picture { width, height, rgb: rgb.to_vec() };
        let id = self.state.pictures.insert(PictureSource::Pasted(PathBuf::new()));
        self.state.pictures.set_state(id, PictureState::Ready(Arc::new(picture)));
        self.state.conversations.shown().picture = Some(id);
    }

    pub(super) fn read_shown_picture(&mut self) {
        if let Some(id) = self.state.picture() {
            self.read_picture(id);
        }
    }

    /// Asks what is in the field.
    fn ask(&mut self) {
        let model = self.state.models.loaded(Slot::A).map(crate::window::state::Model::name).unwrap_or_default();
        let sampling = self.state.settings.sampling.clone();
        let shown = self.state.conversations.shown();
        let question = std::mem::take(&mut shown.draft).trim().to_owned();
        if question.is_empty() {
            return;
        }
        let parent = match shown.editing.take() {
            Some(edited) => shown.exchanges.get(edited).and_then(|edited| edited.parent),
            None => shown.leaf,
        };
        let exchange = Exchange {
            parent,
            question,
            picture: shown.picture,
            model,
            sampling,
            begin: Vec::new(),
            answer: String::new(),
            tokens: Vec::new(),
            status: AnswerStatus::Waiting,
            times: None,
        };
        let at = add(shown, exchange);
        let conversation = shown.id;
        self.submit(conversation, at);
    }

    /// Asks the question of `exchange` again, in a branch beside it, with an answer that begins with `begin`.
    fn repeat(&mut self, exchange: ExchangeId, begin: Vec<u32>) {
        let sampling = self.state.settings.sampling.clone();
        let shown = self.state.conversations.shown();
        let Some(known) = shown.exchanges.get(exchange) else { return };
        let again = Exchange {
            begin,
            sampling,
            answer: String::new(),
            tokens: Vec::new(),
            status: AnswerStatus::Waiting,
            times: None,
            ..known.clone()
        };
        let at = add(shown, again);
        let conversation = shown.id;
        self.submit(conversation, at);
    }

    /// Hands a waiting exchange to the engine, once its picture has been read and a model is loaded.
    fn submit(&mut self, id: ConversationId, at: ExchangeId) {
        let Some(conversation) = self.state.conversations.get(id) else { return };
        let Some(exchange) = conversation.exchanges.get(at) else { return };
        let Some(model) = self.state.models.loaded(Slot::A) else { return };
        let generation = model.generation;
        let picture = match exchange.picture.and_then(|picture| Some((picture, self.state.pictures.get(picture)?))) {
            None => None,
            Some((picture, entry)) => match &entry.state {
                PictureState::Ready(pixels) => Some((picture, Arc::clone(pixels))),
                PictureState::Failed(error) => {
                    let error = error.clone();
                    self.fail(id, at, error);
                    return;
                }
                PictureState::Unread | PictureState::Reading => {
                    self.read_picture(picture);
                    return;
                }
            },
        };
        let system = Some(conversation.system.clone()).filter(|text| !text.trim().is_empty());
        let subject =
            picture.as_ref().map(|(_, pixels)| Subject { picture: Arc::clone(pixels), ablation: Ablation::default() });
        let question = Question {
            system,
            turns: conversation.turns(at),
            subject,
            begin: exchange.begin.clone(),
            options: exchange.sampling.options(ALTERNATIVES),
        };
        // The maps do not depend on the question: one trace for each picture is enough, and without one the decoder
        // can take over what it knows of the picture.
        let traced = picture.map(|(picture, _)| (picture, generation));
        let traced = traced.filter(|(picture, generation)| self.state.traces.get((*generation, *picture)).is_none());
        let command = if traced.is_some() {
            Command::Trace { slot: Slot::A, question, detail: Detail::Sva, output: None }
        } else {
            Command::Ask(Slot::A, question)
        };
        let job = self.engine.submit(command);
        self.state.jobs.begin(job, Purpose::Answer { conversation: id, exchange: at, traced });
    }

    fn fail(&mut self, id: ConversationId, at: ExchangeId, error: String) {
        let conversation = self.state.conversations.get_mut(id);
        if let Some(exchange) = conversation.and_then(|conversation| conversation.exchanges.get_mut(at)) {
            exchange.status = AnswerStatus::Failed(error);
        }
    }

    /// Exchanges that wait and have not been handed to the engine.
    fn waiting(&self) -> Vec<(ConversationId, ExchangeId)> {
        let handed = |wanted: (ConversationId, ExchangeId)| {
            let same = |purpose: &Purpose| matches!(purpose, Purpose::Answer { conversation, exchange, .. } if (*conversation, *exchange) == wanted);
            self.state.jobs.find(same).is_some()
        };
        let all = self.state.conversations.newest_first().flat_map(|conversation| {
            let waiting = conversation.exchanges.iter().enumerate();
            waiting
                .filter(|(_, exchange)| exchange.status == AnswerStatus::Waiting)
                .map(|(at, _)| (conversation.id, at))
        });
        all.filter(|place| !handed(*place)).collect()
    }

    /// The picture named `picture` has been read, or cannot be.
    pub(super) fn ask_what_waited_for(&mut self, picture: PictureId) {
        for (conversation, at) in self.waiting() {
            let about = self.state.conversations.get(conversation).and_then(|known| known.exchanges.get(at));
            if about.is_some_and(|exchange| exchange.picture == Some(picture)) {
                self.submit(conversation, at);
            }
        }
    }

    /// A model has been loaded.
    pub(super) fn ask_what_waited_for_model(&mut self) {
        for (conversation, at) in self.waiting() {
            self.submit(conversation, at);
        }
    }
}

/// Adds `exchange` to what is shown.
fn add(conversation: &mut Conversation, exchange: Exchange) -> ExchangeId {
    conversation.exchanges.push(exchange);
    let at = conversation.exchanges.len() - 1;
    conversation.leaf = Some(at);
    at
}
