//! The vision transformer that SigLIP, CLIP and DINOv2 are variants of: patches, positions, pre-norm blocks.
//! The family modules know the names and numbers; the arithmetic is here.

use crate::checkpoint::Loader;
use crate::error::Result;
use crate::job::Meter;
use crate::nn::{Activation, LayerNorm, Linear, add_bias, attention, residual, swiglu};
use candle_core::{D, Tensor};

/// Cuts square patches out of a picture: a convolution whose stride is its kernel, as one matrix product.
#[derive(Debug)]
pub(super) struct PatchEmbedding {
    /// `[D, channels, side, side]`, as stored.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl PatchEmbedding {
    /// The convolution `name` to `width` channels.
    pub(super) fn load(
        loader: &Loader<'_>,
        name: &str,
        [width, channels, side]: [usize; 3],
        bias: bool,
    ) -> Result<Self> {
        let loader = loader.pp(name);
        let weight = loader.tensor("weight", &[width, channels, side, side])?;
        let bias = bias.then(|| loader.tensor("bias", &[width])).transpose()?;
        Ok(Self { weight, bias })
    }

    /// `pixels`: `[3, S, S]` → `[g², D]`, g = ⌊S / side⌋; what is left over at the right and bottom is not looked at.
    pub(super) fn planes(&self, pixels: &Tensor) -> Result<Tensor> {
        let (channels, height, width) = pixels.dims3()?;
        let side = self.side()?;
        let (rows, columns) = (height / side, width / side);
        let whole = pixels.narrow(1, 0, rows * side)?.narrow(2, 0, columns * side)?;
        let patches = whole.reshape((channels, rows, side, columns, side))?.permute((1, 3, 0, 2, 4))?;
        self.project(&patches)
    }

    /// The same with channels last. `x`: `[h, w, C]` → `[⌊h / side⌋ · ⌊w / side⌋, D]`.
    pub(super) fn channels_last(&self, x: &Tensor) -> Result<Tensor> {
        let (height, width, channels) = x.dims3()?;
        let side = self.side()?;
        let (rows, columns) = (height / side, width / side);
        let whole = x.narrow(0, 0, rows * side)?.narrow(1, 0, columns * side)?;
        let patches = whole.reshape((rows, side, columns, side, channels))?.permute((0, 2, 4, 1, 3))?;
        self.project(&patches)
    }

    /// Pixels to a side of a patch.
    pub(super) fn side(&self) -> Result<usize> {
        Ok(self.weight.dim(3)?)
    }

    /// `patches`: `[rows, columns, channels, side, side]` → `[rows · columns, D]`.
    fn project(&self, patches: &Tensor) -> Result<Tensor> {
        let (rows, columns) = (patches.dim(0)?, patches.dim(1)?);
        let weight = self.weight.flatten_from(1)?;
        let patches = patches.contiguous()?.reshape((rows * columns, weight.dim(1)?))?;
        let y = patches.matmul(&weight.t()?)?;
        match &self.bias {
            Some(bias) => add_bias(y, bias),
            None => Ok(y),
        }
    }
}

/// How an attention layer makes queries, keys and values.
#[derive(Debug)]
pub(super) enum Projections {
    /// One matrix with the rows of all three below one another.
    Joint(Linear),
    /// Query, key, value.
    Separate([Linear; 3]),
}

/// Multi-head self-attention without a mask.
#[derive(Debug)]
pub(super) struct Attention {
    pub(super) input: Projections,
    pub(super) output: Linear,
    /// Divides the width.
    pub(super) heads: usize,
}

impl Attention {
    /// `x`: `[n, D]` → `[n, D]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [q, k, v] = match &self.input {
            Projections::Joint(joint) => {
                let all = joint.forward(x)?;
                let width = all.dim(1)? / 3;
                [all.narrow(1, 0, width)?, all.narrow(1, width, width)?, all.narrow(1, 2 * width, width)?]
            }
            Projections::Separate([q, k, v]) => [q.forward(x)?, k.forward(x)?, v.forward(x)?],
        };
        let mixed = attention([&q, &k, &v], self.heads)?;
        self.output.forward(&mixed)
    }
}

/// The part of a block that looks at each token alone.
#[derive(Debug)]
pub(super) enum Mlp {
    /// `down(activation(up(x)))`.
    Plain { up: Linear, activation: Activation, down: Linear },
    /// `down(silu(a) · b)` with `[a, b] = up(x)`.
    SwiGlu { up: Linear, down: Linear },
}

impl Mlp {
    /// Width of what lies between its two matrices.
    pub(super) fn inner(&self) -> usize {
        match self {
            Self::Plain { up, .. } | Self::SwiGlu { up, .. } => up.output_size(),
        }
    }

    /// `x`: `[n, D]` → `[n, D]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Plain { up, activation, down } => down.forward(&up.forward_then(x, *activation)?),
            Self::SwiGlu { up, down } => down.forward(&swiglu(&up.forward(x)?)?),
        }
    }
}

/// A layer: `x += scale₁ · attention(norm₁ x)`, then `x += scale₂ · mlp(norm₂ x)`.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) norm1: LayerNorm,
    pub(super) attention: Attention,
    pub(super) norm2: LayerNorm,
    pub(super) mlp: Mlp,
    /// `[D]` each; absent where the family has none.
    pub(super) scales: Option<[Tensor; 2]>,
}

impl Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let scale = |which: usize| self.scales.as_ref().map(|scales| &scales[which]);
        let x = residual(x, self.attention.forward(&self.norm1.forward(x)?)?, scale(0))?;
        residual(&x, self.mlp.forward(&self.norm2.forward(&x)?)?, scale(1))
    }
}

/// A vision transformer, as far as its features need it.
#[derive(Debug)]
pub(super) struct Vit {
    pub(super) patches: PatchEmbedding,
    /// `[1, D]`: goes before the patches and is dropped from the features.
    pub(super) class: Option<Tensor>,
    /// `[tokens, D]`, the class token included.
    pub(super) positions: Tensor,
    pub(super) pre_norm: Option<LayerNorm>,
    pub(super) blocks: Vec<Block>,
    pub(super) norm: Option<LayerNorm>,
}

impl Vit {
    /// `pixels`: `[3, S, S]` → features of the patches `[g², D]`, g = ⌊S / patch⌋.
    pub(super) fn forward(&self, pixels: &Tensor, meter: &Meter<'_>) -> Result<Tensor> {
        let mut x = self.patches.planes(pixels)?;
        if let Some(class) = &self.class {
            x = Tensor::cat(&[class, &x], 0)?;
        }
        x = residual(&self.positions, x, None)?;
        if let Some(norm) = &self.pre_norm {
            x = norm.forward(&x)?;
        }
        for block in &self.blocks {
            x = block.forward(&x)?;
            meter.advance(1)?;
        }
        if self.class.is_some() {
            x = x.narrow(0, 1, x.dim(D::Minus2)? - 1)?;
        }
        match &self.norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x.contiguous()?),
        }
    }

    /// Width `D` of the features.
    pub(super) fn width(&self) -> usize {
        self.positions.dims()[1]
    }
}
