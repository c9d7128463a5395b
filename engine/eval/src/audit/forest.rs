//! A forest of decision trees (Breiman 2001): small, seeded, and good enough to find what questions give away.

use super::features::Labelled;
use crate::random::Random;

const TREES: usize = 60;
const MAX_DEPTH: usize = 12;
const MIN_LEAF: usize = 5;

/// No tree sees more rows.
const MAX_ROWS: usize = 20_000;

enum Node {
    Leaf(f64),
    Split { feature: usize, at: f32, low: Box<Node>, high: Box<Node> },
}

/// A forest that says how probable it is that a candidate is right.
pub(super) struct Forest(Vec<Node>);

impl Forest {
    pub(super) fn new(rows: &[Labelled], seed: u64) -> Self {
        let mut random = Random::new(seed);
        let size = rows.len().min(MAX_ROWS);
        let grow = |_| {
            let drawn: Vec<usize> = (0..size).map(|_| random.below(rows.len())).collect();
            grow(rows, drawn, MAX_DEPTH, &mut random)
        };
        Self((0..TREES).map(grow).collect())
    }

    pub(super) fn probability(&self, features: &[f32]) -> f64 {
        let of = |tree: &Node| {
            let mut node = tree;
            loop {
                match node {
                    Node::Leaf(probability) => return *probability,
                    Node::Split { feature, at, low, high } => {
                        node = if features[*feature] < *at { low } else { high };
                    }
                }
            }
        };
        self.0.iter().map(of).sum::<f64>() / self.0.len().max(1) as f64
    }
}

fn grow(rows: &[Labelled], drawn: Vec<usize>, depth: usize, random: &mut Random) -> Node {
    let right = drawn.iter().filter(|row| rows[**row].1).count();
    let leaf = Node::Leaf(right as f64 / drawn.len().max(1) as f64);
    if depth == 0 || drawn.len() < 2 * MIN_LEAF || right == 0 || right == drawn.len() {
        return leaf;
    }
    let Some((feature, at)) = split(rows, &drawn, right, random) else { return leaf };
    let (low, high): (Vec<usize>, Vec<usize>) = drawn.into_iter().partition(|row| rows[*row].0[feature] < at);
    Node::Split {
        feature,
        at,
        low: Box::new(grow(rows, low, depth - 1, random)),
        high: Box::new(grow(rows, high, depth - 1, random)),
    }
}

/// The best split by Gini impurity among some of the features.
fn split(rows: &[Labelled], drawn: &[usize], right: usize, random: &mut Random) -> Option<(usize, f32)> {
    let width = rows.first()?.0.len();
    let tried = (width as f64).sqrt().ceil() as usize + 1;
    let impurity = |right: f64, n: f64| if n > 0.0 { right * (n - right) / n } else { 0.0 };
    let mut best: Option<(f64, usize, f32)> = None;
    for _ in 0..tried {
        let feature = random.below(width);
        let mut values: Vec<(f32, bool)> = drawn.iter().map(|row| (rows[*row].0[feature], rows[*row].1)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0;
        for at in 1..values.len() {
            below += usize::from(values[at - 1].1);
            if values[at].0 <= values[at - 1].0 || at < MIN_LEAF || values.len() - at < MIN_LEAF {
                continue;
            }
            let left = impurity(below as f64, at as f64);
            let sum = left + impurity((right - below) as f64, (values.len() - at) as f64);
            if best.is_none_or(|(least, ..)| sum < least) {
                best = Some((sum, feature, values[at].0));
            }
        }
    }
    best.filter(|(sum, ..)| *sum < impurity(right as f64, drawn.len() as f64)).map(|(_, feature, at)| (feature, at))
}
