//! Files damaged at random, many times, in memory: every reader ends in what it read or in a refusal that says what to
//! do, and never in a panic. `OPABINIA_MUTATIONS` multiplies the number of times.

use super::config::CambrianConfig;
use super::faults::{TWO, archive, config, dict, older_format, safetensors, tensor};
use super::json::JsonFile;
use super::{safetensors_header, torch_file};
use crate::error::{Error, Result};
use crate::mutate::{self, Chance};
use opabinia_trace::encoder_name;
use std::path::Path;

/// Damages `original`, the content of a file called `name`, and reads it, each time in another way.
fn damage<T>(seed: u64, name: &str, original: &[u8], read: impl Fn(&Path, &[u8]) -> Result<T>) {
    let path = Path::new(name);
    read(path, original).unwrap();
    let times = std::env::var("OPABINIA_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(1) * 20_000;
    let mut refused = 0;
    for number in 0..times {
        let mut chance = Chance::new(seed << 32 | number);
        let (bytes, what) = mutate::file(original, path, &mut chance);
        match read(path, &bytes) {
            Ok(_) => {}
            Err(Error::Refused(refusal)) => {
                refused += 1;
                assert!(refusal.help.is_some(), "{number}: {what}: {refusal}");
                let text = refusal.to_string();
                assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{number}: {what}: {text:?}");
            }
            Err(error) => panic!("{number}: {what}: {error}"),
        }
    }
    assert!(refused > times / 10, "hardly anything was refused: {refused} of {times}");
}

#[test]
fn damaged_configurations() {
    let text = config().to_string();
    damage(11, "config.json", text.as_bytes(), |path, bytes| {
        CambrianConfig::from_files(&JsonFile::parse(path, bytes)?, None)
    });
    let whole = JsonFile::parse(Path::new("config.json"), text.as_bytes()).unwrap();
    let generation = br#"{"eos_token_id": [2, 9], "do_sample": true, "temperature": 0.6, "repetition_penalty": 1.0}"#;
    damage(12, "generation_config.json", generation, |path, bytes| {
        CambrianConfig::from_files(&whole, Some(&JsonFile::parse(path, bytes)?))
    });
}

#[test]
fn damaged_headers() {
    damage(13, "model.safetensors", &safetensors(TWO), safetensors_header::read);
}

#[test]
fn damaged_pickles() {
    let two = dict(&[tensor("a", 4, [2, 1], 8), tensor("b", 0, [2, 1], 8)]);
    damage(14, "pytorch_model.bin", &archive(&two), torch_file::read);
    damage(15, "pytorch_model.bin", &older_format(), torch_file::read);
}

#[test]
fn damaged_names_of_encoders() {
    let names =
        ["siglip/CLIP-ViT-SO400M-14-384-interp576", "/data/openai/clip-vit-large-res336", "C:\\x\\dinov2-é-res9"];
    for (seed, name) in (16..).zip(names) {
        for number in 0..20_000 {
            let bytes = mutate::bytes(name.as_bytes(), &mut Chance::new(seed << 32 | number));
            let name = String::from_utf8_lossy(&bytes);
            if let Ok(tower) = encoder_name::parse(&name) {
                let origin = tower.origin.to_string();
                assert!(!origin.split('/').any(|part| part == ".."), "{number}: {origin}");
            }
        }
    }
}
