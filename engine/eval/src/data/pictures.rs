//! Where the pictures of a set are.

use super::{Fault, short};
use crate::error::{Error, Result};
use crate::hash;
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

    /// Takes in a picture of `length` bytes that `input` gives, without holding it.
    ///
    /// # Errors
    /// What `input` said; within that, whether it cannot be stored, or is none.
    pub(super) fn add_stream(
        &mut self,
        length: u64,
        input: &mut impl Read,
    ) -> std::io::Result<Result<Result<PictureId, Fault>>> {
        let mut hash = Sha256::new();
        let (mut left, mut chunk) = (length, vec![0; CHUNK.min(usize::try_from(length).unwrap_or(CHUNK))]);
        let usable = (1..=MAX_BYTES).contains(&length);
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            input.read_exact(&mut chunk[..count])?;
            left -= count as u64;
            if usable {
                hash.update(&chunk[..count]);
                let stored = self.store().map_or(Ok(()), |store| store.write_all(&chunk[..count]));
                if let Err(error) = stored {
                    return Ok(Err(Error::writing(&self.store_in, &error)));
                }
            }
        }
        if !usable {
            return Ok(Ok(Err(Fault::new("its picture is empty or too large", format!("{length} bytes")))));
        }
        let id = PictureId(hash.finalize().into());
        let (known, stored) = (self.places.contains_key(&id), self.stored);
        let place = match self.store() {
            Some(store) if known => {
                // It is there already: the next one takes its place.
                if let Err(error) = store.seek(SeekFrom::Start(stored)) {
                    return Ok(Err(Error::writing(&self.store_in, &error)));
                }
                return Ok(Ok(Ok(id)));
            }
            Some(_) => {
                let at = self.stored;
                self.stored += length;
                Place::Stored { at, length: usize::try_from(length).unwrap_or(usize::MAX) }
            }
            None => Place::Nowhere,
        };
        self.places.entry(id).or_insert(place);
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
