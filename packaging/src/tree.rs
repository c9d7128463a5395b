//! What is installed under a prefix on Linux: the program, and everything that a desktop, a shell and a reader look for.

use super::{Problem, Program, Result, icon, notices, output};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sides of the icon that themes ask for.
const SIDES: [u32; 5] = [32, 48, 128, 256, 512];

/// What is read, beside `docs`.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "ARCHITECTURE.md",
    "packaging/README.md",
    "assets/demo/recipe/README.md",
    "assets/screenshots/window.png",
];

/// Writes `bytes` to `path`, and makes its directory.
///
/// # Errors
/// If that cannot be done.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Problem::at(parent))?;
    }
    fs::write(path, bytes).map_err(Problem::at(path))
}

/// Copies a file of the source tree.
fn copy(program: &Program, name: impl AsRef<Path>, to: &Path) -> Result<()> {
    let from = program.source.join(name);
    let bytes = fs::read(&from).map_err(Problem::at(&from))?;
    write(to, &bytes)
}

/// Copies the program itself.
///
/// # Errors
/// If that cannot be done.
pub fn copy_binary(program: &Program, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(Problem::at(parent))?;
    }
    fs::copy(&program.binary, to).map_err(Problem::at(to))?;
    set_mode(to, 0o755)
}

/// Gives `path` a mode, where there are such.
///
/// # Errors
/// If that cannot be done.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Problem::at(path))?;
    }
    let _ = (path, mode);
    Ok(())
}

/// Gives everything below `dir` the mode that it is installed with, whatever whoever packs lets others read: all may read and
/// enter, and run the program.
///
/// # Errors
/// If that cannot be done.
pub fn settle(dir: &Path) -> Result<()> {
    set_mode(dir, 0o755)?;
    for entry in fs::read_dir(dir).map_err(Problem::at(dir))? {
        let entry = entry.map_err(Problem::at(dir))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Problem::at(&path))?;
        if kind.is_dir() {
            settle(&path)?;
        } else if kind.is_file() {
            set_mode(&path, if path.ends_with("bin/opabinia") { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

/// Every file below `dir`, sorted.
///
/// # Errors
/// If it cannot be read.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(Problem::at(dir))? {
        let path = entry.map_err(Problem::at(dir))?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A new, empty directory at `path`, whatever was there.
///
/// # Errors
/// If that cannot be made.
pub fn fresh(path: &Path) -> Result<PathBuf> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(Problem::at(path))?;
    }
    fs::create_dir_all(path).map_err(Problem::at(path))?;
    Ok(path.to_path_buf())
}

/// What a reader is given beside the program: what it is, licences, what changed, what it is made of, the guide and all that it
/// leads to.
///
/// # Errors
/// If that cannot be written.
pub fn documents(program: &Program, dir: &Path) -> Result<()> {
    for name in DOCUMENTS {
        copy(program, name, &dir.join(name))?;
    }
    for file in files(&program.source.join("docs"))? {
        if let Ok(name) = file.strip_prefix(&program.source) {
            copy(program, name, &dir.join(name))?;
        }
    }
    notices::write(&program.source, dir)
}

/// Puts everything under `prefix`.
///
/// # Errors
/// If the program cannot be run, or something cannot be written.
pub fn install(program: &Program, prefix: &Path) -> Result<()> {
    copy_binary(program, &prefix.join("bin/opabinia"))?;
    let share = prefix.join("share");
    for name in ["opabinia.desktop", "opabinia-image.desktop"] {
        copy(program, format!("packaging/linux/{name}"), &share.join("applications").join(name))?;
    }
    let metainfo = program.source.join("packaging/linux/opabinia.metainfo.xml");
    let metainfo = fs::read_to_string(&metainfo).map_err(Problem::at(&metainfo))?;
    let metainfo = metainfo.replace("@VERSION@", program.version).replace("@DATE@", &date());
    write(&share.join("metainfo/opabinia.metainfo.xml"), metainfo.as_bytes())?;

    let icons = share.join("icons/hicolor");
    write(&icons.join("scalable/apps/opabinia.svg"), icon::svg().as_bytes())?;
    for side in SIDES {
        write(&icons.join(format!("{side}x{side}/apps/opabinia.png")), &icon::png(side)?)?;
    }

    let manual = share.join("man/man1");
    fs::create_dir_all(&manual).map_err(Problem::at(&manual))?;
    program.run(&["manual", &manual.to_string_lossy()])?;
    for (shell, place) in [
        ("bash", "bash-completion/completions/opabinia"),
        ("zsh", "zsh/vendor-completions/_opabinia"),
        ("fish", "fish/vendor_completions.d/opabinia.fish"),
    ] {
        write(&share.join(place), &program.run(&["completions", shell])?)?;
    }
    documents(program, &share.join("doc/opabinia"))
}

/// When the sources were last changed, in seconds since 1970: of `SOURCE_DATE_EPOCH` or of the last commit; where neither is
/// known, the epoch itself, so that the same sources give the same bytes.
pub fn changed() -> i64 {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let seconds = epoch.or_else(|| {
        let mut git = Command::new("git");
        git.args(["log", "-1", "--format=%ct"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        output(&mut git, "").ok().and_then(|bytes| String::from_utf8(bytes).ok())
    });
    seconds.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The day of [`changed`], as `YYYY-MM-DD`.
pub fn date() -> String {
    civil(changed().div_euclid(86_400))
}

/// The date so many days after the first of January 1970, in the Gregorian calendar.
fn civil(days: i64) -> String {
    // Counted from the first of March of the year 0, so that leap days are the last of their years; 146,097 days are 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_is_led_to_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
        documents(&Program { binary: PathBuf::new(), source, version: "" }, dir.path()).unwrap();
        let docs = files(&dir.path().join("docs")).unwrap();
        let mut led = 0;
        for page in docs
            .into_iter()
            .filter(|file| file.extension().is_some_and(|end| end == "md"))
            .chain([dir.path().join("README.md")])
        {
            let text = fs::read_to_string(&page).unwrap();
            for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
                if !link.is_empty() && !link.contains(':') {
                    assert!(page.parent().unwrap().join(link).exists(), "{}: {link}", page.display());
                    led += 1;
                }
            }
        }
        assert!(led > 20, "{led}");
    }

    #[cfg(unix)]
    #[test]
    fn modes_do_not_hang_on_who_packs() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (program, page) = (dir.path().join("usr/bin/opabinia"), dir.path().join("usr/page"));
        for file in [&program, &page] {
            write(file, b"").unwrap();
            set_mode(file, 0o600).unwrap();
        }
        set_mode(&dir.path().join("usr"), 0o700).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link")).unwrap();
        settle(dir.path()).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([&dir.path().join("usr"), &program, &page].map(|path| mode(path)), [0o755, 0o755, 0o644]);
    }

    #[test]
    fn days_become_dates() {
        for (days, date) in [
            (0, "1970-01-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_783, "2026-11-26"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(civil(days), date);
        }
    }
}
