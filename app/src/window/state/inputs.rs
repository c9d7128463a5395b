//! What encoders are shown of a picture: padded and resized.

use super::PictureId;
use egui::ColorImage;
use opabinia_engine::run::ModelId;
use std::sync::Arc;

/// How many are kept: the largest of the released models' has 4 MB.
const KEPT: usize = 8;

/// Names what one encoder is shown: the model, the picture, and the encoder's place in key order.
pub type InputKey = (ModelId, PictureId, usize);

/// What an encoder is shown, if that is known yet.
#[derive(Debug, Clone)]
pub enum EncoderInput {
    /// It is being computed.
    Making,
    /// It is here.
    Ready(Arc<ColorImage>),
    /// It cannot be shown: why.
    Failed(String),
}

/// All that are kept, the oldest first.
#[derive(Debug, Default)]
pub struct EncoderInputs(Vec<(InputKey, EncoderInput)>);

impl EncoderInputs {
    /// What is known of `key`; `None` if nobody has asked for it.
    pub fn get(&self, key: InputKey) -> Option<&EncoderInput> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, input)| input)
    }

    /// Notes what is known of `key`; the oldest goes when there would be too many.
    pub fn set(&mut self, key: InputKey, input: EncoderInput) {
        self.0.retain(|(known, _)| *known != key);
        self.0.push((key, input));
        if self.0.len() > KEPT {
            self.0.remove(0);
        }
    }
}
