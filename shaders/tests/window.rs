//! What a window does with maps, frame by frame, without a window.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod scenes;

use opabinia_shaders::*;
use scenes::{gpu, renderer_on, wide};

fn commands(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}

/// Waits as a window does not, so that the next look finds what there is to find.
fn finish(gpu: &Gpu) {
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
}

fn all_maps(renderer: &MapRenderer, maps: &MapSet, count: usize) -> Vec<Map> {
    (0..count).map(|k| renderer.read_map(maps, k).unwrap()).collect()
}

#[test]
fn numbers_arrive_without_waiting_and_are_those_of_their_frame() {
    let gpu = gpu();
    let renderer = renderer_on(&gpu);
    let trace = renderer.upload_trace(&wide(11).data()).unwrap();
    let share = MapView::of(Quantity::Share);
    let tokens = MapView { granularity: Granularity::Tokens, normalisation: Normalisation::PerMap, ..share };
    let views = [share, tokens, MapView::of(Quantity::Entropy), MapView::of(Quantity::Lift)];
    let mut maps = renderer.measure(&trace, &share).unwrap();

    let mut pending = vec![];
    for view in &views {
        let mut frame = commands(&gpu);
        renderer.update(&mut frame, &mut maps, view).unwrap();
        let mut asked = renderer.read_later(&mut frame, &maps).unwrap();
        assert_eq!(asked.poll().unwrap(), None, "a frame that was not submitted has no numbers");
        gpu.queue.submit([frame.finish()]);
        pending.push(asked);
    }
    finish(&gpu);
    for (asked, view) in pending.iter_mut().zip(&views) {
        let found = asked.poll().unwrap().expect("the device is done");
        let anew = renderer.measure(&trace, view).unwrap();
        let count = if view.quantity.per_encoder() { 4 } else { 1 };
        assert_eq!(found, all_maps(&renderer, &anew, count), "{view:?}");
        assert_eq!(asked.poll().unwrap(), Some(found), "asking again gives the same");
    }
    assert_eq!(gpu.fault(), None);
}

#[test]
fn numbers_of_a_dropped_frame_are_an_error() {
    let gpu = gpu();
    let renderer = renderer_on(&gpu);
    let trace = renderer.upload_trace(&wide(12).data()).unwrap();
    let maps = renderer.measure(&trace, &MapView::of(Quantity::Share)).unwrap();
    let mut frame = commands(&gpu);
    let mut pending = renderer.read_later(&mut frame, &maps).unwrap();
    drop(frame);
    let error = pending.poll().unwrap_err().to_string();
    assert!(error.contains("never submitted"), "{error}");
    assert_eq!(gpu.fault(), None);
}
