//! Added tokens: which strings of a template are single tokens, and where a text has to be cut for them.

use std::collections::HashMap;
use std::ops::Range;

/// A token that is found in template text before the text is tokenised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddedToken {
    pub(super) id: u32,
    pub(super) content: String,
    /// Eats the whitespace to its left.
    pub(super) lstrip: bool,
    /// Eats the whitespace to its right.
    pub(super) rstrip: bool,
}

/// One piece of a text that was cut at its added tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Ordinary text, in bytes of the whole.
    Text(Range<usize>),
    /// An added token with the whitespace it ate.
    Token(u32, Range<usize>),
}

/// Finds added tokens: the longest at the leftmost place.
#[derive(Debug, Clone, Default)]
pub(super) struct Matcher {
    by_first: HashMap<char, Vec<AddedToken>>,
}

impl Matcher {
    pub(super) fn new(tokens: impl IntoIterator<Item = AddedToken>) -> Self {
        let mut by_first: HashMap<char, Vec<AddedToken>> = HashMap::new();
        for token in tokens {
            if let Some(first) = token.content.chars().next() {
                by_first.entry(first).or_default().push(token);
            }
        }
        for bucket in by_first.values_mut() {
            bucket.sort_by_key(|token| std::cmp::Reverse(token.content.len()));
        }
        Self { by_first }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// The added token that `text` starts with.
    fn prefix(&self, text: &str) -> Option<&AddedToken> {
        let bucket = self.by_first.get(&text.chars().next()?)?;
        bucket.iter().find(|token| text.starts_with(&token.content))
    }

    /// Cuts `text` at the tokens that `allowed(start, end)` lets through.
    ///
    /// The segments cover the text without gaps. `is_space` is the reference's idea of whitespace, for the tokens
    /// that eat it.
    pub(super) fn split(
        &self,
        text: &str,
        is_space: fn(char) -> bool,
        mut allowed: impl FnMut(usize, usize) -> bool,
    ) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut done = 0;
        let mut at = 0;
        while let Some(next) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let found = self.prefix(&text[at..]).filter(|token| allowed(at, at + token.content.len()));
            let Some(token) = found else {
                at += next.len_utf8();
                continue;
            };
            let (mut start, mut end) = (at, at + token.content.len());
            if token.lstrip {
                start = done + text[done..start].trim_end_matches(is_space).len();
            }
            if token.rstrip {
                end += text[end..].len() - text[end..].trim_start_matches(is_space).len();
            }
            if done < start {
                segments.push(Segment::Text(done..start));
            }
            segments.push(Segment::Token(token.id, start..end));
            (done, at) = (end, end);
        }
        if done < text.len() {
            segments.push(Segment::Text(done..text.len()));
        }
        segments
    }
}

/// Whitespace as Python's `str.strip` sees it: Unicode's, and the four separator controls.
pub(super) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher() -> Matcher {
        let token = |id, content: &str, lstrip, rstrip| AddedToken { id, content: content.into(), lstrip, rstrip };
        Matcher::new([token(1, "<a>", false, false), token(2, "<a>b", false, true), token(3, "<c>", true, false)])
    }

    fn split(text: &str) -> Vec<(Option<u32>, &str)> {
        let segments = matcher().split(text, is_python_space, |_, _| true);
        let show = |segment: Segment| match segment {
            Segment::Text(range) => (None, &text[range]),
            Segment::Token(id, range) => (Some(id), &text[range]),
        };
        segments.into_iter().map(show).collect()
    }

    #[test]
    fn the_longest_token_at_the_leftmost_place_wins() {
        assert_eq!(split("é<a>x<a>by"), [(None, "é"), (Some(1), "<a>"), (None, "x"), (Some(2), "<a>b"), (None, "y")]);
        assert_eq!(split(""), []);
        assert_eq!(split("<<a"), [(None, "<<a")]);
    }

    #[test]
    fn tokens_eat_the_whitespace_they_are_said_to() {
        assert_eq!(
            split("<a>b \n x \u{1f}<c> y"),
            [(Some(2), "<a>b \n "), (None, "x"), (Some(3), " \u{1f}<c>"), (None, " y")]
        );
        assert_eq!(split("<a>b <c>"), [(Some(2), "<a>b "), (Some(3), "<c>")]);
    }

    #[test]
    fn what_is_not_allowed_is_text() {
        let segments = matcher().split("<a><a>", is_python_space, |start, _| start > 0);
        assert_eq!(segments, [Segment::Text(0..3), Segment::Token(1, 3..6)]);
    }
}
