//! Building blocks that encoders, SVA and decoders share.

mod activation;
mod dot;
mod linear;
mod norm;
mod resize;

pub use activation::{Activation, swiglu};
pub(crate) use dot::dot;
pub use linear::Linear;
pub use norm::{LayerNorm, RmsNorm};
pub use resize::resize_tokens;
