//! Writing files: never half of one, never over an input, never in the place of something else.
//!
//! What stands at a path decides how it is written:
//!
//! - **Nothing, or a file.** The new content is written beside it, under a random name that nobody else has, and takes its
//!   place only once it is complete and on the disk. What replaces a file has its mode and, where the system allows it,
//!   its owner.
//! - **A link.** What it leads to is written in this way; the link stays.
//! - **A pipe, a device of characters, `-`, or an open file of this process** (`/dev/stdout`, `/dev/fd/3`). These are no
//!   places for another file: the content is written through.
//!
//! Refused, in words: directories, sockets, disks, links that lead nowhere or in a circle, and files that may not be
//! written, even where their directory would let them be replaced. So is a file with several names (hard links): a new
//! file in one place would part them, and writing into the old one could leave half of each.

mod replacing;

use crate::error::{Error, Result};
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, PersistError};

/// How the names of unfinished files begin.
pub const PREFIX: &str = ".opabinia-";

/// What messages call the standard output.
pub const STANDARD_OUTPUT: &str = "standard output";

/// What stands for the standard output where a file could.
const DASH: &str = "-";

/// Links that are followed on the way to a file: as many as Linux follows.
const MAX_LINKS: usize = 40;

/// How long a pipe may go without a reader.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Who may read a file that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// Whoever the process's mask lets.
    Mask,
    /// Its owner.
    Owner,
}

/// What is written to.
#[derive(Debug)]
enum Target {
    /// A new file in this place.
    New(PathBuf),
    /// The file in this place, which is no link.
    Old(PathBuf, Metadata),
    /// A pipe with a name.
    #[cfg_attr(not(unix), expect(dead_code, reason = "nothing is seen to be one there"))]
    Pipe,
    /// A device, or an open file of this process other than the next two.
    Stream,
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

/// Why nothing can be written, and what to do.
struct Obstacle {
    why: String,
    help: &'static str,
}

impl Obstacle {
    fn new(why: impl Into<String>, help: &'static str) -> Self {
        Self { why: why.into(), help }
    }

    fn at(self, path: &Path) -> Error {
        Error::input(format!("{}: cannot be written: {}", name(path), self.why), self.help)
    }
}

/// What the system said of a place.
fn system(error: &io::Error) -> Obstacle {
    let help = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room, or write somewhere else"
        }
        ErrorKind::NotConnected => "start what reads from it, or give the name of a file",
        _ => "check the path and its permissions, or write somewhere else",
    };
    Obstacle::new(error.to_string(), help)
}

/// What the system said while a new file was being written beside the place it was for.
fn unfinished(error: &io::Error) -> Obstacle {
    let obstacle = system(error);
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Obstacle { help: "make room, or write somewhere else; what was there before is unchanged", ..obstacle }
        }
        _ => obstacle,
    }
}

/// Checks that `path` can be written, before any work is done for it. `inputs` are files that must not be
/// replaced, or directories in which nothing may be written, nor into the files that links in them lead to.
///
/// # Errors
/// [`Error::Input`] if its directory does not exist or takes no file, if what is there is nothing that can be written
/// (see the module), or if it is one of `inputs` or in one.
pub fn check(path: &Path, inputs: &[&Path]) -> Result<()> {
    let at = |obstacle: Obstacle| obstacle.at(path);
    let (place, old) = match target(path).map_err(at)? {
        // Whether somebody reads from a pipe cannot be tried: to be opened and closed is its end.
        Target::Pipe | Target::Stdout | Target::Stderr => return Ok(()),
        Target::Stream => {
            return File::options().write(true).open(path).map(drop).map_err(|error| system(&error).at(path));
        }
        Target::New(place) => {
            if let Some(input) = input_with(&place, inputs) {
                let why = format!("it would be a new file in the input {}", input.display());
                return Err(Obstacle::new(why, "write to another directory").at(path));
            }
            (place, None)
        }
        Target::Old(place, old) => {
            if let Some(input) = input_with(path, inputs) {
                let why = format!("it would replace the input {}, or a part of it", input.display());
                return Err(Obstacle::new(why, "give another name").at(path));
            }
            may_be_written(&place).map_err(at)?;
            (place, Some(old))
        }
    };
    // Only trying tells: permissions, read-only file systems and full disks all say no in their own way.
    let directory = directory_of(&place);
    let probe = tempfile::Builder::new().prefix(PREFIX).tempfile_in(directory).map_err(|error| {
        // The error itself names the file that was tried.
        let why =
            format!("{} takes no new file, and nothing is written in place: {}", directory.display(), error.kind());
        Obstacle::new(why, "write somewhere else").at(path)
    })?;
    let probe = probe.as_file().metadata().map_err(|error| system(&error).at(path))?;
    match old.and_then(|old| replacing::hindrance(&place, &old, &probe)) {
        Some(hindrance) => Err(hindrance.at(path)),
        None => Ok(()),
    }
}

