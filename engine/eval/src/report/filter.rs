//! Small predicates on items: `task=count, chars<40, as_is=right, no_image=wrong`.

use crate::error::{Error, Result};
use crate::run::{Header, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Unequal,
    Less,
    More,
    Contains,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Type,
    Task,
    Source,
    Cluster,
    Idx,
    Question,
    Answer,
    Chars,
    Options,
    Condition(String),
}

/// Items for which all of some conditions hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    terms: Vec<(Field, Test, String)>,
}

const HELP: &str = "write FIELD=VALUE, != for not, ~ for contains, < and > for numbers, several with commas between them; \
                    fields are type, task, source, cluster, idx, question, answer, chars, options, and each condition, \
                    which is right, wrong or none";

impl Filter {
    /// Reads a filter of items of the run `header`.
    ///
    /// # Errors
    /// Saying what is not understood and what there is.
    pub fn parse(text: &str, header: &Header) -> Result<Self> {
        // Names of conditions have commas in them, too; a term goes on until there is a test in the next part.
        let mut parts: Vec<String> = Vec::new();
        for part in text.split(',') {
            match parts.last_mut() {
                Some(last) if !last.contains(['=', '<', '>', '~']) => last.push_str(&format!(",{part}")),
                _ => parts.push(part.to_owned()),
            }
        }
        let terms = parts.iter().map(|part| term(part.trim(), header)).collect::<Result<_>>()?;
        Ok(Self { terms })
    }

    /// Whether `record` is one of those meant.
    pub fn holds(&self, record: &Record) -> bool {
        self.terms.iter().all(|(field, test, value)| {
            let text = |text: Option<&str>| match test {
                Test::Equal => text == Some(value),
                Test::Unequal => text != Some(value),
                Test::Contains => text.is_some_and(|text| text.contains(value.as_str())),
                Test::Less | Test::More => false,
            };
            let number = |number: usize| match (test, value.parse::<usize>()) {
                (Test::Equal, Ok(value)) => number == value,
                (Test::Unequal, Ok(value)) => number != value,
                (Test::Less, Ok(value)) => number < value,
                (Test::More, Ok(value)) => number > value,
                _ => false,
            };
            match field {
                Field::Type => text(record.kind.as_deref()),
                Field::Task => text(Some(&record.task)),
                Field::Source => text(record.source.as_deref()),
                Field::Cluster => text(Some(&record.cluster)),
                Field::Idx => text(Some(&record.idx)),
                Field::Question => text(Some(&record.question)),
                Field::Answer => text(Some(&record.answer_text)),
                Field::Chars => number(record.question.chars().count()),
                Field::Options => number(record.choices.len()),
                Field::Condition(name) => text(record.conditions.get(name).map(|outcome| match outcome.choice {
                    _ if outcome.right => "right",
                    None if record.answer.is_some() => "none",
                    _ => "wrong",
                })),
            }
        })
    }
}

fn term(text: &str, header: &Header) -> Result<(Field, Test, String)> {
    let wrong = |what: String| Error::new(format!("--where `{text}`: {what}"), HELP);
    let Some(at) = text.find(['=', '<', '>', '~', '!']) else { return Err(wrong("there is no test in it".into())) };
    let (name, rest) = text.split_at(at);
    let (test, value) = match (rest.strip_prefix("!="), rest.chars().next()) {
        (Some(value), _) => (Test::Unequal, value),
        (None, Some('=')) => (Test::Equal, &rest[1..]),
        (None, Some('<')) => (Test::Less, &rest[1..]),
        (None, Some('>')) => (Test::More, &rest[1..]),
        (None, Some('~')) => (Test::Contains, &rest[1..]),
        _ => return Err(wrong("there is no test in it".into())),
    };
    let (name, value) = (name.trim(), value.trim());
    let field = match name {
        "type" => Field::Type,
        "task" => Field::Task,
        "source" => Field::Source,
        "cluster" => Field::Cluster,
        "idx" => Field::Idx,
        "question" => Field::Question,
        "answer" => Field::Answer,
        "chars" => Field::Chars,
        "options" => Field::Options,
        name if header.conditions.iter().any(|condition| condition.name == name) => Field::Condition(name.to_owned()),
        name => return Err(wrong(format!("there is no field or condition `{name}`"))),
    };
    let is_number = matches!(field, Field::Chars | Field::Options);
    if is_number && (value.parse::<usize>().is_err() || test == Test::Contains) {
        return Err(wrong(format!("`{name}` is compared with a whole number")));
    }
    if !is_number && matches!(test, Test::Less | Test::More) {
        return Err(wrong(format!("`{name}` is no number")));
    }
    if matches!(field, Field::Condition(_)) && !["right", "wrong", "none"].contains(&value) {
        return Err(wrong("a condition is right, wrong or none".into()));
    }
    Ok((field, test, value.to_owned()))
}
