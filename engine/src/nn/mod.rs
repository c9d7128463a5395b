//! Building blocks that encoders, SVA and decoders share.

mod activation;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_attention;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
#[cfg(target_arch = "x86_64")]
mod avx512_many;
mod columns;
mod depthwise;
mod dot;
#[cfg(target_arch = "x86_64")]
mod eight_bits;
mod few_rows;
mod finish;
mod gemm;
mod host;
mod linear;
mod norm;
mod product;
mod quantised;
mod residual;
mod resize;
mod softmax;
mod tracked;
#[cfg(all(test, target_arch = "x86_64"))]
mod twin;
mod weight;

pub(crate) use activation::gated;
pub use activation::{Activation, swiglu};
pub(crate) use attention::attention;
pub use depthwise::depthwise;
pub(crate) use dot::dot;
pub use linear::Linear;
pub(crate) use linear::add_bias;
pub use norm::{LayerNorm, RmsNorm};
pub(crate) use product::{FEW_ROWS, instruction_sets, product_numbers};
pub use quantised::Quantised;
pub(crate) use residual::residual;
pub use resize::resize_tokens;
pub(crate) use resize::taps;
pub(crate) use softmax::softmax;
pub(crate) use weight::with_host_values;
pub use weight::{SharedBytes, Weight};
