//! The real window in a test: its own engine thread, a software adapter, a golden checkpoint.

use egui_kittest::Harness;
use egui_kittest::wgpu::WgpuTestRenderer;
use egui_system_font_provider::SystemFontProvider;
use opabinia::window::Start;
use opabinia::window::app::App;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The window with `start`, at `size` points.
pub fn open(start: Start, size: [f32; 2]) -> Harness<'static, App> {
    let setup = egui_kittest::wgpu::default_wgpu_setup();
    let state = egui_kittest::wgpu::create_render_state(setup, egui_wgpu::RendererOptions::PREDICTABLE);
    let for_app = state.clone();
    Harness::builder().with_size(size).renderer(WgpuTestRenderer::from_render_state(state)).build_eframe(move |cc| {
        // What eframe does for a real window: characters that egui's fonts lack come from the system's.
        cc.egui_ctx.add_font_provider(Arc::new(SystemFontProvider::new()));
        App::new(&cc.egui_ctx, Some(&for_app), start).expect("a thread for the engine")
    })
}

/// Runs frames until `ready` holds.
pub fn wait(harness: &mut Harness<'_, App>, what: &str, ready: impl Fn(&App) -> bool) {
    let started = Instant::now();
    while !ready(harness.state()) {
        assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
    }
    harness.run_ok();
}

/// The directory of a golden checkpoint.
pub fn checkpoint(variant: &str) -> String {
    crate::support::goldens().join(variant).join("checkpoint").display().to_string()
}

/// A golden picture.
pub fn image(name: &str) -> PathBuf {
    crate::support::goldens().join("images").join(name)
}
