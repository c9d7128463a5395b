//! The AppImage for Linux: a file system with the program in it, behind a small program, the runtime, that mounts or unpacks it
//! and starts what is inside.
//!
//! The runtime is published by the AppImage project and named by whoever packs. It looks for the file system where its own ELF
//! file ends, so that one thing has to hold: nothing is between the two.

use super::tree::{self, fresh};
use super::{Problem, Program, Result, icon, output};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a runtime is had.
const PUBLISHED: &str = "get one that fits the processor (runtime-x86_64, runtime-aarch64) from the releases of \
     github.com/AppImage/type2-runtime, check its signature as packaging/README.md says, and name it with --runtime";

/// What an AppImage of type 2 has in its header, in bytes that ELF leaves to whoever writes it.
const MARK: &[u8] = b"AI\x02";

/// Makes the AppImage in `out`.
///
/// # Errors
/// If there is no runtime, `mksquashfs` is missing, or something cannot be written.
pub fn make(program: &Program, runtime: Option<&Path>, out: &Path) -> Result<PathBuf> {
    let path =
        runtime.ok_or_else(|| Problem::new("an AppImage begins with a runtime, and none was named", PUBLISHED))?;
    let runtime = fs::read(path).map_err(|error| Problem::new(format!("{}: {error}", path.display()), PUBLISHED))?;
    let binary = fs::read(&program.binary).map_err(Problem::at(&program.binary))?;
    check(&runtime, &binary).map_err(|why| Problem::new(format!("{}: {why}", path.display()), PUBLISHED))?;

    let root = fresh(&out.join("Opabinia.AppDir"))?;
    tree::install(program, &root.join("usr"))?;
    let desktop = root.join("usr/share/applications/opabinia.desktop");
    let desktop = fs::read(&desktop).map_err(Problem::at(&desktop))?;
    tree::write(&root.join("opabinia.desktop"), &desktop)?;
    tree::write(&root.join("opabinia.png"), &icon::png(256)?)?;
    link("opabinia.png", &root.join(".DirIcon"))?;
    link("usr/bin/opabinia", &root.join("AppRun"))?;
    tree::settle(&root)?;

    let image = out.join(format!("Opabinia-{}-{}.AppImage", program.version, std::env::consts::ARCH));
    join(&runtime, &squash(&root, out)?, &image)?;
    Ok(image)
}

/// The file system with what is in `root`.
fn squash(root: &Path, out: &Path) -> Result<PathBuf> {
    let packed = out.join("Opabinia.squashfs");
    let when = tree::changed().to_string();
    let mut command = Command::new("mksquashfs");
    command.arg(root).arg(&packed).args(["-noappend", "-quiet", "-no-progress", "-no-xattrs", "-all-root"]);
    // Runtimes know deflate and Zstandard.
    command.args(["-comp", "zstd", "-Xcompression-level", "19"]);
    // The same sources give the same bytes. The variable means the same, and mksquashfs refuses to be told twice.
    command.args(["-mkfs-time", &when, "-all-time", &when]).env_remove("SOURCE_DATE_EPOCH");
    output(&mut command, "install the package squashfs-tools, 4.4 or later")?;
    Ok(packed)
}

/// Writes the runtime and the file system behind it to `image`, to be started, and removes the file of the latter.
fn join(runtime: &[u8], packed: &Path, image: &Path) -> Result<()> {
    let mut from = File::open(packed).map_err(Problem::at(packed))?;
    let mut to = File::create(image).map_err(Problem::at(image))?;
    to.write_all(runtime).and_then(|()| io::copy(&mut from, &mut to)).map_err(Problem::at(image))?;
    tree::set_mode(image, 0o755)?;
    fs::remove_file(packed).map_err(Problem::at(packed))
}

#[cfg(unix)]
fn link(to: &str, place: &Path) -> Result<()> {
    std::os::unix::fs::symlink(to, place).map_err(Problem::at(place))
}

#[cfg(not(unix))]
fn link(_: &str, place: &Path) -> Result<()> {
    Err(Problem::new(format!("{}: an AppImage has links in it", place.display()), "make it on Linux"))
}

