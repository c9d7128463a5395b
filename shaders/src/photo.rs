//! The photo under a map: a texture with ever smaller copies of itself, so that it can be shown at any size.

use crate::error::{Error, Result};
use crate::readback::{checked, within};

/// A photo on the device.
#[derive(Debug, Clone)]
pub struct GpuPhoto {
    pub(crate) view: wgpu::TextureView,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Width of the largest copy on the device.
    stored_width: u32,
    levels: u32,
}

/// One size of a photo, RGBA.
struct Level {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Level {
    /// Half the size: each pixel is the mean of those it covers, three across where a side is odd.
    fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let covered = |at: u32, from: u32, to: u32| {
            let (at, from, to) = (u64::from(at), u64::from(from), u64::from(to));
            (at * from / to) as usize..((at + 1) * from).div_ceil(to) as usize
        };
        let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
        for row in 0..height {
            for col in 0..width {
                let (rows, cols) = (covered(row, self.height, height), covered(col, self.width, width));
                let count = (rows.len() * cols.len()) as u32;
                for channel in 0..4 {
                    let sum: u32 = rows
                        .clone()
                        .flat_map(|y| cols.clone().map(move |x| y * self.width as usize + x))
                        .map(|pixel| u32::from(self.rgba[pixel * 4 + channel]))
                        .sum();
                    rgba.push(((sum + count / 2) / count) as u8);
                }
            }
        }
        Self { width, height, rgba }
    }
}

impl GpuPhoto {
    /// The copy whose pixels come closest to those of a target on which the photo is `target_px` wide.
    pub(crate) fn level_for(&self, target_px: f32) -> u32 {
        let per_pixel = self.stored_width as f32 / target_px.max(1.0);
        (per_pixel.log2().round().max(0.0) as u32).min(self.levels - 1)
    }

    pub(crate) fn upload(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        rgb: &[u8],
        width: u32,
        height: u32,
    ) -> Result<Self> {
        let expected = u64::from(width) * u64::from(height) * 3;
        if expected == 0 || expected != rgb.len() as u64 {
            return Err(Error::Photo(format!(
                "{} bytes for {width} × {height} pixels in RGB, expected {expected}",
                rgb.len()
            )));
        }
        let largest = device.limits().max_texture_dimension_2d;
        let rgba = rgb.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
        let mut first = Level { width, height, rgba };
        while first.width.max(first.height) > largest {
            first = first.halved();
        }
        within("the photo", first.rgba.len() as u64, device.limits().max_buffer_size, "give a smaller copy of it")?;
        let stored_width = first.width;
        let levels = first.width.max(first.height).ilog2() + 1;
        checked(device, || {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: Some("photo"),
                size: wgpu::Extent3d { width: first.width, height: first.height, depth_or_array_layers: 1 },
                mip_level_count: levels,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba8Unorm,
                usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            });
            let mut level = first;
            for mip_level in 0..levels {
                if mip_level > 0 {
                    level = level.halved();
                }
                queue.write_texture(
                    wgpu::TexelCopyTextureInfo { mip_level, ..texture.as_image_copy() },
                    &level.rgba,
                    wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some(4 * level.width),
                        rows_per_image: None,
                    },
                    wgpu::Extent3d { width: level.width, height: level.height, depth_or_array_layers: 1 },
                );
            }
            let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
            Self { view, width, height, stored_width, levels }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn halving_keeps_the_mean_and_uses_every_pixel() {
        let rgba = (0..5 * 3).flat_map(|i| [i as u8 * 10, 7, 255 - i as u8, 255]).collect();
        let half = Level { width: 5, height: 3, rgba }.halved();
        assert_eq!((half.width, half.height), (2, 1));
        // Columns 0..3 and 2..5 of rows 0..3: the means of the first channel are those of columns 1 and 3.
        assert_eq!(&half.rgba, &[60, 7, 249, 255, 80, 7, 247, 255]);
    }

    #[test]
    fn a_line_halves_to_one_pixel() {
        let line = Level { width: 1, height: 2, rgba: vec![0, 10, 20, 255, 2, 20, 40, 255] };
        assert_eq!(line.halved().rgba, [1, 15, 30, 255]);
    }
}
