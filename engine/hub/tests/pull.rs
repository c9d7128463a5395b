//! Repositories into a cache, from a hub that fails in every way it can.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../../../tests/support/hub_server.rs"]
mod hub_server;

use hub_server::{Fault, HubServer, blob, noise};
use opabinia_hub::names::{Repo, RepoKind};
use opabinia_hub::progress::Stop;
use opabinia_hub::pull::Session;
use opabinia_hub::settings::{Settings, Token, TokenSource};
use opabinia_hub::{Error, Result, cache};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ID: &str = "some-lab/model-1";
const SIZE: usize = 3_000_000;

fn repo() -> Repo {
    Repo::new(RepoKind::Model, ID).unwrap()
}

/// A hub with one repository: two small files and a large one.
fn hub() -> (HubServer, String) {
    let hub = HubServer::start();
    let commit = put(&hub, 1);
    (hub, commit)
}

fn files(seed: u64) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("config.json", format!("{{\"seed\": {seed}}}").into_bytes()),
        ("model.safetensors", noise(SIZE, seed)),
        ("nested/deep/a b.txt", b"hello".to_vec()),
        ("empty", Vec::new()),
    ]
}

fn put(hub: &HubServer, seed: u64) -> String {
    hub.put("models", ID, files(seed))
}

fn settings(hub: &HubServer) -> Settings {
    Settings {
        endpoint: hub.endpoint.clone(),
        first_pause: Duration::from_millis(5),
        answer_within: Duration::from_secs(5),
        stall_after: Duration::from_millis(400),
        ..Settings::default()
    }
}

fn session(hub: &HubServer, cache: &Path) -> Session {
    Session::new(settings(hub), cache.to_path_buf(), Stop::default()).unwrap()
}

/// Brings everything that `repo` holds, and gives its snapshot.
fn pull_with(session: &Session, revision: &str) -> Result<PathBuf> {
    let listing = Arc::new(session.list(&repo(), revision)?);
    let names = listing.names().into_iter().map(str::to_owned).collect();
    let plan = session.plan(&[(Arc::clone(&listing), names)])?;
    session.fetch(&plan)?;
    session.publish(&plan)?;
    assert_eq!(plan.progress().done(), plan.progress().total());
    Ok(session.snapshot(&listing))
}

fn pull(hub: &HubServer, cache: &Path) -> Result<PathBuf> {
    pull_with(&session(hub, cache), "main")
}

/// Every name in the snapshot holds what the hub has, and every blob what its name says.
#[track_caller]
fn assert_whole(snapshot: &Path, seed: u64) {
    for (name, bytes) in files(seed) {
        assert!(fs::read(snapshot.join(name)).unwrap() == bytes, "{name}");
    }
    assert_blobs_true(snapshot.ancestors().nth(2).unwrap());
}

/// What stands in `repo` under the name of a blob has its checksum.
#[track_caller]
fn assert_blobs_true(repo: &Path) {
    let Ok(entries) = fs::read_dir(repo.join("blobs")) else { return };
    for entry in entries.map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        if !name.contains("incomplete") {
            assert_eq!(blob(&fs::read(entry.path()).unwrap()), name);
        }
    }
}

fn repo_dir(cache: &Path) -> PathBuf {
    cache.join("models--some-lab--model-1")
}

#[test]
fn a_repository_lands_in_the_layout_of_huggingface_hub() {
    let (hub, commit) = hub();
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("hub");
    let snapshot = pull(&hub, &cache).unwrap();
    assert_whole(&snapshot, 1);
    let repo = repo_dir(&cache);
    assert_eq!(snapshot, repo.join("snapshots").join(&commit));
    assert_eq!(fs::read_to_string(repo.join("refs/main")).unwrap(), commit);
    assert_eq!(cache::snapshot(&repo).unwrap(), snapshot);
    assert!(fs::read_to_string(cache.join("CACHEDIR.TAG")).unwrap().starts_with("Signature: 8a477f597d28d172"));
    #[cfg(unix)]
    {
        let link = fs::read_link(snapshot.join("model.safetensors")).unwrap();
        assert_eq!(link, Path::new("../../blobs").join(blob(&noise(SIZE, 1))));
        let link = fs::read_link(snapshot.join("nested/deep/a b.txt")).unwrap();
        assert_eq!(link, Path::new("../../../../blobs").join(blob(b"hello")));
    }
    // Once more: nothing is asked for but the lists.
    hub.take_seen();
    pull(&hub, &cache).unwrap();
    assert!(hub.take_seen().iter().all(|seen| seen.path.starts_with("/api/")));
}

