//! Deletion and insertion, chains, features and the lens on small checkpoints of different shapes.

use super::{each_shape, numbers, request, run, scorer};
use opabinia_engine::generate::Session;
use opabinia_engine::intervention::{Cells, Interventions};
use opabinia_engine::job::Job;
use opabinia_engine::observe::SvaLayer;
use opabinia_engine::probe::chain::{Dropped, SvaChoice};
use opabinia_engine::probe::evidence::{
    Also, CellOrder, Curve, CurvesOf, Faithfulness, GradientOf, Request, Way, normalised, units,
};
use opabinia_engine::probe::{Chain, LastRows};
use opabinia_engine::sva::{Frame, PictureSize};

const ANSWER: [u32; 3] = [5, 9, 300];

/// What all cells of the image being gone, or none, makes of the answer is where curves end; an order is an order; and
/// what is random one way is random the other way round.
#[test]
fn deletion_of_nothing_and_of_everything_meet_their_end_points() {
    each_shape(|model| {
        let of = |target, of| CurvesOf { target, of, unit: 2 };
        let orders = CellOrder::all(2, true);
        let kinds = [of(None, GradientOf::Answer), of(Some(1), GradientOf::Token(2))];
        let curves = kinds.map(|of| Faithfulness { of, orders: orders.clone() }).to_vec();
        let also = Also { curves, ..Also::default() };
        let request = Request { answer: Some(ANSWER.to_vec()), also, ..request("What is here?", "wide.png") };
        let evidence = run(model, &mut Session::default(), &request).unwrap();
        assert!(evidence.notes.is_empty(), "{:?}", evidence.notes);
        assert_eq!(evidence.curves.len(), 2 * 2 * orders.len());
        let size = PictureSize { width: request.picture.width, height: request.picture.height };
        let frame = Frame::new(model.anatomy().side(), size);
        let all: Cells = frame.cells_in_padded().map(|cell| [cell / frame.side, cell % frame.side]).collect();
        let mut own = scorer(model, &ANSWER);
        for curve in &evidence.curves {
            let targets: Vec<usize> =
                curve.of.target.map_or_else(|| (0..model.encoders().len()).collect(), |k| vec![k]);
            let mut log_p = |interventions: &Interventions| {
                let score = own.score(interventions, &Job::unattended()).unwrap();
                match curve.of.of {
                    GradientOf::Answer => score.sum(),
                    GradientOf::Token(t) => f64::from(score.log_probs[t]),
                }
            };
            let mut ends = [log_p(&Interventions::default()), log_p(&Interventions::region(targets.clone(), &all))];
            if curve.way == Way::Insertion {
                ends.reverse();
            }
            assert_eq!([curve.log_p[0], *curve.log_p.last().unwrap()], ends, "{curve:?}");
            assert_eq!((curve.cells[0], *curve.cells.last().unwrap()), (0, all.len()));
            assert!(curve.cells.is_sorted() && curve.cells.len() == curve.log_p.len());
            let mut sorted = curve.sequence.clone();
            sorted.sort_unstable();
            let units = units(&frame, 2);
            assert_eq!(sorted, (0..units.len()).collect::<Vec<_>>(), "{}", curve.order);
            // A point in the middle is the run without these units.
            if curve.way == Way::Deletion {
                let gone: Cells = curve.sequence[..2].iter().flat_map(|unit| units[*unit].iter()).collect();
                assert_eq!(curve.log_p[2], log_p(&Interventions::region(targets, &gone)));
            }
        }
        for kind in kinds {
            let find = |order, way| -> &Curve {
                let same = |curve: &&Curve| (curve.of, curve.order, curve.way) == (kind, order, way);
                evidence.curves.iter().find(same).unwrap()
            };
            let mut back = find(CellOrder::Random(1), Way::Insertion).log_p.clone();
            back.reverse();
            assert_eq!(find(CellOrder::Random(1), Way::Deletion).log_p, back);
            // The first step of the order by effect costs most, and greedy begins with it.
            let (effect, greedy) = (find(CellOrder::Effect, Way::Deletion), find(CellOrder::Greedy, Way::Deletion));
            assert_eq!(effect.log_p[1], greedy.log_p[1]);
            let first = |order| find(order, Way::Deletion).log_p[1];
            assert!(CellOrder::all(2, true).into_iter().all(|order| first(order) >= first(CellOrder::Effect)));
            if let Some(best) = normalised(&evidence.curves, greedy) {
                assert!((best - 1.0).abs() < 1e-12);
            }
        }
    });
}

