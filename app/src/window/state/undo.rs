//! What was done to conversations and can be taken back, in one order with changes of the view.

use super::{ConversationId, ExchangeId};

/// How much can be taken back.
const KEPT: usize = 50;

/// Something that was done to a conversation and can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It was removed.
    Removed(ConversationId),
    /// This answer was begun beside another one.
    Branched {
        /// The conversation.
        conversation: ConversationId,
        /// The new exchange.
        exchange: ExchangeId,
        /// The end of the path that was shown before.
        before: Option<ExchangeId>,
    },
}

/// What can be taken back, the last deed last.
#[derive(Debug, Default)]
pub struct Deeds(Vec<(Deed, u64)>);

impl Deeds {
    /// Notes that `deed` was done at this place of the view's history.
    pub fn done(&mut self, deed: Deed, at: u64) {
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((deed, at));
    }

    /// What was done last, and at which place of the view's history.
    pub fn last(&self) -> Option<(Deed, u64)> {
        self.0.last().copied()
    }

    /// Whether `deed` can still be taken back.
    pub fn holds(&self, deed: Deed) -> bool {
        self.0.iter().any(|(known, _)| *known == deed)
    }

    /// Forgets `deed`: it has been taken back.
    pub fn forget(&mut self, deed: Deed) {
        self.0.retain(|(known, _)| *known != deed);
    }
}
