//! `opabinia evidence`: what an answer rests on.

use super::args::{ImageInputArgs, LoadArgs, ModelArgs, check_other};
use super::console::{Console, complain, print, print_json, refuse_terminal};
use super::driver::{Driver, Opened};
use super::evidence_text::{json, table};
use super::failure::Result;
use super::json_path;
use crate::evidence::DecoderChoice;
use crate::evidence::checks::Shuffled;
use crate::evidence::curves::curves_of;
use crate::evidence::export::{self, EvidenceFile};
use crate::evidence::measured::Measured;
use crate::evidence::recipe::{Ingredients, Recipe};
use crate::evidence::{Findings, Section, Shown, plan};
use crate::figure::Theme;
use crate::output;
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::checkpoint::checkpoint_name;
use opabinia_engine::intervention::{Anatomy, Cells, GRAMMAR, Interventions};
use opabinia_engine::probe::evidence::{Also, CellOrder, Faithfulness, GradientOf, RANDOM_ORDERS, Request};
use opabinia_engine::run::Lane;
use opabinia_engine::sva::PictureSize;
use opabinia_engine::worker::EvidenceSpec;
use std::path::{Path, PathBuf};

/// Most shuffles of each kind.
const MOST_SHUFFLES: usize = 1000;

/// Most random orders.
const MOST_ORDERS: usize = 1000;

