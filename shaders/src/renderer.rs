//! The passes, for a window's frame and for pictures off-screen alike.

use crate::colour::ENCODER_ROW;
use crate::error::{Error, Result};
use crate::fault::Faults;
use crate::gpu::obstacle_in;
use crate::grid::GridData;
use crate::layout::{
    DRAW_BILINEAR, DRAW_CATEGORIES, DRAW_DECODED, DRAW_GREY_PHOTO, DRAW_HOVER, DRAW_OUTLINE, DRAW_PHOTO,
    DRAW_RULED_CELLS, DRAW_RULED_TOKENS, PaintInfo, ViewInfo, WORKGROUP,
};
use crate::map_set::{Fill, Grid, MapSet};
use crate::photo::GpuPhoto;
use crate::pipelines::Pipelines;
use crate::readback::checked;
use crate::trace::{GpuTrace, Numbers, TraceData, TraceShape};
use crate::view::{Filter, Look, MapView, Normalisation, Rect};
use opabinia_trace::measure::Quantity;
use std::sync::Arc;

/// Makes maps of traces and draws them.
///
/// In a window, [`Self::maps`] once for each place that has a view of its own; then, each frame, [`Self::update`] where the
/// view changed (and [`Self::update_difference`] where maps of it are shown), [`Self::prepare`] for each pane, and
/// [`Self::paint`] in the render pass. Off-screen: [`Self::measure`], then [`Self::render_to_image`] or
/// [`Self::read_map`].
pub struct MapRenderer {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) pipelines: Pipelines,
    pub(crate) faults: Faults,
    format: wgpu::TextureFormat,
}

/// One map on the screen: how it is drawn, and what from.
#[derive(Debug)]
pub struct Pane {
    pub(crate) paint: wgpu::Buffer,
    pub(crate) bind: wgpu::BindGroup,
    photo: Option<GpuPhoto>,
}

