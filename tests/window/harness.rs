//! The real window in a test: its own engine thread, a software adapter, a golden checkpoint.

use egui::DroppedFile;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use egui_kittest::wgpu::WgpuTestRenderer;
use egui_system_font_provider::SystemFontProvider;
use opabinia::window::Start;
use opabinia::window::app::App;
use opabinia::window::state::Exchange;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The window with `start`, at `size` points.
pub fn open(start: Start, size: [f32; 2]) -> Harness<'static, App> {
    open_on(graphics(), start, size)
}

/// A software graphics device.
pub fn graphics() -> egui_wgpu::RenderState {
    let setup = egui_kittest::wgpu::default_wgpu_setup();
    egui_kittest::wgpu::create_render_state(setup, egui_wgpu::RendererOptions::PREDICTABLE)
}

/// The window with `start` on the device of `state`, at `size` points.
pub fn open_on(state: egui_wgpu::RenderState, start: Start, size: [f32; 2]) -> Harness<'static, App> {
    let for_app = state.clone();
    Harness::builder().with_size(size).renderer(WgpuTestRenderer::from_render_state(state)).build_eframe(move |cc| {
        // What eframe does for a real window: characters that egui's fonts lack come from the system's.
        cc.egui_ctx.add_font_provider(Arc::new(SystemFontProvider::new()));
        App::new(&cc.egui_ctx, Some(&for_app), start).expect("a thread for the engine")
    })
}

/// The window with `start` where there is no graphics device, at `size` points.
pub fn open_without_graphics(start: Start, size: [f32; 2]) -> Harness<'static, App> {
    Harness::builder().with_size(size).build_eframe(move |cc| {
        cc.egui_ctx.add_font_provider(Arc::new(SystemFontProvider::new()));
        App::new(&cc.egui_ctx, None, start).expect("a thread for the engine")
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

/// The golden data committed with the tests.
fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").join("tests/goldens")
}

/// The directory of a golden checkpoint.
pub fn checkpoint(variant: &str) -> String {
    goldens().join(variant).join("checkpoint").display().to_string()
}

/// A golden picture.
pub fn image(name: &str) -> PathBuf {
    goldens().join("images").join(name)
}

/// Writes what the window shows to `name.png` in the directory that OPABINIA_SHOTS names, if it does: for people to
/// look at. Rendering it at all is a test of its own: a character that no font has fails it.
pub fn shot(harness: &mut Harness<'_, App>, name: &str) {
    let picture = harness.render().expect("a picture of the window");
    if let Some(directory) = std::env::var_os("OPABINIA_SHOTS") {
        picture.save(PathBuf::from(directory).join(format!("{name}.png"))).unwrap();
    }
}

/// Types `text` where it belongs.
pub fn typed(harness: &mut Harness<'_, App>, text: &str) {
    harness.get_by_label("Question").focus();
    harness.run_ok();
    harness.get_by_label("Question").type_text(text);
    harness.run_ok();
}

/// Asks `question`.
pub fn ask(harness: &mut Harness<'_, App>, question: &str) {
    typed(harness, question);
    harness.get_by_label("Ask").click();
    harness.step();
    harness.step();
}

/// The exchange shown last.
pub fn last(app: &App) -> Option<&Exchange> {
    let shown = app.state().conversations.current()?;
    shown.exchanges.get(shown.leaf?)
}

/// A file as the window system drops it.
#[derive(Debug)]
struct File(PathBuf);

impl DroppedFile for File {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

/// Drops the file at `path` on the window.
pub fn drop_file(harness: &mut Harness<'_, App>, path: &Path) {
    harness.input_mut().dropped_files.push(Arc::new(File(path.to_path_buf())));
    harness.step();
}
