//! One question to both sides, and what comes of it.

use super::questions::Question;
use super::sides::LoadedSide;
use crate::cli::driver::Driver;
use crate::cli::failure::Result;
use opabinia_engine::compare::{Crossed, Maps, NAMES, Segment, align, parting};
use opabinia_engine::generate::{Answer, GenerateOptions, Scores};
use opabinia_engine::model::name_between;
use opabinia_engine::probe::{Detail, Trace};
use opabinia_engine::text::Turn;
use opabinia_engine::vision::Picture;
use opabinia_engine::worker::{Decoding, Prompt, Record, RunSpec};
use std::sync::Arc;

/// What came of a question.
pub struct Compared {
    /// Both answers.
    pub answers: [Answer; 2],
    /// Their tokens beside each other.
    pub alignment: Vec<Segment>,
    /// What each side makes of the other's answer, where both have one vocabulary.
    pub crossed: Option<Crossed>,
    /// Where each side's SVA looked, if at all.
    pub traces: [Option<Arc<Trace>>; 2],
    /// How that differs, where both looked.
    pub maps: Option<Maps>,
    /// What the model between the two answers, if it was asked.
    pub between: Option<Between>,
}

/// What came of a question to the model between both sides.
pub struct Between {
    /// What it is called: `A + 0.5 (B − A)`.
    pub name: String,
    /// Its answer.
    pub answer: Answer,
    /// Where its SVA looked, if at all.
    pub trace: Option<Arc<Trace>>,
}

/// Who is asked.
pub struct Asked<'a> {
    /// Both sides.
    pub sides: &'a [LoadedSide; 2],
    /// The model between them, and how far from A it lies.
    pub between: Option<(&'a LoadedSide, f64)>,
    /// Whether both sides have one vocabulary.
    pub same_tokenizer: bool,
}

/// Asks both sides, in turn, and then what lies between them.
pub fn ask(
    driver: &mut Driver,
    &Asked { sides, between, same_tokenizer }: &Asked<'_>,
    question: &Question,
    options: &GenerateOptions,
    other: Option<&Arc<Picture>>,
) -> Result<Compared> {
    let spec = |side: &LoadedSide| {
        let turns = vec![Turn { question: question.prompt.clone(), answer: None }];
        let image = question.image.as_ref().map(|(_, picture)| Arc::clone(picture));
        let other = other.filter(|_| side.interventions.needs_other()).cloned();
        // Without an image there is nothing to intervene in.
        let interventions = if image.is_some() { side.interventions.clone() } else { Default::default() };
        let prompt = Prompt { system: side.system.clone(), turns };
        RunSpec { image, interventions, other, ..RunSpec::new(side.opened.model, prompt) }
    };
    let mut answered = |side: &LoadedSide| -> Result<(Answer, Option<Arc<Trace>>)> {
        let record = match question.image {
            Some(_) => Record::Trace { detail: Detail::Sva, output: None },
            None => Record::Nothing,
        };
        let run = driver.run(RunSpec { decoding: Decoding::Generate(options.clone()), record, ..spec(side) })?;
        let trace = run.trace.clone();
        Ok((run.into_answer()?, trace))
    };
    let ((answer_a, trace_a), (answer_b, trace_b)) = (answered(&sides[0])?, answered(&sides[1])?);
    let between = match between {
        Some((one, part)) => {
            let (answer, trace) = answered(one)?;
            Some(Between { name: name_between(NAMES[0], NAMES[1], part), answer, trace })
        }
        None => None,
    };
    let (answers, traces) = ([answer_a, answer_b], [trace_a, trace_b]);
    let crossed = if same_tokenizer {
        let ids = |answer: &Answer| answer.tokens.iter().map(|token| token.id).collect::<Vec<u32>>();
        let place = parting(&ids(&answers[0]), &ids(&answers[1]));
        let mut score = |answer: &Answer, side: &LoadedSide| -> Result<Scores> {
            let decoding = Decoding::Score { alternatives: 0 };
            let run = driver.run(RunSpec { forced_prefix: ids(answer), place, decoding, ..spec(side) })?;
            Ok(run.into_scores()?)
        };
        let mut both =
            |answer| Ok::<_, crate::cli::failure::Failure>([score(answer, &sides[0])?, score(answer, &sides[1])?]);
        let (of_a, of_b) = (both(&answers[0])?, both(&answers[1])?);
        Some(Crossed::of([of_a.each_ref(), of_b.each_ref()], place))
    } else {
        None
    };
    let maps = match &traces {
        [Some(a), Some(b)] => Some(Maps::of(a, b)?),
        _ => None,
    };
    let texts =
        answers.each_ref().map(|answer| answer.tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>());
    let alignment = align(&texts[0], &texts[1]);
    Ok(Compared { answers, alignment, crossed, traces, maps, between })
}
