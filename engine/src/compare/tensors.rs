//! Every tensor of two checkpoints, compared where it lies in the files.

use super::numbers::{self, Change, DIGESTED, Sums};
use super::side::Side;
use crate::checkpoint::StoredType;
use crate::checkpoint::files::TensorView;
use crate::error::Result;
use crate::job::{Job, Meter, Stage};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Numbers of one tensor looked at between two looks at the cancel token, and released from memory together. A multiple of
/// [`DIGESTED`] in bytes for every type.
const CHUNK: usize = 4 * DIGESTED;

/// One side's tensor as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    /// Type of its numbers.
    pub dtype: StoredType,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The file it lies in.
    pub file: PathBuf,
    /// How many numbers it holds.
    pub elements: u64,
    /// Root of the sum of the squares of those that are finite; 0 for types that are no numbers here.
    pub norm: f64,
    /// How many of them are 0.
    pub zeros: u64,
    /// How many of them are NaN or infinite.
    pub not_finite: u64,
}

impl StoredTensor {
    /// Whether it is a matrix, or more, that holds nothing but zeros. Vectors of zeros are common: biases.
    #[must_use]
    pub fn is_all_zeros(&self) -> bool {
        self.dtype.size().is_some() && self.shape.len() > 1 && self.elements > 0 && self.zeros == self.elements
    }
}

/// How the tensors of one name stand to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relation {
    /// One side alone has it.
    OnlyIn(usize),
    /// Their shapes differ, or their types do and hold no comparable numbers.
    Unlike,
    /// Equal bit for bit.
    Equal,
    /// The same numbers in other bits: another type, or the sign of a zero.
    SameValues,
    /// Other numbers.
    Changed(Change),
}

/// The tensors of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorComparison {
    /// The name.
    pub key: String,
    /// Of each side, the tensor if it has it.
    pub sides: [Option<StoredTensor>; 2],
    /// How they stand to each other.
    pub relation: Relation,
}

impl TensorComparison {
    /// The change, where there is one.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match &self.relation {
            Relation::Changed(change) => Some(change),
            _ => None,
        }
    }

    /// Numbers in the tensor: of A, or of B where A has none.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.sides.iter().flatten().next().map_or(0, |side| side.elements)
    }
}

/// How many tensors stand in which relation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Equal bit for bit.
    pub equal: usize,
    /// The same numbers in other bits.
    pub same_values: usize,
    /// Other numbers.
    pub changed: usize,
    /// Other shapes.
    pub unlike: usize,
    /// On one side alone.
    pub only_in: [usize; 2],
}

impl Counts {
    pub(super) fn of<'t>(tensors: impl IntoIterator<Item = &'t TensorComparison>) -> Self {
        let mut counts = Self::default();
        for tensor in tensors {
            match tensor.relation {
                Relation::OnlyIn(side) => counts.only_in[side.min(1)] += 1,
                Relation::Unlike => counts.unlike += 1,
                Relation::Equal => counts.equal += 1,
                Relation::SameValues => counts.same_values += 1,
                Relation::Changed(_) => counts.changed += 1,
            }
        }
        counts
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.equal + self.same_values + self.changed + self.unlike + self.only_in[0] + self.only_in[1]
    }
}

/// A tensor as it is read: what is known of it so far.
struct Reading<'a> {
    view: TensorView<'a>,
    hash: Sha256,
}

impl<'a> Reading<'a> {
    fn new(view: TensorView<'a>) -> Self {
        Self { view, hash: Sha256::new() }
    }

    fn stored(&self, norm: f64, zeros: u64, not_finite: u64) -> StoredTensor {
        let elements = self.view.shape.iter().fold(1u64, |product, dim| product.saturating_mul(*dim as u64));
        StoredTensor {
            dtype: self.view.dtype,
            shape: self.view.shape.to_vec(),
            file: self.view.file.to_path_buf(),
            elements,
            norm,
            zeros,
            not_finite,
        }
    }

    /// Reads all of it.
    fn alone(mut self, meter: &Meter<'_>) -> Result<(StoredTensor, [u8; 32])> {
        let mut sums = Sums::default();
        let step = CHUNK * self.view.dtype.size().unwrap_or(1);
        for (at, bytes) in self.view.bytes.chunks(step).enumerate() {
            sums.add(&numbers::alone(self.view.dtype, bytes));
            self.add(&numbers::digests(bytes));
            self.view.release(at * step, bytes.len());
            meter.advance(bytes.len() as u64)?;
        }
        Ok((self.stored(sums.squares[0].sqrt(), sums.zeros[0], sums.not_finite[0]), self.hash.finalize().into()))
    }

