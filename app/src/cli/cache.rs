//! `opabinia cache`: what is kept of quantised weights and of features of pictures, and how to be rid of it.

use super::console::{print_json, print_report};
use super::failure::Result;
use super::json_path;
use crate::caches::{self, LIMIT};
use clap::{Args, Subcommand};
use opabinia_engine::Error;
use opabinia_engine::checkpoint::{Bytes, CachedFileInfo, DiskCache};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

const EXAMPLES: &str = "\
Examples:
  opabinia cache ls                                        what is kept, the one used last first
  opabinia cache rm 3f9c02d1a7b64e58a0c1d2e3f4a5b6c7       one of them
  opabinia cache rm --all                                  everything

OPABINIA_CACHE_GB says how much may be kept of weights (50 unless it is set), and a tenth of that of features; 0 is for nothing of
either. What was used longest ago goes first.";

/// List or remove what is kept on disk: quantised weights, and features of pictures.
///
/// Weights that are kept in q8_0, q6_k, q5_k or q4_k (--weights, --encoder-weights, or what suits this machine) are quantised
/// once. The result is written while the model is open, and the same files open faster next time. What an encoder makes of a
/// picture that somebody asks about is kept, too: the next question about it, also of a checkpoint that shares these files, does
/// not wait for it. Sets of weights below 64 MB and the features of such encoders, what lies between two checkpoints and what is on
/// a graphics device are not kept. Everything may be removed at any time: it is made again when it is needed.
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
        let caches = caches::of_this_user().ok_or_else(|| {
            Error::input("this user has no directory for caches", "set HOME or XDG_CACHE_HOME to one of yours")
        })?;
        let both = [(&caches.weights, "quantised weights"), (&caches.features, "features of pictures")];
        match &self.what {
            What::Ls { json } => {
                let lists = [caches.weights.list()?, caches.features.list()?];
                if *json {
                    let [weights, features] = &lists;
                    return print_json(&json!({
                        "weights": listed(&caches.weights, weights),
                        "features": listed(&caches.features, features),
                    }));
                }
                let reports = both.iter().zip(&lists).map(|((cache, what), all)| report(cache, what, all));
                print_report(&reports.collect::<Vec<_>>().join("\n"))
            }
            What::Rm { names, all, json } => {
                let mut kept = Vec::new();
                for (cache, _) in both {
                    kept.extend(cache.list()?.into_iter().map(|one| (cache, one)));
                }
                // All of them are looked at before one is removed.
                if let Some(unknown) = names.iter().find(|name| !kept.iter().any(|(_, one)| one.name == **name)) {
                    caches.weights.remove(unknown)?;
                }
                let gone: Vec<_> = kept.iter().filter(|(_, one)| *all || names.contains(&one.name)).collect();
                for (cache, one) in &gone {
                    cache.remove(&one.name)?;
                }
                both.iter().for_each(|(cache, _)| cache.tidy());
                let bytes: u64 = gone.iter().map(|(_, one)| one.bytes).sum();
                let removed: Vec<&str> = gone.iter().map(|(_, one)| one.name.as_str()).collect();
                if *json {
                    return print_json(&json!({ "removed": removed, "bytes": bytes }));
                }
                print_report(&format!("removed {} of {}, {}\n", gone.len(), kept.len(), Bytes(bytes)))
            }
        }
    }
}

/// The `cache` of `what`, which holds `all`, as lines of text.
fn report(cache: &DiskCache, what: &str, all: &[CachedFileInfo]) -> String {
    let bytes = Bytes(all.iter().map(|one| one.bytes).sum());
    let limit =
        if cache.limit == 0 { "none is used or added".to_owned() } else { format!("at most {}", Bytes(cache.limit)) };
    let mut text = format!("{}: {bytes} of {what} ({limit}; {LIMIT})\n", cache.directory.display());
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

fn listed(cache: &DiskCache, all: &[CachedFileInfo]) -> Value {
    let one = |one: &CachedFileInfo| {
        let used = one.used.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (format, source) = one.holds.clone().unzip();
        json!({ "name": one.name, "bytes": one.bytes, "used": used, "format": format, "source": source })
    };
    let kept: Vec<Value> = all.iter().map(one).collect();
    json_path::with(json!({ "limit": cache.limit, "kept": kept }), "directory", &cache.directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caches::USUAL;
    use std::path::PathBuf;
    use std::time::SystemTime;

    #[test]
    fn what_is_kept_is_listed_in_words() {
        let cache = DiskCache::new(PathBuf::from("cache"), (USUAL * 1e9) as u64);
        let one = |name: &str, holds: Option<(&str, &str)>, minutes: u64| CachedFileInfo {
            name: name.to_owned(),
            bytes: 5_200_000_000,
            used: SystemTime::now() - Duration::from_secs(60 * minutes + 30),
            holds: holds.map(|(format, source)| (format.to_owned(), source.to_owned())),
        };
        let all = [one("3f9c", Some(("q4_k", "models/8b")), 200), one("02d1", None, 4000)];
        let expected = "cache: 10.4 GB of quantised weights (at most 50.0 GB; OPABINIA_CACHE_GB)\n\
                        3f9c    5.2 GB  q4_k   3 h ago         models/8b\n\
                        02d1    5.2 GB  ?      2 days ago      damaged\n";
        assert_eq!(report(&cache, "quantised weights", &all), expected);
        let nothing = report(&DiskCache { limit: 0, ..cache }, "features of pictures", &[]);
        assert!(nothing.contains("0 B of features of pictures (none is used or added"), "{nothing}");
    }
}
