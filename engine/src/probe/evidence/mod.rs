//! What an answer rests on: its probability under interventions, token by token.
//!
//! The answer is given, not generated: position `t` is scored with the true earlier tokens, whatever the model would have
//! said under the intervention, so that two runs can be compared number by number. [`Scorer`] runs interventions and
//! reuses what lies before them; [`standard()`] is the list of them that a checkpoint and an image allow; `shapley` puts
//! removals of several encoders together; [`Contributions`] and [`Lens`] look on while the question is run plainly; a [`Measurement`]
//! does what a [`Request`] asks for, pass by pass, and tells of each [`Finding`] on the way. A [`Curve`] follows log p while cells
//! go or come; a [`Reading`] is what a token attended to in the decoder; [`Features`] are what encoders made of the image. Numbers mean what
//! `docs/evidence.md` says.

mod answer;
mod contribution;
mod encoders;
mod exact;
mod faithfulness;
mod features;
mod file;
mod finding;
mod game;
mod gradient;
mod kept;
mod lens;
mod measure;
mod reading;
mod request;
mod score;
mod shapley;
mod standard;

pub use answer::{Effect, Evidence, ScoredToken};
pub use contribution::Contributions;
pub use encoders::{CellMeans, EncoderMeans, GradientOf, GradientSums};
pub use faithfulness::{
    CellOrder, Curve, CurvesOf, Faithfulness, MAX_UNITS, RANDOM_ORDERS, Way, normalised, random_area, unit_for, units,
};
pub use features::{FeatureMap, Features};
pub use finding::{Also, Finding, Seen, SeenUnder};
pub use game::{Game, GameKind};
pub use kept::KeptEvidence;
pub use lens::{LENS_TOKENS, Lens, LensLayer, LensMap, LikelyTokens};
pub use measure::{Measurement, measure};
pub use reading::Reading;
pub use request::Request;
pub use score::{Continuation, Score, Scorer};
pub use shapley::Shapley;
pub use standard::{Named, standard};
