//! Which checkpoint it is, without reading all of it.

use opabinia_engine::model::Inspection;
use opabinia_engine::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes that are read of either end of a file. Small files are read whole, and the ends of a large one hold its
/// description and its last weights.
const END: u64 = 1 << 20;

/// SHA-256 over the names, sizes and ends of the files of a checkpoint and its encoders.
///
/// # Errors
/// If one of them cannot be read.
pub fn of(inspection: &Inspection) -> Result<String> {
    let mut hash = Sha256::new();
    for directory in inspection.directories() {
        let failed = |error| Error::io(directory, error);
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .map_err(failed)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|p| counts(p))
            .collect();
        files.sort();
        for path in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            add(&mut hash, &name, &path).map_err(|error| Error::io(&path, error))?;
        }
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn counts(path: &Path) -> bool {
    let ending = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    path.is_file() && ["json", "safetensors", "bin", "pth", "pt", "model"].contains(&ending)
}

fn add(hash: &mut Sha256, name: &str, path: &Path) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    hash.update(length.to_le_bytes());
    let mut bytes = Vec::new();
    (&mut file).take(END).read_to_end(&mut bytes)?;
    if length > END {
        file.seek(SeekFrom::Start(length.saturating_sub(END).max(END)))?;
        file.take(END).read_to_end(&mut bytes)?;
    }
    hash.update(&bytes);
    Ok(())
}
