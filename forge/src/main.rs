//! `opabinia-forge`: a random checkpoint of any shape, from the command line.

use clap::{Args, Parser};
use opabinia_forge::{
    DecoderFamily, Derivation, Derived, EncoderFamily, EncoderScale, ForgeError, ForgeSpec, Preset, SamplerLayout,
    StoredType, Template, derive, forge, size,
};
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Writes a Cambrian-1 checkpoint with random weights, in the layout of the released ones.
///
/// Its answers mean nothing. Its files, shapes, memory and speed are those of a real one, so it can be
/// loaded, asked, traced and measured without a download. Start from a preset and change what you like:
///
///   opabinia-forge tiny/
///   opabinia-forge --preset small-bench --dtype bf16 bench/
///   opabinia-forge --preset cambrian-8b --dtype bf16 --dry-run 8b/
///   opabinia-forge --layers 2 --towers clip,convnext --samplers 1,0,1 two-eyes/
///
/// Or make a checkpoint of another, to be compared with it:
///
///   opabinia-forge --from demo/ --perturb "model.layers.2.*=0.05" demo-moved/
///   opabinia-forge --from a/ --toward b/ --lambda 0.5 half-way/
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Cli {
    /// Where to write; a new or an empty directory.
    out: PathBuf,
    /// Shape to start from.
    #[arg(long, value_enum, default_value = "tiny")]
    preset: Preset,
    #[command(flatten)]
    derive: DeriveArgs,
    /// Only say how large the checkpoint would be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    files: FileArgs,
    #[command(flatten)]
    decoder: DecoderArgs,
    #[command(flatten)]
    vision: VisionArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "A checkpoint made of another")]
