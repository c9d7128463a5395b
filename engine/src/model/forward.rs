//! The forward pass: picture → encoder tokens → visual tokens → decoder.

use super::Model;
use crate::error::{Error, Result};
use crate::intervention::Interventions;
use crate::job::{Job, Meter, Stage};
use crate::llm::KvCache;
use crate::observe::{Observer, Site, show};
use crate::sva::{Features, Frame, PictureSize, Scene, Windows};
use crate::text::IMAGE_ID;
use crate::vision::Picture;
use candle_core::Tensor;
use std::collections::HashSet;

/// How many of the prompt's last positions [`Site::PromptLogits`] shows.
const PROMPT_LOGITS: usize = 4;

/// A picture as every encoder sees it: everything that does not depend on a question or an intervention.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    /// Size of the original picture.
    pub picture: PictureSize,
    /// Projected tokens of each encoder, `[N_k, C]`.
    pub tokens: Vec<Tensor>,
}

/// A picture as the language model sees it.
#[derive(Debug, Clone)]
pub struct VisualTokens {
    /// `[h·(w+1), H]`: the unpadded frame, a newline token after each row.
    pub tokens: Tensor,
    /// The unpadded frame on the query grid.
    pub frame: Frame,
    /// What each sampler looks at: the windows of the frame's cells, as the interventions have them.
    windows: Vec<Windows>,
}

impl VisualTokens {
    /// Positions the picture takes in the decoder.
    pub fn len(&self) -> usize {
        self.tokens.dims()[0]
    }

    /// Bytes it takes in memory, what the samplers look at included.
    pub fn bytes(&self) -> u64 {
        let tensors = self.windows.iter().flat_map(|windows| windows.tokens.iter().chain([&windows.mask]));
        // Samplers that look at the same share it.
        let mut counted = HashSet::new();
        tensors.chain([&self.tokens]).filter(|tensor| counted.insert(tensor.id())).map(tensor_bytes).sum()
    }

