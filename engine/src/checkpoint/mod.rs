//! Checkpoints on disk: what they say they are ([`config`]), where their files lie ([`hub`]), what the weight files
//! hold ([`files`]), how a weight becomes a tensor ([`loader`]), and whether there is room for it ([`memory`]).
//!
//! Files come from strangers. Nothing here executes what it reads, leaves the directory it was given, or allocates
//! from a length it has not compared with the real size of the file.

pub mod cache;
pub mod config;
mod convert;
pub(crate) mod differences;
pub(crate) mod fields;
pub mod files;
mod folder;
mod generation;
pub mod hub;
pub(crate) mod instead;
pub mod json;
pub mod loader;
mod map;
pub mod memory;
mod pickle;
mod rope;
mod safetensors_header;
mod stored;
pub(crate) mod tokenizer_files;
mod torch_file;
pub mod wanted;
mod zip_directory;

pub use cache::{CachedFileInfo, Caches, DiskCache};
pub use config::{CambrianConfig, DecoderConfig, DecoderFamily, SamplerLayout, SvaConfig};
pub use files::{TensorView, WeightFiles};
pub use hub::{CachedModel, EncoderFiles, EncoderOverride, EncoderSource, Hub, checkpoint_name};
pub use loader::{Loader, Part, Survey, UnknownWeight};
pub(crate) use map::MappedWeights;
pub use memory::{Bytes, CacheBudgets, EncoderStay, HostMemory, MemoryNeed};
pub use opabinia_trace::encoder_name::{EncoderFamily, EncoderOrigin, EncoderSpec};
pub use opabinia_trace::encoder_names;
pub use stored::StoredType;
pub use wanted::RepoRole;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod faults;
