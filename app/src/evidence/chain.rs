//! From a token of the answer back to pixels, as people choose and read it.

use super::Findings;
use opabinia_engine::probe::chain::SvaChoice;
use opabinia_engine::probe::evidence::Reading;
use opabinia_engine::probe::{Chain, Trace};
use opabinia_engine::vision::PatchGrid;
use serde::{Deserialize, Serialize};

/// Which attention of the decoder a chain begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoderChoice {
    /// The mean over all layers and heads.
    #[default]
    Mean,
    /// The rollout through all layers: a heuristic.
    Rollout,
    /// One head.
    Head {
        /// Its layer, from 0.
        layer: usize,
        /// Its number, from 0.
        head: usize,
    },
}

impl DecoderChoice {
    /// In words, for figures and the command line.
    pub fn words(self) -> String {
        match self {
            Self::Mean => "mean over the decoder's layers and heads".to_owned(),
            Self::Rollout => "attention rollout (a heuristic)".to_owned(),
            Self::Head { layer, head } => format!("decoder layer {layer}, head {head}"),
        }
    }
}

/// The chain of a token, of what is known of it; `None` where there is no such layer and head. The SVA's attention is averaged
/// over its layers and heads.
pub fn follow(reading: &Reading, trace: &Trace, patches: &[PatchGrid], choice: DecoderChoice) -> Option<Chain> {
    let (rows, mean) = match choice {
        DecoderChoice::Mean => {
            let rows = &reading.rows;
            let all = (0..rows.layers).flat_map(|layer| (0..rows.heads).map(move |head| (layer, head)));
            (rows, rows.mean(all)?)
        }
        DecoderChoice::Rollout => (&reading.rollout, reading.rollout.mean([(0, 0)])?),
        DecoderChoice::Head { layer, head } => (&reading.rows, reading.rows.mean([(layer, head)])?),
    };
    let (map, mass) = mean;
    Some(Chain::new((&rows.frame, &map, mass), trace, &SvaChoice::default(), patches))
}

impl Findings {
    /// The chain of `token`, if what it needs was measured and there is such a layer and head.
    pub fn chain(&self, token: usize, choice: DecoderChoice) -> Option<Chain> {
        let evidence = self.evidence();
        follow(evidence.reading(token)?, evidence.trace.as_ref()?, &evidence.patches, choice)
    }
}
