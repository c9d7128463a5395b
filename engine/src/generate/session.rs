//! What is kept between runs, of all models together.
//!
//! Encoder features of the pictures seen last, and decoder states. A follow-up question shares a prefix of ids with an
//! earlier prompt, up to and including the image; only what comes after the shared prefix is run again.

use super::features::{FeatureCache, Images};
use super::prefixes::PrefixCache;
use super::run::{Finished, Goal, Passes, Request, Run};
use super::{Answer, GenerateOptions, ImageInput, Scores, Watch};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::run::{ImageId, Lane, ModelId, RunKey, TextId};
use crate::text::PromptIds;
use crate::vision::Picture;
use std::sync::Arc;

/// What is kept between runs.
#[derive(Default)]
pub struct Session {
    images: Images,
    pub(super) features: FeatureCache,
    pub(super) prefixes: PrefixCache,
}

impl Session {
    /// What names the runs of `model` about `image_input`, which stands in `prompt`.
    pub fn key(&mut self, model: &Model, prompt: &PromptIds, image_input: Option<&ImageInput>) -> RunKey {
        RunKey {
            model: model.id(),
            image: image_input.map(|image_input| self.images.id(&image_input.picture)),
            before: prompt.before_image().map(TextId::of_ids),
            interventions: image_input.map(|image_input| image_input.interventions.clone()).unwrap_or_default(),
            other: image_input.and_then(ImageInput::swapped_in).map(|other| self.images.id(other)),
        }
    }

    /// What names `picture`.
    pub(super) fn image_id(&mut self, picture: &Arc<Picture>) -> ImageId {
        self.images.id(picture)
    }

    /// Drops what was computed with `model`, which has gone.
    pub fn forget(&mut self, model: ModelId) {
        self.prefixes.forget(model);
        self.features.forget(model);
    }

    /// Bytes of what [`Session::forget`] would certainly drop.
    pub fn bytes_of(&self, model: ModelId) -> u64 {
        self.prefixes.bytes_of(model)
    }

    /// Runs `request` from beginning to end, with nobody in between.
    ///
    /// # Errors
    /// Those of [`Run::new`] and [`Run::advance`].
    pub fn run(&mut self, model: &Model, request: Request, watch: &mut Watch<'_>) -> Result<Finished> {
        let mut run = Run::new(model, self, request)?;
        loop {
            if let Some(finished) = run.advance(model, self, watch)? {
                return Ok(finished);
            }
        }
    }

    /// Answers `prompt`. The answer begins with the tokens `forced_prefix`, as if they had been sampled: see
    /// [`crate::worker::RunSpec::forced_prefix`].
    ///
    /// # Errors
    /// [`Error::Input`], before anything is computed, if the prompt is longer than the model's context or a setting
    /// is out of range; [`Error::Cancelled`]; failures of the device.
    pub fn ask(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        image_input: Option<&ImageInput>,
        forced_prefix: &[u32],
        options: &GenerateOptions,
        watch: &mut Watch<'_>,
    ) -> Result<Answer> {
        match self.run(
            model,
            interactive(prompt, image_input, forced_prefix, Goal::Generate(options.clone())),
            watch,
        )? {
            Finished::Answered(answer) => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }

    /// How probable `model` finds the tokens `answer` as an answer to `prompt`, in one pass over all of them.
    ///
    /// # Errors
    /// Those of [`Session::ask`]; [`Error::Input`] for an empty answer.
    pub fn score(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        image_input: Option<&ImageInput>,
        answer: &[u32],
        watch: &mut Watch<'_>,
    ) -> Result<Scores> {
        let goal = Goal::Score { alternatives: 0, place: None };
        match self.run(model, interactive(prompt, image_input, answer, goal), watch)? {
            Finished::Scored(scores) => Ok(scores),
            other => Err(unexpected(&other)),
        }
    }

    /// Runs the position that chose the token after `answer`, the beginning of an answer to `prompt`, in front of the
    /// watch's observer. What is known of the conversation is reused and stays known; what is not is computed and kept,
    /// as for a question.
    ///
    /// # Errors
    /// Those of [`Session::ask`].
    pub fn revisit(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        image_input: Option<&ImageInput>,
        answer: &[u32],
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        self.run(model, interactive(prompt, image_input, answer, Goal::Revisit), watch).map(drop)
    }
}

fn interactive(prompt: &PromptIds, image_input: Option<&ImageInput>, forced: &[u32], goal: Goal) -> Request {
    let (prompt, image_input, forced) = (prompt.clone(), image_input.cloned(), forced.to_vec());
    Request { prompt, image_input, forced, goal, lane: Lane::Interactive, passes: Passes::Free }
}

fn unexpected(finished: &Finished) -> Error {
    candle_core::Error::Msg(format!("a run came to another end than it was made for: {finished:?}")).into()
}
