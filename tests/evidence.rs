//! What an answer rests on: parity with an independent implementation, number by number, and what holds on any shape.
//!
//! `tests/evidence` holds the reference's numbers for two pictures of every golden checkpoint (all but its gradients by key,
//! which are large); the full set is used as well where a checkout has it beside it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

#[path = "evidence/beyond.rs"]
mod beyond;
#[path = "evidence/shuffled.rs"]
mod shuffled;

use candle_core::Tensor;
use opabinia_engine::Error;
use opabinia_engine::generate::{Answer, GenerateOptions, ImageInput, Session, Watch};
use opabinia_engine::intervention::{Action, Cells, Interventions};
use opabinia_engine::job::Job;
use opabinia_engine::model::{LoadRequest, Model};
use opabinia_engine::observe::{Observer, Site, SvaLayer, Unobserved};
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::evidence::{
    Also, Evidence, Finding, GameKind, GradientOf, Measurement, Request, Scorer, measure,
};
use opabinia_engine::run::Lane;
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_forge::{DecoderFamily, EncoderFamily, EncoderScale, ForgeSpec, Preset, SamplerLayout, forge};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Case, cases, deviation, goldens};

/// Log-probabilities and divergences, absolute.
const LIMIT: f64 = 1e-4;
/// Sums of log-probabilities.
const SUM_LIMIT: f64 = 2e-4;
const SHAPLEY_LIMIT: f64 = 1e-3;
/// Norms, of the largest.
const NORM_LIMIT: f64 = 5e-5;
/// Gradients, of the largest.
const GRADIENT_LIMIT: f64 = 1e-4;

fn load(directory: &Path) -> Arc<Model> {
    let request = LoadRequest {
        source: directory.display().to_string(),
        device: "cpu".parse().unwrap(),
        weights: WeightFormat::F32.into(),
        ..LoadRequest::default()
    };
    let loaded = Model::load(&request, &Job::unattended());
    Arc::new(loaded.unwrap_or_else(|e| panic!("{}: {e}", directory.display())).0)
}

fn picture(name: &str) -> Arc<Picture> {
    Arc::new(Picture::open(&goldens().join("images").join(name), Exif::Ignore).unwrap())
}

fn request(question: &str, image: &str) -> Request {
    Request {
        system: None,
        turns: vec![Turn { question: question.into(), answer: None }],
        picture: picture(image),
        other: None,
        answer: None,
        max_tokens: Some(6),
        with: Vec::new(),
        standard: false,
        region: None,
        also: Also::default(),
    }
}

fn run(model: &Arc<Model>, session: &mut Session, request: &Request) -> Result<Evidence, Error> {
    let job = Job::unattended();
    let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut |_| {} };
    measure(model, session, request, &mut watch)
}

