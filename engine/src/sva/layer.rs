//! One SVA cross-attention layer (docs/model.md §7): the same for connector and samplers, apart from the query's width.

use super::HEADS;
use super::shuffle::{Matrix, Shuffles};
use super::window_attention::{mix, probabilities, window_attention};
use super::windows::Windows;
use crate::checkpoint::Loader;
use crate::error::Result;
use crate::nn::{Activation, LayerNorm, Linear, add_bias, residual};
use crate::observe::{Observer, Site, SvaLayer, show};
use candle_core::{D, Tensor};

/// `Sequential(LayerNorm, Linear)`: how queries, keys and values are made.
#[derive(Debug, Clone)]
struct NormedLinear {
    norm: LayerNorm,
    linear: Linear,
}

impl NormedLinear {
    fn new(width: usize, loader: &Loader<'_>) -> Result<Self> {
        Ok(Self { norm: loader.layer_norm("0", width, NORM_EPS)?, linear: loader.linear("1", width, width, false)? })
    }

    fn forward(&self, x: &Tensor, shuffles: &Shuffles<'_>, matrix: Matrix) -> Result<Tensor> {
        self.linear.forward(&shuffles.columns(matrix, &self.norm.forward(x)?)?)
    }
}

/// Epsilon of every layer norm in the SVA and in the projectors.
pub(crate) const NORM_EPS: f64 = 1e-5;

/// One encoder's part in a layer.
#[derive(Debug, Clone)]
struct Source {
    /// `[r², C]`, only for windows of more than one token.
    pos_embed: Option<Tensor>,
    key: NormedLinear,
    value: NormedLinear,
}

/// A cross-attention layer: one query a cell, keys and values from that cell's windows in all encoders.
#[derive(Debug, Clone)]
pub struct CrossAttentionLayer {
    proj_context: Linear,
    proj_in: Linear,
    norm: LayerNorm,
    linear_1: Linear,
    linear_2: Linear,
    query: NormedLinear,
    sources: Vec<Source>,
    output: Linear,
}

