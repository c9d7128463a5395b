//! How the maps share the room they have.

use egui::{Rect, Vec2, pos2, vec2};

/// Between two maps.
const GAP: f32 = 10.0;
/// Above each small map: two lines.
pub const CAPTION: f32 = 34.0;
/// The large map is at least this much larger than a small one.
const LARGER: f32 = 1.4;
/// Small maps are at least this large, even where they have to push the large one.
const SMALLEST: f32 = 56.0;

/// The rectangles of the maps, from (0, 0) on.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrangement {
    /// The large map: what is left by the small ones.
    pub large: Rect,
    /// The small maps, below their captions.
    pub small: Vec<Rect>,
}

/// Lays out a large map and `count` small ones in `room`: beside it or below it, in as many columns as make the maps as
/// large as possible.
pub fn arrange(room: Vec2, count: usize) -> Arrangement {
    let mut best: Option<(f32, Arrangement)> = None;
    for columns in 1..=count {
        let rows = count.div_ceil(columns);
        for beside in [true, false] {
            for side in sides(room, (columns, rows), beside) {
                let (score, found) = tried(room, count, columns, side, beside);
                if best.as_ref().is_none_or(|(least, _)| score > *least) {
                    best = Some((score, found));
                }
            }
        }
    }
    best.map_or_else(
        || Arrangement { large: Rect::from_min_size(pos2(0.0, 0.0), room), small: Vec::new() },
        |(_, found)| found,
    )
}

/// Sides of small maps that are worth a try where `columns` × `rows` of them have to find room.
fn sides(room: Vec2, (columns, rows): (usize, usize), beside: bool) -> impl Iterator<Item = f32> {
    let (columns, rows) = (columns as f32, rows as f32);
    let high = (room.y - (rows - 1.0) * GAP) / rows - CAPTION;
    let wide = (room.x - (columns - 1.0) * GAP) / columns;
    let most = if beside { high } else { wide }.max(SMALLEST);
    let few = 12_u8;
    (0..=few).map(move |at| (SMALLEST + (most - SMALLEST) * f32::from(at) / f32::from(few)).floor())
}

/// One way to lay them out, and how good it is: the area of all maps.
fn tried(room: Vec2, count: usize, columns: usize, side: f32, beside: bool) -> (f32, Arrangement) {
    let rows = count.div_ceil(columns);
    let block = vec2(columns as f32 * (side + GAP) - GAP, rows as f32 * (side + CAPTION + GAP) - GAP);
    let large = if beside { vec2(room.x - block.x - GAP, room.y) } else { vec2(room.x, room.y - block.y - GAP) };
    let origin = if beside { pos2(room.x - block.x, 0.0) } else { pos2(0.0, large.y + GAP) };
    // Below, they are spread over the width; beside, they begin at the top.
    let step = if beside || columns == 1 { side + GAP } else { (room.x - side) / (columns as f32 - 1.0) };
    let step = step.min(side + 3.0 * GAP);
    let small = (0..count)
        .map(|at| {
            let (row, column) = ((at / columns) as f32, (at % columns) as f32);
            let corner = origin + vec2(column * step, row * (side + CAPTION + GAP) + CAPTION);
            Rect::from_min_size(corner.round(), vec2(side, side))
        })
        .collect();
    let square = large.min_elem();
    let mut score = square.max(0.0).powi(2) + count as f32 * side.powi(2);
    // What does not fit, or does not leave the large map large, comes last.
    let overflow = (block.x - room.x).max(0.0) + (block.y - room.y).max(0.0);
    score -= 1e4 * overflow + 1e4 * (LARGER * side - square).max(0.0);
    (score, Arrangement { large: Rect::from_min_size(pos2(0.0, 0.0), large.floor()), small })
}

/// The rectangles of two large maps, with room for a title in them, and of small ones in pairs, from (0, 0) on.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// A and B.
    pub large: [Rect; 2],
    /// The small maps of A and B of each encoder, below one caption.
    pub pairs: Vec<[Rect; 2]>,
}

/// Between the two maps of a pair.
const BETWEEN: f32 = 2.0;

