//! How the hub is reached: endpoint, token, proxies, certificates, patience. The variables are those of `huggingface_hub`, with
//! the meaning they have there.

use crate::environment::{self, Variable};
use crate::error::{Error, Result};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::Uri;

/// Where the hub is, unless `HF_ENDPOINT` says otherwise.
pub const ENDPOINT: &str = "https://huggingface.co";

/// No token and no list of certificates is longer.
const MAX_TOKEN: u64 = 4096;
const MAX_CERTIFICATES: u64 = 16 << 20;

/// Where a token came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A variable of the environment, by name.
    Variable(&'static str),
    /// A file.
    File(PathBuf),
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What proves to the hub who asks. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: String,
    /// Where it came from.
    pub source: TokenSource,
}

impl Token {
    /// The token `secret` from `source`; `None` if it holds anything that no token holds.
    pub fn new(secret: &str, source: TokenSource) -> Option<Self> {
        let secret = secret.trim();
        let plain = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| Self { secret: secret.to_owned(), source })
    }

    /// The header that carries it.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(from {})", self.source)
    }
}

/// The proxies of the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For addresses that begin with `http:`.
    pub http: Option<String>,
    /// For addresses that begin with `https:`.
    pub https: Option<String>,
    /// Hosts that are reached without one.
    pub except: Option<String>,
}

/// How the hub is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the hub is, without a slash at its end.
    pub endpoint: String,
    /// Who asks, if anyone in particular.
    pub token: Option<Token>,
    /// Which variable forbids the network, if one does.
    pub offline: Option<&'static str>,
    /// Proxies to go through.
    pub proxies: Proxies,
    /// A file with the certificates to trust instead of Mozilla's.
    pub certificates: Option<PathBuf>,
    /// How long the beginning of an answer may take.
    pub answer_within: Duration,
    /// How long a file may stand still.
    pub stall_after: Duration,
    /// How long to wait before the first repetition; each further one waits twice as long.
    pub first_pause: Duration,
    /// How many files are brought at once.
    pub files_at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: ENDPOINT.into(),
            token: None,
            offline: None,
            proxies: Proxies::default(),
            certificates: None,
            answer_within: Duration::from_secs(30),
            stall_after: Duration::from_secs(30),
            first_pause: Duration::from_secs(1),
            files_at_once: 4,
        }
    }
}

impl Settings {
    /// What the environment says: `HF_ENDPOINT`, `HF_TOKEN` (and the older `HUGGING_FACE_HUB_TOKEN`), the token file,
    /// `HF_HUB_DISABLE_IMPLICIT_TOKEN`, `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`, `HF_HUB_ETAG_TIMEOUT`,
    /// `HF_HUB_DOWNLOAD_TIMEOUT`, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` in either case, and `SSL_CERT_FILE` or
    /// `REQUESTS_CA_BUNDLE`.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the variable or file that cannot be used.
    pub fn from_env() -> Result<Self> {
        Self::of(&environment::of_process, std::env::home_dir().as_deref())
    }

    /// What the variables in `variable` say, for a person at home in `home`. Errors as for [`Settings::from_env`].
    pub fn of(variable: Variable<'_>, home: Option<&Path>) -> Result<Self> {
        let default = Self::default();
        let text = |name: &str| environment::text(variable, name);
        // Both cases, as curl and requests do.
        let either = |name: &str| text(&name.to_lowercase()).or_else(|| text(name));
        let seconds = |name: &str, default: Duration| {
            let given = text(name).and_then(|value| value.parse::<u64>().ok()).filter(|seconds| *seconds > 0);
            given.map_or(default, Duration::from_secs)
        };
        let endpoint = match text("HF_ENDPOINT") {
            Some(endpoint) => checked_endpoint(&endpoint)?,
            None => default.endpoint,
        };
        let offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];
        Ok(Self {
            endpoint,
            token: token(variable, home)?,
            offline: offline.into_iter().find(|name| environment::is_on(variable, name)),
            proxies: Proxies {
                http: either("HTTP_PROXY").or_else(|| either("ALL_PROXY")),
                https: either("HTTPS_PROXY").or_else(|| either("ALL_PROXY")),
                except: either("NO_PROXY"),
            },
            certificates: text("SSL_CERT_FILE").or_else(|| text("REQUESTS_CA_BUNDLE")).map(PathBuf::from),
            answer_within: seconds("HF_HUB_ETAG_TIMEOUT", default.answer_within),
            stall_after: seconds("HF_HUB_DOWNLOAD_TIMEOUT", default.stall_after),
            first_pause: default.first_pause,
            files_at_once: default.files_at_once,
        })
    }

    /// The bytes of [`Self::certificates`], if there are any.
    pub(crate) fn certificate_bytes(&self) -> Result<Option<Vec<u8>>> {
        let Some(path) = &self.certificates else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_CERTIFICATES).read_to_end(&mut bytes));
        read.map_err(|error| {
            Error::usage(
                format!("{}: the certificates to trust cannot be read: {error}", path.display()),
                "set SSL_CERT_FILE to a file of certificates in PEM, or unset it and REQUESTS_CA_BUNDLE",
            )
        })?;
        Ok(Some(bytes))
    }
}

