//! The maps that are shown, whatever they are made from.

use super::super::Cx;
use super::super::shown::Shown;
use super::SOON;
use crate::window::gpu::{MapGpu, MeasureMaps, PaneMaps, ShownMaps};
use crate::window::state::{AppState, MapLens, MapPane, SidesLook, Slot, TraceEntry, moved};
use egui::Ui;
use opabinia_shaders::{Cell, ColourMap, Indices, Look, Map, MapView, Normalisation, Quantity, Reduction};
use std::cell::OnceCell;
use std::sync::Arc;

/// Maps of one view on the GPU.
pub struct Maps {
    /// Where they are.
    pub shown: Arc<ShownMaps>,
    /// The view of them.
    pub view: MapView,
    /// How they look, before it is known where.
    pub look: Look,
}

impl Maps {
    /// Their numbers, once they have come from the device.
    pub fn numbers(&self) -> Option<Arc<Vec<Map>>> {
        self.shown.numbers(&self.view)
    }
}

/// One encoder, as captions name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder<'a> {
    /// Its short name.
    pub name: &'a str,
    /// Tokens to a side of its grid.
    pub tokens: usize,
    /// Tokens to a side of a cell's window.
    pub window: usize,
}

/// What the panel shows.
pub struct Source<'a> {
    /// The pane.
    pub pane: &'a MapPane,
    /// The trace that all of it belongs to; of a difference, the first one.
    pub entry: &'a TraceEntry,
    /// How it is drawn, as this trace has it.
    pub lens: MapLens,
    /// The large map's.
    pub large: Maps,
    /// The place of the large map among those of its set.
    pub place: usize,
    /// One for each encoder; `None` where the large map is the only one.
    pub small: Option<Maps>,
    /// Encoders, in key order.
    pub encoders: Vec<Encoder<'a>>,
    /// Cells to a side of the padded frame.
    pub side: u32,
    /// Which of both sides of a comparison it is, where the pane shows both.
    pub of_side: Option<Slot>,
    /// Cells to a side of the grid in which the pane counts: its own, or that of A.
    pub pane_side: u32,
    /// How wide the widest of the encoders' names is, once a caption has asked.
    pub names_width: OnceCell<f32>,
}

impl<'a> Source<'a> {
    /// The SVA's maps, or those of a difference of two traces.
    pub fn of_sva(pane: &'a MapPane, shown: Shown<'a>) -> Self {
        let Shown { entry, lens, maps, view } = shown;
        let each = lens.of_each_encoder();
        let encoders = encoders_of(entry, lens.side(&entry.trace));
        // Where every encoder has a map, the large one is one of theirs, and nothing is measured twice.
        let own = lens.quantity.per_encoder();
        let small_view = if own { view } else { each.map_view() };
        Self {
            pane,
            large: Maps { shown: Arc::clone(if own { &maps.small } else { &maps.large }), view, look: lens.look() },
            place: if own { encoders.len() } else { 0 },
            small: Some(Maps { shown: Arc::clone(&maps.small), view: small_view, look: each.look() }),
            side: lens.side(&entry.trace),
            pane_side: lens.side(&entry.trace),
            encoders,
            entry,
            lens,
            of_side: None,
            names_width: OnceCell::new(),
        }
    }

    /// One side of a comparison, in a pane that counts cells on a grid of `pane_side` to a side.
    pub fn of_one_side(pane: &'a MapPane, shown: Shown<'a>, side: Slot, pane_side: u32) -> Self {
        Self { of_side: Some(side), pane_side, ..Self::of_sva(pane, shown) }
    }

