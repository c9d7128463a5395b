//! Quantised weights: one file for each set of weight files and format.

use super::file::{CachedFile, Checked};
use super::part::Part;
use super::{DiskCache, identities, is_private, name_of};
use crate::checkpoint::files::WeightFiles;
use crate::checkpoint::map::MappedRange;
use crate::error::Result;
use crate::job::Job;
use crate::nn::Quantised;
use crate::precision::WeightFormat;
use crate::threads;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often who waits for a file looks at the cancel token.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Goes into every name: what was quantised in another way, or lies otherwise, is another thing.
const VERSION: &str = "opabinia-quantised-weights-1";

impl DiskCache {
    /// Whether weights of `files` as `format` are there.
    pub fn has(&self, files: &WeightFiles, format: WeightFormat) -> bool {
        self.limit > 0
            && is_private(&self.directory)
            && name(files, format).is_some_and(|name| CachedFile::open(&self.path(&name)).is_some())
    }

    /// What is to be had of `files` as `format`, `bytes` in memory, and the place for what is not.
    pub(crate) fn conversions(&self, files: &WeightFiles, format: WeightFormat, bytes: u64) -> Option<Conversions> {
        if !format.is_quantised() || bytes < self.least || !self.is_usable() {
            return None;
        }
        let path = self.path(&name(files, format)?);
        if let Some(found) = CachedFile::open(&path) {
            found.touch();
            return Some(Conversions { found: Some(found), writer: None });
        }
        self.tidy();
        if !self.make_room(bytes) {
            return None;
        }
        let about = (format.name().to_owned(), files.origin().display().to_string());
        Some(Conversions { found: None, writer: Writer::start(&self.directory, path, about, bytes) })
    }
}

/// What `files` as `format` are called; `None` if they cannot be told apart from another state of the files.
fn name(files: &WeightFiles, format: WeightFormat) -> Option<String> {
    let files = identities(files)?;
    Some(name_of([VERSION, format.name()].into_iter().chain(files.iter().map(String::as_str))))
}

/// Quantised matrices of one set of weight files: those that are there, and where others go.
pub(crate) struct Conversions {
    found: Option<CachedFile>,
    writer: Option<Writer>,
}

impl Conversions {
    /// The matrix `key` `[output, input]` as `format`, and where it lies, if it is there and whole. `step` is told of the bytes that were checked.
    ///
    /// # Errors
    /// Those of `step`.
    pub(in super::super) fn find(
        &self,
        key: &str,
        format: WeightFormat,
        (output, input): (usize, usize),
        step: impl Fn(u64) -> Result<()>,
    ) -> Result<Option<(Quantised, MappedRange)>> {
        let Some(found) = &self.found else { return Ok(None) };
        match found.checked(key, format, (output, input), step)? {
            Checked::Whole(bytes) => {
                let quantised = Quantised::shared(format, Arc::new(bytes.clone()), output, input);
                Ok(quantised.map(|quantised| (quantised, bytes)))
            }
            // Another checkpoint may have asked for fewer layers of the same encoder.
            Checked::NotThere => Ok(None),
            Checked::Damaged => {
                tracing::warn!(key, "quantised weights in the cache are damaged: they are made again");
                found.remove();
                Ok(None)
            }
        }
    }

    /// Keeps a matrix that was just quantised.
    pub(in super::super) fn keep(&self, key: &str, quantised: &Arc<Quantised>) {
        if let Some(writer) = &self.writer {
            writer.keep(key, quantised);
        }
    }

    /// Everything was kept: the file may have its name once it is written.
    pub(crate) fn finish(&self) {
        if let Some(writer) = &self.writer {
            writer.finish();
        }
    }

    /// Waits until everything that was kept is written, or cannot be. Gives whether it was.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub(crate) fn written(&self, job: &Job<'_>) -> Result<bool> {
        let Some(writer) = &self.writer else { return Ok(false) };
        writer.finish();
        loop {
            match writer.ended.recv_timeout(LOOK_EVERY) {
                Ok(written) => return Ok(written),
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Err(RecvTimeoutError::Timeout) => job.check()?,
            }
        }
    }
}

enum Told {
    /// A matrix: its name among the weights. Whoever closes the model need not wait until it is written.
    Matrix(String, Weak<Quantised>),
    /// That was all.
    End,
}

/// Writes matrices on a thread of its own: nobody waits for the disk. The file has its name only if [`Writer::finish`] was called
/// and everything could be written.
struct Writer {
    tell: Sender<Told>,
    /// Says at the end whether the file has its name.
    ended: Receiver<bool>,
}

impl Writer {
    /// Begins a file of about so many `bytes` for `path` in `directory`; `about` is the format, and what it is made from. `None` if
    /// that is not possible.
    fn start(directory: &Path, path: PathBuf, about: (String, String), bytes: u64) -> Option<Self> {
        let part = Part::start(directory, about, bytes);
        let part = part.inspect_err(|error| tracing::info!(%error, "quantised weights are not kept")).ok()?;
        let (tell, told) = unbounded();
        let (end, ended) = bounded(1);
        let write = move || {
            let written = write(part, &path, &told);
            match &written {
                Ok(true) => tracing::info!(file = %path.display(), "quantised weights are kept"),
                Ok(false) => tracing::debug!("the model was closed before its quantised weights were written"),
                Err(error) => tracing::info!(%error, file = %path.display(), "quantised weights are not kept"),
            }
            // Most do not wait for it.
            let _ = end.send(written.unwrap_or(false));
        };
        threads::named("weight-cache").spawn(write).ok()?;
        Some(Self { tell, ended })
    }

    fn keep(&self, key: &str, quantised: &Arc<Quantised>) {
        // One that could not go on has said so.
        let _ = self.tell.send(Told::Matrix(key.to_owned(), Arc::downgrade(quantised)));
    }

    fn finish(&self) {
        let _ = self.tell.send(Told::End);
    }
}

/// Writes what is told of until the end; gives whether that came, and everything was still there.
fn write(mut part: Part, path: &Path, told: &Receiver<Told>) -> io::Result<bool> {
    loop {
        match told.recv() {
            Ok(Told::Matrix(key, quantised)) => {
                let Some(quantised) = quantised.upgrade() else { return Ok(false) };
                part.add(&key, quantised.format(), quantised.dims(), quantised.bytes())?;
            }
            Ok(Told::End) => break,
            Err(_) => return Ok(false),
        }
    }
    part.finish(path)?;
    Ok(true)
}
