//! The window, driven by accessible labels on a software graphics adapter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

#[path = "window/harness.rs"]
mod harness;

#[path = "window/asking.rs"]
mod asking;

#[path = "window/maps.rs"]
mod maps;
