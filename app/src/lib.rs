//! The window and the command line, both thin over the engine thread.
//!
//! [`cli`] is the command line, [`window`] the window. What both share stands beside them: [`selection`] reads and names layers and heads, [`figure`] composes pictures for files and [`map_figure`]
//! fills them with maps, [`difference_figure`] with the difference of two sides, [`sides_figure`] with those of both, [`token_figure`] with what a token attended to ([`value_grid`] is how numbers of cells are drawn), [`recipe`] keeps how that was done ([`recipe_file`] is what all recipes share), [`evidence`] is what
//! an answer rests on as people read it, [`evaluation`] asks the questions of a set, [`fingerprint`] tells
//! checkpoints apart, [`demo`] holds the
//! checkpoint that is part of the program, [`image_source`] finds the picture that a person named,
//! [`pulling`] what a model needs from the hub, [`quality`] says what fewer bits cost, [`caches`] where its quantised weights and features are kept, [`language`] says which languages are spoken, [`pace`] says how fast it comes, [`number`]
//! and [`csv`] write numbers, and [`output`] files, which the engine writes in the same way.

pub mod caches;
pub mod cli;
pub mod csv;
pub mod demo;
pub mod difference_figure;
pub mod evaluation;
pub mod evidence;
pub mod figure;
pub mod fingerprint;
pub mod image_source;
pub mod language;
pub mod map_figure;
pub mod number;
pub mod pace;
pub mod pulling;
pub mod quality;
pub mod recipe;
pub mod recipe_file;
pub mod selection;
pub mod sides_figure;
pub mod token_figure;
pub mod value_grid;
pub mod window;

pub use opabinia_engine::checkpoint::encoder_names;
pub use opabinia_engine::output;
