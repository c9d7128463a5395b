//! How benchmarks go together: from a table of models × benchmarks, the correlations between benchmarks, their principal
//! components, and the tree of those that say the same.
//!
//! Benchmarks are standardised (mean 0, variance 1 over models), so that one with a wider scale counts no more than another.

mod components;
mod table;
mod tree;

pub use components::{Component, components};
pub use table::{Groups, Scores};
pub use tree::{Merge, leaves, tree};

/// What a table says.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    /// The table it was made from.
    pub scores: Scores,
    /// Pearson's r of every two benchmarks.
    pub matrix: Vec<Vec<f64>>,
    /// Principal components of the standardised table, the one with the largest variance first.
    pub components: Vec<Component>,
    /// Average linkage over 1 − r.
    pub merges: Vec<Merge>,
}

impl Correlation {
    /// Of `scores`.
    pub fn new(scores: Scores) -> Self {
        let columns: Vec<Vec<f64>> = (0..scores.benchmarks.len()).map(|at| standardised(&scores, at)).collect();
        let models = scores.models.len() as f64;
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / models;
        let matrix: Vec<Vec<f64>> =
            columns.iter().map(|a| columns.iter().map(|b| product(a, b).clamp(-1.0, 1.0)).collect()).collect();
        let components = components(&matrix, &columns);
        let distances: Vec<Vec<f64>> = matrix.iter().map(|row| row.iter().map(|r| 1.0 - r).collect()).collect();
        let merges = tree(&distances);
        Self { scores, matrix, components, merges }
    }

    /// Benchmarks in the order of the tree, which puts those together that say the same.
    pub fn order(&self) -> Vec<usize> {
        leaves(&self.merges, self.scores.benchmarks.len())
    }

    /// The correlations as a table: benchmarks in the order of the tree.
    pub fn csv(&self) -> String {
        let order = self.order();
        let name = |at: &usize| field(&self.scores.benchmarks[*at]);
        let mut text = format!("r,{}\n", order.iter().map(name).collect::<Vec<_>>().join(","));
        for row in &order {
            let values: Vec<String> = order.iter().map(|column| format!("{:.6}", self.matrix[*row][*column])).collect();
            text.push_str(&format!("{},{}\n", name(row), values.join(",")));
        }
        text
    }
}

/// A field of a table of commas.
fn field(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The column of a benchmark with mean 0 and variance 1 over models.
fn standardised(scores: &Scores, benchmark: usize) -> Vec<f64> {
    let column: Vec<f64> = scores.values.iter().map(|row| row[benchmark]).collect();
    let count = column.len() as f64;
    let mean = column.iter().sum::<f64>() / count;
    let deviation = (column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt();
    column.iter().map(|x| (x - mean) / deviation).collect()
}