    /// Numbers of a comparison on a grid of `side` cells to a side, in `colours` that span `range`.
    pub fn of_comparison(
        pane: &'a MapPane,
        entry: &'a TraceEntry,
        side: u32,
        maps: &PaneMaps,
        (colours, low, high): (ColourMap, f32, f32),
    ) -> Self {
        let mut lens = pane.lens.fitted(&entry.trace);
        lens.selected = lens.selected.map(|cell| moved(cell, lens.side(&entry.trace), side));
        let pane_side = lens.side(&entry.trace);
        (lens.quantity, lens.input_of, lens.colour_map) = (Quantity::Share, None, Some(colours));
        // The engine's numbers are means over all heads.
        (lens.heads, lens.reduction) = (Indices::ALL, Reduction::Mean);
        let normalisation = Normalisation::Fixed { low, high };
        let view = MapView { normalisation, focus: lens.map_view().focus, ..MapView::of(Quantity::Share) };
        Self {
            pane,
            large: Maps { shown: Arc::clone(&maps.large), view, look: Look { grey_photo: true, ..lens.look() } },
            place: 0,
            small: None,
            encoders: encoders_of(entry, pane_side),
            side,
            pane_side,
            entry,
            lens,
            of_side: None,
            names_width: OnceCell::new(),
        }
    }

    /// The cell under the pointer, here or in what is linked, as this counts cells.
    pub fn hovered(&self, state: &AppState) -> Option<Cell> {
        Some(moved(state.hovered_in(self.pane)?, self.pane_side, self.side))
    }

    /// The attention of the selected token, whose grid is `side` cells wide.
    pub fn of_token(pane: &'a MapPane, entry: &'a TraceEntry, side: u32, maps: &PaneMaps) -> Self {
        let mut lens = pane.lens.fitted(&entry.trace);
        (lens.quantity, lens.encoder, lens.input_of) = (Quantity::Share, 0, None);
        lens.selected = lens.selected.filter(|cell| cell.row < side && cell.col < side);
        let alone = MapView { focus: lens.map_view().focus, ..MapView::of(Quantity::Share) };
        Self {
            pane,
            large: Maps { shown: Arc::clone(&maps.large), view: alone, look: lens.look() },
            place: 0,
            small: None,
            encoders: encoders_of(entry, side),
            side,
            pane_side: side,
            entry,
            lens,
            of_side: None,
            names_width: OnceCell::new(),
        }
    }

    /// What `name` is called of it: with its side, and the number of its pane where there are several.
    pub fn named(&self, cx: &Cx<'_>, name: &str) -> String {
        let name = self.of_side.map_or_else(|| name.to_owned(), |side| format!("{name} · {}", side.letter()));
        super::named(cx, self.pane, &name)
    }

    /// Whether this is the attention of a token.
    pub fn is_token(&self) -> bool {
        self.pane.source.is_token()
    }

    /// Whether these are numbers that only a comparison has, with a quantity of their own.
    pub fn is_of_comparison(&self) -> bool {
        self.pane.source.look().is_some_and(|look| look == SidesLook::Divergence || look == SidesLook::Difference)
            && self.small.is_none()
    }

    /// Whether this is the difference of two runs.
    pub fn is_difference(&self) -> bool {
        self.pane.source.is_difference()
    }

    /// Sees to it that the numbers of all maps come from the device, also of those that lie outside of what is seen of the pane:
    /// measures them, and asks for frames until they are there.
    pub fn await_numbers(&self, ui: &Ui, gpu: &MapGpu) {
        for maps in [Some(&self.large), self.small.as_ref()].into_iter().flatten() {
            if maps.shown.are_awaited(&maps.view) {
                ui.painter().add(MeasureMaps::shape(gpu, &maps.shown, &maps.view, ui.clip_rect()));
                ui.ctx().request_repaint_after(SOON);
            }
        }
    }

    /// Encoder `k`'s part of uniform attention over the keys of one cell.
    pub fn uniform_share(&self, k: usize) -> f64 {
        let keys = |encoder: &Encoder<'_>| (encoder.window * encoder.window) as f64;
        let all: f64 = self.encoders.iter().map(keys).sum();
        self.encoders.get(k).map_or(0.0, |encoder| keys(encoder) / all)
    }
}

fn encoders_of(entry: &TraceEntry, side: u32) -> Vec<Encoder<'_>> {
    let sides = entry.trace.encoders.iter().map(|encoder| encoder.side);
    let named = entry.encoder_names.iter().zip(sides);
    named.map(|(name, tokens)| Encoder { name, tokens, window: tokens / side.max(1) as usize }).collect()
}
