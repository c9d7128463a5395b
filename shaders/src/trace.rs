//! Traces as plain data, and their place on the device.

use crate::error::{Error, Result};
use crate::layout::{EncoderInfo, LayerInfo, MAX_ENCODERS, MAX_HEADS, MAX_LAYERS, TraceInfo};
use crate::readback::{checked, within};
use crate::view::Rect;
use bytemuck::Zeroable;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// Longest side of a token grid. The released models have 96.
const MAX_SIDE: u32 = 4096;

/// What the numbers of a layer are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Numbers {
    /// Parts of a cell's attention.
    Probabilities,
    /// Anything finite.
    Values,
}

impl Numbers {
    fn bounds(self) -> RangeInclusive<f32> {
        match self {
            // What rounding may make of 1.
            Self::Probabilities => 0.0..=1.001,
            Self::Values => f32::MIN..=f32::MAX,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Probabilities => "probability",
            Self::Values => "value that a map can show",
        }
    }
}

/// Rows and columns of a token grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRect {
    /// Rows, from the top.
    pub rows: Range<u32>,
    /// Columns, from the left.
    pub cols: Range<u32>,
}

/// One encoder, as far as its tokens are keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// The name that a person sees.
    pub name: String,
    /// Tokens in a row and in a column of its grid over the padded square.
    pub side: u32,
    /// Its tokens that are not padding, by the reference's rounding on this grid.
    pub photo: TokenRect,
}

/// One SVA layer's probabilities.
///
/// A cell's window in encoder `k` is `encoder.side / side` tokens wide. Keys are in encoder order; those of one
/// encoder are row-major inside the window.
#[derive(Debug, Clone)]
pub struct TraceLayer<'a> {
    /// The name that messages use.
    pub label: String,
    /// Cells in a row and in a column of this layer's padded frame.
    pub side: u32,
    /// First row of the padded frame that the layer covers: 0 for connector layers.
    pub origin_row: u32,
    /// First column that it covers.
    pub origin_col: u32,
    /// Rows that it covers: all for connector layers, the unpadded ones for samplers.
    pub rows: u32,
    /// Columns that it covers.
    pub cols: u32,
    /// `[rows · cols, heads, keys]`, row-major.
    pub probs: &'a [f32],
    /// `[rows · cols, keys]`: 0 where a key was masked.
    pub mask: &'a [u8],
}

/// All SVA probabilities of one forward pass.
#[derive(Debug, Clone)]
pub struct TraceData<'a> {
    /// Heads of every layer.
    pub heads: u32,
    /// Encoders in checkpoint order.
    pub encoders: Vec<Encoder>,
    /// Layers in the order of the forward pass.
    pub layers: Vec<TraceLayer<'a>>,
    /// Width of the photo in pixels. It lies in the middle of a square of its longer side.
    pub image_width: u32,
    /// Height of the photo in pixels.
    pub image_height: u32,
}

impl TraceData<'_> {
    /// Checks that all sizes agree and that the layers hold such numbers.
    fn check(&self, numbers: Numbers) -> Result<()> {
        let refuse = |message: String| Err(Error::Trace(message));
        for (what, found, most) in [
            ("encoders", self.encoders.len(), MAX_ENCODERS),
            ("layers", self.layers.len(), MAX_LAYERS),
            ("heads", self.heads as usize, MAX_HEADS),
        ] {
            if found == 0 || found > most {
                return refuse(format!("it has {found} {what}, expected 1 to {most}"));
            }
        }
        if self.image_width == 0 || self.image_height == 0 {
            return refuse(format!("its photo measures {} × {} pixels", self.image_width, self.image_height));
        }
        for Encoder { name, side, photo } in &self.encoders {
            if *side == 0 || *side > MAX_SIDE {
                return refuse(format!("encoder {name} has {side} tokens to a side, expected 1 to {MAX_SIDE}"));
            }
            if photo.rows.is_empty() || photo.cols.is_empty() || photo.rows.end > *side || photo.cols.end > *side {
                return refuse(format!(
                    "the photo covers rows {:?} and columns {:?} of encoder {name}, which has {side} of each",
                    photo.rows, photo.cols
                ));
            }
        }
        self.layers.iter().try_for_each(|layer| self.check_layer(layer, numbers))
    }

    fn check_layer(&self, layer: &TraceLayer<'_>, numbers: Numbers) -> Result<()> {
        let refuse = |message: String| Err(Error::Trace(format!("layer {}: {message}", layer.label)));
        let TraceLayer { side, origin_row, origin_col, rows, cols, .. } = *layer;
        for Encoder { name, side: tokens, .. } in &self.encoders {
            if side == 0 || tokens % side != 0 {
                return refuse(format!(
                    "its {side} cells to a side do not divide the {tokens} tokens of encoder {name}"
                ));
            }
        }
        let fits = |origin: u32, extent: u32| extent > 0 && u64::from(origin) + u64::from(extent) <= u64::from(side);
        if !fits(origin_row, rows) || !fits(origin_col, cols) {
            return refuse(format!(
                "{rows} × {cols} cells from row {origin_row}, column {origin_col} on lie outside of its {side} × {side} cells"
            ));
        }
        // At most 8 · 4096² keys and 4096² cells: within u64 with heads multiplied in.
        let keys = self.keys(layer);
        let in_mask = u64::from(rows) * u64::from(cols) * keys;
        let in_probs = in_mask * u64::from(self.heads);
        for (what, expected, found) in
            [("probabilities", in_probs, layer.probs.len()), ("mask", in_mask, layer.mask.len())]
        {
            if expected != found as u64 {
                return refuse(format!("{found} entries of {what}, expected {expected}"));
            }
        }
        let wrong = layer.probs.iter().position(|p| !numbers.bounds().contains(p));
        if let Some(at) = wrong {
            let (cell, key) = (at as u64 / keys / u64::from(self.heads), at as u64 % keys);
            return refuse(format!("{} is no {} (cell {cell}, key {key})", layer.probs[at], numbers.name()));
        }
        Ok(())
    }

    /// Keys of a cell.
    fn keys(&self, layer: &TraceLayer<'_>) -> u64 {
        self.encoders.iter().map(|encoder| u64::from(encoder.side / layer.side).pow(2)).sum()
    }
}

