//! What is on the screen as numbers: the columns of the table.
//!
//! Where a pane shows both sides of a comparison, each map of A has a column, its counterpart in B the next, and B − A a third.

use super::super::Cx;
use super::super::shown::Shown;
use crate::difference_figure::average;
use crate::window::gpu::GridPart;
use crate::window::state::{MapPane, MapSource, MapsCompared, SidesLook, moved};
use opabinia_engine::compare::{LayerComparison, Maps};
use opabinia_engine::sva::Frame;
use opabinia_shaders::{Cell, Map, MapTexel, MapView, Quantity};
use std::sync::Arc;

/// The maps with what their columns are called.
pub struct Table<'a> {
    /// What is measured.
    pub what: String,
    /// A name for each map.
    pub names: Vec<String>,
    /// The maps.
    pub maps: Arc<Vec<Map>>,
    /// Whether a row is a cell, not an encoder's token.
    pub of_cells: bool,
    /// Whether every number is a difference, and shows its sign; one for each map.
    pub differences: Vec<bool>,
    /// Of each map, the encoders that its values are indices of where it shows the dominant one.
    pub encoders: Vec<&'a [String]>,
    /// What is to be known of the numbers beside that.
    pub notes: Vec<&'static str>,
}

impl Table<'_> {
    /// Whether no map reaches the place numbered `at` of the widest map's grid with a part of the picture.
    pub fn is_padding(&self, at: usize) -> bool {
        let widest = self.maps.iter().map(|map| map.side as usize).max().unwrap_or(0).max(1);
        let (row, column) = (at / widest, at % widest);
        self.maps.iter().all(|map| {
            let side = map.side as usize;
            let texel = (row < side && column < side).then(|| map.texels.get(row * side + column)).flatten();
            matches!(texel, None | Some(MapTexel::Padding))
        })
    }
}

/// What the active pane shows; `None` until its numbers are here.
pub fn shown<'a>(cx: &Cx<'a>) -> Option<Table<'a>> {
    let pane = cx.state.pane();
    match (&pane.source, pane.source.look()) {
        (&MapSource::TokenAttention { layer, head }, _) => of_token(cx, pane, GridPart { layer, head }),
        (_, Some(look)) => of_both(cx, pane, look),
        (_, None) => of_maps(cx, &Shown::of(cx, pane).ok()??, pane.source.is_difference()),
    }
}

fn of_token<'a>(cx: &Cx<'a>, pane: &MapPane, part: GridPart) -> Option<Table<'a>> {
    let texts = &cx.texts.inspector;
    let gpu = cx.gpu?;
    let attention = cx.state.attentions.ready(cx.state.attention_key()?)?;
    let grid = gpu.grid(attention, part)?;
    let shown = gpu.maps(pane.id, &grid.ready()?.on_gpu, None).ok()?;
    let maps = shown.large.numbers(&MapView::of(Quantity::Share))?;
    let (what, names) = (texts.attention.to_owned(), vec![texts.attention.to_owned()]);
    let (differences, encoders) = (vec![false], vec![&[][..]]);
    Some(Table { what, names, maps, of_cells: true, differences, encoders, notes: Vec::new() })
}

/// The numbers of one run, or of the difference of two.
fn of_maps<'a>(cx: &Cx<'a>, shown: &Shown<'a>, is_difference: bool) -> Option<Table<'a>> {
    let what = what(cx, shown.lens.quantity);
    let names = names(cx, shown);
    let cells = shown.lens.side(&shown.entry.trace);
    let maps = numbers(shown)?;
    let of_cells = maps.iter().all(|map| map.side == cells);
    let differences = vec![is_difference; maps.len()];
    let encoders = vec![shown.entry.encoder_names.as_slice(); maps.len()];
    Some(Table { what, names, maps, of_cells, differences, encoders, notes: Vec::new() })
}

/// The maps of `shown` as they were measured last.
fn numbers(shown: &Shown<'_>) -> Option<Arc<Vec<Map>>> {
    let maps = if shown.lens.quantity.per_encoder() { &shown.maps.small } else { &shown.maps.large };
    maps.numbers(&shown.view)
}

