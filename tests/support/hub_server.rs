//! A hub in miniature: what `api/…/revision`, `api/…/tree` and `resolve` answer, and every way to fail at it. Large files are sent
//! from a second address, as the real one does.
#![allow(dead_code, clippy::unwrap_used, reason = "helpers of tests; each test binary uses its own part")]

use serde_json::{Value, json};
use sha1::Digest as _;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Files of this many bytes are large: they have a SHA-256 and lie at the second address.
pub const LARGE: usize = 4096;

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, with these headers, instead.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection is cut after so many bytes of the file.
    Cut(usize),
    /// Nothing more comes after so many bytes of the file.
    Stall(usize),
    /// The bytes are others.
    WrongBytes,
    /// The announced length is larger by one, and so is the file.
    TooLong,
    /// The file is sent from its beginning, whatever part was asked for.
    IgnoresRange,
    /// Another part is sent than the one that was asked for.
    WrongRange,
    /// The bytes of a file, but as nothing that is HTTP.
    Garbage,
}

/// A request, as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Whether it came to the second address.
    pub cdn: bool,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

struct RepoFiles {
    commit: String,
    files: BTreeMap<String, Arc<Vec<u8>>>,
    /// The token that opens it.
    token: Option<String>,
    gated: bool,
}

#[derive(Default)]
struct State {
    repos: BTreeMap<String, RepoFiles>,
    /// By a part of the path; each is used up by one answer.
    faults: Vec<(String, Fault)>,
    seen: Vec<Seen>,
    /// Bytes per second of one file.
    rate: Option<usize>,
    /// Entries of one page of a list.
    page: Option<usize>,
    /// Files are sent by the hub itself.
    no_cdn: bool,
    /// The next list holds this file too.
    strange: Option<String>,
}

/// The server. Its threads end with the process.
#[derive(Clone)]
pub struct HubServer {
    state: Arc<Mutex<State>>,
    /// Its address.
    pub endpoint: String,
    cdn: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

/// What git calls a file of `bytes`.
pub fn git_sha1(bytes: &[u8]) -> String {
    let mut hash = sha1::Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hex(&hash.finalize())
}

/// The name of the blob of `bytes`.
pub fn blob(bytes: &[u8]) -> String {
    if bytes.len() >= LARGE { sha256(bytes) } else { git_sha1(bytes) }
}

/// Bytes that look like nothing, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(length);
    out
}

