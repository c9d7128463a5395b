//! The samplers: SVA layers between decoder layers, looking at the picture again with what the language model has
//! made of it so far (docs/model.md §9).

use super::Frame;
use super::layer::CrossAttentionLayer;
use super::windows::{Scene, Windows};
use crate::checkpoint::{CambrianConfig, Loader, SamplerLayout};
use crate::error::Result;
use crate::observe::{Observer, SvaLayer};
use candle_core::Tensor;

/// All samplers of a model.
#[derive(Debug, Clone)]
pub struct Samplers {
    layers: Vec<CrossAttentionLayer>,
    layout: SamplerLayout,
}

impl Samplers {
    /// Reads `vision_sampler_layers.*` below `loader`; `None` for a model that has only the connector.
    pub fn new(config: &CambrianConfig, loader: &Loader<'_>) -> Result<Option<Self>> {
        let Some(layout) = config.sva.samplers else { return Ok(None) };
        let windows: Vec<usize> = config.towers.iter().map(|encoder| encoder.side() / config.sva.final_side).collect();
        let layers = (0..layout.count)
            .map(|n| {
                let loader = loader.pp(format!("vision_sampler_layers.{n}.layers.0"));
                CrossAttentionLayer::new(config.decoder.hidden_size, config.sva.hidden_size, &windows, &loader)
            })
            .collect::<Result<_>>()?;
        Ok(Some(Self { layers, layout }))
    }

    /// What each sampler looks at in the unpadded `frame` of `scene`.
    pub fn windows(&self, scene: &Scene, frame: &Frame) -> Result<Vec<Windows>> {
        let mut cutter = scene.cutter(frame.clone());
        (0..self.layers.len()).map(|n| cutter.windows(SvaLayer::Sampler { n })).collect()
    }

    /// Updates the image's part of the hidden states after decoder layer `layer`, if a sampler follows it.
    ///
    /// `hidden`: `[P, H]`, in which the image's tokens start at position `image_start`: rows of `columns` cells, each
    /// row followed by a newline token, which keeps its value. `windows` are those of the unpadded frame, for each sampler.
    pub fn after_layer(
        &self,
        layer: usize,
        hidden: &Tensor,
        image_start: usize,
        columns: usize,
        windows: &[Windows],
        observer: &mut dyn Observer,
    ) -> Result<Option<Tensor>> {
        let Some(n) = self.layout.after_layer(layer) else { return Ok(None) };
        let windows = &windows[n];
        if windows.within.skip {
            return Ok(None);
        }
        let (positions, width) = hidden.dims2()?;
        let cells = windows.mask.dims()[0];
        let rows = cells / columns;
        let length = rows * (columns + 1);
        let image = hidden.narrow(0, image_start, length)?.reshape((rows, columns + 1, width))?;
        let queries = image.narrow(1, 0, columns)?.reshape((cells, width))?;
        let updated = self.layers[n].forward(&queries, windows, SvaLayer::Sampler { n }, observer)?;
        let newlines = image.narrow(1, columns, 1)?;
        let image = Tensor::cat(&[&updated.reshape((rows, columns, width))?, &newlines], 1)?;
        let image = image.reshape((length, width))?;
        let after = image_start + length;
        let parts = [hidden.narrow(0, 0, image_start)?, image, hidden.narrow(0, after, positions - after)?];
        Ok(Some(Tensor::cat(&parts, 0)?))
    }
}
