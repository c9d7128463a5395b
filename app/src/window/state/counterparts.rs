//! What of one side of a comparison belongs to what of the other: a lens made for A, as B is seen through it.

use super::{AppState, MapLens, MapSource, ViewChange};
use opabinia_engine::compare::Matching;
use opabinia_engine::probe::Trace;
use opabinia_shaders::{Cell, Indices};
use std::rc::Rc;
use std::sync::Arc;

/// Two traces of one picture and what belongs together in them. Everywhere 0 is A and 1 is B.
#[derive(Debug)]
pub struct Counterparts<'a> {
    traces: [&'a Trace; 2],
    matching: Rc<Matching>,
}

impl<'a> Counterparts<'a> {
    /// Those of `a` and `b`.
    pub fn of(a: &'a Trace, b: &'a Trace) -> Self {
        Self::matched([a, b], Rc::new(Matching::of(a, b)))
    }

    /// Those of `traces`, of which it is known what belongs together.
    pub fn matched(traces: [&'a Trace; 2], matching: Rc<Matching>) -> Self {
        Self { traces, matching }
    }

    /// What belongs together.
    pub fn matching(&self) -> &Matching {
        &self.matching
    }

    /// Whether both are of one shape: then their numbers can be taken from each other place by place.
    pub fn are_alike(&self) -> bool {
        let Matching { encoders, encoders_alone, layers, layers_alone } = &*self.matching;
        let [a, b] = self.traces;
        encoders_alone.iter().chain(layers_alone).all(Vec::is_empty)
            && encoders.iter().all(|pair| pair.same_name && pair.same_grid && pair.places[0] == pair.places[1])
            && layers.iter().all(|[i, j]| i == j && a.layers[*i].frame == b.layers[*j].frame)
    }

    /// The encoder of B that belongs to encoder `k` of A.
    pub fn encoder_of_b(&self, k: usize) -> Option<usize> {
        self.matching.encoders.iter().find(|pair| pair.places[0] == k).map(|pair| pair.places[1])
    }

    /// The encoder of A that belongs to encoder `k` of B.
    pub fn encoder_of_a(&self, k: usize) -> Option<usize> {
        self.matching.encoders.iter().find(|pair| pair.places[1] == k).map(|pair| pair.places[0])
    }

    /// `lens`, made for A, as both are seen through it: of several layers, those that both have. `None` in the place of a side
    /// that has no counterpart of what is looked at.
    pub fn lenses(&self, lens: &MapLens) -> [Option<MapLens>; 2] {
        let [a, _] = self.traces;
        let lens = lens.fitted(a);
        let chosen = (0..a.layers.len()).filter(|at| lens.layers.contains(*at)).count();
        let pairs = || self.matching.layers.iter().filter(|[i, _]| lens.layers.contains(*i));
        let in_a = |layers: Indices| Some(MapLens { layers, ..lens.clone() });
        if pairs().next().is_none() {
            return [in_a(lens.layers), None];
        }
        let of_a = if chosen > 1 { pairs().map(|[i, _]| *i).collect() } else { lens.layers };
        let encoder = self.encoder_of_b(lens.encoder);
        let of_b = encoder.filter(|_| lens.quantity.per_encoder()).or((!lens.quantity.per_encoder()).then_some(0));
        let of_b = of_b.map(|encoder| {
            let layers = pairs().map(|[_, j]| *j).collect();
            let input_of = lens.input_of.and_then(|k| self.encoder_of_b(k));
            MapLens { encoder, layers, input_of, selected: None, ..lens.clone() }
        });
        let side_of_a = in_a(of_a).map_or(1, |lens| lens.side(a));
        let of_b = of_b.map(|other| {
            let side = other.side(self.traces[1]);
            MapLens { selected: lens.selected.map(|cell| moved(cell, side_of_a, side)), ..other }
        });
        [in_a(of_a), of_b]
    }

    /// A change of a lens made for A as it is made to one for B; `None` where B has no counterpart.
    pub fn said(&self, change: &ViewChange) -> Option<ViewChange> {
        let finest = |trace: &Trace| trace.layers.iter().map(|layer| layer.frame.side as u32).max().unwrap_or(1);
        match change {
            ViewChange::Layers(chosen) => {
                let all = (0..self.traces[0].layers.len()).all(|at| chosen.contains(at));
                let pairs = self.matching.layers.iter().filter(|[i, _]| chosen.contains(*i));
                let layers: Vec<usize> = pairs.map(|[_, j]| *j).collect();
                match layers.is_empty() {
                    _ if all => Some(ViewChange::Layers(Indices::ALL)),
                    true => None,
                    false => Some(ViewChange::Layers(layers.into_iter().collect())),
                }
            }
            ViewChange::Select(Some(cell)) => {
                let [a, b] = self.traces.map(finest);
                Some(ViewChange::Select(Some(moved(*cell, a, b))))
            }
            change => Some(change.clone()),
        }
    }

    /// Layers that `lens` would show of A if B had them too.
    pub fn left_out<'l>(&'l self, lens: &'l MapLens) -> impl Iterator<Item = &'a str> + 'l {
        let lens = lens.fitted(self.traces[0]);
        let several = (0..self.traces[0].layers.len()).filter(|at| lens.layers.contains(*at)).count() > 1;
        let alone = self.matching.layers_alone[0].iter().filter(move |at| several && lens.layers.contains(**at));
        alone.map(|at| self.traces[0].layers[*at].label.as_str())
    }
}

