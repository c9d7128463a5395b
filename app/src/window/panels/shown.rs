//! What a pane of maps shows of the SVA: its trace on the device, its lens as that trace has it, and its maps.

use super::Cx;
use crate::window::gpu::{MapGpu, PaneMaps, TraceOnGpu};
use crate::window::state::{MapLens, MapPane, RunRef, TraceEntry};
use opabinia_shaders::{MapView, Normalisation, Quantity};
use std::sync::Arc;

/// The maps of one pane of SVA attention, or of a difference of it.
pub struct Shown<'a> {
    /// The trace whose numbers are read; of a difference, the first one.
    pub entry: &'a TraceEntry,
    /// How it is drawn, as this trace has it.
    pub lens: MapLens,
    /// The pane's maps.
    pub maps: Arc<PaneMaps>,
    /// The view of the large map.
    pub view: MapView,
}

impl<'a> Shown<'a> {
    /// What `pane` shows, once all of it lies on the device; `None` before, and where it is a token's attention.
    ///
    /// # Errors
    /// In words, if the device cannot hold its maps.
    pub fn of(cx: &Cx<'a>, pane: &MapPane) -> Result<Option<Self>, String> {
        let Some(gpu) = cx.gpu else { return Ok(None) };
        let Some(mut shown) = Self::alone(cx, gpu, pane)? else { return Ok(None) };
        if let Some((low, high)) = shown.common_range(cx, gpu, pane) {
            shown.view.normalisation = Normalisation::Fixed { low, high };
        }
        Ok(Some(shown))
    }

    /// The same, whatever panes it is linked with.
    fn alone(cx: &Cx<'a>, gpu: &MapGpu, pane: &MapPane) -> Result<Option<Self>, String> {
        let on_gpu: Option<Vec<_>> = pane.source.runs().map(|run| on_gpu(cx, gpu, run)).collect();
        let Some(on_gpu) = on_gpu else { return Ok(None) };
        let Some((entry, of)) = on_gpu.first() else { return Ok(None) };
        let maps = gpu.maps(pane.id, of, on_gpu.get(1).map(|(_, minus)| minus))?;
        let lens = pane.lens.fitted(&entry.trace);
        let lens = if pane.source.is_difference() { lens.of_a_difference() } else { lens };
        // What an encoder was shown takes the place of the large map: only the small ones are left.
        let lens = if lens.input_of.is_some() { lens.of_each_encoder() } else { lens };
        let view = lens.map_view();
        Ok(Some(Self { entry, lens, maps, view }))
    }

    /// The range that spans all maps of panes that are linked in that, as far as it is known; `None` where no other pane is.
    fn common_range(&self, cx: &Cx<'a>, gpu: &MapGpu, pane: &MapPane) -> Option<(f32, f32)> {
        if self.lens.normalisation != Normalisation::Common || self.lens.quantity == Quantity::Dominant {
            return None;
        }
        let linked = cx.state.panes().one_range(pane.id);
        if linked.len() < 2 {
            return None;
        }
        let mut range: Option<(f32, f32)> = None;
        for other in linked.iter().filter_map(|id| cx.state.panes().get(*id)) {
            let Ok(Some(other)) = Self::alone(cx, gpu, other) else { continue };
            let maps = if other.lens.quantity.per_encoder() { &other.maps.small } else { &other.maps.large };
            let Some((low, high)) = maps.extent(&other.view) else { continue };
            range = Some(range.map_or((low, high), |(least, most)| (least.min(low), most.max(high))));
        }
        let (low, high) = range?;
        let (low, high) = if self.view.symmetric || pane.source.is_difference() {
            let most = high.max(-low);
            (-most, most)
        } else {
            (low, high)
        };
        (low < high).then_some((low, high))
    }
}

/// The trace of `run`, and its place on the device.
fn on_gpu<'a>(cx: &Cx<'a>, gpu: &MapGpu, run: &RunRef) -> Option<(&'a TraceEntry, Arc<TraceOnGpu>)> {
    let entry = cx.state.traces.get(&cx.state.run_key(run)?)?;
    Some((entry, Arc::clone(gpu.trace(&entry.trace)?.ready()?)))
}