/// Whatever is chosen, what is kept at last and dropped on the way is all there was.
#[test]
fn chain_masses_sum_to_1_with_what_was_dropped_named() {
    each_shape(|model| {
        let patches: Vec<_> = model.encoders().iter().map(|encoder| encoder.patches()).collect();
        let (mut padded, mut text) = (0.0_f64, 0.0_f64);
        for image in ["wide.png", "tall.png", "square.png"] {
            let also = Also { readings: vec![0, 2], ..Also::default() };
            let request = Request { answer: Some(ANSWER.to_vec()), also, ..request("What is here?", image) };
            let evidence = run(model, &mut Session::default(), &request).unwrap();
            let trace = evidence.trace.as_ref().unwrap();
            for reading in &evidence.readings {
                let rows = &reading.rows;
                let one = rows.mean([(rows.layers - 1, rows.heads - 1)]).unwrap();
                let mean = rows.mean((0..rows.layers).flat_map(|l| (0..rows.heads).map(move |h| (l, h)))).unwrap();
                let rolled = reading.rollout.mean([(0, 0)]).unwrap();
                let last = SvaChoice { layers: vec![trace.layers.len() - 1], heads: vec![3, 5] };
                for (map, mass) in [one, mean, rolled] {
                    for choice in [SvaChoice::default(), last.clone()] {
                        let chain = Chain::new((&rows.frame, &map, mass), trace, &choice, &patches);
                        let total = chain.total();
                        assert!((total - 1.0).abs() < 2e-6, "{image}: {total}, {:?}", chain.hops);
                        let mut before = 1.0;
                        for hop in &chain.hops {
                            let dropped: f64 = hop.dropped.iter().map(|(_, mass)| mass).sum();
                            assert!((hop.kept + dropped - before).abs() < 2e-6, "{image}: {hop:?} after {before}");
                            assert!(hop.dropped.iter().all(|(_, mass)| *mass > -1e-9), "{hop:?}");
                            before = hop.kept;
                        }
                        for (cell, shares) in chain.cells.iter().zip(&chain.shares) {
                            assert!((shares.iter().sum::<f64>() - cell).abs() < 1e-6);
                        }
                        for encoder in &chain.encoders {
                            assert!((encoder.tokens.iter().sum::<f64>() - encoder.mass).abs() < 1e-9);
                        }
                        let drops = chain.hops.iter().flat_map(|hop| &hop.dropped);
                        for (what, mass) in drops {
                            match what {
                                Dropped::PaddedPixels => padded = padded.max(*mass),
                                Dropped::Before => text = text.max(*mass),
                                _ => {}
                            }
                        }
                    }
                }
            }
        }
        assert!(padded > 1e-3 && text > 1e-3, "something was dropped: {padded}, {text}");
    });
}

/// The rows of a reading are what the decoder's last position attends to when the answer ends there.
#[test]
fn readings_are_the_attention_of_the_position_that_chose_the_token() {
    each_shape(|model| {
        let also = Also { readings: vec![1], ..Also::default() };
        let request = Request { answer: Some(ANSWER.to_vec()), also, ..request("What is here?", "wide.png") };
        let evidence = run(model, &mut Session::default(), &request).unwrap();
        let mut rows = LastRows::default();
        scorer(model, &ANSWER[..2]).base(&mut rows, &Job::unattended()).unwrap();
        let before = model.prompt(None, &request.turns, true).unwrap().image_index.unwrap();
        let size = PictureSize { width: request.picture.width, height: request.picture.height };
        let expected = rows.around(Frame::new(model.config().sva.final_side, size), before).unwrap();
        let got = &evidence.reading(1).unwrap().rows;
        assert_eq!((got.layers, got.heads, got.positions), (expected.layers, expected.heads, expected.positions));
        for (got, expected) in got.visual.iter().zip(&expected.visual) {
            assert!((got - expected).abs() < 1e-5, "{got} instead of {expected}");
        }
        let request = Request { also: Also { readings: vec![3], ..Also::default() }, ..request };
        let refused = run(model, &mut Session::default(), &request).unwrap_err().to_string();
        assert!(refused.contains("token 4") && refused.contains("from 1 to 3"), "{refused}");
    });
}

/// Colours for each encoder's tokens; the lens in words where there are samplers, and a sentence where there are none.
#[test]
fn features_and_the_lens_are_read_or_said_to_be_missing() {
    each_shape(|model| {
        let also = Also { features: true, lens: true, gradients: vec![GradientOf::Answer], ..Also::default() };
        let request = Request { answer: Some(ANSWER.to_vec()), also, ..request("What is here?", "wide.png") };
        let evidence = run(model, &mut Session::default(), &request).unwrap();
        let features = evidence.features.as_ref().unwrap();
        let n = model.encoders().len();
        assert_eq!((features.own.len(), features.shared.len()), (n, n));
        for map in features.own.iter().chain(&features.shared) {
            assert_eq!(map.colours.len(), map.side * map.side);
            let shown = map.colours.iter().flatten();
            assert!(shown.clone().count() > 0 && map.colours.iter().any(Option::is_none), "the image is wide");
            assert!(shown.flatten().all(|part| (0.0..=1.0).contains(part)));
            assert!(map.effective_rank >= 1.0 && map.explained.iter().all(|part| (0.0..=1.0).contains(part)));
        }
        match model.config().sva.samplers {
            None => {
                assert!(evidence.lens.is_none());
                assert!(evidence.notes.iter().any(|note| note.contains("no lens: this model has no samplers")));
            }
            Some(layout) => {
                let lens = evidence.lens.as_ref().unwrap();
                assert_eq!(lens.samplers.len(), layout.count);
                let (rows, columns) = lens.frame.size_hw();
                for sampler in &lens.samplers {
                    for cells in [&sampler.before, &sampler.after] {
                        assert_eq!(cells.len(), rows * columns);
                        assert!(cells.iter().all(|tokens| tokens.len() == 5 && tokens.is_sorted_by(|a, b| a.1 >= b.1)));
                    }
                    assert_ne!(sampler.before, sampler.after, "the sampler changes something");
                }
            }
        }
        // Relevancy is what of gradient × attention is above 0, averaged over heads.
        let tensors = evidence.tensors().unwrap();
        let sums = evidence.gradient(GradientOf::Answer).unwrap();
        let each = |layer: SvaLayer, name: &str| numbers(&tensors[&format!("{name}.answer.{layer}.encoders")]);
        for layer in model.anatomy().layers() {
            let (signed, above) = (each(layer, "gradxattn"), each(layer, "relevancy"));
            assert!(above.iter().zip(&signed).all(|(above, signed)| *above >= 0.0 && 16.0 * above >= signed - 1e-5));
        }
        let total: f64 = model.anatomy().layers().flat_map(|layer| each(layer, "relevancy")).sum();
        assert!((sums.relevancy.iter().sum::<f64>() - total).abs() < 1e-6 * total.abs().max(1.0));
    });
}
