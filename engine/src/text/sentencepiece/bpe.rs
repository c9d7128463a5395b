//! Byte-pair encoding as sentencepiece does it (docs/model.md §11).
//!
//! Start from single characters; again and again merge the adjacent pair whose merged piece has the highest score,
//! the leftmost of equals; what is still unknown in the end becomes byte pieces. A heap of candidate pairs makes
//! that O(n log n) in the length of the text.

use super::model::{Kind, Model};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::HashMap;

const NONE: usize = usize::MAX;

/// A run of characters that is one piece so far; a doubly linked list, because merging removes entries.
struct Symbol {
    start: usize,
    /// Equal to `start` once the symbol has been merged into its left neighbour.
    end: usize,
    previous: usize,
    next: usize,
    /// A user-defined piece: never merged further.
    frozen: bool,
}

/// Two neighbours that would make a piece.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both together when the pair was found; if it differs now, one of them has been merged since.
    bytes: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

/// One run of [`encode`].
struct Merge<'a> {
    model: &'a Model,
    text: &'a str,
    /// Pieces that merging must not make.
    forbidden: &'a dyn Fn(u32) -> bool,
    symbols: Vec<Symbol>,
    heap: BinaryHeap<Pair>,
    /// For a piece that is in the vocabulary but unused: where it is taken apart again.
    unused: HashMap<(usize, usize), usize>,
}

impl Merge<'_> {
    fn consider(&mut self, left: usize, right: usize) {
        if left == NONE || right == NONE || self.symbols[left].frozen || self.symbols[right].frozen {
            return;
        }
        let (start, middle, end) = (self.symbols[left].start, self.symbols[left].end, self.symbols[right].end);
        let Some(&id) = self.model.ids.get(&self.text[start..end]) else { return };
        let piece = &self.model.pieces[id as usize];
        if !matches!(piece.kind, Kind::Normal | Kind::UserDefined | Kind::Unused) || (self.forbidden)(id) {
            return;
        }
        if piece.kind == Kind::Unused {
            self.unused.insert((start, end), middle);
        }
        self.heap.push(Pair { score: piece.score, left, right, bytes: end - start });
    }

    fn run(&mut self) {
        for right in 1..self.symbols.len() {
            self.consider(right - 1, right);
        }
        while let Some(Pair { left, right, bytes, .. }) = self.heap.pop() {
            let (a, b) = (&self.symbols[left], &self.symbols[right]);
            let (alive, next) = (a.end > a.start && b.end > b.start, b.next);
            if !alive || (a.end - a.start) + (b.end - b.start) != bytes {
                continue;
            }
            self.symbols[left].end = b.end;
            self.symbols[left].next = next;
            self.symbols[right].end = self.symbols[right].start;
            if next != NONE {
                self.symbols[next].previous = left;
            }
            self.consider(self.symbols[left].previous, left);
            self.consider(left, next);
        }
    }

    /// Appends the ids of `start..end`, taking unused pieces apart.
    fn emit(&self, start: usize, end: usize, ids: &mut Vec<u32>) {
        let mut stack = vec![(start, end)];
        while let Some((start, end)) = stack.pop() {
            let text = &self.text[start..end];
            let id = self.model.ids.get(text).copied();
            let kind = id.and_then(|id| self.model.piece(id)).map(|piece| piece.kind);
            match (id, kind) {
                (Some(_), Some(Kind::Unused)) if self.unused.contains_key(&(start, end)) => {
                    let middle = self.unused[&(start, end)];
                    stack.push((middle, end));
                    stack.push((start, middle));
                }
                (Some(id), Some(kind)) if kind != Kind::Unknown => ids.push(id),
                _ => match &self.model.bytes {
                    Some(bytes) => ids.extend(text.bytes().map(|byte| bytes[usize::from(byte)])),
                    // A run of unknown characters is one unknown piece.
                    None if ids.last() == Some(&self.model.unknown) => {}
                    None => ids.push(self.model.unknown),
                },
            }
        }
    }
}

/// The ids of `text`, in which spaces are U+2581 already.
///
/// `frozen(start)` tells the length of a user-defined piece that has to be taken whole at byte `start`; `forbidden`
/// the pieces that merging must not make.
pub(super) fn encode(
    model: &Model,
    text: &str,
    frozen: &dyn Fn(usize) -> Option<usize>,
    forbidden: &dyn Fn(u32) -> bool,
) -> Vec<u32> {
    let mut symbols: Vec<Symbol> = Vec::new();
    let mut start = 0;
    while let Some(c) = text.get(start..).and_then(|rest| rest.chars().next()) {
        let whole = frozen(start);
        let end = start + whole.unwrap_or(c.len_utf8());
        let index = symbols.len();
        symbols.push(Symbol {
            start,
            end,
            previous: index.checked_sub(1).unwrap_or(NONE),
            next: index + 1,
            frozen: whole.is_some(),
        });
        start = end;
    }
    if let Some(last) = symbols.last_mut() {
        last.next = NONE;
    }
    let mut merge = Merge { model, text, forbidden, symbols, heap: BinaryHeap::new(), unused: HashMap::new() };
    merge.run();

    let mut ids = Vec::new();
    let mut at = if merge.symbols.is_empty() { NONE } else { 0 };
    while at != NONE {
        let symbol = &merge.symbols[at];
        merge.emit(symbol.start, symbol.end, &mut ids);
        at = symbol.next;
    }
    ids
}
