//! Paths in JSON. A path may hold bytes that are no text, and JSON holds text only.

use serde_json::{Map, Value};
use std::path::Path;

/// Puts `path` into `object` under `key`: as text, in which U+FFFD stands for what is none. Only where there is such, its
/// bytes stand beside it, as numbers under `<key>_bytes`: in Python, `bytes(object["image_bytes"])` opens the file.
pub fn insert(object: &mut Map<String, Value>, key: &str, path: &Path) {
    let bytes = path.to_str().is_none().then(|| path.as_os_str().as_encoded_bytes().to_vec());
    object.insert(key.to_owned(), path.to_string_lossy().into());
    if let Some(bytes) = bytes {
        object.insert(format!("{key}_bytes"), bytes.into());
    }
}

/// The same for a path that may be missing: then it is `null`.
pub fn insert_optional(object: &mut Map<String, Value>, key: &str, path: Option<&Path>) {
    match path {
        Some(path) => insert(object, key, path),
        None => {
            object.insert(key.to_owned(), Value::Null);
        }
    }
}

/// `object`, which is one, with `path` in it under `key`.
pub fn with(mut object: Value, key: &str, path: &Path) -> Value {
    if let Some(object) = object.as_object_mut() {
        insert(object, key, path);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_is_text() {
        assert_eq!(with(json!({ "a": 1 }), "file", Path::new("é.png")), json!({ "a": 1, "file": "é.png" }));
        let mut object = Map::new();
        insert_optional(&mut object, "image", None);
        assert_eq!(Value::Object(object), json!({ "image": null }));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_can_still_be_opened() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        let expected = json!({ "file": "caf\u{fffd}", "file_bytes": [99, 97, 102, 0xe9] });
        assert_eq!(with(json!({}), "file", path), expected);
    }
}
