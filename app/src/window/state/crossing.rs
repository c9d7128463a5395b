//! What each side of a comparison makes of the other's answer: both are scored on both sides.

use super::{AppState, ConversationId, ExchangeId};
use opabinia_engine::compare::Crossed;
use opabinia_engine::generate::Scores;
use opabinia_engine::run::ModelId;
use std::sync::Arc;

/// Names two answers and the models that score them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CrossKey {
    /// The conversation.
    pub conversation: ConversationId,
    /// The exchanges of A and B.
    pub exchanges: [ExchangeId; 2],
    /// The models of A and B.
    pub models: [ModelId; 2],
}

/// How far that is.
#[derive(Debug, Clone)]
pub enum Crossing {
    /// Whether their tokenizers are the same is being found out, or answers are being scored. What was found so far: of each
    /// answer, under A and under B.
    Underway(Box<[[Option<Scores>; 2]; 2]>),
    /// The tokenizers differ: no side can score the other's answer.
    OtherTokenizers,
    /// It is known.
    Ready(Arc<Crossed>),
    /// It was stopped, or failed: why.
    Failed(String),
}

impl Crossing {
    /// One of which nothing is known.
    pub fn begun() -> Self {
        Self::Underway(Box::default())
    }
}

/// How many are kept.
const KEPT: usize = 64;

/// All that are known, the newest last.
#[derive(Debug, Default)]
pub struct Crossings(Vec<(CrossKey, Crossing)>);

impl Crossings {
    /// What is known of `key`.
    pub fn get(&self, key: &CrossKey) -> Option<&Crossing> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, crossing)| crossing)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &CrossKey) -> Option<&mut Crossing> {
        self.0.iter_mut().find(|(known, _)| known == key).map(|(_, crossing)| crossing)
    }

    /// Notes what is known of `key`.
    pub fn set(&mut self, key: CrossKey, crossing: Crossing) {
        self.0.retain(|(known, _)| *known != key);
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((key, crossing));
    }
}

impl AppState {
    /// The name of what both sides make of the answers that are shown, once both are complete.
    pub fn cross_key(&self) -> Option<CrossKey> {
        let conversation = self.conversations.current()?.id;
        let [Some((a, of_a)), Some((b, of_b))] = self.both_answers() else { return None };
        let complete = |exchange: &super::Exchange| !exchange.status.is_open() && !exchange.tokens.is_empty();
        (complete(of_a) && complete(of_b)).then_some(())?;
        Some(CrossKey { conversation, exchanges: [a, b], models: self.both_models()? })
    }
}
