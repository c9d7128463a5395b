//! Both sides of a comparison in one pane: beside each other, in one another's place, on either side of a line, or their
//! difference. Cell, zoom, layers and heads are the pane's, and so is the range that colours span unless a person breaks it.

use super::super::shown::Shown;
use super::super::{Cx, parts};
use super::arrange::{arrange, arrange_pairs};
use super::canvas::{On, Pointed};
use super::frame::Frame;
use super::source::Source;
use super::{LOWEST, TITLE, canvas, colour_bar, compared, controls, evidence, looks, readout, small, wipe};
use crate::window::action::{Action, ViewAction};
use crate::window::command::UiCommand;
use crate::window::gpu::MapGpu;
use crate::window::state::{Counterparts, MapPane, MapSource, SIDES, SidesLook, Slot, ViewChange, moved};
use egui::emath::GuiRounding as _;
use egui::{Align, Key, Label, Layout, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, vec2};
use opabinia_shaders::Normalisation;

/// Two large maps and pairs of small ones under them have at least this much room.
const LOWEST_OF_PAIRS: f32 = 200.0;

/// What is shown: A, and B where it has a counterpart of what is looked at.
struct Both<'a> {
    a: Source<'a>,
    b: Option<Source<'a>>,
    counterparts: Counterparts<'a>,
}

/// Draws the pane.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, gpu: &MapGpu, pane: &MapPane, out: &mut Vec<Action>) {
    let Some(look) = pane.source.look() else { return };
    if pane.source.runs().any(|run| cx.state.model_of(run.side).is_none()) {
        return without_a_side(ui, cx, pane, out);
    }
    let mut entries = pane.source.runs().map(|run| cx.state.traces.get(&cx.state.run_key(run)?));
    let (Some(Some(a)), Some(Some(b))) = (entries.next(), entries.next()) else {
        return without_maps(ui, cx, gpu, (pane, None), out);
    };
    let counterparts = cx.counterparts(a, b);
    match look {
        SidesLook::Difference if counterparts.are_alike() => {
            return difference(ui, cx, gpu, pane, &counterparts, out);
        }
        SidesLook::Difference | SidesLook::Divergence => return compared::show(ui, cx, gpu, pane, &counterparts, out),
        SidesLook::Beside | SidesLook::Swap | SidesLook::Wipe => {}
    }
    let sides = match Shown::of_sides(cx, pane) {
        Ok(Some(sides)) => sides,
        Ok(None) => return without_maps(ui, cx, gpu, (pane, Some(&counterparts)), out),
        Err(reason) => return super::says(ui, &(cx.texts.engine.said)(&reason)),
    };
    let [Some(a), b] = sides else { return };
    let pane_side = a.lens.side(&a.entry.trace);
    let a = Source::of_one_side(pane, a, Slot::A, pane_side);
    let b = b.map(|b| Source::of_one_side(pane, b, Slot::B, pane_side));
    let both = Both { a, b, counterparts };
    under_controls(ui, cx, (&both.a, &both.counterparts), out, |ui, out| {
        let pointed = maps(ui, cx, gpu, &both, look, out);
        ui.add_space(4.0);
        scales(ui, cx, &both);
        readout::both(ui, cx, &both.a, both.b.as_ref(), pointed);
        evidence::show(ui, cx, &both.a, None, out);
        for source in [Some(&both.a), both.b.as_ref()].into_iter().flatten() {
            source.await_numbers(ui, gpu);
        }
    });
}

/// Says that a side is not open, and what can be done.
fn without_a_side(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    super::says(ui, cx.texts.sides.side_missing);
    ui.vertical_centered(|ui| {
        ui.add_space(8.0);
        if ui.button(cx.texts.program.compare).clicked() {
            out.push(UiCommand::CompareFolder.into());
        }
        if ui.button(cx.texts.sides.one_side).clicked() {
            out.extend([ViewAction::Activate(pane.id).into(), ViewChange::Source(MapSource::default()).into()]);
        }
    });
}

