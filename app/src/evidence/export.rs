//! Evidence as files: tables of numbers, tensors and figures, written in the same way by the window and the command line.

use super::checks::Shuffled;
use super::curves::place_of;
use super::measured::Measured;
use super::recipe::Recipe;
use super::sheet::sheet;
use super::{Findings, Measure, Rung};
use crate::csv;
use crate::output;
use crate::recipe::write_png;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::evidence::{Curve, Score, normalised};
use opabinia_engine::text::Turn;
use opabinia_engine::{Error, Result};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvidenceFile {
    /// Every number as comma-separated values.
    Numbers,
    /// Every tensor as safetensors.
    Tensors,
    /// What is looked at, as a picture.
    Png,
    /// The same as vector graphics.
    Svg,
    /// How `opabinia evidence --recipe` measures and writes all of it again.
    Recipe,
}

impl EvidenceFile {
    /// All of them, in the order of the menu.
    pub const ALL: [Self; 5] = [Self::Numbers, Self::Tensors, Self::Png, Self::Svg, Self::Recipe];

    /// How the names of such files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Numbers => "csv",
            Self::Tensors => "safetensors",
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Recipe => "recipe.json",
        }
    }

    /// What a file of this name is; `None` for none of them.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        Self::ALL.into_iter().find(|kind| name.ends_with(&format!(".{}", kind.extension())))
    }
}

/// Writes `kind` of `measured` to `path`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Input`] naming the file.
pub fn write(measured: &Measured, kind: EvidenceFile, path: &Path) -> Result<()> {
    let failed = |what: String| Error::io(path, std::io::Error::other(what));
    let text = |text: String| output::write(path, |file| file.write_all(text.as_bytes()));
    output::check(path, &[])?;
    let sheet = || sheet(&measured.findings, &measured.shown, &measured.model, &measured.image, measured.theme);
    match kind {
        EvidenceFile::Numbers => text(numbers(&measured.findings, &measured.model, &measured.image)),
        EvidenceFile::Tensors => measured.findings.evidence().write(&measured.model, path),
        EvidenceFile::Png => write_png(path, &sheet().draw().map_err(failed)?),
        EvidenceFile::Svg => text(sheet().svg().map_err(failed)?),
        EvidenceFile::Recipe => Recipe::write(path, measured),
    }
}

