//! Where models and encoders lie on this machine: directories, and the Hugging Face hub cache.
//!
//! A hub cache holds a directory `models--<organisation>--<name>` per repository, with `refs/main` naming a revision and
//! `snapshots/<revision>/` holding its files, normally as links into a store. Nothing is downloaded here: `opabinia-hub` reads the layout, and fills it elsewhere.
//!
//! Names come from strangers too: a repository id or a revision that is more than a plain name is not followed.

use super::files::{HF_STEMS, OPEN_CLIP_STEMS, WeightFiles};
use super::folder;
use super::json::JsonFile;
use crate::advice::{Advice, MissingEncoder};
use crate::error::{Error, Refusal, Result};
use opabinia_hub::cache::{absence, snapshot};
use opabinia_hub::environment;
use opabinia_hub::names::{Repo, RepoKind};
use opabinia_trace::encoder_name::{EncoderFamily, EncoderOrigin, EncoderSpec, is_plain_name};
use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An encoder's directory given by the user: `NAME=DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderOverride {
    /// The encoder's name in config.json, its repository id, its family (`siglip`, `clip`, `dinov2`, `convnext`), or
    /// its number in checkpoint order, from 0.
    pub name: String,
    /// Where its files are.
    pub dir: PathBuf,
}

impl FromStr for EncoderOverride {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, dir)) if !name.is_empty() && !dir.is_empty() => {
                Ok(Self { name: name.to_owned(), dir: PathBuf::from(dir) })
            }
            _ => Err(format!("`{text}` is not NAME=DIR: a name, family or number of an encoder, and its directory")),
        }
    }
}

impl EncoderOverride {
    /// Whether this is about `tower`, number `index` of its checkpoint.
    fn is_for(&self, index: usize, tower: &EncoderSpec) -> bool {
        self.name == tower.name
            || self.name == tower.origin.to_string()
            || self.name == tower.family.word()
            || self.name == index.to_string()
    }
}

/// Which rule found an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EncoderSource {
    /// The user named the directory.
    Override,
    /// `towers/<organisation>/<name>` in the checkpoint.
    Checkpoint,
    /// The hub layout under `towers/` in the checkpoint.
    CheckpointHub,
    /// A hub cache of this machine.
    HubCache,
}

impl fmt::Display for EncoderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Override => "given by --tower",
            Self::Checkpoint => "beside the checkpoint",
            Self::CheckpointHub => "beside the checkpoint, in the hub layout",
            Self::HubCache => "in the hub cache",
        })
    }
}

/// The files of one encoder, found and opened.
#[derive(Debug)]
pub struct EncoderFiles {
    /// The directory that holds them.
    pub dir: PathBuf,
    /// Which rule found it.
    pub source: EncoderSource,
    /// Its weights.
    pub weights: WeightFiles,
    /// Places that come before `dir` in the order, and why each was not taken.
    pub rejected: Vec<String>,
}

/// A Cambrian-1 checkpoint in a hub cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedModel {
    /// `organisation/name`.
    pub repo: String,
    /// The snapshot that would be opened.
    pub dir: PathBuf,
}

/// Name of the file that describes an encoder of this family.
#[must_use]
pub fn encoder_config_file(family: EncoderFamily) -> &'static str {
    match family {
        EncoderFamily::Siglip | EncoderFamily::ConvNext => "open_clip_config.json",
        EncoderFamily::Clip | EncoderFamily::Dinov2 => "config.json",
    }
}

/// Base names of its weight files.
#[must_use]
pub fn encoder_stems(family: EncoderFamily) -> &'static [&'static str] {
    match family {
        EncoderFamily::Siglip | EncoderFamily::ConvNext => OPEN_CLIP_STEMS,
        EncoderFamily::Clip | EncoderFamily::Dinov2 => HF_STEMS,
    }
}

/// The hub caches of this machine, in the order they are searched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hub {
    caches: Vec<PathBuf>,
}

impl Hub {
    /// The caches the environment names: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `TRANSFORMERS_CACHE`, `HF_HOME/hub`,
    /// `XDG_CACHE_HOME/huggingface/hub` and `~/.cache/huggingface/hub`.
    pub fn from_env() -> Self {
        Self { caches: environment::caches(&environment::of_process, env::home_dir().as_deref()) }
    }

    /// These caches and no others.
    pub fn new(caches: Vec<PathBuf>) -> Self {
        Self { caches }
    }

    /// The directories, whether or not they exist.
    pub fn caches(&self) -> &[PathBuf] {
        &self.caches
    }

