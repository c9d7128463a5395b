//! The Spatial Vision Aggregator: learnable queries on a grid, each looking at the tokens of every encoder under its
//! cell (docs/model.md §6, §7).
//!
//! [`opabinia_trace::geometry`] says which cells and tokens there are and what is padding; [`windows`] cuts the encoders' tokens into
//! cells; [`layer`] is one cross-attention layer; [`connector`] stands before the language model, [`sampler`] between
//! its layers. What a person changes on purpose ([`crate::intervention`]) happens in the [`windows`] and in the layer.

pub mod connector;
pub mod layer;
pub mod sampler;
mod shuffle;
mod window_attention;
pub mod windows;

pub use connector::Connector;
pub use layer::CrossAttentionLayer;
pub use opabinia_trace::geometry::Frame;
pub use opabinia_trace::image::PictureSize;
pub use opabinia_trace::layer::HEADS;
pub use sampler::Samplers;
pub use windows::{Cutter, Features, Scene, Windows};
