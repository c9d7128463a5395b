//! What panes draw: each pane has maps of its own, of whatever lies on the device for all of them.
//!
//! A view is measured into a set of maps, and drawn with numbers that are written once a frame. Two panes of one trace that
//! shared them would both paint what the second one shows.

use super::{ShownMaps, TraceOnGpu};
use opabinia_shaders::Result;
use std::sync::{Arc, Weak};

/// How many sets are kept: a pane that goes back to what it showed a while ago finds its numbers there.
const KEPT: usize = 32;

/// Names a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaneId(pub u64);

impl PaneId {
    /// The panel of maps.
    pub const MAIN: Self = Self(0);
}

/// What one pane draws of one trace, or of one grid of values.
#[derive(Debug)]
pub struct PaneMaps {
    /// One map for all encoders: one place.
    pub large: Arc<ShownMaps>,
    /// A map for each encoder: a place for each small map, and one more for the large one.
    pub small: Arc<ShownMaps>,
}

/// The maps of panes, the last used last, named by the pane and by what they are made from.
#[derive(Debug, Default)]
pub struct PaneCache(Vec<(PaneId, Weak<TraceOnGpu>, Arc<PaneMaps>)>);

impl PaneCache {
    /// The maps of `pane` of `on_gpu`; `make` makes them when they are first asked for. Lets go of those whose trace is gone.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get_or_make(
        &mut self,
        pane: PaneId,
        on_gpu: &Arc<TraceOnGpu>,
        make: impl FnOnce() -> Result<PaneMaps>,
    ) -> Result<Arc<PaneMaps>> {
        self.0.retain(|(_, of, _)| of.strong_count() > 0);
        let known = self.0.iter().position(|(of_pane, of, _)| *of_pane == pane && of.as_ptr() == Arc::as_ptr(on_gpu));
        let entry = match known {
            Some(at) => self.0.remove(at),
            None => (pane, Arc::downgrade(on_gpu), Arc::new(make()?)),
        };
        let maps = Arc::clone(&entry.2);
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push(entry);
        Ok(maps)
    }
}