impl CrossAttentionLayer {
    /// Reads a layer with queries of width `query_width`, SVA width `width` (`C`), and a window side `r_k` for each
    /// encoder.
    pub fn new(query_width: usize, width: usize, window_sides: &[usize], loader: &Loader<'_>) -> Result<Self> {
        let attention = loader.pp("cross_attn");
        let sources = window_sides
            .iter()
            .enumerate()
            .map(|(k, &r)| {
                Ok(Source {
                    pos_embed: (r > 1)
                        .then(|| loader.tensor(&format!("pos_embed_{k}"), &[r * r, width]))
                        .transpose()?,
                    key: NormedLinear::new(width, &attention.pp(format!("k_proj_{k}")))?,
                    value: NormedLinear::new(width, &attention.pp(format!("v_proj_{k}")))?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            proj_context: loader.linear("proj_context", width, width, false)?,
            proj_in: loader.linear("proj_in", query_width + width, width, false)?,
            norm: loader.layer_norm("norm", width, NORM_EPS)?,
            linear_1: loader.linear("proj_out.linear_1", width, width, false)?,
            linear_2: loader.linear("proj_out.linear_2", width, query_width, false)?,
            query: NormedLinear::new(width, &attention.pp("q_proj"))?,
            sources,
            output: attention.linear("o_proj", width, width, false)?,
        })
    }

    /// `queries`: `[cells, query_width]`, one for each cell of `windows` → the same shape, residual included.
    ///
    /// A layer that `windows` skip computes nothing, and nothing of it is seen.
    pub fn forward(
        &self,
        queries: &Tensor,
        windows: &Windows,
        name: SvaLayer,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        if windows.within.skip {
            return Ok(queries.clone());
        }
        let shuffles = Shuffles::of(&windows.within, name);
        let cells = queries.dims()[0];
        let context = shuffles.columns(Matrix::Context, &windows.context.unsqueeze(0)?)?;
        let context = self.proj_context.forward(&context)?;
        let context = context.expand((cells, context.dims()[1]))?;
        let x = shuffles.columns(Matrix::In, &Tensor::cat(&[queries, &context], 1)?)?;
        let x = self.proj_in.forward(&x)?;

        let mut keys = Vec::with_capacity(self.sources.len());
        let mut values = Vec::with_capacity(self.sources.len());
        for (k, (source, tokens)) in self.sources.iter().zip(&windows.tokens).enumerate() {
            let tokens = match &source.pos_embed {
                Some(pos_embed) => at_places(tokens, pos_embed)?,
                None => tokens.clone(),
            };
            let tokens = tokens.flatten(0, 1)?;
            keys.push(source.key.forward(&tokens, &shuffles, Matrix::Key(k))?);
            values.push(source.value.forward(&tokens, &shuffles, Matrix::Value(k))?);
        }
        let query = self.query.forward(&x, &shuffles, Matrix::Query)?;
        let rewritten = observer.rewrites(Site::SvaProbs(name));
        let (mixed, probs) = if rewritten || shuffles.attention_is_shuffled() {
            let probs = probabilities(&query, &keys, &windows.mask, HEADS)?;
            let mut probs = shuffles.attention(probs, &windows.mask)?;
            if rewritten {
                probs = observer.rewrite(Site::SvaProbs(name), probs)?;
            }
            (mix(&probs, &values)?, probs)
        } else {
            window_attention(&query, &keys, &values, &windows.mask, HEADS)?
        };
        let mixed = silence(mixed, &windows.within.silent_heads)?;
        let attended = self.output.forward(&shuffles.columns(Matrix::Output, &mixed)?)?;
        show(observer, Site::SvaMask(name), &windows.mask)?;
        show(observer, Site::SvaProbs(name), &probs)?;
        show(observer, Site::SvaAttnOut(name), &attended)?;
        show(observer, Site::SvaLayerIn(name), queries)?;
        if observer.wants(Site::SvaKeyVectors(name)) {
            let vectors = self.key_vectors(&values, &probs, (&windows.within.silent_heads, &shuffles))?;
            observer.observe(Site::SvaKeyVectors(name), &vectors)?;
        }

        let x = self.norm.forward(&residual(&attended, x, None)?)?;
        let x = self.linear_1.forward_then(&shuffles.columns(Matrix::Hidden, &x)?, Activation::Gelu)?;
        let x = self.linear_2.forward(&shuffles.columns(Matrix::Out, &x)?)?;
        let out = residual(queries, x, None)?;
        show(observer, Site::SvaLayerOut(name), &out)?;
        Ok(out)
    }

    /// What each key writes, `[cells, K, C]`: its value, weighted by each head's probability for it, through `o_proj`.
    ///
    /// `values`: `[cells · r_k², C]` of each encoder; `probs`: `[cells, heads, K]`.
    fn key_vectors(
        &self,
        values: &[Tensor],
        probs: &Tensor,
        (silent_heads, shuffles): (&[usize], &Shuffles<'_>),
    ) -> Result<Tensor> {
        let (cells, heads, keys) = probs.dims3()?;
        let width = self.output.output_size();
        let of_cells = values.iter().map(|v| v.reshape((cells, v.dims()[0] / cells, width)));
        let values = Tensor::cat(&of_cells.collect::<candle_core::Result<Vec<_>>>()?, 1)?;
        let by_head = values.reshape((cells, keys, heads, width / heads))?;
        let weights = probs.transpose(1, 2)?.unsqueeze(3)?.to_dtype(values.dtype())?;
        let weighted = by_head.broadcast_mul(&weights)?.reshape((cells * keys, width))?;
        let weighted = shuffles.columns(Matrix::Output, &silence(weighted, silent_heads)?)?;
        Ok(self.output.forward(&weighted)?.reshape((cells, keys, width))?)
    }
}

/// `tokens` `[cells, r², C]`, each with what stands for its place in the window, `pos_embed` `[r², C]`.
fn at_places(tokens: &Tensor, pos_embed: &Tensor) -> Result<Tensor> {
    // A copy: the next layer reads `tokens` too, and the sums take the place of what is added to.
    let sums = add_bias(tokens.copy()?.flatten(1, 2)?, &pos_embed.flatten_all()?)?;
    Ok(sums.reshape(tokens.shape())?)
}

/// `mixed` `[…, C]`, the heads' outputs side by side, with those of `heads` zero.
fn silence(mixed: Tensor, heads: &[usize]) -> Result<Tensor> {
    if heads.is_empty() {
        return Ok(mixed);
    }
    let width = mixed.dim(D::Minus1)?;
    let head_width = width / HEADS;
    let keep: Vec<f32> = (0..width).map(|at| if heads.contains(&(at / head_width)) { 0.0 } else { 1.0 }).collect();
    let keep = Tensor::from_vec(keep, width, mixed.device())?.to_dtype(mixed.dtype())?;
    Ok(mixed.broadcast_mul(&keep)?)
}
