//! Checks by shuffling: whether maps change when the SVA's weights know nothing (Adebayo and others 2018), and whether the
//! answer does when its attention is shuffled (Jain and Wallace 2019).

use super::rank::spearman;
use super::{Findings, Measure};
use opabinia_engine::intervention::{Action, Interventions};
use opabinia_engine::probe::evidence::{EncoderMeans, GradientOf, GradientSums};

/// Shuffles of each kind unless a person says otherwise.
pub const SHUFFLES: usize = 5;

/// A map whose rank correlation with that of shuffled weights is at least this one stays as it is.
const STAYS: f64 = 0.7;

/// One whose correlation is at most this one changes.
const CHANGES: f64 = 0.3;

/// The maps that are checked.
pub const MAPS: [Measure; 4] = [Measure::Share, Measure::Lift, Measure::Norm, Measure::Gradient];

/// What is shuffled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shuffled {
    /// The columns of every matrix of the SVA.
    Weights,
    /// Attention among the keys of each cell and head.
    Attention,
}

impl Shuffled {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Weights, Self::Attention];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "shuffle_weights",
            Self::Attention => "shuffle_attention",
        }
    }

    /// The shuffle with this seed, in every SVA layer.
    pub fn of(self, seed: usize) -> Interventions {
        Interventions::of(match self {
            Self::Weights => Action::ShuffleWeights { seed },
            Self::Attention => Action::ShuffleAttention { seed },
        })
    }

    /// So many shuffles.
    pub fn several(self, count: usize) -> Vec<Interventions> {
        (1..=count).map(|seed| self.of(seed)).collect()
    }

    /// Whether `interventions` are one of its shuffles.
    fn is(self, interventions: &Interventions) -> bool {
        let mut all = interventions.iter();
        let seed = all.next().and_then(|one| one.action.seed());
        seed.is_some_and(|seed| *interventions == self.of(seed))
    }
}

/// A number over several shuffles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Its mean.
    pub mean: f64,
    /// Its least.
    pub low: f64,
    /// Its largest.
    pub high: f64,
    /// Over how many shuffles.
    pub count: usize,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        Some(Self { mean: values.iter().sum::<f64>() / values.len() as f64, low, high, count: values.len() })
    }
}

/// What became of the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerCheck {
    /// Δ log p.
    pub delta: Spread,
    /// Shuffles under which the likeliest answer is another one.
    pub changed: usize,
}

impl AnswerCheck {
    /// Whether the answer became less likely.
    pub fn costs(&self) -> bool {
        self.delta.mean < -super::NOTHING
    }
}

/// What became of a map when the weights were shuffled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapCheck {
    /// The map.
    pub measure: Measure,
    /// Spearman's rank correlation, over cells and encoders, of the map with shuffled weights and the map with trained ones.
    pub agreement: Spread,
}

/// What a map says about the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapSays {
    /// The same with weights that know nothing: how many tokens there are more than what was learned.
    Geometry,
    /// Some of both.
    Both,
    /// It changes: what was learned.
    Learned,
}

impl MapCheck {
    /// What the map says.
    pub fn says(&self) -> MapSays {
        match self.agreement.mean {
            mean if mean >= STAYS => MapSays::Geometry,
            mean if mean > CHANGES => MapSays::Both,
            _ => MapSays::Learned,
        }
    }
}

impl Findings {
    /// What became of the answer, or of one of its tokens, when something was shuffled; `None` before that is known.
    pub fn answer_check(&self, shuffled: Shuffled, token: Option<usize>) -> Option<AnswerCheck> {
        let all = self.evidence().effects.iter().filter(|effect| shuffled.is(&effect.interventions));
        let changed = all.clone().filter(|effect| effect.divergence.is_some()).count();
        let deltas: Vec<f64> = all.filter_map(|effect| self.delta(&effect.score, token)).collect();
        Some(AnswerCheck { delta: Spread::of(&deltas)?, changed })
    }

    /// What became of each map when the weights were shuffled, of those that are known.
    pub fn map_checks(&self) -> Vec<MapCheck> {
        let Some(means) = &self.evidence().means else { return Vec::new() };
        let gradient = self.evidence().gradient(GradientOf::Answer);
        let shuffled = || self.evidence().seen_under.iter().filter(|seen| Shuffled::Weights.is(&seen.interventions));
        let check = |measure: Measure| {
            let values = shuffled().filter_map(|seen| match measure {
                Measure::Gradient => spearman(&gradients(means, gradient?, seen.gradient.as_ref()?)),
                _ => spearman(&cells(measure, means, &seen.means)),
            });
            Some(MapCheck { measure, agreement: Spread::of(&values.collect::<Vec<f64>>())? })
        };
        MAPS.into_iter().filter_map(check).collect()
    }
}

/// Pairs of `measure` in each cell and encoder.
fn cells(measure: Measure, trained: &EncoderMeans, shuffled: &EncoderMeans) -> Vec<(f64, f64)> {
    let both = trained.cells.iter().zip(&shuffled.cells).filter_map(|(a, b)| a.as_ref().zip(b.as_ref()));
    let pairs = both.flat_map(|(a, b)| {
        let (a, b) = match measure {
            Measure::Share => (&a.share, &b.share),
            Measure::Lift => (&a.lift, &b.lift),
            _ => (&a.norm, &b.norm),
        };
        a.iter().copied().zip(b.iter().copied())
    });
    pairs.collect()
}

/// Pairs of gradient × attention in each cell that holds some of the image, and encoder.
fn gradients(means: &EncoderMeans, trained: &GradientSums, shuffled: &GradientSums) -> Vec<(f64, f64)> {
    let both = trained.cells.iter().zip(&shuffled.cells).zip(&means.cells).filter(|(_, cell)| cell.is_some());
    both.flat_map(|((a, b), _)| a.iter().copied().zip(b.iter().copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_is_told_from_everything_else() {
        for shuffled in Shuffled::ALL {
            assert!(shuffled.several(3).iter().all(|one| shuffled.is(one)));
            let [other] = Shuffled::ALL.into_iter().filter(|other| *other != shuffled).collect::<Vec<_>>()[..] else {
                panic!("two kinds")
            };
            assert!(!shuffled.is(&other.of(1)));
            assert!(!shuffled.is(&shuffled.of(1).and(&shuffled.of(2))), "two shuffles are another thing");
            assert!(!shuffled.is(&shuffled.of(1).and(&Interventions::mask(0, false))));
            assert!(!shuffled.is(&Interventions::default()));
        }
    }

    #[test]
    fn a_map_that_stays_says_geometry() {
        let check =
            |mean| MapCheck { measure: Measure::Share, agreement: Spread { mean, low: mean, high: mean, count: 1 } };
        let says = [0.95, 0.7, 0.5, 0.3, -0.8].map(|mean| check(mean).says());
        assert_eq!(says, [MapSays::Geometry, MapSays::Geometry, MapSays::Both, MapSays::Learned, MapSays::Learned]);
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, 3.0]), Some(Spread { mean: 2.0, low: 1.0, high: 3.0, count: 2 }));
    }
}
