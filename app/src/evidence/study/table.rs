//! A study as a table of comma-separated values: written, and read again.

use super::{MEASURES, Question, Study};
use crate::csv;
use crate::evidence::{Measure, Removal};
use opabinia_engine::probe::evidence::CellOrder;
use opabinia_eval::{Error, Result};
use std::fmt::Write as _;
use std::path::Path;

/// The columns that say whose a row is.
const ABOUT: [&str; 7] = ["model", "set", "idx", "task", "cluster", "answer", "right"];

/// The mean areas of random orders.
const RANDOM: [&str; 2] = ["deletion.random", "insertion.random"];

/// What such a table looks like.
const HELP: &str = "give a table that `opabinia eval evidence --out` wrote";

/// The orders that have columns.
fn orders() -> impl Iterator<Item = CellOrder> {
    CellOrder::METHODS.into_iter().chain([CellOrder::Greedy])
}

impl Study {
    /// Every number of every question: a row for each, numbers in single precision.
    pub fn csv(&self) -> String {
        let mut columns: Vec<String> = ABOUT.into_iter().chain(RANDOM).map(str::to_owned).collect();
        for measure in [Measure::Removal(self.removal)].into_iter().chain(MEASURES) {
            columns.extend(self.encoders.iter().map(|name| format!("{}.{name}", measure.name())));
        }
        columns.extend(orders().flat_map(|order| ["deletion", "insertion"].map(|way| format!("{way}.{order}"))));
        let mut table = csv::fields(columns.iter().map(String::as_str));
        table.push('\n');
        for question in &self.questions {
            let Question { idx, task, cluster, answer, right, deltas, measures, areas, random } = question;
            let about = [self.model.as_str(), &self.set, idx, task, cluster, answer, if *right { "1" } else { "0" }];
            let mut numbers: Vec<Option<f64>> = random.map_or([None; 2], |random| random.map(Some)).to_vec();
            numbers.extend(deltas.iter().copied().map(Some));
            for measure in measures {
                numbers.extend((0..self.encoders.len()).map(|k| measure.get(k).copied()));
            }
            for order in orders() {
                let known = areas.iter().find(|(known, _)| *known == order).map(|(_, areas)| *areas);
                numbers.extend([0, 1].map(|at| known.map(|areas| areas[at])));
            }
            let number = |value: Option<f64>| value.map_or_else(String::new, |value| (value as f32).to_string());
            let numbers: Vec<String> = numbers.into_iter().map(number).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{},{}", csv::fields(about), numbers.join(","));
        }
        table
    }

    /// Reads a table that [`Study::csv`] wrote.
    ///
    /// # Errors
    /// If it cannot be read or is none, with the line at fault.
    pub fn read(path: &Path) -> Result<Self> {
        let mut rows = opabinia_eval::csv::rows(path, HELP)?.into_iter();
        let (_, head) = rows.next().ok_or_else(|| Error::at(path, "it is empty", HELP))?;
        let removed = Removal::ALL.into_iter().map(|removal| (removal, Measure::Removal(removal).name() + "."));
        let mut removed = removed.map(|(removal, start)| {
            let names = head.iter().filter_map(|column| column.strip_prefix(&start)).map(str::to_owned);
            (removal, names.collect::<Vec<String>>())
        });
        let Some((removal, encoders)) = removed.find(|(_, names)| !names.is_empty()) else {
            return Err(Error::at(path, "it has no column of Δ log p without an encoder", HELP));
        };
        let mut study = Self { model: String::new(), set: String::new(), encoders, removal, questions: Vec::new() };
        for (line, row) in rows {
            let record = Record { head: &head, row: &row };
            let bad = |what: String| Error::at(path, format!("line {line}: {what}"), HELP);
            if row.len() != head.len() {
                return Err(bad(format!("it has {} fields instead of {}", row.len(), head.len())));
            }
            let (model, set, question) = record.question(&study.encoders, removal).map_err(bad)?;
            if study.questions.is_empty() {
                (study.model, study.set) = (model, set);
            } else if (&model, &set) != (&study.model, &study.set) {
                return Err(bad(format!("it is about {model} and {set}, and those before about another model or set")));
            }
            study.questions.push(question);
        }
        if study.questions.is_empty() {
            return Err(Error::at(path, "there is no question in it", HELP));
        }
        Ok(study)
    }
}

