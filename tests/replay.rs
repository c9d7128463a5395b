//! Going back into an answer: continuing it from one of its tokens, and what one of them attended to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use candle_core::{Device, Tensor};
use opabinia_engine::Error;
use opabinia_engine::generate::{Answer, GenerateOptions, ImageInput, Sampling, Session, StopReason, Token, Watch};
use opabinia_engine::job::Job;
use opabinia_engine::model::{LoadRequest, Model};
use opabinia_engine::observe::{Observer, Unobserved};
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::{Detail, LastRows, Recorder, TokenAttention};
use opabinia_engine::sva::{Frame, PictureSize};
use opabinia_engine::text::{ImageNewline, PromptIds, Turn, encode_prompt_raw};
use opabinia_engine::vision::{Exif, Picture};
use std::path::Path;
use std::sync::Arc;
use support::{Case, cases, deviation, golden_roots, goldens};

/// Of the largest log-probability: what one pass over many positions may differ from many passes over one, as in
/// `tests/parity.rs`.
const LIMIT: f32 = 5e-5;

/// A model and a question about the wide picture.
struct Asked {
    model: Model,
    prompt: PromptIds,
    image_input: ImageInput,
}

impl Asked {
    fn new(variant: &str) -> Self {
        let model = load(&goldens(), variant);
        let prompt = model.prompt(None, &[turn("Describe this image in detail.", None)], true).unwrap();
        Self { model, prompt, image_input: image_input(&goldens(), "wide.png") }
    }

    fn observed(
        &self,
        session: &mut Session,
        forced_prefix: &[u32],
        options: &GenerateOptions,
        observer: &mut dyn Observer,
    ) -> Result<Answer, Error> {
        let job = Job::unattended();
        let mut streamed = Vec::new();
        let mut on_token = |token: &Token| streamed.push(token.clone());
        let mut watch = Watch { job: &job, observer, on_token: &mut on_token };
        let answer =
            session.ask(&self.model, &self.prompt, Some(&self.image_input), forced_prefix, options, &mut watch)?;
        // Texts may differ at the end: what is held back until then is given to the last token, and a stop text is cut off.
        let joined = |tokens: &[Token]| tokens.iter().map(|token| token.text.as_str()).collect::<String>();
        let numbers = |tokens: &[Token]| {
            tokens.iter().map(|token| Token { text: String::new(), ..token.clone() }).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&streamed), numbers(&answer.tokens), "every token is reported as it comes, given ones too");
        let (came, is) = (joined(&streamed), joined(&answer.tokens));
        assert_eq!(is, answer.text);
        assert!(came.starts_with(&is) || is.starts_with(&came), "{came:?} became {is:?}");
        Ok(answer)
    }

    fn answer(&self, session: &mut Session, forced_prefix: &[u32], options: &GenerateOptions) -> Answer {
        self.observed(session, forced_prefix, options, &mut Unobserved).unwrap()
    }

    fn attention(&self, session: &mut Session, answer: &[u32]) -> TokenAttention {
        let job = Job::unattended();
        let mut rows = LastRows::default();
        let mut watch = Watch { job: &job, observer: &mut rows, on_token: &mut |_| {} };
        session.revisit(&self.model, &self.prompt, Some(&self.image_input), answer, &mut watch).unwrap();
        let frame = Frame::new(self.model.config().sva.final_side, size(&self.image_input));
        rows.around(frame, self.prompt.image_index.unwrap()).unwrap()
    }
}

fn load(root: &Path, variant: &str) -> Model {
    let request = LoadRequest {
        source: root.join(variant).join("checkpoint").display().to_string(),
        device: "cpu".parse().unwrap(),
        weights: WeightFormat::F32.into(),
        ..LoadRequest::default()
    };
    Model::load(&request, &Job::unattended()).unwrap().0
}

fn image_input(root: &Path, image: &str) -> ImageInput {
    let picture = Picture::open(&root.join("images").join(image), Exif::Ignore).unwrap();
    ImageInput::plain(Arc::new(picture))
}

fn size(image_input: &ImageInput) -> PictureSize {
    PictureSize { width: image_input.picture.width, height: image_input.picture.height }
}

