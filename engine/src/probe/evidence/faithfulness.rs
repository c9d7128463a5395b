//! Deletion and insertion: how fast an answer is lost when cells are taken away in some order, and how fast it comes back
//! when they are given again. An order is faithful as far as it does better than a random one.
//!
//! Cells are taken away together in **units**, squares of the query grid, the same ones for every order: their tokens are
//! replaced by the mean over all of the encoder's tokens (`region`). What is compared is the area under the curve.

use super::encoders::{CellMeans, GradientOf, GradientSums};
use super::score::{Score, Scorer};
use crate::error::Result;
use crate::intervention::{Cells, Interventions};
use crate::job::Job;
use crate::random::Random;
use crate::sva::Frame;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;

/// Units above which cells are put together: a greedy order of n of them takes n(n + 1) / 2 runs.
pub const MAX_UNITS: usize = 36;

/// Random orders that make a band.
pub const RANDOM_ORDERS: usize = 20;

/// An order in which cells are taken away, or given back: what matters most by its reckoning goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellOrder {
    /// By the encoder's share of the cell's attention; where all encoders are meant, the largest of their shares.
    Share,
    /// By lift, in the same way.
    Lift,
    /// By the norm of what the encoder, or all together, wrote into the cell.
    Norm,
    /// By gradient × attention, signed: what supports the answer most first.
    Gradient,
    /// By Δ log p when the unit alone is replaced: what cost most first.
    Effect,
    /// In each step what moves log p most in the wanted direction: the best order that can be had by looking one step ahead.
    Greedy,
    /// At random, by this number.
    Random(usize),
}

impl CellOrder {
    /// Those that say something about cells.
    pub const METHODS: [Self; 5] = [Self::Share, Self::Lift, Self::Norm, Self::Gradient, Self::Effect];

    /// All methods, `random` random orders, and, if wanted, the greedy one: the order in which they are measured.
    pub fn all(random: usize, greedy: bool) -> Vec<Self> {
        let random = (0..random).map(Self::Random);
        Self::METHODS.into_iter().chain(random).chain(greedy.then_some(Self::Greedy)).collect()
    }

    /// The order of this name.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix("random") {
            return number.parse().ok().filter(|number| *number < 10_000).map(Self::Random);
        }
        Self::METHODS.into_iter().chain([Self::Greedy]).find(|order| order.to_string() == name)
    }

    /// Whether it is one of the random ones.
    pub fn is_random(self) -> bool {
        matches!(self, Self::Random(_))
    }
}

impl fmt::Display for CellOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share => f.write_str("share"),
            Self::Lift => f.write_str("lift"),
            Self::Norm => f.write_str("norm"),
            Self::Gradient => f.write_str("gradient"),
            Self::Effect => f.write_str("effect"),
            Self::Greedy => f.write_str("greedy"),
            Self::Random(number) => write!(f, "random{number}"),
        }
    }
}

/// Whether cells are taken away or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the whole image to none: the lower the curve, the better the order.
    Deletion,
    /// From none of the image to all of it: the higher the curve, the better the order.
    Insertion,
}

impl Way {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Deletion, Self::Insertion];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deletion => "deletion",
            Self::Insertion => "insertion",
        }
    }

    /// How much better an area is than another: above 0 where `area` is the more faithful one.
    pub fn gain(self, area: f64, than: f64) -> f64 {
        match self {
            Self::Deletion => than - area,
            Self::Insertion => area - than,
        }
    }
}

/// What is taken away in curves, and what they are curves of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CurvesOf {
    /// The encoder whose tokens are replaced; `None` for all.
    pub target: Option<usize>,
    /// Whose log-probability is looked at, and orders go by.
    pub of: GradientOf,
    /// Cells to a side of a unit.
    pub unit: usize,
}

/// Curves that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faithfulness {
    /// Which.
    pub of: CurvesOf,
    /// In which orders, each both ways.
    pub orders: Vec<CellOrder>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What is taken away, and what the curve is of.
    pub of: CurvesOf,
    /// The order.
    pub order: CellOrder,
    /// Its direction.
    pub way: Way,
    /// Units in the order in which they went or came, counted row by row.
    pub sequence: Vec<usize>,
    /// `[points]`: cells that are gone (deletion) or back (insertion), from none to all.
    pub cells: Vec<usize>,
    /// `[points]`: log p then, in nats.
    #[serde(with = "super::exact::list")]
    pub log_p: Vec<f64>,
}

