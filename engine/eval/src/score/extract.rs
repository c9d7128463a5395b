//! Which option an answer in words means.

use super::letter;
use crate::data::Item;

/// How CV-Bench's authors read an answer: in one way for each of their two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extraction {
    /// The first character once `.`, `(` and `)` are taken off both ends.
    TwoD,
    /// The first character once `.`, `:` and `,` are taken off both ends.
    ThreeD,
}

impl Extraction {
    /// The one for the file that `item` is from.
    pub fn of(item: &Item) -> Self {
        if item.kind.as_deref() == Some("3D") { Self::ThreeD } else { Self::TwoD }
    }
}

/// The first character of what `extraction` leaves of `text`, whatever it is: "A dog" is A, and "The left one" T.
pub fn official(extraction: Extraction, text: &str) -> Option<char> {
    let off: &[char] = match extraction {
        Extraction::TwoD => &['.', '(', ')'],
        Extraction::ThreeD => &['.', ':', ','],
    };
    text.trim().trim_matches(off).chars().next()
}

/// The letter with which `text` begins, after spaces and opening brackets, as lmms-eval reads an answer: "A dog" is A, and
/// "the left one" T. An answer that begins with anything else names none.
pub fn lmms_eval(text: &str) -> Option<char> {
    let first = text.trim_start_matches(|c: char| c.is_whitespace() || c == '(').chars().next()?;
    first.is_ascii_alphabetic().then(|| first.to_ascii_uppercase())
}

/// The one option that `text` names: its letter, bare or in brackets, with its own text behind it or not; or its text
/// alone. "A, B and C" and "A dog" name none.
pub fn strict(choices: &[String], text: &str) -> Option<usize> {
    let text = text.trim();
    let by_text = |text: &str| {
        let text = text.trim().trim_end_matches('.');
        let same = |choice: &&String| choice.trim().trim_end_matches('.').eq_ignore_ascii_case(text);
        choices.iter().position(|choice| same(&choice)).filter(|_| !text.is_empty())
    };
    if let Some(option) = by_text(text) {
        return Some(option);
    }
    (0..choices.len()).find(|at| {
        let letter = letter(*at);
        let rest = text.strip_prefix(&format!("({letter})")).or_else(|| text.strip_prefix(letter));
        rest.is_some_and(|rest| {
            let rest = rest.trim_start_matches(['.', ':', ')', ',']);
            rest.is_empty() || (rest.starts_with(' ') && by_text(rest) == Some(*at))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_rule_takes_the_first_character_whatever_it_is() {
        let two = |text| official(Extraction::TwoD, text);
        assert_eq!(
            [two("(A)"), two("B."), two("A dog"), two("The left one")],
            ["A", "B", "A", "T"].map(|s| s.chars().next())
        );
        assert_eq!(two("A, B and C"), Some('A'));
        assert_eq!(two("()"), None);
        let three = |text| official(Extraction::ThreeD, text);
        assert_eq!([three("A:"), three("(B)"), three(", C")], [Some('A'), Some('('), Some(' ')]);
    }

    #[test]
    fn lmms_eval_takes_the_letter_an_answer_begins_with() {
        let letters =
            ["A answer", "A) answer", " ( b)", "C.", "the left one", "1", "", "**A**", "（A）"].map(lmms_eval);
        let expected = [Some('A'), Some('A'), Some('B'), Some('C'), Some('T'), None, None, None, None];
        assert_eq!(letters, expected);
    }

    #[test]
    fn the_strict_rule_takes_only_what_names_one_option() {
        let choices = ["a cat", "a dog", "two"].map(String::from);
        for (text, option) in [
            ("B", Some(1)),
            ("(B)", Some(1)),
            ("B.", Some(1)),
            ("(B) a dog", Some(1)),
            ("B: a dog.", Some(1)),
            ("A dog", Some(1)),
            ("Two.", Some(2)),
            ("A, B and C", None),
            ("A or B", None),
            ("(A) a dog", None),
            ("D", None),
            ("Both", None),
            ("", None),
        ] {
            assert_eq!(strict(&choices, text), option, "{text}");
        }
    }
}
