//! The window and the command line, both thin over the engine thread.
//!
//! [`cli`] is the command line, [`window`] the window. What both share stands beside them: [`trace_view`] hands a trace to the
//! shaders, [`selection`] reads and names layers and heads, [`figure`] composes pictures for files and [`map_figure`]
//! fills them with maps, [`recipe`] keeps how that was done, [`demo`] holds the
//! checkpoint that is part of the program, [`number`]
//! writes numbers, and [`output`] files.

pub mod cli;
pub mod demo;
pub mod figure;
pub mod map_figure;
pub mod number;
pub mod output;
pub mod recipe;
pub mod selection;
pub mod trace_view;
pub mod window;

pub use opabinia_engine::checkpoint::encoder_names;
