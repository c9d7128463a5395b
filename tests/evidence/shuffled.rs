//! Shuffled weights and attention, maps under interventions, and what is kept of evidence, on small checkpoints of different
//! shapes.

use super::{each_shape, picture, request, run, scorer};
use candle_core::Tensor;
use opabinia_engine::generate::Session;
use opabinia_engine::intervention::{Action, Interventions, Place};
use opabinia_engine::job::Job;
use opabinia_engine::model::Model;
use opabinia_engine::observe::{Observer, Site, SvaLayer, Unobserved};
use opabinia_engine::probe::evidence::{
    Also, CellOrder, CurvesOf, Faithfulness, GameKind, GradientOf, KeptEvidence, Request,
};

const ANSWER: [u32; 3] = [5, 9, 300];

/// Keeps the probabilities `[cells, heads, K]` and the mask of one layer.
#[derive(Default)]
struct OneLayer {
    layer: Option<SvaLayer>,
    probs: Vec<Vec<Vec<f32>>>,
    mask: Vec<Vec<u8>>,
}

impl Observer for OneLayer {
    fn wants(&self, site: Site) -> bool {
        matches!(site, Site::SvaProbs(layer) | Site::SvaMask(layer) if Some(layer) == self.layer)
    }

    fn observe(&mut self, site: Site, value: &Tensor) -> opabinia_engine::Result<()> {
        match site {
            Site::SvaProbs(_) => self.probs = value.to_vec3().unwrap(),
            _ => self.mask = value.to_vec2().unwrap(),
        }
        Ok(())
    }
}

/// The attention of the first connector layer under `interventions`.
fn attention(model: &Model, interventions: &Interventions) -> OneLayer {
    let job = Job::unattended();
    let image = model.encode(&picture("wide.png"), &job, &mut Unobserved).unwrap();
    let mut seen = OneLayer { layer: model.anatomy().layers().next(), ..OneLayer::default() };
    model.connect(&image, None, interventions, &job, &mut seen).unwrap();
    seen
}

#[test]
fn shuffled_attention_is_the_same_attention_at_other_open_keys() {
    each_shape(|model| {
        let first = Place::Layer(model.anatomy().layers().next().unwrap());
        let plain = attention(model, &Interventions::default());
        let shuffled = attention(model, &Interventions::at(Action::ShuffleAttention { seed: 3 }, first));
        assert_eq!(plain.mask, shuffled.mask);
        let mut moved = 0;
        for ((before, after), mask) in plain.probs.iter().zip(&shuffled.probs).zip(&plain.mask) {
            for (before, after) in before.iter().zip(after) {
                for ((before, after), open) in before.iter().zip(after).zip(mask) {
                    assert!(*open == 1 || (*before, *after) == (0.0, 0.0), "a masked key got something");
                    moved += usize::from((before - after).abs() > 1e-6);
                }
                let sorted = |row: &[f32]| {
                    let mut row = row.to_vec();
                    row.sort_by(f32::total_cmp);
                    row
                };
                for (before, after) in sorted(before).iter().zip(sorted(after)) {
                    assert!((before - after).abs() < 1e-6, "{before} became {after}");
                }
            }
        }
        assert!(moved > 0, "nothing was shuffled");
    });
}

#[test]
fn shuffled_weights_attend_elsewhere_and_each_seed_is_a_shuffle_of_its_own() {
    each_shape(|model| {
        let of = |seed| Interventions::of(Action::ShuffleWeights { seed });
        let (plain, shuffled) = (attention(model, &Interventions::default()), attention(model, &of(1)));
        assert_eq!(plain.mask, shuffled.mask);
        assert_ne!(plain.probs, shuffled.probs);
        for row in shuffled.probs.iter().flatten() {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "no distribution: {row:?}");
        }
        let mut own = scorer(model, &ANSWER);
        let mut score = |interventions: &Interventions| own.score(interventions, &Job::unattended()).unwrap();
        let scores = [Interventions::default(), of(1), of(2), Interventions::of(Action::ShuffleAttention { seed: 1 })]
            .map(|one| score(&one));
        for (at, one) in scores.iter().enumerate() {
            assert!(scores[..at].iter().all(|other| other.log_probs != one.log_probs), "{at}");
        }
        assert_eq!(scorer(model, &ANSWER).score(&of(1), &Job::unattended()).unwrap(), scores[1]);
        // In one layer alone the others stay: the last one changes nothing before it. What follows the last decoder layer changes
        // no answer, but the first layer does.
        let at = |layer: Option<SvaLayer>| {
            Interventions::at(Action::ShuffleWeights { seed: 1 }, Place::Layer(layer.unwrap()))
        };
        let first = at(model.anatomy().layers().next());
        if model.anatomy().layers().count() > 1 {
            assert_eq!(attention(model, &at(model.anatomy().layers().last())).probs, plain.probs);
            assert_ne!(score(&first).log_probs, scores[1].log_probs);
        }
        assert_ne!(score(&first).log_probs, scores[0].log_probs);
    });
}

