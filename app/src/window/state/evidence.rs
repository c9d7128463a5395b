//! What answers rest on: measured on demand, piece by piece, and kept as long as the program runs.
//!
//! Everything about one answer is kept under the model and the exchange, and within it by the interventions of each run, so
//! that nothing is measured twice and what was measured before a measurement was stopped stays.

use super::{AppState, ConversationId, Exchange, ExchangeId, PictureId};
use crate::evidence::{Findings, Removal, Section, Shown};
use opabinia_engine::intervention::Cells;
use opabinia_engine::probe::evidence::{Finding, GradientOf};
use opabinia_engine::run::ModelId;
use std::collections::HashMap;

/// Names the evidence about an answer: the model that measured it, and the answer.
pub type EvidenceKey = (ModelId, ConversationId, ExchangeId);

/// A part of the evidence that is measured in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvidencePart {
    /// Each encoder, in every way, and the picture as a whole.
    Encoders,
    /// Gradient × attention.
    Gradient(GradientOf),
    /// SVA layers and heads.
    Layers,
    /// Each cell, of one encoder or of all.
    Cells(Option<usize>),
    /// The cells that were brushed.
    Region,
}

/// How far the measuring of a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// The engine was asked.
    Asked,
    /// All of it is there.
    Done,
    /// It was stopped; what was measured before is there.
    Stopped,
    /// It failed: why. What was measured before is there.
    Failed(String),
}

/// Evidence about one answer.
#[derive(Debug, Default)]
pub struct AnswerEvidence {
    /// The answer's tokens: another answer may come to have its name.
    ids: Vec<u32>,
    findings: Option<Findings>,
    parts: HashMap<EvidencePart, PartState>,
}

impl AnswerEvidence {
    /// What was found; `None` before the answer has been scored once.
    pub fn findings(&self) -> Option<&Findings> {
        self.findings.as_ref()
    }

    /// How far a part is; `None` if nobody asked.
    pub fn part(&self, part: EvidencePart) -> Option<&PartState> {
        self.parts.get(&part)
    }

    /// Notes how far a part is; `None` lets it be asked for.
    pub fn set_part(&mut self, part: EvidencePart, state: Option<PartState>) {
        match state {
            Some(state) => self.parts.insert(part, state),
            None => self.parts.remove(&part),
        };
    }

    /// Takes in a finding. What comes before the answer was scored without interventions has nothing to be compared with.
    pub fn add(&mut self, finding: Finding) {
        match (&mut self.findings, finding) {
            (Some(findings), finding) => findings.add(finding),
            (none, Finding::Base(base)) => *none = Some(Findings::new(*base)),
            (None, _) => {}
        }
    }

    /// Forgets what rests on another image.
    fn forget_swaps(&mut self) {
        if let Some(findings) = &mut self.findings {
            findings.forget_swaps();
        }
        self.parts.remove(&EvidencePart::Encoders);
    }
}

/// What the words of answers are coloured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordColours {
    /// Δ log p without this encoder.
    Encoder(usize),
    /// Log-probability with the picture − with a blank one.
    Picture,
}

/// What is looked at in the panel.
#[derive(Debug, Clone, Default)]
pub struct EvidenceView {
    /// The part.
    pub section: Section,
    /// Whether effects are of the selected token instead of the whole answer.
    pub of_token: bool,
    /// How encoders are taken away where one way has to be chosen.
    pub removal: Removal,
    /// The encoder whose cells are replaced; `None` for all.
    pub target: Option<usize>,
    /// What words are coloured by, if they are.
    pub words: Option<WordColours>,
    /// Cells that were brushed, selected or typed.
    pub region: Option<Cells>,
    /// What is typed as a region.
    pub region_text: String,
    /// Why that is no region.
    pub region_problem: Option<String>,
    /// The picture whose features are swapped in.
    pub other: Option<PictureId>,
}

/// How many answers' evidence is kept: with the tensors of all parts one has a few MB.
const KEPT: usize = 24;

