//! Conversations: questions and answers as a tree, of which one path is shown.

use super::{AnswerStatus, Exchange, ExchangeId, Exchanges, Intervened, PictureId, Sampling, TokenRecord};
use opabinia_engine::text::Turn;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConversationId(pub u64);

/// No file may hold a name this large, so that there is always a next one.
pub const MAX_ID: u64 = 1 << 53;

/// How many removed conversations can be brought back.
const REMOVED: usize = 20;

/// The branch that ends in this exchange or goes through it.
pub type BranchId = ExchangeId;

/// One generated token of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenPlace {
    /// The conversation.
    pub conversation: ConversationId,
    /// The exchange in it.
    pub exchange: ExchangeId,
    /// The token, counted from 0.
    pub token: usize,
}

/// One conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Names it.
    pub id: ConversationId,
    /// System text instead of the template's own; empty for the template's.
    pub system: String,
    /// The picture that the next question is about.
    pub picture: Option<PictureId>,
    /// What is in the field for the next question.
    pub draft: String,
    /// The exchange whose question is being edited.
    pub editing: Option<ExchangeId>,
    /// What was in the field before that.
    #[serde(default)]
    pub aside: String,
    /// Every exchange, in the order they were asked; a parent stands before its children.
    pub exchanges: Exchanges,
    /// The last exchange of the path that is shown.
    pub leaf: Option<ExchangeId>,
}

impl Conversation {
    /// An empty one.
    pub fn new(id: ConversationId) -> Self {
        Self {
            id,
            system: String::new(),
            picture: None,
            draft: String::new(),
            editing: None,
            aside: String::new(),
            exchanges: Exchanges::default(),
            leaf: None,
        }
    }

    /// The pictures it is about, some of them more than once.
    pub fn pictures(&self) -> impl Iterator<Item = PictureId> {
        self.exchanges.iter().filter_map(|known| known.picture).chain(self.picture)
    }

    /// What it is called in lists: its first question.
    pub fn title(&self) -> Option<&str> {
        self.exchanges.first().map(|exchange| exchange.question.as_str())
    }

    /// The exchanges that are shown, first to last.
    pub fn path(&self) -> Vec<ExchangeId> {
        let mut path: Vec<_> = std::iter::successors(self.leaf, |at| self.exchanges.get(*at)?.parent).collect();
        path.reverse();
        path
    }

    /// The system prompt under which `picture` was last asked about on the path that is shown; the one of the next question if
    /// it was not.
    pub fn system_about(&self, picture: PictureId) -> &str {
        let mut path = std::iter::successors(self.leaf, |at| self.exchanges.get(*at)?.parent);
        let about = path.find_map(|at| {
            self.exchanges
                .get(at)
                .filter(|known| known.picture == Some(picture) && (known.is_told() || known.status.is_open()))
        });
        about.map_or(&self.system, |exchange| &exchange.system)
    }

    /// Exchanges that branch off where `exchange` does, itself among them.
    pub fn siblings(&self, exchange: ExchangeId) -> Vec<ExchangeId> {
        let Some(parent) = self.exchanges.get(exchange).map(|exchange| exchange.parent) else { return Vec::new() };
        let with_parent = self.exchanges.iter().enumerate().filter(|(_, other)| other.parent == parent);
        with_parent.map(|(at, _)| at).collect()
    }

    /// Shows the branch through `exchange`, down to its newest end.
    pub fn show_branch(&mut self, exchange: ExchangeId) {
        if exchange >= self.exchanges.len() {
            return;
        }
        // Children stand behind their parents, so one pass from the front follows the newest of them down.
        let mut newest: Vec<Option<ExchangeId>> = vec![None; self.exchanges.len()];
        for (at, known) in self.exchanges.iter().enumerate() {
            if let Some(child) = known.parent.and_then(|parent| newest.get_mut(parent)) {
                *child = Some(at);
            }
        }
        self.leaf = std::iter::successors(Some(exchange), |at| newest.get(*at).copied().flatten()).last();
        self.follow_picture();
    }

    /// Whether `exchange` is on the path that is shown.
    pub fn shows(&self, exchange: ExchangeId) -> bool {
        let mut path = std::iter::successors(self.leaf, |at| self.exchanges.get(*at)?.parent);
        path.any(|at| at == exchange)
    }

