//! The demo checkpoint and the sample pictures that are part of the program.
//!
//! The checkpoint is put into the user's cache directory as the files it is made of, and opened from there like any
//! other. Files that are there already are compared with those in the program, byte by byte: what is opened is what
//! was shipped.

use crate::language::Language;
use crate::output;
use directories::ProjectDirs;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What people type to open it.
pub const NAME: &str = "demo";

/// How the names of sample pictures begin where a file could be meant.
const SAMPLE_PREFIX: &str = "sample:";

macro_rules! embedded {
    ($directory:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_bytes!(concat!("../../assets/demo/", $directory, "/", $file)).as_slice())),+]
    };
}

/// Every file of the checkpoint, by its path in it.
static CHECKPOINT: &[(&str, &[u8])] = embedded!["checkpoint":
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "towers/facebook/dinov2-giant/config.json",
    "towers/facebook/dinov2-giant/model.safetensors",
    "towers/facebook/dinov2-giant/preprocessor_config.json",
    "towers/laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup/open_clip_config.json",
    "towers/laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup/open_clip_model.safetensors",
    "towers/openai/clip-vit-large-patch14-336/config.json",
    "towers/openai/clip-vit-large-patch14-336/model.safetensors",
    "towers/openai/clip-vit-large-patch14-336/preprocessor_config.json",
    "towers/timm/ViT-SO400M-14-SigLIP-384/open_clip_config.json",
    "towers/timm/ViT-SO400M-14-SigLIP-384/open_clip_model.safetensors",
];

/// Pictures of the recipe's drawn world, none of which the checkpoint was trained on. They were chosen by hand, among
/// those it answers these questions about rightly, as it does nearly all.
pub static SAMPLES: &[Sample] = &[
    Sample {
        name: "gift",
        question: "Describe the picture.",
        also: &["What does the sign say?", "How many objects are there?"],
        bytes: include_bytes!("../../assets/demo/samples/gift.png"),
    },
    Sample {
        name: "vote",
        question: "How many objects are there?",
        also: &["What does the sign say?", "Describe the picture."],
        bytes: include_bytes!("../../assets/demo/samples/vote.png"),
    },
    Sample {
        name: "lamp",
        question: "What colour is the triangle?",
        also: &["What does the sign say?", "Describe the picture."],
        bytes: include_bytes!("../../assets/demo/samples/lamp.png"),
    },
];

/// What the demo checkpoint is and is not.
pub fn notice(language: Language) -> &'static str {
    language.pick(
        "Demo model: tiny, trained on drawn scenes of coloured shapes and short words. For photographs load a Cambrian-1 \
         checkpoint.",
        "演示模型：规模很小，只用绘制的彩色图形和短词场景训练。若要分析照片，请载入 Cambrian-1 检查点。",
    )
}

/// Where the checkpoint that people call `name` is: as they say, unless they mean the demo checkpoint.
///
/// # Errors
/// Those of [`checkpoint`].
pub fn source(name: &str) -> Result<String> {
    if name == NAME { Ok(checkpoint()?.to_string_lossy().into_owned()) } else { Ok(name.to_owned()) }
}

/// A picture that is part of the program.
#[derive(Debug)]
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// A question the demo checkpoint answers about it.
    pub question: &'static str,
    /// More questions of that kind.
    pub also: &'static [&'static str],
    /// PNG.
    bytes: &'static [u8],
}

impl Sample {
    /// The sample that `text` (`sample:NAME`) names.
    ///
    /// # Errors
    /// [`Error::Input`] listing the samples, if there is none of that name. `None` if `text` names no sample at all.
    pub fn named(text: &str) -> Option<Result<&'static Self>> {
        let name = text.strip_prefix(SAMPLE_PREFIX)?;
        let found = SAMPLES.iter().find(|sample| sample.name == name);
        let names: Vec<_> = SAMPLES.iter().map(|sample| sample.name).collect();
        Some(found.ok_or_else(|| {
            Error::input(
                format!("there is no sample picture `{name}`"),
                format!("the samples are {}", names.join(", ")),
            )
        }))
    }

    /// What stands for it where a file could.
    pub fn path(&self) -> PathBuf {
        sample_path(self.name)
    }

    /// Its pixels.
    ///
    /// # Errors
    /// Those of [`Picture::from_bytes`].
    pub fn picture(&self) -> Result<Picture> {
        Picture::from_bytes(self.name, self.bytes, Exif::Ignore)
    }
}

/// What stands for the sample `name` where a file could.
pub fn sample_path(name: &str) -> PathBuf {
    format!("{SAMPLE_PREFIX}{name}").into()
}

