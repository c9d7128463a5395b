//! Features of pictures: one file for each picture and encoder, in f32, to the bit as they were computed.

use super::file::{CachedFile, Checked};
use super::part::Part;
use super::{DiskCache, identities, identity, name_of};
use crate::checkpoint::files::WeightFiles;
use crate::error::{Error, Result};
use crate::nn::with_host_values;
use crate::precision::WeightFormat;
use crate::run::ImageId;
use crate::threads;
use candle_core::{Device, Tensor};
use pulp::bytemuck;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Goes into every name: features of another version may be rounded otherwise.
const VERSION: &str = concat!("opabinia-features-1 ", env!("CARGO_PKG_VERSION"));

/// What tells this program from another build of it, which may round otherwise, too: length and time of its file.
fn build() -> Option<String> {
    let about = std::env::current_exe().and_then(fs::metadata).ok()?;
    let written = about.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(format!("{} {}", about.len(), written.as_nanos()))
}

/// What the features of a file are called in it.
const KEY: &str = "features";

/// Features that are asked for: everything they depend on besides the picture.
pub(crate) struct AskedFeatures<'a> {
    /// The encoder's weights.
    pub(crate) files: &'a WeightFiles,
    /// What else decides what it is: those that are not there decide nothing.
    pub(crate) described: &'a [PathBuf],
    /// How it is read and computed.
    pub(crate) how: String,
    /// Bytes of its weights in memory.
    pub(crate) bytes: u64,
}

impl DiskCache {
    /// The features that are kept of one encoder; `None` where none may be kept.
    pub(crate) fn features(&self, asked: &AskedFeatures<'_>) -> Option<KeptFeatures> {
        // They are written as they lie in memory.
        if cfg!(target_endian = "big") || asked.bytes < self.least || !self.is_usable() {
            return None;
        }
        let mut made_from = vec![VERSION.to_owned(), build()?, asked.how.clone()];
        made_from.extend(identities(asked.files)?);
        for path in asked.described {
            match fs::metadata(path) {
                Ok(about) => made_from.push(identity((path, &about))?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => return None,
            }
        }
        let encoder = made_from.join("\n");
        Some(KeptFeatures { cache: self.clone(), encoder, source: asked.files.origin().display().to_string() })
    }
}

/// What is kept of one encoder.
#[derive(Debug)]
pub(crate) struct KeptFeatures {
    cache: DiskCache,
    /// What its features are made from.
    encoder: String,
    /// The same, for people.
    source: String,
}

impl KeptFeatures {
    fn path(&self, image: ImageId) -> Option<PathBuf> {
        let image = serde_json::to_string(&image).ok()?;
        Some(self.cache.path(&name_of([self.encoder.as_str(), &image])))
    }

    /// The features of `image`, if they are there, whole, and of the shape `dims`. `step` is told of the bytes that were checked.
    ///
    /// # Errors
    /// Those of `step`.
    pub(crate) fn find(
        &self,
        image: ImageId,
        dims: (usize, usize),
        step: impl Fn(u64) -> Result<()>,
    ) -> Result<Option<Tensor>> {
        let Some(path) = self.path(image).filter(|_| self.cache.is_usable()) else { return Ok(None) };
        let Some(found) = CachedFile::open(&path) else { return Ok(None) };
        match found.checked(KEY, WeightFormat::F32, dims, step)? {
            Checked::Whole(bytes) => {
                found.touch();
                let (numbers, _) = bytes.as_ref().as_chunks::<4>();
                let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                Ok(Some(Tensor::from_vec(numbers, dims, &Device::Cpu)?))
            }
            Checked::NotThere => Ok(None),
            Checked::Damaged => {
                tracing::warn!(file = %path.display(), "features in the cache are damaged: they are made again");
                found.remove();
                Ok(None)
            }
        }
    }

    /// Keeps the `features` of `image`, `[N, D]` in f32, unless they are there already. They are written on a thread of their own.
    pub(crate) fn keep(&self, image: ImageId, features: &Tensor) {
        let Some(path) = self.path(image).filter(|path| CachedFile::open(path).is_none()) else { return };
        let (cache, features) = (self.cache.clone(), features.clone());
        let about = (WeightFormat::F32.name().to_owned(), self.source.clone());
        let write = move || match write(&cache, &path, about, &features) {
            Ok(true) => tracing::debug!(file = %path.display(), "features are kept"),
            Ok(false) => tracing::debug!("there is no room for features"),
            Err(error) => tracing::info!(%error, file = %path.display(), "features are not kept"),
        };
        if let Err(error) = threads::named("feature-cache").spawn(write) {
            tracing::info!(%error, "features are not kept");
        }
    }
}

/// Writes `features` as `path`; gives whether there was room.
fn write(cache: &DiskCache, path: &Path, about: (String, String), features: &Tensor) -> Result<bool> {
    let dims = features.dims2()?;
    let bytes = (features.elem_count() * size_of::<f32>()) as u64;
    let Some(part) = begin(cache, about, bytes) else { return Ok(false) };
    let written = with_host_values(features, |numbers| {
        part.and_then(|mut part| {
            part.add(KEY, WeightFormat::F32, dims, bytemuck::cast_slice(numbers))?;
            part.finish(path)
        })
    })?;
    written.map(|()| true).map_err(|error| Error::io(path, error))
}

/// Begins a file of so many `bytes`; `None` if there is no room. One after the other: encoders are soon done with a small picture,
/// and each file counts before the next is begun.
fn begin(cache: &DiskCache, about: (String, String), bytes: u64) -> Option<io::Result<Part>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    cache.tidy();
    cache.make_room(bytes).then(|| Part::start(&cache.directory, about, bytes))
}
