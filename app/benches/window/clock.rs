//! How long something took by the clock on the wall, and what of that the program is answerable for. A hypervisor that takes
//! the processor away makes the first longer, by some milliseconds many times a second on a machine that is much shared.

use std::time::{Duration, Instant};

/// What something took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Took {
    /// By the clock on the wall.
    pub wall: Duration,
    /// On a core, and waiting for one that another thread of this machine had: no less than what the program is answerable
    /// for. All of `wall` if the thread waited for anything else, a lock or a file, and where the system does not tell.
    pub ours: Duration,
    /// Waiting for a core.
    pub waited: Duration,
}

impl std::ops::AddAssign for Took {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.ours += other.ours;
        self.waited += other.waited;
    }
}

/// Does `work`; what that took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (counts, started) = (Counts::now(), Instant::now());
    let on_core = on_core();
    let done = work();
    let (on_core, wall) = (on_core_since(on_core), started.elapsed());
    let took = match (counts, Counts::now(), on_core) {
        (Some(before), Some(after), Some(on_core)) => {
            let waited = after.waited.saturating_sub(before.waited);
            let ours = if after.blocked == before.blocked { (on_core + waited).min(wall) } else { wall };
            Took { wall, ours, waited }
        }
        _ => Took { wall, ours: wall, waited: Duration::ZERO },
    };
    (done, took)
}

/// What Linux counts of a thread.
struct Counts {
    /// How long it was kept waiting for a core.
    waited: Duration,
    /// How often it went to sleep by itself, as for a lock.
    blocked: u64,
}

impl Counts {
    fn now() -> Option<Self> {
        let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
        let blocked = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        Some(Self {
            waited: Duration::from_nanos(schedule.split(' ').nth(1)?.parse().ok()?),
            blocked: blocked.trim().parse().ok()?,
        })
    }
}

/// Time the calling thread has had on a core. Linux leaves out what a hypervisor took meanwhile, where it is told of that
/// (`steal` in `/proc/stat`); elsewhere it counts as ours.
#[cfg(target_os = "linux")]
fn on_core() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

#[cfg(not(target_os = "linux"))]
fn on_core() -> Option<Duration> {
    None
}

fn on_core_since(before: Option<Duration>) -> Option<Duration> {
    on_core()?.checked_sub(before?)
}