/// Which of `inputs` is at `path` or holds it. A file in the hub's cache has two places: its name in a snapshot, which is a
/// link, and the blob that this leads to; writing changes the one, whichever of both is given.
fn input_with<'a>(path: &Path, inputs: &[&'a Path]) -> Option<&'a Path> {
    let places = places(path);
    let holds = |input: &Path| {
        let Ok(input) = input.canonicalize() else { return false };
        let mut parts = fs::read_dir(&input).into_iter().flatten().flatten();
        places.iter().any(|place| place.starts_with(&input))
            || parts.any(|part| part.path().canonicalize().is_ok_and(|part| places.contains(&part)))
    };
    inputs.iter().copied().find(|input| holds(input))
}

/// Where `path` is, and where everything is that it leads to as a link, each without links in its directory.
fn places(path: &Path) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let mut next = Some(path.to_path_buf());
    while let Some(at) = next.filter(|_| places.len() < MAX_LINKS) {
        if let (Ok(directory), Some(name)) = (directory_of(&at).canonicalize(), at.file_name()) {
            places.push(directory.join(name));
        }
        next = fs::read_link(&at).ok().map(|to| directory_of(&at).join(to));
    }
    // A link may end in dots, which name nothing.
    places.extend(path.canonicalize());
    places
}

/// Writes `path` through `fill`. An existing file is replaced only once the new one is complete.
///
/// # Errors
/// [`Error::Input`] naming `path`, saying why it cannot be written and what to do; [`Error::Io`] if it is the standard
/// output, which somebody else may have closed.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> Result<()> {
    write_for(Readers::Mask, path, fill)
}

