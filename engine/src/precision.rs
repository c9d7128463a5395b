//! In which form weights are kept and in which numbers products are computed.

use candle_core::{DType, Device};
use std::fmt;
use std::str::FromStr;

/// Weights of one input dimension that a quantised format scales together at most: what a matrix of another width is
/// filled up to in memory.
const BLOCK: usize = 32;

/// The same of the formats named after llama.cpp's k-quants.
const SUPER_BLOCK: usize = 256;

/// Rows of a quantised matrix that lie interleaved in memory.
const GROUP: usize = 16;

/// The form in which a matrix of weights is kept in memory, from the widest to the narrowest.
///
/// The quantised ones are those of llama.cpp in what their numbers mean; how they lie in memory is this program's own
/// (see [`crate::nn::Weight`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WeightFormat {
    /// 32-bit floating point: the numbers of the reference.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    F16,
    /// 8 bits, a scale for 32 weights: 8.5 bits a weight.
    Q8_0,
    /// 6 bits, scales for 16 weights: 6.6 bits a weight.
    Q6K,
    /// 5 bits, a scale and a minimum for 32 weights: 5.6 bits a weight.
    Q5K,
    /// 4 bits, a scale and a minimum for 32 weights: 4.6 bits a weight.
    Q4K,
}

impl WeightFormat {
    /// All of them, the widest first.
    pub const ALL: [Self; 7] = [Self::F32, Self::Bf16, Self::F16, Self::Q8_0, Self::Q6K, Self::Q5K, Self::Q4K];

    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::Q6K => "q6_k",
            Self::Q5K => "q5_k",
            Self::Q4K => "q4_k",
        }
    }

    /// The number type of its weights; `None` where several weights share a scale.
    pub fn dtype(self) -> Option<DType> {
        match self {
            Self::F32 => Some(DType::F32),
            Self::Bf16 => Some(DType::BF16),
            Self::F16 => Some(DType::F16),
            _ => None,
        }
    }

    /// Whether several weights share a scale.
    pub fn is_quantised(self) -> bool {
        self.dtype().is_none()
    }

    /// Weights of a row that share a scale, and that rows are filled up to a multiple of.
    pub fn block(self) -> usize {
        match self {
            Self::F32 | Self::Bf16 | Self::F16 => 1,
            Self::Q8_0 => BLOCK,
            Self::Q6K | Self::Q5K | Self::Q4K => SUPER_BLOCK,
        }
    }

    /// Bytes of one such block in each of a group's 16 rows; of one weight where nothing is shared.
    pub(crate) fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
            // A scale in f16, and a byte a weight.
            Self::Q8_0 => GROUP * (2 + BLOCK),
            // A scale in f16, 16 of 8 bits, and six bits a weight.
            Self::Q6K => GROUP * (2 + 16 + SUPER_BLOCK * 6 / 8),
            // Two scales in f16, two of 8 bits for each 32 weights, and the weights.
            Self::Q5K => GROUP * (4 + 16 + SUPER_BLOCK * 5 / 8),
            Self::Q4K => GROUP * (4 + 16 + SUPER_BLOCK * 4 / 8),
        }
    }

    /// Bytes a matrix `[output, input]` takes in memory.
    pub fn bytes(self, output: usize, input: usize) -> u64 {
        let rows = if self.is_quantised() { output.div_ceil(GROUP) } else { output };
        [rows, input.div_ceil(self.block()), self.block_bytes()]
            .into_iter()
            .fold(1u64, |product, factor| product.saturating_mul(factor as u64))
    }

    /// The form of the parts that are kept more exactly than the layers of the decoder: half numbers beside quantised
    /// layers, for the little they weigh.
    pub fn of_exact_parts(self) -> Self {
        if self.is_quantised() { Self::Bf16 } else { self }
    }

    /// The form of the output matrix, an error in which goes straight to the choice of a token.
    pub fn of_output(self) -> Self {
        if self.is_quantised() { Self::Q8_0 } else { self }
    }

    /// The form of encoders beside a decoder in this form, where nothing else was asked for.
    pub fn of_encoders(self) -> Self {
        self.of_output()
    }
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The form a person asks weights to be kept in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum WeightChoice {
    /// The best that fits: see [`crate::model::Inspection`].
    #[default]
    Auto,
    /// This one.
    Format(WeightFormat),
}

