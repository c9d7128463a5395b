//! One request to the hub: redirects, who is told the token, what an answer means.

use crate::error::{Error, Result};
use crate::names::Repo;
use crate::patience::{Patience, Trouble, check};
use crate::progress::Stop;
use crate::settings::Settings;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use ureq::http::{HeaderMap, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;

/// No document of the hub's interface is longer.
const MAX_DOCUMENT: u64 = 32 << 20;

/// No message of a server is shown at more length.
const MAX_MESSAGE: usize = 200;

/// How long until a connection stands.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// What is asked for, for messages.
pub(crate) struct Subject<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The revision.
    pub revision: &'a str,
    /// The file in it, if it is one.
    pub file: Option<&'a str>,
}

/// An answer: what the hub said first, and what came in the end.
pub(crate) struct Answer {
    /// 200, 206 or 416.
    pub status: u16,
    /// The headers of the hub itself, before it sent us elsewhere.
    pub hub: HeaderMap,
    /// The headers of whoever sends the bytes.
    pub last: HeaderMap,
    pub body: Body,
}

impl Answer {
    /// A header of the hub's, or of the last answer.
    pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Asks the hub. Shared by the threads that bring files.
#[derive(Debug)]
pub(crate) struct Client {
    settings: Settings,
    /// For addresses that begin with `http:` and `https:`; only their proxies differ.
    http: Agent,
    https: Agent,
    stop: Stop,
    connected: AtomicBool,
}

impl Client {
    /// A client for `settings` whose requests end when `stop` asks for it, also those that wait for a server.
    pub(crate) fn new(settings: Settings, stop: Stop) -> Result<Arc<Self>> {
        let certificates = settings.certificate_bytes()?;
        let agent = |proxy: &Option<String>| agent(&settings, proxy.as_deref(), certificates.as_deref());
        let (http, https) = (agent(&settings.proxies.http)?, agent(&settings.proxies.https)?);
        let client = Arc::new(Self { settings, http, https, stop, connected: AtomicBool::default() });
        let watched = Arc::downgrade(&client);
        // Where the system gives no thread, requests end with their timeouts.
        drop(std::thread::Builder::new().name("hub-stop".into()).spawn(move || interrupt(&watched)));
        Ok(client)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Fresh patience for a request.
    pub(crate) fn patience(&self) -> Patience<'_> {
        Patience::new(&self.stop, self.settings.first_pause, self.connected.load(Ordering::Relaxed))
    }

    /// The JSON document at `path` below the endpoint, and the headers it came with.
    ///
    /// # Errors
    /// As for [`Client::get`], after repetitions; or if it is no JSON.
    pub(crate) fn document(&self, path: &str, subject: &Subject<'_>) -> Result<(serde_json::Value, HeaderMap)> {
        let mut patience = self.patience();
        loop {
            let read = self.get(path, None, subject).and_then(|answer| {
                let mut bytes = Vec::new();
                let read = answer.body.into_reader().take(MAX_DOCUMENT + 1).read_to_end(&mut bytes);
                read.map_err(|error| Trouble::passing(format!("the answer broke off ({})", error.kind())))?;
                if bytes.len() as u64 > MAX_DOCUMENT {
                    return Err(self.odd("its answer is longer than any list of files").into());
                }
                let value = serde_json::from_slice(&bytes).map_err(|_| self.odd("its answer is no JSON"))?;
                Ok((value, answer.last))
            });
            match read {
                Ok(read) => return Ok(read),
                Err(trouble) => patience.wait(&self.settings.endpoint, trouble)?,
            }
        }
    }

