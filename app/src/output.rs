//! Writing files: never half of one, never over an input, never into a directory that is not there.

use opabinia_engine::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How the names of unfinished files begin.
pub const PREFIX: &str = ".opabinia-";

/// Checks that `path` can be written, before any work is done for it. `inputs` are files that must not be
/// replaced, or directories in which nothing may be.
///
/// # Errors
/// [`Error::Input`] if its directory does not exist or takes no file, or if it is a directory or one of `inputs`.
pub fn check(path: &Path, inputs: &[&Path]) -> Result<()> {
    let name = path.display();
    let directory = directory_of(path);
    if !directory.is_dir() {
        return Err(Error::input(
            format!("{name}: cannot be written: there is no directory {}", directory.display()),
            "make the directory first, or write somewhere else",
        ));
    }
    if path.is_dir() || path.file_name().is_none() {
        return Err(Error::input(format!("{name}: cannot be written: this is a directory"), "give the name of a file"));
    }
    let same = |input: &&&Path| match (path.canonicalize(), input.canonicalize()) {
        (Ok(output), Ok(input)) => output.starts_with(input),
        _ => false,
    };
    if let Some(input) = inputs.iter().find(same) {
        return Err(Error::input(
            format!("{name}: cannot be written: it would replace the input {}", input.display()),
            "give another name",
        ));
    }
    // Only trying tells: permissions, read-only file systems and full disks all say no in their own way.
    tempfile::Builder::new().prefix(PREFIX).tempfile_in(directory).map(drop).map_err(|error| {
        Error::input(
            format!("{name}: cannot be written: {} takes no new file: {error}", directory.display()),
            "write somewhere else",
        )
    })
}

/// Writes `path` through `fill`. An existing file is replaced only once the new one is complete.
///
/// # Errors
/// [`Error::Io`] naming `path`.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<()>) -> Result<()> {
    let attempt = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What any new file gets; the process's mask is taken off it.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(directory_of(path))?;
        let mut buffer = BufWriter::new(file.as_file_mut());
        fill(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|error| Error::io(path, error))
}

/// The directory that holds `path`.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write(&path, |file| {
            file.write_all(b"ne")?;
            Err(std::io::Error::other("no"))
        });
        assert!(failed.unwrap_err().to_string().contains("a: no"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn inputs_directories_and_missing_directories_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in");
        std::fs::write(&input, "x").unwrap();
        let indirect = dir.path().join("..").join(dir.path().file_name().unwrap()).join("in");
        assert!(check(&indirect, &[&input]).unwrap_err().to_string().contains("replace the input"));
        assert!(check(dir.path(), &[]).unwrap_err().to_string().contains("is a directory"));
        assert!(check(&dir.path().join("no/out"), &[]).unwrap_err().to_string().contains("no directory"));
        assert!(check(&dir.path().join("out"), &[&input]).is_ok());
        assert!(check(Path::new("out"), &[]).is_ok());
    }
}
