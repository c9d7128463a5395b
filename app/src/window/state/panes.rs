//! Panes of maps: what each is made from, how it is drawn, and what it shares with others.

use super::offset::{between, shifted};
use super::{Linked, Links, MapLens, MapSource, Offset, SidesLook, ViewChange};
use opabinia_shaders::Quantity;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// No more panes than this are opened; nobody can look at as many.
pub const MOST_PANES: usize = 24;

/// A change of the active pane as it is said of one that shows this: see [`Panes::change`].
pub type Said<'a> = &'a dyn Fn(&MapSource, &ViewChange) -> Option<ViewChange>;

/// Names a pane for as long as its window lives, and in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PaneId(pub u32);

impl PaneId {
    /// The pane that there is from the beginning.
    pub const FIRST: Self = Self(0);
}

/// One pane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapPane {
    /// Names it.
    pub id: PaneId,
    /// What its maps are made from.
    #[serde(default)]
    pub source: MapSource,
    /// How they are drawn.
    #[serde(default)]
    pub lens: MapLens,
    /// What it has in common with the others.
    #[serde(default)]
    pub links: Links,
    /// How far it stays from them in that.
    #[serde(default)]
    pub offset: Offset,
}

/// All panes. There is always one, and one of them is active: what is done by keys and menus is done there, and the
/// inspector explains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Panes {
    all: Vec<MapPane>,
    active: PaneId,
}

impl Default for Panes {
    fn default() -> Self {
        let first = MapPane {
            id: PaneId::FIRST,
            source: MapSource::default(),
            lens: MapLens::default(),
            links: Links::default(),
            offset: Offset::default(),
        };
        Self { all: vec![first], active: PaneId::FIRST }
    }
}

impl Panes {
    /// Whether there may be such panes: a saved file may have been edited.
    pub fn is_sound(&self) -> bool {
        let ids: HashSet<_> = self.all.iter().map(|pane| pane.id).collect();
        ids.len() == self.all.len()
            && self.all.len() <= MOST_PANES
            && ids.contains(&self.active)
            && ids.iter().all(|id| id.0 < u32::MAX)
    }

    /// Brings what a file said into its bounds.
    pub fn clamp(&mut self) {
        for pane in &mut self.all {
            pane.lens.clamp();
            pane.offset.clamp();
        }
    }

    /// All of them, in the order in which they were opened.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &MapPane> {
        self.all.iter()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The pane of this name.
    pub fn get(&self, id: PaneId) -> Option<&MapPane> {
        self.all.iter().find(|pane| pane.id == id)
    }

    /// Its number, as people count, from 1.
    pub fn number(&self, id: PaneId) -> usize {
        self.all.iter().position(|pane| pane.id == id).map_or(0, |at| at + 1)
    }

    /// The active one.
    pub fn active(&self) -> &MapPane {
        self.get(self.active).unwrap_or(&self.all[0])
    }

    /// Makes `id` the active one, if there is such a one.
    pub fn activate(&mut self, id: PaneId) {
        if self.get(id).is_some() {
            self.active = id;
        }
    }

    /// The one after the active one, and around.
    pub fn next(&self) -> PaneId {
        let at = self.number(self.active);
        self.all[at % self.all.len()].id
    }

    /// Opens a pane that shows what the active one shows, and makes it the active one. Gives its name, unless there are too
    /// many.
    pub fn duplicate(&mut self) -> Option<PaneId> {
        if self.all.len() >= MOST_PANES {
            return None;
        }
        let id = PaneId(self.all.iter().map(|pane| pane.id.0).max().map_or(0, |last| last.saturating_add(1)));
        let at = self.number(self.active);
        self.all.insert(at, MapPane { id, ..self.active().clone() });
        self.active = id;
        Some(id)
    }

    /// Closes `id`, unless it is the last one.
    pub fn close(&mut self, id: PaneId) {
        let Some(at) = self.all.iter().position(|pane| pane.id == id).filter(|_| self.all.len() > 1) else { return };
        self.all.remove(at);
        if self.active == id {
            self.active = self.all[at.min(self.all.len() - 1)].id;
        }
    }