struct DeriveArgs {
    /// Start from this checkpoint in safetensors files instead of random weights; nothing but its weights changes.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["preset", "dry_run"])]
    from: Option<PathBuf>,
    /// Move weights of this name (* stands for any part of it) by a random step, relative to their own length; may be
    /// repeated.
    #[arg(long, value_name = "NAME=STEP", value_parser = parse_step, requires = "from")]
    perturb: Vec<(String, f64)>,
    /// Go toward this checkpoint: A + λ (B − A) for every weight that both have in the same shape.
    #[arg(long, value_name = "DIR", requires = "from")]
    toward: Option<PathBuf>,
    /// How far to go: 0 stays, 1 arrives.
    #[arg(long, value_name = "λ", default_value_t = 0.5, allow_negative_numbers = true, requires = "toward")]
    lambda: f64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
struct FileArgs {
    /// Type of the weights on disk [released: f32]
    #[arg(long, value_enum)]
    dtype: Option<StoredType>,
    /// Seed of all weights; the same seed gives the same weights.
    #[arg(long)]
    seed: Option<u64>,
    /// Largest weight file, with KB, MB or GB; what does not fit into one file is cut into shards with an index.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    shard_bytes: Option<u64>,
    /// Leave the encoders' own files out; config.json still names them, and they will be missing when it is loaded.
    #[arg(long)]
    no_towers: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Language model")]
struct DecoderArgs {
    /// Family of the decoder: phi3 fuses query, key and value into one weight.
    #[arg(long, value_enum)]
    family: Option<DecoderFamily>,
    /// Width of the decoder; a multiple of --heads.
    #[arg(long, value_name = "H")]
    hidden: Option<usize>,
    /// Width of the decoder's MLP.
    #[arg(long, value_name = "F")]
    intermediate: Option<usize>,
    /// Number of decoder layers.
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Query heads.
    #[arg(long, value_name = "N")]
    heads: Option<usize>,
    /// Key/value heads; fewer than --heads makes grouped-query attention.
    #[arg(long, value_name = "N")]
    kv_heads: Option<usize>,
    /// Rows of the embedding table.
    #[arg(long, value_name = "V")]
    vocab: Option<usize>,
    /// Rows of the embedding table that belong to no token, as in Phi-3 (53 there).
    #[arg(long, value_name = "N")]
    vocab_padding: Option<usize>,
    /// Prompt template whose special tokens the tokenizer has [default: phi3 for that family, else the preset's]
    #[arg(long, value_enum)]
    template: Option<Template>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Vision and SVA")]
struct VisionArgs {
    /// Encoders in checkpoint order; encoder 0 gives the global context.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FAMILY,…")]
    towers: Option<Vec<EncoderFamily>>,
    /// Size of the encoders' networks [default: the preset's]
    #[arg(long, value_enum)]
    tower_scale: Option<EncoderScale>,
    /// Window side of each encoder: tokens per cell and direction [released: 1,1,1,4]
    #[arg(long, value_delimiter = ',', value_name = "M,…")]
    windows: Option<Vec<usize>>,
    /// Width of the SVA; a multiple of 16 [released: 1024]
    #[arg(long, value_name = "C")]
    vision_hidden: Option<usize>,
    /// Side of the query grid [released: 24]
    #[arg(long, value_name = "Q")]
    query_side: Option<usize>,
    /// Sides of several query groups, as in `3,6`; each is resized to --query-side.
    #[arg(long, value_delimiter = ',', value_name = "Q,…")]
    query_groups: Option<Vec<usize>>,
    /// SVA layers before the language model [released: 3]
    #[arg(long, value_name = "N")]
    connector_depth: Option<usize>,
    /// SVA layers inside the language model: how many, after which layer the first, how far apart [8B: 10,0,3]
    #[arg(long, value_name = "COUNT,START,STRIDE", value_parser = parse_samplers, conflicts_with = "connector_only")]
    samplers: Option<SamplerLayout>,
    /// No SVA layers inside the language model.
    #[arg(long)]
    connector_only: bool,
}

impl Cli {
    /// The preset with everything the user changed.
    fn spec(&self) -> Result<ForgeSpec, ForgeError> {
        let mut spec = self.preset.spec();
        set(&mut spec.dtype, self.files.dtype);
        set(&mut spec.seed, self.files.seed);
        set(&mut spec.shard_bytes, self.files.shard_bytes);
        spec.write_towers = !self.files.no_towers;

        let (d, args) = (&mut spec.decoder, &self.decoder);
        set(&mut d.family, args.family);
        set(&mut d.hidden, args.hidden);
        set(&mut d.intermediate, args.intermediate);
        set(&mut d.layers, args.layers);
        set(&mut d.heads, args.heads);
        set(&mut d.kv_heads, args.kv_heads);
        set(&mut d.vocab, args.vocab);
        set(&mut spec.vocab_padding, args.vocab_padding);
        match (args.template, args.family) {
            (None, Some(DecoderFamily::Phi3)) => spec.template = Template::Phi3,
            (template, _) => set(&mut spec.template, template),
        }

        let args = &self.vision;
        if args.towers.is_some() || args.tower_scale.is_some() {
            let released = [EncoderFamily::Siglip, EncoderFamily::Clip, EncoderFamily::Dinov2, EncoderFamily::Convnext];
            let scale = args.tower_scale.unwrap_or(self.preset.tower_scale());
            let families = args.towers.as_deref().unwrap_or(&released);
            spec.towers = families.iter().map(|family| scale.tower(*family)).collect();
        }
        if let Some(windows) = &args.windows {
            if windows.len() != spec.towers.len() || windows.contains(&0) {
                return Err(ForgeError::Spec(format!(
                    "--windows names {windows:?}: give one side of at least 1 for each of the {} encoders",
                    spec.towers.len()
                )));
            }
            spec.towers.iter_mut().zip(windows).for_each(|(tower, window)| tower.window = *window);
        }
        set(&mut spec.sva.hidden, args.vision_hidden);
        if let Some(side) = args.query_side {
            spec.sva.query_side = side;
            spec.sva.group_sides = vec![side];
        }
        set(&mut spec.sva.group_sides, args.query_groups.clone());
        set(&mut spec.sva.connector_depth, args.connector_depth);
        if args.connector_only {
            spec.sva.samplers = None;
        } else if let Some(samplers) = args.samplers {
            spec.sva.samplers = Some(samplers);
        }
        spec.validate()?;
        Ok(spec)
    }
}

/// Replaces `value` if the user gave another.
fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

/// `5GB`, `200 MB`, `1000`; decimal units, as transformers reads them.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err("the unit has to be KB, MB or GB".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "give a whole number, as in 5GB".to_string())?;
    let bytes = number.checked_mul(unit).ok_or("that is more than a disk can hold")?;
    if bytes == 0 { Err("a file of 0 bytes holds nothing".into()) } else { Ok(bytes) }
}

/// `model.layers.2.*=0.05`.
fn parse_step(text: &str) -> Result<(String, f64), String> {
    let step = text.rsplit_once('=').and_then(|(name, step)| Some((name.to_owned(), step.parse::<f64>().ok()?)));
    step.filter(|(name, step)| !name.is_empty() && step.is_finite())
        .ok_or_else(|| format!("`{text}` is not NAME=STEP, as in model.layers.2.*=0.05"))
}

/// `10,0,3`.
fn parse_samplers(text: &str) -> Result<SamplerLayout, String> {
    let numbers: Result<Vec<usize>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([count, start, stride]) => Ok(SamplerLayout { count: *count, start: *start, stride: *stride }),
        _ => Err("give three whole numbers, as in 10,0,3: how many, after which layer, how far apart".into()),
    }
}

/// One line on stderr that says how far the checkpoint is; kept still where there is no terminal.
struct Meter {
    started: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Meter {
    fn new() -> Self {
        Self { started: Instant::now(), shown: None, terminal: stderr().is_terminal() }
    }

    /// Shows progress, ten times a second at most. A stderr that is gone is no reason to stop.
    fn show(&mut self, file: &Path, done: u64, total: u64) {
        let recent = self.shown.is_some_and(|shown| shown.elapsed() < Duration::from_millis(100));
        if !self.terminal || (recent && done < total) {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let percent = 100 * done / total.max(1);
        let (done, total, rate) = (gigabytes(done as f64), gigabytes(total as f64), gigabytes(rate));
        let _ = write!(stderr(), "\r\x1b[K{percent:3} %  {done} of {total}  {rate}/s  {}", file.display());
    }

    fn end(&self) {
        if self.shown.is_some() {
            let _ = writeln!(stderr());
        }
    }
}

/// `1.52 GB`, or `3.4 MB` below a tenth of that.
fn gigabytes(bytes: f64) -> String {
    if bytes < 1e8 { format!("{:.1} MB", bytes / 1e6) } else { format!("{:.2} GB", bytes / 1e9) }
}

/// Writes the checkpoint the user asked for.
fn run(cli: &Cli) -> Result<(), ForgeError> {
    if let Some(source) = &cli.derive.from {
        let args = &cli.derive;
        let toward = args.toward.clone().map(|other| (other, args.lambda));
        let derivation = Derivation { toward, perturb: args.perturb.clone(), seed: cli.files.seed.unwrap_or(0) };
        let derived = derive(source, &derivation, &cli.out)?;
        let Derived { changed, kept, without_counterpart } = derived;
        let _ = writeln!(
            stderr(),
            "wrote {}: {changed} weights changed, {kept} as they were ({without_counterpart} without a counterpart)",
            cli.out.display()
        );
        return Ok(());
    }
    let spec = cli.spec()?;
    let size = size(&spec);
    let _ = writeln!(
        stderr(),
        "{} parameters in the checkpoint, {} in its encoders, {} on disk",
        size.checkpoint,
        size.towers,
        gigabytes(size.bytes as f64)
    );
    if cli.dry_run {
        return Ok(());
    }
    let mut meter = Meter::new();
    let written = forge(&spec, &cli.out, |progress| meter.show(progress.file, progress.done, progress.total));
    meter.end();
    written?;
    let seconds = meter.started.elapsed().as_secs_f64();
    let _ = writeln!(stderr(), "wrote {} in {seconds:.1} s", cli.out.display());
    Ok(())
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::from(if matches!(error, ForgeError::Spec(_) | ForgeError::NotEmpty(_)) { 2 } else { 1 })
        }
    }
}
