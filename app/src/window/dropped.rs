//! What was dropped on the window.

use std::path::{Path, PathBuf};

/// Something that was dropped on the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// A checkpoint: its directory, or the directory of the file of one that was dropped.
    Checkpoint(PathBuf),
    /// Anything else is taken for a picture.
    Picture(PathBuf),
}

impl Dropped {
    /// What `path` is. Asks the file system: not for the window's own thread.
    pub(super) fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let of_checkpoint = [".json", ".safetensors", ".bin", ".pth"].iter().any(|end| name.ends_with(end));
        match path.parent() {
            _ if path.is_dir() => Self::Checkpoint(path.to_path_buf()),
            Some(directory) if of_checkpoint => Self::Checkpoint(directory.to_path_buf()),
            _ => Self::Picture(path.to_path_buf()),
        }
    }
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
        let photo = directory.path().join("desk.JPG");
        assert_eq!(Dropped::of(&photo), Dropped::Picture(photo.clone()));
    }
}
