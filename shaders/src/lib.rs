//! Traces to pictures on the GPU.
//!
//! A trace is uploaded once ([`MapRenderer::upload_trace`]). A [`MapView`] says what to measure: which layers and
//! heads, share or lift or entropy, per cell or per token. Compute passes make a [`MapSet`] of it: one map per encoder
//! (or one for all), and the range of values that its colours span. Plain values on the grid
//! ([`MapRenderer::upload_grid`]) go the same way, as the trace of a single encoder. A [`Look`] says how to show one of
//! these maps: colours, opacity, which part of the frame. A fragment shader blends it over the photo, in a window
//! ([`MapRenderer::paint`]) or off-screen ([`MapRenderer::render_to_image`]); both run the same WGSL. A window reads
//! numbers back without waiting ([`MapRenderer::read_later`]) and watches its device ([`Faults`]).
//!
//! The crate knows nothing of engine or window: traces come as plain slices ([`TraceData`], made of a recorded trace by
//! [`TraceData::of`]), devices from whoever has one, or from [`Gpu::headless`].
//!
//! **Frames.** Places are cells of the padded frame, or parts of the padded square in `0..1`. Samplers cover the
//! unpadded rectangle of it ([`TraceLayer`]).
//!
//! **Colours** are sRGB-encoded 8-bit numbers and are mixed as such, as image viewers do. Images that are read back
//! are RGBA with straight alpha, 0 outside of the padded square and 255 inside.
//!
//! **Places without a value** are never drawn in a map's colours nor counted in its range: padding is hatched, and
//! what an intervention masked, or what lies outside of the cell in focus, lets the photo through.

mod colour;
mod error;
mod fault;
mod gpu;
mod grid;
mod layout;
mod map_set;
mod offscreen;
mod pending;
mod photo;
mod pipelines;
mod readback;
mod recorded;
mod renderer;
mod trace;
mod view;

pub use opabinia_trace::measure::{Quantity, Reduction};

pub use colour::{ColourMap, encoder_colours};
pub use error::{Error, Result};
pub use fault::Faults;
pub use gpu::{AdapterChoice, AdapterSummary, Gpu, INSTALL_HINT, list_adapters};
pub use grid::GridData;
pub use layout::{LIFT_FLOOR, MAX_ENCODERS, MAX_HEADS, MAX_LAYERS};
pub use map_set::MapSet;
pub use pending::PendingMaps;
pub use photo::GpuPhoto;
pub use readback::{Map, MapTexel};
pub use renderer::{MapRenderer, Pane};
pub use trace::{Encoder, GpuTrace, TokenRect, TraceData, TraceLayer};
pub use view::{Cell, Filter, Focus, Granularity, Indices, Look, MapView, Normalisation, Rect};