/// Evidence about all answers.
#[derive(Debug, Default)]
pub struct Evidences {
    entries: HashMap<EvidenceKey, AnswerEvidence>,
    order: Vec<EvidenceKey>,
    /// What is looked at.
    pub view: EvidenceView,
}

impl Evidences {
    /// What is known about `exchange`, which `key` names.
    pub fn get(&self, key: EvidenceKey, exchange: &Exchange) -> Option<&AnswerEvidence> {
        self.entries.get(&key).filter(|known| same(&known.ids, exchange))
    }

    /// The same by its name alone, to be changed: for what comes of a measurement.
    pub fn get_mut(&mut self, key: EvidenceKey) -> Option<&mut AnswerEvidence> {
        self.entries.get_mut(&key)
    }

    /// What is known about `exchange`, to be changed: nothing yet if nobody asked. The oldest goes when there would be
    /// too many.
    pub fn entry(&mut self, key: EvidenceKey, exchange: &Exchange) -> &mut AnswerEvidence {
        self.order.retain(|known| *known != key);
        self.order.push(key);
        if self.order.len() > KEPT {
            let oldest = self.order.remove(0);
            self.entries.remove(&oldest);
        }
        let entry = self.entries.entry(key).or_default();
        if !same(&entry.ids, exchange) {
            *entry = AnswerEvidence {
                ids: exchange.tokens.iter().map(|token| token.id).collect(),
                ..AnswerEvidence::default()
            };
        }
        entry
    }

    /// Takes another picture for its features to be swapped in.
    pub fn set_other(&mut self, other: Option<PictureId>) {
        if self.view.other != other {
            self.view.other = other;
            self.entries.values_mut().for_each(AnswerEvidence::forget_swaps);
        }
    }

    /// Forgets everything about a conversation: its name may be given to another one.
    pub fn forget_conversation(&mut self, conversation: ConversationId) {
        self.order.retain(|(_, known, _)| *known != conversation);
        self.entries.retain(|(_, known, _), _| *known != conversation);
    }
}

fn same(ids: &[u32], exchange: &Exchange) -> bool {
    ids.iter().copied().eq(exchange.tokens.iter().map(|token| token.id))
}

/// Why nothing can be measured about what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEvidence {
    /// There is no answer yet.
    NoAnswer,
    /// It is still being made.
    Open,
    /// It is about no picture.
    NoPicture,
    /// Another checkpoint gave it.
    OtherModel,
    /// No model is loaded.
    NoModel,
}

impl AppState {
    /// The answer that evidence is about: that of the selected token, else the last one that is shown.
    pub fn evidence_about(&self) -> Result<(EvidenceKey, &Exchange), NoEvidence> {
        let conversation = self.conversations.current().ok_or(NoEvidence::NoAnswer)?;
        let selected = self.token.filter(|place| place.conversation == conversation.id).map(|place| place.exchange);
        let at = selected.or(conversation.leaf).ok_or(NoEvidence::NoAnswer)?;
        let exchange = conversation.exchanges.get(at).ok_or(NoEvidence::NoAnswer)?;
        if exchange.status.is_open() {
            return Err(NoEvidence::Open);
        }
        if exchange.tokens.is_empty() {
            return Err(NoEvidence::NoAnswer);
        }
        if exchange.picture.is_none() {
            return Err(NoEvidence::NoPicture);
        }
        let model = self.models.current().ok_or(NoEvidence::NoModel)?;
        if !model.answered(exchange) {
            return Err(NoEvidence::OtherModel);
        }
        Ok(((model.id, conversation.id, at), exchange))
    }

    /// The complete answers that are shown side by side, about a picture, with what names the evidence about each.
    pub fn evidence_of_both(&self) -> [Option<(EvidenceKey, &Exchange)>; 2] {
        let conversation = self.conversations.current().map(|shown| shown.id);
        let mut both = self.both_answers();
        super::SIDES.map(|slot| {
            let (at, exchange) = both[usize::from(slot == super::Slot::B)].take()?;
            let usable = !exchange.status.is_open() && !exchange.tokens.is_empty() && exchange.picture.is_some();
            usable.then_some(((self.models.loaded(slot)?.id, conversation?, at), exchange))
        })
    }

