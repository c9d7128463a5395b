//! `opabinia trace`: an answer, and what happened inside on the way.

use super::answer_text::{answer_json, figures};
use super::args::{AnswerArgs, ImageInputArgs, InterventionArgs, LoadArgs, ModelArgs};
use super::console::{Console, complain, print_generated, print_json, refuse_terminal};
use super::driver::Driver;
use super::failure::Result;
use super::json_path;
use crate::encoder_names;
use crate::output;
use clap::{Args, ValueEnum};
use opabinia_engine::Error;
use opabinia_engine::checkpoint::Bytes;
use opabinia_engine::probe::{Detail, Trace as Recorded};
use opabinia_engine::vision::Exif;
use opabinia_engine::worker::{Decoding, Prompt, Record, RunSpec, TraceFile};
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  opabinia trace -m cambrian-8b -i desk.jpg -p \"What is here?\" -o desk.safetensors
  opabinia trace -m cambrian-8b -i desk.jpg -p \"What is here?\" --with mask:dinov2 -o off.safetensors
  opabinia trace -m cambrian-8b -i desk.jpg -p \"How many?\" --tensors all -o all.safetensors

Then look at it:
  opabinia render desk.safetensors --image desk.jpg --out desk.png

Attention says where the model read. What that was worth to an answer `opabinia evidence` measures.
A SPEC, such as mask:clip or region:all@0:3,0:3, is explained by `opabinia evidence --help`.";

/// How much of the pass is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tensors {
    /// Attention probabilities and masks of every SVA layer, logits and ids.
    Sva,
    /// Everything: encoder inputs and outputs, hidden states, attention rows, and what `sva` has.
    All,
}

/// Record where the model looked while it answered.
///
/// Writes a safetensors file with the attention probabilities of every SVA layer (`sva.*.probs`, `sva.*.mask`), the
/// logits of every step and the generated ids; `render` makes pictures of it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Trace {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    image_input: ImageInputArgs,
    /// The question.
    #[arg(long, short, value_name = "QUESTION")]
    prompt: String,
    /// The file to write; - for standard output, and then the answer goes to standard error.
    #[arg(long, short, value_name = "T.safetensors")]
    out: PathBuf,
    /// What to keep.
    #[arg(long, value_enum, default_value_t = Tensors::Sva)]
    tensors: Tensors,
    /// Print one JSON object when done: the answer as `ask --json` gives it, and what the file holds.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    intervention: InterventionArgs,
    #[command(flatten)]
    answer: AnswerArgs,
    #[command(flatten)]
    load: LoadArgs,
}

impl Trace {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the question from being answered or the file from being written.
    pub fn run(&self, console: Console) -> Result<()> {
        let options = self.answer.options(0)?;
        let image = self.image_input.image(&self.model);
        let inputs: Vec<_> = image.as_deref().into_iter().collect();
        let inputs = [inputs, self.intervention.other.as_deref().into_iter().collect()].concat();
        output::check(&self.out, &inputs)?;
        let other = self.image_input.picture(self.intervention.other.as_deref())?;
        self.check_stdout()?;
        let picture = self.image_input.picture(image.as_deref())?;
        let request = self.load.request(&self.model.model)?;
        self.image_input.introduce(&self.model, image.as_deref(), console);
        if picture.is_none() && self.intervention.with.is_some() {
            return Err(Error::input("there is no image to intervene on", "add --image FILE").into());
        }
        if picture.is_none() {
            console.say("note: without --image nothing is looked at: the file will hold logits and ids, but no maps");
        }
        let mut driver = Driver::start(console, true)?;
        let inspection = driver.inspect(request.clone())?;
        output::check(&self.out, &inspection.directories())?;
        let interventions = self.intervention.interventions(&inspection.config.anatomy())?;
        let shown = picture.as_deref().zip(image.as_deref());
        let swapped = other.as_deref().zip(self.intervention.other.as_deref());
        self.image_input.check(&self.prompt, shown.into_iter().chain(swapped), &inspection)?;
        let opened = driver.load(request, &inspection)?;
        let detail = match self.tensors {
            Tensors::Sva => Detail::Sva,
            Tensors::All => Detail::All,
        };
        let prompt = Prompt { system: self.answer.system.clone(), turns: self.image_input.turns(&self.prompt) };
        let file = TraceFile { path: self.out.clone(), exif: self.image_input.exif() };
        let mut ran = driver.run(RunSpec {
            image: picture,
            interventions: interventions.clone(),
            other,
            decoding: Decoding::Generate(options),
            record: Record::Trace { detail, output: Some(file) },
            ..RunSpec::new(opened.model, prompt)
        })?;
        let trace = ran.trace.take();
        let answer = ran.into_answer()?;
        // What was written through has no length.
        let is_stream = output::is_stream(&self.out);
        let written = if is_stream { None } else { std::fs::metadata(&self.out).ok().map(|about| about.len()) };
        if self.json {
            let mut object = answer_json(&answer, &opened, image.as_deref(), &self.prompt);
            object["output"] = json_path::with(json!({ "bytes": written }), "file", &self.out);
            object["interventions"] = json!(interventions);
            object["trace"] = trace.as_deref().map_or(Value::Null, trace_json);
            return print_json(&object);
        }
        if output::is_stdout(&self.out) {
            // A result, whatever else is wanted quiet.
            complain(&answer.text);
        } else {
            print_generated(&format!("{}\n", answer.text))?;
        }
        console.say(&figures(&answer, &opened));
        let held = trace.as_deref().map_or_else(String::new, summary);
        let size = written.map_or_else(String::new, |bytes| format!(" ({})", Bytes(bytes)));
        console.say(&format!("wrote {}{size}{held}", self.out.display()));
        Ok(())
    }

    /// Checks that nothing else goes where the trace goes.
    fn check_stdout(&self) -> Result<()> {
        if output::is_stdout(&self.out) && self.json {
            return Err(Error::input(
                format!("--out {}: --json goes to standard output, too", self.out.display()),
                "give the name of a file",
            )
            .into());
        }
        refuse_terminal(&self.out, "a trace")
    }
}

fn trace_json(trace: &Recorded) -> Value {
    let layers = trace.layers.iter().map(|layer| {
        let (frame, shape) = (&layer.frame, layer.frame.size_hw());
        json!({
            "label": layer.label,
            "name": layer.name,
            "grid_side": frame.side,
            "first_cell": [frame.rows.start, frame.columns.start],
            "cells": [shape.0, shape.1],
            "keys": layer.keys,
        })
    });
    let encoders = trace.encoders.iter().map(|encoder| json!({ "name": encoder.name, "tokens_side": encoder.side }));
    json!({
        "picture": {
            "width": trace.picture.width,
            "height": trace.picture.height,
            "sha256": trace.pixels,
            "exif": trace.exif == Exif::Honour,
        },
        "encoders": encoders.collect::<Value>(),
        "layers": layers.collect::<Value>(),
    })
}

/// What a trace holds, in words.
fn summary(trace: &Recorded) -> String {
    let names: Vec<&str> = trace.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
    let labels: Vec<&str> = trace.layers.iter().map(|layer| layer.label.as_str()).collect();
    let words = trace.interventions.words(&trace.anatomy);
    let intervened = if words.is_empty() { words } else { format!("; {words}") };
    if labels.is_empty() {
        return format!(": no SVA layer ran, so there are no maps{intervened}");
    }
    format!(": SVA layers {} over {}{intervened}", labels.join(" "), encoder_names::short(&names).join(", "))
}
