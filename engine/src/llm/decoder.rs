//! The decoder: embeddings in, hidden states and logits out.

use super::attention::{Pass, SelfAttention, causal_mask};
use super::cache::KvCache;
use super::mlp::Mlp;
use super::rotary::Rotary;
use crate::checkpoint::{DecoderConfig, Loader, Part};
use crate::error::Result;
use crate::job::Meter;
use crate::nn::{Linear, RmsNorm, Weight, residual};
use crate::observe::{Observer, Site, show};
use candle_core::{DType, Device, Tensor};

/// What happens to the hidden states between two decoder layers: called after each layer with its index and `[n, H]`.
pub type BetweenLayers<'a> = dyn FnMut(usize, Tensor, &mut dyn Observer) -> Result<Tensor> + 'a;

/// One decoder layer.
#[derive(Debug, Clone)]
struct DecoderLayer {
    input_norm: RmsNorm,
    attention: SelfAttention,
    post_attention_norm: RmsNorm,
    mlp: Mlp,
}

/// A Llama or Phi-3 decoder.
#[derive(Debug, Clone)]
pub struct Decoder {
    config: DecoderConfig,
    /// `[V, H]`.
    embeddings: Weight,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    head: Linear,
    rotary: Rotary,
    compute: DType,
}

impl Decoder {
    /// Reads `model.*` and `lm_head` below `loader`; activations are computed as `compute`.
    pub fn new(config: &DecoderConfig, compute: DType, loader: &Loader<'_>) -> Result<Self> {
        let (hidden, eps) = (config.hidden_size, config.rms_norm_eps);
        let model = loader.pp("model");
        let layers = (0..config.layers)
            .map(|i| {
                let loader = model.pp("layers").pp(i);
                Ok(DecoderLayer {
                    input_norm: loader.rms_norm("input_layernorm", hidden, eps)?,
                    attention: SelfAttention::new(config, &loader.pp("self_attn"))?,
                    post_attention_norm: loader.rms_norm("post_attention_layernorm", hidden, eps)?,
                    mlp: Mlp::new(config, &loader.pp("mlp"))?,
                })
            })
            .collect::<Result<_>>()?;
        let precision = loader.precision();
        let table = |part| model.of(part).matrix("embed_tokens.weight", config.vocab_size, hidden);
        // A survey is made once for all formats: it asks for what any of them needs.
        let is_shared = config.tie_word_embeddings && !loader.is_survey() && !precision.weights.is_quantised();
        let embeddings = table(if is_shared { Part::Output } else { Part::Table })?;
        let head = if is_shared {
            Linear::new(embeddings.clone(), None, precision.products)
        } else if config.tie_word_embeddings {
            Linear::new(table(Part::Output)?, None, precision.products)
        } else {
            loader.of(Part::Output).linear("lm_head", hidden, config.vocab_size, false)?
        };
        Ok(Self {
            embeddings,
            layers,
            norm: model.rms_norm("norm", hidden, eps)?,
            head,
            rotary: Rotary::new(config.rope_theta, config.head_dim),
            compute,
            config: config.clone(),
        })
    }

    /// The dimensions this decoder was read with.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// An empty cache with room for `positions`.
    pub fn cache(&self, positions: usize, device: &Device) -> Result<KvCache> {
        KvCache::new(&self.config, positions, self.compute, device)
    }

    /// Embeddings of `ids`: `[n, H]` in the compute type.
    pub fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        self.embeddings.rows(ids, self.compute)
    }

    /// Runs all layers on `x` `[n, H]`, the positions after those in `cache`, and stores their keys and values.
    ///
    /// Returns the hidden states after the final norm, `[n, H]`. `meter` advances by one a layer.
    pub fn forward(
        &self,
        x: Tensor,
        cache: &mut KvCache,
        meter: &Meter<'_>,
        observer: &mut dyn Observer,
        between_layers: &mut BetweenLayers<'_>,
    ) -> Result<Tensor> {
        self.run(x, 0, cache, meter, observer, between_layers)
    }

    /// Runs what follows decoder layer `after`, beginning with what happens between it and the next one, on `x` `[n, H]`,
    /// the hidden states it gave. The keys and values of these positions in the layers up to it are taken as they stand in
    /// `cache`: whoever calls has run the same positions before and forgotten them with [`KvCache::truncate`].
    ///
    /// Otherwise as [`Decoder::forward`].
    pub fn resume(
        &self,
        x: Tensor,
        after: usize,
        cache: &mut KvCache,
        meter: &Meter<'_>,
        observer: &mut dyn Observer,
        between_layers: &mut BetweenLayers<'_>,
    ) -> Result<Tensor> {
        let x = between_layers(after, x, observer)?;
        self.run(x, after + 1, cache, meter, observer, between_layers)
    }

    /// Runs the layers from `first` on.
    fn run(
        &self,
        x: Tensor,
        first: usize,
        cache: &mut KvCache,
        meter: &Meter<'_>,
        observer: &mut dyn Observer,
        between_layers: &mut BetweenLayers<'_>,
    ) -> Result<Tensor> {
        let (n, past) = (x.dims()[0], cache.len());
        cache.reserve(past + n)?;
        let angles = self.rotary.angles(past, n, self.compute, x.device())?;
        let mask = causal_mask(past, n, self.config.sliding_window, x.device())?;
        let pass = Pass { angles: &angles, mask: mask.as_ref() };
        let mut x = x;
        for (i, layer) in self.layers.iter().enumerate().skip(first) {
            let attended = layer.attention.forward(&layer.input_norm.forward(&x)?, i, &pass, cache, observer)?;
            x = residual(&x, attended, None)?;
            x = residual(&x, layer.mlp.forward(&layer.post_attention_norm.forward(&x)?)?, None)?;
            show(observer, Site::DecoderLayer(i), &x)?;
            x = between_layers(i, x, observer)?;
            if i + 1 < self.layers.len() {
                show(observer, Site::HiddenStates(i), &x)?;
            }
            meter.advance(1)?;
        }
        cache.advance(n);
        let x = self.norm.forward(&x)?;
        show(observer, Site::HiddenStates(self.layers.len() - 1), &x)?;
        Ok(x)
    }

    /// Logits of hidden states between layers, `[n, H]` before the final norm, as if the layers after them were not there.
    pub fn logits_between(&self, hidden: &Tensor) -> Result<Tensor> {
        self.logits(&self.norm.forward(hidden)?)
    }

    /// Logits of `hidden` `[n, H]` in f32: `[n, vocabulary]`.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(self.head.forward(hidden)?.to_dtype(DType::F32)?)
    }
}
