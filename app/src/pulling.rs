//! What a model or a data set needs from the hub: which repositories, and which of their files.
//!
//! `opabinia-hub` brings files and knows nothing of models; the engine knows what it reads and nothing of the network. This is
//! where both meet: the configuration comes first, and says which encoders belong to it.

use opabinia_engine::Error as EngineError;
use opabinia_engine::checkpoint::json::JsonFile;
use opabinia_engine::checkpoint::{CambrianConfig, EncoderFamily, EncoderOrigin, EncoderSource, Hub, RepoRole};
use opabinia_hub::Error as HubError;
use opabinia_hub::listing::Listing;
use opabinia_hub::names::{Repo, RepoKind};
use opabinia_hub::progress::Stop;
use opabinia_hub::pull::{Plan, Session};
use opabinia_hub::settings::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Endings of the files of a data set that this program reads: tables, lists, and pictures.
const OF_DATASETS: [&str; 13] =
    ["parquet", "jsonl", "json", "tsv", "csv", "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// Why it cannot be found out, or did not come.
#[derive(Debug)]
pub enum Error {
    /// A file that came, or what was asked for, cannot be used.
    Engine(EngineError),
    /// The hub gave nothing.
    Hub(HubError),
}

/// Result of whatever asks the hub.
pub type Result<T> = std::result::Result<T, Error>;

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<HubError> for Error {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The repository.
    pub repo: Repo,
    /// Its branch, tag or commit.
    pub revision: String,
    /// Whether the encoders of a checkpoint are to be there too.
    pub encoders: bool,
    /// Patterns of the files to bring instead of those that this program reads; `*` stands for anything.
    pub include: Vec<String>,
}

/// One repository that is needed.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it holds.
    pub listing: Arc<Listing>,
    /// The files of it that are needed.
    pub names: Vec<String>,
    /// Where they are, or will be.
    pub directory: PathBuf,
}

impl Part {
    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.names.iter().filter_map(|name| self.listing.file(name)).map(|file| file.size).fold(0, u64::saturating_add)
    }
}

/// Everything that is needed.
#[derive(Debug, Clone)]
pub struct Needs {
    /// The repositories, that which was asked for first.
    pub parts: Vec<Part>,
    /// Encoders that are on this machine already, outside of the cache that is filled.
    pub elsewhere: Vec<(String, PathBuf)>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Bytes of small files that came while this was found out.
    pub described: u64,
    /// What it takes.
    pub plan: Plan,
    /// Where it comes from.
    pub endpoint: String,
    /// The cache that it goes into.
    pub cache: PathBuf,
}

/// A session with the hub that the environment names, which fills the first cache that it names, until `stop`.
///
/// # Errors
/// If the network is forbidden, a variable cannot be used, or there is no place for a cache.
pub fn session(hub: &Hub, stop: Stop) -> Result<Session> {
    let cache = hub.caches().first().ok_or_else(|| {
        let what = "there is no place for the hub cache: this user has no home directory";
        EngineError::input(what, "set HF_HUB_CACHE to a directory")
    })?;
    Ok(Session::new(Settings::from_env()?, cache.clone(), stop)?)
}

/// Finds out what `wish` needs. Small files that say so are brought on the way; `looking` is told each repository.
///
/// # Errors
/// If the hub cannot be asked, the repository is none that this program can use, or a file has a name that leads elsewhere.
pub fn needs(session: &Session, hub: &Hub, wish: &Wish, looking: &dyn Fn(&Repo)) -> Result<Needs> {
    looking(&wish.repo);
    let listing = Arc::new(session.list(&wish.repo, &wish.revision)?);
    let mut found = Needs {
        parts: Vec::new(),
        elsewhere: Vec::new(),
        notes: Vec::new(),
        described: 0,
        plan: session.plan(&[])?,
        endpoint: session.endpoint().to_owned(),
        cache: session.cache().to_path_buf(),
    };
    if wish.repo.kind() == RepoKind::Dataset || !wish.include.is_empty() {
        let names = chosen(&listing, &wish.include)?;
        found.parts.push(part(session, listing, names));
    } else {
        let role = role(session, &listing, &mut found)?;
        let model = of_role(session, listing, role, &mut found)?;
        let directory = model.directory.clone();
        found.parts.push(model);
        if role == RepoRole::Checkpoint && wish.encoders {
            encoders(session, hub, &directory, looking, &mut found)?;
        }
    }
    let wanted: Vec<_> = found.parts.iter().map(|part| (Arc::clone(&part.listing), part.names.clone())).collect();
    found.plan = session.plan(&wanted)?;
    Ok(found)
}