impl AppState {
    /// Changes the active pane, and what is linked with it: in a pane of another checkpoint, what belongs to it there.
    pub fn change_view(&mut self, change: &ViewChange) {
        let traces = self.traces_of_panes();
        self.view.change(change, &|source, change| said(&traces, source, change));
    }

    /// Replaces the lens of the active pane, and of what is linked with it what they share.
    pub fn look_through(&mut self, lens: MapLens) {
        let traces = self.traces_of_panes();
        self.view.look_through(lens, &|source, change| said(&traces, source, change));
    }

    /// The trace through which the lens of each pane is made, by what the pane shows; that of the active pane first.
    fn traces_of_panes(&self) -> Vec<(MapSource, Option<Arc<Trace>>)> {
        let trace = |source: &MapSource| {
            let key = self.run_key(source.runs().next()?)?;
            Some(Arc::clone(&self.traces.get(&key)?.trace))
        };
        let active = self.pane();
        let others = self.panes().iter().filter(|pane| pane.id != active.id);
        std::iter::once(active).chain(others).map(|pane| (pane.source.clone(), trace(&pane.source))).collect()
    }
}

/// `change` of the active pane as it is said of a linked one that shows `source`.
fn said(traces: &[(MapSource, Option<Arc<Trace>>)], source: &MapSource, change: &ViewChange) -> Option<ViewChange> {
    let of = |source: &MapSource| traces.iter().find(|(known, _)| known == source)?.1.as_ref();
    match (traces.first().and_then(|(_, trace)| trace.as_ref()), of(source)) {
        (Some(a), Some(b)) if !Arc::ptr_eq(a, b) => {
            let counterparts = Counterparts::of(a, b);
            if counterparts.are_alike() { Some(change.clone()) } else { counterparts.said(change) }
        }
        _ => Some(change.clone()),
    }
}

/// The cell of a grid of `to` cells to a side that holds the centre of `cell` of a grid of `from`.
pub fn moved(cell: Cell, from: u32, to: u32) -> Cell {
    let own = |at: u32| ((2 * at + 1) * to / (2 * from.max(1))).min(to.saturating_sub(1));
    Cell { row: own(cell.row), col: own(cell.col) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_goes_to_the_one_that_holds_its_centre() {
        let at = |row, col| Cell { row, col };
        assert_eq!(moved(at(3, 5), 8, 8), at(3, 5));
        assert_eq!(moved(at(7, 0), 8, 6), at(5, 0));
        assert_eq!(moved(at(1, 2), 4, 8), at(3, 5));
    }
}
