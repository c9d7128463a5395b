//! A row as a file has it, and the question in it.

use super::{Expected, Fault, Item, PictureId, jsonl, parquet, short, tsv};
use crate::error::{Error, Result};
use std::path::Path;

/// No question has more options: there are no more letters.
const MAX_CHOICES: usize = 26;

/// No text of a row is longer.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// A row of a file.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub idx: Option<String>,
    pub kind: Option<String>,
    pub task: Option<String>,
    pub source: Option<String>,
    pub source_filename: Option<String>,
    pub cluster: Option<String>,
    pub question: Option<String>,
    pub hint: Option<String>,
    pub prompt: Option<String>,
    pub choices: Vec<String>,
    pub answer: Option<String>,
    pub picture: RawPicture,
}

/// A picture as a row has it.
#[derive(Debug, Default)]
pub(super) enum RawPicture {
    /// There is none.
    #[default]
    Missing,
    /// A file beside the set.
    File(String),
    /// The bytes of a file.
    Bytes(Vec<u8>),
    /// That of the row with this name.
    SameAs(String),
    /// That of this row of the pictures that were read as a stream.
    Streamed(usize),
}

/// What stands where a row should be.
pub(super) enum Found {
    /// A row.
    Row(Box<Row>),
    /// The pictures of the rows to come: no row itself.
    Pictures(Box<parquet::Column>),
    /// Nothing that can be used.
    Bad {
        /// Its name, if it could be read.
        idx: Option<String>,
        /// What is wrong.
        fault: Fault,
    },
}

impl Found {
    pub(super) fn idx(&self) -> Option<&str> {
        match self {
            Self::Row(row) => row.idx.as_deref(),
            Self::Bad { idx, .. } => idx.as_deref(),
            Self::Pictures(_) => None,
        }
    }
}

/// Rows of a file, one by one. After an error there are no more.
pub(super) type Rows = Box<dyn Iterator<Item = Result<Found>>>;

/// Opens `file`, which its ending says how to read.
pub(super) fn open(file: &Path) -> Result<Rows> {
    match file.extension().and_then(std::ffi::OsStr::to_str) {
        Some("jsonl") => jsonl::open(file),
        Some("tsv") => tsv::open(file),
        Some("parquet") => parquet::open(file),
        _ => Err(Error::at(
            file,
            "this is no set of questions that can be read",
            "give a .jsonl, .tsv or .parquet file, a folder with one in it, or the name of a data set in the hub cache",
        )),
    }
}

impl Row {
    /// A row of a table whose columns `text` reads by their names.
    pub(super) fn of_columns(
        idx: Option<String>,
        choices: Vec<String>,
        picture: RawPicture,
        text: impl Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            idx,
            kind: text("type"),
            task: text("task").or_else(|| text("category")),
            source: text("source"),
            source_filename: text("source_filename"),
            cluster: text("cluster"),
            question: text("question"),
            hint: text("hint"),
            prompt: text("prompt"),
            choices,
            answer: text("answer"),
            picture,
        }
    }

    /// The question in it.
    pub(super) fn into_item(self, row: usize, idx: &str, picture: PictureId) -> Result<Item, Fault> {
        let question = self.question.filter(|question| !question.trim().is_empty());
        let Some(question) = question else { return Err(Fault::new("it has no question", "")) };
        let Some(answer) = self.answer.filter(|answer| !answer.trim().is_empty()) else {
            return Err(Fault::new("it has no answer", ""));
        };
        let expected = expected(&self.choices, &answer)?;
        let cluster = match (self.cluster, &self.source, self.source_filename) {
            (Some(cluster), ..) => cluster,
            (None, Some(source), Some(file)) => format!("{source}/{file}"),
            _ => picture.to_string(),
        };
        let question = match self.hint {
            Some(hint) if !hint.trim().is_empty() => format!("{hint}\n{question}"),
            _ => question,
        };
        Ok(Item {
            row,
            idx: idx.to_owned(),
            kind: self.kind,
            task: self.task.unwrap_or_else(|| "all".into()),
            source: self.source,
            cluster,
            question,
            choices: self.choices,
            expected,
            prompt: self.prompt.filter(|prompt| !prompt.trim().is_empty()),
            picture,
        })
    }
}

/// Which of `choices` is meant by `answer`: `(B)`, the text of an option, or `B`.
fn expected(choices: &[String], answer: &str) -> Result<Expected, Fault> {
    if choices.is_empty() {
        return Ok(Expected::Text(answer.to_owned()));
    }
    if choices.len() == 1 || choices.len() > MAX_CHOICES {
        return Err(Fault::new("it has one option, or more than there are letters", choices.len()));
    }
    let twice = choices.iter().enumerate().find(|(at, choice)| choices[..*at].contains(choice));
    if let Some((_, choice)) = twice {
        return Err(Fault::new("two of its options are the same", short(choice)));
    }
    let answer = answer.trim();
    let in_brackets = answer.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let by_text = || choices.iter().position(|choice| choice.trim() == answer);
    let option = in_brackets.and_then(letter).or_else(by_text).or_else(|| letter(answer.trim_end_matches('.')));
    option
        .filter(|option| *option < choices.len())
        .map(Expected::Option)
        .ok_or_else(|| Fault::new("its answer is not among its options", short(answer)))
}

/// The number of a letter: A is 0.
fn letter(text: &str) -> Option<usize> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(letter @ 'A'..='Z'), None) => Some(letter as usize - 'A' as usize),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(choices: &[&str], answer: &str) -> Option<Expected> {
        expected(&choices.iter().map(ToString::to_string).collect::<Vec<_>>(), answer).ok()
    }

    #[test]
    fn an_answer_is_a_letter_in_brackets_a_text_or_a_letter() {
        assert_eq!(of(&["left", "right"], "(B)"), Some(Expected::Option(1)));
        assert_eq!(of(&["left", "right"], "right"), Some(Expected::Option(1)));
        assert_eq!(of(&["left", "right"], "B."), Some(Expected::Option(1)));
        // The text is meant where both are possible.
        assert_eq!(of(&["B", "A"], "A"), Some(Expected::Option(1)));
        assert_eq!(of(&["B", "A"], "(A)"), Some(Expected::Option(0)));
        assert_eq!(of(&[], "two"), Some(Expected::Text("two".into())));
    }

    #[test]
    fn an_answer_that_is_no_option_is_none() {
        for (choices, answer) in [
            (["left", "right"].as_slice(), "(C)"),
            (&["left", "right"], "up"),
            (&["left"], "(A)"),
            (&["left", "left"], "(A)"),
            (&["left", "right"], "ß"),
        ] {
            assert_eq!(of(choices, answer), None, "{answer}");
        }
    }
}
