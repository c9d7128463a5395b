//! The connector: query groups on their grids, their layers, and the projection into the language model (docs/model.md §7).

use super::Frame;
use super::layer::CrossAttentionLayer;
use super::windows::Scene;
use crate::checkpoint::{CambrianConfig, Loader};
use crate::error::Result;
use crate::job::Meter;
use crate::nn::{Activation, Linear, resize_tokens};
use crate::observe::{Observer, Site, SvaLayer, show};
use candle_core::Tensor;

/// One grid of queries, all starting from the same learned vector.
#[derive(Debug, Clone)]
struct Group {
    side: usize,
    layers: Vec<CrossAttentionLayer>,
}

/// The SVA in front of the language model.
#[derive(Debug, Clone)]
pub struct Connector {
    groups: Vec<Group>,
    /// `[groups, C]`
    queries: Tensor,
    final_side: usize,
    project_1: Linear,
    project_2: Linear,
}

impl Connector {
    /// Reads `vision_query`, `vision_sampler_*` and `mm_projector` below `loader`.
    pub fn new(config: &CambrianConfig, loader: &Loader<'_>) -> Result<Self> {
        let (sva, hidden) = (&config.sva, config.decoder.hidden_size);
        let groups = sva
            .query_sides
            .iter()
            .enumerate()
            .map(|(g, &side)| {
                let windows: Vec<usize> = config.towers.iter().map(|encoder| encoder.side() / side).collect();
                let loader = loader.pp(format!("vision_sampler_{g}.layers"));
                let layers = (0..sva.connector_depth)
                    .map(|j| CrossAttentionLayer::new(sva.hidden_size, sva.hidden_size, &windows, &loader.pp(j)))
                    .collect::<Result<_>>()?;
                Ok(Group { side, layers })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            queries: loader.tensor("vision_query", &[groups.len(), sva.hidden_size])?,
            project_1: loader.linear("mm_projector.0", sva.hidden_size * groups.len(), hidden, true)?,
            project_2: loader.linear("mm_projector.2", hidden, hidden, true)?,
            groups,
            final_side: sva.final_side,
        })
    }

    /// SVA layers in all groups: the units of [`crate::job::Stage::Connect`].
    pub fn layers(&self) -> u64 {
        self.groups.iter().map(|group| group.layers.len() as u64).sum()
    }

    /// The scene's visual tokens on the whole padded frame: `[Q², H]`.
    pub fn forward(&self, scene: &Scene, meter: &Meter<'_>, observer: &mut dyn Observer) -> Result<Tensor> {
        let mut grids = Vec::with_capacity(self.groups.len());
        for (g, group) in self.groups.iter().enumerate() {
            let mut cutter = scene.cutter(Frame::padded(group.side));
            let mut cells = self.queries.narrow(0, g, 1)?.expand((group.side * group.side, self.queries.dims()[1]))?;
            for (j, layer) in group.layers.iter().enumerate() {
                let name = SvaLayer::Connector { group: g, layer: j };
                let windows = cutter.windows(name)?;
                if (g, j) == (0, 0) {
                    show(observer, Site::GlobalContext, &windows.context)?;
                }
                cells = layer.forward(&cells, &windows, name, observer)?;
                meter.advance(1)?;
            }
            show(observer, Site::ConnectorGroup(g), &cells)?;
            grids.push(resize_tokens(&cells, group.side, self.final_side)?);
        }
        let joined = Tensor::cat(&grids, 1)?;
        if grids.len() > 1 {
            show(observer, Site::ConnectorCat, &joined)?;
        }
        let visual = self.project_2.forward(&self.project_1.forward_then(&joined, Activation::Gelu)?)?;
        show(observer, Site::VisualTokens, &visual)?;
        Ok(visual)
    }
}