#[test]
fn a_new_commit_brings_only_what_changed() {
    let (hub, old) = hub();
    let dir = tempfile::tempdir().unwrap();
    pull(&hub, dir.path()).unwrap();
    let mut changed = files(1);
    changed[0].1 = b"{\"seed\": 2}".to_vec();
    let new = hub.put("models", ID, changed);
    assert_ne!(old, new);
    hub.take_seen();
    let snapshot = pull(&hub, dir.path()).unwrap();
    let asked: Vec<_> = hub.take_seen().into_iter().filter(|seen| seen.path.contains("/resolve/")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(fs::read(snapshot.join("config.json")).unwrap(), b"{\"seed\": 2}");
    assert_eq!(fs::read(snapshot.join("model.safetensors")).unwrap(), noise(SIZE, 1));
    assert!(repo_dir(dir.path()).join("snapshots").join(old).join("config.json").is_file());
}

#[test]
fn a_commit_can_be_asked_for_and_names_no_branch() {
    let (hub, commit) = hub();
    let dir = tempfile::tempdir().unwrap();
    let snapshot = pull_with(&session(&hub, dir.path()), &commit).unwrap();
    assert_whole(&snapshot, 1);
    assert!(!repo_dir(dir.path()).join("refs").exists());
    for revision in ["../main", "", "a\\b", "-x"] {
        assert!(matches!(session(&hub, dir.path()).list(&repo(), revision), Err(Error::Usage { .. })), "{revision}");
    }
}

#[test]
fn lists_come_in_pieces() {
    let (hub, _) = hub();
    hub.set_page(Some(1));
    let dir = tempfile::tempdir().unwrap();
    assert_whole(&pull(&hub, dir.path()).unwrap(), 1);
}

#[test]
fn passing_faults_pass() {
    let large = "model.safetensors";
    let status = |status| Fault::Status(status, vec![]);
    let faults: Vec<(&str, Vec<Fault>)> = vec![
        (large, vec![Fault::Cut(1_000_000), Fault::Cut(500_000), Fault::Cut(0)]),
        (large, vec![Fault::Stall(700_000)]),
        (large, vec![status(500), status(503), status(429)]),
        (large, vec![Fault::Status(429, vec![("Retry-After", "0".into())])]),
        (large, vec![Fault::WrongBytes]),
        (large, vec![Fault::TooLong]),
        (large, vec![Fault::Cut(1_000_000), Fault::IgnoresRange]),
        (large, vec![Fault::Cut(1_000_000), Fault::WrongRange]),
        (large, vec![Fault::Cut(1_000_000), status(416)]),
        // The signed address is no longer good.
        (large, vec![status(403)]),
        (large, vec![Fault::Garbage]),
        ("config.json", vec![status(502), Fault::Cut(3), Fault::WrongBytes]),
        ("/api/", vec![status(500), status(429)]),
        ("/tree/", vec![status(504), Fault::Garbage]),
    ];
    for (part, faults) in faults {
        let (hub, _) = hub();
        for fault in &faults {
            hub.fail(part, fault.clone());
        }
        let dir = tempfile::tempdir().unwrap();
        let snapshot = pull(&hub, dir.path()).unwrap_or_else(|error| panic!("{part} {faults:?}: {error}"));
        assert_whole(&snapshot, 1);
        assert_eq!(hub.forgive(), 0, "{part} {faults:?}: not every fault was met");
    }
}

#[test]
fn what_was_cut_goes_on_where_it_stopped() {
    let (hub, _) = hub();
    hub.fail("model.safetensors", Fault::Cut(2_000_000));
    let dir = tempfile::tempdir().unwrap();
    pull(&hub, dir.path()).unwrap();
    let ranges: Vec<String> =
        hub.take_seen().into_iter().filter_map(|seen| seen.headers.get("range").cloned()).collect();
    let resumed =
        ranges.iter().filter_map(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let last = resumed.max().unwrap();
    assert!(last > 1_000_000 && last <= 2_000_000, "{ranges:?}");
}

#[test]
fn nothing_lands_whose_checksum_is_wrong() {
    let large = "model.safetensors";
    let cases: Vec<(Fault, &str)> = vec![
        (Fault::WrongBytes, "checksum"),
        (Fault::TooLong, "bytes where"),
        (Fault::Status(500, vec![]), "problem of its own"),
        (Fault::Status(429, vec![("Retry-After", "0".into())]), "too often"),
        (Fault::Cut(0), "cut"),
        (Fault::Stall(0), "cut"),
        (Fault::Garbage, "no HTTP"),
    ];
    for (fault, word) in cases {
        let (hub, _) = hub();
        for _ in 0..12 {
            hub.fail(large, fault.clone());
        }
        let dir = tempfile::tempdir().unwrap();
        let error = pull(&hub, dir.path()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Hub { .. }) && text.contains(word), "{fault:?}: {text}");
        assert!(!text.contains("signature") && !text.contains("127.0.0.1") && text.contains("\n  "), "{text}");
        let repo = repo_dir(dir.path());
        assert!(!repo.join("blobs").join(blob(&noise(SIZE, 1))).exists(), "{fault:?}");
        assert!(!repo.join("refs/main").exists(), "{fault:?}: a snapshot that is not whole is nobody's main");
        assert_blobs_true(&repo);
        // And when the hub is well again, the same command does it.
        hub.forgive();
        assert_whole(&pull(&hub, dir.path()).unwrap(), 1);
    }
}

#[test]
fn what_an_earlier_attempt_left_is_only_believed_when_its_checksum_is_right() {
    for left in [noise(SIZE, 9)[..1_234_567].to_vec(), noise(SIZE, 9), noise(SIZE + 5, 9), noise(SIZE, 1)] {
        let (hub, _) = hub();
        let dir = tempfile::tempdir().unwrap();
        let blobs = repo_dir(dir.path()).join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{}.incomplete", blob(&noise(SIZE, 1)))), &left).unwrap();
        assert_whole(&pull(&hub, dir.path()).unwrap(), 1);
        let asked = hub.take_seen().iter().any(|seen| seen.path.contains("model.safetensors"));
        assert_eq!(asked, left != noise(SIZE, 1), "what is whole is not asked for");
    }
}

#[test]
fn a_damaged_cache_is_mended() {
    let (hub, commit) = hub();
    let dir = tempfile::tempdir().unwrap();
    pull(&hub, dir.path()).unwrap();
    let repo = repo_dir(dir.path());
    let name = blob(&noise(SIZE, 1));
    // A blob cut short, a link to nothing, a file in place of a link.
    fs::write(repo.join("blobs").join(&name), b"short").unwrap();
    fs::remove_file(repo.join("blobs").join(blob(b"hello"))).unwrap();
    let config = repo.join("snapshots").join(commit).join("config.json");
    fs::remove_file(&config).unwrap();
    fs::write(&config, b"something else").unwrap();
    assert_whole(&pull(&hub, dir.path()).unwrap(), 1);
}

#[test]
fn the_token_is_told_to_the_hub_alone() {
    let (hub, _) = hub();
    hub.lock(ID, "hf_secret", true);
    let dir = tempfile::tempdir().unwrap();
    let with = |token: Option<&str>| {
        let token = token.map(|secret| Token::new(secret, TokenSource::Variable("HF_TOKEN")).unwrap());
        let settings = Settings { token, ..settings(&hub) };
        pull_with(&Session::new(settings, dir.path().to_path_buf(), Stop::default()).unwrap(), "main")
    };
    let message = with(None).unwrap_err().to_string();
    for word in ["gated", "agree", "HF_TOKEN", "settings/tokens", &format!("{}/{ID}", hub.endpoint)] {
        assert!(message.contains(word), "no `{word}` in {message}");
    }
    let message = with(Some("hf_other")).unwrap_err().to_string();
    assert!(message.contains("has not been let in") && message.contains("HF_TOKEN"), "{message}");
    assert!(!message.contains("hf_other"), "{message}");
    hub.take_seen();
    assert_whole(&with(Some("hf_secret")).unwrap(), 1);
    let seen = hub.take_seen();
    assert!(seen.iter().any(|seen| seen.cdn), "the large file came from elsewhere");
    for seen in seen {
        assert_eq!(seen.headers.contains_key("authorization"), !seen.cdn, "{seen:?}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let (hub, _) = hub();
    let dir = tempfile::tempdir().unwrap();
    let message = |error: Error| {
        let text = error.to_string();
        assert!(text.contains("\n  "), "no advice in {text}");
        text
    };
    let other = Repo::new(RepoKind::Model, "some-lab/other").unwrap();
    let text = message(session(&hub, dir.path()).list(&other, "main").unwrap_err());
    assert!(text.contains("some-lab/other was not found") && text.contains("private"), "{text}");
    let text = message(session(&hub, dir.path()).list(&repo(), "v9").unwrap_err());
    assert!(text.contains("no revision `v9`"), "{text}");
    hub.lock(ID, "hf_secret", false);
    let token = Token::new("hf_wrong", TokenSource::File("/h/token".into()));
    let locked = Settings { token, ..settings(&hub) };
    let locked = Session::new(locked, dir.path().to_path_buf(), Stop::default()).unwrap();
    let text = message(locked.list(&repo(), "main").unwrap_err());
    assert!(text.contains("token from /h/token is not accepted"), "{text}");
    put(&hub, 1);
    for part in ["/revision/", "/tree/"] {
        hub.fail(part, Fault::WrongBytes);
        let text = message(session(&hub, dir.path()).list(&repo(), "main").unwrap_err());
        assert!(text.contains("does not answer like a hub") && text.contains("proxy"), "{text}");
    }
    hub.fail("/revision/", Fault::Status(403, vec![("X-Error-Message", "Blocked: no".into())]));
    let text = message(session(&hub, dir.path()).list(&repo(), "main").unwrap_err());
    assert!(text.contains("403: Blocked: no") && text.contains("browser"), "{text}");
    hub.fail("/revision/", Fault::Status(302, vec![("Location", "ftp://elsewhere/x".into())]));
    let text = message(session(&hub, dir.path()).list(&repo(), "main").unwrap_err());
    assert!(text.contains("cannot be used") && !text.contains("elsewhere"), "{text}");
    for _ in 0..11 {
        hub.fail(
            "/revision/",
            Fault::Status(307, vec![("Location", "/api/models/some-lab/model-1/revision/main".into())]),
        );
    }
    let text = message(session(&hub, dir.path()).list(&repo(), "main").unwrap_err());
    assert!(text.contains("circle"), "{text}");
    // Nobody is there.
    let gone = Settings { endpoint: "http://127.0.0.1:9".into(), ..settings(&hub) };
    let gone = Session::new(gone, dir.path().to_path_buf(), Stop::default()).unwrap();
    let text = message(gone.list(&repo(), "main").unwrap_err());
    assert!(text.contains("no connection") && text.contains("tried 3 times"), "{text}");
    // It must not be asked.
    let offline = Settings { offline: Some("HF_HUB_OFFLINE"), ..settings(&hub) };
    let text = message(Session::new(offline, dir.path().to_path_buf(), Stop::default()).unwrap_err());
    assert!(text.contains("HF_HUB_OFFLINE"), "{text}");
}

#[test]
fn no_name_from_the_hub_leads_out_of_the_cache() {
    let (hub, _) = hub();
    let outer = tempfile::tempdir().unwrap();
    let cache = outer.path().join("cache");
    for name in
        ["../../../escaped", "/tmp/escaped", "a/../../escaped", "a\\..\\escaped", "C:escaped", "a/\u{1b}[2J", ""]
    {
        hub.set_strange(Some(name));
        let error = pull(&hub, &cache).unwrap_err().to_string();
        assert!(error.contains("could lead out of the cache"), "{name}: {error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
        assert!(!cache.exists(), "{name}: nothing is begun");
    }
    let beside: Vec<_> = fs::read_dir(outer.path()).unwrap().collect();
    assert!(beside.is_empty(), "{beside:?}");
}

#[test]
fn a_mirror_that_mixes_versions_is_refused() {
    let (hub, _) = hub();
    let dir = tempfile::tempdir().unwrap();
    let session = session(&hub, dir.path());
    let listing = Arc::new(session.list(&repo(), "main").unwrap());
    let mut mixed = (*listing).clone();
    mixed.files.iter_mut().for_each(|file| file.size += 1);
    let plan = session.plan(&[(Arc::new(mixed), vec!["model.safetensors".into()])]).unwrap();
    let error = session.fetch(&plan).unwrap_err().to_string();
    assert!(error.contains("announces another file than it listed") && error.contains("HF_ENDPOINT"), "{error}");
}

#[test]
fn a_full_disk_is_noticed_before_anything_comes() {
    let (hub, _) = hub();
    let dir = tempfile::tempdir().unwrap();
    let session = session(&hub, dir.path());
    let mut listing = session.list(&repo(), "main").unwrap();
    listing.files.iter_mut().for_each(|file| file.size = 1 << 60);
    let plan = session.plan(&[(Arc::new(listing), vec!["model.safetensors".into()])]).unwrap();
    hub.take_seen();
    let error = session.fetch(&plan).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Storage { .. }), "{text}");
    assert!(text.contains("1152921504.61 GB") && text.contains("HF_HUB_CACHE"), "{text}");
    assert!(hub.take_seen().is_empty());
}

#[test]
fn two_sessions_at_once_bring_every_byte_once() {
    let (hub, _) = hub();
    hub.set_rate(Some(6_000_000));
    let dir = tempfile::tempdir().unwrap();
    let snapshots: Vec<PathBuf> = std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..3).map(|_| scope.spawn(|| pull(&hub, dir.path()).unwrap())).collect();
        pulls.into_iter().map(|pull| pull.join().unwrap()).collect()
    });
    assert_whole(&snapshots[0], 1);
    let begun = hub.take_seen().iter().filter(|seen| seen.cdn && !seen.headers.contains_key("range")).count();
    assert_eq!(begun, 1, "the others waited");
}

