//! Recipes of evidence: what was measured and how it is shown, as a small file beside the image it is about, from which
//! `opabinia evidence --recipe` makes the same numbers and figures again.
//!
//! Recipes come from strangers: the size of the file is bounded, nothing outside its own folder is named, and what is to be
//! measured is checked against the model before anything is run.

use super::Shown;
use super::curves::place_of;
use super::measured::Measured;
use crate::figure::Theme;
use crate::recipe::write_picture;
use crate::recipe_file::{self, RecipeKind, is_drawable};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::evidence::{Also, CellOrder, Curve, CurvesOf, Faithfulness, GameKind, GradientOf, Request};
use opabinia_engine::run::ImageId;
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Version of the format. Raised when a reader of the old one would be misled.
const VERSION: u32 = 3;

/// No recipe is larger: a few thousand interventions.
const MAX_BYTES: u64 = 8 << 20;

/// Recipes of evidence.
const KIND: RecipeKind = RecipeKind {
    key: "opabinia_evidence_recipe",
    version: VERSION,
    most_bytes: MAX_BYTES,
    none: "has no `opabinia_evidence_recipe`: this is not a recipe of evidence",
    help: "give a recipe of evidence that the window exported, with the picture beside it",
};

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
    /// Deletion and insertion.
    #[serde(default)]
    curves: Vec<RecipeCurves>,
    /// Tokens whose attention in the decoder is wanted, from 0.
    #[serde(default)]
    readings: Vec<usize>,
    /// Whether the encoders' features are wanted.
    #[serde(default)]
    features: bool,
    /// Whether the lens is wanted before and after each sampler.
    #[serde(default)]
    lens: bool,
    /// Interventions under which share, lift, norm and gradient are wanted, too.
    #[serde(default)]
    seen_under: Vec<Interventions>,
    /// What a figure shows.
    shown: Shown,
    /// In which colours.
    theme: Theme,
}

/// Curves of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeCurves {
    /// The encoder whose cells are taken away, from 0; `null` for all.
    target: Option<usize>,
    /// The token that they are of, from 0; `null` for the whole answer.
    token: Option<usize>,
    /// Cells to a side of what is taken away at once.
    unit: usize,
    /// The orders by their names.
    orders: Vec<String>,
}

/// Largest unit, and most orders, that a recipe may ask for.
const MAX_CURVES: usize = 1024;

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
        let stem = recipe_file::stem(path);
        let image = format!("{stem}.picture.png");
        let other = measured.other.as_ref().map(|_| format!("{stem}.other.png"));
        let recipe = Self::of(measured, image, other);
        let beside = [Some(&recipe.image), recipe.other.as_ref()].into_iter().flatten();
        recipe_file::write(path, &recipe, beside, || {
            write_picture(&path.with_file_name(&recipe.image), &measured.picture)?;
            match (&recipe.other, &measured.other) {
                (Some(name), Some(other)) => write_picture(&path.with_file_name(name), other),
                _ => Ok(()),
            }
        })
    }

    fn of(measured: &Measured, image: String, other: Option<String>) -> Self {
        let evidence = measured.findings.evidence();
        Self {
            opabinia_evidence_recipe: VERSION,
            model: measured.model.clone(),
            image_name: recipe_file::shortened(&measured.image),
            image,
            image_id: evidence.image,
            other,
            system: evidence.system.clone(),
            turns: measured.turns.iter().map(|turn| (turn.question.clone(), turn.answer.clone())).collect(),
            answer_ids: evidence.answer.iter().map(|token| token.id).collect(),
            means: evidence.means.is_some(),
            interventions: evidence.effects.iter().map(|effect| effect.interventions.clone()).collect(),
            games: evidence.games.iter().map(|game| game.kind.name().to_owned()).collect(),
            gradients: evidence.gradients.iter().map(|sums| place_of(sums.of)).collect(),
            curves: curves(&evidence.curves),
            readings: evidence.readings.iter().map(|reading| reading.token).collect(),
            features: evidence.features.is_some(),
            lens: evidence.lens.is_some(),
            seen_under: evidence.seen_under.iter().map(|seen| seen.interventions.clone()).collect(),
            shown: measured.shown,
            theme: measured.theme,
        }
    }

    /// Reads the recipe at `path` and what it names.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<Ingredients> {
        let recipe: Self = KIND.read(path)?;
        recipe.ingredients(path, &|problem| KIND.bad(path, problem))
    }

    fn ingredients(self, path: &Path, bad: &dyn Fn(String) -> Error) -> Result<Ingredients> {
        for name in [&self.model, &self.image_name] {
            if !is_drawable(name) {
                return Err(bad("a name in it is too long or holds control characters".to_owned()));
            }
        }
        let mut read = vec![path.to_owned()];
        let mut open = |what: &str, name: &str| -> Result<Arc<Picture>> {
            let file = KIND.beside(path, what, name)?;
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
        let readings = self.readings.iter().copied().map(Some).collect::<Vec<_>>();
        let of_curves: Vec<Option<usize>> = self.curves.iter().map(|curves| curves.token).collect();
        if self.gradients.iter().chain([&self.shown.token]).chain(&readings).chain(&of_curves).any(outside) {
            return Err(bad(format!("names a token that the answer of {length} tokens has not")));
        }
        let gradients = self.gradients.iter().map(|t| t.map_or(GradientOf::Answer, GradientOf::Token)).collect();
        let curves = self.curves.iter().map(|curves| curves.read(bad)).collect::<Result<_>>()?;
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
            also: Also {
                means: self.means,
                scored: self.interventions,
                games,
                gradients,
                curves,
                readings: self.readings,
                features: self.features,
                lens: self.lens,
                seen_under: self.seen_under,
            },
        };
        let (model, image_name) = (self.model, self.image_name);
        Ok(Ingredients { request, model, image_name, shown: self.shown, theme: self.theme, read })
    }
}

/// The kinds of `known` curves with their orders, in the order in which these were measured first.
fn curves(known: &[Curve]) -> Vec<RecipeCurves> {
    let mut all: Vec<(CurvesOf, Vec<String>)> = Vec::new();
    for curve in known {
        let order = curve.order.to_string();
        match all.iter_mut().find(|(of, _)| *of == curve.of) {
            Some((_, orders)) if orders.contains(&order) => {}
            Some((_, orders)) => orders.push(order),
            None => all.push((curve.of, vec![order])),
        }
    }
    let kind = |(CurvesOf { target, of, unit }, orders)| RecipeCurves { target, token: place_of(of), unit, orders };
    all.into_iter().map(kind).collect()
}

impl RecipeCurves {
    /// What is asked for.
    fn read(&self, bad: &dyn Fn(String) -> Error) -> Result<Faithfulness> {
        if self.unit == 0 || self.unit > MAX_CURVES || self.orders.len() > MAX_CURVES {
            return Err(bad(format!("asks for curves of more than {MAX_CURVES} cells or orders, or of none")));
        }
        let order = |name: &String| CellOrder::parse(name).ok_or_else(|| bad(format!("there is no order `{name}`")));
        let of = self.token.map_or(GradientOf::Answer, GradientOf::Token);
        let orders = self.orders.iter().map(order).collect::<Result<_>>()?;
        Ok(Faithfulness { of: CurvesOf { target: self.target, of, unit: self.unit }, orders })
    }
}
