//! Evidence across restarts: looked up when an answer is looked at, kept when something was measured to its end.

use crate::fingerprint;
use crate::window::app::{App, Finished};
use crate::window::state::{AnswerEvidence, EvidenceKey, Exchange, NoticeKind, Recall, Recalled};
use crate::window::store::evidence_name;
use serde_json::json;

impl App {
    /// Looks up what was measured about the answer that is shown before the program was started.
    pub(super) fn recall_shown(&mut self) {
        let Ok((key, exchange)) = self.state.evidence_about() else { return };
        let exchange = exchange.clone();
        self.recall(key, &exchange);
    }

    /// The same about `exchange`, which `key` names; gives whether that is over.
    pub(super) fn recall(&mut self, key: EvidenceKey, exchange: &Exchange) -> bool {
        match self.state.evidence.get(key, exchange).and_then(AnswerEvidence::recall) {
            Some(Recall::Done(_)) => return true,
            Some(Recall::Asked) => return false,
            None => {}
        }
        let picture = match self.pixels_of(exchange.picture) {
            Ok(Some(picture)) => Some(picture),
            // Asked for again once it was read.
            Ok(None) if exchange.picture.is_some() => return false,
            _ => None,
        };
        let store = self.saver.store.clone().filter(|store| store.keeps());
        let known = (store, picture, self.state.models.named(key.0), self.state.conversations.get(key.1));
        let (Some(store), Some(picture), Some(model), Some(conversation)) = known else {
            self.state.evidence.entry(key, exchange).recalled(Recalled::default());
            return true;
        };
        let inspection = model.inspection.clone();
        let turns: Vec<_> = conversation.turns(key.2).into_iter().map(|turn| (turn.question, turn.answer)).collect();
        let system = exchange.system.clone();
        let ids: Vec<u32> = exchange.tokens.iter().map(|token| token.id).collect();
        self.state.evidence.entry(key, exchange).recalling();
        let nothing = move |_| Finished::Recalled(key, Box::default());
        let task = move || {
            let precision = &inspection.precision;
            let name = fingerprint::of(&inspection).ok().map(|checkpoint| {
                evidence_name(&json!({
                    "checkpoint": checkpoint,
                    "weights": precision.weights.name(),
                    "products": precision.products.name(),
                    "image": picture.id(),
                    "system": system,
                    "turns": turns,
                    "answer": ids,
                }))
            });
            let kept = name.as_deref().and_then(|name| store.evidence(name));
            let known = kept.and_then(|(parts, kept)| match kept.restore(&inspection.config.anatomy()) {
                Ok(evidence) => Some((parts, evidence)),
                Err(error) => {
                    tracing::warn!("{error}");
                    None
                }
            });
            Finished::Recalled(key, Box::new(Recalled { name, known }))
        };
        self.run_beside("evidence", nothing, task);
        false
    }

    /// It was looked up.
    pub(in crate::window) fn recalled(&mut self, key: EvidenceKey, recalled: Recalled) {
        let Some(entry) = self.state.evidence.get_mut(key) else { return };
        entry.recalled(recalled);
        let waiting = entry.take_waiting();
        let exchange = self.state.conversations.get(key.1).and_then(|known| known.exchanges.get(key.2)).cloned();
        let Some(exchange) = exchange else { return };
        for part in waiting {
            self.measure_of(key, &exchange, part);
        }
    }

    /// Keeps what is known of the answer that `key` names.
    pub(super) fn keep_evidence(&mut self, key: EvidenceKey) {
        let kept = self.state.evidence.get_mut(key).and_then(|known| known.kept());
        let (Some((name, parts, evidence)), Some(store)) = (kept, self.saver.store.clone()) else { return };
        let failed = self.texts().program.save_failed;
        let said = self.texts().engine.said;
        let task = move || match store.keep_evidence(&name, parts, evidence) {
            Ok(()) => Finished::EvidenceKept,
            Err(why) => Finished::Notice(NoticeKind::Failure, format!("{failed} {}", said(&why))),
        };
        self.write_beside("evidence", |error| Finished::Notice(NoticeKind::Failure, error), task);
    }
}