    /// Whether there are none; a picture always has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes of a tensor's numbers.
fn tensor_bytes(tensor: &Tensor) -> u64 {
    (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64
}

impl Model {
    /// An empty key/value cache. It grows with the prompt.
    pub fn empty_cache(&self) -> Result<KvCache> {
        self.network.core.decoder.cache(0, &self.device)
    }

    /// Positions a picture of size `picture` takes in the decoder: a row of cells and a newline for each row of the
    /// unpadded frame (docs/model.md §8).
    ///
    /// # Errors
    /// [`Error::Input`] for a picture too long for the query grid.
    pub fn visual_positions(&self, picture: PictureSize) -> Result<usize> {
        let (rows, columns) = Frame::new(self.config.sva.final_side, picture).check(picture)?.size_hw();
        Ok(rows * (columns + 1))
    }

    /// Checks that something of a picture of this size is left on the query grid.
    ///
    /// # Errors
    /// [`Error::Input`] for a picture too long for it.
    pub fn check_picture(&self, picture: &Picture) -> Result<PictureSize> {
        let size = PictureSize { width: picture.width, height: picture.height };
        Frame::new(self.config.sva.final_side, size).check(size)?;
        Ok(size)
    }

    /// Runs encoder `k` on `picture` (docs/model.md §3, §4) and counts its layers on `meter`: `[N_k, D_k]`.
    pub fn features(
        &self,
        k: usize,
        picture: &Picture,
        job: &Job<'_>,
        meter: &Meter<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        job.check()?;
        let encoder = &self.network.encoders[k];
        let spec = encoder.pixel_spec();
        let pixels = spec.pixels(&spec.view(picture, job.cancel_token())?, &self.device, self.precision.compute)?;
        show(observer, Site::EncoderPixels(k), &pixels)?;
        let features = encoder.forward(k, &pixels, meter, observer);
        encoder.has_looked();
        let features = features?;
        job.check()?;
        Ok(features)
    }

    /// Runs every encoder on `picture`.
    ///
    /// # Errors
    /// [`Error::Input`] for a picture too long for the query grid, before anything is computed.
    pub fn encode(&self, picture: &Picture, job: &Job<'_>, observer: &mut dyn Observer) -> Result<EncodedImage> {
        let size = self.check_picture(picture)?;
        let encoders = &self.network.encoders;
        let meter = Meter::new(job, Stage::Encode, encoders.iter().map(|encoder| encoder.layers()).sum());
        let features = (0..encoders.len())
            .map(|k| self.features(k, picture, job, &meter, observer))
            .collect::<Result<Vec<_>>>()?;
        self.project(size, &features, observer)
    }

    /// What the SVA makes of the `features` `[N_k, D_k]` of every encoder, of a picture of size `picture` (docs/model.md §5).
    pub fn project(
        &self,
        picture: PictureSize,
        features: &[Tensor],
        observer: &mut dyn Observer,
    ) -> Result<EncodedImage> {
        let mut tokens = Vec::with_capacity(features.len());
        for (k, (projector, features)) in self.network.core.projectors.iter().zip(features).enumerate() {
            let projected = projector.forward(features)?;
            show(observer, Site::EncoderProj(k), &projected)?;
            tokens.push(projected);
        }
        Ok(EncodedImage { picture, tokens })
    }

    /// Runs the SVA connector on an encoded picture and unpads the result (docs/model.md §6–§8), under `interventions`. `other` is
    /// the image whose features are swapped in, where they are.
    ///
    /// What the interventions do to the input itself is the caller's: a blank image is encoded instead of the picture, and
    /// without an image there is nothing to connect.
    ///
    /// # Errors
    /// [`Error::Input`] if the interventions name what this model does not have, or need an image that is not there.
    pub fn connect(
        &self,
        image: &EncodedImage,
        other: Option<&EncodedImage>,
        interventions: &Interventions,
        job: &Job<'_>,
        observer: &mut dyn Observer,
    ) -> Result<VisualTokens> {
        let scene = self.scene(image, other, interventions)?;
        let meter = Meter::new(job, Stage::Connect, self.network.core.connector.layers());
        let padded = self.network.core.connector.forward(&scene, &meter, observer)?;

        let frame = Frame::new(self.config.sva.final_side, image.picture).check(image.picture)?;
        let (rows, columns) = frame.size_hw();
        let width = padded.dims()[1];
        let cells: Vec<u32> = frame.cells_in_padded().map(|cell| cell as u32).collect();
        let cells = Tensor::from_vec(cells, rows * columns, &self.device)?;
        let unpadded = padded.index_select(&cells, 0)?.reshape((rows, columns, width))?;
        let newlines = self.network.core.newline.expand((rows, 1, width))?;
        let tokens = Tensor::cat(&[&unpadded, &newlines], 1)?.reshape((rows * (columns + 1), width))?;
        show(observer, Site::ImageTokens, &tokens)?;
        let samplers = self.network.core.samplers.as_ref();
        let windows = samplers.map_or_else(|| Ok(Vec::new()), |samplers| samplers.windows(&scene, &frame))?;
        Ok(VisualTokens { windows, tokens, frame })
    }

    /// As [`Model::connect`], for interventions that leave the connector as it was when it made `base` of the same image:
    /// only what the samplers look at is made anew.
    pub fn reconnect(
        &self,
        base: &VisualTokens,
        image: &EncodedImage,
        other: Option<&EncodedImage>,
        interventions: &Interventions,
    ) -> Result<VisualTokens> {
        let scene = self.scene(image, other, interventions)?;
        let samplers = self.network.core.samplers.as_ref();
        let windows = samplers.map_or_else(|| Ok(Vec::new()), |samplers| samplers.windows(&scene, &base.frame))?;
        Ok(VisualTokens { windows, ..base.clone() })
    }

    fn scene(
        &self,
        image: &EncodedImage,
        other: Option<&EncodedImage>,
        interventions: &Interventions,
    ) -> Result<Scene> {
        interventions.check(&self.anatomy())?;
        let mut silent = vec![None; image.tokens.len()];
        for k in interventions.silenced() {
            silent[k] = Some(self.network.core.projectors[k].of_zeros(self.precision.compute, &self.device)?);
        }
        let other = other.map(|other| other.tokens.clone());
        let features = Features { own: image.tokens.clone(), silent, other };
        Scene::new(features, image.picture, interventions.clone(), self.config.sva.final_side)
    }

    /// Runs the decoder over `ids`, the part of the prompt that follows the positions in `cache`. Where `ids` holds
    /// [`IMAGE_ID`], `image` takes its place and the samplers look at it.
    ///
    /// Returns the logits of the last position, `[V]` in f32, with `V` = [`Model::vocabulary`].
    pub fn prefill(
        &self,
        ids: &[i64],
        image: Option<&VisualTokens>,
        cache: &mut KvCache,
        job: &Job<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let hidden = self.run(ids, image, cache, job, observer)?;
        let n = hidden.dims()[0];
        if observer.wants(Site::PromptLogits) {
            let last = n.min(PROMPT_LOGITS);
            observer.observe(Site::PromptLogits, &self.logits(&hidden.narrow(0, n - last, last)?)?)?;
        }
        Ok(self.logits(&hidden.narrow(0, n - 1, 1)?)?.squeeze(0)?)
    }

    /// As [`Model::prefill`], but returns the hidden states of all positions after the final norm, `[P, H]`:
    /// [`Model::logits`] of any of them are what its next token is chosen by.
    pub fn run(
        &self,
        ids: &[i64],
        image: Option<&VisualTokens>,
        cache: &mut KvCache,
        job: &Job<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let past = cache.len();
        let (embeddings, image_start) = self.splice(ids, image)?;
        show(observer, Site::InputEmbeds, &embeddings)?;
        let meter = Meter::new(job, Stage::Prefill, self.config.decoder.layers as u64);
        let look = image.zip(image_start);
        let mut between = |layer, x, observer: &mut dyn Observer| self.sample(layer, x, look, observer);
        let hidden = self.network.core.decoder.forward(embeddings, cache, &meter, observer, &mut between);
        // A pass that was cut short has written keys that no length counts; the next pass overwrites them.
        hidden.inspect_err(|_| cache.truncate(past))
    }

    /// Runs [`Model::run`] again from sampler `n` on, for positions that begin with the image. `hidden` `[P, H]` is what
    /// [`Site::DecoderLayer`] showed in front of the sampler when they were run before; what the cache held of them in the
    /// layers before it has to be there still.
    pub fn run_from_sampler(
        &self,
        n: usize,
        hidden: Tensor,
        image: &VisualTokens,
        cache: &mut KvCache,
        job: &Job<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let past = cache.len();
        let after = self.config.sva.samplers.map_or(0, |layout| layout.follows(n));
        let meter = Meter::new(job, Stage::Prefill, self.config.decoder.layers as u64);
        let mut between = |layer, x, observer: &mut dyn Observer| self.sample(layer, x, Some((image, 0)), observer);
        let hidden = self.network.core.decoder.resume(hidden, after, cache, &meter, observer, &mut between);
        hidden.inspect_err(|_| cache.truncate(past))
    }

    /// What becomes of hidden states `x` `[P, H]` between decoder layer `layer` and the next: the sampler there, if there
    /// is one, looks at the image again, whose tokens start at the position beside it.
    fn sample(
        &self,
        layer: usize,
        x: Tensor,
        look: Option<(&VisualTokens, usize)>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let (Some(samplers), Some((image, start))) = (&self.network.core.samplers, look) else { return Ok(x) };
        let columns = image.frame.columns.len();
        Ok(samplers.after_layer(layer, &x, start, columns, &image.windows, observer)?.unwrap_or(x))
    }

    /// Runs the decoder over `ids`, the next of an answer; returns the logits after each, `[n, V]`.
    pub fn decode(
        &self,
        ids: &[u32],
        cache: &mut KvCache,
        job: &Job<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        job.check()?;
        // Decoding reports tokens, not layers; its meter only notices cancellation between layers.
        let silent = job.silent();
        let meter = Meter::new(&silent, Stage::Decode, self.config.decoder.layers as u64);
        let embeddings = self.network.core.decoder.embed(ids)?;
        let hidden = self.network.core.decoder.forward(embeddings, cache, &meter, observer, &mut |_, x, _| Ok(x))?;
        self.logits(&hidden)
    }

    /// Logits over the ids the tokenizer knows: `[n, H]` → `[n, V]` in f32.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(self.network.core.decoder.logits(hidden)?.narrow(1, 0, self.vocabulary())?)
    }

    /// Logits over the ids the tokenizer knows of hidden states between decoder layers, `[n, H]` → `[n, V]`: read as if the
    /// layers after them were not there. They are not trained to be read so.
    pub fn logits_between(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(self.network.core.decoder.logits_between(hidden)?.narrow(1, 0, self.vocabulary())?)
    }

    /// Embeddings of `ids` with the picture spliced in, and the position at which it starts.
    fn splice(&self, ids: &[i64], image: Option<&VisualTokens>) -> Result<(Tensor, Option<usize>)> {
        let text = |ids: &[i64]| -> Result<Vec<u32>> {
            let vocab = self.config.decoder.vocab_size;
            let known = |&id: &i64| u32::try_from(id).ok().filter(|&id| (id as usize) < vocab);
            ids.iter()
                .map(|id| {
                    known(id).ok_or_else(|| {
                        Error::input(
                            format!("token id {id} is outside the model's vocabulary of {vocab}"),
                            "the tokenizer does not belong to this checkpoint: download both again",
                        )
                    })
                })
                .collect()
        };
        let decoder = &self.network.core.decoder;
        match (ids.iter().position(|&id| id == IMAGE_ID), image) {
            (None, _) => Ok((decoder.embed(&text(ids)?)?, None)),
            (Some(at), Some(image)) => {
                let mut parts = Vec::with_capacity(3);
                if at > 0 {
                    parts.push(decoder.embed(&text(&ids[..at])?)?);
                }
                parts.push(image.tokens.clone());
                if at + 1 < ids.len() {
                    parts.push(decoder.embed(&text(&ids[at + 1..])?)?);
                }
                Ok((Tensor::cat(&parts, 0)?, Some(at)))
            }
            (Some(_), None) => {
                Err(Error::input("the prompt has a place for an image, but there is none", "attach one"))
            }
        }
    }
}
