//! One file: what is there of it is taken, the rest is asked for, all of it is checked, and only then it gets its name.

use crate::client::{Answer, Client, Subject};
use crate::error::{Error, Result};
use crate::listing::{BlobId, Listing, RemoteFile, encoded};
use crate::patience::{Trouble, check};
use crate::progress::{FileProgress, FileState};
use crate::store::Store;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes that are read, hashed and written at once.
const PIECE: usize = 1 << 20;

/// Whole files with the wrong checksum before giving up.
const WRONG: u32 = 2;

/// Brings `file` of `listing` into `store`, if it is not there.
pub(crate) fn fetch(
    client: &Client,
    store: &Store,
    listing: &Listing,
    file: &RemoteFile,
    progress: &FileProgress,
) -> Result<()> {
    let done = || {
        progress.set_done(file.size);
        progress.set(FileState::Done);
    };
    store.prepare()?;
    let _lock = store.lock(&file.blob, client.stop(), || {
        progress.set(FileState::Elsewhere);
        progress.set_done(store.arrived(file));
    })?;
    // Another process, or another repository's file, may have brought it in the meantime.
    if !store.has_blob(file) {
        Arriving::open(client, store, listing, file, progress)?.run()?;
    }
    store.link(&listing.commit, file)?;
    done();
    Ok(())
}

/// The checksum of what arrived so far.
#[derive(Debug)]
enum Hash {
    Sha256(Sha256),
    Git(Sha1),
}

impl Hash {
    fn new(file: &RemoteFile) -> Self {
        match file.blob {
            BlobId::Sha256(_) => Self::Sha256(Sha256::new()),
            // As git names a blob: what it is, its length, and its bytes.
            BlobId::Git(_) => Self::Git(Sha1::new_with_prefix(format!("blob {}\0", file.size))),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Git(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha256(hash) => hex(&hash.finalize()),
            Self::Git(hash) => hex(&hash.finalize()),
        }
    }
}

/// A file on its way.
struct Arriving<'a> {
    client: &'a Client,
    store: &'a Store,
    listing: &'a Listing,
    file: &'a RemoteFile,
    progress: &'a FileProgress,
    out: File,
    path: std::path::PathBuf,
    hash: Hash,
    /// Bytes that are on the disk and in the hash.
    at: u64,
    /// The most that ever was: only beyond it there is progress, so that every server comes to an end.
    most: u64,
    piece: Vec<u8>,
}

impl<'a> Arriving<'a> {
    fn open(
        client: &'a Client,
        store: &'a Store,
        listing: &'a Listing,
        file: &'a RemoteFile,
        progress: &'a FileProgress,
    ) -> Result<Self> {
        let (out, path) = store.open_incomplete(&file.blob)?;
        let piece = vec![0; PIECE];
        Ok(Self { client, store, listing, file, progress, out, path, hash: Hash::new(file), at: 0, most: 0, piece })
    }

    fn run(mut self) -> Result<()> {
        self.resume_from_disk()?;
        let what = format!("{} of {}", self.file.name, self.listing.repo);
        self.most = self.at;
        let mut wrong = 0;
        let mut patience = self.client.patience();
        loop {
            while self.at < self.file.size {
                let Err(trouble) = self.receive() else { continue };
                if self.at > self.most {
                    self.most = self.at;
                    patience.renew();
                }
                patience.wait(&what, trouble)?;
            }
            let hash = std::mem::replace(&mut self.hash, Hash::new(self.file)).finish();
            if hash == self.file.blob.digits() {
                break;
            }
            wrong += 1;
            self.start_over()?;
            if wrong >= WRONG {
                drop(std::fs::remove_file(&self.path));
                return Err(Error::hub(
                    format!(
                        "{what}: what arrived is not what the hub announced (its checksum is {hash}, twice in a row)"
                    ),
                    "run this again later; if it stays so, the server or something on the way (a proxy, a virus scanner) changes \
                     files. Nothing of it was kept",
                ));
            }
            tracing::warn!("{what}: the checksum is wrong; it is brought again");
        }
        // On the disk before it has a name, so that a name is never that of half a file.
        self.out.sync_data().map_err(|error| self.storage(&error))?;
        let length = self.out.metadata().map_err(|error| self.storage(&error))?.len();
        if length != self.file.size {
            self.start_over()?;
            return Err(Error::Storage {
                what: format!("{}: has {length} bytes, and {} were written", self.path.display(), self.file.size),
                help: "another program wrote to it; run this again".into(),
            });
        }
        self.store.land(&self.path, &self.file.blob)
    }

    /// Reads what an earlier attempt left, up to the length of the file.
    fn resume_from_disk(&mut self) -> Result<()> {
        let length = self.out.metadata().map_err(|error| self.storage(&error))?.len();
        if length > self.file.size {
            return self.start_over();
        }
        self.progress.set(FileState::Checking);
        while self.at < length {
            check(self.client.stop())?;
            let count = self.out.read(&mut self.piece).map_err(|error| self.storage(&error))?;
            let Some(bytes) = self.piece.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            self.hash.update(bytes);
            self.at += count as u64;
            self.progress.set_done(self.at);
        }
        Ok(())
    }

