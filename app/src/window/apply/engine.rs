//! What the engine thread sends.

use crate::demo;
use crate::window::app::App;
use crate::window::state::{
    AnswerStatus, AnswerTimes, Attended, ConversationId, Exchange, ExchangeId, ModelPhase, NoticeKind, PartState,
    Purpose, Remade, RunningJob, Slot, TokenPlace, TokenRecord, TraceEntry, TraceKey, sentences,
};
use opabinia_engine::Error;
use opabinia_engine::generate::{Answer, StopReason, Token};
use opabinia_engine::model::LoadRequest;
use opabinia_engine::probe::Trace;
use opabinia_engine::worker::{Command, Event, EventKind, JobId, Loaded, Outcome, RunOutput};
use std::sync::Arc;
use std::time::Instant;

impl App {
    /// Takes in one event.
    pub(in crate::window) fn apply_event(&mut self, event: Event) {
        match event.kind {
            EventKind::Started => {
                if let Some(Purpose::Load(slot)) = self.state.jobs.get(event.job).map(|running| &running.purpose) {
                    self.load_begun(*slot);
                }
            }
            EventKind::Progress(progress) => {
                if let Some(running) = self.state.jobs.get_mut(event.job) {
                    running.progress = Some(progress);
                }
            }
            EventKind::Trace(trace) => self.receive_trace(event.job, trace),
            EventKind::Token(token) => self.append_token(event.job, token),
            EventKind::Found(finding) => self.receive_finding(event.job, *finding),
            EventKind::Done(outcome) => {
                if let Some(running) = self.state.jobs.end(event.job) {
                    self.done(event.job, &running, outcome);
                }
            }
            EventKind::Cancelled => {
                if let Some(running) = self.state.jobs.end(event.job) {
                    self.ended_early(event.job, &running, AnswerStatus::Stopped, None);
                }
            }
            EventKind::Failed(error) => {
                if let Some(running) = self.state.jobs.end(event.job) {
                    let text = sentences(&self.texts().engine.error(&error));
                    self.ended_early(event.job, &running, AnswerStatus::Failed(text), Some(error));
                }
            }
        }
    }

    /// Asks `job` to stop.
    pub(super) fn cancel(&mut self, job: JobId) {
        if let Some(running) = self.state.jobs.get_mut(job) {
            running.cancelling = true;
            self.engine.cancel(job);
        }
    }

    /// Stops everything the engine has been asked for.
    pub(super) fn stop(&mut self) {
        self.stop_waiting();
        let jobs: Vec<_> = self.state.jobs.iter().map(|(job, _)| job).collect();
        for job in jobs {
            self.stop_attending(job);
            self.cancel(job);
        }
    }

    pub(super) fn exchange_mut(&mut self, conversation: ConversationId, exchange: ExchangeId) -> Option<&mut Exchange> {
        self.state.conversations.get_mut(conversation)?.exchanges.get_mut(exchange)
    }

    fn append_token(&mut self, job: JobId, token: Token) {
        let Some(running) = self.state.jobs.get_mut(job) else { return };
        running.first_token.get_or_insert_with(Instant::now);
        let (conversation, exchange) = match &running.purpose {
            Purpose::Answer { conversation, exchange, .. } => (*conversation, *exchange),
            Purpose::Intervene { conversation, exchange, key, .. } => {
                let (place, interventions) = ((*conversation, *exchange), key.interventions.clone());
                return self.append_token_under(place, &interventions, token);
            }
            _ => return,
        };
        if let Some(exchange) = self.exchange_mut(conversation, exchange) {
            exchange.status = AnswerStatus::Streaming;
            let piece = if exchange.answer.is_empty() { token.text.trim_start() } else { &token.text };
            exchange.answer.push_str(piece);
            exchange.tokens.push(TokenRecord::from(token));
        }
    }

