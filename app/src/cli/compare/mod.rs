//! `opabinia compare`: two checkpoints side by side.

mod answers;
mod answers_json;
mod answers_text;
mod figures;
mod questions;
mod sides;
mod weights_json;
mod weights_text;

use super::args::LoadArgs;
use super::console::{Console, print_json, print_report};
use super::driver::Driver;
use super::failure::{Cause, Result};
use crate::image_source::ImageSource;
use crate::output;
use clap::{Args, ValueEnum};
use opabinia_engine::Error;
use opabinia_engine::compare::{self, Checkpoints, NAMES, Side};
use opabinia_engine::generate::GenerateOptions;
use opabinia_engine::vision::Exif;
use opabinia_shaders::{AdapterChoice, Gpu};
use questions::Question;
use sides::{LoadedSide, SideArgs};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  opabinia compare cambrian-8b my-finetune
  opabinia compare cambrian-8b my-finetune --sort max --top 50
  opabinia compare cambrian-8b nyu-visionx/cambrian-8b --json | jq '.weights.counts'
  opabinia compare demo demo --with-b mask:convnext -i sample:gift -p \"What does the sign say?\"
  opabinia compare cambrian-8b my-finetune -i desk.jpg -p \"What is this?\" -p \"How many cups?\" --out figures
  opabinia compare cambrian-8b cambrian-8b --weights-a f32 --weights-b q8_0 --questions q.jsonl
  opabinia compare cambrian-8b my-finetune -i desk.jpg -p \"What is this?\" --interpolate 0.5

Without a question the files are compared. They are read once, a few megabytes at a time, so that
checkpoints of any size can be compared; encoders beside them are not a part of them. The weight hash is the
same for the same names, types, shapes and bytes, however they are cut into files.";

/// In which order changed tensors are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// ‖B − A‖ ÷ ‖A‖, the largest first.
    #[default]
    Relative,
    /// The largest |B − A|, the largest first.
    Max,
    /// Cosine between A and B, the smallest first.
    Cosine,
    /// Numbers in the tensor, the most first.
    Size,
    /// By name.
    Name,
}

/// Say how two checkpoints differ: settings and weights; or, with a question, answers and attention.
///
/// Differences of config.json in words; tensors that one side alone has, of other shape, equal bit for bit, or changed
/// and by how much; as a tree of modules that shows where training moved most. Names what looks like a wrong or incomplete
/// upload.
///
/// With --prompt or --questions both sides answer: a side is a checkpoint with its settings, so that A and B may be one
/// checkpoint under two interventions or number types. Answers are aligned by their text, with the probability of each token;
/// where both have one tokenizer also under the other side. Attention is compared layer by layer: the share of each encoder,
/// and the Jensen–Shannon divergence of each cell. What has no counterpart is named.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Compare {
    /// The first checkpoint: its directory, organisation/name of one in the Hugging Face hub cache, or demo, which is part
    /// of the program.
    #[arg(value_name = "A")]
    a: String,
    /// The second one, which differences go to: B − A.
    #[arg(value_name = "B")]
    b: String,
    /// Order of changed tensors.
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// How many tensors are listed of each kind; JSON has all of them.
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// How deep the tree of modules goes.
    #[arg(long, value_name = "N", default_value_t = 4)]
    depth: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// What both sides are asked; may be repeated.
    #[arg(long, short, value_name = "QUESTION", help_heading = "Asking both")]
    prompt: Vec<String>,
    /// The picture: one for all questions, or one for each, in order. As in `opabinia ask`.
    #[arg(long, short, value_name = "FILE", requires = "prompt", help_heading = "Asking both")]
    image: Vec<PathBuf>,
    /// A file of questions: on each line a JSON object with prompt and, where it is about one, image, whose path counts from
    /// the folder of the file.
    #[arg(long, value_name = "Q.jsonl", conflicts_with = "prompt", help_heading = "Asking both")]
    questions: Option<PathBuf>,
    /// System text of both sides instead of the template's own.
    #[arg(long, value_name = "TEXT", help_heading = "Asking both")]
    system: Option<String>,
    /// Stop after this many tokens.
    #[arg(long, value_name = "N", default_value_t = 128, help_heading = "Asking both")]
    max_tokens: usize,
    /// Ask a third model, too: A + LAMBDA (B − A), weight by weight, where both checkpoints are of one shape. 0 is A, 1 is B; less
    /// or more goes beyond them. It has the settings of A and no interventions.
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true, help_heading = "Asking both")]
    interpolate: Option<f64>,
    /// Draw figures of A, B and their difference into this folder, which is made if it is not there: a PNG, an SVG and a recipe
    /// for `opabinia render` of each, and comparison.json with all numbers.
    #[arg(long, short, value_name = "DIR", help_heading = "Asking both")]
    out: Option<PathBuf>,
    /// Graphics adapter for --out: best, software, or a part of its name.
    #[arg(long, value_name = "NAME", default_value = "best", requires = "out", help_heading = "Asking both")]
    adapter: String,
    #[command(flatten)]
    settings: SideArgs,
    #[command(flatten)]
    load: LoadArgs,
}

/// What is said of one side beside its numbers.
struct About {
    side: Side,
    /// What keeps it from being run, as far as its files tell without reading a weight.
    fault: Option<Error>,
}

/// Both checkpoints on disk, compared.
struct Compared {
    about: [About; 2],
    checkpoints: Checkpoints,
}

