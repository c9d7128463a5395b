//! Resampling over clusters.

use super::{Z80, Z95};
use crate::random::Random;
use std::collections::HashMap;

/// Resamples.
pub const REPLICATES: usize = 2000;

/// Which items belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clusters {
    members: Vec<Vec<usize>>,
}

/// What resampling says of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end: 2.5 % of the resamples lie below.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Standard deviation of the resamples.
    pub error: f64,
}

impl Interval {
    /// The smallest true difference that would be told from none in four of five sets like this one.
    pub fn smallest_shown(&self) -> f64 {
        (Z95 + Z80) * self.error
    }
}

impl Clusters {
    /// Items by the names of their clusters, in the order in which these first come up.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut at: HashMap<&str, usize> = HashMap::new();
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (item, name) in names.into_iter().enumerate() {
            let cluster = *at.entry(name).or_insert(members.len());
            if cluster == members.len() {
                members.push(Vec::new());
            }
            members[cluster].push(item);
        }
        Self { members }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether every item stands alone.
    pub fn are_single(&self) -> bool {
        self.members.iter().all(|members| members.len() == 1)
    }

    /// The items of each.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        self.members.iter().map(Vec::as_slice)
    }

    /// The percentile interval of `statistic`, which is given how often each of `items` items was drawn: clusters are
    /// drawn with replacement, as many as there are, [`REPLICATES`] times.
    pub fn bootstrap(&self, items: usize, seed: u64, statistic: impl Fn(&[f64]) -> f64) -> Interval {
        let mut random = Random::new(seed);
        let mut weights = vec![0.0; items];
        let mut values: Vec<f64> = (0..REPLICATES)
            .map(|_| {
                weights.fill(0.0);
                for _ in 0..self.members.len() {
                    for &item in &self.members[random.below(self.members.len())] {
                        weights[item] += 1.0;
                    }
                }
                statistic(&weights)
            })
            .collect();
        let mean = values.iter().sum::<f64>() / REPLICATES as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (REPLICATES - 1) as f64;
        values.sort_by(f64::total_cmp);
        Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975), error: variance.sqrt() }
    }
}

/// Between the sorted `values`, in a straight line.
fn quantile(values: &[f64], q: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let (below, part) = (at.floor() as usize, at.fract());
    values[below] + part * (values[(below + 1).min(last)] - values[below])
}

/// The mean of `values` under `weights`; 0 of none.
pub(crate) fn mean(values: &[f64], weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    if total == 0.0 { 0.0 } else { values.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>() / total }
}
