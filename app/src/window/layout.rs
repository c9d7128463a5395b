//! Where the panels are. People drag them about; what they made of it is saved.

use egui_tiles::{Container, Linear, LinearDir, Shares, Tile, Tiles, Tree};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PanelKind {
    /// Questions and answers.
    Conversation,
    /// Maps.
    Probe,
    /// Numbers.
    Inspector,
    /// What an answer rests on. Older layouts are without it.
    Evidence,
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
        // Beside the maps, where a region is brushed and its effect read.
        let evidence = tiles.insert_pane(PanelKind::Evidence);
        let inspector = panels[2].0;
        let side = tiles.insert_container(Container::new_tabs(vec![inspector, evidence]));
        let panels = [panels[0], panels[1], (side, panels[2].1)];
        let mut row = Linear::new(LinearDir::Horizontal, panels.map(|(tile, _)| tile).to_vec());
        for (tile, share) in panels {
            row.shares.set_share(tile, share);
        }
        let root = tiles.insert_container(Container::Linear(row));
        Self(Tree::new(egui::Id::unique("panels"), root, tiles))
    }
}

impl Layout {
    /// Brings the panel of evidence to the front; beside the inspector, if it is nowhere.
    pub fn show_evidence(&mut self) {
        let find = |tree: &Tree<PanelKind>, wanted: PanelKind| {
            tree.tiles.iter().find(|(_, tile)| matches!(tile, Tile::Pane(panel) if *panel == wanted)).map(|(id, _)| *id)
        };
        if find(&self.0, PanelKind::Evidence).is_none() {
            let Some(inspector) = find(&self.0, PanelKind::Inspector) else { return };
            let evidence = self.0.tiles.insert_pane(PanelKind::Evidence);
            let parent = self.0.tiles.parent_of(inspector);
            match parent.and_then(|parent| self.0.tiles.get_mut(parent)) {
                Some(Tile::Container(Container::Tabs(tabs))) => tabs.add_child(evidence),
                // A tile of its own becomes one of two tabs.
                _ => {
                    let pane = self.0.tiles.insert_pane(PanelKind::Inspector);
                    let tabs = Container::new_tabs(vec![pane, evidence]);
                    self.0.tiles.insert(inspector, Tile::Container(tabs));
                }
            }
        }
        self.0.make_active(|_, tile| matches!(tile, Tile::Pane(PanelKind::Evidence)));
    }

    /// Whether every panel is in it exactly once and its tiles form a tree: a saved one may have been edited.
    pub fn is_sound(&self) -> bool {
        let tiles = &self.0.tiles;
        let (mut seen, mut panels) = (HashSet::new(), Vec::new());
        let mut next: Vec<_> = self.0.root.into_iter().collect();
        while let Some(id) = next.pop() {
            let Some(tile) = tiles.get(id).filter(|_| seen.insert(id)) else { return false };
            match tile {
                Tile::Pane(panel) => panels.push(*panel),
                Tile::Container(container) => next.extend(container.children()),
            }
        }
        let shares = tiles.tiles().filter_map(|tile| match tile {
            Tile::Container(Container::Linear(linear)) => Some(&linear.shares),
            _ => None,
        });
        let usable = |share: f32| share.is_finite() && share >= 0.0;
        let all = [PanelKind::Conversation, PanelKind::Probe, PanelKind::Inspector];
        let evidence = panels.iter().filter(|panel| **panel == PanelKind::Evidence).count();
        evidence <= 1
            && panels.len() == all.len() + evidence
            && all.iter().all(|panel| panels.contains(panel))
            && seen.len() == tiles.iter().count()
            && shares.flat_map(Shares::iter).all(|(_, share)| usable(*share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tree_with_every_panel_is_sound() {
        let sound = Layout::default();
        assert!(sound.is_sound());
        let text = serde_json::to_string(&sound).unwrap();
        assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), sound);

        let mut twice = sound.clone();
        let again = twice.0.tiles.insert_pane(PanelKind::Probe);
        let Some(root) = twice.0.root else { panic!("no root") };
        let add = |layout: &mut Layout, child| match layout.0.tiles.get_mut(root) {
            Some(Tile::Container(container)) => container.add_child(child),
            _ => panic!("no row"),
        };
        add(&mut twice, again);
        assert!(!twice.is_sound(), "a panel twice");

        let mut round = sound.clone();
        add(&mut round, root);
        assert!(!round.is_sound(), "a row in itself");

        let mut stray = sound;
        stray.0.root = None;
        assert!(!stray.is_sound(), "no root");
    }
}