/// `endpoint` without a slash at its end, if it is an address that can be asked.
fn checked_endpoint(endpoint: &str) -> Result<String> {
    let trimmed = endpoint.trim_end_matches('/');
    let uri = trimmed.parse::<Uri>().ok();
    let usable = uri.is_some_and(|uri| {
        let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        matches!(uri.scheme_str(), Some("http" | "https")) && plain && uri.query().is_none()
    });
    if usable {
        return Ok(trimmed.to_owned());
    }
    Err(Error::usage(
        format!("HF_ENDPOINT is set to `{endpoint}`, which is no address of a hub"),
        format!("give it as {ENDPOINT} is given, without a name or password in it, or unset it"),
    ))
}

/// The token of whoever runs the program, if there is one.
fn token(variable: Variable<'_>, home: Option<&Path>) -> Result<Option<Token>> {
    if environment::is_on(variable, "HF_HUB_DISABLE_IMPLICIT_TOKEN") {
        return Ok(None);
    }
    let unusable = |source: &TokenSource| {
        Error::usage(
            format!("the token from {source} holds characters that no token has"),
            "copy it again from the settings of your account, or take it away to ask without one",
        )
    };
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
        if let Some(secret) = environment::text(variable, name) {
            let source = TokenSource::Variable(name);
            return Token::new(&secret, source.clone()).map(Some).ok_or_else(|| unusable(&source));
        }
    }
    let Some(path) = environment::token_file(variable, home) else { return Ok(None) };
    let mut secret = String::new();
    match File::open(&path).and_then(|file| file.take(MAX_TOKEN).read_to_string(&mut secret)) {
        Ok(_) if secret.trim().is_empty() => Ok(None),
        Ok(_) => {
            let source = TokenSource::File(path);
            Token::new(&secret, source.clone()).map(Some).ok_or_else(|| unusable(&source))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::usage(
            format!("{}: the token cannot be read: {error}", path.display()),
            "mend the file, set HF_TOKEN instead, or set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to ask without a token",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn settings(variables: &[(&str, &str)], home: Option<&Path>) -> Result<Settings> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Settings::of(&variable, home)
    }

    #[test]
    fn variables_of_huggingface_hub_are_obeyed() {
        let plain = settings(&[], None).unwrap();
        assert_eq!((plain.endpoint.as_str(), plain.token, plain.offline), (ENDPOINT, None, None));
        let all = settings(
            &[
                ("HF_ENDPOINT", "http://mirror.test:8080/hub/"),
                ("HF_TOKEN", " hf_abc\n"),
                ("HF_HUB_OFFLINE", "yes"),
                ("HF_HUB_DOWNLOAD_TIMEOUT", "7"),
                ("ALL_PROXY", "http://p:1"),
                ("https_proxy", "http://p:2"),
                ("NO_PROXY", "localhost"),
            ],
            None,
        )
        .unwrap();
        assert_eq!(all.endpoint, "http://mirror.test:8080/hub");
        assert_eq!(all.token.as_ref().unwrap().header(), "Bearer hf_abc");
        assert!(!format!("{all:?}").contains("hf_abc"), "a token is never printed");
        assert_eq!(all.offline, Some("HF_HUB_OFFLINE"));
        assert_eq!(all.stall_after, Duration::from_secs(7));
        let proxies = [all.proxies.http.as_deref(), all.proxies.https.as_deref(), all.proxies.except.as_deref()];
        assert_eq!(proxies, [Some("http://p:1"), Some("http://p:2"), Some("localhost")]);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for endpoint in ["huggingface.co", "ftp://a", "http://user:pw@a", "http://a?x=1", "http://", "x y"] {
            let error = settings(&[("HF_ENDPOINT", endpoint)], None).unwrap_err().to_string();
            assert!(error.contains("HF_ENDPOINT") && error.contains("\n  "), "{error}");
        }
        let error = settings(&[("HF_TOKEN", "hf_a b")], None).unwrap_err().to_string();
        assert!(error.contains("HF_TOKEN") && !error.contains("hf_a"), "{error}");
        assert_eq!(
            settings(&[("HF_TOKEN", "hf_a b"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")], None).unwrap().token,
            None
        );
    }

    #[test]
    fn a_token_is_read_from_its_file() {
        let home = tempfile::tempdir().unwrap();
        let hf = home.path().join(".cache/huggingface");
        std::fs::create_dir_all(&hf).unwrap();
        assert_eq!(settings(&[], Some(home.path())).unwrap().token, None);
        std::fs::write(hf.join("token"), "hf_file\n").unwrap();
        let token = settings(&[], Some(home.path())).unwrap().token.unwrap();
        assert_eq!((token.header().as_str(), token.source), ("Bearer hf_file", TokenSource::File(hf.join("token"))));
        std::fs::write(hf.join("token"), b"\xff").unwrap();
        assert!(settings(&[], Some(home.path())).unwrap_err().to_string().contains("token cannot be read"));
    }
}
