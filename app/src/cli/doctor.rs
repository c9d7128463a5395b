//! `opabinia doctor`: what this machine has, and what is missing.

use super::console::{print_json, print_report};
use super::failure::Result;
use super::json_path;
use clap::Args;
use opabinia_engine::checkpoint::{Bytes, CachedModel, HostMemory, Hub};
use opabinia_engine::device::DeviceChoice;
use opabinia_shaders::{AdapterSummary, INSTALL_HINT, list_adapters};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

const EXAMPLES: &str = "\
Examples:
  opabinia doctor
  opabinia doctor --json | jq .graphics

Put its output into a report of a fault.";

/// CUDA devices that are tried.
const MAX_CUDA_DEVICES: usize = 16;

/// Say what this machine has for running models and drawing maps, and what is missing.
///
/// Processor, memory, devices this build can compute on, graphics adapters, and the checkpoints in the hub cache.
/// Always ends with exit code 0.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was found.
struct Findings {
    cpu: Cpu,
    memory: HostMemory,
    devices: Vec<Device>,
    graphics: Vec<AdapterSummary>,
    caches: Vec<PathBuf>,
    models: Vec<CachedModel>,
}

struct Cpu {
    model: String,
    architecture: &'static str,
    cores: Option<usize>,
    threads: usize,
    features: Vec<&'static str>,
}

/// A kind of device to compute on.
struct Device {
    name: &'static str,
    compiled_in: bool,
    /// Those that can be opened, by the name `--device` takes.
    found: Vec<String>,
    /// Why none can.
    problem: Option<String>,
}

impl Doctor {
    /// Runs the command.
    ///
    /// # Errors
    /// Only if nothing can be printed.
    pub fn run(&self) -> Result<()> {
        let findings = Findings::gather();
        if self.json { print_json(&findings.json()) } else { print_report(&findings.text()) }
    }
}

impl Findings {
    fn gather() -> Self {
        let hub = Hub::from_env();
        Self {
            cpu: Cpu::of_this_machine(),
            memory: HostMemory::now(),
            devices: devices(),
            graphics: list_adapters(),
            models: hub.models(),
            caches: hub.caches().to_vec(),
        }
    }

    /// Whether maps can be drawn.
    fn draws(&self) -> bool {
        self.graphics.iter().any(|adapter| adapter.obstacle.is_none())
    }

    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if !self.draws() {
            advice.push(format!("`opabinia render` cannot draw: there is no usable graphics adapter. {INSTALL_HINT}"));
        }
        if cfg!(target_arch = "x86_64") && !(self.cpu.features.contains(&"avx2") && self.cpu.features.contains(&"fma"))
        {
            advice.push("this processor has no AVX2 with FMA: answers will take several times as long".into());
        }
        if self.models.is_empty() {
            advice.push(
                "there is no Cambrian-1 checkpoint in the hub cache: give the directory of one, or get one with \
                 `opabinia pull nyu-visionx/cambrian-8b`"
                    .into(),
            );
        }
        for device in self.devices.iter().filter(|device| device.compiled_in) {
            if let Some(problem) = &device.problem {
                advice.push(format!("this build can use {}, but none was found: {problem}", device.name));
            }
        }
        if advice.is_empty() {
            advice.push("nothing is missing".into());
        }
        advice
    }

    fn json(&self) -> Value {
        let devices = self.devices.iter().map(|device| {
            json!({
                "name": device.name,
                "compiled_in": device.compiled_in,
                "found": device.found,
                "problem": device.problem,
            })
        });
        let graphics = self.graphics.iter().map(|adapter| {
            json!({
                "name": adapter.name,
                "backend": adapter.backend,
                "kind": adapter.kind,
                "driver": adapter.driver,
                "usable": adapter.obstacle.is_none(),
                "obstacle": adapter.obstacle,
            })
        });
        let models =
            self.models.iter().map(|model| json_path::with(json!({ "repo": model.repo }), "directory", &model.dir));
        let caches =
            self.caches.iter().map(|cache| json_path::with(json!({ "exists": cache.is_dir() }), "directory", cache));
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "cpu": {
                "model": self.cpu.model,
                "architecture": self.cpu.architecture,
                "cores": self.cpu.cores,
                "threads": self.cpu.threads,
                "features": self.cpu.features,
            },
            "memory": { "total_bytes": self.memory.total, "available_bytes": self.memory.available },
            "devices": devices.collect::<Value>(),
            "graphics": graphics.collect::<Value>(),
            "hub": { "caches": caches.collect::<Value>(), "models": models.collect::<Value>() },
            "advice": self.advice(),
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<12}  {}", value.replace('\n', "\n              "));
        };
        row("opabinia", env!("CARGO_PKG_VERSION").into());
        let cores = self.cpu.cores.map_or_else(String::new, |cores| format!("{cores} cores, "));
        row(
            "processor",
            format!("{} ({cores}{} threads, {})", self.cpu.model, self.cpu.threads, self.cpu.architecture),
        );
        row(
            "",
            format!(
                "features: {}",
                if self.cpu.features.is_empty() { "none of note".into() } else { self.cpu.features.join(" ") }
            ),
        );
        row("memory", format!("{} available of {}", Bytes(self.memory.available), Bytes(self.memory.total)));
        row("computes on", "cpu".into());
        for device in &self.devices {
            row(
                "",
                match (device.compiled_in, &device.problem) {
                    (false, _) => {
                        format!("{}: not in this build (cargo build --features {})", device.name, device.name)
                    }
                    (true, None) => device.found.join(", "),
                    (true, Some(problem)) => format!("{}: in this build, none found: {problem}", device.name),
                },
            );
        }
        for (at, adapter) in self.graphics.iter().enumerate() {
            let obstacle = adapter
                .obstacle
                .as_ref()
                .map_or_else(String::new, |obstacle| format!(": cannot be used, it {obstacle}"));
            let AdapterSummary { name, backend, kind, driver, .. } = adapter;
            row(if at == 0 { "draws with" } else { "" }, format!("{name} ({kind}, {backend}, {driver}){obstacle}"));
        }
        if self.graphics.is_empty() {
            row("draws with", "nothing".into());
        }
        for (at, cache) in self.caches.iter().enumerate() {
            let missing = if cache.is_dir() { "" } else { " (does not exist)" };
            row(if at == 0 { "hub cache" } else { "" }, format!("{}{missing}", cache.display()));
        }
        for (at, model) in self.models.iter().enumerate() {
            row(if at == 0 { "checkpoints" } else { "" }, model.repo.clone());
        }
        text.push('\n');
        for advice in self.advice() {
            let _ = writeln!(text, "- {}", advice.replace('\n', "\n  "));
        }
        text
    }
}

