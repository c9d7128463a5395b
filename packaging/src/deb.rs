//! The package for Debian and Ubuntu.

use super::tree::{self, files, fresh};
use super::{Problem, Program, Result, output};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the window opens at run time, and how pictures are drawn; asking and tracing need none of it.
const RECOMMENDS: &str = "libvulkan1, mesa-vulkan-drivers, libx11-6, libx11-xcb1, libxcursor1, libxi6, libxkbcommon-x11-0, \
     libwayland-client0, xdg-desktop-portal";

/// Fonts with Chinese characters.
const SUGGESTS: &str = "fonts-noto-cjk | fonts-wqy-microhei";

/// Makes the package in `out`.
///
/// # Errors
/// If a tool is missing or the tree cannot be written.
pub fn make(program: &Program, out: &Path) -> Result<PathBuf> {
    const INSTALL: &str = "install the package dpkg (it is part of every Debian and Ubuntu)";
    let architecture = output(Command::new("dpkg").arg("--print-architecture"), INSTALL)?;
    let architecture = String::from_utf8_lossy(&architecture).trim().to_owned();
    let root = fresh(&out.join("deb"))?;
    tree::install(program, &root.join("usr"))?;
    let doc = root.join("usr/share/doc/opabinia");
    // As Debian asks for it: the copyright file by that name, manual pages and the changelog compressed.
    let copyright = copyright(&program.source)?;
    tree::write(&doc.join("copyright"), copyright.as_bytes())?;
    fs::rename(doc.join("CHANGELOG.md"), doc.join("changelog")).map_err(Problem::at(&doc))?;
    for file in files(&root.join("usr/share/man"))?.into_iter().chain([doc.join("changelog")]) {
        output(Command::new("gzip").args(["-9n", "-f"]).arg(&file), "install the package gzip")?;
    }
    let size: u64 = files(&root)?.iter().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum();
    let binary = fs::read(&program.binary).map_err(Problem::at(&program.binary))?;
    let libc = newest_libc(&binary);
    let control = format!(
        "Package: opabinia\nVersion: {}\nArchitecture: {architecture}\nMaintainer: The Opabinia project <noreply@invalid>\nInstalled-Size: {}\n\
         Depends: libc6 (>= {libc}), libgcc-s1\nRecommends: {RECOMMENDS}\nSuggests: {SUGGESTS}\nSection: science\nPriority: optional\n\
         Description: shows where multimodal language models look\n Opens Cambrian-1 checkpoints, answers questions about pictures, and shows what each\n of the vision \
         encoders contributed: layer by layer, head by head, cell by cell.\n",
        program.version,
        size.div_ceil(1024),
    );
    tree::write(&root.join("DEBIAN/control"), control.as_bytes())?;
    tree::write(&root.join("DEBIAN/md5sums"), &sums(&root)?)?;
    tree::settle(&root)?;
    let package = out.join(format!("opabinia_{}_{architecture}.deb", program.version));
    // The same sources give the same bytes.
    let when = tree::changed().to_string();
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "--build"]).arg(&root).arg(&package).env("SOURCE_DATE_EPOCH", when);
    output(&mut command, INSTALL)?;
    Ok(package)
}

/// The licence of the program, in the form that Debian reads.
fn copyright(source: &Path) -> Result<String> {
    let path = source.join("LICENSE-MIT");
    let licence = fs::read_to_string(&path).map_err(Problem::at(&path))?;
    let whose =
        licence.lines().find_map(|line| line.strip_prefix("Copyright ")).unwrap_or("the Opabinia project").to_owned();
    let mut text = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Opabinia\nComment: What it is made \
         with is listed in THIRD-PARTY-LICENCES.txt, with every licence.\n\nFiles: *\nCopyright: {whose}\nLicense: Expat or Apache-2.0\n\n\
         License: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n\nLicense: Expat\n"
    );
    for line in licence.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, " {}", if line.is_empty() { "." } else { line });
    }
    Ok(text)
}

/// The newest version of the C library that `binary` asks for, by the names of its symbols.
fn newest_libc(binary: &[u8]) -> String {
    const MARK: &[u8] = b"GLIBC_2.";
    let versions =
        binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).filter_map(|(at, _)| {
            let rest = binary.get(at + MARK.len()..)?;
            let digits: String =
                rest.iter().take_while(|byte| byte.is_ascii_digit()).take(3).map(|byte| char::from(*byte)).collect();
            digits.parse::<u32>().ok()
        });
    format!("2.{}", versions.max().unwrap_or(17))
}

/// `md5sum` of every file, in the form that dpkg verifies.
fn sums(root: &Path) -> Result<Vec<u8>> {
    let files = files(&root.join("usr"))?;
    let names = files.iter().filter_map(|file| file.strip_prefix(root).ok());
    output(Command::new("md5sum").args(names).current_dir(root), "install the package coreutils")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_is_the_newest_that_is_named() {
        assert_eq!(newest_libc(b"..GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE"), "2.34");
        assert_eq!(newest_libc(b""), "2.17");
    }
}
