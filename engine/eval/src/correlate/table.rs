//! Tables of models × benchmarks as people keep them: commas between fields, names of benchmarks on top, of models in front.

use super::field;
use crate::csv;
use crate::error::{Error, Result};
use crate::report::Columns;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// No table has more benchmarks: more of them nobody can read in a figure.
const MAX_BENCHMARKS: usize = 120;

/// No table has more models.
const MAX_MODELS: usize = 10_000;

/// Scores of models on benchmarks, complete and each benchmark with some variance.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The names of the models.
    pub models: Vec<String>,
    /// The names of the benchmarks.
    pub benchmarks: Vec<String>,
    /// A row for each model.
    pub values: Vec<Vec<f64>>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

const HELP: &str = "a table has commas between its fields, the names of benchmarks in its first line, and in every other \
                    line the name of a model and a number for each benchmark; what is not known stays empty";

const TOO_FEW: &str = "a correlation needs three models and two benchmarks at least";

impl Scores {
    /// Reads a table. Models that lack a number are left out, and so are benchmarks on which all models are equal.
    ///
    /// # Errors
    /// If it cannot be read or is none, or fewer than three models or two benchmarks are left.
    pub fn read(path: &Path) -> Result<Self> {
        let mut rows = csv::rows(path, HELP)?.into_iter();
        let (_, head) = rows.next().ok_or_else(|| Error::at(path, "it is empty", HELP))?;
        let benchmarks: Vec<String> = head.iter().skip(1).map(|name| name.trim().to_owned()).collect();
        if benchmarks.len() > MAX_BENCHMARKS {
            let what = format!("it has {} benchmarks, and {MAX_BENCHMARKS} is the most", benchmarks.len());
            return Err(Error::at(path, what, "take some of the columns"));
        }
        let (mut models, mut values, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for name in &benchmarks {
            if name.is_empty() || !seen.insert(name.clone()) {
                return Err(Error::at(
                    path,
                    format!("a benchmark has no name, or one that is twice there: `{name}`"),
                    HELP,
                ));
            }
        }
        seen.clear();
        for (line, row) in rows {
            let name = row.first().map(|name| name.trim().to_owned()).unwrap_or_default();
            let at = |what: String| Error::at(path, format!("line {line}: {what}"), HELP);
            if row.len() != benchmarks.len() + 1 {
                return Err(at(format!("it has {} fields instead of {}", row.len(), benchmarks.len() + 1)));
            }
            if name.is_empty() || !seen.insert(name.clone()) {
                return Err(at(format!("a model has no name, or one that is twice there: `{name}`")));
            }
            let mut numbers = Vec::with_capacity(benchmarks.len());
            for (text, benchmark) in row.iter().skip(1).map(|text| text.trim()).zip(&benchmarks) {
                if text.is_empty() || text == "-" {
                    notes.push(format!("{name} is left out: it has no number for {benchmark}"));
                    break;
                }
                match text.parse::<f64>() {
                    Ok(number) if number.is_finite() => numbers.push(number),
                    _ => return Err(at(format!("`{text}` for {benchmark} is no number"))),
                }
            }
            if numbers.len() == benchmarks.len() {
                models.push(name);
                values.push(numbers);
            }
            if models.len() > MAX_MODELS {
                return Err(Error::at(path, format!("it has more than {MAX_MODELS} models"), "take some of the lines"));
            }
        }
        Self { models, benchmarks, values, notes }.checked().map_err(|what| Error::at(path, what, TOO_FEW))
    }

    /// The table of some runs: a row for each run and condition, a column for each task that all of them have, and in it
    /// the part that is right, in percent.
    ///
    /// # Errors
    /// If fewer than three rows or two tasks are left.
    pub fn of_runs(runs: &[Columns<'_>]) -> Result<Self> {
        let by_task: Vec<_> = runs.iter().map(|run| run.groups(|record| Some(record.task.clone()))).collect();
        let tasks = by_task.first().into_iter().flat_map(|tasks| tasks.keys());
        let benchmarks: Vec<String> =
            tasks.filter(|task| by_task.iter().all(|of| of.contains_key(*task))).cloned().collect();
        let (mut models, mut values) = (Vec::new(), Vec::new());
        for (run, by_task) in runs.iter().zip(&by_task) {
            for condition in &run.header.conditions {
                let rate = |task: &String| by_task.get(task).map(|of| of.rate(&of.right(&condition.name)).value());
                models.push(format!("{} {}", run.header.model.name, condition.name));
                values.push(benchmarks.iter().filter_map(rate).map(|rate| 100.0 * rate).collect());
            }
        }
        let scores = Self { models, benchmarks, values, notes: Vec::new() };
        scores.checked().map_err(|what| Error::new(what, TOO_FEW))
    }

    /// The table in the format that [`Scores::read`] reads.
    pub fn csv(&self) -> String {
        let mut text = String::from("model");
        self.benchmarks.iter().for_each(|name| text.push_str(&format!(",{}", field(name))));
        text.push('\n');
        for (name, row) in self.models.iter().zip(&self.values) {
            text.push_str(&field(name));
            row.iter().for_each(|value| text.push_str(&format!(",{value:.2}")));
            text.push('\n');
        }
        text
    }

    /// Without what tells no models apart; why there is too little, where there is.
    fn checked(mut self) -> Result<Self, String> {
        self.leave_out_constant();
        if self.models.len() < 3 || self.benchmarks.len() < 2 {
            let few = format!(
                "{} models have a number for each of {} benchmarks that tell them apart: too few to correlate",
                self.models.len(),
                self.benchmarks.len()
            );
            return Err(self.notes.first().map_or(few.clone(), |note| format!("{few} ({note})")));
        }
        Ok(self)
    }

    fn leave_out_constant(&mut self) {
        let varies = |at: usize| {
            let mut column = self.values.iter().map(|row| row[at]);
            let first = column.next();
            column.any(|x| Some(x) != first)
        };
        let kept: Vec<bool> = (0..self.benchmarks.len()).map(varies).collect();
        for (name, _) in self.benchmarks.iter().zip(&kept).filter(|(_, kept)| !**kept) {
            self.notes.push(format!("{name} is left out: all models have the same number"));
        }
        let mut keep = kept.iter().copied().cycle();
        self.benchmarks.retain(|_| keep.next().unwrap_or(false));
        for row in &mut self.values {
            row.retain(|_| keep.next().unwrap_or(false));
        }
    }
}

/// To which group each benchmark belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups(BTreeMap<String, String>);

impl Groups {
    /// Reads a table of two columns: benchmark and group, under a heading.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let help = "a table of groups has two columns, benchmark and group, and a line with their names on top";
        let mut groups = BTreeMap::new();
        for (line, row) in csv::rows(path, help)?.into_iter().skip(1) {
            let [benchmark, group] = row.as_slice() else {
                return Err(Error::at(path, format!("line {line}: it has {} fields", row.len()), help));
            };
            groups.insert(benchmark.trim().to_owned(), group.trim().to_owned());
        }
        if groups.is_empty() {
            return Err(Error::at(path, "there is no benchmark in it", help));
        }
        Ok(Self(groups))
    }

    /// The group of `benchmark`.
    pub fn of(&self, benchmark: &str) -> Option<&str> {
        self.0.get(benchmark).map(String::as_str)
    }

    /// The groups of `benchmarks`, each once, by name.
    pub fn among<'a>(&'a self, benchmarks: &[String]) -> Vec<&'a str> {
        let mut names: Vec<&str> = benchmarks.iter().filter_map(|name| self.of(name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(text: &str) -> Result<Scores> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scores.csv");
        fs::write(&path, text).unwrap();
        Scores::read(&path)
    }

    #[test]
    fn a_table_is_read_and_what_lacks_a_number_is_named() {
        let scores = read("model,A,\"B, C\",D\nx,1,2,7\ny,2,,7\nz,3,1,7\nw,4,5,7\n").unwrap();
        assert_eq!(scores.models, ["x", "z", "w"]);
        assert_eq!(scores.benchmarks, ["A", "B, C"]);
        assert_eq!(scores.values, [[1.0, 2.0], [3.0, 1.0], [4.0, 5.0]]);
        assert_eq!(scores.notes.len(), 2, "{:?}", scores.notes);
        assert!(scores.notes[0].contains("y is left out") && scores.notes[1].contains("D is left out"));
    }

    #[test]
    fn what_is_no_table_is_said_with_its_line() {
        for (text, part) in [
            ("", "empty"),
            ("model,A,B\nx,1\n", "line 2: it has 2 fields"),
            ("model,A,B\nx,1,2\ny,1,red\n", "line 3: `red`"),
            ("model,A,B\nx,1,nan\n", "line 2: `nan`"),
            ("model,A,A\nx,1,2\n", "twice"),
            ("model,A,B\nx,1,2\nx,1,2\n", "twice"),
            ("model,A,B\nx,1,2\ny,2,1\n", "too few"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        let wide = format!("model,{}\n", (0..200).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        assert!(read(&wide).unwrap_err().to_string().contains("120"));
    }

    #[test]
    fn groups_are_read_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("groups.csv");
        fs::write(&path, "benchmark,group\nA,one\nB,two\nC,one\n").unwrap();
        let groups = Groups::read(&path).unwrap();
        assert_eq!((groups.of("C"), groups.of("Z")), (Some("one"), None));
        assert_eq!(groups.among(&["A".into(), "C".into(), "B".into()]), ["one", "two"]);
    }
}