impl From<WeightFormat> for WeightChoice {
    fn from(format: WeightFormat) -> Self {
        Self::Format(format)
    }
}

impl FromStr for WeightChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = match text {
            "auto" => return Ok(Self::Auto),
            "float32" => "f32",
            "bfloat16" => "bf16",
            "float16" => "f16",
            other => other,
        };
        let found = WeightFormat::ALL.into_iter().find(|format| format.name() == wanted);
        found.map(Self::Format).ok_or_else(|| {
            let names: Vec<&str> = WeightFormat::ALL.iter().map(|format| format.name()).collect();
            format!("`{text}` is no form of weights: use auto, {}", names.join(", "))
        })
    }
}

impl fmt::Display for WeightChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Format(format) => format.fmt(f),
        }
    }
}

/// In which numbers the products of activations with weights are computed on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Products {
    /// f32, whatever the weights are kept in.
    Exact,
    /// What the processor multiplies fastest: activations are rounded to bf16 beside weights in bf16 (on Intel's processors
    /// only up to 64 rows at once), and to 8 bits with a scale for 32 of them beside quantised weights. Sums are f32. Weights
    /// in f32 and f16 are multiplied exactly.
    Fast,
}

impl Products {
    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Fast => "fast",
        }
    }
}

/// How exactly a person asks products to be computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ComputeChoice {
    /// Fast where weights are kept in 16 bits or fewer, exact otherwise.
    #[default]
    Auto,
    /// As [`Products::Exact`].
    Exact,
    /// As [`Products::Fast`].
    Fast,
}

impl ComputeChoice {
    /// What it means beside weights kept as `weights`.
    pub fn beside(self, weights: WeightFormat) -> Products {
        match self {
            Self::Auto if weights == WeightFormat::F32 => Products::Exact,
            Self::Exact => Products::Exact,
            Self::Auto | Self::Fast => Products::Fast,
        }
    }
}

impl FromStr for ComputeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "exact" => Ok(Self::Exact),
            "fast" => Ok(Self::Fast),
            _ => Err(format!("`{text}` is no way to compute: use auto, exact or fast")),
        }
    }
}

impl fmt::Display for ComputeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Exact => "exact",
            Self::Fast => "fast",
        })
    }
}

/// How numbers are kept and computed.
///
/// On the CPU activations are f32; weights stay in memory as they are kept, and are widened inside the products (see
/// [`crate::nn::Linear`]). On accelerators weights and activations share one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precision {
    /// The form in which weight matrices are kept.
    pub weights: WeightFormat,
    /// Type of activations, and of the small weights: norms, biases, convolutions, embeddings of positions.
    pub compute: DType,
    /// How products on the CPU are computed.
    pub products: Products,
}

impl Precision {
    /// The precision of `device` when weights are kept as `weights` and products computed as `products`.
    pub fn on(device: &Device, weights: WeightFormat, products: Products) -> Self {
        let compute = if device.is_cpu() { DType::F32 } else { weights.dtype().unwrap_or(DType::BF16) };
        Self { weights, compute, products }
    }

    /// The numbers in which its products are computed on this machine, for people.
    pub fn product_numbers(&self) -> &'static str {
        if self.compute != DType::F32 {
            return self.compute.as_str();
        }
        crate::nn::product_numbers(self.weights, self.products)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for format in WeightFormat::ALL {
            assert_eq!(format.name().parse(), Ok(WeightChoice::Format(format)));
        }
        for choice in [ComputeChoice::Auto, ComputeChoice::Exact, ComputeChoice::Fast] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("q3".parse::<WeightChoice>().unwrap_err().contains("q4_k"));
    }

    #[test]
    fn sizes_are_those_of_the_formats() {
        let bits = |format: WeightFormat| 8.0 * format.bytes(3072, 8192) as f64 / (3072.0 * 8192.0);
        let expected = [32.0, 16.0, 16.0, 8.5, 6.5625, 5.625, 4.625];
        for (format, expected) in WeightFormat::ALL.into_iter().zip(expected) {
            assert_eq!(bits(format), expected, "{format}");
        }
        // Filled up to whole blocks and groups.
        assert_eq!(WeightFormat::Q8_0.bytes(3, 33), 2 * 16 * 34);
        assert_eq!(WeightFormat::Q4K.bytes(17, 1), 2 * 16 * 148);
    }
}
