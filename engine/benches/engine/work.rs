//! How much there is to compute: operations (a multiply and an add are two) and bytes, counted from the weights a
//! checkpoint has. With the rates under `machine/` they are the floor of each figure (docs/model.md §15).

use opabinia_engine::checkpoint::EncoderFamily;
use opabinia_engine::model::Inspection;
use opabinia_engine::precision::WeightFormat;

/// Counts the work of one checkpoint.
pub struct Work<'a>(pub &'a Inspection);

impl Work<'_> {
    /// Encoder `k`.
    pub fn encoder(&self, k: usize) -> u64 {
        let report = &self.0.encoders[k];
        let side = report.input_side.unwrap_or_default();
        let (embedding, layers, class) = match report.spec.family {
            EncoderFamily::Siglip => ("visual.trunk.patch_embed.", "visual.trunk.blocks.", 0),
            EncoderFamily::Clip => ("vision_model.embeddings.patch_embedding.", "vision_model.encoder.layers.", 1),
            EncoderFamily::Dinov2 => ("embeddings.patch_embeddings.", "encoder.layer.", 1),
            EncoderFamily::ConvNext => {
                let stem = self.products("visual.trunk.stem.", |_| (side / 4).pow(2));
                let stages = (0..4).map(|stage| {
                    self.products(&format!("visual.trunk.stages.{stage}."), |_| ((side / 4) >> stage).pow(2))
                });
                return stem + stages.sum::<u64>();
            }
        };
        let patch = self.0.survey.asked.iter().find(|(key, shape)| key.starts_with(embedding) && shape.len() == 4);
        let tokens = patch.map_or(0, |(_, shape)| (side / shape[3]).pow(2)) + class;
        let depth = self.depth(layers);
        // Scores and mixing: two products of every token with every other, over the whole width.
        let attention = 4 * tokens.pow(2) * report.width.unwrap_or_default() * depth;
        self.products(embedding, |_| tokens) + self.products(layers, |_| tokens) + attention as u64
    }

    /// The connector with the projection into the decoder.
    pub fn connector(&self) -> u64 {
        let sva = &self.0.config.sva;
        let groups = sva.query_sides.iter().enumerate();
        let layers: u64 = groups
            .map(|(g, side)| self.products(&format!("model.vision_sampler_{g}.layers."), |key| self.rows(key, *side)))
            .sum();
        layers + self.products("model.mm_projector.", |_| sva.final_side.pow(2))
    }

    /// The first sampler, on a square picture.
    pub fn sampler(&self) -> u64 {
        self.products("model.vision_sampler_layers.0.", |key| self.rows(key, self.0.config.sva.final_side))
    }

    /// Decoder, samplers and the logits of the last position.
    pub fn prefill(&self, positions: usize) -> u64 {
        let decoder = &self.0.config.decoder;
        let samplers =
            self.products("model.vision_sampler_layers.", |key| self.rows(key, self.0.config.sva.final_side));
        let attention = 2 * positions.pow(2) * decoder.heads * decoder.head_dim * decoder.layers;
        let layers = self.products("model.layers.", |_| positions);
        layers + self.products("lm_head.", |_| 1) + samplers + attention as u64
    }

    /// Bytes read for one token after `positions` others, with the layers kept as `format`.
    pub fn decode_bytes(&self, positions: usize, format: WeightFormat) -> u64 {
        let decoder = &self.0.config.decoder;
        // As one matrix of 16 rows, which is what quantised ones come in.
        let bytes = |prefix: &str, format: WeightFormat| format.bytes(16, self.products(prefix, |_| 1) as usize / 32);
        let cache = 2 * decoder.layers * decoder.kv_heads * decoder.head_dim * positions;
        bytes("model.layers.", format) + bytes("lm_head.", format.of_output()) + 4 * cache as u64
    }

    /// Rows that the SVA weight `key` is multiplied with, for `side`² cells.
    fn rows(&self, key: &str, side: usize) -> usize {
        let encoder = ["k_proj_", "v_proj_"].iter().find_map(|name| {
            let (_, rest) = key.split_once(name)?;
            rest.split('.').next()?.parse::<usize>().ok()
        });
        match encoder {
            Some(k) => self.0.config.towers[k].tokens,
            None if key.contains("proj_context") => 1,
            None => side.pow(2),
        }
    }

    /// Operations of all weights below `prefix`, each of them used once for every row.
    fn products(&self, prefix: &str, rows: impl Fn(&str) -> usize) -> u64 {
        let weights = self.0.survey.asked.iter().filter(|(key, _)| key.starts_with(prefix));
        weights.map(|(key, shape)| 2 * (rows(key) * shape.iter().product::<usize>()) as u64).sum()
    }

    /// Layers below `prefix`.
    fn depth(&self, prefix: &str) -> usize {
        let number = |key: &String| key.strip_prefix(prefix)?.split('.').next()?.parse::<usize>().ok();
        self.0.survey.asked.keys().filter_map(number).max().map_or(0, |last| last + 1)
    }
}
