//! A model's working memory between questions.
//!
//! It keeps the encoder features of the pictures it has seen and the decoder's state for the last few of them. A
//! follow-up question shares a prefix of ids with an earlier prompt, up to and including the image; only what comes
//! after the shared prefix is run again.

use super::decoded::{Decoded, Generated};
use super::{Answer, GenerateOptions, Subject, Timings, Watch, same};
use crate::checkpoint::memory::KEPT_STATES;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::model::{EncodedImage, Model};
use crate::observe::{Observer, Site, Unobserved};
use crate::sva::PictureSize;
use crate::text::{IMAGE_ID, PromptIds};
use crate::vision::Picture;
use std::sync::Arc;
use std::time::Instant;

/// Pictures whose encoder features are kept: a few tens of megabytes each in the 8B model.
const KEPT_PICTURES: usize = 8;

/// A model's working memory between questions.
#[derive(Default)]
pub struct Session {
    /// Encoded pictures, most recent last.
    encoded: Vec<(Arc<Picture>, EncodedImage)>,
    /// Decoder states, most recent last, each about another picture.
    decoded: Vec<Decoded>,
}

impl Session {
    /// Forgets everything that was computed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The encoder features of `picture`, computed at most once while it is among the last few.
    ///
    /// # Errors
    /// Those of [`Model::encode`].
    pub fn encode(
        &mut self,
        model: &Model,
        picture: &Arc<Picture>,
        job: &Job<'_>,
        observer: &mut dyn Observer,
    ) -> Result<EncodedImage> {
        let watched = (0..model.encoders().len()).any(|k| watches_tower(observer, k));
        if let Some(at) = self.encoded.iter().position(|(known, _)| same(known, picture)) {
            let known = self.encoded.remove(at);
            if !watched {
                let image = known.1.clone();
                self.encoded.push(known);
                return Ok(image);
            }
        }
        let image = model.encode(picture, job, observer)?;
        push_bounded(&mut self.encoded, (Arc::clone(picture), image.clone()), KEPT_PICTURES);
        Ok(image)
    }

    /// Answers `prompt`. The answer begins with the tokens `begin`, as if they had been sampled; see
    /// [`crate::worker::Question::begin`].
    ///
    /// An observer that needs the whole pass gets it: then nothing but encoder features is reused.
    ///
    /// # Errors
    /// [`Error::Input`], before anything is computed, if the prompt is longer than the model's context or a setting
    /// is out of range; [`Error::Cancelled`]; failures of the device.
    pub fn ask(
        &mut self,
        model: &Model,
        prompt: &PromptIds,
        subject: Option<&Subject>,
        begin: &[u32],
        options: &GenerateOptions,
        watch: &mut Watch<'_>,
    ) -> Result<Answer> {
        options.sampling.check()?;
        check_ids(model, begin)?;
        let positions = positions(model, prompt, subject)?;
        let started = Instant::now();
        let mut decoded = self.recall(model, subject, watch)?;
        let vision = started.elapsed();
        let answer = answer(model, &mut decoded, prompt, positions, begin, options, watch);
        push_bounded(&mut self.decoded, decoded, KEPT_STATES);
        let mut answer = answer?;
        answer.timings.vision = vision;
        Ok(answer)
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
        subject: Option<&Subject>,
        answer: &[u32],
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        check_ids(model, answer)?;
        let positions = positions(model, prompt, subject)? + answer.len();
        let limit = model.config().decoder.max_positions;
        if positions > limit {
            return Err(Error::input(
                format!("prompt and answer take {positions} positions, and this model has {limit}"),
                "look at an earlier token",
            ));
        }
        let answer = answer.iter().map(|&id| i64::from(id));
        let ids = prompt.ids.iter().copied().chain(answer).collect();
        let replayed = PromptIds { ids, image_index: prompt.image_index };
        let mut decoded = self.recall(model, subject, watch)?;
        let ran = decoded.revisit(model, &replayed, positions, watch);
        push_bounded(&mut self.decoded, decoded, KEPT_STATES);
        ran
    }

