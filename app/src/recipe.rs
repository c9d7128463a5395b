//! Recipes: everything from which a figure can be made again, as a file that a person keeps beside a paper.
//!
//! A recipe is a small JSON file that names a trace and a picture *beside itself* and says how they are drawn. Recipes
//! come from strangers: the size of the file is bounded, nothing outside its own folder is named, and every number is
//! checked before anything is opened or drawn with it.

use crate::figure::Theme;
use crate::map_figure::{self, MapFigure, Part};
use crate::recipe_file::{self, RecipeKind, is_drawable};
use opabinia_engine::probe::{Trace, trace_file};
use opabinia_engine::sva::HEADS;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::{Error, Result};
use opabinia_shaders::{
    Cell, ColourMap, Filter, Focus, Granularity, Look, MapView, Normalisation, Quantity, Rect, Reduction,
};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Version of the format. Raised when a reader of the old one would be misled.
const VERSION: u32 = 1;

/// No recipe is larger.
const MAX_BYTES: u64 = 64 << 10;

/// Recipes of maps.
const KIND: RecipeKind = RecipeKind {
    key: "opabinia_recipe",
    version: VERSION,
    most_bytes: MAX_BYTES,
    none: "has no `opabinia_recipe`: this is not a recipe",
    help: "give a recipe that the window exported, with the trace and the picture beside it",
};

/// Pixels of the longer side of a panel.
pub const SIDES: RangeInclusive<u32> = 16..=8192;

/// How a trace is drawn: everything about a figure but its numbers and its photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureSettings {
    /// Encoders with a panel, where there is a map for each, in order.
    pub encoders: Vec<usize>,
    /// Layers that are reduced, as places in the trace, in order.
    pub layers: Vec<usize>,
    /// Heads that are reduced, in order.
    pub heads: Vec<usize>,
    /// What is measured.
    pub quantity: Quantity,
    /// How layers and heads become one number.
    pub reduction: Reduction,
    /// Cells or tokens.
    pub granularity: Granularity,
    /// The cell that is outlined.
    pub cell: Option<Cell>,
    /// Whether only that cell's window is shown, token by token.
    pub only_window: bool,
    /// Which range the colours span.
    pub normalisation: Normalisation,
    /// Whether that range is widened to lie symmetrically about 0.
    pub symmetric: bool,
    /// Colours.
    pub colour_map: ColourMap,
    /// How much of the photo the map hides, 0 to 1.
    pub opacity: f32,
    /// Whether the photo is drawn without its colours.
    #[serde(default)]
    pub grey_photo: bool,
    /// Patches or a smooth surface.
    pub filter: Filter,
    /// Whether the query grid is drawn.
    pub grid: bool,
    /// The part of the frame that each panel shows.
    pub part: Part,
    /// Pixels of the longer side of a panel.
    pub side: u32,
    /// Colours around the maps.
    pub theme: Theme,
}

impl FigureSettings {
    /// The figure of `trace` over `picture`, which people call `picture_name`.
    ///
    /// # Errors
    /// [`Error::Input`] naming the setting that does not fit the trace, or cannot be drawn at all.
    pub fn figure<'a>(
        &'a self,
        trace: &'a Trace,
        picture: &'a Picture,
        picture_name: &'a str,
    ) -> Result<MapFigure<'a>> {
        self.check(trace)?;
        let focus = match (self.cell, self.only_window) {
            (None, _) => Focus::Whole,
            (Some(cell), false) => Focus::Outline(cell),
            (Some(cell), true) => Focus::Window(cell),
        };
        let view = MapView {
            reduction: self.reduction,
            granularity: self.granularity,
            focus,
            normalisation: self.normalisation,
            symmetric: self.symmetric,
            ..MapView::of(self.quantity)
        };
        let look = Look {
            colour_map: self.colour_map,
            opacity: self.opacity,
            grey_photo: self.grey_photo,
            filter: self.filter,
            cell_grid: self.grid,
            ..Look::default()
        };
        let figure = MapFigure {
            trace,
            minus: None,
            picture,
            picture_name,
            encoders: &self.encoders,
            layers: &self.layers,
            heads: &self.heads,
            view,
            look,
            part: self.part,
            side: self.side,
            theme: self.theme,
        };
        figure.check()?;
        Ok(figure)
    }

    fn check(&self, trace: &Trace) -> Result<()> {
        for (what, chosen, count) in [
            ("encoders", &self.encoders, trace.encoders.len()),
            ("layers", &self.layers, trace.layers.len()),
            ("heads", &self.heads, HEADS),
        ] {
            let ordered = chosen.is_sorted_by(|before, after| before < after);
            if chosen.is_empty() || !ordered || chosen.iter().any(|place| *place >= count) {
                return Err(Error::input(
                    format!("{what} {chosen:?} do not fit the trace, which has {count}"),
                    format!("choose from 0 to {}, in order and each once", count.saturating_sub(1)),
                ));
            }
        }
        let refuse = |what: &str, expected: &str| Err(Error::input(what.to_owned(), format!("expected {expected}")));
        if !SIDES.contains(&self.side) {
            let expected = format!("{} to {}", SIDES.start(), SIDES.end());
            return refuse(&format!("a panel's side has {} pixels", self.side), &expected);
        }
        if !(0.0..=1.0).contains(&self.opacity) {
            return refuse(&format!("the opacity is {}", self.opacity), "a number from 0 to 1");
        }
        if let Part::Zoomed(Rect { left, top, width, height }) = self.part {
            let near = |edge: f32| (-2.0..=2.0).contains(&edge);
            let extent = |length: f32| (0.001..=4.0).contains(&length);
            // Neither side may vanish, nor a panel become a thread.
            if !near(left)
                || !near(top)
                || !extent(width)
                || !extent(height)
                || !(0.01..=100.0).contains(&(width / height))
            {
                return refuse("the part that is shown is no part of the square", "parts of its side, such as 0.25");
            }
        }
        if let Normalisation::Fixed { low, high } = self.normalisation
            && !(low.is_finite() && high.is_finite() && low < high)
        {
            return refuse(&format!("the colours run from {low} to {high}"), "a lower and a higher number");
        }
        Ok(())
    }
}

