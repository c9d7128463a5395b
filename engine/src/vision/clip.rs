//! CLIP's vision transformer in Hugging Face's layout (docs/model.md §4.2): class token, quick GELU, a hidden state before the
//! last as the feature.

use super::preprocess::PixelSpec;
use super::vit::{Attention, Block, Mlp, PatchEmbedding, Projections, Vit};
use super::{activation, dimension, heads_divide, layers_possible, patch_grid};
use crate::checkpoint::Loader;
use crate::checkpoint::json::JsonFile;
use crate::error::{Refusal, Result};
use std::path::Path;

const CROP: &str = "crop_size";
const SIZE: &str = "size";

/// Reads the encoder in `dir`, up to the hidden state `select_layer`: 0 is the input of the first layer, −1 the
/// output of the last.
pub(super) fn load(dir: &Path, loader: &Loader<'_>, select_layer: i64) -> Result<(Vit, PixelSpec)> {
    let config = JsonFile::read(&dir.join("config.json"))?;
    let processor = JsonFile::read(&dir.join("preprocessor_config.json"))?;
    // A file of the vision model alone has its fields at the top.
    let key = |name: &str| {
        if config.get("vision_config").is_some() { format!("vision_config.{name}") } else { name.to_owned() }
    };
    let width = dimension(&config, &key("hidden_size"), 768)?;
    let inner = dimension(&config, &key("intermediate_size"), 3072)?;
    let patch = dimension(&config, &key("patch_size"), 32)?;
    let heads = dimension(&config, &key("num_attention_heads"), 12)?;
    let eps = config.f64(&key("layer_norm_eps"))?.unwrap_or(1e-5);
    let function = activation(&config, &key("hidden_act"), "quick_gelu")?;
    heads_divide(config.file(), &key("num_attention_heads"), width, heads)?;
    let layers = config.usize(&key("num_hidden_layers"))?.unwrap_or(12);
    layers_possible(&config, &key("num_hidden_layers"), layers)?;
    let used = used_layers(&config, layers, select_layer)?;

    let pixels = PixelSpec::hugging_face(&processor, CROP, crop_side(&processor)?)?;
    let tokens = patch_grid(&processor, CROP, pixels.size, patch)?.pow(2) + 1;

    let model = loader.pp("vision_model");
    let embeddings = model.pp("embeddings");
    let patches = PatchEmbedding::load(&embeddings, "patch_embedding", [width, 3, patch], false)?;
    let class = embeddings.tensor("class_embedding", &[width])?.unsqueeze(0)?;
    let positions = embeddings.tensor("position_embedding.weight", &[tokens, width])?;
    let pre_norm = Some(model.layer_norm("pre_layrnorm", width, eps)?);
    let mut blocks = Vec::new();
    for layer in 0..used {
        let loader = model.pp("encoder.layers").pp(layer);
        let project = |name: &str| loader.linear(&format!("self_attn.{name}_proj"), width, width, true);
        blocks.push(Block {
            norm1: loader.layer_norm("layer_norm1", width, eps)?,
            attention: Attention {
                input: Projections::Separate([project("q")?, project("k")?, project("v")?]),
                output: project("out")?,
                heads,
            },
            norm2: loader.layer_norm("layer_norm2", width, eps)?,
            mlp: Mlp::Plain {
                up: loader.linear("mlp.fc1", width, inner, true)?,
                activation: function,
                down: loader.linear("mlp.fc2", inner, width, true)?,
            },
            scales: None,
        });
    }
    Ok((Vit { patches, class: Some(class), positions, pre_norm, blocks, norm: None }, pixels))
}

/// How many of `layers` layers lie before hidden state `select`.
fn used_layers(config: &JsonFile, layers: usize, select: i64) -> Result<usize> {
    // There is one hidden state more than there are layers.
    let states = i64::try_from(layers).unwrap_or(i64::MAX).saturating_add(1);
    let index = if select < 0 { states.saturating_add(select) } else { select };
    usize::try_from(index).ok().filter(|_| index < states).ok_or_else(|| {
        Refusal::new(config.file(), format!("the checkpoint selects hidden state {select} (mm_vision_select_layer)"))
            .key("num_hidden_layers")
            .expected(format!("one of the {states} hidden states of {layers} layers"))
            .help("use the CLIP model this checkpoint was trained with")
            .into()
    })
}

