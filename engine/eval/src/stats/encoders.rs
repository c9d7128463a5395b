//! What encoders are worth, by accuracy.

/// How encoders outside of a coalition are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Game {
    /// They get another picture's features.
    Swap,
    /// They are masked, with what encoder 0 says through the context.
    Mask,
}

impl Game {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Mask => "mask",
        }
    }
}

/// Shapley values of a game: `value[c]` is what the coalition `c` reaches, of which encoder `k` is a member if bit `k` is
/// set. They add up to the difference of the value of all and of none.
pub fn shapley(value: &[f64]) -> Vec<f64> {
    let n = value.len().trailing_zeros() as usize;
    let factorial = |m: usize| (1..=m).map(|i| i as f64).product::<f64>();
    (0..n)
        .map(|k| {
            let without = (0..value.len()).filter(|coalition| coalition >> k & 1 == 0);
            without
                .map(|coalition| {
                    let size = coalition.count_ones() as usize;
                    let weight = factorial(size) * factorial(n - size - 1) / factorial(n);
                    weight * (value[coalition | 1 << k] - value[coalition])
                })
                .sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_game_that_adds_up_are_its_parts_and_others_share() {
        let parts = [0.1, 0.2, 0.4];
        let value: Vec<f64> =
            (0..8).map(|c: usize| (0..3).filter(|k| c >> k & 1 == 1).map(|k| parts[k]).sum()).collect();
        let found = shapley(&value);
        assert!(found.iter().zip(parts).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        // Two that are worth something only together.
        assert_eq!(shapley(&[0.0, 0.0, 0.0, 1.0]), [0.5, 0.5]);
    }
}
