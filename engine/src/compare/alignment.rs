//! Two answers beside each other: token by token where their texts agree.

use std::ops::Range;

/// Places of a table of the longest common subsequence that are filled at most; answers beyond it are aligned at their ends
/// alone.
const MAX_PLACES: usize = 1 << 23;

/// How a run of tokens stands to its counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// As many tokens of the same texts.
    Equal,
    /// The same text, cut into other tokens.
    SameText,
    /// Other text, or none on one side.
    Different,
}

/// A run of tokens of both answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// How they stand to each other.
    pub kind: SegmentKind,
    /// Of each side, which tokens.
    pub tokens: [Range<usize>; 2],
}

/// Aligns the tokens of two answers by their texts: vocabularies may differ. Every token of both is in exactly one segment,
/// in order.
#[must_use]
pub fn align(a: &[&str], b: &[&str]) -> Vec<Segment> {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let middle = [head..a.len() - tail, head..b.len() - tail];
    let mut segments = Vec::new();
    push(&mut segments, SegmentKind::Equal, [0..head, 0..head]);
    let mut at = [head, head];
    let common = common(&a[middle[0].clone()], &b[middle[1].clone()]);
    for (i, j) in common.into_iter().map(|(i, j)| (i + head, j + head)) {
        gap(&mut segments, a, b, [at[0]..i, at[1]..j]);
        push(&mut segments, SegmentKind::Equal, [i..i + 1, j..j + 1]);
        at = [i + 1, j + 1];
    }
    gap(&mut segments, a, b, [at[0]..middle[0].end, at[1]..middle[1].end]);
    push(&mut segments, SegmentKind::Equal, [middle[0].end..a.len(), middle[1].end..b.len()]);
    segments
}

/// The first place at which answers of one vocabulary, by the ids of their tokens, differ; `None` if they are the same.
#[must_use]
pub fn parting(a: &[u32], b: &[u32]) -> Option<usize> {
    let differs = a.iter().zip(b).position(|(a, b)| a != b);
    differs.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

/// KL divergence in nats from the distribution with log-probabilities `p` to that with `q`, over one vocabulary. `None`
/// where they are of different lengths: those of different vocabularies.
#[must_use]
pub fn kl(p: &[f32], q: &[f32]) -> Option<f64> {
    if p.len() != q.len() {
        return None;
    }
    let pairs = p.iter().zip(q).map(|(p, q)| (f64::from(*p), f64::from(*q)));
    Some(pairs.filter(|(p, _)| *p > f64::NEG_INFINITY).map(|(p, q)| p.exp() * (p - q)).sum::<f64>().max(0.0))
}

/// Adds a segment, to the last one where that is of its kind and both are equal or both different.
fn push(segments: &mut Vec<Segment>, kind: SegmentKind, tokens: [Range<usize>; 2]) {
    if tokens.iter().all(Range::is_empty) {
        return;
    }
    match segments.last_mut() {
        Some(last) if last.kind == kind && kind != SegmentKind::SameText => {
            last.tokens[0].end = tokens[0].end;
            last.tokens[1].end = tokens[1].end;
        }
        _ => segments.push(Segment { kind, tokens }),
    }
}

/// Adds tokens of which none is equal to its counterpart. Their texts may be, from the beginning on or up to the end.
fn gap(segments: &mut Vec<Segment>, a: &[&str], b: &[&str], tokens: [Range<usize>; 2]) {
    let [mut left, mut right] = tokens;
    while let Some((i, j)) = same_text(a[left.clone()].iter(), b[right.clone()].iter(), String::push_str) {
        push(segments, SegmentKind::SameText, [left.start..left.start + i, right.start..right.start + j]);
        (left.start, right.start) = (left.start + i, right.start + j);
    }
    let mut ends = Vec::new();
    let in_front = |all: &mut String, next: &str| all.insert_str(0, next);
    while let Some((i, j)) = same_text(a[left.clone()].iter().rev(), b[right.clone()].iter().rev(), in_front) {
        ends.push([left.end - i..left.end, right.end - j..right.end]);
        (left.end, right.end) = (left.end - i, right.end - j);
    }
    push(segments, SegmentKind::Different, [left, right]);
    ends.into_iter().rev().for_each(|tokens| push(segments, SegmentKind::SameText, tokens));
}

/// The fewest tokens of both that make the same text, put together by `join`.
fn same_text<'t>(
    mut a: impl Iterator<Item = &'t &'t str>,
    mut b: impl Iterator<Item = &'t &'t str>,
    join: impl Fn(&mut String, &str),
) -> Option<(usize, usize)> {
    let mut texts = [String::new(), String::new()];
    let mut counts = [0, 0];
    loop {
        let side = usize::from(texts[0].len() > texts[1].len());
        let next = if side == 0 { a.next() } else { b.next() }?;
        join(&mut texts[side], next);
        counts[side] += 1;
        let [left, right] = &texts;
        if left.len() == right.len() && !left.is_empty() {
            return (left == right && counts.iter().all(|count| *count > 0)).then_some((counts[0], counts[1]));
        }
    }
}