/// A line with the names of its columns.
struct Record<'a> {
    head: &'a [String],
    row: &'a [String],
}

impl Record<'_> {
    fn text(&self, column: &str) -> Result<&str, String> {
        let at = self.head.iter().position(|name| name == column).ok_or(format!("there is no column `{column}`"))?;
        Ok(self.row.get(at).map_or("", String::as_str))
    }

    fn number(&self, column: &str) -> Result<Option<f64>, String> {
        match self.text(column)? {
            "" => Ok(None),
            text => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Some(value)),
                _ => Err(format!("`{text}` in {column} is no number")),
            },
        }
    }

    /// A number of `measure` for each encoder.
    fn each(&self, measure: Measure, encoders: &[String]) -> Result<Option<Vec<f64>>, String> {
        encoders.iter().map(|name| self.number(&format!("{}.{name}", measure.name()))).collect()
    }

    /// The model, the set and the question.
    fn question(&self, encoders: &[String], removal: Removal) -> Result<(String, String, Question), String> {
        let [model, set, idx, task, cluster, answer, right] = ABOUT.map(|column| self.text(column));
        let pair = |names: [&str; 2]| -> Result<Option<[f64; 2]>, String> {
            let [deletion, insertion] = names.map(|name| self.number(name));
            Ok(deletion?.zip(insertion?).map(|(deletion, insertion)| [deletion, insertion]))
        };
        let mut areas = Vec::new();
        for order in orders() {
            let both = pair([&format!("deletion.{order}"), &format!("insertion.{order}")])?;
            areas.extend(both.map(|both| (order, both)));
        }
        let deltas = self.each(Measure::Removal(removal), encoders)?;
        let measures = MEASURES.map(|measure| self.each(measure, encoders));
        let question = Question {
            idx: idx?.to_owned(),
            task: task?.to_owned(),
            cluster: cluster?.to_owned(),
            answer: answer?.to_owned(),
            right: right? == "1",
            deltas: deltas.ok_or("Δ log p is missing")?,
            measures: measures
                .into_iter()
                .map(|values| Ok(values?.unwrap_or_default()))
                .collect::<Result<_, String>>()?,
            areas,
            random: pair(RANDOM)?,
        };
        Ok((model?.to_owned(), set?.to_owned(), question))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::study;
    use super::*;

    fn read(text: &str) -> Result<Study> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.csv");
        std::fs::write(&path, text).unwrap();
        Study::read(&path)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let table = study().csv();
        assert_eq!(table.lines().count(), 5);
        let again = read(&table).unwrap();
        assert_eq!(again.csv(), table);
        assert_eq!((again.markdown(), again.json()), (rounded().markdown(), rounded().json()));
    }

    /// The study with numbers of as many digits as files have.
    fn rounded() -> Study {
        let mut study = study();
        let round = |value: &mut f64| *value = (*value as f32).to_string().parse().unwrap();
        for question in &mut study.questions {
            question.deltas.iter_mut().chain(question.measures.iter_mut().flatten()).for_each(round);
            question.areas.iter_mut().flat_map(|(_, areas)| areas).for_each(round);
            question.random.iter_mut().flatten().for_each(round);
        }
        study
    }

    #[test]
    fn what_is_no_study_is_said_with_its_line() {
        let sound = study().csv();
        let lines: Vec<&str> = sound.lines().collect();
        for (text, part) in [
            (String::new(), "it is empty"),
            (format!("{}\n", lines[0]), "no question"),
            (sound.replace("delta_log_p", "delta"), "no column of Δ log p"),
            (sound.replace("cluster", "picture"), "line 2: there is no column `cluster`"),
            (format!("{}\n{}\nm,s\n", lines[0], lines[1]), "line 3: it has 2 fields"),
            (
                format!("{}\n{}\n{}\n", lines[0], lines[1], lines[2].replacen("m,", "other,", 1)),
                "line 3: it is about other",
            ),
            (sound.replacen("-3", "three", 1), "`three` in"),
            (sound.replacen("-3", "inf", 1), "`inf` in"),
        ] {
            let message = read(&text).unwrap_err().to_string();
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}
