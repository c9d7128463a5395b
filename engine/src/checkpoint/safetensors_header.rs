//! The header of a safetensors file: which tensors lie where.
//!
//! The format: eight bytes with the length of the header, the header as JSON, then the tensors without gaps.

use super::instead;
use super::stored::{Located, StoredType};
use crate::error::{Refusal, Result};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::path::Path;

/// No header is longer. The largest released checkpoint needs less than 1 MiB for all shards together.
const MAX_HEADER: usize = 32 << 20;

/// Bytes of the length field before the header.
const LENGTH_FIELD: usize = 8;

/// Reads the header of the file `path`, whose content is `bytes`, and checks that the tensors it announces fill it
/// exactly.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Vec<(String, Located)>> {
    let again = "the download is incomplete or damaged: download this file again";
    if let Some(refusal) = instead::refused(path, bytes) {
        return Err(refusal.into());
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        return Err(Refusal::new(path, "was written by torch.save and is no safetensors file")
            .help("give it the name it had, ending in .bin")
            .into());
    }
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_FIELD>() else {
        return Err(Refusal::new(path, "is too short to be a safetensors file")
            .expected("at least 8 bytes")
            .found(format!("{} bytes", bytes.len()))
            .help(again)
            .into());
    };
    let header = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|&length| length <= MAX_HEADER);
    let Some(header) = header.and_then(|length| rest.get(..length)) else {
        return Err(Refusal::new(path, "announces an impossible length for its header")
            .expected(format!("at most {} bytes", rest.len().min(MAX_HEADER)))
            .found(format!("{} bytes", u64::from_le_bytes(*length)))
            .help(again)
            .into());
    };
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|e| Refusal::new(path, format!("its safetensors header is invalid: {e}")).help(again))?;
    let start = LENGTH_FIELD + header.len();
    let expected = start.checked_add(metadata.data_len());
    if expected != Some(bytes.len()) {
        let problem = if expected.is_none_or(|expected| expected > bytes.len()) {
            "is cut short: the file ends before its tensors do"
        } else {
            "is longer than its header says"
        };
        return Err(Refusal::new(path, problem)
            .expected(format!("{} bytes", start as u128 + metadata.data_len() as u128))
            .found(format!("{} bytes", bytes.len()))
            .help(again)
            .into());
    }
    let located = metadata.tensors().into_iter().map(|(key, info)| {
        let (from, to) = info.data_offsets;
        let dtype = stored_type(info.dtype);
        (key, Located { dtype, shape: info.shape.clone(), start: start + from, len: to - from })
    });
    Ok(located.collect())
}

fn stored_type(dtype: Dtype) -> StoredType {
    match dtype {
        Dtype::F64 => StoredType::F64,
        Dtype::F32 => StoredType::F32,
        Dtype::F16 => StoredType::F16,
        Dtype::BF16 => StoredType::BF16,
        Dtype::I64 => StoredType::Other("i64"),
        Dtype::I32 => StoredType::Other("i32"),
        Dtype::I16 => StoredType::Other("i16"),
        Dtype::I8 => StoredType::Other("i8"),
        Dtype::U64 => StoredType::Other("u64"),
        Dtype::U32 => StoredType::Other("u32"),
        Dtype::U16 => StoredType::Other("u16"),
        Dtype::U8 => StoredType::Other("u8"),
        Dtype::BOOL => StoredType::Other("bool"),
        _ => StoredType::Other("a type this program does not know"),
    }
}
