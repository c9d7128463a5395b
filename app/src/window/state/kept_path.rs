//! Paths as they are kept in JSON, which holds text only, while a file may have any name: for `#[serde(with)]`.
//!
//! A path is a string where it is text. Where it is not, it is the list of the numbers that the system has for it: bytes,
//! or on Windows units of 16 bits. Either way it comes back as it was, and one odd name never stops a session from being
//! saved.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Writes `path`.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => serializer.serialize_str(text),
        None => system::units(path).serialize(serializer),
    }
}

/// Reads a path.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Units(Vec<system::Unit>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => OsString::from(text),
        Kept::Units(units) => system::from_units(&units),
    }
    .into())
}

/// The same for paths with names.
pub mod named {
    use super::{Deserialize, Deserializer, PathBuf, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Kept(#[serde(with = "super")] PathBuf);

    /// Writes `paths`.
    pub fn serialize<S: Serializer>(paths: &[(String, PathBuf)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|(name, path)| (name, Kept(path.clone()))))
    }

    /// Reads paths.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, PathBuf)>, D::Error> {
        let kept = Vec::<(String, Kept)>::deserialize(deserializer)?;
        Ok(kept.into_iter().map(|(name, Kept(path))| (name, path)).collect())
    }
}

#[cfg(unix)]
mod system {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    pub type Unit = u8;

    pub fn units(path: &Path) -> Vec<Unit> {
        path.as_os_str().as_bytes().to_vec()
    }

    pub fn from_units(units: &[Unit]) -> OsString {
        OsStr::from_bytes(units).to_owned()
    }
}

#[cfg(windows)]
mod system {
    use std::ffi::OsString;
    use std::os::windows::ffi::{OsStrExt, OsStringExt};
    use std::path::Path;

    pub type Unit = u16;

    pub fn units(path: &Path) -> Vec<Unit> {
        path.as_os_str().encode_wide().collect()
    }

    pub fn from_units(units: &[Unit]) -> OsString {
        OsString::from_wide(units)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use crate::window::state::{PictureSource, Recent};
    use std::os::unix::ffi::OsStringExt;
    use std::path::PathBuf;

    #[test]
    fn every_name_comes_back_and_text_stays_text() {
        let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/photos/caf\xe9.jpg".to_vec()));
        let recent =
            Recent { encoders: vec![("a".into(), odd.clone()), ("b".into(), "/b".into())], ..Recent::default() };
        let text = serde_json::to_string(&recent).unwrap();
        assert!(text.contains(r#"["b","/b"]"#), "{text}");
        assert_eq!(serde_json::from_str::<Recent>(&text).unwrap(), recent);
        let source = PictureSource::File(odd);
        let text = serde_json::to_string(&source).unwrap();
        assert_eq!(serde_json::from_str::<PictureSource>(&text).unwrap(), source);
        let plain = PictureSource::File("/photos/café.jpg".into());
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"File":"/photos/café.jpg"}"#);
    }
}
