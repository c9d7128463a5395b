//! Which files a set is made of.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The files of a set, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetFiles {
    /// What people call the set.
    pub name: String,
    /// The folder that pictures are named from.
    pub folder: PathBuf,
    /// Its files.
    pub files: Vec<PathBuf>,
}

/// Names of files that make a set together, the better known first.
const KNOWN: [&[&str]; 6] = [
    &["questions.jsonl"],
    &["test_2d.parquet", "test_3d.parquet"],
    &["test.parquet"],
    &["val.parquet"],
    &["val_2d.parquet", "val_3d.parquet"],
    &["questions.tsv"],
];

/// No revision of a repository is longer than this.
const MAX_REVISION: u64 = 256;

/// Finds the set that a person calls `data`: a file, a folder, or `organisation/name` in one of the hub `caches`.
///
/// # Errors
/// Saying where it was looked for.
pub fn locate(data: &Path, caches: &[PathBuf]) -> Result<SetFiles> {
    if data.is_file() {
        let folder = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok(SetFiles { name: end(data), folder: folder.to_path_buf(), files: vec![data.to_path_buf()] });
    }
    if data.is_dir() {
        return in_folder(data, end(&data.canonicalize().unwrap_or_else(|_| data.to_path_buf())));
    }
    let help = "give a .jsonl, .tsv or .parquet file, a folder with one in it, or the name of a data set in the hub cache \
                (nyu-visionx/CV-Bench); nothing is downloaded";
    let text = data.to_string_lossy();
    let Some((organisation, name)) = text.split_once('/').filter(|(a, b)| is_plain(a) && is_plain(b)) else {
        let what = if data.exists() { "this is no file and no folder" } else { "there is no such file or folder" };
        return Err(Error::at(data, what, help));
    };
    for cache in caches {
        let repository = cache.join(format!("datasets--{organisation}--{name}"));
        if let Some(snapshot) = snapshot(&repository) {
            return in_folder(&snapshot, text.into_owned());
        }
    }
    let looked: Vec<_> = caches.iter().map(|cache| cache.display().to_string()).collect();
    Err(Error::at(data, format!("it is no file, and no data set of this name is in {}", looked.join(", ")), help))
}

fn end(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() < 100 && name.chars().all(plain) && !name.starts_with('.')
}

/// The folder of the revision that `main` names, or the only one.
fn snapshot(repository: &Path) -> Option<PathBuf> {
    use std::io::Read;
    let mut revision = String::new();
    let named = std::fs::File::open(repository.join("refs/main"))
        .and_then(|file| file.take(MAX_REVISION).read_to_string(&mut revision));
    let snapshots = repository.join("snapshots");
    if named.is_ok() && is_plain(revision.trim()) {
        return Some(snapshots.join(revision.trim())).filter(|folder| folder.is_dir());
    }
    let mut found = std::fs::read_dir(snapshots).ok()?.flatten().map(|entry| entry.path());
    found.next().filter(|_| found.next().is_none())
}

fn in_folder(folder: &Path, name: String) -> Result<SetFiles> {
    for place in [folder.to_path_buf(), folder.join("data")] {
        for known in KNOWN {
            let files: Vec<PathBuf> = known.iter().map(|file| place.join(file)).collect();
            if files.iter().all(|file| file.is_file()) {
                return Ok(SetFiles { name, folder: place, files });
            }
        }
        for ending in ["parquet", "jsonl", "tsv"] {
            let mut files: Vec<PathBuf> = std::fs::read_dir(&place)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(|file| file.extension().is_some_and(|found| found == ending) && file.is_file())
                .collect();
            files.sort();
            // Parts of one table are many files; of the other formats each is a set.
            if ending == "parquet" && !files.is_empty() || files.len() == 1 {
                return Ok(SetFiles { name, folder: place, files });
            }
        }
    }
    Err(Error::at(
        folder,
        "there is no set of questions in this folder, or more than one",
        "name the file: .jsonl, .tsv or .parquet",
    ))
}
