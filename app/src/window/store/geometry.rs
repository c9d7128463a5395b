//! Where the window was.

use egui::{Context, Pos2, Vec2, ViewportCommand, pos2, vec2};
use serde::{Deserialize, Serialize};

/// The window of whoever starts the program for the first time.
const FIRST: [f32; 2] = [1360.0, 860.0];

/// No screen is larger.
const MOST: f32 = 16384.0;

/// How much of the window has to be on the screen to be found again.
const VISIBLE: f32 = 120.0;

/// Size and place of the window, in points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Width and height of what is inside.
    size: [f32; 2],
    /// Left and top edge on the screen, where the system tells.
    place: Option<[f32; 2]>,
    /// Whether it fills the screen; `size` and `place` are then those before.
    maximized: bool,
}

impl Default for Geometry {
    fn default() -> Self {
        Self { size: FIRST, place: None, maximized: false }
    }
}

impl Geometry {
    /// The smallest window.
    pub const LEAST: [f32; 2] = [800.0, 500.0];

    /// Where the window of `ctx` is now; while it fills the screen, where `before` says it was.
    pub fn of(ctx: &Context, before: Option<Self>) -> Option<Self> {
        ctx.input(|input| {
            let window = input.viewport();
            if window.minimized == Some(true) {
                return before;
            }
            if window.maximized == Some(true) || window.fullscreen == Some(true) {
                return Some(Self { maximized: true, ..before.unwrap_or_default() });
            }
            let size = window.inner_rect?.size().round();
            let place = window.outer_rect.map(|rect| rect.min.round()).map(|place| [place.x, place.y]);
            Some(Self { size: [size.x, size.y], place, maximized: false })
        })
    }

    /// Whether it can be written to a file: JSON has no word for infinity.
    pub(super) fn is_finite(&self) -> bool {
        self.size.into_iter().chain(self.place.into_iter().flatten()).all(f32::is_finite)
    }

    /// The size to open with.
    pub fn size(&self) -> Vec2 {
        let [width, height] = self.size.map(|side| if side.is_finite() { side.min(MOST) } else { 0.0 });
        vec2(width.max(Self::LEAST[0]), height.max(Self::LEAST[1]))
    }

    /// Whether it filled the screen.
    pub fn maximized(&self) -> bool {
        self.maximized
    }

    /// Moves the window of `ctx` to where it was, if that is on the screen it was opened on: a screen may have been
    /// unplugged. Otherwise the system's choice stands. Gives whether the screen is known by now.
    pub fn move_to(&self, ctx: &Context) -> bool {
        let Some(screen) = ctx.input(|input| input.viewport().monitor_size) else { return false };
        if let Some(place) = self.visible_place(screen).filter(|_| !self.maximized) {
            ctx.send_viewport_cmd(ViewportCommand::OuterPosition(place));
        }
        true
    }

    fn visible_place(&self, screen: Vec2) -> Option<Pos2> {
        let [left, top] = self.place?;
        let visible =
            left + self.size().x >= VISIBLE && left <= screen.x - VISIBLE && (0.0..=screen.y - VISIBLE).contains(&top);
        visible.then(|| pos2(left, top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_comes_back_only_where_it_can_be_seen() {
        let screen = vec2(1920.0, 1080.0);
        let at = |place| Geometry { place: Some(place), ..Geometry::default() }.visible_place(screen);
        assert_eq!(at([40.0, 30.0]), Some(pos2(40.0, 30.0)));
        assert_eq!(at([2400.0, 30.0]), None, "on a screen to the right");
        assert_eq!(at([40.0, -300.0]), None, "its title bar is above the screen");
        assert_eq!(at([-1300.0, 30.0]), None);
    }

    #[test]
    fn sizes_of_strangers_are_brought_into_bounds() {
        let size = |size| Geometry { size, ..Geometry::default() }.size();
        assert_eq!(size([f32::INFINITY, -3.0]), Vec2::from(Geometry::LEAST));
        assert_eq!(size([1e9, 900.0]), vec2(MOST, 900.0));
    }
}
