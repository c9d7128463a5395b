//! The two sides of a comparison as models: a checkpoint with its settings, loaded.

use super::NAMES;
use crate::cli::args::{LoadArgs, check_other};
use crate::cli::console::Console;
use crate::cli::driver::{Driver, Opened};
use crate::cli::failure::{Cause, Failure, Result};
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::model::{LoadRequest, Toward, name_between};
use opabinia_engine::precision::WeightChoice;
use opabinia_engine::sva::PictureSize;
use opabinia_engine::text::Template;
use opabinia_engine::vision::Picture;
use std::path::{Path, PathBuf};

/// What makes a side another than the checkpoint alone.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings of one side")]
pub struct SideArgs {
    /// What is changed in A on purpose: a SPEC as in `opabinia ask --with` (mask:clip, skip:S0, …).
    #[arg(long, value_name = "SPEC")]
    pub with_a: Option<String>,
    /// What is changed in B on purpose.
    #[arg(long, value_name = "SPEC")]
    pub with_b: Option<String>,
    /// The image whose features swap:ENCODERS puts in, on either side.
    #[arg(long, value_name = "FILE")]
    pub other: Option<PathBuf>,
    /// How A keeps its weights, instead of --weights.
    #[arg(long, value_name = "TYPE")]
    pub weights_a: Option<WeightChoice>,
    /// How B keeps its weights, instead of --weights.
    #[arg(long, value_name = "TYPE")]
    pub weights_b: Option<WeightChoice>,
    /// Prompt template of A, instead of --template.
    #[arg(long, value_name = "NAME")]
    pub template_a: Option<Template>,
    /// Prompt template of B, instead of --template.
    #[arg(long, value_name = "NAME")]
    pub template_b: Option<Template>,
    /// System text of A, instead of --system.
    #[arg(long, value_name = "TEXT")]
    pub system_a: Option<String>,
    /// System text of B, instead of --system.
    #[arg(long, value_name = "TEXT")]
    pub system_b: Option<String>,
}

impl SideArgs {
    /// Whether any of them was given.
    pub fn are_given(&self) -> bool {
        let Self { with_a, with_b, other, weights_a, weights_b, template_a, template_b, system_a, system_b } = self;
        [with_a, with_b, system_a, system_b].into_iter().any(Option::is_some)
            || weights_a.is_some()
            || weights_b.is_some()
            || template_a.is_some()
            || template_b.is_some()
            || other.is_some()
    }
}

/// One side, or what lies between the two, loaded.
pub struct LoadedSide {
    /// Its model. Both sides may be the same one.
    pub opened: Opened,
    /// How it was asked for.
    pub request: LoadRequest,
    /// Changes made on purpose to its passes.
    pub interventions: Interventions,
    /// Its system text, if not the template's.
    pub system: Option<String>,
}

impl LoadedSide {
    /// What it is called: its checkpoint, and what was changed.
    pub fn name(&self) -> String {
        let name = self.opened.inspection.name.clone();
        let anatomy = self.opened.inspection.config.anatomy();
        if self.interventions.is_none() {
            name
        } else {
            format!("{name} with {}", self.interventions.to_spec(&anatomy))
        }
    }
}