impl Curve {
    /// log p of the whole image.
    pub fn base(&self) -> f64 {
        let end = match self.way {
            Way::Deletion => self.log_p.first(),
            Way::Insertion => self.log_p.last(),
        };
        end.copied().unwrap_or_default()
    }

    /// The area between the curve and log p of the whole image, over the part of cells from 0 to 1: the mean Δ log p.
    pub fn area(&self) -> f64 {
        let all = self.cells.last().copied().unwrap_or_default().max(1) as f64;
        let steps = self.cells.windows(2).zip(self.log_p.windows(2));
        let area = steps.map(|(cells, log_p)| (cells[1] - cells[0]) as f64 / all * (log_p[0] + log_p[1]) / 2.0);
        area.sum::<f64>() - self.base()
    }
}

/// The mean area of the random orders among `curves`, their standard deviation, and how many they are; `None` of none.
pub fn random_area(curves: &[Curve], of: CurvesOf, way: Way) -> Option<(f64, f64, usize)> {
    let random = curves.iter().filter(|curve| curve.of == of && curve.way == way && curve.order.is_random());
    let areas: Vec<f64> = random.map(Curve::area).collect();
    let count = areas.len();
    if count == 0 {
        return None;
    }
    let mean = areas.iter().sum::<f64>() / count as f64;
    let squares: f64 = areas.iter().map(|area| (area - mean).powi(2)).sum();
    Some((mean, (squares / (count.max(2) - 1) as f64).sqrt(), count))
}

/// The area of `curve` between the mean of random orders, 0, and the greedy one, 1; below 0 for an order that is worse than a
/// random one. `None` where these are not known, or the greedy order is no better than a random one.
pub fn normalised(curves: &[Curve], curve: &Curve) -> Option<f64> {
    let (random, ..) = random_area(curves, curve.of, curve.way)?;
    let same = |known: &&Curve| (known.of, known.way, known.order) == (curve.of, curve.way, CellOrder::Greedy);
    let best = curve.way.gain(curves.iter().find(same)?.area(), random);
    (best > 0.0).then(|| curve.way.gain(curve.area(), random) / best)
}

/// The smallest unit with which the cells of `frame` form no more than [`MAX_UNITS`].
pub fn unit_for(frame: &Frame) -> usize {
    let (rows, columns) = frame.size_hw();
    (1..=frame.side.max(1))
        .find(|unit| rows.div_ceil(*unit) * columns.div_ceil(*unit) <= MAX_UNITS)
        .unwrap_or(frame.side.max(1))
}

/// The cells of `frame` in squares of `unit` cells to a side, row by row; those at the edge may be smaller.
pub fn units(frame: &Frame, unit: usize) -> Vec<Cells> {
    let unit = unit.max(1);
    let starts = |range: &std::ops::Range<usize>| range.clone().step_by(unit).collect::<Vec<_>>();
    let mut all = Vec::new();
    for row in starts(&frame.rows) {
        for column in starts(&frame.columns) {
            let rows = row..(row + unit).min(frame.rows.end);
            all.push(Cells::rectangle(rows, column..(column + unit).min(frame.columns.end)));
        }
    }
    all
}

/// What orders go by, as far as it is known.
pub(super) struct Reckonings<'a> {
    pub side: usize,
    pub means: Option<&'a [Option<CellMeans>]>,
    pub gradient: Option<&'a GradientSums>,
}

/// Measures curves, run by run.
pub(super) struct Runner {
    of: CurvesOf,
    units: Vec<Cells>,
    encoders: usize,
    todo: VecDeque<Step>,
}

enum Step {
    /// One unit is replaced, so that the order by effect is known.
    Alone(usize),
    /// An order becomes curves.
    Begin(CellOrder),
    /// A curve is followed.
    Along(Curve),
    /// A curve is made as it goes.
    Greedily(Greedy),
}

