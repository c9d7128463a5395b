//! What tokens of answers attended to: asked for on demand, kept for a while.
//!
//! Ordinary chat asks for none of this. While the maps' source is [`super::MapSource::TokenAttention`], the window asks the
//! engine for the selected token's attention; see `apply/attention.rs`.

use super::{ConversationId, TokenPlace};
use opabinia_engine::probe::{Mass, TokenAttention};
use opabinia_engine::run::ModelId;
use std::collections::HashMap;
use std::sync::Arc;

/// Names the attention of a token: the model that computed it, and the token.
pub type AttentionKey = (ModelId, TokenPlace);

/// Whether a token's attention is known.
#[derive(Debug, Clone)]
pub enum Attended {
    /// The engine was asked.
    Asked,
    /// It is here.
    Ready(Arc<TokenAttention>),
    /// It cannot be known: why.
    Failed(String),
}

/// How many tokens' attention is kept: one has about 2 MB in the 8B model.
const KEPT: usize = 24;

/// The attention of tokens.
#[derive(Debug, Default)]
pub struct Attentions {
    entries: HashMap<AttentionKey, Attended>,
    order: Vec<AttentionKey>,
}

impl Attentions {
    /// What is known of `key`; `None` if nobody asked.
    pub fn get(&self, key: AttentionKey) -> Option<&Attended> {
        self.entries.get(&key)
    }

    /// The attention of `key`, if it is here.
    pub fn ready(&self, key: AttentionKey) -> Option<&Arc<TokenAttention>> {
        match self.get(key)? {
            Attended::Ready(attention) => Some(attention),
            _ => None,
        }
    }

    /// Notes what is known of `key`; the oldest entry goes when there would be too many.
    pub fn set(&mut self, key: AttentionKey, attended: Attended) {
        self.order.retain(|known| *known != key);
        self.order.push(key);
        self.entries.insert(key, attended);
        if self.order.len() > KEPT {
            let oldest = self.order.remove(0);
            self.entries.remove(&oldest);
        }
    }

    /// Forgets `key`, so that it can be asked for again.
    pub fn forget(&mut self, key: AttentionKey) {
        self.order.retain(|known| *known != key);
        self.entries.remove(&key);
    }

    /// Forgets everything about a conversation: its name may be given to another one.
    pub fn forget_conversation(&mut self, conversation: ConversationId) {
        self.order.retain(|(_, place)| place.conversation != conversation);
        self.entries.retain(|(_, place), _| place.conversation != conversation);
    }
}

/// The map `[rows, columns]` and the mass of each part, of one layer and head or of means over all of them.
pub fn chosen(attention: &TokenAttention, layer: Option<usize>, head: Option<usize>) -> Option<(Vec<f32>, Mass)> {
    let places = |chosen: Option<usize>, count: usize| chosen.map_or(0..count, |one| one..one.saturating_add(1));
    let heads = places(head, attention.heads);
    attention.mean(places(layer, attention.layers).flat_map(|layer| heads.clone().map(move |head| (layer, head))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(model: ModelId, token: usize) -> AttentionKey {
        (model, TokenPlace { conversation: ConversationId(token as u64 % 2), exchange: 0, token })
    }

    #[test]
    fn the_oldest_goes_first_and_a_conversation_goes_whole() {
        let mut known = Attentions::default();
        let model = ModelId::unique();
        let key = |token| key(model, token);
        (0..=KEPT).for_each(|token| known.set(key(token), Attended::Asked));
        assert!(known.get(key(0)).is_none() && known.get(key(1)).is_some());
        known.forget_conversation(ConversationId(1));
        assert!(known.get(key(1)).is_none() && known.get(key(2)).is_some());
        known.forget(key(2));
        assert!(known.get(key(2)).is_none() && known.get(key(4)).is_some());
    }
}
