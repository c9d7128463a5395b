//! Maps on the window's own graphics device: uploads beside the window, drawing inside its frames.

mod draw;

pub use draw::DrawMap;

use opabinia_engine::probe::Trace;
use opabinia_engine::vision::Picture;
use opabinia_shaders::{Faults, Map, MapRenderer, MapSet, MapView, Pane, PendingMaps, Quantity, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Makes maps on the window's device.
#[derive(Clone)]
pub struct MapGpu {
    renderer: Arc<MapRenderer>,
    faults: Faults,
}

impl std::fmt::Debug for MapGpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MapGpu")
    }
}

/// Maps of one view, and a place on the screen for each of them.
#[derive(Debug)]
pub struct ShownMaps {
    maps: Mutex<Measured>,
    panes: Vec<Pane>,
}

/// Maps, and the view that they were last measured for.
#[derive(Debug)]
struct Measured {
    maps: MapSet,
    /// `None` until they have been measured within a frame.
    view: Option<MapView>,
    /// Their numbers on the way from the device.
    pending: Option<PendingMaps>,
    /// Their numbers.
    numbers: Option<Arc<Vec<Map>>>,
}

impl ShownMaps {
    /// The numbers of the maps of `view`, one for each encoder, or one for all; exactly what the colours are made from.
    /// `None` until they have come from the device, some frames after the maps were drawn: ask again in the next frame.
    pub fn numbers(&self, view: &MapView) -> Option<Arc<Vec<Map>>> {
        let mut measured = self.measured();
        if let Some(arrived) = measured.pending.as_mut().map(PendingMaps::poll) {
            match arrived {
                Ok(None) => {}
                Ok(Some(maps)) => {
                    measured.numbers = Some(Arc::new(maps));
                    measured.pending = None;
                }
                Err(error) => {
                    tracing::warn!("{error}");
                    measured.pending = None;
                }
            }
        }
        measured.numbers.clone().filter(|_| measured.view.as_ref() == Some(view))
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        // Only calls that leave it whole are made while it is held.
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A trace on the GPU with everything that is drawn from it.
#[derive(Debug)]
pub struct TraceOnGpu {
    /// The large map: one pane.
    pub large: Arc<ShownMaps>,
    /// The small maps: one pane for each encoder.
    pub small: Arc<ShownMaps>,
}

impl MapGpu {
    /// Builds the pipelines on egui's device.
    ///
    /// # Errors
    /// [`opabinia_shaders::Error::NoDevice`] if the device cannot run them.
    pub fn new(state: &egui_wgpu::RenderState) -> Result<Self> {
        let faults = Faults::watch(&state.device);
        let renderer = MapRenderer::new(&state.device, &state.queue, state.target_format)?;
        Ok(Self { renderer: Arc::new(renderer.with_faults(faults.clone())), faults })
    }

    /// The first thing that went wrong on the device, if anything did.
    pub fn fault(&self) -> Option<String> {
        self.faults.first().map(str::to_owned)
    }

    /// The renderer, for exports.
    pub fn renderer(&self) -> &Arc<MapRenderer> {
        &self.renderer
    }

    /// Puts a trace and its photo on the GPU. Takes its time: not for the window's own thread.
    ///
    /// # Errors
    /// In words, if the trace cannot be drawn.
    pub fn upload(
        &self,
        trace: &Trace,
        names: &[String],
        picture: &Picture,
    ) -> std::result::Result<TraceOnGpu, String> {
        let data = crate::trace_view::of(trace, names).map_err(|error| error.to_string())?;
        let upload = || -> Result<TraceOnGpu> {
            let on_gpu = self.renderer.upload_trace(&data)?;
            let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
            let photo = self.renderer.upload_photo(&picture.rgb, side(picture.width), side(picture.height))?;
            let view = MapView::of(Quantity::Share);
            let shown = |panes: usize| -> Result<Arc<ShownMaps>> {
                let maps = self.renderer.measure(&on_gpu, &view)?;
                let panes = (0..panes).map(|_| self.renderer.pane(&maps, Some(&photo))).collect::<Result<_>>()?;
                Ok(Arc::new(ShownMaps {
                    maps: Mutex::new(Measured { maps, view: None, pending: None, numbers: None }),
                    panes,
                }))
            };
            Ok(TraceOnGpu { large: shown(1)?, small: shown(names.len())? })
        };
        upload().map_err(|error| error.to_string())
    }
}
