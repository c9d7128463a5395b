//! `opabinia pull`: a checkpoint and its encoders, or a data set, from the hub into its cache.

use super::console::{Console, print_json, print_report};
use super::failure::{Failure, Result};
use super::interrupt::Interrupt;
use super::json_path;
use super::transfer::Transfer;
use crate::pulling::{self, Needs, Part, Wish};
use clap::Args;
use opabinia_engine::checkpoint::{Bytes, Hub};
use opabinia_engine::job::CancelToken;
use opabinia_engine::printable;
use opabinia_engine::{Error, checkpoint};
use opabinia_hub::cache::MAIN;
use opabinia_hub::names::{Repo, RepoKind};
use opabinia_hub::progress::{Progress, Stop};
use opabinia_hub::pull::Session;
use opabinia_hub::settings::ENDPOINT;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  opabinia pull nyu-visionx/cambrian-8b                 the checkpoint and its four encoders
  opabinia pull nyu-visionx/cambrian-8b --dry-run       how much that would be
  opabinia pull facebook/dinov2-giant                   one encoder
  opabinia pull --dataset nyu-visionx/CV-Bench          a set of questions
  opabinia ask -m nyu-visionx/cambrian-8b -i desk.jpg \"What is on the desk?\"

What was cut goes on where it stopped when the same command is run again. Nothing gets its name before
its size and checksum are right.

Environment: HF_HUB_CACHE and HF_HOME say where the cache is, HF_ENDPOINT names a mirror, HF_TOKEN or
$HF_HOME/token opens gated repositories, HF_HUB_OFFLINE=1 forbids the network, HTTPS_PROXY and NO_PROXY
name proxies, SSL_CERT_FILE the certificates to trust. They mean what they mean to huggingface_hub.";

/// Fetch a checkpoint and its encoders, or a data set, from the Hugging Face hub.
///
/// This is the only command that uses the network. It brings the files that this program reads, and no others, into the hub
/// cache, where every command finds them by the repository's name. Files that are there already, also those that other
/// programs brought, are used.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Pull {
    /// The repository: ORGANISATION/NAME.
    #[arg(value_name = "REPOSITORY", value_parser = parse_id)]
    repository: String,
    /// The repository is a data set.
    #[arg(long)]
    dataset: bool,
    /// The branch, tag or commit to take. Others than the main branch are opened by the directory that is printed.
    #[arg(long, value_name = "REVISION", default_value = MAIN)]
    revision: String,
    /// Leave the encoders of a checkpoint out.
    #[arg(long)]
    no_encoders: bool,
    /// Bring the files whose names fit PATTERN, in which * stands for anything, instead of those that this program reads; may
    /// be repeated.
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Only say what is missing and how large it is. Configuration files are brought all the same: they say what is needed.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object when done.
    #[arg(long)]
    json: bool,
}

fn parse_id(text: &str) -> Result<String, String> {
    // An address copied from a browser is understood.
    let id = text.strip_prefix(ENDPOINT).map_or(text, |rest| rest.trim_matches('/'));
    match Repo::new(RepoKind::Model, id) {
        Some(repo) => Ok(repo.id().to_owned()),
        None => {
            Err(format!("`{text}` is no name of a repository: give ORGANISATION/NAME, such as nyu-visionx/cambrian-8b"))
        }
    }
}

