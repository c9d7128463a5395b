//! `opabinia inspect`: what a checkpoint is and what it needs.

use super::advice;
use super::args::LoadArgs;
use super::console::{Console, print_json, print_report};
use super::driver::Driver;
use super::failure::{Failure, Result};
use super::json_path;
use crate::encoder_names;
use crate::quality::Quality;
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::checkpoint::{Bytes, CambrianConfig, DecoderFamily, checkpoint_name};
use opabinia_engine::model::{EncoderReport, Inspection};
use opabinia_engine::printable;
use opabinia_engine::sva::HEADS;
use serde_json::{Map, Value, json};
use std::fmt::Write;

const EXAMPLES: &str = "\
Examples:
  opabinia inspect cambrian-8b
  opabinia inspect nyu-visionx/cambrian-8b --tower dinov2=/data/dinov2-giant
  opabinia inspect cambrian-8b --json | jq .needed_bytes

Ends with exit code 3, after the full report, if the checkpoint would be refused.";

/// Names of unknown or missing weights that are listed for people; JSON has all of them.
const LISTED: usize = 8;

/// Say what a checkpoint is and what it needs, without reading its weights.
///
/// Shows the family and dimensions, which encoders were found where, parameters, bytes on disk and in memory per
/// number type, the prompt template, and weights that are missing or unknown.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Inspect {
    /// The checkpoint: its directory, organisation/name of one in the Hugging Face hub cache, or demo, which is part of
    /// the program.
    #[arg(value_name = "MODEL", default_value = crate::demo::NAME)]
    model: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: LoadArgs,
}

impl Inspect {
    /// Runs the command.
    ///
    /// # Errors
    /// If the checkpoint cannot be read at all, or would be refused.
    pub fn run(&self, console: Console) -> Result<()> {
        let inspection = Driver::start(console, false)?.inspect(self.load.request(&self.model)?)?;
        // That it does not fit into the memory of this machine is for the report to say; it is no fault of the
        // checkpoint.
        let refused = inspection.check().err().filter(|error| matches!(error, Error::Refused(_)));
        if self.json {
            let report = report_json(&inspection);
            return match refused {
                None => print_json(&Value::Object(report)),
                Some(error) => Err(Failure { report, ..error.into() }),
            };
        }
        print_report(&report_text(&inspection))?;
        refused.map_or(Ok(()), |error| Err(error.into()))
    }
}

fn family(config: &CambrianConfig) -> &'static str {
    match config.decoder.family {
        DecoderFamily::Llama => "cambrian_llama",
        DecoderFamily::Phi3 => "cambrian_phi3",
    }
}

/// Labels of the decoder layers that a sampler follows.
fn sampler_layers(config: &CambrianConfig) -> Vec<usize> {
    (0..config.decoder.layers)
        .filter(|&layer| config.sva.samplers.is_some_and(|s| s.after_layer(layer).is_some()))
        .collect()
}

/// How weights are kept and what is computed in which numbers.
pub fn precision_json(inspection: &Inspection) -> Value {
    let (core, encoders) = (inspection.precision, inspection.encoder_precision);
    json!({
        "weights": core.weights.name(),
        "encoder_weights": encoders.weights.name(),
        "activations": core.compute.as_str(),
        "compute": core.products.name(),
        "products": core.product_numbers(),
        "encoder_products": encoders.product_numbers(),
    })
}