/// What the CPU remembers of a trace on the device.
#[derive(Debug)]
pub(crate) struct TraceShape {
    pub(crate) heads: usize,
    pub(crate) encoders: Vec<Encoder>,
    pub(crate) layer_sides: Vec<u32>,
    pub(crate) image_width: u32,
    pub(crate) image_height: u32,
}

impl TraceShape {
    /// The photo in the padded square.
    pub(crate) fn photo(&self) -> Rect {
        let side = self.image_width.max(self.image_height);
        let part = |pixels: u32| pixels as f32 / side as f32;
        Rect {
            left: part((side - self.image_width) / 2),
            top: part((side - self.image_height) / 2),
            width: part(self.image_width),
            height: part(self.image_height),
        }
    }

    /// Texels that one map may need.
    pub(crate) fn most_texels(&self) -> u64 {
        // Sides of layers divide those of encoders, so they are no longer.
        self.encoders.iter().map(|encoder| u64::from(encoder.side).pow(2)).max().unwrap_or(0)
    }
}

/// A trace on the device.
#[derive(Debug, Clone)]
pub struct GpuTrace {
    pub(crate) shape: Arc<TraceShape>,
    pub(crate) info: wgpu::Buffer,
    pub(crate) layers: wgpu::Buffer,
    pub(crate) probs: wgpu::Buffer,
    pub(crate) masks: wgpu::Buffer,
}

impl GpuTrace {
    /// The photo's place in the padded square: as [`crate::Look::shown`] it cuts the padding off.
    #[must_use]
    pub fn photo_rect(&self) -> Rect {
        self.shape.photo()
    }

    /// Encoders in checkpoint order.
    #[must_use]
    pub fn encoders(&self) -> &[Encoder] {
        &self.shape.encoders
    }

    /// Puts `data`, whose layers hold such numbers, on the device.
    pub(crate) fn upload(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        data: &TraceData<'_>,
        numbers: Numbers,
    ) -> Result<Self> {
        data.check(numbers)?;
        let mut layers = Vec::with_capacity(data.layers.len());
        let (mut probs_len, mut mask_len) = (0_u64, 0_u64);
        for layer in &data.layers {
            let start = |at: u64| u32::try_from(at).map_err(|_| Error::Trace("more than 2³² probabilities".to_owned()));
            layers.push(LayerInfo {
                side: layer.side,
                origin_row: layer.origin_row,
                origin_col: layer.origin_col,
                rows: layer.rows,
                cols: layer.cols,
                keys: start(data.keys(layer))?,
                probs_start: start(probs_len)?,
                mask_start: start(mask_len)?,
            });
            probs_len += layer.probs.len() as u64;
            mask_len += layer.mask.len() as u64;
        }
        let limits = device.limits();
        let allowed = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(u64::from(u32::MAX));
        within("the trace", probs_len * 4, allowed, "record fewer layers, or choose another adapter")?;
        let mut masks = Vec::with_capacity(mask_len as usize + 3);
        data.layers.iter().for_each(|layer| masks.extend_from_slice(layer.mask));
        masks.resize(masks.len().next_multiple_of(4), 0);

        let mut info = TraceInfo::zeroed();
        info.layers = data.layers.len() as u32;
        info.heads = data.heads;
        info.encoders = data.encoders.len() as u32;
        for (to, Encoder { side, photo, .. }) in info.encoder.iter_mut().zip(&data.encoders) {
            let photo = [photo.rows.start, photo.cols.start, photo.rows.end, photo.cols.end];
            *to = EncoderInfo { side: *side, photo, ..EncoderInfo::default() };
        }
        checked(device, || {
            use wgpu::BufferUsages as Usage;
            let buffer = |label, size: u64, usage: Usage| {
                device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(label),
                    size,
                    usage: usage | Usage::COPY_DST,
                    mapped_at_creation: false,
                })
            };
            let trace = Self {
                shape: Arc::new(TraceShape {
                    heads: data.heads as usize,
                    encoders: data.encoders.clone(),
                    layer_sides: data.layers.iter().map(|layer| layer.side).collect(),
                    image_width: data.image_width,
                    image_height: data.image_height,
                }),
                info: buffer("trace info", size_of::<TraceInfo>() as u64, Usage::STORAGE),
                layers: buffer("trace layers", size_of_val(layers.as_slice()) as u64, Usage::STORAGE),
                probs: buffer("trace probabilities", probs_len * 4, Usage::STORAGE),
                masks: buffer("trace masks", masks.len() as u64, Usage::STORAGE),
            };
            queue.write_buffer(&trace.info, 0, bytemuck::bytes_of(&info));
            queue.write_buffer(&trace.layers, 0, bytemuck::cast_slice(&layers));
            queue.write_buffer(&trace.masks, 0, &masks);
            for (layer, place) in data.layers.iter().zip(&layers) {
                queue.write_buffer(&trace.probs, u64::from(place.probs_start) * 4, bytemuck::cast_slice(layer.probs));
            }
            trace
        })
    }
}
