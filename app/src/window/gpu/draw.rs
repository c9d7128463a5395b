//! One map in one frame of the window: drawn, or only measured.

use super::{MapGpu, ShownMaps};
use egui::Rect;
use egui_wgpu::{CallbackResources, CallbackTrait, ScreenDescriptor};
use opabinia_shaders::{Look, MapView};
use std::sync::Arc;

/// What a paint callback needs to draw one map.
pub struct DrawMap {
    gpu: MapGpu,
    maps: Arc<ShownMaps>,
    pane: usize,
    encoder: usize,
    view: MapView,
    look: Look,
    rect: Rect,
}

impl DrawMap {
    /// The shape that draws the map of `encoder` in `view` on the pane numbered `pane`, into `rect`.
    pub fn shape(
        gpu: &MapGpu,
        maps: &Arc<ShownMaps>,
        (pane, encoder): (usize, usize),
        view: &MapView,
        look: &Look,
        rect: Rect,
    ) -> egui::Shape {
        let draw = Self { gpu: gpu.clone(), maps: Arc::clone(maps), pane, encoder, view: *view, look: *look, rect };
        egui_wgpu::Callback::new_paint_callback(rect, draw).into()
    }
}

impl CallbackTrait for DrawMap {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        _queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        _resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let renderer = &self.gpu.renderer;
        let mut measured = self.maps.measured();
        measured.update(renderer, encoder, &self.view);
        let scale = screen.pixels_per_point;
        let edge = |points: f32| (points * scale).round();
        let (left, top) = (edge(self.rect.min.x), edge(self.rect.min.y));
        let target = [left, top, edge(self.rect.max.x) - left, edge(self.rect.max.y) - top];
        let prepared = self
            .maps
            .panes
            .get(self.pane)
            .map(|pane| renderer.prepare(pane, &measured.maps, self.encoder, &self.look, target));
        if let Some(Err(error)) = prepared {
            tracing::warn!("{error}");
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _resources: &CallbackResources,
    ) {
        if let Some(pane) = self.maps.panes.get(self.pane) {
            self.gpu.renderer.paint(pass, pane);
        }
    }
}

/// What a paint callback needs to measure maps that may be out of sight, so that their numbers come.
pub struct MeasureMaps {
    gpu: MapGpu,
    maps: Arc<ShownMaps>,
    view: MapView,
}

impl MeasureMaps {
    /// The shape that measures maps in `view` and paints nothing. egui leaves out what lies outside of what is seen: `seen` must
    /// not.
    pub fn shape(gpu: &MapGpu, maps: &Arc<ShownMaps>, view: &MapView, seen: Rect) -> egui::Shape {
        let measure = Self { gpu: gpu.clone(), maps: Arc::clone(maps), view: *view };
        egui_wgpu::Callback::new_paint_callback(seen, measure).into()
    }
}

impl CallbackTrait for MeasureMaps {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        _queue: &wgpu::Queue,
        _screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        _resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        self.maps.measured().update(&self.gpu.renderer, encoder, &self.view);
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        _pass: &mut wgpu::RenderPass<'static>,
        _resources: &CallbackResources,
    ) {
    }
}
