//! What a repository holds at one commit, as the hub lists it.

use crate::client::{Answer, Client, Subject};
use crate::error::{Error, Result};
use crate::names::{Repo, is_commit, is_hex, is_revision};
use serde_json::Value;
use std::fmt;

/// No list is longer: data sets of single pictures reach some hundred thousand files.
const MAX_FILES: usize = 1_000_000;

/// No list comes in more pieces.
const MAX_PAGES: usize = 2000;

/// What the content of a file is, by its checksum. It is also the name of the blob in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BlobId {
    /// A large file: SHA-256 of its bytes.
    Sha256(String),
    /// A small one: git's SHA-1, over a header with the length, and the bytes.
    Git(String),
}

impl BlobId {
    /// The checksum that `text` is, with or without the marks of an ETag; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
        match text {
            _ if is_hex(text, 64) => Some(Self::Sha256(text.to_owned())),
            _ if is_hex(text, 40) => Some(Self::Git(text.to_owned())),
            _ => None,
        }
    }

    /// The hexadecimal digits.
    pub fn digits(&self) -> &str {
        let (Self::Sha256(digits) | Self::Git(digits)) = self;
        digits
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits())
    }
}

/// A file of a repository. Its name was not checked yet: [`crate::pull`] does that for those that are to be brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name, with `/` between its parts.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its content.
    pub blob: BlobId,
}

/// What a repository holds at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The repository.
    pub repo: Repo,
    /// What was asked for: a branch, a tag or a commit.
    pub revision: String,
    /// The commit that this is.
    pub commit: String,
    /// Its files, sorted by name.
    pub files: Vec<RemoteFile>,
}

impl Listing {
    /// The names of its files.
    pub fn names(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.name.as_str()).collect()
    }

    /// The file called `name`.
    pub fn file(&self, name: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// Asks the hub what `repo` holds at `revision`.
pub(crate) fn list(client: &Client, repo: &Repo, revision: &str) -> Result<Listing> {
    if !is_revision(revision) {
        return Err(Error::usage(
            format!("`{revision}` cannot be a revision"),
            "give the name of a branch or tag, or the 40 digits of a commit",
        ));
    }
    let subject = Subject { repo, revision, file: None };
    let base = format!("api/{}/{repo}", repo.kind().plural());
    let (about, _) = client.document(&format!("{base}/revision/{}", encoded(revision, false)), &subject)?;
    let commit = about.get("sha").and_then(Value::as_str).filter(|sha| is_commit(sha));
    let commit = commit.ok_or_else(|| client.odd(&format!("it names no commit of {repo}")))?.to_owned();

    let mut files: Vec<RemoteFile> = Vec::new();
    let mut next = Some(format!("{base}/tree/{commit}?recursive=true&expand=false"));
    for _ in 0..MAX_PAGES {
        let Some(path) = next else {
            files.sort_by(|a, b| a.name.cmp(&b.name));
            files.dedup_by(|a, b| a.name == b.name);
            return Ok(Listing { repo: repo.clone(), revision: revision.to_owned(), commit, files });
        };
        let (page, headers) = client.document(&path, &subject)?;
        let page = page.as_array().ok_or_else(|| client.odd(&format!("its list of the files of {repo} is no list")))?;
        for entry in page.iter().filter(|entry| entry.get("type").and_then(Value::as_str) == Some("file")) {
            files.push(remote_file(entry).ok_or_else(|| {
                client.odd(&format!("its list of the files of {repo} has one without name, size or checksum"))
            })?);
        }
        if files.len() > MAX_FILES {
            break;
        }
        next = Answer::text(&headers, "link").and_then(|link| next_page(link, &base));
    }
    Err(client.odd(&format!("its list of the files of {repo} does not end")))
}

/// One entry of a list.
fn remote_file(entry: &Value) -> Option<RemoteFile> {
    let name = entry.get("path")?.as_str()?.to_owned();
    let lfs = entry.get("lfs").filter(|lfs| !lfs.is_null());
    let (size, blob) = match lfs {
        Some(lfs) => {
            let digits = lfs.get("oid").or_else(|| lfs.get("sha256"))?.as_str()?;
            let digits = digits.strip_prefix("sha256:").unwrap_or(digits);
            (lfs.get("size")?.as_u64()?, Some(digits).filter(|digits| is_hex(digits, 64))?)
        }
        None => (entry.get("size")?.as_u64()?, entry.get("oid")?.as_str().filter(|digits| is_hex(digits, 40))?),
    };
    Some(RemoteFile { name, size, blob: BlobId::parse(blob)? })
}

/// The path and question of the next piece of a list, from a `Link` header. The endpoint stays the one that was chosen,
/// whatever host the header names: behind a mirror it may be another.
fn next_page(link: &str, base: &str) -> Option<String> {
    let part = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let address = part.split('<').nth(1)?.split('>').next()?;
    let (_, question) = address.split_once('?')?;
    let path = address.split_once(base).map(|(_, rest)| rest.split('?').next().unwrap_or_default())?;
    Some(format!("{base}{path}?{question}"))
}

/// `text` as a part of an address; slashes stay where `slashes` says so.
pub(crate) fn encoded(text: &str, slashes: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || (slashes && byte == b'/');
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entries_need_a_name_a_size_and_a_checksum() {
        let (sha256, sha1) = ("a".repeat(64), "b".repeat(40));
        let lfs = json!({ "type": "file", "path": "m", "size": 3, "oid": sha1, "lfs": { "oid": sha256, "size": 9 } });
        let file = remote_file(&lfs).unwrap();
        assert_eq!((file.size, file.blob), (9, BlobId::Sha256(sha256.clone())));
        let small = json!({ "path": "c", "size": 3, "oid": sha1, "lfs": null });
        assert_eq!(remote_file(&small).unwrap().blob, BlobId::Git(sha1.clone()));
        for wrong in [
            json!({ "size": 3, "oid": sha1 }),
            json!({ "path": "c", "size": -3, "oid": sha1 }),
            json!({ "path": "c", "size": 3, "oid": "../../x" }),
            json!({ "path": "c", "size": 3, "oid": sha1.to_uppercase() }),
            json!({ "path": "c", "size": 3, "oid": sha1, "lfs": { "oid": sha1, "size": 9 } }),
        ] {
            assert_eq!(remote_file(&wrong), None, "{wrong}");
        }
        assert_eq!(BlobId::parse(&format!("W/\"{sha256}\"")), Some(BlobId::Sha256(sha256)));
        assert_eq!(BlobId::parse("\"abc-3\""), None);
    }

    #[test]
    fn the_next_page_is_asked_of_the_endpoint() {
        let base = "api/models/a/b";
        let link = "<https://elsewhere.test/api/models/a/b/tree/c0?recursive=true&cursor=x%3D>; rel=\"next\"";
        assert_eq!(next_page(link, base).as_deref(), Some("api/models/a/b/tree/c0?recursive=true&cursor=x%3D"));
        assert_eq!(next_page("<https://h/x?y>; rel=\"prev\"", base), None);
        assert_eq!(next_page("garbage rel=\"next\"", base), None);
    }

    #[test]
    fn parts_of_addresses_are_encoded() {
        assert_eq!(encoded("refs/pr/1", false), "refs%2Fpr%2F1");
        assert_eq!(encoded("a/b c?#é.txt", true), "a/b%20c%3F%23%C3%A9.txt");
    }
}
