//! Text from the clipboard that names a picture's file: file managers put a path or a URI there.

use std::path::PathBuf;

/// How the names of pictures end.
const ENDS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// The file that `text` may name: a whole `file:` URI, or a whole absolute path with the ending of a picture. Of several
/// lines the last one counts, as of several dropped files. Nobody has looked whether it is there.
pub fn path(text: &str) -> Option<PathBuf> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    // What some file managers put before the URIs.
    let is_head = |line: &&str| matches!(*line, "copy" | "cut" | "x-special/nautilus-clipboard");
    let named = lines.filter(|line| !is_head(line)).map(named);
    named.collect::<Option<Vec<_>>>()?.pop()
}

/// The file that one line may name.
fn named(line: &str) -> Option<PathBuf> {
    let quoted = |mark: char| line.strip_prefix(mark).and_then(|line| line.strip_suffix(mark));
    let line = quoted('"').or_else(|| quoted('\'')).unwrap_or(line);
    if let Some(rest) = line.strip_prefix("file://") {
        // An empty host or this one's.
        let path = rest.strip_prefix("localhost").unwrap_or(rest);
        return path.starts_with('/').then(|| decoded(path));
    }
    let home = line.strip_prefix("~/").and_then(|rest| Some(std::env::home_dir()?.join(rest)));
    let path = home.unwrap_or_else(|| PathBuf::from(line));
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    (path.is_absolute() && end.is_some_and(|end| ENDS.contains(&end.as_str()))).then_some(path)
}

/// The path of a URI, with the bytes that `%` stands for in their places.
fn decoded(path: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    system(&bytes)
}

#[cfg(unix)]
fn system(bytes: &[u8]) -> PathBuf {
    PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
}

#[cfg(not(unix))]
fn system(bytes: &[u8]) -> PathBuf {
    let text = String::from_utf8_lossy(bytes);
    // The drive stands behind the first slash.
    PathBuf::from(text.strip_prefix('/').unwrap_or(&text))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn uris_and_paths_of_pictures_are_found_and_text_stays_text() {
        let found = |text: &str| path(text).map(|path| path.display().to_string());
        assert_eq!(found("file:///photos/a%20b.png\n").as_deref(), Some("/photos/a b.png"));
        assert_eq!(found("file://localhost/photos/%E7%8C%AB.jpg").as_deref(), Some("/photos/猫.jpg"));
        assert_eq!(found("copy\nfile:///a.png\nfile:///b.png").as_deref(), Some("/b.png"));
        assert_eq!(found("'/photos/a b.JPG'").as_deref(), Some("/photos/a b.JPG"));
        assert_eq!(found("/photos/100%.png").as_deref(), Some("/photos/100%.png"));
        for text in
            ["What is in /photos/a.png?", "photos/a.png", "/etc/passwd", "", "file:photo", "https://x.org/a.png"]
        {
            assert_eq!(found(text), None, "{text:?}");
        }
    }
}
