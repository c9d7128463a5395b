//! What a pane of maps shows of the SVA: its trace on the device, its lens as that trace has it, and its maps.

use super::Cx;
use crate::window::gpu::{MapGpu, PaneMaps, TraceOnGpu};
use crate::window::state::{MapLens, MapPane, MapSource, RunRef, SidesLook, TraceEntry};
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

    /// What `pane` shows of both sides of a comparison, in one range of colours, once all of it lies on the device. A side is
    /// `None` that has no counterpart of what is looked at.
    ///
    /// # Errors
    /// In words, if the device cannot hold their maps.
    pub fn of_sides(cx: &Cx<'a>, pane: &MapPane) -> Result<Option<[Option<Self>; 2]>, String> {
        let Some(gpu) = cx.gpu else { return Ok(None) };
        let Some(mut sides) = Self::sides_alone(cx, gpu, pane)? else { return Ok(None) };
        let range = sides.iter().flatten().find_map(|side| side.common_range(cx, gpu, pane));
        if let Some((low, high)) = range {
            sides.iter_mut().flatten().for_each(|side| side.view.normalisation = Normalisation::Fixed { low, high });
        }
        Ok(Some(sides))
    }

    /// The same, whatever panes they are linked with.
    fn sides_alone(cx: &Cx<'a>, gpu: &MapGpu, pane: &MapPane) -> Result<Option<[Option<Self>; 2]>, String> {
        let MapSource::Sides(a, b, _) = &pane.source else { return Ok(None) };
        let (Some((a, a_on_gpu)), Some((b, b_on_gpu))) = (on_gpu(cx, gpu, a), on_gpu(cx, gpu, b)) else {
            return Ok(None);
        };
        let lenses = cx.counterparts(a, b).lenses(&pane.lens);
        let mut sides = [None, None];
        for (side, ((entry, on_gpu), lens)) in
            sides.iter_mut().zip([(a, a_on_gpu), (b, b_on_gpu)].into_iter().zip(lenses))
        {
            let Some(lens) = lens else { continue };
            let maps = gpu.maps(pane.id, &on_gpu, None)?;
            *side = Some(Self::through(entry, lens, maps));
        }
        Ok(Some(sides))
    }

    /// The same, whatever panes it is linked with. Of two sides it is their difference, where both are of one shape, or else A.
    fn alone(cx: &Cx<'a>, gpu: &MapGpu, pane: &MapPane) -> Result<Option<Self>, String> {
        let on_gpu: Option<Vec<_>> = pane.source.runs().map(|run| on_gpu(cx, gpu, run)).collect();
        let Some(on_gpu) = on_gpu else { return Ok(None) };
        let (of, minus) = match (&pane.source, on_gpu.as_slice()) {
            // B − A, through A's lens.
            (MapSource::Sides(_, _, SidesLook::Difference), [(_, a), (_, b)]) => (b, Some(a)),
            (MapSource::Sides(..), [(_, a), ..]) | (_, [(_, a)]) => (a, None),
            (_, [(_, of), (_, minus), ..]) => (of, Some(minus)),
            (_, []) => return Ok(None),
        };
        let maps = gpu.maps(pane.id, of, minus)?;
        let Some((entry, _)) = on_gpu.first() else { return Ok(None) };
        let lens = pane.lens.fitted(&entry.trace);
        let lens = if pane.source.is_difference() { lens.of_a_difference() } else { lens };
        Ok(Some(Self::through(entry, lens, maps)))
    }

    fn through(entry: &'a TraceEntry, lens: MapLens, maps: Arc<PaneMaps>) -> Self {
        // What an encoder was shown takes the place of the large map: only the small ones are left.
        let lens = if lens.input_of.is_some() { lens.of_each_encoder() } else { lens };
        let view = lens.map_view();
        Self { entry, lens, maps, view }
    }

    /// Everything that `pane` shows of values, whatever panes it is linked with: one or two sides.
    fn each(cx: &Cx<'a>, gpu: &MapGpu, pane: &MapPane) -> Vec<Self> {
        if pane.source.look().is_some() && !pane.source.is_difference() {
            return Self::sides_alone(cx, gpu, pane).ok().flatten().into_iter().flatten().flatten().collect();
        }
        Self::alone(cx, gpu, pane).ok().flatten().into_iter().collect()
    }

    /// The range that spans all maps of panes that are linked in that, as far as it is known; `None` where no other map is.
    fn common_range(&self, cx: &Cx<'a>, gpu: &MapGpu, pane: &MapPane) -> Option<(f32, f32)> {
        if self.lens.normalisation != Normalisation::Common || self.lens.quantity == Quantity::Dominant {
            return None;
        }
        let linked = cx.state.panes().one_range(pane.id);
        let is_sides = pane.source.look().is_some() && !pane.source.is_difference();
        if linked.len() < 2 && !is_sides {
            return None;
        }
        let (low, high) = cx.range_of(linked, |linked| {
            let mut range: Option<(f32, f32)> = None;
            let panes = linked.iter().filter_map(|id| cx.state.panes().get(*id));
            for other in panes.flat_map(|other| Self::each(cx, gpu, other)) {
                let maps = if other.lens.quantity.per_encoder() { &other.maps.small } else { &other.maps.large };
                let Some((low, high)) = maps.extent(&other.view) else { continue };
                range = Some(range.map_or((low, high), |(least, most)| (least.min(low), most.max(high))));
            }
            range
        })?;
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
