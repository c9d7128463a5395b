//! From a picture to an encoder's input: pad, resize, normalise (docs/model.md §3, steps 3 to 6).

use super::picture::Picture;
use super::resample;
use crate::checkpoint::json::JsonFile;
use crate::error::Result;
use crate::job::CancelToken;
use candle_core::{DType, Device, Tensor};

/// Mean of the pixels CLIP models were trained on.
const OPENAI_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Standard deviation of the pixels CLIP models were trained on.
const OPENAI_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];
/// No encoder has a larger input side than this; the released ones have at most 1024.
const MAX_SIDE: usize = 8192;

/// How bytes become numbers from 0 to 1. The two ways differ in the last bit of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rescale {
    /// Divide by 255, in f32.
    DivideBy255,
    /// Multiply by this factor (about 1/255) in f64, then round to f32.
    Multiply(f64),
}

/// What an encoder wants to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelSpec {
    /// Side `S` of the input.
    pub size: usize,
    /// Colour of the padding.
    pub background: [u8; 3],
    /// How bytes become numbers.
    pub rescale: Rescale,
    /// Subtracted per channel.
    pub mean: [f32; 3],
    /// Divided by per channel; not zero.
    pub std: [f32; 3],
}

impl PixelSpec {
    /// The input of an open_clip encoder (SigLIP, ConvNeXt) as `open_clip_config.json` says, of side `size`.
    ///
    /// The padding has the colour of OpenAI's mean whatever mean the encoder was trained with: the reference's
    /// wrapper says so for both families (docs/model.md §14, quirk 3).
    pub(super) fn open_clip(config: &JsonFile, size_key: &str, size: usize) -> Result<Self> {
        let mean = triple(config, "preprocess_cfg.mean", OPENAI_MEAN)?;
        let std = deviations(config, "preprocess_cfg.std", OPENAI_STD)?;
        Ok(Self {
            size: checked_side(config, size_key, size)?,
            background: colour(OPENAI_MEAN),
            rescale: Rescale::DivideBy255,
            mean: mean.map(|v| v as f32),
            std: std.map(|v| v as f32),
        })
    }

    /// The input of a Hugging Face encoder (CLIP, DINOv2) as `preprocessor_config.json` says, of side `size`.
    pub(super) fn hugging_face(processor: &JsonFile, size_key: &str, size: usize) -> Result<Self> {
        let mean = triple(processor, "image_mean", OPENAI_MEAN)?;
        let std = deviations(processor, "image_std", OPENAI_STD)?;
        Ok(Self {
            size: checked_side(processor, size_key, size)?,
            background: colour(mean),
            rescale: Rescale::Multiply(processor.f64("rescale_factor")?.unwrap_or(1.0 / 255.0)),
            mean: mean.map(|v| v as f32),
            std: std.map(|v| v as f32),
        })
    }

    /// The picture the encoder is shown: `picture` padded to a square and resized to `size` × `size`.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`] soon after `cancel`: the largest pictures take seconds.
    pub fn view(&self, picture: &Picture, cancel: &CancelToken) -> Result<Picture> {
        resample::square(picture, self.background, self.size, cancel)
    }

    /// The numbers the encoder is given for `view` (see [`PixelSpec::view`]): `[3, size, size]` of type `dtype`.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn pixels(&self, view: &Picture, device: &Device, dtype: DType) -> Result<Tensor> {
        let plane = view.width * view.height;
        let mut values = vec![0.0; 3 * plane];
        for (channel, plane) in values.chunks_exact_mut(plane.max(1)).enumerate() {
            let table: [f32; 256] = std::array::from_fn(|byte| self.normalised(channel, byte as u8));
            for (value, &byte) in plane.iter_mut().zip(view.rgb.iter().skip(channel).step_by(3)) {
                *value = table[usize::from(byte)];
            }
        }
        let pixels = Tensor::from_vec(values, (3, view.height, view.width), &Device::Cpu)?;
        Ok(pixels.to_dtype(dtype)?.to_device(device)?)
    }

    fn normalised(&self, channel: usize, byte: u8) -> f32 {
        let value = match self.rescale {
            Rescale::DivideBy255 => f32::from(byte) / 255.0,
            Rescale::Multiply(factor) => (f64::from(byte) * factor) as f32,
        };
        (value - self.mean[channel]) / self.std[channel]
    }
}

/// The background colour of a mean: rounded down, as the reference does.
fn colour(mean: [f64; 3]) -> [u8; 3] {
    mean.map(|v| (v * 255.0) as u8)
}

fn checked_side(file: &JsonFile, key: &str, side: usize) -> Result<usize> {
    if (1..=MAX_SIDE).contains(&side) {
        return Ok(side);
    }
    let refusal = file.refusal(key, "no encoder has an input of this size");
    Err(refusal.expected(format!("1 to {MAX_SIDE} pixels")).found(format!("{side} pixels")).into())
}

/// Three finite numbers, one per channel.
fn triple(file: &JsonFile, key: &str, default: [f64; 3]) -> Result<[f64; 3]> {
    let Some(value) = file.get(key) else { return Ok(default) };
    let numbers: Option<Vec<f64>> =
        value.as_array().and_then(|list| list.iter().map(serde_json::Value::as_f64).collect());
    numbers
        .and_then(|numbers| <[f64; 3]>::try_from(numbers).ok())
        .ok_or_else(|| file.refusal(key, "this field has the wrong type").expected("a list of three numbers").into())
}

/// [`triple`], for numbers that will be divided by.
fn deviations(file: &JsonFile, key: &str, default: [f64; 3]) -> Result<[f64; 3]> {
    let std = triple(file, key, default)?;
    if std.iter().all(|&v| v as f32 > 0.0 && (v as f32).is_finite()) {
        return Ok(std);
    }
    Err(file.refusal(key, "pixels cannot be divided by this").expected("three positive numbers").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(rescale: Rescale) -> PixelSpec {
        PixelSpec { size: 2, background: [0; 3], rescale, mean: [0.5, 0.25, 0.0], std: [0.5, 1.0, 2.0] }
    }

    #[test]
    fn pixels_are_normalised_channel_by_channel() {
        let view = Picture { width: 2, height: 1, rgb: vec![255, 0, 51, 0, 255, 0] };
        let pixels = spec(Rescale::DivideBy255).pixels(&view, &Device::Cpu, DType::F32).unwrap();
        assert_eq!(pixels.dims(), [3, 1, 2]);
        let values = pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values, [1.0, -1.0, -0.25, 0.75, 0.1, 0.0]);
    }

    #[test]
    fn multiplying_in_f64_is_not_dividing_in_f32() {
        // A factor as preprocessor_config.json has it; some byte must tell the two ways apart.
        let (divide, multiply) = (spec(Rescale::DivideBy255), spec(Rescale::Multiply(0.003_921_568_627_450_98)));
        for byte in 0..=255 {
            let (a, b) = (divide.normalised(2, byte), multiply.normalised(2, byte));
            assert!((a - b).abs() <= f32::EPSILON / 2.0, "{byte}");
        }
    }

    #[test]
    fn the_background_is_rounded_down() {
        assert_eq!(colour(OPENAI_MEAN), [122, 116, 104]);
        assert_eq!(colour([0.485, 0.456, 0.406]), [123, 116, 103]);
    }
}
