//! The effect of each cell as a map, coarse first; a brush for regions; attention against effect.

use super::super::Cx;
use super::super::inspector::encoder_colour;
use super::paint::{effect_colour, legend, reach, table};
use super::scatter::{self, Point};
use super::{About, targets};
use crate::evidence::sheet::signed;
use crate::evidence::{Block, Findings, plan};
use crate::window::action::{Action, EvidenceAction, ViewAction};
use crate::window::state::{EvidencePart, PartState};
use egui::{
    Button, Color32, ColorImage, CursorIcon, Grid, Id, Label, Pos2, Rect, Response, RichText, Sense, Stroke,
    StrokeKind, TextEdit, TextureHandle, TextureOptions, Ui, WidgetInfo, pos2, vec2,
};
use opabinia_engine::intervention::Cells;
use opabinia_engine::sva::PictureSize;
use opabinia_engine::vision::Picture;
use opabinia_shaders::Cell;

/// The longer side of the grey copy of the picture under the map, in pixels.
const COPY: usize = 192;

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let view = &cx.state.evidence.view;
    targets(ui, cx, about, out);
    let Some(findings) = about.findings else {
        ui.weak(texts.nothing_yet);
        return;
    };
    let Some(picture) = about.exchange.picture.and_then(|id| cx.state.pictures.ready(id)) else {
        ui.weak(texts.nothing_yet);
        return;
    };
    ui.strong(texts.map.0);
    ui.label(RichText::new(texts.map.1).small().weak());
    let size = PictureSize { width: picture.width, height: picture.height };
    let side = findings.anatomy().side();
    let blocks = findings.blocks(view.target, about.token);
    let planned = plan::blocks(side, size).len();
    ui.label(RichText::new(texts.measured_of(blocks.len().min(planned), planned)).small().weak());
    let most = reach(blocks.iter().map(|(_, delta)| *delta));
    map(ui, cx, about, (picture, size, side), (&blocks, most), out);
    legend(ui, most, (texts.less_likely, texts.more_likely));
    region(ui, cx, about, findings, side, out);
    scatter_of_cells(ui, cx, findings, &blocks);
}

/// The map over a grey copy of the picture. Dragging over it brushes a region.
fn map(
    ui: &mut Ui,
    cx: &Cx<'_>,
    about: &About<'_>,
    (picture, size, side): (&Picture, PictureSize, usize),
    (blocks, most): (&[(Block, f64)], f64),
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.evidence_panel;
    let edge = ui.available_width().min(360.0);
    let (area, response) = ui.allocate_exact_size(vec2(edge, edge), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Canvas, true, texts.map_canvas));
    let painter = ui.painter_at(area);
    painter.rect_filled(area, 0, ui.visuals().faint_bg_color);
    let longer = size.width.max(size.height).max(1) as f32;
    let photo = Rect::from_center_size(
        area.center(),
        vec2(edge * size.width as f32 / longer, edge * size.height as f32 / longer),
    );
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    painter.image(copy(ui, about, picture).id(), photo, whole, Color32::WHITE);
    let unit = edge / side.max(1) as f32;
    let rect_of = |block: &Block| {
        let min = area.min + vec2(block.column as f32 * unit, block.row as f32 * unit);
        Rect::from_min_size(min, vec2(block.columns as f32 * unit, block.rows as f32 * unit))
    };
    let colours = table();
    // Larger blocks come first and give way to finer ones: what is seen of each is where no finer one lies.
    let mut shown: Vec<Option<(Block, f64)>> = vec![None; side * side];
    for (block, delta) in blocks {
        for row in block.row..block.row + block.rows {
            for column in block.column..block.column + block.columns {
                if let Some(cell) = shown.get_mut(row * side + column) {
                    *cell = Some((*block, *delta));
                }
            }
        }
    }
    for (at, cell) in shown.iter().enumerate() {
        if let Some((_, delta)) = cell {
            let one = Block { row: at / side, column: at % side, rows: 1, columns: 1 };
            painter.rect_filled(rect_of(&one), 0, effect_colour(&colours, *delta, most).gamma_multiply(0.78));
        }
    }
    let ink = ui.visuals().strong_text_color();
    let outline = |rect: Rect, colour: Color32, width: f32| {
        painter.rect_stroke(rect, 0, Stroke::new(width + 1.5, Color32::from_black_alpha(140)), StrokeKind::Inside);
        painter.rect_stroke(rect, 0, Stroke::new(width, colour), StrokeKind::Inside);
    };
    for (rows, columns) in cx.state.evidence.view.region.iter().flat_map(Cells::rectangles) {
        let block = Block { row: rows.start, column: columns.start, rows: rows.len(), columns: columns.len() };
        outline(rect_of(&block), ink, 2.0);
    }
    let cell_at = |at: Pos2| {
        let place = at - area.min;
        let cell = |part: f32| ((part / unit).max(0.0) as usize).min(side.saturating_sub(1));
        [cell(place.y), cell(place.x)]
    };
    let at = response.interact_pointer_pos().or(response.hover_pos()).map(cell_at);
    let pressed = ui.input(|input| input.pointer.press_origin()).map(cell_at);
    brush(ui, &response, (pressed, at), rect_of, outline, out);
    hover(ui, cx, texts, &response, at.filter(|_| response.hovered()), &shown, side, out);
}

