//! Files of text, and their lines, none of which is kept longer than it may be.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Opens `path`, behind the byte order mark that some programs write first.
pub(super) fn open(path: &Path) -> Result<BufReader<File>> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let file = File::open(path).map_err(|error| Error::reading(path, &error))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let begins = file.fill_buf().map_err(|error| Error::reading(path, &error))?.starts_with(MARK);
    file.consume(if begins { MARK.len() } else { 0 });
    Ok(file)
}

/// A line.
pub(super) enum Line {
    /// Its bytes, without the line break.
    Whole(Vec<u8>),
    /// It is longer than any may be.
    TooLong,
}

/// The lines of a file.
pub(super) struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    longest: usize,
}

impl Lines {
    /// Opens `path`, whose lines are up to `longest` bytes.
    pub(super) fn open(path: &Path, longest: usize) -> Result<Self> {
        Ok(Self { path: path.to_path_buf(), file: open(path)?, longest })
    }

    fn read(&mut self) -> std::io::Result<Option<Line>> {
        let (mut line, mut length) = (Vec::new(), 0);
        loop {
            let bytes = self.file.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            length += part.len();
            if length <= self.longest {
                line.extend_from_slice(part);
            } else {
                line = Vec::new();
            }
            let used = part.len() + usize::from(end.is_some());
            self.file.consume(used);
            if end.is_some() {
                return Ok(Some(if length > self.longest { Line::TooLong } else { Line::Whole(line) }));
            }
        }
        Ok((length > 0).then_some(if length > self.longest { Line::TooLong } else { Line::Whole(line) }))
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().map_err(|error| Error::reading(&self.path, &error)).transpose()
    }
}
