//! Asking and answering.

use crate::window::action::ConversationAction;
use crate::window::app::{App, Finished};
use crate::window::state::{
    AnswerStatus, ConversationId, Deed, ExchangeId, InspectorTab, NoticeKind, PictureId, PictureSource, PictureState,
    Purpose, Sampling, Slot, Stamp, TokenPlace, TraceKey,
};
use opabinia_engine::probe::Detail;
use opabinia_engine::worker::{Command, Decoding, Prompt, Record, RunSpec};
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
                // One that is empty is as good as a new one.
                if !conversations.shown().exchanges.is_empty() {
                    conversations.start();
                    conversations.shown().picture = picture;
                }
            }
            ConversationAction::Show(id) => {
                conversations.show(id);
                self.read_shown_picture();
            }
            ConversationAction::Remove(id) => self.remove(id),
            ConversationAction::TakeBack(deed) => self.take_back(deed),
            ConversationAction::SetDraft(text) => conversations.shown().draft = text,
            ConversationAction::SetSystem(text) => conversations.shown().system = text,
            ConversationAction::SetSampling(sampling) => self.state.settings.sampling = sampling,
            ConversationAction::AttachFile(path) => self.attach_file(path),
            ConversationAction::AttachPicture(id) => self.ask_about(Some(id)),
            ConversationAction::TrySample(name, question) => self.try_sample(name, question),
            ConversationAction::Detach => self.ask_about(None),
            ConversationAction::Ask => self.ask(),
            ConversationAction::Stop => self.stop(),
            ConversationAction::Regenerate(exchange) => self.regenerate(exchange),
            ConversationAction::Edit(exchange) => {
                conversations.shown().edit(exchange);
                self.read_shown_picture();
            }
            ConversationAction::CancelEdit => conversations.shown().cancel_edit(),
            ConversationAction::ShowBranch(exchange) => {
                conversations.shown().show_branch(exchange);
                self.read_shown_picture();
            }
            ConversationAction::ShowTokens(exchange, shown) => {
                if let Some(exchange) = conversations.shown().exchanges.get_mut(exchange) {
                    exchange.as_tokens = Some(shown);
                }
            }
            ConversationAction::ShowQuestion(exchange, whole) => {
                if let Some(exchange) = conversations.shown().exchanges.get_mut(exchange) {
                    exchange.whole_question = whole;
                }
            }
            ConversationAction::SelectToken(place) => {
                (self.state.token, self.state.token_follows) = (place, false);
                if place.is_some() {
                    self.state.inspector = InspectorTab::Token;
                }
            }
            ConversationAction::AskUnderInterventions => self.ask_under_interventions(),
            ConversationAction::AskUnderAgain => self.ask_under_again(),
            ConversationAction::ContinueFrom(place, id) => self.continue_from(place, id),
        }
        self.deselect_hidden_token();
    }

    /// Attaches the picture at `path`: as it is now, if it was read before.
    fn attach_file(&mut self, path: PathBuf) {
        let source = PictureSource::File(path.clone());
        if self.state.pictures.was_read(&source) {
            let failed = path.clone();
            self.run_beside(
                "picture",
                move |_| Finished::Attach(failed, None),
                move || {
                    let now = Stamp::of(&path);
                    Finished::Attach(path, now)
                },
            );
        } else {
            let id = self.state.pictures.insert(source);
            self.attach(id);
        }
    }

    /// Attaches the picture named `id` once it has been read: what cannot be read changes nothing.
    fn attach(&mut self, id: PictureId) {
        if self.state.pictures.ready(id).is_some() {
            self.ask_about(Some(id));
        } else {
            self.state.attaching = Some(id);
            self.read_picture(id);
        }
    }

    /// Attaches the sample called `name` and puts `question` into the field.
    fn try_sample(&mut self, name: &str, question: &str) {
        let id = self.state.pictures.insert(PictureSource::Sample(name.to_owned()));
        self.ask_about(Some(id));
        self.state.conversations.shown().draft = question.to_owned();
    }

    /// Attaches the picture at `path`, whose file is `now` so.
    pub(super) fn attach_as_now(&mut self, path: PathBuf, now: Option<Stamp>) {
        let id = self.state.pictures.insert_as_now(PictureSource::File(path), now);
        self.attach(id);
        self.deselect_hidden_token();
    }

    /// Makes the next question be about `picture`, or about none. Where it would follow questions about another
    /// picture, it begins a conversation of its own instead, and takes along what is in the field.
    pub(super) fn ask_about(&mut self, picture: Option<PictureId>) {
        self.state.attaching = None;
        let shown = self.state.conversations.shown();
        if shown.picture != picture {
            if !shown.can_change_picture() {
                let draft = std::mem::take(&mut shown.draft);
                let system = shown.system.clone();
                shown.cancel_edit();
                self.state.conversations.start();
                let begun = self.state.conversations.shown();
                (begun.draft, begun.system) = (draft, system);
                self.state.notices.add(NoticeKind::Info, self.texts().conversation.begun_for_picture);
            }
            self.state.conversations.shown().picture = picture;
        }
        self.read_shown_picture();
    }

    /// Removes the conversation named `id`, and stops what is being answered in it.
    fn remove(&mut self, id: ConversationId) {
        let in_it = |purpose: &Purpose| match purpose {
            Purpose::Answer { conversation, .. } | Purpose::Intervene { conversation, .. } => *conversation == id,
            _ => false,
        };
        let jobs: Vec<_> =
            self.state.jobs.iter().filter(|(_, running)| in_it(&running.purpose)).map(|(job, _)| job).collect();
        for job in jobs {
            self.cancel(job);
        }
        let conversation = self.state.conversations.get(id);
        let title = conversation.and_then(|known| known.title()?.lines().next()).unwrap_or_default().to_owned();
        if self.state.conversations.remove(id) {
            let deed = Deed::Removed(id);
            self.state.deeds.done(deed, self.state.view.position());
            let text = (self.texts().conversation.removed)(&title);
            self.state.notices.offer(text, deed);
        }
        self.state.attentions.forget_conversation(id);
        self.state.evidence.forget_conversation(id);
        self.read_shown_picture();
    }

    /// Takes back what was done to a conversation.
    fn take_back(&mut self, deed: Deed) {
        if !self.state.deeds.holds(deed) {
            return;
        }
        self.state.deeds.forget(deed);
        self.state.notices.withdraw(deed);
        match deed {
            Deed::Removed(id) => {
                self.state.conversations.bring_back(id);
            }
            Deed::Branched { conversation, exchange, before } => {
                // Nothing is taken away unseen.
                self.state.conversations.show(conversation);
                let job = self.state.jobs.find(|purpose| purpose.answers(conversation, exchange)).map(|(job, _)| job);
                if let Some(job) = job {
                    self.cancel(job);
                }
                let known = self.state.conversations.get_mut(conversation);
                let gone = known.is_some_and(|known| known.take_back(exchange, before));
                match job {
                    // Whatever still comes of it is nobody's: another exchange may get its name.
                    Some(job) if gone => {
                        self.state.jobs.end(job);
                    }
                    // Its end will be told.
                    Some(_) => {}
                    None if gone => {}
                    None => self.stop_open(conversation, exchange),
                }
                self.state.attentions.forget_conversation(conversation);
                self.ask_what_waited();
            }
        }
        self.read_shown_picture();
    }

    /// Notes that an answer was begun beside another, and offers to take that back.
    fn branched(
        &mut self,
        conversation: ConversationId,
        exchange: ExchangeId,
        before: Option<ExchangeId>,
        text: String,
    ) {
        let deed = Deed::Branched { conversation, exchange, before };
        self.state.deeds.done(deed, self.state.view.position());
        self.state.notices.offer(text, deed);
    }

    /// Lets go of the token looked at if it is no longer on the path that is shown.
    pub(super) fn deselect_hidden_token(&mut self) {
        let shown = self.state.conversations.current();
        let is_shown = |place: TokenPlace| {
            shown.is_some_and(|shown| shown.id == place.conversation && shown.shows(place.exchange))
        };
        self.state.token = self.state.token.filter(|place| is_shown(*place));
    }

    pub(super) fn read_shown_picture(&mut self) {
        if let Some(id) = self.state.picture() {
            self.read_picture(id);
        }
    }

    /// Asks what is in the field.
    fn ask(&mut self) {
        let sampling = self.state.settings.sampling.clone();
        // A question asked while its picture is being read waits for it.
        if let Some(picture) = self.state.attaching {
            self.ask_about(Some(picture));
        }
        let shown = self.state.conversations.shown();
        let id = shown.id;
        if let Some(at) = shown.ask(sampling) {
            self.submit(id, at);
        }
    }

    /// Asks the question of `exchange` again, in a branch beside it.
    fn regenerate(&mut self, exchange: ExchangeId) {
        let mut sampling = self.state.settings.sampling.clone();
        let shown = self.state.conversations.shown();
        let siblings: Vec<&Sampling> =
            shown.siblings(exchange).iter().map(|at| &shown.exchanges[*at].sampling).collect();
        // Another answer is wanted, and with the same seed it would be the same one.
        while sampling.temperature > 0.0 && siblings.contains(&&sampling) {
            sampling.seed = sampling.seed.wrapping_add(1);
        }
        let (id, before) = (shown.id, shown.leaf);
        if let Some(at) = shown.repeat(exchange, sampling) {
            self.submit(id, at);
            self.branched(id, at, before, self.texts().conversation.answered_again.to_owned());
        }
    }

    /// Answers again as at `place`, in a branch beside it, but with the token `id` there. Everything else stays as it
    /// was, so that what changes comes from that token.
    fn continue_from(&mut self, place: TokenPlace, id: u32) {
        self.state.conversations.show(place.conversation);
        let shown = self.state.conversations.shown();
        let Some(known) = shown.exchanges.get(place.exchange).filter(|_| shown.id == place.conversation) else {
            return;
        };
        let Some(before) = known.tokens.get(..place.token) else { return };
        let begin = before.iter().map(|token| token.id).chain([id]).collect();
        let leaf = shown.leaf;
        if let Some(at) = shown.branch(place.exchange, begin) {
            (self.state.token, self.state.token_follows) = (Some(TokenPlace { exchange: at, ..place }), false);
            self.submit(place.conversation, at);
            self.branched(place.conversation, at, leaf, self.texts().conversation.continued.to_owned());
        }
    }

    /// Hands a waiting exchange to the engine, unless that was done, once the answers before it are complete, its picture has been
    /// read and a model is loaded that will not have gone by then.
    pub(super) fn submit(&mut self, id: ConversationId, at: ExchangeId) {
        let Some(conversation) = self.state.conversations.get(id) else { return };
        let Some(exchange) = conversation.exchanges.get(at) else { return };
        let slot = exchange.asked.unwrap_or(self.state.models.answering());
        let Some(model) = self.state.models.loaded(slot) else { return };
        // The engine takes one thing after the other: by the turn of this question the model would be gone.
        // Between two sides, whatever is looked at next is another model.
        let goes = |purpose: &Purpose| match purpose {
            Purpose::Load(at) | Purpose::Unload(at) => *at == slot,
            Purpose::Inspect(at) => *at == slot && slot == Slot::Between,
            _ => false,
        };
        if self.state.jobs.find(goes).is_some() {
            return;
        }
        let handed = self.state.jobs.find(|purpose| purpose.answers(id, at)).is_some();
        if handed || exchange.status != AnswerStatus::Waiting || conversation.waits_for_earlier(at) {
            return;
        }
        let (id_of_model, model, directory, weights) =
            (model.id, model.name(), model.directory(), model.weights().to_owned());
        let picture = match exchange.picture.map(|id| (id, self.state.pictures.get(id).map(|entry| &entry.state))) {
            None => None,
            Some((picture, Some(PictureState::Ready(pixels)))) => Some((picture, Arc::clone(pixels))),
            Some((picture, Some(PictureState::Unread | PictureState::Reading))) => return self.read_picture(picture),
            Some((_, Some(PictureState::Failed(error)))) => {
                let error = error.clone();
                return self.fail(id, at, error);
            }
            Some((_, None)) => return self.fail(id, at, self.texts().conversation.picture_gone.to_owned()),
        };
        let system = Some(exchange.system.clone()).filter(|text| !text.trim().is_empty());
        // The maps do not depend on the question: one trace for each picture is enough, and without one the decoder
        // can take over what it knows of the picture. One that a job before this one is to bring may never come.
        let traced = picture.as_ref().map(|(picture, _)| TraceKey::new(id_of_model, *picture, &exchange.system));
        let traced = traced.filter(|key| self.state.traces.get(key).is_none());
        let record = traced.as_ref().map_or(Record::Nothing, |_| Record::Trace { detail: Detail::Sva, output: None });
        let spec = RunSpec {
            image: picture.map(|(_, pixels)| pixels),
            forced_prefix: exchange.forced_prefix.clone(),
            decoding: Decoding::Generate(exchange.sampling.options(ALTERNATIVES)),
            record,
            ..RunSpec::new(id_of_model, Prompt { system, turns: conversation.turns(at) })
        };
        let job = self.engine.submit(Command::Run(Box::new(spec)));
        self.state.jobs.begin(job, Purpose::Answer { conversation: id, exchange: at, traced });
        if let Some(exchange) = self.exchange_mut(id, at) {
            (exchange.model, exchange.directory, exchange.weights) = (model, directory, weights);
        }
    }

    fn fail(&mut self, id: ConversationId, at: ExchangeId, error: String) {
        if let Some(exchange) = self.exchange_mut(id, at) {
            exchange.status = AnswerStatus::Failed(error);
        }
        self.ask_what_waited();
    }

    /// Exchanges that wait and have not been handed to the engine.
    pub(super) fn waiting(&self) -> Vec<(ConversationId, ExchangeId)> {
        let all = self.state.conversations.newest_first().flat_map(|conversation| {
            let waiting = conversation.exchanges.iter().enumerate();
            waiting
                .filter(|(_, exchange)| exchange.status == AnswerStatus::Waiting)
                .map(|(at, _)| (conversation.id, at))
        });
        all.filter(|(id, at)| self.state.jobs.find(|purpose| purpose.answers(*id, *at)).is_none()).collect()
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

    /// An answer has ended or a model has been loaded: what waited for that can be asked.
    pub(super) fn ask_what_waited(&mut self) {
        let mut waiting = self.waiting();
        // In the order in which they were asked.
        waiting.sort_unstable();
        for (conversation, at) in waiting {
            self.submit(conversation, at);
        }
    }

    /// Questions that wait and have not been handed to the engine will not be.
    pub(super) fn stop_waiting(&mut self) {
        for (conversation, at) in self.waiting() {
            self.stop_open(conversation, at);
        }
    }

    /// An exchange that the engine knows nothing of will not be answered.
    fn stop_open(&mut self, conversation: ConversationId, at: ExchangeId) {
        if let Some(exchange) = self.exchange_mut(conversation, at).filter(|exchange| exchange.status.is_open()) {
            exchange.status = AnswerStatus::Stopped;
        }
    }
}
