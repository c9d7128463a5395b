//! Panes: each paints what it is asked for, whatever others show of the same trace.

use crate::harness::{checkpoint, graphics, image, open, wait};
use egui::{Rect, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use egui_kittest::wgpu::WgpuTestRenderer;
use opabinia::window::Start;
use opabinia::window::gpu::{DrawMap, MapGpu};
use opabinia::window::state::{PaneId, Slot};
use opabinia_shaders::{AdapterChoice, Gpu, Indices, Look, MapRenderer, MapView, Quantity, TraceData};
use std::sync::Arc;

/// Pixels to a side of a pane.
const SIDE: u32 = 96;

#[test]
fn two_panes_of_one_trace_paint_their_own_pixels() {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, [1024.0, 640.0]);
    window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    crate::harness::ask(&mut window, "Describe this image in detail.");
    wait(&mut window, "the trace", |app| app.state().trace().is_some());
    let state = window.state().state();
    let entry = state.trace().unwrap();
    let picture = Arc::clone(state.pictures.ready(state.picture().unwrap()).unwrap());

    let share = MapView::of(Quantity::Share);
    let views = [
        MapView { layers: Indices::one(0), ..share },
        MapView { layers: Indices::one(3), ..share },
        MapView { heads: Indices::one(5), ..share },
        MapView::of(Quantity::Lift),
    ];
    let device = graphics();
    let gpu = MapGpu::new(&device).unwrap();
    let on_gpu = Arc::new(gpu.upload(&entry.trace, &entry.encoder_names, &picture).unwrap());
    let drawn = gpu.clone();
    let shared = Arc::clone(&on_gpu);
    let mut panes = Harness::builder()
        .with_size([4.0 * SIDE as f32, SIDE as f32])
        .renderer(WgpuTestRenderer::from_render_state(device))
        .build_ui(move |ui| {
            for (i, view) in views.iter().enumerate() {
                let maps = drawn.maps(PaneId(i as u32 + 1), &shared, None).unwrap();
                let rect = Rect::from_min_size(pos2((i as u32 * SIDE) as f32, 0.0), vec2(SIDE as f32, SIDE as f32));
                let shape = DrawMap::shape(&drawn, &maps.small, (0, 1), view, &Look::default(), rect);
                ui.ctx().layer_painter(egui::LayerId::background()).add(shape);
            }
            let _ = ui.label("panes");
        });
    panes.get_by_label("panes");
    let shot = panes.render().unwrap();

    let off_screen = Gpu::headless(&AdapterChoice::Best).unwrap();
    let renderer = MapRenderer::headless(&off_screen).unwrap();
    let trace = renderer.upload_trace(&TraceData::of(&entry.trace, &entry.encoder_names).unwrap()).unwrap();
    let photo = renderer.upload_photo(&picture.rgb, picture.width as u32, picture.height as u32).unwrap();
    for (i, view) in views.iter().enumerate() {
        let maps = renderer.measure(&trace, view).unwrap();
        let expected = renderer.render_to_image(&maps, Some(&photo), 1, &Look::default(), SIDE, SIDE).unwrap();
        // Below the line of text that lies over the first pane.
        for (at, pixel) in expected.as_chunks::<4>().0.iter().enumerate().skip((SIDE * 40) as usize) {
            let (x, y) = (at as u32 % SIDE, at as u32 / SIDE);
            let got = shot.get_pixel(i as u32 * SIDE + x, y).0;
            let off = (0..3).map(|c| got[c].abs_diff(pixel[c])).max().unwrap();
            assert!(off <= 1, "pane {i}, pixel ({x}, {y}) is {got:?}, expected {pixel:?}");
        }
    }

    // What nobody shows any more goes with its trace.
    let maps = Arc::downgrade(&gpu.maps(PaneId(1), &on_gpu, None).unwrap());
    drop(panes);
    drop(on_gpu);
    let other = Arc::new(gpu.upload(&entry.trace, &entry.encoder_names, &picture).unwrap());
    gpu.maps(PaneId(1), &other, None).unwrap();
    assert!(maps.upgrade().is_none());
}
