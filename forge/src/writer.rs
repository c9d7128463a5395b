//! Weight files, written as they are drawn: never more than a few megabytes are in memory.

use crate::error::{ForgeError, Result};
use crate::spec::StoredType;
use crate::table::TensorSpec;
use crate::weights::Generator;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Numbers drawn before they are written; even.
const BLOCK: u64 = 1 << 22;

/// A file that gets its name only when it is complete; dropped before that, it is deleted.
struct Partial {
    temporary: PathBuf,
    name: PathBuf,
    file: Option<File>,
}

impl Partial {
    fn create(name: &Path) -> Result<Self> {
        let mut temporary = name.as_os_str().to_os_string();
        temporary.push(".partial");
        let temporary = PathBuf::from(temporary);
        let file = File::create_new(&temporary).map_err(ForgeError::io(&temporary))?;
        Ok(Self { temporary, name: name.to_path_buf(), file: Some(file) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(ForgeError::io(&self.temporary)),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<()> {
        if let Some(file) = self.file.take() {
            drop(file);
            fs::rename(&self.temporary, &self.name).map_err(ForgeError::io(&self.name))?;
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing more can be done if the file cannot be deleted: the failure that led here is the one to report.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes `value` to `path`, indented, with a newline at its end.
pub(crate) fn write_json(path: &Path, value: &Value) -> Result<()> {
    let mut file = Partial::create(path)?;
    file.write(format!("{value:#}\n").as_bytes())?;
    file.finish()
}

/// Writes `tensors` to the safetensors file `path`, sorted by key as the released files are.
/// `report` is told the bytes of each block.
pub(crate) fn write_safetensors(
    path: &Path,
    tensors: &[TensorSpec],
    dtype: StoredType,
    seed: u64,
    report: &mut dyn FnMut(u64),
) -> Result<()> {
    let mut sorted: Vec<&TensorSpec> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));

    let mut file = Partial::create(path)?;
    file.write(&header(&sorted, dtype))?;
    let mut bytes = Vec::new();
    for tensor in sorted {
        let generator = Generator::new(seed, tensor);
        let mut start = 0;
        while start < tensor.numel() {
            let count = BLOCK.min(tensor.numel() - start);
            // At most BLOCK · 4 bytes, so the conversion cannot cut anything off.
            bytes.resize((count * dtype.bytes()) as usize, 0);
            generator.fill(start, dtype, &mut bytes);
            file.write(&bytes)?;
            report(bytes.len() as u64);
            start += count;
        }
    }
    file.finish()
}

/// The length and the JSON that precede the numbers; padded with spaces to a multiple of eight bytes.
fn header(tensors: &[&TensorSpec], dtype: StoredType) -> Vec<u8> {
    let name = match dtype {
        StoredType::F32 => "F32",
        StoredType::Bf16 => "BF16",
        StoredType::F16 => "F16",
    };
    let mut entries = Map::new();
    entries.insert("__metadata__".into(), json!({ "format": "pt" }));
    let mut offset = 0;
    for tensor in tensors {
        let end = offset + tensor.numel() * dtype.bytes();
        entries
            .insert(tensor.key.clone(), json!({ "dtype": name, "shape": tensor.shape, "data_offsets": [offset, end] }));
        offset = end;
    }
    let mut json = Value::Object(entries).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.extend(json);
    header
}

/// Cuts `tensors` into runs of at most `shard_bytes`; a tensor larger than that has a file of its own.
pub(crate) fn shards(tensors: &[TensorSpec], dtype: StoredType, shard_bytes: u64) -> Vec<&[TensorSpec]> {
    let mut shards = Vec::new();
    let (mut first, mut bytes) = (0, 0);
    for (i, tensor) in tensors.iter().enumerate() {
        let size = tensor.numel() * dtype.bytes();
        if i > first && bytes + size > shard_bytes {
            shards.push(&tensors[first..i]);
            (first, bytes) = (i, 0);
        }
        bytes += size;
    }
    shards.push(&tensors[first..]);
    shards
}

/// Name of shard `index` of `count`, as transformers names it.
pub(crate) fn shard_name(index: usize, count: usize) -> String {
    if count == 1 { "model.safetensors".into() } else { format!("model-{:05}-of-{count:05}.safetensors", index + 1) }
}

/// `model.safetensors.index.json` of `shards`.
pub(crate) fn index(shards: &[&[TensorSpec]], dtype: StoredType) -> Value {
    let total: u64 = shards.iter().copied().flatten().map(|tensor| tensor.numel() * dtype.bytes()).sum();
    let map: Map<String, Value> = shards
        .iter()
        .enumerate()
        .flat_map(|(i, shard)| shard.iter().map(move |tensor| (tensor.key.clone(), shard_name(i, shards.len()).into())))
        .collect();
    json!({ "metadata": { "total_size": total }, "weight_map": map })
}
