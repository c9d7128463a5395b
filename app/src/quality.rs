//! What keeping weights in fewer bits changes, as it was measured once: the table of [docs/speed.md](../../docs/speed.md#quality),
//! which tells how.

use opabinia_engine::model::Inspection;
use opabinia_engine::precision::{Products, WeightFormat};

/// Questions that were asked.
pub const QUESTIONS: usize = 2000;

/// What became of the demo checkpoint's answers, compared with those in f32.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Answers of which every token is the same, in percent.
    pub same_answers: f64,
    /// Mean divergence of the distributions over the next token, in thousandths of a nat.
    pub divergence: f64,
}

impl Quality {
    /// That of weights kept as `weights`, where they are multiplied as `inspection` says. f32 is what others are compared with, and
    /// other devices than the CPU were not measured.
    pub fn of(inspection: &Inspection, weights: WeightFormat) -> Option<Self> {
        let products = inspection.products(weights)?;
        let (_, _, same_answers, divergence) =
            *MEASURED.iter().find(|(format, how, ..)| (*format, *how) == (weights, products))?;
        Some(Self { same_answers, divergence })
    }
}

/// Format, products, same answers and divergence. Nothing is multiplied otherwise beside f16 when it may be fast.
const MEASURED: [(WeightFormat, Products, f64, f64); 12] = [
    (WeightFormat::Bf16, Products::Exact, 100.0, 0.0),
    (WeightFormat::Bf16, Products::Fast, 99.95, 0.001),
    (WeightFormat::F16, Products::Exact, 100.0, 0.0),
    (WeightFormat::F16, Products::Fast, 100.0, 0.0),
    (WeightFormat::Q8_0, Products::Exact, 99.95, 0.008),
    (WeightFormat::Q8_0, Products::Fast, 100.0, 0.02),
    (WeightFormat::Q6K, Products::Exact, 99.95, 0.04),
    (WeightFormat::Q6K, Products::Fast, 99.9, 0.052),
    (WeightFormat::Q5K, Products::Exact, 99.9, 0.094),
    (WeightFormat::Q5K, Products::Fast, 99.95, 0.121),
    (WeightFormat::Q4K, Products::Exact, 99.45, 0.466),
    (WeightFormat::Q4K, Products::Fast, 99.45, 0.506),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Its rows are `| weights, products | n | divergence | same token | same answer | right |`.
    #[test]
    fn the_numbers_are_those_of_the_document() {
        let (_, document) = include_str!("../../docs/speed.md").split_once("## Quality").unwrap();
        for (format, products, same_answers, divergence) in MEASURED {
            // What is never multiplied otherwise has one row.
            let products = if format == WeightFormat::F16 { Products::Exact } else { products };
            let name = format!("| {format}, {} |", products.name());
            let row = document.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("no {name}"));
            let cells: Vec<f64> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
            assert_eq!((cells[0], cells[1], cells[3]), (QUESTIONS as f64, divergence, same_answers), "{name}");
        }
    }
}
