//! Where the hub caches of this machine are: the variables of `huggingface_hub` and of transformers, with the meaning
//! they have there.
//!
//! A variable that is set to nothing counts as not set.
//!
//! Variables are asked for through a function, so that tests need not change those of their process.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What a variable of the environment is set to, by its name.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The variables of this process.
pub fn of_process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The directories in which repositories are looked for, in order, each once: where `huggingface_hub` would put them
/// first, then the places of older variables, then the defaults.
pub fn caches(variable: Variable<'_>, home: Option<&Path>) -> Vec<PathBuf> {
    let expanded = |name: &str| directory(variable, home, name);
    let default = home.map(|home| home.join(".cache"));
    let candidates = [
        expanded("HF_HUB_CACHE"),
        expanded("HUGGINGFACE_HUB_CACHE"),
        expanded("TRANSFORMERS_CACHE"),
        expanded("HF_HOME").map(|home| home.join("hub")),
        expanded("XDG_CACHE_HOME").map(|cache| cache.join("huggingface").join("hub")),
        default.map(|cache| cache.join("huggingface").join("hub")),
    ];
    let mut caches = Vec::new();
    for cache in candidates.into_iter().flatten() {
        if !caches.contains(&cache) {
            caches.push(cache);
        }
    }
    caches
}

/// The file that holds the token of whoever logged in with `huggingface_hub`: `HF_TOKEN_PATH`, or `token` in `HF_HOME` or in
/// its default place.
pub fn token_file(variable: Variable<'_>, home: Option<&Path>) -> Option<PathBuf> {
    let expanded = |name: &str| directory(variable, home, name);
    let hf_home = || {
        let cache = expanded("XDG_CACHE_HOME").or_else(|| home.map(|home| home.join(".cache")));
        expanded("HF_HOME").or_else(|| cache.map(|cache| cache.join("huggingface")))
    };
    expanded("HF_TOKEN_PATH").or_else(|| hf_home().map(|home| home.join("token")))
}

/// The text that `name` is set to, without space around it; `None` if there is none, or what is there is no text.
pub fn text(variable: Variable<'_>, name: &str) -> Option<String> {
    let value = variable(name)?.into_string().ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Whether `name` is set to something that means yes: 1, on, yes, true, in any case.
pub fn is_on(variable: Variable<'_>, name: &str) -> bool {
    text(variable, name).is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str()))
}

/// The directory that `name` is set to, expanded as `huggingface_hub` does.
fn directory(variable: Variable<'_>, home: Option<&Path>, name: &str) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    set(name).map(|value| PathBuf::from(expand_variables(&expand_home(&value, home), &set)))
}

/// Python's `os.path.expanduser`, but for `~name`, the home of another user, which stays as it is.
fn expand_home(value: &OsStr, home: Option<&Path>) -> OsString {
    let (Some(home), Some(rest)) = (home, value.as_encoded_bytes().strip_prefix(b"~")) else { return value.to_owned() };
    let is_own = rest.first().is_none_or(|&byte| byte == b'/' || (cfg!(windows) && byte == b'\\'));
    if !is_own {
        return value.to_owned();
    }
    // What follows the first character, which is ASCII, is whole.
    let mut path = home.as_os_str().to_owned();
    path.push(value_from(value, 1));
    path
}

/// Python's `os.path.expandvars`: `$NAME` and `${NAME}`; what is not set stays as it is.
fn expand_variables(value: &OsStr, variable: Variable<'_>) -> OsString {
    let bytes = value.as_encoded_bytes();
    let mut out = OsString::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == b'$')) {
        let start = at + found;
        let rest = &bytes[start + 1..];
        let (name, length) = if rest.first() == Some(&b'{') {
            let end = rest.iter().position(|&byte| byte == b'}');
            end.map_or((&[][..], 0), |end| (&rest[1..end], end + 1))
        } else {
            let end = rest.iter().position(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'_'));
            let end = end.unwrap_or(rest.len());
            (&rest[..end], end)
        };
        at = start + 1 + length;
        let known = std::str::from_utf8(name).ok().filter(|name| is_name(name)).and_then(variable);
        if let Some(known) = known {
            out.push(value_between(value, copied, start));
            out.push(known);
            copied = at;
        }
    }
    out.push(value_from(value, copied));
    out
}

