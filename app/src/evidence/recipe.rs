//! Recipes of evidence: what was measured and how it is shown, as a small file beside the image it is about, from which
//! `opabinia evidence --recipe` makes the same numbers and figures again.
//!
//! Recipes come from strangers: the size of the file is bounded, nothing outside its own folder is named, and what is to be
//! measured is checked against the model before anything is run.

use super::Shown;
use super::measured::Measured;
use crate::figure::Theme;
use crate::recipe::write_picture;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::evidence::{Also, GameKind, GradientOf, Request};
use opabinia_engine::run::ImageId;
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Version of the format. Raised when a reader of the old one would be misled.
const VERSION: u32 = 1;

/// No recipe is larger: a few thousand interventions.
const MAX_BYTES: u64 = 8 << 20;

/// Names in a recipe are not longer, in bytes; they are drawn.
const MAX_NAME: usize = 1024;

/// A recipe as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Version of the format.
    opabinia_evidence_recipe: u32,
    /// What people call the model that was measured.
    model: String,
    /// What figures call the image.
    image_name: String,
    /// The image, beside the recipe, as the model was given it.
    image: String,
    /// The name of its pixels.
    image_id: ImageId,
    /// The image whose features are swapped in, beside the recipe.
    other: Option<String>,
    /// System text instead of the template's own.
    system: Option<String>,
    /// All turns: questions with their answers, the last one open.
    turns: Vec<(String, Option<String>)>,
    /// The ids of the answer that is measured.
    answer_ids: Vec<u32>,
    /// Whether each encoder's share, lift and norm are wanted.
    means: bool,
    /// What is done, in the order of measuring.
    interventions: Vec<Interventions>,
    /// Games over the encoders: `mask`, `swap`.
    games: Vec<String>,
    /// Gradients: `null` of the whole answer, or a token's place from 0.
    gradients: Vec<Option<usize>>,
    /// What a figure shows.
    shown: Shown,
    /// In which colours.
    theme: Theme,
}

/// A recipe with what it names.
#[derive(Debug)]
pub struct Ingredients {
    /// What is to be measured.
    pub request: Request,
    /// What people called the model that was measured.
    pub model: String,
    /// What figures call the image.
    pub image_name: String,
    /// What a figure shows.
    pub shown: Shown,
    /// In which colours.
    pub theme: Theme,
    /// Files that were read.
    pub read: Vec<PathBuf>,
}

impl Recipe {
    /// Writes the recipe of `measured` to `path`, and its image, and the other one, beside it.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Input`] naming the file that cannot be written.
    pub(super) fn write(path: &Path, measured: &Measured) -> Result<()> {
        let stem = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = stem.strip_suffix(".json").unwrap_or(&stem);
        let stem = stem.strip_suffix(".recipe").unwrap_or(stem);
        let image = format!("{stem}.picture.png");
        let other = measured.other.as_ref().map(|_| format!("{stem}.other.png"));
        // A person was asked about the recipe's name only. What lies beside it is replaced along with an old recipe.
        for name in [Some(&image), other.as_ref()].into_iter().flatten() {
            if path.with_file_name(name).exists() && !path.exists() {
                return Err(Error::input(
                    format!("{name}: lies beside the recipe already and would be replaced"),
                    "give the recipe another name, or another folder",
                ));
            }
        }
        let recipe = Self::of(measured, image, other);
        let text = serde_json::to_string_pretty(&recipe).map_err(|e| Error::io(path, std::io::Error::other(e)))?;
        write_picture(&path.with_file_name(&recipe.image), &measured.picture)?;
        if let (Some(name), Some(other)) = (&recipe.other, &measured.other) {
            write_picture(&path.with_file_name(name), other)?;
        }
        crate::output::write(path, |file| file.write_all(text.as_bytes()))
    }

    fn of(measured: &Measured, image: String, other: Option<String>) -> Self {
        let evidence = measured.findings.evidence();
        let mut image_name = measured.image.clone();
        while image_name.len() > MAX_NAME {
            image_name.pop();
        }
        Self {
            opabinia_evidence_recipe: VERSION,
            model: measured.model.clone(),
            image_name,
            image,
            image_id: evidence.image,
            other,
            system: evidence.system.clone(),
            turns: measured.turns.iter().map(|turn| (turn.question.clone(), turn.answer.clone())).collect(),
            answer_ids: evidence.answer.iter().map(|token| token.id).collect(),
            means: evidence.means.is_some(),
            interventions: evidence.effects.iter().map(|effect| effect.interventions.clone()).collect(),
            games: evidence.games.iter().map(|game| game.kind.name().to_owned()).collect(),
            gradients: evidence.gradients.iter().map(|sums| place(sums.of)).collect(),
            shown: measured.shown,
            theme: measured.theme,
        }
    }

