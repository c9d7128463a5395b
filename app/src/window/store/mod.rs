//! What survives a restart, in the person's data directory.
//!
//! One JSON file of our own, `session.json`, with a version. It is written whole or not at all, as every
//! file is (see [`crate::output`]); the one before it is kept as `session.json.bak`. So whenever the program is killed, one of
//! them is whole. A file that cannot be read, or that a newer version wrote, is moved aside and never written over; so is
//! one with a damaged part, which is then looked for in the copy.
//!
//! One window at a time keeps the session: it holds a lock on the directory. A second one begins with what is there and
//! writes nothing. Pasted pictures are PNG files under `pictures`; other pictures are kept by their path. Evidence has files of its
//! own under `evidence`. Traces are not kept: they are large, and are made again when their answers are looked at.

mod evidence;
mod geometry;
mod session;
mod tidy;

pub use evidence::evidence_name;
pub use geometry::Geometry;
pub use session::{KeptPicture, Parsed, Session, SessionPart, Unreadable, VERSION};

use crate::window::lang::Texts;
use opabinia_engine::vision::Picture;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The variable that names another data directory.
pub const DATA_DIR: &str = "OPABINIA_DATA_DIR";

/// A session this long is neither read nor written.
const MAX_SESSION_BYTES: u64 = 512 << 20;

/// How many files that could not be read are kept under names of their own.
const KEPT_ASIDE: usize = 1000;

/// How their names begin.
const ASIDE: &str = "session.kept-";

const SESSION: &str = "session.json";
const COPY: &str = "session.json.bak";
const LOCK: &str = "lock";
const PICTURES: &str = "pictures";

/// The data directory: the one that was `given`, else the one [`DATA_DIR`] names, else the system's place for such
/// things. `None` if the system names none.
pub fn data_dir(given: Option<&Path>) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let place = || {
        if cfg!(windows) {
            set("APPDATA")
        } else if cfg!(target_os = "macos") {
            Some(home()?.join("Library").join("Application Support"))
        } else {
            // The specification says to ignore relative paths.
            let xdg = set("XDG_DATA_HOME").filter(|path| path.is_absolute());
            xdg.or_else(|| Some(home()?.join(".local").join("share")))
        }
    };
    given.map(Path::to_path_buf).or_else(|| set(DATA_DIR)).or_else(|| Some(place()?.join("opabinia")))
}

/// Something a person should know about the session that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadWarning {
    /// The file could not be read, for this reason (`None`: it is of a newer version), and was moved here.
    KeptAside(PathBuf, Option<String>),
    /// The copy saved before it was used instead.
    FromCopy,
    /// This part of it could not be read, for this reason, and is not in the copy either.
    PartLost(SessionPart, String),
    /// This part of it could not be read, for this reason, and was taken from the copy.
    PartFromCopy(SessionPart, String),
    /// A file of which parts could not be read was moved here.
    DamagedKept(PathBuf),
    /// Another window keeps the session.
    SecondWindow,
    /// Nothing can be kept, for this reason.
    Unusable(String),
}

impl LoadWarning {
    /// In the words of `texts`.
    pub fn words(&self, texts: &Texts) -> String {
        let (said, texts) = (texts.engine.said, &texts.program);
        match self {
            Self::KeptAside(path, why) => {
                let why = why.as_deref().map_or_else(|| texts.newer.to_owned(), said);
                format!("{} {}\n{why}", texts.kept_aside, path.display())
            }
            Self::FromCopy => texts.from_copy.to_owned(),
            Self::PartLost(part, why) => format!("{} {}\n{}", texts.part_lost, part.name(), said(why)),
            Self::PartFromCopy(part, why) => format!("{} {}\n{}", texts.part_from_copy, part.name(), said(why)),
            Self::DamagedKept(path) => format!("{} {}", texts.damaged_kept, path.display()),
            Self::SecondWindow => texts.second_window.to_owned(),
            Self::Unusable(why) => format!("{} {}", texts.save_failed, said(why)),
        }
    }
}

/// The data directory of this window.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// Held while this window keeps the session.
    lock: Mutex<Option<File>>,
    /// What was written last: the same again is not written.
    last: Mutex<Vec<u8>>,
}

