//! `opabinia eval evidence`: what the answers to a set of questions rest on.

use super::super::args::{LoadArgs, ModelArgs};
use super::super::console::{Console, complain, print, print_json};
use super::super::driver::Driver;
use super::super::failure::{Cause, Result};
use super::options::DataArgs;
use super::progress::Progress;
use crate::evidence::curves::curves_of;
use crate::evidence::study::{Question, Study};
use crate::evidence::{Findings, Removal};
use crate::output;
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::checkpoint::checkpoint_name;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::evidence::{Also, CellOrder, Faithfulness, GradientOf, RANDOM_ORDERS, Request};
use opabinia_engine::run::{Lane, ModelId};
use opabinia_engine::sva::PictureSize;
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::EvidenceSpec;
use opabinia_eval::data::{Item, QuestionSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Measure what the answers to a set of questions rest on.
///
/// Each question is answered once; then each encoder is taken away, and cells are, in the order of every measure and at
/// random. Printed are, for each family of questions, the encoder that was needed most against those with the highest share,
/// lift, norm and gradient; and how much faster than at random an answer is lost in each order of cells. --out has every
/// question's numbers.
#[derive(Debug, Args)]
pub struct StudyArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// How encoders are taken away: mask_context, mask, zero_raw, zero or mean.
    #[arg(long, value_name = "WAY", default_value = "mask_context", value_parser = parse_removal)]
    removal: Removal,
    /// Random orders of cells for each question; 0 for no curves at all.
    #[arg(long, value_name = "N", default_value_t = RANDOM_ORDERS)]
    random: usize,
    /// Cells to a side of what is taken away at once; if left out, as few as make 36 squares at most.
    #[arg(long, value_name = "CELLS")]
    unit: Option<usize>,
    /// Write a row of numbers for each question to this file.
    #[arg(long, short, value_name = "STUDY.csv")]
    out: Option<PathBuf>,
    /// Print one JSON object when done.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: LoadArgs,
}

fn parse_removal(text: &str) -> std::result::Result<Removal, String> {
    let known = Removal::ALL.into_iter().filter(|removal| *removal != Removal::Swap);
    known.clone().find(|removal| removal.name() == text).ok_or_else(|| {
        let names: Vec<&str> = known.map(Removal::name).collect();
        format!("give one of {}", names.join(", "))
    })
}

impl StudyArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the questions from being measured or the file from being written. What is finished is written.
    pub fn run(&self, console: Console) -> Result<()> {
        if let Some(out) = &self.out {
            output::check(out, &[])?;
        }
        let request = self.load.request(&self.model.model)?;
        let mut driver = Driver::start(console, true)?;
        let inspection = driver.inspect(request.clone())?;
        if let Some(out) = &self.out {
            output::check(out, &inspection.directories())?;
        }
        let anatomy = inspection.config.anatomy();
        if let Some(unit) = self.unit.filter(|unit| *unit == 0 || *unit > anatomy.side()) {
            let side = anatomy.side();
            return Err(Error::input(
                format!("--unit {unit}: not possible"),
                format!("a unit has 1 to {side} cells to a side"),
            )
            .into());
        }
        let mut set = self.data.read(Some(Path::new(".")))?;
        set.notes.iter().for_each(|note| console.say(&format!("note: {note}")));
        let opened = driver.load(request, &inspection)?;
        driver.without_bars();
        let name =
            if self.model.is_demo() { self.model.model.clone() } else { checkpoint_name(&opened.inspection.directory) };
        let mut study = Study {
            model: name,
            set: set.name.clone(),
            encoders: anatomy.encoder_names(),
            removal: self.removal,
            questions: Vec::new(),
        };
        let mut progress = Progress::new(console, set.items.len(), 0);
        let mut ended = Ok(());
        for item in set.items.clone() {
            match self.question(&mut driver, opened.model, &mut set, &item, (&study.encoders, anatomy.side())) {
                Ok(question) => study.questions.extend(question),
                // What one question is, is its own matter; the rest goes on.
                Err(failure) if failure.is_of_input() => {
                    console.say(&format!("note: question {} is left out: {failure}", item.idx));
                }
                Err(failure) => {
                    ended = Err(failure);
                    break;
                }
            }
            progress.add(1);
        }
        drop(progress);
        if let Some(out) = self.out.as_deref().filter(|_| !study.questions.is_empty()) {
            let table = study.csv();
            output::write(out, |file| file.write_all(table.as_bytes()))?;
            console.say(&format!("wrote {}", out.display()));
        }
        if let Err(failure) = ended {
            if let Cause::Engine(Error::Cancelled) = failure.cause {
                complain(&format!(
                    "stopped with {} of {} questions measured\n",
                    study.questions.len(),
                    set.items.len()
                ));
            }
            return Err(failure);
        }
        if self.json { print_json(&study.json()) } else { print(&study.markdown()) }
    }

    fn question(
        &self,
        driver: &mut Driver,
        model: ModelId,
        set: &mut QuestionSet,
        item: &Item,
        (encoders, side): (&[String], usize),
    ) -> Result<Option<Question>> {
        let bytes = set.pictures.bytes(item.picture)?;
        let picture = Arc::new(Picture::from_bytes("its picture", &bytes, Exif::Ignore)?);
        let size = PictureSize { width: picture.width, height: picture.height };
        let mut of = curves_of(None, GradientOf::Answer, side, size);
        of.unit = self.unit.unwrap_or(of.unit);
        let removals: Vec<Interventions> = (0..encoders.len()).map(|k| self.removal.of(k)).collect();
        let curves = (self.random > 0).then(|| Faithfulness { of, orders: CellOrder::all(self.random, false) });
        let request = Request {
            system: None,
            turns: vec![Turn { question: item.question.clone(), answer: None }],
            picture,
            other: None,
            answer: None,
            max_tokens: None,
            with: Vec::new(),
            standard: false,
            region: None,
            also: Also {
                means: true,
                scored: removals,
                gradients: vec![GradientOf::Answer],
                curves: curves.into_iter().collect(),
                ..Also::default()
            },
        };
        let spec = EvidenceSpec { model, request, output: None, lane: Lane::Batch };
        let findings = Findings::new(driver.evidence(spec)?);
        let plain = |text: &str| text.trim().trim_end_matches('.').to_lowercase();
        let right = plain(&findings.evidence().text) == plain(item.answer());
        let names = (item.idx.as_str(), item.task.as_str(), item.cluster.as_str());
        Ok(Question::new(names, right, &findings, self.removal, of))
    }
}
