//! Where the panels are. People drag them about; what they made of it is saved.

use egui_tiles::{Container, Linear, LinearDir, Tile, Tiles, Tree};
use serde::{Deserialize, Serialize};

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PanelKind {
    /// Questions and answers.
    Conversation,
    /// Maps.
    Probe,
    /// Numbers.
    Inspector,
}

/// The arrangement of the panels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout(pub Tree<PanelKind>);

impl Default for Layout {
    /// Conversation, maps, inspector, from left to right.
    fn default() -> Self {
        let mut tiles = Tiles::default();
        let panels = [(PanelKind::Conversation, 0.9), (PanelKind::Probe, 2.1), (PanelKind::Inspector, 0.9)]
            .map(|(panel, share)| (tiles.insert_pane(panel), share));
        let mut row = Linear::new(LinearDir::Horizontal, panels.map(|(tile, _)| tile).to_vec());
        for (tile, share) in panels {
            row.shares.set_share(tile, share);
        }
        let root = tiles.insert_container(Container::Linear(row));
        Self(Tree::new(egui::Id::unique("panels"), root, tiles))
    }
}

impl Layout {
    /// Whether every panel is in it exactly once: a saved one may have been edited.
    pub fn is_sound(&self) -> bool {
        let count =
            |kind| self.0.tiles.tiles().filter(|tile| matches!(tile, Tile::Pane(pane) if *pane == kind)).count();
        [PanelKind::Conversation, PanelKind::Probe, PanelKind::Inspector].into_iter().all(|kind| count(kind) == 1)
    }
}
