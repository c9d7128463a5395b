//! `opabinia render`: a trace as a picture.

use super::console::{Console, refuse_terminal};
use super::failure::{Cause, Failure, Result};
use crate::difference_figure::{Content, DifferenceFigure};
use crate::figure::Theme;
use crate::image_source::ImageSource;
use crate::map_figure::{self, Part};
use crate::recipe::{self, DifferenceOf, FigureSettings, Ingredients, Minus, Recipe, SIDES};
use crate::{encoder_names, output, selection};
use clap::{Args, ValueEnum};
use opabinia_engine::Error;
use opabinia_engine::compare::Maps;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::{Trace, trace_file};
use opabinia_engine::vision::{Exif, Picture};
use opabinia_shaders::{AdapterChoice, Cell, ColourMap, Filter, Gpu, Granularity, Normalisation, Quantity, Reduction};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const EXAMPLES: &str = "\
Examples:
  opabinia render desk.safetensors --image desk.jpg --out desk.png
  opabinia render desk.safetensors -i desk.jpg --encoder dinov2 --layer C3 --head 5 -o head.png
  opabinia render desk.safetensors -i desk.jpg --mode lift --layer samplers -o lift.png
  opabinia render desk.safetensors -i desk.jpg --mode dominant --theme dark -o who.png
  opabinia render desk.safetensors -i desk.jpg --cell 9,14 --csv cell.csv -o cell.png
  opabinia render desk.safetensors -i desk.jpg --granularity tokens --norm 0..0.02 -o tokens.png
  opabinia render --recipe desk.recipe.json -o desk.png

Layers are C1, C2, … before the language model and S0, S3, … after its layers 0, 3, …; lists
(C1,S0) and ranges (C1..C3) are understood.
A cell is an entry of the query grid; rows and columns count from 0 over the padded square.";

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// An encoder's part of each cell's attention.
    Share,
    /// Share compared with uniform attention, log₂.
    Lift,
    /// How spread out each cell's attention is, in bits.
    Entropy,
    /// Which encoder has the highest lift: attended to most beyond what uniform attention would give it.
    Dominant,
}

/// What a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Patch {
    /// A cell of the query grid.
    Cells,
    /// A token of the encoder.
    Tokens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ground {
    /// For paper.
    Light,
    /// For screens.
    Dark,
}

/// Which part of the padded square is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Frame {
    /// The square the encoders saw, padding hatched.
    Padded,
    /// The picture alone.
    Picture,
}

/// Pixels of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Native,
    Pixels(u32),
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pixels = || text.parse().ok().filter(|pixels| SIDES.contains(pixels)).map(Self::Pixels);
        if text == "native" { Some(Self::Native) } else { pixels() }.ok_or_else(|| {
            format!("`{text}` is no size: use native or a number of pixels from {} to {}", SIDES.start(), SIDES.end())
        })
    }
}

