//! The engine thread: one terminal event a job, cancellation at every stage, two models at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

#[path = "worker/lock_step.rs"]
mod lock_step;

#[path = "worker/cancelling.rs"]
mod cancelling;

#[path = "worker/evidence.rs"]
mod evidence;

#[path = "worker/feature_cache.rs"]
mod feature_cache;

#[path = "worker/models.rs"]
mod models;

#[path = "worker/tracing.rs"]
mod tracing;

#[path = "worker/weight_cache.rs"]
mod weight_cache;
