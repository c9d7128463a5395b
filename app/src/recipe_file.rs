//! What files of recipes have in common: they are small JSON files that say which version they have and name files beside
//! themselves, never others. They come from strangers: everything is checked before anything is opened.

use opabinia_engine::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

/// No name in a recipe is longer, in bytes; they are drawn.
const MAX_NAME: usize = 1024;

/// A kind of recipes.
#[derive(Debug)]
pub struct RecipeKind {
    /// The member that holds the version.
    pub key: &'static str,
    /// The version that is written.
    pub version: u32,
    /// No file is longer.
    pub most_bytes: u64,
    /// Why a file without that member is none.
    pub none: &'static str,
    /// What to give instead of a bad one.
    pub help: &'static str,
}

impl RecipeKind {
    /// What is wrong with the recipe at `path`.
    pub fn bad(&self, path: &Path, problem: impl std::fmt::Display) -> Error {
        Error::input(format!("{}: {problem}", path.display()), self.help)
    }

    /// Reads the recipe at `path`.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file and what is wrong in it.
    pub fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        let bad = |problem: String| self.bad(path, problem);
        // A pipe has nothing beside it, and would have to be waited for.
        if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
            return Err(bad("is not a file".to_owned()));
        }
        let (mut text, most) = (String::new(), self.most_bytes);
        let file = File::open(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
        file.take(most + 1).read_to_string(&mut text).map_err(|error| bad(format!("cannot be read: {error}")))?;
        if text.len() as u64 > most {
            return Err(bad(format!("has more than {most} bytes, more than any recipe")));
        }
        let about: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| bad(format!("is no JSON: {error}")))?;
        match about.get(self.key).and_then(serde_json::Value::as_u64) {
            None => Err(bad(self.none.to_owned())),
            Some(version) if version > u64::from(self.version) => {
                Err(bad(format!("was written by a later version (format {version})")))
            }
            Some(_) => serde_json::from_value(about).map_err(|error| bad(format!("cannot be understood: {error}"))),
        }
    }

    /// The file beside the recipe at `path` that its member `what` calls `name`.
    ///
    /// # Errors
    /// [`Error::Input`] if that is no plain name.
    pub fn beside(&self, path: &Path, what: &str, name: &str) -> Result<PathBuf> {
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) || name.contains('\\') {
            let problem = format!("`{what}` should be the name of a file beside the recipe, not `{name}`");
            return Err(self.bad(path, problem));
        }
        Ok(path.with_file_name(name))
    }
}

/// How the names of files beside the recipe at `path` begin.
pub fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".json").unwrap_or(&name);
    stem.strip_suffix(".recipe").unwrap_or(stem).to_owned()
}

/// `name`, cut where it is longer than a name in a recipe may be.
pub fn shortened(name: &str) -> String {
    let mut name = name.to_owned();
    while name.len() > MAX_NAME {
        name.pop();
    }
    name
}

/// Whether `name` can be drawn.
pub fn is_drawable(name: &str) -> bool {
    name.len() <= MAX_NAME && !name.chars().any(char::is_control)
}

/// Writes `recipe` to `path` after `others` has written what lies beside it, called `names`.
///
/// # Errors
/// [`Error::Input`] if something of that name lies there already and no recipe does: a person was asked about the recipe's
/// name only, and what lies beside it is replaced along with an old recipe. [`Error::Io`] naming a file that cannot be written.
pub fn write<'a>(
    path: &Path,
    recipe: &impl Serialize,
    names: impl IntoIterator<Item = &'a String>,
    others: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let text = serde_json::to_string_pretty(recipe).map_err(|error| Error::io(path, std::io::Error::other(error)))?;
    crate::output::check(path, &[])?;
    for name in names {
        if path.with_file_name(name).exists() && !path.exists() {
            return Err(Error::input(
                format!("{name}: lies beside the recipe already and would be replaced"),
                "give the recipe another name, or another folder",
            ));
        }
    }
    others()?;
    crate::output::write(path, |file| file.write_all(text.as_bytes()))
}
