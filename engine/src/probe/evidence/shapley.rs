//! Shapley values and pairwise interactions of a game over a few players.

/// Players a game may have: with each one more, its coalitions double.
pub const MAX_PLAYERS: usize = 8;

/// What each player is worth in a game, over all orders in which they could join.
#[derive(Debug, Clone, PartialEq)]
pub struct Shapley {
    /// `[n]`: their sum is the value of all players minus that of none.
    pub values: Vec<f64>,
    /// `[n, n]`, row by row: the pairwise interaction index. Negative: redundant; positive: they need each other; 0 on the
    /// diagonal.
    pub interactions: Vec<f64>,
}

impl Shapley {
    /// Of a game of `players` players in which coalition `s` (bit `k`: player `k` is in) is worth `values[s]`; `None`
    /// unless there is a value for each of the `2^players` coalitions.
    pub fn new(players: usize, values: &[f64]) -> Option<Self> {
        if players > MAX_PLAYERS || values.len() != 1 << players {
            return None;
        }
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        let size = |coalition: usize| coalition.count_ones() as usize;
        let without = |absent: usize| (0..values.len()).filter(move |coalition| coalition & absent == 0);
        let weight = |size: usize, joined: usize| {
            factorial(size) * factorial(players - size - joined) / factorial(players - joined + 1)
        };
        let value = |k: usize| {
            let one = 1 << k;
            without(one).map(|s| weight(size(s), 1) * (values[s | one] - values[s])).sum()
        };
        let interaction = |i: usize, j: usize| {
            if i == j {
                return 0.0;
            }
            let (a, b) = (1 << i, 1 << j);
            let gain = |s: usize| values[s | a | b] - values[s | a] - values[s | b] + values[s];
            without(a | b).map(|s| weight(size(s), 2) * gain(s)).sum()
        };
        Some(Self {
            values: (0..players).map(value).collect(),
            interactions: (0..players * players).map(|at| interaction(at / players, at % players)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gloves() {
        // Players 0 and 1 hold a left glove each, player 2 the only right one; a pair is worth 1.
        let worth = |s: usize| if s & 4 != 0 && s & 3 != 0 { 1.0 } else { 0.0 };
        let game: Vec<f64> = (0..8).map(worth).collect();
        let shapley = Shapley::new(3, &game).unwrap();
        for (got, expected) in shapley.values.iter().zip([1.0 / 6.0, 1.0 / 6.0, 2.0 / 3.0]) {
            assert!((got - expected).abs() < 1e-12, "{got}");
        }
        // Two left gloves are redundant, a left and the right one need each other.
        for (at, expected) in [(1, -0.5), (2, 0.5), (5, 0.5), (0, 0.0)] {
            assert!((shapley.interactions[at] - expected).abs() < 1e-12, "{:?}", shapley.interactions);
        }
        assert_eq!(shapley.interactions[1], shapley.interactions[3]);
    }

    #[test]
    fn values_sum_to_all_minus_none_in_any_game() {
        let mut state = 9_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / 1e5 - 80.0
        };
        for players in 0..=5 {
            let game: Vec<f64> = (0..1 << players).map(|_| random()).collect();
            let sum: f64 = Shapley::new(players, &game).unwrap().values.iter().sum();
            assert!((sum - (game[game.len() - 1] - game[0])).abs() < 1e-9);
        }
        assert!(Shapley::new(2, &[0.0; 3]).is_none());
    }
}
