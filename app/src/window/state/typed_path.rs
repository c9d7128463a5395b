//! A path that a person types where the system has no file dialog, with the names that could complete it.

use super::{EvaluationField, ExportKind, ExportOptions, FigureFile, Slot};
use crate::evidence::export::EvidenceFile;
use std::path::{Path, PathBuf};

/// What a path is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum PathFor {
    /// A checkpoint to open.
    Model(Slot),
    /// The directory of the encoder of this name.
    Encoder(Slot, String),
    /// A picture to attach.
    Picture,
    /// The file of an export.
    Export(ExportKind, ExportOptions),
    /// A file of evidence.
    Evidence(EvidenceFile),
    /// What belongs into a field about sets of questions.
    Evaluation(EvaluationField),
    /// A file with the figure of benchmarks.
    Benchmarks(FigureFile),
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathEntry {
    /// Whether it is no directory: these come after directories.
    pub file: bool,
    /// Its name.
    pub name: String,
}

/// A path as it is typed.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedPath {
    /// What for.
    pub what: PathFor,
    /// What was typed.
    pub text: String,
    /// The directory that was looked into last, and what is in it.
    pub listed: Option<(PathBuf, Vec<PathEntry>)>,
    /// Why what was typed cannot be used.
    pub problem: Option<String>,
}

impl PathFor {
    /// How the name of a file that is written ends.
    pub fn extension(&self) -> Option<&'static str> {
        match self {
            Self::Export(kind, options) => Some(kind.extension(options)),
            Self::Evidence(kind) => Some(kind.extension()),
            Self::Benchmarks(kind) => Some(kind.extension()),
            Self::Model(_) | Self::Encoder(..) | Self::Picture | Self::Evaluation(_) => None,
        }
    }
}

impl TypedPath {
    /// Nothing listed yet.
    pub fn new(what: PathFor, text: String) -> Self {
        Self { what, text, listed: None, problem: None }
    }

    /// The path that was typed; `~` is the person's own directory.
    pub fn path(&self) -> PathBuf {
        expanded(self.text.trim())
    }

    /// The directory whose names could complete it: what stands before the last separator.
    pub fn directory(&self) -> PathBuf {
        match self.text.rfind(std::path::is_separator) {
            Some(at) => expanded(&self.text[..=at]),
            None => PathBuf::from("."),
        }
    }

    /// What stands after the last separator.
    fn begun(&self) -> &str {
        self.text.rfind(std::path::is_separator).map_or(self.text.as_str(), |at| &self.text[at + 1..])
    }

    /// The names that could stand there, as far as they are known.
    pub fn completions(&self) -> impl Iterator<Item = &PathEntry> {
        let begun = self.begun().to_lowercase();
        let entries = self.listed.iter().filter(|(of, _)| *of == self.directory()).flat_map(|(_, entries)| entries);
        entries.filter(move |entry| {
            // Names that begin with a dot are hidden until one is typed.
            entry.name.to_lowercase().starts_with(&begun) && (entry.name.starts_with('.') == begun.starts_with('.'))
        })
    }

    /// What was typed, with `entry` in place of what stands after the last separator.
    pub fn completed(&self, entry: &PathEntry) -> String {
        let before = &self.text[..self.text.len() - self.begun().len()];
        let end = if entry.file { "" } else { std::path::MAIN_SEPARATOR_STR };
        format!("{before}{}{end}", entry.name)
    }
}

/// The path that a person means by `text`: `~` is their own directory.
pub fn expanded(text: &str) -> PathBuf {
    let rest = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(std::path::is_separator));
    match (rest, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches(std::path::is_separator)),
        _ => Path::new(text).to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_complete_what_was_begun() {
        let entry = |name: &str, file| PathEntry { file, name: name.to_owned() };
        let mut typed = TypedPath::new(PathFor::Picture, "/photos/De".to_owned());
        assert_eq!(typed.directory(), Path::new("/photos/"));
        assert_eq!(typed.completions().count(), 0, "nobody has looked");
        let entries = vec![entry("desks", false), entry("Desk.png", true), entry("other.png", true)];
        typed.listed = Some(("/photos/".into(), entries));
        let found: Vec<String> = typed.completions().map(|entry| typed.completed(entry)).collect();
        assert_eq!(found, [format!("/photos/desks{}", std::path::MAIN_SEPARATOR), "/photos/Desk.png".to_owned()]);
        typed.text = "/else/De".to_owned();
        assert_eq!(typed.completions().count(), 0, "the names are of another directory");
    }

    #[test]
    fn a_tilde_alone_is_the_persons_directory() {
        let home = std::env::home_dir().unwrap();
        let path = |text: &str| TypedPath::new(PathFor::Picture, text.to_owned()).path();
        assert_eq!(path("~/a.png"), home.join("a.png"));
        assert_eq!(path("~"), home.join(""));
        assert_eq!(path("~a/b"), Path::new("~a/b"));
    }
}