/// Draw where the model looked: a trace over its picture.
///
/// Writes a PNG with one map per encoder, a scale of the colours and a caption that says what is shown. Needs a
/// graphics adapter; one that runs on the CPU will do (`opabinia doctor` says what to install).
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Render {
    /// A trace that `opabinia trace` wrote.
    #[arg(value_name = "T.safetensors", required_unless_present = "recipe")]
    trace: Option<PathBuf>,
    /// The picture the trace was made from, or - for what comes on standard input. The trace knows its pixels, and is drawn
    /// over no other.
    #[arg(long, short, value_name = "FILE", required_unless_present = "recipe")]
    image: Option<PathBuf>,
    /// A recipe that the window exported: it names the trace and the picture beside it and says how they are drawn. It
    /// says all of that, so of the other options only those for files and for the adapter go with it.
    #[arg(long, value_name = "R.recipe.json", conflicts_with_all = [
        "trace", "image", "exif", "encoder", "layer", "head", "cell", "mode", "granularity", "norm", "colormap",
        "opacity", "color_photo", "smooth", "size", "frame", "theme",
    ])]
    recipe: Option<PathBuf>,
    /// Draw only a trace made under these interventions: a SPEC as in `opabinia trace --with`.
    #[arg(long, value_name = "SPEC")]
    with: Option<String>,
    /// Turn the picture as its EXIF data say. Not needed: it is turned as it was when the trace was made.
    #[arg(long)]
    exif: bool,
    /// The PNG file to write, or - for standard output.
    #[arg(long, short, value_name = "P.png")]
    out: PathBuf,
    /// Also write the numbers of the maps as comma-separated values, or - for standard output: a row for each cell or token,
    /// with what is measured of which model, image, layers and heads.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// An encoder (index, name or family), several with commas, or all. For share and lift, which have a map for each.
    #[arg(long, value_name = "K", default_value = "all", help_heading = "What is shown")]
    encoder: String,
    /// SVA layers: labels, lists, ranges, connector, samplers or all.
    #[arg(long, value_name = "LAYERS", default_value = "all", help_heading = "What is shown")]
    layer: String,
    /// Heads: mean or max over all (and over layers), or numbers from 0, lists and ranges (0,4..7), averaged.
    #[arg(long, value_name = "HEADS", default_value = "mean", help_heading = "What is shown")]
    head: String,
    /// Only the window of one cell, token by token.
    #[arg(long, value_name = "ROW,COLUMN", value_parser = parse_cell, help_heading = "What is shown")]
    cell: Option<Cell>,
    /// The quantity.
    #[arg(long, value_enum, default_value_t = Mode::Share, help_heading = "What is shown")]
    mode: Mode,
    /// What one patch of a map is.
    #[arg(long, value_enum, default_value_t = Patch::Cells, help_heading = "What is shown")]
    granularity: Patch,
    /// The range colours span: each map's own (map), the same for all (common), or LOW..HIGH.
    #[arg(long, value_name = "RANGE", default_value = "common", value_parser = parse_norm, allow_hyphen_values = true, help_heading = "How it looks")]
    norm: Normalisation,
    /// viridis, magma, turbo, grey or diverging; diverging for lift and viridis for the rest if left out.
    #[arg(long, value_name = "NAME", value_parser = parse_colours, help_heading = "How it looks")]
    colormap: Option<ColourMap>,
    /// How much of the picture the map hides, 0 to 1.
    #[arg(long, value_name = "X", default_value_t = 0.6, value_parser = parse_opacity, allow_negative_numbers = true, help_heading = "How it looks")]
    opacity: f32,
    /// Keep the colours of the picture under the diverging colour map and under those of encoders: without this it is grey
    /// there, so that none of them is taken for a value.
    #[arg(long, help_heading = "How it looks")]
    color_photo: bool,
    /// Interpolate between patches.
    #[arg(long, help_heading = "How it looks")]
    smooth: bool,
    /// Pixels of the longer side of each map, or native for those of the picture.
    #[arg(long, value_name = "PX", default_value = "640", help_heading = "How it looks")]
    size: Size,
    /// The square with its padding, or the picture alone.
    #[arg(long, value_enum, default_value_t = Frame::Padded, help_heading = "How it looks")]
    frame: Frame,
    /// Colours around the maps.
    #[arg(long, value_enum, default_value_t = Ground::Light, help_heading = "How it looks")]
    theme: Ground,
    /// Graphics adapter: best, software, or a part of its name (`opabinia doctor` lists them).
    #[arg(long, value_name = "NAME", default_value = "best")]
    adapter: String,
}

