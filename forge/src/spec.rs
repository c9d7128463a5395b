//! What to forge: every number a checkpoint's shapes depend on, and presets that fill them in.

use crate::error::{ForgeError, Result};

/// Number of attention heads in every SVA layer; fixed by the architecture (docs/model.md §2.1).
const SVA_HEADS: usize = 16;

/// A checkpoint to be written. Start from a [`Preset`], change what matters, hand it to [`crate::forge`].
#[derive(Debug, Clone, PartialEq)]
pub struct ForgeSpec {
    /// The language model.
    pub decoder: DecoderSpec,
    /// The Spatial Vision Aggregator.
    pub sva: SvaSpec,
    /// Vision encoders, in checkpoint order. The order names the weights: encoder `k` owns `mm_projector_aux_k`.
    pub towers: Vec<EncoderSpec>,
    /// Whether the encoders' own files are written under `towers/`; config.json names them either way.
    pub write_towers: bool,
    /// Prompt template whose special tokens the tokenizer gets.
    pub template: Template,
    /// Rows of the embedding table that no token of the tokenizer uses (53 in Phi-3).
    pub vocab_padding: usize,
    /// Type of every weight on disk.
    pub dtype: StoredType,
    /// Seed of all weights. The same seed gives the same weights at every dtype, rounded.
    pub seed: u64,
    /// Largest weight file in bytes; a checkpoint that fits into one gets no index.
    pub shard_bytes: u64,
}

/// Dimensions of the language model (docs/model.md §2).
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderSpec {
    /// Which family of key names and fused weights.
    pub family: DecoderFamily,
    /// Width `H`.
    pub hidden: usize,
    /// Width of the MLP.
    pub intermediate: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads.
    pub kv_heads: usize,
    /// Rows of the embedding table.
    pub vocab: usize,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// `max_position_embeddings`.
    pub max_positions: usize,
}

impl DecoderSpec {
    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.hidden / self.heads
    }
}

/// Families of decoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DecoderFamily {
    /// `cambrian_llama`: separate query, key and value weights.
    Llama,
    /// `cambrian_phi3`: fused `qkv_proj` and `gate_up_proj`.
    Phi3,
}

/// Dimensions of the Spatial Vision Aggregator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SvaSpec {
    /// Width `C` (`vision_hidden_size`), a multiple of 16.
    pub hidden: usize,
    /// Side of the final query grid.
    pub query_side: usize,
    /// Side of each query group's grid. The released models have one group, of the final side.
    pub group_sides: Vec<usize>,
    /// SVA layers per query group before the language model.
    pub connector_depth: usize,
    /// SVA layers between language-model layers; `None` writes `connector_only`.
    pub samplers: Option<SamplerLayout>,
}

/// After which decoder layers samplers run: `start`, `start + stride`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplerLayout {
    /// Number of samplers.
    pub count: usize,
    /// Decoder layer the first one follows, from 0.
    pub start: usize,
    /// Distance between two of them.
    pub stride: usize,
}

/// One vision encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderSpec {
    /// Its network.
    pub network: EncoderNetwork,
    /// Side of the window of tokens that one cell of the final query grid may attend to.
    pub window: usize,
}

/// The network of a vision encoder (docs/model.md §4).
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderNetwork {
    /// SigLIP ViT, timm layout. Always 16 heads and patches of 14.
    Siglip {
        /// Side of its input picture.
        image: usize,
        /// Width.
        dim: usize,
        /// Blocks.
        depth: usize,
    },
    /// CLIP ViT, Hugging Face layout, patches of 14.
    Clip {
        /// Side of its input picture.
        image: usize,
        /// Width.
        dim: usize,
        /// Width of the MLP.
        intermediate: usize,
        /// Layers.
        layers: usize,
        /// Heads.
        heads: usize,
    },
    /// DINOv2 ViT with SwiGLU, Hugging Face layout, patches of 14.
    Dinov2 {
        /// Side of the input picture, written into the tower's name as `-res<N>`.
        image: usize,
        /// Side the stored position embeddings were trained for.
        trained_image: usize,
        /// Width.
        dim: usize,
        /// Layers.
        layers: usize,
        /// Heads.
        heads: usize,
    },
    /// CLIP-trained ConvNeXt, timm layout; the features of all four stages are used.
    ConvNext {
        /// Side of the input picture if not 1024, written into the tower's name as `-res<N>`.
        image: Option<usize>,
        /// XXL (layer-norm epsilon 1e-5) or L (1e-6).
        size: ConvNextSize,
        /// Widths of the four stages.
        dims: [usize; 4],
        /// Blocks of the four stages.
        depths: [usize; 4],
    },
}