    /// The checkpoint directory that `model` means: a directory with a config.json, a repository's directory in a hub
    /// cache, or the id of a repository in one of the caches.
    ///
    /// # Errors
    /// A refusal that lists every place looked at.
    pub fn model(&self, model: &Path) -> Result<PathBuf> {
        if model.is_dir() {
            return Self::checkpoint(model).map_err(|why| {
                let found = folder::explained(model);
                found.unwrap_or_else(|| folder::no_checkpoint(model)).detail(why).into()
            });
        }
        if model.exists() {
            return Err(folder::no_directory(model).into());
        }
        let Some(id) = model.to_str().and_then(|id| Repo::new(RepoKind::Model, id)) else {
            return Err(Refusal::new(model, "no such directory")
                .help(
                    "give the directory of a checkpoint, or the id of a repository in the hub cache, organisation/name",
                )
                .into());
        };
        let mut refusal = Refusal::new(model, "no such directory, and no such repository in the hub cache");
        for cache in &self.caches {
            match Self::checkpoint(&cache.join(id.dir_name())) {
                Ok(dir) => return Ok(dir),
                Err(why) => refusal = refusal.detail(why),
            }
        }
        Err(refusal.help(Advice::FetchModel(id.id().to_owned())).into())
    }

    /// The checkpoint in `dir`, which holds its files or is a repository's directory in a hub cache.
    fn checkpoint(dir: &Path) -> Result<PathBuf, String> {
        let dir = if dir.join("snapshots").is_dir() { snapshot(dir)? } else { existing(dir)? };
        let config = dir.join("config.json");
        if config.exists() { Ok(dir) } else { Err(absence(&config)) }
    }

    /// Finds the files of encoder number `index` of the checkpoint in `checkpoint`.
    ///
    /// Looks at what the user named, then beside the checkpoint, then in the hub caches. A directory the user named
    /// must hold the encoder; everywhere else the search goes on.
    ///
    /// # Errors
    /// A refusal that lists every place looked at and why it was rejected.
    pub fn encoder(
        &self,
        checkpoint: &Path,
        index: usize,
        tower: &EncoderSpec,
        overrides: &[EncoderOverride],
    ) -> Result<EncoderFiles> {
        let mut rejected = Vec::new();
        if let Some(named) = overrides.iter().find(|o| o.is_for(index, tower)) {
            let dir = if named.dir.join("snapshots").is_dir() { snapshot(&named.dir) } else { existing(&named.dir) };
            return match try_open(dir, tower.family)? {
                Ok((dir, weights)) => Ok(EncoderFiles { dir, source: EncoderSource::Override, weights, rejected }),
                Err(why) => {
                    Err(Refusal::new(&named.dir, format!("this directory does not hold the encoder {}", tower.name))
                        .detail(why)
                        .help(format!(
                            "give the directory that holds {} and the weights",
                            encoder_config_file(tower.family)
                        ))
                        .into())
                }
            };
        }
        for (source, place) in self.places(checkpoint, &tower.origin) {
            match try_open(place, tower.family)? {
                Ok((dir, weights)) => return Ok(EncoderFiles { dir, source, weights, rejected }),
                Err(why) => rejected.push(why),
            }
        }
        let refusal = Refusal::new(checkpoint, "the weights of a vision encoder were not found").key(&tower.name);
        let word = tower.family.word();
        let refusal = match &tower.origin {
            EncoderOrigin::Repository(repo) => {
                refusal.expected(format!("the files of {repo}")).help(Advice::FetchEncoder(Box::new(MissingEncoder {
                    repository: repo.clone(),
                    folder: checkpoint.join("towers").join(repo).display().to_string(),
                    encoder: word,
                })))
            }
            EncoderOrigin::Folder(folder) => {
                refusal.expected(format!("the files of the folder {folder}")).help(Advice::NameEncoder(word))
            }
        };
        Err(rejected.into_iter().fold(refusal, Refusal::detail).into())
    }

