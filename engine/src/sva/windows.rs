//! What the cells of one frame may look at: every encoder's tokens, cut into windows, with their mask.

use super::ablation::Ablation;
use super::geometry::{self, Frame, PictureSize};
use crate::error::Result;
use candle_core::{DType, Tensor};

/// One picture as the SVA sees it: projected tokens of every encoder, their global context, and what is ablated.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Projected tokens of each encoder, `[N_k, C]`, ablated features already replaced.
    tokens: Vec<Tensor>,
    /// Mean of encoder 0's tokens, `[C]`; zeros if ablated.
    context: Tensor,
    picture: PictureSize,
    ablation: Ablation,
}

impl Scene {
    /// `tokens`: projected tokens of each encoder, `[N_k, C]`, of a picture of size `picture`.
    pub fn new(tokens: &[Tensor], picture: PictureSize, ablation: Ablation) -> Result<Self> {
        ablation.check(tokens.len())?;
        let tokens: Vec<Tensor> = tokens
            .iter()
            .enumerate()
            .map(|(k, t)| if ablation.zeroes(k) { t.zeros_like() } else { Ok(t.clone()) })
            .collect::<candle_core::Result<_>>()?;
        let context = tokens[0].to_dtype(DType::F32)?.mean(0)?.to_dtype(tokens[0].dtype())?;
        let context = if ablation.drops_context() { context.zeros_like()? } else { context };
        Ok(Self { tokens, context, picture, ablation })
    }

    /// Mean of encoder 0's projected tokens, padding included (spec §5): `[C]`.
    pub fn context(&self) -> &Tensor {
        &self.context
    }

    /// Size of the original picture.
    pub fn picture(&self) -> PictureSize {
        self.picture
    }

    /// Cuts every encoder's tokens into the windows of `frame`'s cells.
    pub fn windows(&self, frame: &Frame) -> Result<Windows> {
        let cells = frame.size_hw().0 * frame.size_hw().1;
        let mut tokens = Vec::with_capacity(self.tokens.len());
        let mut masks = Vec::with_capacity(self.tokens.len());
        for (k, all) in self.tokens.iter().enumerate() {
            let (count, width) = all.dims2()?;
            let side = count.isqrt();
            let r = side / frame.side;
            let index = geometry::window_tokens(side, frame.side, frame.cells_in_padded());
            let index = Tensor::from_vec(index, cells * r * r, all.device())?;
            tokens.push(all.index_select(&index, 0)?.reshape((cells, r * r, width))?);
            let mut mask = geometry::window_mask(side, frame.side, frame.cells_in_padded(), self.picture);
            if self.ablation.masks(k) {
                mask.fill(false);
            }
            masks.push(mask);
        }
        let keys: usize = tokens.iter().map(|t| t.dims()[1]).sum();
        let mut mask = Vec::with_capacity(cells * keys);
        for cell in 0..cells {
            for (tokens, flags) in tokens.iter().zip(&masks) {
                let r2 = tokens.dims()[1];
                mask.extend(flags[cell * r2..(cell + 1) * r2].iter().map(|&flag| u8::from(flag)));
            }
        }
        let mask = Tensor::from_vec(mask, (cells, keys), self.context.device())?;
        Ok(Windows { tokens, mask, context: self.context.clone() })
    }
}

/// The windows of the cells of one frame. Cells are in the frame's row-major order.
#[derive(Debug, Clone)]
pub struct Windows {
    /// `[cells, r_k², C]` for each encoder.
    pub tokens: Vec<Tensor>,
    /// `[cells, K]` u8, 1 where a key may be attended; `K = Σ r_k²`, encoders in order.
    pub mask: Tensor,
    /// Global context `[C]`, the same for every cell.
    pub context: Tensor,
}
