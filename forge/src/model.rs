//! The tensors of the checkpoint itself: decoder, projectors, SVA (docs/model.md §2.3).

use crate::spec::{DecoderFamily, DecoderSpec, ForgeSpec};
use crate::table::{Init, Table, TensorSpec};

/// Every tensor of the checkpoint's own weight files (the encoders are not among them), in the order of the modules.
pub fn checkpoint_tensors(spec: &ForgeSpec) -> Vec<TensorSpec> {
    let mut table = Table::default();
    decoder_layers(&mut table, &spec.decoder);
    multimodal(&mut table, spec);
    let (hidden, vocab) = (spec.decoder.hidden, spec.decoder.vocab);
    table.matrix("lm_head", vocab, hidden);
    table.into_tensors()
}

/// Embeddings, layers and final norm of the decoder.
fn decoder_layers(table: &mut Table, d: &DecoderSpec) {
    let (hidden, kv) = (d.hidden, d.kv_heads * d.head_dim());
    table.tensor("model.embed_tokens.weight", &[d.vocab, hidden], Init::TOKEN);
    for i in 0..d.layers {
        let layer = format!("model.layers.{i}");
        match d.family {
            DecoderFamily::Llama => {
                table.matrix(&format!("{layer}.self_attn.q_proj"), hidden, hidden);
                table.matrix(&format!("{layer}.self_attn.k_proj"), kv, hidden);
                table.matrix(&format!("{layer}.self_attn.v_proj"), kv, hidden);
                table.matrix(&format!("{layer}.mlp.gate_proj"), d.intermediate, hidden);
                table.matrix(&format!("{layer}.mlp.up_proj"), d.intermediate, hidden);
            }
            DecoderFamily::Phi3 => {
                table.matrix(&format!("{layer}.self_attn.qkv_proj"), hidden + 2 * kv, hidden);
                table.matrix(&format!("{layer}.mlp.gate_up_proj"), 2 * d.intermediate, hidden);
            }
        }
        table.matrix(&format!("{layer}.self_attn.o_proj"), hidden, hidden);
        table.matrix(&format!("{layer}.mlp.down_proj"), hidden, d.intermediate);
        table.rms_norm(&format!("{layer}.input_layernorm"), hidden);
        table.rms_norm(&format!("{layer}.post_attention_layernorm"), hidden);
    }
    table.rms_norm("model.norm", hidden);
}

/// Projectors, queries and SVA layers.
fn multimodal(table: &mut Table, spec: &ForgeSpec) {
    let (hidden, c, groups) = (spec.decoder.hidden, spec.sva.hidden, spec.sva.group_sides.len());
    table.tensor("model.vision_query", &[groups, c], Init::TOKEN);
    table.tensor("model.image_newline", &[hidden], Init::TOKEN);
    table.linear("model.mm_projector.0", hidden, c * groups);
    table.linear("model.mm_projector.2", hidden, hidden);
    for (k, tower) in spec.towers.iter().enumerate() {
        let name = format!("model.mm_projector_aux_{k}");
        table.linear(&format!("{name}.0"), c, tower.network.feature_dim());
        table.linear(&format!("{name}.2"), c, c);
        table.layer_norm(&format!("{name}.3"), c);
    }
    for (g, side) in spec.sva.group_sides.iter().enumerate() {
        for j in 0..spec.sva.connector_depth {
            sva_layer(table, &format!("model.vision_sampler_{g}.layers.{j}"), spec, c, *side);
        }
    }
    for n in 0..spec.sva.samplers.map_or(0, |samplers| samplers.count) {
        sva_layer(table, &format!("model.vision_sampler_layers.{n}.layers.0"), spec, hidden, spec.sva.query_side);
    }
}

/// One SVA layer whose queries have width `query_dim` and lie on a grid of `query_side`.
fn sva_layer(table: &mut Table, name: &str, spec: &ForgeSpec, query_dim: usize, query_side: usize) {
    let c = spec.sva.hidden;
    table.matrix(&format!("{name}.proj_context"), c, c);
    table.matrix(&format!("{name}.proj_in"), c, query_dim + c);
    table.matrix(&format!("{name}.proj_out.linear_1"), c, c);
    table.matrix(&format!("{name}.proj_out.linear_2"), query_dim, c);
    table.layer_norm(&format!("{name}.norm"), c);
    table.layer_norm(&format!("{name}.cross_attn.q_proj.0"), c);
    table.matrix(&format!("{name}.cross_attn.q_proj.1"), c, c);
    table.matrix(&format!("{name}.cross_attn.o_proj"), c, c);
    for (k, tower) in spec.towers.iter().enumerate() {
        for projection in ["k_proj", "v_proj"] {
            table.layer_norm(&format!("{name}.cross_attn.{projection}_{k}.0"), c);
            table.matrix(&format!("{name}.cross_attn.{projection}_{k}.1"), c, c);
        }
        let window = spec.sva.query_side * tower.window / query_side;
        if window > 1 {
            table.tensor(format!("{name}.pos_embed_{k}"), &[window * window, c], Init::POSITION);
        }
    }
}
