//! Round numbers along a scale.

/// About `wanted` round numbers from `low` to `high`, with the digits needed to tell them apart.
pub fn ticks(low: f32, high: f32, wanted: usize) -> Vec<(f32, String)> {
    let (low, high) = (f64::from(low), f64::from(high));
    let span = high - low;
    // A span that is lost in the rounding of its ends has nothing between them.
    if !span.is_finite() || span <= 1e-6 * low.abs().max(high.abs()) {
        return vec![(low as f32, label(low, 4))];
    }
    let rough = span / wanted.max(1) as f64;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0].into_iter().find(|m| m * magnitude >= rough * 0.999).unwrap_or(10.0) * magnitude;
    let is_quarter = (step / magnitude - 2.5).abs() < 1e-9;
    let digits = (f64::from(u8::from(is_quarter)) - (step.log10() + 1e-9).floor()).max(0.0) as usize;
    let (first, last) = ((low / step - 1e-6).ceil() as i64, (high / step + 1e-6).floor() as i64);
    (first..=last).map(|n| n as f64 * step).map(|value| (value as f32, label(value, digits))).collect()
}

fn label(value: f64, digits: usize) -> String {
    if digits > 6 { format!("{value:.1e}") } else { format!("{value:.digits$}").replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f32, high: f32) -> Vec<String> {
        ticks(low, high, 5).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn round_numbers_inside_of_the_range() {
        assert_eq!(labels(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-1.9, 1.9), ["−1", "0", "1"]);
        assert_eq!(labels(0.2, 0.31), ["0.200", "0.225", "0.250", "0.275", "0.300"]);
        assert_eq!(labels(0.0, 12.0), ["0.0", "2.5", "5.0", "7.5", "10.0"]);
    }

    #[test]
    fn odd_ranges_have_ticks_too() {
        assert_eq!(labels(0.25, 0.25).len(), 1);
        assert_eq!(labels(f32::NAN, 1.0).len(), 1);
        assert!(!labels(0.0, 1e-12).is_empty());
        for (low, high) in [(0.0, 1e-7), (-24.0, 3.0), (0.111, 0.112), (1e6, 2e6)] {
            let marks = ticks(low, high, 5);
            assert!((2..=8).contains(&marks.len()), "{low}..{high}: {marks:?}");
            assert!(marks.iter().all(|(value, _)| *value >= low - 1e-6 * low.abs() && *value <= high * 1.000_001));
        }
    }
}