    /// Asks once for what lies at `path` below the endpoint, from byte `from` on, wherever the hub sends us for it.
    ///
    /// # Errors
    /// Trouble that says whether to try again.
    pub(crate) fn get(&self, path: &str, from: Option<u64>, subject: &Subject<'_>) -> Result<Answer, Trouble> {
        let home = format!("{}/{}", self.settings.endpoint, path.trim_start_matches('/'));
        let home: Uri = home.parse().map_err(|_| self.odd("an address on it cannot be built"))?;
        let mut at = home.clone();
        let mut hub: Option<HeaderMap> = None;
        for _ in 0..=MAX_REDIRECTS {
            check(&self.stop)?;
            // Whoever is not the hub is neither told the token nor asked to explain itself.
            let is_hub = is_same_origin(&at, &home);
            let agent = if at.scheme_str() == Some("https") { &self.https } else { &self.http };
            let mut request = agent.get(at.clone()).header(header::ACCEPT_ENCODING, "identity");
            if let Some(from) = from {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            if let Some(token) = self.settings.token.as_ref().filter(|_| is_hub) {
                request = request.header(header::AUTHORIZATION, token.header());
            }
            let response = request.call().map_err(|error| self.transport(&error, is_hub))?;
            self.connected.store(true, Ordering::Relaxed);
            let (parts, body) = response.into_parts();
            let (status, headers) = (parts.status.as_u16(), parts.headers);
            // A repository that was renamed is known by its second answer.
            if is_hub {
                hub = Some(headers.clone());
            }
            match status {
                200 | 206 | 416 => {
                    let hub = hub.unwrap_or_default();
                    return Ok(Answer { status, hub, last: headers, body });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let place = Answer::text(&headers, "location").and_then(|place| redirected(&at, place));
                    at = place.ok_or_else(|| self.odd("it sends us to an address that cannot be used"))?;
                }
                408 | 425 | 429 | 500..=599 => {
                    let who = if is_hub { "the hub" } else { "the server of its files" };
                    let why = match status {
                        429 => format!("{who} says that it was asked too often (429)"),
                        _ => format!("{who} has a problem of its own ({status})"),
                    };
                    return Err(Trouble::Passing { why, after: pause_asked_for(&headers) });
                }
                _ if !is_hub => {
                    // Addresses of files are signed for a while; a new one is given for a new question.
                    return Err(Trouble::passing(format!("the server of the hub's files refused ({status})")));
                }
                _ => return Err(self.refusal(status, &headers, body, subject).into()),
            }
        }
        Err(self.odd("it sends us in a circle").into())
    }

    /// The endpoint did something that no hub does.
    pub(crate) fn odd(&self, what: &str) -> Error {
        Error::hub(
            format!("{} does not answer like a hub: {what}", self.settings.endpoint),
            "check HF_ENDPOINT, if you set it; a proxy, or a page that asks to log in to the network, may answer in its place",
        )
    }

    /// What no answer at all means.
    fn transport(&self, error: &ureq::Error, is_hub: bool) -> Trouble {
        let why = match error {
            ureq::Error::HostNotFound => "its name is not known here".to_owned(),
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            ureq::Error::Io(error) => format!("no connection ({})", error.kind()),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
                return Trouble::Lasting(Error::hub(
                    format!("{}: no secure connection: {error}", self.settings.endpoint),
                    "where a proxy opens connections, set SSL_CERT_FILE to its certificates; also check the clock of this machine",
                ));
            }
            ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => "the proxy refused".to_owned(),
            _ => "the answer was no HTTP".to_owned(),
        };
        tracing::debug!("{error}");
        if is_hub { Trouble::passing(why) } else { Trouble::passing(format!("the server of its files: {why}")) }
    }

