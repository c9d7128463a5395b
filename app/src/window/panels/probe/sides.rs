//! Both sides of a comparison in one pane: beside each other, in one another's place, on either side of a line, or their
//! difference. Cell, zoom, layers and heads are the pane's, and so is the range that colours span unless a person breaks it.

use super::super::shown::Shown;
use super::super::{Cx, parts};
use super::arrange::{arrange, arrange_pairs};
use super::canvas::{On, Pointed};
use super::frame::Frame;
use super::source::Source;
use super::{LOWEST, TITLE, canvas, colour_bar, compared, controls, evidence, looks, readout, small};
use crate::window::action::{Action, ComparisonAction, ViewAction};
use crate::window::command::UiCommand;
use crate::window::gpu::MapGpu;
use crate::window::state::{Counterparts, MapPane, MapSource, SidesLook, Slot, ViewChange, moved};
use egui::emath::GuiRounding as _;
use egui::{
    Align, Color32, CursorIcon, Id, Key, Label, Layout, Modifiers, Rect, RichText, ScrollArea, Sense, Stroke, Ui,
    UiBuilder, WidgetInfo, pos2, vec2,
};
use opabinia_shaders::Normalisation;

/// Points to either side of the line of a wipe in which it can be taken hold of.
const GRIP: f32 = 7.0;

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
        looks::bar(ui, cx, pane, None, out);
        return super::without_maps(ui, cx, gpu, pane, out);
    };
    let counterparts = Counterparts::of(&a.trace, &b.trace);
    match look {
        SidesLook::Difference if counterparts.are_alike() => {
            return difference(ui, cx, gpu, pane, &counterparts, out);
        }
        SidesLook::Difference | SidesLook::Divergence => return compared::show(ui, cx, gpu, pane, &counterparts, out),
        SidesLook::Beside | SidesLook::Swap | SidesLook::Wipe => {}
    }
    let sides = match Shown::of_sides(cx, pane) {
        Ok(Some(sides)) => sides,
        Ok(None) => {
            looks::bar(ui, cx, pane, Some(&counterparts), out);
            return super::without_maps(ui, cx, gpu, pane, out);
        }
        Err(reason) => return super::says(ui, &(cx.texts.engine.said)(&reason)),
    };
    let [Some(a), b] = sides else { return };
    let pane_side = a.lens.side(&a.entry.trace);
    let a = Source::of_one_side(pane, a, Slot::A, pane_side);
    let b = b.map(|b| Source::of_one_side(pane, b, Slot::B, pane_side));
    let both = Both { a, b, counterparts };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        controls::show(ui, cx, &both.a, out);
        looks::bar(ui, cx, pane, Some(&both.counterparts), out);
        ui.add_space(4.0);
        let pointed = maps(ui, cx, gpu, &both, look, out);
        ui.add_space(4.0);
        scales(ui, cx, &both);
        readout::both(ui, cx, &both.a, both.b.as_ref(), pointed);
        evidence::show(ui, cx, &both.a, None, out);
        if [Some(&both.a), both.b.as_ref()].into_iter().flatten().any(Source::awaits_numbers) {
            ui.ctx().request_repaint_after(super::SOON);
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
        Ok(None) => {
            looks::bar(ui, cx, pane, Some(counterparts), out);
            return super::without_maps(ui, cx, gpu, pane, out);
        }
        Err(reason) => return super::says(ui, &(cx.texts.engine.said)(&reason)),
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        controls::show(ui, cx, &source, out);
        looks::bar(ui, cx, pane, Some(counterparts), out);
        ui.add_space(4.0);
        super::under_controls(ui, cx, gpu, &source, out);
    });
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
    let room = vec2(width, (ui.available_height() - below).max(LOWEST));
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
    let [left, right] = places.large.map(|place| place.translate(to_area));
    heading(ui, cx, both, Slot::A, left);
    let mut pointed = canvas::show(ui, cx, gpu, &both.a, below_title(left), out);
    heading(ui, cx, both, Slot::B, right);
    pointed = of_b(both, out, |b, out| canvas::show(ui, cx, gpu, b, below_title(right), out)).or(pointed);
    if both.b.is_none() {
        without_counterpart(ui, cx, below_title(right));
    }
    for (k, pair) in places.pairs.iter().enumerate() {
        let [left, right] = pair.map(|place| place.translate(to_area));
        small::caption(ui, cx, &both.a, k, left.union(right), out);
        pointed = small::map(ui, cx, gpu, &both.a, (k, left), out).or(pointed);
        match (both.counterparts.encoder_of_b(k), &both.b) {
            (Some(other), Some(_)) => {
                let drawn = of_b(both, out, |b, out| small::map(ui, cx, gpu, b, (other, right), out));
                pointed = drawn.or(pointed);
            }
            _ => without_counterpart(ui, cx, right),
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
    let large = places.large.translate(area.min.to_vec2());
    let side = if swapped { Slot::B } else { Slot::A };
    heading(ui, cx, both, side, Rect::from_min_size(large.min, vec2(large.width(), TITLE)));
    let rect = below_title(large).round_to_pixels(ui.pixels_per_point());
    let wipe = (look == SidesLook::Wipe).then_some(cx.state.comparison.wipe);
    let mut pointed = None;
    if look == SidesLook::Swap {
        // Below what is seen, so that it is measured: the range of colours spans both.
        let hidden = if swapped { Some(&both.a) } else { both.b.as_ref() };
        if let Some(hidden) = hidden {
            below(ui, cx, gpu, hidden, rect);
        }
    }
    if swapped && wipe.is_none() {
        pointed = of_b(both, out, |b, out| canvas::show(ui, cx, gpu, b, rect, out));
        if both.b.is_none() {
            without_counterpart(ui, cx, rect);
        }
    } else {
        pointed = canvas::show(ui, cx, gpu, &both.a, rect, out).or(pointed);
    }
    for (k, place) in places.small.iter().enumerate() {
        let place = place.translate(area.min.to_vec2()).round_to_pixels(ui.pixels_per_point());
        let other = both.counterparts.encoder_of_b(k);
        if swapped && wipe.is_none() {
            small::caption(ui, cx, &both.a, k, place, out);
            match other.filter(|_| both.b.is_some()) {
                Some(other) => {
                    let drawn = of_b(both, out, |b, out| small::map(ui, cx, gpu, b, (other, place), out));
                    pointed = drawn.or(pointed);
                }
                None => without_counterpart(ui, cx, place),
            }
            continue;
        }
        pointed = small::show(ui, cx, gpu, &both.a, (k, place), out).or(pointed);
        if let (Some(part), Some(b), Some(other)) = (wipe, &both.b, other) {
            over(ui, cx, gpu, b, (other, other), (place, part, swapped), 0.7, true);
        }
    }
    if let Some(part) = wipe {
        if let Some(b) = &both.b {
            over(ui, cx, gpu, b, (b.place, b.lens.encoder), (rect, part, swapped), 1.0, false);
        }
        line(ui, cx, (both.a.pane, rect), part, swapped, out);
    }
    pointed
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

/// Draws B over A to the right of a line at `part` of `rect`; to the left of it where sides are `swapped`.
#[expect(clippy::too_many_arguments, reason = "what is drawn, where, and how much of it")]
fn over(
    ui: &Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    b: &Source<'_>,
    place: (usize, usize),
    (rect, part, swapped): (Rect, f32, bool),
    line: f32,
    small: bool,
) {
    let maps = if small { b.small.as_ref() } else { Some(&b.large) };
    let Some(maps) = maps.filter(|_| b.lens.input_of.is_none() || small) else { return };
    let x = (rect.left() + part * rect.width()).round_to_pixels(ui.pixels_per_point());
    let shown = if swapped { rect.with_max_x(x) } else { rect.with_min_x(x) };
    let frame = Frame::new(rect, b.lens.shown);
    let painter = ui.painter().with_clip_rect(shown.intersect(ui.clip_rect()));
    painter.add(On { rect, frame, place, line, hover: b.hovered(cx.state) }.shape(ui, gpu, maps));
}

/// The line of a wipe: dragged, or moved by the arrow keys.
fn line(ui: &mut Ui, cx: &Cx<'_>, (pane, rect): (&MapPane, Rect), part: f32, swapped: bool, out: &mut Vec<Action>) {
    let x = rect.left() + part * rect.width();
    let grip = Rect::from_x_y_ranges(x - GRIP..=x + GRIP, rect.y_range());
    let response = ui.interact(grip, Id::unique(("wipe", pane.id)), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(true, f64::from(part), cx.texts.sides.wipe_line));
    let mut next = part;
    if response.dragged()
        && let Some(at) = response.interact_pointer_pos()
    {
        next = (at.x - rect.left()) / rect.width();
    }
    if response.clicked() {
        response.request_focus();
    }
    if response.has_focus() {
        let filter = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        next += 0.05 * (f32::from(u8::from(pressed(Key::ArrowRight))) - f32::from(u8::from(pressed(Key::ArrowLeft))));
    }
    let next = next.clamp(0.0, 1.0);
    if next != part {
        out.push(ComparisonAction::Wipe(next).into());
    }
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    let painter = ui.painter().with_clip_rect(rect.expand(8.0).intersect(ui.clip_rect()));
    painter.vline(x, rect.y_range(), Stroke::new(4.0, Color32::from_black_alpha(150)));
    painter.vline(x, rect.y_range(), Stroke::new(if response.has_focus() { 3.0 } else { 2.0 }, Color32::WHITE));
    let sides = if swapped { [Slot::B, Slot::A] } else { [Slot::A, Slot::B] };
    for (side, offset) in sides.into_iter().zip([-14.0, 14.0]) {
        let at = pos2(x + offset, rect.top() + 14.0);
        painter.circle_filled(at, 9.0, ui.visuals().panel_fill);
        let font = egui::TextStyle::Body.resolve(ui.style());
        painter.text(at, egui::Align2::CENTER_CENTER, side.letter(), font, parts::side_colour(ui, side));
    }
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
    let called = cx.state.names().plain(&model.into());
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
