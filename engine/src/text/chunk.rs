//! Text that knows which of it the program wrote and which of it a person did.

use std::ops::Range;

/// Whether the strings of special tokens in a text are those tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// Template text: `<|eot_id|>` is one token.
    Parse,
    /// A person's text: `<|eot_id|>` is ten characters.
    Literal,
}

/// A text to be tokenised as one, put together from template parts and literal parts.
///
/// Where one part ends and the next begins makes no difference to the result: tokens may span the seam. Only the
/// search for special tokens is confined to the template parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    text: String,
    /// Byte ranges of the template parts, ascending, not touching.
    template: Vec<Range<usize>>,
}

impl Chunk {
    /// A chunk of one part.
    pub fn of(text: &str, special: Special) -> Self {
        let mut chunk = Self::default();
        chunk.push(text, special);
        chunk
    }

    /// Appends a part.
    pub fn push(&mut self, text: &str, special: Special) {
        let start = self.text.len();
        self.text.push_str(text);
        if special == Special::Literal || text.is_empty() {
            return;
        }
        match self.template.last_mut() {
            Some(last) if last.end == start => last.end = self.text.len(),
            _ => self.template.push(start..self.text.len()),
        }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parts in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, Special)> {
        let mut at = 0;
        let mut parts = Vec::new();
        for range in &self.template {
            parts.push((&self.text[at..range.start], Special::Literal));
            parts.push((&self.text[range.clone()], Special::Parse));
            at = range.end;
        }
        parts.push((&self.text[at..], Special::Literal));
        parts.into_iter().filter(|(text, _)| !text.is_empty())
    }

    /// Whether the bytes `start..end` lie in one template part.
    pub(super) fn is_template(&self, start: usize, end: usize) -> bool {
        let after = self.template.partition_point(|range| range.start <= start);
        after.checked_sub(1).is_some_and(|i| end <= self.template[i].end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_knows_its_parts() {
        let mut chunk = Chunk::of("ab", Special::Parse);
        chunk.push("c", Special::Parse);
        chunk.push("", Special::Literal);
        chunk.push("de", Special::Literal);
        chunk.push("f", Special::Parse);
        assert_eq!(chunk.text(), "abcdef");
        let parts: Vec<_> = chunk.parts().collect();
        assert_eq!(parts, [("abc", Special::Parse), ("de", Special::Literal), ("f", Special::Parse)]);
        assert!(chunk.is_template(0, 3) && chunk.is_template(1, 2) && chunk.is_template(5, 6));
        assert!(!chunk.is_template(2, 4) && !chunk.is_template(3, 5) && !chunk.is_template(4, 6));
    }
}
