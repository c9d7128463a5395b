//! What was dropped on the window.

use opabinia_eval::data::locate;
use std::path::{Path, PathBuf};

/// Something that was dropped on the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// A checkpoint: its directory, or the directory of the file of one that was dropped.
    Checkpoint(PathBuf),
    /// A set of questions: a file, or a folder with one.
    Questions(PathBuf),
    /// The directory of a run.
    Run(PathBuf),
    /// Anything else is taken for a picture.
    Picture(PathBuf),
}

impl Dropped {
    /// What `path` is. Asks the file system: not for the window's own thread.
    pub(super) fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let of_checkpoint = [".json", ".safetensors", ".bin", ".pth"].iter().any(|end| name.ends_with(end));
        let is_header = |name: &str| name.starts_with("header-") && name.ends_with(".json");
        let of_set = [".jsonl", ".tsv", ".parquet"].iter().any(|end| name.ends_with(end));
        match path.parent() {
            _ if path.is_dir() && holds(path, is_header) => Self::Run(path.to_path_buf()),
            _ if path.is_dir() && !path.join("config.json").is_file() && locate(path, &[]).is_ok() => {
                Self::Questions(path.to_path_buf())
            }
            _ if path.is_dir() => Self::Checkpoint(path.to_path_buf()),
            Some(directory) if is_header(&name) => Self::Run(directory.to_path_buf()),
            _ if of_set => Self::Questions(path.to_path_buf()),
            Some(directory) if of_checkpoint => Self::Checkpoint(directory.to_path_buf()),
            _ => Self::Picture(path.to_path_buf()),
        }
    }
}

/// Names of a dropped directory that are looked at.
const MOST_LISTED: usize = 10_000;

/// Whether there is a file in `directory` whose name is such.
fn holds(directory: &Path, is_such: impl Fn(&str) -> bool) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.take(MOST_LISTED).any(|entry| is_such(&entry.file_name().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_checkpoint_stands_for_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("model-00001-of-00003.safetensors");
        assert_eq!(Dropped::of(directory.path()), Dropped::Checkpoint(directory.path().to_path_buf()));
        assert_eq!(Dropped::of(&file), Dropped::Checkpoint(directory.path().to_path_buf()));
        let set = directory.path().join("set");
        std::fs::create_dir(&set).unwrap();
        std::fs::write(set.join("questions.jsonl"), "").unwrap();
        assert_eq!(Dropped::of(&set), Dropped::Questions(set.clone()));
        assert_eq!(Dropped::of(&set.join("a.parquet")), Dropped::Questions(set.join("a.parquet")));
        let run = directory.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::write(run.join("header-0a.json"), "").unwrap();
        assert_eq!(Dropped::of(&run), Dropped::Run(run.clone()));
        assert_eq!(Dropped::of(&run.join("header-0a.json")), Dropped::Run(run));
        let photo = directory.path().join("desk.JPG");
        assert_eq!(Dropped::of(&photo), Dropped::Picture(photo.clone()));
    }
}
