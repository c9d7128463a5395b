//! Flags that several commands share. Each is described here and nowhere else.

use super::failure::Result;
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::checkpoint::TowerOverride;
use opabinia_engine::device::DeviceChoice;
use opabinia_engine::generate::{GenerateOptions, Sampling};
use opabinia_engine::model::{DtypeChoice, Inspection, LoadRequest};
use opabinia_engine::sva::PictureSize;
use opabinia_engine::text::{ImageNewline, Template, Turn};
use opabinia_engine::vision::{Exif, Picture};
use std::path::PathBuf;
use std::sync::Arc;

/// How a checkpoint is opened.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Opening the checkpoint")]
pub struct LoadArgs {
    /// Where to find an encoder: its name, index or family (siglip, clip, dinov2, convnext), and its directory.
    /// Without this, encoders are looked for in MODEL/towers and then in the Hugging Face hub cache.
    #[arg(long, value_name = "NAME=DIR")]
    pub tower: Vec<TowerOverride>,
    /// Where to compute: auto, cpu, cuda:N or metal.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,
    /// How to keep weights: auto, f32, bf16 or f16. f32 gives the numbers of the reference; auto takes the widest
    /// type that fits. The CPU computes in f32 whatever the weights are kept in.
    #[arg(long, value_name = "TYPE", default_value_t)]
    pub dtype: DtypeChoice,
    /// Prompt template: llama_3, vicuna_v1, chatml_direct or phi3; chosen from the checkpoint if left out.
    #[arg(long, value_name = "NAME")]
    pub template: Option<Template>,
    /// Keep the line break after the image, as in training. The reference drops it when it answers (llama_3 only).
    #[arg(long)]
    pub keep_newline: bool,
}

impl LoadArgs {
    /// The request to open `model`.
    pub fn request(&self, model: &str) -> LoadRequest {
        LoadRequest {
            source: model.to_owned(),
            towers: self.tower.clone(),
            device: self.device,
            dtype: self.dtype,
            template: self.template,
            image_newline: if self.keep_newline { ImageNewline::Keep } else { ImageNewline::Reference },
        }
    }
}

/// Which checkpoint.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// The checkpoint: its directory, or organisation/name of one in the Hugging Face hub cache
    /// (`opabinia doctor` lists those).
    #[arg(long, short, value_name = "MODEL")]
    pub model: Option<String>,
}

impl ModelArgs {
    /// The checkpoint's name.
    ///
    /// # Errors
    /// [`Error::Input`] that says how to name one, if none was named.
    pub fn required(&self) -> Result<&str> {
        Ok(self.model.as_deref().ok_or_else(|| {
            Error::input(
                "no checkpoint was named",
                "say which one to open: --model DIR, or --model organisation/name of one in the hub cache; \
                 `opabinia doctor` lists what is there",
            )
        })?)
    }
}

/// What is asked about, and what was said before.
#[derive(Debug, Clone, Args)]
pub struct SubjectArgs {
    /// The picture: PNG, JPEG, WebP, GIF, BMP or TIFF. Without one the conversation is text only.
    #[arg(long, short, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Turn the picture as its EXIF data say. The reference does not, so this is off by default.
    #[arg(long, requires = "image")]
    pub exif: bool,
    /// An earlier question and its answer, in order; may be repeated. The picture belongs to the first question.
    #[arg(long, num_args = 2, value_names = ["QUESTION", "ANSWER"])]
    pub turn: Vec<String>,
}

/// The orientation rule that `--exif` chooses.
pub fn exif(honour: bool) -> Exif {
    if honour { Exif::Honour } else { Exif::Ignore }
}

impl SubjectArgs {
    /// Reads the picture, if there is one.
    ///
    /// # Errors
    /// [`Error::Input`] naming the file.
    pub fn picture(&self) -> Result<Option<Arc<Picture>>> {
        let open = |file: &PathBuf| Picture::open(file, exif(self.exif)).map(Arc::new);
        Ok(self.image.as_ref().map(open).transpose()?)
    }

    /// Checks what can be checked before weights are read: that something is asked, and that the model can look at
    /// `picture`.
    ///
    /// # Errors
    /// [`Error::Input`], naming the picture's file.
    pub fn check(&self, question: &str, picture: Option<&Picture>, inspection: &Inspection) -> Result<()> {
        if question.trim().is_empty() {
            return Err(Error::input("the question is empty", "ask something").into());
        }
        let Some((picture, file)) = picture.zip(self.image.as_ref()) else { return Ok(()) };
        let size = PictureSize { width: picture.width, height: picture.height };
        inspection.check_picture(size).map_err(|error| match error {
            Error::Input { what, help } => Error::Input { what: format!("{}: {what}", file.display()), help }.into(),
            error => error.into(),
        })
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
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub max_tokens: usize,
    /// 0 takes the most likely token each time; higher values vary more.
    #[arg(long, value_name = "T", default_value_t = 0.0, allow_negative_numbers = true)]
    pub temperature: f64,
    /// Choose only among the most likely tokens that together reach this probability.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub top_p: Option<f64>,
    /// Choose only among this many of the most likely tokens.
    #[arg(long, value_name = "K")]
    pub top_k: Option<usize>,
    /// Seed of the random choice: the same seed gives the same answer.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Stop before this text; may be repeated.
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// System text instead of the template's own.
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
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
