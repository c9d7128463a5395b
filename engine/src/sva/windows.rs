//! What the cells of one frame may look at: every encoder's tokens, cut into windows, with their mask; all of it as the
//! interventions on each layer have it.

use super::{Frame, PictureSize};
use crate::advice::Advice;
use crate::error::{Error, Result};
use crate::intervention::{EncoderPlan, Interventions, LayerPlan, Source};
use crate::observe::SvaLayer;
use candle_core::{DType, Tensor};
use opabinia_trace::geometry;

/// What the encoders give of one image, and what an intervention may put in its place.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// Projected tokens of each encoder, `[N_k, C]`.
    pub own: Vec<Tensor>,
    /// `[1, C]` for each encoder whose output is zeroed before its projector: what the projector makes of zeros.
    pub silent: Vec<Option<Tensor>>,
    /// Projected tokens of each encoder of another image, `[N_k, C]`.
    pub other: Option<Vec<Tensor>>,
}

impl Features {
    /// The tokens of one image alone.
    pub fn plain(own: &[Tensor]) -> Self {
        Self { own: own.to_vec(), ..Self::default() }
    }

    /// Encoder `k`'s tokens as `plan` has them.
    fn tokens(&self, k: usize, plan: &EncoderPlan, final_side: usize) -> Result<Tensor> {
        let own = &self.own[k];
        let tokens = match plan.source {
            Source::Own => own.clone(),
            Source::Zero => own.zeros_like()?,
            Source::Silent => {
                let silent = self.silent.get(k).and_then(Option::as_ref);
                let silent = silent.ok_or_else(|| missing(k, "the projection of zeros"))?;
                silent.broadcast_as(own.shape())?.contiguous()?
            }
            Source::Other => {
                let other = self.other.as_ref().and_then(|other| other.get(k)).ok_or_else(needs_other)?;
                if other.dims() != own.dims() {
                    return Err(Error::input(
                        format!(
                            "features of encoder {k} cannot be swapped: {:?} of the other image for {:?} of this one",
                            other.dims(),
                            own.dims()
                        ),
                        "encode both images with the same checkpoint",
                    ));
                }
                other.clone()
            }
        };
        if !plan.averaged && plan.region.is_empty() {
            return Ok(tokens);
        }
        let mean = tokens.to_dtype(DType::F32)?.mean_keepdim(0)?.to_dtype(tokens.dtype())?;
        let mean = mean.broadcast_as(tokens.shape())?.contiguous()?;
        if plan.averaged {
            return Ok(mean);
        }
        let (count, _) = tokens.dims2()?;
        let under = plan.region.tokens_under(final_side, count.isqrt()).into_iter().map(u8::from).collect();
        let under = Tensor::from_vec(under, (count, 1), tokens.device())?.broadcast_as(tokens.shape())?;
        Ok(under.where_cond(&mean, &tokens)?)
    }
}

fn missing(k: usize, what: &str) -> Error {
    candle_core::Error::Msg(format!("{what} was not computed for encoder {k}")).into()
}

/// The refusal of a swap without another image.
fn needs_other() -> Error {
    Error::input("features are to be swapped, but there is no other image", Advice::OtherImage)
}

/// One image as the SVA sees it.
#[derive(Debug, Clone)]
pub struct Scene {
    features: Features,
    picture: PictureSize,
    interventions: Interventions,
    /// Side of the final query grid, on which regions are named.
    final_side: usize,
}

impl Scene {
    /// `features` of a picture of size `picture`, under `interventions`, for a model with a final query grid of side
    /// `final_side`.
    ///
    /// # Errors
    /// [`Error::Input`] if features of another image are wanted and not there.
    pub fn new(
        features: Features,
        picture: PictureSize,
        interventions: Interventions,
        final_side: usize,
    ) -> Result<Self> {
        if interventions.needs_other() && features.other.is_none() {
            return Err(needs_other());
        }
        Ok(Self { features, picture, interventions, final_side })
    }

    /// A cutter of windows for the cells of `frame`.
    pub fn cutter(&self, frame: Frame) -> Cutter<'_> {
        Cutter { scene: self, frame, last: None }
    }
}

