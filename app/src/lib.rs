//! The window and the command line, both thin over the engine thread.
//!
//! [`cli`] is the command line. What it shares with the window stands beside it: [`trace_view`] hands a trace to the
//! shaders, [`figure`] composes pictures for files, [`encoder_names`] says how people call encoders, and [`output`]
//! writes files.

pub mod cli;
pub mod encoder_names;
pub mod figure;
pub mod output;
pub mod trace_view;
