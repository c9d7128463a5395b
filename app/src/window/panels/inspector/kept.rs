//! Numbers of the selected cell, kept from one frame to the next: there are some fifty on the screen, each is put together
//! from all layers and heads, and in most frames they are those of the frame before.

use opabinia_engine::probe::{Cell, Measure, Measured, Trace};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// `[layers][heads]` of a trace.
pub type Matrix = Vec<Measured<Vec<f64>>>;

/// What is asked of a trace, in every layer and head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// A measure at a cell.
    Cell(Measure, Cell),
    /// The probability of an encoder's token.
    Token { k: usize, row: usize, column: usize },
}

/// A trace is known by its place in memory, which no other one takes while a weak pointer to it is held.
type Known = HashMap<(usize, Asked), (Weak<Trace>, Rc<Matrix>)>;

/// What the last two frames asked for.
#[derive(Debug, Default)]
pub struct Kept {
    now: RefCell<Known>,
    before: RefCell<Known>,
}

impl Kept {
    /// Begins a frame: what the last one did not ask for goes.
    pub fn begin_frame(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// What is asked of `trace`.
    pub fn get(&self, trace: &Arc<Trace>, asked: Asked) -> Rc<Matrix> {
        let key = (Arc::as_ptr(trace).addr(), asked);
        if let Some((_, matrix)) = self.now.borrow().get(&key) {
            return Rc::clone(matrix);
        }
        let known = self.before.borrow_mut().remove(&key);
        let known = known.unwrap_or_else(|| {
            let matrix = match asked {
                Asked::Cell(Measure::NormalisedEntropy, cell) => {
                    trace.normalised_entropy(&self.get(trace, Asked::Cell(Measure::Entropy, cell)), cell)
                }
                Asked::Cell(measure, cell) => trace.matrix(measure, cell),
                Asked::Token { k, row, column } => trace.token_matrix(k, row, column, false),
            };
            (Arc::downgrade(trace), Rc::new(matrix))
        });
        let matrix = Rc::clone(&known.1);
        self.now.borrow_mut().insert(key, known);
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_engine::intervention::{Anatomy, Interventions};
    use opabinia_engine::sva::PictureSize;
    use opabinia_engine::vision::{Exif, PixelHash};

    fn trace() -> Arc<Trace> {
        Arc::new(Trace {
            model: String::new(),
            question: String::new(),
            interventions: Interventions::default(),
            picture: PictureSize { width: 1, height: 1 },
            pixels: PixelHash::of(&[]),
            exif: Exif::Ignore,
            other: None,
            anatomy: Anatomy::from_parts(Vec::new(), Vec::new(), 1),
            encoders: Vec::new(),
            layers: Vec::new(),
        })
    }

    #[test]
    fn numbers_last_while_each_frame_asks_for_them() {
        let (mut kept, trace) = (Kept::default(), trace());
        let cell = |row| Asked::Cell(Measure::Entropy, Cell { side: 4, row, column: 0 });
        let first = kept.get(&trace, cell(0));
        for _ in 0..3 {
            kept.begin_frame();
            assert!(Rc::ptr_eq(&first, &kept.get(&trace, cell(0))));
            assert!(!Rc::ptr_eq(&first, &kept.get(&trace, cell(1))));
        }
        for _ in 0..2 {
            kept.begin_frame();
        }
        assert!(!Rc::ptr_eq(&first, &kept.get(&trace, cell(0))));
    }

    #[test]
    fn another_trace_has_numbers_of_its_own() {
        let (kept, one) = (Kept::default(), trace());
        let asked = Asked::Token { k: 0, row: 0, column: 0 };
        let first = kept.get(&one, asked);
        drop(one);
        // Not even where the first one was.
        let others: Vec<_> = (0..64).map(|_| trace()).collect();
        assert!(others.iter().all(|other| !Rc::ptr_eq(&first, &kept.get(other, asked))));
    }
}
