//! Where the pictures of a set are.

use super::{Fault, short};
use crate::error::{Error, Result};
use crate::hash;
use base64::DecodeError;
use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// No picture's file is larger.
const MAX_BYTES: u64 = 256 << 20;

/// Bytes of a picture that are held while it is stored.
const CHUNK: usize = 1 << 16;

/// Names a picture by the bytes of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PictureId([u8; 32]);

impl PictureId {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for PictureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hash::hex(&self.0))
    }
}

#[derive(Debug, Clone)]
enum Place {
    /// A file of the set.
    File(PathBuf),
    /// A part of the file without a name.
    Stored { at: u64, length: usize },
    /// Nobody wanted to look at it.
    Nowhere,
}

/// Every picture of a set, once.
#[derive(Debug)]
pub struct Pictures {
    folder: PathBuf,
    /// Its cursor is whoever's reads or writes it.
    store: Option<Mutex<File>>,
    store_in: PathBuf,
    stored: u64,
    places: HashMap<PictureId, Place>,
    /// Files that were read before, by their names in the set.
    files: HashMap<String, PictureId>,
}

/// How a picture lies in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As the bytes of its file.
    Bytes,
    /// As these in base64.
    Base64,
}

/// What is read but for white space, which may stand in base64.
struct WithoutSpaces<R>(R);

impl<R: Read> Read for WithoutSpaces<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let count = self.0.read(out)?;
            let mut kept = 0;
            for at in 0..count {
                if !out[at].is_ascii_whitespace() {
                    out[kept] = out[at];
                    kept += 1;
                }
            }
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

impl Pictures {
    /// None yet. Files are named below `folder`; what has no file goes into one without a name in `store_in`.
    pub(super) fn new(folder: &Path, store_in: Option<&Path>) -> Result<Self> {
        let store = store_in
            .map(|directory| tempfile::tempfile_in(directory).map_err(|error| Error::writing(directory, &error)));
        let store = store.transpose()?.map(Mutex::new);
        Ok(Self {
            folder: folder.to_path_buf(),
            store,
            store_in: store_in.unwrap_or(folder).to_path_buf(),
            stored: 0,
            places: HashMap::new(),
            files: HashMap::new(),
        })
    }