impl Store {
    /// Opens `directory`, and gives what was kept there, if anything was, with what a person should know about it.
    pub fn open(directory: &Path) -> (Self, Option<Session>, Vec<LoadWarning>) {
        let mut warnings = Vec::new();
        let lock = make(directory).and_then(|()| lock(&directory.join(LOCK)));
        let lock = match lock {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => {
                warnings.push(LoadWarning::SecondWindow);
                None
            }
            Err(error) => {
                warnings.push(LoadWarning::Unusable(format!("{}: {error}", directory.display())));
                None
            }
        };
        let store = Self { directory: directory.to_path_buf(), lock: Mutex::new(lock), last: Mutex::default() };
        let session = store.restore(&mut warnings);
        if store.keeps() {
            store.tidy(session.as_ref());
        }
        (store, session, warnings)
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether this window keeps the session.
    pub fn keeps(&self) -> bool {
        self.lock().is_some()
    }

    /// Leaves the directory to another window; gives whether this one had it.
    pub fn release(&self) -> bool {
        self.lock().take().is_some()
    }

    /// Goes on keeping the session after [`Store::release`], unless another window does by now.
    pub fn reacquire(&self) {
        // If it cannot be had, the window says that it keeps nothing.
        *self.lock() = lock(&self.directory.join(LOCK)).ok().flatten();
    }

    fn lock(&self) -> MutexGuard<'_, Option<File>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of the pasted picture called `name`. What is not a plain name leads nowhere else.
    pub fn picture_path(&self, name: &Path) -> PathBuf {
        let plain = name.file_name().unwrap_or(OsStr::new("-"));
        self.directory.join(PICTURES).join(plain)
    }

    /// Writes `session`, unless another window keeps the one there. Takes its time: not for the window's own thread.
    ///
    /// # Errors
    /// In words, if it could not be written. What was written before is still there.
    pub fn save(&self, session: &mut Session) -> Result<(), String> {
        if !self.keeps() {
            return Ok(());
        }
        session.make_finite();
        // Held over the whole save: the one at exit waits for the one before it.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_vec(session).map_err(|error| error.to_string())?;
        if text.len() as u64 > MAX_SESSION_BYTES {
            return Err(format!("it has {} MB; remove some conversations", text.len() >> 20));
        }
        if text == *last {
            return Ok(());
        }
        self.put(&text)?;
        *last = text;
        Ok(())
    }

    /// Puts `text` into place, and what was there before beside it. At every moment the old or the new one is whole under one
    /// of its two names.
    fn put(&self, text: &[u8]) -> Result<(), String> {
        let (place, copy) = (self.directory.join(SESSION), self.directory.join(COPY));
        let before = read_text(&place, MAX_SESSION_BYTES).map_err(|error| format!("{}: {error}", place.display()))?;
        for (path, text) in [(&copy, before.as_deref()), (&place, Some(text))] {
            let Some(text) = text else { continue };
            crate::output::write_private(path, |file| file.write_all(text)).map_err(|error| error.to_string())?;
        }
        // The names are on the disk once the directory is; not every system can say so.
        let _ = File::open(&self.directory).and_then(|directory| directory.sync_all());
        Ok(())
    }

    /// Reads what was kept. What could be read goes on; what could not must not be lost with the next saves, and is
    /// looked for in the copy.
    fn restore(&self, warnings: &mut Vec<LoadWarning>) -> Option<Session> {
        let (place, copy) = (self.directory.join(SESSION), self.directory.join(COPY));
        let found = match read(&place) {
            Ok(Some((session, lost))) if lost.is_empty() => return Some(session),
            Ok(found) => found,
            Err(why) => {
                self.move_aside(&place, why, warnings);
                None
            }
        };
        // Killed between the two renames, or damaged: the copy is the last good one.
        let copied = read(&copy).unwrap_or_else(|why| {
            self.move_aside(&copy, why, warnings);
            None
        });
        match (found, copied) {
            (None, None) => None,
            (None, Some((session, lost))) => {
                if !warnings.is_empty() {
                    warnings.push(LoadWarning::FromCopy);
                }
                if !lost.is_empty() {
                    warnings.extend(lost.into_iter().map(|(part, why)| LoadWarning::PartLost(part, why)));
                    self.move_damaged_aside(&copy, warnings);
                }
                Some(session)
            }
            (Some((mut session, lost)), copied) => {
                let (mut older, missing) = copied.unzip();
                let missing = missing.unwrap_or_default();
                let is_missing = |part: SessionPart| missing.iter().any(|(other, _)| *other == part);
                let mut copy_is_damaged = false;
                for (part, why) in lost {
                    warnings.push(match &mut older {
                        Some(older) if !is_missing(part) => {
                            session.replace_part(part, older);
                            LoadWarning::PartFromCopy(part, why)
                        }
                        _ => {
                            copy_is_damaged |= is_missing(part);
                            LoadWarning::PartLost(part, why)
                        }
                    });
                }
                self.move_damaged_aside(&place, warnings);
                // What it holds of the part may be all that is left of it.
                if copy_is_damaged {
                    self.move_damaged_aside(&copy, warnings);
                }
                Some(session)
            }
        }
    }

    /// Moves a file that cannot be read out of the way.
    fn move_aside(&self, place: &Path, why: Unreadable, warnings: &mut Vec<LoadWarning>) {
        let aside = self.set_aside(place);
        warnings.push(aside.map_or_else(|unusable| unusable, |path| LoadWarning::KeptAside(path, why.reason())));
    }

    /// Moves a file of which parts cannot be read out of the way.
    fn move_damaged_aside(&self, place: &Path, warnings: &mut Vec<LoadWarning>) {
        warnings.push(self.set_aside(place).map_or_else(|unusable| unusable, LoadWarning::DamagedKept));
    }

    /// Moves a file that cannot be used out of the way of the next save, and says where it is now. Another window's is
    /// left where it is.
    fn set_aside(&self, place: &Path) -> Result<PathBuf, LoadWarning> {
        if !self.keeps() {
            return Ok(place.to_path_buf());
        }
        let names = (1..=KEPT_ASIDE).map(|number| self.directory.join(format!("{ASIDE}{number}.json")));
        let free = names.into_iter().find(|name| fs::symlink_metadata(name).is_err());
        let free = free.ok_or_else(|| io::Error::other("too many files are kept aside already"));
        free.and_then(|free| fs::rename(place, &free).map(|()| free)).map_err(|error| {
            // Rather nothing is kept than that is written over.
            self.release();
            LoadWarning::Unusable(format!("{}: {error}", place.display()))
        })
    }
}

/// Makes the directory and what is in every one.
fn make(directory: &Path) -> io::Result<()> {
    make_private(&directory.join(PICTURES))
}

/// Makes a directory with those above it, for nobody else to read.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// The lock at `path`; `None` if another window holds it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(io::Error::other("its lock is not a file"));
    }
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The session at `path` and its parts that could not be read; `None` if there is none.
fn read(path: &Path) -> Result<Option<Parsed>, Unreadable> {
    let text = read_text(path, MAX_SESSION_BYTES).map_err(|error| Unreadable::Damaged(error.to_string()))?;
    text.map(|text| Session::parse(&text)).transpose()
}

/// What is written in the session at `path`; `None` if there is none.
fn read_text(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    // A pipe would have to be waited for.
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(io::Error::other("this is not a file"));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    if file.take(most + 1).read_to_end(&mut text)? as u64 > most {
        return Err(io::Error::other(format!("it has more than {} MB", most >> 20)));
    }
    Ok(Some(text))
}

/// Writes the pixels of a pasted picture as PNG.
///
/// # Errors
/// In words, naming the file.
pub fn write_picture(path: &Path, picture: &Picture) -> Result<(), String> {
    let fill = |file: &mut io::BufWriter<&mut File>| {
        let side = |pixels: usize| u32::try_from(pixels).map_err(io::Error::other);
        let (width, height) = (side(picture.width)?, side(picture.height)?);
        let encoder = image::codecs::png::PngEncoder::new(file);
        image::ImageEncoder::write_image(encoder, &picture.rgb, width, height, image::ExtendedColorType::Rgb8)
            .map_err(io::Error::other)
    };
    crate::output::write(path, fill).map_err(|error| error.to_string())
}