    /// What is known about that answer.
    pub fn evidence_shown(&self) -> Option<&AnswerEvidence> {
        let (key, exchange) = self.evidence_about().ok()?;
        self.evidence.get(key, exchange)
    }

    /// The token that effects are of; `None` for the whole answer.
    pub fn evidence_token(&self) -> Option<usize> {
        let (key, _) = self.evidence_about().ok()?;
        let place = self.token.filter(|place| (place.conversation, place.exchange) == (key.1, key.2));
        place.filter(|_| self.evidence.view.of_token).map(|place| place.token)
    }

    /// What is looked at, as figures take it.
    pub fn evidence_figure(&self) -> Shown {
        let EvidenceView { section, removal, target, .. } = self.evidence.view;
        Shown { section, removal, target, token: self.evidence_token() }
    }

    /// The command that measures again what is known about the answer that is shown: the same question, answer and
    /// interventions.
    pub fn evidence_command(&self) -> Option<String> {
        let (key, exchange) = self.evidence_about().ok()?;
        let findings = self.evidence.get(key, exchange)?.findings()?;
        let model = self.models.current()?;
        let name = if model.is_demo() { crate::demo::NAME.to_owned() } else { model.request.source.clone() };
        let image = match &self.pictures.get(exchange.picture?)?.source {
            super::PictureSource::File(path) | super::PictureSource::Pasted(path) => path.display().to_string(),
            super::PictureSource::Sample(name) => crate::demo::sample_path(name).display().to_string(),
        };
        let turns = self.conversations.get(key.1)?.turns(key.2);
        Some(crate::evidence::export::command(findings, &name, &image, &exchange.system, &turns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::{Sampling, TokenRecord};

    fn exchange(ids: &[u32]) -> Exchange {
        let token = |id: &u32| TokenRecord { id: *id, text: String::new(), log_prob: 0.0, alternatives: Vec::new() };
        let tokens = ids.iter().map(token).collect();
        Exchange { tokens, ..Exchange::new(None, String::new(), None, Sampling::default()) }
    }

    #[test]
    fn evidence_is_that_of_the_answer_it_was_measured_for() {
        let mut known = Evidences::default();
        let key = (ModelId::unique(), ConversationId(0), 0);
        known.entry(key, &exchange(&[1, 2])).set_part(EvidencePart::Layers, Some(PartState::Done));
        assert!(known.get(key, &exchange(&[1, 2])).is_some_and(|of| of.part(EvidencePart::Layers).is_some()));
        assert!(known.get(key, &exchange(&[1, 3])).is_none(), "another answer under the same name");
        assert!(known.entry(key, &exchange(&[1, 3])).part(EvidencePart::Layers).is_none());
        known.forget_conversation(ConversationId(0));
        assert!(known.get(key, &exchange(&[1, 3])).is_none());
    }

    #[test]
    fn the_oldest_goes_first_and_another_picture_takes_its_swaps_along() {
        let mut known = Evidences::default();
        let model = ModelId::unique();
        let key = |at| (model, ConversationId(0), at);
        let answer = exchange(&[1]);
        for at in 0..=KEPT {
            let entry = known.entry(key(at), &answer);
            entry.set_part(EvidencePart::Encoders, Some(PartState::Done));
            entry.set_part(EvidencePart::Layers, Some(PartState::Done));
        }
        assert!(known.get(key(0), &answer).is_none() && known.get(key(1), &answer).is_some());
        known.set_other(Some(PictureId(3)));
        let after = known.get(key(1), &answer).unwrap();
        assert_eq!(
            (after.part(EvidencePart::Encoders), after.part(EvidencePart::Layers)),
            (None, Some(&PartState::Done))
        );
    }
}
