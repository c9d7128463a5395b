//! Random traces of small models, and a device to draw them on.

use opabinia_shaders::*;

/// A trace that owns its numbers.
pub(crate) struct Trace {
    pub(crate) heads: u32,
    pub(crate) encoders: Vec<Encoder>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) size: (u32, u32),
}

pub(crate) struct Layer {
    pub(crate) side: u32,
    pub(crate) top: u32,
    pub(crate) left: u32,
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    pub(crate) probs: Vec<f32>,
    pub(crate) mask: Vec<u8>,
}

impl Trace {
    pub(crate) fn data(&self) -> TraceData<'_> {
        let layers = self.layers.iter().enumerate().map(|(i, layer)| TraceLayer {
            label: format!("layer {i}"),
            side: layer.side,
            origin_row: layer.top,
            origin_col: layer.left,
            rows: layer.rows,
            cols: layer.cols,
            probs: &layer.probs,
            mask: &layer.mask,
        });
        TraceData {
            heads: self.heads,
            encoders: self.encoders.clone(),
            layers: layers.collect(),
            image_width: self.size.0,
            image_height: self.size.1,
        }
    }
}

/// A small generator of pseudo-random numbers (xorshift64*), so that every run sees the same traces.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn unit(&mut self) -> f32 {
        (self.next() % 65_536) as f32 / 65_536.0
    }
}

/// Random probabilities of a layer: softmax of sharp logits over unmasked keys. Masks follow the reference: padding is
/// masked, a window of nothing but padding is not. Keys of `masked_out` are masked everywhere.
fn layer(random: &mut Random, trace: &Trace, side: u32, rect: [u32; 4], masked_out: Option<usize>) -> Layer {
    let [top, left, rows, cols] = rect;
    let (mut probs, mut mask) = (vec![], vec![]);
    for cell in 0..rows * cols {
        let (row, col) = (top + cell / cols, left + cell % cols);
        let mut open = vec![];
        for (k, encoder) in trace.encoders.iter().enumerate() {
            let r = encoder.side / side;
            let on_photo = |i: u32| {
                encoder.photo.rows.contains(&(row * r + i / r)) && encoder.photo.cols.contains(&(col * r + i % r))
            };
            let none = !(0..r * r).any(on_photo);
            open.extend((0..r * r).map(|i| masked_out != Some(k) && (none || on_photo(i))));
        }
        for _ in 0..trace.heads {
            let weights: Vec<f32> =
                open.iter().map(|open| if *open { (4.0 * random.unit()).exp() } else { 0.0 }).collect();
            let sum: f32 = weights.iter().sum();
            probs.extend(weights.iter().map(|w| w / sum));
        }
        mask.extend(open.iter().map(|open| u8::from(*open)));
    }
    Layer { side, top, left, rows, cols, probs, mask }
}

fn encoder(name: &str, side: u32, rows: std::ops::Range<u32>, cols: std::ops::Range<u32>) -> Encoder {
    Encoder { name: name.to_owned(), side, photo: TokenRect { rows, cols } }
}

/// A wide picture: two query groups of different sides, three samplers, four encoders, borders that cut windows.
pub(crate) fn wide(seed: u64) -> Trace {
    let mut random = Random(seed);
    let encoders = vec![
        encoder("siglip", 6, 1..5, 0..6),
        encoder("clip", 12, 3..9, 0..12),
        encoder("dinov2", 6, 1..5, 0..6),
        encoder("convnext", 24, 6..18, 0..24),
    ];
    let mut trace = Trace { heads: 16, encoders, layers: vec![], size: (80, 40) };
    for (side, rect) in [(3, [0, 0, 3, 3]), (6, [0, 0, 6, 6]), (6, [1, 0, 4, 6]), (6, [1, 0, 4, 6])] {
        let layer = layer(&mut random, &trace, side, rect, None);
        trace.layers.push(layer);
    }
    trace
}

/// A tall picture with three encoders, the second of which is masked by an intervention.
pub(crate) fn tall_masked(seed: u64) -> Trace {
    let mut random = Random(seed);
    let encoders =
        vec![encoder("clip", 8, 0..8, 2..6), encoder("siglip", 4, 0..4, 1..3), encoder("convnext", 16, 0..16, 3..13)];
    let mut trace = Trace { heads: 5, encoders, layers: vec![], size: (24, 40) };
    for rect in [[0, 0, 4, 4], [0, 1, 4, 2]] {
        let layer = layer(&mut random, &trace, 4, rect, Some(1));
        trace.layers.push(layer);
    }
    trace
}

pub(crate) fn photo(size: (u32, u32)) -> Vec<u8> {
    let mut random = Random(7);
    (0..size.0 * size.1 * 3).map(|_| random.next() as u8).collect()
}

pub(crate) fn gpu() -> Gpu {
    // Without an adapter this fails with the words that a person would see.
    Gpu::headless(&AdapterChoice::Best).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn renderer_on(gpu: &Gpu) -> MapRenderer {
    MapRenderer::new(&gpu.device, &gpu.queue, wgpu::TextureFormat::Rgba8Unorm).unwrap()
}
