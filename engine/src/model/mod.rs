//! A checkpoint in memory, and the forward pass through all of it.
//!
//! [`load`] brings it there, [`pool`] shares encoders between several, which `reading` reads, [`network`] is the tree of its modules, [`forward`] runs pictures and prompts through
//! it. [`between`] is the way from one checkpoint to another. Conversations, sampling and reuse of earlier work live one floor up, in [`crate::generate`].

pub mod between;
pub mod forward;
pub mod load;
pub mod network;
pub mod pool;
mod reading;

pub use between::{Toward, name_between};
pub use forward::{EncodedImage, VisualTokens};
pub use load::{EncoderReport, InMemory, Inspection, LoadRequest};
pub use pool::{EncoderId, EncoderPool, PooledEncoder};

use crate::checkpoint::{CacheBudgets, CambrianConfig};
use crate::error::Result;
use crate::intervention::Anatomy;
use crate::precision::Precision;
use crate::run::ModelId;
use crate::text::{Conversation, ImageNewline, PromptIds, Template, Tokenizer, Turn};
use candle_core::Device;
use network::Network;
use std::path::PathBuf;
use std::sync::Arc;

/// A loaded checkpoint.
pub struct Model {
    pub(crate) id: ModelId,
    pub(crate) config: CambrianConfig,
    pub(crate) network: Network,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) template: Template,
    pub(crate) image_newline: ImageNewline,
    pub(crate) stop_ids: Vec<u32>,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    pub(crate) directory: PathBuf,
    pub(crate) name: String,
    pub(crate) core_bytes: u64,
    pub(crate) budgets: CacheBudgets,
}

impl Model {
    /// What names it while it is in memory.
    pub fn id(&self) -> ModelId {
        self.id
    }

    /// What `config.json` says.
    pub fn config(&self) -> &CambrianConfig {
        &self.config
    }

    /// What there is to intervene on.
    pub fn anatomy(&self) -> Anatomy {
        self.config.anatomy()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// The prompt template in use.
    pub fn template(&self) -> Template {
        self.template
    }

    /// How the weights of the checkpoint itself are kept, and in what is computed.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Where the tensors are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The directory the checkpoint was read from.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// What people call it: its checkpoint, or both between which it lies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What may be cached of its runs.
    pub fn budgets(&self) -> CacheBudgets {
        self.budgets
    }

    /// The ids of a prompt: `turns` in this model's template, the last one open, with an image in the first if
    /// `image`.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for an empty question.
    pub fn prompt(&self, system: Option<&str>, turns: &[Turn], image: bool) -> Result<PromptIds> {
        self.conversation(system, turns, image).ids(&self.tokenizer)
    }

    /// The conversation that [`Model::prompt`] tokenises.
    pub fn conversation(&self, system: Option<&str>, turns: &[Turn], image: bool) -> Conversation {
        Conversation {
            template: self.template,
            system: system.map(str::to_owned),
            image,
            im_start_end: self.config.use_im_start_end,
            newline: self.image_newline,
            turns: turns.to_vec(),
        }
    }

    /// The vision encoders, in checkpoint order; other models may hold them too.
    pub fn encoders(&self) -> &[Arc<PooledEncoder>] {
        &self.network.encoders
    }

    /// Its modules, of which the encoders may outlive it.
    pub(crate) fn into_network(self) -> Network {
        self.network
    }

    /// Ids a generated sequence may contain: rows of the vocabulary that the tokenizer knows.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.len().min(self.config.decoder.vocab_size)
    }
}
