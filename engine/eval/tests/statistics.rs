//! Intervals and tests against what scipy and numpy say: `record_statistics.py` recorded it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use opabinia_eval::report::group_score;
use opabinia_eval::stats::{Clusters, Interval, Paired, mcnemar, wilson};
use serde_json::Value;

fn recorded() -> Value {
    serde_json::from_str(include_str!("data/statistics.json")).unwrap()
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|one| usize::try_from(one.as_u64().unwrap()).unwrap()).collect()
}

fn flags(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|one| one.as_bool().unwrap()).collect()
}

#[test]
fn wilson_intervals_are_scipys() {
    for case in recorded()["wilson"].as_array().unwrap() {
        let [right, of] = ["right", "of"].map(|name| usize::try_from(case[name].as_u64().unwrap()).unwrap());
        let (low, high) = wilson(right, of);
        assert!((low - number(case, "low")).abs() < 1e-12 && (high - number(case, "high")).abs() < 1e-12, "{case}");
    }
}

#[test]
fn exact_mcnemar_is_scipys_binomial_test() {
    for case in recorded()["mcnemar"].as_array().unwrap() {
        let [a, b] = ["only_a", "only_b"].map(|name| usize::try_from(case[name].as_u64().unwrap()).unwrap());
        assert!((mcnemar(a, b) - number(case, "p")).abs() < 1e-9, "{case}: {}", mcnemar(a, b));
    }
}

/// 2,000 resamples beside scipy's 40,000: their ends differ by chance, by about a fifteenth of the standard error.
fn assert_close(found: Interval, recorded: &Value) {
    let error = number(recorded, "error");
    for (found, name) in [(found.low, "low"), (found.high, "high")] {
        let off = (found - number(recorded, name)).abs() / error;
        assert!(off < 0.2, "{name}: {found} beside {}, {off:.2} standard errors away", number(recorded, name));
    }
    assert!((found.error / error - 1.0).abs() < 0.06, "{} beside {error}", found.error);
}

#[test]
fn clustered_intervals_are_scipys() {
    let recorded = recorded();
    let results = &recorded["results"];
    let names: Vec<String> = numbers(&results["cluster"]).iter().map(ToString::to_string).collect();
    let clusters = Clusters::of(names.iter().map(String::as_str));
    let (a, b) = (flags(&results["a"]), flags(&results["b"]));
    let right: Vec<f64> = a.iter().map(|right| f64::from(*right)).collect();
    let rate = clusters.bootstrap(right.len(), 3, |weights| {
        right.iter().zip(weights).map(|(r, w)| r * w).sum::<f64>() / weights.iter().sum::<f64>()
    });
    assert_close(rate, &recorded["bootstrap"]["rate"]);
    let paired = Paired::new(&a, &b, &clusters, 3);
    assert_close(paired.interval, &recorded["bootstrap"]["difference"]);
    let count = |f: &dyn Fn(bool, bool) -> bool| a.iter().zip(&b).filter(|(a, b)| f(**a, **b)).count();
    assert_eq!(paired.counts.both, count(&|a, b| a && b));
    assert_eq!(paired.counts.only_a, count(&|a, b| a && !b));
    assert_eq!(paired.counts.only_b, count(&|a, b| !a && b));
    assert_eq!(paired.counts.neither, count(&|a, b| !a && !b));
    let groups: Vec<(usize, usize)> = numbers(&results["kind"]).into_iter().zip(numbers(&results["source"])).collect();
    let score = clusters.bootstrap(right.len(), 3, |weights| group_score(&groups, &right, weights));
    assert_close(score, &recorded["bootstrap"]["score"]);
    // The same items as if each stood alone: the interval would be too narrow.
    let alone: Vec<String> = (0..a.len()).map(|at| at.to_string()).collect();
    let alone = Clusters::of(alone.iter().map(String::as_str));
    let narrow = Paired::new(&vec![false; a.len()], &a, &alone, 3);
    assert!(narrow.interval.error < 0.9 * rate.error, "{} beside {}", narrow.interval.error, rate.error);
}

#[test]
fn the_score_is_cv_benchs() {
    // ½ (½ (ADE20K + COCO) + Omni3D), by hand: ADE20K 1 of 2, COCO 1 of 1, Omni3D 1 of 4.
    let groups = [(0, 0), (0, 0), (0, 1), (1, 2), (1, 2), (1, 2), (1, 2)];
    let right = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    assert!((group_score(&groups, &right, &[1.0; 7]) - 0.5 * (0.5 * (0.5 + 1.0) + 0.25)).abs() < 1e-12);
}
