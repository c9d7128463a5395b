//! Checkpoints on disk: what they say they are ([`config`]), where their files lie, what the weight files hold
//! ([`files`]), and how a weight becomes a tensor ([`loader`]).

pub mod config;
pub mod files;
pub mod json;
pub mod loader;

pub use config::{CambrianConfig, DecoderConfig, DecoderFamily, SamplerLayout, SvaConfig, TowerFamily, TowerSpec};
pub use files::WeightFiles;
pub use loader::Loader;
