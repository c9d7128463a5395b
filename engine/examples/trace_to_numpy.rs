//! Writes the attention of one SVA layer as a NumPy array of 32-bit floats, `[cells, heads, keys]`.
//!
//!     cargo run --release -p opabinia-engine --example trace_to_numpy -- maps.npy [LAYER [CHECKPOINT [PICTURE]]]
//!     python -c "import numpy; print(numpy.load('maps.npy').shape)"
//!
//! `LAYER` is a label such as C1 or S0. Without further arguments: the first layer, the demo checkpoint, its first sample.

#![allow(clippy::print_stdout, reason = "an example prints")]

use opabinia_engine::model::LoadRequest;
use opabinia_engine::probe::Detail;
use opabinia_engine::sva::HEADS;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Client, Prompt, Record, RunSpec};
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/demo");
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("say where to write: trace_to_numpy OUT.npy")?;
    let label = args.next();
    let checkpoint = args.next().unwrap_or_else(|| format!("{assets}/checkpoint"));
    let picture = args.next().unwrap_or_else(|| format!("{assets}/samples/gift.png"));

    let mut engine = Client::start()?;
    let (model, loading) = engine.load(LoadRequest { source: checkpoint, ..LoadRequest::default() }, None);
    engine.wait(loading)?;
    let traced = engine.run(RunSpec {
        image: Some(Arc::new(Picture::open(Path::new(&picture), Exif::Ignore)?)),
        record: Record::Trace { detail: Detail::Sva, output: None },
        ..RunSpec::new(model, Prompt::question("Describe this image."))
    });
    let trace = engine.wait(traced)?.trace.ok_or("nothing was traced")?;
    let layer = trace.layers.iter().find(|layer| label.as_ref().is_none_or(|label| *label == layer.label));
    let layer = layer
        .ok_or_else(|| format!("the layers are {:?}", trace.layers.iter().map(|l| &l.label).collect::<Vec<_>>()))?;

    let cells = layer.probs.len() / (HEADS * layer.keys);
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({cells}, {HEADS}, {}), }}", layer.keys);
    // With the ten bytes before it the header ends at a multiple of 64, with a line break.
    header.push_str(&" ".repeat(63 - (header.len() + 10) % 64));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len())?.to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(layer.probs.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(&out, file)?;
    println!("{out}: {} of {}, {cells} cells, {HEADS} heads, {} keys", layer.label, trace.model, layer.keys);
    Ok(())
}