    /// Where an encoder is looked for, in order, or why a place is none.
    fn places(&self, checkpoint: &Path, origin: &EncoderOrigin) -> Vec<(EncoderSource, Result<PathBuf, String>)> {
        let towers = checkpoint.join("towers");
        match origin {
            EncoderOrigin::Repository(repo) => {
                let mut places = vec![(EncoderSource::Checkpoint, existing(&towers.join(repo)))];
                if let Some(hub) = Repo::new(RepoKind::Model, repo).map(|repo| repo.dir_name()) {
                    places.push((EncoderSource::CheckpointHub, snapshot(&towers.join(&hub))));
                    places
                        .extend(self.caches.iter().map(|cache| (EncoderSource::HubCache, snapshot(&cache.join(&hub)))));
                }
                places
            }
            // The end of the path, beside the checkpoint or in it: a folder moves together with what it belongs to.
            EncoderOrigin::Folder(folder) => {
                let parts: Vec<&str> = folder.split('/').filter(|part| is_plain_name(part)).collect();
                let ends = [2, 1].map(|length| parts[parts.len().saturating_sub(length)..].join("/"));
                let beside = [Some(towers.as_path()), Some(checkpoint), checkpoint.parent()];
                let places = beside.into_iter().flatten().flat_map(|dir| ends.iter().map(move |end| dir.join(end)));
                places.map(|place| (EncoderSource::Checkpoint, existing(&place))).collect()
            }
        }
    }

    /// Refuses what the user named if it fits no encoder of the checkpoint.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first that fits none.
    pub fn check_overrides(towers: &[EncoderSpec], overrides: &[EncoderOverride]) -> Result<()> {
        let stray = overrides.iter().find(|o| !towers.iter().enumerate().any(|(index, tower)| o.is_for(index, tower)));
        let Some(stray) = stray else { return Ok(()) };
        let names: Vec<&str> = towers.iter().map(|tower| tower.name.as_str()).collect();
        Err(Error::input(
            format!("--tower {}: this checkpoint has no such encoder", stray.name),
            format!("its encoders are {}; their families and numbers from 0 are understood too", names.join(", ")),
        ))
    }

    /// The Cambrian-1 checkpoints in the caches, sorted by id. What cannot be read is left out.
    pub fn models(&self) -> Vec<CachedModel> {
        let mut models: Vec<CachedModel> = Vec::new();
        let entries = self.caches.iter().filter_map(|cache| fs::read_dir(cache).ok()).flatten();
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let repo = name.to_str().and_then(Repo::from_dir_name).filter(|repo| repo.kind() == RepoKind::Model);
            let Some(repo) = repo.map(|repo| repo.id().to_owned()) else { continue };
            let Ok(dir) = Self::checkpoint(&entry.path()) else { continue };
            let config = JsonFile::read(&dir.join("config.json"));
            let ours = config.is_ok_and(|config| config.get("mm_vision_tower_aux_list").is_some());
            if ours && !models.iter().any(|model| model.repo == repo) {
                models.push(CachedModel { repo, dir });
            }
        }
        models.sort_by(|a, b| a.repo.cmp(&b.repo));
        models
    }
}

/// Opens the encoder in `dir`, or says in one line why that is not possible. That there is no room for it is an error
/// wherever it is looked for: the next place would not have more.
fn try_open(dir: Result<PathBuf, String>, family: EncoderFamily) -> Result<Result<(PathBuf, WeightFiles), String>> {
    let dir = match dir {
        Ok(dir) => dir,
        Err(why) => return Ok(Err(why)),
    };
    let config = dir.join(encoder_config_file(family));
    if !config.exists() {
        return Ok(Err(absence(&config)));
    }
    match WeightFiles::open(&dir, encoder_stems(family)) {
        Ok(weights) => Ok(Ok((dir, weights))),
        Err(Error::Refused(refusal)) => {
            let mut line = format!("{}: ", refusal.file.display());
            line.extend(refusal.key.iter().map(|key| format!("`{key}`: ")));
            line.push_str(&refusal.problem);
            line.extend(refusal.found.iter().map(|found| format!(" (found {found})")));
            // Of all the names that were tried only an unfinished download says more than that there is nothing.
            line.extend(refusal.details.iter().filter(|d| d.contains("incomplete")).map(|d| format!("; {d}")));
            Ok(Err(line))
        }
        Err(error @ Error::Io { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

/// `dir`, if it is a directory.
fn existing(dir: &Path) -> Result<PathBuf, String> {
    if dir.is_dir() { Ok(dir.to_path_buf()) } else { Err(absence(dir)) }
}

/// What people call the checkpoint in `dir`: the repository's id where `dir` is a snapshot in a hub cache, else the
/// directory's own name.
pub fn checkpoint_name(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
    let name = |path: &Path| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let snapshots = dir.parent().filter(|parent| name(parent) == "snapshots");
    let repo = snapshots.and_then(Path::parent).and_then(|repo| Repo::from_dir_name(&name(repo)));
    repo.map_or_else(|| name(&dir), |repo| repo.id().to_owned())
}
