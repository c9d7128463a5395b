//! Memory of the whole window over many frames, on both back ends of the software driver.
//!
//! The pointer moves, the view changes, traces come and go. A process of its own, whose memory nobody else uses.
//! `OPABINIA_SOAK_FRAMES` sets another number of frames, for a longer run by hand. `shaders/tests/soak.rs` draws many more
//! frames in less time, without what surrounds the maps.
//!
//! 10,000 frames took 15 minutes on each back end with the release profile: from 183.6 MiB after warming up to 183.7 MiB at
//! most on Vulkan, from 196.2 to 198.7 MiB on OpenGL.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "window/harness.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod harness;
#[path = "support/resident.rs"]
mod resident;

use egui::{Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use harness::{ask, checkpoint, image, open_on, wait};
use opabinia::window::Start;
use opabinia::window::app::App;
use opabinia::window::state::Slot;
use opabinia::window::state::{MapSource, ViewChange};
use opabinia_shaders::{Cell, Indices};
use resident::{resident, rise};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Frames of each back end, unless the environment says otherwise.
const FRAMES: usize = 150;
/// How far resident memory may rise above what it was after the first fifth of the frames.
const ALLOWED: f64 = 1.05;
/// Bytes of a frame that may stay behind, as the slope over the same frames: a leak too slow for the other bound. The least
/// that paint callbacks ever left was 1.4 MB.
const PER_FRAME: f64 = 32.0 * 1024.0;

/// A device of the software driver behind `backend`, with all of its limits, as the program opens it.
fn software(backend: wgpu::Backends) -> egui_wgpu::RenderState {
    let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.instance_descriptor.backends = backend;
    setup.native_adapter_selector = Some(Arc::new(|adapters, _| {
        let found = adapters.iter().find(|adapter| adapter.get_info().device_type == wgpu::DeviceType::Cpu);
        found.cloned().ok_or_else(|| {
            "no software driver: run `bash tests/run.sh`, or install one: \
             apt-get install libvulkan1 mesa-vulkan-drivers libegl1 libgl1-mesa-dri"
                .to_owned()
        })
    }));
    setup.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
        label: Some("soak"),
        required_limits: adapter.limits(),
        ..Default::default()
    });
    let setup = egui_wgpu::WgpuSetup::CreateNew(setup);
    egui_kittest::wgpu::create_render_state(setup, egui_wgpu::RendererOptions::PREDICTABLE)
}

/// A window with maps in it.
fn asked(backend: wgpu::Backends) -> Harness<'static, App> {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open_on(software(backend), start, [1024.0, 640.0]);
    // What a random model answers is in many scripts, and beside the point here.
    window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    ask(&mut window, "Describe this image in detail.");
    wait(&mut window, "the maps", |app| !app.state().is_busy() && app.maps().is_some());
    window
}

/// Frame `i`: the pointer moves over the map; now and then the view changes; less often a trace takes another's place.
fn frame(window: &mut Harness<'static, App>, i: usize) {
    // After another trace took the place of the one before, until it is on the device.
    while window.query_by_label("Map").is_none() {
        std::thread::sleep(Duration::from_millis(1));
        window.step();
    }
    let canvas = window.get_by_label("Map").rect();
    let place = vec2((i * 7 % 100) as f32, (i * 13 % 100) as f32) / 100.0;
    window.hover_at(Pos2::new(canvas.left(), canvas.top()) + canvas.size() * place);
    let app = window.state_mut();
    if i.is_multiple_of(5) {
        app.act(match i / 5 % 5 {
            0 => ViewChange::Quantity(MapSource::QUANTITIES[i / 25 % MapSource::QUANTITIES.len()]),
            1 => ViewChange::Layers(Indices::one(i % 3)),
            2 => ViewChange::Heads(Indices::one(i % 16)),
            3 => ViewChange::Select(Some(Cell { row: 2, col: i as u32 % 6 })),
            _ => ViewChange::Opacity(i as f32 % 10.0 / 10.0),
        });
    }
    if i.is_multiple_of(40) {
        let trace = app.state().trace().unwrap().trace.as_ref().clone();
        app.show_trace(trace);
    }
    window.step();
    window.render().unwrap();
}

#[test]
fn memory_of_the_window_stays_flat_over_many_frames() {
    let frames = std::env::var("OPABINIA_SOAK_FRAMES").ok();
    let frames = frames.map_or(FRAMES, |count| count.parse().expect("OPABINIA_SOAK_FRAMES is a number of frames"));
    let mut grown = vec![];
    for backend in [wgpu::Backends::VULKAN, wgpu::Backends::GL] {
        let mut window = asked(backend);
        let started = Instant::now();
        let warm = frames / 5;
        (0..warm).for_each(|i| frame(&mut window, i));
        let before = resident();
        let readings: Vec<u64> = (warm..frames)
            .map(|i| {
                frame(&mut window, i);
                resident()
            })
            .collect();
        let (most, slope) = (readings.iter().copied().fold(before, u64::max), rise(&readings));
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let line = format!(
            "{backend:?}: {frames} frames in {:.1} s, {:.1} MiB, then at most {:.1} MiB, {:.0} bytes a frame",
            started.elapsed().as_secs_f64(),
            mib(before),
            mib(most),
            slope,
        );
        println!("{line}");
        if most as f64 > before as f64 * ALLOWED || slope > PER_FRAME {
            grown.push(line);
        }
    }
    assert!(grown.is_empty(), "memory grows with the frames:\n{}", grown.join("\n"));
}
