//! What was measured, with whatever names it: all that files of evidence are made from.

use super::{Findings, Shown};
use crate::figure::Theme;
use opabinia_engine::text::Turn;
use opabinia_engine::vision::Picture;
use std::sync::Arc;

/// Findings with whatever names them.
#[derive(Debug)]
pub struct Measured {
    /// The numbers.
    pub findings: Findings,
    /// What is looked at.
    pub shown: Shown,
    /// What people call the model.
    pub model: String,
    /// What people call the image.
    pub image: String,
    /// Its pixels.
    pub picture: Arc<Picture>,
    /// The image whose features were swapped in.
    pub other: Option<Arc<Picture>>,
    /// Earlier questions and their answers, then the question.
    pub turns: Vec<Turn>,
    /// Colours of the figure.
    pub theme: Theme,
}
