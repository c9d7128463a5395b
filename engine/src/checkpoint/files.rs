//! Weight files: safetensors and PyTorch pickles, single or sharded, memory-mapped and checked.
//!
//! Opening reads headers only. Every offset and length is checked against the real file before anyone sees it, so
//! that [`TensorView::bytes`] is always exactly the tensor.

use super::json::JsonFile;
use super::map::{MappedFile, MappedRange};
use super::stored::{Located, StoredType};
use super::{folder, safetensors_header, torch_file};
use crate::error::{Refusal, Result};
use crate::printable;
use opabinia_hub::cache::absence;
use opabinia_trace::encoder_name::is_plain_name;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Base names of the weight files of a checkpoint and of towers in the Hugging Face layout.
pub const HF_STEMS: &[&str] = &["model", "pytorch_model"];

/// Base names of the weight files of towers in the open_clip layout.
pub const OPEN_CLIP_STEMS: &[&str] = &["open_clip_model", "open_clip_pytorch_model"];

/// No index names more shards.
const MAX_SHARDS: usize = 4096;

/// All tensors of one checkpoint (or of one tower), found but not read.
#[derive(Debug)]
pub struct WeightFiles {
    origin: PathBuf,
    files: Vec<Arc<MappedFile>>,
    /// Key → index into `files`, place in it.
    tensors: BTreeMap<String, (usize, Located)>,
    /// Keys that an index names and no file holds.
    stale: Vec<String>,
}

/// What to do about an index that does not fit.
const OTHER_INDEX: &str = "the index does not belong to these files: download the checkpoint again";

/// The names under which weights are looked for, in order.
fn candidates(stems: &[&str]) -> impl Iterator<Item = String> {
    let formats = |stem| [".safetensors", ".bin"].map(|suffix| format!("{stem}{suffix}"));
    stems.iter().flat_map(formats).flat_map(|single| {
        let index = format!("{single}{INDEX}");
        [single, index]
    })
}

/// How the name of an index ends.
const INDEX: &str = ".index.json";

/// The file that weights are read from: a single one, or an index, whichever of [`candidates`] `exists` first.
pub(super) fn chosen(stems: &[&str], exists: impl Fn(&str) -> bool) -> Option<String> {
    candidates(stems).find(|name| exists(name))
}

/// Whether `name` is that of an index.
pub(super) fn is_index(name: &str) -> bool {
    name.ends_with(INDEX)
}

/// The table of an index: key of a weight → name of its shard.
fn weight_map(json: &JsonFile) -> Result<&serde_json::Map<String, serde_json::Value>> {
    let map = json.value().get("weight_map").and_then(serde_json::Value::as_object);
    map.ok_or_else(|| json.refusal("weight_map", "this field is missing or no object").help(OTHER_INDEX).into())
}

/// The names of the shards in an index, each once, sorted.
///
/// # Errors
/// A refusal if one leads elsewhere, or there are too many.
pub(super) fn shards(json: &JsonFile) -> Result<BTreeSet<&str>> {
    let mut shards = BTreeSet::new();
    for (key, shard) in weight_map(json)? {
        let name = shard.as_str().filter(|name| is_plain_name(name)).ok_or_else(|| {
            Refusal::new(json.file(), "names a shard that is not a plain file name beside the index")
                .key(key)
                .found(shard.to_string())
                .help("do not use this checkpoint: an honest index never points elsewhere")
        })?;
        shards.insert(name);
    }
    if shards.len() > MAX_SHARDS {
        return Err(Refusal::new(json.file(), "names too many shards")
            .expected(format!("at most {MAX_SHARDS}"))
            .found(shards.len().to_string())
            .help(OTHER_INDEX)
            .into());
    }
    Ok(shards)
}

/// Where one tensor lies and what it is.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// The file it lies in.
    pub file: &'a Path,
    /// Type on disk.
    pub dtype: StoredType,
    /// Shape on disk.
    pub shape: &'a [usize],
    /// The stored bytes, little-endian, contiguous row-major; exactly `shape · size of dtype` of them.
    pub bytes: &'a [u8],
    map: &'a Arc<MappedFile>,
    start: usize,
}

impl TensorView<'_> {
    /// Tells the system that `len` of [`Self::bytes`], from `start`, were used and need not stay in memory.
    pub(crate) fn release(&self, start: usize, len: usize) {
        self.map.release(self.start + start, len);
    }

    /// Tells the system that all of [`Self::bytes`] will be read.
    pub(super) fn will_need(&self) {
        self.map.will_need(self.start, self.bytes.len());
    }

    /// The bytes where they lie in the file, for as long as anybody holds them.
    pub(super) fn stay(&self) -> MappedRange {
        MappedRange::new(self.map, self.start, self.bytes.len())
    }
}

