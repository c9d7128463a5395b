//! The Spatial Vision Aggregator: learnable queries on a grid, each looking at the tokens of every encoder under its
//! cell (spec §6, §7).
//!
//! [`geometry`] says which cells and tokens there are and what is padding; [`windows`] cuts the encoders' tokens into
//! cells; [`layer`] is one cross-attention layer; [`connector`] stands before the language model, [`sampler`] between
//! its layers. What a person changes on purpose ([`crate::intervention`]) happens in the [`windows`] and in the layer.

pub mod connector;
pub mod geometry;
pub mod layer;
pub mod sampler;
mod window_attention;
pub mod windows;

/// Attention heads of every SVA layer, fixed in the architecture.
pub const HEADS: usize = 16;

pub use connector::Connector;
pub use geometry::{Frame, PictureSize};
pub use layer::CrossAttentionLayer;
pub use sampler::Samplers;
pub use windows::{Cutter, Features, Scene, Windows};