/// The same for what is nobody else's business: a new file is its owner's alone.
///
/// # Errors
/// Those of [`write()`].
pub fn write_private(path: &Path, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> Result<()> {
    write_for(Readers::Owner, path, fill)
}

fn write_for(
    readers: Readers,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<()> {
    let target = target(path).map_err(|obstacle| obstacle.at(path))?;
    let written = match &target {
        Target::New(place) => return write_beside(place, None, readers, fill).map_err(|obstacle| obstacle.at(path)),
        Target::Old(place, old) => {
            let written = may_be_written(place).and_then(|()| write_beside(place, Some(old), readers, fill));
            return written.map_err(|obstacle| obstacle.at(path));
        }
        Target::Pipe => open_pipe(path).and_then(|file| write_through(file, fill)),
        Target::Stream => {
            // An open file may hold what was written before; nothing in it is written over.
            File::options().append(true).open(path).and_then(|file| write_through(file, fill))
        }
        Target::Stdout => standard(&io::stdout()).and_then(|file| write_through(file, fill)),
        Target::Stderr => standard(&io::stderr()).and_then(|file| write_through(file, fill)),
    };
    written.map_err(|error| match target {
        Target::Stdout => Error::io(STANDARD_OUTPUT, error),
        _ => system(&error).at(path),
    })
}

/// Whether `path` is written through rather than replaced: it then has neither a length nor an ending that says what it
/// is.
pub fn is_stream(path: &Path) -> bool {
    matches!(target(path), Ok(Target::Pipe | Target::Stream | Target::Stdout | Target::Stderr))
}

/// Whether `path` is the standard output: `-`, `/dev/stdout` or another of its names.
pub fn is_stdout(path: &Path) -> bool {
    matches!(target(path), Ok(Target::Stdout))
}

/// Whether `path` leads to a terminal: through the standard output or the standard error, or as `/dev/tty`.
pub fn is_terminal(path: &Path) -> bool {
    match target(path) {
        Ok(Target::Stdout) => io::stdout().is_terminal(),
        Ok(Target::Stderr) => io::stderr().is_terminal(),
        Ok(Target::Stream) => File::options().write(true).open(path).is_ok_and(|file| file.is_terminal()),
        _ => false,
    }
}

/// Whether writing the one would write over the other, or into it.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let (Ok(to_one), Ok(to_other)) = (target(one), target(other)) else { return false };
    match (&to_one, &to_other) {
        (Target::Old(one, _), Target::Old(other, _)) => one == other,
        (Target::New(one), Target::New(other)) => {
            one.file_name() == other.file_name()
                && directory_of(one).canonicalize().ok() == directory_of(other).canonicalize().ok()
        }
        (Target::Stdout, Target::Stdout) | (Target::Stderr, Target::Stderr) => true,
        (Target::Pipe, Target::Pipe) => one.canonicalize().ok() == other.canonicalize().ok(),
        _ => {
            let found = identity(&to_one, one);
            found.is_some() && found == identity(&to_other, other)
        }
    }
}

/// The device and the number of what `path` leads to, under any name. Devices have none: they take everything.
#[cfg(unix)]
fn identity(target: &Target, path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let about = match target {
        Target::Stdout => standard(&io::stdout()).and_then(|file| file.metadata()),
        Target::Stderr => standard(&io::stderr()).and_then(|file| file.metadata()),
        _ => fs::metadata(path),
    };
    about.ok().filter(|about| !about.file_type().is_char_device()).map(|about| (about.dev(), about.ino()))
}

/// Nothing that could be compared.
#[cfg(not(unix))]
fn identity(_target: &Target, _path: &Path) -> Option<(u64, u64)> {
    None
}

/// What messages call `path`.
fn name(path: &Path) -> String {
    if path == Path::new(DASH) { STANDARD_OUTPUT.to_owned() } else { path.display().to_string() }
}

/// What stands at `path`.
fn target(path: &Path) -> Result<Target, Obstacle> {
    const FILE_NAME: &str = "give the name of a file";
    if path == Path::new(DASH) {
        return Ok(Target::Stdout);
    }
    match descriptor(path) {
        Some(1) => return Ok(Target::Stdout),
        Some(2) => return Ok(Target::Stderr),
        Some(_) => return Ok(Target::Stream),
        None => {}
    }
    let is_directory = || Obstacle::new("this is a directory", FILE_NAME);
    let named = path.file_name().is_some() && !path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let about = match fs::metadata(path) {
        Ok(about) if about.is_dir() => return Err(is_directory()),
        Ok(about) => about,
        Err(error) => return missing(path, named, &error),
    };
    if about.is_file() {
        if names(&about) > 1 {
            return Err(Obstacle::new(
                format!(
                    "it has {} names (hard links), which would part if it were replaced in one place",
                    names(&about)
                ),
                "give another name, or remove this one first",
            ));
        }
        let place = path.canonicalize().map_err(|error| system(&error))?;
        return Ok(Target::Old(place, about));
    }
    special(&about)
}

/// What it means that there is nothing at `path`, as `error` says.
fn missing(path: &Path, named: bool, error: &io::Error) -> Result<Target, Obstacle> {
    if let Ok(about) = fs::symlink_metadata(path)
        && about.is_symlink()
    {
        let to = fs::read_link(path).unwrap_or_default();
        // There is no portable word for a circle of links; every other failure is another one.
        let why = if error.kind() == ErrorKind::NotFound {
            format!("it is a link to {}, which does not exist", to.display())
        } else {
            format!("it is a link to {}, which leads nowhere: {error}", to.display())
        };
        return Err(Obstacle::new(why, "remove the link, or give the name of what it should lead to"));
    }
    let directory = directory_of(path);
    if !directory.is_dir() {
        return Err(Obstacle::new(
            format!("there is no directory {}", directory.display()),
            "make the directory first, or write somewhere else",
        ));
    }
    if error.kind() != ErrorKind::NotFound {
        return Err(system(error));
    }
    if !named {
        return Err(Obstacle::new("this names a directory, and there is none", "give the name of a file"));
    }
    Ok(Target::New(path.to_path_buf()))
}

/// What is neither a file nor a directory.
#[cfg(unix)]
fn special(about: &Metadata) -> Result<Target, Obstacle> {
    use std::os::unix::fs::FileTypeExt;
    let kind = about.file_type();
    if kind.is_fifo() {
        Ok(Target::Pipe)
    } else if kind.is_char_device() {
        Ok(Target::Stream)
    } else {
        let what = if kind.is_block_device() { "a disk or a part of one" } else { "a socket" };
        Err(Obstacle::new(format!("this is {what}, not a file"), "give the name of a file"))
    }
}

/// What is neither a file nor a directory: `NUL` and its like.
#[cfg(not(unix))]
fn special(_about: &Metadata) -> Result<Target, Obstacle> {
    Ok(Target::Stream)
}

/// How many names a file has.
fn names(about: &Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(about);
    #[cfg(not(unix))]
    {
        let _ = about;
        1
    }
}

/// The number of the open file of this process that `path` is another name of, through any number of links.
fn descriptor(path: &Path) -> Option<u32> {
    let mut at = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        let own = ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"].map(Path::new);
        let of_process = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
        if let Some(parent) = at.parent()
            && (own.contains(&parent) || *parent == of_process)
        {
            return at.file_name()?.to_str()?.parse().ok();
        }
        let next = fs::read_link(&at).ok()?;
        at = directory_of(&at).join(next);
    }
    None
}

