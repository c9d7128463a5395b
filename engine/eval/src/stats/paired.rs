//! The same items under two conditions, or of two checkpoints.

use super::bootstrap::{Clusters, Interval, mean};
use crate::random::Random;

/// Sign flips of the test.
const FLIPS: usize = 9999;

/// How two columns of right and wrong go together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Both right.
    pub both: usize,
    /// Only the first.
    pub only_a: usize,
    /// Only the second.
    pub only_b: usize,
    /// Both wrong.
    pub neither: usize,
}

/// A comparison of two columns, item by item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The four counts.
    pub counts: Counts,
    /// The second minus the first.
    pub difference: f64,
    /// Its interval, resampled over clusters.
    pub interval: Interval,
    /// How often chance alone gives a difference as large: exact McNemar where every cluster is one item, otherwise by
    /// flipping the signs of whole clusters.
    pub p: f64,
    /// The smallest difference this set can show, at 95 % confidence in four of five sets.
    pub smallest_shown: f64,
}

impl Paired {
    /// Compares `b` with `a`, of whose items `clusters` says what belongs together.
    pub fn new(a: &[bool], b: &[bool], clusters: &Clusters, seed: u64) -> Self {
        let mut counts = Counts::default();
        for pair in a.iter().zip(b) {
            let count = match pair {
                (true, true) => &mut counts.both,
                (true, false) => &mut counts.only_a,
                (false, true) => &mut counts.only_b,
                (false, false) => &mut counts.neither,
            };
            *count += 1;
        }
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| f64::from(*b) - f64::from(*a)).collect();
        let n = differences.len();
        let difference = differences.iter().sum::<f64>() / n.max(1) as f64;
        let interval = clusters.bootstrap(n, seed, |weights| mean(&differences, weights));
        let p = if clusters.are_single() {
            mcnemar(counts.only_a, counts.only_b)
        } else {
            flipped(&differences, clusters, seed)
        };
        // Where nothing differs, as many as three in n could with a probability of 5 %.
        let smallest_shown =
            if interval.error > 0.0 { interval.smallest_shown() } else { (3.0 / n.max(1) as f64).min(1.0) };
        Self { counts, difference, interval, p, smallest_shown }
    }
}

/// Exact McNemar: of `only_a + only_b` items that differ, how often would a coin part them as unevenly?
pub fn mcnemar(only_a: usize, only_b: usize) -> f64 {
    let (n, k) = (only_a + only_b, only_a.min(only_b));
    // log of n choose i / 2^n, added up
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for i in 0..=k {
        tail += log.exp();
        log += ((n - i) as f64).ln() - ((i + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// The part of sign flips of whole clusters under which the difference is at least as large, the one seen among them.
fn flipped(differences: &[f64], clusters: &Clusters, seed: u64) -> f64 {
    let sums: Vec<f64> = clusters.iter().map(|items| items.iter().map(|item| differences[*item]).sum()).collect();
    let sums: Vec<f64> = sums.into_iter().filter(|sum| *sum != 0.0).collect();
    let seen = sums.iter().sum::<f64>().abs();
    let mut random = Random::new(seed ^ 0xf11b);
    let as_large = (0..FLIPS).filter(|_| {
        let (mut bits, mut left) = (0, 0);
        let flipped = sums.iter().map(|sum| {
            if left == 0 {
                (bits, left) = (random.bits(), 64);
            }
            let sign = if bits & 1 == 0 { 1.0 } else { -1.0 };
            (bits, left) = (bits >> 1, left - 1);
            sign * sum
        });
        flipped.sum::<f64>().abs() >= seen - 1e-9
    });
    (as_large.count() + 1) as f64 / (FLIPS + 1) as f64
}
