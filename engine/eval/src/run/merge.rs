//! Putting the shards of a run together.

use super::directory::{Merged, RunDirectory, refuse_unlike};
use super::header::Header;
use super::record::Entry;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::Path;

/// What is missing of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Items that are not finished.
    pub items: usize,
    /// The shards they are in.
    pub shards: Vec<usize>,
}

impl Missing {
    /// What is missing of the run with this header.
    pub fn of(header: &Header, merged: &Merged) -> Self {
        let finished = |shard: usize| merged.shards.get(&shard).copied().unwrap_or(0);
        let missing = header.items_of_shards.iter().enumerate();
        let shards: Vec<usize> = missing.filter(|(shard, size)| finished(*shard) < **size).map(|(s, _)| s).collect();
        Self { items: header.data.questions.saturating_sub(merged.entries.len()), shards }
    }

    /// The shards as Slurm writes them: `0,2-5`.
    pub fn ranges(&self) -> String {
        let mut parts: Vec<(usize, usize)> = Vec::new();
        for &shard in &self.shards {
            match parts.last_mut() {
                Some((_, last)) if *last + 1 == shard => *last = shard,
                _ => parts.push((shard, shard)),
            }
        }
        let text = |(a, b): &(usize, usize)| if a == b { a.to_string() } else { format!("{a}-{b}") };
        parts.iter().map(text).collect::<Vec<_>>().join(",")
    }
}

/// Everything that is finished of the run in `path`, and of those in `others`, which hold further shards of it.
///
/// # Errors
/// If they are unlike, or have different results for one item.
pub fn merge(path: &Path, others: &[&Path]) -> Result<(RunDirectory, Merged)> {
    let run = RunDirectory::open(path)?;
    let mut merged = run.finished()?;
    let mut known: HashMap<String, Entry> =
        merged.entries.iter().map(|entry| (entry.idx().to_owned(), entry.clone())).collect();
    for other in others {
        let other = RunDirectory::open(other)?;
        refuse_unlike(run.header(), other.path(), other.header())?;
        let more = other.finished()?;
        for entry in more.entries {
            match known.get(entry.idx()) {
                None => {
                    known.insert(entry.idx().to_owned(), entry.clone());
                    merged.entries.push(entry);
                }
                Some(there) if *there == entry => {}
                Some(_) => {
                    return Err(Error::at(
                        other.path(),
                        format!("the item {} came out otherwise than in {}", entry.idx(), path.display()),
                        "the two were not made by the same program on like machines; keep one of them",
                    ));
                }
            }
        }
        for (shard, count) in more.shards {
            let there = merged.shards.entry(shard).or_default();
            *there = (*there).max(count);
        }
    }
    merged.entries.sort_by_key(Entry::row);
    Ok((run, merged))
}
