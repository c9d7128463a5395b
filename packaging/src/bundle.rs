//! The application of macOS, and the containers that hold icons there and on Windows.

use super::tree::{self, fresh};
use super::{Problem, Program, Result, icon};
use std::path::{Path, PathBuf};

/// The application for macOS. It is not signed: whoever passes it on signs it.
///
/// # Errors
/// If something cannot be written.
pub fn app(program: &Program, out: &Path) -> Result<PathBuf> {
    let app = fresh(&out.join("Opabinia.app"))?;
    let contents = app.join("Contents");
    tree::copy_binary(program, &contents.join("MacOS/opabinia"))?;
    tree::write(&contents.join("Resources/opabinia.icns"), &icns()?)?;
    tree::documents(program, &contents.join("Resources/doc"))?;
    tree::write(&contents.join("Info.plist"), info(program.version).as_bytes())?;
    Ok(app)
}

fn info(version: &str) -> String {
    let pairs = [
        ("CFBundleIdentifier", "opabinia"),
        ("CFBundleName", "Opabinia"),
        ("CFBundleDisplayName", "Opabinia"),
        ("CFBundleExecutable", "opabinia"),
        ("CFBundleIconFile", "opabinia"),
        ("CFBundlePackageType", "APPL"),
        ("CFBundleInfoDictionaryVersion", "6.0"),
        ("CFBundleShortVersionString", version),
        ("CFBundleVersion", version),
        ("LSMinimumSystemVersion", "11.0"),
        ("LSApplicationCategoryType", "public.app-category.developer-tools"),
    ];
    let pairs: String =
        pairs.iter().map(|(key, value)| format!("  <key>{key}</key><string>{value}</string>\n")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n{pairs}  <key>NSHighResolutionCapable</key><true/>\n\
         </dict>\n</plist>\n"
    )
}

/// The icon for macOS: a container of PNGs, each behind its kind and its length.
fn icns() -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for (kind, side) in [(b"ic07", 128), (b"ic08", 256), (b"ic09", 512)] {
        let png = icon::png(side)?;
        body.extend_from_slice(kind);
        body.extend_from_slice(&length(png.len() + 8)?.to_be_bytes());
        body.extend_from_slice(&png);
    }
    let mut file = b"icns".to_vec();
    file.extend_from_slice(&length(body.len() + 8)?.to_be_bytes());
    file.extend_from_slice(&body);
    Ok(file)
}

/// The icon for Windows: a directory of PNGs, and those.
///
/// # Errors
/// Does not fail but for a fault of the encoder.
pub fn ico() -> Result<Vec<u8>> {
    let sides: [u32; 3] = [32, 64, 256];
    let images = sides.map(icon::png).into_iter().collect::<Result<Vec<_>>>()?;
    let mut file = vec![0, 0, 1, 0, 3, 0];
    let mut place = 6 + 16 * images.len();
    for (side, image) in sides.iter().zip(&images) {
        // 256 is written as 0.
        let byte = u8::try_from(*side).unwrap_or(0);
        file.extend_from_slice(&[byte, byte, 0, 0, 1, 0, 32, 0]);
        file.extend_from_slice(&length(image.len())?.to_le_bytes());
        file.extend_from_slice(&length(place)?.to_le_bytes());
        place += image.len();
    }
    file.extend(images.concat());
    Ok(file)
}

fn length(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| Problem::new("the icon is too large", "please report this"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_of_icons_say_their_lengths() {
        let icns = icns().unwrap();
        assert_eq!(u32::from_be_bytes(icns[4..8].try_into().unwrap()) as usize, icns.len());
        assert_eq!(&icns[8..12], b"ic07");
        assert_eq!(&icns[16..20], b"\x89PNG");
        let ico = ico().unwrap();
        for entry in 0..3 {
            let at = 6 + 16 * entry;
            let number = |at: usize| u32::from_le_bytes(ico[at..at + 4].try_into().unwrap()) as usize;
            let (length, place) = (number(at + 8), number(at + 12));
            assert_eq!(&ico[place..place + 4], b"\x89PNG");
            assert!(place + length <= ico.len());
        }
    }

    #[test]
    fn the_application_has_what_its_description_names() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("program");
        std::fs::write(&binary, b"program").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
        let app = app(&Program { binary, source, version: "1.2.3" }, dir.path()).unwrap();
        let contents = app.join("Contents");
        let info = std::fs::read_to_string(contents.join("Info.plist")).unwrap();
        let named = |key: &str| {
            let (_, rest) = info.split_once(&format!("<key>{key}</key><string>")).unwrap();
            rest.split_once("</string>").unwrap().0
        };
        let program = contents.join("MacOS").join(named("CFBundleExecutable"));
        assert_eq!(std::fs::read(&program).unwrap(), b"program");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(program.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        }
        let icon = contents.join("Resources").join(named("CFBundleIconFile")).with_extension("icns");
        assert!(std::fs::read(icon).unwrap().starts_with(b"icns"));
        assert_eq!(named("CFBundleShortVersionString"), "1.2.3");
        assert!(contents.join("Resources/doc/docs/guide.md").exists());
    }
}