fn report_json(inspection: &Inspection) -> Map<String, Value> {
    let config = &inspection.config;
    let decoder = &config.decoder;
    let towers = inspection.encoders.iter().map(encoder_json);
    let faults = inspection.survey.faults.iter().map(|fault| {
        let fault_json = json!({
            "key": fault.key,
            "problem": fault.problem,
            "expected": fault.expected,
            "found": fault.found,
        });
        json_path::with(fault_json, "file", &fault.file)
    });
    let needed = inspection.needed.iter().map(|(format, need)| {
        let parts = json!({
            "total": need.total(),
            "weights": need.weights,
            "encoders_leave": need.encoders_leave,
            "kv_cache": need.kv_cache,
            "activations": need.activations,
        });
        (format.name().to_owned(), parts)
    });
    let qualities = inspection.needed.iter().filter_map(|(format, _)| {
        let Quality { same_answers, divergence } = Quality::of(inspection, *format)?;
        let measured = json!({ "same_answers_percent": same_answers, "divergence_millinats": divergence });
        Some((format.name().to_owned(), measured))
    });
    let object = json!({
        "family": family(config),
        "decoder": {
            "hidden_size": decoder.hidden_size,
            "intermediate_size": decoder.intermediate_size,
            "layers": decoder.layers,
            "heads": decoder.heads,
            "kv_heads": decoder.kv_heads,
            "head_dim": decoder.head_dim,
            "vocab_size": decoder.vocab_size,
            "rope_theta": decoder.rope_theta,
            "rms_norm_eps": decoder.rms_norm_eps,
            "sliding_window": decoder.sliding_window,
            "context_length": config.context_length,
        },
        "sva": {
            "hidden_size": config.sva.hidden_size,
            "heads": HEADS,
            "query_sides": config.sva.query_sides,
            "final_side": config.sva.final_side,
            "connector_depth": config.sva.connector_depth,
            "sampler_layers": sampler_layers(config),
        },
        "towers": towers.collect::<Value>(),
        "template": inspection.template.name(),
        "tokenizer_ids": inspection.vocabulary,
        "parameters": { "total": inspection.parameters, "core": inspection.core_parameters },
        "stored": { "bytes": stored_bytes(inspection), "core_bytes": inspection.stored_bytes, "dtype": inspection.stored_dtype },
        "needed_bytes": needed.collect::<Map<_, _>>(),
        "demo_quality": qualities.collect::<Map<_, _>>(),
        "available_bytes": inspection.available_bytes,
        "device": inspection.device,
        "precision": precision_json(inspection),
        "faults": faults.collect::<Value>(),
        "unknown_keys": inspection.survey.unknown.iter().map(|weight| weight.key.as_str()).collect::<Vec<_>>(),
        "notes": inspection.notes,
    });
    match json_path::with(object, "directory", &inspection.directory) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn encoder_json(encoder: &EncoderReport) -> Value {
    let (found, directory, source, problem) = match &encoder.location {
        Ok((directory, source)) => (true, Some(directory.as_path()), Some(source), None),
        Err(refusal) => (false, None, None, Some(refusal.clone().advised(advice::words).to_string())),
    };
    let mut object = json!({
        "name": encoder.spec.name,
        "family": encoder.spec.family.word(),
        "repo": encoder.spec.origin.repository(),
        "tokens": encoder.spec.tokens,
        "tokens_side": encoder.spec.side(),
        "input_side": encoder.input_side,
        "width": encoder.width,
        "parameters": encoder.parameters,
        "stored_bytes": encoder.stored_bytes,
        "found": found,
        "source": source,
        "problem": problem,
    });
    if let Some(object) = object.as_object_mut() {
        json_path::insert_optional(object, "directory", directory);
    }
    object
}

/// Bytes of all weight files that were found.
fn stored_bytes(inspection: &Inspection) -> u64 {
    inspection.encoders.iter().map(|encoder| encoder.stored_bytes).fold(inspection.stored_bytes, u64::saturating_add)
}

/// A count for people: 8.4 billion, 12.3 million.
fn count(number: u64) -> String {
    const UNITS: [(&str, f64); 3] = [("billion", 1e9), ("million", 1e6), ("thousand", 1e3)];
    match UNITS.iter().find(|(_, size)| number as f64 >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", number as f64 / size),
        None => number.to_string(),
    }
}

/// Rows of a report: a name and what there is to say.
struct Report(String);

impl Report {
    fn heading(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{}{text}", if self.0.is_empty() { "" } else { "\n" });
    }

    fn row(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "  {name:<12}  {value}");
    }
}

