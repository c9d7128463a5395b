//! Questions asked once more under interventions that are on in a pane: the answers stand beside the plain ones.

use crate::window::app::App;
use crate::window::state::{AnswerStatus, ConversationId, ExchangeId, Intervened, Purpose, TraceKey};
use opabinia_engine::generate::{Answer, StopReason, Token};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::Detail;
use opabinia_engine::worker::{Command, Decoding, Prompt, Record, RunSpec};
use std::sync::Arc;

/// Alternatives that are kept beside each token, as of plain answers.
const ALTERNATIVES: usize = 8;

impl App {
    /// Sees to it that the answer that is shown has one beside it for every intervention that is on, where that can be had in a
    /// moment. With a checkpoint that takes its time a person asks for it.
    pub(in crate::window) fn request_missing_answers(&mut self) {
        if self.state.models.current().is_some_and(super::traces::is_quick) {
            self.ask_under_interventions();
        }
    }

    /// Asks the question of the answer that is shown under every intervention that is on, unless that was done.
    pub(super) fn ask_under_interventions(&mut self) {
        let Some((at, exchange)) = self.state.answer_beside_maps() else { return };
        let on = self.state.interventions_on().into_iter();
        let wanted: Vec<Interventions> = on.filter(|on| exchange.under(on).is_none()).cloned().collect();
        for interventions in wanted {
            self.ask_under(at, interventions);
        }
    }

    fn ask_under(&mut self, at: ExchangeId, interventions: Interventions) {
        let (Some(model), Some(conversation)) = (self.state.models.current(), self.state.conversations.current())
        else {
            return;
        };
        let Some(exchange) = conversation.exchanges.get(at) else { return };
        // Asked for again in the frame after its picture was read.
        let Some(picture) = exchange.picture else { return };
        let Some(pixels) = self.state.pictures.ready(picture).map(Arc::clone) else { return };
        let key = TraceKey { interventions, ..TraceKey::new(model.id, picture, &exchange.system) };
        let traced = self.state.traces.get(&key).is_none() && !self.state.is_coming(&key);
        let system = Some(exchange.system.clone()).filter(|text| !text.trim().is_empty());
        let spec = RunSpec {
            image: Some(pixels),
            interventions: key.interventions.clone(),
            forced_prefix: exchange.forced_prefix.clone(),
            decoding: Decoding::Generate(exchange.sampling.options(ALTERNATIVES)),
            record: if traced { Record::Trace { detail: Detail::Sva, output: None } } else { Record::Nothing },
            ..RunSpec::new(model.id, Prompt { system, turns: conversation.turns(at) })
        };
        let conversation = conversation.id;
        let job = self.engine.submit(Command::Run(Box::new(spec)));
        if let Some(exchange) = self.exchange_mut(conversation, at) {
            exchange.intervened.push(Intervened::asked(key.interventions.clone()));
        }
        self.state.jobs.begin(job, Purpose::Intervene { conversation, exchange: at, key, traced });
    }

    /// The answer under `interventions`, unless it has gone meanwhile.
    fn under_mut(
        &mut self,
        (conversation, exchange): (ConversationId, ExchangeId),
        interventions: &Interventions,
    ) -> Option<&mut Intervened> {
        let all = &mut self.exchange_mut(conversation, exchange)?.intervened;
        all.iter_mut().find(|known| known.interventions == *interventions)
    }

    /// A token of such an answer has come.
    pub(super) fn append_token_under(
        &mut self,
        place: (ConversationId, ExchangeId),
        interventions: &Interventions,
        token: Token,
    ) {
        let Some(known) = self.under_mut(place, interventions) else { return };
        known.status = AnswerStatus::Streaming;
        known.answer.push_str(if known.answer.is_empty() { token.text.trim_start() } else { &token.text });
        known.tokens.push(token.into());
    }

    /// Such an answer has ended as it should.
    pub(super) fn answered_under(
        &mut self,
        place: (ConversationId, ExchangeId),
        interventions: &Interventions,
        answer: Answer,
    ) {
        let Some(known) = self.under_mut(place, interventions) else { return };
        known.status = match answer.stop {
            StopReason::EndOfTurn | StopReason::StopText => AnswerStatus::Done,
            StopReason::MaxTokens | StopReason::ContextFull => AnswerStatus::Full,
        };
        known.answer = answer.text;
    }

    /// Such an answer has ended early.
    pub(super) fn ended_early_under(
        &mut self,
        place: (ConversationId, ExchangeId),
        interventions: &Interventions,
        status: AnswerStatus,
    ) {
        if let Some(known) = self.under_mut(place, interventions) {
            known.status = status;
        }
    }

    /// A person wants to know again what was stopped or failed.
    pub(super) fn ask_under_again(&mut self) {
        let ended = |known: &Intervened| matches!(known.status, AnswerStatus::Stopped | AnswerStatus::Failed(_));
        let Some((at, _)) = self.state.answer_beside_maps() else { return };
        let Some(conversation) = self.state.conversations.current().map(|shown| shown.id) else { return };
        if let Some(exchange) = self.exchange_mut(conversation, at) {
            exchange.intervened.retain(|known| !ended(known));
        }
        self.ask_under_interventions();
    }
}
