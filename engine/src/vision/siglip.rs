//! SigLIP in timm's layout (docs/model.md §4.1): no class token, fused qkv, exact GELU, final norm applied.

use super::preprocess::PixelSpec;
use super::vit::{Attention, Block, Mlp, PatchEmbedding, Projections, Vit};
use super::{heads_divide, patch_grid, stored_shape};
use crate::checkpoint::Loader;
use crate::checkpoint::json::JsonFile;
use crate::error::Result;
use crate::nn::Activation;
use std::path::Path;

/// The released model's number of heads; its files do not say it.
const HEADS: usize = 16;
const EPS: f64 = 1e-6;
const CONFIG: &str = "open_clip_config.json";
const MODEL_NAME: &str = "model_cfg.vision_cfg.timm_model_name";
const IMAGE_SIZE: &str = "model_cfg.vision_cfg.image_size";

/// Reads the encoder in `dir`.
pub(super) fn load(dir: &Path, loader: &Loader<'_>) -> Result<(Vit, PixelSpec)> {
    let config = JsonFile::read(&dir.join(CONFIG))?;
    // Heads and epsilon are this model's; no weight tells them.
    if config.str(MODEL_NAME)?.is_some_and(|name| !name.starts_with("vit_so400m_")) {
        return Err(config.refusal(MODEL_NAME, "this is no SigLIP SO400M").expected("vit_so400m_…").into());
    }
    let pixels = PixelSpec::open_clip(&config, IMAGE_SIZE, config.required_usize(IMAGE_SIZE)?)?;
    let trunk = loader.pp("visual.trunk");
    let [width, _, patch, _] = stored_shape(&trunk, "patch_embed.proj.weight")?;
    heads_divide(dir, "visual.trunk.patch_embed.proj.weight", width, HEADS)?;
    let tokens = patch_grid(&config, IMAGE_SIZE, pixels.size, patch)?.pow(2);

    let patches = PatchEmbedding::load(&trunk, "patch_embed.proj", [width, 3, patch], true)?;
    let positions = trunk.tensor("pos_embed", &[1, tokens, width])?.squeeze(0)?;
    let mut blocks = Vec::new();
    while trunk.contains(&format!("blocks.{}.norm1.weight", blocks.len())) {
        let block_loader = trunk.pp("blocks").pp(blocks.len());
        let [inner, _] = stored_shape(&block_loader, "mlp.fc1.weight")?;
        blocks.push(block(&block_loader, width, inner)?);
    }
    let norm = Some(trunk.layer_norm("norm", width, EPS)?);
    Ok((Vit { patches, class: None, positions, pre_norm: None, blocks, norm }, pixels))
}

fn block(loader: &Loader<'_>, width: usize, inner: usize) -> Result<Block> {
    Ok(Block {
        norm1: loader.layer_norm("norm1", width, EPS)?,
        attention: Attention {
            input: Projections::Joint(loader.linear("attn.qkv", width, 3 * width, true)?),
            output: loader.linear("attn.proj", width, width, true)?,
            heads: HEADS,
        },
        norm2: loader.layer_norm("norm2", width, EPS)?,
        mlp: Mlp::Plain {
            up: loader.linear("mlp.fc1", width, inner, true)?,
            activation: Activation::Gelu,
            down: loader.linear("mlp.fc2", inner, width, true)?,
        },
        scales: None,
    })
}

/// Whether the file may hold `key` although the features do not need it: text tower, pooling head, logit scale.
pub(super) fn ignores(key: &str) -> bool {
    ["text.", "visual.trunk.attn_pool.", "visual.head.", "logit_scale", "logit_bias"]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}