/// That `runtime` is one, whole and with nothing behind it, for the processor of `binary`.
fn check(runtime: &[u8], binary: &[u8]) -> Result<(), String> {
    let length = elf_length(runtime).ok_or("this is no program for Linux of 64 bits")?;
    if runtime.get(8..11) != Some(MARK) {
        return Err("this program is not the runtime of an AppImage".into());
    }
    if length < runtime.len() as u64 {
        return Err("something is behind the runtime: is this an AppImage that is already packed?".into());
    }
    if length > runtime.len() as u64 {
        return Err(format!("{} bytes are here of {length}: it was not fetched whole", runtime.len()));
    }
    if runtime.get(18..20) != binary.get(18..20) {
        return Err("this runtime is for another processor than the program".into());
    }
    Ok(())
}

/// Where an ELF file of 64 bits and little endian ends, as runtimes count: with the table of its sections, or with the last of
/// them.
fn elf_length(file: &[u8]) -> Option<u64> {
    const SECTION: u64 = 64;
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let short = |at: usize| Some(u64::from(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?)));
    let long = |at: usize| Some(u64::from_le_bytes(file.get(at..at + 8)?.try_into().ok()?));
    let (table, size, count) = (long(40)?, short(58)?, short(60)?);
    if size != SECTION || count == 0 {
        return None;
    }
    let end = table.checked_add(SECTION * count)?;
    if end > file.len() as u64 {
        return Some(end);
    }
    let last = usize::try_from(end - SECTION).ok()?;
    Some(end.max(long(last + 24)?.checked_add(long(last + 32)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, a section of 16 bytes, and a table with that section.
    fn elf() -> Vec<u8> {
        let mut file = vec![0; 64 + 16 + 64];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[8..11].copy_from_slice(MARK);
        file[18] = 62;
        file[40] = 80;
        file[58] = 64;
        file[60] = 1;
        file[80 + 24] = 64;
        file[80 + 32] = 16;
        file
    }

    #[test]
    fn a_runtime_is_whole_bare_and_of_the_programs_processor() {
        let (runtime, binary) = (elf(), elf());
        check(&runtime, &binary).unwrap();

        let refused = |change: &dyn Fn(&mut Vec<u8>), word: &str| {
            let mut runtime = runtime.clone();
            change(&mut runtime);
            let why = check(&runtime, &binary).unwrap_err();
            assert!(why.contains(word), "{why}");
        };
        refused(&|file| file.clear(), "no program");
        refused(&|file| file[4] = 1, "no program");
        refused(&|file| file.truncate(50), "no program");
        refused(&|file| file[60] = 0, "no program");
        refused(&|file| file[40..48].fill(255), "no program");
        refused(&|file| file[8] = 0, "not the runtime");
        refused(&|file| file.extend_from_slice(b"hsqs"), "already packed");
        refused(&|file| file.truncate(100), "100 bytes are here of 144");
        refused(&|file| file[80 + 32] = 255, "not fetched whole");
        refused(&|file| file[18] = 183, "another processor");
    }

    #[test]
    fn the_file_system_lies_where_the_runtime_ends() {
        let dir = tempfile::tempdir().unwrap();
        let (packed, image) = (dir.path().join("packed"), dir.path().join("image"));
        fs::write(&packed, b"hsqs and so on").unwrap();
        fs::write(&image, vec![7; 1000]).unwrap();
        let runtime = elf();
        join(&runtime, &packed, &image).unwrap();
        let made = fs::read(&image).unwrap();
        let end = usize::try_from(elf_length(&made).unwrap()).unwrap();
        assert_eq!((&made[..end], &made[end..]), (&runtime[..], &b"hsqs and so on"[..]));
        assert!(!packed.exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(image.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        }
    }

    #[test]
    fn who_names_no_runtime_is_told_where_it_is_had() {
        let dir = tempfile::tempdir().unwrap();
        let program = Program { binary: dir.path().join("none"), source: dir.path().into(), version: "1" };
        let missing = dir.path().join("runtime");
        for runtime in [None, Some(missing.as_path())] {
            let problem = make(&program, runtime, dir.path()).unwrap_err().to_string();
            assert!(problem.contains("type2-runtime") && problem.contains("--runtime"), "{problem}");
        }
    }
}
