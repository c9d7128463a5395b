//! What is wrong with an upload, as far as two sets of weights tell: families that are missing, encoders saved inside,
//! zeros where numbers should be, numbers that are none.

use super::NAMES;
use super::tensors::{Relation, TensorComparison};
use crate::printable;
use std::collections::BTreeMap;
use std::fmt;

/// Something that looks wrong on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// On which side.
    pub side: usize,
    /// What.
    pub kind: FindingKind,
    /// The family of weights: their name, with `*` for the numbers in it.
    pub family: String,
    /// How many weights of that family it is about.
    pub weights: usize,
}

/// What looks wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// The other side has this family of weights, and is the same kind of model; this one has none of it.
    Missing,
    /// Weights of a vision encoder.
    EncoderInside,
    /// Matrices that are all zeros.
    Zeros,
    /// This many numbers are NaN or infinite.
    NotFinite(u64),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = NAMES.get(self.side).copied().unwrap_or("?");
        let other = NAMES.get(1 - self.side.min(1)).copied().unwrap_or("?");
        let (family, count) = (printable::line(&self.family), self.weights);
        match self.kind {
            FindingKind::Missing => {
                let are = if count == 1 { "is 1 weight" } else { &format!("are {count} weights") };
                write!(f, "{side} lacks {family}, of which there {are} in {other}: an incomplete upload?")
            }
            FindingKind::EncoderInside => {
                write!(f, "{side} holds weights of a vision encoder ({family}, {count}): encoders saved inside")
            }
            FindingKind::Zeros if count == 1 => write!(f, "{side}: {family} is all zeros"),
            FindingKind::Zeros => write!(f, "{side}: {count} weights {family} are all zeros"),
            FindingKind::NotFinite(numbers) => {
                write!(f, "{side}: {numbers} numbers in {family} are NaN or infinite")
            }
        }
    }
}

/// What is to be found in `tensors`, of two sides that are the `same_architecture` or not.
pub(super) fn of(tensors: &[TensorComparison], same_architecture: bool) -> Vec<Finding> {
    let mut families: BTreeMap<String, Vec<&TensorComparison>> = BTreeMap::new();
    for tensor in tensors {
        families.entry(family(&tensor.key)).or_default().push(tensor);
    }
    let mut findings = Vec::new();
    for side in 0..NAMES.len() {
        let mut find = |kind, family: &String, weights| {
            findings.push(Finding { side, kind, family: family.clone(), weights });
        };
        for (family, members) in &families {
            let stored = || members.iter().filter_map(|tensor| tensor.sides[side].as_ref());
            if family.contains("vision_tower") {
                // That the other side has none of it is as it should be.
                if stored().next().is_some() {
                    find(FindingKind::EncoderInside, family, stored().count());
                }
            } else if same_architecture
                && members.iter().all(|tensor| matches!(tensor.relation, Relation::OnlyIn(has) if has != side))
            {
                find(FindingKind::Missing, family, members.len());
            }
            let zeros = stored().filter(|tensor| tensor.is_all_zeros()).count();
            if zeros > 0 {
                find(FindingKind::Zeros, family, zeros);
            }
            let not_finite: u64 = stored().map(|tensor| tensor.not_finite).sum();
            if not_finite > 0 {
                let weights = stored().filter(|tensor| tensor.not_finite > 0).count();
                find(FindingKind::NotFinite(not_finite), family, weights);
            }
        }
    }
    findings
}

/// `key` with `*` for its numbers: `model.layers.*.mlp.up_proj.weight`.
fn family(key: &str) -> String {
    let star =
        |part: &str| if part.bytes().all(|byte| byte.is_ascii_digit()) { "*".to_owned() } else { part.to_owned() };
    key.split('.').map(star).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_names_without_numbers() {
        assert_eq!(family("model.layers.12.mlp.up_proj.weight"), "model.layers.*.mlp.up_proj.weight");
        assert_eq!(family("model.mm_projector_aux_0.0.weight"), "model.mm_projector_aux_0.*.weight");
    }
}
