//! What cannot be drawn is refused in words, and an adapter that is not there is named with what to install.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use opabinia_shaders::*;

fn gpu() -> Gpu {
    Gpu::headless(&AdapterChoice::Best).unwrap_or_else(|error| panic!("{error}"))
}

fn renderer_on(gpu: &Gpu) -> MapRenderer {
    MapRenderer::new(&gpu.device, &gpu.queue, wgpu::TextureFormat::Rgba8Unorm).unwrap()
}

fn renderer() -> MapRenderer {
    renderer_on(&gpu())
}

const PROBS: [f32; 4 * 2] = [0.5; 8];
const MASK: [u8; 8] = [1; 8];

/// A trace of 2 × 2 cells, one head and two encoders of one key each.
fn trace() -> TraceData<'static> {
    let encoder = |name: &str| Encoder { name: name.to_owned(), side: 2, photo: TokenRect { rows: 0..2, cols: 0..2 } };
    TraceData {
        heads: 1,
        encoders: vec![encoder("a"), encoder("b")],
        layers: vec![TraceLayer {
            label: "sampler 0".to_owned(),
            side: 2,
            origin_row: 0,
            origin_col: 0,
            rows: 2,
            cols: 2,
            probs: &PROBS,
            mask: &MASK,
        }],
        image_width: 4,
        image_height: 4,
    }
}

#[track_caller]
fn refused<T>(result: Result<T>, words: &str) {
    let message = result.err().expect("it was not refused").to_string();
    assert!(message.contains(words), "\"{message}\" does not say \"{words}\"");
}

#[test]
fn traces_that_contradict_themselves_are_refused() {
    let renderer = renderer();
    renderer.upload_trace(&trace()).unwrap();
    let refuse = |change: &dyn Fn(&mut TraceData<'static>), words: &str| {
        let mut data = trace();
        change(&mut data);
        refused(renderer.upload_trace(&data), words);
    };
    refuse(&|t| t.layers.clear(), "0 layers");
    refuse(&|t| t.encoders.clear(), "0 encoders");
    refuse(&|t| t.heads = 129, "129 heads");
    refuse(&|t| t.heads = 2, "layer sampler 0: 8 entries of probabilities, expected 16");
    refuse(&|t| t.image_width = 0, "0 × 4 pixels");
    refuse(&|t| t.encoders[1].side = 3, "do not divide the 3 tokens of encoder b");
    refuse(&|t| t.encoders[1].side = u32::MAX, "encoder b has 4294967295 tokens");
    refuse(&|t| t.encoders[1].photo.rows.end = 3, "the photo covers rows 0..3");
    refuse(&|t| t.layers[0].side = 0, "do not divide");
    refuse(&|t| t.layers[0].origin_row = 1, "outside of its 2 × 2 cells");
    refuse(&|t| t.layers[0].origin_col = u32::MAX, "outside of its 2 × 2 cells");
    refuse(&|t| t.layers[0].mask = &MASK[..7], "7 entries of mask, expected 8");
    refuse(
        &|t| t.layers[0].probs = &[0.5, 0.5, 0.5, f32::NAN, 0.5, 0.5, 0.5, 0.5],
        "NaN is no probability (cell 1, key 1)",
    );
    refuse(&|t| t.layers[0].probs = &[0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0.5, 0.5], "-0.5 is no probability");
}

#[test]
fn grids_that_contradict_themselves_are_refused() {
    let renderer = renderer();
    let grid = GridData {
        label: "token 3".to_owned(),
        side: 3,
        origin_row: 1,
        origin_col: 0,
        rows: 2,
        cols: 3,
        values: &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        image_width: 4,
        image_height: 4,
    };
    renderer.upload_grid(&grid).unwrap();
    let refuse = |grid: GridData<'_>, words: &str| refused(renderer.upload_grid(&grid), words);
    refuse(GridData { values: &[0.0], ..grid.clone() }, "token 3: 1 values for 2 × 3 cells");
    refuse(GridData { rows: u32::MAX, cols: u32::MAX, ..grid.clone() }, "6 values for 4294967295 × 4294967295");
    refuse(GridData { rows: 0, values: &[], ..grid.clone() }, "covers rows 1..1");
    refuse(GridData { origin_row: 2, ..grid.clone() }, "covers rows 2..4");
    refuse(GridData { origin_row: u32::MAX, ..grid.clone() }, "from row 4294967295");
    refuse(GridData { side: 0, ..grid.clone() }, "0 tokens");
    refuse(GridData { image_height: 0, ..grid.clone() }, "4 × 0 pixels");
    for wrong in [f32::NEG_INFINITY, f32::NAN, f32::INFINITY] {
        let values = [0.0, 1.0, 2.0, wrong, 4.0, 5.0];
        refuse(
            GridData { values: &values, ..grid.clone() },
            &format!("{wrong} is no value that a map can show (cell 3"),
        );
    }
}

