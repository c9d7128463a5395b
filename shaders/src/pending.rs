//! Maps as numbers, read back within a window's frames: nobody waits for the device.

use crate::error::{Error, Result};
use crate::fault::Faults;
use crate::layout::{Scale, Texel};
use crate::map_set::{Grid, MapSet};
use crate::readback::{Map, checked};
use crate::renderer::{MapRenderer, buffer};
use bytemuck::pod_read_unaligned;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use wgpu::BufferUsages as Usage;

/// Maps on their way from the device ([`MapRenderer::read_later`]).
#[derive(Debug)]
pub struct PendingMaps {
    queue: wgpu::Queue,
    faults: Faults,
    copy: wgpu::Buffer,
    grid: Grid,
    /// Told once that the copy can be read, or that it never will be. The lock only lets the window's threads share it.
    answer: Mutex<Receiver<Result<(), wgpu::BufferAsyncError>>>,
    arrived: bool,
}

impl MapRenderer {
    /// Records, within the caller's frame, a copy of all of `maps` for the CPU: as they are at this point of the
    /// frame's commands, whatever is measured in them afterwards.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn read_later(&self, encoder: &mut wgpu::CommandEncoder, maps: &MapSet) -> Result<PendingMaps> {
        self.faults.check_device()?;
        let grid = maps.grid.clone();
        let (scales, texels) = (grid.scale_bytes(), grid.texel_bytes());
        let copy = checked(&self.device, || {
            buffer(&self.device, "numbers", scales + texels, Usage::MAP_READ | Usage::COPY_DST)
        })?;
        encoder.copy_buffer_to_buffer(&maps.scales, 0, &copy, 0, scales);
        encoder.copy_buffer_to_buffer(&maps.texels, 0, &copy, scales, texels);
        let (sender, answer) = channel();
        encoder.map_buffer_on_submit(&copy, wgpu::MapMode::Read, .., move |result| {
            // Whoever asked may have lost interest.
            let _ = sender.send(result);
        });
        Ok(PendingMaps {
            queue: self.queue.clone(),
            faults: self.faults.clone(),
            copy,
            grid,
            answer: Mutex::new(answer),
            arrived: false,
        })
    }
}

impl PendingMaps {
    /// The maps, in the order of their encoders, or one for all: `None` until the frame that they were recorded in was
    /// submitted and the device is done with it. Never waits: ask again in the next frame.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or [`Error::Driver`] if the frame was dropped instead of submitted.
    pub fn poll(&mut self) -> Result<Option<Vec<Map>>> {
        self.faults.check_device()?;
        if !self.arrived {
            // An empty submission hands out the answers that are due. So does `Device::poll`, but that panics where the
            // device was lost.
            self.queue.submit([]);
            let answer = self.answer.get_mut().unwrap_or_else(PoisonError::into_inner);
            match answer.try_recv() {
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => {
                    return Err(Error::Driver("a frame that numbers were to come with was never submitted".to_owned()));
                }
                Ok(result) => result.map_err(|error| Error::DeviceLost(error.to_string()))?,
            }
            self.arrived = true;
        }
        let bytes = self.copy.get_mapped_range(..).map_err(|error| Error::DeviceLost(error.to_string()))?;
        Ok(Some(maps_of(&self.grid, &bytes)))
    }
}

/// All maps of `grid`, from the bytes of their ranges and, after those, of their texels.
fn maps_of(grid: &Grid, bytes: &[u8]) -> Vec<Map> {
    let (scales, texels) = bytes.split_at(grid.scale_bytes() as usize);
    let scales = scales.as_chunks::<{ size_of::<Scale>() }>().0.iter();
    let slots = texels.chunks_exact(grid.stride() as usize * size_of::<Texel>());
    let map = |((side, scale), texels): ((&u32, &[u8; size_of::<Scale>()]), &[u8])| {
        let scale: Scale = pod_read_unaligned(scale);
        let texels = texels.as_chunks::<{ size_of::<Texel>() }>().0.iter().take((side * side) as usize);
        Map {
            quantity: grid.quantity,
            side: *side,
            texels: texels.map(|texel| pod_read_unaligned::<Texel>(texel).into()).collect(),
            range: (scale.valued == 1).then_some((scale.low, scale.high)),
        }
    };
    grid.sides.iter().zip(scales).zip(slots).map(map).collect()
}
