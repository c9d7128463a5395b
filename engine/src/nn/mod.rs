//! Building blocks that encoders, SVA and decoders share.

mod activation;
mod depthwise;
mod dot;
mod few_rows;
mod host;
mod linear;
mod norm;
mod resize;
mod softmax;

pub use activation::{Activation, swiglu};
pub use depthwise::depthwise;
pub(crate) use dot::dot;
pub use linear::Linear;
pub(crate) use linear::add_bias;
pub use norm::{LayerNorm, RmsNorm};
pub use resize::resize_tokens;
pub(crate) use softmax::softmax;