    fn done(&mut self, job: JobId, running: &RunningJob, outcome: Outcome) {
        match (running.purpose.clone(), outcome) {
            (Purpose::Inspect(slot), Outcome::Inspected(inspection)) => self.inspected(slot, job, inspection),
            (Purpose::Load(slot), Outcome::Loaded(loaded)) => self.loaded(slot, job, *loaded),
            (Purpose::Unload(slot), Outcome::Unloaded) => {
                self.state.models.clear(slot);
                if slot != Slot::Between {
                    self.leave_comparison();
                }
                self.ask_what_waited();
            }
            (Purpose::Discard, Outcome::Unloaded) => {}
            // Everything it found was told on the way.
            (Purpose::Evidence(key, part), Outcome::Measured(_)) => self.measured((key, part), PartState::Done),
            (purpose, Outcome::Ran(output)) => self.ran(running, purpose, *output),
            (purpose, outcome) => tracing::error!(?purpose, ?outcome, "the engine answered another question"),
        }
    }

    /// A run has ended. Its trace came as soon as it was there.
    fn ran(&mut self, running: &RunningJob, purpose: Purpose, output: RunOutput) {
        match (purpose, output) {
            (Purpose::Answer { conversation, exchange, .. }, RunOutput { answer: Some(answer), .. }) => {
                self.answered(running, conversation, exchange, answer);
            }
            (Purpose::Intervene { conversation, exchange, key, .. }, RunOutput { answer: Some(answer), .. }) => {
                self.answered_under((conversation, exchange), &key.interventions, answer);
            }
            (Purpose::Attend(key), RunOutput { attention: Some(attention), .. }) => {
                self.state.attentions.set(key, Attended::Ready(Arc::new(attention)));
            }
            (Purpose::Cross { key, answer, under }, RunOutput { scores: Some(scores), .. }) => {
                self.scored(key, (answer, under), scores);
            }
            (Purpose::Trace(key), _) => self.state.traces.set_remade(key, None),
            (purpose, output) => tracing::error!(?purpose, ?output, "the run gave something else"),
        }
    }

    fn loaded(&mut self, slot: Slot, job: JobId, loaded: Loaded) {
        let id = loaded.model;
        let is_demo = demo::is_at(&loaded.inspection.directory);
        let notes = loaded.inspection.notes.clone();
        let Some(request) = self.state.models.set_loaded(slot, job, loaded) else {
            // Another one has been asked for since: nobody would ever use this one.
            let job = self.engine.submit(Command::Unload(id));
            return self.state.jobs.begin(job, Purpose::Discard);
        };
        if slot == Slot::A {
            // The demo checkpoint is remembered by its name: its files are put in their place each time.
            let source = if is_demo { demo::NAME.to_owned() } else { request.source.clone() };
            self.state.settings.remember(&LoadRequest { source, ..request });
        }
        if slot == Slot::B && std::mem::take(&mut self.state.comparison.awaited) {
            self.enter_comparison();
        }
        // What lies between two checkpoints is told of with them.
        for note in notes.into_iter().filter(|_| slot != Slot::Between) {
            self.state.notices.add(NoticeKind::Warning, (self.texts().engine.said)(&note));
        }
        self.ask_what_waited();
    }

    fn answered(&mut self, running: &RunningJob, conversation: ConversationId, exchange: ExchangeId, answer: Answer) {
        let first = running.first_token.unwrap_or_else(Instant::now);
        let times = AnswerTimes::new(running.asked, first, answer.timings.decode, answer.tokens.len());
        if let Some(exchange) = self.exchange_mut(conversation, exchange) {
            exchange.status = match answer.stop {
                StopReason::EndOfTurn | StopReason::StopText => AnswerStatus::Done,
                StopReason::MaxTokens | StopReason::ContextFull => AnswerStatus::Full,
            };
            exchange.answer = answer.text;
            exchange.times = Some(times);
        }
        let shown = self.state.conversations.current();
        let crossable = shown.is_some_and(|shown| shown.id == conversation);
        let free = self.state.token.is_none() || self.state.token_follows;
        if free && shown.is_some_and(|shown| shown.id == conversation && shown.shows(exchange)) {
            self.state.token = Some(TokenPlace { conversation, exchange, token: 0 });
            self.state.token_follows = true;
        }
        self.ask_what_waited();
        if crossable {
            self.cross_if_quick();
        }
    }