/// What pictures are resized to where `preprocessor_config.json` does not say it, as in transformers.
const DEFAULT_SIZE: usize = 224;

/// The side pictures are cropped to, which must be the side they are resized to: the reference pads and resizes to
/// the first, and this program does not crop.
fn crop_side(processor: &JsonFile) -> Result<usize> {
    let side = square_side(processor, CROP, &["height", "width"])?;
    let Some(side) = side else {
        return Err(processor.refusal(CROP, "this field is missing").expected("the side of the input").into());
    };
    if resized_side(processor)? == side {
        Ok(side)
    } else {
        Err(processor.refusal(SIZE, "pictures would have to be cropped").expected(side.to_string()).into())
    }
}

/// The side that square pictures are resized to.
fn resized_side(processor: &JsonFile) -> Result<usize> {
    let Some(fields) = processor.get(SIZE).and_then(serde_json::Value::as_object) else {
        return Ok(processor.usize(SIZE)?.unwrap_or(DEFAULT_SIZE));
    };
    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    let side = match names[..] {
        ["shortest_edge"] | ["height", "width"] => square_side(processor, SIZE, &names)?,
        _ => None,
    };
    let expected = "a number, or an object with shortest_edge, or with height and width";
    side.ok_or_else(|| processor.refusal(SIZE, "this way of resizing is not supported").expected(expected).into())
}

/// The number at `key`, or the one number of the object at `key` under all of `names`.
fn square_side(file: &JsonFile, key: &str, names: &[&str]) -> Result<Option<usize>> {
    if !file.get(key).is_some_and(serde_json::Value::is_object) {
        return file.usize(key);
    }
    let mut side = None;
    for name in names {
        let value = file.required_usize(&format!("{key}.{name}"))?;
        if side.is_some_and(|side| side != value) {
            return Err(file.refusal(key, "the input is not square").into());
        }
        side = Some(value);
    }
    Ok(side)
}

/// Whether the file may hold `key` although the features of the first `used` layers do not need it.
pub(super) fn ignores(key: &str, used: usize) -> bool {
    let beyond = key
        .strip_prefix("vision_model.encoder.layers.")
        .and_then(|rest| rest.split('.').next()?.parse::<usize>().ok())
        .is_some_and(|layer| layer >= used);
    beyond
        || key.ends_with(".position_ids")
        || ["text_model.", "text_projection.", "visual_projection.", "vision_model.post_layernorm.", "logit_scale"]
            .iter()
            .any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn side(value: &Value) -> Result<usize> {
        crop_side(&JsonFile::parse(Path::new("preprocessor_config.json"), value.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn pictures_are_resized_to_the_side_they_are_cropped_to() {
        for size in [json!(96), json!({"shortest_edge": 96}), json!({"height": 96, "width": 96})] {
            assert_eq!(side(&json!({"crop_size": 96, "size": size})).unwrap(), 96, "{size}");
        }
        assert_eq!(side(&json!({"crop_size": {"height": 224, "width": 224}})).unwrap(), 224);
    }

    #[test]
    fn every_other_size_is_refused() {
        for size in [
            json!(95),
            json!(null),
            json!("96"),
            json!([96]),
            json!({}),
            json!({"shortest_edge": 95}),
            json!({"longest_edge": 96}),
            json!({"shortest_edge": 96, "longest_edge": 50}),
            json!({"height": 5, "width": 9}),
            json!({"height": 96, "width": "96"}),
        ] {
            let error = side(&json!({"crop_size": 96, "size": size})).unwrap_err().to_string();
            assert!(error.contains("`size") && error.contains("preprocessor_config.json"), "{size}: {error}");
        }
    }
}
