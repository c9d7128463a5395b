//! Flags that several commands share. Each is described here and nowhere else.

use super::console::Console;
use super::failure::Result;
use crate::caches;
use crate::demo::{self, Sample};
use crate::image_source::{ImageSource, is_address};
use crate::language::LanguageChoice;
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::checkpoint::{EncoderOverride, EncoderStay};
use opabinia_engine::device::DeviceChoice;
use opabinia_engine::error::Refusal;
use opabinia_engine::generate::{GenerateOptions, Sampling};
use opabinia_engine::intervention::{Anatomy, Interventions};
use opabinia_engine::model::{Inspection, LoadRequest};
use opabinia_engine::precision::{ComputeChoice, WeightChoice};
use opabinia_engine::sva::PictureSize;
use opabinia_engine::text::{ImageNewline, Template, Turn};
use opabinia_engine::vision::{Exif, Picture};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a checkpoint is opened.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Opening the checkpoint")]
pub struct LoadArgs {
    /// Where to find an encoder: its name, index or family (siglip, clip, dinov2, convnext), and its directory.
    /// Without this, encoders are looked for in MODEL/towers and then in the Hugging Face hub cache.
    #[arg(long, value_name = "NAME=DIR")]
    pub tower: Vec<EncoderOverride>,
    /// Where to compute: auto, cpu, cuda:N or metal.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,
    /// How to keep the checkpoint's weights: auto, f32, bf16, f16, q8_0, q6_k, q5_k or q4_k. f32 gives the numbers of the
    /// reference. Weights kept in the type they are stored in stay in their files and cost no time to open. With the q
    /// formats, which take 8 to 4 bits a weight, the SVA and the embeddings stay in 16 bits and the output matrix in 8. auto
    /// takes f32 for small checkpoints, for others the stored type or else the widest format that fits.
    #[arg(long, alias = "dtype", value_name = "FORMAT", default_value_t)]
    pub weights: WeightChoice,
    /// How to keep the encoders' weights; auto: as --weights, but not below q8_0.
    #[arg(long, value_name = "FORMAT", default_value_t)]
    pub encoder_weights: WeightChoice,
    /// How exactly to multiply on the CPU: exact is f32 throughout; fast rounds activations to bf16 beside weights in bf16,
    /// and to 8 bits beside q formats, where the processor multiplies those faster; auto is fast unless weights are in f32.
    #[arg(long, value_name = "HOW", default_value_t)]
    pub compute: ComputeChoice,
    /// Whether encoders stay in memory when they have looked at a picture: auto (if there is room), yes or no. no needs less
    /// memory, as only one of them is there at a time, and reads them again for each picture that is new. It is for weights that
    /// lie in files: stored in the form they are kept in, or quantised and kept (`opabinia cache`).
    #[arg(long, value_name = "WHETHER", default_value_t)]
    pub keep_encoders: EncoderStay,
    /// Prompt template: llama_3, vicuna_v1, chatml_direct or phi3; chosen from the checkpoint if left out.
    #[arg(long, value_name = "NAME")]
    pub template: Option<Template>,
    /// Keep the line break after the image, as in training. The reference drops it when it answers (llama_3 only).
    #[arg(long)]
    pub keep_newline: bool,
}

impl LoadArgs {
    /// The request to open `model`.
    ///
    /// # Errors
    /// If it is the demo checkpoint, and there is no place to put it; or an address on the network.
    pub fn request(&self, model: &str) -> Result<LoadRequest> {
        if is_address(Path::new(model)) {
            let refusal = Refusal::new(model, "this is an address, and only `opabinia pull` goes to the network");
            let help = "fetch the checkpoint (`opabinia pull ORGANISATION/NAME`), then give ORGANISATION/NAME";
            return Err(Error::from(refusal.help(help)).into());
        }
        Ok(LoadRequest {
            source: demo::source(model)?,
            encoders: self.tower.clone(),
            toward: None,
            device: self.device,
            weights: self.weights,
            encoder_weights: self.encoder_weights,
            compute: self.compute,
            encoder_stay: self.keep_encoders,
            template: self.template,
            image_newline: if self.keep_newline { ImageNewline::Keep } else { ImageNewline::Reference },
            cache: caches::of_this_user(),
        })
    }
}