/// Cuts every encoder's tokens into the windows of one frame's cells, for one layer after the other. Layers that see the
/// same share the memory.
pub struct Cutter<'a> {
    scene: &'a Scene,
    frame: Frame,
    last: Option<(LayerPlan, Windows)>,
}

impl Cutter<'_> {
    /// What `layer` looks at.
    pub fn windows(&mut self, layer: SvaLayer) -> Result<Windows> {
        let plan = self.scene.interventions.plan(layer, self.scene.features.own.len());
        let windows = match &self.last {
            Some((known, windows)) if known.sees_as(&plan) => Windows { within: Within::of(&plan), ..windows.clone() },
            _ => self.cut(&plan)?,
        };
        self.last = Some((plan, windows.clone()));
        Ok(windows)
    }

    fn cut(&self, plan: &LayerPlan) -> Result<Windows> {
        let Self { scene, frame, .. } = self;
        let cells = frame.size_hw().0 * frame.size_hw().1;
        let mut context = None;
        let mut tokens = Vec::with_capacity(plan.encoders.len());
        let mut masks = Vec::with_capacity(plan.encoders.len());
        for (k, plan) in plan.encoders.iter().enumerate() {
            let all = scene.features.tokens(k, plan, scene.final_side)?;
            let (count, width) = all.dims2()?;
            let side = count.isqrt();
            let r = side / frame.side;
            let index = geometry::window_tokens(side, frame.side, frame.cells_in_padded());
            let index = Tensor::from_vec(index, cells * r * r, all.device())?;
            tokens.push(all.index_select(&index, 0)?.reshape((cells, r * r, width))?);
            let mut mask = geometry::window_mask(side, frame.side, frame.cells_in_padded(), scene.picture);
            if plan.masked {
                mask.fill(false);
            }
            masks.push(mask);
            if k == 0 {
                context = Some(all.to_dtype(DType::F32)?.mean(0)?.to_dtype(all.dtype())?);
            }
        }
        let context = context.ok_or_else(|| candle_core::Error::Msg("an SVA without encoders".into()))?;
        let context = if plan.no_context { context.zeros_like()? } else { context };
        let keys: usize = tokens.iter().map(|t| t.dims()[1]).sum();
        let mut mask = Vec::with_capacity(cells * keys);
        for cell in 0..cells {
            for (tokens, flags) in tokens.iter().zip(&masks) {
                let r2 = tokens.dims()[1];
                mask.extend(flags[cell * r2..(cell + 1) * r2].iter().map(|&flag| u8::from(flag)));
            }
        }
        let mask = Tensor::from_vec(mask, (cells, keys), context.device())?;
        Ok(Windows { tokens, mask, context, within: Within::of(plan) })
    }
}

/// The windows of the cells of one frame for one layer. Cells are in the frame's row-major order.
#[derive(Debug, Clone)]
pub struct Windows {
    /// `[cells, r_k², C]` for each encoder.
    pub tokens: Vec<Tensor>,
    /// `[cells, K]` u8, 1 where a key may be attended; `K = Σ r_k²`, encoders in order.
    pub mask: Tensor,
    /// Global context `[C]`, the same for every cell: the mean of encoder 0's projected tokens, padding included
    /// (docs/model.md §5).
    pub context: Tensor,
    /// What is done within the layer.
    pub within: Within,
}

/// What interventions do within a layer, whatever it looks at.
#[derive(Debug, Clone, Default)]
pub struct Within {
    /// Whether the layer returns its input.
    pub skip: bool,
    /// Heads whose output is zero.
    pub silent_heads: Vec<usize>,
    /// Shuffles of the columns of its matrices.
    pub weight_shuffles: Vec<usize>,
    /// Shuffles of its attention probabilities.
    pub attention_shuffles: Vec<usize>,
}

impl Within {
    fn of(plan: &LayerPlan) -> Self {
        let LayerPlan { skip, silent_heads, weight_shuffles, attention_shuffles, .. } = plan.clone();
        Self { skip, silent_heads, weight_shuffles, attention_shuffles }
    }
}
