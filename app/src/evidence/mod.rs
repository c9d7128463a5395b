//! What an answer rests on, as people read it: which interventions are measured for each view, which numbers stand in
//! which place, and how they become a table, a figure or a recipe. The same in the window as on the command line.

pub mod chain;
pub mod checks;
pub mod curves;
pub mod export;
pub mod measured;
pub mod plan;
pub mod rank;
pub mod recipe;
pub mod sheet;
pub mod study;

use opabinia_engine::intervention::{Action, Anatomy, Interventions, Place};
use opabinia_engine::observe::SvaLayer;
use opabinia_engine::probe::evidence::{Effect, Evidence, Finding, GameKind, GradientOf, GradientSums, Score, Shapley};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How an encoder is taken away. What each does is defined in `docs/evidence.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// Its keys masked; the global context stays.
    Mask,
    /// Its keys masked and, for encoder 0, the global context zero.
    #[default]
    MaskContext,
    /// Its output zero before its projector, as in arXiv 2507.03262.
    ZeroRaw,
    /// Its projected tokens zero.
    Zero,
    /// Its projected tokens replaced by their mean.
    Mean,
    /// Another image's tokens in their place.
    Swap,
}

impl Removal {
    /// All of them, in the order in which they are measured and shown.
    pub const ALL: [Self; 6] = [Self::MaskContext, Self::Mask, Self::ZeroRaw, Self::Zero, Self::Mean, Self::Swap];

    /// As it is written in a SPEC, and in the names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::MaskContext => "mask_context",
            Self::ZeroRaw => "zero_raw",
            Self::Zero => "zero",
            Self::Mean => "mean",
            Self::Swap => "swap",
        }
    }

    /// The intervention that takes `encoder` away.
    pub fn of(self, encoder: usize) -> Interventions {
        match self {
            Self::Mask => Interventions::mask(encoder, false),
            Self::MaskContext => Interventions::mask(encoder, true),
            Self::ZeroRaw => Interventions::of(Action::ZeroRaw { encoder }),
            Self::Zero => Interventions::of(Action::Zero { encoder }),
            Self::Mean => Interventions::of(Action::Mean { encoder }),
            Self::Swap => Interventions::of(Action::Swap { encoder }),
        }
    }
}

/// On which rung of evidence a number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rung {
    /// Where the model attended: correlational.
    Attention,
    /// How much was written: correlational.
    Contribution,
    /// How sensitive the answer is, to first order.
    Gradient,
    /// What changed when something was taken away.
    Intervention,
}

impl Rung {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention (correlational)",
            Self::Contribution => "contribution (correlational)",
            Self::Gradient => "gradient (local sensitivity)",
            Self::Intervention => "intervention (causal, this model and image)",
        }
    }
}

/// A number that each encoder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Share of the attention.
    Share,
    /// Share ÷ that of uniform attention.
    Lift,
    /// Norm of what was written.
    Norm,
    /// Gradient × attention.
    Gradient,
    /// Chefer's relevancy.
    Relevancy,
    /// Δ log p when it is taken away.
    Removal(Removal),
    /// Its Shapley value.
    Shapley(GameKind),
}

impl Measure {
    /// All of them, in the order of columns.
    pub const ALL: [Self; 13] = [
        Self::Share,
        Self::Lift,
        Self::Norm,
        Self::Gradient,
        Self::Relevancy,
        Self::Removal(Removal::MaskContext),
        Self::Removal(Removal::Mask),
        Self::Removal(Removal::ZeroRaw),
        Self::Removal(Removal::Zero),
        Self::Removal(Removal::Mean),
        Self::Removal(Removal::Swap),
        Self::Shapley(GameKind::Mask),
        Self::Shapley(GameKind::Swap),
    ];

    /// What it is evidence of.
    pub fn rung(self) -> Rung {
        match self {
            Self::Share | Self::Lift => Rung::Attention,
            Self::Norm => Rung::Contribution,
            Self::Gradient | Self::Relevancy => Rung::Gradient,
            Self::Removal(_) | Self::Shapley(_) => Rung::Intervention,
        }
    }

    /// How much a value says that the encoder mattered: more is more.
    pub fn strength(self, value: f64) -> f64 {
        match self {
            Self::Removal(_) => -value,
            _ => value,
        }
    }

    /// Its name in files.
    pub fn name(self) -> String {
        match self {
            Self::Share => "share".into(),
            Self::Lift => "lift".into(),
            Self::Norm => "norm".into(),
            Self::Gradient => "gradient_x_attention".into(),
            Self::Relevancy => "relevancy".into(),
            Self::Removal(removal) => format!("delta_log_p.{}", removal.name()),
            Self::Shapley(kind) => format!("shapley.{}", kind.name()),
        }
    }
}

/// Cells that were replaced together: a rectangle of the padded query grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// First row.
    pub row: usize,
    /// First column.
    pub column: usize,
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub columns: usize,
}

/// Which part of the evidence is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// One row for each encoder.
    #[default]
    Encoders,
    /// Token by token along the answer.
    Tokens,
    /// SVA layers and their heads.
    Layers,
    /// Cells of the query grid.
    Cells,
    /// Deletion and insertion.
    Curves,
    /// From a token back to pixels.
    Chain,
    /// What encoders made of the image.
    Features,
    /// What the decoder would say at a cell.
    Lens,
    /// What stays when weights or attention are shuffled.
    Checks,
}

/// Which attention of the decoder a chain begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoderChoice {
    /// The mean over all layers and heads.
    #[default]
    Mean,
    /// The rollout through all layers: a heuristic.
    Rollout,
    /// One head.
    Head {
        /// Its layer, from 0.
        layer: usize,
        /// Its number, from 0.
        head: usize,
    },
}

impl DecoderChoice {
    /// In words, for figures and the command line.
    pub fn words(self) -> String {
        match self {
            Self::Mean => "mean over the decoder's layers and heads".to_owned(),
            Self::Rollout => "attention rollout (a heuristic)".to_owned(),
            Self::Head { layer, head } => format!("decoder layer {layer}, head {head}"),
        }
    }
}

/// What is looked at: everything about a figure but its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The part.
    pub section: Section,
    /// The token that effects are about, counted from 0; `None` for the whole answer.
    pub token: Option<usize>,
    /// How encoders are taken away where one way has to be chosen.
    pub removal: Removal,
    /// The encoder whose cells are replaced; `None` for all.
    pub target: Option<usize>,
    /// The decoder's attention that a chain begins with.
    #[serde(default)]
    pub decoder: DecoderChoice,
    /// Features after the projector instead of each encoder's own.
    #[serde(default)]
    pub shared: bool,
    /// The cell that the lens is about, row and column of the query grid.
    #[serde(default)]
    pub cell: Option<[usize; 2]>,
}

/// Where attention and intervention name different encoders, or the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The encoder with the highest lift, and its lift.
    pub attended: (usize, f64),
    /// The encoder whose removal cost most, and Δ log p; `None` where no removal made the answer less likely.
    pub needed: Option<(usize, f64)>,
}

impl Verdict {
    /// Whether they name the same encoder.
    pub fn agrees(&self) -> bool {
        self.needed.is_some_and(|(k, _)| k == self.attended.0)
    }
}

/// Several encoders taken away together.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// The encoders, in key order.
    pub encoders: Vec<usize>,
    /// Δ log p without all of them.
    pub together: f64,
    /// What removing each alone adds up to.
    pub sum: f64,
}

/// Δ log p below this is called none: what two ways to compute the same number may differ by.
const NOTHING: f64 = 1e-3;

/// Everything that was found about one answer, with its effects by what was done.
#[derive(Debug, Clone)]
pub struct Findings {
    evidence: Evidence,
    by_intervention: HashMap<Interventions, usize>,
    /// Effects of replaced cells, by the encoder they are of (`None`: all) and the cells.
    blocks: HashMap<(Option<usize>, Block), usize>,
}

impl Findings {
    /// What `evidence` holds.
    pub fn new(evidence: Evidence) -> Self {
        let mut findings = Self { evidence, by_intervention: HashMap::new(), blocks: HashMap::new() };
        findings.index();
        findings
    }

    /// Takes in one more finding about the same answer.
    pub fn add(&mut self, finding: Finding) {
        let effect = match &finding {
            Finding::Effect(effect) => Some(effect.interventions.clone()),
            _ => None,
        };
        let before = self.evidence.effects.len();
        self.evidence.add(finding);
        if let Some(interventions) = effect.filter(|_| self.evidence.effects.len() > before) {
            self.note(interventions, before);
        }
    }

    /// Forgets what rests on another image.
    pub fn forget_swaps(&mut self) {
        self.evidence.forget_swaps();
        self.index();
    }

    fn index(&mut self) {
        (self.by_intervention, self.blocks) = (HashMap::new(), HashMap::new());
        let all: Vec<Interventions> = self.evidence.effects.iter().map(|effect| effect.interventions.clone()).collect();
        for (at, interventions) in all.into_iter().enumerate() {
            self.note(interventions, at);
        }
    }

    fn note(&mut self, interventions: Interventions, at: usize) {
        if let Some(key) = block_of(&interventions, self.encoders()) {
            self.blocks.insert(key, at);
        }
        self.by_intervention.insert(interventions, at);
    }

    /// The numbers as the engine gave them.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The parts of the model.
    pub fn anatomy(&self) -> &Anatomy {
        &self.evidence.anatomy
    }

    /// How many encoders there are.
    pub fn encoders(&self) -> usize {
        self.evidence.anatomy.encoders().len()
    }

    /// What `interventions` did, if that is known.
    pub fn effect(&self, interventions: &Interventions) -> Option<&Effect> {
        self.by_intervention.get(interventions).and_then(|at| self.evidence.effects.get(*at))
    }

    /// What a score differs from that without interventions, of one token or of the whole answer.
    pub fn delta(&self, score: &Score, token: Option<usize>) -> Option<f64> {
        let base = &self.evidence.base;
        match token {
            None => Some(score.sum() - base.sum()),
            Some(t) => Some(f64::from(*score.log_probs.get(t)?) - f64::from(*base.log_probs.get(t)?)),
        }
    }

    /// Δ log p under `interventions`, if that is known.
    pub fn delta_under(&self, interventions: &Interventions, token: Option<usize>) -> Option<f64> {
        self.delta(&self.effect(interventions)?.score, token)
    }

    /// The value of a measure for each encoder, of one token or of the whole answer; `None` where it is not known.
    pub fn column(&self, measure: Measure, token: Option<usize>) -> Vec<Option<f64>> {
        let n = self.encoders();
        let known = |values: Option<&[f64]>| (0..n).map(|k| values.and_then(|values| values.get(k).copied())).collect();
        let means = self.evidence.means.as_ref();
        match measure {
            Measure::Share => known(means.map(|means| means.share.as_slice())),
            Measure::Lift => known(means.map(|means| means.lift.as_slice())),
            Measure::Norm => known(means.map(|means| means.norm.as_slice())),
            Measure::Gradient | Measure::Relevancy => {
                let of = token.map_or(GradientOf::Answer, GradientOf::Token);
                let sums = self.evidence.gradient(of);
                let pick = |sums: &'_ GradientSums| match measure {
                    Measure::Relevancy => sums.relevancy.clone(),
                    _ => sums.encoders.clone(),
                };
                known(sums.map(pick).as_deref())
            }
            Measure::Removal(removal) => (0..n).map(|k| self.delta_under(&removal.of(k), token)).collect(),
            Measure::Shapley(kind) => known(self.shapley(kind, token).as_ref().map(|game| game.values.as_slice())),
        }
    }

    /// The Shapley values of one token or of the whole answer, if every coalition was measured.
    pub fn shapley(&self, kind: GameKind, token: Option<usize>) -> Option<Shapley> {
        let n = self.encoders();
        let Some(t) = token else { return Some(self.evidence.game(kind)?.shapley.clone()) };
        self.evidence.game(kind)?;
        let value = |coalition: usize| {
            let interventions = kind.interventions(coalition, n);
            let score = if interventions.is_none() { &self.evidence.base } else { &self.effect(&interventions)?.score };
            score.log_probs.get(t).map(|p| f64::from(*p))
        };
        Shapley::new(n, &(0..1 << n).map(value).collect::<Option<Vec<f64>>>()?)
    }

    /// Which encoder attention favours and which the answer needed when it was removed so; `None` before both are known.
    pub fn verdict(&self, removal: Removal, token: Option<usize>) -> Option<Verdict> {
        let all = |measure| self.column(measure, token).into_iter().collect::<Option<Vec<f64>>>();
        let (lift, deltas) = (all(Measure::Lift)?, all(Measure::Removal(removal))?);
        let first = |values: &[f64], sign: f64| {
            values.iter().copied().enumerate().max_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)).then(b.0.cmp(&a.0)))
        };
        let needed = first(&deltas, -1.0).filter(|(_, delta)| *delta < -NOTHING);
        Some(Verdict { attended: first(&lift, 1.0)?, needed })
    }

    /// Joint removals that were measured, of two encoders or more but not of all, beside the sums of single ones.
    pub fn joint(&self, token: Option<usize>) -> Vec<Joint> {
        let n = self.encoders();
        if n > 8 {
            return Vec::new();
        }
        let single = self.column(Measure::Removal(Removal::MaskContext), token);
        let mut found: Vec<Joint> = (0..1_usize << n)
            .filter_map(|removed| {
                let encoders: Vec<usize> = (0..n).filter(|k| removed & (1 << k) != 0).collect();
                if encoders.len() < 2 || encoders.len() == n {
                    return None;
                }
                let coalition = !removed & ((1 << n) - 1);
                let together = self.delta_under(&GameKind::Mask.interventions(coalition, n), token)?;
                let sum = encoders.iter().map(|k| single.get(*k).copied().flatten()).sum::<Option<f64>>()?;
                Some(Joint { encoders, together, sum })
            })
            .collect();
        found.sort_by_key(|joint| joint.encoders.len());
        found
    }

    /// How much less likely the answer is about a picture in even grey: below 0 it relied on the picture.
    pub fn blank(&self, token: Option<usize>) -> Option<f64> {
        self.delta_under(&Interventions::of(Action::Blank), token)
    }

    /// The effect of replacing `block` of the encoder `target`, or of all, by the mean.
    pub fn block(&self, target: Option<usize>, block: Block, token: Option<usize>) -> Option<f64> {
        let at = self.blocks.get(&(target, block))?;
        self.delta(&self.evidence.effects.get(*at)?.score, token)
    }

    /// The effects of replaced cells of `target` that are known, larger blocks first.
    pub fn blocks(&self, target: Option<usize>, token: Option<usize>) -> Vec<(Block, f64)> {
        let of = self.blocks.iter().filter(|((known, _), _)| *known == target);
        let value = |((_, block), at): (&(Option<usize>, Block), &usize)| {
            let effect = self.evidence.effects.get(*at)?;
            Some((*block, self.delta(&effect.score, token)?))
        };
        let mut all: Vec<_> = of.filter_map(value).collect();
        all.sort_by_key(|(block, _)| (std::cmp::Reverse(block.rows * block.columns), *block));
        all
    }

    /// What stands in the column `column` of a layer's row in the matrix of effects.
    pub fn layer(&self, layer: SvaLayer, column: LayerColumn, token: Option<usize>) -> Option<f64> {
        self.delta_under(&column.of(layer), token)
    }
}

/// A column of the matrix of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerColumn {
    /// The whole layer returns its input.
    Skip,
    /// One encoder masked in this layer.
    Mask(usize),
    /// One head's output zero.
    Head(usize),
}

impl LayerColumn {
    /// All columns of a model with `encoders` encoders.
    pub fn all(encoders: usize) -> impl Iterator<Item = Self> {
        let masks = (0..encoders).filter(move |_| encoders > 1).map(Self::Mask);
        [Self::Skip].into_iter().chain(masks).chain((0..opabinia_engine::sva::HEADS).map(Self::Head))
    }

    /// What is done for it in `layer`.
    pub fn of(self, layer: SvaLayer) -> Interventions {
        let at = Place::Layer(layer);
        match self {
            Self::Skip => Interventions::at(Action::Skip, at),
            Self::Mask(encoder) => Interventions::at(Action::Mask { encoder }, at),
            Self::Head(head) => Interventions::at(Action::Head { head }, at),
        }
    }
}

/// Places of `values` by how much they say that something mattered, from 1; equal ones share a place.
pub fn ranks(measure: Measure, values: &[Option<f64>]) -> Vec<Option<usize>> {
    let strength = |value: f64| measure.strength(value);
    let rank = |value: f64| 1 + values.iter().flatten().filter(|other| strength(**other) > strength(value)).count();
    values.iter().map(|value| value.map(rank)).collect()
}

/// The cells that `interventions` replace, if that is all they do: a rectangle, in every layer, of one encoder or of all.
fn block_of(interventions: &Interventions, encoders: usize) -> Option<(Option<usize>, Block)> {
    let mut of = Vec::new();
    let mut cells = None;
    for one in interventions.iter() {
        let Action::Region { encoder, cells: these } = &one.action else { return None };
        if one.at != Place::Everywhere || cells.is_some_and(|known| known != these) {
            return None;
        }
        cells = Some(these);
        of.push(*encoder);
    }
    let rectangles = cells?.rectangles();
    let [(rows, columns)] = rectangles.as_slice() else { return None };
    let target = match of.as_slice() {
        [one] if encoders > 1 => Some(*one),
        _ if of.len() == encoders => None,
        _ => return None,
    };
    let block = Block { row: rows.start, column: columns.start, rows: rows.len(), columns: columns.len() };
    Some((target, block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_engine::intervention::Cells;

    #[test]
    fn ranks_go_by_what_mattered() {
        let values = [Some(0.2), None, Some(-3.0), Some(0.2)];
        assert_eq!(ranks(Measure::Share, &values), [Some(1), None, Some(3), Some(1)]);
        assert_eq!(ranks(Measure::Removal(Removal::Mask), &values), [Some(2), None, Some(1), Some(2)]);
    }

    #[test]
    fn only_a_rectangle_of_one_or_of_all_encoders_is_a_block() {
        let cells = Cells::rectangle(1..3, 2..5);
        let block = Block { row: 1, column: 2, rows: 2, columns: 3 };
        assert_eq!(block_of(&Interventions::region([1], &cells), 3), Some((Some(1), block)));
        assert_eq!(block_of(&Interventions::region(0..3, &cells), 3), Some((None, block)));
        assert_eq!(block_of(&Interventions::region(0..2, &cells), 3), None, "two of three");
        assert_eq!(block_of(&Interventions::region([0], &cells), 1), Some((None, block)));
        let corner: Cells = [[0, 0], [1, 1]].into_iter().collect();
        assert_eq!(block_of(&Interventions::region([1], &corner), 3), None, "no rectangle");
        let more = Interventions::region([1], &cells).and(&Interventions::mask(0, false));
        assert_eq!(block_of(&more, 3), None, "something else besides");
        assert_eq!(block_of(&Interventions::default(), 3), None);
    }
}
