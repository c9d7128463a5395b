//! The Hugging Face hub, as far as this program needs it.
//!
//! Its cache on this machine is always there: where it is ([`environment`]), what repositories and files are called in it
//! ([`names`]) and which snapshot of one is meant ([`cache`]). Whoever opens checkpoints needs no more, and gets nothing that
//! could reach the network.
//!
//! The feature `pull` adds what fills that cache: [`pull::Session`] lists repositories and brings files over HTTP, each resumed
//! where it was cut and checked against its announced size and checksum before it takes its name.
//!
//! Answers of a server are strangers' text: names are checked before they become paths ([`names`]), documents are bounded, and
//! nothing that arrives stands under its own name before its checksum is right.

pub mod cache;
pub mod environment;
pub mod names;

#[cfg(feature = "pull")]
mod client;
#[cfg(feature = "pull")]
pub mod error;
#[cfg(feature = "pull")]
mod fetch;
#[cfg(feature = "pull")]
pub mod listing;
#[cfg(feature = "pull")]
mod patience;
#[cfg(feature = "pull")]
pub mod progress;
#[cfg(feature = "pull")]
pub mod pull;
#[cfg(feature = "pull")]
pub mod settings;
#[cfg(feature = "pull")]
mod store;

#[cfg(feature = "pull")]
pub use error::{Error, Result};