    /// What a refusal of the hub means, and what to do.
    fn refusal(&self, status: u16, headers: &HeaderMap, body: Body, subject: &Subject<'_>) -> Error {
        let code = Answer::text(headers, "x-error-code").unwrap_or_default();
        let said = Answer::text(headers, "x-error-message").map(short);
        let said = said.or_else(|| {
            let mut bytes = Vec::new();
            body.into_reader().take(4096).read_to_end(&mut bytes).ok()?;
            let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            value.get("error")?.as_str().map(short)
        });
        let endpoint = &self.settings.endpoint;
        let (repo, revision) = (subject.repo, subject.revision);
        let page = format!("{endpoint}/{}{repo}", repo.kind().page_prefix());
        let get_token = format!("create a token that may read ({endpoint}/settings/tokens) and set HF_TOKEN to it");
        let source = self.settings.token.as_ref().map(|token| &token.source);
        let is_gated = code == "GatedRepo" || said.as_deref().is_some_and(|said| said.contains("gated"));
        match (status, source) {
            (401 | 403, None) if is_gated => Error::hub(
                format!("{repo} is gated: its owners ask whoever uses it to agree to their terms first"),
                format!("open {page}, log in and agree; then {get_token}, and run this again"),
            ),
            (401 | 403, Some(source)) if is_gated => Error::hub(
                format!("{repo} is gated, and the account of the token from {source} has not been let in"),
                format!(
                    "open {page} with that account and agree to the terms; where the owners decide themselves, wait for their \
                     answer. The token must be allowed to read gated repositories"
                ),
            ),
            (_, _) if code == "RevisionNotFound" => Error::hub(
                format!("{repo} has no revision `{revision}`"),
                format!("see its branches, tags and commits at {page}/commits, or leave --revision out"),
            ),
            (404, _) if code == "EntryNotFound" || (code.is_empty() && subject.file.is_some()) => Error::hub(
                format!("{repo} has no file {} at `{revision}`", subject.file.unwrap_or("with that name")),
                "run this again: if the repository was changed just now, its list of files is new",
            ),
            (401, Some(source)) if code.is_empty() => Error::hub(
                format!("the token from {source} is not accepted"),
                format!("{get_token}, or take it away to ask without one"),
            ),
            (401 | 404, _) => Error::hub(
                format!("{repo} was not found on {endpoint}, or it is private and not shown"),
                match source {
                    None => format!("check its name; if it is private, {get_token}"),
                    Some(source) => {
                        format!("check its name, and that the account of the token from {source} may see it")
                    }
                },
            ),
            _ => Error::hub(
                format!(
                    "{endpoint} refused to give {repo} ({status}{})",
                    said.map_or_else(String::new, |said| format!(": {said}"))
                ),
                format!("look at {page} in a browser: the reason stands there"),
            ),
        }
    }
}

/// Ends the requests of a client when it is asked to stop; ends with the client.
fn interrupt(client: &Weak<Client>) {
    while let Some(client) = client.upgrade() {
        if client.stop.is_stopped() {
            client.http.clone().shutdown();
            client.https.clone().shutdown();
            return;
        }
        drop(client);
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// What makes connections, through `proxy`.
fn agent(settings: &Settings, proxy: Option<&str>, certificates: Option<&[u8]>) -> Result<Agent> {
    let proxy = proxy.map(|address| self::proxy(address, settings.proxies.except.as_deref())).transpose()?;
    let mut tls = TlsConfig::builder();
    if let Some(bytes) = certificates {
        let certificates: Vec<Certificate<'static>> = parse_pem(bytes)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            let path = settings.certificates.as_deref().unwrap_or(std::path::Path::new("")).display();
            return Err(Error::usage(
                format!("{path}: holds no certificate"),
                "set SSL_CERT_FILE to a file of certificates in PEM, or unset it and REQUESTS_CA_BUNDLE",
            ));
        }
        tls = tls.root_certs(RootCerts::Specific(Arc::new(certificates)));
    }
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("opabinia/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy)
        .tls_config(tls.build())
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_recv_response(Some(settings.answer_within))
        .timeout_per_read(Some(settings.stall_after))
        .timeout_per_write(Some(settings.stall_after))
        .input_buffer_size(256 << 10)
        .build();
    Ok(config.new_agent())
}

fn proxy(address: &str, except: Option<&str>) -> Result<Proxy> {
    let unusable = || {
        // It may hold a password.
        Error::usage(
            "the proxy that the environment names cannot be used",
            "set HTTPS_PROXY to http://HOST:PORT; proxies of other kinds (SOCKS) are not spoken",
        )
    };
    let parsed = Proxy::new(address).map_err(|_| unusable())?;
    let mut builder = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    if let Some(name) = parsed.username() {
        builder = builder.username(name);
    }
    if let Some(password) = parsed.password() {
        builder = builder.password(password);
    }
    for host in except.into_iter().flat_map(|list| list.split(',')).map(str::trim).filter(|host| !host.is_empty()) {
        builder = builder.no_proxy(host);
    }
    builder.build().map_err(|_| unusable())
}

/// Whether both addresses are answered by the same server.
fn is_same_origin(a: &Uri, b: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let host = |uri: &Uri| uri.host().unwrap_or_default().to_ascii_lowercase();
    a.scheme_str() == b.scheme_str() && host(a) == host(b) && port(a) == port(b)
}

/// The address that `place` means to whoever was at `from`; `None` if it cannot be used, or leaves a secure connection.
fn redirected(from: &Uri, place: &str) -> Option<Uri> {
    let scheme = from.scheme_str()?;
    let to: Uri = if place.contains("://") {
        place.parse().ok()?
    } else if place.starts_with("//") {
        format!("{scheme}:{place}").parse().ok()?
    } else {
        let path = if place.starts_with('/') {
            place.to_owned()
        } else {
            let (folder, _) = from.path().rsplit_once('/')?;
            format!("{folder}/{place}")
        };
        format!("{scheme}://{}{path}", from.authority()?).parse().ok()?
    };
    let secure = |uri: &Uri| uri.scheme_str() == Some("https");
    let usable = matches!(to.scheme_str(), Some("http" | "https")) && to.host().is_some();
    (usable && (secure(&to) || !secure(from))).then_some(to)
}

/// When the server says to come again, in the headers that hubs use: `Retry-After`, and `RateLimit` with its `t=`.
fn pause_asked_for(headers: &HeaderMap) -> Option<Duration> {
    let seconds = Answer::text(headers, "retry-after").and_then(|value| value.trim().parse::<u64>().ok());
    let limit = || {
        let fields = Answer::text(headers, "ratelimit")?.split([';', ',']);
        fields.filter_map(|field| field.trim().strip_prefix("t=")).find_map(|value| value.parse::<u64>().ok())
    };
    seconds.or_else(limit).map(Duration::from_secs)
}

/// A server's words, at a length that a message can bear, without control characters.
fn short(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_hub_itself_is_the_hub() {
        let home = uri("https://hub.test/a");
        assert!(is_same_origin(&uri("https://HUB.test:443/b"), &home));
        for other in
            ["http://hub.test/a", "https://hub.test:8443/a", "https://cdn.hub.test/a", "https://hub.test.evil/a"]
        {
            assert!(!is_same_origin(&uri(other), &home), "{other}");
        }
    }

    #[test]
    fn redirects_are_resolved_and_never_leave_a_secure_connection() {
        let from = uri("https://hub.test/a/b?c=1");
        let to = |place| redirected(&from, place).map(|uri| uri.to_string());
        assert_eq!(to("/x?y").as_deref(), Some("https://hub.test/x?y"));
        assert_eq!(to("x").as_deref(), Some("https://hub.test/a/x"));
        assert_eq!(to("//cdn.test/x").as_deref(), Some("https://cdn.test/x"));
        assert_eq!(to("https://cdn.test/x").as_deref(), Some("https://cdn.test/x"));
        for place in ["http://cdn.test/x", "ftp://cdn.test/x", "file:///etc/passwd", "https://", "\u{e9} "] {
            assert_eq!(to(place), None, "{place}");
        }
    }

    #[test]
    fn servers_may_ask_for_a_pause() {
        let asked = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            pause_asked_for(&headers)
        };
        assert_eq!(asked("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("ratelimit", "\"api\";r=0;t=55"), Some(Duration::from_secs(55)));
        assert_eq!(asked("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }
}
