//! What panes draw: each pane has maps of its own, of whatever lies on the device for all of them.
//!
//! A view is measured into a set of maps, and drawn with numbers that are written once a frame. Two panes of one trace that
//! shared them would both paint what the second one shows.

use super::{ShownMaps, TraceOnGpu};
use crate::window::state::PaneId;
use opabinia_shaders::Result;
use std::sync::{Arc, Weak};

/// How many sets are kept: a pane that goes back to what it showed a while ago finds its numbers there.
const KEPT: usize = 64;

/// What one pane draws of one trace, of the difference of two, or of one grid of values.
#[derive(Debug)]
pub struct PaneMaps {
    /// One map for all encoders: one place.
    pub large: Arc<ShownMaps>,
    /// A map for each encoder: a place for each small map, and one more for the large one.
    pub small: Arc<ShownMaps>,
}

/// What maps are made from: a trace, and the one that is taken away from it, if one is.
type Made = (Weak<TraceOnGpu>, Option<Weak<TraceOnGpu>>);

/// The maps of panes, the last used last, named by the pane and by what they are made from.
#[derive(Debug, Default)]
pub struct PaneCache(Vec<(PaneId, Made, Arc<PaneMaps>)>);

impl PaneCache {
    /// The maps of `pane` of a trace, minus those of another; `make` makes them when they are first asked for. Lets go of those
    /// whose traces are gone.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get_or_make(
        &mut self,
        pane: PaneId,
        (of, minus): (&Arc<TraceOnGpu>, Option<&Arc<TraceOnGpu>>),
        make: impl FnOnce() -> Result<PaneMaps>,
    ) -> Result<Arc<PaneMaps>> {
        let is_there = |trace: &Weak<TraceOnGpu>| trace.strong_count() > 0;
        self.0.retain(|(_, (of, minus), _)| is_there(of) && minus.as_ref().is_none_or(is_there));
        let made: Made = (Arc::downgrade(of), minus.map(Arc::downgrade));
        let alike = |(known_of, known_minus): &Made| {
            known_of.ptr_eq(&made.0)
                && match (known_minus, &made.1) {
                    (None, None) => true,
                    (Some(known), Some(minus)) => known.ptr_eq(minus),
                    _ => false,
                }
        };
        let known = self.0.iter().position(|(of_pane, known, _)| *of_pane == pane && alike(known));
        let entry = match known {
            Some(at) => self.0.remove(at),
            None => (pane, made, Arc::new(make()?)),
        };
        let maps = Arc::clone(&entry.2);
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push(entry);
        Ok(maps)
    }
}
