//! What tokens attended to: asked for and put on the GPU while the maps' source is a token, and only then.

use crate::window::app::App;
use crate::window::state::{Attended, AttentionKey, PictureState, Purpose};
use opabinia_engine::worker::{Command, JobId, Prompt, Record, RunSpec};
use std::sync::Arc;

impl App {
    /// Sees to it that what the view shows of a token's attention is asked for, uploaded, and nothing else is.
    pub(in crate::window) fn request_missing_attention(&mut self) {
        let shown = self.state.panes().iter().any(|pane| pane.source.is_token());
        let wanted = self.state.attention_key().filter(|_| shown);
        self.cancel_attending_to_others(wanted);
        let Some(key) = wanted else { return };
        match self.state.attentions.get(key) {
            None => self.ask_for_attention(key),
            Some(Attended::Ready(attention)) => {
                let attention = Arc::clone(attention);
                self.upload_attention(&attention);
            }
            Some(Attended::Asked | Attended::Failed(_)) => {}
        }
    }

    fn cancel_attending_to_others(&mut self, wanted: Option<AttentionKey>) {
        let superseded: Vec<JobId> = (self.state.jobs.iter())
            .filter(|(_, running)| !running.cancelling)
            .filter(|(_, running)| matches!(running.purpose, Purpose::Attend(key) if Some(key) != wanted))
            .map(|(job, _)| job)
            .collect();
        for job in superseded {
            if let Some(key) = self.attended_by(job) {
                self.state.attentions.forget(key);
            }
            self.cancel(job);
        }
    }

    /// What `job` is to find out, if it is about a token's attention.
    fn attended_by(&self, job: JobId) -> Option<AttentionKey> {
        match self.state.jobs.get(job)?.purpose {
            Purpose::Attend(key) => Some(key),
            _ => None,
        }
    }

    /// A person stops `job`: if it is about a token's attention, that is not asked for again before they say so.
    pub(super) fn stop_attending(&mut self, job: JobId) {
        if let Some(key) = self.attended_by(job) {
            let stopped = self.texts().conversation.stopped;
            self.state.attentions.set(key, Attended::Failed(stopped.to_owned()));
        }
    }

    fn ask_for_attention(&mut self, key: AttentionKey) {
        let (_, place) = key;
        let texts = &self.texts().inspector;
        let slot = self.state.models.answering();
        let Some(model) = self.state.models.loaded(slot) else { return };
        let Some(conversation) = self.state.conversations.get(place.conversation) else { return };
        let Some(exchange) = conversation.exchanges.get(place.exchange) else { return };
        let Some(before) = exchange.tokens.get(..place.token).filter(|_| place.token < exchange.tokens.len()) else {
            return;
        };
        let refuse = |app: &mut Self, why: &str| app.state.attentions.set(key, Attended::Failed(why.to_owned()));
        if !model.answered(exchange) {
            return refuse(self, texts.other_model);
        }
        let Some(picture) = exchange.picture else { return refuse(self, texts.no_picture) };
        let pixels = match self.state.pictures.get(picture).map(|entry| &entry.state) {
            Some(PictureState::Ready(pixels)) => Arc::clone(pixels),
            Some(PictureState::Failed(error)) => {
                let error = error.clone();
                return refuse(self, &error);
            }
            // Asked for again in the frame after it was read.
            Some(PictureState::Unread | PictureState::Reading) => return self.read_picture(picture),
            None => return refuse(self, self.texts().conversation.picture_gone),
        };
        let system = Some(exchange.system.clone()).filter(|text| !text.trim().is_empty());
        let prompt = Prompt { system, turns: conversation.turns(place.exchange) };
        let spec = RunSpec {
            image: Some(pixels),
            forced_prefix: before.iter().map(|token| token.id).collect(),
            record: Record::TokenAttention,
            ..RunSpec::new(model.id, prompt)
        };
        let job = self.engine.submit(Command::Run(Box::new(spec)));
        self.state.jobs.begin(job, Purpose::Attend(key));
        self.state.attentions.set(key, Attended::Asked);
    }

    /// Asks once more for what could not be known or drawn.
    pub(super) fn attend_again(&mut self) {
        if let Some(key) = self.state.attention_key() {
            self.state.attentions.forget(key);
        }
        if let Some(gpu) = &self.gpu {
            gpu.forget_failed_grids();
        }
    }
}