impl Cpu {
    fn of_this_machine() -> Self {
        let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
        let model = system.cpus().first().map_or("", |cpu| cpu.brand().trim());
        Self {
            model: if model.is_empty() { "unknown".into() } else { model.to_owned() },
            architecture: std::env::consts::ARCH,
            cores: System::physical_core_count(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            features: cpu_features(),
        }
    }
}

/// Instruction sets that matter for speed, as far as this processor has them.
#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    macro_rules! present {
        ($($name:tt),*) => { [$(($name, std::arch::is_x86_feature_detected!($name))),*] };
    }
    let mut features: Vec<&str> = present![
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx512f",
        "avx512bw",
        "avx512vl",
        "avx512vnni",
        "avx512bf16",
        "avx512fp16"
    ]
    .into_iter()
    .filter_map(|(name, present)| present.then_some(name))
    .collect();
    // The standard library cannot be asked for these yet; Linux can.
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags: Vec<&str> =
        flags.lines().find(|line| line.starts_with("flags")).map(|line| line.split(' ').collect()).unwrap_or_default();
    features.extend(["amx_tile", "amx_bf16", "amx_int8"].into_iter().filter(|name| flags.contains(name)));
    features
}

/// Instruction sets that matter for speed, as far as this processor has them.
#[cfg(target_arch = "aarch64")]
fn cpu_features() -> Vec<&'static str> {
    macro_rules! present {
        ($($name:tt),*) => { [$(($name, std::arch::is_aarch64_feature_detected!($name))),*] };
    }
    present!["neon", "fp16", "bf16", "dotprod", "i8mm", "sve"]
        .into_iter()
        .filter_map(|(name, present)| present.then_some(name))
        .collect()
}

/// Instruction sets that matter for speed: none is known for this architecture.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}

fn devices() -> Vec<Device> {
    let cuda = (0..MAX_CUDA_DEVICES).map(DeviceChoice::Cuda).collect();
    vec![
        Device::probe("cuda", cfg!(feature = "cuda"), cuda),
        Device::probe("metal", cfg!(feature = "metal"), vec![DeviceChoice::Metal]),
    ]
}

impl Device {
    /// Opens the devices of one kind until one fails.
    fn probe(name: &'static str, compiled_in: bool, choices: Vec<DeviceChoice>) -> Self {
        let mut device = Self { name, compiled_in, found: Vec::new(), problem: None };
        if !compiled_in {
            return device;
        }
        for choice in choices {
            match choice.open() {
                Ok(_) => device.found.push(choice.to_string()),
                Err(error) => {
                    if device.found.is_empty() {
                        device.problem = Some(error.to_string());
                    }
                    break;
                }
            }
        }
        device
    }
}