impl Render {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the maps from being drawn or written.
    pub fn run(&self, console: Console) -> Result<()> {
        let inputs: Vec<&Path> =
            [&self.trace, &self.image, &self.recipe].into_iter().flatten().map(PathBuf::as_path).collect();
        output::check(&self.out, &inputs)?;
        if !is_png(&self.out) {
            return Err(Error::input(
                format!("{}: figures are written as PNG", self.out.display()),
                "give a name that ends in .png",
            )
            .into());
        }
        refuse_terminal(&self.out, "a PNG")?;
        if let Some(csv) = &self.csv {
            output::check(csv, &inputs)?;
            if output::is_same(csv, &self.out) {
                return Err(Error::input("--out and --csv name the same file", "give two names").into());
            }
        }
        let Ingredients { trace, minus, picture, picture_name, settings, .. } = self.ingredients()?;
        if let Some(with) = &self.with {
            check_interventions(&trace, with)?;
        }
        let mut wanted = settings.figure(&trace, &picture, &picture_name)?;
        let gpu = Gpu::headless(&AdapterChoice::from_text(&self.adapter))?;
        let (drawn, numbers) = match &minus {
            Some(Minus { trace: minus, drawn: DifferenceOf::Shares, .. }) => {
                let maps = Maps::of(minus, &trace)?;
                let (traces, names) = ([minus, &trace], [minus.model.as_str(), trace.model.as_str()]);
                let (picture, settings) = (&picture, &settings);
                let (content, picture_name) = (Content::All, picture_name.as_str());
                let figure = DifferenceFigure { traces, names, maps: &maps, picture, picture_name, content, settings };
                let drawn = figure.draw(&gpu)?;
                let numbers = figure.csv(&drawn.maps);
                (drawn, numbers)
            }
            Some(Minus { drawn: DifferenceOf::Quantity, .. }) | None => {
                wanted.minus = minus.as_ref().map(|minus| &minus.trace);
                let drawn = wanted.draw(&gpu)?;
                let numbers = wanted.csv(&drawn.maps);
                (drawn, numbers)
            }
        };
        let image = drawn.figure.draw().map_err(Failure::internal)?;
        recipe::write_png(&self.out, &image)?;
        console.say(&format!("wrote {} ({} × {} pixels)", self.out.display(), image.width(), image.height()));
        if let Some(csv) = &self.csv {
            output::write(csv, |file| file.write_all(numbers.as_bytes()))?;
            console.say(&format!("wrote {}", csv.display()));
        }
        Ok(())
    }

    /// What is drawn and how: from the recipe, or from the other arguments.
    fn ingredients(&self) -> Result<Ingredients> {
        if let Some(recipe) = &self.recipe {
            let ingredients = Recipe::read(recipe)?;
            // What the recipe names is an input, too.
            for output in [Some(&self.out), self.csv.as_ref()].into_iter().flatten() {
                let minus = ingredients.minus.as_ref().map(|minus| &minus.path);
                let named = [Some(&ingredients.trace_path), Some(&ingredients.picture_path), minus];
                let named: Vec<&Path> = named.into_iter().flatten().map(PathBuf::as_path).collect();
                output::check(output, &named)?;
            }
            return Ok(ingredients);
        }
        let (Some(trace_path), Some(picture_path)) = (&self.trace, &self.image) else {
            return Err(Failure::internal("neither a recipe nor a trace with its picture was given"));
        };
        let trace = trace_file::read(trace_path)?;
        let picture = self.picture(picture_path, &trace)?;
        let settings = self.settings(&trace, &picture)?;
        let picture_name = picture_path.file_name().unwrap_or(picture_path.as_os_str()).to_string_lossy().into_owned();
        Ok(Ingredients {
            trace,
            minus: None,
            picture,
            picture_name,
            settings,
            trace_path: trace_path.clone(),
            picture_path: picture_path.clone(),
        })
    }

    /// The picture at `path`, turned as it was when `trace` was made.
    fn picture(&self, path: &Path, trace: &Trace) -> Result<Picture> {
        let source = ImageSource::open(path)?;
        let picture = source.decode(trace.exif)?;
        // Most pictures are the same with and without.
        if self.exif
            && trace.exif == Exif::Ignore
            && trace.image() == picture.id()
            && source.decode(Exif::Honour)? != picture
        {
            return Err(Error::input(
                format!("{}: with --exif it is turned, but the trace was made from it as it is stored", path.display()),
                "leave --exif out, or record the trace anew with --exif",
            )
            .into());
        }
        Ok(picture)
    }

    fn settings(&self, trace: &Trace, picture: &Picture) -> Result<FigureSettings> {
        let labels: Vec<&str> = trace.layers.iter().map(|layer| layer.label.as_str()).collect();
        let heads = selection::heads(&self.head)?;
        let quantity = self.quantity();
        let colour_map = self.colormap.unwrap_or(map_figure::default_colours(quantity));
        Ok(FigureSettings {
            encoders: self.encoders(trace, quantity)?,
            layers: selection::layers(&labels, &self.layer)?,
            heads: heads.chosen,
            quantity,
            reduction: if heads.maximum { Reduction::Max } else { Reduction::Mean },
            granularity: match self.granularity {
                Patch::Cells => Granularity::Cells,
                Patch::Tokens => Granularity::Tokens,
            },
            cell: self.cell,
            only_window: true,
            normalisation: self.norm,
            symmetric: colour_map == ColourMap::Diverging && !matches!(self.norm, Normalisation::Fixed { .. }),
            colour_map,
            opacity: self.opacity,
            grey_photo: map_figure::photo_confounds(quantity, colour_map) && !self.color_photo,
            filter: if self.smooth { Filter::Bilinear } else { Filter::Nearest },
            grid: false,
            part: match self.frame {
                Frame::Padded => Part::Padded,
                Frame::Picture => Part::Picture,
            },
            side: match self.size {
                Size::Native => (picture.width.max(picture.height) as u32).clamp(*SIDES.start(), *SIDES.end()),
                Size::Pixels(pixels) => pixels,
            },
            theme: match self.theme {
                Ground::Light => Theme::Light,
                Ground::Dark => Theme::Dark,
            },
        })
    }