/// Whether `directory` is where the demo checkpoint is opened from.
pub fn is_at(directory: &Path) -> bool {
    places().iter().any(|place| place.directory == directory)
}

/// A directory that the checkpoint may be put into.
struct Place {
    directory: PathBuf,
    /// Whether it lies where everybody may make directories.
    shared: bool,
}

/// Where the checkpoint may be put: the cache directory, then that for temporary files. Checkpoints are named by text, so a
/// place whose name is none is left out.
fn places() -> &'static [Place] {
    static PLACES: OnceLock<Vec<Place>> = OnceLock::new();
    PLACES.get_or_init(|| {
        let cache = ProjectDirs::from("", "", "opabinia").map(|dirs| dirs.cache_dir().join(NAME));
        let temporary = user().map(|user| std::env::temp_dir().join(format!("opabinia-{user}")).join(NAME));
        let places = [(cache, false), (temporary, true)].into_iter();
        let places = places.filter_map(|(directory, shared)| Some(Place { directory: directory?, shared }));
        places.filter(|place| place.directory.to_str().is_some()).collect()
    })
}

/// What tells this user from the others among the temporary files; `None` if there can be none.
#[cfg(unix)]
fn user() -> Option<u32> {
    let file = tempfile::tempfile().and_then(|file| file.metadata()).ok()?;
    Some(std::os::unix::fs::MetadataExt::uid(&file))
}

/// Elsewhere, temporary files are each user's own.
#[cfg(not(unix))]
fn user() -> Option<&'static str> {
    Some("demo")
}

/// Makes the directory around `place`, where others could have made it first and put links where this program writes, and
/// checks that they have not.
#[cfg(unix)]
fn claim(place: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let Some(directory) = place.parent() else { return Ok(()) };
    // That it is there already is as good; whose it is, is asked afterwards.
    let _ = std::fs::DirBuilder::new().mode(0o700).create(directory);
    let about = std::fs::symlink_metadata(directory).map_err(|error| Error::io(directory, error))?;
    if about.is_dir() && Some(about.uid()) == user() && about.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Error::input(
        format!("{}: this directory is another user's, or others may write into it", directory.display()),
        "remove it, or set XDG_CACHE_HOME or TMPDIR to a directory of yours",
    ))
}

#[cfg(not(unix))]
fn claim(_place: &Path) -> Result<()> {
    Ok(())
}

/// The directory that holds the demo checkpoint: written on first use.
///
/// # Errors
/// [`Error::Io`] or [`Error::Input`] if neither the cache directory nor the directory for temporary files takes it.
pub fn checkpoint() -> Result<PathBuf> {
    let mut failure = None;
    for Place { directory, shared } in places() {
        let claimed = if *shared { claim(directory) } else { Ok(()) };
        match claimed.and_then(|()| unpack(directory)) {
            Ok(directory) => return Ok(directory),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| {
        Error::input(
            "there is no place for the demo checkpoint: neither the directory for caches nor that for temporary files \
             can be used",
            "set XDG_CACHE_HOME or TMPDIR to a directory of yours, or name another checkpoint",
        )
    }))
}

/// Puts the checkpoint's files into `directory`, unless they are there.
fn unpack(directory: &Path) -> Result<PathBuf> {
    for (name, bytes) in CHECKPOINT {
        let file = directory.join(name);
        let same = std::fs::metadata(&file).is_ok_and(|about| about.len() == bytes.len() as u64)
            && std::fs::read(&file).is_ok_and(|found| found == *bytes);
        if same {
            continue;
        }
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
        }
        output::write(&file, |out| out.write_all(bytes))?;
    }
    Ok(directory.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_put_right() {
        let place = tempfile::tempdir().unwrap();
        let directory = unpack(place.path()).unwrap();
        let config = directory.join("config.json");
        let shipped = std::fs::read(&config).unwrap();
        std::fs::write(&config, b"{}").unwrap();
        unpack(place.path()).unwrap();
        assert_eq!(std::fs::read(&config).unwrap(), shipped);
    }

    #[test]
    fn the_whole_checkpoint_is_small() {
        let bytes: usize = CHECKPOINT.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes <= 16 << 20, "{bytes} bytes");
    }

    #[test]
    fn samples_are_pictures_with_names_of_their_own() {
        for sample in SAMPLES {
            sample.picture().unwrap();
            assert_eq!(Sample::named(&format!("{SAMPLE_PREFIX}{}", sample.name)).unwrap().unwrap().name, sample.name);
        }
        assert!(Sample::named("sample:nothing").unwrap().is_err());
        assert!(Sample::named("photo.png").is_none());
    }
}
