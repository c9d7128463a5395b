//! A picture as a person names it: a file, a sample, or what comes through a pipe.
//!
//! It is named before it is decoded, since how it is turned may be known only later, and a pipe can be read once.

use crate::demo::Sample;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::{Error, Result};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

/// What stands for the standard input where a file could.
const DASH: &str = "-";

/// No more is read from a pipe: as much as of a picture file.
const MAX_BYTES: u64 = 1 << 30;

/// Bytes that are read from a pipe at a time.
const CHUNK: usize = 1 << 16;

/// A picture that was named, and not decoded yet.
#[derive(Debug)]
pub enum ImageSource {
    /// A picture that is part of the program.
    Sample(&'static Sample),
    /// A file.
    File(PathBuf),
    /// What was read from a pipe, and what messages call it.
    Piped(String, Vec<u8>),
}

impl ImageSource {
    /// The picture that `path` names: `sample:NAME`, `-` for the standard input, a pipe, or a file. Pipes are read here;
    /// whether the rest can be read shows when it is decoded.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such sample, if it is an address on the network, or if a pipe gives no picture's
    /// number of bytes; [`Error::OutOfMemory`] if they do not fit into memory.
    pub fn open(path: &Path) -> Result<Self> {
        if path == Path::new(DASH) {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(Error::input(
                    "-: the standard input is a terminal, from which no picture can be read",
                    "send a picture into it (`opabinia ask -i - … < picture.png`), or name a file",
                ));
            }
            return Ok(Self::Piped("standard input".into(), read_pipe("standard input", stdin.lock())?));
        }
        if is_pipe(path) {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
            return Ok(Self::Piped(name.clone(), read_pipe(&name, file)?));
        }
        Self::named(path)
    }

    /// The same without pipes, which somebody would have to wait for.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such sample, or if it is an address on the network.
    pub fn named(path: &Path) -> Result<Self> {
        if let Some(sample) = path.to_str().and_then(Sample::named) {
            return sample.map(Self::Sample);
        }
        if is_address(path) {
            return Err(Error::input(
                format!("{}: this is an address, and pictures are not fetched from the network", path.display()),
                "download the picture, and give the name of the file",
            ));
        }
        Ok(Self::File(path.to_path_buf()))
    }

    /// Its pixels, turned as `exif` says.
    ///
    /// # Errors
    /// Those of [`Picture::open`].
    pub fn decode(&self, exif: Exif) -> Result<Picture> {
        match self {
            Self::Sample(sample) => sample.picture(),
            Self::File(path) => Picture::open(path, exif),
            Self::Piped(name, bytes) => Picture::from_bytes(name, bytes, exif),
        }
    }
}

/// Whether `text` is an address on the network, or another thing that only a browser opens, rather than a file.
pub fn is_address(text: &Path) -> bool {
    let text = text.to_string_lossy();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme).or(text.strip_prefix("data:").map(|_| "data"));
    scheme.is_some_and(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// Whether a pipe stands at `path`.
fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    return std::fs::metadata(path).is_ok_and(|about| std::os::unix::fs::FileTypeExt::is_fifo(&about.file_type()));
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Everything that comes out of `pipe`, called `name`, up to [`MAX_BYTES`].
fn read_pipe(name: &str, mut pipe: impl Read) -> Result<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK]);
    loop {
        let read = match pipe.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(read) => &chunk[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(name, &error)),
        };
        if (bytes.len() + read.len()) as u64 > MAX_BYTES {
            return Err(Error::input(
                format!("{name}: more than {MAX_BYTES} bytes came; no picture has as many"),
                "send one picture in a common format, smaller or compressed",
            ));
        }
        bytes.try_reserve(read.len()).map_err(|_| {
            Error::no_room(format!("{name}: {} bytes came, and the next ones have no room", bytes.len()))
        })?;
        bytes.extend_from_slice(read);
    }
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::input(format!("{name}: this picture cannot be read: {error}"), "check what sends it, or name a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_files() {
        for address in
            ["https://example.org/a.png", "HTTP://x", "file:///a.png", "s3://b/c", "data:image/png;base64,AA"]
        {
            assert!(is_address(Path::new(address)), "{address}");
            let message = ImageSource::open(Path::new(address)).unwrap_err().to_string();
            assert!(message.contains("download"), "{message}");
        }
        for file in ["a.png", "/a/b.png", "C:\\a.png", "a:b.png", "://x", "1a://x", "./https://x", ""] {
            assert!(!is_address(Path::new(file)), "{file}");
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_no_further_than_the_limit() {
        assert_eq!(read_pipe("x", &[7; 100_000][..]).unwrap().len(), 100_000);
        struct Endless(u64);
        impl Read for Endless {
            fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
                self.0 += chunk.len() as u64;
                Ok(chunk.len())
            }
        }
        let mut endless = Endless(0);
        let message = read_pipe("x", &mut endless).unwrap_err().to_string();
        assert!(message.contains("more than 1073741824 bytes"), "{message}");
        assert!(endless.0 <= MAX_BYTES + CHUNK as u64);
    }
}