    /// The exchange after which the next question is asked; `None` if it begins a path of its own.
    pub fn next_parent(&self) -> Option<ExchangeId> {
        match self.editing {
            Some(edited) => self.exchanges.get(edited).and_then(|edited| edited.parent),
            None => self.leaf,
        }
    }

    /// Whether the next question can be about another picture than it is. The template puts the picture before the
    /// first question of a path, so that everything on the path is about that one.
    pub fn can_change_picture(&self) -> bool {
        self.next_parent().is_none()
    }

    /// Makes the next question be about the picture of the path that is shown.
    fn follow_picture(&mut self) {
        if let Some(leaf) = self.leaf.and_then(|leaf| self.exchanges.get(leaf)) {
            self.picture = leaf.picture;
        }
    }

    /// Puts the question of `exchange` into the field for editing. What was in the field comes back afterwards.
    pub fn edit(&mut self, exchange: ExchangeId) {
        if let Some(known) = self.exchanges.get(exchange) {
            let before = std::mem::replace(&mut self.draft, known.question.clone());
            if self.editing.is_none() {
                self.aside = before;
            }
            self.picture = known.picture;
            self.editing = Some(exchange);
        }
    }

    /// Gives up editing.
    pub fn cancel_edit(&mut self) {
        if self.editing.take().is_some() {
            self.draft = std::mem::take(&mut self.aside);
            self.follow_picture();
        }
    }

    /// Adds the question in the field, and shows it. Gives nothing if there is none.
    pub fn ask(&mut self, sampling: Sampling) -> Option<ExchangeId> {
        let question = self.draft.trim().to_owned();
        if question.is_empty() {
            return None;
        }
        let parent = self.next_parent();
        let picture = parent.and_then(|parent| self.exchanges.get(parent)).map_or(self.picture, |known| known.picture);
        self.draft = std::mem::take(&mut self.aside);
        self.editing = None;
        let system = self.system.clone();
        Some(self.add(Exchange { system, ..Exchange::new(parent, question, picture, sampling) }))
    }

    /// Adds the question of `exchange` once more, beside it, with the system text of now, and shows it.
    pub fn repeat(&mut self, exchange: ExchangeId, sampling: Sampling) -> Option<ExchangeId> {
        let again = Exchange { system: self.system.clone(), ..self.exchanges.get(exchange)?.asked_again(sampling) };
        Some(self.add(again))
    }

    /// Adds the question of `exchange` once more, beside it, all else as it was, and shows it. The answer will begin with
    /// `forced_prefix`.
    pub fn branch(&mut self, exchange: ExchangeId, forced_prefix: Vec<u32>) -> Option<ExchangeId> {
        let known = self.exchanges.get(exchange)?;
        let again =
            Exchange { system: known.system.clone(), forced_prefix, ..known.asked_again(known.sampling.clone()) };
        Some(self.add(again))
    }

    /// Takes the branch that `exchange` began back, and shows the path that ended in `before`; gives whether the exchange
    /// is gone. It stays, as a branch, where something has been asked after it, since what others are called must not
    /// change, and once it is answered: an answer is not thrown away.
    pub fn take_back(&mut self, exchange: ExchangeId, before: Option<ExchangeId>) -> bool {
        let is_last = exchange + 1 == self.exchanges.len();
        let gone = is_last && self.exchanges.last().is_some_and(|last| last.status.is_open() || last.tokens.is_empty());
        if gone {
            self.exchanges.pop();
            if self.editing == Some(exchange) {
                self.cancel_edit();
            }
        }
        self.leaf = before.filter(|before| *before < self.exchanges.len());
        self.follow_picture();
        gone
    }

    fn add(&mut self, exchange: Exchange) -> ExchangeId {
        self.exchanges.push(exchange);
        let at = self.exchanges.len() - 1;
        self.leaf = Some(at);
        self.follow_picture();
        at
    }

    /// Whether an answer before `exchange` is still being made: it is a part of the prompt, so `exchange` has to wait.
    pub fn waits_for_earlier(&self, exchange: ExchangeId) -> bool {
        let parent = self.exchanges.get(exchange).and_then(|known| known.parent);
        let mut before = std::iter::successors(parent, |at| self.exchanges.get(*at)?.parent);
        before.any(|at| self.exchanges.get(at).is_some_and(|known| known.status.is_open()))
    }