/// How the difference of two traces is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DifferenceOf {
    /// The difference of shares and the divergence, matched and resampled where the two are of unlike shapes: the figure of
    /// `opabinia compare`.
    #[default]
    Shares,
    /// The difference of the recipe's own quantity, measured on two traces of one shape: what a pane of the window shows.
    Quantity,
}

impl DifferenceOf {
    fn is_shares(&self) -> bool {
        *self == Self::Shares
    }
}

/// A recipe as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Version of the format.
    opabinia_recipe: u32,
    /// The trace, beside the recipe.
    trace: String,
    /// For a difference: the trace it is compared with, beside the recipe. `trace` is then B, and this is A.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minus: Option<String>,
    /// For a difference: how it is drawn.
    #[serde(default, skip_serializing_if = "DifferenceOf::is_shares")]
    difference: DifferenceOf,
    /// The picture, beside the recipe, as the model was given it: never turned by EXIF data.
    picture: String,
    /// What the figure calls the picture.
    picture_name: String,
    /// How they are drawn.
    figure: FigureSettings,
}

/// What is taken away from a trace.
#[derive(Debug)]
pub struct Minus {
    /// The trace.
    pub trace: Trace,
    /// Where it lies.
    pub path: PathBuf,
    /// How the difference is drawn.
    pub drawn: DifferenceOf,
}

/// A recipe with what it names.
#[derive(Debug)]
pub struct Ingredients {
    /// The trace.
    pub trace: Trace,
    /// The one it is compared with, if a difference is drawn.
    pub minus: Option<Minus>,
    /// The picture.
    pub picture: Picture,
    /// What the figure calls the picture.
    pub picture_name: String,
    /// How they are drawn.
    pub settings: FigureSettings,
    /// Where the trace lies.
    pub trace_path: PathBuf,
    /// Where the picture lies.
    pub picture_path: PathBuf,
}

impl Recipe {
    /// Writes a recipe to `path`, and beside it the trace and the picture that it names.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Input`] naming the file that cannot be written.
    pub fn write(
        path: &Path,
        trace: &Trace,
        picture: &Picture,
        picture_name: &str,
        settings: &FigureSettings,
    ) -> Result<()> {
        Self::write_all(path, trace, None, picture, picture_name, settings)
    }

    /// The same for the difference of two traces, B − A, drawn as `of` says.
    ///
    /// # Errors
    /// Those of [`Recipe::write`].
    pub fn write_difference(
        path: &Path,
        [a, b]: [&Trace; 2],
        of: DifferenceOf,
        picture: &Picture,
        picture_name: &str,
        settings: &FigureSettings,
    ) -> Result<()> {
        Self::write_all(path, b, Some((a, of)), picture, picture_name, settings)
    }

