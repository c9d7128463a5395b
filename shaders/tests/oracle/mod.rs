//! The shaders once more in plain Rust and f64, written from the documentation of `MapView` and `Look`.

use crate::scenes::{Layer, Trace};
use opabinia_shaders::*;

impl Trace {
    /// Windows of all encoders in a layer: (first key, side of the window).
    fn windows(&self, layer: &Layer) -> Vec<(usize, u32)> {
        let mut first = 0;
        let window = |encoder: &Encoder| {
            let r = encoder.side / layer.side;
            let at = first;
            first += (r * r) as usize;
            (at, r)
        };
        self.encoders.iter().map(window).collect()
    }

    fn cell_side(&self, view: &MapView) -> u32 {
        (0..self.layers.len()).filter(|l| view.layers.contains(*l)).map(|l| self.layers[l].side).max().unwrap()
    }
}

/// What (layer, head) pairs give at a place: values, or why there is none.
struct Found {
    values: Vec<f64>,
    masked: bool,
}

impl Found {
    fn reduced(&self, reduction: Reduction) -> Result<f64, MapTexel> {
        if self.values.is_empty() {
            return Err(if self.masked { MapTexel::Masked } else { MapTexel::Padding });
        }
        Ok(match reduction {
            Reduction::Mean => self.values.iter().sum::<f64>() / self.values.len() as f64,
            Reduction::Max => self.values.iter().copied().fold(f64::MIN, f64::max),
        })
    }
}

/// Visits the cells of all chosen layers: (layer, its row, its column, mask of its keys, probabilities of all heads).
fn visit<'a>(
    trace: &'a Trace,
    view: &MapView,
    place: impl Fn(&Layer) -> (u32, u32),
    mut visitor: impl FnMut(&'a Layer, (u32, u32), &'a [u8], Vec<&'a [f32]>),
) {
    for (l, layer) in trace.layers.iter().enumerate() {
        if !view.layers.contains(l) {
            continue;
        }
        let (row, col) = place(layer);
        let inside = (layer.top..layer.top + layer.rows).contains(&row);
        if !inside || !(layer.left..layer.left + layer.cols).contains(&col) {
            continue;
        }
        let cell = ((row - layer.top) * layer.cols + col - layer.left) as usize;
        let keys = layer.mask.len() / (layer.rows * layer.cols) as usize;
        let heads = (0..trace.heads as usize).filter(|head| view.heads.contains(*head));
        let probs = heads.map(|head| &layer.probs[(cell * trace.heads as usize + head) * keys..][..keys]).collect();
        visitor(layer, (row, col), &layer.mask[cell * keys..][..keys], probs);
    }
}

fn centre_cell(layer: &Layer, cell_side: u32, row: u32, col: u32) -> (u32, u32) {
    let scale = |at: u32| ((f64::from(at) + 0.5) / f64::from(cell_side) * f64::from(layer.side)).floor() as u32;
    (scale(row), scale(col))
}

fn on_photo(encoder: &Encoder, row: u32, col: u32) -> bool {
    encoder.photo.rows.contains(&row) && encoder.photo.cols.contains(&col)
}

fn window_on_photo(encoder: &Encoder, r: u32, (row, col): (u32, u32)) -> bool {
    (0..r * r).any(|i| on_photo(encoder, row * r + i / r, col * r + i % r))
}

fn share(
    trace: &Trace,
    view: &MapView,
    k: usize,
    row: u32,
    col: u32,
    tokens: bool,
    lift: bool,
) -> Result<f64, MapTexel> {
    let encoder = &trace.encoders[k];
    let cell_side = trace.cell_side(view);
    let mut found = Found { values: vec![], masked: false };
    let place = |layer: &Layer| {
        let r = encoder.side / layer.side;
        if tokens { (row / r, col / r) } else { centre_cell(layer, cell_side, row, col) }
    };
    visit(trace, view, place, |layer, cell, mask, heads| {
        let (first, r) = trace.windows(layer)[k];
        let keys = if tokens {
            let key = first + (row % r * r + col % r) as usize;
            key..key + 1
        } else {
            first..first + (r * r) as usize
        };
        let visible = if tokens { on_photo(encoder, row, col) } else { window_on_photo(encoder, r, cell) };
        if !visible {
            return;
        }
        let open = |mask: &[u8]| mask.iter().filter(|m| **m != 0).count() as f64;
        if open(&mask[keys.clone()]) == 0.0 {
            found.masked = true;
            return;
        }
        let uniform = open(&mask[keys.clone()]) / open(mask);
        for probs in heads {
            let share: f64 = probs[keys.clone()].iter().map(|p| f64::from(*p)).sum();
            found.values.push(if lift { share / uniform } else { share });
        }
    });
    found.reduced(view.reduction)
}