fn turn(question: &str, answer: Option<&str>) -> Turn {
    Turn { question: question.into(), answer: answer.map(str::to_owned) }
}

fn options(max_tokens: usize) -> GenerateOptions {
    GenerateOptions { max_tokens, alternatives: 5, ..GenerateOptions::default() }
}

fn ids(answer: &Answer) -> Vec<u32> {
    answer.tokens.iter().map(|token| token.id).collect()
}

/// The same answer in every respect but timings and the last bits of its numbers.
fn assert_same(got: &Answer, expected: &Answer, what: &str) {
    assert_eq!(ids(got), ids(expected), "{what}");
    assert_eq!((&got.text, got.stop), (&expected.text, expected.stop), "{what}");
    let all = |answer: &Answer| -> Vec<f32> {
        let numbers = |token: &Token| {
            let alternatives = token.alternatives.iter().map(|alternative| alternative.log_prob).collect::<Vec<_>>();
            [vec![token.log_prob], alternatives].concat()
        };
        answer.tokens.iter().flat_map(numbers).collect()
    };
    let (got_numbers, expected_numbers) = (all(got), all(expected));
    assert_eq!(got_numbers.len(), expected_numbers.len(), "{what}");
    let scale = expected_numbers.iter().fold(0f32, |max, number| max.max(number.abs()));
    for (got, expected) in got_numbers.iter().zip(&expected_numbers) {
        assert!((got - expected).abs() <= LIMIT * scale, "{what}: {got} instead of {expected}");
    }
    for (got, expected) in got.tokens.iter().zip(&expected.tokens) {
        assert_eq!(got.text, expected.text, "{what}");
        let ids = |token: &Token| token.alternatives.iter().map(|alternative| alternative.id).collect::<Vec<_>>();
        assert_eq!(ids(got), ids(expected), "{what}");
    }
}

/// One tokenizer of each kind, and 70 tokens: more than are run at once.
#[test]
fn beginning_with_what_would_come_changes_nothing() {
    for variant in ["tiny-llama3", "tiny-vicuna", "tiny-phi3"] {
        let asked = Asked::new(variant);
        let options = options(72);
        let plain = asked.answer(&mut Session::default(), &[], &options);
        assert_eq!(plain.tokens.len(), 72, "{variant}: the test wants a long answer");
        let mut session = Session::default();
        for n in [0, 1, 5, 12, 70, 72] {
            let begun = asked.answer(&mut session, &ids(&plain)[..n], &options);
            assert_same(&begun, &plain, &format!("{variant}, the first {n} given"));
        }
        assert_same(&asked.answer(&mut session, &[], &options), &plain, &format!("{variant} afterwards"));
    }
}

#[test]
fn an_alternative_is_continued_as_if_it_had_been_chosen() {
    let asked = Asked::new("tiny-llama3");
    let options = options(16);
    let mut session = Session::default();
    let plain = asked.answer(&mut session, &[], &options);
    let other = &plain.tokens[6].alternatives[1];
    let forced_prefix = [&ids(&plain)[..6], &[other.id]].concat();
    let begun = asked.answer(&mut session, &forced_prefix, &options);
    assert_eq!(begun.tokens.len(), 16);
    assert_eq!(begun.tokens[6].id, other.id);
    assert!((begun.tokens[6].log_prob - other.log_prob).abs() < 1e-4, "{:?} {other:?}", begun.tokens[6]);
    assert_ne!(ids(&begun)[7..], ids(&plain)[7..]);
    // One pass a token, which is how a recorder sees it, comes to the same.
    let mut recorder = Recorder::new(Detail::All);
    let stepped = asked.observed(&mut Session::default(), &forced_prefix, &options, &mut recorder).unwrap();
    assert_same(&begun, &stepped, "together or one by one");
    let recorded = recorder.into_tensors().unwrap();
    assert_eq!(recorded["logits.steps"].dims()[0], 16);
    let positions = asked.prompt.ids.len() - 1 + asked.model.visual_positions(size(&asked.image_input)).unwrap();
    assert_eq!(recorded["llm.attn_rows"].dims()[3], positions + 15, "rows of single positions");
}

