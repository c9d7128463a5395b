//! The window.
//!
//! One [`state::AppState`] owns everything that is shown. Each frame, [`app::App`] takes in what the engine thread and
//! the [`background`] tasks have sent, lets the [`panels`] draw the state and collect [`action::Action`]s, and applies
//! those in [`apply`]. Maps are drawn by [`gpu`] on egui's own device. What the window says is in [`lang`], what can be
//! done from everywhere in the table of [`command`]s and among the [`view_controls`]; the [`palette`] finds both. What survives a restart is in [`store`].

pub mod action;
pub mod app;
pub mod apply;
pub mod background;
mod caret;
pub mod command;
pub mod dialogs;
pub mod dropped;
mod frame;
pub mod gpu;
pub mod lang;
pub mod palette;
pub mod panels;
mod pasted;
mod saver;
pub mod state;
pub mod store;
pub mod theme;
pub mod view_controls;

use app::App;
pub use app::Start;
use eframe::NativeOptions;
use egui::ViewportBuilder;
use egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use saver::Saver;
use std::sync::Arc;
use store::Geometry;

/// Why there is no window.
#[derive(Debug)]
pub enum Unopened {
    /// There is no display to open it on.
    NoDisplay(String),
    /// It cannot be opened, though there is a display: in the words of the system.
    NoWindow(String),
    /// A setting of the environment cannot be used.
    Setting(opabinia_engine::Error),
}

/// Opens the window, and returns when it is closed.
///
/// # Errors
/// If there is no display or no graphics adapter.
pub fn run(start: Start) -> Result<(), Unopened> {
    check_display()?;
    let saver = Saver::open(start.data_dir.as_deref());
    let geometry = saver.geometry();
    let viewport = ViewportBuilder::default()
        .with_title("Opabinia")
        .with_app_id("opabinia")
        .with_inner_size(geometry.size())
        .with_maximized(geometry.maximized())
        .with_min_inner_size(Geometry::LEAST)
        .with_drag_and_drop(true);
    let options = NativeOptions { viewport, wgpu_options: graphics(), ..NativeOptions::default() };
    eframe::run_native(
        "opabinia",
        options,
        Box::new(|cc| Ok(Box::new(App::with_saver(&cc.egui_ctx, cc.wgpu_render_state.as_ref(), start, saver)?))),
    )
    .map_err(|error| no_window(&error))
}

/// What it means that the window could not be opened. What asks the display says so in lines of its own source code.
fn no_window(error: &eframe::Error) -> Unopened {
    let text = error.to_string();
    match error {
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => {
            let named = DISPLAYS.into_iter().filter_map(|name| Some(format!("{name}={}", value(name)?.display())));
            let named: Vec<String> = named.collect();
            Unopened::NoDisplay(format!("the display cannot be used ({}): {}", named.join(", "), without_source(&text)))
        }
        _ => Unopened::NoWindow(without_source(&text).to_owned()),
    }
}

/// `text` without the place in the source code that it may name: `os error at src/x.rs:1: refused` becomes `refused`.
fn without_source(text: &str) -> &str {
    let after = text.find(".rs:").and_then(|at| text[at + 4..].split_once(": "));
    after.map_or(text, |(_, reason)| reason)
}

/// What names a display.
const DISPLAYS: [&str; 3] = ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"];

/// What the variable `name` holds, if anything.
fn value(name: &str) -> Option<std::path::PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(Into::into)
}

/// Says in one line that there is no display, rather than in the words of whichever library noticed.
fn check_display() -> Result<(), Unopened> {
    if !cfg!(all(unix, not(target_os = "macos"))) {
        return Ok(());
    }
    let named: Vec<_> = DISPLAYS.into_iter().filter_map(|name| Some((name, value(name)?))).collect();
    if named.is_empty() {
        return Err(Unopened::NoDisplay("there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set".to_owned()));
    }
    match named.iter().find(|(_, value)| value.to_str().is_none()) {
        Some((name, _)) => Err(Unopened::NoDisplay(format!("{name} names no display: it is no text"))),
        None => check_scale(),
    }
}

/// Checks what the window's library would end the program for.
fn check_scale() -> Result<(), Unopened> {
    const SCALE: &str = "WINIT_X11_SCALE_FACTOR";
    let Ok(scale) = std::env::var(SCALE) else { return Ok(()) };
    let number = scale.parse().is_ok_and(|scale: f64| scale.is_sign_positive() && scale.is_normal());
    if number || scale.is_empty() || scale.eq_ignore_ascii_case("randr") {
        return Ok(());
    }
    let what = format!("{SCALE}={scale}: this is no scale of the screen");
    let help = "set it to a number above 0 such as 1.5, or to randr, or not at all";
    Err(Unopened::Setting(opabinia_engine::Error::input(what, help)))
}

/// How the window's device is opened: with all of its adapter's limits, since a trace needs large storage buffers.
fn graphics() -> WgpuConfiguration {
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
        label: Some("opabinia"),
        required_limits: adapter.limits(),
        ..Default::default()
    });
    WgpuConfiguration { wgpu_setup: WgpuSetup::CreateNew(setup), ..WgpuConfiguration::default() }
}

#[cfg(test)]
mod tests {
    use super::without_source;

    #[test]
    fn no_place_in_the_source_code_is_named() {
        let said = "winit EventLoopError: os error at /a/registry/winit-0.30/src/x11/mod.rs:787: XOpenDisplayFailed";
        assert_eq!(without_source(said), "XOpenDisplayFailed");
        assert_eq!(without_source("no .rs: here"), "no .rs: here");
        assert_eq!(without_source("nothing to see"), "nothing to see");
    }
}