/// The decoder's attention by its name.
fn parse_decoder(text: &str) -> std::result::Result<DecoderChoice, String> {
    let number = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
    match (text, text.split_once('/')) {
        ("mean", _) => Ok(DecoderChoice::Mean),
        ("rollout", _) => Ok(DecoderChoice::Rollout),
        (_, Some((layer, head))) => Ok(DecoderChoice::Head { layer: number(layer)?, head: number(head)? }),
        _ => Err("give mean, rollout or LAYER/HEAD".to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
  opabinia evidence -p \"How many red circles are there?\" --encoders -o encoders.png
  opabinia evidence -p \"How many red circles are there?\" --with mask:convnext
  opabinia evidence -p \"How many red circles are there?\" --with region:all@0:3,0:3 --json
  opabinia evidence -m MODEL -i desk.jpg -p \"Cups?\" --with swap:clip --other sea.jpg
  opabinia evidence -m MODEL -i desk.jpg -p \"Cups?\" --standard --other sea.jpg -o e.safetensors
  opabinia evidence -p \"How many red circles are there?\" --preset cur-2507.03262
  opabinia evidence -p \"How many red circles are there?\" --faithfulness
  opabinia evidence -p \"How many red circles are there?\" --chain 1 --decoder rollout
  opabinia evidence -p \"How many red circles are there?\" --randomise
  opabinia evidence --recipe desk-evidence.recipe.json -o desk-evidence.png

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
    image_input: ImageInputArgs,
    /// The question.
    #[arg(long, short, value_name = "QUESTION", required_unless_present = "recipe")]
    prompt: Option<String>,
    /// An intervention to measure; may be repeated, and each is measured for itself.
    #[arg(long, value_name = "SPEC", required_unless_present_any = [
        "encoders", "standard", "preset", "recipe", "faithfulness", "chain", "features", "lens", "randomise",
    ])]
    with: Vec<String>,
    /// Measure what each encoder was worth: taken away in every way, its Shapley value, its gradient, and its share, lift and
    /// norm beside them. Swapping needs --other. `-o NAME.png` draws the table.
    #[arg(long)]
    encoders: bool,
    /// Measure the interventions of a published study: cur-2507.03262 turns off each encoder, all but each, and all (zero
    /// output before the projector, as arXiv 2507.03262 does), and takes the first encoder's two ways into the SVA apart.
    #[arg(long, value_name = "STUDY", value_parser = [plan::CUR])]
    preset: Option<String>,
    /// The answer that is measured, as token ids with commas between them, instead of the model's likeliest one.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    answer_ids: Vec<u32>,
    /// Measure once more what a recipe says, which the window exported, with the picture beside it. --out then writes the
    /// figure (.png, .svg), the numbers (.csv) or the tensors (.safetensors).
    #[arg(long, value_name = "R.recipe.json", conflicts_with_all = [
        "prompt", "with", "preset", "answer_ids", "standard", "other", "max_tokens", "system", "image", "text_only", "turn", "json", "encoders", "faithfulness", "chain", "features", "lens", "randomise",
    ])]
    recipe: Option<PathBuf>,
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
    /// Deletion and insertion: cells of this encoder (or all, if none is named) are taken away one after the other in the order
    /// of share, lift, norm, gradient × attention and of their own effect, against random orders.
    #[arg(long, value_name = "ENCODER", num_args = 0..=1, default_missing_value = "all")]
    faithfulness: Option<String>,
    /// With --faithfulness: random orders.
    #[arg(long, value_name = "N", requires = "faithfulness", default_value_t = RANDOM_ORDERS)]
    random: usize,
    /// With --faithfulness: also the greedy order, which takes the square of the runs of another, and areas between the random
    /// orders' (0) and its own (1).
    #[arg(long, requires = "faithfulness")]
    greedy: bool,
    /// With --faithfulness: cells to a side of what is taken away at once; if left out, as few as make 36 squares at most.
    #[arg(long, value_name = "CELLS", requires = "faithfulness")]
    unit: Option<usize>,
    /// Follow token N of the answer (counted from 1) back to pixels: the decoder's attention to cells, the SVA's shares, the
    /// encoders' windows and the pixels under them, with what each step keeps and drops.
    #[arg(long, value_name = "N")]
    chain: Vec<usize>,
    /// With --chain: the decoder's attention to begin with: mean (over layers and heads), rollout (a heuristic), or LAYER/HEAD
    /// counted from 0.
    #[arg(long, value_name = "WHICH", requires = "chain", default_value = "mean", value_parser = parse_decoder)]
    decoder: DecoderChoice,
    /// The encoders' features: effective rank, tokens with an abnormal norm and, in --out, three main directions as colours.
    #[arg(long)]
    features: bool,
    /// The five likeliest tokens at each cell before and after each sampler (in --json).
    #[arg(long)]
    lens: bool,
    /// Check by shuffling, N times each (5 if no number is given): whether maps of share, lift, norm and gradient change when the
    /// columns of every SVA matrix are shuffled, and what that, and shuffled attention, cost the answer.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "5")]
    randomise: Option<usize>,
    /// Tokens of the answer at most; 64 if left out.
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// System text instead of the template's own.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Write this file: a figure (.png, .svg), every number (.csv), a recipe that measures it again (.recipe.json), or under any
    /// other name tensors: NAME.logp, NAME.kl and NAME.first_id for each intervention.
    #[arg(long, short, value_name = "FILE")]
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
        if let Some(recipe) = &self.recipe {
            return self.run_recipe(recipe, console);
        }
        let prompt = self.prompt.as_deref().unwrap_or_default();
        if self.max_tokens == Some(0) {
            return Err(Error::input("max-tokens must be at least 1", "leave it out for up to 64 tokens").into());
        }
        let image = self.image_input.image(&self.model);
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
        let Some(shown) = self.image_input.picture(Some(image))? else { return Ok(()) };
        let other = self.image_input.picture(self.other.as_deref())?;
        let request = self.load.request(&self.model.model)?;
        self.image_input.introduce(&self.model, Some(image), console);
        let mut driver = Driver::start(console, true)?;
        let inspection = driver.inspect(request.clone())?;
        if let Some(out) = &self.out {
            output::check(out, &inspection.directories())?;
        }
        let anatomy = inspection.config.anatomy();
        let with = self.interventions(&anatomy)?;
        let region = self.region.as_deref().map(|region| Cells::parse(region, anatomy.side())).transpose()?;
        let also = self.also(&anatomy, PictureSize { width: shown.width, height: shown.height })?;
        let swapped = other.as_deref().zip(self.other.as_deref());
        self.image_input.check(prompt, [(&*shown, image)].into_iter().chain(swapped), &inspection)?;
        self.say_what_is_left_out(console);
        let measured = Request {
            system: self.system.clone(),
            turns: self.image_input.turns(prompt),
            picture: shown,
            other,
            answer: (!self.answer_ids.is_empty()).then(|| self.answer_ids.clone()),
            max_tokens: self.max_tokens,
            with,
            standard: self.standard,
            region,
            also,
        };
        measured.check(&anatomy)?;
        let opened = driver.load(request, &inspection)?;
        // The engine writes tensors, with nothing but what it knows.
        let made = self.out.as_deref().and_then(|out| Some((EvidenceFile::of(out)?, out)));
        let made = made.filter(|(kind, _)| *kind != EvidenceFile::Tensors);
        let output = self.out.clone().filter(|_| made.is_none());
        let (picture, other, turns) = (measured.picture.clone(), measured.other.clone(), measured.turns.clone());
        let spec = EvidenceSpec { model: opened.model, request: measured, output, lane: Lane::Batch };
        let measured = Measured {
            findings: Findings::new(driver.evidence(spec)?),
            shown: self.shown(),
            model: checkpoint_name(&opened.inspection.directory),
            image: image.file_name().unwrap_or(image.as_os_str()).to_string_lossy().into_owned(),
            picture,
            other,
            turns,
            theme: Theme::Light,
        };
        if let Some((kind, out)) = made {
            export::write(&measured, kind, out)?;
        }
        let findings = &measured.findings;
        if self.json {
            let Opened { inspection, .. } = &opened;
            let mut object = json(findings, self.decoder);
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
            Some(out) if output::is_stdout(out) => complain(&table(findings, self.decoder)),
            Some(out) => {
                print(&table(findings, self.decoder))?;
                console.say(&format!("wrote {}", out.display()));
            }
            None => print(&table(findings, self.decoder))?,
        }
        Ok(())
    }

    /// What a figure shows: the first thing that was asked for beside interventions, or else the encoders.
    fn shown(&self) -> Shown {
        let token = self.chain.first().and_then(|token| token.checked_sub(1));
        let section = if self.encoders {
            Section::Encoders
        } else if self.faithfulness.is_some() {
            Section::Curves
        } else if token.is_some() {
            Section::Chain
        } else if self.features {
            Section::Features
        } else if self.lens {
            Section::Lens
        } else if self.randomise.is_some() {
            Section::Checks
        } else {
            Section::Encoders
        };
        let token = token.filter(|_| section == Section::Chain);
        Shown { section, token, decoder: self.decoder, ..Shown::default() }
    }

    /// What is measured beside interventions.
    fn also(&self, anatomy: &Anatomy, picture: PictureSize) -> Result<Also> {
        let mut also = Also { features: self.features, lens: self.lens, ..Also::default() };
        if self.encoders {
            let has_other = self.other.is_some();
            also.means = true;
            also.scored = plan::encoders(anatomy, has_other);
            also.games = plan::games(anatomy, has_other);
            also.gradients = vec![GradientOf::Answer];
        }
        for token in &self.chain {
            let Some(at) = token.checked_sub(1) else {
                return Err(Error::input("--chain 0: tokens are counted from 1", "the first token is --chain 1").into());
            };
            also.readings.push(at);
        }
        if let Some(count) = self.randomise {
            if count == 0 || count > MOST_SHUFFLES {
                return Err(Error::input(
                    format!("--randomise {count}: not possible"),
                    format!("shuffle 1 to {MOST_SHUFFLES} times, or leave the number out"),
                )
                .into());
            }
            also.seen_under = Shuffled::Weights.several(count);
            also.scored.extend(Shuffled::Attention.several(count));
        }
        if let Some(name) = &self.faithfulness {
            let names = anatomy.encoder_names();
            let target = match name.as_str() {
                "all" => None,
                name => Some(names.iter().position(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
                    Error::input(
                        format!("--faithfulness {name}: this model has no such encoder"),
                        format!("it has {}; leave the name out for all", names.join(", ")),
                    )
                })?),
            };
            let mut of = curves_of(target, GradientOf::Answer, anatomy.side(), picture);
            of.unit = self.unit.unwrap_or(of.unit);
            if of.unit == 0 || of.unit > anatomy.side() || self.random > MOST_ORDERS {
                return Err(Error::input(
                    format!("--unit {}, --random {}: not possible", of.unit, self.random),
                    format!(
                        "a unit has 1 to {} cells to a side, and {MOST_ORDERS} orders are run at most",
                        anatomy.side()
                    ),
                )
                .into());
            }
            also.curves.push(Faithfulness { of, orders: CellOrder::all(self.random, self.greedy) });
        }
        Ok(also)
    }

    fn interventions(&self, anatomy: &Anatomy) -> Result<Vec<Interventions>> {
        let parse = |spec: &String| {
            let interventions = Interventions::parse(spec, anatomy)?;
            check_other(spec, &interventions, self.other.as_deref())?;
            Ok(interventions)
        };
        let mut list: Vec<Interventions> = self.with.iter().map(parse).collect::<Result<_>>()?;
        if self.preset.is_some() {
            list.extend(plan::cur(anatomy));
        }
        Ok(list)
    }

    /// Measures once more what `recipe` says, and writes it where it is wanted.
    fn run_recipe(&self, recipe: &Path, console: Console) -> Result<()> {
        let Some(out) = &self.out else {
            return Err(Error::input(
                "--recipe without --out: nothing would come of it",
                "add -o FILE.png, .svg, .csv or .safetensors",
            )
            .into());
        };
        let kind = EvidenceFile::of(out).filter(|kind| *kind != EvidenceFile::Recipe);
        let Some(kind) = kind else {
            return Err(Error::input(
                format!("{}: no such kind of file is made from a recipe", out.display()),
                "let its name end in .png, .svg, .csv or .safetensors",
            )
            .into());
        };
        let Ingredients { request: measured, model, image_name, shown, theme, read } = Recipe::read(recipe)?;
        let inputs: Vec<&Path> = read.iter().map(PathBuf::as_path).collect();
        output::check(out, &inputs)?;
        let request = self.load.request(&self.model.model)?;
        let mut driver = Driver::start(console, true)?;
        let inspection = driver.inspect(request.clone())?;
        output::check(out, &inspection.directories())?;
        let name = checkpoint_name(&inspection.directory);
        if name != model {
            console.say(&format!("note: the recipe was made with {model}, and this is {name}"));
        }
        measured.check(&inspection.config.anatomy())?;
        let opened = driver.load(request, &inspection)?;
        let (picture, other, turns) = (measured.picture.clone(), measured.other.clone(), measured.turns.clone());
        let spec = EvidenceSpec { model: opened.model, request: measured, output: None, lane: Lane::Batch };
        let evidence = driver.evidence(spec)?;
        for note in &evidence.notes {
            console.say(&format!("note: {note}"));
        }
        let findings = Findings::new(evidence);
        let measured = Measured { findings, shown, model: name, image: image_name, picture, other, turns, theme };
        export::write(&measured, kind, out)?;
        console.say(&format!("wrote {}", out.display()));
        Ok(())
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
