//! What a frame of the window costs on a trace of a released model's size: the thread that records it, and the device.
#![allow(missing_docs, clippy::expect_used, reason = "a benchmark that cannot run should say why and end")]

use criterion::{Criterion, criterion_group, criterion_main};
use opabinia_shaders::*;
use std::time::{Duration, Instant};

const SIDE: u32 = 24;
const HEADS: u32 = 16;
const LAYERS: usize = 13;
const TOKEN_SIDES: [u32; 4] = [24, 24, 24, 96];
const KEYS: usize = 19;
const PANES: usize = 6;

fn upload(renderer: &MapRenderer) -> GpuTrace {
    let cells = (SIDE * SIDE) as usize;
    let sharp = |i: usize| ((i * 7919) % 31 + 1) as f32;
    let rows = (0..cells * HEADS as usize).flat_map(|row| {
        let sum: f32 = (0..KEYS).map(|key| sharp(row * KEYS + key)).sum();
        (0..KEYS).map(move |key| sharp(row * KEYS + key) / sum)
    });
    let probs: Vec<f32> = rows.collect();
    let mask = vec![1; cells * KEYS];
    let layer = |at: usize| TraceLayer {
        label: at.to_string(),
        side: SIDE,
        origin_row: 0,
        origin_col: 0,
        rows: SIDE,
        cols: SIDE,
        probs: &probs,
        mask: &mask,
    };
    let encoder =
        |side: u32| Encoder { name: side.to_string(), side, photo: TokenRect { rows: 0..side, cols: 0..side } };
    let data = TraceData {
        heads: HEADS,
        encoders: TOKEN_SIDES.map(encoder).to_vec(),
        layers: (0..LAYERS).map(layer).collect(),
        image_width: 640,
        image_height: 640,
    };
    renderer.upload_trace(&data).expect("the trace contradicts itself")
}

fn views() -> Vec<(&'static str, MapView)> {
    let share = MapView::of(Quantity::Share);
    vec![
        ("share", share),
        ("share, tokens", MapView { granularity: Granularity::Tokens, ..share }),
        ("share, one layer and head", MapView { layers: Indices::one(2), heads: Indices::one(3), ..share }),
        ("lift", MapView::of(Quantity::Lift)),
        ("lift, tokens", MapView { granularity: Granularity::Tokens, ..MapView::of(Quantity::Lift) }),
        ("entropy", MapView::of(Quantity::Entropy)),
        ("dominant encoder", MapView::of(Quantity::Dominant)),
    ]
}

fn frame(bench: &mut Criterion) {
    let gpu = Gpu::headless(&AdapterChoice::Best).expect("no graphics adapter");
    let renderer = MapRenderer::headless(&gpu).expect("the pipelines");
    let trace = upload(&renderer);
    let mut maps = renderer.measure(&trace, &MapView::of(Quantity::Share)).expect("a view of the trace");
    let panes: Vec<Pane> = (0..PANES).map(|_| renderer.pane(&maps, None).expect("a pane")).collect();
    let begin = || gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let submit = |commands: wgpu::CommandEncoder| {
        gpu.queue.submit([commands.finish()]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device");
    };

    let mut recording = bench.benchmark_group("the thread records");
    // Only what `part` does is timed: what it recorded is then submitted, so that nothing piles up.
    let mut timed = |name: &str, part: &mut dyn FnMut(&mut wgpu::CommandEncoder)| {
        recording.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                let mut total = Duration::ZERO;
                for _ in 0..count {
                    let mut commands = begin();
                    let start = Instant::now();
                    part(&mut commands);
                    total += start.elapsed();
                    submit(commands);
                }
                total
            });
        });
    };
    timed("update and six times prepare", &mut |commands| {
        renderer.update(commands, &mut maps, &MapView::of(Quantity::Share)).expect("a view of the trace");
        for (k, pane) in panes.iter().enumerate() {
            let look = Look { hover: Some(Cell { row: 3, col: 4 }), cell_grid: true, ..Look::default() };
            renderer.prepare(pane, &maps, k % 4, &look, [0.0, 0.0, 400.0, 400.0]).expect("a look");
        }
    });
    for (name, view) in &views()[..2] {
        let maps = renderer.measure(&trace, view).expect("a view of the trace");
        timed(&format!("read_later, {name}"), &mut |commands| {
            renderer.read_later(commands, &maps).expect("memory");
        });
        let mut read = begin();
        let mut pending = renderer.read_later(&mut read, &maps).expect("memory");
        submit(read);
        timed(&format!("poll that finds numbers, {name}"), &mut |_| {
            pending.poll().expect("the device").expect("numbers");
        });
    }
    recording.finish();

    let mut device = bench.benchmark_group("the device measures");
    device.sample_size(10);
    for (name, view) in views() {
        device.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut commands = begin();
                renderer.update(&mut commands, &mut maps, &view).expect("a view of the trace");
                submit(commands);
            });
        });
    }
    device.finish();
}

criterion_group!(benches, frame);
criterion_main!(benches);