fn entropy(trace: &Trace, view: &MapView, row: u32, col: u32, normalised: bool) -> Result<f64, MapTexel> {
    let cell_side = trace.cell_side(view);
    let mut found = Found { values: vec![], masked: false };
    visit(
        trace,
        view,
        |layer| centre_cell(layer, cell_side, row, col),
        |layer, cell, mask, heads| {
            let windows = trace.windows(layer);
            if !trace.encoders.iter().zip(windows).any(|(encoder, (_, r))| window_on_photo(encoder, r, cell)) {
                return;
            }
            let open = mask.iter().filter(|m| **m != 0).count();
            if open < if normalised { 2 } else { 1 } {
                found.masked = true;
                return;
            }
            for probs in heads {
                let positive = probs.iter().map(|p| f64::from(*p)).filter(|p| *p > 0.0);
                let bits: f64 = positive.map(|p| -p * p.log2()).sum();
                found.values.push(if normalised { bits / (open as f64).log2() } else { bits });
            }
        },
    );
    found.reduced(view.reduction)
}

fn texel(trace: &Trace, view: &MapView, k: usize, row: u32, col: u32, tokens: bool) -> Result<f64, MapTexel> {
    match view.quantity {
        Quantity::Share => share(trace, view, k, row, col, tokens, false),
        Quantity::Lift => {
            share(trace, view, k, row, col, tokens, true).map(|ratio| ratio.log2().max(f64::from(LIFT_FLOOR)))
        }
        Quantity::Entropy => entropy(trace, view, row, col, false),
        Quantity::NormalisedEntropy => entropy(trace, view, row, col, true),
        Quantity::Dominant => {
            let lifts: Vec<_> =
                (0..trace.encoders.len()).map(|k| share(trace, view, k, row, col, false, true)).collect();
            let valued = lifts.iter().enumerate().filter_map(|(k, lift)| Some((k, (*lift).ok()?)));
            let best = valued.reduce(|best, next| if next.1 > best.1 { next } else { best });
            let none = if lifts.contains(&Err(MapTexel::Masked)) { MapTexel::Masked } else { MapTexel::Padding };
            best.map(|(k, _)| k as f64).ok_or(none)
        }
    }
}

/// A map and the range of its colours.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) side: u32,
    pub(crate) texels: Vec<Result<f64, MapTexel>>,
    pub(crate) range: Option<(f64, f64)>,
}

/// All maps of a view.
pub(crate) fn maps(trace: &Trace, view: &MapView) -> Vec<Expected> {
    let cell_side = trace.cell_side(view);
    let per_encoder = matches!(view.quantity, Quantity::Share | Quantity::Lift);
    let window = if let Focus::Window(cell) = view.focus { Some(cell) } else { None };
    let tokens = per_encoder && (view.granularity == Granularity::Tokens || window.is_some());
    let count = if per_encoder { trace.encoders.len() } else { 1 };
    let mut maps: Vec<Expected> = (0..count)
        .map(|k| {
            let side = if tokens { trace.encoders[k].side } else { cell_side };
            let in_window = |row: u32, col: u32| {
                let per_cell = side / cell_side;
                window.is_none_or(|cell| (row / per_cell, col / per_cell) == (cell.row, cell.col))
            };
            let at = |i: u32| {
                let (row, col) = (i / side, i % side);
                let texel = texel(trace, view, k, row, col, tokens);
                if texel.is_ok() && !in_window(row, col) { Err(MapTexel::Outside) } else { texel }
            };
            Expected { side, texels: (0..side * side).map(at).collect(), range: None }
        })
        .collect();
    set_ranges(&mut maps, view.normalisation, view.symmetric);
    maps
}

/// `a` − `b`.
pub(crate) fn difference(a: &[Expected], b: &[Expected], normalisation: Normalisation) -> Vec<Expected> {
    let mut maps: Vec<Expected> = a
        .iter()
        .zip(b)
        .map(|(a, b)| {
            let texels = a.texels.iter().zip(&b.texels).map(|pair| match pair {
                (Ok(a), Ok(b)) => Ok(a - b),
                (Err(MapTexel::Padding), _) | (_, Err(MapTexel::Padding)) => Err(MapTexel::Padding),
                (Err(MapTexel::Masked), _) | (_, Err(MapTexel::Masked)) => Err(MapTexel::Masked),
                _ => Err(MapTexel::Outside),
            });
            Expected { side: a.side, texels: texels.collect(), range: None }
        })
        .collect();
    set_ranges(&mut maps, normalisation, true);
    maps
}

