//! Maps on the window's own graphics device: uploads beside the window, drawing inside its frames.
//!
//! Traces and photos lie there once for everybody; what is measured and drawn of them belongs to a pane ([`panes`]).

mod draw;
mod panes;
mod photos;

pub use draw::DrawMap;
pub use panes::{PaneId, PaneMaps};

use opabinia_engine::probe::Trace;
use opabinia_engine::vision::Picture;
use opabinia_shaders::{
    Faults, Focus, GpuPhoto, GpuTrace, GridData, Map, MapRenderer, MapSet, MapView, Pane, PendingMaps, Result,
    TraceData,
};
use panes::PaneCache;
use photos::Photos;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Makes maps on the window's device.
#[derive(Clone)]
pub struct MapGpu {
    renderer: Arc<MapRenderer>,
    photos: Arc<Mutex<Photos>>,
    panes: Arc<Mutex<PaneCache>>,
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
    /// `None` until a frame has tried to measure them.
    view: Option<MapView>,
    /// Numbers on the way from the device, and what they are the numbers of.
    pending: Option<(MapView, PendingMaps)>,
    /// The numbers that came last, and what they are the numbers of.
    numbers: Option<(MapView, Arc<Vec<Map>>)>,
}

/// What the numbers of `view` depend on: which cell is outlined is not a part of it.
fn numbers_key(view: &MapView) -> MapView {
    let focus = if let Focus::Outline(_) = view.focus { Focus::Whole } else { view.focus };
    MapView { focus, ..*view }
}

/// Whether numbers of `of` may stand beside maps of `view` for a frame or two: they mean the same and span colours by the
/// same rule.
fn alike(of: &MapView, view: &MapView) -> bool {
    (of.quantity, of.granularity, of.normalisation) == (view.quantity, view.granularity, view.normalisation)
}

impl ShownMaps {
    fn new(renderer: &MapRenderer, trace: &GpuTrace, photo: &GpuPhoto, panes: usize) -> Result<Self> {
        let maps = renderer.maps(trace)?;
        let panes = (0..panes).map(|_| renderer.pane(&maps, Some(photo))).collect::<Result<_>>()?;
        let measured = Measured { maps, view: None, pending: None, numbers: None };
        Ok(Self { maps: Mutex::new(measured), panes })
    }

    /// The numbers of the maps of `view`, one for each encoder, or one for all; exactly what the colours are made from.
    /// `None` until they have come from the device, some frames after the maps were drawn: see [`Self::are_awaited`].
    pub fn numbers(&self, view: &MapView) -> Option<Arc<Vec<Map>>> {
        let mut measured = self.measured();
        measured.take_numbers();
        let (of, numbers) = measured.numbers.as_ref().filter(|_| measured.pending.is_none())?;
        (*of == numbers_key(view)).then(|| Arc::clone(numbers))
    }

    /// The numbers of the maps as they were last known, if they mean what those of `view` do: for what may lag behind the
    /// maps by a frame or two, but not say something else.
    pub fn last_numbers(&self, view: &MapView) -> Option<Arc<Vec<Map>>> {
        let mut measured = self.measured();
        measured.take_numbers();
        let (of, numbers) = measured.numbers.as_ref()?;
        alike(of, view).then(|| Arc::clone(numbers))
    }

