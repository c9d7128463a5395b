//! Maps and pictures of random traces against the plain-Rust oracle.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod oracle;
mod scenes;

use opabinia_shaders::*;
use oracle::{Expected, Scene};
use scenes::{Trace, gpu, photo, renderer_on, tall_masked, wide};

fn renderer() -> MapRenderer {
    renderer_on(&gpu())
}

fn views(trace: &Trace) -> Vec<MapView> {
    use Quantity::*;
    let mut views = vec![];
    for quantity in [Share, Lift, Entropy, NormalisedEntropy, Dominant] {
        for reduction in [Reduction::Mean, Reduction::Max] {
            for granularity in [Granularity::Cells, Granularity::Tokens] {
                let view = MapView { reduction, granularity, ..MapView::of(quantity) };
                let few = [0, trace.layers.len() - 1].into_iter().collect();
                let fixed = Normalisation::Fixed { low: -0.3, high: 0.8 };
                let window = Focus::Window(Cell { row: 2, col: 1 });
                let padded = Focus::Window(Cell { row: 0, col: 0 });
                views.push(view);
                views.push(MapView { layers: few, normalisation: Normalisation::PerMap, ..view });
                views.push(MapView { heads: Indices::one(3), normalisation: fixed, symmetric: false, ..view });
                views.push(MapView { layers: Indices::one(trace.layers.len() - 1), symmetric: true, ..view });
                views.push(MapView { focus: window, normalisation: Normalisation::PerMap, ..view });
                views.push(MapView { focus: padded, heads: [0, 4].into_iter().collect(), ..view });
            }
        }
    }
    views
}

fn assert_close(found: &Map, expected: &Expected, what: &str) {
    assert_eq!(found.side, expected.side, "{what}");
    // Relative to the value, or for values near zero to the greatest of the map. Lift near 0 is the logarithm of a ratio
    // near 1, of which f32 keeps 1e-7.
    let greatest = expected.texels.iter().flatten().fold(0.0, |most: f64, v| most.max(v.abs()));
    let finest = if found.quantity == Quantity::Lift { 1e-6 } else { 1e-6 * greatest };
    let close = |a: f32, b: f64| (f64::from(a) - b).abs() <= (1e-5 * b.abs()).max(finest);
    for (i, (a, b)) in found.texels.iter().zip(&expected.texels).enumerate() {
        match (a, b) {
            (MapTexel::Value(a), Ok(b)) => assert!(close(*a, *b), "{what}: texel {i} is {a}, expected {b}"),
            (a, b) => assert_eq!(Err(*a), *b, "{what}: texel {i}"),
        }
    }
    match (found.range, expected.range) {
        (Some((low, high)), Some(range)) => {
            assert!(close(low, range.0) && close(high, range.1), "{what}: {low}..{high}, expected {range:?}");
        }
        (a, b) => assert!(a.is_none() && b.is_none(), "{what}: {a:?} {b:?}"),
    }
}

/// Every channel within one level of 255. `found` was rounded, which takes half of it.
fn assert_same_picture(found: &[u8], expected: &[[f64; 4]], what: &str) {
    assert_eq!(found.len(), expected.len() * 4, "{what}");
    for (i, (a, b)) in found.chunks(4).zip(expected).enumerate() {
        let off = (0..4).any(|c| (f64::from(a[c]) - b[c]).abs() > 1.0);
        assert!(!off, "{what}: pixel {i} is {a:?}, expected {b:?}");
    }
}

#[test]
fn maps_are_those_of_the_oracle() {
    let renderer = renderer();
    let mut states = [0; 4];
    for trace in [wide(1), tall_masked(2)] {
        let on_gpu = renderer.upload_trace(&trace.data()).unwrap();
        for view in views(&trace) {
            let maps = renderer.measure(&on_gpu, &view).unwrap();
            for (k, expected) in oracle::maps(&trace, &view).iter().enumerate() {
                let map = renderer.read_map(&maps, k).unwrap();
                assert_close(&map, expected, &format!("encoder {k} of {view:?}"));
                for texel in &map.texels {
                    states[match texel {
                        MapTexel::Value(_) => 0,
                        MapTexel::Outside => 1,
                        MapTexel::Padding => 2,
                        MapTexel::Masked => 3,
                    }] += 1;
                }
                if view.normalisation == Normalisation::PerMap && !view.symmetric {
                    let values = || map.texels.iter().filter_map(|texel| texel.value());
                    let exact = values().reduce(f32::min).zip(values().reduce(f32::max));
                    assert_eq!(map.range, exact, "minimum and maximum are exact");
                }
            }
        }
    }
    assert!(states.iter().all(|count| *count > 100), "the traces do not reach every state of a texel: {states:?}");
}

