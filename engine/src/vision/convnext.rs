//! CLIP-trained ConvNeXt in timm's layout (docs/model.md §4.4): four stages, each at half the resolution of the one before.
//! Channels come last throughout, as layer norms and matrix products want them.

use super::preprocess::PixelSpec;
use super::stored_shape;
use super::vit::{Mlp, PatchEmbedding};
use crate::checkpoint::Loader;
use crate::checkpoint::json::JsonFile;
use crate::error::Result;
use crate::job::Meter;
use crate::nn::{Activation, LayerNorm, depthwise, residual};
use candle_core::Tensor;
use std::path::Path;

const CONFIG: &str = "open_clip_config.json";
const MODEL_NAME: &str = "model_cfg.vision_cfg.timm_model_name";
/// Input side unless the tower's name says `-res<N>`.
const DEFAULT_SIDE: usize = 1024;
const STEM_SIDE: usize = 4;
const DOWNSAMPLE_SIDE: usize = 2;
const KERNEL: usize = 7;
const STAGES: usize = 4;
/// About how many numbers of the fourfold wider inner layer are computed at once, 16 MB: as many as allocators keep at hand.
/// Larger pieces would be fetched from the system each time, page by page; for smaller ones the weights would be laid out more
/// often.
const INNER_AT_ONCE: usize = 4 << 20;

/// A ConvNeXt without its head.
#[derive(Debug)]
pub(super) struct ConvNext {
    stem: PatchEmbedding,
    stem_norm: LayerNorm,
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    /// Halves the resolution; the first stage has none.
    downsample: Option<(LayerNorm, PatchEmbedding)>,
    blocks: Vec<Block>,
    width: usize,
}

/// `x += gamma · mlp(norm(depthwise(x)))`.
#[derive(Debug)]
struct Block {
    /// `[C, 1, 7, 7]`.
    weight: Tensor,
    /// `[C]`.
    bias: Tensor,
    norm: LayerNorm,
    mlp: Mlp,
    /// `[C]`.
    gamma: Tensor,
}

/// The output of one stage.
pub(super) struct StageOutput {
    /// Side of the grid.
    pub(super) side: usize,
    /// `[side², C]`.
    pub(super) tokens: Tensor,
}

impl StageOutput {
    /// `[C, side, side]`.
    pub(super) fn planes(&self) -> Result<Tensor> {
        let width = self.tokens.dim(1)?;
        Ok(self.tokens.t()?.contiguous()?.reshape((width, self.side, self.side))?)
    }
}

/// Reads the encoder in `dir`, for inputs of side `res` or else 1024.
pub(super) fn load(dir: &Path, loader: &Loader<'_>, res: Option<usize>) -> Result<(ConvNext, PixelSpec)> {
    let config = JsonFile::read(&dir.join(CONFIG))?;
    let pixels = PixelSpec::open_clip(&config, "model_cfg.vision_cfg.image_size", res.unwrap_or(DEFAULT_SIDE))?;
    let smallest = STEM_SIDE * DOWNSAMPLE_SIDE.pow(STAGES as u32 - 1);
    if pixels.size < smallest {
        return Err(config
            .refusal(
                "model_cfg.vision_cfg.image_size",
                "the input asked for by `-res` in the tower's name is too small",
            )
            .expected(format!("at least {smallest} pixels"))
            .found(format!("{} pixels", pixels.size))
            .into());
    }
    let eps = match config.str(MODEL_NAME)? {
        Some(name) if name.starts_with("convnext_xxlarge") => 1e-5,
        Some(name) if name.starts_with("convnext_") => 1e-6,
        _ => {
            let refusal = config.refusal(MODEL_NAME, "this is no ConvNeXt");
            return Err(refusal.expected("convnext_xxlarge or another convnext_…").into());
        }
    };

    let trunk = loader.pp("visual.trunk");
    let [mut width, _, _, _] = stored_shape(&trunk, "stem.0.weight")?;
    let stem = PatchEmbedding::load(&trunk, "stem.0", [width, 3, STEM_SIDE], true)?;
    let stem_norm = trunk.layer_norm("stem.1", width, eps)?;
    let mut stages = Vec::new();
    for index in 0..STAGES {
        let stage = trunk.pp("stages").pp(index);
        let downsample = if index == 0 {
            None
        } else {
            let norm = stage.layer_norm("downsample.0", width, eps)?;
            let [wider, _, _, _] = stored_shape(&stage, "downsample.1.weight")?;
            let halving = PatchEmbedding::load(&stage, "downsample.1", [wider, width, DOWNSAMPLE_SIDE], true)?;
            width = wider;
            Some((norm, halving))
        };
        let mut blocks = Vec::new();
        while stage.contains(&format!("blocks.{}.conv_dw.weight", blocks.len())) {
            let block = stage.pp("blocks").pp(blocks.len());
            let [inner, _] = stored_shape(&block, "mlp.fc1.weight")?;
            blocks.push(Block::load(&block, width, inner, eps)?);
        }
        stages.push(Stage { downsample, blocks, width });
    }
    Ok((ConvNext { stem, stem_norm, stages }, pixels))
}

