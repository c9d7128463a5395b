//! Tensors grouped by the modules their names spell, as a tree that shows where training moved most.

use super::tensors::{Counts, Relation, TensorComparison};
use std::cmp::Ordering;

/// No tree is deeper: names come from strangers.
const MAX_DEPTH: usize = 12;

/// A module and what is below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// Its name below the module above it; empty for the whole checkpoint. A module with a single one below it is told of
    /// together with that, as in `self_attn.q_proj`.
    pub name: String,
    /// How its tensors stand.
    pub counts: Counts,
    /// Numbers in them.
    pub elements: u64,
    /// ‖B − A‖ over all tensors that can be compared.
    pub norm: f64,
    /// The same ÷ ‖A‖; `None` where A is all zeros or nothing can be compared.
    pub relative: Option<f64>,
    /// The modules below, in natural order; empty for a tensor.
    pub below: Vec<Module>,
}

impl Module {
    /// The tree of `tensors`, which are sorted by key.
    pub(super) fn tree(tensors: &[TensorComparison]) -> Self {
        let all: Vec<&TensorComparison> = tensors.iter().collect();
        Self::of(String::new(), &all, 0, 0)
    }

    /// The module `name` of `tensors`, whose names agree up to byte `start`.
    fn of(name: String, tensors: &[&TensorComparison], start: usize, depth: usize) -> Self {
        let mut below = Vec::new();
        let last = depth == MAX_DEPTH;
        let segment = |tensor: &TensorComparison| -> String {
            let rest = tensor.key.get(start..).unwrap_or_default();
            if last { rest.to_owned() } else { rest.split('.').next().unwrap_or_default().to_owned() }
        };
        for run in tensors.chunk_by(|a, b| segment(a) == segment(b)) {
            let Some(first) = run.first() else { continue };
            let name = segment(first);
            let next = start + name.len() + 1;
            below.push(match run {
                [only] if only.key.len() < next => Self::leaf(name, only),
                _ => Self::of(name, run, next, depth + 1).joined(),
            });
        }
        below.sort_by(|a, b| natural(&a.name, &b.name));
        let (mut squares, mut difference) = (0.0, 0.0);
        for tensor in tensors {
            let (a, d) = moved(tensor);
            squares += a;
            difference += d;
        }
        Self {
            name,
            counts: Counts::of(tensors.iter().copied()),
            elements: tensors.iter().map(|tensor| tensor.elements()).fold(0, u64::saturating_add),
            norm: difference.sqrt(),
            relative: (squares > 0.0).then(|| (difference / squares).sqrt()),
            below,
        }
    }

    fn leaf(name: String, tensor: &TensorComparison) -> Self {
        let (squares, difference) = moved(tensor);
        Self {
            name,
            counts: Counts::of([tensor]),
            elements: tensor.elements(),
            norm: difference.sqrt(),
            relative: (squares > 0.0).then(|| (difference / squares).sqrt()),
            below: Vec::new(),
        }
    }

    /// Together with the one below it, if there is a single one.
    fn joined(mut self) -> Self {
        if self.below.len() == 1
            && let Some(only) = self.below.pop()
        {
            return Self { name: format!("{}.{}", self.name, only.name), ..only };
        }
        self
    }
}

/// ‖A‖² and ‖B − A‖² of a tensor, 0 where it cannot be compared.
fn moved(tensor: &TensorComparison) -> (f64, f64) {
    let squares = tensor.sides[0].as_ref().map_or(0.0, |a| a.norm * a.norm);
    match tensor.relation {
        Relation::OnlyIn(_) | Relation::Unlike => (0.0, 0.0),
        Relation::Equal | Relation::SameValues => (squares, 0.0),
        Relation::Changed(change) => (squares, change.norm * change.norm),
    }
}

/// Numbers by their value, everything else by its letters.
fn natural(a: &str, b: &str) -> Ordering {
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::super::numbers::Change;
    use super::super::tensors::StoredTensor;
    use super::*;
    use crate::checkpoint::StoredType;

    fn tensor(key: &str, norm: f64, moved: Option<f64>) -> TensorComparison {
        let stored = StoredTensor {
            dtype: StoredType::F32,
            shape: vec![2],
            file: "f".into(),
            elements: 2,
            norm,
            zeros: 0,
            not_finite: 0,
        };
        let change = |norm| Change { elements: 2, differing: 1, norm, relative: None, largest: norm, cosine: None };
        let relation = moved.map_or(Relation::Equal, |norm| Relation::Changed(change(norm)));
        TensorComparison { key: key.into(), sides: [Some(stored.clone()), Some(stored)], relation }
    }

    #[test]
    fn a_module_moved_as_far_as_its_tensors_together() {
        let tensors = [
            tensor("lm_head.weight", 5.0, None),
            tensor("model.layers.10.a.weight", 3.0, Some(3.0)),
            tensor("model.layers.10.b.weight", 4.0, Some(4.0)),
            tensor("model.layers.2.a.weight", 12.0, None),
            tensor("model.layers.2.b.bias", 0.0, None),
        ];
        let root = Module::tree(&tensors);
        assert_eq!((root.counts.changed, root.counts.equal, root.elements), (2, 3, 10));
        let names = |module: &Module| module.below.iter().map(|m| m.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&root), ["lm_head.weight", "model.layers"]);
        let layers = &root.below[1];
        assert_eq!(names(layers), ["2", "10"]);
        assert_eq!(layers.below[0].relative, Some(0.0));
        assert_eq!(layers.below[1].relative, Some(1.0));
        assert_eq!((layers.norm, layers.relative), (5.0, Some(5.0 / 13.0)));
        assert_eq!(names(&layers.below[0]), ["a.weight", "b.bias"]);
    }

    #[test]
    fn names_of_strangers_make_no_tree_too_deep() {
        let deep = "x.".repeat(100_000) + "y";
        let tensors = [tensor(&deep, 1.0, None), tensor("z", 1.0, None)];
        let root = Module::tree(&tensors);
        assert_eq!(root.below.len(), 2);
        // A name that is also a module's beginning.
        let both = [tensor("a", 1.0, None), tensor("a.b", 1.0, None)];
        assert_eq!(Module::tree(&both).counts.equal, 2);
    }
}