    /// The file without a name, for whoever writes alone.
    fn store(&mut self) -> Option<&mut File> {
        self.store.as_mut().map(|store| store.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Takes in the file `name` of the set.
    pub(super) fn add_file(&mut self, name: &str) -> Result<PictureId, Fault> {
        if let Some(id) = self.files.get(name) {
            return Ok(*id);
        }
        let path = Path::new(name);
        if name.is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(Fault::new("its picture lies outside of the set's folder", short(name)));
        }
        let path = self.folder.join(path);
        let bytes = read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Fault::new("its picture is missing", short(name)),
            _ => Fault::new("its picture cannot be read", format!("{}: {error}", short(name))),
        })?;
        let id = PictureId::of(&bytes);
        self.places.entry(id).or_insert(Place::File(path));
        self.files.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Takes in a picture that has no file.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) -> Result<Result<PictureId, Fault>> {
        if bytes.is_empty() || bytes.len() as u64 > MAX_BYTES {
            return Ok(Err(Fault::new("its picture is empty or too large", format!("{} bytes", bytes.len()))));
        }
        let id = PictureId::of(bytes);
        if self.places.contains_key(&id) {
            return Ok(Ok(id));
        }
        let place = match self.store() {
            Some(file) => {
                let written = file.write_all(bytes);
                written.map_err(|error| Error::writing(&self.store_in, &error))?;
                let at = self.stored;
                self.stored += bytes.len() as u64;
                Place::Stored { at, length: bytes.len() }
            }
            None => Place::Nowhere,
        };
        self.places.insert(id, place);
        Ok(Ok(id))
    }

    /// Takes in a picture that `input` gives in `length` bytes of `form`, without holding it.
    ///
    /// # Errors
    /// What `input` said; within that, whether it cannot be stored, or is none.
    pub(super) fn add_stream(
        &mut self,
        length: u64,
        form: Form,
        input: &mut impl Read,
    ) -> std::io::Result<Result<Result<PictureId, Fault>>> {
        let mut value = input.by_ref().take(length);
        let most = match form {
            Form::Bytes => length,
            Form::Base64 => length / 4 * 3,
        };
        let added = if (1..=MAX_BYTES).contains(&most) {
            match form {
                Form::Bytes => self.add_read(&mut value)?,
                Form::Base64 => self.add_read(&mut DecoderReader::new(WithoutSpaces(&mut value), &STANDARD))?,
            }
        } else {
            Ok(Err(Fault::new("its picture is empty or too large", format!("{length} bytes"))))
        };
        // The next value begins behind this one, whatever became of it.
        std::io::copy(&mut value, &mut std::io::sink())?;
        if value.limit() > 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(added) }
    }

    fn add_read(&mut self, input: &mut impl Read) -> std::io::Result<Result<Result<PictureId, Fault>>> {
        let (mut hash, mut length, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
        let fault = loop {
            let read = match input.read(&mut chunk) {
                Ok(0) if length == 0 => {
                    break Some(Fault::new("its picture is empty or too large", format!("{length} bytes")));
                }
                Ok(0) => break None,
                Ok(count) => &chunk[..count],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<DecodeError>()) {
                    Some(inner) => break Some(Fault::new("its picture is no base64", inner)),
                    None => return Err(error),
                },
            };
            hash.update(read);
            length += read.len();
            if let Some(Err(error)) = self.store().map(|store| store.write_all(read)) {
                return Ok(Err(Error::writing(&self.store_in, &error)));
            }
        };
        let id = PictureId(hash.finalize().into());
        let at = self.stored;
        if fault.is_some() || self.places.contains_key(&id) {
            // It is none, or is there already: the next one takes its place.
            if let Some(Err(error)) = self.store().map(|store| store.seek(SeekFrom::Start(at))) {
                return Ok(Err(Error::writing(&self.store_in, &error)));
            }
            return Ok(Ok(fault.map_or(Ok(id), Err)));
        }
        let place = if self.store.is_some() { Place::Stored { at, length } } else { Place::Nowhere };
        if self.store.is_some() {
            self.stored += length as u64;
        }
        self.places.insert(id, place);
        Ok(Ok(Ok(id)))
    }

    /// The bytes of a picture's file.
    ///
    /// # Errors
    /// If they cannot be read any more, or are others now.
    pub fn bytes(&self, id: PictureId) -> Result<Vec<u8>> {
        let bytes = match self.places.get(&id) {
            Some(Place::File(path)) => read(path).map_err(|error| Error::reading(path, &error))?,
            Some(Place::Stored { at, length }) => {
                let Some(store) = &self.store else { return Err(self.lost(id)) };
                let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
                let mut bytes = vec![0; *length];
                let read = store.seek(SeekFrom::Start(*at)).and_then(|_| store.read_exact(&mut bytes));
                read.map_err(|error| Error::reading(&self.store_in, &error))?;
                bytes
            }
            Some(Place::Nowhere) | None => return Err(self.lost(id)),
        };
        if PictureId::of(&bytes) == id { Ok(bytes) } else { Err(self.lost(id)) }
    }

    /// The file that the picture `id` is in, where it has one of its own.
    pub fn file(&self, id: PictureId) -> Option<&Path> {
        match self.places.get(&id) {
            Some(Place::File(path)) => Some(path),
            _ => None,
        }
    }

    fn lost(&self, id: PictureId) -> Error {
        Error::at(
            &self.folder,
            format!("a picture has changed since the set was read (SHA-256 {id})"),
            "leave the set as it is while it is used; start again",
        )
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "this is no file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, "it is larger than 256 MiB"));
    }
    Ok(bytes)
}