/// Whether the file may hold `key` although the features do not need it: text tower, heads, logit scale.
pub(super) fn ignores(key: &str) -> bool {
    const UNUSED: [&str; 11] = [
        "visual.trunk.head.",
        "visual.head.",
        "text.",
        "transformer.",
        "token_embedding.",
        "positional_embedding",
        "ln_final.",
        "text_projection",
        "attn_mask",
        "logit_scale",
        "logit_bias",
    ];
    UNUSED.iter().any(|prefix| key.starts_with(prefix))
}

impl ConvNext {
    /// Width of each stage.
    pub(super) fn widths(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.stages.iter().map(|stage| stage.width)
    }

    /// Pixels of the input to a side of a token of the last stage.
    pub(super) fn stride(&self) -> usize {
        STEM_SIDE * DOWNSAMPLE_SIDE.pow(self.stages.len().saturating_sub(1) as u32)
    }

    /// Blocks in all.
    pub(super) fn layers(&self) -> u64 {
        self.stages.iter().map(|stage| stage.blocks.len() as u64).sum()
    }

    /// `pixels`: `[3, S, S]`; hands the output of each stage to `take`, in order.
    pub(super) fn forward(
        &self,
        pixels: &Tensor,
        meter: &Meter<'_>,
        mut take: impl FnMut(usize, StageOutput) -> Result<()>,
    ) -> Result<()> {
        let mut side = pixels.dim(2)? / STEM_SIDE;
        let mut x = self.stem_norm.forward(&self.stem.planes(pixels)?)?;
        for (index, stage) in self.stages.iter().enumerate() {
            if let Some((norm, halving)) = &stage.downsample {
                let width = x.dim(1)?;
                x = halving.channels_last(&norm.forward(&x)?.reshape((side, side, width))?)?;
                side /= DOWNSAMPLE_SIDE;
            }
            for block in &stage.blocks {
                x = block.forward(&x, side)?;
                meter.advance(1)?;
            }
            take(index, StageOutput { side, tokens: x.clone() })?;
        }
        Ok(())
    }
}

impl Block {
    fn load(loader: &Loader<'_>, width: usize, inner: usize, eps: f64) -> Result<Self> {
        Ok(Self {
            weight: loader.tensor("conv_dw.weight", &[width, 1, KERNEL, KERNEL])?,
            bias: loader.tensor("conv_dw.bias", &[width])?,
            norm: loader.layer_norm("norm", width, eps)?,
            mlp: Mlp::Plain {
                up: loader.linear("mlp.fc1", width, inner, true)?,
                activation: Activation::Gelu,
                down: loader.linear("mlp.fc2", inner, width, true)?,
            },
            gamma: loader.tensor("gamma", &[width])?,
        })
    }

    /// `x`: `[side², C]` → the same shape.
    fn forward(&self, x: &Tensor, side: usize) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        let y = depthwise(&x.reshape((side, side, width))?, &self.weight, &self.bias)?.reshape((rows, width))?;
        let pieces = (rows * self.mlp.inner()).div_ceil(INNER_AT_ONCE + INNER_AT_ONCE / 8);
        // Pieces of one size: a short last one would read all weights for a few rows.
        let at_once = rows.div_ceil(pieces.max(1)).max(1);
        for first in (0..rows).step_by(at_once) {
            let count = at_once.min(rows - first);
            let done = self.mlp.forward(&self.norm.forward(&y.narrow(0, first, count)?)?)?;
            let done = residual(&x.narrow(0, first, count)?, done, Some(&self.gamma))?;
            // What was convolved is needed no more.
            y.slice_set(&done, 0, first)?;
        }
        Ok(y)
    }
}
