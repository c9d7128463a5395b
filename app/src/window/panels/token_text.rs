//! Tokens as people read them.
//!
//! A vocabulary writes its tokens in its own way: byte-level ones with a letter for each byte (`Ġ` for a space),
//! SentencePiece ones with `▁` for a space and `<0xE4>` for a byte.

use crate::window::state::TokenRecord;

/// A token of a vocabulary as people read it; bytes that are no text stay as the vocabulary writes them.
pub fn readable(token: &str) -> String {
    if token.contains('▁') {
        return token.replace('▁', " ");
    }
    let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
    match bytes.map(String::from_utf8) {
        Some(Ok(text)) if !token.is_ascii() => text,
        _ => token.to_owned(),
    }
}

/// The byte that a letter of a byte-level vocabulary stands for: printable Latin-1 for itself, and the rest, in order,
/// from U+0100 on.
fn byte_of(letter: char) -> Option<u8> {
    let is_itself = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(letter) {
        code @ 0..=0xff => u8::try_from(code).ok().filter(|byte| is_itself(*byte)),
        code => (0..=u8::MAX).filter(|byte| !is_itself(*byte)).nth(code.checked_sub(0x100)? as usize),
    }
}

/// A token in quotation marks, with what cannot be seen made visible.
pub fn quoted(text: &str) -> String {
    let seen: String = text
        .chars()
        .map(|letter| match letter {
            '\n' => "¶".to_owned(),
            letter if letter.is_control() => format!("\\u{{{:x}}}", u32::from(letter)),
            letter => letter.to_string(),
        })
        .collect();
    format!("“{seen}”")
}

/// What a token is called: its text, or where it has none what the vocabulary calls it, or its number.
pub fn name(token: &TokenRecord) -> String {
    if !token.text.is_empty() {
        return quoted(&token.text);
    }
    match token.alternatives.iter().find(|other| other.id == token.id) {
        Some(known) => quoted(&readable(&known.text)),
        None => format!("#{}", token.id),
    }
}

/// A probability in percent, with as many digits as say something.
pub fn percent(log_prob: f32) -> String {
    let percent = f64::from(log_prob).exp() * 100.0;
    match percent {
        p if p >= 99.95 => "100%".to_owned(),
        p if p >= 10.0 => format!("{p:.1}%"),
        p if p >= 0.1 => format!("{p:.2}%"),
        p if p >= 0.001 => format!("{p:.3}%"),
        _ => "<0.001%".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_both_kinds_of_vocabulary_are_read() {
        assert_eq!(readable("three"), "three");
        assert_eq!(readable("Ġthree"), " three");
        assert_eq!(readable("Ċ"), "\n");
        assert_eq!(readable("ä¸ī"), "三");
        assert_eq!(readable("▁three"), " three");
        assert_eq!(readable("三"), "三");
        assert_eq!(readable("é"), "é");
        assert_eq!(readable("<|eot_id|>"), "<|eot_id|>");
        // Half a character stays what it is called.
        assert_eq!(readable("ä¸"), "ä¸");
    }

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(quoted(" a\n"), "“ a¶”");
        assert_eq!(quoted("\u{7}"), "“\\u{7}”");
    }

    #[test]
    fn probabilities_have_digits_that_say_something() {
        let written = |p: f32| percent(p.ln());
        assert_eq!(written(1.0), "100%");
        assert_eq!(written(0.9994), "99.9%");
        assert_eq!(written(0.5), "50.0%");
        assert_eq!(written(0.0123), "1.23%");
        assert_eq!(written(0.0005), "0.050%");
        assert_eq!(written(1e-9), "<0.001%");
        assert_eq!(percent(f32::NEG_INFINITY), "<0.001%");
    }
}
