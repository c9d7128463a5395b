//! Watching a forward pass from inside. The model announces each value at its [`Site`]; an [`Observer`] says which
//! sites it wants and takes what it is given. What nobody wants is not computed.

use crate::error::Result;
use candle_core::Tensor;

pub use opabinia_trace::layer::SvaLayer;

/// A point of the forward pass at which a value can be seen. Shapes have no batch dimension.
///
/// `S` input side, `N` tokens of the encoder, `D` its width, `C` the SVA width, `H` the decoder width, `K` keys per
/// cell, `P` positions of the pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// `[3, S, S]`: normalised input of encoder `.0`.
    EncoderPixels(usize),
    /// `[n, D]`: tokens of ViT encoder `.0` after feature selection, before interpolation.
    EncoderRaw(usize),
    /// `[D_s, g, g]`: output of stage `stage` of ConvNeXt encoder `encoder`.
    EncoderStage {
        /// Encoder.
        encoder: usize,
        /// Stage, from 0.
        stage: usize,
    },
    /// `[N, D]`: output of encoder `.0`, interpolated to its token count.
    EncoderFeatures(usize),
    /// `[N, C]`: the same after `mm_projector_aux`.
    EncoderProj(usize),
    /// `[C]`: mean of encoder 0's projected tokens.
    GlobalContext,
    /// `[cells, K]` u8: 1 where a key may be attended.
    SvaMask(SvaLayer),
    /// `[cells, 16, K]`: attention probabilities.
    SvaProbs(SvaLayer),
    /// `[cells, C]`: output of the cross attention, after `o_proj`.
    SvaAttnOut(SvaLayer),
    /// `[cells, C or H]`: the queries an SVA layer is given.
    SvaLayerIn(SvaLayer),
    /// `[cells, K, C]`: what each key writes, `Σ_h P[c, h, j] · W_O,h V[c, j, h]`. Over all keys they sum to `SvaAttnOut`.
    SvaKeyVectors(SvaLayer),
    /// `[cells, C or H]`: output of the whole SVA layer, residual included.
    SvaLayerOut(SvaLayer),
    /// `[Q_g², C]`: output of connector group `.0`.
    ConnectorGroup(usize),
    /// `[Q², G·C]`: all groups at the final side, side by side (only when there is more than one).
    ConnectorCat,
    /// `[Q², H]`: visual tokens of the padded frame, after `mm_projector`.
    VisualTokens,
    /// `[h·(w+1), H]`: visual tokens of the unpadded frame, a newline token after each row.
    ImageTokens,
    /// `[P, H]`: input of the decoder.
    InputEmbeds,
    /// `[P, H]`: hidden states after decoder layer `.0`, before the sampler that may follow it.
    DecoderLayer(usize),
    /// `[P, H]`: hidden states after decoder layer `.0` and the sampler that follows it; for the last layer, after
    /// the final norm.
    HiddenStates(usize),
    /// `[heads, keys]`: self-attention of the last position of the pass over all positions so far, in layer `.0`.
    SelfAttentionRow(usize),
    /// `[≤ 4, V]`: logits of the last four positions of the prompt.
    PromptLogits,
    /// `[V]`: the logits that chose generated token `.0`.
    StepLogits(usize),
}

/// Takes values out of a forward pass.
pub trait Observer {
    /// Whether [`Observer::observe`] should be called for `site`.
    fn wants(&self, site: Site) -> bool;

    /// Whether the whole pass has to be computed in front of this observer, with nothing taken over from earlier
    /// questions but the encoders' features.
    fn needs_whole_pass(&self) -> bool {
        false
    }

    /// Whether [`Observer::rewrite`] should be called for `site`. Of all sites, [`Site::SvaProbs`] can be rewritten.
    fn rewrites(&self, _site: Site) -> bool {
        false
    }

    /// What the pass goes on with instead of `value` at `site`.
    ///
    /// # Errors
    /// As for [`Observer::observe`].
    fn rewrite(&mut self, _site: Site, value: Tensor) -> Result<Tensor> {
        Ok(value)
    }

    /// Takes the value at `site`. Called in the order of the computation.
    ///
    /// # Errors
    /// Whatever the observer runs into; it ends the pass.
    fn observe(&mut self, site: Site, value: &Tensor) -> Result<()>;
}

/// The observer that wants nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn wants(&self, _site: Site) -> bool {
        false
    }

    fn observe(&mut self, _site: Site, _value: &Tensor) -> Result<()> {
        Ok(())
    }
}

/// Two observers of one pass.
pub struct Both<'a>(pub &'a mut dyn Observer, pub &'a mut dyn Observer);

impl Observer for Both<'_> {
    fn wants(&self, site: Site) -> bool {
        self.0.wants(site) || self.1.wants(site)
    }

    fn needs_whole_pass(&self) -> bool {
        self.0.needs_whole_pass() || self.1.needs_whole_pass()
    }

    fn rewrites(&self, site: Site) -> bool {
        self.0.rewrites(site) || self.1.rewrites(site)
    }

    fn rewrite(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        let value = if self.0.rewrites(site) { self.0.rewrite(site, value)? } else { value };
        if self.1.rewrites(site) { self.1.rewrite(site, value) } else { Ok(value) }
    }

    fn observe(&mut self, site: Site, value: &Tensor) -> Result<()> {
        show(self.0, site, value)?;
        show(self.1, site, value)
    }
}

/// Hands `value` to `observer` if it wants `site`.
pub(crate) fn show(observer: &mut dyn Observer, site: Site, value: &Tensor) -> Result<()> {
    if observer.wants(site) { observer.observe(site, value) } else { Ok(()) }
}