impl HubServer {
    /// A hub without repositories.
    pub fn start() -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (hub, cdn) = (listen(), listen());
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let server = Self { state: Arc::default(), endpoint: address(&hub), cdn: address(&cdn) };
        for (listener, is_cdn) in [(hub, false), (cdn, true)] {
            let server = server.clone();
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let server = server.clone();
                    thread::spawn(move || server.serve(&stream, is_cdn));
                }
            });
        }
        server
    }

    /// Adds the repository `id`, or gives it a new commit. `kind` is `models` or `datasets`. Returns the commit.
    pub fn put(&self, kind: &str, id: &str, files: Vec<(&str, Vec<u8>)>) -> String {
        let files: BTreeMap<_, _> = files.into_iter().map(|(name, bytes)| (name.to_owned(), Arc::new(bytes))).collect();
        let all: String = files.iter().map(|(name, bytes)| format!("{name} {}\n", blob(bytes))).collect();
        let commit = git_sha1(format!("{id}\n{all}").as_bytes());
        let repo = RepoFiles { commit: commit.clone(), files, token: None, gated: false };
        self.state.lock().unwrap().repos.insert(format!("{kind}/{id}"), repo);
        commit
    }

    /// Adds the model repository `id` with the files in `dir`, but not those in folders.
    pub fn put_dir(&self, id: &str, dir: &Path) -> String {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            files.push((entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()));
        }
        self.put("models", id, files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect())
    }

    /// Adds the checkpoint in `dir` as `id`, and the encoders in its folder `towers` as what they are called there.
    pub fn put_checkpoint(&self, id: &str, dir: &Path) {
        self.put_dir(id, dir);
        for organisation in std::fs::read_dir(dir.join("towers")).unwrap().map(Result::unwrap) {
            for encoder in std::fs::read_dir(organisation.path()).unwrap().map(Result::unwrap) {
                let names = [organisation.file_name(), encoder.file_name()].map(|name| name.into_string().unwrap());
                self.put_dir(&names.join("/"), &encoder.path());
            }
        }
    }

    /// Closes the model repository `id` to all but those with `token`.
    pub fn lock(&self, id: &str, token: &str, gated: bool) {
        let mut state = self.state.lock().unwrap();
        let repo = state.repos.get_mut(&format!("models/{id}")).unwrap();
        (repo.token, repo.gated) = (Some(token.to_owned()), gated);
    }

    /// The next answer whose path contains `part` goes wrong.
    pub fn fail(&self, part: &str, fault: Fault) {
        self.state.lock().unwrap().faults.push((part.to_owned(), fault));
    }

    /// Takes back the faults that nobody met, and says how many those were.
    pub fn forgive(&self) -> usize {
        std::mem::take(&mut self.state.lock().unwrap().faults).len()
    }

    pub fn set_rate(&self, rate: Option<usize>) {
        self.state.lock().unwrap().rate = rate;
    }

    pub fn set_page(&self, page: Option<usize>) {
        self.state.lock().unwrap().page = page;
    }

    pub fn set_strange(&self, name: Option<&str>) {
        self.state.lock().unwrap().strange = name.map(str::to_owned);
    }

    pub fn set_no_cdn(&self) {
        self.state.lock().unwrap().no_cdn = true;
    }

    /// The requests since this was last asked.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }

    fn serve(&self, stream: &TcpStream, cdn: bool) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut first = String::new();
            if reader.read_line(&mut first).unwrap_or(0) == 0 {
                return;
            }
            let mut words = first.split_whitespace();
            let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let Some((name, value)) = line.trim_end().split_once(':') else { break };
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            let seen = Seen { cdn, path: path.to_owned(), headers };
            let fault = {
                let mut state = self.state.lock().unwrap();
                state.seen.push(seen.clone());
                // A file that lies at the second address goes wrong there.
                let place = state.faults.iter().position(|(part, _)| path.contains(part.as_str()));
                let moves = !cdn && !state.no_cdn && path.contains("/resolve/") && self.is_large(&state, path);
                place.filter(|_| !moves).map(|place| state.faults.remove(place).1)
            };
            if self.answer(stream, &method, &seen, fault).is_none() {
                drop(stream.shutdown(std::net::Shutdown::Both));
                return;
            }
        }
    }

    fn is_large(&self, state: &State, path: &str) -> bool {
        split_resolve(path)
            .and_then(|(repo, _, name)| Some(state.repos.get(&repo)?.files.get(&name)?.len() >= LARGE))
            .unwrap_or(false)
    }

    /// Answers; `None` ends the connection.
    fn answer(&self, mut out: &TcpStream, method: &str, seen: &Seen, fault: Option<Fault>) -> Option<()> {
        if let Some(Fault::Garbage) = fault {
            out.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").ok()?;
            return None;
        }
        if let Some(Fault::Status(status, headers)) = fault {
            return head(out, status, &headers, 0);
        }
        let path = seen.path.split('?').next().unwrap_or_default();
        if let Some(rest) = path.strip_prefix("/api/") {
            let (status, headers, body) = self.api(rest, seen);
            let body = if matches!(fault, Some(Fault::WrongBytes)) { b"<html>Log in</html>".to_vec() } else { body };
            head(out, status, &headers, body.len())?;
            return if method == "HEAD" { Some(()) } else { out.write_all(&body).ok() };
        }
        let Some((key, commit, name)) = split_resolve(path) else { return head(out, 404, &[], 0) };
        let (bytes, rate, no_cdn) = {
            let state = self.state.lock().unwrap();
            let Some(repo) = state.repos.get(&key) else {
                drop(state);
                return head(out, 401, &[("X-Error-Code", "RepoNotFound".into())], 0);
            };
            if !seen.cdn
                && let Some(refusal) = refusal(repo, seen)
            {
                drop(state);
                return head(out, refusal.0, &refusal.1, 0);
            }
            let known = commit == "main" || commit == repo.commit;
            let Some(bytes) = repo.files.get(&name).filter(|_| known) else {
                drop(state);
                return head(out, 404, &[("X-Error-Code", "EntryNotFound".into())], 0);
            };
            (Arc::clone(bytes), state.rate, state.no_cdn)
        };
        let commit = self.state.lock().unwrap().repos.get(&key)?.commit.clone();
        let mut headers = vec![("Accept-Ranges", "bytes".to_owned())];
        if !seen.cdn {
            let tag = format!("\"{}\"", blob(&bytes));
            headers.push(("X-Repo-Commit", commit));
            if bytes.len() >= LARGE {
                headers.push(("X-Linked-Size", bytes.len().to_string()));
                headers.push(("X-Linked-ETag", tag));
                if !no_cdn {
                    headers.push(("Location", format!("{}{path}?signature=secret", self.cdn)));
                    return head(out, 302, &headers, 0);
                }
            } else {
                headers.push(("ETag", tag));
            }
        } else {
            headers.push(("ETag", "\"0123456789abcdef0123456789abcdef\"".to_owned()));
        }
        let from =
            seen.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        let from: Option<usize> = from.filter(|_| !matches!(fault, Some(Fault::IgnoresRange)));
        let start = from.unwrap_or(0);
        if start > bytes.len() {
            return head(out, 416, &[("Content-Range", format!("bytes */{}", bytes.len()))], 0);
        }
        let mut rest = bytes.get(start..)?.to_vec();
        if from.is_some() {
            let first = if matches!(fault, Some(Fault::WrongRange)) { start + 1 } else { start };
            headers.push(("Content-Range", format!("bytes {first}-{}/{}", bytes.len() - 1, bytes.len())));
        }
        match fault {
            Some(Fault::WrongBytes) => rest.iter_mut().for_each(|byte| *byte ^= 1),
            Some(Fault::TooLong) => rest.push(0),
            _ => {}
        }
        head(out, if from.is_some() { 206 } else { 200 }, &headers, rest.len())?;
        if method == "HEAD" {
            return Some(());
        }
        let end = match fault {
            Some(Fault::Cut(end) | Fault::Stall(end)) => end.min(rest.len()),
            _ => rest.len(),
        };
        send(out, rest.get(..end)?, rate)?;
        match fault {
            Some(Fault::Cut(_)) => None,
            Some(Fault::Stall(_)) => {
                thread::sleep(Duration::from_secs(20));
                None
            }
            _ => Some(()),
        }
    }

    fn api(&self, rest: &str, seen: &Seen) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
        let parts: Vec<&str> = rest.split('/').collect();
        let [kind, organisation, name, what, revision] = parts.as_slice() else { return (404, vec![], vec![]) };
        let state = self.state.lock().unwrap();
        let Some(repo) = state.repos.get(&format!("{kind}/{organisation}/{name}")) else {
            return (401, vec![("X-Error-Code", "RepoNotFound".into())], vec![]);
        };
        if *what == "tree"
            && let Some((status, headers)) = refusal(repo, seen).filter(|_| !repo.gated)
        {
            return (status, headers, vec![]);
        }
        if *revision != "main" && *revision != repo.commit {
            return (404, vec![("X-Error-Code", "RevisionNotFound".into())], vec![]);
        }
        if *what == "revision" {
            let siblings: Vec<Value> = repo.files.keys().map(|name| json!({ "rfilename": name })).collect();
            let id = format!("{organisation}/{name}");
            let about = json!({ "id": id, "sha": repo.commit, "siblings": siblings, "private": false });
            return (200, vec![], about.to_string().into_bytes());
        }
        let mut entries: Vec<Value> = repo
            .files
            .iter()
            .map(|(name, bytes)| {
                let mut entry = json!({ "type": "file", "path": name, "size": bytes.len(), "oid": git_sha1(bytes) });
                if bytes.len() >= LARGE {
                    entry["lfs"] = json!({ "oid": sha256(bytes), "size": bytes.len(), "pointerSize": 134 });
                    entry["oid"] = json!(git_sha1(b"a pointer"));
                }
                entry
            })
            .collect();
        entries.push(json!({ "type": "directory", "path": "folder", "size": 0, "oid": git_sha1(b"a folder") }));
        if let Some(name) = &state.strange {
            entries.push(json!({ "type": "file", "path": name, "size": 1, "oid": git_sha1(b"x") }));
        }
        let question = seen.path.split_once('?').map_or("", |(_, question)| question);
        let cursor =
            question.split('&').find_map(|part| part.strip_prefix("cursor=")?.parse::<usize>().ok()).unwrap_or(0);
        let page = state.page.unwrap_or(usize::MAX);
        let slice: Vec<Value> = entries.iter().skip(cursor).take(page).cloned().collect();
        let mut headers = vec![];
        if cursor.saturating_add(page) < entries.len() {
            // Under another name, as behind a mirror.
            let next = format!("<http://hub.invalid/api/{rest}?recursive=true&cursor={}>; rel=\"next\"", cursor + page);
            headers.push(("Link", next));
        }
        (200, headers, Value::Array(slice).to_string().into_bytes())
    }
}

