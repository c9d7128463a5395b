//! `opabinia eval show`: what a run says, and what two say of each other.

use super::super::console::{Console, print_json, print_report};
use super::super::failure::Result;
use crate::evidence::study::Study;
use crate::output;
use clap::{Args, ValueEnum};
use opabinia_engine::Error;
use opabinia_eval::report::{Columns, Filter, Summary, compare, csv, inspect, lmms_eval, markdown};
use opabinia_eval::run::RunDirectory;
use std::io::Write;
use std::path::PathBuf;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    Markdown,
    /// The same numbers for programs.
    Json,
    /// One line for each question and condition.
    Csv,
    /// A log of Inspect, of one condition.
    Inspect,
    /// Samples of lmms-eval, of one condition.
    LmmsEval,
}

/// Show the tables of a run, of two runs question by question, or of a study of evidence.
#[derive(Debug, Args)]
pub struct Show {
    /// The directory of the run, or the table that `eval evidence --out` wrote.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Another run over the same set, compared with the first.
    #[arg(value_name = "RUN2")]
    other: Option<PathBuf>,
    /// Only questions for which this holds: task=count, source=…, chars<40, options=2, question~red, as_is=right,
    /// no_image=wrong; several with commas between them.
    #[arg(long = "where", value_name = "FILTER")]
    filter: Option<String>,
    /// What to write: markdown, json, csv, inspect or lmms-eval.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
    /// Print JSON: short for --format json.
    #[arg(long)]
    json: bool,
    /// The condition whose samples are written, with --format inspect or lmms-eval; the first if left out.
    #[arg(long, value_name = "NAME")]
    condition: Option<String>,
    /// Write to this file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Show {
    /// Runs the command.
    ///
    /// # Errors
    /// If there is no run, it is damaged, or the two are not comparable.
    pub fn run(&self, console: Console) -> Result<()> {
        if self.run.is_file() {
            return self.study(console);
        }
        let run = RunDirectory::open(&self.run)?;
        let merged = run.finished()?;
        let all = Columns::new(run.header(), &merged.entries);
        let filter = self.filter.as_deref().map(|text| Filter::parse(text, run.header())).transpose()?;
        let columns = match &filter {
            Some(filter) => all.filtered(|record| filter.holds(record)),
            None => all,
        };
        if columns.records.is_empty() {
            return Err(Error::input(
                format!("{}: there is no such question among those that are finished", self.run.display()),
                "take another --where, or let the run go on",
            )
            .into());
        }
        let format = if self.json { Format::Json } else { self.format };
        if let Some(other) = &self.other {
            let theirs = RunDirectory::open(other)?;
            let theirs_merged = theirs.finished()?;
            let (text, value) = compare(&columns, &Columns::new(theirs.header(), &theirs_merged.entries))?;
            return match format {
                Format::Markdown => self.write(&text, console),
                Format::Json => self.write_json(&value, console),
                _ => Err(Error::input("two runs are compared as markdown or json", "leave the second run out").into()),
            };
        }
        let condition = match &self.condition {
            None => columns.header.conditions.first().map_or("", |condition| condition.name.as_str()),
            Some(name) if columns.condition(name).is_some() => name,
            Some(name) => {
                let names: Vec<&str> = columns.header.conditions.iter().map(|one| one.name.as_str()).collect();
                return Err(Error::input(
                    format!("the run has no condition `{name}`"),
                    format!("it has {}", names.join(", ")),
                )
                .into());
            }
        };
        match format {
            Format::Markdown => self.write(&markdown(&columns, &Summary::new(&columns)), console),
            Format::Json => self.write_json(&Summary::new(&columns).json(&columns), console),
            Format::Csv => self.write(&csv(&columns), console),
            Format::Inspect => self.write_json(&inspect(&columns, condition), console),
            Format::LmmsEval => self.write(&lmms_eval(&columns, condition), console),
        }
    }

    /// The tables of a study of evidence.
    fn study(&self, console: Console) -> Result<()> {
        let study = Study::read(&self.run)?;
        if self.other.is_some() || self.filter.is_some() || self.condition.is_some() {
            return Err(Error::input(
                format!("{}: a study of evidence is shown whole and alone", self.run.display()),
                "leave the second run, --where and --condition out",
            )
            .into());
        }
        match if self.json { Format::Json } else { self.format } {
            Format::Markdown => self.write(&study.markdown(), console),
            Format::Json => self.write_json(&study.json(), console),
            Format::Csv => self.write(&study.csv(), console),
            Format::Inspect | Format::LmmsEval => {
                Err(Error::input("a study of evidence holds no samples", "take markdown, json or csv").into())
            }
        }
    }

    fn write_json(&self, value: &serde_json::Value, console: Console) -> Result<()> {
        match &self.out {
            None => print_json(value),
            Some(_) => self.write(&format!("{value:#}\n"), console),
        }
    }

    fn write(&self, text: &str, console: Console) -> Result<()> {
        let Some(out) = &self.out else { return print_report(text) };
        output::check(out, &[&self.run])?;
        output::write(out, |file| file.write_all(text.as_bytes()))?;
        console.say(&format!("wrote {}", out.display()));
        Ok(())
    }
}