/// A greedy curve under way: which unit is next is being found out.
struct Greedy {
    curve: Curve,
    left: Vec<usize>,
    /// Units of `left` that were tried, and the best of them.
    tried: usize,
    best: Option<(usize, f64)>,
}

impl Runner {
    pub fn new(wanted: &Faithfulness, frame: &Frame, encoders: usize) -> Self {
        let units = units(frame, wanted.of.unit);
        let alone = wanted.orders.contains(&CellOrder::Effect);
        let alone = (0..units.len()).filter(|_| alone).map(Step::Alone);
        let todo = alone.chain(wanted.orders.iter().map(|order| Step::Begin(*order))).collect();
        Self { of: wanted.of, units, encoders, todo }
    }

    /// Runs that `wanted` takes at most.
    pub fn runs(wanted: &Faithfulness, frame: &Frame) -> u64 {
        let n = units(frame, wanted.of.unit).len() as u64;
        let of = |order: &CellOrder| match order {
            // Insertion goes the other way round: the same runs.
            CellOrder::Random(_) => n.saturating_sub(1),
            CellOrder::Greedy => n * (n + 1),
            CellOrder::Effect => n + 2 * n.saturating_sub(1),
            _ => 2 * n.saturating_sub(1),
        };
        1 + wanted.orders.iter().map(of).sum::<u64>()
    }

    pub fn is_over(&self) -> bool {
        self.todo.is_empty()
    }

    /// Makes one run, or none where what it would say is known; a curve when one is finished. `Err` in it: an order that
    /// there is nothing to go by for.
    pub fn advance(
        &mut self,
        scorer: &mut Scorer,
        known: &Reckonings<'_>,
        job: &Job<'_>,
    ) -> Result<Option<std::result::Result<Curve, CellOrder>>> {
        match self.todo.pop_front() {
            None => Ok(None),
            Some(Step::Alone(unit)) => {
                self.value(scorer, &[unit], job)?;
                Ok(None)
            }
            Some(Step::Begin(order)) => {
                let sequence = match order {
                    CellOrder::Greedy => Vec::new(),
                    _ => match self.sequence(order, scorer, known, job)? {
                        Some(sequence) => sequence,
                        None => return Ok(Some(Err(order))),
                    },
                };
                for way in Way::ALL.into_iter().rev() {
                    let mut sequence = sequence.clone();
                    if order.is_random() && way == Way::Insertion {
                        sequence.reverse();
                    }
                    let curve = Curve { of: self.of, order, way, sequence, cells: Vec::new(), log_p: Vec::new() };
                    self.todo.push_front(match order {
                        CellOrder::Greedy => {
                            let left = (0..self.units.len()).collect();
                            Step::Greedily(Greedy { curve, left, tried: 0, best: None })
                        }
                        _ => Step::Along(curve),
                    });
                }
                Ok(None)
            }
            Some(Step::Along(mut curve)) => {
                let at = curve.log_p.len();
                let moved = curve.sequence.get(..at).unwrap_or(&curve.sequence).to_vec();
                self.point(scorer, &mut curve, &moved, job)?;
                if curve.log_p.len() > self.units.len() {
                    return Ok(Some(Ok(curve)));
                }
                self.todo.push_front(Step::Along(curve));
                Ok(None)
            }
            Some(Step::Greedily(greedy)) => self.greedily(scorer, greedy, job),
        }
    }

    /// Tries one more unit as the next of a greedy order.
    fn greedily(
        &mut self,
        scorer: &mut Scorer,
        mut greedy: Greedy,
        job: &Job<'_>,
    ) -> Result<Option<std::result::Result<Curve, CellOrder>>> {
        let moved = greedy.curve.sequence.clone();
        if greedy.curve.log_p.is_empty() {
            self.point(scorer, &mut greedy.curve, &moved, job)?;
        } else if let Some(unit) = greedy.left.get(greedy.tried).copied() {
            let with: Vec<usize> = moved.iter().copied().chain([unit]).collect();
            let value = self.value(scorer, &self.gone(greedy.curve.way, &with), job)?;
            let better = |known: f64| match greedy.curve.way {
                Way::Deletion => value < known,
                Way::Insertion => value > known,
            };
            if greedy.best.is_none_or(|(_, known)| better(known)) {
                greedy.best = Some((unit, value));
            }
            greedy.tried += 1;
        } else if let Some((unit, _)) = greedy.best.take() {
            greedy.left.retain(|left| *left != unit);
            greedy.tried = 0;
            greedy.curve.sequence.push(unit);
            let moved = greedy.curve.sequence.clone();
            self.point(scorer, &mut greedy.curve, &moved, job)?;
        }
        if greedy.left.is_empty() {
            return Ok(Some(Ok(greedy.curve)));
        }
        self.todo.push_front(Step::Greedily(greedy));
        Ok(None)
    }

