//! `generation_config.json`: which ids end an answer, and how the checkpoint would have its answers generated.
//!
//! The reference's `generate` obeys this file except where a call says otherwise. Its evaluation and its command line say
//! how tokens are chosen (`do_sample`, `temperature`, `top_p`, `num_beams`), and here the person who asks does; that the
//! file wants something else is told of. What a call does not say stays in force there: penalties, bans, forced tokens.
//! A checkpoint that sets one of those is refused, as its answers here would not be the reference's.

use super::fields;
use super::json::JsonFile;
use crate::error::Result;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Generation {
    /// Ids that end an answer.
    pub(super) eos_token_ids: Vec<u32>,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// Reads `file`, which a checkpoint may lack. `in_config` are the settings of this kind that config.json has.
///
/// # Errors
/// A refusal that names the field if it asks for something this program does not do.
pub(super) fn read(file: Option<&JsonFile>, in_config: Vec<String>) -> Result<Generation> {
    let mut generation = Generation::default();
    let mut not_obeyed = in_config;
    if let Some(json) = file {
        let told = fields::GENERATION_CONFIG.check(json, "")?;
        generation.eos_token_ids = json.token_ids("eos_token_id")?;
        generation.notes.extend(fields::unknown_note("generation_config.json", &told.unknown));
        not_obeyed.extend(told.not_obeyed);
    }
    if !not_obeyed.is_empty() {
        generation.notes.push(format!(
            "the checkpoint suggests {}; tokens are chosen as each question says, the most likely one unless it says \
             otherwise, as in the reference's evaluation",
            not_obeyed.join(", ")
        ));
    }
    Ok(generation)
}
