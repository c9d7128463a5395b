//! Maps on the window's own graphics device: uploads beside the window, drawing inside its frames.
//!
//! Traces and photos lie there once for everybody; what is measured and drawn of them belongs to a pane (`panes`).

mod draw;
mod panes;
mod photos;
mod uploads;

pub use draw::{DrawMap, MeasureMaps};
pub use panes::PaneMaps;
pub use uploads::Upload;

use super::state::PaneId;
use egui::{ColorImage, Context, TextureFilter, TextureHandle, TextureOptions};
use opabinia_engine::compare::Maps;
use opabinia_engine::probe::{TokenAttention, Trace};
use opabinia_engine::vision::Picture;
use opabinia_shaders::{
    Faults, Focus, GpuPhoto, GpuTrace, GridData, Indices, Map, MapRenderer, MapSet, MapView, Normalisation, Pane,
    PendingMaps, Result, TraceData,
};
use panes::PaneCache;
use photos::Photos;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uploads::Uploads;

/// How many traces lie on the device: one of the 8B model has 9 MB.
const TRACES: usize = 16;
/// How many grids of values do.
const GRIDS: usize = 16;
/// How many grids of comparisons do: one for each encoder of a pane.
const COMPARED: usize = 64;
/// How many inputs of encoders do: the largest of the released models' has 4 MB.
const INPUTS: usize = 8;

/// Which part of a token's attention is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridPart {
    /// Decoder layer; `None` is the mean of all.
    pub layer: Option<usize>,
    /// Head; `None` is the mean of all.
    pub head: Option<usize>,
}

/// Which numbers of a comparison are drawn, over which layers of A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ComparedPart {
    /// What.
    pub what: ComparedWhat,
    /// Layers, by their place in A.
    pub layers: Indices,
}

/// What of a comparison is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedWhat {
    /// Jensen–Shannon divergence.
    Divergence,
    /// The share in B − that in A, of the matched encoders at this place.
    Share(usize),
}

/// Makes maps on the window's device.
#[derive(Clone)]
pub struct MapGpu {
    renderer: Arc<MapRenderer>,
    photos: Arc<Mutex<Photos>>,
    panes: Arc<Mutex<PaneCache>>,
    uploads: Arc<Mutex<Lying>>,
    faults: Faults,
}

/// What lies on the device.
#[derive(Debug)]
struct Lying {
    traces: Uploads<Trace, (), TraceOnGpu>,
    grids: Uploads<TokenAttention, GridPart, GridOnGpu>,
    compared: Uploads<Maps, ComparedPart, GridOnGpu>,
    inputs: Uploads<ColorImage, (), Texture>,
}

/// A picture that egui draws.
struct Texture(TextureHandle);

impl std::fmt::Debug for Texture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Texture")
    }
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
    /// The two sets that `maps` are the difference of, where they are one.
    of: Option<(MapSet, MapSet)>,
    /// `None` until a frame has tried to measure them.
    view: Option<MapView>,
    /// Numbers on the way from the device, and what they are the numbers of.
    pending: Option<(MapView, PendingMaps)>,
    /// The numbers that came last, and what they are the numbers of.
    numbers: Option<(MapView, Arc<Vec<Map>>)>,
    /// The least and the greatest of them, which do not depend on the range of the colours.
    extent: Option<(MapView, (f32, f32))>,
}

/// What the extent of the numbers of `view` depends on.
fn extent_key(view: &MapView) -> MapView {
    MapView { normalisation: Normalisation::Common, symmetric: false, ..numbers_key(view) }
}

