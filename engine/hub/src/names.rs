//! Names in the hub: repositories, files, and what both are called in a cache.
//!
//! Names come from strangers. Only what passes the tests of this module becomes a part of a path.

pub use opabinia_trace::encoder_name::{is_plain_name, is_repo_id};
use std::fmt;

/// No name of a file in a repository is longer, and none has more parts.
const MAX_NAME: usize = 1024;
const MAX_PARTS: usize = 16;

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RepoKind {
    /// A model, or an encoder.
    Model,
    /// A data set.
    Dataset,
}

impl RepoKind {
    /// How its directory in a cache begins, and its place in the hub's interface: `models`, `datasets`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }

    /// What stands before its id in addresses of pages and files.
    pub fn page_prefix(self) -> &'static str {
        match self {
            Self::Model => "",
            Self::Dataset => "datasets/",
        }
    }
}

/// A repository of the hub, by a name that is safe in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repo {
    kind: RepoKind,
    id: String,
}

impl Repo {
    /// The repository `id`, `organisation/name`; `None` if that is no such name.
    pub fn new(kind: RepoKind, id: &str) -> Option<Self> {
        is_repo_id(id).then(|| Self { kind, id: id.to_owned() })
    }

    /// What it holds.
    pub fn kind(&self) -> RepoKind {
        self.kind
    }

    /// `organisation/name`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Name of its directory in a cache.
    pub fn dir_name(&self) -> String {
        format!("{}--{}", self.kind.plural(), self.id.replacen('/', "--", 1))
    }

    /// The repository whose directory in a cache is called `name`; `None` if that is no such name.
    pub fn from_dir_name(name: &str) -> Option<Self> {
        let (plural, id) = name.split_once("--")?;
        let kind = [RepoKind::Model, RepoKind::Dataset].into_iter().find(|kind| kind.plural() == plural)?;
        Self::new(kind, &id.replacen("--", "/", 1))
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// Whether `name`, with `/` between its parts, names a file inside a repository's directory and nowhere else, on every system.
pub fn is_inner_path(name: &str) -> bool {
    let plain = |part: &str| is_plain_name(part) && part.len() <= 255 && !part.chars().any(char::is_control);
    name.len() <= MAX_NAME && name.split('/').count() <= MAX_PARTS && name.split('/').all(plain)
}

/// Whether `revision` can name a branch, a tag, or a commit, and is safe as a path below `refs`.
pub fn is_revision(revision: &str) -> bool {
    revision.len() <= 256 && !revision.starts_with('-') && is_inner_path(revision)
}

/// Whether `text` is the full hash of a commit: 40 hexadecimal digits in lower case.
pub fn is_commit(text: &str) -> bool {
    is_hex(text, 40)
}

/// Whether `text` is `digits` hexadecimal digits in lower case.
pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_name_their_repositories() {
        let repo = Repo::new(RepoKind::Model, "a/b--c").unwrap();
        assert_eq!(repo.dir_name(), "models--a--b--c");
        assert_eq!(Repo::from_dir_name(&repo.dir_name()), Some(repo));
        assert_eq!(Repo::from_dir_name("datasets--a--b").unwrap().kind(), RepoKind::Dataset);
        for name in ["models--a", "spaces--a--b", "models--..--b", "models--a--b/c", ".locks", "models--"] {
            assert_eq!(Repo::from_dir_name(name), None, "{name}");
        }
    }

    #[test]
    fn no_name_leads_out() {
        for id in ["a", "a/b/c", "../b", "a/..", "/b", "a/", "a\\b/c", "a/b c", "a/b\n", "ä/b", ""] {
            assert!(!is_repo_id(id), "{id}");
        }
        for name in ["a", "a/b.c", "ä/b c", "-"] {
            assert!(is_inner_path(name), "{name}");
        }
        for name in ["", "/a", "a//b", "../a", "a/../b", "a/..", "./a", "a\\b", "C:a", "a\0b", "a/\u{1b}[2J", "a/"] {
            assert!(!is_inner_path(name), "{name}");
        }
        assert!(!is_inner_path("a/".repeat(17).trim_end_matches('/')));
        assert!(!is_inner_path(&"a".repeat(256)));
        assert!(is_revision("main") && is_revision("refs/pr/1") && is_revision("v1.0"));
        assert!(!is_revision("../main") && !is_revision("--upload") && !is_revision(""));
        assert!(is_commit(&"0a".repeat(20)) && !is_commit(&"0A".repeat(20)) && !is_commit("0a"));
    }
}
