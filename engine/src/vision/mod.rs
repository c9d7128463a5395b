//! Pictures to features: [`Picture`]s from files, what each encoder is shown of them ([`PixelSpec`]), and the
//! [`Encoder`]s of the four families, one file each.

mod bmp;
mod clip;
mod convert;
mod convnext;
mod dinov2;
mod fault;
mod gif;
mod jpeg;
mod kind;
mod orientation;
mod picture;
mod png;
mod preprocess;
mod resample;
mod siglip;
mod tiff;
mod vit;
mod webp;

pub use opabinia_trace::image::{Exif, PixelHash};
pub use picture::Picture;
pub use preprocess::{PixelSpec, Rescale};

use crate::checkpoint::json::JsonFile;
use crate::checkpoint::{EncoderFamily, EncoderSpec, Loader};
use crate::error::{Refusal, Result};
use crate::job::Meter;
use crate::nn::{Activation, resize_tokens};
use crate::observe::{Observer, Site, show};
use candle_core::Tensor;
use convnext::ConvNext;
use std::path::Path;
use vit::Vit;

/// A vision encoder: the input of a picture to the features the SVA attends to.
#[derive(Debug)]
pub struct Encoder {
    family: EncoderFamily,
    network: Network,
    pixels: PixelSpec,
    /// Side of the token grid after interpolation.
    side: usize,
    /// ConvNeXt: features of all stages instead of the last.
    multi_stage: bool,
}

/// The patches of an encoder's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatchGrid {
    /// How many to a side.
    pub side: usize,
    /// The part of the input's side that one takes. Where patches do not fill it, the rest is seen by none.
    pub part: f64,
}

#[derive(Debug)]
enum Network {
    Vit(Vit),
    ConvNext(ConvNext),
}

impl Encoder {
    /// Reads the encoder `spec` from its directory `dir`, whose weights `loader` hands out. `select_layer` is
    /// `mm_vision_select_layer`, of which only CLIP takes notice.
    ///
    /// # Errors
    /// A refusal if the directory's JSON files are missing or do not fit the weights.
    pub fn new(spec: &EncoderSpec, select_layer: i64, dir: &Path, loader: &Loader<'_>) -> Result<Self> {
        let vit = |(vit, pixels)| (Network::Vit(vit), pixels);
        let (network, pixels) = match spec.family {
            EncoderFamily::Siglip => vit(siglip::load(dir, loader)?),
            EncoderFamily::Clip => vit(clip::load(dir, loader, select_layer)?),
            EncoderFamily::Dinov2 => vit(dinov2::load(dir, loader, spec.res)?),
            EncoderFamily::ConvNext => {
                let (network, pixels) = convnext::load(dir, loader, spec.res)?;
                (Network::ConvNext(network), pixels)
            }
        };
        Ok(Self { family: spec.family, network, pixels, side: spec.side(), multi_stage: spec.multi_stage })
    }

    /// Whether the encoder's weight file may hold `key` although the features do not need it: text towers, heads,
    /// layers after the selected one.
    pub fn ignores(&self, key: &str) -> bool {
        match self.family {
            EncoderFamily::Siglip => siglip::ignores(key),
            EncoderFamily::Clip => clip::ignores(key, self.layers() as usize),
            EncoderFamily::Dinov2 => dinov2::ignores(key),
            EncoderFamily::ConvNext => convnext::ignores(key),
        }
    }

    /// Width `D` of the features.
    pub fn width(&self) -> usize {
        match &self.network {
            Network::Vit(vit) => vit.width(),
            Network::ConvNext(network) if self.multi_stage => network.widths().sum(),
            Network::ConvNext(network) => network.widths().next_back().unwrap_or(0),
        }
    }

    /// The shape `(N, D)` of its features: tokens after interpolation, and their width.
    pub fn features_dims(&self) -> (usize, usize) {
        (self.side * self.side, self.width())
    }

    /// Layers (blocks) a forward pass runs: the units it counts on its meter.
    pub fn layers(&self) -> u64 {
        match &self.network {
            Network::Vit(vit) => vit.blocks.len() as u64,
            Network::ConvNext(network) => network.layers(),
        }
    }

    /// The patches that its features were before they were resized to its token grid: how many to a side, and how much of
    /// the input's side one takes. Of several stages, those of the last.
    pub fn patches(&self) -> PatchGrid {
        let (patch, input) = match &self.network {
            Network::Vit(vit) => (vit.patches.side().unwrap_or(1), self.pixels.size),
            Network::ConvNext(network) => (network.stride(), self.pixels.size),
        };
        PatchGrid { side: (input / patch.max(1)).max(1), part: patch as f64 / input.max(1) as f64 }
    }