/// What each of them is called.
fn names(cx: &Cx<'_>, shown: &Shown<'_>) -> Vec<String> {
    let each = shown.lens.quantity.per_encoder();
    if each { shown.entry.encoder_names.clone() } else { vec![cx.texts.inspector.all_encoders.to_owned()] }
}

/// What is measured, in words.
fn what(cx: &Cx<'_>, quantity: Quantity) -> String {
    let texts = &cx.texts.inspector;
    match quantity {
        Quantity::Share => texts.share.to_owned(),
        Quantity::Lift => format!("log₂ {}", texts.lift),
        Quantity::Entropy => format!("{} ({})", texts.entropy, texts.bits),
        Quantity::NormalisedEntropy => cx.texts.probe.normalised_entropy.0.to_owned(),
        Quantity::Dominant => cx.texts.probe.dominant.0.to_owned(),
    }
}

/// The numbers of both sides of a comparison, looked at like this.
fn of_both<'a>(cx: &Cx<'a>, pane: &MapPane, look: SidesLook) -> Option<Table<'a>> {
    let keys = cx.state.sides_of(pane)?;
    let [Some(a), Some(b)] = keys.each_ref().map(|key| cx.state.traces.get(key)) else { return None };
    let counterparts = cx.counterparts(a, b);
    let is_compared = look == SidesLook::Divergence || look == SidesLook::Difference && !counterparts.are_alike();
    if is_compared {
        let Some(MapsCompared::Ready(maps)) = cx.state.comparison.maps(&keys) else { return None };
        let layers = pane.lens.fitted(&a.trace).layers;
        let layers: Vec<&LayerComparison> =
            maps.layers.iter().filter(|layer| layers.contains(layer.places[0])).collect();
        let side = layers.iter().map(|layer| layer.side).max()?;
        let frame = Frame::new(side, a.trace.picture);
        let texts = &cx.texts.sides;
        if look == SidesLook::Divergence {
            let map = compared(&frame, &average(&layers, &frame, |layer| &layer.divergence));
            let names = vec![cx.texts.inspector.all_encoders.to_owned()];
            let what = texts.divergence_unit.to_owned();
            return Some(of_comparison(cx, maps, (what, names, vec![map], false)));
        }
        let pairs = maps.matching.encoders.iter().enumerate();
        let (names, columns) = pairs
            .map(|(at, pair)| {
                let values =
                    average(&layers, &frame, |layer| layer.share_differences.get(at).map_or(&[], Vec::as_slice));
                (a.encoder_names.get(pair.places[0]).cloned().unwrap_or_default(), compared(&frame, &values))
            })
            .unzip();
        return Some(of_comparison(cx, maps, (texts.share_difference.to_owned(), names, columns, true)));
    }
    if look == SidesLook::Difference {
        return of_maps(cx, &Shown::of(cx, pane).ok()??, true);
    }
    let [Some(of_a), Some(of_b)] = Shown::of_sides(cx, pane).ok()?? else { return None };
    let (maps_of_a, maps_of_b) = (numbers(&of_a)?, numbers(&of_b)?);
    let each = of_a.lens.quantity.per_encoder();
    let (mut headings, mut maps, mut differences, mut encoders) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (k, (name, map)) in names(cx, &of_a).into_iter().zip(maps_of_a.iter()).enumerate() {
        let other = if each { counterparts.encoder_of_b(k) } else { Some(0) };
        let Some(other) = other.and_then(|other| maps_of_b.get(other)) else { continue };
        let other = resampled(other, map.side);
        headings.extend([format!("A · {name}"), format!("B · {name}")]);
        differences.extend([false, false]);
        encoders.extend([of_a.entry, of_b.entry].map(|entry| entry.encoder_names.as_slice()));
        let difference = (map.quantity != Quantity::Dominant).then(|| difference(map, &other));
        maps.extend([map.clone(), other]);
        if let Some(difference) = difference {
            headings.push(format!("B − A · {name}"));
            differences.push(true);
            encoders.push(of_a.entry.encoder_names.as_slice());
            maps.push(difference);
        }
    }
    let cells = of_a.lens.side(&of_a.entry.trace);
    let of_cells = maps.iter().all(|map| map.side == cells);
    let notes = (cells != of_b.lens.side(&of_b.entry.trace)).then_some(cx.texts.sides.notes[1]);
    Some(Table {
        what: what(cx, of_a.lens.quantity),
        names: headings,
        maps: Arc::new(maps),
        of_cells,
        differences,
        encoders,
        notes: notes.into_iter().collect(),
    })
}