impl Compare {
    /// Runs the command.
    ///
    /// # Errors
    /// If one of the checkpoints cannot be read.
    pub fn run(&self, console: Console) -> Result<()> {
        let questions = match &self.questions {
            Some(file) => questions::of_file(file)?,
            None => questions::of_arguments(&self.prompt, &self.image)?,
        };
        if !questions.is_empty() {
            return self.ask(&questions, console);
        }
        if self.settings.are_given() || self.system.is_some() || self.out.is_some() || self.interpolate.is_some() {
            return Err(Error::input(
                "figures and settings of a side are about answers, and nothing is asked",
                "add --prompt QUESTION, with --image FILE where it is about one",
            )
            .into());
        }
        self.compare_files(console)
    }

    /// Asks both sides.
    fn ask(&self, questions: &[Question], console: Console) -> Result<()> {
        if self.max_tokens == 0 {
            return Err(Error::input("max-tokens must be at least 1", "leave it out for up to 128 tokens").into());
        }
        let options = GenerateOptions { max_tokens: self.max_tokens, ..GenerateOptions::default() };
        let other = self.settings.other.as_deref();
        let other = other.map(|file| ImageSource::open(file)?.decode(Exif::Ignore)).transpose()?.map(Arc::new);
        let shown = questions.iter().filter_map(|question| question.image.as_ref());
        let mut pictures: Vec<_> = shown.map(|(path, picture)| (&**picture, path.as_path())).collect();
        pictures.extend(other.as_deref().zip(self.settings.other.as_deref()));
        let mut driver = Driver::start(console, true)?;
        let sources = [self.a.as_str(), self.b.as_str()];
        let system = self.system.as_deref();
        let sides = sides::load(&mut driver, sources, (&self.load, &self.settings), system, &pictures, console)?;
        let between = self.interpolate.map(|part| sides::between(&mut driver, &sides, part)).transpose()?;
        let between = between.as_ref().zip(self.interpolate);
        let [a, b] = sides.each_ref().map(|side| side.opened.inspection.directory.as_path());
        let same_tokenizer = compare::same_tokenizer(a, b)?;
        let gpu = match &self.out {
            Some(folder) => {
                self.prepare(folder, &sides)?;
                Some((folder, Gpu::headless(&AdapterChoice::from_text(&self.adapter))?))
            }
            None => None,
        };
        let mut reports = Vec::new();
        for (at, question) in questions.iter().enumerate() {
            let asked = answers::Asked { sides: &sides, between, same_tokenizer };
            let compared = answers::ask(&mut driver, &asked, question, &options, other.as_ref())?;
            if self.json || self.out.is_some() {
                reports.push(answers_json::question(question, &compared));
            }
            if !self.json {
                print_report(&answers_text::report(question, &compared))?;
            }
            if let Some((folder, gpu)) = &gpu {
                for file in figures::write(gpu, folder, at, question, &compared, &sides)? {
                    console.say(&format!("wrote {}", file.display()));
                }
            }
        }
        let report = answers_json::report(&sides, between, same_tokenizer, &reports);
        if let Some((folder, _)) = &gpu {
            let file = folder.join("comparison.json");
            output::write(&file, |out| writeln!(out, "{report:#}"))?;
            console.say(&format!("wrote {}", file.display()));
        }
        if self.json { print_json(&report) } else { Ok(()) }
    }

    /// Makes `folder` where it is not there. Nothing may be written into a checkpoint.
    fn prepare(&self, folder: &Path, sides: &[LoadedSide; 2]) -> Result<()> {
        let directories = sides.iter().flat_map(|side| side.opened.inspection.directories());
        let directories: Vec<&Path> = directories.collect();
        if !folder.exists() {
            output::check(folder, &directories)?;
            std::fs::create_dir(folder).map_err(|error| {
                Error::input(
                    format!("--out {}: the folder cannot be made: {error}", folder.display()),
                    "give a folder in one that is there and can be written",
                )
            })?;
        }
        output::check(&folder.join("comparison.json"), &directories)?;
        Ok(())
    }

    /// Compares settings and weights.
    fn compare_files(&self, console: Console) -> Result<()> {
        let requests = [self.load.request(&self.a)?, self.load.request(&self.b)?];
        let mut driver = Driver::start(console, false)?;
        let sides = [Side::open(&requests[0].source)?, Side::open(&requests[1].source)?];
        // What is missing or has no place in a model is told by the model itself, whether or not it could be run here.
        let mut faults = [None, None];
        for (fault, request) in faults.iter_mut().zip(requests) {
            *fault = match driver.inspect(request) {
                Ok(inspection) => inspection.survey.check().err(),
                Err(failure) => match failure.cause {
                    Cause::Engine(error @ Error::Refused(_)) => Some(error),
                    _ => return Err(failure),
                },
            };
        }
        let checkpoints = driver.compute(|job| compare::checkpoints(&sides, job))?;
        let [a, b] = sides;
        let [fault_a, fault_b] = faults;
        let about = [About { side: a, fault: fault_a }, About { side: b, fault: fault_b }];
        let compared = Compared { about, checkpoints };
        if compared.checkpoints.same_weights() {
            console.say(&format!("note: {} and {} are the same weights", NAMES[0], NAMES[1]));
        }
        if self.json {
            return print_json(&weights_json::report(&compared));
        }
        print_report(&weights_text::report(&compared, self.sort, self.top, self.depth))
    }
}
