//! Traces that are made once more: after a restart the answers are back, and their maps are wanted with them.

use crate::window::app::App;
use crate::window::state::{Exchange, Model, PictureState, Purpose, Remade, RunRef, TraceKey};
use opabinia_engine::generate::GenerateOptions;
use opabinia_engine::probe::Detail;
use opabinia_engine::worker::{Command, Decoding, Prompt, Record, RunSpec};
use std::sync::Arc;

/// Checkpoints with fewer parameters look at a picture in a moment, and are not asked whether they may.
const AT_ONCE: u64 = 100_000_000;

/// Whether `model` looks at a picture in a moment.
pub(super) fn is_quick(model: &Model) -> bool {
    model.is_demo() || model.inspection.parameters < AT_ONCE
}

impl App {
    /// Sees to it that an answer that is shown has its maps, where they can be had in a moment, and that they can be drawn. With
    /// a checkpoint that takes its time a person asks for them.
    pub(in crate::window) fn request_missing_traces(&mut self) {
        let mut wanted: Vec<TraceKey> = self.state.plain_key().into_iter().collect();
        wanted.extend(
            self.state.panes().iter().flat_map(|pane| pane.source.runs()).filter_map(|run| self.state.run_key(run)),
        );
        for key in wanted {
            let wanted = self.state.lacks_trace(&key) && self.state.traces.remade(&key).is_none();
            if wanted && self.state.models.named(key.model).is_some_and(is_quick) {
                self.remake_trace(key);
            }
        }
        self.upload_traces();
        self.compare_maps();
        self.upload_compared();
    }

    /// Asks once more for the maps of what the active pane shows, which a person wants.
    pub(super) fn make_maps(&mut self) {
        let runs: Vec<RunRef> = self.state.pane().source.runs().cloned().collect();
        let wanted: Vec<TraceKey> = runs.iter().filter_map(|run| self.state.run_key(run)).collect();
        for key in wanted.into_iter().chain(self.state.plain_key()) {
            self.state.traces.set_remade(key.clone(), None);
            self.remake_trace(key);
        }
    }

    /// Asks for the trace named `key` of the picture that is shown, if it was answered about, is not known and is not
    /// being made.
    fn remake_trace(&mut self, key: TraceKey) {
        let (model, picture) = (key.model, key.picture);
        if !self.state.lacks_trace(&key) {
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
            interventions: key.interventions.clone(),
            // The SVA is done before the first token.
            decoding: Decoding::Generate(GenerateOptions { max_tokens: 0, ..exchange.sampling.options(0) }),
            record: Record::Trace { detail: Detail::Sva, output: None },
            ..RunSpec::new(model, Prompt { system, turns: conversation.turns(at) })
        };
        let job = self.engine.submit(Command::Run(Box::new(spec)));
        self.state.jobs.begin(job, Purpose::Trace(key.clone()));
        self.state.traces.set_remade(key, Some(Remade::Asked));
    }
}
