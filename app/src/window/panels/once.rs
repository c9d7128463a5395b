//! What several panels need of one frame, worked out where it is first asked for. The state does not change while a frame is
//! drawn, so that nothing of it can be out of date.

use super::Cx;
use crate::window::state::{Counterparts, Names, PaneId, Slot, TraceEntry};
use opabinia_engine::compare::Matching;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// The least and the greatest of some numbers; `None` where none is known.
pub type Range = Option<(f32, f32)>;

/// What is known already in this frame.
#[derive(Debug, Default)]
pub struct Once {
    names: OnceCell<Names>,
    /// By the places of both traces in memory.
    matchings: RefCell<Vec<([usize; 2], Rc<Matching>)>>,
    ranges: RefCell<Vec<(Vec<PaneId>, Range)>>,
}

impl<'a> Cx<'a> {
    /// What checkpoints are called.
    pub fn names(&self) -> &Names {
        self.once.names.get_or_init(|| self.state.names())
    }

    /// What the model in `slot` is called, without its letter.
    pub fn name_of(&self, slot: Slot) -> Option<String> {
        Some(self.names().plain(&self.state.models.loaded(slot)?.into()))
    }

    /// What belongs together in two traces.
    pub fn counterparts(&self, a: &'a TraceEntry, b: &'a TraceEntry) -> Counterparts<'a> {
        let traces = [&*a.trace, &*b.trace];
        let places = traces.map(|trace| std::ptr::from_ref(trace).addr());
        let mut known = self.once.matchings.borrow_mut();
        let matching = known.iter().find(|(of, _)| *of == places).map(|(_, matching)| Rc::clone(matching));
        let matching = matching.unwrap_or_else(|| {
            let matching = Rc::new(Matching::of(traces[0], traces[1]));
            known.push((places, Rc::clone(&matching)));
            matching
        });
        Counterparts::matched(traces, matching)
    }

    /// The range that spans the maps of `panes`, which `measure` finds.
    pub fn range_of(&self, panes: Vec<PaneId>, measure: impl FnOnce(&[PaneId]) -> Range) -> Range {
        let known = self.once.ranges.borrow().iter().find(|(of, _)| *of == panes).map(|(_, range)| *range);
        known.unwrap_or_else(|| {
            let range = measure(&panes);
            self.once.ranges.borrow_mut().push((panes, range));
            range
        })
    }
}