    fn write_all(
        path: &Path,
        trace: &Trace,
        minus: Option<(&Trace, DifferenceOf)>,
        picture: &Picture,
        picture_name: &str,
        settings: &FigureSettings,
    ) -> Result<()> {
        let stem = recipe_file::stem(path);
        let recipe = Self {
            opabinia_recipe: VERSION,
            trace: format!("{stem}.trace.safetensors"),
            minus: minus.map(|_| format!("{stem}.minus.safetensors")),
            difference: minus.map_or(DifferenceOf::default(), |(_, of)| of),
            picture: format!("{stem}.picture.png"),
            picture_name: recipe_file::shortened(picture_name),
            figure: settings.clone(),
        };
        let beside = [Some(&recipe.trace), Some(&recipe.picture), recipe.minus.as_ref()].into_iter().flatten();
        recipe_file::write(path, &recipe, beside, || {
            trace_file::save(trace, &path.with_file_name(&recipe.trace))?;
            if let (Some((minus, _)), Some(name)) = (minus, &recipe.minus) {
                trace_file::save(minus, &path.with_file_name(name))?;
            }
            write_picture(&path.with_file_name(&recipe.picture), picture)
        })
    }

    /// Reads the recipe at `path` and what it names.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<Ingredients> {
        let bad = |error: Error| KIND.bad(path, error);
        let recipe: Self = KIND.read(path)?;
        if !is_drawable(&recipe.picture_name) {
            return Err(KIND.bad(path, "`picture_name` is too long or holds control characters"));
        }
        let trace_path = KIND.beside(path, "trace", &recipe.trace)?;
        let picture_path = KIND.beside(path, "picture", &recipe.picture)?;
        let minus_path = recipe.minus.as_ref().map(|name| KIND.beside(path, "minus", name)).transpose()?;
        let trace = trace_file::read(&trace_path)?;
        let picture = Picture::open(&picture_path, Exif::Ignore)?;
        trace_file::check_picture(&trace, &picture, &recipe.picture).map_err(bad)?;
        let minus = match minus_path {
            Some(path) => {
                let trace = trace_file::read(&path)?;
                trace_file::check_picture(&trace, &picture, &recipe.picture).map_err(bad)?;
                Some(Minus { trace, path, drawn: recipe.difference })
            }
            None => None,
        };
        recipe.figure.check(&trace).map_err(bad)?;
        let Self { picture_name, figure: settings, .. } = recipe;
        Ok(Ingredients { trace, minus, picture, picture_name, settings, trace_path, picture_path })
    }
}

/// Writes the pixels of `picture` to `path` as PNG.
///
/// # Errors
/// [`Error::Io`] naming `path`.
pub fn write_picture(path: &Path, picture: &Picture) -> Result<()> {
    let failed = |error: String| Error::io(path, std::io::Error::other(error));
    let side = |pixels: usize| u32::try_from(pixels).map_err(|error| failed(error.to_string()));
    let pixels = image::RgbImage::from_raw(side(picture.width)?, side(picture.height)?, picture.rgb.clone())
        .ok_or_else(|| failed("the picture contradicts its own size".to_owned()))?;
    write_png(path, &pixels)
}

/// Writes `image` to `path` as PNG.
///
/// # Errors
/// [`Error::Io`] naming `path`.
pub fn write_png(path: &Path, image: &image::RgbImage) -> Result<()> {
    crate::output::write(path, |file| {
        let mut png = std::io::Cursor::new(Vec::new());
        image.write_to(&mut png, image::ImageFormat::Png).map_err(std::io::Error::other)?;
        std::io::Write::write_all(file, png.get_ref())
    })
}

