//! Traces that are made once more: after a restart the answers are back, and their maps are wanted with them.

use crate::window::app::App;
use crate::window::state::{Exchange, Model, PictureState, Purpose, Remade, TraceKey};
use opabinia_engine::generate::GenerateOptions;
use opabinia_engine::probe::Detail;
use opabinia_engine::worker::{Command, Decoding, Prompt, Record, RunSpec};
use std::sync::Arc;

/// Checkpoints with fewer parameters look at a picture in a moment, and are not asked whether they may.
const AT_ONCE: u64 = 100_000_000;

impl App {
    /// Sees to it that an answer that is shown has its maps, where they can be had in a moment. With a checkpoint that takes
    /// its time a person asks for them.
    pub(in crate::window) fn keep_trace_up(&mut self) {
        let Some(key) = self.state.trace_key().filter(|key| self.state.traces.remade(*key).is_none()) else { return };
        let quick = |model: &Model| model.is_demo() || model.inspection.parameters() < AT_ONCE;
        if self.state.models.current().is_some_and(quick) {
            self.remake_trace(key);
        }
    }

    /// Asks once more for the maps of what is shown, which a person wants.
    pub(super) fn make_maps(&mut self) {
        if let Some(key) = self.state.trace_key() {
            self.state.traces.set_remade(key, None);
            self.remake_trace(key);
        }
    }

    /// Asks for the trace named `key` of the picture that is shown, if it was answered about, is not known and is not
    /// being made.
    fn remake_trace(&mut self, key: TraceKey) {
        let TraceKey { model, picture, .. } = key;
        if !self.state.lacks_trace() {
            return;
        }
        let Some(conversation) = self.state.conversations.current() else { return };
        let path = conversation.path();
        let told = |at: &&usize| {
            let known = |exchange: &Exchange| exchange.is_told() && exchange.picture == Some(picture);
            conversation.exchanges.get(**at).is_some_and(known)
        };
        let Some(&at) = path.iter().rev().find(told) else { return };
        let Some(exchange) = conversation.exchanges.get(at) else { return };
        let pixels = match self.state.pictures.get(picture).map(|entry| &entry.state) {
            Some(PictureState::Ready(pixels)) => Arc::clone(pixels),
            // Once it has been read.
            Some(PictureState::Unread | PictureState::Reading) => return self.read_picture(picture),
            Some(PictureState::Failed(_)) | None => return,
        };
        let system = Some(exchange.system.clone()).filter(|text| !text.trim().is_empty());
        let spec = RunSpec {
            image: Some(pixels),
            // The SVA is done before the first token.
            decoding: Decoding::Generate(GenerateOptions { max_tokens: 0, ..exchange.sampling.options(0) }),
            record: Record::Trace { detail: Detail::Sva, output: None },
            ..RunSpec::new(model, Prompt { system, turns: conversation.turns(at) })
        };
        let job = self.engine.submit(Command::Run(Box::new(spec)));
        self.state.jobs.begin(job, Purpose::Trace(key));
        self.state.traces.set_remade(key, Some(Remade::Asked));
    }
}