    /// Adds the point at which the units `moved` are gone, or back.
    fn point(&self, scorer: &mut Scorer, curve: &mut Curve, moved: &[usize], job: &Job<'_>) -> Result<()> {
        let value = self.value(scorer, &self.gone(curve.way, moved), job)?;
        curve.cells.push(moved.iter().filter_map(|unit| self.units.get(*unit)).map(Cells::len).sum());
        curve.log_p.push(value);
        Ok(())
    }

    /// The units that are gone when `moved` have been taken away, or given back.
    fn gone(&self, way: Way, moved: &[usize]) -> Vec<usize> {
        match way {
            Way::Deletion => moved.to_vec(),
            Way::Insertion => (0..self.units.len()).filter(|unit| !moved.contains(unit)).collect(),
        }
    }

    /// log p without these units.
    fn value(&self, scorer: &mut Scorer, gone: &[usize], job: &Job<'_>) -> Result<f64> {
        let cells: Cells = gone.iter().filter_map(|unit| self.units.get(*unit)).flat_map(Cells::iter).collect();
        let interventions = match self.of.target {
            _ if cells.is_empty() => Interventions::default(),
            Some(k) => Interventions::region([k], &cells),
            None => Interventions::region(0..self.encoders, &cells),
        };
        Ok(self.of.of.of_score(&scorer.score(&interventions, job)?))
    }

    /// The units by what `order` goes by; `None` if that is not known.
    fn sequence(
        &self,
        order: CellOrder,
        scorer: &mut Scorer,
        known: &Reckonings<'_>,
        job: &Job<'_>,
    ) -> Result<Option<Vec<usize>>> {
        if let CellOrder::Random(number) = order {
            return Ok(Some(Random::stream(number as u64).order(self.units.len())));
        }
        let mut strengths = Vec::with_capacity(self.units.len());
        for (unit, cells) in self.units.iter().enumerate() {
            let strength = match order {
                CellOrder::Effect => Some(-self.value(scorer, &[unit], job)?),
                _ => self.strength(order, cells, known),
            };
            let Some(strength) = strength else { return Ok(None) };
            strengths.push(strength);
        }
        let mut sequence: Vec<usize> = (0..strengths.len()).collect();
        sequence.sort_by(|a, b| strengths[*b].partial_cmp(&strengths[*a]).unwrap_or(Ordering::Equal).then(a.cmp(b)));
        Ok(Some(sequence))
    }

    /// How much a unit matters by a reckoning that needs no run: the mean over its cells.
    fn strength(&self, order: CellOrder, cells: &Cells, known: &Reckonings<'_>) -> Option<f64> {
        let at = |[row, column]: [usize; 2]| row * known.side + column;
        let pick = |values: &[f64]| match self.of.target {
            Some(k) => values.get(k).copied(),
            None => values.iter().copied().reduce(f64::max),
        };
        let values: Vec<f64> = match order {
            CellOrder::Gradient => {
                let sums = &known.gradient?.cells;
                let of = |values: &Vec<f64>| match self.of.target {
                    Some(k) => values.get(k).copied(),
                    None => Some(values.iter().sum()),
                };
                cells.iter().filter_map(|cell| of(sums.get(at(cell))?)).collect()
            }
            _ => {
                let means = known.means?;
                let of = |cell: &CellMeans| match (order, self.of.target) {
                    (CellOrder::Share, _) => pick(&cell.share),
                    (CellOrder::Lift, _) => pick(&cell.lift),
                    (_, Some(k)) => cell.norm.get(k).copied(),
                    (_, None) => Some(cell.all),
                };
                cells.iter().filter_map(|cell| of(means.get(at(cell))?.as_ref()?)).collect()
            }
        };
        Some(if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 })
    }
}

