//! Evidence as a file: safetensors under fixed names, with what they belong to in the metadata.

use super::answer::Evidence;
use super::encoders::{CellMeans, EncoderMeans, GradientOf, GradientSums};
use super::faithfulness::{Curve, CurvesOf};
use super::game::Game;
use super::score::Score;
use crate::error::Result;
use crate::probe::trace_file::write_tensors;
use candle_core::{Device, Tensor};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Where the description lies in the file's metadata.
const METADATA_KEY: &str = "opabinia.evidence";

/// Version of the description.
const VERSION: u32 = 2;

impl Evidence {
    /// Everything that was measured, by name: `base.logp` and for each intervention `NAME.logp` `[T]`, `NAME.kl` `[1]` and
    /// `NAME.first_id` `[1]`; for each game `shapley.GAME` `[n]`, `.coalitions` `[2^n]` and `.interactions` `[n, n]`; what [`super::Contributions`] and [`super::Lens`] saw.
    pub fn tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut tensors = self.seen.clone();
        tensors.insert("base.logp".into(), numbers(&self.base)?);
        for effect in &self.effects {
            let Score { kl, .. } = effect.score;
            tensors.insert(format!("{}.logp", effect.name), numbers(&effect.score)?);
            tensors.insert(format!("{}.kl", effect.name), Tensor::new(&[kl as f32], &Device::Cpu)?);
            let first = Tensor::new(&[i64::from(effect.score.first_id())], &Device::Cpu)?;
            tensors.insert(format!("{}.first_id", effect.name), first);
        }
        for Game { kind, coalitions, shapley } in &self.games {
            let (name, n) = (kind.name(), shapley.values.len());
            let of = |values: &[f64], shape: &[usize]| Tensor::from_slice(values, shape, &Device::Cpu);
            tensors.insert(format!("shapley.{name}"), of(&shapley.values, &[n])?);
            tensors.insert(format!("shapley.{name}.coalitions"), of(coalitions, &[coalitions.len()])?);
            tensors.insert(format!("shapley.{name}.interactions"), of(&shapley.interactions, &[n, n])?);
        }
        for curve in &self.curves {
            let name = curve.name();
            let points = curve.log_p.len();
            tensors.insert(name.clone(), Tensor::from_slice(&curve.log_p, points, &Device::Cpu)?);
            let cells: Vec<i64> = curve.cells.iter().map(|cells| *cells as i64).collect();
            tensors.insert(format!("{name}.cells"), Tensor::from_vec(cells, points, &Device::Cpu)?);
        }
        let of_cells = |name: &str, means: &EncoderMeans, gradient: Option<&GradientSums>| -> Result<Vec<_>> {
            let n = self.anatomy.encoders().len();
            let numbers = |values: &dyn Fn(usize) -> Option<Vec<f64>>| {
                let cells = (0..means.side * means.side).flat_map(|at| values(at).unwrap_or(vec![f64::NAN; n]));
                Tensor::from_vec(cells.map(|value| value as f32).collect(), (means.side, means.side, n), &Device::Cpu)
            };
            let pick =
                |part: fn(&CellMeans) -> &Vec<f64>| numbers(&|at| Some(part(means.cells.get(at)?.as_ref()?).clone()));
            let mut all = vec![
                (format!("{name}.cells.share"), pick(|cell| &cell.share)?),
                (format!("{name}.cells.lift"), pick(|cell| &cell.lift)?),
                (format!("{name}.cells.norm"), pick(|cell| &cell.norm)?),
            ];
            if let Some(gradient) = gradient {
                let sums = numbers(&|at| gradient.cells.get(at).cloned())?;
                all.push((format!("{name}.cells.gradient_x_attention"), sums));
            }
            Ok(all)
        };
        if let Some(means) = &self.means {
            tensors.extend(of_cells("base", means, self.gradient(GradientOf::Answer))?);
        }
        for seen in &self.seen_under {
            let name = seen.interventions.to_spec(&self.anatomy);
            tensors.extend(of_cells(&name, &seen.means, seen.gradient.as_ref())?);
        }
        for reading in &self.readings {
            let (rows, frame) = (&reading.rows, reading.rows.frame.size_hw());
            let shape = (rows.layers, rows.heads, frame.0, frame.1);
            let name = format!("attention.t{}", reading.token);
            tensors.insert(name.clone(), Tensor::from_slice(&rows.visual, shape, &Device::Cpu)?);
            let rolled = Tensor::from_slice(&reading.rollout.visual, frame, &Device::Cpu)?;
            tensors.insert(format!("{name}.rollout"), rolled);
        }
        for (kind, maps) in self.features.iter().flat_map(|of| [("own", &of.own), ("shared", &of.shared)]) {
            for (k, map) in maps.iter().enumerate() {
                let colours = map.colours.iter().flat_map(|colour| colour.unwrap_or([f32::NAN; 3])).collect::<Vec<_>>();
                let name = format!("features.{kind}.{k}");
                tensors.insert(name.clone(), Tensor::from_vec(colours, (map.side, map.side, 3), &Device::Cpu)?);
                tensors.insert(
                    format!("{name}.norm"),
                    Tensor::from_slice(&map.norms, (map.side, map.side), &Device::Cpu)?,
                );
                tensors.insert(format!("{name}.effective_rank"), Tensor::new(&[map.effective_rank], &Device::Cpu)?);
            }
        }
        Ok(tensors)
    }

    /// Whether tensors of contributions or gradients are missing whose sums are known: what is kept across restarts is without
    /// them.
    pub fn lacks_tensors(&self) -> bool {
        let has = |prefix: &str| self.seen.keys().any(|name| name.starts_with(prefix));
        (self.means.is_some() && !has("contrib.")) || (!self.gradients.is_empty() && !has("grad."))
    }

    /// Writes [`Evidence::tensors`] to `path`, with a description of what they belong to.
    ///
    /// # Errors
    /// [`crate::Error::Io`] naming `path`.
    pub fn write(&self, model: &str, path: &Path) -> Result<()> {
        let ids: Vec<u32> = self.answer.iter().map(|token| token.id).collect();
        let layers: Vec<String> = self.anatomy.layers().map(|layer| layer.to_string()).collect();
        let interventions: serde_json::Map<String, serde_json::Value> =
            self.effects.iter().map(|effect| (effect.name.clone(), json!(effect.interventions))).collect();
        let description = json!({
            "version": VERSION,
            "model": model,
            "image": self.image,
            "other": self.other,
            "system": self.system,
            "question": self.question,
            "generated_ids": ids,
            "encoders": self.anatomy.encoders(),
            "layers": layers,
            "interventions": interventions,
            "region_cells": self.region,
        });
        write_tensors(&self.tensors()?, METADATA_KEY, &description, path)
    }
}

impl Curve {
    /// Its name in files: `curve.TARGET.OF.UNIT.ORDER.WAY`.
    fn name(&self) -> String {
        let CurvesOf { target, of, unit } = self.of;
        let target = target.map_or_else(|| "all".to_owned(), |k| k.to_string());
        format!("curve.{target}.{}.{unit}.{}.{}", of.name(), self.order, self.way.name())
    }
}

fn numbers(score: &Score) -> Result<Tensor> {
    Ok(Tensor::new(score.log_probs.as_slice(), &Device::Cpu)?)
}
