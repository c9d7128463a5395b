//! Memory of this process, for tests that watch it over many frames.

/// Bytes of this process that lie in memory.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// Pairs of no more readings are compared.
const MOST: usize = 300;

/// Bytes by which `readings` rise from one to the next: the median over pairs of them (Theil and Sen), which a single jump
/// hardly moves and a slow leak does.
pub fn rise(readings: &[u64]) -> f64 {
    let step = readings.len().div_ceil(MOST).max(1);
    let taken: Vec<(f64, f64)> =
        readings.iter().enumerate().step_by(step).map(|(at, &bytes)| (at as f64, bytes as f64)).collect();
    let mut slopes: Vec<f64> = taken
        .iter()
        .enumerate()
        .flat_map(|(at, one)| taken[at + 1..].iter().map(move |other| (other.1 - one.1) / (other.0 - one.0)))
        .collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or_default()
}

#[test]
fn a_jump_is_no_leak_and_a_slow_leak_is_none_the_less() {
    let noise = |at: usize| (at as u64).wrapping_mul(2_654_435_761) % 8192;
    let jumps: Vec<u64> = (0..120).map(|at| 100_000_000 + if at < 50 { 0 } else { 2_000_000 } + noise(at)).collect();
    assert!(rise(&jumps) < 16_384.0, "{}", rise(&jumps));
    let leaks: Vec<u64> = (0..120).map(|at| 100_000_000 + 20_000 * at as u64 + noise(at)).collect();
    assert!((rise(&leaks) - 20_000.0).abs() < 500.0, "{}", rise(&leaks));
}
