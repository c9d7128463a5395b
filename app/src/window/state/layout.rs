//! Where the panels are. People drag them about; what they made of it is saved.

use super::{PaneId, Panes};
use egui_tiles::{Container, Grid, Linear, LinearDir, Shares, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PanelKind {
    /// Questions and answers.
    Conversation,
    /// Maps: there are as many of these as a person opens.
    Map(PaneId),
    /// Numbers.
    Inspector,
    /// What an answer rests on. Older layouts are without it.
    Evidence,
    /// Two checkpoints compared: there while they are.
    Comparison,
    /// Sets of questions: there from when it is asked for until it is closed.
    Evaluation,
}

/// Panels of which there is one each.
const SINGLE: [PanelKind; 2] = [PanelKind::Conversation, PanelKind::Inspector];

/// The arrangement of the panels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout(pub Tree<PanelKind>);

impl Default for Layout {
    /// Conversation, maps, inspector, from left to right.
    fn default() -> Self {
        let mut tiles = Tiles::default();
        let panels =
            [(PanelKind::Conversation, 0.9), (PanelKind::Map(PaneId::FIRST), 2.1), (PanelKind::Inspector, 0.9)]
                .map(|(panel, share)| (tiles.insert_pane(panel), share));
        // Beside the maps, where a region is brushed and its effect read.
        let evidence = tiles.insert_pane(PanelKind::Evidence);
        let side = tiles.insert_container(Container::new_tabs(vec![panels[2].0, evidence]));
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
        self.bring(PanelKind::Evidence, |panel| panel == PanelKind::Inspector);
        self.0.make_active(|_, tile| matches!(tile, Tile::Pane(PanelKind::Evidence)));
    }

    /// Brings the panel of sets of questions to the front; behind the maps, if it is nowhere.
    pub fn show_evaluation(&mut self) {
        self.bring(PanelKind::Evaluation, |panel| matches!(panel, PanelKind::Map(_)));
        self.0.make_active(|_, tile| matches!(tile, Tile::Pane(PanelKind::Evaluation)));
    }

    /// Puts the panel of the comparison behind the maps, if it is nowhere.
    pub fn hold_comparison(&mut self) {
        self.bring(PanelKind::Comparison, |panel| matches!(panel, PanelKind::Map(_)));
    }

    /// Brings the panel of the comparison to the front.
    pub fn show_comparison(&mut self) {
        self.hold_comparison();
        self.0.make_active(|_, tile| matches!(tile, Tile::Pane(PanelKind::Comparison)));
    }

    /// Takes the panel of the comparison away.
    pub fn close_comparison(&mut self) {
        if let Some(tile) = self.0.tiles.find_pane(&PanelKind::Comparison) {
            self.0.remove_recursively(tile);
        }
    }

    /// Puts `panel` into the tabs of the first one that is `beside`, behind it, if it is nowhere.
    fn bring(&mut self, panel: PanelKind, beside: impl Fn(PanelKind) -> bool) {
        let find = |tree: &Tree<PanelKind>, wanted: &dyn Fn(PanelKind) -> bool| {
            let panes = tree.tiles.iter().filter_map(|(id, tile)| match tile {
                Tile::Pane(panel) if wanted(*panel) => Some((*panel, *id)),
                _ => None,
            });
            // The first pane of several.
            panes.min_by_key(|(panel, _)| if let PanelKind::Map(id) = panel { id.0 } else { 0 })
        };
        if find(&self.0, &|known| known == panel).is_some() {
            return;
        }
        let Some((other, beside)) = find(&self.0, &beside) else { return };
        let added = self.0.tiles.insert_pane(panel);
        let parent = self.0.tiles.parent_of(beside);
        match parent.and_then(|parent| self.0.tiles.get_mut(parent)) {
            Some(Tile::Container(Container::Tabs(tabs))) => tabs.add_child(added),
            // A tile of its own becomes one of two tabs.
            _ => {
                let pane = self.0.tiles.insert_pane(other);
                let tabs = Container::new_tabs(vec![pane, added]);
                self.0.tiles.insert(beside, Tile::Container(tabs));
            }
        }
    }

    /// Whether the panel of evidence is to be seen.
    pub fn shows_evidence(&self) -> bool {
        let is_evidence = |id| matches!(self.0.tiles.get(id), Some(Tile::Pane(PanelKind::Evidence)));
        self.0.active_tiles().into_iter().any(is_evidence)
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
        let usable = |share: f32| share.is_finite() && share >= 0.0;
        let shares = tiles.tiles().all(|tile| match tile {
            Tile::Container(Container::Linear(linear)) => Shares::iter(&linear.shares).all(|(_, share)| usable(*share)),
            Tile::Container(Container::Grid(grid)) => {
                grid.col_shares.iter().chain(&grid.row_shares).all(|share| usable(*share))
            }
            Tile::Container(Container::Tabs(_)) | Tile::Pane(_) => true,
        });
        let distinct: HashSet<_> = panels.iter().collect();
        distinct.len() == panels.len()
            && SINGLE.iter().all(|panel| panels.contains(panel))
            && seen.len() == tiles.iter().count()
            && shares
    }

    /// Makes it hold exactly `panes`: those it does not know come beside the others, those that are closed go. Gives whether
    /// anything had to be done.
    pub fn show_exactly(&mut self, panes: &Panes) -> bool {
        let shown = |tile: (&TileId, &Tile<PanelKind>)| match tile {
            (id, Tile::Pane(PanelKind::Map(pane))) => Some((*id, *pane)),
            _ => None,
        };
        let known: Vec<(TileId, PaneId)> = self.0.tiles.iter().filter_map(shown).collect();
        let missing: Vec<PaneId> =
            panes.iter().map(|pane| pane.id).filter(|id| known.iter().all(|(_, known)| known != id)).collect();
        let closed = known.iter().filter(|(_, pane)| panes.get(*pane).is_none());
        let closed: Vec<TileId> = closed.map(|(tile, _)| *tile).collect();
        for pane in &missing {
            self.add(*pane);
        }
        for tile in &closed {
            self.0.remove_recursively(*tile);
        }
        !missing.is_empty() || !closed.is_empty()
    }

    /// Brings the tab of `pane` to the front.
    pub fn show(&mut self, pane: PaneId) {
        self.0.make_active(|_, tile| *tile == Tile::Pane(PanelKind::Map(pane)));
    }

    /// Puts `pane` into the grid in which the last pane of maps is, which begins with the second one.
    fn add(&mut self, pane: PaneId) {
        let tiles = &mut self.0.tiles;
        let tile = tiles.insert_pane(PanelKind::Map(pane));
        let others = tiles.iter().filter_map(|(id, other)| match other {
            Tile::Pane(PanelKind::Map(known)) if *known != pane => Some((*known, *id)),
            _ => None,
        });
        let last = others.max_by_key(|(known, _)| *known).map(|(_, id)| id);
        // Whatever it stands in as one of several tabs is beside the others as a whole.
        let in_tabs = |id: TileId| {
            tiles.parent_of(id).filter(|parent| matches!(tiles.get(*parent), Some(Tile::Container(Container::Tabs(_)))))
        };
        let Some(beside) = last.map(|id| in_tabs(id).unwrap_or(id)).or(self.0.root) else {
            self.0.root = Some(tile);
            return;
        };
        let parent = tiles.parent_of(beside);
        if let Some(Tile::Container(Container::Grid(grid))) = parent.and_then(|parent| tiles.get_mut(parent)) {
            grid.add_child(tile);
            return;
        }
        let grid = tiles.insert_container(Container::Grid(Grid::new(vec![beside, tile])));
        match parent.and_then(|parent| tiles.get_mut(parent)) {
            Some(Tile::Container(container)) => {
                if let Container::Linear(linear) = container {
                    linear.shares.replace_with(beside, grid);
                }
                let _place = container.replace_child(beside, grid);
            }
            _ => self.0.root = Some(grid),
        }
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
        let again = twice.0.tiles.insert_pane(PanelKind::Map(PaneId::FIRST));
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

    #[test]
    fn it_holds_the_panes_there_are_whatever_becomes_of_them() {
        let mut panes = Panes::default();
        let mut layout = Layout::default();
        assert!(!layout.show_exactly(&panes));
        let before = layout.clone();
        for count in 2..=5 {
            let id = panes.duplicate().unwrap();
            assert!(layout.show_exactly(&panes) && layout.is_sound() && !layout.show_exactly(&panes), "{count} panes");
            assert!(layout.0.tiles.find_pane(&PanelKind::Map(id)).is_some());
        }
        let text = serde_json::to_string(&layout).unwrap();
        assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), layout);
        // Into a layout in which there is none of them.
        let mut other = before;
        assert!(other.show_exactly(&panes) && other.is_sound());
        panes.close(PaneId::FIRST);
        assert!(layout.show_exactly(&panes) && layout.0.tiles.find_pane(&PanelKind::Map(PaneId::FIRST)).is_none());
    }
}
