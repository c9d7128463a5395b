//! Each of two answers under the other side, by teacher forcing.

use super::kl;
use crate::generate::Scores;

/// Each answer under the other side.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossed {
    /// Of each answer, the log-probabilities of its tokens on its own side and on the other. Both by teacher forcing, in one
    /// pass, so that two equal sides give equal numbers.
    pub log_probs: [[Vec<f32>; 2]; 2],
    /// Where the answers part.
    pub parting: Option<Parting>,
}

/// The first place in which two answers differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parting {
    /// Tokens before it.
    pub at: usize,
    /// KL divergence there in nats, from A to B and from B to A; `None` where an answer ends before it.
    pub kl: Option<[f64; 2]>,
}

impl Crossed {
    /// What `scores` say: of each answer, under A and under B, both with the distribution in `place`, at which the answers part
    /// (see [`super::parting`]).
    #[must_use]
    pub fn of(scores: [[&Scores; 2]; 2], place: Option<usize>) -> Self {
        let [[a, a_under_b], [b_under_a, b]] = scores;
        let parting = place.map(|at| {
            // After the same tokens, whichever answer they are taken from.
            let (p, q) = (&a.distribution, &a_under_b.distribution);
            let known = !p.is_empty() && at < b.tokens.len();
            Parting { at, kl: known.then(|| Some([kl(p, q)?, kl(q, p)?])).flatten() }
        });
        let log_probs = |scores: &Scores| scores.tokens.iter().map(|token| token.log_prob).collect();
        let of = |own: &Scores, other: &Scores| [log_probs(own), log_probs(other)];
        Self { log_probs: [of(a, a_under_b), of(b, b_under_a)], parting }
    }

    /// The log-probability of the whole answer of `side`, on its own side and on the other.
    #[must_use]
    pub fn sums(&self, side: usize) -> [f64; 2] {
        let sum = |log_probs: &Vec<f32>| log_probs.iter().map(|log_prob| f64::from(*log_prob)).sum();
        self.log_probs.get(side).map_or([f64::NAN; 2], |both| both.each_ref().map(sum))
    }
}
