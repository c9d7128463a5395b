//! Archives to unpack anywhere.

use super::tree::{self, fresh};
use super::{Program, Result, bundle, output};
use std::path::{Path, PathBuf};
use std::process::Command;

/// For Linux: `bin`, `share`, all below one directory.
///
/// # Errors
/// If a tool is missing or the tree cannot be written.
pub fn tar(program: &Program, out: &Path) -> Result<PathBuf> {
    let name = format!("opabinia-{}-{}-linux", program.version, std::env::consts::ARCH);
    let root = fresh(&out.join("tar"))?;
    tree::install(program, &root.join(&name))?;
    tree::settle(&root.join(&name))?;
    let archive = out.join(format!("{name}.tar.gz"));
    let mut command = Command::new("tar");
    // The same sources give the same bytes.
    command.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]).arg(format!("--mtime={}", tree::date()));
    command.arg("-czf").arg(&archive).arg("-C").arg(&root).arg(&name).env("GZIP", "-9n");
    output(&mut command, "install GNU tar and gzip")?;
    Ok(archive)
}

/// For Windows: the program, its icon and its documents in one directory.
///
/// # Errors
/// If a tool is missing or the tree cannot be written.
pub fn zip(program: &Program, out: &Path) -> Result<PathBuf> {
    let name = format!("opabinia-{}-{}-windows", program.version, std::env::consts::ARCH);
    let root = fresh(&out.join("zip"))?;
    let dir = root.join(&name);
    tree::copy_binary(program, &dir.join("opabinia.exe"))?;
    tree::write(&dir.join("opabinia.ico"), &bundle::ico()?)?;
    tree::documents(program, &dir)?;
    let archive = out.join(format!("{name}.zip"));
    if archive.exists() {
        std::fs::remove_file(&archive).map_err(super::Problem::at(&archive))?;
    }
    let zip =
        output(Command::new("zip").args(["-q", "-r", "-9", "-X"]).arg(&archive).arg(&name).current_dir(&root), "");
    if zip.is_err() {
        // The tar of Windows and macOS writes archives of this kind too.
        let help = format!("install zip (Debian: the package zip), or pack {} with another tool", dir.display());
        let mut tar = Command::new("tar");
        tar.arg("-a").arg("-cf").arg(&archive).arg(&name).current_dir(&root);
        output(&mut tar, &help)?;
        let begins = std::fs::read(&archive).map_err(super::Problem::at(&archive))?;
        if !begins.starts_with(b"PK") {
            let _ = std::fs::remove_file(&archive);
            return Err(super::Problem::new("zip was not found, and this tar writes no such archives", help));
        }
    }
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// The names in the directory at the end of an archive.
    fn names(archive: &[u8]) -> Vec<String> {
        let place = archive.len() - 22 + 16;
        let directory = &archive[u32::from_le_bytes(archive[place..place + 4].try_into().unwrap()) as usize..];
        let heads = directory.windows(4).enumerate().filter(|(_, window)| window == b"PK\x01\x02");
        heads
            .map(|(at, _)| {
                let length = usize::from(u16::from_le_bytes(directory[at + 28..at + 30].try_into().unwrap()));
                String::from_utf8(directory[at + 46..at + 46 + length].to_vec()).unwrap()
            })
            .collect()
    }

    #[test]
    fn what_is_made_for_windows_unpacks_into_one_directory() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("program");
        std::fs::write(&binary, b"MZ").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
        let made = zip(&Program { binary, source, version: "1.2.3" }, dir.path());
        let archive = match made {
            Ok(archive) => std::fs::read(archive).unwrap(),
            // Not every system has what writes them.
            Err(problem) => {
                assert!(problem.to_string().contains("the package zip"), "{problem}");
                // Not by a macro: those are kept back from whoever runs the tests.
                return writeln!(std::io::stderr(), "note: names in a .zip were not checked: {problem}").unwrap();
            }
        };
        let top = format!("opabinia-1.2.3-{}-windows/", std::env::consts::ARCH);
        let names = names(&archive);
        for name in
            ["opabinia.exe", "opabinia.ico", "README.md", "THIRD-PARTY-LICENCES.txt", "sbom.cdx.json", "docs/guide.md"]
        {
            assert!(names.contains(&format!("{top}{name}")), "{name} is not among {names:?}");
        }
        for name in &names {
            let inner = name.strip_prefix(&top).unwrap_or_else(|| panic!("{name} is outside"));
            assert!(!inner.split('/').any(|part| part == "..") && !inner.contains(['\\', ':']), "{name}");
        }
    }
}