/// Which checkpoint.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// The checkpoint: its directory, organisation/name of one in the Hugging Face hub cache (`opabinia doctor` lists
    /// those), or demo, which is part of the program.
    #[arg(long, short, value_name = "MODEL", default_value = demo::NAME)]
    pub model: String,
}

impl ModelArgs {
    /// Whether the demo checkpoint is meant.
    pub fn is_demo(&self) -> bool {
        self.model == demo::NAME
    }
}

/// What is asked about, and what was said before.
#[derive(Debug, Clone, Args)]
pub struct ImageInputArgs {
    /// The picture: PNG, JPEG, WebP, GIF, BMP or TIFF; - for what comes on standard input; or sample:NAME for one that is
    /// part of the program. Without one
    /// the conversation is text only; but the demo checkpoint then looks at its first sample.
    #[arg(long, short, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Ask without any picture: only needed with the demo checkpoint.
    #[arg(long, conflicts_with = "image")]
    pub text_only: bool,
    /// Turn the picture, and that of --other, as their EXIF data say. The reference does not, so this is off by default.
    #[arg(long, requires = "image")]
    pub exif: bool,
    /// An earlier question and its answer, in order; may be repeated. The picture belongs to the first question.
    #[arg(long, num_args = 2, value_names = ["QUESTION", "ANSWER"])]
    pub turn: Vec<String>,
}

impl ImageInputArgs {
    /// The picture's file or sample, if there is one; with the demo checkpoint the first sample where nothing was said.
    pub fn image(&self, model: &ModelArgs) -> Option<PathBuf> {
        let first = || demo::SAMPLES.first().filter(|_| model.is_demo() && !self.text_only).map(Sample::path);
        self.image.clone().or_else(first)
    }

    /// Says what the demo checkpoint is, if it is meant, and which picture was chosen for it.
    pub fn introduce(&self, model: &ModelArgs, image: Option<&Path>, console: Console) {
        if !model.is_demo() {
            return;
        }
        console.say(demo::notice(LanguageChoice::System.language()));
        if let Some(image) = image.filter(|_| self.image.is_none()) {
            let samples: Vec<_> = demo::SAMPLES.iter().map(|sample| sample.path().display().to_string()).collect();
            console.say(&format!(
                "Picture: {}. --image takes a file or one of {}.",
                image.display(),
                samples.join(", ")
            ));
        }
    }

    /// How the picture is turned.
    pub fn exif(&self) -> Exif {
        if self.exif { Exif::Honour } else { Exif::Ignore }
    }

    /// Reads the picture in `image`, if there is one: that which is asked about, or the one of --other.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file.
    pub fn picture(&self, image: Option<&Path>) -> Result<Option<Arc<Picture>>> {
        let read = |image| ImageSource::open(image).and_then(|source| source.decode(self.exif()));
        Ok(image.map(|image| read(image).map(Arc::new)).transpose()?)
    }

    /// Checks what can be checked before weights are read: that something is asked, and that the model can look at each
    /// of `pictures`.
    ///
    /// # Errors
    /// [`Error::Input`], naming the picture's file.
    pub fn check<'a>(
        &self,
        question: &str,
        pictures: impl IntoIterator<Item = (&'a Picture, &'a Path)>,
        inspection: &Inspection,
    ) -> Result<()> {
        if question.trim().is_empty() {
            return Err(Error::input("the question is empty", "ask something").into());
        }
        for (picture, file) in pictures {
            let size = PictureSize { width: picture.width, height: picture.height };
            inspection.check_picture(size).map_err(|error| match error {
                Error::Input { what, help } => Error::Input { what: format!("{}: {what}", file.display()), help },
                error => error,
            })?;
        }
        Ok(())
    }

    /// All turns, `question` last and open.
    pub fn turns(&self, question: &str) -> Vec<Turn> {
        let earlier = self.turn.chunks_exact(2).map(|pair| (pair[0].clone(), Some(pair[1].clone())));
        let turns = earlier.chain([(question.to_owned(), None)]);
        turns.map(|(question, answer)| Turn { question, answer }).collect()
    }
}