/// A table of numbers that only a comparison has.
fn of_comparison<'a>(
    cx: &Cx<'a>,
    compared: &Maps,
    (what, names, maps, signed): (String, Vec<String>, Vec<Map>, bool),
) -> Table<'a> {
    let resampled = compared.layers.iter().any(|layer| layer.resampled);
    let notes = resampled.then_some(cx.texts.sides.notes[1]).into_iter().collect();
    let (differences, encoders) = (vec![signed; maps.len()], vec![&[][..]; maps.len()]);
    // A cell of a finer grid than the pane's is none that could be selected there.
    Table { what, names, maps: Arc::new(maps), of_cells: !resampled, differences, encoders, notes }
}

/// `values` over the unpadded part of `frame` as a map.
fn compared(frame: &Frame, values: &[f32]) -> Map {
    let width = frame.columns.len();
    let texel = |row: usize, column: usize| {
        let inside = frame.rows.contains(&row) && frame.columns.contains(&column);
        let at = inside.then(|| (row - frame.rows.start) * width + column - frame.columns.start);
        at.and_then(|at| values.get(at)).map_or(MapTexel::Padding, |value| MapTexel::Value(*value))
    };
    let side = frame.side;
    let texels = (0..side * side).map(|at| texel(at / side, at % side)).collect();
    Map { quantity: Quantity::Share, side: side as u32, texels, range: None }
}

/// `map` on a grid of `side` places to a side: at each, the one that holds its centre.
fn resampled(map: &Map, side: u32) -> Map {
    if map.side == side {
        return map.clone();
    }
    let places = (0..side).flat_map(|row| (0..side).map(move |col| moved(Cell { row, col }, side, map.side)));
    let texel = |cell: Cell| map.texels.get((cell.row * map.side + cell.col) as usize).copied();
    let texels = places.map(|cell| texel(cell).unwrap_or(MapTexel::Padding)).collect();
    Map { side, texels, ..map.clone() }
}

/// B − A, place by place; where one of the two has no value, what it has instead.
fn difference(a: &Map, b: &Map) -> Map {
    let texels = a.texels.iter().zip(&b.texels).map(|(a, b)| match (a.value(), b.value()) {
        (Some(of_a), Some(of_b)) => MapTexel::Value(of_b - of_a),
        (Some(_), None) => *b,
        (None, _) => *a,
    });
    Map { texels: texels.collect(), range: None, ..a.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(side: u32, texels: &[MapTexel]) -> Map {
        Map { quantity: Quantity::Share, side, texels: texels.to_vec(), range: None }
    }

    #[test]
    fn a_difference_is_only_where_both_have_a_value() {
        use MapTexel::{Masked, Padding, Value};
        let a = map(2, &[Value(0.25), Value(1.0), Padding, Masked]);
        let b = map(2, &[Value(0.75), Masked, Padding, Value(1.0)]);
        assert_eq!(difference(&a, &b).texels, [Value(0.5), Masked, Padding, Masked]);
    }

    #[test]
    fn a_coarser_map_is_read_where_the_centre_of_a_place_lies() {
        let value = MapTexel::Value;
        let coarse = map(2, &[value(1.0), value(2.0), value(3.0), value(4.0)]);
        let fine = resampled(&coarse, 4);
        let row = |at: usize| fine.texels[4 * at..4 * at + 4].to_vec();
        assert_eq!(row(0), [1.0, 1.0, 2.0, 2.0].map(value));
        assert_eq!(row(3), [3.0, 3.0, 4.0, 4.0].map(value));
    }
}
