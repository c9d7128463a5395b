//! Correlations, components and trees against what numpy and scipy say: `record_correlation.py` recorded it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use opabinia_eval::correlate::{Correlation, Scores};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn assert_close(ours: &[f64], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() < 1e-9, "{what}: {a} instead of {b}");
    }
}

#[test]
fn correlations_components_and_trees_are_numpys_and_scipys() {
    let recorded: Value = serde_json::from_str(include_str!("data/correlation.json")).unwrap();
    for case in recorded.as_array().unwrap() {
        let values = rows(&case["scores"]);
        let named = |word: &str, count: usize| (0..count).map(|at| format!("{word} {at}")).collect::<Vec<_>>();
        let scores = Scores {
            models: named("model", values.len()),
            benchmarks: named("benchmark", values[0].len()),
            values,
            notes: Vec::new(),
        };
        let found = Correlation::new(scores);
        for (ours, theirs) in found.matrix.iter().zip(rows(&case["r"])) {
            assert_close(ours, &theirs, "r");
        }
        let (loadings, positions) = (rows(&case["loadings"]), rows(&case["positions"]));
        for (at, explained) in numbers(&case["explained"]).into_iter().enumerate() {
            let ours = &found.components[at];
            assert!((ours.explained - explained).abs() < 1e-9, "component {at}: {}", ours.explained);
            // What has no variance has no direction.
            if explained > 1e-9 {
                assert_close(&ours.loadings, &loadings[at], &format!("loadings of component {at}"));
                assert_close(&ours.scores, &positions[at], &format!("models on component {at}"));
            }
        }
        let linkage = rows(&case["linkage"]);
        assert_eq!(found.merges.len(), linkage.len());
        for (ours, theirs) in found.merges.iter().zip(linkage) {
            let ours = [ours.first as f64, ours.second as f64, ours.distance, ours.size as f64];
            assert_close(&ours, &theirs, "a merge");
        }
        let order: Vec<f64> = found.order().into_iter().map(|leaf| leaf as f64).collect();
        assert_close(&order, &numbers(&case["leaves"]), "leaves");
        let csv = found.csv();
        assert_eq!(csv.lines().count(), found.scores.benchmarks.len() + 1);
        assert!(csv.lines().nth(1).unwrap().starts_with(&format!("benchmark {}", found.order()[0])), "{csv}");
    }
}