#[test]
fn what_was_sampled_after_a_beginning_is_sampled_again() {
    let asked = Asked::new("tiny-phi3");
    let sampling = Sampling { temperature: 1.5, seed: 11, ..Sampling::default() };
    let options = GenerateOptions { sampling, ..options(20) };
    let mut session = Session::default();
    let plain = asked.answer(&mut session, &[], &options);
    let greedy = asked.answer(&mut session, &[], &self::options(20));
    assert_ne!(ids(&plain), ids(&greedy));
    for n in [3, 11] {
        assert_same(&asked.answer(&mut session, &ids(&plain)[..n], &options), &plain, &format!("{n} given"));
    }
}

#[test]
fn an_answer_ends_among_given_tokens_where_it_would_have_ended() {
    let asked = Asked::new("tiny-llama3");
    let mut session = Session::default();
    let plain = asked.answer(&mut session, &[], &options(12));
    let all = ids(&plain);

    let short = asked.answer(&mut session, &all, &options(4));
    assert_eq!((ids(&short).as_slice(), short.stop), (&all[..4], StopReason::MaxTokens));

    let end =
        u32::try_from(asked.prompt.ids.iter().copied().find(|&id| id > 0 && is_end(&asked, id)).unwrap()).unwrap();
    let forced_prefix = [&all[..2], &[end], &all[2..5]].concat();
    let ended = asked.answer(&mut session, &forced_prefix, &options(12));
    assert_eq!((ids(&ended).as_slice(), ended.stop), (&forced_prefix[..3], StopReason::EndOfTurn));

    // A text that one of the tokens completes, away from the ends.
    let stop = plain.tokens[1..8].iter().map(|token| token.text.trim().to_owned()).find(|text| text.len() > 1).unwrap();
    let options = GenerateOptions { stop: vec![stop.clone()], ..options(12) };
    let stopped = asked.answer(&mut session, &[], &options);
    assert_eq!(stopped.stop, StopReason::StopText);
    assert_same(&asked.answer(&mut session, &all, &options), &stopped, &stop);
}

/// Whether `id` ends a turn: the prompt of this model holds such ids between its turns.
fn is_end(asked: &Asked, id: i64) -> bool {
    u32::try_from(id).is_ok_and(|id| asked.model.tokenizer().token_text(id).as_deref() == Some("<|eot_id|>"))
}

#[test]
fn a_token_the_model_does_not_know_is_refused() {
    let asked = Asked::new("tiny-phi3");
    let beyond = u32::try_from(asked.model.vocabulary()).unwrap();
    let error = asked.observed(&mut Session::default(), &[1, beyond], &options(4), &mut Unobserved).unwrap_err();
    assert!(matches!(error, Error::Input { .. }) && error.to_string().contains(&beyond.to_string()), "{error}");
}

/// Every recorded row of every recorded pass, from a session that knows the answer and from one that knows nothing.
#[test]
fn the_attention_of_a_token_is_the_recorded_one() {
    for root in golden_roots() {
        for variant in ["tiny-llama3", "tiny-vicuna", "tiny-phi3", "tiny-yi"] {
            let mut checked = 0;
            let mut model = Some(load(&root, variant));
            for name in cases(&root, variant) {
                let case = Case::read(&root, variant, &name);
                let Some(recorded) = case.tensors.get("llm.attn_rows") else { continue };
                let Some(image) = case.str("image") else { continue };
                let loaded = model.take().unwrap();
                let prompt =
                    encode_prompt_raw(loaded.tokenizer(), case.str("prompt").unwrap(), ImageNewline::Reference)
                        .unwrap();
                let asked = Asked { model: loaded, prompt, image_input: image_input(&root, image) };
                let generated: Vec<u32> =
                    case.ids("generated_ids").iter().map(|&id| u32::try_from(id).unwrap()).collect();
                let mut session = Session::default();
                asked.answer(&mut session, &[], &options(generated.len()));
                for row in 0..generated.len().min(8) {
                    let expected = recorded.narrow(2, row, 1).unwrap().squeeze(2).unwrap();
                    let place = format!("{variant}/{name}, row {row}");
                    check_row(&asked.attention(&mut session, &generated[..row]), &expected, &place);
                    if row % 4 == 3 {
                        check_row(&asked.attention(&mut Session::default(), &generated[..row]), &expected, &place);
                    }
                }
                checked += 1;
                model = Some(asked.model);
            }
            assert!(checked >= 1, "{variant}: no rows are recorded in {}", root.display());
        }
    }
}