impl FigureSettings {
    /// The settings with which `opabinia render` begins: shares, averaged over everything, over the padded square.
    pub fn of_all(trace: &Trace) -> Self {
        Self {
            encoders: (0..trace.encoders.len()).collect(),
            layers: (0..trace.layers.len()).collect(),
            heads: (0..HEADS).collect(),
            quantity: Quantity::Share,
            reduction: Reduction::Mean,
            granularity: Granularity::Cells,
            cell: None,
            only_window: false,
            normalisation: Normalisation::Common,
            symmetric: false,
            colour_map: map_figure::default_colours(Quantity::Share),
            opacity: 0.6,
            grey_photo: false,
            filter: Filter::Nearest,
            grid: false,
            part: Part::Padded,
            side: 640,
            theme: Theme::Light,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use opabinia_engine::probe::{TraceEncoder, TraceLayer};
    use opabinia_engine::sva::{Frame, PictureSize};
    use opabinia_engine::vision::PixelHash;

    /// A small trace and its picture.
    pub(crate) fn ingredients() -> (Trace, Picture) {
        let picture = Picture { width: 4, height: 2, rgb: (0..24).collect() };
        let trace = Trace {
            model: "m".into(),
            question: String::new(),
            interventions: opabinia_engine::intervention::Interventions::default(),
            picture: PictureSize { width: 4, height: 2 },
            pixels: PixelHash::of(&picture.rgb),
            exif: Exif::Ignore,
            other: None,
            anatomy: opabinia_engine::intervention::Anatomy::from_parts(
                vec!["x".into()],
                vec![(opabinia_engine::observe::SvaLayer::Sampler { n: 0 }, "C1".into())],
                2,
            ),
            encoders: vec![TraceEncoder { name: "x".into(), side: 4 }],
            layers: vec![TraceLayer {
                name: "vision_sampler_layers.0.layers.0".into(),
                label: "C1".into(),
                frame: Frame::padded(2),
                keys: 4,
                probs: vec![0.25; 4 * HEADS * 4],
                mask: vec![1; 16],
            }],
        };
        (trace, picture)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.recipe.json");
        let (trace, picture) = ingredients();
        let settings = FigureSettings {
            cell: Some(Cell { row: 1, col: 0 }),
            part: Part::Zoomed(Rect { left: 0.25, top: 0.0, width: 0.5, height: 0.5 }),
            normalisation: Normalisation::Fixed { low: 0.1, high: 0.3 },
            ..FigureSettings::of_all(&trace)
        };
        Recipe::write(&path, &trace, &picture, "desk.jpg", &settings).unwrap();
        let read = Recipe::read(&path).unwrap();
        assert_eq!((read.trace, read.settings, read.picture_name), (trace, settings, "desk.jpg".to_owned()));
        assert_eq!((read.picture.width, read.picture.height, read.picture.rgb), (4, 2, picture.rgb));
    }

    #[test]
    fn what_a_stranger_may_write_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.recipe.json");
        let (trace, picture) = ingredients();
        Recipe::write(&path, &trace, &picture, "desk.jpg", &FigureSettings::of_all(&trace)).unwrap();
        let sound = std::fs::read_to_string(&path).unwrap();
        let outside = folder.path().join("a.trace.safetensors").display().to_string();
        for (from, to, reason) in [
            ("\"opabinia_recipe\": 1", "\"opabinia_recipe\": 2", "later version"),
            ("\"opabinia_recipe\": 1,", "", "not a recipe"),
            ("\"a.trace.safetensors\"", "\"../a.trace.safetensors\"", "beside the recipe"),
            ("\"a.trace.safetensors\"", &format!("\"{outside}\""), "beside the recipe"),
            ("\"a.picture.png\"", "\"..\"", "beside the recipe"),
            ("\"a.picture.png\"", "\"b.png\"", "b.png"),
            ("desk.jpg", "desk\\u0007.jpg", "control"),
            ("\"side\": 640", "\"side\": 100000", "100000 pixels"),
            ("\"opacity\": 0.6", "\"opacity\": 7.5", "opacity"),
            ("\"grid\": false", "\"grid\": false, \"surprise\": 1", "surprise"),
            ("\"quantity\": \"Share\"", "\"quantity\": \"Fame\"", "Fame"),
            ("\"layers\": [\n      0\n    ]", "\"layers\": [3]", "layers [3]"),
            ("\"layers\": [\n      0\n    ]", "\"layers\": []", "layers []"),
            (
                "\"part\": \"Padded\"",
                "\"part\": {\"Zoomed\": {\"left\": 0, \"top\": 0, \"width\": 0, \"height\": 1}}",
                "part",
            ),
            (
                "\"normalisation\": \"Common\"",
                "\"normalisation\": {\"Fixed\": {\"low\": 1, \"high\": 0}}",
                "from 1 to 0",
            ),
        ] {
            let broken = sound.replacen(from, to, 1);
            assert_ne!(broken, sound, "{from} is not in the recipe");
            std::fs::write(&path, broken).unwrap();
            let message = Recipe::read(&path).unwrap_err().to_string();
            assert!(message.contains(reason), "{to}: {message}");
        }
        std::fs::write(&path, &sound).unwrap();
        let other = Picture { rgb: picture.rgb.iter().map(|byte| byte ^ 1).collect(), ..picture.clone() };
        write_picture(&folder.path().join("a.picture.png"), &other).unwrap();
        let message = Recipe::read(&path).unwrap_err().to_string();
        assert!(message.contains("a.picture.png is another picture"), "{message}");
        std::fs::write(&path, " ".repeat(MAX_BYTES as usize + 1)).unwrap();
        assert!(Recipe::read(&path).unwrap_err().to_string().contains("more than any recipe"));
    }
}