fn set_ranges(maps: &mut [Expected], normalisation: Normalisation, symmetric: bool) {
    let join = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
    let own: Vec<Option<(f64, f64)>> =
        maps.iter().map(|map| map.texels.iter().flatten().map(|v| (*v, *v)).reduce(join)).collect();
    let common = own.iter().flatten().copied().reduce(join);
    for (map, own) in maps.iter_mut().zip(own) {
        let range = own.map(|own| match normalisation {
            Normalisation::PerMap => own,
            Normalisation::Common => common.unwrap(),
            Normalisation::Fixed { low, high } => (f64::from(low), f64::from(high)),
        });
        map.range = range.map(|(low, high)| {
            let reach = low.abs().max(high.abs());
            if symmetric { (-reach, reach) } else { (low, high) }
        });
    }
}

/// A picture's surroundings.
pub(crate) struct Scene<'a> {
    pub(crate) photo: Option<(&'a [u8], u32, u32)>,
    /// Size of the image that the trace was made from.
    pub(crate) size: (u32, u32),
    pub(crate) cell_side: u32,
    /// Tokens to a side of the pane's encoder.
    pub(crate) token_side: u32,
    pub(crate) focus: Option<Cell>,
    pub(crate) categorical: bool,
}

fn mix(a: [f64; 3], b: [f64; 3], t: f64) -> [f64; 3] {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * t)
}

fn unit(rgb: [u8; 3]) -> [f64; 3] {
    rgb.map(|byte| f64::from(byte) / 255.0)
}

/// The picture of a map, RGBA in 0..255 before rounding.
pub(crate) fn picture(map: &Expected, scene: &Scene<'_>, look: &Look, width: u32, height: u32) -> Vec<[f64; 4]> {
    let table = look.colour_map.table();
    let step = [f64::from(look.shown.width) / f64::from(width), f64::from(look.shown.height) / f64::from(height)];
    let pixel = |i: u32| {
        let x = f64::from(look.shown.left) + (f64::from(i % width) + 0.5) * step[0];
        let y = f64::from(look.shown.top) + (f64::from(i / width) + 0.5) * step[1];
        if !(0.0..1.0).contains(&x) || !(0.0..1.0).contains(&y) {
            return [0.0; 4];
        }
        let mut colour = base(scene, look, x, y);
        let at = |row: f64, col: f64| {
            let last = f64::from(map.side - 1);
            map.texels[(row.clamp(0.0, last) * f64::from(map.side) + col.clamp(0.0, last)) as usize]
        };
        let (tx, ty) = (x * f64::from(map.side), y * f64::from(map.side));
        match at(ty.floor(), tx.floor()) {
            Ok(nearest) => {
                let value = if look.filter == Filter::Bilinear && !scene.categorical {
                    let (fx, fy) = ((tx - 0.5).floor(), (ty - 0.5).floor());
                    let (px, py) = (tx - 0.5 - fx, ty - 0.5 - fy);
                    let corners = [
                        (0.0, 0.0, (1.0 - px) * (1.0 - py)),
                        (0.0, 1.0, px * (1.0 - py)),
                        (1.0, 0.0, (1.0 - px) * py),
                        (1.0, 1.0, px * py),
                    ];
                    let known = corners.iter().filter_map(|(dy, dx, w)| Some((at(fy + dy, fx + dx).ok()?, *w)));
                    let (sum, weight) = known.fold((0.0, 0.0), |(sum, all), (value, w)| (sum + value * w, all + w));
                    sum / weight
                } else {
                    nearest
                };
                let seen = if scene.categorical {
                    unit(encoder_colours()[value as usize])
                } else {
                    let (low, high) = map.range.unwrap();
                    let part = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
                    let first = ((part * 255.0) as usize).min(254);
                    mix(unit(table[first]), unit(table[first + 1]), part * 255.0 - first as f64)
                };
                colour = mix(colour, seen, f64::from(look.opacity));
            }
            Err(MapTexel::Padding) => colour = hatched(colour, look, x / step[0], y / step[1]),
            Err(_) => {}
        }
        let distance = |cell: Cell| distance_to(cell, scene.cell_side, [x, y], step);
        let in_focus = scene.focus.map(distance);
        if look.cell_grid {
            colour = ruled(colour, look, scene.cell_side, [x, y], step);
        }
        if look.token_grid && in_focus.is_some_and(|distance| distance < 0.0) {
            colour = ruled(colour, look, scene.token_side, [x, y], step);
        }
        if let Some(cell) = look.hover {
            colour = lined(colour, look, distance(cell).abs(), (1.25, 1.0), [1.0, 0.8, 0.25], 1.0);
        }
        if let Some(distance) = in_focus {
            colour = lined(colour, look, distance.abs(), (2.0, 1.5), [1.0; 3], 1.0);
        }
        [colour[0] * 255.0, colour[1] * 255.0, colour[2] * 255.0, 255.0]
    };
    (0..width * height).map(pixel).collect()
}