fn report_text(inspection: &Inspection) -> String {
    let config = &inspection.config;
    let (decoder, sva) = (&config.decoder, &config.sva);
    let mut report = Report(String::new());
    let name = checkpoint_name(&inspection.directory);
    let name = printable::line(&name);
    report.heading(&format!("{name}: {}, {} parameters", family(config), count(inspection.parameters)));
    report.row("directory", printable::path(&inspection.directory));
    report.row(
        "decoder",
        format!(
            "{} layers of width {}, MLP {}, {} heads ({} for keys and values), {} positions",
            decoder.layers,
            decoder.hidden_size,
            decoder.intermediate_size,
            decoder.heads,
            decoder.kv_heads,
            config.context_length
        ),
    );
    report.row("vocabulary", format!("{} rows, {} tokenizer ids", decoder.vocab_size, inspection.vocabulary));
    report.row("template", inspection.template);
    let sides: Vec<String> = sva.query_sides.iter().map(|side| format!("{side}×{side}")).collect();
    report.row(
        "SVA",
        format!(
            "width {}, {HEADS} heads; query grid {} → {side}×{side}; {} connector layers",
            sva.hidden_size,
            sides.join(" and "),
            sva.connector_depth,
            side = sva.final_side
        ),
    );
    let samplers: Vec<String> = sampler_layers(config).iter().map(ToString::to_string).collect();
    let samplers =
        if samplers.is_empty() { "none".into() } else { format!("after decoder layers {}", samplers.join(", ")) };
    report.row("samplers", samplers);

    report.heading("encoders");
    let names: Vec<&str> = inspection.encoders.iter().map(|encoder| encoder.spec.name.as_str()).collect();
    for ((k, encoder), short) in inspection.encoders.iter().enumerate().zip(encoder_names::short(&names)) {
        let side = encoder.spec.side();
        report.row(&format!("{k} {}", printable::line(&short)), printable::line(&encoder.spec.name));
        match &encoder.location {
            Ok((directory, source)) => {
                let input = encoder.input_side.map_or_else(String::new, |input| format!("{input} px → "));
                let width = encoder.width.map_or_else(String::new, |width| format!(" of width {width}"));
                report.row("", format!("{input}{side}×{side} tokens{width}, {} parameters", count(encoder.parameters)));
                report.row("", format!("{source}: {}", printable::path(directory)));
            }
            Err(refusal) => {
                let refusal = refusal.clone().advised(advice::words).to_string();
                report.row("", format!("NOT FOUND: {}", refusal.replace('\n', "\n                ")));
            }
        }
    }

    report.heading("memory");
    report.row(
        "on disk",
        format!("{} of weight files, mostly {}", Bytes(stored_bytes(inspection)), inspection.stored_dtype),
    );
    for (format, need) in &inspection.needed {
        let chosen = if *format == inspection.precision.weights { "  ← will be used" } else { "" };
        let (total, weights) = (Bytes(need.total()), Bytes(need.weights));
        let weights = if need.encoders_leave {
            format!("of {weights} of weights, as encoders leave when they have looked")
        } else {
            format!("{weights} of it weights")
        };
        let quality = Quality::of(inspection, *format)
            .map_or_else(String::new, |quality| format!(", {:.2} % of answers as in f32 (demo)", quality.same_answers));
        report.row(&format!("as {format}"), format!("{total} needed, {weights}{quality}{chosen}"));
    }
    let available = inspection.available_bytes.map_or_else(|| "unknown".into(), |bytes| Bytes(bytes).to_string());
    report.row(
        "available",
        format!("{available} on {}, which computes in {}", inspection.device, inspection.precision.compute.as_str()),
    );
    for (what, precision) in [("products", inspection.precision), ("of encoders", inspection.encoder_precision)] {
        let numbers = precision.product_numbers();
        report.row(
            what,
            format!("of {numbers} numbers, with weights in {} ({})", precision.weights, precision.products.name()),
        );
    }

    report.heading("weights");
    let survey = &inspection.survey;
    list(
        &mut report,
        "missing or wrong",
        survey
            .faults
            .iter()
            .map(|fault| format!("{}: {}", printable::line(fault.key.as_deref().unwrap_or_default()), fault.problem)),
    );
    list(
        &mut report,
        "unknown",
        survey
            .unknown
            .iter()
            .map(|weight| format!("{}, in {}", printable::line(&weight.key), printable::path(&weight.file))),
    );
    if survey.faults.is_empty() && survey.unknown.is_empty() {
        let absent = inspection.encoders.iter().filter(|encoder| encoder.location.is_err()).count();
        if absent == 0 {
            report.row("complete", "nothing is missing, nothing is unknown");
        } else {
            let encoders = if absent == 1 { "an encoder is".into() } else { format!("{absent} encoders are") };
            report.row("incomplete", format!("{encoders} missing, see above; the checkpoint itself is whole"));
        }
    }
    let mut notes: Vec<String> = inspection.notes.clone();
    if let Err(Error::OutOfMemory { what, help }) = inspection.check() {
        notes.push(format!("it does not fit: {what}; {}", advice::words(&help)));
    }
    if !notes.is_empty() {
        report.heading("notes");
        notes.iter().for_each(|note| report.row("", printable::line(note)));
    }
    report.0
}

fn list(report: &mut Report, name: &str, items: impl ExactSizeIterator<Item = String>) {
    let total = items.len();
    for (at, item) in items.take(LISTED).enumerate() {
        report.row(if at == 0 { name } else { "" }, item);
    }
    if total > LISTED {
        report.row("", format!("and {} more (--json lists all)", total - LISTED));
    }
}
