//! Evidence about answers, kept beside the session: a file for each answer, called by everything its numbers depend on.
//!
//! A file that is damaged, or that a later version wrote, is as good as none: the answer is measured again.

use super::{Store, make_private, read_text};
use crate::window::state::EvidencePart;
use opabinia_engine::probe::evidence::KeptEvidence;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

/// Version of the format.
const VERSION: u32 = 1;

/// The directory they are in.
pub(super) const EVIDENCE: &str = "evidence";

/// A file this long is neither read nor written.
const MAX_BYTES: u64 = 8 << 20;

/// How many files are kept, and how long they may be together; the oldest go first.
const MOST: (usize, u64) = (256, 64 << 20);

/// How many digits a name has.
const DIGITS: usize = 64;

/// A file as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Version of the format.
    opabinia_evidence: u32,
    /// What was measured to its end.
    parts: Vec<EvidencePart>,
    /// The numbers.
    evidence: KeptEvidence,
}

/// The name of the file of an answer: a hash of what its numbers depend on.
pub fn evidence_name(depends_on: &serde_json::Value) -> String {
    Sha256::digest(depends_on.to_string()).iter().fold(String::new(), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

impl Store {
    fn evidence_path(&self, name: &str) -> PathBuf {
        self.directory().join(EVIDENCE).join(format!("{name}.json"))
    }

    /// What is kept under `name`, if anything is that can be read. Takes its time: not for the window's own thread.
    pub fn evidence(&self, name: &str) -> Option<(Vec<EvidencePart>, KeptEvidence)> {
        let path = self.evidence_path(name);
        let unreadable = |why: String| tracing::warn!("{}: {why}", path.display());
        let text = read_text(&path, MAX_BYTES).map_err(|error| unreadable(error.to_string())).ok()??;
        let file: File = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string())).ok()?;
        (file.opabinia_evidence == VERSION).then_some((file.parts, file.evidence))
    }

    /// Keeps `evidence` under `name`, unless another window keeps the session. What is too large is not kept. Takes its time.
    ///
    /// # Errors
    /// In words, if it could not be written.
    pub fn keep_evidence(&self, name: &str, parts: Vec<EvidencePart>, evidence: KeptEvidence) -> Result<(), String> {
        if !self.keeps() {
            return Ok(());
        }
        let file = File { opabinia_evidence: VERSION, parts, evidence };
        let text = serde_json::to_vec(&file).map_err(|error| error.to_string())?;
        if text.len() as u64 > MAX_BYTES {
            return Ok(());
        }
        let path = self.evidence_path(name);
        make_private(&self.directory().join(EVIDENCE)).map_err(|error| format!("{}: {error}", path.display()))?;
        crate::output::write_private(&path, |file| file.write_all(&text)).map_err(|error| error.to_string())?;
        self.remove_oldest_evidence();
        Ok(())
    }

    /// Removes the oldest files where there are too many, or they are too long together.
    fn remove_oldest_evidence(&self) {
        let entries = fs::read_dir(self.directory().join(EVIDENCE)).into_iter().flatten().flatten();
        let ours = entries.filter(|entry| {
            let name = entry.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
            stem.is_some_and(|stem| stem.len() == DIGITS && stem.bytes().all(|digit| digit.is_ascii_hexdigit()))
        });
        let mut files: Vec<(SystemTime, u64, PathBuf)> = ours
            .filter_map(|entry| {
                let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((about.modified().ok()?, about.len(), entry.path()))
            })
            .collect();
        files.sort();
        let (mut count, mut bytes) = (files.len(), files.iter().map(|(_, bytes, _)| bytes).sum::<u64>());
        for (_, size, path) in files {
            if count <= MOST.0 && bytes <= MOST.1 {
                return;
            }
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!("{}: {error}", path.display());
            }
            (count, bytes) = (count - 1, bytes - size);
        }
    }
}