/// The committed selection, and the full set where it is.
fn roots() -> Vec<PathBuf> {
    let committed = goldens().parent().unwrap().join("evidence");
    let full = committed.ancestors().nth(3).map(|parent| parent.join("shared/evidence")).filter(|full| full.is_dir());
    if full.is_none() {
        println!("note: only the committed selection of evidence is here; the full set is not beside this checkout");
    }
    [committed].into_iter().chain(full).collect()
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(candle_core::DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference of two tensors of one shape; NaN counts as infinitely far.
fn distance(got: &Tensor, expected: &Tensor, what: &str) -> f64 {
    assert_eq!(got.dims(), expected.dims(), "{what}");
    let pairs = numbers(got).into_iter().zip(numbers(expected));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, |most, x| if x.is_nan() { f64::INFINITY } else { x.max(most) })
}

fn check(variant: &str) {
    let model = load(&goldens().join(variant).join("checkpoint"));
    for root in roots() {
        let names = cases(&root, variant);
        assert_eq!(names.len(), 2, "{}: {names:?}", root.display());
        for name in names {
            compare(&model, &Case::read(&root, variant, &name), &format!("{variant}/{name}"));
        }
    }
}

fn compare(model: &Arc<Model>, case: &Case, place: &str) {
    let text = |key: &str| case.str(key).unwrap();
    let ids = |key: &str| -> Vec<u32> { serde_json::from_value(case.about[key].clone()).unwrap() };
    let cells: Vec<[usize; 2]> = serde_json::from_value(case.about["region_cells"].clone()).unwrap();
    let expected_ids = ids("generated_ids");
    let request = Request {
        other: Some(picture(text("other"))),
        max_tokens: Some(expected_ids.len()),
        standard: true,
        region: Some(cells.into_iter().collect()),
        ..request(text("question"), text("image"))
    };
    let evidence = run(model, &mut Session::default(), &request).unwrap();
    let got_ids: Vec<u32> = evidence.answer.iter().map(|token| token.id).collect();
    assert_eq!(got_ids, expected_ids, "{place}");
    let got = evidence.tensors().unwrap();
    let (mut compared, mut worst) = (0, BTreeMap::<&str, f64>::new());
    for (key, expected) in &case.tensors {
        let kind = ["logp", "kl", "first_id"].into_iter().find(|kind| key.ends_with(&format!(".{kind}")));
        let kind = match key.split('.').next() {
            Some(first @ ("shapley" | "contrib" | "grad" | "gradxattn")) => first,
            Some("lens") => {
                if key.ends_with(".ids") {
                    "first_id"
                } else {
                    "kl"
                }
            }
            _ => kind.unwrap_or_else(|| panic!("{place}: {key} is of no known kind")),
        };
        let tensor = got.get(key).unwrap_or_else(|| panic!("{place}: {key} was not measured"));
        assert_eq!(tensor.dtype(), expected.dtype(), "{place}: {key}");
        let relative = ["contrib", "grad", "gradxattn"].contains(&kind);
        let distance = if relative { deviation(tensor, expected) } else { distance(tensor, expected, key) };
        let limit = match kind {
            "shapley" => SHAPLEY_LIMIT,
            "contrib" => NORM_LIMIT,
            "grad" | "gradxattn" => GRADIENT_LIMIT,
            "first_id" => 0.0,
            _ => LIMIT,
        };
        assert!(distance <= limit, "{place}: {key} differs by {distance:.2e}");
        if kind == "logp" {
            let sums = (numbers(tensor).iter().sum::<f64>(), numbers(expected).iter().sum::<f64>());
            assert!((sums.0 - sums.1).abs() <= SUM_LIMIT, "{place}: {key} sums to {} instead of {}", sums.0, sums.1);
        }
        let most = worst.entry(kind).or_default();
        *most = most.max(distance);
        compared += 1;
    }
    assert!(compared > 100, "{place}: only {compared} tensors were compared");
    println!("{place}: {compared} tensors, {} runs, worst differences {worst:?}", evidence.runs);
}

#[test]
fn tiny_llama3() {
    check("tiny-llama3");
}

#[test]
fn tiny_vicuna() {
    check("tiny-vicuna");
}

#[test]
fn tiny_phi3() {
    check("tiny-phi3");
}

#[test]
fn tiny_yi() {
    check("tiny-yi");
}

/// Small checkpoints of different shapes: encoders in another order or fewer, several query groups, with and without
/// samplers, both decoders.
fn shapes() -> Vec<ForgeSpec> {
    let base = || Preset::Tiny.spec();
    let tower = |family| EncoderScale::Tiny.tower(family);
    let mut shapes = vec![base(), base(), base(), base()];
    shapes[0].seed = 11;
    shapes[1].sva.samplers = None;
    shapes[1].sva.group_sides = vec![2, 4];
    shapes[1].sva.connector_depth = 3;
    shapes[1].towers = vec![tower(EncoderFamily::Clip), tower(EncoderFamily::ConvnextL), tower(EncoderFamily::Siglip)];
    shapes[2].decoder.family = DecoderFamily::Phi3;
    shapes[2].decoder.kv_heads = 4;
    shapes[2].decoder.layers = 6;
    shapes[2].sva.samplers = Some(SamplerLayout { count: 3, start: 1, stride: 2 });
    shapes[2].towers = vec![tower(EncoderFamily::Dinov2), tower(EncoderFamily::Convnext)];
    shapes[3].decoder.layers = 3;
    shapes[3].sva.connector_depth = 1;
    shapes[3].sva.samplers = Some(SamplerLayout { count: 3, start: 0, stride: 1 });
    shapes[3].seed = 5;
    shapes
}

fn each_shape(test: impl Fn(&Arc<Model>)) {
    for spec in shapes() {
        let directory = tempfile::tempdir().unwrap();
        forge(&spec, directory.path(), |_| {}).unwrap();
        test(&load(directory.path()));
    }
}

fn scorer(model: &Arc<Model>, answer: &[u32]) -> Scorer {
    let request = request("What is here?", "wide.png");
    let prompt = model.prompt(None, &request.turns, true).unwrap();
    let blind = model.prompt(None, &request.turns, false).unwrap();
    let job = Job::unattended();
    let image = model.encode(&request.picture, &job, &mut Unobserved).unwrap();
    let other = model.encode(&picture("tall.png"), &job, &mut Unobserved).unwrap();
    Scorer::new(Arc::clone(model), image, Some(other), prompt, blind, answer.to_vec()).unwrap()
}

#[test]
fn masking_nothing_changes_no_bit() {
    each_shape(|model| {
        let answer = [5, 9, 300, 41];
        let score =
            |interventions: &Interventions| scorer(model, &answer).score(interventions, &Job::unattended()).unwrap();
        let plain = score(&Interventions::default());
        assert_eq!(plain.kl, 0.0);
        let nothing = Interventions::parse("region:all@2:2,0:4", &model.anatomy()).unwrap();
        assert_eq!(score(&nothing), plain);
        assert_eq!(score(&Interventions::region(0..2, &Cells::default())), plain);
        let region = Interventions::region(0..2, &Cells::rectangle(0..2, 0..2));
        assert_ne!(score(&region).log_probs, plain.log_probs, "an intervention changes something");
    });
}

/// What is reused of an earlier run is what would have been computed, to the last bit, in whatever order runs are made.
#[test]
fn reuse_and_order_change_no_bit() {
    each_shape(|model| {
        let anatomy = model.anatomy();
        let answer = [5, 9, 300, 41];
        let first = anatomy.encoder_words()[0].clone();
        let last = anatomy.layers().last().map(|layer| anatomy.label(layer)).unwrap();
        let specs = [
            format!("skip:{last}"),
            format!("head:{last}/3"),
            format!("mask:{first}@{last}"),
            format!("mask:{first}"),
            format!("zero_raw:{first}@{last}"),
            "context".into(),
            "swap:1+mean:0".into(),
            "blank".into(),
            "no_image".into(),
            format!("region:all@0:2,1:3@{last}"),
        ];
        let parse = |spec: &String| Interventions::parse(spec, &anatomy).unwrap();
        let job = Job::unattended();
        let fresh: Vec<_> =
            specs.iter().map(|spec| scorer(model, &answer).score(&parse(spec), &job).unwrap()).collect();
        let mut forwards = scorer(model, &answer);
        let mut backwards = scorer(model, &answer);
        for (spec, expected) in specs.iter().zip(&fresh) {
            assert_eq!(&forwards.score(&parse(spec), &job).unwrap(), expected, "{spec}");
        }
        for (spec, expected) in specs.iter().zip(&fresh).rev() {
            // An answer made in between must not show in what comes after it.
            backwards.answer_under(&parse(spec), 7, &job).unwrap();
            assert_eq!(&backwards.score(&parse(spec), &job).unwrap(), expected, "{spec}");
        }
        let runs = forwards.runs();
        assert_eq!(runs, specs.len() + 1, "one pass for each, and one for the run without interventions");
        forwards.score(&parse(&specs[0]), &job).unwrap();
        assert_eq!(forwards.runs(), runs, "what is known is not run again");
    });
}

/// What each key writes sums to what the attention gives, and norms are those of these vectors.
#[test]
fn key_vectors_sum_to_the_output_of_the_attention() {
    #[derive(Default)]
    struct Sums {
        vectors: Option<Tensor>,
        out: Option<Tensor>,
        layers: usize,
    }
    impl Observer for Sums {
        fn wants(&self, site: Site) -> bool {
            matches!(site, Site::SvaKeyVectors(_) | Site::SvaAttnOut(_))
        }
        fn observe(&mut self, site: Site, value: &Tensor) -> Result<(), Error> {
            match site {
                Site::SvaAttnOut(_) => self.out = Some(value.clone()),
                _ => self.vectors = Some(value.sum(1)?),
            }
            if let (Some(vectors), Some(out)) = (&self.vectors, &self.out) {
                assert!(deviation(vectors, out) < 1e-5, "{site:?}");
                (self.vectors, self.out, self.layers) = (None, None, self.layers + 1);
            }
            Ok(())
        }
    }
    each_shape(|model| {
        let mut sums = Sums::default();
        scorer(model, &[5, 9]).base(&mut sums, &Job::unattended()).unwrap();
        assert_eq!(sums.layers, model.anatomy().layers().count());
    });
}

/// The gradient of a layer's probabilities against central differences, along the direction in which it is steepest.
#[test]
fn gradients_agree_with_central_differences() {
    /// Adds `by` to the probabilities of one layer.
    struct Nudge {
        layer: SvaLayer,
        by: Tensor,
    }
    impl Observer for Nudge {
        fn wants(&self, _site: Site) -> bool {
            false
        }
        fn rewrites(&self, site: Site) -> bool {
            site == Site::SvaProbs(self.layer)
        }
        fn rewrite(&mut self, _site: Site, value: Tensor) -> Result<Tensor, Error> {
            Ok((value + &self.by)?)
        }
        fn observe(&mut self, _site: Site, _value: &Tensor) -> Result<(), Error> {
            Ok(())
        }
    }
    each_shape(|model| {
        let (answer, step, job) = ([5, 9, 300], 1e-3, Job::unattended());
        let gradients = scorer(model, &answer).gradients(&[0, 2], &job).unwrap();
        for (t, layer) in
            [0, 2].into_iter().flat_map(|t| model.anatomy().layers().map(move |layer| (t, layer)).collect::<Vec<_>>())
        {
            let gradient = &gradients[&format!("grad.t{t}.{layer}")];
            let steepest: f64 = numbers(&gradient.abs().unwrap()).iter().sum();
            let sign = gradient.sign().unwrap();
            let at = |by: f64| {
                let mut nudge = Nudge { layer, by: (&sign * by).unwrap() };
                let mut scorer = scorer(model, &answer);
                scorer.base(&mut nudge, &job).unwrap();
                f64::from(scorer.score(&Interventions::default(), &job).unwrap().log_probs[t])
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            assert!(
                (difference - steepest).abs() < 0.03 * steepest + 1e-3,
                "{layer}, token {t}: {difference} for {steepest}"
            );
            let parts = &gradients[&format!("gradxattn.t{t}.{layer}.encoders")];
            assert_eq!(parts.dims(), [gradient.dims()[0], model.encoders().len()]);
        }
    });
}

/// The answer under an intervention is the one a conversation under it would give.
#[test]
fn answers_under_interventions_are_those_of_a_conversation() {
    each_shape(|model| {
        let request = Request { other: Some(picture("tall.png")), ..request("What is here?", "wide.png") };
        let anatomy = model.anatomy();
        let specs = ["mask:0", "swap:all", "skip:C1", "blank", "context"];
        let specs = if anatomy.find_layer("C1").is_ok() {
            specs
        } else {
            ["mask:0", "swap:all", "skip:C1.1", "blank", "context"]
        };
        let with: Vec<_> = specs.iter().map(|spec| Interventions::parse(spec, &anatomy).unwrap()).collect();
        let request = Request { with: with.clone(), ..request };
        let evidence = run(model, &mut Session::default(), &request).unwrap();
        for (effect, interventions) in evidence.effects.iter().zip(with) {
            let image_input = ImageInput {
                interventions,
                other: request.other.clone(),
                ..ImageInput::plain(Arc::clone(&request.picture))
            };
            let expected = ask(model, &mut Session::default(), Some(&image_input), 6);
            let expected_ids: Vec<u32> = expected.tokens.iter().map(|token| token.id).collect();
            let got = effect.answer.as_ref().unwrap();
            assert_eq!((&got.ids, &got.text), (&expected_ids, &expected.text), "{}", effect.name);
            let given: Vec<u32> = evidence.answer.iter().map(|token| token.id).collect();
            assert_eq!(effect.divergence.is_none(), given == expected_ids, "{}", effect.name);
        }
    });
}

fn ask(model: &Model, session: &mut Session, image_input: Option<&ImageInput>, tokens: usize) -> Answer {
    let turns = [Turn { question: "What is here?".into(), answer: None }];
    let prompt = model.prompt(None, &turns, image_input.is_some()).unwrap();
    let options = GenerateOptions { max_tokens: tokens, ..GenerateOptions::default() };
    let job = Job::unattended();
    let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut |_| {} };
    session.ask(model, &prompt, image_input, &[], &options, &mut watch).unwrap()
}

/// The standard list leaves the conversation as it was: a question after it reuses its whole prefix and gets the answer it
/// would have got.
#[test]
fn the_standard_list_leaves_the_conversation_alone_and_its_values_add_up() {
    each_shape(|model| {
        let mut session = Session::default();
        let request = Request {
            other: Some(picture("tall.png")),
            standard: true,
            region: Some(Cells::rectangle(1..3, 0..2)),
            ..request("What is here?", "wide.png")
        };
        let evidence = run(model, &mut session, &request).unwrap();
        assert_eq!(evidence.games.len(), 2);
        for game in &evidence.games {
            let sum: f64 = game.shapley.values.iter().sum();
            let difference = game.coalitions.last().unwrap() - game.coalitions[0];
            assert!((sum - difference).abs() < 1e-9, "{}: {sum} instead of {difference}", game.kind.name());
            assert_eq!(game.coalitions.last().copied(), Some(evidence.base.sum()));
        }
        let image_input = ImageInput::plain(Arc::clone(&request.picture));
        let follow_up = ask(model, &mut session, Some(&image_input), 6);
        assert_eq!(follow_up.timings.prefill_positions, 1, "all but the last position of the prompt is known");
        let fresh = ask(model, &mut Session::default(), Some(&image_input), 6);
        let ids = |answer: &Answer| answer.tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        assert_eq!(ids(&follow_up), ids(&fresh));
    });
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_run() {
    let model = load(&goldens().join("tiny-phi3/checkpoint"));
    let refusal = |request: &Request| run(&model, &mut Session::default(), request).unwrap_err().to_string();
    let request = request("What is here?", "wide.png");
    let swap = Interventions::of(Action::Swap { encoder: 0 });
    let message = refusal(&Request { with: vec![swap], ..request.clone() });
    assert!(message.contains("no other image"), "{message}");
    let message = refusal(&Request { with: vec![Interventions::mask(7, false)], ..request.clone() });
    assert!(message.contains("there is no encoder 7"), "{message}");
    let region = Some(Cells::rectangle(0..1, 3..5));
    let message = refusal(&Request { standard: true, region, ..request.clone() });
    assert!(message.contains("4 × 4"), "{message}");
    let nothing = Cells::rectangle(3..3, 0..4);
    let message = refusal(&Request { standard: true, region: Some(nothing), ..request.clone() });
    assert!(message.contains("the region has no cells"), "{message}");
    let message = refusal(&Request { max_tokens: Some(100_000), ..request.clone() });
    assert!(message.contains("2048") && message.contains("at most"), "{message}");
    let message = refusal(&Request { answer: Some(vec![1; 5000]), ..request.clone() });
    assert!(message.contains("5000"), "{message}");
    let message = refusal(&Request { answer: Some(vec![u32::MAX]), ..request });
    assert!(message.contains("no answer of this model"), "{message}");
}

/// What is measured beside the list is told piece by piece; the pieces make the same evidence as the end.
#[test]
fn findings_come_one_by_one_and_add_up_to_the_whole() {
    each_shape(|model| {
        let anatomy = model.anatomy();
        let scored =
            vec![Interventions::mask(0, false), Interventions::of(Action::Context), Interventions::of(Action::Blank)];
        let also = Also {
            means: true,
            scored: scored.clone(),
            games: vec![GameKind::Mask],
            gradients: (0..3).map(GradientOf::Token).chain([GradientOf::Answer]).collect(),
            ..Also::default()
        };
        let request = Request { answer: Some(vec![5, 9, 300]), also, ..request("What is here?", "square.png") };
        let mut session = Session::default();
        let job = Job::unattended();
        let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut |_| {} };
        let mut measurement = Measurement::new(model, &mut session, request, Lane::Batch).unwrap();
        let (mut found, mut pieces): (Option<Evidence>, usize) = (None, 0);
        let whole = loop {
            let end = measurement.advance(model, &mut session, &mut watch).unwrap();
            for finding in measurement.drain_findings() {
                pieces += 1;
                match (&mut found, finding) {
                    (None, Finding::Base(base)) => found = Some(*base),
                    (Some(found), finding) => found.add(finding),
                    (None, finding) => panic!("{finding:?} before the answer was scored"),
                }
            }
            if let Some(end) = end {
                break end;
            }
        };
        let found = found.unwrap();
        assert!(pieces > scored.len() + 5, "{pieces}");
        assert_eq!(whole.effects.iter().map(|effect| effect.interventions.clone()).collect::<Vec<_>>(), scored);
        for effect in &whole.effects {
            let told = found.effects.iter().find(|told| told.interventions == effect.interventions).unwrap();
            assert_eq!(told, effect);
        }
        assert_eq!((&found.games, &found.gradients, &found.means), (&whole.games, &whole.gradients, &whole.means));
        assert_eq!(found.base, whole.base);
        // The gradient of the whole answer is the sum of its tokens'.
        let (n, side) = (anatomy.encoders().len(), anatomy.side());
        let of = |of| whole.gradient(of).unwrap();
        for k in 0..n {
            let sum: f64 = (0..3).map(|t| of(GradientOf::Token(t)).encoders[k]).sum();
            let answer = of(GradientOf::Answer).encoders[k];
            assert!((sum - answer).abs() < 1e-4 * answer.abs().max(1e-2), "{k}: {sum} instead of {answer}");
            let cells: f64 = of(GradientOf::Answer).cells.iter().map(|cell| cell[k]).sum();
            assert!((cells - answer).abs() < 1e-9 * answer.abs().max(1.0));
        }
        // A square image has no padding: shares of all encoders are one attention, norms are means of the tensors.
        let means = whole.means.as_ref().unwrap();
        assert!((means.share.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{:?}", means.share);
        assert!(means.side == side && means.cells.iter().all(Option::is_some));
        let tensors = whole.tensors().unwrap();
        let norms: Vec<f64> = tensors
            .iter()
            .filter(|(name, _)| name.ends_with(".enc_norm"))
            .flat_map(|(_, tensor)| numbers(tensor))
            .collect();
        for k in 0..n {
            let own: Vec<f64> = norms.iter().skip(k).step_by(n).copied().collect();
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            assert!((mean - means.norm[k]).abs() < 1e-5 * mean.max(1.0), "{k}: {mean} instead of {}", means.norm[k]);
        }
    });
}

/// What needs another picture is refused before anything is run, wherever it was asked for.
#[test]
fn a_swap_without_another_picture_is_refused() {
    each_shape(|model| {
        for also in [
            Also { scored: vec![Interventions::of(Action::Swap { encoder: 0 })], ..Also::default() },
            Also { games: vec![GameKind::Swap], ..Also::default() },
        ] {
            let refused = run(model, &mut Session::default(), &Request { also, ..request("?", "square.png") });
            assert!(refused.unwrap_err().to_string().contains("no other image"));
        }
    });
}
