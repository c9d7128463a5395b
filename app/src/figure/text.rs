//! Typefaces: the fonts of the window, measured and broken into lines.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use epaint_default_fonts::{HACK_REGULAR, UBUNTU_LIGHT};

/// Height of a line of text in parts of its size.
const LINE_HEIGHT: f32 = 1.3;

/// A font and those that stand in where it lacks a character.
pub(super) struct Typeface {
    fonts: Vec<FontRef<'static>>,
}

impl Typeface {
    /// The program's typeface.
    ///
    /// # Errors
    /// If the fonts inside of the program cannot be read: a fault of the build.
    pub(super) fn new() -> Result<Self, String> {
        let fonts = [UBUNTU_LIGHT, HACK_REGULAR].into_iter().map(FontRef::try_from_slice);
        Ok(Self { fonts: fonts.collect::<Result<_, _>>().map_err(|error| error.to_string())? })
    }

    /// The first font that has `character`, else the first of all, and its number.
    pub(super) fn font_for(&self, character: char) -> (usize, &FontRef<'static>) {
        let found = self.fonts.iter().position(|font| font.glyph_id(character).0 != 0).unwrap_or(0);
        (found, &self.fonts[found])
    }

    pub(super) fn ascent(&self, size: f32) -> f32 {
        let scaled = self.fonts[0].as_scaled(PxScale::from(size));
        // The text stands in the middle of its line.
        scaled.ascent() + (size * LINE_HEIGHT - scaled.height()) / 2.0
    }

    /// Height of a line of text of `size` pixels.
    pub(super) fn line_height(size: f32) -> f32 {
        (size * LINE_HEIGHT).ceil()
    }

    /// Width of a line in pixels.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let mut width = 0.0;
        let mut before = None;
        for character in text.chars() {
            let (font_at, font) = self.font_for(character);
            let scaled = font.as_scaled(PxScale::from(size));
            let id = font.glyph_id(character);
            if let Some((_, before)) = before.filter(|(at, _)| *at == font_at) {
                width += scaled.kern(before, id);
            }
            width += scaled.h_advance(id);
            before = Some((font_at, id));
        }
        width
    }

    /// Breaks `text` into lines that are at most `width` wide, between words where that is possible.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            self.place(word, size, width, &mut lines);
        }
        lines
    }

    fn place(&self, word: &str, size: f32, width: f32, lines: &mut Vec<String>) {
        let Some(line) = lines.last_mut() else { return };
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if self.width(&longer, size) <= width {
            *line = longer;
        } else if !line.is_empty() {
            lines.push(String::new());
            self.place(word, size, width, lines);
        } else {
            // One word that fills more than a line: as much as fits, one character at least.
            let mut head: String = word.chars().take(1).collect();
            for character in word.chars().skip(1) {
                head.push(character);
                if self.width(&head, size) > width {
                    head.pop();
                    break;
                }
            }
            let rest = &word[head.len()..];
            *line = head;
            if !rest.is_empty() {
                lines.push(String::new());
                self.place(rest, size, width, lines);
            }
        }
    }

    /// `text`, or as much of its beginning as is at most `width` wide with an ellipsis after it.
    pub(super) fn shorten(&self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        loop {
            let candidate: String = kept.iter().chain(&['…']).collect();
            if kept.is_empty() || self.width(&candidate, size) <= width {
                return candidate;
            }
            kept.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_lose_nothing() {
        let face = Typeface::new().unwrap();
        let text =
            "Attention: where it read, not what it was worth. Averyveryverylongwordwithoutanyplacetobreak × log₂";
        for width in [5.0, 40.0, 90.0, 1000.0] {
            let lines = face.wrap(text, 14.0, width);
            let fits = |line: &String| face.width(line, 14.0) <= width || line.chars().count() == 1;
            assert!(lines.iter().all(fits), "{lines:?}");
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
        }
        assert_eq!(face.wrap(text, 14.0, 1e6), [text]);
    }

    #[test]
    fn the_characters_of_captions_exist() {
        let face = Typeface::new().unwrap();
        for character in "×–—→…÷₂·°√é≤".chars() {
            let (_, font) = face.font_for(character);
            assert_ne!(font.glyph_id(character).0, 0, "{character} is missing");
        }
    }

    #[test]
    fn long_names_are_shortened() {
        let face = Typeface::new().unwrap();
        assert_eq!(face.shorten("clip", 14.0, 100.0), "clip");
        let short = face.shorten("a-very-long-name-of-an-encoder", 14.0, 80.0);
        assert!(short.ends_with('…') && face.width(&short, 14.0) <= 80.0, "{short}");
    }
}