/// Adds what the encoders of the checkpoint in `directory` need.
fn encoders(session: &Session, hub: &Hub, directory: &Path, looking: &dyn Fn(&Repo), found: &mut Needs) -> Result<()> {
    let config = CambrianConfig::read(directory)?;
    for (k, encoder) in config.towers.iter().enumerate() {
        let place = hub.encoder(directory, k, encoder, &[]).ok();
        if let Some(place) = place.filter(|place| !place.dir.starts_with(session.cache())) {
            debug_assert_ne!(place.source, EncoderSource::Override);
            found.elsewhere.push((encoder.origin.to_string(), place.dir));
            continue;
        }
        let repo = match &encoder.origin {
            EncoderOrigin::Repository(id) => Repo::new(RepoKind::Model, id),
            EncoderOrigin::Folder(_) => None,
        };
        let Some(repo) = repo else {
            found.notes.push(format!(
                "config.json names the encoder {} by a folder, which is on no hub: say where it is with --tower {}=DIR",
                encoder.name,
                encoder.family.word()
            ));
            continue;
        };
        if found.parts.iter().any(|part| part.listing.repo == repo) {
            continue;
        }
        looking(&repo);
        let listing = Arc::new(session.list(&repo, opabinia_hub::cache::MAIN)?);
        let encoder = of_role(session, listing, RepoRole::Encoder(encoder.family), found)?;
        found.parts.push(encoder);
    }
    Ok(())
}

/// What the repository is: its configuration says so, and for encoders its name.
fn role(session: &Session, listing: &Arc<Listing>, found: &mut Needs) -> Result<RepoRole> {
    const CONFIG: &str = "config.json";
    if listing.file(CONFIG).is_some() {
        found.described += bring(session, listing, vec![CONFIG.to_owned()])?;
        let config = JsonFile::read(&session.snapshot(listing).join(CONFIG))?;
        if config.get("mm_vision_tower_aux_list").is_some() {
            return Ok(RepoRole::Checkpoint);
        }
    }
    Ok(EncoderFamily::of_name(listing.repo.id()).map_or(RepoRole::Checkpoint, RepoRole::Encoder))
}

/// The files of a repository that is a `role`.
fn of_role(session: &Session, listing: Arc<Listing>, role: RepoRole, found: &mut Needs) -> Result<Part> {
    let (id, names) = (listing.repo.id(), listing.names());
    let mut wanted = role.describing(id, &names)?;
    found.described += bring(session, &listing, wanted.clone())?;
    let directory = session.snapshot(&listing);
    if role == RepoRole::Checkpoint {
        // Before anything large comes: whether it can be opened at all.
        CambrianConfig::read(&directory)?;
    }
    wanted.extend(role.weights(id, &names, &directory)?);
    Ok(part(session, listing, wanted))
}

fn part(session: &Session, listing: Arc<Listing>, names: Vec<String>) -> Part {
    let directory = session.snapshot(&listing);
    Part { listing, names, directory }
}

/// Brings small files at once, and gives how many bytes came.
fn bring(session: &Session, listing: &Arc<Listing>, names: Vec<String>) -> Result<u64> {
    let plan = session.plan(&[(Arc::clone(listing), names)])?;
    session.fetch(&plan)?;
    Ok(plan.progress().fetched())
}

/// The files that one of `include` fits, or that this program reads of a data set.
fn chosen(listing: &Listing, include: &[String]) -> Result<Vec<String>> {
    let read = |name: &str| {
        let (_, ending) = name.rsplit_once('.').unwrap_or_default();
        OF_DATASETS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    };
    let fits = |name: &str| match include {
        [] => read(name),
        patterns => patterns.iter().any(|pattern| matches(pattern, name)),
    };
    let names: Vec<String> = listing.names().into_iter().filter(|name| fits(name)).map(str::to_owned).collect();
    if !names.is_empty() {
        return Ok(names);
    }
    let some: Vec<&str> = listing.names().into_iter().take(8).collect();
    let what = format!("{} has no such file among {}", listing.repo, listing.files.len());
    let help = format!("choose with --include, for example by '*'; it holds {}", some.join(", "));
    Err(EngineError::input(what, help).into())
}

/// Whether `pattern`, in which `*` stands for anything, fits all of `name`.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name) in [
            ("*", "a/b.c"),
            ("*.parquet", "d/x.parquet"),
            ("a*b*c", "a1b2b3c"),
            ("x", "x"),
            ("*2d*", "test_2d.parquet"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("x", "xy"), ("*.parquet", "x.parquet.md"), ("a*b", "ac"), ("ab*ba", "aba"), ("", "x")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