/// Whether `seen` may see `repo`.
fn refusal(repo: &RepoFiles, seen: &Seen) -> Option<(u16, Vec<(&'static str, String)>)> {
    let token = repo.token.as_ref()?;
    match seen.headers.get("authorization") {
        Some(given) if *given == format!("Bearer {token}") => None,
        Some(_) if repo.gated => Some((403, vec![("X-Error-Code", "GatedRepo".into())])),
        Some(_) => Some((401, vec![])),
        None if repo.gated => Some((401, vec![("X-Error-Code", "GatedRepo".into())])),
        None => Some((401, vec![("X-Error-Code", "RepoNotFound".into())])),
    }
}

/// Repository, revision and name from `/[datasets/]organisation/name/resolve/revision/file`.
fn split_resolve(path: &str) -> Option<(String, String, String)> {
    let path = path.split('?').next()?.trim_start_matches('/');
    let (kind, rest) = path.strip_prefix("datasets/").map_or(("models", path), |rest| ("datasets", rest));
    let (id, rest) = rest.split_once("/resolve/")?;
    let (revision, name) = rest.split_once('/')?;
    Some((format!("{kind}/{id}"), revision.to_owned(), name.replace("%20", " ")))
}

fn head(mut out: &TcpStream, status: u16, headers: &[(&'static str, String)], length: usize) -> Option<()> {
    let mut text = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    out.write_all(text.as_bytes()).ok()
}

fn send(mut out: &TcpStream, bytes: &[u8], rate: Option<usize>) -> Option<()> {
    let Some(rate) = rate else { return out.write_all(bytes).ok() };
    let started = Instant::now();
    let mut sent = 0;
    for piece in bytes.chunks((rate / 50).max(1)) {
        out.write_all(piece).ok()?;
        sent += piece.len();
        let due = Duration::from_secs_f64(sent as f64 / rate as f64);
        thread::sleep(due.saturating_sub(started.elapsed()));
    }
    Some(())
}