    /// Forgets what arrived.
    fn start_over(&mut self) -> Result<()> {
        self.out.set_len(0).map_err(|error| self.storage(&error))?;
        self.hash = Hash::new(self.file);
        self.at = 0;
        self.progress.set_done(0);
        Ok(())
    }

    /// Asks for the rest, and takes of it what comes.
    fn receive(&mut self) -> Result<(), Trouble> {
        let (repo, commit) = (&self.listing.repo, &self.listing.commit);
        let path = format!("{}{repo}/resolve/{commit}/{}", repo.kind().page_prefix(), encoded(&self.file.name, true));
        let subject = Subject { repo, revision: commit, file: Some(&self.file.name) };
        let answer = self.client.get(&path, (self.at > 0).then_some(self.at), &subject)?;
        self.check_announced(&answer)?;
        match answer.status {
            206 => {
                let range = Answer::text(&answer.last, "content-range").and_then(content_range);
                let fits = range.is_some_and(|(start, total)| {
                    start == self.at && total.is_none_or(|total| total == self.file.size)
                });
                if !fits {
                    self.start_over()?;
                    return Err(Trouble::passing("the server sent another part of the file than it was asked for"));
                }
            }
            416 => {
                self.start_over()?;
                return Err(Trouble::passing("the server does not have the rest of the file"));
            }
            // Everything, whatever part was asked for.
            _ if self.at > 0 => self.start_over()?,
            _ => {}
        }
        let expected = self.file.size - self.at;
        let length = Answer::text(&answer.last, "content-length").and_then(|value| value.parse::<u64>().ok());
        if let Some(length) = length.filter(|length| *length != expected) {
            return Err(Trouble::passing(format!(
                "the server announced {length} bytes where {expected} were expected"
            )));
        }
        self.progress.set(FileState::Arriving);
        let mut body = answer.body.into_reader();
        self.out.seek(SeekFrom::Start(self.at)).map_err(|error| self.storage(&error))?;
        loop {
            check(self.client.stop())?;
            let count = match body.read(&mut self.piece) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                // Whoever asked for the end cut the connection.
                Err(_) if self.client.stop().is_stopped() => return Err(Error::Cancelled.into()),
                Err(error) => {
                    tracing::debug!("{error}");
                    return Err(Trouble::passing("the connection was cut"));
                }
            };
            let bytes = self.piece.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return if self.at == self.file.size {
                    Ok(())
                } else {
                    Err(Trouble::passing("the connection was cut"))
                };
            }
            if count as u64 > self.file.size - self.at {
                self.start_over()?;
                return Err(Trouble::passing("the server sent more than the file holds"));
            }
            self.hash.update(bytes);
            self.out.write_all(bytes).map_err(|error| storage(&self.path, &error))?;
            self.at += count as u64;
            self.progress.set_done(self.at);
            self.progress.add_fetched(count as u64);
        }
    }

    /// Compares what the hub says of the file with its list.
    fn check_announced(&self, answer: &Answer) -> Result<(), Trouble> {
        let header = |name| Answer::text(&answer.hub, name);
        let commit = header("x-repo-commit");
        // Any server gives an ETag; only a hub's is the checksum.
        let blob = header("x-linked-etag").or_else(|| commit.and_then(|_| header("etag"))).and_then(BlobId::parse);
        let size = header("x-linked-size").and_then(|size| size.parse::<u64>().ok());
        let same = blob.is_none_or(|blob| blob == self.file.blob)
            && commit.is_none_or(|commit| commit == self.listing.commit)
            && size.is_none_or(|size| size == self.file.size);
        if same {
            return Ok(());
        }
        Err(Error::hub(
            format!("{} of {}: the hub announces another file than it listed", self.file.name, self.listing.repo),
            "run this again; if it stays so, HF_ENDPOINT names a mirror that mixes versions: choose another",
        )
        .into())
    }

    fn storage(&self, error: &std::io::Error) -> Error {
        storage(&self.path, error)
    }
}

fn storage(path: &Path, error: &std::io::Error) -> Error {
    Error::storage(path, error)
}

/// Start and length of the whole from `bytes 5-9/10`; the length may be unknown.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    match total.trim() {
        "*" => Some((start, None)),
        total => Some((start, Some(total.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 0-0/*"), Some((0, None)));
        for wrong in ["bytes */10", "5-9/10", "bytes -9/10", "bytes 5-9", ""] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn small_files_have_the_name_that_git_gives_them() {
        let name = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0";
        let file = RemoteFile { name: "a".into(), size: 5, blob: BlobId::Git(name.into()) };
        let mut hash = Hash::new(&file);
        hash.update(b"hello");
        assert_eq!(hash.finish(), name);
    }
}
