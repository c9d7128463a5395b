//! One rate.

use super::Z95;

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Right ones.
    pub right: usize,
    /// All.
    pub of: usize,
}

impl Rate {
    /// Counts what is right.
    pub fn count(right: impl IntoIterator<Item = bool>) -> Self {
        right
            .into_iter()
            .fold(Self::default(), |rate, right| Self { right: rate.right + usize::from(right), of: rate.of + 1 })
    }

    /// The rate, 0 of none.
    pub fn value(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.right as f64 / self.of as f64 }
    }

    /// Its Wilson interval.
    pub fn interval(self) -> (f64, f64) {
        wilson(self.right, self.of)
    }
}

/// The 95 % score interval of a rate (Wilson 1927), without correction for continuity.
pub fn wilson(right: usize, of: usize) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, p, z2) = (of as f64, right as f64 / of as f64, Z95 * Z95);
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}
