//! The window.
//!
//! One [`state::AppState`] owns everything that is shown. Each frame, [`app::App`] takes in what the engine thread and
//! the [`background`] tasks have sent, lets the [`panels`] draw the state and collect [`action::Action`]s, and applies
//! those in [`apply`]. Maps are drawn by [`gpu`] on egui's own device. What the window says is in [`lang`], what can be
//! done from everywhere in the table of [`command`]s. What survives a restart is in [`store`].

pub mod action;
pub mod app;
pub mod apply;
pub mod background;
pub mod command;
pub mod dialogs;
pub mod gpu;
mod keeper;
pub mod lang;
pub mod layout;
pub mod panels;
mod pasted;
pub mod state;
pub mod store;
pub mod theme;

use crate::cli::failure::{Failure, Result};
use app::App;
pub use app::Start;
use eframe::NativeOptions;
use egui::ViewportBuilder;
use egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use keeper::Keeper;
use std::sync::Arc;
use store::Geometry;

/// Opens the window, and returns when it is closed.
///
/// # Errors
/// If there is no display or no graphics adapter.
pub fn run(start: Start) -> Result<()> {
    check_display()?;
    let keeper = Keeper::open(start.data_dir.as_deref());
    let geometry = keeper.geometry();
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
        Box::new(|cc| Ok(Box::new(App::with_keeper(&cc.egui_ctx, cc.wgpu_render_state.as_ref(), start, keeper)?))),
    )
    .map_err(|error| Failure::no_window(&error.to_string()))
}

/// Says in one line that there is no display, rather than in the words of whichever library noticed.
fn check_display() -> Result<()> {
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(all(unix, not(target_os = "macos")))
        && !["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().any(named)
    {
        return Err(Failure::no_window("there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"));
    }
    Ok(())
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
