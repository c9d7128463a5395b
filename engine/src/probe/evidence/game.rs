//! Games over coalitions of encoders: how they are played, and which can be.

use super::shapley::{MAX_PLAYERS, Shapley};
use crate::intervention::{Action, Anatomy, Interventions};

/// How encoders are taken away in a game over coalitions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GameKind {
    /// They get another image's features: still a picture, and defined when all of them do.
    Swap,
    /// Their keys are masked, and encoder 0's part of the context removed. With nothing left to attend to this has no
    /// meaning: then every encoder's tokens are replaced by their mean.
    Mask,
}

impl GameKind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Mask => "mask",
        }
    }

    /// What is done when only the encoders in `coalition` (bit `k`: encoder `k`) are in.
    pub fn interventions(self, coalition: usize, encoders: usize) -> Interventions {
        let outside = (0..encoders).filter(|k| coalition & (1 << k) == 0);
        let remove = |encoder| match self {
            Self::Swap => Interventions::of(Action::Swap { encoder }),
            Self::Mask if coalition == 0 => Interventions::of(Action::Mean { encoder }),
            Self::Mask => Interventions::mask(encoder, true),
        };
        outside.map(remove).fold(Interventions::default(), |all, one| all.and(&one))
    }
}

/// What each encoder is worth to the answer, over all coalitions of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Game {
    /// How encoders are taken away.
    pub kind: GameKind,
    /// `[2^n]`: logarithm of the answer's probability with the encoders in the coalition (bit `k`: encoder `k`).
    pub coalitions: Vec<f64>,
    /// The Shapley values and interactions.
    pub shapley: Shapley,
}

/// The games that can be played; the error says why none can.
pub(super) fn games(anatomy: &Anatomy, has_other: bool) -> Result<Vec<GameKind>, String> {
    let encoders = anatomy.encoders().len();
    if encoders > MAX_PLAYERS {
        return Err(format!(
            "no Shapley values: {encoders} encoders form more coalitions than are run, those of {MAX_PLAYERS} at most"
        ));
    }
    let swap = has_other.then_some(GameKind::Swap);
    Ok(swap.into_iter().chain([GameKind::Mask]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_encoders_than_can_play_are_no_silent_gap() {
        let anatomy = |encoders: usize| Anatomy::from_parts(vec!["clip".into(); encoders], Vec::new(), 6);
        assert_eq!(games(&anatomy(MAX_PLAYERS), true), Ok(vec![GameKind::Swap, GameKind::Mask]));
        assert_eq!(games(&anatomy(MAX_PLAYERS), false), Ok(vec![GameKind::Mask]));
        let left_out = games(&anatomy(MAX_PLAYERS + 1), true).unwrap_err();
        assert!(left_out.contains("no Shapley values: 9 encoders"), "{left_out}");
    }
}