/// Checks that a file may be written, which whoever may write into its directory could replace all the same.
fn may_be_written(place: &Path) -> Result<(), Obstacle> {
    File::options().write(true).open(place).map(drop).map_err(|error| system(&error))
}

/// Writes a file under another name, and puts it in its place.
fn write_beside(
    place: &Path,
    old: Option<&Metadata>,
    readers: Readers,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<(), Obstacle> {
    let file = complete(place, old, readers, fill).map_err(|error| unfinished(&error))?;
    let put = if old.is_some() {
        file.persist(place)
    } else {
        match file.persist_noclobber(place) {
            // What came to be there meanwhile is somebody's. Some file systems can rename, but not without replacing.
            Err(error) if error.error.kind() != ErrorKind::AlreadyExists => error.file.persist(place),
            put => put,
        }
    };
    put.map(drop).map_err(|error| kept(error, place))
}

/// Keeps a file that is complete and cannot take its place: the work in it may have been long. A place that may be written
/// can still refuse to be replaced, as [`replacing`] foresees where it can.
fn kept(error: PersistError, place: &Path) -> Obstacle {
    let PersistError { error, file } = error;
    match file.keep() {
        Ok((_, path)) => Obstacle::new(
            format!(
                "the new file cannot take the place of {}: {error}; it was kept as {}",
                place.display(),
                path.display()
            ),
            "it is complete: give it another name, or copy it there",
        ),
        Err(_) => system(&error),
    }
}

/// Writes a file beside `place`, to the end.
fn complete(
    place: &Path,
    old: Option<&Metadata>,
    readers: Readers,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    if old.is_none() && readers == Readers::Mask {
        use std::os::unix::fs::PermissionsExt;
        // What any new file gets; the process's mask is taken off it. Without this, it is its owner's alone.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = builder.tempfile_in(directory_of(place))?;
    let mut buffer = BufWriter::new(file.as_file_mut());
    fill(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    if let Some(old) = old {
        take_after(file.as_file(), old)?;
    }
    match file.as_file().sync_all() {
        // Not every file system knows how.
        Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Err(error),
        _ => Ok(file),
    }
}

/// Gives `file` the owner and the mode of what it replaces.
#[cfg(unix)]
fn take_after(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let new = file.metadata()?;
    let mut mode = old.mode() & 0o777;
    if new.gid() != old.gid() && fchown(file, None, Some(old.gid())).is_err() {
        // What its group might do, another one may not.
        mode &= !0o070;
    }
    if new.uid() != old.uid() {
        // Only the system's administrator can; everybody else is the owner from now on.
        let _ = fchown(file, Some(old.uid()), None);
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// Gives `file` what it replaces had: nothing here, where permissions are the directory's.
#[cfg(not(unix))]
fn take_after(_file: &File, _old: &Metadata) -> io::Result<()> {
    Ok(())
}

fn write_through(mut file: File, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = BufWriter::new(&mut file);
    fill(&mut buffer)?;
    buffer.flush()
}

/// Opens the pipe at `path` once somebody reads from it.
#[cfg(unix)]
fn open_pipe(path: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::io::Errno;
    use std::os::unix::fs::OpenOptionsExt;
    let until = std::time::Instant::now() + PATIENCE;
    let mut options = File::options();
    // Without this, opening it waits for ever.
    options.write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    loop {
        match options.open(path) {
            Ok(file) => {
                // Writing may wait.
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                return Ok(file);
            }
            Err(error) if error.raw_os_error() != Some(Errno::NXIO.raw_os_error()) => return Err(error),
            Err(_) if std::time::Instant::now() < until => std::thread::sleep(std::time::Duration::from_millis(20)),
            Err(_) => return Err(io::Error::new(ErrorKind::NotConnected, "nobody reads from this pipe")),
        }
    }
}

#[cfg(not(unix))]
fn open_pipe(path: &Path) -> io::Result<File> {
    File::options().write(true).open(path)
}

/// A file that is the stream, sharing its place with it.
#[cfg(unix)]
fn standard(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    io::stdout().flush()?;
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn standard(stream: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    io::stdout().flush()?;
    Ok(File::from(stream.as_handle().try_clone_to_owned()?))
}

/// The directory that holds `path`.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests;
