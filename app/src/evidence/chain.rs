//! From a token of the answer back to pixels, as people choose and read it.

use super::{DecoderChoice, Findings};
use opabinia_engine::probe::chain::SvaChoice;
use opabinia_engine::probe::evidence::Reading;
use opabinia_engine::probe::{Chain, Trace};
use opabinia_engine::vision::PatchGrid;

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