/// Which released ConvNeXt a tower follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvNextSize {
    /// convnext_xxlarge.
    Xxl,
    /// convnext_large.
    L,
}

impl EncoderNetwork {
    /// Width of the features it hands to the SVA.
    pub fn feature_dim(&self) -> usize {
        match self {
            Self::Siglip { dim, .. } | Self::Clip { dim, .. } | Self::Dinov2 { dim, .. } => *dim,
            Self::ConvNext { dims, .. } => dims.iter().sum(),
        }
    }

    /// The name config.json gives it in `mm_vision_tower_aux_list`.
    pub fn config_name(&self) -> String {
        match self {
            Self::Siglip { .. } => "siglip/CLIP-ViT-SO400M-14-384".into(),
            Self::Clip { .. } => "openai/clip-vit-large-patch14-336".into(),
            Self::Dinov2 { image, .. } => format!("facebook/dinov2-giant-res{image}"),
            Self::ConvNext { image, size, .. } => {
                let size = match size {
                    ConvNextSize::Xxl => "XXL",
                    ConvNextSize::L => "L",
                };
                let res = image.map(|side| format!("-res{side}")).unwrap_or_default();
                format!("clip-convnext-{size}-multi-stage{res}")
            }
        }
    }

    /// The hub repository that holds the released weights; also the folder under `towers/`.
    pub fn repo(&self) -> &'static str {
        match self {
            Self::Siglip { .. } => "timm/ViT-SO400M-14-SigLIP-384",
            Self::Clip { .. } => "openai/clip-vit-large-patch14-336",
            Self::Dinov2 { .. } => "facebook/dinov2-giant",
            Self::ConvNext { size: ConvNextSize::Xxl, .. } => {
                "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup"
            }
            Self::ConvNext { size: ConvNextSize::L, .. } => {
                "laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup"
            }
        }
    }
}

/// Prompt templates (docs/model.md §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Template {
    /// Llama-3: `<|start_header_id|>` … `<|eot_id|>`.
    #[value(name = "llama_3")]
    Llama3,
    /// Phi-3: `<|user|>` … `<|end|>`.
    #[value(name = "phi3")]
    Phi3,
    /// Vicuna: `USER:` … `</s>`.
    #[value(name = "vicuna_v1")]
    Vicuna,
    /// ChatML: `<|im_start|>` … `<|im_end|>`.
    #[value(name = "chatml_direct")]
    ChatMl,
}

/// Types of weights on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoredType {
    /// 4 bytes; what the released checkpoints hold.
    F32,
    /// 2 bytes, the range of f32.
    Bf16,
    /// 2 bytes, IEEE half precision.
    F16,
}

impl StoredType {
    /// Bytes of one number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }
}

/// Shapes to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// About 1.4 MB: all four encoders, samplers, a 4×4 query grid. For tests.
    Tiny,
    /// About 220 M parameters with the released grids (24×24 cells; 24, 24, 24 and 96 tokens a side). For benchmarks.
    SmallBench,
    /// nyu-visionx/cambrian-phi3-3b: 4.1 G parameters, and 2.7 G in the encoders.
    #[value(name = "cambrian-phi3-3b")]
    Cambrian3b,
    /// nyu-visionx/cambrian-8b: 8.3 G parameters, and 2.7 G in the encoders.
    #[value(name = "cambrian-8b")]
    Cambrian8b,
}

impl Preset {
    /// The preset written out.
    pub fn spec(self) -> ForgeSpec {
        match self {
            Self::Tiny => ForgeSpec {
                decoder: DecoderSpec {
                    family: DecoderFamily::Llama,
                    hidden: 32,
                    intermediate: 80,
                    layers: 4,
                    heads: 4,
                    kv_heads: 2,
                    vocab: 600,
                    rope_theta: 500_000.0,
                    max_positions: 8192,
                },
                sva: SvaSpec {
                    hidden: 32,
                    query_side: 4,
                    group_sides: vec![4],
                    connector_depth: 2,
                    samplers: Some(SamplerLayout { count: 2, start: 0, stride: 2 }),
                },
                towers: EncoderScale::Tiny.all(),
                ..Self::released()
            },
            Self::SmallBench => ForgeSpec {
                decoder: DecoderSpec {
                    family: DecoderFamily::Llama,
                    hidden: 1024,
                    intermediate: 2816,
                    layers: 8,
                    heads: 16,
                    kv_heads: 4,
                    vocab: 8192,
                    rope_theta: 500_000.0,
                    max_positions: 8192,
                },
                sva: SvaSpec {
                    hidden: 512,
                    samplers: Some(SamplerLayout { count: 3, start: 0, stride: 3 }),
                    ..Self::released().sva
                },
                towers: EncoderScale::Bench.all(),
                ..Self::released()
            },
            Self::Cambrian3b => ForgeSpec {
                decoder: DecoderSpec {
                    family: DecoderFamily::Phi3,
                    hidden: 3072,
                    intermediate: 8192,
                    layers: 32,
                    heads: 32,
                    kv_heads: 32,
                    vocab: 32064,
                    rope_theta: 10_000.0,
                    max_positions: 4096,
                },
                template: Template::Phi3,
                vocab_padding: 53,
                ..Self::released()
            },
            Self::Cambrian8b => Self::released(),
        }
    }

