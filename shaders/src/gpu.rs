//! Finding a graphics adapter where there is no window.

use crate::error::{Error, Result};
use crate::fault::Faults;
use std::cmp::Reverse;

/// What to install where no adapter is found.
pub const INSTALL_HINT: &str = "Pictures need a Vulkan, Metal or Direct3D 12 driver; one that runs on the CPU will do:
  Debian, Ubuntu:  sudo apt install mesa-vulkan-drivers libvulkan1
  Fedora:          sudo dnf install mesa-vulkan-drivers vulkan-loader
  Arch:            sudo pacman -S vulkan-swrast vulkan-icd-loader
  openSUSE:        sudo zypper install libvulkan_lvp libvulkan1
  Windows, macOS:  part of the system; update it and the graphics driver";

/// Storage buffers that the busiest pass binds.
const STORAGE_BUFFERS: u32 = 6;
/// Invocations of the largest workgroup.
const INVOCATIONS: u32 = 256;

/// Which adapter to take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AdapterChoice {
    /// The fastest kind: discrete, integrated, virtual, and the CPU last.
    #[default]
    Best,
    /// One that runs on the CPU, the same everywhere.
    Software,
    /// The first whose name contains this text, in any case of letters.
    Named(String),
}

impl AdapterChoice {
    /// Reads a person's choice: `best`, `software`, or a part of an adapter's name.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text.trim() {
            "" | "best" => Self::Best,
            "software" => Self::Software,
            name => Self::Named(name.to_owned()),
        }
    }

    fn reason_against(&self, info: &wgpu::AdapterInfo) -> Option<String> {
        match self {
            Self::Best => None,
            Self::Software if info.device_type == wgpu::DeviceType::Cpu => None,
            Self::Software => Some("is not a software adapter, which was asked for".to_owned()),
            Self::Named(name) if info.name.to_lowercase().contains(&name.to_lowercase()) => None,
            Self::Named(name) => Some(format!("its name does not contain \"{name}\", which was asked for")),
        }
    }
}

/// One adapter, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterSummary {
    /// The driver's name for it.
    pub name: String,
    /// Vulkan, Metal, Dx12, Gl.
    pub backend: String,
    /// Discrete, integrated, virtual, software or other.
    pub kind: &'static str,
    /// Driver and its version, as far as it says.
    pub driver: String,
    /// Why it cannot draw maps; `None` if it can.
    pub obstacle: Option<String>,
}

impl AdapterSummary {
    fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        Self {
            backend: format!("{:?}", info.backend),
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => "discrete",
                wgpu::DeviceType::IntegratedGpu => "integrated",
                wgpu::DeviceType::VirtualGpu => "virtual",
                wgpu::DeviceType::Cpu => "software",
                wgpu::DeviceType::Other => "other",
            },
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            obstacle: obstacle(adapter),
            name: info.name,
        }
    }
}

/// A device that draws without a screen.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// The adapter it belongs to.
    pub adapter: AdapterSummary,
    pub(crate) faults: Faults,
}

impl Gpu {
    /// Opens the adapter that fits `choice` best, with all of its limits.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] with what spoke against each one, [`Error::NoDevice`] if the driver gives none.
    pub fn headless(choice: &AdapterChoice) -> Result<Self> {
        let mut rejected = String::new();
        // GL last and only if need be: looking for it opens displays and makes drivers chatter.
        for backends in [wgpu::Backends::PRIMARY, wgpu::Backends::GL] {
            let mut fit = Vec::new();
            for adapter in adapters(backends) {
                let info = adapter.get_info();
                match choice.reason_against(&info).or_else(|| obstacle(&adapter)) {
                    None => fit.push(adapter),
                    Some(reason) => rejected.push_str(&format!("\n  {} ({:?}): {reason}", info.name, info.backend)),
                }
            }
            if let Some(adapter) = fit.into_iter().max_by_key(|adapter| rank(&adapter.get_info())) {
                return Self::open(&adapter);
            }
        }
        Err(Error::NoAdapter { rejected })
    }

    fn open(adapter: &wgpu::Adapter) -> Result<Self> {
        let summary = AdapterSummary::of(adapter);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("opabinia"),
            required_limits: adapter.limits(),
            ..Default::default()
        }))
        .map_err(|error| Error::NoDevice { adapter: summary.name.clone(), reason: error.to_string() })?;
        let faults = Faults::watch(&device);
        Ok(Self { device, queue, adapter: summary, faults })
    }

    /// What went wrong with the device outside of any call: it was lost, or the driver reported an error late.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.faults.first()
    }
}

/// All adapters of this machine, best first, for a person to choose from.
#[must_use]
pub fn list_adapters() -> Vec<AdapterSummary> {
    let mut adapters = adapters(wgpu::Backends::all());
    adapters.sort_by_key(|adapter| Reverse(rank(&adapter.get_info())));
    adapters.iter().map(AdapterSummary::of).collect()
}

fn adapters(backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    pollster::block_on(instance.enumerate_adapters(backends))
}

/// Higher is better: the kind first, then GL after the others.
fn rank(info: &wgpu::AdapterInfo) -> (u8, bool) {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 4,
        wgpu::DeviceType::IntegratedGpu => 3,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 1,
        wgpu::DeviceType::Cpu => 0,
    };
    (kind, info.backend != wgpu::Backend::Gl)
}

/// Why an adapter cannot run the passes.
fn obstacle(adapter: &wgpu::Adapter) -> Option<String> {
    let limits = adapter.limits();
    if !adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Some("has no compute shaders".to_owned());
    }
    obstacle_in(&limits)
}

/// Why a device with these limits cannot run the passes.
pub(crate) fn obstacle_in(limits: &wgpu::Limits) -> Option<String> {
    let needs = [
        ("storage buffers to a shader", STORAGE_BUFFERS, limits.max_storage_buffers_per_shader_stage),
        ("invocations to a workgroup", INVOCATIONS, limits.max_compute_invocations_per_workgroup),
        ("invocations in a row of a workgroup", INVOCATIONS, limits.max_compute_workgroup_size_x),
    ];
    let (what, needed, allowed) = needs.into_iter().find(|(_, needed, allowed)| allowed < needed)?;
    Some(format!("allows {allowed} {what}, {needed} are needed"))
}