/// How an answer is made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Answering")]
pub struct AnswerArgs {
    /// Stop after this many tokens.
    #[arg(long, value_name = "N", default_value_t = 512, allow_negative_numbers = true)]
    pub max_tokens: usize,
    /// 0 takes the most likely token each time; higher values vary more.
    #[arg(long, value_name = "T", default_value_t = 0.0, allow_negative_numbers = true)]
    pub temperature: f64,
    /// Choose only among the most likely tokens that together reach this probability.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub top_p: Option<f64>,
    /// Choose only among this many of the most likely tokens.
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub top_k: Option<usize>,
    /// Seed of the random choice: the same seed gives the same answer.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = parse_seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Stop before this text; may be repeated.
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// System text instead of the template's own.
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
}

fn parse_seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        format!(
            "`{text}` is no seed: it is a whole number from 0 to {}. The same seed gives the same answer; for another one each \
             time, give another number each time, such as $RANDOM",
            u64::MAX
        )
    })
}

impl AnswerArgs {
    /// The engine's options, with `alternatives` reported beside each token.
    ///
    /// # Errors
    /// [`Error::Input`] naming the setting that is out of range: better now than after a model was loaded.
    pub fn options(&self, alternatives: usize) -> Result<GenerateOptions> {
        let sampling =
            Sampling { temperature: self.temperature, top_p: self.top_p, top_k: self.top_k, seed: self.seed };
        sampling.check()?;
        if self.max_tokens == 0 {
            return Err(Error::input("max-tokens must be at least 1", "leave it out for up to 512 tokens").into());
        }
        if self.stop.iter().any(String::is_empty) {
            return Err(Error::input("an empty stop text would end every answer", "leave --stop out").into());
        }
        Ok(GenerateOptions { max_tokens: self.max_tokens, sampling, stop: self.stop.clone(), alternatives })
    }
}

/// What is changed on purpose.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Interventions")]
pub struct InterventionArgs {
    /// What is changed while the model looks at the picture: mask:clip, zero:siglip, region:all@0:3,0:3, skip:S0, …, joined
    /// with +. `opabinia evidence --help` explains every kind.
    #[arg(long, value_name = "SPEC")]
    pub with: Option<String>,
    /// The image whose features swap:ENCODERS puts in.
    #[arg(long, value_name = "FILE")]
    pub other: Option<PathBuf>,
}

impl InterventionArgs {
    /// What --with says of a model with this anatomy.
    ///
    /// # Errors
    /// [`Error::Input`] that says what there is; also where features are to be swapped and no other image was given.
    pub fn interventions(&self, anatomy: &Anatomy) -> Result<Interventions> {
        let Some(with) = &self.with else { return Ok(Interventions::default()) };
        let interventions = Interventions::parse(with, anatomy)?;
        check_other(with, &interventions, self.other.as_deref())?;
        Ok(interventions)
    }
}

/// Checks that there is an image for the features that `interventions`, written `spec`, swap in.
///
/// # Errors
/// [`Error::Input`].
pub fn check_other(spec: &str, interventions: &Interventions, other: Option<&Path>) -> Result<()> {
    if interventions.needs_other() && other.is_none() {
        return Err(Error::input(
            format!("`{spec}` puts in the features of another image, and none is given"),
            "add --other FILE",
        )
        .into());
    }
    Ok(())
}
