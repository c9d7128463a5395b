//! The observer that keeps what it sees, under the names of the reference's recorded tensors.

use crate::error::Result;
use crate::observe::{Observer, Site, SvaLayer};
use candle_core::{DType, Tensor};
use std::collections::BTreeMap;

/// Rows of self-attention that are kept: the last prompt position and the first seven generated ones.
const ATTENTION_ROWS: usize = 8;

/// Encoder inputs with a longer side are also kept as a selection of rows, stages with a longer one as a sub-sampling:
/// what a person compares by hand.
const LARGE_INPUT: usize = 256;
const LARGE_STAGE: usize = 48;

/// How much a recorder keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// SVA probabilities and masks: a trace.
    Sva,
    /// Every value of the pass.
    All,
}

/// Keeps tensors of one question as they are computed.
#[derive(Debug)]
pub struct Recorder {
    detail: Detail,
    tensors: BTreeMap<String, Tensor>,
    layers: Vec<SvaLayer>,
    hidden: Vec<Tensor>,
    /// For each decoder layer the rows seen so far, `[heads, keys]` with a growing number of keys.
    attention: Vec<Vec<Tensor>>,
    steps: Vec<Tensor>,
}

impl Recorder {
    /// An empty recorder.
    pub fn new(detail: Detail) -> Self {
        Self {
            detail,
            tensors: BTreeMap::new(),
            layers: Vec::new(),
            hidden: Vec::new(),
            attention: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// SVA layers seen, in the order of the computation.
    pub fn layers(&self) -> &[SvaLayer] {
        &self.layers
    }

    /// What was recorded so far and was seen whole, by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// Everything recorded, by name. What was seen in parts is put together: hidden states `[L+1, P, H]`, attention
    /// rows `[L, heads, 8, P+T−1]`, logits of all steps `[T, V]`.
    pub fn into_tensors(mut self) -> Result<BTreeMap<String, Tensor>> {
        if !self.hidden.is_empty() {
            self.tensors.insert("llm.hidden_states".into(), Tensor::stack(&self.hidden, 0)?);
        }
        if !self.steps.is_empty() {
            self.tensors.insert("logits.steps".into(), Tensor::stack(&self.steps, 0)?);
        }
        let generated = self.steps.len();
        let width = self.attention.first().and_then(|rows| rows.first()).map(|row| row.dims()[1]);
        if let Some(prompt) = width {
            let total = prompt + generated.saturating_sub(1);
            let layers = self.attention.iter().map(|rows| attention_rows(rows, total)).collect::<Result<Vec<_>>>()?;
            self.tensors.insert("llm.attn_rows".into(), Tensor::stack(&layers, 0)?);
        }
        Ok(self.tensors)
    }

    fn record(&mut self, name: String, value: &Tensor) -> Result<()> {
        // A deep copy: what is recorded must not change when the pass goes on in place, nor keep larger buffers alive.
        self.tensors.insert(name, to_host(value)?);
        Ok(())
    }

    fn record_pixels(&mut self, k: usize, pixels: &Tensor) -> Result<()> {
        let side = pixels.dims()[1];
        self.record(format!("tower{k}.pixel_values"), pixels)?;
        if side > LARGE_INPUT {
            let step = if side.is_multiple_of(14) { side / 14 } else { side / 16 };
            let rows: Vec<i64> = (0..side).step_by(step).map(|row| row as i64).collect();
            let index = Tensor::new(rows.as_slice(), pixels.device())?;
            self.record(format!("tower{k}.pixel_values_rows"), &pixels.index_select(&index, 1)?)?;
            self.record(format!("tower{k}.pixel_rows"), &index)?;
        }
        Ok(())
    }

    fn record_stage(&mut self, encoder: usize, stage: usize, map: &Tensor) -> Result<()> {
        let side = map.dims()[1];
        self.record(format!("tower{encoder}.stage{stage}"), map)?;
        if side > LARGE_STAGE {
            let stride = (side / 32).max(2);
            let index: Vec<u32> = (0..side as u32).step_by(stride).collect();
            let index = Tensor::new(index.as_slice(), map.device())?;
            let sampled = map.index_select(&index, 1)?.index_select(&index, 2)?;
            self.record(format!("tower{encoder}.stage{stage}_stride{stride}"), &sampled)?;
        }
        Ok(())
    }
}

/// A copy in host memory, half types as f32.
fn to_host(value: &Tensor) -> Result<Tensor> {
    let value = match value.dtype() {
        DType::BF16 | DType::F16 => value.to_dtype(DType::F32)?,
        _ => value.copy()?,
    };
    Ok(value.to_device(&candle_core::Device::Cpu)?.contiguous()?)
}

/// Rows of growing length as one `[heads, 8, total]`, zeros beyond each row's end.
fn attention_rows(rows: &[Tensor], total: usize) -> Result<Tensor> {
    let heads = rows[0].dims()[0];
    let mut padded = Vec::with_capacity(ATTENTION_ROWS);
    for row in rows {
        padded.push(row.pad_with_zeros(1, 0, total - row.dims()[1])?);
    }
    let empty = rows[0].zeros_like()?.pad_with_zeros(1, 0, total - rows[0].dims()[1])?;
    padded.resize(ATTENTION_ROWS, empty);
    Ok(Tensor::stack(&padded, 1)?.reshape((heads, ATTENTION_ROWS, total))?)
}

impl Observer for Recorder {
    fn wants(&self, site: Site) -> bool {
        match (self.detail, site) {
            (_, Site::SvaMask(_) | Site::SvaProbs(_) | Site::StepLogits(_)) => true,
            (Detail::Sva, _) => false,
            (Detail::All, Site::SelfAttentionRow(layer)) => {
                self.attention.get(layer).is_none_or(|rows| rows.len() < ATTENTION_ROWS)
            }
            // Hidden states of the prompt, not of every generated token.
            (Detail::All, Site::HiddenStates(_)) => self.steps.is_empty(),
            // Derived from what is kept, and large.
            (Detail::All, Site::SvaLayerIn(_) | Site::SvaKeyVectors(_)) => false,
            // The same where no sampler follows; otherwise seen with it.
            (Detail::All, Site::DecoderLayer(_)) => false,
            (Detail::All, _) => true,
        }
    }

    fn needs_whole_pass(&self) -> bool {
        true
    }

    fn observe(&mut self, site: Site, value: &Tensor) -> Result<()> {
        match site {
            Site::EncoderPixels(k) => self.record_pixels(k, value),
            Site::EncoderRaw(k) => self.record(format!("tower{k}.raw"), value),
            Site::EncoderStage { encoder, stage } => self.record_stage(encoder, stage, value),
            Site::EncoderFeatures(k) => self.record(format!("tower{k}.features"), value),
            Site::EncoderProj(k) => self.record(format!("tower{k}.proj"), value),
            Site::GlobalContext => self.record("global_context".into(), value),
            Site::SvaMask(layer) => self.record(format!("sva.{layer}.mask"), value),
            Site::SvaProbs(layer) => {
                self.layers.push(layer);
                self.record(format!("sva.{layer}.probs"), value)
            }
            Site::SvaAttnOut(layer) => self.record(format!("sva.{layer}.attn_out"), value),
            Site::SvaLayerOut(layer) => self.record(format!("sva.{layer}.layer_out"), value),
            Site::ConnectorGroup(g) => self.record(format!("connector.group{g}"), value),
            Site::ConnectorCat => self.record("connector.cat".into(), value),
            Site::VisualTokens => self.record("connector.mm_projector".into(), value),
            Site::ImageTokens => self.record("image_tokens".into(), value),
            Site::InputEmbeds => {
                self.hidden.push(to_host(value)?);
                self.record("inputs_embeds".into(), value)
            }
            Site::DecoderLayer(_) | Site::SvaLayerIn(_) | Site::SvaKeyVectors(_) => Ok(()),
            Site::HiddenStates(_) => {
                self.hidden.push(to_host(value)?);
                Ok(())
            }
            Site::SelfAttentionRow(layer) => {
                if self.attention.len() <= layer {
                    self.attention.resize(layer + 1, Vec::new());
                }
                self.attention[layer].push(to_host(value)?);
                Ok(())
            }
            Site::PromptLogits => self.record("logits.prompt_last4".into(), value),
            Site::StepLogits(_) => {
                self.steps.push(to_host(value)?);
                Ok(())
            }
        }
    }
}