#[test]
fn maps_under_no_intervention_are_the_plain_ones_and_a_masked_encoder_has_none() {
    each_shape(|model| {
        let mask = Interventions::mask(1, false);
        let shuffled = Interventions::of(Action::ShuffleWeights { seed: 2 });
        let also = Also {
            means: true,
            seen_under: vec![Interventions::default(), mask.clone(), shuffled.clone()],
            gradients: vec![GradientOf::Answer],
            ..Also::default()
        };
        let wanted = Request { answer: Some(ANSWER.to_vec()), also, ..request("What is here?", "wide.png") };
        let evidence = run(model, &mut Session::default(), &wanted).unwrap();
        let seen = |interventions| evidence.seen_under(interventions).unwrap();
        let nothing = Interventions::default();
        let plain = seen(&nothing);
        assert_eq!(Some(&plain.means), evidence.means.as_ref());
        assert_eq!(plain.gradient.as_ref(), evidence.gradient(GradientOf::Answer));
        let masked = seen(&mask);
        assert!(masked.means.share[1].abs() < 1e-6 && masked.means.norm[1].abs() < 1e-6, "{:?}", masked.means);
        assert!(masked.gradient.as_ref().unwrap().encoders[1].abs() < 1e-9);
        assert_ne!(seen(&shuffled).means.lift, plain.means.lift);
        // The answer is scored in the same runs.
        let mut own = scorer(model, &ANSWER);
        for one in [&mask, &shuffled] {
            let effect = evidence.effects.iter().find(|effect| effect.interventions == *one).unwrap();
            let alone = own.score(one, &Job::unattended()).unwrap();
            for (seen, alone) in effect.score.log_probs.iter().zip(&alone.log_probs) {
                assert!((seen - alone).abs() < 1e-5, "{seen} instead of {alone}");
            }
        }
        let blind = Also { seen_under: vec![Interventions::of(Action::NoImage)], ..Also::default() };
        let refused = run(model, &mut Session::default(), &Request { also: blind, ..wanted }).unwrap_err().to_string();
        assert!(refused.contains("without the image"), "{refused}");
    });
}

#[test]
fn what_is_kept_comes_back_and_what_cannot_be_is_refused() {
    each_shape(|model| {
        let anatomy = model.anatomy();
        let also = Also {
            means: true,
            scored: vec![Interventions::mask(0, true), Interventions::of(Action::Swap { encoder: 0 })],
            games: vec![GameKind::Mask],
            gradients: vec![GradientOf::Answer, GradientOf::Token(2)],
            seen_under: vec![Interventions::of(Action::ShuffleWeights { seed: 1 })],
            curves: vec![Faithfulness {
                of: CurvesOf { target: Some(1), of: GradientOf::Answer, unit: 2 },
                orders: vec![CellOrder::Share, CellOrder::Random(0)],
            }],
            ..Also::default()
        };
        let wanted = Request {
            answer: Some(ANSWER.to_vec()),
            other: Some(picture("tall.png")),
            also,
            ..request("What is here?", "wide.png")
        };
        let evidence = run(model, &mut Session::default(), &wanted).unwrap();
        let kept = KeptEvidence::of(&evidence);
        let text = serde_json::to_string(&kept).unwrap();
        let read: KeptEvidence = serde_json::from_str(&text).unwrap();
        assert_eq!(read, kept);
        let back = read.restore(&anatomy).unwrap();
        assert_eq!((&back.base, &back.means, &back.gradients), (&evidence.base, &evidence.means, &evidence.gradients));
        assert_eq!((&back.curves, &back.seen_under), (&evidence.curves, &evidence.seen_under));
        assert_eq!(back.game(GameKind::Mask), evidence.game(GameKind::Mask));
        assert!(back.other.is_none() && back.effects.iter().all(|effect| !effect.interventions.needs_other()));
        assert_eq!(back.effects.len() + 1, evidence.effects.len(), "all but the swap");
        assert!(back.lacks_tensors() && !evidence.lacks_tensors());
        // Of another shape, or damaged.
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let damage = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = value.clone();
            change(&mut value);
            serde_json::from_value::<KeptEvidence>(value).map(|kept| kept.restore(&anatomy).is_err())
        };
        let refused = |change: &dyn Fn(&mut serde_json::Value)| damage(change).unwrap_or(true);
        assert!(!refused(&|_| {}), "nothing was changed");
        assert!(refused(&|value| value["base"]["log_probs"] = serde_json::json!([-1.0])));
        assert!(refused(&|value| value["answer"] = serde_json::json!([])));
        assert!(refused(&|value| value["means"]["share"] = "0.5".into()));
        assert!(refused(&|value| value["means"]["share"] = "NaN NaN".into()));
        assert!(refused(&|value| value["means"]["side"] = 7.into()));
        assert!(refused(&|value| value["means"]["cells"] = serde_json::json!([])));
        assert!(refused(&|value| value["gradients"][0]["of"] = serde_json::json!({ "token": 3 })));
        assert!(refused(&|value| value["gradients"][0]["cells"][0] = "0".into()));
        assert!(refused(&|value| value["curves"][0]["log_p"] = "0 1".into()));
        assert!(refused(&|value| value["curves"][0]["of"]["target"] = 9.into()));
        assert!(refused(&|value| value["effects"][0]["score"]["kl"] = "inf".into()));
        let swap = serde_json::json!([{ "kind": "swap", "encoder": 0, "at": "everywhere" }]);
        assert!(refused(&|value| value["effects"][0]["interventions"] = swap.clone()));
        let masked = serde_json::json!([{ "kind": "mask", "encoder": 40, "at": "everywhere" }]);
        assert!(refused(&|value| value["effects"][0]["interventions"] = masked.clone()));
        assert!(refused(&|value| value["surprise"] = 1.into()));
    });
}
