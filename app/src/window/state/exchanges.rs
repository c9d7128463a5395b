//! The exchanges of a conversation, shared with its copies.
//!
//! The session is copied each time it is saved, on the window's own thread, while an answer of hundreds of tokens with
//! their alternatives is thousands of pieces of memory. So a copy shares every exchange, and whoever changes one changes
//! a copy of that one.

use super::{Exchange, ExchangeId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// Exchanges in the order they were asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exchanges(Vec<Arc<Exchange>>);

impl Exchanges {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one.
    pub fn push(&mut self, exchange: Exchange) {
        self.0.push(Arc::new(exchange));
    }

    /// Takes the last one away.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// The exchange at this place.
    pub fn get(&self, at: ExchangeId) -> Option<&Exchange> {
        self.0.get(at).map(Arc::as_ref)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, at: ExchangeId) -> Option<&mut Exchange> {
        self.0.get_mut(at).map(Arc::make_mut)
    }

    /// The first one.
    pub fn first(&self) -> Option<&Exchange> {
        self.0.first().map(Arc::as_ref)
    }

    /// The last one.
    pub fn last(&self) -> Option<&Exchange> {
        self.0.last().map(Arc::as_ref)
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Exchange> + ExactSizeIterator {
        self.0.iter().map(Arc::as_ref)
    }

    /// Those that are `wanted`, to be changed: the others stay shared.
    pub fn iter_mut_where(&mut self, wanted: impl Fn(&Exchange) -> bool) -> impl Iterator<Item = &mut Exchange> {
        self.0.iter_mut().filter(move |exchange| wanted(exchange)).map(Arc::make_mut)
    }
}

impl Index<ExchangeId> for Exchanges {
    type Output = Exchange;

    fn index(&self, at: ExchangeId) -> &Exchange {
        &self.0[at]
    }
}

impl IndexMut<ExchangeId> for Exchanges {
    fn index_mut(&mut self, at: ExchangeId) -> &mut Exchange {
        Arc::make_mut(&mut self.0[at])
    }
}

impl FromIterator<Exchange> for Exchanges {
    fn from_iter<I: IntoIterator<Item = Exchange>>(exchanges: I) -> Self {
        Self(exchanges.into_iter().map(Arc::new).collect())
    }
}

impl Serialize for Exchanges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Exchanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Exchange>::deserialize(deserializer).map(Self::from_iter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::Sampling;

    #[test]
    fn a_copy_shares_all_that_is_not_changed() {
        let asked = |question: &str| Exchange::new(None, question.to_owned(), None, Sampling::default());
        let mut exchanges: Exchanges = ["a", "b"].into_iter().map(asked).collect();
        let copy = exchanges.clone();
        exchanges[1].answer.push_str("new");
        assert!(std::ptr::eq(&exchanges[0], &copy[0]) && !std::ptr::eq(&exchanges[1], &copy[1]));
        assert_eq!((exchanges[1].answer.as_str(), copy[1].answer.as_str()), ("new", ""));
        let text = serde_json::to_string(&exchanges).unwrap();
        assert_eq!(serde_json::from_str::<Exchanges>(&text).unwrap(), exchanges);
    }
}
