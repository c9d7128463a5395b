//! What is drawn of one exchange.

use crate::window::state::{Conversation, Exchange, ExchangeId};

/// An exchange and its place.
pub struct Shown<'a> {
    /// The conversation it is in.
    pub conversation: &'a Conversation,
    /// The name of the exchange in its conversation.
    pub at: ExchangeId,
    /// The question and its answer.
    pub exchange: &'a Exchange,
    /// All that branch off where it does, itself among them.
    pub siblings: &'a [ExchangeId],
    /// Whether it begins the path: there the picture is shown.
    pub first: bool,
    /// The checkpoint that answered, by a name that tells it from others.
    pub whose: &'a str,
}
