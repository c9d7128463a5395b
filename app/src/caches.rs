//! Where what this user need not wait for twice is kept on disk, and how much of it.

use directories::ProjectDirs;
use opabinia_engine::checkpoint::{Caches, DiskCache};
use std::sync::Arc;

/// Names how much may be kept of quantised weights, in GB; 0 for nothing of anything.
pub const LIMIT: &str = "OPABINIA_CACHE_GB";

/// What may be kept of them where nobody says otherwise.
pub const USUAL: f64 = 50.0;

/// Of features of pictures a part of that may be kept: one in so many.
const FEATURES_PART: u64 = 10;

/// The caches of the user this program runs for; `None` where the system gives users no directory for such things.
pub fn of_this_user() -> Option<Arc<Caches>> {
    let directories = ProjectDirs::from("", "", "opabinia")?;
    let limit = limit(std::env::var(LIMIT).ok().as_deref());
    let cache = |name, limit| DiskCache::new(directories.cache_dir().join(name), limit);
    Some(Arc::new(Caches { weights: cache("weights", limit), features: cache("features", limit / FEATURES_PART) }))
}

/// Bytes that `said` allows. What is no number is not obeyed.
fn limit(said: Option<&str>) -> u64 {
    let gigabytes = said.and_then(|text| text.trim().parse::<f64>().ok()).filter(|number| *number >= 0.0);
    (gigabytes.unwrap_or(USUAL) * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_in_gigabytes_and_can_be_nothing() {
        assert_eq!(limit(None), 50_000_000_000);
        assert_eq!(limit(Some(" 3 ")), 3_000_000_000);
        assert_eq!(limit(Some("0")), 0);
        assert_eq!(limit(Some("2.5")), 2_500_000_000);
        assert_eq!(limit(Some("-1")), 50_000_000_000);
        assert_eq!(limit(Some("much")), 50_000_000_000);
        assert_eq!(limit(Some("1e99")), u64::MAX);
    }
}
