//! `opabinia evidence`: what an answer rests on.

use super::args::{LoadArgs, ModelArgs, SubjectArgs, check_other};
use super::console::{Console, complain, print, print_json, refuse_terminal};
use super::driver::{Driver, Opened};
use super::evidence_text::{json, table};
use super::failure::Result;
use super::json_path;
use crate::output;
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::intervention::{Anatomy, Cells, GRAMMAR, Interventions};
use opabinia_engine::probe::evidence::Request;
use opabinia_engine::run::Lane;
use opabinia_engine::worker::EvidenceSpec;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  opabinia evidence -p \"How many red circles are there?\" --with mask:convnext
  opabinia evidence -p \"How many red circles are there?\" --with region:all@0:3,0:3 --json
  opabinia evidence -m MODEL -i desk.jpg -p \"Cups?\" --with swap:clip --other sea.jpg
  opabinia evidence -m MODEL -i desk.jpg -p \"Cups?\" --standard --other sea.jpg -o e.safetensors

";

/// Measure what an answer rests on: its probability with something switched off, replaced or blocked.
///
/// The model answers once; then the same answer is scored under each intervention, token by token, whatever the model would
/// have said under it. Δ log p below 0: the answer became less likely. An intervention is evidence about this checkpoint on
/// this picture; masked or zeroed features are nothing the model was trained on, those of another image are.
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}{GRAMMAR}"))]
pub struct Evidence {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    /// The question.
    #[arg(long, short, value_name = "QUESTION")]
    prompt: String,
    /// An intervention to measure; may be repeated, and each is measured for itself.
    #[arg(long, value_name = "SPEC", required_unless_present = "standard")]
    with: Vec<String>,
    /// The image whose features swap:ENCODERS puts in.
    #[arg(long, value_name = "FILE")]
    other: Option<PathBuf>,
    /// Measure the standard list: each encoder taken away in every way, a region, the context, each SVA layer and one of its
    /// heads, and Shapley values over the encoders. What needs another image or
    /// a region is left out where none is given.
    #[arg(long)]
    standard: bool,
    /// With --standard: the cells to take away, as rows and columns of the query grid over the padded square.
    #[arg(long, value_name = "R0:R1,C0:C1", requires = "standard")]
    region: Option<String>,
    /// Tokens of the answer at most; 64 if left out.
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// System text instead of the template's own.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Write the numbers to this file: NAME.logp, NAME.kl and NAME.first_id for each intervention.
    #[arg(long, short, value_name = "E.safetensors")]
    out: Option<PathBuf>,
    /// Print one JSON object when done.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: LoadArgs,
}

impl Evidence {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the answer from being measured or the file from being written.
    pub fn run(&self, console: Console) -> Result<()> {
        if self.max_tokens == Some(0) {
            return Err(Error::input("max-tokens must be at least 1", "leave it out for up to 64 tokens").into());
        }
        let image = self.subject.image(&self.model);
        let Some(image) = image.as_deref() else {
            return Err(Error::input("there is no image to intervene on", "add --image FILE").into());
        };
        if let Some(out) = &self.out {
            let inputs: Vec<_> = [Some(image), self.other.as_deref()].into_iter().flatten().collect();
            output::check(out, &inputs)?;
            if output::is_stdout(out) && self.json {
                return Err(
                    Error::input("--out -: --json goes to standard output, too", "give the name of a file").into()
                );
            }
            refuse_terminal(out, "a file of numbers")?;
        }
        let Some(shown) = self.subject.picture(Some(image))? else { return Ok(()) };
        let other = self.subject.picture(self.other.as_deref())?;
        let request = self.load.request(&self.model.model)?;
        self.subject.introduce(&self.model, Some(image), console);
        let mut driver = Driver::start(console, true)?;
        let inspection = driver.inspect(request.clone())?;
        if let Some(out) = &self.out {
            output::check(out, &inspection.directories())?;
        }
        let anatomy = inspection.config.anatomy();
        let with = self.interventions(&anatomy)?;
        let region = self.region.as_deref().map(|region| Cells::parse(region, anatomy.side())).transpose()?;
        let swapped = other.as_deref().zip(self.other.as_deref());
        self.subject.check(&self.prompt, [(&*shown, image)].into_iter().chain(swapped), &inspection)?;
        self.say_what_is_left_out(console);
        let measured = Request {
            system: self.system.clone(),
            turns: self.subject.turns(&self.prompt),
            picture: shown,
            other,
            answer: None,
            max_tokens: self.max_tokens,
            with,
            standard: self.standard,
            region,
        };
        measured.check(&anatomy)?;
        let opened = driver.load(request, &inspection)?;
        let spec = EvidenceSpec { model: opened.model, request: measured, output: self.out.clone(), lane: Lane::Batch };
        let evidence = driver.evidence(spec)?;
        if self.json {
            let Opened { inspection, .. } = &opened;
            let mut object = json(&evidence);
            object = json_path::with(object, "model", &inspection.directory);
            object = json_path::with(object, "image", image);
            if let Some(other) = &self.other {
                object = json_path::with(object, "other", other);
            }
            if let Some(out) = &self.out {
                object = json_path::with(object, "output", out);
            }
            return print_json(&object);
        }
        match &self.out {
            // A result, whatever else is wanted quiet.
            Some(out) if output::is_stdout(out) => complain(&table(&evidence)),
            Some(out) => {
                print(&table(&evidence))?;
                console.say(&format!("wrote {}", out.display()));
            }
            None => print(&table(&evidence))?,
        }
        Ok(())
    }

    fn interventions(&self, anatomy: &Anatomy) -> Result<Vec<Interventions>> {
        let parse = |spec: &String| {
            let interventions = Interventions::parse(spec, anatomy)?;
            check_other(spec, &interventions, self.other.as_deref())?;
            Ok(interventions)
        };
        self.with.iter().map(parse).collect()
    }

    fn say_what_is_left_out(&self, console: Console) {
        if !self.standard {
            return;
        }
        if self.other.is_none() {
            console.say("note: without --other nothing is swapped: no swap runs and no Shapley values by swapping");
        }
        if self.region.is_none() {
            console.say("note: without --region no region is taken away");
        }
    }
}
