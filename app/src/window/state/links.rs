//! What panes of maps share.

use serde::{Deserialize, Serialize};

/// Something that linked panes have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Linked {
    /// The selected cell and the one under the pointer.
    Cell,
    /// The part of the picture.
    Zoom,
    /// SVA layers.
    Layers,
    /// Heads.
    Heads,
    /// The range that colours span.
    Range,
}

impl Linked {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 5] = [Self::Cell, Self::Zoom, Self::Layers, Self::Heads, Self::Range];
}

/// What a pane has in common with the others. At first, everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Links {
    cell: bool,
    zoom: bool,
    layers: bool,
    heads: bool,
    range: bool,
}

impl Default for Links {
    fn default() -> Self {
        Self { cell: true, zoom: true, layers: true, heads: true, range: true }
    }
}

impl Links {
    /// Whether `what` is linked.
    pub fn has(self, what: Linked) -> bool {
        match what {
            Linked::Cell => self.cell,
            Linked::Zoom => self.zoom,
            Linked::Layers => self.layers,
            Linked::Heads => self.heads,
            Linked::Range => self.range,
        }
    }

    /// Links `what`, or breaks that link.
    pub fn set(&mut self, what: Linked, linked: bool) {
        *match what {
            Linked::Cell => &mut self.cell,
            Linked::Zoom => &mut self.zoom,
            Linked::Layers => &mut self.layers,
            Linked::Heads => &mut self.heads,
            Linked::Range => &mut self.range,
        } = linked;
    }

    /// What is not linked.
    pub fn broken(self) -> impl Iterator<Item = Linked> {
        Linked::ALL.into_iter().filter(move |what| !self.has(*what))
    }
}