/// Lays out two large maps beside each other and `count` pairs of small ones below them in `room`: in as many columns, and as
/// large, as make the maps as large as possible. `title` is the height of what stands above the large ones.
pub fn arrange_pairs(room: Vec2, count: usize, title: f32) -> Pairs {
    let half = ((room.x - GAP) / 2.0).floor();
    let mut best: Option<(f32, usize, f32)> = None;
    for columns in 1..=count {
        let (wide, rows) = ((room.x - (columns as f32 - 1.0) * GAP) / columns as f32, count.div_ceil(columns) as f32);
        let most = ((wide - BETWEEN) / 2.0).floor().max(SMALLEST / 2.0);
        for step in 0..=12_u8 {
            let side = (SMALLEST / 2.0 + (most - SMALLEST / 2.0) * f32::from(step) / 12.0).floor();
            let block = rows * (side + CAPTION + GAP);
            let large = half.min(room.y - block - title);
            // What does not fit comes last, and the more of it, the later.
            let missing = (LARGER * side - large).max(0.0) + (2.0 * side + BETWEEN - wide).max(0.0);
            let score = 2.0 * large.max(0.0).powi(2) + 2.0 * count as f32 * side.powi(2) - 1e6 * missing;
            if best.is_none_or(|(least, ..)| score > least) {
                best = Some((score, columns, side));
            }
        }
    }
    let (columns, side) = best.map_or((1, 0.0), |(_, columns, side)| (columns, side));
    let rows = count.div_ceil(columns) as f32;
    let block = if count == 0 { 0.0 } else { rows * (side + CAPTION + GAP) };
    let height = (room.y - block).max(title).floor();
    let large = [0.0, half + GAP].map(|left| Rect::from_min_size(pos2(left, 0.0), vec2(half, height)));
    let step = ((room.x + GAP) / columns as f32).min(2.0 * side + BETWEEN + 3.0 * GAP);
    let pairs = (0..count).map(|at| {
        let (row, column) = ((at / columns) as f32, (at % columns) as f32);
        let top = height + GAP + row * (side + CAPTION + GAP) + CAPTION;
        [0.0, side + BETWEEN]
            .map(|right| Rect::from_min_size(pos2(column * step + right, top).round(), vec2(side, side)))
    });
    Pairs { large, pairs: pairs.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_never_leave_their_room_and_never_overlap() {
        for width in [440.0, 456.0, 640.0, 900.0, 1600.0, 3000.0] {
            for height in [300.0, 420.0, 700.0, 1100.0, 1900.0] {
                for count in 1..=8 {
                    let room = vec2(width, height);
                    let Arrangement { large, small } = arrange(room, count);
                    let all = Rect::from_min_size(pos2(0.0, 0.0), room).expand(0.5);
                    let with_captions: Vec<Rect> =
                        small.iter().map(|map| Rect::from_min_max(map.min - vec2(0.0, CAPTION), map.max)).collect();
                    let place = format!("{width} × {height}, {count}: {large:?} {small:?}");
                    assert!(all.contains_rect(large) && large.size().min_elem() > 100.0, "{place}");
                    assert!(small.len() == count && small.iter().all(|map| map.width() >= SMALLEST), "{place}");
                    for (at, map) in with_captions.iter().enumerate() {
                        assert!(all.contains_rect(*map), "{place}");
                        let others = with_captions[..at].iter().chain([&large]);
                        assert!(others.into_iter().all(|other| !map.shrink(1.0).intersects(*other)), "{place}");
                    }
                }
            }
        }
    }

    #[test]
    fn pairs_never_leave_their_room_and_never_overlap() {
        for width in [380.0, 456.0, 640.0, 900.0, 1600.0, 3000.0] {
            for height in [300.0, 420.0, 700.0, 1100.0, 1900.0] {
                for count in 0..=8 {
                    let room = vec2(width, height);
                    let Pairs { large, pairs } = arrange_pairs(room, count, 22.0);
                    let all = Rect::from_min_size(pos2(0.0, 0.0), room).expand(0.5);
                    let place = format!("{width} × {height}, {count}: {large:?} {pairs:?}");
                    assert!(large.iter().all(|map| all.contains_rect(*map) && map.height() > 90.0), "{place}");
                    assert_eq!(pairs.len(), count);
                    let rects: Vec<Rect> = large.into_iter().chain(pairs.into_iter().flatten()).collect();
                    for (at, map) in rects.iter().enumerate() {
                        assert!(all.contains_rect(*map), "{place}");
                        assert!(rects[..at].iter().all(|other| !map.shrink(1.0).intersects(*other)), "{place}");
                    }
                }
            }
        }
    }

    #[test]
    fn pairs_stay_in_a_low_room() {
        for width in [380.0, 524.0, 720.0] {
            for height in [132.0, 150.0, 190.0] {
                let Pairs { large, pairs } = arrange_pairs(vec2(width, height), 4, 22.0);
                let place = format!("{width} × {height}: {large:?} {pairs:?}");
                assert!(
                    pairs.iter().flatten().all(|map| map.bottom() <= height + 0.5 && map.right() <= width),
                    "{place}"
                );
                assert!(pairs.iter().flatten().all(|map| map.top() >= large[0].bottom()), "{place}");
            }
        }
    }

    #[test]
    fn a_low_room_has_four_small_maps_in_a_row() {
        for width in [420.0, 440.0, 640.0] {
            let Arrangement { large, small } = arrange(vec2(width, 132.0), 4);
            let tops: Vec<f32> = small.iter().map(Rect::top).collect();
            assert!(large.size().min_elem() > 100.0 && tops.iter().all(|top| *top == tops[0]), "{width}: {small:?}");
            assert!(small.iter().all(|map| map.bottom() <= 132.0 && map.left() >= large.right()), "{width}: {small:?}");
        }
    }

    #[test]
    fn room_is_used() {
        // Wide: small maps beside. High: below.
        let wide = arrange(vec2(1000.0, 600.0), 4);
        assert!(wide.large.height() == 600.0 && wide.small[0].left() > wide.large.right());
        let high = arrange(vec2(456.0, 700.0), 4);
        assert!(high.large.width() == 456.0 && high.small[0].top() > high.large.bottom());
    }

    #[test]
    fn without_small_maps_the_large_one_has_it_all() {
        assert_eq!(arrange(vec2(500.0, 400.0), 0).large, Rect::from_min_size(pos2(0.0, 0.0), vec2(500.0, 400.0)));
    }
}
