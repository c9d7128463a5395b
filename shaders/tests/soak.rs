//! Memory over ten thousand frames of a window, on both back ends of the software driver.
//!
//! One ingredient of a frame at a time, so that a failure names what leaks, then all of them together.
//! `OPABINIA_SOAK_FRAMES` sets another number of frames, for a longer run by hand.

#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../../tests/support/resident.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod resident;
#[allow(dead_code, reason = "other tests use the rest of it")]
mod scenes;

use opabinia_shaders::*;
use resident::resident;
use scenes::{photo, tall_masked, wide};
use std::time::Instant;

/// Frames of each back end, unless the environment says otherwise.
const FRAMES: usize = 10_000;
/// How far resident memory may rise above what it was after the first tenth of the frames.
const ALLOWED: f64 = 1.05;
/// Pixels to a side of the window.
const SIDE: u32 = 16;
/// Maps that a window shows at a time: a large one and one for each encoder.
const PANES: usize = 5;
/// Traces that are open at a time.
const OPEN: usize = 3;

/// What a frame does besides painting.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// The pointer moves over the maps in every frame.
    pointer: bool,
    /// The view changes every so many frames; 0 is never.
    view: usize,
    /// A trace is opened and the oldest one closed every so many frames; 0 is never.
    trace: usize,
}

const PAINTING: Frame = Frame { pointer: false, view: 0, trace: 0 };

/// Ingredients, and each one's part of the frames.
const INGREDIENTS: [(&str, Frame, usize); 4] = [
    ("painting", PAINTING, 10),
    ("moving the pointer", Frame { pointer: true, ..PAINTING }, 20),
    ("changing the view", Frame { view: 1, ..PAINTING }, 20),
    ("opening and closing traces", Frame { trace: 1, ..PAINTING }, 20),
];
/// A tenth of all changes that a person makes is more than a movement of the pointer.
const ALL: Frame = Frame { pointer: true, view: 10, trace: 100 };

/// A device of the software driver behind `backend`.
fn software(backend: wgpu::Backends) -> (wgpu::Device, wgpu::Queue) {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backend;
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let adapters = pollster::block_on(instance.enumerate_adapters(backend));
    let found: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    let Some(adapter) = adapters.into_iter().find(|adapter| adapter.get_info().device_type == wgpu::DeviceType::Cpu)
    else {
        panic!(
            "no software driver for {backend:?}, only {found:?}: run `bash tests/run.sh`, or install one: \
             apt-get install libvulkan1 mesa-vulkan-drivers libegl1 libgl1-mesa-dri"
        );
    };
    let request = adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("soak"),
        required_limits: adapter.limits(),
        ..Default::default()
    });
    pollster::block_on(request).unwrap()
}

/// A trace with its photo, its maps and a place on the screen for each.
struct Open {
    maps: MapSet,
    panes: Vec<Pane>,
    encoders: usize,
    pending: Option<PendingMaps>,
}

/// A window without a screen.
struct Window {
    device: wgpu::Device,
    queue: wgpu::Queue,
    renderer: MapRenderer,
    faults: Faults,
    target: wgpu::TextureView,
    open: Vec<Open>,
}

impl Window {
    fn new(backend: wgpu::Backends) -> Self {
        let (device, queue) = software(backend);
        let faults = Faults::watch(&device);
        let format = wgpu::TextureFormat::Rgba8Unorm;
        let renderer = MapRenderer::new(&device, &queue, format).unwrap().with_faults(faults.clone());
        let target = device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: SIDE, height: SIDE, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        let target = target.create_view(&wgpu::TextureViewDescriptor::default());
        let mut window = Self { device, queue, renderer, faults, target, open: vec![] };
        (0..OPEN).for_each(|i| window.open_trace(i));
        window
    }

