//! The text cursor blinks while a person is likely to look for it, and then stands still: each blink draws the whole window,
//! and a window that nobody touches should cost nothing.

use egui::{Context, Event};

/// Seconds for which it blinks after the last thing that a person did.
const BLINKS_FOR: f64 = 10.0;

/// When the text cursor blinks.
#[derive(Debug)]
pub struct Caret {
    /// Whether the window is drawn by the processor: there a blink is dear, and the cursor never blinks.
    on_processor: bool,
    /// As egui was told last.
    blinks: bool,
    /// When a person did something last, by egui's clock.
    touched: f64,
}

impl Caret {
    /// A cursor that stands still until something is done.
    pub fn new(ctx: &Context, on_processor: bool) -> Self {
        set_blinking(ctx, false);
        Self { on_processor, blinks: false, touched: f64::NEG_INFINITY }
    }

    /// Lets the cursor blink, or stand still, in the frames from the next one on.
    pub fn update(&mut self, ctx: &Context) {
        if self.on_processor {
            return;
        }
        let is_touch = |event: &Event| !matches!(event, Event::PointerMoved(_) | Event::MouseMoved(_));
        let (now, touched) = ctx.input(|input| (input.time, input.events.iter().any(is_touch)));
        if touched {
            self.touched = now;
        }
        let blinks = now - self.touched < BLINKS_FOR;
        if blinks != self.blinks {
            self.blinks = blinks;
            set_blinking(ctx, blinks);
            // This frame was begun in the old style.
            ctx.request_repaint();
        }
    }
}

fn set_blinking(ctx: &Context, blinks: bool) {
    ctx.all_styles_mut(|style| style.visuals.text_cursor.blink = blinks);
}
