//! Files written by `torch.save`: a pickle that describes tensors, and the storages they lie in.
//!
//! Since PyTorch 1.6 that is an uncompressed zip archive; before, several pickles and the storages one after another.

use super::instead;
use super::pickle::{Machine, PickleError, TensorRef, Value};
use super::stored::Located;
use super::zip_directory;
use crate::error::{Refusal, Result};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// No pickle of a state dict is longer: it needs about 130 bytes per tensor.
const MAX_PICKLE: usize = 8 << 20;

/// What to do about a file this reader does not take.
const CONVERT: &str = "convert it on a machine where you trust it: load it with torch.load(…, weights_only=True) and \
     save it with safetensors.torch.save_file";

/// Where the content of each storage lies in the file, by its name in the pickle.
type Storages = HashMap<String, Range<usize>>;

/// Finds the tensors in the file `path`, whose content is `bytes`. Nothing in it is run.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Vec<(String, Located)>> {
    if let Some(refusal) = instead::refused(path, bytes) {
        return Err(refusal.into());
    }
    if bytes.get(8) == Some(&b'{') && bytes.get(6..8) == Some(&[0, 0]) {
        return Err(Refusal::new(path, "is a safetensors file and was not written by PyTorch")
            .help("give it a name that ends in .safetensors")
            .into());
    }
    if bytes.starts_with(b"PK") { read_zip(path, bytes) } else { read_legacy(path, bytes) }
}

fn read_zip(path: &Path, bytes: &[u8]) -> Result<Vec<(String, Located)>> {
    let again = "download this file again, or use the .safetensors files of this model";
    let entries = zip_directory::read(bytes).map_err(|problem| Refusal::new(path, problem).help(again))?;
    let not_torch = || Refusal::new(path, "is a zip archive, but not one of a PyTorch state dict").help(CONVERT);
    let mut pickles = entries.iter().filter_map(|(name, range)| Some((name.strip_suffix("/data.pkl")?, range)));
    let (Some((root, pickle)), None) = (pickles.next(), pickles.next()) else { return Err(not_torch().into()) };
    let entry = |name: &str| entries.get(&format!("{root}/{name}")).and_then(|range| bytes.get(range.clone()));
    if entry("byteorder").is_some_and(|order| order != b"little") {
        return Err(Refusal::new(path, "is stored in big-endian byte order").help(CONVERT).into());
    }
    if pickle.len() > MAX_PICKLE {
        return Err(Refusal::new(path, "its pickle is longer than any state dict needs")
            .key(format!("{root}/data.pkl"))
            .expected(format!("at most {MAX_PICKLE} bytes"))
            .found(format!("{} bytes", pickle.len()))
            .help(CONVERT)
            .into());
    }
    let data = format!("{root}/data/");
    let storages =
        entries.iter().filter_map(|(name, range)| Some((name.strip_prefix(&data)?.to_owned(), range.clone())));
    let pickle = bytes.get(pickle.clone()).unwrap_or_default();
    let (machine, top, _) = Machine::run(pickle).map_err(|e| refused(path, e))?;
    locate(path, &machine, &top, &storages.collect())
}

/// The older format: magic number, protocol version, system, state dict and names of the storages, each a pickle of its
/// own; then every storage, its count of numbers before it.
fn read_legacy(path: &Path, bytes: &[u8]) -> Result<Vec<(String, Located)>> {
    /// LONG1 of ten bytes: 0x1950a86a20f9469cfc6c.
    const MAGIC: &[u8] = &[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        return Err(Refusal::new(path, "was not written by PyTorch").help("download this file again").into());
    };
    let mut next = || -> Result<(Machine<'_>, Value)> {
        let window = rest.get(..MAX_PICKLE).unwrap_or(rest);
        let (machine, value, length) = Machine::run(window).map_err(|e| refused(path, e))?;
        rest = rest.get(length..).unwrap_or_default();
        Ok((machine, value))
    };
    next()?; // protocol version
    next()?; // system
    let (machine, top) = next()?;
    let (names, list) = next()?;
    let mut at = bytes.len() - rest.len();
    let sizes: HashMap<&str, usize> = machine.storages().iter().map(|s| (&*s.key, s.size)).collect();
    let mut storages = Storages::new();
    for name in names.sequence(&list).unwrap_or_default() {
        let Value::Text(name) = name else {
            return Err(refused(path, PickleError::Malformed("a storage without a name".into())).into());
        };
        let data = sizes.get(&**name).and_then(|&size| {
            let start = at.checked_add(8)?;
            let count = u64::from_le_bytes(*bytes.get(at..start)?.first_chunk()?);
            let end = start.checked_add(usize::try_from(count).ok()?.checked_mul(size)?)?;
            (end <= bytes.len()).then_some(start..end)
        });
        let data = data.ok_or_else(|| {
            Refusal::new(path, "is cut short: the file ends before its tensors do")
                .key(format!("storage {name}"))
                .found(format!("{} bytes", bytes.len()))
                .help("download this file again")
        })?;
        at = data.end;
        storages.insert(name.to_string(), data);
    }
    locate(path, &machine, &top, &storages)
}