/// Every number: one row for each. The first columns say in every row whose it is; `evidence` on which rung it stands, `of`
/// the encoder or the intervention as a SPEC, `token` its place in the answer from 0 (empty: the whole answer).
pub fn numbers(findings: &Findings, model: &str, image: &str) -> String {
    let evidence = findings.evidence();
    let about = csv::fields([model, image, &evidence.question, &evidence.text]);
    let mut table = String::from("model,image,question,answer,evidence,measure,of,token,value\n");
    let mut row = |rung: &str, measure: &str, of: &str, token: Option<usize>, value: f64| {
        let token = token.map_or_else(String::new, |t| t.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{about},{},{token},{value}", csv::fields([rung, measure, of]));
    };
    let tokens = evidence.answer.len();
    let causal = Rung::Intervention.name();
    let mut score = |measure: &str, of: &str, value: &dyn Fn(Option<usize>) -> Option<f64>| {
        for token in [None].into_iter().chain((0..tokens).map(Some)) {
            if let Some(value) = value(token) {
                row(causal, measure, of, token, value);
            }
        }
    };
    let base = |score: &Score, token: Option<usize>| match token {
        None => Some(score.sum()),
        Some(t) => score.log_probs.get(t).map(|p| f64::from(*p)),
    };
    score("log_p", "none", &|token| base(&evidence.base, token));
    for effect in &evidence.effects {
        let spec = spec(&effect.interventions, findings);
        score("delta_log_p", &spec, &|token| findings.delta(&effect.score, token));
        score("kl_first_token", &spec, &|token| token.is_none().then_some(effect.score.kl));
    }
    let names = findings.anatomy().encoder_names();
    for measure in [Measure::Share, Measure::Lift, Measure::Norm] {
        for (name, value) in names.iter().zip(findings.column(measure, None)) {
            value.into_iter().for_each(|value| row(measure.rung().name(), &measure.name(), name, None, value));
        }
    }
    for sums in &evidence.gradients {
        let token = place_of(sums.of);
        for (name, value) in names.iter().zip(&sums.encoders) {
            row(Rung::Gradient.name(), &Measure::Gradient.name(), name, token, *value);
        }
        for (name, value) in names.iter().zip(&sums.relevancy) {
            row(Rung::Gradient.name(), &Measure::Relevancy.name(), name, token, *value);
        }
    }
    for curve in &evidence.curves {
        let token = place_of(curve.of.of);
        let of = curve_name(curve, &names);
        let way = curve.way.name();
        row(causal, &format!("{way}.area"), &of, token, curve.area());
        if let Some(value) = normalised(&evidence.curves, curve) {
            row(causal, &format!("{way}.normalised"), &of, token, value);
        }
        for (cells, log_p) in curve.cells.iter().zip(&curve.log_p) {
            row(causal, &format!("{way}.log_p"), &format!("{of}:{cells}"), token, *log_p);
        }
    }
    for check in findings.map_checks() {
        let name = format!("rank_correlation.{}", check.measure.name());
        for (what, value) in
            [("mean", check.agreement.mean), ("low", check.agreement.low), ("high", check.agreement.high)]
        {
            row(causal, &format!("{name}.{what}"), Shuffled::Weights.name(), None, value);
        }
    }
    for game in &evidence.games {
        for (name, value) in names.iter().zip(&game.shapley.values) {
            row(causal, &Measure::Shapley(game.kind).name(), name, None, *value);
        }
    }
    table
}

/// What a curve takes away, and in which order.
fn curve_name(curve: &Curve, names: &[String]) -> String {
    let target = curve.of.target.and_then(|k| names.get(k)).map_or("all", String::as_str);
    format!("{target}/{}×{}/{}", curve.of.unit, curve.of.unit, curve.order)
}

/// Interventions that a command lists; a recipe holds them all.
const LISTED: usize = 24;

/// The command that measures the same answer under the same interventions, about `image` with the checkpoint `model`.
pub fn command(findings: &Findings, model: &str, image: &str, system: &str, turns: &[Turn]) -> String {
    let evidence = findings.evidence();
    let mut words =
        vec!["opabinia".to_owned(), "evidence".to_owned(), "-m".into(), model.into(), "-i".into(), image.into()];
    for turn in turns {
        match &turn.answer {
            Some(answer) => words.extend(["--turn".to_owned(), turn.question.clone(), answer.clone()]),
            None => words.extend(["-p".to_owned(), turn.question.clone()]),
        }
    }
    if !system.trim().is_empty() {
        words.extend(["--system".to_owned(), system.to_owned()]);
    }
    let ids: Vec<String> = evidence.answer.iter().map(|token| token.id.to_string()).collect();
    words.extend(["--answer-ids".to_owned(), ids.join(",")]);
    let wanted = evidence.effects.iter().filter(|effect| !effect.interventions.needs_other());
    for effect in wanted.take(LISTED) {
        words.extend(["--with".to_owned(), spec(&effect.interventions, findings)]);
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:,@+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// An intervention as it is written, also the one that does nothing.
fn spec(interventions: &Interventions, findings: &Findings) -> String {
    if interventions.is_none() { "none".to_owned() } else { interventions.to_spec(findings.anatomy()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("mask:clip@C1"), "mask:clip@C1");
        assert_eq!(quoted("How many?"), "'How many?'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn files_are_told_by_their_names() {
        let of = |name: &str| EvidenceFile::of(Path::new(name));
        assert_eq!(of("/a/b.csv"), Some(EvidenceFile::Numbers));
        assert_eq!(of("b.PNG"), Some(EvidenceFile::Png));
        assert_eq!(of("b.recipe.json"), Some(EvidenceFile::Recipe));
        assert_eq!(of("b.json"), None);
        for kind in EvidenceFile::ALL {
            assert_eq!(of(&format!("x.{}", kind.extension())), Some(kind));
        }
    }
}
