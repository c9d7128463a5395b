//! The tables of tensors against the parameter counts of the released models (docs/model.md §15).

use opabinia_forge::{
    ConvNextSize, EncoderFamily, EncoderNetwork, EncoderScale, ForgeSpec, Preset, TensorSpec, checkpoint_tensors, size,
    tower_tensors,
};

/// Parameters under `prefix`.
fn under(tensors: &[TensorSpec], prefix: &str) -> u64 {
    tensors.iter().filter(|tensor| tensor.key.starts_with(prefix)).map(TensorSpec::numel).sum()
}

fn released(family: EncoderFamily) -> Vec<TensorSpec> {
    tower_tensors(&EncoderScale::Released.tower(family).network)
}

/// Parameters of the base language model alone.
fn language_model(tensors: &[TensorSpec]) -> u64 {
    ["model.embed_tokens.", "model.layers.", "model.norm.", "lm_head."]
        .iter()
        .map(|prefix| under(tensors, prefix))
        .sum()
}

/// The decoder of `spec` with other dimensions: hidden, intermediate, layers, heads, kv heads, vocab.
fn with_decoder(dims: [usize; 6]) -> ForgeSpec {
    let mut spec = Preset::Cambrian8b.spec();
    let d = &mut spec.decoder;
    [d.hidden, d.intermediate, d.layers, d.heads, d.kv_heads, d.vocab] = dims;
    spec
}

#[test]
fn siglip_has_the_released_size_with_and_without_its_unused_pooling_head() {
    let tensors = released(EncoderFamily::Siglip);
    assert_eq!(under(&tensors, "visual.trunk."), 428_225_600);
    assert_eq!(under(&tensors, "visual.trunk.") - under(&tensors, "visual.trunk.attn_pool."), 412_987_248);
}

#[test]
fn clip_has_the_released_size_with_and_without_its_unused_last_layer() {
    let tensors = released(EncoderFamily::Clip);
    let vision = under(&tensors, "vision_model.");
    let unused = under(&tensors, "vision_model.encoder.layers.23.") + under(&tensors, "vision_model.post_layernorm.");
    assert_eq!(vision, 303_507_456);
    assert_eq!(vision - unused, 290_909_184);
}

#[test]
fn dinov2_has_the_released_size() {
    assert_eq!(under(&released(EncoderFamily::Dinov2), ""), 1_136_480_768);
}

#[test]
fn convnext_has_the_released_sizes() {
    let xxl = released(EncoderFamily::Convnext);
    assert_eq!(under(&xxl, "visual.trunk."), 843_398_016);
    assert_eq!(under(&xxl, "visual.trunk.head."), 6_144);
    let large = released(EncoderFamily::ConvnextL);
    assert_eq!(under(&large, "visual.trunk."), 196_230_336);
}

#[test]
fn convnext_large_is_named_and_shaped_as_such() {
    let network = EncoderScale::Released.tower(EncoderFamily::ConvnextL).network;
    assert!(matches!(network, EncoderNetwork::ConvNext { size: ConvNextSize::L, .. }));
    assert_eq!(network.config_name(), "clip-convnext-L-multi-stage");
    assert_eq!(network.feature_dim(), 192 + 384 + 768 + 1536);
}

#[test]
fn the_8b_checkpoint_has_the_released_sizes() {
    let tensors = checkpoint_tensors(&Preset::Cambrian8b.spec());
    assert_eq!(language_model(&tensors), 8_030_261_248);
    for (k, parameters) in [2_232_320, 2_101_248, 2_625_536, 6_950_912].into_iter().enumerate() {
        assert_eq!(under(&tensors, &format!("model.mm_projector_aux_{k}.")), parameters, "projector {k}");
    }
    assert_eq!(under(&tensors, "model.vision_sampler_0."), 47_296_512);
    assert_eq!(under(&tensors, "model.vision_sampler_layers.0."), 22_056_960);
    assert_eq!(under(&tensors, "model.vision_sampler_layers."), 10 * 22_056_960);
    assert_eq!(under(&tensors, "model.mm_projector."), 20_979_712);
    let parts = 8_030_261_248 + 13_910_016 + 47_296_512 + 220_569_600 + 20_979_712 + 1024 + 4096;
    assert_eq!(size(&Preset::Cambrian8b.spec()).checkpoint, parts);
}

#[test]
fn the_3b_checkpoint_has_the_released_sizes() {
    let tensors = checkpoint_tensors(&Preset::Cambrian3b.spec());
    assert_eq!(language_model(&tensors), 3_821_079_552);
    assert_eq!(under(&tensors, "model.vision_sampler_layers.9."), 19_959_808);
    assert_eq!(under(&tensors, "model.mm_projector."), 12_589_056);
}

#[test]
fn the_13b_and_34b_shapes_have_the_released_sizes() {
    let vicuna = checkpoint_tensors(&with_decoder([5120, 13824, 40, 40, 40, 32000]));
    assert_eq!(language_model(&vicuna), 13_015_864_320);
    assert_eq!(under(&vicuna, "model.vision_sampler_layers.0."), 24_154_112);
    assert_eq!(under(&vicuna, "model.mm_projector."), 31_467_520);
    let yi = checkpoint_tensors(&with_decoder([7168, 20480, 60, 56, 8, 64000]));
    assert_eq!(language_model(&yi), 34_388_917_248);
    assert_eq!(under(&yi, "model.vision_sampler_layers.0."), 28_348_416);
    assert_eq!(under(&yi, "model.mm_projector."), 58_734_592);
}

#[test]
fn presets_are_as_large_as_they_say() {
    let bytes = |preset: Preset| size(&preset.spec()).bytes;
    assert!((500_000..2_000_000).contains(&bytes(Preset::Tiny)), "{}", bytes(Preset::Tiny));
    let bench = size(&Preset::SmallBench.spec());
    let parameters = bench.checkpoint + bench.towers;
    assert!((210_000_000..230_000_000).contains(&parameters), "{parameters}");
}