impl Pull {
    /// Runs the command.
    ///
    /// # Errors
    /// If the hub cannot be reached or refuses, the repository cannot be used, or there is no room.
    pub fn run(&self, console: Console) -> Result<()> {
        let kind = if self.dataset { RepoKind::Dataset } else { RepoKind::Model };
        let repo = Repo::new(kind, &self.repository).ok_or_else(|| {
            Error::input(format!("`{}` is no name of a repository", self.repository), "give ORGANISATION/NAME")
        })?;
        let hub = Hub::from_env();
        let stop = Stop::default();
        let session = pulling::session(&hub, stop.clone())?;
        let wish =
            Wish { repo, revision: self.revision.clone(), encoders: !self.no_encoders, include: self.include.clone() };
        let (interrupt, cancel) = (Interrupt::install()?, CancelToken::default());
        interrupt.watch(Some(cancel.clone()));
        let needs: OnceLock<Needs> = OnceLock::new();
        let ended = thread::scope(|scope| {
            let work = scope.spawn(|| self.work(&session, &hub, &wish, console, &needs));
            let mut transfer = Transfer::new(console);
            while !work.is_finished() {
                if cancel.is_cancelled() {
                    stop.stop();
                }
                if let Some(needs) = needs.get().filter(|_| !self.dry_run) {
                    transfer.show(needs.plan.progress());
                }
                thread::sleep(Duration::from_millis(50));
            }
            work.join().unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())))
        });
        interrupt.watch(None);
        if stop.is_stopped() && ended.is_err() {
            console.say("Stopped. What arrived is kept: the same command goes on from there.");
        }
        ended?;
        let needs = needs.get().ok_or_else(|| Failure::internal("nothing was planned"))?;
        if self.json {
            print_json(&Value::Object(report_json(needs, self.dry_run)))
        } else {
            print_report(&self.report(needs))
        }
    }

    /// Finds out what is needed, leaves that in `shown` for whoever shows progress, and brings it.
    fn work(&self, session: &Session, hub: &Hub, wish: &Wish, console: Console, shown: &OnceLock<Needs>) -> Result<()> {
        let needs = pulling::needs(session, hub, wish, &|repo| {
            console.say(&format!("{repo}: asking {}", session.endpoint()));
        })?;
        for note in &needs.notes {
            console.say(&format!("note: {note}"));
        }
        let needs = shown.get_or_init(|| needs);
        let plan = &needs.plan;
        if self.dry_run {
            return Ok(());
        }
        if plan.missing() > 0 {
            let resumed = match plan.arrived_bytes {
                0 => String::new(),
                bytes => format!("; {} of that arrived before", Bytes(bytes)),
            };
            console.say(&format!(
                "{} files of {} into {}{resumed}",
                plan.missing(),
                Bytes(plan.progress().total()),
                printable::path(session.cache())
            ));
        }
        session.fetch(plan)?;
        Ok(session.publish(plan)?)
    }

    fn report(&self, needs: &Needs) -> String {
        let mut text = String::new();
        let plan = &needs.plan;
        for part in &needs.parts {
            let Part { listing, names, directory } = part;
            let commit = listing.commit.get(..12).unwrap_or(&listing.commit);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} {} ({commit}): {} files, {}",
                listing.repo,
                listing.revision,
                names.len(),
                Bytes(part.bytes())
            );
            let _ = writeln!(text, "  {}", printable::path(directory));
        }
        for (encoder, directory) in &needs.elsewhere {
            let _ = writeln!(text, "{}: found in {}", printable::line(encoder), printable::path(directory));
        }
        let total = plan.progress();
        if self.dry_run {
            let (missing, bytes) = (plan.missing(), Bytes(plan.bytes_to_fetch()));
            let _ = writeln!(text, "To fetch: {missing} files, {bytes}. There already: {} files.", plan.present);
        } else {
            let _ = writeln!(text, "Fetched {}. {}", Bytes(needs.described + total.fetched()), self.next_step(needs));
        }
        text
    }

    /// What can be done now.
    fn next_step(&self, needs: &Needs) -> String {
        let Some(first) = needs.parts.first() else { return String::new() };
        if self.dataset || !self.include.is_empty() {
            return String::new();
        }
        let model =
            if self.revision == MAIN { first.listing.repo.to_string() } else { first.directory.display().to_string() };
        match checkpoint::CambrianConfig::read(&first.directory) {
            Ok(_) => format!("Open it with: opabinia open {}", printable::line(&model)),
            Err(_) => "Checkpoints that look through this encoder find it here.".into(),
        }
    }
}

fn report_json(needs: &Needs, dry_run: bool) -> Map<String, Value> {
    let plan = &needs.plan;
    let total: &Arc<Progress> = plan.progress();
    let repositories = needs.parts.iter().map(|part| {
        let listing = &part.listing;
        let object = json!({
            "repo": listing.repo.id(),
            "kind": match listing.repo.kind() { RepoKind::Model => "model", RepoKind::Dataset => "dataset" },
            "revision": listing.revision,
            "commit": listing.commit,
            "files": part.names,
            "bytes": part.bytes(),
        });
        json_path::with(object, "directory", &part.directory)
    });
    let elsewhere = needs
        .elsewhere
        .iter()
        .map(|(encoder, directory)| json_path::with(json!({ "repo": encoder }), "directory", directory));
    let mut object = Map::new();
    object.insert("repositories".into(), repositories.collect());
    object.insert("elsewhere".into(), elsewhere.collect());
    object.insert("notes".into(), needs.notes.clone().into());
    object.insert("present_files".into(), plan.present.into());
    object.insert("missing_files".into(), if dry_run { plan.missing() } else { 0 }.into());
    object.insert("missing_bytes".into(), if dry_run { plan.bytes_to_fetch() } else { 0 }.into());
    object.insert("fetched_bytes".into(), (needs.described + total.fetched()).into());
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_repositories_are_understood() {
        assert_eq!(parse_id("a/b").unwrap(), "a/b");
        assert_eq!(parse_id(&format!("{ENDPOINT}/a/b/")).unwrap(), "a/b");
        for wrong in ["a", "a/b/c", "../b", "https://elsewhere.test/a/b", ""] {
            assert!(parse_id(wrong).unwrap_err().contains("ORGANISATION/NAME"), "{wrong}");
        }
    }
}