/// The photo, bilinearly, or the background. Only for photos shown at their own size or larger.
fn base(scene: &Scene<'_>, look: &Look, x: f64, y: f64) -> [f64; 3] {
    let background = unit(look.background);
    let Some((rgb, width, height)) = scene.photo else { return background };
    let side = scene.size.0.max(scene.size.1);
    let px = x * f64::from(side) - f64::from((side - width) / 2);
    let py = y * f64::from(side) - f64::from((side - height) / 2);
    if !(0.0..f64::from(width)).contains(&px) || !(0.0..f64::from(height)).contains(&py) {
        return background;
    }
    let at = |row: f64, col: f64| {
        let row = row.clamp(0.0, f64::from(height - 1)) as usize;
        let col = col.clamp(0.0, f64::from(width - 1)) as usize;
        let i = (row * width as usize + col) * 3;
        unit([rgb[i], rgb[i + 1], rgb[i + 2]])
    };
    let (fx, fy) = ((px - 0.5).floor(), (py - 0.5).floor());
    let (dx, dy) = (px - 0.5 - fx, py - 0.5 - fy);
    let [r, g, b] = mix(mix(at(fy, fx), at(fy, fx + 1.0), dx), mix(at(fy + 1.0, fx), at(fy + 1.0, fx + 1.0), dx), dy);
    if look.grey_photo { [0.2126 * r + 0.7152 * g + 0.0722 * b; 3] } else { [r, g, b] }
}

/// How much of a pixel lies inside an edge that is `distance` pixels away.
fn coverage(distance: f64) -> f64 {
    (distance + 0.5).clamp(0.0, 1.0)
}

fn hatched(colour: [f64; 3], look: &Look, px: f64, py: f64) -> [f64; 3] {
    let line_px = f64::from(look.line_px);
    let along = (px + py) / 2f64.sqrt() / (9.0 * line_px);
    let from_line = (along - along.round()).abs() * 9.0 * line_px;
    let veiled = mix(colour, unit(look.background), 0.25);
    mix(veiled, [0.45, 0.46, 0.48], 0.55 * coverage(0.6 * line_px - from_line))
}

/// Signed distance in pixels to a cell: negative inside.
fn distance_to(cell: Cell, cell_side: u32, place: [f64; 2], step: [f64; 2]) -> f64 {
    let beyond: [f64; 2] = std::array::from_fn(|axis| {
        let first = f64::from([cell.col, cell.row][axis]) / f64::from(cell_side);
        let last = f64::from([cell.col, cell.row][axis] + 1) / f64::from(cell_side);
        ((first - place[axis]) / step[axis]).max((place[axis] - last) / step[axis])
    });
    let outside = beyond[0].max(0.0).hypot(beyond[1].max(0.0));
    outside + beyond[0].max(beyond[1]).min(0.0)
}

/// A line of a width with rims of another, the middle of which is `distance` pixels away.
fn lined(
    colour: [f64; 3],
    look: &Look,
    distance: f64,
    (width, rim): (f64, f64),
    ink: [f64; 3],
    strength: f64,
) -> [f64; 3] {
    let line_px = f64::from(look.line_px);
    let rimmed = mix(colour, [0.0; 3], 0.75 * strength * coverage((width / 2.0 + rim) * line_px - distance));
    mix(rimmed, ink, strength * coverage(width / 2.0 * line_px - distance))
}

/// Lines between `count` parts to a side, which fade from 8 units of line width apart to 3.
fn ruled(colour: [f64; 3], look: &Look, count: u32, place: [f64; 2], step: [f64; 2]) -> [f64; 3] {
    let part = 1.0 / f64::from(count);
    let nearest = [0, 1].map(|axis| {
        let past = place[axis].rem_euclid(part);
        past.min(part - past) / step[axis]
    });
    let apart = (part / step[0]).min(part / step[1]) / f64::from(look.line_px);
    let strength = 0.4 * ((apart - 3.0) / 5.0).clamp(0.0, 1.0);
    lined(colour, look, nearest[0].min(nearest[1]), (0.6, 0.6), [1.0; 3], strength)
}
