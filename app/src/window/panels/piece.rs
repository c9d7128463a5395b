//! A piece of an answer that is laid out at once, and which token each of its letters belongs to.

use egui::text::LayoutJob;
use egui::{Galley, Rect, vec2};
use std::ops::Range;

/// Text as it is laid out, with the tokens it comes from.
#[derive(Debug, Default, Clone)]
pub struct Piece {
    /// The text, in its colours.
    pub job: LayoutJob,
    /// Tokens, each with letters of the text that are its own, in the order of the text.
    pub owners: Vec<(usize, Range<usize>)>,
}

impl Piece {
    /// Notes that the next `count` letters belong to `token`.
    pub fn own(&mut self, token: usize, count: usize) {
        let start = self.owners.last().map_or(0, |(_, letters)| letters.end);
        match self.owners.last_mut() {
            Some((last, letters)) if *last == token => letters.end += count,
            _ => self.owners.push((token, start..start + count)),
        }
    }

    /// Where tokens are drawn, relative to `galley`, in the order of the text: one rectangle for each row that a token is on.
    pub fn places(&self, galley: &Galley) -> Vec<(usize, Rect)> {
        let mut found: Vec<(usize, Rect)> = Vec::with_capacity(self.owners.len());
        let (mut letter, mut owner) = (0, 0);
        for row in &galley.rows {
            for glyph in &row.row.glyphs {
                while self.owners.get(owner).is_some_and(|(_, letters)| letters.end <= letter) {
                    owner += 1;
                }
                let Some((token, letters)) = self.owners.get(owner) else { return found };
                letter += 1;
                // Nobody points at the space before a word, unless it is all there is.
                if glyph.chr.is_whitespace() && letters.len() > 1 {
                    continue;
                }
                let top_left = row.pos + glyph.pos.to_vec2() - vec2(0.0, glyph.font_ascent);
                // Without the room between the lines.
                let rect = Rect::from_min_size(top_left, vec2(glyph.advance_width, glyph.font_height));
                let same_row = |(of, last): &&mut (usize, Rect)| {
                    of == token && ((last.top() - rect.top()).abs() < 1.0 || last.y_range().contains(rect.center().y))
                };
                match found.last_mut().filter(same_row) {
                    Some((_, last)) => *last = last.union(rect),
                    None => found.push((*token, rect)),
                }
            }
            if row.ends_with_newline {
                letter += 1;
            }
        }
        found
    }
}

/// Where the tokens of an answer begin in its text, in bytes.
pub fn starts<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut end = 0;
    texts
        .map(|text| {
            let start = end;
            // The space before the first word is not part of the answer.
            end += if end == 0 { text.trim_start().len() } else { text.len() };
            start
        })
        .collect()
}

/// The token that byte `at` of the answer belongs to: of several that begin there, the one with letters.
pub fn token_at(starts: &[usize], at: usize) -> Option<usize> {
    starts.partition_point(|start| *start <= at).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_belong_to_the_token_they_came_with() {
        let starts = starts([" one", " two", "", "三", ""].into_iter());
        assert_eq!(starts, [0, 3, 7, 7, 10]);
        assert_eq!([0, 2, 3, 6, 7, 9].map(|at| token_at(&starts, at)), [0, 0, 1, 1, 3, 3].map(Some));
        assert_eq!(token_at(&[], 0), None);
    }

    #[test]
    fn letters_of_one_token_that_follow_one_another_are_one_span() {
        let mut piece = Piece::default();
        piece.own(4, 2);
        piece.own(4, 1);
        piece.own(5, 3);
        assert_eq!(piece.owners, [(4, 0..3), (5, 3..6)]);
    }
}
