//! Tables of tensors: key, shape and how the numbers are drawn.

/// One tensor to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorSpec {
    /// Its key in the weight file.
    pub key: String,
    /// Its shape; `[]` is a scalar.
    pub shape: Vec<usize>,
    /// How its numbers are drawn.
    pub init: Init,
}

impl TensorSpec {
    /// How many numbers it holds.
    pub fn numel(&self) -> u64 {
        self.shape.iter().map(|side| *side as u64).product()
    }
}

/// Numbers drawn uniformly from `center ± spread`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Init {
    /// Middle of the interval.
    pub center: f32,
    /// Half its width.
    pub spread: f32,
}

impl Init {
    /// Keeps the variance of activations: a standard deviation of 1/√`fan_in`.
    pub(crate) fn fan_in(fan_in: usize) -> Self {
        Self { center: 0.0, spread: (3.0 / fan_in.max(1) as f32).sqrt() }
    }

    /// A scale near one, as trained norms have.
    const SCALE: Self = Self { center: 1.0, spread: 0.1 };
    /// A bias or shift near zero.
    const SHIFT: Self = Self { center: 0.0, spread: 0.05 };
    /// Learned vectors that stand for tokens: queries, newlines, embeddings.
    pub(crate) const TOKEN: Self = Self { center: 0.0, spread: 1.0 };
    /// Positions added to tokens.
    pub(crate) const POSITION: Self = Self { center: 0.0, spread: 0.3 };
    /// What a residual branch is multiplied by; small, so that forty layers stay finite in half precision.
    pub(crate) const BRANCH: Self = Self { center: 0.2, spread: 0.1 };
}

/// Collects the tensors of one weight file.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<TensorSpec>);

impl Table {
    /// Adds a tensor.
    pub(crate) fn tensor(&mut self, key: impl Into<String>, shape: &[usize], init: Init) {
        self.0.push(TensorSpec { key: key.into(), shape: shape.to_vec(), init });
    }

    /// Adds `{name}.weight` of a linear layer, without bias.
    pub(crate) fn matrix(&mut self, name: &str, output: usize, input: usize) {
        self.tensor(format!("{name}.weight"), &[output, input], Init::fan_in(input));
    }

    /// Adds `{name}.weight` and `{name}.bias` of a linear layer.
    pub(crate) fn linear(&mut self, name: &str, output: usize, input: usize) {
        self.matrix(name, output, input);
        self.tensor(format!("{name}.bias"), &[output], Init::SHIFT);
    }

    /// Adds `{name}.weight` of a convolution with a square kernel, without bias.
    pub(crate) fn kernel(&mut self, name: &str, output: usize, input: usize, side: usize) {
        self.tensor(format!("{name}.weight"), &[output, input, side, side], Init::fan_in(input * side * side));
    }

    /// Adds `{name}.weight` and `{name}.bias` of a convolution with a square kernel.
    pub(crate) fn conv(&mut self, name: &str, output: usize, input: usize, side: usize) {
        self.kernel(name, output, input, side);
        self.tensor(format!("{name}.bias"), &[output], Init::SHIFT);
    }

    /// Adds `{name}.weight` of an RMSNorm.
    pub(crate) fn rms_norm(&mut self, name: &str, dim: usize) {
        self.tensor(format!("{name}.weight"), &[dim], Init::SCALE);
    }

    /// Adds `{name}.weight` and `{name}.bias` of a LayerNorm.
    pub(crate) fn layer_norm(&mut self, name: &str, dim: usize) {
        self.rms_norm(name, dim);
        self.tensor(format!("{name}.bias"), &[dim], Init::SHIFT);
    }

    /// The tensors, in the order they were added.
    pub(crate) fn into_tensors(self) -> Vec<TensorSpec> {
        self.0
    }
}