    /// The released 8B shape, from which the other presets differ.
    fn released() -> ForgeSpec {
        ForgeSpec {
            decoder: DecoderSpec {
                family: DecoderFamily::Llama,
                hidden: 4096,
                intermediate: 14336,
                layers: 32,
                heads: 32,
                kv_heads: 8,
                vocab: 128_256,
                rope_theta: 500_000.0,
                max_positions: 8192,
            },
            sva: SvaSpec {
                hidden: 1024,
                query_side: 24,
                group_sides: vec![24],
                connector_depth: 3,
                samplers: Some(SamplerLayout { count: 10, start: 0, stride: 3 }),
            },
            towers: EncoderScale::Released.all(),
            write_towers: true,
            template: Template::Llama3,
            vocab_padding: 0,
            dtype: StoredType::F32,
            seed: 0,
            shard_bytes: 5_000_000_000,
        }
    }

    /// The size its encoders have.
    pub fn tower_scale(self) -> EncoderScale {
        match self {
            Self::Tiny => EncoderScale::Tiny,
            Self::SmallBench => EncoderScale::Bench,
            Self::Cambrian3b | Self::Cambrian8b => EncoderScale::Released,
        }
    }
}

/// Families of encoders, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EncoderFamily {
    /// SigLIP SO400M/14.
    Siglip,
    /// CLIP ViT-L/14.
    Clip,
    /// DINOv2 giant.
    Dinov2,
    /// CLIP-trained ConvNeXt XXL.
    Convnext,
    /// CLIP-trained ConvNeXt L.
    ConvnextL,
}

/// Sizes of encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EncoderScale {
    /// Widths of 8 to 64, small inputs.
    Tiny,
    /// Widths of a few hundred, the released input sizes.
    Bench,
    /// The released networks.
    Released,
}

impl EncoderScale {
    /// The encoders of the released checkpoints, in their order.
    fn all(self) -> Vec<EncoderSpec> {
        [EncoderFamily::Siglip, EncoderFamily::Clip, EncoderFamily::Dinov2, EncoderFamily::Convnext]
            .map(|family| self.tower(family))
            .to_vec()
    }

    /// The encoder of `family` at this size, with the window it has in the released models.
    pub fn tower(self, family: EncoderFamily) -> EncoderSpec {
        let window = if matches!(family, EncoderFamily::Convnext | EncoderFamily::ConvnextL) { 4 } else { 1 };
        let convnext = |size, released: ([usize; 4], [usize; 4])| {
            let (image, (dims, depths)) = match self {
                Self::Tiny => (Some(128), ([8, 16, 24, 32], [1, 1, 2, 1])),
                Self::Bench => (None, ([96, 192, 384, 768], [3, 3, 9, 3])),
                Self::Released => (None, released),
            };
            EncoderNetwork::ConvNext { image, size, dims, depths }
        };
        let network = match (family, self) {
            (EncoderFamily::Siglip, Self::Tiny) => EncoderNetwork::Siglip { image: 70, dim: 32, depth: 2 },
            (EncoderFamily::Siglip, Self::Bench) => EncoderNetwork::Siglip { image: 384, dim: 384, depth: 8 },
            (EncoderFamily::Siglip, Self::Released) => EncoderNetwork::Siglip { image: 384, dim: 1152, depth: 27 },
            (EncoderFamily::Clip, Self::Tiny) => {
                EncoderNetwork::Clip { image: 56, dim: 32, intermediate: 64, layers: 3, heads: 4 }
            }
            (EncoderFamily::Clip, Self::Bench) => {
                EncoderNetwork::Clip { image: 336, dim: 384, intermediate: 1536, layers: 8, heads: 6 }
            }
            (EncoderFamily::Clip, Self::Released) => {
                EncoderNetwork::Clip { image: 336, dim: 1024, intermediate: 4096, layers: 24, heads: 16 }
            }
            (EncoderFamily::Dinov2, Self::Tiny) => {
                EncoderNetwork::Dinov2 { image: 70, trained_image: 98, dim: 32, layers: 2, heads: 4 }
            }
            (EncoderFamily::Dinov2, Self::Bench) => {
                EncoderNetwork::Dinov2 { image: 378, trained_image: 518, dim: 512, layers: 8, heads: 8 }
            }
            (EncoderFamily::Dinov2, Self::Released) => {
                EncoderNetwork::Dinov2 { image: 378, trained_image: 518, dim: 1536, layers: 40, heads: 24 }
            }
            (EncoderFamily::Convnext, _) => convnext(ConvNextSize::Xxl, ([384, 768, 1536, 3072], [3, 4, 30, 3])),
            (EncoderFamily::ConvnextL, _) => convnext(ConvNextSize::L, ([192, 384, 768, 1536], [3, 3, 27, 3])),
        };
        EncoderSpec { network, window }
    }
}

