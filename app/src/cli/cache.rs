//! `opabinia cache`: what is kept of quantised weights, and how to be rid of it.

use super::console::{print_json, print_report};
use super::failure::Result;
use super::json_path;
use crate::weight_cache::{self, LIMIT};
use clap::{Args, Subcommand};
use opabinia_engine::Error;
use opabinia_engine::checkpoint::{Bytes, CachedWeights, WeightCache};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

const EXAMPLES: &str = "\
Examples:
  opabinia cache ls                                        what is kept, the one used last first
  opabinia cache rm 3f9c02d1a7b64e58a0c1d2e3f4a5b6c7       one of them
  opabinia cache rm --all                                  everything

OPABINIA_CACHE_GB says how much may be kept (50 unless it is set, 0 for nothing); what was used longest ago goes first.";

/// List or remove quantised weights that are kept on disk.
///
/// Weights that are kept in q8_0, q6_k, q5_k or q4_k (--weights, --encoder-weights, or what suits this machine) are quantised
/// once. The result is written while the model is open, and the same files open faster next time. Sets below 64 MB, weights
/// between two checkpoints and those on a graphics device are not kept. Everything may be removed at any time: it is made again
/// when it is needed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Cache {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what is kept.
    Ls {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Remove some of it, or all.
    Rm {
        /// What `ls` calls them.
        #[arg(value_name = "NAME", required_unless_present = "all")]
        names: Vec<String>,
        /// Everything.
        #[arg(long, conflicts_with = "names")]
        all: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl Cache {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no such thing, or it cannot be removed; if nothing can be printed.
    pub fn run(&self) -> Result<()> {
        let cache = weight_cache::of_this_user().ok_or_else(|| {
            Error::input("this user has no directory for caches", "set HOME or XDG_CACHE_HOME to one of yours")
        })?;
        match &self.what {
            What::Ls { json } => {
                let all = cache.list()?;
                if *json { print_json(&listed(&cache, &all)) } else { print_report(&report(&cache, &all)) }
            }
            What::Rm { names, all, json } => {
                let kept = cache.list()?;
                let gone: Vec<&CachedWeights> = kept.iter().filter(|one| *all || names.contains(&one.name)).collect();
                // All of them are looked at before one is removed.
                if let Some(unknown) = names.iter().find(|name| !kept.iter().any(|one| one.name == **name)) {
                    cache.remove(unknown)?;
                }
                for one in &gone {
                    cache.remove(&one.name)?;
                }
                cache.tidy();
                let bytes: u64 = gone.iter().map(|one| one.bytes).sum();
                let removed: Vec<&str> = gone.iter().map(|one| one.name.as_str()).collect();
                if *json {
                    return print_json(&json!({ "removed": removed, "bytes": bytes }));
                }
                print_report(&format!("removed {} of {}, {}\n", gone.len(), kept.len(), Bytes(bytes)))
            }
        }
    }
}

fn report(cache: &WeightCache, all: &[CachedWeights]) -> String {
    let bytes = Bytes(all.iter().map(|one| one.bytes).sum());
    let limit =
        if cache.limit == 0 { "none is used or added".to_owned() } else { format!("at most {}", Bytes(cache.limit)) };
    let mut text = format!("{}: {bytes} of quantised weights ({limit}; {LIMIT})\n", cache.directory.display());
    for one in all {
        let age = one.used.elapsed().unwrap_or_default();
        let (format, source) = one.holds.as_ref().map_or(("?", "damaged"), |(format, source)| (format, source));
        let _ = writeln!(
            text,
            "{}  {:>8}  {format:<5}  {:<14}  {source}",
            one.name,
            Bytes(one.bytes).to_string(),
            ago(age)
        );
    }
    text
}

/// How long ago something was, in one unit.
fn ago(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    match minutes {
        0 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..1440 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

fn listed(cache: &WeightCache, all: &[CachedWeights]) -> Value {
    let one = |one: &CachedWeights| {
        let used = one.used.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (format, source) = one.holds.clone().unzip();
        json!({ "name": one.name, "bytes": one.bytes, "used": used, "format": format, "source": source })
    };
    let weights: Vec<Value> = all.iter().map(one).collect();
    json_path::with(json!({ "limit": cache.limit, "weights": weights }), "directory", &cache.directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weight_cache::USUAL;
    use std::path::PathBuf;
    use std::time::SystemTime;

    #[test]
    fn what_is_kept_is_listed_in_words() {
        let cache = WeightCache::new(PathBuf::from("cache"), (USUAL * 1e9) as u64);
        let one = |name: &str, holds: Option<(&str, &str)>, minutes: u64| CachedWeights {
            name: name.to_owned(),
            bytes: 5_200_000_000,
            used: SystemTime::now() - Duration::from_secs(60 * minutes + 30),
            holds: holds.map(|(format, source)| (format.to_owned(), source.to_owned())),
        };
        let all = [one("3f9c", Some(("q4_k", "models/8b")), 200), one("02d1", None, 4000)];
        let expected = "cache: 10.4 GB of quantised weights (at most 50.0 GB; OPABINIA_CACHE_GB)\n\
                        3f9c    5.2 GB  q4_k   3 h ago         models/8b\n\
                        02d1    5.2 GB  ?      2 days ago      damaged\n";
        assert_eq!(report(&cache, &all), expected);
        assert!(
            report(&WeightCache { limit: 0, ..cache }, &[]).contains("0 B of quantised weights (none is used or added")
        );
    }
}
