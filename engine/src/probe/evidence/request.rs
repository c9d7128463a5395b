//! What can be asked about one answer, and which of it a model allows.

use super::finding::Also;
use super::game::GameKind;
use crate::advice::Advice;
use crate::error::{Error, Result};
use crate::intervention::{Anatomy, Cells, Interventions};
use crate::model::Model;
use crate::text::Turn;
use crate::vision::Picture;
use std::sync::Arc;

/// Tokens of an answer where nobody says how many.
const TOKENS: usize = 64;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Request {
    /// System text instead of the template's own.
    pub system: Option<String>,
    /// All turns; the last one is open.
    pub turns: Vec<Turn>,
    /// The image.
    pub picture: Arc<Picture>,
    /// The image whose features may be swapped in.
    pub other: Option<Arc<Picture>>,
    /// The answer that is scored; the model's likeliest if none is given.
    pub answer: Option<Vec<u32>>,
    /// Tokens of the likeliest answer at most; 64, or what room there is, if nothing is said.
    pub max_tokens: Option<usize>,
    /// Interventions to be measured, each with the answer under it.
    pub with: Vec<Interventions>,
    /// Whether to run the standard list and the Shapley values beside them.
    pub standard: bool,
    /// The cells that the standard list takes away.
    pub region: Option<Cells>,
    /// What is measured beside that.
    pub also: Also,
}

impl Request {
    /// Checks that a model with `anatomy` can be asked for all of it, before anything is read or run.
    ///
    /// # Errors
    /// [`Error::Input`] for interventions that this model does not allow, and for a region of the standard list that is empty.
    pub fn check(&self, anatomy: &Anatomy) -> Result<()> {
        let swapping = self.also.games.contains(&GameKind::Swap) && self.other.is_none();
        let swapping = swapping.then(|| GameKind::Swap.interventions(0, 1));
        if self.also.seen_under.iter().any(Interventions::drop_image) {
            return Err(Error::input(
                "attention is to be seen while the question is asked without the image",
                "leave no_image out: without the image nothing attends to it",
            ));
        }
        for with in self.with.iter().chain(&self.also.scored).chain(&self.also.seen_under).chain(&swapping) {
            with.check(anatomy)?;
            if with.needs_other() && self.other.is_none() {
                return Err(Error::input(
                    "features are to be swapped, but there is no other image",
                    Advice::OtherImage,
                ));
            }
        }
        let encoders = anatomy.encoders().len();
        if let Some(k) = self.also.curves.iter().filter_map(|wanted| wanted.of.target).find(|k| *k >= encoders) {
            return Err(Error::input(
                format!("cells of encoder {k} are to be taken away"),
                format!("this model has {encoders} encoders, counted from 0"),
            ));
        }
        let Some(region) = &self.region else { return Ok(()) };
        let side = anatomy.side();
        if region.is_empty() {
            return Err(Error::input(
                "the region has no cells",
                format!("write ranges that hold a row and a column at least: 0:{side},0:{side} for all"),
            ));
        }
        match region.outside(side) {
            Some([row, column]) => Err(Error::input(
                format!("the region has a cell {row},{column}"),
                format!("this model's query grid has {side} × {side} cells, counted from 0"),
            )),
            None => Ok(()),
        }
    }
}

/// How many tokens an answer may have after `positions` of the prompt.
pub(super) fn room(model: &Model, positions: usize, request: &Request) -> Result<usize> {
    let limit = model.config().context_length.min(model.config().decoder.max_positions);
    // The last token of an answer needs no position.
    let room = (limit + 1).saturating_sub(positions);
    match request.max_tokens {
        Some(asked) if asked > room && request.answer.is_none() => Err(Error::input(
            format!(
                "the question takes {positions} positions and the answer up to {asked}, and this model can see {limit}"
            ),
            Advice::AtMostTokens(room),
        )),
        Some(asked) => Ok(asked),
        None => Ok(TOKENS.min(room)),
    }
}
