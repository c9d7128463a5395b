//! Places that may be written and yet refuse to be replaced: known before any work is done.

use super::Obstacle;
use std::fs::Metadata;
use std::path::Path;

/// Why a new file cannot take the place of the file `old` at `place`, as far as that can be known. `probe` is a new file
/// in its directory, made by this process.
#[cfg(unix)]
pub(super) fn hindrance(place: &Path, old: &Metadata, probe: &Metadata) -> Option<Obstacle> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let me = probe.uid();
    let directory = std::fs::metadata(super::directory_of(place)).ok()?;
    let sticky = directory.mode() & STICKY != 0;
    if sticky && me != 0 && me != old.uid() && me != directory.uid() {
        return Some(Obstacle::new(
            "it is another user's, and in this directory only its owner may replace it (as in /tmp)",
            "give another name",
        ));
    }
    is_mounted(place).then(|| {
        Obstacle::new(
            "it is mounted from somewhere else (as files are into containers), and can be written but not replaced",
            "write to another name, and copy it there",
        )
    })
}

#[cfg(not(unix))]
pub(super) fn hindrance(_place: &Path, _old: &Metadata, _probe: &Metadata) -> Option<Obstacle> {
    None
}

/// Whether something is mounted at `place`, which is free of links.
#[cfg(unix)]
fn is_mounted(place: &Path) -> bool {
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    /// More than any system mounts.
    const MOST: u64 = 16 << 20;
    let mut mounts = Vec::new();
    let Ok(file) = std::fs::File::open("/proc/self/mountinfo") else { return false };
    if file.take(MOST).read_to_end(&mut mounts).is_err() {
        return false;
    }
    mounts.split(|byte| *byte == b'\n').any(|line| is_mount_of(line, place.as_os_str().as_bytes()))
}

/// Whether a line of `mountinfo` is about `place`: the fifth field is where something is mounted.
#[cfg(unix)]
fn is_mount_of(line: &[u8], place: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').nth(4).is_some_and(|point| unescaped(point) == place)
}

/// `text` with what the kernel writes as a backslash and three octal digits: spaces, tabs, line feeds, backslashes.
#[cfg(unix)]
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_by_their_place() {
        let line = br"812 700 254:0 /srv/a\040b/out.json /mnt/out\040here.json rw,relatime - ext4 /dev/vda rw";
        assert!(is_mount_of(line, b"/mnt/out here.json"));
        assert!(!is_mount_of(line, b"/work"));
        assert!(!is_mount_of(b"", b""));
        assert!(is_mounted(Path::new("/proc")) || !Path::new("/proc/self/mountinfo").exists());
        assert!(!is_mounted(Path::new("/proc/self/mountinfo")));
    }
}