    /// Answers that are being made will not go on.
    pub fn stop_open_answers(&mut self) {
        for exchange in self.exchanges.iter_mut_where(|exchange| exchange.status.is_open()) {
            exchange.status = AnswerStatus::Stopped;
        }
        let open = |known: &Intervened| known.status.is_open();
        for exchange in self.exchanges.iter_mut_where(|exchange| exchange.intervened.iter().any(open)) {
            exchange.intervened.retain(|known| !open(known));
        }
    }

    /// The turns before and with `exchange`, whose own answer is left open, as the engine takes them.
    pub fn turns(&self, exchange: ExchangeId) -> Vec<Turn> {
        let mut path: Vec<_> = std::iter::successors(Some(exchange), |at| self.exchanges.get(*at)?.parent).collect();
        path.reverse();
        let turns = path.iter().filter_map(|at| self.exchanges.get(*at).map(|exchange| (*at, exchange)));
        turns
            .filter(|(at, known)| *at == exchange || known.is_told())
            .map(|(at, known)| Turn {
                question: known.question.clone(),
                answer: (at != exchange).then(|| known.answer.clone()),
            })
            .collect()
    }
}

/// All conversations, and which one is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversations {
    all: BTreeMap<ConversationId, Conversation>,
    shown: ConversationId,
    /// Those that were removed and can be brought back, the last one last.
    #[serde(skip)]
    removed: Vec<Conversation>,
}

impl Default for Conversations {
    /// One empty conversation.
    fn default() -> Self {
        let shown = ConversationId(0);
        Self { all: BTreeMap::from([(shown, Conversation::new(shown))]), shown, removed: Vec::new() }
    }
}

impl Conversations {
    /// Begins a conversation and shows it.
    pub fn start(&mut self) -> ConversationId {
        // Those that were removed keep their names, in case they come back.
        let removed = self.removed.iter().map(|removed| removed.id);
        let last = self.all.keys().last().copied().into_iter().chain(removed).max();
        let id = ConversationId(last.map_or(0, |last| last.0 + 1));
        self.all.insert(id, Conversation::new(id));
        self.shown = id;
        id
    }

    /// The one that is shown.
    pub fn shown(&mut self) -> &mut Conversation {
        let shown = self.shown;
        self.all.entry(shown).or_insert_with(|| Conversation::new(shown))
    }

    /// The one that is shown, to be read. `None` only in a file that names one it does not hold.
    pub fn current(&self) -> Option<&Conversation> {
        self.all.get(&self.shown)
    }

    /// Shows `id`, if there is such a one.
    pub fn show(&mut self, id: ConversationId) {
        if self.all.contains_key(&id) {
            self.shown = id;
        }
    }

    /// Removes `id` and shows the newest of the rest, or an empty one. It can be brought back, unless nothing was asked in
    /// it: gives whether it can. What was being answered in it will not go on.
    pub fn remove(&mut self, id: ConversationId) -> bool {
        let Some(mut removed) = self.all.remove(&id) else { return false };
        removed.stop_open_answers();
        // Nothing is lost with one in which nothing was asked.
        let wanted = !removed.exchanges.is_empty();
        if wanted {
            if self.removed.len() == REMOVED {
                self.removed.remove(0);
            }
            self.removed.push(removed);
        }
        if self.shown == id {
            match self.all.keys().last() {
                Some(last) => self.shown = *last,
                None => {
                    self.start();
                }
            }
        }
        wanted
    }

    /// Brings back the conversation named `id` that was removed, and shows it; gives whether it could.
    pub fn bring_back(&mut self, id: ConversationId) -> bool {
        let Some(at) = self.removed.iter().position(|removed| removed.id == id) else { return false };
        let removed = self.removed.remove(at);
        self.shown = removed.id;
        self.all.insert(removed.id, removed);
        true
    }

    /// The conversation named `id`.
    pub fn get(&self, id: ConversationId) -> Option<&Conversation> {
        self.all.get(&id)
    }

    /// The conversation named `id`, to be changed.
    pub fn get_mut(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        self.all.get_mut(&id)
    }