impl MapRenderer {
    /// Builds the pipelines for drawing to targets of `format` without depth and with one sample to a pixel.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if the device was opened with limits that are too low (take the adapter's own).
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, format: wgpu::TextureFormat) -> Result<Self> {
        if let Some(reason) = obstacle_in(&device.limits()) {
            return Err(Error::NoDevice { adapter: device.adapter_info().name, reason });
        }
        let pipelines = Pipelines::new(device, queue, format)?;
        Ok(Self { device: device.clone(), queue: queue.clone(), pipelines, faults: Faults::default(), format })
    }

    /// Lets every call end in [`Error::DeviceLost`] once `faults`, which watch the renderer's device, say so. Without
    /// them, calls on a lost device do nothing or fail with the driver's words.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Puts a trace on the device.
    ///
    /// # Errors
    /// [`Error::Trace`] if its sizes disagree or a value is no probability, [`Error::TooLarge`], [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`].
    pub fn upload_trace(&self, data: &TraceData<'_>) -> Result<GpuTrace> {
        self.faults.check_device()?;
        GpuTrace::upload(&self.device, &self.queue, data, Numbers::Probabilities)
    }

    /// Puts plain values on the device, as a trace of one encoder whose [`Quantity::Share`] they are: measure
    /// `MapView::of(Quantity::Share)` and draw encoder 0. Other quantities say nothing about values.
    ///
    /// # Errors
    /// [`Error::Trace`] if the sizes disagree or a value is not finite, [`Error::TooLarge`],
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn upload_grid(&self, grid: &GridData<'_>) -> Result<GpuTrace> {
        self.faults.check_device()?;
        grid.upload(&self.device, &self.queue)
    }

    /// Puts a photo on the device, given as rows of RGB. One that exceeds the device's textures is halved until it
    /// fits.
    ///
    /// # Errors
    /// [`Error::Photo`] if the number of bytes is not `width · height · 3`, [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn upload_photo(&self, rgb: &[u8], width: u32, height: u32) -> Result<GpuPhoto> {
        self.faults.check_device()?;
        GpuPhoto::upload(&self.device, &self.queue, rgb, width, height)
    }

    /// Maps of `trace` that hold nothing yet: [`Self::update`] measures views in them.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn maps(&self, trace: &GpuTrace) -> Result<MapSet> {
        self.faults.check_device()?;
        let (grid, _) = MapSet::plan(&trace.shape, &MapView::of(Quantity::Share))?;
        let buffers = Buffers::new(self, &trace.shape)?;
        checked(&self.device, || {
            let inputs = [&buffers.view, &trace.info, &trace.layers, &trace.probs, &trace.masks, &buffers.texels];
            let fill = Fill::Trace(Pipelines::bind_compute(&self.device, &self.pipelines.reduce, &inputs));
            buffers.into_maps(self, &trace.shape, grid, fill)
        })
    }

    /// Measures `view` in `maps`, which [`Self::maps`] made, within the caller's frame. Once a submission at most for the
    /// same maps: the view's numbers are written before any of the submission's passes run.
    ///
    /// # Errors
    /// [`Error::View`] if the trace has no such layer, head or cell, or the maps are a difference; the maps stay as they
    /// were. [`Error::DeviceLost`].
    pub fn update(&self, encoder: &mut wgpu::CommandEncoder, maps: &mut MapSet, view: &MapView) -> Result<()> {
        self.faults.check_device()?;
        if let Fill::Difference { .. } = maps.fill {
            return Err(Error::View("these maps are a difference of others, not of a trace".to_owned()));
        }
        let (grid, info) = MapSet::plan(&maps.shape, view)?;
        maps.grid = grid;
        self.record(encoder, maps, &info);
        Ok(())
    }

    /// Measures `view` on `trace`: [`Self::update`] on fresh maps, submitted.
    ///
    /// # Errors
    /// Those of [`Self::maps`] and [`Self::update`].
    pub fn measure(&self, trace: &GpuTrace, view: &MapView) -> Result<MapSet> {
        let mut maps = self.maps(trace)?;
        self.submit(|encoder| self.update(encoder, &mut maps, view))?;
        Ok(maps)
    }

    /// Maps of `a` − `b` that hold nothing yet: [`Self::update_difference`] takes it.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn difference_maps(&self, a: &MapSet, b: &MapSet) -> Result<MapSet> {
        self.faults.check_device()?;
        let buffers = Buffers::new(self, &a.shape)?;
        checked(&self.device, || {
            let inputs = [&buffers.view, &a.texels, &b.texels, &buffers.texels];
            let bind = Pipelines::bind_compute(&self.device, &self.pipelines.difference, &inputs);
            let fill = Fill::Difference { bind, of: [a.texels.clone(), b.texels.clone()] };
            buffers.into_maps(self, &a.shape, a.grid.clone(), fill)
        })
    }

    /// Takes `a` − `b`, as they are at this point of the caller's frame, in `maps` that [`Self::difference_maps`] made of
    /// them; on a range that is symmetric about 0, for [`crate::ColourMap::Diverging`]. Once a submission at most for the
    /// same maps.
    ///
    /// # Errors
    /// [`Error::View`] if `a` and `b` differ in quantity, grid or encoders, or the maps are not of these two; they stay as
    /// they were. [`Error::DeviceLost`].
    pub fn update_difference(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        maps: &mut MapSet,
        (a, b): (&MapSet, &MapSet),
        normalisation: Normalisation,
    ) -> Result<()> {
        self.faults.check_device()?;
        match &maps.fill {
            Fill::Difference { of: [minuend, subtrahend], .. } if *minuend == a.texels && *subtrahend == b.texels => {}
            _ => return Err(Error::View("these maps are not the difference of those two".to_owned())),
        }
        let (grid, info) = MapSet::plan_difference(a, b, normalisation)?;
        maps.grid = grid;
        self.record(encoder, maps, &info);
        Ok(())
    }

    /// `a` − `b`: [`Self::update_difference`] on fresh maps, submitted.
    ///
    /// # Errors
    /// Those of [`Self::difference_maps`] and [`Self::update_difference`].
    pub fn difference(&self, a: &MapSet, b: &MapSet, normalisation: Normalisation) -> Result<MapSet> {
        let mut maps = self.difference_maps(a, b)?;
        self.submit(|encoder| self.update_difference(encoder, &mut maps, (a, b), normalisation))?;
        Ok(maps)
    }

    /// Makes a place to draw a map of `maps` over `photo`.
    ///
    /// # Errors
    /// [`Error::View`] if the photo is not of the size that the trace was made from, [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`].
    pub fn pane(&self, maps: &MapSet, photo: Option<&GpuPhoto>) -> Result<Pane> {
        self.faults.check_device()?;
        let TraceShape { image_width, image_height, .. } = *maps.shape;
        if let Some(GpuPhoto { width, height, .. }) = photo
            && (*width, *height) != (image_width, image_height)
        {
            return Err(Error::View(format!(
                "the photo has {width} × {height} pixels, the trace was made from one of {image_width} × {image_height}; give that one"
            )));
        }
        checked(&self.device, || {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let paint = buffer(&self.device, "paint", size_of::<PaintInfo>() as u64, usage);
            let texture = photo.map_or(&self.pipelines.no_photo, |photo| &photo.view);
            let bind = self.pipelines.bind_paint(&self.device, [&paint, &maps.texels, &maps.scales], texture);
            Pane { paint, bind, photo: photo.cloned() }
        })
    }

    /// Sets what `pane` draws: the map of `encoder` (any number for quantities that have one map for all), into the
    /// rectangle `(left, top, width, height)` of the target, in its pixels. Parts of the rectangle may lie outside of the
    /// target. Once a submission at most for the same pane.
    ///
    /// # Errors
    /// [`Error::View`] if there is no such encoder or hovered cell or the look's numbers make no picture, [`Error::DeviceLost`].
    pub fn prepare(&self, pane: &Pane, maps: &MapSet, encoder: usize, look: &Look, target: [f32; 4]) -> Result<()> {
        self.prepare_for(pane, maps, encoder, look, target, self.format)
    }

    /// Draws a prepared pane into the pass's viewport, which must be the rectangle that [`Self::prepare`] was given, or
    /// what of it lies on the target: the picture keeps its place and size, the viewport only cuts.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, pane: &Pane) {
        draw(pass, &self.pipelines.blend, pane);
    }

    pub(crate) fn prepare_for(
        &self,
        pane: &Pane,
        maps: &MapSet,
        encoder: usize,
        look: &Look,
        target: [f32; 4],
        format: wgpu::TextureFormat,
    ) -> Result<()> {
        self.faults.check_device()?;
        let slot = maps.grid.slot(encoder)?;
        let [left, top, width, height] = target;
        let positive = [width, height, look.shown.width, look.shown.height, look.line_px];
        let finite = [left, top, look.shown.left, look.shown.top, look.opacity];
        if !positive.iter().all(|x| *x > 0.0 && x.is_finite()) || !finite.iter().all(|x| x.is_finite()) {
            return Err(Error::View(format!("{look:?} on a target of {width} × {height} pixels makes no picture")));
        }
        let categorical = maps.grid.quantity == Quantity::Dominant;
        let Rect { left: shown_left, top: shown_top, width: shown_width, height: shown_height } = look.shown;
        let photo = maps.shape.photo();
        let focus = maps.grid.focus.cell();
        let window_of = maps.shape.encoders.get(encoder).filter(|_| look.token_grid);
        let [r, g, b] = look.background.map(|byte| f32::from(byte) / 255.0);
        let drawn = [
            (pane.photo.is_some(), DRAW_PHOTO),
            (look.grey_photo, DRAW_GREY_PHOTO),
            (focus.is_some(), DRAW_OUTLINE),
            (look.hover.is_some(), DRAW_HOVER),
            (look.cell_grid, DRAW_RULED_CELLS),
            (window_of.is_some(), DRAW_RULED_TOKENS),
            (categorical, DRAW_CATEGORIES),
            (look.filter == Filter::Bilinear && !categorical, DRAW_BILINEAR),
            (format.is_srgb(), DRAW_DECODED),
        ];
        let paint = PaintInfo {
            shown: [shown_left, shown_top, shown_width / width, shown_height / height],
            photo: [photo.left, photo.top, photo.width, photo.height],
            outline: maps.grid.outline(focus)?,
            hover: maps.grid.outline(look.hover)?,
            background: [r, g, b, 1.0],
            target_origin: [left, top],
            line_px: look.line_px,
            opacity: look.opacity.clamp(0.0, 1.0),
            slot: slot as u32,
            slot_start: slot as u32 * maps.grid.stride(),
            side: maps.grid.sides[slot],
            colour_row: if categorical { ENCODER_ROW } else { look.colour_map.row() },
            photo_level: pane.photo.as_ref().map_or(0, |on| on.level_for(photo.width / shown_width * width)),
            drawn: drawn.iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum(),
            ruled_cells: maps.grid.cell_side as f32,
            ruled_tokens: window_of.map_or(0.0, |encoder| encoder.side as f32),
        };
        self.queue.write_buffer(&pane.paint, 0, bytemuck::bytes_of(&paint));
        Ok(())
    }

    /// Submits what `record` records.
    fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder) -> Result<()>) -> Result<()> {
        checked(&self.device, || {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            record(&mut encoder)?;
            self.queue.submit([encoder.finish()]);
            Ok(())
        })?
    }

    /// Fills the texels, then finds their ranges.
    fn record(&self, encoder: &mut wgpu::CommandEncoder, maps: &MapSet, info: &ViewInfo) {
        self.queue.write_buffer(&maps.view, 0, bytemuck::bytes_of(info));
        let (pipeline, bind) = match &maps.fill {
            Fill::Trace(bind) => (&self.pipelines.reduce, bind),
            Fill::Difference { bind, .. } => (&self.pipelines.difference, bind),
        };
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bind, &[]);
        pass.dispatch_workgroups(info.slot_stride.div_ceil(WORKGROUP), info.slots, 1);
        pass.set_pipeline(&self.pipelines.scale);
        pass.set_bind_group(0, &maps.scale, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }
}