/// A longest common subsequence, as places in both.
fn common(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    let columns = b.len() + 1;
    if (a.len() + 1).saturating_mul(columns) > MAX_PLACES {
        return Vec::new();
    }
    // `[i, j]`: how long it is for what follows place i of one and j of the other.
    let mut length = vec![0u32; (a.len() + 1) * columns];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            length[i * columns + j] = if a[i] == b[j] {
                length[(i + 1) * columns + j + 1] + 1
            } else {
                length[(i + 1) * columns + j].max(length[i * columns + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if length[(i + 1) * columns + j] >= length[i * columns + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::SegmentKind::{Different, Equal, SameText};
    use super::*;

    fn aligned(a: &[&str], b: &[&str]) -> Vec<(SegmentKind, String, String)> {
        let segments = align(a, b);
        let mut ends = [0, 0];
        for segment in &segments {
            for (end, tokens) in ends.iter_mut().zip(&segment.tokens) {
                assert_eq!(tokens.start, *end, "{segments:?}");
                *end = tokens.end;
            }
        }
        assert_eq!(ends, [a.len(), b.len()]);
        let text = |of: &[&str], range: &Range<usize>| of[range.clone()].concat();
        segments.iter().map(|s| (s.kind, text(a, &s.tokens[0]), text(b, &s.tokens[1]))).collect()
    }

    fn segment(kind: SegmentKind, a: &str, b: &str) -> (SegmentKind, String, String) {
        (kind, a.into(), b.into())
    }

    #[test]
    fn equal_answers_are_one_run() {
        assert_eq!(aligned(&["a", " b", ""], &["a", " b", ""]), [segment(Equal, "a b", "a b")]);
        assert_eq!(aligned(&[], &[]), []);
    }

    #[test]
    fn differences_stand_between_equal_runs() {
        assert_eq!(
            aligned(&["The", " sign", " says", " gift", "."], &["The", " sign", " is", " red", "."]),
            [
                segment(Equal, "The sign", "The sign"),
                segment(Different, " says gift", " is red"),
                segment(Equal, ".", "."),
            ]
        );
        assert_eq!(aligned(&["a"], &[]), [segment(Different, "a", "")]);
        let moved = aligned(&["x", "a", "b", "c"], &["a", "b", "c", "y"]);
        assert_eq!(moved, [segment(Different, "x", ""), segment(Equal, "abc", "abc"), segment(Different, "", "y")]);
    }

    #[test]
    fn the_same_text_in_other_tokens_is_no_difference() {
        assert_eq!(
            aligned(&["Tri", "lob", "ites", " crawl"], &["Trilo", "bites", " swim"]),
            [segment(SameText, "Trilobites", "Trilobites"), segment(Different, " crawl", " swim")]
        );
        assert_eq!(
            aligned(&["one", " fo", "ssil"], &["two", " foss", "il"]),
            [segment(Different, "one", "two"), segment(SameText, " fossil", " fossil")]
        );
    }

    #[test]
    fn divergence_of_distributions() {
        let logs = |p: &[f64]| p.iter().map(|p| p.ln() as f32).collect::<Vec<_>>();
        let (p, q) = (logs(&[0.5, 0.5, 0.0]), logs(&[0.25, 0.5, 0.25]));
        assert_eq!(kl(&p, &p), Some(0.0));
        assert!((kl(&p, &q).unwrap() - 0.5 * 2f64.ln()).abs() < 1e-6);
        assert_eq!(kl(&p, &q[..2]), None);
    }
}
