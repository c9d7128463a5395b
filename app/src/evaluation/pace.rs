//! How far a run is, how fast it goes, and when it will be done.

use std::time::{Duration, Instant};

/// The progress of one shard.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    total: usize,
    before: usize,
    done: usize,
    started: Instant,
}

impl Pace {
    /// Of `total` questions, `done` were finished before; the rest begins now.
    pub fn new(total: usize, done: usize) -> Self {
        Self { total, before: done, done, started: Instant::now() }
    }

    /// `count` more are finished.
    pub fn add(&mut self, count: usize) {
        self.done += count;
    }

    /// Questions that are finished.
    pub fn done(&self) -> usize {
        self.done
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Questions per second since it began, `None` before the first.
    pub fn rate(&self) -> Option<f64> {
        let count = self.done - self.before;
        (count > 0).then(|| count as f64 / self.started.elapsed().as_secs_f64().max(1e-3))
    }

    /// How long the rest takes at this rate.
    pub fn left(&self) -> Option<Duration> {
        let left = self.total.saturating_sub(self.done) as f64;
        self.rate().map(|rate| Duration::from_secs_f64((left / rate.max(1e-6)).min(1e9)))
    }
}

/// A time for people: the command line's and, its units being the same everywhere, the window's.
pub fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_finished_before_says_nothing_of_the_rate() {
        let mut pace = Pace::new(10, 4);
        assert_eq!((pace.rate(), pace.left()), (None, None));
        std::thread::sleep(Duration::from_millis(20));
        pace.add(3);
        let rate = pace.rate().unwrap();
        assert!(rate > 0.0 && rate <= 3.0 / 0.02, "{rate}");
        assert_eq!((pace.done(), pace.total()), (7, 10));
        assert_eq!([59, 125, 7300].map(|s| time(Duration::from_secs(s))), ["59 s", "2 min", "2 h"]);
    }
}