#[test]
fn it_stops_when_asked_and_goes_on_later() {
    let (hub, _) = hub();
    hub.set_rate(Some(1_000_000));
    let dir = tempfile::tempdir().unwrap();
    // A server that says nothing more must not keep it.
    for fault in [None, Some(Fault::Stall(100_000))] {
        if let Some(fault) = fault {
            hub.fail("model.safetensors", fault);
        }
        let stop = Stop::default();
        let settings = Settings { stall_after: Duration::from_secs(60), ..settings(&hub) };
        let session = Session::new(settings, dir.path().to_path_buf(), stop.clone()).unwrap();
        let ended = std::thread::scope(|scope| {
            let pull = scope.spawn(|| pull_with(&session, "main"));
            std::thread::sleep(Duration::from_millis(500));
            stop.stop();
            let asked = Instant::now();
            let ended = pull.join().unwrap();
            assert!(asked.elapsed() < Duration::from_secs(2), "it took {:?} to stop", asked.elapsed());
            ended
        });
        assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    }
    let left = repo_dir(dir.path()).join("blobs").join(format!("{}.incomplete", blob(&noise(SIZE, 1))));
    assert!(left.metadata().unwrap().len() > 100_000);
    assert_blobs_true(&repo_dir(dir.path()));
    hub.set_rate(None);
    hub.forgive();
    assert_whole(&pull(&hub, dir.path()).unwrap(), 1);
}

