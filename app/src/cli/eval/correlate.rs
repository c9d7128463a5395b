//! `opabinia eval correlate`: which benchmarks say the same.

use super::super::console::{Console, print_json, print_report};
use super::super::failure::{Failure, Result};
use crate::figure::Theme;
use crate::figure::correlation::CorrelationFigure;
use crate::output;
use crate::recipe::write_png;
use clap::{Args, ValueEnum};
use opabinia_engine::Error;
use opabinia_eval::correlate::{Correlation, Groups, Scores};
use opabinia_eval::report::Columns;
use opabinia_eval::run::RunDirectory;
use serde_json::json;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Colours around the figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ground {
    /// Dark on light, for paper.
    Light,
    /// Light on dark, for screens.
    Dark,
}

/// Find out which benchmarks say the same, from a table of models × benchmarks.
///
/// The table is a CSV file: names of benchmarks on top, of models in front, a number for each. Or it is made of runs: a row
/// for each condition, a column for each task. Benchmarks are standardised; their correlations (Pearson), principal
/// components and the tree of average linkage over 1 − r are computed. --out takes .png and .svg (biplot and tree), .csv (the
/// correlations) and .json.
#[derive(Debug, Args)]
pub struct Correlate {
    /// The table, or directories of runs.
    #[arg(value_name = "TABLE", required = true)]
    table: Vec<PathBuf>,
    /// A table of two columns, benchmark and group, to colour benchmarks by.
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// Colours around the figure.
    #[arg(long, value_enum, default_value_t = Ground::Light)]
    theme: Ground,
    /// Write to this file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object: correlations, components and the tree.
    #[arg(long)]
    json: bool,
}

impl Correlate {
    /// Runs the command.
    ///
    /// # Errors
    /// If a table or a run cannot be read, there is too little in it, or the file cannot be written.
    pub fn run(&self, console: Console) -> Result<()> {
        if let Some(out) = &self.out {
            let inputs: Vec<&Path> = self.table.iter().chain(&self.groups).map(PathBuf::as_path).collect();
            output::check(out, &inputs)?;
        }
        let scores = self.scores()?;
        scores.notes.iter().for_each(|note| console.say(&format!("note: {note}")));
        let groups = self.groups.as_deref().map(Groups::read).transpose()?;
        let found = Correlation::new(scores);
        match &self.out {
            None if self.json => print_json(&json(&found)),
            None => print_report(&words(&found)),
            Some(out) => {
                self.write(out, &found, groups.as_ref())?;
                console.say(&format!("wrote {}", out.display()));
                if self.json { print_json(&json(&found)) } else { Ok(()) }
            }
        }
    }

    fn scores(&self) -> Result<Scores> {
        if let [table] = self.table.as_slice()
            && !table.is_dir()
        {
            return Ok(Scores::read(table)?);
        }
        let mut runs = Vec::new();
        for path in &self.table {
            let run = RunDirectory::open(path)?;
            let finished = run.finished()?;
            runs.push((run, finished));
        }
        let columns: Vec<_> = runs.iter().map(|(run, done)| Columns::new(run.header(), &done.entries)).collect();
        Ok(Scores::of_runs(&columns)?)
    }

    fn write(&self, out: &Path, found: &Correlation, groups: Option<&Groups>) -> Result<()> {
        let theme = match self.theme {
            Ground::Light => Theme::Light,
            Ground::Dark => Theme::Dark,
        };
        let figure = CorrelationFigure::of_file(found, groups, theme);
        let ending = out.extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        let text = match ending.as_str() {
            "png" => return Ok(write_png(out, &figure.draw().map_err(Failure::internal)?)?),
            "svg" => figure.svg().map_err(Failure::internal)?,
            "csv" => found.csv(),
            "json" => format!("{:#}\n", json(found)),
            _ => {
                let what = format!("{}: what kind of file is that?", out.display());
                return Err(Error::input(what, "give it a name that ends in .png, .svg, .csv or .json").into());
            }
        };
        Ok(output::write(out, |file| file.write_all(text.as_bytes()))?)
    }
}

fn json(found: &Correlation) -> serde_json::Value {
    let scores = &found.scores;
    let components = found.components.iter().map(|component| {
        json!({ "explained": component.explained, "loadings": component.loadings, "scores": component.scores })
    });
    let merges = found.merges.iter().map(
        |merge| json!({ "first": merge.first, "second": merge.second, "distance": merge.distance, "size": merge.size }),
    );
    json!({
        "models": scores.models,
        "benchmarks": scores.benchmarks,
        "left_out": scores.notes,
        "r": found.matrix,
        "components": components.collect::<Vec<_>>(),
        "tree": merges.collect::<Vec<_>>(),
    })
}

/// The same for people, as a page.
fn words(found: &Correlation) -> String {
    let scores = &found.scores;
    let cell = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
    let mut text = format!("# {} benchmarks, {} models\n\n", scores.benchmarks.len(), scores.models.len());
    let order = found.order();
    let names: Vec<String> = order.iter().map(|at| cell(&scores.benchmarks[*at])).collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "| r | {} |\n| --- |{}", names.join(" | "), " --: |".repeat(names.len()));
    for (row, name) in order.iter().zip(&names) {
        let values: Vec<String> =
            order.iter().map(|at| format!("{:.2}", found.matrix[*row][*at]).replace('-', "−")).collect();
        let _ = writeln!(text, "| {name} | {} |", values.join(" | "));
    }
    let parts: Vec<String> =
        found.components.iter().take(3).map(|component| format!("{:.0} %", 100.0 * component.explained)).collect();
    let _ = writeln!(
        text,
        "\nPearson's r, benchmarks in the order of the tree (average linkage over 1 − r). The first principal components of the \
         standardised table have {} of its variance.",
        parts.join(", ")
    );
    text
}
