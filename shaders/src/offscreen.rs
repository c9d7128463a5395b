//! Pictures and numbers for files and tests.

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::map_set::MapSet;
use crate::photo::GpuPhoto;
use crate::pipelines::IMAGE_FORMAT;
use crate::readback::{Map, checked, read_buffer, wait, within};
use crate::renderer::{MapRenderer, buffer, draw};
use crate::view::Look;
use wgpu::BufferUsages as Usage;

const SMALLER: &str = "ask for a smaller picture";

impl MapRenderer {
    /// A renderer for pictures off-screen only.
    ///
    /// # Errors
    /// As for [`MapRenderer::new`].
    pub fn headless(gpu: &Gpu) -> Result<Self> {
        Ok(Self::new(&gpu.device, &gpu.queue, IMAGE_FORMAT)?.with_faults(gpu.faults.clone()))
    }

    /// Draws the map of `encoder` to a picture of `width` × `height` pixels: RGBA rows of sRGB-encoded bytes.
    ///
    /// # Errors
    /// [`Error::View`] if there is no such encoder or the photo is another one, [`Error::TooLarge`],
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn render_to_image(
        &self,
        maps: &MapSet,
        photo: Option<&GpuPhoto>,
        encoder: usize,
        look: &Look,
        width: u32,
        height: u32,
    ) -> Result<Vec<u8>> {
        let limits = self.device.limits();
        let side = u64::from(width.max(height));
        within("a picture's side in pixels", side, limits.max_texture_dimension_2d.into(), SMALLER)?;
        let row = 4 * width as usize;
        let padded_row = row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize);
        let bytes = padded_row as u64 * u64::from(height);
        within("the picture in bytes", bytes, limits.max_buffer_size, SMALLER)?;

        let pane = self.pane(maps, photo)?;
        self.prepare_for(&pane, maps, encoder, look, [0.0, 0.0, width as f32, height as f32], IMAGE_FORMAT)?;
        let copy = checked(&self.device, || {
            let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
            let target = self.device.create_texture(&wgpu::TextureDescriptor {
                label: Some("picture"),
                size,
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: IMAGE_FORMAT,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
                view_formats: &[],
            });
            let copy = buffer(&self.device, "picture", bytes, Usage::MAP_READ | Usage::COPY_DST);
            let view = target.create_view(&wgpu::TextureViewDescriptor::default());
            let mut commands = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = commands.begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            draw(&mut pass, &self.pipelines.blend_image, &pane);
            drop(pass);
            let layout =
                wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(padded_row as u32), rows_per_image: None };
            let to = wgpu::TexelCopyBufferInfo { buffer: &copy, layout };
            commands.copy_texture_to_buffer(target.as_image_copy(), to, size);
            self.queue.submit([commands.finish()]);
            copy
        })?;
        let padded = read_buffer(&self.device, &copy)?;
        Ok(padded.chunks_exact(padded_row).flat_map(|padded| &padded[..row]).copied().collect())
    }

    /// The map of `encoder` as numbers, exactly as the colours are made from them.
    ///
    /// # Errors
    /// [`Error::View`] if there is no such encoder, [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn read_map(&self, maps: &MapSet, encoder: usize) -> Result<Map> {
        let slot = maps.grid.slot(encoder)?;
        let mut pending = checked(&self.device, || {
            let mut commands = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let pending = self.read_later(&mut commands, maps);
            self.queue.submit([commands.finish()]);
            pending
        })??;
        wait(&self.device)?;
        let mut maps = pending.poll()?.into_iter().flatten();
        maps.nth(slot).ok_or_else(|| Error::DeviceLost("it never gave the numbers of a map".to_owned()))
    }
}
