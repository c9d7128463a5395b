//! Comma-separated values: one line for each record, as spreadsheets, pandas and R read them without being told how.

/// `text` as one field, quoted where it must be. Line breaks and other control characters become spaces.
pub fn field(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// `texts` as fields with commas between them.
pub fn fields<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(field).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(fields(["a", "b, c", "say \"x\"", "one\ntwo\r", ""]), "a,\"b, c\",\"say \"\"x\"\"\",one two ,");
    }
}
