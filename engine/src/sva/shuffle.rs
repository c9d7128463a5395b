//! Layers that know nothing, for checks of what their maps say: matrices whose columns are shuffled, attention that is
//! shuffled among keys.
//!
//! A matrix with shuffled columns times a vector is the matrix times the vector with its numbers shuffled the other way, so
//! that weights of any form stay as they lie in memory. Each matrix keeps its numbers; what they were learned for is gone.

use super::windows::Within;
use crate::error::Result;
use crate::observe::SvaLayer;
use crate::random::Random;
use candle_core::{D, Tensor};

/// A matrix of a cross-attention layer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Matrix {
    Context,
    In,
    Query,
    Output,
    Hidden,
    Out,
    Key(usize),
    Value(usize),
}

impl Matrix {
    fn number(self) -> u64 {
        match self {
            Self::Context => 0,
            Self::In => 1,
            Self::Query => 2,
            Self::Output => 3,
            Self::Hidden => 4,
            Self::Out => 5,
            Self::Key(k) => 6 + 2 * k as u64,
            Self::Value(k) => 7 + 2 * k as u64,
        }
    }
}

/// What is shuffled in one layer.
#[derive(Debug)]
pub(super) struct Shuffles<'a> {
    within: &'a Within,
    layer: SvaLayer,
}

impl<'a> Shuffles<'a> {
    pub(super) fn of(within: &'a Within, layer: SvaLayer) -> Self {
        Self { within, layer }
    }

    /// The stream of random numbers of one part of this layer.
    fn random(&self, seed: usize, part: u64) -> Random {
        let layer = match self.layer {
            SvaLayer::Connector { group, layer } => ((group as u64) << 16) | layer as u64,
            SvaLayer::Sampler { n } => (1 << 40) | n as u64,
        };
        let mut parts = Random::stream(seed as u64);
        Random::stream(parts.next() ^ Random::stream(layer).next() ^ Random::stream(part).next().rotate_left(17))
    }

    /// What `matrix` is to be multiplied with so that it acts on `x` `[…, width]` as if its columns were shuffled.
    pub(super) fn columns(&self, matrix: Matrix, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for seed in &self.within.weight_shuffles {
            let width = x.dim(D::Minus1)?;
            let order = self.random(*seed, matrix.number()).order(width);
            let order = order.into_iter().map(|at| at as u32).collect::<Vec<_>>();
            x = x.index_select(&Tensor::from_vec(order, width, x.device())?, D::Minus1)?;
        }
        Ok(x)
    }

    pub(super) fn attention_is_shuffled(&self) -> bool {
        !self.within.attention_shuffles.is_empty()
    }

    /// `probs` `[cells, heads, K]` with those of each cell and head shuffled among its open keys; `mask`: `[cells, K]` u8.
    pub(super) fn attention(&self, mut probs: Tensor, mask: &Tensor) -> Result<Tensor> {
        if !self.attention_is_shuffled() {
            return Ok(probs);
        }
        let (cells, heads, keys) = probs.dims3()?;
        let mask: Vec<u8> = mask.flatten_all()?.to_vec1()?;
        for seed in &self.within.attention_shuffles {
            let mut random = self.random(*seed, u64::MAX);
            let mut index: Vec<u32> = Vec::with_capacity(cells * heads * keys);
            for mask in mask.chunks_exact(keys) {
                let open: Vec<usize> = (0..keys).filter(|key| mask[*key] != 0).collect();
                for _ in 0..heads {
                    let mut of_head: Vec<u32> = (0..keys as u32).collect();
                    for (to, from) in open.iter().zip(random.order(open.len())) {
                        of_head[*to] = open[from] as u32;
                    }
                    index.extend(of_head);
                }
            }
            probs = probs.gather(&Tensor::from_vec(index, (cells, heads, keys), probs.device())?, 2)?;
        }
        Ok(probs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const LAYER: SvaLayer = SvaLayer::Sampler { n: 1 };

    #[test]
    fn attention_stays_with_the_open_keys_of_its_cell_and_head() -> Result<()> {
        let (cells, heads, keys) = (3, 2, 5);
        let numbers: Vec<f32> = (0..cells * heads * keys).map(|at| at as f32).collect();
        let probs = Tensor::from_vec(numbers, (cells, heads, keys), &Device::Cpu)?;
        let mask = Tensor::new(&[[1u8, 1, 1, 1, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], &Device::Cpu)?;
        let within = Within { attention_shuffles: vec![3], ..Within::default() };
        let got = Shuffles::of(&within, LAYER).attention(probs.clone(), &mask)?;
        let rows = |tensor: &Tensor| -> Result<Vec<Vec<Vec<f32>>>> { Ok(tensor.to_vec3()?) };
        let (before, after, mask) = (rows(&probs)?, rows(&got)?, mask.to_vec2::<u8>()?);
        assert_ne!(before, after);
        for cell in 0..cells {
            for head in 0..heads {
                let (before, after) = (&before[cell][head], &after[cell][head]);
                for key in 0..keys {
                    assert!(mask[cell][key] == 1 || before[key] == after[key], "a masked key was moved");
                }
                let mut sorted = after.clone();
                sorted.sort_by(f32::total_cmp);
                assert_eq!(&sorted, before, "something was lost");
            }
        }
        Ok(())
    }

    #[test]
    fn each_matrix_of_each_layer_has_a_shuffle_of_its_own() -> Result<()> {
        let x = Tensor::arange(0f32, 64.0, &Device::Cpu)?.unsqueeze(0)?;
        let within = |seeds: &[usize]| Within { weight_shuffles: seeds.to_vec(), ..Within::default() };
        let shuffled = |seeds: &[usize], layer, matrix| -> Result<Vec<f32>> {
            Ok(Shuffles::of(&within(seeds), layer).columns(matrix, &x)?.flatten_all()?.to_vec1()?)
        };
        let one = shuffled(&[1], LAYER, Matrix::Query)?;
        assert_eq!(one, shuffled(&[1], LAYER, Matrix::Query)?);
        assert_eq!(shuffled(&[], LAYER, Matrix::Query)?, x.flatten_all()?.to_vec1::<f32>()?);
        for other in [
            shuffled(&[2], LAYER, Matrix::Query)?,
            shuffled(&[1, 2], LAYER, Matrix::Query)?,
            shuffled(&[1], LAYER, Matrix::Key(0))?,
            shuffled(&[1], SvaLayer::Sampler { n: 2 }, Matrix::Query)?,
            shuffled(&[1], SvaLayer::Connector { group: 0, layer: 1 }, Matrix::Query)?,
        ] {
            assert_ne!(one, other);
        }
        Ok(())
    }
}
