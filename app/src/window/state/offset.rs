//! How far a pane stays from those that it is linked with.

use super::MapLens;
use opabinia_shaders::{Indices, Rect};
use serde::{Deserialize, Serialize};

/// No index of a layer or head is further from another than this.
const MOST: i32 = 127;

/// How far a pane is from the others in what it shares with them, as a person set it before linking again: layer 5 beside
/// layer 3, another part of the picture. It stays while all of them move.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Offset {
    /// Layers further down.
    pub layers: i32,
    /// Heads further on.
    pub heads: i32,
    /// From the middle of what the others show to the middle of this pane's, in parts of the padded square.
    pub middle: [f32; 2],
    /// How much larger the part of the picture is.
    pub extent: f32,
}

impl Default for Offset {
    fn default() -> Self {
        Self { layers: 0, heads: 0, middle: [0.0; 2], extent: 1.0 }
    }
}

impl Offset {
    /// Brings what a file said into its bounds.
    pub fn clamp(&mut self) {
        let zoom = self.middle.into_iter().all(|at| at.abs() <= 1.0)
            && (MapLens::CLOSEST..=1.0 / MapLens::CLOSEST).contains(&self.extent);
        if !zoom {
            (self.middle, self.extent) = ([0.0; 2], 1.0);
        }
        self.layers = self.layers.clamp(-MOST, MOST);
        self.heads = self.heads.clamp(-MOST, MOST);
    }

    /// Becomes what leads from `there`, which a pane with the offset `of` shows, to `here`: two parts of the picture. All of it
    /// is far from nothing. Gives what is then to be shown.
    #[must_use]
    pub fn set_zoom(&mut self, of: &Self, there: Rect, here: Rect) -> Rect {
        if there == Rect::SQUARE || here == Rect::SQUARE {
            (self.middle, self.extent) = (of.middle, of.extent);
            return there;
        }
        let (from, to) = (middle(there), middle(here));
        self.middle = std::array::from_fn(|axis| of.middle[axis] + to[axis] - from[axis]);
        self.extent = of.extent * here.width / there.width;
        here
    }

    /// The part of the picture beside `shown` of a pane with the offset `of`, inside of the square. All of it beside all of it.
    pub fn zoom(&self, of: &Self, shown: Rect) -> Rect {
        if shown == Rect::SQUARE || (self.middle, self.extent) == (of.middle, of.extent) {
            return shown;
        }
        let scale = self.extent / of.extent;
        let size = [shown.width * scale, shown.height * scale].map(|side| side.clamp(MapLens::CLOSEST, 1.0));
        let at = middle(shown);
        let start: [f32; 2] = std::array::from_fn(|axis| {
            let middle = at[axis] + self.middle[axis] - of.middle[axis];
            (middle - size[axis] / 2.0).clamp(0.0, 1.0 - size[axis])
        });
        Rect { left: start[0], top: start[1], width: size[0], height: size[1] }
    }
}

/// The middle of a part of the picture.
fn middle(shown: Rect) -> [f32; 2] {
    [shown.left + shown.width / 2.0, shown.top + shown.height / 2.0]
}

/// From the one index of `there` to the one of `here`; 0 where either holds several.
pub fn between(there: Indices, here: Indices) -> i32 {
    let only = |indices: Indices| {
        let mut all = (0..=MOST).filter(|index| indices.contains(*index as usize));
        all.next().filter(|_| all.next().is_none())
    };
    only(there).zip(only(here)).map_or(0, |(there, here)| here - there)
}

/// Each of `indices` further by `by`, no further than there can be any.
pub fn shifted(indices: Indices, by: i32) -> Indices {
    if by == 0 || indices == Indices::ALL {
        return indices;
    }
    let moved = (0..=MOST).filter(|index| indices.contains(*index as usize));
    moved.map(|index| (index + by).clamp(0, MOST) as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_picture_stays_beside_another_and_inside() {
        let part = |left: f32, top: f32, side: f32| Rect { left, top, width: side, height: side };
        let mut offset = Offset::default();
        let none = Offset::default();
        assert_eq!(offset.set_zoom(&none, part(0.25, 0.25, 0.25), part(0.5, 0.25, 0.5)), part(0.5, 0.25, 0.5));
        assert_eq!(offset.zoom(&none, part(0.25, 0.25, 0.25)), part(0.5, 0.25, 0.5));
        assert_eq!(none.zoom(&offset, part(0.5, 0.25, 0.5)), part(0.25, 0.25, 0.25));
        assert_eq!(offset.zoom(&none, part(0.0, 0.25, 0.25)), part(0.25, 0.25, 0.5));
        assert_eq!(offset.zoom(&none, part(0.75, 0.25, 0.25)), part(0.5, 0.25, 0.5), "at the edge");
        assert_eq!(offset.zoom(&none, Rect::SQUARE), Rect::SQUARE);
        let mut third = Offset::default();
        assert_eq!(third.set_zoom(&offset, Rect::SQUARE, part(0.0, 0.0, 0.5)), Rect::SQUARE);
        assert_eq!(third, offset, "all of the picture is far from nothing");
        let mut broken = Offset { extent: f32::NAN, layers: i32::MIN, ..offset };
        broken.clamp();
        assert_eq!((broken.extent, broken.middle, broken.layers), (1.0, [0.0; 2], -MOST));
    }

    #[test]
    fn several_indices_have_no_offset_and_move_together() {
        let chosen = |indices: &[usize]| -> Indices { indices.iter().copied().collect() };
        assert_eq!(between(chosen(&[3]), chosen(&[5])), 2);
        assert_eq!(between(chosen(&[3, 4]), chosen(&[5])), 0);
        assert_eq!(between(Indices::ALL, chosen(&[5])), 0);
        assert_eq!(shifted(chosen(&[0, 4]), 2), chosen(&[2, 6]));
        assert_eq!(shifted(chosen(&[0]), -2), chosen(&[0]));
        assert_eq!(shifted(Indices::ALL, 2), Indices::ALL);
    }
}
