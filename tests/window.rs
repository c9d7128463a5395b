//! The window, driven by accessible labels on a software graphics adapter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "window/harness.rs"]
mod harness;

#[path = "window/asking.rs"]
mod asking;

#[path = "window/between.rs"]
mod between;

#[path = "window/comparing.rs"]
mod comparing;

#[path = "window/conversing.rs"]
mod conversing;

#[path = "window/damage.rs"]
mod damage;

#[path = "window/demo.rs"]
mod demo;

#[path = "window/docking.rs"]
mod docking;

#[path = "window/evaluating.rs"]
mod evaluating;

#[path = "window/evidence.rs"]
mod evidence;

#[path = "window/evidence_further.rs"]
mod evidence_further;

#[path = "window/downloading.rs"]
mod downloading;

#[path = "window/exports.rs"]
mod exports;

#[path = "window/finding.rs"]
mod finding;

#[path = "window/inspecting.rs"]
mod inspecting;

#[path = "window/intervening.rs"]
mod intervening;

#[path = "window/keeping.rs"]
mod keeping;

#[path = "window/maps.rs"]
mod maps;

#[path = "window/newcomer.rs"]
mod newcomer;

#[path = "window/opening.rs"]
mod opening;

#[path = "window/panes.rs"]
mod panes;

#[path = "window/program.rs"]
mod program;

#[path = "window/robust.rs"]
mod robust;

#[path = "window/sides.rs"]
mod sides;

#[path = "window/sights.rs"]
mod sights;