/// B − A, where both are of one shape.
fn difference(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    pane: &MapPane,
    counterparts: &Counterparts<'_>,
    out: &mut Vec<Action>,
) {
    let source = match Shown::of(cx, pane) {
        Ok(Some(shown)) => Source::of_sva(pane, shown),
        Ok(None) => return without_maps(ui, cx, gpu, (pane, Some(counterparts)), out),
        Err(reason) => return super::says(ui, &(cx.texts.engine.said)(&reason)),
    };
    under_controls(ui, cx, (&source, counterparts), out, |ui, out| {
        super::under_controls(ui, cx, gpu, &source, out);
    });
}

/// Draws the controls and the ways to look, and `content` under them.
fn under_controls(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (source, counterparts): (&Source<'_>, &Counterparts<'_>),
    out: &mut Vec<Action>,
    content: impl FnOnce(&mut Ui, &mut Vec<Action>),
) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        controls::show(ui, cx, source, out);
        looks::bar(ui, cx, source.pane, Some(counterparts), out);
        ui.add_space(4.0);
        content(ui, out);
    });
}

/// Draws the ways to look, and says why there are no maps under them.
fn without_maps(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    (pane, counterparts): (&MapPane, Option<&Counterparts<'_>>),
    out: &mut Vec<Action>,
) {
    looks::bar(ui, cx, pane, counterparts, out);
    super::without_maps(ui, cx, gpu, pane, out);
}

/// Draws all maps and says where the pointer is over one of them, in A's cells.
fn maps(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    both: &Both<'_>,
    look: SidesLook,
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    let gaps = 5.0 * ui.spacing().item_spacing.y;
    let width = ui.available_width();
    let below = colour_bar::HEIGHT + readout::height_of_both(width) + evidence::height(width) + gaps + 4.0;
    let lowest = if look == SidesLook::Beside { LOWEST_OF_PAIRS } else { LOWEST };
    let room = vec2(width, (ui.available_height() - below).max(lowest));
    let (area, _) = ui.allocate_exact_size(room, Sense::hover());
    let pointed = match look {
        SidesLook::Beside => beside(ui, cx, gpu, both, area, out),
        _ => in_one_place(ui, cx, gpu, both, (look, area), out),
    };
    super::link(ui, cx, both.a.pane, pointed, out);
    pointed
}

/// Two large maps, and small ones in pairs.
fn beside(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    both: &Both<'_>,
    area: Rect,
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    let places = arrange_pairs(area.size(), both.a.encoders.len(), TITLE);
    let to_area = area.min.to_vec2();
    let mut pointed = None;
    for (side, place) in SIDES.into_iter().zip(places.large) {
        let place = place.translate(to_area);
        heading(ui, cx, both, side, place);
        pointed = large(ui, cx, gpu, both, (side, below_title(place)), out).or(pointed);
    }
    for (k, pair) in places.pairs.iter().enumerate() {
        let pair = pair.map(|place| place.translate(to_area));
        small::caption(ui, cx, &both.a, k, pair[0].union(pair[1]), out);
        for (side, place) in SIDES.into_iter().zip(pair) {
            pointed = small_map(ui, cx, gpu, both, (side, k, place), out).or(pointed);
        }
    }
    pointed
}

/// One large map and small ones, which are those of one side, or of both to either side of a line.
fn in_one_place(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    both: &Both<'_>,
    (look, area): (SidesLook, Rect),
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    let swapped = held(ui, both);
    let places = arrange(area.size(), both.a.encoders.len());
    let place = places.large.translate(area.min.to_vec2());
    let [first, second] = if swapped { [Slot::B, Slot::A] } else { SIDES };
    let rect = below_title(place).round_to_pixels(ui.pixels_per_point());
    let part = (look == SidesLook::Wipe).then_some(cx.state.comparison.wipe);
    // Of a wipe, A lies under B, on whichever side of the line either of them is seen.
    let side = match part {
        Some(_) => {
            let (left, right) = place.split_left_right_at_fraction(0.5);
            heading(ui, cx, both, first, left);
            heading(ui, cx, both, second, right);
            Slot::A
        }
        None => {
            heading(ui, cx, both, first, place);
            first
        }
    };
    if look == SidesLook::Swap {
        // Below what is seen, so that it is measured: the range of colours spans both.
        let hidden = if swapped { Some(&both.a) } else { both.b.as_ref() };
        if let Some(hidden) = hidden {
            below(ui, cx, gpu, hidden, rect);
        }
    }
    let mut pointed = large(ui, cx, gpu, both, (side, rect), out);
    for (k, place) in places.small.iter().enumerate() {
        let place = place.translate(area.min.to_vec2()).round_to_pixels(ui.pixels_per_point());
        small::caption(ui, cx, &both.a, k, place, out);
        pointed = small_map(ui, cx, gpu, both, (side, k, place), out).or(pointed);
        if let (Some(part), Some(b), Some(other)) = (part, &both.b, both.counterparts.encoder_of_b(k)) {
            wipe::over(ui, cx, gpu, b, (other, other), (place, part, swapped), 0.7, true);
        }
    }
    if let Some(part) = part {
        if let Some(b) = &both.b {
            wipe::over(ui, cx, gpu, b, (b.place, b.lens.encoder), (rect, part, swapped), 1.0, false);
        }
        wipe::line(ui, cx, (both.a.pane, rect), part, [first, second], out);
    }
    pointed
}

/// Draws the large map of one side.
fn large(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    both: &Both<'_>,
    (side, rect): (Slot, Rect),
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    if side == Slot::A {
        return canvas::show(ui, cx, gpu, &both.a, rect, out);
    }
    if both.b.is_none() {
        without_counterpart(ui, cx, rect);
    }
    of_b(both, out, |b, out| canvas::show(ui, cx, gpu, b, rect, out))
}

/// Draws the small map of what encoder `k` of A is on one side.
fn small_map(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    both: &Both<'_>,
    (side, k, rect): (Slot, usize, Rect),
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    if side == Slot::A {
        return small::map(ui, cx, gpu, &both.a, (k, rect), out);
    }
    let Some(other) = both.counterparts.encoder_of_b(k).filter(|_| both.b.is_some()) else {
        without_counterpart(ui, cx, rect);
        return None;
    };
    of_b(both, out, |b, out| small::map(ui, cx, gpu, b, (other, rect), out))
}

/// Whether the key, or the button of the pane, is held that puts B in the place of A.
fn held(ui: &mut Ui, both: &Both<'_>) -> bool {
    let key = ui.input(|input| input.key_down(Key::X) && input.modifiers.is_none());
    key && !ui.ctx().text_edit_focused() && both.a.lens.input_of.is_none()
}

/// Draws the large map of `source` into `rect`, where another one will lie over it.
fn below(ui: &Ui, cx: &Cx<'_>, gpu: &MapGpu, source: &Source<'_>, rect: Rect) {
    let (frame, place) = (Frame::new(rect, source.lens.shown), (source.place, source.lens.encoder));
    ui.painter().add(On { rect, frame, place, line: 1.0, hover: source.hovered(cx.state) }.shape(
        ui,
        gpu,
        &source.large,
    ));
}

/// Draws something of B, and says what is done there in A's words.
fn of_b(
    both: &Both<'_>,
    out: &mut Vec<Action>,
    draw: impl FnOnce(&Source<'_>, &mut Vec<Action>) -> Option<Pointed>,
) -> Option<Pointed> {
    let b = both.b.as_ref()?;
    let mut done = Vec::new();
    let pointed = draw(b, &mut done);
    out.extend(done.into_iter().filter_map(|action| in_words_of_a(both, b, action)));
    pointed.map(|pointed| Pointed { cell: moved(pointed.cell, b.side, b.pane_side), ..pointed })
}

/// What was done to B as it is done to A; `None` where A has no counterpart.
fn in_words_of_a(both: &Both<'_>, b: &Source<'_>, action: Action) -> Option<Action> {
    let encoder = |k| both.counterparts.encoder_of_a(k);
    Some(match action {
        Action::View(ViewAction::Change(ViewChange::Select(cell))) => {
            let cell = cell.map(|cell| moved(cell, b.side, b.pane_side));
            // The same cell again: it is let go of. A coarser grid may not have told them apart.
            ViewChange::Select(cell).into()
        }
        Action::View(ViewAction::Change(ViewChange::Encoder(k))) => ViewChange::Encoder(encoder(k)?).into(),
        Action::View(ViewAction::Change(ViewChange::InputOf(Some(k)))) => ViewChange::InputOf(Some(encoder(k)?)).into(),
        Action::View(ViewAction::Replace(mut lens)) => {
            lens.encoder = encoder(lens.encoder)?;
            (lens.layers, lens.selected) = (both.a.lens.layers, both.a.lens.selected);
            ViewAction::Replace(lens).into()
        }
        action => action,
    })
}

/// Whose map it is, and of what.
fn heading(ui: &mut Ui, cx: &Cx<'_>, both: &Both<'_>, side: Slot, area: Rect) {
    let area = Rect::from_min_size(area.min, vec2(area.width(), TITLE));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(area).layout(Layout::left_to_right(Align::Center)));
    ui.spacing_mut().item_spacing.x = 6.0;
    let colour = parts::side_colour(&ui, side);
    let name = name(cx, both.a.pane, side);
    ui.label(RichText::new(side.letter()).strong().color(colour));
    let source = if side == Slot::A { Some(&both.a) } else { both.b.as_ref() };
    let about = source.map(|source| {
        let quantity = cx.texts.probe.quantity_words(source.lens.quantity).0;
        let encoder = source.encoders.get(source.lens.encoder).filter(|_| source.lens.quantity.per_encoder());
        encoder.map_or_else(|| quantity.to_owned(), |encoder| format!("{} · {quantity}", encoder.name))
    });
    let tip = format!("{name}\n{}", about.clone().unwrap_or_default());
    ui.add(Label::new(RichText::new(name).color(colour)).truncate()).on_hover_text(tip);
    if let Some(about) = about {
        ui.add(Label::new(RichText::new(about).small().weak()).truncate());
    }
}

/// What a side of `pane` is called: its checkpoint, and what is done to it on purpose.
fn name(cx: &Cx<'_>, pane: &MapPane, side: Slot) -> String {
    let MapSource::Sides(a, b, _) = &pane.source else { return String::new() };
    let run = if side == Slot::A { a } else { b };
    let Some(model) = cx.state.model_of(run.side) else { return String::new() };
    let called = cx.names().plain(&model.into());
    if run.interventions.is_none() {
        return called;
    }
    format!("{called} · {} {}", cx.texts.interventions.off, parts::what_is_off(cx, model, &run.interventions))
}

/// The bars of both scales: one, unless a person has broken that.
fn scales(ui: &mut Ui, cx: &Cx<'_>, both: &Both<'_>) {
    let apart = both.a.lens.normalisation == Normalisation::PerMap;
    match &both.b {
        Some(b) if apart => ui.columns(2, |columns| {
            for (ui, source) in columns.iter_mut().zip([&both.a, b]) {
                colour_bar::show(ui, cx, source);
            }
        }),
        _ => colour_bar::show(ui, cx, &both.a),
    }
}

/// Says that B has nothing that belongs there.
fn without_counterpart(ui: &mut Ui, cx: &Cx<'_>, rect: Rect) {
    ui.painter().rect_filled(rect, 0.0, ui.visuals().faint_bg_color);
    let text = RichText::new(cx.texts.sides.no_counterpart).small().weak();
    ui.put(rect.shrink(4.0), Label::new(text).wrap());
}

fn below_title(rect: Rect) -> Rect {
    rect.with_min_y(rect.top() + TITLE)
}