impl WeightFiles {
    /// Opens the weights in `dir`, trying the given base names in order ([`HF_STEMS`], [`OPEN_CLIP_STEMS`]).
    ///
    /// For each base name it looks for `.safetensors`, `.safetensors.index.json` with shards, `.bin` and
    /// `.bin.index.json` with shards, and takes the first that is there.
    ///
    /// # Errors
    /// A refusal that names the file, and the key in it, if there are no weights, a shard is missing, cut short or
    /// lies outside `dir`, an index does not match its shards, or a pickle wants to do more than hold tensors.
    pub fn open(dir: &Path, stems: &[&str]) -> Result<Self> {
        if let Some(name) = chosen(stems, |name| dir.join(name).exists()) {
            let file = dir.join(&name);
            if is_index(&name) {
                return Self::open_sharded(dir, &file);
            }
            let mut weights = Self::empty(&file);
            weights.add(&file)?;
            return Ok(weights);
        }
        let refusal = folder::explained(dir).unwrap_or_else(|| {
            Refusal::new(dir, "no weights found").help("download the model again, with its .safetensors or .bin files")
        });
        Err(candidates(stems).fold(refusal, |refusal, name| refusal.detail(absence(&dir.join(name)))).into())
    }

    fn empty(origin: &Path) -> Self {
        Self { origin: origin.to_path_buf(), files: Vec::new(), tensors: BTreeMap::new(), stale: Vec::new() }
    }

    fn open_sharded(dir: &Path, index: &Path) -> Result<Self> {
        let json = JsonFile::read(index)?;
        let map = weight_map(&json)?;
        let mut weights = Self::empty(index);
        for shard in shards(&json)? {
            let path = dir.join(shard);
            if !path.exists() {
                return Err(Refusal::new(index, "names a shard that is missing")
                    .expected(path.display().to_string())
                    .found(absence(&path))
                    .help("download the missing file")
                    .into());
            }
            weights.add(&path)?;
        }
        for (key, shard) in map {
            // Whoever needs the tensor will miss it. Indexes outlive tables that are no longer stored, so that an entry
            // for nothing is no fault by itself.
            let Some((file, _)) = weights.tensors.get(key) else {
                weights.stale.push(key.clone());
                continue;
            };
            let found = weights.files.get(*file).map(|file| file.path());
            let expected = shard.as_str().map(|shard| dir.join(shard));
            if found != expected.as_deref() {
                return Err(Refusal::new(index, "the index says this tensor is in a shard that does not hold it")
                    .key(key)
                    .expected(format!("in {}", expected.unwrap_or_default().display()))
                    .found(format!("in {}", found.unwrap_or(index).display()))
                    .help(OTHER_INDEX)
                    .into());
            }
        }
        Ok(weights)
    }

    /// Maps one file and adds its tensors.
    fn add(&mut self, path: &Path) -> Result<()> {
        let file = MappedFile::open(path)?;
        let located = if path.extension().is_some_and(|extension| extension == "safetensors") {
            safetensors_header::read(path, file.bytes())?
        } else {
            torch_file::read(path, file.bytes())?
        };
        for (key, located) in located {
            match self.tensors.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert((self.files.len(), located));
                }
                Entry::Occupied(entry) => {
                    let other = self.files.get(entry.get().0).map_or(path, |file| file.path());
                    return Err(Refusal::new(path, "this tensor is stored twice")
                        .key(entry.key())
                        .found(format!("also in {}", other.display()))
                        .help("download the checkpoint again")
                        .into());
                }
            }
        }
        self.files.push(Arc::new(file));
        Ok(())
    }

    /// The tensor called `key`.
    pub fn get(&self, key: &str) -> Option<TensorView<'_>> {
        let (file, located) = self.tensors.get(key)?;
        let map = self.files.get(*file)?;
        let bytes = map.bytes().get(located.start..located.start.checked_add(located.len)?)?;
        let (dtype, shape, start) = (located.dtype, located.shape.as_slice(), located.start);
        Some(TensorView { file: map.path(), dtype, shape, bytes, map, start })
    }

    /// All keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The files that hold tensors, in the order they were opened.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path())
    }

    /// The same, with what was known of each when it was opened.
    pub(super) fn opened(&self) -> impl Iterator<Item = (&Path, &Metadata)> {
        self.files.iter().map(|file| (file.path(), file.about()))
    }

    /// Whether an index names `key` and no file holds it.
    pub(super) fn is_stale(&self, key: &str) -> bool {
        self.stale.iter().any(|stale| stale == key)
    }

    /// The sentence about what an index names and no file holds, if there is any, but for tables that follow from the
    /// configuration.
    pub(crate) fn stale_note(&self) -> Option<String> {
        let stale: Vec<&str> = self.stale.iter().map(String::as_str).filter(|key| !is_derived(key)).collect();
        let (first, rest) = stale.split_first()?;
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let index = self.origin.file_name().unwrap_or_default().to_string_lossy();
        let (index, first) = (printable::line(&index), printable::line(first));
        Some(format!("{index} names weights that no file holds and the model does not need: {first}{more}"))
    }

    /// The file to name in a message about the weights as a whole: the single file, or the index.
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// Size of all files together.
    pub fn stored_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes().len() as u64).sum()
    }

    /// How many numbers are stored in each type.
    pub fn elements_by_type(&self) -> BTreeMap<StoredType, u64> {
        let mut count = BTreeMap::new();
        for (_, located) in self.tensors.values() {
            *count.entry(located.dtype).or_default() += located.shape.iter().map(|&dim| dim as u64).product::<u64>();
        }
        count
    }
}

/// Keys that hold nothing a model needs, whoever asks: tables that follow from the configuration.
pub(super) fn is_derived(key: &str) -> bool {
    let last = |name: &str| key == name || key.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    last("rotary_emb.inv_freq") || last("position_ids")
}
