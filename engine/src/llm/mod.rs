//! The language models: Llama and Phi-3 decoders with a hook between layers (docs/model.md §13).
//!
//! The two families differ in how projections are stored (split or fused) and in Phi-3's sliding window; everything
//! else is one implementation.

mod attention;
mod cache;
mod decoder;
mod mlp;
mod rotary;

pub use cache::KvCache;
pub use decoder::{BetweenLayers, Decoder};
