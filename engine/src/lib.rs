//! Cambrian-1 checkpoints to tensors, tokens and traces. This crate knows no screen.
//!
//! A [`model::Model`] is a checkpoint in memory: its vision [encoders](vision), the Spatial Vision Aggregator
//! ([`sva`]) and a [decoder](llm). Programs talk to it through [`worker::Engine`], one thread that owns every
//! tensor, takes commands and answers with events. What a forward pass computes on the way can be watched by an
//! [`observe::Observer`] and changed by [`intervention::Interventions`]; [`probe`] holds what the program measures.
//!
//! The plain words of all this (encoders, layers, cells, measures, interventions, names of runs) are those of the crate
//! `opabinia-trace`, which the shaders share.
//!
//! Arrows point one way: `model` → {`vision`, `sva`, `llm`, `text`} → `checkpoint` → {`nn`, `job`, `error`};
//! `probe` sees `model`, never the other way round.

pub mod advice;
pub mod checkpoint;
pub mod compare;
pub mod cores;
pub mod device;
pub mod error;
pub mod generate;
pub mod job;
pub mod limits;
pub mod llm;
pub mod model;
pub mod nn;
pub mod observe;
pub mod output;
pub mod precision;
pub mod printable;
pub mod probe;
mod random;
pub mod sva;
pub mod text;
pub mod threads;
pub mod vision;
pub mod worker;

pub use error::{Error, Result};
pub use opabinia_trace::{Unusable, intervention, run};

#[cfg(test)]
#[path = "../../tests/faults/mutate.rs"]
#[allow(dead_code, reason = "shared with the tests of whole checkpoints")]
mod mutate;
