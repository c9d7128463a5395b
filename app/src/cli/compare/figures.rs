//! Figures of one question: A, B, their difference and what lies between them, each with the recipe that draws it again.

use super::answers::Compared;
use super::questions::Question;
use super::sides::LoadedSide;
use crate::cli::failure::{Failure, Result};
use crate::difference_figure::{Content, DifferenceFigure};
use crate::figure::Figure;
use crate::output;
use crate::recipe::{self, DifferenceOf, FigureSettings, Recipe};
use opabinia_engine::probe::Trace;
use opabinia_shaders::{ColourMap, Gpu, Normalisation};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Draws the figures of question number `at` into `folder`; gives the pictures that were written.
pub fn write(
    gpu: &Gpu,
    folder: &Path,
    at: usize,
    question: &Question,
    compared: &Compared,
    sides: &[LoadedSide; 2],
) -> Result<Vec<PathBuf>> {
    let (Some(maps), [Some(a), Some(b)], Some((path, picture))) = (&compared.maps, &compared.traces, &question.image)
    else {
        return Ok(Vec::new());
    };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let traces: [&Trace; 2] = [a, b];
    let between = compared.between.as_ref().and_then(|between| between.trace.as_deref());
    // With what stands in the names of their files.
    let all: Vec<(&Trace, &str)> = traces.into_iter().chain(between).zip(["a", "b", "between"]).collect();
    let mut settings: Vec<FigureSettings> = all.iter().map(|(trace, _)| FigureSettings::of_all(trace)).collect();
    // One range of colours, so that they can be compared.
    let mut range: Option<(f32, f32)> = None;
    for ((trace, _), settings) in all.iter().zip(&settings) {
        if trace.layers.is_empty() {
            return Ok(Vec::new());
        }
        for (_, map) in settings.figure(trace, picture, &name)?.draw(gpu)?.maps {
            if let Some((low, high)) = map.range {
                let (least, most) = range.unwrap_or((low, high));
                range = Some((least.min(low), most.max(high)));
            }
        }
    }
    if let Some((low, high)) = range.filter(|(low, high)| low < high) {
        settings.iter_mut().for_each(|settings| settings.normalisation = Normalisation::Fixed { low, high });
    }
    let mut written = Vec::with_capacity(all.len() + 1);
    for ((trace, side), settings) in all.iter().zip(&settings) {
        let drawn = settings.figure(trace, picture, &name)?.draw(gpu)?;
        let target = folder.join(format!("q{:03}.{side}.png", at + 1));
        write_both(&target, &drawn.figure)?;
        Recipe::write(&target.with_extension("recipe.json"), trace, picture, &name, settings)?;
        written.push(target);
    }
    let settings = FigureSettings {
        normalisation: Normalisation::Common,
        symmetric: true,
        colour_map: ColourMap::Diverging,
        grey_photo: true,
        ..FigureSettings::of_all(b)
    };
    let names = sides.each_ref().map(LoadedSide::name);
    let names = names.each_ref().map(String::as_str);
    let content = Content::All;
    let figure = DifferenceFigure { traces, names, maps, picture, picture_name: &name, content, settings: &settings };
    let target = folder.join(format!("q{:03}.difference.png", at + 1));
    write_both(&target, &figure.draw(gpu)?.figure)?;
    let recipe = target.with_extension("recipe.json");
    Recipe::write_difference(&recipe, traces, DifferenceOf::Shares, picture, &name, &settings)?;
    written.push(target);
    Ok(written)
}

/// Writes `figure` as PNG to `target` and as SVG beside it.
fn write_both(target: &Path, figure: &Figure) -> Result<()> {
    recipe::write_png(target, &figure.draw().map_err(Failure::internal)?)?;
    let svg = figure.svg().map_err(Failure::internal)?;
    output::write(&target.with_extension("svg"), |file| file.write_all(svg.as_bytes()))?;
    Ok(())
}
