//! A part of a run: its items, and the file in which it is written down.

use super::record::Entry;
use crate::error::{Error, Result};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// No line of a run is longer.
const MAX_LINE: u64 = 16 << 20;

/// Part `index` of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 0.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Whether the item `idx` is in it: a matter of its name and nothing else.
    pub fn holds(self, idx: &str) -> bool {
        hash::stable(&["shard", idx]) % self.count as u64 == self.index as u64
    }

    /// The name of its file.
    pub fn file_name(self) -> String {
        format!("items-{}-of-{}.jsonl", self.index, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if index < count && count <= 100_000 => Ok(Self { index, count }),
            _ => Err(format!("`{text}` is no shard: write I/N, with I from 0 to N−1, such as 0/8")),
        }
    }
}

/// The first line of a shard's file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Top {
    /// The header's id.
    run: String,
    shard: Shard,
}

/// The file of a shard that is being worked on. Nobody else can work on it meanwhile.
#[derive(Debug)]
pub struct ShardFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// The names of items that are finished.
    done: HashSet<String>,
}

impl ShardFile {
    /// Opens the file of `shard` in `directory` for the run with the header `run`, made if it is not there. What was cut
    /// off at its end is removed.
    ///
    /// # Errors
    /// If somebody works on it, if it belongs to another run, or is damaged other than at its end.
    pub fn open(directory: &Path, shard: Shard, run: &str) -> Result<Self> {
        let path = directory.join(shard.file_name());
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = opened.map_err(|error| Error::writing(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::at(
                    &path,
                    format!("another process is working on shard {shard} of this run"),
                    "wait for it to end, or stop it; what it has finished is kept",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(Error::writing(&path, &error)),
        }
        let read = read(&path, &file, run, shard)?;
        let mut shard_file = Self { path, file, length: read.whole, done: HashSet::new() };
        shard_file.done.extend(read.entries.iter().map(|entry| entry.idx().to_owned()));
        shard_file.cut()?;
        if shard_file.length == 0 {
            shard_file.line(&Top { run: run.to_owned(), shard })?;
        }
        Ok(shard_file)
    }

    /// Whether the item `idx` is finished.
    pub fn has(&self, idx: &str) -> bool {
        self.done.contains(idx)
    }

    /// How many items are finished.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Writes an item down, and hands it to the system.
    ///
    /// # Errors
    /// If it cannot be written; the file is then as it was before.
    pub fn push(&mut self, entry: &Entry) -> Result<()> {
        self.line(entry)?;
        self.done.insert(entry.idx().to_owned());
        Ok(())
    }

    /// Makes sure that what was written is on the disk.
    ///
    /// # Errors
    /// If the disk says no.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| Error::writing(&self.path, &error))
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value)
            .map_err(|error| Error::at(&self.path, error, "this is a fault of the program: please report it"))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line).and_then(|()| self.file.flush()) {
            // Half a line would be cut off later; a whole file is better than one that has to be mended.
            let _ = self.cut();
            return Err(Error::writing(&self.path, &error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Takes off what follows the last whole line.
    fn cut(&self) -> Result<()> {
        let length = self.file.metadata().map_err(|error| Error::reading(&self.path, &error))?.len();
        if length > self.length {
            self.file.set_len(self.length).map_err(|error| Error::writing(&self.path, &error))?;
        }
        Ok(())
    }
}

/// What a shard's file holds.
pub(super) struct Whole {
    pub(super) entries: Vec<Entry>,
    /// Bytes of whole lines.
    pub(super) whole: u64,
}

/// Reads the file of `shard` of the run `run`. A last line without an end is none.
pub(super) fn read(path: &Path, file: &File, run: &str, shard: Shard) -> Result<Whole> {
    let failed = |error: std::io::Error| Error::reading(path, &error);
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0)).map_err(failed)?;
    let (mut entries, mut whole, mut number) = (Vec::new(), 0, 0);
    let mut seen = HashSet::new();
    loop {
        let mut line = Vec::new();
        let length = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).map_err(failed)?;
        if line.pop() != Some(b'\n') {
            return Ok(Whole { entries, whole });
        }
        number += 1;
        if number == 1 {
            let top = serde_json::from_slice::<Top>(&line).map_err(|error| damaged(path, number, &error))?;
            if top != (Top { run: run.to_owned(), shard }) {
                return Err(Error::at(
                    path,
                    format!(
                        "this is shard {} of the run {}, not shard {shard} of {}",
                        top.shard,
                        short(&top.run),
                        short(run)
                    ),
                    "it came from elsewhere: move it away, or merge the directory it belongs to",
                ));
            }
        } else {
            let entry = match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) => entry,
                // After a loss of power, the end of a file can be anything.
                Err(_) if reader.fill_buf().map_err(failed)?.is_empty() => return Ok(Whole { entries, whole }),
                Err(error) => return Err(damaged(path, number, &error)),
            };
            if !seen.insert(entry.idx().to_owned()) {
                return Err(Error::at(
                    path,
                    format!("line {number}: the item {} is there twice", entry.idx()),
                    "somebody changed the file; remove one of the lines",
                ));
            }
            entries.push(entry);
        }
        whole += length as u64;
    }
}

fn damaged(path: &Path, number: usize, error: &serde_json::Error) -> Error {
    Error::at(
        path,
        format!("line {number} is damaged: {error}"),
        "somebody changed the file: remove the line, and give the command of the run again",
    )
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
