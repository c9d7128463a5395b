//! Loads a checkpoint, asks about a picture, prints the answer.
//!
//!     cargo run --release -p opabinia-engine --example load_and_ask -- [CHECKPOINT [PICTURE [QUESTION]]]
//!
//! Without arguments: the demo checkpoint and its first sample.

#![allow(clippy::print_stdout, reason = "an example prints")]

use opabinia_engine::generate::GenerateOptions;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Client, Decoding, Prompt, RunSpec};
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/demo");
    let mut args = std::env::args().skip(1);
    let checkpoint = args.next().unwrap_or_else(|| format!("{assets}/checkpoint"));
    let picture = args.next().unwrap_or_else(|| format!("{assets}/samples/gift.png"));
    let question = args.next().unwrap_or_else(|| "How many red circles are there?".to_owned());

    let mut engine = Client::start()?;
    let (model, loading) = engine.load(LoadRequest { source: checkpoint, ..LoadRequest::default() }, None);
    engine.wait(loading)?;
    let asked = engine.run(RunSpec {
        image: Some(Arc::new(Picture::open(Path::new(&picture), Exif::Ignore)?)),
        decoding: Decoding::Generate(GenerateOptions::default()),
        ..RunSpec::new(model, Prompt::question(question))
    });
    println!("{}", engine.wait(asked)?.into_answer()?.text);
    Ok(())
}