    /// Takes the decoder's state about `subject` out of the memory, or makes a fresh one.
    fn recall(&mut self, model: &Model, subject: Option<&Subject>, watch: &mut Watch<'_>) -> Result<Decoded> {
        let known = self.decoded.iter().position(|decoded| decoded.is_about(subject));
        let known = known.map(|at| self.decoded.remove(at));
        if let Some(decoded) = known.filter(|_| !watch.observer.needs_whole_pass()) {
            return Ok(decoded);
        }
        let image = match subject {
            Some(subject) => {
                let encoded = self.encode(model, &subject.shown(), watch.job, watch.observer)?;
                let other = subject.other.as_ref().filter(|_| subject.interventions.needs_other());
                let other = other.map(|other| self.encode(model, other, watch.job, &mut Unobserved)).transpose()?;
                let interventions = &subject.interventions;
                let tokens = model.connect(&encoded, other.as_ref(), interventions, watch.job, watch.observer)?;
                Some((subject.clone(), tokens))
            }
            None => None,
        };
        Decoded::new(model, image)
    }
}

/// Whether `observer` wants anything of encoder `k`, which then has to run.
fn watches_tower(observer: &dyn Observer, k: usize) -> bool {
    let sites = [Site::TowerPixels(k), Site::TowerRaw(k), Site::TowerFeatures(k), Site::TowerProj(k)];
    sites.into_iter().any(|site| observer.wants(site)) || observer.wants(Site::TowerStage { tower: k, stage: 0 })
}

/// Appends `entry`; the first one goes when there would be more than `limit`.
fn push_bounded<T>(kept: &mut Vec<T>, entry: T, limit: usize) {
    if kept.len() == limit {
        kept.remove(0);
    }
    kept.push(entry);
}

/// Checks that an answer of `model` can hold `ids`.
fn check_ids(model: &Model, ids: &[u32]) -> Result<()> {
    let vocabulary = model.vocabulary();
    match ids.iter().find(|&&id| id as usize >= vocabulary) {
        Some(id) => Err(Error::input(
            format!("no answer of this model holds token {id}: it knows {vocabulary} tokens"),
            "take the tokens from an answer of the same model",
        )),
        None => Ok(()),
    }
}

/// Positions that `prompt` takes with the picture of `subject` in it.
fn positions(model: &Model, prompt: &PromptIds, subject: Option<&Subject>) -> Result<usize> {
    let image = match subject {
        Some(Subject { picture, interventions, .. }) => {
            interventions.check(&model.anatomy())?;
            model.visual_positions(PictureSize { width: picture.width, height: picture.height })?
        }
        None => 0,
    };
    let positions = prompt.ids.iter().map(|&id| if id == IMAGE_ID { image } else { 1 }).sum();
    let limit = model.config().context_length.min(model.config().decoder.max_positions);
    if positions > limit {
        return Err(Error::input(
            format!("the conversation takes {positions} positions, and this model can see {limit}"),
            "shorten the question, or start a new conversation about the image",
        ));
    }
    Ok(positions)
}

fn answer(
    model: &Model,
    decoded: &mut Decoded,
    prompt: &PromptIds,
    positions: usize,
    begin: &[u32],
    options: &GenerateOptions,
    watch: &mut Watch<'_>,
) -> Result<Answer> {
    let reused = decoded.rewind(prompt);
    // Room for the answer, but no more than the check before loading has counted; the rest comes as it is needed.
    let room = options.max_tokens.min(model.config().context_length.saturating_sub(positions));
    let started = Instant::now();
    let logits = decoded.prefill(model, prompt, positions + room, watch)?;
    let prefill = started.elapsed();
    let Generated { tokens, text, stop, decode } = decoded.generate(model, &logits, begin, options, watch)?;
    let timings = Timings {
        prefill,
        decode,
        prefill_positions: positions - reused,
        reused_positions: reused,
        ..Timings::default()
    };
    Ok(Answer { text, tokens, stop, prompt_ids: prompt.ids.clone(), prompt_positions: positions, timings })
}
