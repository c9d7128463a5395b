//! The checkpoint that is measured: forged once, then reused.

use opabinia_forge::{EncoderNetwork, ForgeSpec, Preset, SamplerLayout, forge};
use std::error::Error;
use std::path::{Path, PathBuf};

/// Chooses the checkpoint: `tiny`, `small-bench` (the default), `released-layers`, `cambrian-phi3-3b`, `cambrian-8b`,
/// or a directory that holds one.
const VARIABLE: &str = "OPABINIA_BENCH";

/// The name of the checkpoint that was asked for, and where it is.
pub fn chosen() -> Result<(String, PathBuf), Box<dyn Error>> {
    let name = std::env::var(VARIABLE).unwrap_or_else(|_| "small-bench".into());
    let spec = match name.as_str() {
        "tiny" => Preset::Tiny.spec(),
        "small-bench" => Preset::SmallBench.spec(),
        "released-layers" => released_layers(),
        "cambrian-phi3-3b" => Preset::Cambrian3b.spec(),
        "cambrian-8b" => Preset::Cambrian8b.spec(),
        _ if Path::new(&name).is_dir() => return Ok((name.clone(), PathBuf::from(name))),
        _ => return Err(format!("{VARIABLE}={name} is neither a size nor a directory").into()),
    };
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}"));
    // config.json is written last: without it the directory is what an interrupted run has left.
    if !directory.join("config.json").is_file() {
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        println!("forging {} …", directory.display());
        forge(&spec, &directory, |_| {})?;
    }
    Ok((name, directory))
}

/// The released 8B at full width, cut down to as few layers as show every kind of them.
fn released_layers() -> ForgeSpec {
    let mut spec = Preset::Cambrian8b.spec();
    spec.decoder.layers = 2;
    spec.decoder.vocab = 16_384;
    spec.sva.connector_depth = 1;
    spec.sva.samplers = Some(SamplerLayout { count: 1, start: 0, stride: 3 });
    for tower in &mut spec.towers {
        match &mut tower.network {
            EncoderNetwork::Siglip { depth, .. } => *depth = 1,
            // The last one of CLIP's layers is not used.
            EncoderNetwork::Clip { layers, .. } => *layers = 2,
            EncoderNetwork::Dinov2 { layers, .. } => *layers = 1,
            EncoderNetwork::ConvNext { depths, .. } => *depths = [1; 4],
        }
    }
    spec
}
