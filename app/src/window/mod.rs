//! The window.
//!
//! One [`state::AppState`] owns everything that is shown. Each frame, [`app::App`] takes in what the engine thread and
//! the [`background`] tasks have sent, lets the [`panels`] draw the state and collect [`action::Action`]s, and applies
//! those in [`apply`]. Maps are drawn by [`gpu`] on egui's own device. What the window says is in [`lang`], what can be
//! done from everywhere in the table of [`command`]s.

pub mod action;
pub mod app;
pub mod apply;
pub mod background;
pub mod command;
pub mod gpu;
pub mod lang;
pub mod layout;
pub mod panels;
pub mod state;
pub mod theme;

use crate::cli::failure::{Failure, Result};
use app::App;
pub use app::Start;
use eframe::NativeOptions;
use egui::ViewportBuilder;
use egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use std::sync::Arc;

/// Opens the window, and returns when it is closed.
///
/// # Errors
/// If there is no display or no graphics adapter.
pub fn run(start: Start) -> Result<()> {
    let viewport = ViewportBuilder::default()
        .with_title("Opabinia")
        .with_app_id("opabinia")
        .with_inner_size([1360.0, 860.0])
        .with_min_inner_size([800.0, 500.0])
        .with_drag_and_drop(true);
    let options = NativeOptions { viewport, wgpu_options: graphics(), ..NativeOptions::default() };
    eframe::run_native(
        "opabinia",
        options,
        Box::new(|cc| Ok(Box::new(App::new(&cc.egui_ctx, cc.wgpu_render_state.as_ref(), start)?))),
    )
    .map_err(|error| Failure::no_window(&error.to_string()))
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
