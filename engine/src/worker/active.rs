//! A run the thread is working on, from what was asked for to what came of it, one pass at a time.

use super::spec::{Decoding, EventKind, Record, RunOutput, RunSpec};
use crate::error::{Error, Result};
use crate::generate::{Finished, Goal, ImageInput, Request, Run, Session, Token, Watch};
use crate::job::Job;
use crate::model::Model;
use crate::observe::Unobserved;
use crate::probe::{Announcer, Detail, LastRows, Recorder, TokenAttention, Trace, trace_file};
use crate::run::{ModelId, RunKey};
use crate::sva::{Frame, PictureSize};
use crate::text::PromptIds;
use crate::vision::Exif;
use candle_core::{Device, Tensor};
use std::sync::Arc;

/// A run under way.
pub(super) struct Active {
    spec: RunSpec,
    image_input: Option<ImageInput>,
    prompt: PromptIds,
    run: Run,
    recorder: Option<Recorder>,
    /// The rows of the position that is looked back at, while it is.
    rows: Option<LastRows>,
    output: RunOutput,
}

impl Active {
    /// Checks that `model` can do what `spec` asks for. Computes nothing.
    pub(super) fn new(model: &Model, session: &mut Session, spec: RunSpec) -> Result<Self> {
        let image_input = spec.image_input();
        let attends = spec.record == Record::TokenAttention;
        let goal = match (&spec.decoding, &spec.record) {
            (Decoding::Nothing, Record::Nothing) => Goal::Encode,
            (Decoding::Nothing, Record::Trace { .. }) => Goal::Prefill,
            (Decoding::Nothing, Record::TokenAttention) => Goal::Revisit,
            (Decoding::Score { alternatives }, _) => Goal::Score { alternatives: *alternatives, place: spec.place },
            (Decoding::Generate(options), _) => Goal::Generate(options.clone()),
        };
        if image_input.is_none() && attends {
            return Err(Error::input(
                "the question is about no picture, so no token attended to one",
                "attach a picture and ask again",
            ));
        }
        if spec.image.is_none() && !spec.interventions.is_none() {
            return Err(Error::input(
                "the question is about no picture, so there is nothing to intervene in",
                "attach a picture, or leave the intervention out",
            ));
        }
        let prompt = match goal {
            Goal::Encode => PromptIds { ids: Vec::new(), image_index: None },
            _ => model.prompt(spec.prompt.system.as_deref(), &spec.prompt.turns, image_input.is_some())?,
        };
        let rows = (goal == Goal::Revisit).then(LastRows::default);
        let run = start(model, session, &spec, image_input.as_ref(), &prompt, goal)?;
        let recorder = match spec.record {
            Record::Trace { detail, .. } => Some(Recorder::new(detail)),
            Record::Nothing | Record::TokenAttention => None,
        };
        // Without the image nothing else can be done to a pass, but it is not the plain run of a question without one.
        let key = RunKey { interventions: spec.interventions.clone(), ..run.key().clone() };
        let output = RunOutput { key, answer: None, scores: None, trace: None, attention: None };
        Ok(Self { spec, image_input, prompt, run, recorder, rows, output })
    }

    /// The model it needs.
    pub(super) fn model(&self) -> ModelId {
        self.spec.model
    }

    /// Does the next pass; gives what came of the run after the last one.
    pub(super) fn advance(
        &mut self,
        model: &Model,
        session: &mut Session,
        job: &Job<'_>,
        emit: &dyn Fn(EventKind),
    ) -> Result<Option<RunOutput>> {
        let mut on_token = |token: &Token| emit(EventKind::Token(token.clone()));
        let finished = if let Some(rows) = &mut self.rows {
            self.run.advance(model, session, &mut Watch { job, observer: rows, on_token: &mut on_token })
        } else if let Some(recorder) = self.recorder.take() {
            let (spec, image_input, trace) = (&self.spec, self.image_input.as_ref(), &mut self.output.trace);
            let mut complete = |recorder: &Recorder| {
                if let Some(image_input) = image_input {
                    let made = Arc::new(traced(model, spec, image_input, recorder)?);
                    emit(EventKind::Trace(Arc::clone(&made)));
                    *trace = Some(made);
                }
                Ok(())
            };
            let mut observer = Announcer::new(recorder, layers(model, &self.spec), &mut complete);
            let mut watch = Watch { job, observer: &mut observer, on_token: &mut on_token };
            let finished = self.run.advance(model, session, &mut watch);
            self.recorder = Some(observer.into_recorder());
            finished
        } else {
            self.run.advance(model, session, &mut Watch { job, observer: &mut Unobserved, on_token: &mut on_token })
        };
        let finished = finished?;
        match finished {
            None => return Ok(None),
            Some(Finished::Reached | Finished::Encoded(_)) => {}
            Some(Finished::Answered(answer)) => self.output.answer = Some(answer),
            Some(Finished::Scored(scores)) => self.output.scores = Some(scores),
        }
        if let Some(rows) = self.rows.take() {
            self.output.attention = self.attention(model, rows)?;
        } else if self.spec.record == Record::TokenAttention {
            self.rows = Some(LastRows::default());
            self.run = start(model, session, &self.spec, self.image_input.as_ref(), &self.prompt, Goal::Revisit)?;
            return Ok(None);
        }
        self.write(model)?;
        let key = self.output.key.clone();
        let empty = RunOutput { key, answer: None, scores: None, trace: None, attention: None };
        Ok(Some(std::mem::replace(&mut self.output, empty)))
    }

