//! `config.json`: every number the model needs, checked before anything is allocated.

/// A Cambrian-1 checkpoint's `config.json`, validated (spec §2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct CambrianConfig {
    /// The language model.
    pub decoder: DecoderConfig,
    /// Vision encoders, in checkpoint order: index `k` everywhere.
    pub towers: Vec<TowerSpec>,
    /// The Spatial Vision Aggregator.
    pub sva: SvaConfig,
    /// Longest embedded sequence, text and image (`tokenizer_model_max_length`).
    pub context_length: usize,
    /// Where training expected the image (`image_position`). Never used to place it (spec §10), only to warn.
    pub image_position: Option<usize>,
    /// CLIP: which hidden state is the feature, counted from the end when negative (`mm_vision_select_layer`).
    pub select_layer: i64,
    /// Whether `<im_start>` and `<im_end>` surround the image (`mm_use_im_start_end`).
    pub use_im_start_end: bool,
    /// `bos_token_id`.
    pub bos_token_id: Option<u32>,
    /// `eos_token_id` of config.json and generation_config.json together, each a number or a list there.
    pub eos_token_ids: Vec<u32>,
}

/// Which decoder implementation runs the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecoderFamily {
    /// `cambrian_llama` (and `llava_llama` in early uploads).
    Llama,
    /// `cambrian_phi3`.
    Phi3,
}

/// Dimensions of the language model (spec §2.1, §13).
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Which implementation.
    pub family: DecoderFamily,
    /// Width `H`.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Epsilon of every RMSNorm.
    pub rms_norm_eps: f64,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// Phi-3: how far back a position can see.
    pub sliding_window: Option<usize>,
    /// Whether `lm_head` is the embedding table.
    pub tie_word_embeddings: bool,
}

/// Which implementation runs a tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TowerFamily {
    /// SigLIP ViT, timm layout.
    Siglip,
    /// CLIP ViT, Hugging Face layout.
    Clip,
    /// DINOv2 ViT, Hugging Face layout.
    Dinov2,
    /// CLIP-trained ConvNeXt, timm layout.
    ConvNext,
}

/// One vision encoder as config.json names it (spec §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TowerSpec {
    /// The name in `mm_vision_tower_aux_list`.
    pub name: String,
    /// Which implementation.
    pub family: TowerFamily,
    /// Hub repository that holds its weights.
    pub repo: String,
    /// Tokens after interpolation; a square number.
    pub tokens: usize,
    /// Input side asked for by `-res<N>`.
    pub res: Option<usize>,
    /// ConvNeXt: features of all four stages instead of the last.
    pub multi_stage: bool,
}

impl TowerSpec {
    /// Side of the token grid.
    pub fn side(&self) -> usize {
        self.tokens.isqrt()
    }
}

/// Dimensions of the Spatial Vision Aggregator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SvaConfig {
    /// Width `C` (`vision_hidden_size`); a multiple of 16, the number of heads.
    pub hidden_size: usize,
    /// Side `Q` of the final query grid: the square root of `image_token_len`.
    pub final_side: usize,
    /// Side of each query group's grid (`query_num_list`).
    pub query_sides: Vec<usize>,
    /// Connector layers per group.
    pub connector_depth: usize,
    /// In-LLM samplers; `None` for `connector_only`.
    pub samplers: Option<SamplerLayout>,
}

/// Which decoder layers a sampler follows: `start`, `start + stride`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplerLayout {
    /// Number of samplers.
    pub count: usize,
    /// Decoder layer after which sampler 0 runs, from 0.
    pub start: usize,
    /// Distance between two samplers.
    pub stride: usize,
}

impl SamplerLayout {
    /// The sampler that runs after decoder layer `layer`, if any.
    pub fn after_layer(&self, layer: usize) -> Option<usize> {
        let offset = layer.checked_sub(self.start)?;
        (offset.is_multiple_of(self.stride) && offset / self.stride < self.count).then_some(offset / self.stride)
    }
}
