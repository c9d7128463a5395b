//! Removing what no session needs: files that a kill left half written, and pasted pictures of conversations that were
//! removed. Only files with names of our own making are ever removed, and only by the window that keeps the session.

use super::evidence::EVIDENCE;
use super::{ASIDE, COPY, MAX_SESSION_BYTES, PICTURES, Session, Store, read_text};
use crate::output;
use crate::window::state::PictureSource;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// How long the random end of the name of an unfinished file is.
const RANDOM: usize = 6;

/// How the names of sessions began that were not yet in place, before they were written as other files are.
const UNFINISHED: &str = ".session-";

/// How the names of pasted pictures begin.
const PASTED: &str = "pasted-";

impl Store {
    /// Tidies up after the windows before this one, of which `session` is what was found. Whatever cannot be removed stays.
    pub(super) fn tidy(&self, session: Option<&Session>) {
        let pictures = self.directory.join(PICTURES);
        let (files, pasted) = (names(&self.directory), names(&pictures));
        let unfinished = |name: &&String| [UNFINISHED, output::PREFIX].iter().any(|prefix| is_unfinished(name, prefix));
        remove(&self.directory, files.iter().filter(unfinished));
        remove(&pictures, pasted.iter().filter(|name| is_unfinished(name, output::PREFIX)));
        let evidence = self.directory.join(EVIDENCE);
        remove(&evidence, names(&evidence).iter().filter(|name| is_unfinished(name, output::PREFIX)));
        // Without a session nobody knows what belongs to one. And what is kept aside may name any of them, but not
        // legibly: who brings it back wants its pictures too.
        let Some(session) = session.filter(|_| !files.iter().any(|name| name.starts_with(ASIDE))) else { return };
        let wanted: HashSet<&str> = session.pictures.iter().filter_map(|kept| pasted_name(&kept.source)).collect();
        let mut unwanted: Vec<&String> =
            pasted.iter().filter(|name| is_pasted(name) && !wanted.contains(name.as_str())).collect();
        if unwanted.is_empty() {
            return;
        }
        // The copy is read only where it matters, and not taken apart: a name that stands in it is enough.
        match read_text(&self.directory.join(COPY), MAX_SESSION_BYTES) {
            Ok(copy) => {
                let copy = copy.unwrap_or_default();
                let named = names_in(&copy);
                unwanted.retain(|name| !named.contains(name.as_bytes()));
                remove(&pictures, unwanted.into_iter());
            }
            Err(error) => tracing::warn!("pictures are not tidied up: {COPY}: {error}"),
        }
    }
}

/// The names of the files in `directory`, as far as they are text, as ours are. Links are not followed.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn remove<'a>(directory: &Path, names: impl Iterator<Item = &'a String>) {
    for name in names {
        if let Err(error) = fs::remove_file(directory.join(name)) {
            tracing::warn!("{name} cannot be removed: {error}");
        }
    }
}

/// Everything in the text of a session that could be the name of a pasted picture.
fn names_in(session: &[u8]) -> HashSet<&[u8]> {
    let starts = session.windows(PASTED.len()).enumerate().filter(|(_, part)| *part == PASTED.as_bytes());
    let from = starts.filter_map(|(at, _)| session.get(at..));
    from.filter_map(|text| text.split(|byte| *byte == b'"').next()).collect()
}

/// Whether a file of this name was to be put into place under another.
fn is_unfinished(name: &str, prefix: &str) -> bool {
    let random = name.strip_prefix(prefix);
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether a pasted picture has such a name.
fn is_pasted(name: &str) -> bool {
    let numbers = name.strip_prefix(PASTED).and_then(|name| name.strip_suffix(".png"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|numbers| numbers.split('-').count() == 3 && numbers.split('-').all(is_number))
}

/// The name of the file of a pasted picture.
fn pasted_name(source: &PictureSource) -> Option<&str> {
    match source {
        PictureSource::Pasted(path) => path.file_name().and_then(OsStr::to_str),
        PictureSource::File(_) | PictureSource::Sample(_) => None,
    }
}
