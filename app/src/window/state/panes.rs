//! Panes of maps: what each is made from, how it is drawn, and what it shares with others.

use super::{MapLens, Slot, ViewChange};
use opabinia_engine::intervention::Interventions;
use opabinia_shaders::Quantity;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// No more panes than this are opened; nobody can look at as many.
pub const MOST_PANES: usize = 24;

/// Names a pane for as long as its window lives, and in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PaneId(pub u32);

impl PaneId {
    /// The pane that there is from the beginning.
    pub const FIRST: Self = Self(0);
}

/// Which model a run is of: as a pane names it, which survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Side {
    /// The one that answers.
    #[default]
    Answering,
    /// The first model.
    A,
    /// The second one.
    B,
}

impl From<Slot> for Side {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::A => Self::A,
            Slot::B => Self::B,
        }
    }
}

/// Which run a pane shows of the picture of the conversation that is shown. With model and picture it becomes a
/// [`super::TraceKey`]: see [`super::AppState::run_key`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRef {
    /// Of which model.
    pub side: Side,
    /// What is done to the pass on purpose.
    pub interventions: Interventions,
}

impl RunRef {
    /// The plain run of the model of `side`.
    pub fn plain(side: Side) -> Self {
        Self { side, interventions: Interventions::default() }
    }
}

/// How both sides of a comparison are looked at in one pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SidesLook {
    /// A to the left of B.
    #[default]
    Beside,
    /// A, and B in its place for as long as a key is held.
    Swap,
    /// A to the left of a line that can be moved, B to the right of it.
    Wipe,
    /// B − A.
    Difference,
    /// How far the attention of each cell differs, over all of its keys: Jensen–Shannon divergence.
    Divergence,
}

impl SidesLook {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 5] = [Self::Beside, Self::Swap, Self::Wipe, Self::Difference, Self::Divergence];
}

/// What the maps of a pane are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapSource {
    /// The SVA's attention in one run: where the visual tokens came from.
    Run(RunRef),
    /// The first of two runs minus the second, place by place.
    Difference(RunRef, RunRef),
    /// Two runs beside each other or over each other: both sides of a comparison. Layers, heads, encoder and cell of the lens
    /// are those of the first one; what belongs to them in the other is [`super::Counterparts`]'s to say.
    Sides(RunRef, RunRef, SidesLook),
    /// The language model's attention from the selected token to the visual tokens. Depends on the question.
    TokenAttention {
        /// Decoder layer; `None` is the mean of all.
        layer: Option<usize>,
        /// Head; `None` is the mean of all.
        head: Option<usize>,
    },
}

impl Default for MapSource {
    fn default() -> Self {
        Self::Run(RunRef::default())
    }
}

impl MapSource {
    /// A token's attention in all layers and heads of the language model.
    pub const TOKEN: Self = Self::TokenAttention { layer: None, head: None };

    /// Whether it is the attention of a token.
    pub fn is_token(&self) -> bool {
        matches!(self, Self::TokenAttention { .. })
    }

    /// Both sides of a comparison, looked at like this.
    pub fn sides(look: SidesLook) -> Self {
        Self::Sides(RunRef::plain(Side::A), RunRef::plain(Side::B), look)
    }

    /// Whether what is shown is the difference of two runs.
    pub fn is_difference(&self) -> bool {
        matches!(self, Self::Difference(..) | Self::Sides(_, _, SidesLook::Difference))
    }

    /// How both sides are looked at, where it is them.
    pub fn look(&self) -> Option<SidesLook> {
        if let Self::Sides(_, _, look) = self { Some(*look) } else { None }
    }

    /// The same two sides, looked at otherwise.
    pub fn looked_at(&self, look: SidesLook) -> Option<Self> {
        if let Self::Sides(a, b, _) = self { Some(Self::Sides(a.clone(), b.clone(), look)) } else { None }
    }

    /// Runs that it is made from, the one whose numbers are read first.
    pub fn runs(&self) -> impl Iterator<Item = &RunRef> {
        let (first, second) = match self {
            Self::Run(run) => (Some(run), None),
            Self::Difference(of, minus) | Self::Sides(of, minus, _) => (Some(of), Some(minus)),
            Self::TokenAttention { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// What can be measured of it, in the order in which it is stepped through.
    pub fn quantities(&self) -> &'static [Quantity] {
        match self {
            Self::TokenAttention { .. } | Self::Sides(_, _, SidesLook::Divergence) => &[],
            // Indices of encoders have no difference.
            _ if self.is_difference() => &MapLens::QUANTITIES[..4],
            Self::Run(_) | Self::Sides(..) | Self::Difference(..) => &MapLens::QUANTITIES,
        }
    }
}

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
    pub fn settle(&mut self) {
        self.all.iter_mut().for_each(|pane| pane.lens.settle());
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

    /// Changes the active pane, and what is linked with it.
    pub fn change(&mut self, change: &ViewChange) {
        let (active, links, quantity) = (self.active, self.active().links, self.active().lens.quantity);
        let everywhere = change.linked().filter(|what| links.has(*what));
        for pane in &mut self.all {
            // A range of one quantity means nothing for another.
            let shared = |what| what != Linked::Range || pane.lens.quantity == quantity;
            let linked = everywhere.is_some_and(|what| pane.links.has(what) && shared(what));
            if pane.id == active || linked {
                change.apply(&mut pane.lens);
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
    pub fn look_through(&mut self, lens: MapLens) {
        for change in [
            ViewChange::Select(lens.selected),
            ViewChange::Shown(lens.shown),
            ViewChange::Layers(lens.layers),
            ViewChange::Heads(lens.heads),
        ] {
            self.change(&change);
        }
        let active = self.active;
        if let Some(pane) = self.all.iter_mut().find(|pane| pane.id == active) {
            pane.lens = lens;
        }
    }

    /// Links `what` of `id` with the others, whose it takes over; or breaks that link.
    pub fn link(&mut self, id: PaneId, what: Linked, linked: bool) {
        let others = self.all.iter().find(|pane| pane.id != id && pane.links.has(what));
        let lens = others.filter(|_| linked).map(|pane| pane.lens.clone());
        let Some(pane) = self.all.iter_mut().find(|pane| pane.id == id) else { return };
        pane.links.set(what, linked);
        let Some(others) = lens else { return };
        match what {
            Linked::Cell => pane.lens.selected = others.selected,
            Linked::Zoom => pane.lens.shown = others.shown,
            Linked::Layers => pane.lens.layers = others.layers,
            Linked::Heads => pane.lens.heads = others.heads,
            // A range of one quantity means nothing for another.
            Linked::Range if pane.lens.quantity == others.quantity => pane.lens.normalisation = others.normalisation,
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
                || pane.links.range
                    && other.links.range
                    && (other.lens.quantity, other.lens.granularity) == (pane.lens.quantity, pane.lens.granularity)
                    && kind(&other.source) == kind(&pane.source)
                    && other.lens.normalisation == pane.lens.normalisation
        };
        self.all.iter().filter(alike).map(|other| other.id).collect()
    }
}