    fn add(&mut self, digests: &[[u8; 32]]) {
        digests.iter().for_each(|digest| self.hash.update(digest));
    }
}

/// Two tensors and their digests.
type Pair = ([(StoredTensor, [u8; 32]); 2], Relation);

/// Reads both tensors side by side. Their shapes are the same, and they hold numbers or are of one type.
fn together(mut a: Reading<'_>, mut b: Reading<'_>, meter: &Meter<'_>) -> Result<Pair> {
    let types = [a.view.dtype, b.view.dtype];
    let steps = types.map(|dtype| CHUNK * dtype.size().unwrap_or(1));
    let (mut sums, mut equal) = (Sums::default(), true);
    for (at, (left, right)) in a.view.bytes.chunks(steps[0]).zip(b.view.bytes.chunks(steps[1])).enumerate() {
        if types[0] == types[1] && left == right {
            sums.add(&numbers::alone(types[0], left));
            let digests = numbers::digests(left);
            a.add(&digests);
            b.add(&digests);
        } else {
            equal = false;
            sums.add(&numbers::pair(types, [left, right]));
            a.add(&numbers::digests(left));
            b.add(&numbers::digests(right));
        }
        a.view.release(at * steps[0], left.len());
        b.view.release(at * steps[1], right.len());
        meter.advance((left.len() + right.len()) as u64)?;
    }
    let relation = match equal {
        true => Relation::Equal,
        false if types[0].size().is_none() => Relation::Unlike,
        false if sums.differing == 0 => Relation::SameValues,
        false => Relation::Changed(sums.change()),
    };
    let stored =
        |side: usize, of: &Reading<'_>| of.stored(sums.squares[side].sqrt(), sums.zeros[side], sums.not_finite[side]);
    let (left, right) = (stored(0, &a), stored(1, &b));
    Ok(([(left, a.hash.finalize().into()), (right, b.hash.finalize().into())], relation))
}

/// Every tensor of either side, and the hash of each side's weights.
pub(super) fn compare(sides: &[Side; 2], job: &Job<'_>) -> Result<(Vec<TensorComparison>, [String; 2])> {
    let views = |key: &str| [sides[0].weights.get(key), sides[1].weights.get(key)];
    let keys: BTreeSet<&str> = sides.iter().flat_map(|side| side.weights.keys()).collect();
    let bytes = keys.iter().flat_map(|key| views(key)).flatten().map(|view| view.bytes.len() as u64);
    let meter = Meter::new(job, Stage::Compare, bytes.sum());
    meter.advance(0)?;
    let mut hashes = [Sha256::new(), Sha256::new()];
    let mut tensors = Vec::with_capacity(keys.len());
    for key in keys {
        let (read, relation) = match views(key) {
            [Some(a), Some(b)] => {
                let numbers = a.dtype.size().is_some() && b.dtype.size().is_some();
                if a.shape == b.shape && (numbers || a.dtype == b.dtype) {
                    let ([a, b], relation) = together(Reading::new(a), Reading::new(b), &meter)?;
                    ([Some(a), Some(b)], relation)
                } else {
                    let read = [Reading::new(a).alone(&meter)?, Reading::new(b).alone(&meter)?];
                    (read.map(Some), Relation::Unlike)
                }
            }
            [Some(a), None] => ([Some(Reading::new(a).alone(&meter)?), None], Relation::OnlyIn(0)),
            [None, Some(b)] => ([None, Some(Reading::new(b).alone(&meter)?)], Relation::OnlyIn(1)),
            [None, None] => continue,
        };
        for (hash, read) in hashes.iter_mut().zip(&read) {
            let Some((stored, digest)) = read else { continue };
            hash.update((key.len() as u64).to_le_bytes());
            hash.update(key);
            hash.update(format!(" {} {:?}", stored.dtype, stored.shape));
            hash.update(digest);
        }
        tensors.push(TensorComparison { key: key.to_owned(), sides: read.map(|read| Some(read?.0)), relation });
    }
    Ok((tensors, hashes.map(|hash| hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())))
}