impl GradientOf {
    /// The log-probability that it is of.
    pub(super) fn of_score(self, score: &Score) -> f64 {
        match self {
            Self::Answer => score.sum(),
            Self::Token(t) => score.log_probs.get(t).map_or(0.0, |p| f64::from(*p)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: CurvesOf = CurvesOf { target: None, of: GradientOf::Answer, unit: 1 };

    fn curve(order: CellOrder, way: Way, log_p: &[f64]) -> Curve {
        let cells = (0..log_p.len()).collect();
        Curve { of: OF, order, way, sequence: Vec::new(), cells, log_p: log_p.to_vec() }
    }

    #[test]
    fn an_area_is_the_mean_loss() {
        let flat = curve(CellOrder::Share, Way::Deletion, &[-1.0, -1.0, -1.0]);
        assert_eq!(flat.area(), 0.0);
        // From −1 to −5 in a straight line: 2 on average.
        assert_eq!(curve(CellOrder::Share, Way::Deletion, &[-1.0, -3.0, -5.0]).area(), -2.0);
        assert_eq!(curve(CellOrder::Share, Way::Insertion, &[-5.0, -3.0, -1.0]).area(), -2.0);
        // Units of 1 and 3 cells count as many.
        let mut uneven = curve(CellOrder::Share, Way::Deletion, &[0.0, -4.0, -4.0]);
        uneven.cells = vec![0, 1, 4];
        assert_eq!(uneven.area(), -3.5);
    }

    #[test]
    fn areas_lie_between_random_and_greedy() {
        let of = |order, low: f64| curve(order, Way::Deletion, &[0.0, low, -4.0]);
        let curves = [
            of(CellOrder::Random(0), -1.0),
            of(CellOrder::Random(1), -3.0),
            of(CellOrder::Greedy, -4.0),
            of(CellOrder::Effect, -3.0),
            of(CellOrder::Share, -1.0),
        ];
        let (mean, deviation, count) = random_area(&curves, OF, Way::Deletion).unwrap();
        assert_eq!((mean, count), (-2.0, 2));
        assert!((deviation - 0.5_f64.sqrt()).abs() < 1e-12, "{deviation}");
        assert_eq!(normalised(&curves, &curves[2]), Some(1.0));
        assert_eq!(normalised(&curves, &curves[3]), Some(0.5));
        assert_eq!(normalised(&curves, &curves[4]), Some(-0.5), "worse than a random order");
        assert_eq!(normalised(&curves[2..], &curves[3]), None, "no random orders");
        assert_eq!(random_area(&curves, OF, Way::Insertion), None);
    }

    #[test]
    fn units_cover_every_cell_of_the_image_once() {
        for (side, rows, columns) in [(6, 0..6, 0..6), (24, 5..19, 0..24), (7, 3..4, 0..7), (27, 0..27, 2..25)] {
            let frame = Frame { side, rows, columns };
            let unit = unit_for(&frame);
            let all = units(&frame, unit);
            assert!(all.len() <= MAX_UNITS, "{} of {unit}", all.len());
            let mut cells: Vec<[usize; 2]> = all.iter().flat_map(Cells::iter).collect();
            cells.sort_unstable();
            let expected: Vec<[usize; 2]> =
                frame.rows.clone().flat_map(|row| frame.columns.clone().map(move |column| [row, column])).collect();
            assert_eq!(cells, expected);
        }
        assert_eq!(unit_for(&Frame::padded(6)), 1);
        assert_eq!(unit_for(&Frame::padded(24)), 4);
    }

    #[test]
    fn orders_are_known_by_their_names() {
        for order in CellOrder::all(3, true) {
            assert_eq!(CellOrder::parse(&order.to_string()), Some(order));
        }
        assert_eq!([CellOrder::parse("random"), CellOrder::parse("best"), CellOrder::parse("random-1")], [None; 3]);
    }
}