    /// Changes the active pane, and what is linked with it, each at its offset. `said` is the change as it is said of another
    /// pane, whose layers and cells may not be those of the active one; `None` where it means nothing there.
    pub fn change(&mut self, change: &ViewChange, said: Said<'_>) {
        let (active, links, quantity) = (self.active, self.active().links, self.active().lens.quantity);
        let offset = self.active().offset;
        let everywhere = change.linked().filter(|what| links.has(*what));
        for pane in &mut self.all {
            // A range of one quantity means nothing for another.
            let shared = |what| what != Linked::Range || pane.lens.quantity == quantity;
            let linked = everywhere.is_some_and(|what| pane.links.has(what) && shared(what));
            if pane.id == active {
                change.apply(&mut pane.lens);
            } else if linked && let Some(said) = said(&pane.source, change) {
                // In other words, it is at no offset from what this pane shows.
                let said = if said == *change { beside(change, &offset, &pane.offset) } else { said };
                said.apply(&mut pane.lens);
            }
            if let (true, ViewChange::Source(source)) = (pane.id == active, change) {
                pane.source = source.clone();
                if !source.quantities().is_empty() && !source.quantities().contains(&pane.lens.quantity) {
                    pane.lens.quantity = Quantity::Lift;
                }
            }
        }
    }

    /// Replaces the lens of the active pane, and what is linked with it.
    pub fn look_through(&mut self, lens: MapLens, said: Said<'_>) {
        for change in [
            ViewChange::Select(lens.selected),
            ViewChange::Shown(lens.shown),
            ViewChange::Layers(lens.layers),
            ViewChange::Heads(lens.heads),
        ] {
            self.change(&change, said);
        }
        let active = self.active;
        if let Some(pane) = self.all.iter_mut().find(|pane| pane.id == active) {
            pane.lens = lens;
        }
    }

    /// Links `what` of `id` with the others; or breaks that link. It stays as far from them as it is in the part of the picture,
    /// and in a layer or a head where each shows one. What has no distance it takes over: a place in the picture, a range, and
    /// several layers or heads.
    pub fn link(&mut self, id: PaneId, what: Linked, linked: bool) {
        let others = self.all.iter().find(|pane| pane.id != id && pane.links.has(what));
        let others = others.filter(|_| linked).cloned();
        let Some(pane) = self.all.iter_mut().find(|pane| pane.id == id) else { return };
        pane.links.set(what, linked);
        let Some(others) = others else { return };
        let (lens, there) = (&mut pane.lens, &others.lens);
        match what {
            Linked::Cell => lens.selected = there.selected,
            Linked::Zoom => lens.shown = pane.offset.set_zoom(&others.offset, there.shown, lens.shown),
            Linked::Layers => {
                pane.offset.layers = others.offset.layers + between(there.layers, lens.layers);
                lens.layers = shifted(there.layers, pane.offset.layers - others.offset.layers);
            }
            Linked::Heads => {
                pane.offset.heads = others.offset.heads + between(there.heads, lens.heads);
                lens.heads = shifted(there.heads, pane.offset.heads - others.offset.heads);
            }
            // A range of one quantity means nothing for another.
            Linked::Range if lens.quantity == there.quantity => lens.normalisation = there.normalisation,
            Linked::Range => {}
        }
    }

    /// Panes whose colours span one range with those of `id`: of the same quantity, of the same kind, linked in that.
    pub fn one_range(&self, id: PaneId) -> Vec<PaneId> {
        let Some(pane) = self.get(id) else { return Vec::new() };
        let alike = |other: &&MapPane| {
            let divergence = |source: &MapSource| source.look() == Some(SidesLook::Divergence);
            let kind = |source: &MapSource| (source.is_token(), source.is_difference(), divergence(source));
            other.id == id
                || pane.links.has(Linked::Range)
                    && other.links.has(Linked::Range)
                    && (other.lens.quantity, other.lens.granularity) == (pane.lens.quantity, pane.lens.granularity)
                    && kind(&other.source) == kind(&pane.source)
                    && other.lens.normalisation == pane.lens.normalisation
        };
        self.all.iter().filter(alike).map(|other| other.id).collect()
    }
}

/// What a change of a pane with the offset `of` is in one with the offset `to` that is linked with it.
fn beside(change: &ViewChange, of: &Offset, to: &Offset) -> ViewChange {
    match change {
        ViewChange::Shown(shown) => ViewChange::Shown(to.zoom(of, *shown)),
        ViewChange::Layers(layers) => ViewChange::Layers(shifted(*layers, to.layers - of.layers)),
        ViewChange::Heads(heads) => ViewChange::Heads(shifted(*heads, to.heads - of.heads)),
        other => other.clone(),
    }
}
