//! Numbers as people read them.

/// `value` with so many significant digits, and a minus sign that is one.
pub fn significant(value: f32, digits: i32) -> String {
    let places = if value == 0.0 { 0 } else { (digits - 1 - value.abs().log10().floor() as i32).clamp(0, 8) as usize };
    format!("{value:.places$}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn digits_that_matter() {
        let written = [0.0, 0.751_52, -1.5, 0.000_123_4, 123.4].map(|value| significant(value, 3));
        assert_eq!(written, ["0", "0.752", "−1.50", "0.000123", "123"]);
        assert_eq!(significant(0.123_456, 4), "0.1235");
    }
}
