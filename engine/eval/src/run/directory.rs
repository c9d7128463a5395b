//! The directory of a run.

use super::header::{FORMAT, Header};
use super::record::Entry;
use super::shard::{self, Shard, ShardFile};
use crate::error::{Error, Result};
use crate::hash;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// No header is longer.
const MAX_HEADER: u64 = 16 << 20;

/// A run on the disk.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    header: Header,
}

/// Everything that is finished of a run, in the order of the set.
#[derive(Debug)]
pub struct Merged {
    /// What came of the items.
    pub entries: Vec<Entry>,
    /// Finished items of each shard that has a file.
    pub shards: BTreeMap<usize, usize>,
}

impl RunDirectory {
    /// Begins the run `header` in `path`, or goes on with it.
    ///
    /// # Errors
    /// If another run is there, or what is there is no run.
    pub fn begin(path: &Path, header: Header) -> Result<Self> {
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::writing(path, &error)),
        }
        let found = headers(path)?;
        if found.is_empty() {
            let stranger = fs::read_dir(path).map_err(|error| Error::reading(path, &error))?.flatten();
            // The scripts of `eval slurm` and what Slurm writes come before the run.
            let stranger =
                stranger.into_iter().find(|entry| !entry.file_name().to_string_lossy().starts_with("slurm-"));
            if let Some(stranger) = stranger {
                let name = stranger.file_name();
                return Err(Error::at(
                    path,
                    format!("this directory holds no run, but {}", name.to_string_lossy()),
                    "give an empty or a new directory",
                ));
            }
            write_header(path, &header)?;
        }
        for (file, there) in &found {
            refuse_unlike(&header, file, there)?;
        }
        Ok(Self { path: path.to_path_buf(), header })
    }

    /// Opens the run in `path`.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn open(path: &Path) -> Result<Self> {
        let mut found = headers(path)?.into_iter();
        let Some((_, header)) = found.next() else {
            return Err(Error::at(
                path,
                "there is no run in it: it has no header-….json",
                "give the directory that `opabinia eval --out` wrote",
            ));
        };
        for (file, there) in found {
            refuse_unlike(&header, &file, &there)?;
        }
        Ok(Self { path: path.to_path_buf(), header })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Begins to work on one of its shards, or goes on with it.
    ///
    /// # Errors
    /// Those of [`ShardFile::open`].
    pub fn work_on(&self, index: usize) -> Result<ShardFile> {
        ShardFile::open(&self.path, Shard { index, count: self.header.shards }, &self.header.id())
    }

    /// Everything that is finished.
    ///
    /// # Errors
    /// If a file belongs to another run, is damaged, or holds items of another shard.
    pub fn finished(&self) -> Result<Merged> {
        let run = self.header.id();
        let (mut entries, mut shards): (Vec<Entry>, BTreeMap<usize, usize>) = (Vec::new(), BTreeMap::new());
        for path in files(&self.path, "items-", ".jsonl")? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let shard = (0..self.header.shards)
                .map(|index| Shard { index, count: self.header.shards })
                .find(|shard| shard.file_name() == name);
            let Some(shard) = shard else {
                return Err(Error::at(
                    &path,
                    format!("this run has {} shards, and this file is none of them", self.header.shards),
                    "it came from elsewhere: move it away",
                ));
            };
            let file = File::open(&path).map_err(|error| Error::reading(&path, &error))?;
            let read = shard::read(&path, &file, &run, shard)?;
            if let Some(stranger) = read.entries.iter().find(|entry| !shard.holds(entry.idx())) {
                return Err(Error::at(
                    &path,
                    format!("the item {} does not belong to shard {shard}", stranger.idx()),
                    "it came from elsewhere: move the file away",
                ));
            }
            shards.insert(shard.index, read.entries.len());
            entries.extend(read.entries);
        }
        entries.sort_by_key(Entry::row);
        Ok(Merged { entries, shards })
    }
}

/// Refuses to call two unlike runs one.
pub(super) fn refuse_unlike(header: &Header, file: &Path, there: &Header) -> Result<()> {
    let differences = header.differences(there);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::at(
        file,
        format!("this is another run:\n  {}", differences.join("\n  ")),
        "numbers of unlike runs do not belong together: give another directory, or the same command as before",
    ))
}

/// The headers in `path` with their files, by name.
fn headers(path: &Path) -> Result<Vec<(PathBuf, Header)>> {
    files(path, "header-", ".json")?.into_iter().map(|file| read_header(&file).map(|header| (file, header))).collect()
}

fn read_header(file: &Path) -> Result<Header> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(MAX_HEADER).read_to_string(&mut text));
    read.map_err(|error| Error::reading(file, &error))?;
    let header: Header = serde_json::from_str(&text).map_err(|error| {
        Error::at(file, format!("this is no header of a run: {error}"), "it is damaged, or of another version")
    })?;
    if header.format != FORMAT || header.shards == 0 || header.items_of_shards.len() != header.shards {
        return Err(Error::at(
            file,
            format!("format {} with {} shards", header.format, header.shards),
            format!("this program reads format {FORMAT}; use the program that wrote it ({})", header.program),
        ));
    }
    Ok(header)
}

/// Writes a header under a name that nobody else has, whole or not at all.
fn write_header(path: &Path, header: &Header) -> Result<()> {
    let failed = |error: &std::io::Error| Error::writing(path, error);
    let mut file = tempfile::Builder::new().prefix(".opabinia-").tempfile_in(path).map_err(|error| failed(&error))?;
    let text = serde_json::to_string_pretty(header)
        .map_err(|error| Error::at(path, error, "this is a fault of the program: please report it"))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n"));
    written.and_then(|()| file.as_file().sync_all()).map_err(|error| failed(&error))?;
    let name = file.path().to_string_lossy();
    let nonce = hash::sha256(format!("{name} {} {:?}", std::process::id(), std::time::SystemTime::now()).as_bytes());
    let place = path.join(format!("header-{}.json", &nonce[..12]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = file.as_file().set_permissions(fs::Permissions::from_mode(0o644));
    }
    file.persist_noclobber(place).map(drop).map_err(|error| failed(&error.error))
}

/// The files in `path` whose names begin and end so, by name.
fn files(path: &Path, begin: &str, end: &str) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(path).map_err(|error| Error::reading(path, &error))?;
    let mut files: Vec<PathBuf> = listed
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(begin) && name.ends_with(end)
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    Ok(files)
}