/// `expected`: `[layers, heads, ≥ positions]`, zeros from the last position on.
fn check_row(got: &TokenAttention, expected: &Tensor, place: &str) {
    let (rows, columns) = got.frame.size_hw();
    let (layers, heads, _) = expected.dims3().unwrap();
    assert_eq!((got.layers, got.heads), (layers, heads), "{place}");
    let part = |start: usize, count: usize| expected.narrow(2, start, count).unwrap();
    let host = |values: &[f32], shape: &[usize]| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
    let near = |got: &Tensor, expected: &Tensor, what: &str| {
        let deviation = deviation(got, expected);
        assert!(deviation <= f64::from(LIMIT), "{place}: {what} deviates by {deviation:.2e} of its maximum");
    };

    let start = got.positions.before;
    let image = part(start, rows * (columns + 1)).reshape((layers, heads, rows, columns + 1)).unwrap();
    let visual = image.narrow(3, 0, columns).unwrap();
    let newlines = image.narrow(3, columns, 1).unwrap().squeeze(3).unwrap();
    near(&host(&got.visual, &[layers, heads, rows, columns]), &visual, "visual tokens");
    near(&host(&got.newlines, &[layers, heads, rows]), &newlines, "newline tokens");

    let end = start + rows * (columns + 1);
    assert_eq!(got.positions.total(), end + got.positions.after, "{place}");
    let total = |t: &Tensor| t.flatten_from(2).unwrap().sum(2).unwrap();
    let mass = |part: fn(&opabinia_engine::probe::Mass) -> f32| {
        host(&got.mass.iter().map(part).collect::<Vec<_>>(), &[layers, heads])
    };
    near(&mass(|mass| mass.before), &total(&part(0, start)), "text before");
    near(&mass(|mass| mass.visual), &total(&visual), "mass of visual tokens");
    near(&mass(|mass| mass.newline), &total(&newlines.unsqueeze(3).unwrap()), "mass of newline tokens");
    near(&mass(|mass| mass.after), &total(&part(end, got.positions.after)), "text after");
    // Nothing lies beyond the attending position.
    let beyond = part(got.positions.total(), expected.dims()[2] - got.positions.total());
    assert_eq!(beyond.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap(), 0.0, "{place}");
}

/// Looking back must not change what comes next, nor make it dearer.
#[test]
fn looking_at_a_token_leaves_the_conversation_as_it_is() {
    let asked = Asked::new("tiny-llama3");
    let later = [turn("Describe this image in detail.", Some("It shows a scene.")), turn("And now?", None)];
    let later = Asked { prompt: asked.model.prompt(None, &later, true).unwrap(), ..Asked::new("tiny-llama3") };
    let (mut left_alone, mut looked_at) = (Session::default(), Session::default());
    for session in [&mut left_alone, &mut looked_at] {
        asked.answer(session, &[], &options(12));
        later.answer(session, &[], &options(12));
    }
    let answer = ids(&later.answer(&mut left_alone, &[], &options(12)));
    let again = later.answer(&mut looked_at, &[], &options(12));
    assert_eq!(ids(&again), answer);
    for t in [5, 0, 11] {
        later.attention(&mut looked_at, &answer[..t]);
    }
    // The same question goes on from the same positions to the same answer.
    let (expected, got) = (
        later.answer(&mut left_alone, &answer[..4], &options(12)),
        later.answer(&mut looked_at, &answer[..4], &options(12)),
    );
    assert_same(&got, &expected, "after looking back");
    assert_eq!(got.timings.reused_positions, expected.timings.reused_positions);
    assert!(got.timings.prefill_positions == 1, "{:?}", got.timings);
    // A token of an earlier question, of which only the beginning is kept.
    let first = ids(&asked.answer(&mut Session::default(), &[], &options(12)));
    let attention = asked.attention(&mut looked_at, &first[..3]);
    assert_eq!(attention, asked.attention(&mut looked_at, &first[..3]));
    assert_same(&later.answer(&mut looked_at, &[], &options(12)), &expected, "after an earlier question's token");
}
