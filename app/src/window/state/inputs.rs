//! What encoders are shown of a picture: padded and resized, as textures of the window.

use super::TraceKey;
use egui::TextureHandle;

/// How many are kept: the largest of the released models' has 4 MB.
const KEPT: usize = 8;

/// Names what one encoder is shown: the load and the picture, and the encoder's place in key order.
pub type InputKey = (TraceKey, usize);

/// What an encoder is shown, if that is known yet.
#[derive(Clone)]
pub enum EncoderInput {
    /// It is being computed.
    Making,
    /// It is here.
    Ready(TextureHandle),
    /// It cannot be shown: why.
    Failed(String),
}

impl std::fmt::Debug for EncoderInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Making => "Making",
            Self::Ready(_) => "Ready",
            Self::Failed(_) => "Failed",
        })
    }
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