/// Brushes a rectangle of cells from where the pointer was pressed to where it is.
fn brush(
    ui: &Ui,
    response: &Response,
    (pressed, at): (Option<[usize; 2]>, Option<[usize; 2]>),
    rect_of: impl Fn(&Block) -> Rect,
    outline: impl Fn(Rect, Color32, f32),
    out: &mut Vec<Action>,
) {
    let id = Id::unique("region that is brushed");
    let rectangle = |from: [usize; 2], to: [usize; 2]| {
        let (rows, columns) = (from[0].min(to[0])..from[0].max(to[0]) + 1, from[1].min(to[1])..from[1].max(to[1]) + 1);
        (rows, columns)
    };
    if response.hovered() {
        ui.set_cursor_icon(CursorIcon::Crosshair);
    }
    if response.clicked() {
        if let Some(at) = at {
            let (rows, columns) = rectangle(at, at);
            out.push(EvidenceAction::SetRegion(Some(Cells::rectangle(rows, columns))).into());
        }
        return;
    }
    let brushed = ui.data(|data| data.get_temp::<[[usize; 2]; 2]>(id));
    // From where the pointer was pressed: it has moved before that is called dragging.
    let brushed = if response.drag_started() { pressed.or(at).map(|from| [from, from]) } else { brushed };
    let Some([from, last]) = brushed else { return };
    // Where the pointer leaves the window, the last place holds.
    let to = at.unwrap_or(last);
    let (rows, columns) = rectangle(from, to);
    if response.drag_stopped() {
        ui.data_mut(|data| data.remove::<[[usize; 2]; 2]>(id));
        out.push(EvidenceAction::SetRegion(Some(Cells::rectangle(rows, columns))).into());
    } else if response.dragged() {
        ui.data_mut(|data| data.insert_temp(id, [from, to]));
        let block = Block { row: rows.start, column: columns.start, rows: rows.len(), columns: columns.len() };
        outline(rect_of(&block), ui.visuals().hyperlink_color, 1.5);
    }
}

/// Says what is under the pointer, and shows the cell in every map.
#[expect(clippy::too_many_arguments, reason = "what is under the pointer depends on all of it")]
fn hover(
    ui: &Ui,
    cx: &Cx<'_>,
    texts: &crate::window::lang::EvidencePanelTexts,
    response: &Response,
    at: Option<[usize; 2]>,
    shown: &[Option<(Block, f64)>],
    side: usize,
    out: &mut Vec<Action>,
) {
    let over = Id::unique("pointer over the map of effects");
    let was = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<bool>(over), at.is_some()));
    let number = |at: usize| u32::try_from(at).unwrap_or(0);
    let pane = cx.state.pane().id;
    let cell = at.map(|[row, column]| (pane, Cell { row: number(row), col: number(column) }));
    if (was || cell.is_some()) && cell != cx.state.hovered {
        out.push(ViewAction::Hover(cell).into());
    }
    let Some([row, column]) = at else { return };
    let text = match shown.get(row * side + column).copied().flatten() {
        Some((block, delta)) if block.rows * block.columns == 1 => {
            format!("({row}, {column}) · Δ log p {}", signed(delta))
        }
        Some((block, delta)) => format!(
            "({row}, {column}) · {} {} × {} · Δ log p {}",
            texts.in_block,
            block.rows,
            block.columns,
            signed(delta)
        ),
        None => format!("({row}, {column}) · –"),
    };
    response.clone().on_hover_text_at_pointer(text);
}

