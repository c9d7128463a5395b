//! Asking what lies between both sides.

use crate::window::action::ModelAction;
use crate::window::app::App;
use crate::window::state::{AnswerStatus, MapSource, Overlay, RunRef, Side, Slot, ViewChange, sentences};
use opabinia_engine::Error;

impl App {
    /// Puts the question that is shown to what lies between both sides, which is read from their files first. The answers of both
    /// sides stay on the screen.
    pub(super) fn ask_between(&mut self) {
        let Some(request) = self.state.request_between() else { return };
        // What still waits would be answered by another model than it was asked of.
        self.end_waiting_between(&AnswerStatus::Stopped);
        let loaded = self.state.between_is_loaded();
        let shown = self.state.conversations.shown();
        let (id, Some(leaf)) = (shown.id, shown.leaf) else { return };
        let Some(sampling) = shown.exchanges.get(leaf).map(|exchange| exchange.sampling.clone()) else { return };
        let Some(at) = shown.repeat(leaf, sampling) else { return };
        shown.show_branch(leaf);
        if let Some(exchange) = self.exchange_mut(id, at) {
            exchange.asked = Some(Slot::Between);
        }
        if loaded {
            self.submit(id, at);
        } else {
            self.inspect(Slot::Between, request, true);
        }
    }

    /// What lies between both sides cannot be opened, or its opening was stopped: that is said where its answer would be.
    pub(super) fn between_refused(&mut self, error: Option<&Error>) {
        self.state.models.set_opening(Slot::Between, None);
        let words = error.map(|error| sentences(&self.texts().engine.error(error)));
        self.end_waiting_between(&words.map_or(AnswerStatus::Stopped, AnswerStatus::Failed));
    }

    /// Questions that wait for what lies between both sides end like this.
    fn end_waiting_between(&mut self, status: &AnswerStatus) {
        for (conversation, at) in self.waiting() {
            let exchange = self.exchange_mut(conversation, at);
            if let Some(exchange) = exchange.filter(|exchange| exchange.asked == Some(Slot::Between)) {
                exchange.status = status.clone();
            }
        }
    }

    /// Lets go of what lay between two sides, of which one is another now.
    pub(super) fn drop_between(&mut self) {
        self.apply_model(ModelAction::Cancel(Slot::Between));
        self.apply_model(ModelAction::Unload(Slot::Between));
    }

    /// Shows the maps of what lies between both sides, in the pane that has them or in a new one.
    pub(super) fn show_between(&mut self) {
        let source = MapSource::Run(RunRef::plain(Side::Between));
        self.state.overlay = Overlay::None;
        let known = self.state.panes().iter().find(|pane| pane.source == source).map(|pane| pane.id);
        if let Some(known) = known {
            return self.activate_pane(known);
        }
        self.new_pane();
        self.state.change_view(&ViewChange::Source(source));
    }
}
