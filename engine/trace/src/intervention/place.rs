//! In which SVA layers an intervention acts.

use crate::layer::SvaLayer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A set of SVA layers. In JSON its name: `everywhere`, `connector`, `samplers`, or the layer's module path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// All of them.
    #[default]
    Everywhere,
    /// Those before the language model.
    Connector,
    /// Those between its layers.
    Samplers,
    /// One.
    Layer(SvaLayer),
}

impl Place {
    /// Whether `layer` is one of them.
    pub fn contains(self, layer: SvaLayer) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Connector => matches!(layer, SvaLayer::Connector { .. }),
            Self::Samplers => matches!(layer, SvaLayer::Sampler { .. }),
            Self::Layer(one) => one == layer,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("everywhere"),
            Self::Connector => f.write_str("connector"),
            Self::Samplers => f.write_str("samplers"),
            Self::Layer(layer) => layer.fmt(f),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "everywhere" => Ok(Self::Everywhere),
            "connector" => Ok(Self::Connector),
            "samplers" => Ok(Self::Samplers),
            path => SvaLayer::from_str(path).map(Self::Layer),
        }
    }
}

/// The layers in which one thing is done, without anything said twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    connector: bool,
    samplers: bool,
    layers: BTreeSet<SvaLayer>,
}

impl Places {
    pub(super) fn insert(&mut self, place: Place) {
        self.connector |= matches!(place, Place::Everywhere | Place::Connector);
        self.samplers |= matches!(place, Place::Everywhere | Place::Samplers);
        if let Place::Layer(layer) = place {
            self.layers.insert(layer);
        }
    }

    /// The fewest places that say the same.
    pub(super) fn list(&self) -> Vec<Place> {
        let wide = match (self.connector, self.samplers) {
            (true, true) => Some(Place::Everywhere),
            (true, false) => Some(Place::Connector),
            (false, true) => Some(Place::Samplers),
            (false, false) => None,
        };
        let single = self.layers.iter().filter(|layer| !wide.is_some_and(|wide| wide.contains(**layer)));
        wide.into_iter().chain(single.copied().map(Place::Layer)).collect()
    }
}
