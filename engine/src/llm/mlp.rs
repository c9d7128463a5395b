//! The gated MLP: `down(silu(gate x) · up x)`.

use crate::checkpoint::{DecoderConfig, DecoderFamily, Loader};
use crate::error::Result;
use crate::nn::{Linear, gated, swiglu};
use candle_core::Tensor;

/// Gate and up projections as the family stores them.
#[derive(Debug, Clone)]
enum GateUp {
    /// Llama: two matrices.
    Split { gate: Linear, up: Linear },
    /// Phi-3: one matrix, gate rows first.
    Fused(Linear),
}

/// The MLP of one decoder layer.
#[derive(Debug, Clone)]
pub(super) struct Mlp {
    gate_up: GateUp,
    down: Linear,
}

impl Mlp {
    pub(super) fn new(config: &DecoderConfig, loader: &Loader<'_>) -> Result<Self> {
        let (hidden, width) = (config.hidden_size, config.intermediate_size);
        let gate_up = match config.family {
            DecoderFamily::Llama => GateUp::Split {
                gate: loader.linear("gate_proj", hidden, width, false)?,
                up: loader.linear("up_proj", hidden, width, false)?,
            },
            DecoderFamily::Phi3 => GateUp::Fused(loader.linear("gate_up_proj", hidden, 2 * width, false)?),
        };
        Ok(Self { gate_up, down: loader.linear("down_proj", width, hidden, false)? })
    }

    /// `x`: `[P, H]` → `[P, H]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let gated = match &self.gate_up {
            GateUp::Split { gate, up } => gated(&gate.forward(x)?, up.forward(x)?)?,
            GateUp::Fused(both) => swiglu(&both.forward(x)?)?,
        };
        self.down.forward(&gated)
    }
}