    /// Shows `trace` as that of the picture and the model that are shown: for benchmarks, which need one of a size that no
    /// checkpoint in the repository gives.
    pub fn show_trace(&mut self, trace: Trace) {
        if let Some(key) = self.state.plain_key() {
            self.cache_trace(&key, Arc::new(trace));
        }
    }

    /// The SVA has run for `job`: the maps are there, whatever becomes of the answer.
    fn receive_trace(&mut self, job: JobId, trace: Arc<Trace>) {
        let purpose = self.state.jobs.get(job).map(|running| running.purpose.clone());
        // Another job may have brought it meanwhile.
        let lacks = |key: &&TraceKey| self.state.traces.get(key).is_none();
        if let Some(key) = purpose.as_ref().and_then(|purpose| purpose.makes_trace()).filter(lacks) {
            self.cache_trace(key, trace);
        }
    }

    fn cache_trace(&mut self, key: &TraceKey, trace: Arc<Trace>) {
        let Some(model) = self.state.models.named(key.model) else { return };
        let entry = TraceEntry::new(trace, model.encoder_names.clone());
        self.state.traces.insert(key.clone(), entry);
        self.select_strongest_cell(key);
        self.compare_maps();
    }

    /// A job was cancelled, or failed with `error`.
    fn ended_early(&mut self, job: JobId, running: &RunningJob, status: AnswerStatus, error: Option<Error>) {
        // What is wrong with a checkpoint, an answer or a map is said where it would be.
        if let Some(error) = &error {
            match &running.purpose {
                Purpose::Inspect(_) | Purpose::Load(_) => {}
                Purpose::Answer { .. }
                | Purpose::Intervene { .. }
                | Purpose::Attend(_)
                | Purpose::Trace(_)
                | Purpose::Cross { .. }
                | Purpose::Evidence(..) => {
                    self.state.notices.log(NoticeKind::Failure, self.texts().engine.error(error));
                }
                Purpose::Unload(_) | Purpose::Discard => {
                    self.state.notices.add(NoticeKind::Failure, self.texts().engine.error(error));
                }
            }
        }
        match running.purpose.clone() {
            Purpose::Inspect(slot) | Purpose::Load(slot) => {
                // Another opening may have taken its place.
                if let Some(opening) = self.state.models.opening_mut(slot).filter(|opening| opening.job == job) {
                    match error {
                        error if slot == Slot::Between => self.between_refused(error.as_ref()),
                        Some(error) => opening.phase = ModelPhase::Refused(error),
                        None => self.state.models.set_opening(slot, None),
                    }
                }
                self.ask_what_waited();
            }
            Purpose::Answer { conversation, exchange, .. } => {
                if let Some(exchange) = self.exchange_mut(conversation, exchange) {
                    exchange.status = status;
                    let count = exchange.tokens.len();
                    exchange.times =
                        running.first_token.map(|first| AnswerTimes::new(running.asked, first, first.elapsed(), count));
                }
                self.ask_what_waited();
            }
            Purpose::Intervene { conversation, exchange, key, .. } => {
                self.ended_early_under((conversation, exchange), &key.interventions, status);
            }
            Purpose::Attend(key) => {
                // Whoever cancelled it has seen to its entry.
                if let Some(error) = error {
                    self.state.attentions.set(key, Attended::Failed(sentences(&self.texts().engine.error(&error))));
                }
            }
            Purpose::Trace(key) => {
                let texts = self.texts();
                let why =
                    error.map_or_else(|| texts.conversation.stopped.to_owned(), |error| texts.engine.error(&error));
                // Where it was stopped after it had come, nothing is missing.
                let failed = self.state.traces.get(&key).is_none().then_some(Remade::Failed(sentences(&why)));
                self.state.traces.set_remade(key, failed);
            }
            Purpose::Cross { key, .. } => {
                let texts = self.texts();
                let stopped = || texts.conversation.stopped.to_owned();
                self.crossing_failed(key, error.map_or_else(stopped, |error| sentences(&texts.engine.error(&error))));
            }
            Purpose::Evidence(key, part) => self.measuring_ended_early((key, part), status),
            Purpose::Unload(_) => self.ask_what_waited(),
            Purpose::Discard => {}
        }
    }
}