    /// Opens a trace; the oldest one is closed when there would be too many.
    fn open_trace(&mut self, i: usize) {
        let trace = if i.is_multiple_of(2) { wide(20) } else { tall_masked(21) };
        let on_gpu = self.renderer.upload_trace(&trace.data()).unwrap();
        let photo = self.renderer.upload_photo(&photo(trace.size), trace.size.0, trace.size.1).unwrap();
        let maps = self.renderer.measure(&on_gpu, &MapView::of(Quantity::Share)).unwrap();
        let panes = (0..PANES).map(|_| self.renderer.pane(&maps, Some(&photo)).unwrap()).collect();
        if self.open.len() == OPEN {
            self.open.remove(0);
        }
        self.open.push(Open { maps, panes, encoders: trace.encoders.len(), pending: None });
    }

    /// Frame `i`, as a window's toolkit makes it: everything is prepared, then drawn in one pass.
    fn frame(&mut self, i: usize, what: Frame) {
        let due = |every: usize| every > 0 && i.is_multiple_of(every);
        if due(what.trace) {
            self.open_trace(i);
        }
        let mut commands = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let shown = self.open.len() - 1 - i / 64 % self.open.len();
        let Open { maps, panes, encoders, pending } = &mut self.open[shown];
        if due(what.view) {
            let quantities =
                [Quantity::Share, Quantity::Lift, Quantity::Entropy, Quantity::NormalisedEntropy, Quantity::Dominant];
            let view = MapView {
                layers: if i.is_multiple_of(3) { Indices::ALL } else { Indices::one(i % 2) },
                heads: if i.is_multiple_of(4) { Indices::ALL } else { Indices::one(i % 5) },
                ..MapView::of(quantities[i / what.view % quantities.len()])
            };
            self.renderer.update(&mut commands, maps, &view).unwrap();
            *pending = Some(self.renderer.read_later(&mut commands, maps).unwrap());
        }
        let hover = what.pointer.then_some(Cell { row: i as u32 % 3, col: i as u32 / 3 % 3 });
        let look = Look { hover, cell_grid: (i / 100).is_multiple_of(2), ..Look::default() };
        for (k, pane) in panes.iter().enumerate() {
            let target = [0.0, 0.0, SIDE as f32, SIDE as f32];
            self.renderer.prepare(pane, maps, k % *encoders, &look, target).unwrap();
        }
        let mut pass = commands.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations::default(),
            })],
            ..Default::default()
        });
        for pane in &*panes {
            self.renderer.paint(&mut pass, pane);
        }
        drop(pass);
        self.queue.submit([commands.finish()]);
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        if pending.as_mut().is_some_and(|pending| pending.poll().unwrap().is_some()) {
            *pending = None;
        }
    }

    /// Draws `frames` frames: resident memory after the first tenth of them, and the most of it after that.
    fn soak(&mut self, frames: usize, what: Frame) -> (u64, u64) {
        let warm = frames / 10;
        (0..warm).for_each(|i| self.frame(i, what));
        let before = resident();
        let mut most = before;
        for i in warm..frames {
            self.frame(i, what);
            if i.is_multiple_of(16) || i + 1 == frames {
                most = most.max(resident());
            }
        }
        assert_eq!(self.faults.first(), None);
        (before, most)
    }
}

#[test]
fn memory_stays_flat_over_many_frames() {
    let frames = std::env::var("OPABINIA_SOAK_FRAMES").ok();
    let frames = frames.map_or(FRAMES, |count| count.parse().expect("OPABINIA_SOAK_FRAMES is a number of frames"));
    let mut grown = vec![];
    for backend in [wgpu::Backends::VULKAN, wgpu::Backends::GL] {
        let mut window = Window::new(backend);
        let apart = INGREDIENTS.map(|(name, what, part)| (name, what, frames / part));
        for (name, what, frames) in apart.into_iter().chain([("all together", ALL, frames)]) {
            let started = Instant::now();
            let (before, most) = window.soak(frames, what);
            let per_frame = (most - before) as f64 / frames as f64 / 1024.0;
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let line = format!(
                "{backend:?}, {name}: {frames} frames in {:.1} s, {:.1} MiB, then at most {:.1} MiB, {per_frame:.2} KiB a frame",
                started.elapsed().as_secs_f64(),
                mib(before),
                mib(most),
            );
            println!("{line}");
            if most as f64 > before as f64 * ALLOWED {
                grown.push(line);
            }
        }
    }
    assert!(grown.is_empty(), "memory grows with the frames:\n{}", grown.join("\n"));
}
