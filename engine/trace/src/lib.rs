//! The plain words of traces: what engine, shaders and window mean by an encoder, a layer, a cell, a measure, an intervention
//! and a run. Data and integer facts only; no tensors, no graphics, no files.
//!
//! | module | what |
//! |---|---|
//! | [`image`] | an image by its size and its pixels |
//! | [`encoder_name`], [`encoder_names`] | what a checkpoint calls its encoders, and what people do |
//! | [`layer`], [`geometry`] | SVA layers; query grids, token grids, and what of them is padding |
//! | [`intervention`] | what is changed on purpose in a pass, and the [`intervention::Anatomy`] it can be done to |
//! | [`run`] | names of whatever comes out of a pass |
//! | [`trace`], [`measure`] | the attention of one pass, and the exact numbers of its cells |

pub mod encoder_name;
pub mod encoder_names;
mod error;
pub mod geometry;
pub mod image;
pub mod intervention;
pub mod layer;
pub mod measure;
pub mod run;
pub mod trace;

pub use error::Unusable;