/// Checks both sides against `pictures` before a weight is read, then loads them. Encoders of the same files are held once; a
/// checkpoint that is kept in one way only is loaded once.
pub fn load(
    driver: &mut Driver,
    sources: [&str; 2],
    (load, args): (&LoadArgs, &SideArgs),
    system: Option<&str>,
    pictures: &[(&Picture, &Path)],
    console: Console,
) -> Result<[LoadedSide; 2]> {
    let formats = [args.weights_a, args.weights_b].map(|weights| weights.unwrap_or(load.weights));
    let templates = [args.template_a, args.template_b].map(|template| template.or(load.template));
    let specs = [&args.with_a, &args.with_b];
    let mut requests = Vec::with_capacity(2);
    for side in 0..2 {
        let own = LoadArgs { weights: formats[side], template: templates[side], ..load.clone() };
        requests.push(own.request(sources[side])?);
    }
    let mut prepared = Vec::with_capacity(2);
    for (side, request) in requests.iter().enumerate() {
        let inspection = driver.inspect(request.clone()).map_err(|failure| of_side(NAMES[side], failure))?;
        if let Err(error @ Error::Refused(_)) = inspection.check() {
            return Err(of_side(NAMES[side], error.into()));
        }
        let anatomy = inspection.config.anatomy();
        let interventions = match specs[side] {
            Some(spec) => Interventions::parse(spec, &anatomy)
                .and_then(|interventions| {
                    interventions.check(&anatomy)?;
                    Ok(interventions)
                })
                .map_err(|error| of_side(NAMES[side], Error::from(error).into()))?,
            None => Interventions::default(),
        };
        if let Some(spec) = specs[side] {
            check_other(spec, &interventions, args.other.as_deref())?;
        }
        for (picture, file) in pictures {
            let size = PictureSize { width: picture.width, height: picture.height };
            inspection.check_picture(size).map_err(|error| {
                let error = match error {
                    Error::Input { what, help } => Error::Input { what: format!("{}: {what}", file.display()), help },
                    error => error,
                };
                of_side(NAMES[side], error.into())
            })?;
        }
        prepared.push((inspection, interventions));
    }
    let mut loaded = Vec::with_capacity(2);
    for (side, ((inspection, interventions), request)) in prepared.into_iter().zip(&requests).enumerate() {
        let opened = match loaded.first() {
            Some(LoadedSide { opened, .. }) if is_same(&requests[0], request) => {
                Opened { model: opened.model, inspection: opened.inspection.clone(), took: std::time::Duration::ZERO }
            }
            _ => driver.load(request.clone(), &inspection).map_err(|failure| of_side(NAMES[side], failure))?,
        };
        let own = if side == 0 { &args.system_a } else { &args.system_b };
        let system = own.as_deref().or(system).map(str::to_owned);
        loaded.push(LoadedSide { opened, request: request.clone(), interventions, system });
    }
    console.say(&format!("{}: {}\n{}: {}", NAMES[0], loaded[0].name(), NAMES[1], loaded[1].name()));
    <[LoadedSide; 2]>::try_from(loaded).map_err(|_| Failure::internal("a comparison has two sides"))
}

/// The model `part` of the way from A to B, loaded beside both: it is asked with the settings of A, and nothing is done to its
/// passes on purpose.
pub fn between(driver: &mut Driver, [a, b]: &[LoadedSide; 2], part: f64) -> Result<LoadedSide> {
    let name = name_between(NAMES[0], NAMES[1], part);
    let (source, encoders) = (b.request.source.clone(), b.request.encoders.clone());
    let request = LoadRequest { toward: Some(Toward { source, encoders, part }), ..a.request.clone() };
    let inspection = driver.inspect(request.clone()).map_err(|failure| of_side(&name, failure))?;
    let opened = driver.load(request.clone(), &inspection).map_err(|failure| of_side(&name, failure))?;
    Ok(LoadedSide { opened, request, interventions: Interventions::default(), system: a.system.clone() })
}

/// Whether both ask for the same model in memory.
fn is_same(a: &LoadRequest, b: &LoadRequest) -> bool {
    (&a.source, a.weights, a.template) == (&b.source, b.weights, b.template)
}

/// `failure`, with the name of the side it is about.
fn of_side(name: &str, failure: Failure) -> Failure {
    let cause = match failure.cause {
        Cause::Engine(Error::Input { what, help }) => {
            Cause::Engine(Error::Input { what: format!("{name}: {what}"), help })
        }
        Cause::Engine(Error::OutOfMemory { what, help }) => {
            Cause::Engine(Error::OutOfMemory { what: format!("{name}: {what}"), help })
        }
        Cause::Engine(Error::Refused(refusal)) => {
            let problem = format!("{} (side {name} of the comparison)", refusal.problem);
            Cause::Engine(Error::Refused(Box::new(opabinia_engine::error::Refusal { problem, ..*refusal })))
        }
        cause => cause,
    };
    Failure { cause, ..failure }
}