/// What the next tests run as a process of its own: a pull, told what to do by the environment.
#[test]
#[ignore = "a part of other tests, which run it as a process"]
fn child() {
    let Some(endpoint) = std::env::var_os("TEST_HUB") else { return };
    let cache = PathBuf::from(std::env::var_os("TEST_CACHE").unwrap());
    let settings = Settings {
        endpoint: endpoint.into_string().unwrap(),
        first_pause: Duration::from_millis(5),
        ..Settings::default()
    };
    pull_with(&Session::new(settings, cache, Stop::default()).unwrap(), "main").unwrap();
}

fn spawn(hub: &HubServer, cache: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored"]).env("TEST_HUB", &hub.endpoint).env("TEST_CACHE", cache);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn killed_twenty_times_it_is_whole_in_the_end() {
    let (hub, _) = hub();
    hub.set_rate(Some(1_000_000));
    let dir = tempfile::tempdir().unwrap();
    let arriving = repo_dir(dir.path()).join("blobs").join(format!("{}.incomplete", blob(&noise(SIZE, 1))));
    let arrived = || arriving.metadata().map_or(0, |about| about.len());
    // Each is killed after up to 130 KB more have arrived, the first ones earlier: at any step of the way.
    for (attempt, byte) in noise(20, u64::from(std::process::id())).into_iter().enumerate() {
        let mut child = spawn(&hub, dir.path());
        let until = arrived() + u64::from(byte) * 512;
        let patience = Instant::now();
        let longest = if attempt < 5 { Duration::from_millis(u64::from(byte) / 4) } else { Duration::from_secs(10) };
        while arrived() <= until && patience.elapsed() < longest {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_blobs_true(&repo_dir(dir.path()));
    }
    hub.set_rate(None);
    assert!(spawn(&hub, dir.path()).wait().unwrap().success());
    assert_whole(&cache::snapshot(&repo_dir(dir.path())).unwrap(), 1);
    let left: Vec<_> =
        fs::read_dir(repo_dir(dir.path()).join("blobs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), files(1).len(), "{left:?}");
    // Bytes that were there were not asked for again, or but for the last piece.
    let ranges = hub.take_seen().iter().filter(|seen| seen.cdn && seen.headers.contains_key("range")).count();
    assert!(ranges > 0, "nothing was resumed");
}

#[test]
fn two_processes_at_once_and_one_of_them_killed() {
    let (hub, _) = hub();
    hub.set_rate(Some(4_000_000));
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (spawn(&hub, dir.path()), spawn(&hub, dir.path()));
    std::thread::sleep(Duration::from_millis(300));
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(second.wait().unwrap().success());
    assert_whole(&cache::snapshot(&repo_dir(dir.path())).unwrap(), 1);
}
