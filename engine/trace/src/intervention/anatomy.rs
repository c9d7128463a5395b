//! What there is to intervene on in one checkpoint.

use super::{Action, Intervention, Place};
use crate::encoder_names;
use crate::error::{Result, Unusable};
use crate::layer::{HEADS, SvaLayer};

/// The largest seed of a shuffle: any number of six digits.
pub const MAX_SEED: usize = 999_999;

/// The parts of a checkpoint's SVA by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anatomy {
    encoders: Vec<String>,
    layers: Vec<(SvaLayer, String)>,
    side: usize,
}

impl Anatomy {
    /// Parts by their names: encoders as the checkpoint calls them, layers with their labels, and the side of the query
    /// grid.
    pub fn from_parts(encoders: Vec<String>, layers: Vec<(SvaLayer, String)>, side: usize) -> Self {
        Self { encoders, layers, side }
    }

    /// The encoders, as the checkpoint calls them.
    pub fn encoders(&self) -> &[String] {
        &self.encoders
    }

    /// The SVA layers, in the order of the computation.
    pub fn layers(&self) -> impl Iterator<Item = SvaLayer> + '_ {
        self.layers.iter().map(|(layer, _)| *layer)
    }

    /// Cells to a side of the (final) query grid.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The short name of `layer` for people: `C1`, `C2`, … for connector layers (`C1.2` for layer 2 of group 1 when there
    /// are more groups), `S0`, `S3`, … for samplers by the decoder layer they follow. A layer that is not there goes by
    /// its module path.
    pub fn label(&self, layer: SvaLayer) -> String {
        let known = self.layers.iter().find(|(known, _)| *known == layer);
        known.map_or_else(|| layer.to_string(), |(_, label)| label.clone())
    }

    /// A short name for each encoder, for people: the family, or its whole name where several are of that family.
    pub fn encoder_names(&self) -> Vec<String> {
        let names: Vec<&str> = self.encoders.iter().map(String::as_str).collect();
        encoder_names::short(&names)
    }

    /// A word for each encoder that [`Anatomy::find_encoder`] understands: the family, or the index where several are of
    /// that family.
    pub fn encoder_words(&self) -> Vec<String> {
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric());
        let word = |(k, name): (usize, String)| if plain(&name) { name.to_lowercase() } else { k.to_string() };
        self.encoder_names().into_iter().enumerate().map(word).collect()
    }

    /// The encoder that `text` means.
    ///
    /// # Errors
    /// [`Unusable`] listing the encoders.
    pub fn find_encoder(&self, text: &str) -> Result<usize> {
        let names: Vec<&str> = self.encoders.iter().map(String::as_str).collect();
        encoder_names::find(&names, text)
    }

    /// The place of the layer with this label among [`Anatomy::layers`].
    ///
    /// # Errors
    /// [`Unusable`] listing the layers.
    pub fn find_layer(&self, label: &str) -> Result<usize> {
        let found = self.layers.iter().position(|(_, known)| known.eq_ignore_ascii_case(label));
        found.ok_or_else(|| self.no_layer(format!("there is no layer `{label}`")))
    }

    pub(super) fn has(&self, place: Place) -> bool {
        self.layers().any(|layer| place.contains(layer))
    }

    /// A refusal of layers that are not there.
    pub(super) fn no_layer(&self, problem: String) -> Unusable {
        let labels: Vec<&str> = self.layers.iter().map(|(_, label)| label.as_str()).collect();
        let samplers = if self.has(Place::Samplers) { "" } else { " (it has no samplers)" };
        Unusable::new(
            problem,
            format!(
                "this model's SVA layers are {}{samplers}; connector, samplers and all name several",
                labels.join(" ")
            ),
        )
    }

    /// Checks that everything `one` names is there.
    pub(super) fn check(&self, one: &Intervention) -> Result<()> {
        if let Some(k) = one.action.encoder().filter(|k| *k >= self.encoders.len()) {
            return self.find_encoder(&k.to_string()).map(drop);
        }
        if !self.has(one.at) {
            return Err(self.no_layer(match one.at {
                Place::Layer(layer) => format!("there is no layer `{layer}`"),
                place => format!("there are no layers `{place}`"),
            }));
        }
        match &one.action {
            Action::Head { head } if *head >= HEADS => Err(Unusable::new(
                format!("there is no head {head}"),
                format!("the heads of every SVA layer are 0 to {}", HEADS - 1),
            )),
            Action::ShuffleWeights { seed } | Action::ShuffleAttention { seed } if *seed > MAX_SEED => {
                Err(Unusable::new(format!("there is no shuffle {seed}"), format!("take one from 0 to {MAX_SEED}")))
            }
            Action::Region { cells, .. } => match cells.outside(self.side) {
                Some([row, column]) => Err(Unusable::new(
                    format!("there is no cell {row},{column}"),
                    format!(
                        "this model's query grid has {0} × {0} cells: rows and columns 0 to {1}, counted over the padded \
                         square",
                        self.side,
                        self.side - 1
                    ),
                )),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