    /// Whether numbers of `view` will come once the maps have been drawn in it: ask for them in the next frame.
    pub fn are_awaited(&self, view: &MapView) -> bool {
        let measured = self.measured();
        measured.pending.is_some() || measured.view != Some(*view)
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        // Only calls that leave it whole are made while it is held.
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measured {
    /// Takes in numbers that have arrived.
    fn take_numbers(&mut self) {
        let Some((of, pending)) = &mut self.pending else { return };
        match pending.poll() {
            Ok(None) => return,
            Ok(Some(maps)) => self.numbers = Some((*of, Arc::new(maps))),
            Err(error) => {
                tracing::warn!("{error}");
                self.numbers = None;
            }
        }
        self.pending = None;
    }

    /// What the numbers that are here, or on their way, are the numbers of.
    fn numbers_of(&self) -> Option<MapView> {
        let coming = self.pending.as_ref().map(|(of, _)| *of);
        coming.or_else(|| self.numbers.as_ref().map(|(of, _)| *of))
    }

    /// Measures `view` within a frame, unless that was done.
    fn update(&mut self, renderer: &MapRenderer, encoder: &mut wgpu::CommandEncoder, view: &MapView) {
        if self.view == Some(*view) {
            return;
        }
        // A view that cannot be measured is not tried again in every frame.
        self.view = Some(*view);
        let measured = renderer.update(encoder, &mut self.maps, view).and_then(|()| {
            let of = numbers_key(view);
            if self.numbers_of() != Some(of) {
                self.pending = Some((of, renderer.read_later(encoder, &self.maps)?));
            }
            Ok(())
        });
        if let Err(error) = measured {
            tracing::warn!("{error}");
            (self.pending, self.numbers) = (None, None);
        }
    }
}

/// A trace on the GPU, or values on the query grid in the form of one, with the photo under its maps.
#[derive(Debug)]
pub struct TraceOnGpu {
    trace: GpuTrace,
    /// The photo.
    pub photo: Arc<GpuPhoto>,
}

/// Values on the query grid on the GPU, such as the attention of one token to the visual tokens: drawn as
/// [`PaneMaps::large`], with `MapView::of(Quantity::Share)`.
#[derive(Debug)]
pub struct GridOnGpu {
    /// They, in the form of a trace of one encoder.
    pub on_gpu: Arc<TraceOnGpu>,
    /// Cells to a side of the padded frame.
    pub side: u32,
}

impl MapGpu {
    /// Builds the pipelines on egui's device.
    ///
    /// # Errors
    /// [`opabinia_shaders::Error::NoDevice`] if the device cannot run them.
    pub fn new(state: &egui_wgpu::RenderState) -> Result<Self> {
        let faults = Faults::watch(&state.device);
        let renderer = MapRenderer::new(&state.device, &state.queue, state.target_format)?;
        Ok(Self {
            renderer: Arc::new(renderer.with_faults(faults.clone())),
            photos: Arc::default(),
            panes: Arc::default(),
            faults,
        })
    }

    /// The first thing that went wrong on the device, if anything did.
    pub fn fault(&self) -> Option<String> {
        self.faults.first().map(str::to_owned)
    }

    /// Whether the device is gone: nothing more will be drawn on it.
    pub fn is_lost(&self) -> bool {
        self.faults.check_device().is_err()
    }

    /// Puts a trace and its photo on the GPU. Takes its time: not for the window's own thread.
    ///
    /// # Errors
    /// In words, if the trace cannot be drawn.
    pub fn upload(
        &self,
        trace: &Trace,
        names: &[String],
        picture: &Arc<Picture>,
    ) -> std::result::Result<TraceOnGpu, String> {
        let data = TraceData::of(trace, names).map_err(|error| error.to_string())?;
        let upload = || self.with_photo(self.renderer.upload_trace(&data)?, picture);
        upload().map_err(|error| error.to_string())
    }

    /// Puts values on the query grid and their photo on the GPU. Takes its time: not for the window's own thread.
    ///
    /// # Errors
    /// In words, if they cannot be drawn.
    pub fn upload_grid(&self, grid: &GridData<'_>, picture: &Arc<Picture>) -> std::result::Result<GridOnGpu, String> {
        let upload = || self.with_photo(self.renderer.upload_grid(grid)?, picture);
        let on_gpu = upload().map_err(|error| error.to_string())?;
        Ok(GridOnGpu { on_gpu: Arc::new(on_gpu), side: grid.side })
    }

    /// The maps that `pane` draws of `on_gpu`: its own, made when they are first asked for.
    ///
    /// # Errors
    /// In words, if the device cannot hold them.
    pub fn maps(&self, pane: PaneId, on_gpu: &Arc<TraceOnGpu>) -> std::result::Result<Arc<PaneMaps>, String> {
        let TraceOnGpu { trace, photo } = on_gpu.as_ref();
        let shown = |places| ShownMaps::new(&self.renderer, trace, photo, places).map(Arc::new);
        let make = || Ok(PaneMaps { large: shown(1)?, small: shown(trace.encoders().len() + 1)? });
        let mut panes = self.panes.lock().unwrap_or_else(PoisonError::into_inner);
        panes.get_or_make(pane, on_gpu, make).map_err(|error| error.to_string())
    }

    fn with_photo(&self, trace: GpuTrace, picture: &Arc<Picture>) -> Result<TraceOnGpu> {
        Ok(TraceOnGpu { trace, photo: self.photo(picture)? })
    }

    /// The photo on the device: whoever asks for the same picture waits for the first one's upload.
    fn photo(&self, picture: &Arc<Picture>) -> Result<Arc<GpuPhoto>> {
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let upload = || self.renderer.upload_photo(&picture.rgb, side(picture.width), side(picture.height));
        self.photos.lock().unwrap_or_else(PoisonError::into_inner).get_or_upload(picture, upload)
    }
}