    /// Reads the recipe at `path` and what it names.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<Ingredients> {
        let bad = |problem: String| {
            Error::input(
                format!("{}: {problem}", path.display()),
                "give a recipe of evidence that the window exported, with the picture beside it",
            )
        };
        // A pipe has nothing beside it, and would have to be waited for.
        if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
            return Err(bad("is not a file".to_owned()));
        }
        let mut text = String::new();
        let file = File::open(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| bad(format!("cannot be read: {error}")))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(bad(format!("has more than {MAX_BYTES} bytes, more than any recipe")));
        }
        let about: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| bad(format!("is no JSON: {error}")))?;
        match about.get("opabinia_evidence_recipe").and_then(serde_json::Value::as_u64) {
            None => {
                return Err(bad("has no `opabinia_evidence_recipe`: this is not a recipe of evidence".to_owned()));
            }
            Some(version) if version > u64::from(VERSION) => {
                return Err(bad(format!("was written by a later version (format {version})")));
            }
            Some(_) => {}
        }
        let recipe: Self =
            serde_json::from_value(about).map_err(|error| bad(format!("cannot be understood: {error}")))?;
        recipe.ingredients(path, &bad)
    }

    fn ingredients(self, path: &Path, bad: &dyn Fn(String) -> Error) -> Result<Ingredients> {
        for name in [&self.model, &self.image_name] {
            if name.len() > MAX_NAME || name.chars().any(char::is_control) {
                return Err(bad("a name in it is too long or holds control characters".to_owned()));
            }
        }
        let mut read = vec![path.to_owned()];
        let mut open = |what: &str, name: &str| -> Result<Arc<Picture>> {
            let mut parts = Path::new(name).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) || name.contains('\\') {
                return Err(bad(format!("`{what}` should be the name of a file beside the recipe, not `{name}`")));
            }
            let file = path.with_file_name(name);
            let picture = Picture::open(&file, Exif::Ignore)?;
            read.push(file);
            Ok(Arc::new(picture))
        };
        let picture = open("image", &self.image)?;
        let other = self.other.as_ref().map(|name| open("other", name)).transpose()?;
        if picture.id() != self.image_id {
            return Err(bad(format!("{} is another picture than the one that was measured", self.image)));
        }
        let game = |name: &String| {
            let kinds = [GameKind::Mask, GameKind::Swap];
            kinds.into_iter().find(|kind| kind.name() == name).ok_or_else(|| bad(format!("there is no game `{name}`")))
        };
        let games = self.games.iter().map(game).collect::<Result<_>>()?;
        if !matches!(self.turns.last(), Some((_, None))) {
            return Err(bad("its last turn should be a question without an answer".to_owned()));
        }
        let length = self.answer_ids.len();
        if length == 0 {
            return Err(bad("holds no answer".to_owned()));
        }
        let outside = |token: &Option<usize>| token.is_some_and(|t| t >= length);
        if self.gradients.iter().chain([&self.shown.token]).any(outside) {
            return Err(bad(format!("names a token that the answer of {length} tokens has not")));
        }
        let gradients = self.gradients.iter().map(|t| t.map_or(GradientOf::Answer, GradientOf::Token)).collect();
        let turns = self.turns.into_iter().map(|(question, answer)| Turn { question, answer }).collect();
        let request = Request {
            system: self.system,
            turns,
            picture,
            other,
            answer: Some(self.answer_ids),
            max_tokens: None,
            with: Vec::new(),
            standard: false,
            region: None,
            also: Also { means: self.means, scored: self.interventions, games, gradients },
        };
        let (model, image_name) = (self.model, self.image_name);
        Ok(Ingredients { request, model, image_name, shown: self.shown, theme: self.theme, read })
    }
}

/// A gradient as it stands in a recipe.
fn place(of: GradientOf) -> Option<usize> {
    match of {
        GradientOf::Answer => None,
        GradientOf::Token(t) => Some(t),
    }
}
