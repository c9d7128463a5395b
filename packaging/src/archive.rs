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
