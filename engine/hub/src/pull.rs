//! Repositories into the cache: what is there, what is missing, how large it is, and bringing it.

use crate::client::Client;
use crate::error::{Error, Result};
use crate::fetch::fetch;
use crate::listing::{self, Listing, RemoteFile};
use crate::names::{Repo, is_commit, is_inner_path};
use crate::patience::check;
use crate::progress::{FileProgress, Progress, Stop};
use crate::settings::Settings;
use crate::store::Store;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Room that is left free beside the files.
const SPARE: u64 = 64 << 20;

/// A connection to the hub and the cache that is filled from it.
#[derive(Debug, Clone)]
pub struct Session {
    client: Arc<Client>,
    cache: PathBuf,
}

/// A file that was chosen, and where it belongs.
#[derive(Debug, Clone)]
struct Wanted {
    listing: usize,
    file: RemoteFile,
}

/// Files to be there, and what that takes.
#[derive(Debug, Clone)]
pub struct Plan {
    listings: Vec<Arc<Listing>>,
    missing: Vec<Wanted>,
    progress: Arc<Progress>,
    /// Files that are there already.
    pub present: usize,
    /// Bytes of those.
    pub present_bytes: u64,
    /// Bytes of the missing files that an earlier attempt left on the disk.
    pub arrived_bytes: u64,
}

impl Plan {
    /// How far its files are; alive while they are brought.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// How many files are missing.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Bytes that have to come over the network.
    pub fn bytes_to_fetch(&self) -> u64 {
        self.progress.total().saturating_sub(self.arrived_bytes)
    }
}

impl Session {
    /// A session that fills the directory `cache` and ends early when `stop` asks for it. Nothing is asked of the network yet.
    ///
    /// # Errors
    /// [`Error::Usage`] if the network is forbidden, or a setting cannot be used.
    pub fn new(settings: Settings, cache: PathBuf, stop: Stop) -> Result<Self> {
        if let Some(name) = settings.offline {
            return Err(Error::usage(
                format!("{name} is set, so nothing is brought from the network"),
                format!("unset {name} to bring files; what is in the cache can be used without that"),
            ));
        }
        Ok(Self { client: Client::new(settings, stop)?, cache })
    }

    /// The directory that is filled.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where the hub is.
    pub fn endpoint(&self) -> &str {
        &self.client.settings().endpoint
    }

    /// What `repo` holds at `revision`: a branch, a tag or a commit.
    ///
    /// # Errors
    /// [`Error::Hub`] if there is no such thing, if it may not be seen, or if the hub cannot be reached.
    pub fn list(&self, repo: &Repo, revision: &str) -> Result<Listing> {
        listing::list(&self.client, repo, revision)
    }

    /// The directory that shows the files of `listing` under their names, whether or not they are there.
    pub fn snapshot(&self, listing: &Listing) -> PathBuf {
        Store::new(&self.cache, &listing.repo).snapshot(&listing.commit)
    }

    /// What it takes to have the files `names` of each listing. The cache is looked at, and nothing is changed.
    ///
    /// # Errors
    /// [`Error::Hub`] if a name is not in its listing, or could lead out of the cache.
    pub fn plan(&self, wanted: &[(Arc<Listing>, Vec<String>)]) -> Result<Plan> {
        let mut plan = Plan {
            listings: wanted.iter().map(|(listing, _)| Arc::clone(listing)).collect(),
            missing: Vec::new(),
            progress: Arc::default(),
            present: 0,
            present_bytes: 0,
            arrived_bytes: 0,
        };
        let mut files = Vec::new();
        let mut seen = HashSet::new();
        for (index, (listing, names)) in wanted.iter().enumerate() {
            let store = Store::new(&self.cache, &listing.repo);
            for name in names {
                let repo = &listing.repo;
                if !is_inner_path(name) {
                    return Err(Error::hub(
                        format!("{repo} holds a file whose name could lead out of the cache: {name:?}"),
                        "do not use this repository; if you need its other files, choose them with --include",
                    ));
                }
                let file = listing.file(name).ok_or_else(|| {
                    Error::hub(format!("{repo} has no file {name}"), "check its revision, and run this again")
                })?;
                if store.has(&listing.commit, file) {
                    plan.present += 1;
                    plan.present_bytes += file.size;
                    continue;
                }
                // Two names of one content share what arrives of it.
                let is_first = seen.insert((index, file.blob.clone()));
                plan.arrived_bytes += match store.has_blob(file) {
                    true => file.size,
                    false if is_first => store.arrived(file),
                    false => file.size,
                };
                files.push(Arc::new(FileProgress::new(repo.to_string(), name.clone(), file.size)));
                plan.missing.push(Wanted { listing: index, file: file.clone() });
            }
        }
        plan.progress = Arc::new(Progress { files });
        Ok(plan)
    }

    /// Checks that the files of `plan` fit on the disk.
    ///
    /// # Errors
    /// [`Error::Storage`] with what is needed and what is free.
    pub fn check_room(&self, plan: &Plan) -> Result<()> {
        let needed = plan.bytes_to_fetch();
        // The first directory on the way up that is there.
        let place = self.cache.ancestors().find(|dir| dir.is_dir()).unwrap_or(&self.cache);
        let free = fs4::available_space(place).map_err(|error| Error::storage(place, &error))?;
        if needed == 0 || needed.saturating_add(SPARE) <= free {
            return Ok(());
        }
        let gigabytes = |bytes: u64| format!("{:.2} GB", bytes as f64 / 1e9);
        Err(Error::Storage {
            what: format!(
                "{}: there is no room: {} are to be brought, and {} are free",
                self.cache.display(),
                gigabytes(needed),
                gigabytes(free)
            ),
            help: "make room, or set HF_HUB_CACHE to a directory on a larger disk".into(),
        })
    }

    /// Brings the files of `plan` that are missing, several at once.
    ///
    /// A file that was begun goes on where it stopped. What arrived stays if this ends early.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if it was asked to stop; else the first error of any file.
    pub fn fetch(&self, plan: &Plan) -> Result<()> {
        self.check_room(plan)?;
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<Error>> = Mutex::default();
        let has_failed = || failed.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let work = || {
            while !has_failed() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(wanted), Some(progress)) = (plan.missing.get(index), plan.progress.files.get(index)) else {
                    return;
                };
                let Some(listing) = plan.listings.get(wanted.listing) else { return };
                let store = Store::new(&self.cache, &listing.repo);
                let fetched = check(self.client.stop())
                    .and_then(|()| fetch(&self.client, &store, listing, &wanted.file, progress));
                if let Err(error) = fetched {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            }
        };
        let threads = self.client.settings().files_at_once.clamp(1, plan.missing.len().max(1));
        std::thread::scope(|scope| {
            // This thread works too; where the system gives no further ones, it works alone.
            for _ in 1..threads {
                if std::thread::Builder::new().name("hub-fetch".into()).spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Notes which commit the branches and tags of `plan` are, so that its snapshots are those that are found by them. To be
    /// called when all is there that belongs to them: until then an older snapshot, which is whole, stays the one that is found.
    ///
    /// # Errors
    /// [`Error::Storage`] if that cannot be written.
    pub fn publish(&self, plan: &Plan) -> Result<()> {
        let named = plan.listings.iter().filter(|listing| !is_commit(&listing.revision));
        named.into_iter().try_for_each(|listing| {
            Store::new(&self.cache, &listing.repo).write_reference(&listing.revision, &listing.commit)
        })
    }
}
