//! How fast something comes, and how long the rest takes.

use opabinia_engine::checkpoint::Bytes;
use std::time::{Duration, Instant};

/// Over how long a rate is measured.
const OVER: Duration = Duration::from_secs(5);

/// Before that, a rate says nothing.
const SETTLED: Duration = Duration::from_millis(200);

/// Bytes per second, over the last seconds.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    samples: Vec<(Instant, u64)>,
    now: f64,
}

impl Rate {
    /// Notes that `bytes` came so far.
    pub fn update(&mut self, bytes: u64) {
        let now = Instant::now();
        self.samples.retain(|(when, _)| now.duration_since(*when) <= OVER);
        self.samples.push((now, bytes));
        let Some((first, before)) = self.samples.first() else { return };
        let elapsed = now.duration_since(*first);
        self.now = if elapsed < SETTLED { 0.0 } else { bytes.saturating_sub(*before) as f64 / elapsed.as_secs_f64() };
    }

    /// The rate, as `12.3 MB/s`; `None` while there is none.
    pub fn text(&self) -> Option<String> {
        (self.now >= 1.0).then(|| format!("{}/s", Bytes(self.now as u64)))
    }

    /// How long `left` bytes take at this rate; `None` while there is none.
    pub fn time_for(&self, left: u64) -> Option<String> {
        (self.now >= 1.0).then(|| duration(left as f64 / self.now))
    }
}

/// A time for people.
fn duration(seconds: f64) -> String {
    let seconds = seconds.min(1e9) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let times = [5.4, 61.0, 3599.0, 3661.0, f64::INFINITY].map(duration);
        assert_eq!(times, ["5 s", "2 min", "60 min", "1 h 01 min", "277777 h 46 min"]);
    }

    #[test]
    fn there_is_no_rate_before_there_is_one() {
        let mut rate = Rate::default();
        rate.update(1000);
        assert_eq!((rate.text(), rate.time_for(5)), (None, None));
    }
}
