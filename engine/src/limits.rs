//! How much memory this process may have, where the system was told to limit it (`ulimit -v`, `ulimit -d`).
//!
//! Such limits are about address space, not about memory in use: files that are only mapped count too. Linux tells them
//! in `/proc`; elsewhere there is nothing to read, and a limit shows in the first allocation that fails.

use std::fs;

/// A limit of this process, and how much of it is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What `ulimit` calls it: `-v` or `-d`.
    pub option: &'static str,
    /// The most bytes the process may have.
    pub bytes: u64,
    /// The bytes it has.
    pub used: u64,
}

impl Limit {
    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.bytes.saturating_sub(self.used)
    }
}

/// The limits this process has; none where it has none or the system does not tell.
pub fn of_this_process() -> Vec<Limit> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    parse(&read("/proc/self/limits"), &read("/proc/self/status"))
}

/// The limit that leaves the least.
pub fn tightest() -> Option<Limit> {
    of_this_process().into_iter().min_by_key(Limit::left)
}

/// The limit that leaves the least of those that count mapped files.
pub fn of_mappings() -> Option<Limit> {
    of_this_process().into_iter().find(|limit| limit.option == "-v")
}

fn parse(limits: &str, status: &str) -> Vec<Limit> {
    [("Max address space", "-v", "VmSize:"), ("Max data size", "-d", "VmData:")]
        .into_iter()
        .filter_map(|(name, option, counter)| {
            let row = limits.lines().find_map(|line| line.strip_prefix(name))?;
            // The soft limit comes first; `unlimited` is no number.
            let bytes = row.split_whitespace().next()?.parse().ok()?;
            let used = status.lines().find_map(|line| line.strip_prefix(counter));
            let used: Option<u64> = used.and_then(|used| used.split_whitespace().next()?.parse().ok());
            Some(Limit { option, bytes, used: used.unwrap_or_default().saturating_mul(1024) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_linux_writes_them() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
             Max data size             unlimited            unlimited            bytes     \n\
             Max address space         1073741824           unlimited            bytes     \n";
        let found = parse(limits, "Name:\topabinia\nVmSize:\t    2048 kB\nVmData:\t   9 kB\n");
        assert_eq!(found, [Limit { option: "-v", bytes: 1 << 30, used: 2 << 20 }]);
        assert_eq!(found[0].left(), (1 << 30) - (2 << 20));
        let data = parse("Max data size             4096      8192      bytes\n", "VmData:\t 9 kB\n");
        assert_eq!(data[0].left(), 0);
        assert_eq!(parse("", ""), []);
        assert_eq!(parse("Max address space\nMax data size x", "VmSize:"), []);
    }
}
