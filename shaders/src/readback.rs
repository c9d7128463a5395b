//! Bringing results back from the device, and turning its errors into ours.

use crate::error::{Error, Result};
use crate::layout::{STATE_MASKED, STATE_PADDING, STATE_VALUE, Texel};
use opabinia_trace::measure::Quantity;

/// One texel of a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MapTexel {
    /// A value.
    Value(f32),
    /// Outside of the cell in focus.
    Outside,
    /// All of it lies in the padding of the frame.
    Padding,
    /// It has no unmasked key to measure.
    Masked,
}

impl MapTexel {
    /// The value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f32> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }
}

impl From<Texel> for MapTexel {
    fn from(texel: Texel) -> Self {
        match texel.state {
            STATE_VALUE => Self::Value(texel.value),
            STATE_PADDING => Self::Padding,
            STATE_MASKED => Self::Masked,
            _ => Self::Outside,
        }
    }
}

/// A map as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// What the values are.
    pub quantity: Quantity,
    /// Texels in a row and in a column, over the padded frame.
    pub side: u32,
    /// Row-major texels.
    pub texels: Vec<MapTexel>,
    /// Values of the first and the last colour; `None` where no texel has a value.
    pub range: Option<(f32, f32)>,
}

/// Runs `commands` and gives the first error that the device found with them.
pub(crate) fn checked<T>(device: &wgpu::Device, commands: impl FnOnce() -> T) -> Result<T> {
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let result = commands();
    // Scopes end in the reverse order of their beginning.
    let validation = pollster::block_on(validation.pop());
    let internal = pollster::block_on(internal.pop());
    let memory = pollster::block_on(memory.pop());
    match memory.or(internal).or(validation) {
        None => Ok(result),
        Some(error @ wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory(error.to_string())),
        Some(error) => Err(Error::Driver(error.to_string())),
    }
}

/// Refuses what exceeds a limit of the device.
pub(crate) fn within(what: &'static str, needed: u64, allowed: u64, advice: &'static str) -> Result<()> {
    if needed <= allowed { Ok(()) } else { Err(Error::TooLarge { what, needed, allowed, advice }) }
}

/// Waits for all submitted work.
pub(crate) fn wait(device: &wgpu::Device) -> Result<()> {
    let done = device.poll(wgpu::PollType::wait_indefinitely());
    done.map(drop).map_err(|error| Error::DeviceLost(error.to_string()))
}

/// The bytes of a buffer that was made to be read by the CPU, once all submitted work is done.
pub(crate) fn read_buffer(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<Vec<u8>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    checked(device, || {
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver lives until the end of this function; if it does not, nobody waits for the answer.
            let _ = sender.send(result);
        });
    })?;
    let lost = |reason: &dyn std::fmt::Display| Error::DeviceLost(reason.to_string());
    wait(device)?;
    receiver.try_recv().map_err(|error| lost(&error))?.map_err(|error| lost(&error))?;
    let bytes = buffer.get_mapped_range(..).map_err(|error| lost(&error))?.to_vec();
    buffer.unmap();
    Ok(bytes)
}
