//! The attention of one forward pass.

use crate::geometry::Frame;
use crate::image::{Exif, ImageId, PictureSize, PixelHash};
use crate::intervention::{Anatomy, Interventions};
use serde::{Deserialize, Serialize};

/// One encoder, as a trace names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEncoder {
    /// Its name in the checkpoint's configuration.
    pub name: String,
    /// Side of its token grid.
    pub side: usize,
}

/// The attention of one SVA layer.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceLayer {
    /// Module path in the checkpoint, without `model.`.
    pub name: String,
    /// Short name for people: `C1`, `C2`, … for connector layers (`C1.2` for layer 2 of group 1 when there are more
    /// groups), `S0`, `S3`, … for samplers by the decoder layer they follow.
    pub label: String,
    /// The cells it ran on: rows and columns of a square query grid.
    pub frame: Frame,
    /// Keys of one cell.
    pub keys: usize,
    /// `[cells, 16, keys]`, row-major.
    pub probs: Vec<f32>,
    /// `[cells, keys]`: 1 where a key could be attended.
    pub mask: Vec<u8>,
}

/// All SVA attention probabilities of one forward pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What people call the checkpoint: its repository or its directory.
    pub model: String,
    /// The question that was asked. The maps do not depend on it: the image stands before it, and attention is causal.
    pub question: String,
    /// What was changed on purpose.
    pub interventions: Interventions,
    /// Size of the picture in pixels.
    pub picture: PictureSize,
    /// Its pixels, as the model was given them.
    pub pixels: PixelHash,
    /// Whether it was turned as its EXIF data say before that.
    pub exif: Exif,
    /// The picture whose features were swapped in, where the interventions do that.
    pub other: Option<ImageId>,
    /// Encoders, in key order.
    pub encoders: Vec<TraceEncoder>,
    /// The parts of the model: all of its SVA layers, those that did not run included.
    pub anatomy: Anatomy,
    /// SVA layers that ran, in the order of the computation.
    pub layers: Vec<TraceLayer>,
}

impl Trace {
    /// Side of encoder `k`'s window in `layer`: `r_k`.
    #[must_use]
    pub fn window_side(&self, layer: &TraceLayer, k: usize) -> usize {
        self.encoders[k].side / layer.frame.side
    }

    /// The image the pass was about.
    #[must_use]
    pub fn image(&self) -> ImageId {
        ImageId::new(self.picture, self.pixels)
    }
}