    /// What the encoder wants to be shown.
    pub fn pixel_spec(&self) -> &PixelSpec {
        &self.pixels
    }

    /// Runs the encoder, which is number `index` of its checkpoint.
    ///
    /// `pixels`: `[3, S, S]` in the compute type (see [`PixelSpec::pixels`]) → features `[N, D]`.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`] within one layer of being asked to stop; failures of the device or the observer.
    pub fn forward(
        &self,
        index: usize,
        pixels: &Tensor,
        meter: &Meter<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let features = match &self.network {
            Network::Vit(vit) => {
                let raw = vit.forward(pixels, meter)?;
                show(observer, Site::EncoderRaw(index), &raw)?;
                resize_tokens(&raw, raw.dim(0)?.isqrt(), self.side)?
            }
            Network::ConvNext(network) => {
                let mut features = Vec::new();
                network.forward(pixels, meter, |stage, output| {
                    let site = Site::EncoderStage { encoder: index, stage };
                    if observer.wants(site) {
                        observer.observe(site, &output.planes()?)?;
                    }
                    if !self.multi_stage {
                        features.clear();
                    }
                    features.push(resize_tokens(&output.tokens, output.side, self.side)?);
                    Ok(())
                })?;
                Tensor::cat(&features, 1)?
            }
        };
        show(observer, Site::EncoderFeatures(index), &features)?;
        Ok(features)
    }
}

/// No encoder is wider, in any of its layers: products of two such numbers stay far below 2⁶⁴.
const MAX_WIDTH: usize = 1 << 20;

/// The width, or other size of a weight, that `file` names at `key`.
fn dimension(file: &JsonFile, key: &str, default: usize) -> Result<usize> {
    let value = file.usize(key)?.unwrap_or(default);
    if (1..=MAX_WIDTH).contains(&value) {
        return Ok(value);
    }
    Err(file.refusal(key, "no encoder has this size").expected(format!("1 to {MAX_WIDTH}")).into())
}

/// The stored shape of the tensor `name`, which must have `N` dimensions, each of a size that an encoder can have.
fn stored_shape<const N: usize>(loader: &Loader<'_>, name: &str) -> Result<[usize; N]> {
    let shape = loader.shape(name).and_then(|shape| <[usize; N]>::try_from(shape).ok());
    shape.filter(|shape| shape.iter().all(|dim| (1..=MAX_WIDTH).contains(dim))).ok_or_else(|| {
        loader
            .refusal(name, "the dimensions of the encoder cannot be read from this weight")
            .expected(format!("a tensor of {N} dimensions from 1 to {MAX_WIDTH}"))
            .help("check that this directory holds the encoder its name says, or download its weights again")
            .into()
    })
}

/// Refuses an encoder of more `layers` than any there is; every layer is asked for even when its weights are missing.
fn layers_possible(file: &JsonFile, key: &str, layers: usize) -> Result<()> {
    const MOST: usize = 1024;
    if layers <= MOST {
        return Ok(());
    }
    Err(file.refusal(key, "no encoder has so many layers").expected(format!("at most {MOST}")).into())
}

/// Refuses a `width` that does not fall into `heads` equal parts.
fn heads_divide(file: &Path, key: &str, width: usize, heads: usize) -> Result<()> {
    if width > 0 && heads > 0 && width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(Refusal::new(file, "the width of the encoder does not divide into attention heads")
        .key(key)
        .expected(format!("a width that is a multiple of {heads} heads"))
        .found(format!("width {width}"))
        .help("check that this directory holds the encoder its name says, or download it again")
        .into())
}

/// Side of the grid of whole patches in an input of `side` pixels. Attention is quadratic in the number of patches, so
/// there is a bound; the released encoders have 27 × 27 at most.
fn patch_grid(file: &JsonFile, key: &str, side: usize, patch: usize) -> Result<usize> {
    const MOST: usize = 128;
    match side.checked_div(patch) {
        Some(grid @ 1..=MOST) => Ok(grid),
        _ => Err(file
            .refusal(key, "patches of this size do not fit the input")
            .expected(format!("1 to {MOST} patches along each side"))
            .found(format!("an input of {side} and patches of {patch} pixels"))
            .into()),
    }
}

/// The activation that `file` names at `key`.
fn activation(file: &JsonFile, key: &str, default: &str) -> Result<Activation> {
    Activation::from_name(file.str(key)?.unwrap_or(default))
        .ok_or_else(|| file.refusal(key, "this activation is not known").expected("gelu, quick_gelu or silu").into())
}