/// The least and the greatest value of `maps`.
fn extent(maps: &[Map]) -> Option<(f32, f32)> {
    let values = maps.iter().flat_map(|map| &map.texels).filter_map(|texel| texel.value());
    values.fold(None, |range, value| {
        Some(range.map_or((value, value), |(low, high): (f32, f32)| (low.min(value), high.max(value))))
    })
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
    fn new(
        renderer: &MapRenderer,
        (trace, minus): (&GpuTrace, Option<&GpuTrace>),
        photo: &GpuPhoto,
        panes: usize,
    ) -> Result<Self> {
        let maps = renderer.maps(trace)?;
        let (maps, of) = match minus {
            None => (maps, None),
            Some(minus) => {
                let minus = renderer.maps(minus)?;
                (renderer.difference_maps(&maps, &minus)?, Some((maps, minus)))
            }
        };
        let panes = (0..panes).map(|_| renderer.pane(&maps, Some(photo))).collect::<Result<_>>()?;
        let measured = Measured { maps, of, view: None, pending: None, numbers: None, extent: None };
        Ok(Self { maps: Mutex::new(measured), panes })
    }

    /// The numbers of the maps of `view`, one for each encoder, or one for all; exactly what the colours are made from.
    /// `None` until they have come from the device, some frames after the maps were measured: see [`Self::are_awaited`].
    pub fn numbers(&self, view: &MapView) -> Option<Arc<Vec<Map>>> {
        let mut measured = self.measured();
        measured.poll_numbers();
        let (of, numbers) = measured.numbers.as_ref().filter(|_| measured.pending.is_none())?;
        (*of == numbers_key(view)).then(|| Arc::clone(numbers))
    }

    /// The numbers of the maps as they were last known, if they mean what those of `view` do: for what may lag behind the
    /// maps by a frame or two, but not say something else.
    pub fn last_numbers(&self, view: &MapView) -> Option<Arc<Vec<Map>>> {
        let mut measured = self.measured();
        measured.poll_numbers();
        let (of, numbers) = measured.numbers.as_ref()?;
        alike(of, view).then(|| Arc::clone(numbers))
    }

    /// The numbers of the maps as they were measured last, whatever view that was: for tests.
    pub fn measured_numbers(&self) -> Option<Arc<Vec<Map>>> {
        let mut measured = self.measured();
        measured.poll_numbers();
        measured.numbers.as_ref().map(|(_, numbers)| Arc::clone(numbers))
    }

    /// The least and the greatest number of all maps of `view`, whatever range its colours span, once they have come.
    pub fn extent(&self, view: &MapView) -> Option<(f32, f32)> {
        let mut measured = self.measured();
        measured.poll_numbers();
        let (of, range) = measured.extent.as_ref()?;
        (*of == extent_key(view)).then_some(*range)
    }

    /// Whether numbers of `view` will come once the maps have been measured in it: ask for them in the next frame.
    pub fn are_awaited(&self, view: &MapView) -> bool {
        let mut measured = self.measured();
        measured.poll_numbers();
        measured.pending.is_some() || measured.view != Some(*view)
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        // Only calls that leave it whole are made while it is held.
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measured {
    /// Takes in numbers that have arrived.
    fn poll_numbers(&mut self) {
        let Some((of, pending)) = &mut self.pending else { return };
        match pending.poll() {
            Ok(None) => return,
            Ok(Some(maps)) => {
                self.extent = extent(&maps).map(|range| (extent_key(of), range));
                self.numbers = Some((*of, Arc::new(maps)));
            }
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
        let Self { maps, of, .. } = self;
        let measured = match of {
            None => renderer.update(encoder, maps, view),
            Some((of, minus)) => (renderer.update(encoder, of, view))
                .and_then(|()| renderer.update(encoder, minus, view))
                .and_then(|()| renderer.update_difference(encoder, maps, (of, minus), view.normalisation)),
        };
        let measured = measured.and_then(|()| {
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
            uploads: Arc::new(Mutex::new(Lying {
                traces: Uploads::of_at_most(TRACES),
                grids: Uploads::of_at_most(GRIDS),
                compared: Uploads::of_at_most(COMPARED),
                inputs: Uploads::of_at_most(INPUTS),
            })),
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

    /// The maps that `pane` draws of `of`, or of the difference of it to `minus`: its own, made when they are first asked for.
    ///
    /// # Errors
    /// In words, if the device cannot hold them.
    pub fn maps(
        &self,
        pane: PaneId,
        of: &Arc<TraceOnGpu>,
        minus: Option<&Arc<TraceOnGpu>>,
    ) -> std::result::Result<Arc<PaneMaps>, String> {
        let traces = (&of.trace, minus.map(|minus| &minus.trace));
        let shown = |places| ShownMaps::new(&self.renderer, traces, &of.photo, places).map(Arc::new);
        let make = || Ok(PaneMaps { large: shown(1)?, small: shown(of.trace.encoders().len() + 1)? });
        let mut panes = self.panes.lock().unwrap_or_else(PoisonError::into_inner);
        panes.get_or_make(pane, (of, minus), make).map_err(|error| error.to_string())
    }

    /// How far the upload of `trace` is; `None` if it was not begun.
    pub fn trace(&self, trace: &Arc<Trace>) -> Option<Upload<TraceOnGpu>> {
        self.lying().traces.get(trace, &())
    }

    /// Notes that the upload of `trace` begins; gives whether it was to be begun.
    pub(super) fn begin_trace(&self, trace: &Arc<Trace>) -> bool {
        self.lying().traces.begin(trace, ())
    }

    /// Notes how the upload of `trace` has ended.
    pub(super) fn end_trace(&self, trace: &Arc<Trace>, upload: Upload<TraceOnGpu>) {
        self.lying().traces.end(trace, &(), upload);
    }

    /// How far the upload of a part of a token's attention is; `None` if it was not begun.
    pub fn grid(&self, attention: &Arc<TokenAttention>, part: GridPart) -> Option<Upload<GridOnGpu>> {
        self.lying().grids.get(attention, &part)
    }

    /// Notes that the upload of that part begins; gives whether it was to be begun.
    pub(super) fn begin_grid(&self, attention: &Arc<TokenAttention>, part: GridPart) -> bool {
        self.lying().grids.begin(attention, part)
    }

    /// Notes how the upload of that part has ended.
    pub(super) fn end_grid(&self, attention: &Arc<TokenAttention>, part: GridPart, upload: Upload<GridOnGpu>) {
        self.lying().grids.end(attention, &part, upload);
    }

    /// How far the upload of a part of a comparison is; `None` if it was not begun.
    pub fn compared(&self, maps: &Arc<Maps>, part: ComparedPart) -> Option<Upload<GridOnGpu>> {
        self.lying().compared.get(maps, &part)
    }

    /// Notes that the upload of that part begins; gives whether it was to be begun.
    pub(super) fn begin_compared(&self, maps: &Arc<Maps>, part: ComparedPart) -> bool {
        self.lying().compared.begin(maps, part)
    }

    /// Notes how the upload of that part has ended.
    pub(super) fn end_compared(&self, maps: &Arc<Maps>, part: ComparedPart, upload: Upload<GridOnGpu>) {
        self.lying().compared.end(maps, &part, upload);
    }

    /// Lets what could not be drawn of tokens' attention be tried again.
    pub(super) fn forget_failed_grids(&self) {
        self.lying().grids.forget_failed();
    }

    /// The texture of what an encoder was shown.
    pub fn input(&self, ctx: &Context, image: &Arc<ColorImage>) -> Option<TextureHandle> {
        let mut lying = self.lying();
        if lying.inputs.begin(image, ()) {
            // Pixels are to be seen as they are, however close one looks.
            let options = TextureOptions { magnification: TextureFilter::Nearest, ..TextureOptions::LINEAR };
            let texture = Texture(ctx.load_texture("encoder input", Arc::clone(image), options));
            lying.inputs.end(image, &(), Upload::Ready(Arc::new(texture)));
        }
        lying.inputs.get(image, &())?.ready().map(|texture| texture.0.clone())
    }

    fn lying(&self) -> MutexGuard<'_, Lying> {
        // Only calls that leave it whole are made while it is held.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
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