    fn attention(&self, model: &Model, rows: LastRows) -> Result<Option<TokenAttention>> {
        let (Some(image_input), Some(image_start)) = (&self.image_input, self.prompt.image_index) else {
            return Ok(None);
        };
        rows.around(Frame::new(model.config().sva.final_side, size(image_input)), image_start).map(Some)
    }

    /// Writes everything that was recorded to where it is wanted.
    fn write(&mut self, model: &Model) -> Result<()> {
        let Record::Trace { detail, output: Some(file) } = &self.spec.record else { return Ok(()) };
        let Some(recorder) = self.recorder.take() else { return Ok(()) };
        let tokens = match (&self.output.answer, &self.output.scores) {
            (Some(answer), _) => answer.tokens.as_slice(),
            (None, Some(scores)) => scores.tokens.as_slice(),
            (None, None) => &[],
        };
        let generated: Vec<i64> = tokens.iter().map(|token| i64::from(token.id)).collect();
        // A pass about a picture has a trace, also where every SVA layer was skipped and none announced it.
        if let (None, Some(image_input)) = (&self.output.trace, &self.image_input) {
            self.output.trace = Some(Arc::new(traced(model, &self.spec, image_input, &recorder)?));
        }
        let mut tensors = recorder.into_tensors()?;
        tensors.insert("generated_ids".into(), Tensor::new(generated.as_slice(), &Device::Cpu)?);
        tensors.insert("input_ids".into(), Tensor::new(self.prompt.ids.as_slice(), &Device::Cpu)?);
        if let (Some(ImageInput { picture, .. }), Detail::All) = (&self.image_input, detail) {
            let pixels = Tensor::from_slice(&picture.rgb, (picture.height, picture.width, 3), &Device::Cpu)?;
            tensors.insert("image.rgb_u8".into(), pixels);
        }
        match &self.output.trace {
            Some(trace) => trace_file::write(trace, &tensors, &file.path),
            None => {
                let (question, interventions) = (question(&self.spec), &self.spec.interventions);
                trace_file::write_without_picture(model, question, interventions, &tensors, &file.path)
            }
        }
    }
}

/// The trace in what `recorder` saw of the run `spec`.
fn traced(model: &Model, spec: &RunSpec, image_input: &ImageInput, recorder: &Recorder) -> Result<Trace> {
    let exif = match &spec.record {
        Record::Trace { output: Some(file), .. } => file.exif,
        _ => Exif::Ignore,
    };
    trace_file::recorded(model, image_input, exif, question(spec), recorder.layers(), recorder.tensors())
}

/// SVA layers that run: all but those that are skipped.
fn layers(model: &Model, spec: &RunSpec) -> usize {
    let anatomy = model.anatomy();
    let encoders = anatomy.encoders().len();
    anatomy.layers().filter(|layer| !spec.interventions.plan(*layer, encoders).skip).count()
}

/// The question that is answered.
fn question(spec: &RunSpec) -> &str {
    spec.prompt.turns.last().map_or("", |turn| turn.question.as_str())
}

fn size(image_input: &ImageInput) -> PictureSize {
    PictureSize { width: image_input.picture.width, height: image_input.picture.height }
}

fn start(
    model: &Model,
    session: &mut Session,
    spec: &RunSpec,
    image_input: Option<&ImageInput>,
    prompt: &PromptIds,
    goal: Goal,
) -> Result<Run> {
    let request = Request {
        prompt: prompt.clone(),
        image_input: image_input.cloned(),
        forced: spec.forced_prefix.clone(),
        goal,
        lane: spec.lane,
        passes: spec.passes,
    };
    Run::new(model, session, request)
}
