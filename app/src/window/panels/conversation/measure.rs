//! Where exchanges are: the height of each one, measured where it was drawn and estimated where it was not.
//!
//! With it a conversation of any length costs what is in view of it. What is derived from a conversation (the path that
//! is shown, who branches off with whom) is kept here too, until the conversation changes.

use crate::window::state::{Conversation, ConversationId, Exchange, ExchangeId};
use std::collections::HashMap;

/// What the rest of this was made from.
#[derive(PartialEq, Clone, Copy)]
struct Source {
    conversation: ConversationId,
    exchanges: usize,
    leaf: Option<ExchangeId>,
}

#[derive(Clone, Copy)]
struct Height {
    points: f32,
    measured: bool,
}

/// Heights of the exchanges of one conversation.
#[derive(Default)]
pub struct Measures {
    source: Option<Source>,
    width: f32,
    path: Vec<ExchangeId>,
    children: HashMap<Option<ExchangeId>, Vec<ExchangeId>>,
    /// By exchange.
    heights: Vec<Height>,
    /// Tops of the path's exchanges and, last, the end of all.
    tops: Vec<f32>,
}

impl Measures {
    /// Keeps up with `conversation`, shown `width` wide.
    pub fn follow(&mut self, conversation: &Conversation, width: f32) {
        let exchanges = conversation.exchanges.len();
        let source = Source { conversation: conversation.id, exchanges, leaf: conversation.leaf };
        let known = self.source.filter(|known| known.conversation == source.conversation);
        if known.is_none_or(|known| known.exchanges > exchanges) {
            self.heights.clear();
            self.children.clear();
        }
        if (self.width - width).abs() > 0.5 {
            self.width = width;
            self.heights.iter_mut().for_each(|height| height.measured = false);
        }
        if self.source != Some(source) {
            for (at, exchange) in conversation.exchanges.iter().enumerate().skip(self.heights.len()) {
                self.heights.push(Height { points: estimate(exchange, width), measured: false });
                self.children.entry(exchange.parent).or_default().push(at);
            }
            self.path = conversation.path();
            self.source = Some(source);
        }
        self.tops.clear();
        let mut top = 0.0;
        for at in &self.path {
            self.tops.push(top);
            top += self.heights.get(*at).map_or(0.0, |height| height.points);
        }
        self.tops.push(top);
    }

    /// The exchanges that are shown, first to last.
    pub fn path(&self) -> &[ExchangeId] {
        &self.path
    }

    /// The place in the path of the first exchange that reaches below `y`, and its top.
    pub fn first_in(&self, y: f32) -> (usize, f32) {
        let place = self.tops.partition_point(|top| *top <= y).saturating_sub(1);
        (place, self.tops.get(place).copied().unwrap_or(0.0))
    }

    /// The height of the whole path.
    pub fn total(&self) -> f32 {
        self.tops.last().copied().unwrap_or(0.0)
    }

    /// The height of an exchange, and whether it was measured at this width.
    pub fn height(&self, at: ExchangeId) -> (f32, bool) {
        self.heights.get(at).map_or((0.0, false), |height| (height.points, height.measured))
    }

    /// Notes the height of an exchange.
    pub fn set_height(&mut self, at: ExchangeId, points: f32) {
        if let Some(height) = self.heights.get_mut(at) {
            *height = Height { points, measured: true };
        }
    }

    /// Exchanges that follow `parent`.
    pub fn siblings(&self, parent: Option<ExchangeId>) -> &[ExchangeId] {
        self.children.get(&parent).map_or(&[], Vec::as_slice)
    }
}

/// About how high `exchange` will be at `width`.
fn estimate(exchange: &Exchange, width: f32) -> f32 {
    let letters = (width / 7.0).max(8.0);
    let lines = |text: &str| (text.len() as f32 / letters).ceil().max(1.0) + text.matches('\n').count() as f32;
    118.0 + (lines(&exchange.question) + lines(&exchange.answer)) * 18.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::Sampling;

    fn conversation(count: usize) -> Conversation {
        let mut conversation = Conversation::new(ConversationId(0));
        for at in 0..count {
            conversation.draft = format!("question {at}");
            conversation.ask(Sampling::default()).unwrap();
        }
        conversation
    }

    #[test]
    fn the_first_in_view_is_found_by_height() {
        let conversation = conversation(3);
        let mut measures = Measures::default();
        measures.follow(&conversation, 300.0);
        for at in 0..3 {
            assert!(!measures.height(at).1);
            measures.set_height(at, 100.0);
        }
        measures.follow(&conversation, 300.0);
        assert_eq!(measures.total(), 300.0);
        assert_eq!(measures.first_in(-50.0), (0, 0.0));
        assert_eq!(measures.first_in(99.0), (0, 0.0));
        assert_eq!(measures.first_in(100.0), (1, 100.0));
        assert_eq!(measures.first_in(250.0), (2, 200.0));
    }

    #[test]
    fn another_width_makes_measured_heights_estimates() {
        let conversation = conversation(1);
        let mut measures = Measures::default();
        measures.follow(&conversation, 300.0);
        measures.set_height(0, 77.0);
        measures.follow(&conversation, 300.0);
        assert_eq!(measures.height(0), (77.0, true));
        measures.follow(&conversation, 200.0);
        assert_eq!(measures.height(0), (77.0, false));
    }

    #[test]
    fn branches_are_told_apart() {
        let mut conversation = conversation(2);
        conversation.edit(1);
        conversation.draft = "another".into();
        conversation.ask(Sampling::default()).unwrap();
        let mut measures = Measures::default();
        measures.follow(&conversation, 300.0);
        assert_eq!(measures.path(), [0, 2]);
        assert_eq!(measures.siblings(Some(0)), [1, 2]);
        assert_eq!(measures.siblings(None), [0]);
        conversation.show_branch(1);
        measures.follow(&conversation, 300.0);
        assert_eq!(measures.path(), [0, 1]);
    }
}
