//! Text of strangers, made printable: names of files, keys and values in them, variables of the environment.
//!
//! A terminal obeys control characters, so a file's name could move the cursor, change the window's title or hide half
//! a message; marks that turn the direction of text can make a name look like another. Whatever such text ends up in
//! (an error, a report, a note) shows them as what they are: `\u{1b}`. JSON has escapes of its own and is given the
//! text as it is.

use std::borrow::Cow;
use std::path::Path;

/// `text` within one line: control characters, line breaks among them, and marks nobody sees become visible.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// `text` of several lines: as [`line()`], but line breaks and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && c != '\n' && c != '\t')
}

/// A path within one line; what is no Unicode in it becomes U+FFFD.
pub fn path(path: &Path) -> String {
    line(&path.to_string_lossy()).into_owned()
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Controls (C0, DEL, C1), separators of lines and paragraphs, direction marks, and characters without width that
/// stand for nothing. The joiners, which scripts and emoji need, are none of these.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(line("\u{1b}]0;PWNED\u{7}key"), "\\u{1b}]0;PWNED\\u{7}key");
        assert_eq!(line("a\nb\tc\rd\u{9b}e\u{7f}"), "a\\nb\\tc\\rd\\u{9b}e\\u{7f}");
        assert_eq!(lines("a\nb\tc\rd"), "a\nb\tc\\rd");
        assert_eq!(line("exe\u{202e}gnp.\u{200b}"), "exe\\u{202e}gnp.\\u{200b}");
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in ["", "model-00001.safetensors", "照片 é.png", "👩\u{200d}👩\u{200d}👧.jpg", "می\u{200c}خواهم"]
        {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_unicode() {
        use std::os::unix::ffi::OsStrExt;
        let odd = std::ffi::OsStr::from_bytes(b"caf\xe9\x1b.png");
        assert_eq!(path(Path::new(odd)), "caf\u{fffd}\\u{1b}.png");
    }
}
