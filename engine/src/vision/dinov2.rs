//! DINOv2 in Hugging Face's layout (docs/model.md §4.3): class token, layer scales, SwiGLU in the giant model, positions
//! interpolated to the input's grid.

use super::preprocess::PixelSpec;
use super::vit::{Attention, Block, Mlp, PatchEmbedding, Projections, Vit};
use super::{MAX_WIDTH, activation, dimension, heads_divide, layers_possible, patch_grid, stored_shape};
use crate::checkpoint::Loader;
use crate::checkpoint::json::JsonFile;
use crate::error::Result;
use crate::nn::Activation;
use candle_core::{DType, Device, Tensor};
use std::path::Path;

const POSITIONS: &str = "embeddings.position_embeddings";

/// Reads the encoder in `dir`, for inputs of side `res` or else of the side it was configured for.
pub(super) fn load(dir: &Path, loader: &Loader<'_>, res: Option<usize>) -> Result<(Vit, PixelSpec)> {
    let config = JsonFile::read(&dir.join("config.json"))?;
    let processor = JsonFile::read(&dir.join("preprocessor_config.json"))?;
    let width = dimension(&config, "hidden_size", 768)?;
    let heads = dimension(&config, "num_attention_heads", 12)?;
    let patch = dimension(&config, "patch_size", 16)?;
    let layers = config.usize("num_hidden_layers")?.unwrap_or(12);
    let eps = config.f64("layer_norm_eps")?.unwrap_or(1e-6);
    let bias = config.bool("qkv_bias")?.unwrap_or(true);
    layers_possible(&config, "num_hidden_layers", layers)?;
    heads_divide(config.file(), "num_attention_heads", width, heads)?;
    let mlp = MlpShape::read(&config, width)?;

    let size = match res {
        Some(res) => res,
        None => config.usize("image_size")?.unwrap_or(224),
    };
    let pixels = PixelSpec::hugging_face(&processor, "size", size)?;
    let grid = patch_grid(&config, "patch_size", pixels.size, patch)?;
    let [_, rows, stored_width] = stored_shape(loader, POSITIONS)?;
    let trained = rows.saturating_sub(1).isqrt();
    if trained == 0 || trained * trained + 1 != rows || stored_width != width {
        return Err(loader
            .refusal(POSITIONS, "these are not the positions of a square grid and a class token")
            .expected(format!("[1, n² + 1, {width}]"))
            .into());
    }

    let embeddings = loader.pp("embeddings");
    let patches = PatchEmbedding::load(&embeddings, "patch_embeddings.projection", [width, 3, patch], true)?;
    let class = embeddings.tensor("cls_token", &[1, 1, width])?.squeeze(0)?;
    let positions = embeddings.tensor("position_embeddings", &[1, rows, width])?.squeeze(0)?;
    let positions = if trained == grid { positions } else { interpolate(&positions, trained, grid)? };
    let mut blocks = Vec::new();
    for layer in 0..layers {
        let loader = loader.pp("encoder.layer").pp(layer);
        let project = |name: &str| loader.linear(&format!("attention.attention.{name}"), width, width, bias);
        blocks.push(Block {
            norm1: loader.layer_norm("norm1", width, eps)?,
            attention: Attention {
                input: Projections::Separate([project("query")?, project("key")?, project("value")?]),
                output: loader.linear("attention.output.dense", width, width, true)?,
                heads,
            },
            norm2: loader.layer_norm("norm2", width, eps)?,
            mlp: mlp.load(&loader.pp("mlp"), width)?,
            scales: Some([
                loader.tensor("layer_scale1.lambda1", &[width])?,
                loader.tensor("layer_scale2.lambda1", &[width])?,
            ]),
        });
    }
    let norm = Some(loader.layer_norm("layernorm", width, eps)?);
    Ok((Vit { patches, class: Some(class), positions, pre_norm: None, blocks, norm }, pixels))
}

/// Which MLP the blocks have, and its inner width.
enum MlpShape {
    SwiGlu(usize),
    Plain(usize, Activation),
}

impl MlpShape {
    fn read(config: &JsonFile, width: usize) -> Result<Self> {
        let ratio = config.f64("mlp_ratio")?.unwrap_or(4.0);
        let inner = width as f64 * ratio;
        if !(1.0..=MAX_WIDTH as f64).contains(&inner) {
            return Err(config
                .refusal("mlp_ratio", "no MLP has this width")
                .expected("a small positive number")
                .into());
        }
        let inner = inner as usize;
        Ok(if config.bool("use_swiglu_ffn")?.unwrap_or(false) {
            Self::SwiGlu(((inner as f64 * 2.0 / 3.0) as usize).next_multiple_of(8))
        } else {
            Self::Plain(inner, activation(config, "hidden_act", "gelu")?)
        })
    }