/// The region that is measured: typed, brushed, or the selected cell; and what it was worth.
fn region(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, findings: &Findings, side: usize, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let view = &cx.state.evidence.view;
    ui.add_space(6.0);
    ui.strong(texts.region.0);
    ui.label(RichText::new(texts.region.1).small().weak());
    ui.horizontal_wrapped(|ui| {
        let mut text = view.region_text.clone();
        let field = TextEdit::singleline(&mut text).desired_width(110.0).hint_text("0:2,0:2");
        let response = ui.add(field);
        response.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, texts.region.0));
        if response.changed() {
            out.push(EvidenceAction::TypeRegion(text.clone()).into());
        }
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if ui.button(texts.measure_region).clicked() || entered {
            out.push(EvidenceAction::UseRegion.into());
        }
        let selected = cx.state.lens().selected.map(|cell| (cell.row as usize, cell.col as usize));
        let selected = selected.filter(|(row, column)| *row < side && *column < side);
        if ui.add_enabled(selected.is_some(), Button::new(texts.selected_cell)).clicked()
            && let Some((row, column)) = selected
        {
            out.push(EvidenceAction::SetRegion(Some(Cells::rectangle(row..row + 1, column..column + 1))).into());
        }
        if view.region.is_some() && ui.button(texts.clear_region).clicked() {
            out.push(EvidenceAction::SetRegion(None).into());
        }
    });
    if let Some(problem) = &view.region_problem {
        ui.add(Label::new(RichText::new(problem).small().color(ui.visuals().error_fg_color)).wrap());
    }
    let Some(cells) = &view.region else { return };
    let known = cx.state.evidence.get(about.key, about.exchange);
    if let Some(PartState::Failed(why)) = known.and_then(|known| known.part(EvidencePart::Region)) {
        ui.add(Label::new(RichText::new(why).small().color(ui.visuals().error_fg_color)).wrap());
    }
    let anatomy = findings.anatomy();
    Grid::new("region").spacing(vec2(12.0, 2.0)).show(ui, |ui| {
        let mut row = |name: &str, target: Option<usize>| {
            let delta = findings.delta_under(&plan::region(anatomy, target, cells), about.token);
            let text = delta.map_or_else(|| "–".to_owned(), signed);
            let label = ui.label(name);
            label.widget_info(|| {
                WidgetInfo::labeled(egui::Role::Label, true, format!("{} · {name}: Δ log p {text}", texts.region.0))
            });
            ui.monospace(&text).on_hover_text(texts.delta_tip);
            ui.end_row();
        };
        row(texts.all_encoders, None);
        if about.names.len() > 1 {
            for (k, name) in about.names.iter().enumerate() {
                row(name, Some(k));
            }
        }
    });
}

/// What attention says of each cell against what its removal did.
fn scatter_of_cells(ui: &mut Ui, cx: &Cx<'_>, findings: &Findings, blocks: &[(Block, f64)]) {
    let texts = &cx.texts.evidence_panel;
    let Some(means) = &findings.evidence().means else { return };
    let target = cx.state.evidence.view.target;
    let colour = target.map_or_else(|| ui.visuals().hyperlink_color, encoder_colour);
    let point = |(block, delta): &(Block, f64)| {
        let cell = means.cells.get(block.row * means.side + block.column)?.as_ref()?;
        let x = match target {
            Some(k) => *cell.share.get(k)?,
            None => cell.all,
        };
        Some(Point { x, y: *delta, colour, name: format!("({}, {})", block.row, block.column) })
    };
    let single = blocks.iter().filter(|(block, _)| block.rows * block.columns == 1);
    let points: Vec<Point> = single.filter_map(point).collect();
    if points.len() > 1 {
        ui.add_space(8.0);
        let x = if target.is_some() { texts.cell_share } else { texts.cell_norm };
        scatter::show(ui, texts.scatter_cells, x, &points);
    }
}

/// A small grey copy of the picture, under whose colours those of the map would be lost.
pub(super) fn copy(ui: &Ui, about: &About<'_>, picture: &Picture) -> TextureHandle {
    let id = Id::unique("grey copy").with((about.exchange.picture, picture.width, picture.height));
    if let Some(known) = ui.data(|data| data.get_temp::<TextureHandle>(id)) {
        return known;
    }
    let (width, height) = (picture.width.max(1), picture.height.max(1));
    let longer = width.max(height);
    let part = |length: usize| (length * COPY.min(longer)).div_ceil(longer).max(1);
    let (columns, rows) = (part(width), part(height));
    let mut grey = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = ((2 * column + 1) * width / (2 * columns), (2 * row + 1) * height / (2 * rows));
            let at = (y * width + x) * 3;
            let pixel = picture.rgb.get(at..at + 3).unwrap_or(&[0; 3]);
            let light = 299 * u32::from(pixel[0]) + 587 * u32::from(pixel[1]) + 114 * u32::from(pixel[2]);
            grey.push(u8::try_from(light / 1000).unwrap_or(u8::MAX));
        }
    }
    let texture =
        ui.ctx().load_texture("grey copy", ColorImage::from_gray([columns, rows], &grey), TextureOptions::LINEAR);
    ui.data_mut(|data| data.insert_temp(id, texture.clone()));
    texture
}
