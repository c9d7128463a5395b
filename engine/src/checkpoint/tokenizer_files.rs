//! The files that make a tokenizer: where two checkpoints have the same ones, texts become the same ids.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Files that make a tokenizer. Where all of them are the same, texts become the same ids.
const TOKENIZER: [&str; 5] =
    ["tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];

/// No file of a tokenizer is larger.
const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

/// Whether the files of the tokenizers of the checkpoints in these directories are the same: then the same text becomes the
/// same ids.
///
/// # Errors
/// [`Error::Io`] naming the file that cannot be read.
pub fn same_tokenizer(a: &Path, b: &Path) -> Result<bool> {
    Ok(a == b || hash(a)? == hash(b)?)
}

/// The hash of the files that make the tokenizer of the checkpoint in `directory`.
pub(crate) fn hash(directory: &Path) -> Result<[u8; 32]> {
    let mut all = Sha256::new();
    for name in TOKENIZER {
        let path = directory.join(name);
        // Asked of the name, not of the open file: opening a pipe would wait for someone to write.
        if !path.is_file() {
            all.update([0]);
            continue;
        }
        let mut one = Sha256::new();
        let mut file = File::open(&path).map_err(|e| Error::io(&path, e))?.take(MAX_TOKENIZER_BYTES);
        let mut block = vec![0; 1 << 16];
        loop {
            match file.read(&mut block) {
                Ok(0) => break,
                Ok(read) => one.update(&block[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(&path, error)),
            }
        }
        all.update([1]);
        all.update(one.finalize());
    }
    Ok(all.finalize().into())
}