    /// All of them, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Conversation> {
        self.all.values().rev()
    }

    /// The exchange that `place` is in.
    pub fn exchange(&self, place: TokenPlace) -> Option<&Exchange> {
        self.get(place.conversation)?.exchanges.get(place.exchange)
    }

    /// The pictures that a conversation is about, some of them more than once.
    pub fn pictures(&self) -> impl Iterator<Item = PictureId> {
        self.all.values().flat_map(Conversation::pictures)
    }

    /// Whether everything in it refers to something that is there, by names that can be: files come from strangers.
    pub fn is_sound(&self) -> bool {
        self.all.contains_key(&self.shown)
            && self.pictures().all(|picture| picture.0 < MAX_ID)
            && self.all.iter().all(|(id, conversation)| {
                let count = conversation.exchanges.len();
                let inside = |at: Option<usize>| at.is_none_or(|at| at < count);
                let ordered = conversation.exchanges.iter().enumerate();
                *id == conversation.id
                    && id.0 < MAX_ID
                    && inside(conversation.leaf)
                    && inside(conversation.editing)
                    && ordered.into_iter().all(|(at, exchange)| exchange.parent.is_none_or(|parent| parent < at))
            })
    }

    /// Brings log-probabilities that JSON has no word for to the least there is.
    pub fn make_finite(&mut self) {
        let wanting = |exchange: &Exchange| !exchange.all_tokens().all(TokenRecord::is_finite);
        let exchanges = self.all.values_mut().flat_map(|conversation| conversation.exchanges.iter_mut_where(wanting));
        let tokens = exchanges.flat_map(|exchange| {
            let under = exchange.intervened.iter_mut().flat_map(|known| &mut known.tokens);
            exchange.tokens.iter_mut().chain(under)
        });
        for token in tokens {
            let others = token.alternatives.iter_mut().map(|other| &mut other.log_prob);
            for log_prob in others.chain([&mut token.log_prob]).filter(|log_prob| !log_prob.is_finite()) {
                *log_prob = f32::MIN;
            }
        }
    }

    /// Answers that were being made when the program ended will not go on.
    pub fn stop_open_answers(&mut self) {
        self.all.values_mut().for_each(Conversation::stop_open_answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_gives_back_what_was_being_typed() {
        let mut conversation = Conversation::new(ConversationId(0));
        let first = asked(&mut conversation, "first", AnswerStatus::Done);
        conversation.draft = "half a question".to_owned();
        conversation.edit(first);
        conversation.edit(first);
        assert_eq!(conversation.draft, "first");
        conversation.cancel_edit();
        assert_eq!(conversation.draft, "half a question");
        conversation.edit(first);
        conversation.ask(Sampling::default()).unwrap();
        assert_eq!(conversation.draft, "half a question");
    }

    #[test]
    fn an_exchange_keeps_the_system_text_it_was_asked_with() {
        let mut conversation = Conversation::new(ConversationId(0));
        conversation.system = "Be brief.".to_owned();
        let first = asked(&mut conversation, "first", AnswerStatus::Done);
        conversation.system = "Rhyme.".to_owned();
        assert_eq!(conversation.exchanges[first].system, "Be brief.");
        let branch = conversation.branch(first, vec![7]).unwrap();
        assert_eq!(conversation.exchanges[branch].system, "Be brief.");
        let again = conversation.repeat(first, Sampling::default()).unwrap();
        assert_eq!(conversation.exchanges[again].system, "Rhyme.");
    }

    fn asked(conversation: &mut Conversation, question: &str, status: AnswerStatus) -> ExchangeId {
        conversation.draft = question.to_owned();
        let at = conversation.ask(Sampling::default()).unwrap();
        conversation.exchanges[at].status = status;
        at
    }

    fn answered(conversation: &mut Conversation, question: &str) -> ExchangeId {
        let at = asked(conversation, question, AnswerStatus::Done);
        conversation.exchanges[at].answer = format!("to {question}");
        at
    }

    #[test]
    fn an_edited_question_branches_off_where_the_old_one_did() {
        let mut conversation = Conversation::new(ConversationId(0));
        let first = answered(&mut conversation, "a");
        let second = answered(&mut conversation, "b");
        let third = answered(&mut conversation, "c");
        conversation.edit(second);
        assert_eq!(conversation.draft, "b");
        let edited = answered(&mut conversation, "B");
        assert_eq!(conversation.path(), [first, edited]);
        assert_eq!(conversation.siblings(edited), [second, edited]);
        assert!(conversation.shows(first) && !conversation.shows(second));
        conversation.show_branch(second);
        assert_eq!(conversation.path(), [first, second, third]);
        conversation.show_branch(99);
        assert_eq!(conversation.leaf, Some(third));
    }

    #[test]
    fn a_path_has_one_picture() {
        let mut conversation = Conversation::new(ConversationId(0));
        conversation.picture = Some(PictureId(1));
        assert!(conversation.can_change_picture());
        let first = answered(&mut conversation, "a");
        assert!(!conversation.can_change_picture());
        // Its own first question can be asked about another one.
        conversation.edit(first);
        assert!(conversation.can_change_picture());
        conversation.picture = Some(PictureId(2));
        let other = answered(&mut conversation, "b");
        assert_eq!(conversation.exchanges[other].picture, Some(PictureId(2)));
        let later = answered(&mut conversation, "c");
        assert_eq!(conversation.exchanges[later].picture, Some(PictureId(2)));
        conversation.show_branch(first);
        assert_eq!(conversation.picture, Some(PictureId(1)));
        conversation.edit(later);
        conversation.cancel_edit();
        assert_eq!((conversation.picture, conversation.draft.as_str()), (Some(PictureId(1)), ""));
    }

    #[test]
    fn only_what_is_not_answered_goes_when_its_branch_is_taken_back() {
        let mut conversation = Conversation::new(ConversationId(0));
        let first = answered(&mut conversation, "a");
        let second = conversation.repeat(first, Sampling::default()).unwrap();
        let third = conversation.repeat(first, Sampling::default()).unwrap();
        assert!(!conversation.take_back(second, Some(first)), "another exchange has its name after it");
        assert_eq!((conversation.exchanges.len(), conversation.leaf), (3, Some(first)));
        assert!(conversation.take_back(third, Some(second)));
        assert_eq!((conversation.exchanges.len(), conversation.leaf), (2, Some(second)));
        let known = conversation.exchanges.get_mut(second).unwrap();
        known.status = AnswerStatus::Done;
        known.tokens = vec![TokenRecord { id: 1, text: "b".into(), log_prob: 0.0, alternatives: Vec::new() }];
        assert!(!conversation.take_back(second, Some(first)));
        assert_eq!((conversation.exchanges.len(), conversation.leaf), (2, Some(first)));
        assert_eq!(conversation.siblings(first), [first, second]);
    }

    #[test]
    fn what_failed_is_no_part_of_later_prompts() {
        let mut conversation = Conversation::new(ConversationId(0));
        answered(&mut conversation, "a");
        asked(&mut conversation, "b", AnswerStatus::Failed("no".into()));
        let stopped = asked(&mut conversation, "c", AnswerStatus::Stopped);
        conversation.exchanges[stopped].answer = "half".into();
        asked(&mut conversation, "d", AnswerStatus::Stopped);
        asked(&mut conversation, "e", AnswerStatus::Done);
        let last = asked(&mut conversation, "f", AnswerStatus::Waiting);
        let turns = conversation.turns(last);
        let written: Vec<_> = turns.iter().map(|turn| (turn.question.as_str(), turn.answer.as_deref())).collect();
        assert_eq!(written, [("a", Some("to a")), ("c", Some("half")), ("e", Some("")), ("f", None)]);
    }

    #[test]
    fn a_question_waits_for_what_stands_before_it() {
        let mut conversation = Conversation::new(ConversationId(0));
        let first = asked(&mut conversation, "a", AnswerStatus::Streaming);
        let second = asked(&mut conversation, "b", AnswerStatus::Waiting);
        let third = asked(&mut conversation, "c", AnswerStatus::Waiting);
        assert!(!conversation.waits_for_earlier(first));
        assert!(conversation.waits_for_earlier(second) && conversation.waits_for_earlier(third));
        conversation.exchanges[first].status = AnswerStatus::Stopped;
        assert!(!conversation.waits_for_earlier(second) && conversation.waits_for_earlier(third));
    }

    #[test]
    fn a_removed_conversation_comes_back_as_it_was() {
        let mut conversations = Conversations::default();
        answered(conversations.shown(), "a");
        asked(conversations.shown(), "b", AnswerStatus::Streaming);
        let first = conversations.shown().id;
        conversations.remove(first);
        let begun = conversations.shown().id;
        assert_ne!(begun, first, "a name is not given twice while its bearer can come back");
        assert!(conversations.shown().exchanges.is_empty());
        assert!(conversations.bring_back(first) && !conversations.bring_back(first));
        let back = conversations.shown();
        assert_eq!((back.id, back.exchanges[0].answer.as_str()), (first, "to a"));
        assert_eq!(back.exchanges[1].status, AnswerStatus::Stopped);
        assert!(conversations.is_sound());
        // With an empty one nothing is lost.
        assert!(!conversations.remove(begun) && !conversations.bring_back(begun));
    }
}