/// Draws `pane` over the viewport of `pass`.
pub(crate) fn draw(pass: &mut wgpu::RenderPass<'_>, pipeline: &wgpu::RenderPipeline, pane: &Pane) {
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, &pane.bind, &[]);
    pass.draw(0..3, 0..1);
}

pub(crate) fn buffer(device: &wgpu::Device, label: &str, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
}

/// The buffers of a [`MapSet`], before it is known what fills them.
struct Buffers {
    view: wgpu::Buffer,
    texels: wgpu::Buffer,
    scales: wgpu::Buffer,
}

impl Buffers {
    fn new(renderer: &MapRenderer, shape: &TraceShape) -> Result<Self> {
        let texel_bytes = MapSet::texel_bytes(&renderer.device, shape)?;
        checked(&renderer.device, || {
            use wgpu::BufferUsages as Usage;
            let device = &renderer.device;
            let result = Usage::STORAGE | Usage::COPY_SRC;
            Self {
                view: buffer(device, "view", size_of::<ViewInfo>() as u64, Usage::STORAGE | Usage::COPY_DST),
                texels: buffer(device, "texels", texel_bytes, result),
                scales: buffer(device, "scales", MapSet::scale_bytes(shape), result),
            }
        })
    }

    fn into_maps(self, renderer: &MapRenderer, shape: &Arc<TraceShape>, grid: Grid, fill: Fill) -> MapSet {
        let Self { view, texels, scales } = self;
        let buffers = [&view, &texels, &scales];
        let scale = Pipelines::bind_compute(&renderer.device, &renderer.pipelines.scale, &buffers);
        MapSet { shape: Arc::clone(shape), grid, view, texels, scales, fill, scale }
    }
}
