//! SVA layers by their place in the forward pass.

use std::fmt;
use std::str::FromStr;

/// Attention heads of every SVA layer, fixed in the architecture.
pub const HEADS: usize = 16;

/// One SVA cross-attention layer, in the order of the forward pass: connector groups first, then samplers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SvaLayer {
    /// Layer `layer` of query group `group`, before the language model. Runs on the padded frame.
    Connector {
        /// Query group, in the order of `query_num_list`.
        group: usize,
        /// Layer inside the group.
        layer: usize,
    },
    /// The `n`-th sampler, between language-model layers. Runs on the unpadded frame.
    Sampler {
        /// Index among the samplers.
        n: usize,
    },
}

impl fmt::Display for SvaLayer {
    /// The layer's module path in the checkpoint, without the leading `model.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connector { group, layer } => write!(f, "vision_sampler_{group}.layers.{layer}"),
            Self::Sampler { n } => write!(f, "vision_sampler_layers.{n}.layers.0"),
        }
    }
}

impl FromStr for SvaLayer {
    type Err = String;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| Some(text).filter(|text| text.len() <= 6).and_then(|text| text.parse().ok());
        let sampler = || {
            let n = text.strip_prefix("vision_sampler_layers.")?.strip_suffix(".layers.0")?;
            Some(Self::Sampler { n: number(n)? })
        };
        let connector = || {
            let (group, layer) = text.strip_prefix("vision_sampler_")?.split_once(".layers.")?;
            Some(Self::Connector { group: number(group)?, layer: number(layer)? })
        };
        sampler().or_else(connector).ok_or_else(|| format!("`{text}` is no SVA layer"))
    }
}
