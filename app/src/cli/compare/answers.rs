//! One question to both sides, and what comes of it.

use super::questions::Question;
use super::sides::LoadedSide;
use crate::cli::driver::Driver;
use crate::cli::failure::Result;
use opabinia_engine::compare::{Crossed, Maps, Segment, align, parting};
use opabinia_engine::generate::{Answer, GenerateOptions, Scores};
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
}

/// Asks both sides, in turn.
pub fn ask(
    driver: &mut Driver,
    sides: &[LoadedSide; 2],
    question: &Question,
    options: &GenerateOptions,
    other: Option<&Arc<Picture>>,
    same_tokenizer: bool,
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
    let mut answers = Vec::with_capacity(2);
    let mut traces = Vec::with_capacity(2);
    for side in sides {
        let record = match question.image {
            Some(_) => Record::Trace { detail: Detail::Sva, output: None },
            None => Record::Nothing,
        };
        let run = driver.run(RunSpec { decoding: Decoding::Generate(options.clone()), record, ..spec(side) })?;
        traces.push(run.trace.clone());
        answers.push(run.into_answer()?);
    }
    let (Ok(answers), Ok(traces)) = (<[Answer; 2]>::try_from(answers), <[Option<Arc<Trace>>; 2]>::try_from(traces))
    else {
        return Err(crate::cli::failure::Failure::internal("a comparison has two sides"));
    };
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
    Ok(Compared { answers, alignment, crossed, traces, maps })
}