    fn load(&self, loader: &Loader<'_>, width: usize) -> Result<Mlp> {
        Ok(match *self {
            Self::SwiGlu(inner) => Mlp::SwiGlu {
                up: loader.linear("weights_in", width, 2 * inner, true)?,
                down: loader.linear("weights_out", inner, width, true)?,
            },
            Self::Plain(inner, activation) => Mlp::Plain {
                up: loader.linear("fc1", width, inner, true)?,
                activation,
                down: loader.linear("fc2", inner, width, true)?,
            },
        })
    }
}

/// Whether the file may hold `key` although the features do not need it.
pub(super) fn ignores(key: &str) -> bool {
    key == "embeddings.mask_token"
}

/// Interpolates the positions of a `from` × `from` grid to `to` × `to`, bicubically, in f32. The class token's comes
/// first and is kept.
///
/// `positions`: `[1 + from², D]` → `[1 + to², D]` in the same type and on the same device.
fn interpolate(positions: &Tensor, from: usize, to: usize) -> Result<Tensor> {
    let (rows, width) = positions.dims2()?;
    let class = positions.narrow(0, 0, 1)?;
    let table: Vec<f32> =
        positions.narrow(0, 1, rows - 1)?.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    let taps = taps(from, to);
    let weighted = |line: &mut [f32], values: &[f32], weight: f32| {
        for (sum, &value) in line.iter_mut().zip(values) {
            *sum += weight * value;
        }
    };
    // Along x, then along y.
    let mut narrow = vec![0.0; from * to * width];
    for (i, line) in narrow.chunks_exact_mut(width).enumerate() {
        let (y, x) = (i / to, i % to);
        for &(source, weight) in &taps[x] {
            weighted(line, &table[(y * from + source) * width..][..width], weight);
        }
    }
    let mut out = vec![0.0; to * to * width];
    for (y, rows) in out.chunks_exact_mut(to * width).enumerate() {
        for &(source, weight) in &taps[y] {
            weighted(rows, &narrow[source * to * width..][..to * width], weight);
        }
    }
    let grid = Tensor::from_vec(out, (to * to, width), &Device::Cpu)?;
    Ok(Tensor::cat(&[class, grid.to_dtype(positions.dtype())?.to_device(positions.device())?], 0)?)
}

/// The four neighbours of each of `to` places on a line of `from`, and their weights.
///
/// The reference gives the scale factor (to + 0.1) / from, not the sizes, and the interpolation uses it as given.
fn taps(from: usize, to: usize) -> Vec<[(usize, f32); 4]> {
    let factor = (to as f64 + 0.1) / from as f64;
    let inverse = (1.0 / factor) as f32;
    let last = from as isize - 1;
    (0..to)
        .map(|o| {
            let source = inverse * (o as f32 + 0.5) - 0.5;
            let base = source.floor();
            let t = source - base;
            let weights = [outer(t + 1.0), inner(t), inner(1.0 - t), outer(2.0 - t)];
            std::array::from_fn(|i| ((base as isize - 1 + i as isize).clamp(0, last) as usize, weights[i]))
        })
        .collect()
}

const A: f32 = -0.75;

/// The cubic kernel for distances up to 1.
fn inner(x: f32) -> f32 {
    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
}

/// The cubic kernel for distances from 1 to 2.
fn outer(x: f32) -> f32 {
    ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbours_of_a_place_share_it() {
        for (from, to) in [(37, 27), (10, 9), (11, 8), (4, 9), (1, 3)] {
            for (o, taps) in taps(from, to).iter().enumerate() {
                let sum: f32 = taps.iter().map(|tap| tap.1).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{from} → {to}, {o}: {sum}");
            }
        }
    }

    #[test]
    fn the_given_scale_factor_places_the_taps() {
        // 37 / 27.1 · 0.5 − 0.5 = 0.1826…; with 37 / 27 it would be 0.1851….
        let first = taps(37, 27)[0];
        assert_eq!(first.map(|tap| tap.0), [0, 0, 1, 2]);
        let t = 37.0 / 27.1 * 0.5 - 0.5;
        assert!((first[1].1 - inner(t as f32)).abs() < 1e-6);
        assert!((first[1].1 - inner((37.0f64 / 27.0 * 0.5 - 0.5) as f32)).abs() > 1e-3);
    }

    #[test]
    fn equal_positions_stay_equal_and_the_class_token_is_kept() {
        let grid = Tensor::full(2.5f32, (16, 3), &Device::Cpu).unwrap();
        let class = Tensor::full(-1f32, (1, 3), &Device::Cpu).unwrap();
        let out = interpolate(&Tensor::cat(&[class, grid], 0).unwrap(), 4, 6).unwrap();
        let rows = out.to_vec2::<f32>().unwrap();
        assert_eq!(rows.len(), 37);
        assert_eq!(rows[0], [-1.0; 3]);
        assert!(rows[1..].iter().flatten().all(|v| (v - 2.5).abs() < 1e-5));
    }
}