#[test]
fn shares_of_a_cell_sum_to_one_and_the_dominant_encoder_has_the_highest_lift() {
    let renderer = renderer();
    let trace = wide(3);
    let on_gpu = renderer.upload_trace(&trace.data()).unwrap();
    let shares = renderer.measure(&on_gpu, &MapView::of(Quantity::Share)).unwrap();
    let shares: Vec<Map> = (0..4).map(|k| renderer.read_map(&shares, k).unwrap()).collect();
    let lifts = renderer.measure(&on_gpu, &MapView::of(Quantity::Lift)).unwrap();
    let lifts: Vec<Map> = (0..4).map(|k| renderer.read_map(&lifts, k).unwrap()).collect();
    let dominant = renderer.measure(&on_gpu, &MapView::of(Quantity::Dominant)).unwrap();
    let dominant = renderer.read_map(&dominant, 0).unwrap();
    let mut by_share = 0;
    // Row 2 lies on the photo for every encoder.
    for texel in 12..18 {
        let of_cell: Vec<f32> = shares.iter().map(|map| map.texels[texel].value().unwrap()).collect();
        assert!((of_cell.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{of_cell:?}");
        let lift: Vec<f32> = lifts.iter().map(|map| map.texels[texel].value().unwrap()).collect();
        let highest = lift.iter().copied().fold(f32::MIN, f32::max);
        let is = dominant.texels[texel].value().unwrap() as usize;
        assert_eq!(lift[is], highest);
        by_share += usize::from(of_cell[is] == of_cell.iter().copied().fold(0.0, f32::max));
    }
    assert!(by_share < 6, "share and lift name the same encoders: the scene tells them not apart");
}

#[test]
fn updating_maps_gives_what_measuring_anew_gives() {
    let gpu = gpu();
    let renderer = renderer_on(&gpu);
    let trace = wide(4);
    let on_gpu = renderer.upload_trace(&trace.data()).unwrap();
    let mut maps = renderer.measure(&on_gpu, &MapView::of(Quantity::Share)).unwrap();
    for view in views(&trace) {
        let mut commands = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        renderer.update(&mut commands, &mut maps, &view).unwrap();
        gpu.queue.submit([commands.finish()]);
        let anew = renderer.measure(&on_gpu, &view).unwrap();
        assert_eq!(renderer.read_map(&maps, 0).unwrap(), renderer.read_map(&anew, 0).unwrap(), "{view:?}");
    }
    assert_eq!(gpu.fault(), None);
}

fn looks() -> Vec<Look> {
    let mut looks = vec![];
    for (i, colour_map) in ColourMap::ALL.into_iter().enumerate() {
        for filter in [Filter::Nearest, Filter::Bilinear] {
            let opacity = [0.0, 0.35, 0.6, 0.85, 1.0][i];
            looks.push(Look { colour_map, filter, opacity, ..Look::default() });
        }
    }
    let shown = Rect { left: 0.25, top: -0.125, width: 0.5, height: 0.5 };
    looks.push(Look { shown, line_px: 2.5, background: [250, 250, 245], ..Look::default() });
    let hover = Some(Cell { row: 1, col: 1 });
    looks.push(Look { hover, cell_grid: true, ..Look::default() });
    looks.push(Look { colour_map: ColourMap::Diverging, grey_photo: true, ..Look::default() });
    looks.push(Look { hover, token_grid: true, shown, line_px: 0.75, ..Look::default() });
    looks
}

#[test]
fn pictures_are_those_of_the_oracle() {
    let renderer = renderer();
    // Four pixels to the finest texel: no pixel's centre lies on the edge of a texel.
    let side = 96;
    for trace in [wide(5), tall_masked(6)] {
        let on_gpu = renderer.upload_trace(&trace.data()).unwrap();
        let rgb = photo(trace.size);
        let on_gpu_photo = renderer.upload_photo(&rgb, trace.size.0, trace.size.1).unwrap();
        for (i, mut view) in views(&trace).into_iter().enumerate() {
            if i % 4 == 0 && view.focus == Focus::Whole {
                view.focus = Focus::Outline(Cell { row: 1, col: 2 });
            }
            let maps = renderer.measure(&on_gpu, &view).unwrap();
            let expected_maps = oracle::maps(&trace, &view);
            let with_photo = i % 5 != 0;
            let sides = trace.layers.iter().enumerate().filter(|(l, _)| view.layers.contains(*l));
            let k = i % expected_maps.len();
            let scene = Scene {
                token_side: trace.encoders[k].side,
                photo: with_photo.then_some((&rgb, trace.size.0, trace.size.1)),
                size: trace.size,
                cell_side: sides.map(|(_, layer)| layer.side).max().unwrap(),
                focus: view.focus.cell(),
                categorical: view.quantity == Quantity::Dominant,
            };
            for look in looks() {
                let found =
                    renderer.render_to_image(&maps, with_photo.then_some(&on_gpu_photo), k, &look, side, side).unwrap();
                let expected = oracle::picture(&expected_maps[k], &scene, &look, side, side);
                assert_same_picture(&found, &expected, &format!("encoder {k} of {view:?} as {look:?}"));
            }
        }
    }
}

#[test]
fn differences_are_those_of_the_oracle() {
    let renderer = renderer();
    let traces = [wide(8), wide(9)];
    let on_gpu = [0, 1].map(|i| renderer.upload_trace(&traces[i].data()).unwrap());
    for view in views(&traces[0]) {
        let [a, b] = [0, 1].map(|i| renderer.measure(&on_gpu[i], &view).unwrap());
        if view.quantity == Quantity::Dominant {
            assert!(renderer.difference(&a, &b, Normalisation::Common).is_err());
            continue;
        }
        let found = renderer.difference(&a, &b, view.normalisation).unwrap();
        let [a, b] = [0, 1].map(|i| oracle::maps(&traces[i], &view));
        let expected = oracle::difference(&a, &b, view.normalisation);
        for (k, (mut expected, a)) in expected.into_iter().zip(&a).enumerate() {
            let map = renderer.read_map(&found, k).unwrap();
            // A difference is as exact as what it was taken from.
            let scale = a.texels.iter().flatten().fold(0.0, |most: f64, v| most.max(v.abs()));
            for (found, expected) in map.texels.iter().zip(&mut expected.texels) {
                if let (MapTexel::Value(found), Ok(value)) = (found, &*expected) {
                    assert!((f64::from(*found) - value).abs() <= 1e-5 * scale, "{found} {value} in {view:?}");
                } else {
                    assert_eq!(found.value(), None);
                    assert!(expected.is_err());
                }
            }
            assert_eq!(map.range.is_some(), expected.range.is_some());
            if let Some((low, high)) = map.range {
                assert_eq!(low, -high, "the range lies symmetrically about 0");
            }
        }
    }
}

#[test]
fn pictures_of_differences_are_those_of_the_oracle() {
    let renderer = renderer();
    let traces = [wide(17), wide(18)];
    let on_gpu = [0, 1].map(|i| renderer.upload_trace(&traces[i].data()).unwrap());
    let rgb = photo(traces[0].size);
    let on_gpu_photo = renderer.upload_photo(&rgb, traces[0].size.0, traces[0].size.1).unwrap();
    for view in [MapView::of(Quantity::Share), MapView::of(Quantity::Lift), MapView::of(Quantity::Entropy)] {
        let [a, b] = [0, 1].map(|i| renderer.measure(&on_gpu[i], &view).unwrap());
        let found = renderer.difference(&a, &b, view.normalisation).unwrap();
        let [a, b] = [0, 1].map(|i| oracle::maps(&traces[i], &view));
        for (k, expected) in oracle::difference(&a, &b, view.normalisation).iter().enumerate() {
            let scene = Scene {
                photo: Some((&rgb, traces[0].size.0, traces[0].size.1)),
                size: traces[0].size,
                cell_side: 6,
                token_side: traces[0].encoders[k].side,
                focus: None,
                categorical: false,
            };
            for grey_photo in [false, true] {
                let look = Look { colour_map: ColourMap::Diverging, grey_photo, ..Look::default() };
                let picture = renderer.render_to_image(&found, Some(&on_gpu_photo), k, &look, 96, 96).unwrap();
                let what = format!("encoder {k} of the difference in {view:?}");
                assert_same_picture(&picture, &oracle::picture(expected, &scene, &look, 96, 96), &what);
            }
        }
    }
}

#[test]
fn signed_values_have_nothing_in_the_middle_of_the_colours() {
    let renderer = renderer();
    // What an intervention adds or takes away; nothing in the middle.
    let values: Vec<f32> = (0..16).map(|i| [0.0, -3.5, 1e-4, -2e-3][i % 4] * (i as f32 + 1.0)).collect();
    let grid = GridData {
        label: "effect".to_owned(),
        side: 4,
        origin_row: 0,
        origin_col: 0,
        rows: 4,
        cols: 4,
        values: &values,
        image_width: 40,
        image_height: 40,
    };
    let on_gpu = renderer.upload_grid(&grid).unwrap();
    let texels: Vec<_> = values.iter().map(|value| Ok(f64::from(*value))).collect();
    let most = 3.5 * 14.0;
    for reduction in [Reduction::Mean, Reduction::Max] {
        let view = MapView { reduction, symmetric: true, ..MapView::of(Quantity::Share) };
        let maps = renderer.measure(&on_gpu, &view).unwrap();
        let expected = Expected { side: 4, texels: texels.clone(), range: Some((-most, most)) };
        assert_close(&renderer.read_map(&maps, 0).unwrap(), &expected, "signed grid");
        let look = Look { colour_map: ColourMap::Diverging, opacity: 1.0, ..Look::default() };
        let picture = renderer.render_to_image(&maps, None, 0, &look, 64, 64).unwrap();
        let scene = Scene { photo: None, size: (40, 40), cell_side: 4, token_side: 4, focus: None, categorical: false };
        assert_same_picture(&picture, &oracle::picture(&expected, &scene, &look, 64, 64), "signed grid");
        let table = ColourMap::Diverging.table();
        let neutral = table[127].iter().zip(table[128]).map(|(a, b)| a.abs_diff(b)).max();
        assert!(neutral.is_some_and(|apart| apart <= 4), "the middle of the table is where it changes sides");
        assert!((0..3).all(|c| picture[c].abs_diff(table[127][c]) <= 4), "nothing has the colour of the middle");
    }
}

#[test]
fn grids_of_values_are_maps_like_others() {
    let renderer = renderer();
    // Attention is small; what a caller adds up over layers and heads may exceed 1.
    let values: Vec<f32> = (0..4 * 6).map(|i| [0.0, 1e-5, 0.03, 7.5][i % 4] * (i as f32 + 1.0) / 24.0).collect();
    let rgb = photo((80, 40));
    let on_gpu_photo = renderer.upload_photo(&rgb, 80, 40).unwrap();
    let grid = GridData {
        label: "token 3".to_owned(),
        side: 6,
        origin_row: 1,
        origin_col: 0,
        rows: 4,
        cols: 6,
        values: &values,
        image_width: 80,
        image_height: 40,
    };
    let on_gpu = renderer.upload_grid(&grid).unwrap();
    let mut texels = vec![Err(MapTexel::Padding); 36];
    texels[6..30].iter_mut().zip(&values).for_each(|(texel, value)| *texel = Ok(f64::from(*value)));
    let focus = Cell { row: 2, col: 5 };
    let fixed = Normalisation::Fixed { low: 0.0, high: 0.5 };
    for (normalisation, range) in [(Normalisation::PerMap, (0.0, 7.5)), (fixed, (0.0, 0.5))] {
        let expected = Expected { side: 6, texels: texels.clone(), range: Some(range) };
        let view = MapView { normalisation, focus: Focus::Outline(focus), ..MapView::of(Quantity::Share) };
        let maps = renderer.measure(&on_gpu, &view).unwrap();
        assert_close(&renderer.read_map(&maps, 0).unwrap(), &expected, "grid");
        for look in looks() {
            let picture = renderer.render_to_image(&maps, Some(&on_gpu_photo), 0, &look, 96, 96).unwrap();
            let scene = Scene {
                photo: Some((&rgb, 80, 40)),
                size: (80, 40),
                cell_side: 6,
                token_side: 6,
                focus: Some(focus),
                categorical: false,
            };
            let expected = oracle::picture(&expected, &scene, &look, 96, 96);
            assert_same_picture(&picture, &expected, &format!("grid as {look:?}"));
        }
    }
}