/// The entries of the state dict: the top value, or what is called `state_dict` in it.
fn state_dict<'m>(machine: &'m Machine<'_>, top: &Value) -> Option<&'m [(Value, Value)]> {
    let entries = machine.dict(top)?;
    let nested = entries.iter().find(|(key, _)| matches!(key, Value::Text(key) if &**key == "state_dict"));
    nested.and_then(|(_, value)| machine.dict(value)).or(Some(entries))
}

/// Compares every tensor with the storage it claims to lie in.
fn locate(path: &Path, machine: &Machine<'_>, top: &Value, storages: &Storages) -> Result<Vec<(String, Located)>> {
    let mut located = Vec::new();
    for (key, value) in state_dict(machine, top).unwrap_or_default() {
        // Anything else in the dict (an epoch, a learning rate) is not a weight.
        if let (Value::Text(key), Value::Tensor(tensor)) = (key, value) {
            located.push((key.to_string(), place(path, key, tensor, storages)?));
        }
    }
    if located.is_empty() {
        return Err(Refusal::new(path, "holds no state dict: no tensor is stored under a name").help(CONVERT).into());
    }
    Ok(located)
}

fn place(path: &Path, key: &str, tensor: &TensorRef, storages: &Storages) -> Result<Located> {
    let storage = &tensor.storage;
    let found = storages.get(&*storage.key).ok_or_else(|| {
        Refusal::new(path, "the storage of this tensor is missing from the file")
            .key(key)
            .expected(format!("an entry data/{}", storage.key))
            .help("download this file again")
    })?;
    let outside = || {
        Refusal::new(path, "this tensor does not fit into its storage")
            .key(key)
            .expected(format!(
                "{:?} {} from number {} of a storage of {}",
                tensor.shape, storage.dtype, tensor.offset, storage.count
            ))
            .found(format!("{} bytes", found.len()))
            .help("download this file again")
    };
    if storage.count.checked_mul(storage.size) != Some(found.len()) {
        return Err(outside().into());
    }
    let count = tensor.shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let range = count.and_then(|count| {
        let start = tensor.offset.checked_mul(storage.size)?;
        let len = count.checked_mul(storage.size)?;
        (start.checked_add(len)? <= found.len()).then_some((start, len))
    });
    let (start, len) = range.ok_or_else(outside)?;
    if !is_contiguous(&tensor.shape, &tensor.strides) {
        return Err(Refusal::new(path, "this tensor is a view that is not contiguous")
            .key(key)
            .found(format!("shape {:?} with strides {:?}", tensor.shape, tensor.strides))
            .help(CONVERT)
            .into());
    }
    Ok(Located { dtype: storage.dtype, shape: tensor.shape.clone(), start: found.start + start, len })
}

/// Whether the numbers lie row by row, without gaps. The stride of a dimension of one is never used.
fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1usize;
    shape.iter().zip(strides).rev().all(|(&dim, &stride)| {
        let fits = dim <= 1 || stride == expected;
        expected = expected.saturating_mul(dim);
        fits
    })
}

fn refused(path: &Path, error: PickleError) -> Refusal {
    match error {
        PickleError::Forbidden(what) => {
            Refusal::new(path, format!("this pickle asks for {what}; nothing in it was run"))
                .expected("a state dict: names and tensors only")
                .help(CONVERT)
        }
        PickleError::Malformed(what) => {
            Refusal::new(path, format!("its pickle is damaged: {what}; nothing in it was run"))
                .help("download this file again")
        }
    }
}
