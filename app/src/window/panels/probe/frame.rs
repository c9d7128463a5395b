//! Where on the screen a place of the padded square is, and back.

use crate::window::state::MapLens;
use egui::{Pos2, Vec2, pos2, vec2};
use opabinia_shaders::{Cell, Rect};

/// The smallest part of the square that can be zoomed to.
const CLOSEST: f32 = MapLens::CLOSEST;

/// A rectangle of the screen that shows a part of the padded square.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// On the screen.
    screen: egui::Rect,
    /// What of the square fills it, with pixels as wide as high.
    shown: Rect,
}

impl Frame {
    /// Shows all of `shown` in `screen`, in the middle, and as much around it as there is room for.
    pub fn new(screen: egui::Rect, shown: Rect) -> Self {
        let per_point = (shown.width / screen.width()).max(shown.height / screen.height());
        let (width, height) = (screen.width() * per_point, screen.height() * per_point);
        let left = shown.left + (shown.width - width) / 2.0;
        let top = shown.top + (shown.height - height) / 2.0;
        Self { screen, shown: Rect { left, top, width, height } }
    }

    /// What of the square fills the rectangle.
    pub fn shown(&self) -> Rect {
        self.shown
    }

    /// The place under a point of the screen, as parts of the square.
    pub fn place(&self, at: Pos2) -> Vec2 {
        let part = (at - self.screen.min) / self.screen.size();
        vec2(self.shown.left + part.x * self.shown.width, self.shown.top + part.y * self.shown.height)
    }

    /// The cell under a point of the screen, of `side` cells to a side.
    pub fn cell(&self, at: Pos2, side: u32) -> Option<Cell> {
        let place = self.place(at) * side as f32;
        let inside = |x: f32| (0.0..side as f32).contains(&x);
        (inside(place.x) && inside(place.y)).then_some(Cell { row: place.y as u32, col: place.x as u32 })
    }

    /// Where a part of the square is on the screen.
    pub fn on_screen(&self, part: Rect) -> egui::Rect {
        let at = |x: f32, y: f32| {
            pos2(
                self.screen.left() + (x - self.shown.left) / self.shown.width * self.screen.width(),
                self.screen.top() + (y - self.shown.top) / self.shown.height * self.screen.height(),
            )
        };
        egui::Rect::from_min_max(at(part.left, part.top), at(part.left + part.width, part.top + part.height))
    }

    /// What is to be shown `factor` times as large, with the place under `about` staying where it is.
    pub fn zoomed(&self, factor: f32, about: Pos2) -> Rect {
        let extent = (self.smaller_extent() / factor).clamp(CLOSEST, 1.0);
        let shrink = extent / self.smaller_extent();
        let (middle, fixed) = (self.middle(), self.place(about));
        self.square(extent, fixed + (middle - fixed) * shrink)
    }

    /// What is to be shown after the picture was dragged by `delta` points.
    pub fn dragged(&self, delta: Vec2) -> Rect {
        let by = delta / self.screen.size() * vec2(self.shown.width, self.shown.height);
        self.square(self.smaller_extent(), self.middle() - by)
    }

    fn smaller_extent(&self) -> f32 {
        self.shown.width.min(self.shown.height).min(1.0)
    }

    fn middle(&self) -> Vec2 {
        vec2(self.shown.left + self.shown.width / 2.0, self.shown.top + self.shown.height / 2.0)
    }

    /// The square of side `extent` about `middle`, moved so that what surrounds it on the screen shows no more of the
    /// outside than it must.
    fn square(&self, extent: f32, middle: Vec2) -> Rect {
        if extent >= 1.0 {
            return Rect::SQUARE;
        }
        let whole = self.smaller_extent();
        let within = |middle: f32, reach: f32| {
            let half = reach / whole * extent / 2.0;
            if half >= 0.5 { 0.5 } else { middle.clamp(half, 1.0 - half) }
        };
        let middle = vec2(within(middle.x, self.shown.width), within(middle.y, self.shown.height));
        Rect { left: middle.x - extent / 2.0, top: middle.y - extent / 2.0, width: extent, height: extent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide() -> egui::Rect {
        egui::Rect::from_min_size(pos2(100.0, 50.0), vec2(800.0, 400.0))
    }

    #[test]
    fn the_square_lies_in_the_middle() {
        let frame = Frame::new(wide(), Rect::SQUARE);
        assert_eq!(frame.shown(), Rect { left: -0.5, top: 0.0, width: 2.0, height: 1.0 });
        assert_eq!(frame.cell(pos2(300.0, 50.0), 24), Some(Cell { row: 0, col: 0 }));
        assert_eq!(frame.cell(pos2(699.0, 449.0), 24), Some(Cell { row: 23, col: 23 }));
        assert_eq!(frame.cell(pos2(299.0, 60.0), 24), None);
        assert_eq!(frame.on_screen(Rect::SQUARE), egui::Rect::from_min_size(pos2(300.0, 50.0), vec2(400.0, 400.0)));
    }

    #[test]
    fn zooming_keeps_what_is_under_the_pointer() {
        let frame = Frame::new(egui::Rect::from_min_size(Pos2::ZERO, vec2(400.0, 400.0)), Rect::SQUARE);
        let about = pos2(120.0, 280.0);
        let closer = Frame::new(frame.screen, frame.zoomed(2.5, about));
        assert!((closer.place(about) - frame.place(about)).length() < 1e-6);
        assert!((closer.shown().width - 0.4).abs() < 1e-6);
        assert_eq!(closer.zoomed(0.01, about), Rect::SQUARE);
        assert!((closer.zoomed(1e9, about).width - CLOSEST).abs() < 1e-6);
    }

    #[test]
    fn nobody_can_drag_the_picture_away() {
        let shown = Rect { left: 0.25, top: 0.25, width: 0.5, height: 0.5 };
        let frame = Frame::new(egui::Rect::from_min_size(Pos2::ZERO, vec2(400.0, 400.0)), shown);
        assert_eq!(frame.dragged(vec2(80.0, 0.0)).left, 0.15);
        assert_eq!(frame.dragged(vec2(4000.0, -4000.0)), Rect { left: 0.0, top: 0.5, width: 0.5, height: 0.5 });
        // What is wider than the square on the screen stays in the middle.
        let panorama = Frame::new(egui::Rect::from_min_size(Pos2::ZERO, vec2(1600.0, 400.0)), shown);
        assert_eq!(panorama.dragged(vec2(300.0, 0.0)).left, 0.25);
    }
}