impl ForgeSpec {
    /// Tokens of encoder `k` after interpolation: its window over every cell of the final query grid.
    pub fn tower_tokens(&self, tower: &EncoderSpec) -> usize {
        (self.sva.query_side * tower.window).pow(2)
    }

    /// Checks that the numbers fit together, as a loader will.
    ///
    /// # Errors
    /// [`ForgeError::Spec`], naming the number that is wrong and what it has to be.
    pub fn validate(&self) -> Result<()> {
        let wrong = |text: String| Err(ForgeError::Spec(text));
        let d = &self.decoder;
        let positive = [
            ("hidden", d.hidden),
            ("intermediate", d.intermediate),
            ("layers", d.layers),
            ("heads", d.heads),
            ("kv-heads", d.kv_heads),
            ("query-side", self.sva.query_side),
            ("connector-depth", self.sva.connector_depth),
            ("query groups", self.sva.group_sides.len()),
            ("towers", self.towers.len()),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return wrong(format!("{name} is 0: it has to be at least 1"));
        }
        if !d.hidden.is_multiple_of(d.heads) || !d.head_dim().is_multiple_of(2) {
            return wrong(format!("hidden {} / heads {} has to be an even whole number", d.hidden, d.heads));
        }
        if !d.heads.is_multiple_of(d.kv_heads) {
            return wrong(format!("kv-heads {} has to divide heads {}", d.kv_heads, d.heads));
        }
        if self.sva.hidden == 0 || !self.sva.hidden.is_multiple_of(SVA_HEADS) {
            return wrong(format!("vision-hidden {} has to be a multiple of {SVA_HEADS}", self.sva.hidden));
        }
        for tower in &self.towers {
            let side = self.sva.query_side * tower.window;
            let group = self.sva.group_sides.iter().find(|group| **group == 0 || !side.is_multiple_of(**group));
            if let Some(group) = group {
                let name = tower.network.config_name();
                return wrong(format!("query group side {group} has to divide the token side {side} of {name}"));
            }
            check_network(&tower.network)?;
        }
        for (k, tower) in self.towers.iter().enumerate() {
            if self.towers[..k].iter().any(|other| other.network.repo() == tower.network.repo()) {
                return wrong(format!("{} is named twice among the towers", tower.network.repo()));
            }
        }
        if let Some(samplers) = self.sva.samplers {
            let last = samplers.start + samplers.count.saturating_sub(1) * samplers.stride;
            if samplers.count == 0 || samplers.stride == 0 || last >= d.layers {
                return wrong(format!(
                    "samplers {}, start {}, stride {}: the last one would follow decoder layer {last}, and there are {}",
                    samplers.count, samplers.start, samplers.stride, d.layers
                ));
            }
        }
        let least = crate::tokenizer::least_vocab(self.template) + self.vocab_padding;
        if d.vocab < least {
            return wrong(format!("vocab {} is too small: bytes, words and special tokens need {least}", d.vocab));
        }
        Ok(())
    }
}

/// The rules of one encoder family.
fn check_network(network: &EncoderNetwork) -> Result<()> {
    let (heads, dim, image) = match *network {
        EncoderNetwork::Siglip { image, dim, .. } => (16, dim, image),
        EncoderNetwork::Clip { image, dim, heads, .. } => (heads, dim, image),
        EncoderNetwork::Dinov2 { image, dim, heads, trained_image, .. } => (heads, dim, image.min(trained_image)),
        EncoderNetwork::ConvNext { image, dims, .. } => (1, dims[0], image.unwrap_or(1024)),
    };
    let name = network.config_name();
    if heads == 0 || dim == 0 || !dim.is_multiple_of(heads) {
        return Err(ForgeError::Spec(format!("{name}: width {dim} has to be a multiple of its {heads} heads")));
    }
    if image < 32 {
        return Err(ForgeError::Spec(format!("{name}: an input of {image} pixels is too small, use at least 32")));
    }
    Ok(())
}
