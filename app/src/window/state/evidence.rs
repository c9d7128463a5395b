//! What answers rest on: measured on demand, piece by piece, and kept; plain numbers also across restarts.
//!
//! Everything about one answer is kept under the model and the exchange, and within it by the interventions of each run, so
//! that nothing is measured twice and what was measured before a measurement was stopped stays.

use super::{AppState, ConversationId, Exchange, ExchangeId, PictureId};
use crate::evidence::DecoderChoice;
use crate::evidence::{Findings, Removal, Section, Shown};
use opabinia_engine::intervention::Cells;
use opabinia_engine::probe::Chain;
use opabinia_engine::probe::evidence::{Evidence, Finding, GradientOf, KeptEvidence};
use opabinia_engine::run::ModelId;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Names the evidence about an answer: the model that measured it, and the answer.
pub type EvidenceKey = (ModelId, ConversationId, ExchangeId);

/// A part of the evidence that is measured in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Deletion and insertion of the cells of one encoder or of all.
    Curves(Option<usize>, GradientOf),
    /// What this token of the answer attended to, and the way on from there.
    Chain(usize),
    /// What encoders made of the picture.
    Features,
    /// What the decoder would say at each cell, before and after each sampler.
    Lens,
    /// What stays when weights or attention are shuffled.
    Checks,
}

impl EvidencePart {
    /// Whether all of it are plain numbers of the answer, which are kept across restarts.
    pub fn survives(self) -> bool {
        match self {
            Self::Encoders | Self::Gradient(_) | Self::Layers | Self::Cells(_) | Self::Curves(..) | Self::Checks => {
                true
            }
            Self::Region | Self::Chain(_) | Self::Features | Self::Lens => false,
        }
    }
}

/// Whether it was looked up what was measured about an answer before the program was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// It is being looked up.
    Asked,
    /// It was. What is measured is kept under this name; `None` where nothing can be kept.
    Done(Option<String>),
}

/// What was looked up about one answer.
#[derive(Debug, Default)]
pub struct Recalled {
    /// Under which name it is kept; `None` where nothing can be kept.
    pub name: Option<String>,
    /// What was kept, with the parts that are complete.
    pub known: Option<(Vec<EvidencePart>, Evidence)>,
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
    /// Whether it was looked up; `None` if nobody asked.
    recall: Option<Recall>,
    /// What is to be measured once it was looked up.
    waiting: Vec<EvidencePart>,
    /// Chains that were followed; `None` while one is, or where there is no such layer and head.
    chains: HashMap<(usize, DecoderChoice), Option<Arc<Chain>>>,
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

    /// Whether it was looked up what was measured before the program was started; `None` if nobody asked.
    pub fn recall(&self) -> Option<&Recall> {
        self.recall.as_ref()
    }

    /// Notes that it is being looked up.
    pub fn recalling(&mut self) {
        self.recall = Some(Recall::Asked);
    }

    /// Notes what is to be measured once it was looked up.
    pub fn wait_with(&mut self, part: EvidencePart) {
        if !self.waiting.contains(&part) {
            self.waiting.push(part);
        }
    }

    /// What was to be measured then.
    pub fn take_waiting(&mut self) -> Vec<EvidencePart> {
        std::mem::take(&mut self.waiting)
    }

    /// Takes in what was looked up.
    pub fn recalled(&mut self, Recalled { name, known }: Recalled) {
        self.recall = Some(Recall::Done(name));
        if let (None, Some((parts, evidence))) = (&self.findings, known) {
            self.findings = Some(Findings::new(evidence));
            self.parts.extend(parts.into_iter().filter(|part| part.survives()).map(|part| (part, PartState::Done)));
        }
    }

    /// What is kept of it across restarts, and under which name; `None` where nothing is.
    pub fn kept(&self) -> Option<(String, Vec<EvidencePart>, KeptEvidence)> {
        let Some(Recall::Done(Some(name))) = &self.recall else { return None };
        let findings = self.findings.as_ref()?;
        let done = self.parts.iter().filter(|(part, state)| part.survives() && **state == PartState::Done);
        Some((name.clone(), done.map(|(part, _)| *part).collect(), KeptEvidence::of(findings.evidence())))
    }

    /// The chain of a token, if it was followed to its end.
    pub fn chain(&self, token: usize, choice: DecoderChoice) -> Option<&Arc<Chain>> {
        self.chains.get(&(token, choice))?.as_ref()
    }

    /// Whether a chain is known, or being followed.
    pub fn follows(&self, token: usize, choice: DecoderChoice) -> bool {
        self.chains.contains_key(&(token, choice))
    }

    /// Keeps a chain; `None` while it is being followed.
    pub fn set_chain(&mut self, token: usize, choice: DecoderChoice, chain: Option<Arc<Chain>>) {
        self.chains.insert((token, choice), chain);
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
    /// The decoder's attention that a chain begins with.
    pub decoder: DecoderChoice,
    /// Features after the projector, in directions that all encoders share, instead of each encoder's own.
    pub shared: bool,
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

    /// The token of the answer that is selected.
    pub fn evidence_place(&self) -> Option<usize> {
        let (key, _) = self.evidence_about().ok()?;
        let place = self.token.filter(|place| (place.conversation, place.exchange) == (key.1, key.2));
        place.map(|place| place.token)
    }

    /// The cell of the query grid that is pointed at, or else selected.
    pub fn evidence_cell(&self) -> Option<[usize; 2]> {
        let cell = self.hovered.map(|(_, cell)| cell).or(self.lens().selected)?;
        Some([cell.row as usize, cell.col as usize])
    }

    /// What is looked at, as figures take it.
    pub fn evidence_figure(&self) -> Shown {
        let EvidenceView { section, removal, target, decoder, shared, .. } = self.evidence.view;
        let token = if section == Section::Chain { self.evidence_place() } else { self.evidence_token() };
        Shown { section, removal, target, decoder, shared, cell: self.evidence_cell(), token }
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