    fn quantity(&self) -> Quantity {
        match self.mode {
            Mode::Share => Quantity::Share,
            Mode::Lift => Quantity::Lift,
            Mode::Entropy => Quantity::Entropy,
            Mode::Dominant => Quantity::Dominant,
        }
    }

    fn encoders(&self, trace: &Trace, quantity: Quantity) -> Result<Vec<usize>> {
        if self.encoder == "all" {
            return Ok((0..trace.encoders.len()).collect());
        }
        if !quantity.per_encoder() {
            return Err(Error::input(
                "--encoder goes with --mode share or lift: entropy and dominant are about all encoders together",
                "leave --encoder out",
            )
            .into());
        }
        let names: Vec<&str> = trace.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        let found = self.encoder.split(',').map(|text| encoder_names::find(&names, text.trim()));
        let mut found: Vec<usize> = found.collect::<Result<_, _>>()?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

/// Checks that `trace` was made under the interventions that `spec` says.
fn check_interventions(trace: &Trace, spec: &str) -> Result<()> {
    let anatomy = &trace.anatomy;
    if Interventions::parse(spec, anatomy)? == trace.interventions {
        return Ok(());
    }
    let made = match trace.interventions.to_spec(anatomy) {
        none if none.is_empty() => "without any intervention".into(),
        spec => format!("with {spec}"),
    };
    Err(Error::input(
        format!("the trace was made {made}, not with {spec}"),
        format!("make another one: opabinia trace --with {spec}"),
    )
    .into())
}

/// Whether a PNG may be written to `path`: a file's name says what is in it, that of a stream does not.
fn is_png(path: &Path) -> bool {
    let says_so = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    says_so(path) || output::is_stream(path) || path.canonicalize().is_ok_and(|place| says_so(&place))
}

fn parse_cell(text: &str) -> Result<Cell, String> {
    let parts = text.split_once(',').and_then(|(row, col)| Some((row.trim().parse().ok()?, col.trim().parse().ok()?)));
    parts
        .map(|(row, col)| Cell { row, col })
        .ok_or_else(|| format!("`{text}` is no cell: give its row and column, such as 9,14"))
}

fn parse_norm(text: &str) -> Result<Normalisation, String> {
    let fixed = |(low, high): (&str, &str)| {
        let (low, high): (f32, f32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low < high && low.is_finite() && high.is_finite()).then_some(Normalisation::Fixed { low, high })
    };
    match text {
        "map" => Some(Normalisation::PerMap),
        "common" => Some(Normalisation::Common),
        range => range.split_once("..").and_then(fixed),
    }
    .ok_or_else(|| format!("`{text}` is no range: use map, common, or LOW..HIGH with LOW below HIGH, such as 0..0.5"))
}

fn parse_colours(text: &str) -> Result<ColourMap, String> {
    ColourMap::ALL.into_iter().find(|map| map.name() == text).ok_or_else(|| {
        let names: Vec<&str> = ColourMap::ALL.iter().map(|map| map.name()).collect();
        format!("`{text}` is no colour map: use one of {}", names.join(", "))
    })
}

fn parse_opacity(text: &str) -> Result<f32, String> {
    let opacity = text.parse().ok().filter(|opacity| (0.0..=1.0).contains(opacity));
    opacity.ok_or_else(|| format!("`{text}` is no opacity: use a number from 0 to 1"))
}

impl From<map_figure::Error> for Failure {
    fn from(error: map_figure::Error) -> Self {
        match error {
            map_figure::Error::Input(error) => error.into(),
            map_figure::Error::Shaders(error) => error.into(),
            map_figure::Error::Fonts(what) => Cause::Internal(what).into(),
        }
    }
}
