//! What goes wrong with a device outside of any call.

use crate::error::{Error, Result};
use std::sync::{Arc, OnceLock};

/// Remembers the first thing that went wrong with a device outside of any call, and whether it was lost. Copies share
/// one memory.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Memory>);

#[derive(Debug, Default)]
struct Memory {
    first: OnceLock<String>,
    lost: OnceLock<String>,
}

impl Faults {
    /// Takes the errors of `device` that nobody else takes, on which wgpu would end the program, and word of its loss.
    /// Takes the place of whoever took them before.
    #[must_use]
    pub fn watch(device: &wgpu::Device) -> Self {
        let faults = Self::default();
        let uncaptured = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            uncaptured.0.first.get_or_init(|| error.to_string());
        }));
        let lost = faults.clone();
        device.set_device_lost_callback(move |reason, message| {
            let words = format!("{reason:?}: {message}");
            lost.0.first.get_or_init(|| words.clone());
            lost.0.lost.get_or_init(|| words);
        });
        faults
    }

    /// The first fault: the device was lost, or the driver reported an error late.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.0.first.get().map(String::as_str)
    }

    /// Refuses to go on once the device was lost.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub fn check_device(&self) -> Result<()> {
        self.0.lost.get().map_or(Ok(()), |words| Err(Error::DeviceLost(words.clone())))
    }
}