#[test]
fn views_of_what_is_not_there_are_refused() {
    let gpu = gpu();
    let renderer = renderer_on(&gpu);
    let trace = renderer.upload_trace(&trace()).unwrap();
    let view = MapView::of(Quantity::Share);
    refused(renderer.measure(&trace, &MapView { layers: Indices::one(1), ..view }), "none of the trace's 1 layers");
    refused(renderer.measure(&trace, &MapView { heads: Indices::one(200), ..view }), "none of the trace's 1 heads");
    let focus = Focus::Outline(Cell { row: 0, col: 2 });
    refused(renderer.measure(&trace, &MapView { focus, ..view }), "no cell (0, 2)");
    let normalisation = Normalisation::Fixed { low: 1.0, high: 1.0 };
    refused(renderer.measure(&trace, &MapView { normalisation, ..view }), "from 1 to 1");

    let maps = renderer.measure(&trace, &view).unwrap();
    refused(renderer.read_map(&maps, 2), "no encoder 2");
    let look = Look::default();
    refused(renderer.render_to_image(&maps, None, 0, &look, 0, 10), "makes no picture");
    refused(renderer.render_to_image(&maps, None, 0, &look, 10, u32::MAX), "ask for a smaller picture");
    refused(renderer.render_to_image(&maps, None, 0, &Look { opacity: f32::NAN, ..look }, 8, 8), "makes no picture");
    let hover = Some(Cell { row: 2, col: 0 });
    refused(renderer.render_to_image(&maps, None, 0, &Look { hover, ..look }, 8, 8), "no cell (2, 0)");
    let lift = renderer.measure(&trace, &MapView::of(Quantity::Lift)).unwrap();
    refused(renderer.difference(&maps, &lift, Normalisation::Common), "have no difference");

    let mut commands = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let other = renderer.measure(&trace, &view).unwrap();
    let mut difference = renderer.difference(&maps, &other, Normalisation::Common).unwrap();
    refused(renderer.update(&mut commands, &mut difference, &view), "a difference of others");
    let swapped = (&other, &maps);
    let common = Normalisation::Common;
    refused(renderer.update_difference(&mut commands, &mut difference, swapped, common), "of those two");
    let mut of_trace = renderer.maps(&trace).unwrap();
    refused(renderer.update_difference(&mut commands, &mut of_trace, swapped, common), "of those two");
    assert_eq!(gpu.fault(), None);
}

#[test]
fn photos_of_another_size_are_refused() {
    let renderer = renderer();
    refused(renderer.upload_photo(&[0; 5], 2, 1), "expected 6");
    refused(renderer.upload_photo(&[], 0, 0), "0 × 0");
    let photo = renderer.upload_photo(&[9; 6], 2, 1).unwrap();
    let trace = renderer.upload_trace(&trace()).unwrap();
    let maps = renderer.measure(&trace, &MapView::of(Quantity::Share)).unwrap();
    refused(renderer.render_to_image(&maps, Some(&photo), 0, &Look::default(), 8, 8), "made from one of 4 × 4");
}

#[test]
fn photos_beyond_the_device_s_textures_are_made_smaller() {
    let renderer = renderer();
    let width = 70_000;
    let rgb: Vec<u8> = (0..width).flat_map(|x| if x < width / 2 { [200, 0, 0] } else { [0, 0, 200] }).collect();
    let photo = renderer.upload_photo(&rgb, width, 1).unwrap();
    let data = TraceData { image_width: width, image_height: 1, ..trace() };
    let trace = renderer.upload_trace(&data).unwrap();
    let maps = renderer.measure(&trace, &MapView::of(Quantity::Share)).unwrap();
    let look = Look { opacity: 0.0, shown: trace.photo_rect(), ..Look::default() };
    let picture = renderer.render_to_image(&maps, Some(&photo), 0, &look, 8, 1).unwrap();
    assert_eq!(picture[..4], [200, 0, 0, 255]);
    assert_eq!(picture[28..], [0, 0, 200, 255]);
}

#[test]
fn a_missing_adapter_is_named_with_what_to_install() {
    let choice = AdapterChoice::from_text("no adapter has this name");
    let message = Gpu::headless(&choice).unwrap_err().to_string();
    assert!(message.contains("apt install mesa-vulkan-drivers libvulkan1"), "{message}");
    assert!(message.contains("which was asked for"), "{message}");
}

#[test]
fn adapters_are_listed_best_first() {
    let adapters = list_adapters();
    let first = adapters.first().expect("no adapter at all");
    assert!(adapters.iter().any(|adapter| adapter.obstacle.is_none()), "{adapters:?}");
    let best = Gpu::headless(&AdapterChoice::Best).unwrap().adapter;
    assert!(first.obstacle.is_some() || first.name == best.name, "{first:?} {best:?}");
}