/// Whether the system can be asked for a variable of this name without a panic.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// `value` from its byte `start` on, which follows a character of ASCII.
fn value_from(value: &OsStr, start: usize) -> OsString {
    value_between(value, start, value.len())
}

/// The bytes `start..end` of `value`, which lie between characters of ASCII or its ends.
#[cfg(unix)]
fn value_between(value: &OsStr, start: usize, end: usize) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    OsString::from_vec(value.as_bytes().get(start..end).unwrap_or_default().to_vec())
}

/// The bytes `start..end` of `value`, which lie between characters of ASCII or its ends. What is not Unicode in it, which
/// a path can be, becomes U+FFFD.
#[cfg(not(unix))]
fn value_between(value: &OsStr, start: usize, end: usize) -> OsString {
    let bytes = value.as_encoded_bytes().get(start..end).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The caches with these variables set, of a person at home in `/h`.
    fn with(variables: &[(&str, &str)]) -> Vec<PathBuf> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        caches(&variable, Some(Path::new("/h")))
    }

    #[track_caller]
    fn first(variables: &[(&str, &str)], expected: &str) {
        assert_eq!(with(variables)[0], Path::new(expected), "{variables:?}");
    }

    #[test]
    fn variables_mean_what_they_mean_to_huggingface_hub() {
        first(&[], "/h/.cache/huggingface/hub");
        first(&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub");
        first(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/hf")], "/hf/hub");
        first(&[("HF_HOME", "/hf"), ("TRANSFORMERS_CACHE", "/t")], "/t");
        first(&[("TRANSFORMERS_CACHE", "/t"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old");
        first(&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/c")], "/c");
        first(&[("HF_HUB_CACHE", ""), ("HF_HOME", "/hf")], "/hf/hub");
        let all = with(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/hf"), ("XDG_CACHE_HOME", "/h/.cache")]);
        assert_eq!(all, ["/c", "/hf/hub", "/h/.cache/huggingface/hub"].map(PathBuf::from));
    }

    #[test]
    fn home_and_variables_are_expanded() {
        let data = ("DATA", "/data");
        first(&[("HF_HUB_CACHE", "~/hub")], "/h/hub");
        first(&[("HF_HUB_CACHE", "~")], "/h");
        first(&[("HF_HUB_CACHE", "~other/hub")], "~other/hub");
        first(&[("HF_HUB_CACHE", "/a/~/hub")], "/a/~/hub");
        first(&[("HF_HUB_CACHE", "$DATA/hub"), data], "/data/hub");
        first(&[("HF_HOME", "${DATA}x/$DATA"), data], "/datax//data/hub");
        first(&[("HF_HUB_CACHE", "/a/$NONE/${NONE}/$/${/$DATA"), data], "/a/$NONE/${NONE}/$/${//data");
        // What a variable holds is not expanded again.
        first(&[("HF_HUB_CACHE", "$A"), ("A", "$DATA/~"), data], "$DATA/~");
        assert!(caches(&|_| None, None).is_empty());
    }

    #[test]
    fn the_token_lies_where_huggingface_hub_puts_it() {
        let file = |variables: &[(&str, &str)]| {
            let variable =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
            token_file(&variable, Some(Path::new("/h"))).unwrap()
        };
        assert_eq!(file(&[]), Path::new("/h/.cache/huggingface/token"));
        assert_eq!(file(&[("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/token"));
        assert_eq!(file(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")]), Path::new("/h/hf/token"));
        assert_eq!(file(&[("HF_HOME", "/hf"), ("HF_TOKEN_PATH", "/secret")]), Path::new("/secret"));
    }

    #[test]
    fn switches_are_on_for_the_words_of_huggingface_hub() {
        for (value, expected) in [("1", true), ("ON", true), ("Yes", true), (" true ", true), ("0", false), ("", false)]
        {
            assert_eq!(is_on(&|_| Some(value.into()), "X"), expected, "{value}");
        }
        assert!(!is_on(&|_| None, "X"));
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_need_not_be_unicode() {
        use std::os::unix::ffi::OsStringExt;
        let odd = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let variable = |name: &str| (name == "HF_HUB_CACHE").then(|| odd(b"~/\xe9$\xff/${\xe9}"));
        assert_eq!(caches(&variable, Some(Path::new("/h")))[0], PathBuf::from(odd(b"/h/\xe9$\xff/${\xe9}")));
    }
}
