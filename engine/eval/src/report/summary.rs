//! A run in numbers.

use super::columns::Columns;
use crate::random::Random;
use crate::run::Record;
use crate::stats::{Clusters, Game, Interval, Paired, Rate, holm, shapley};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The condition that others are compared with.
pub const AS_IS: &str = "as_is";

/// The condition without a picture.
pub const NO_IMAGE: &str = "no_image";

/// One condition in numbers.
#[derive(Debug)]
pub struct ConditionSummary {
    /// Its name.
    pub name: String,
    /// Right ones.
    pub rate: Rate,
    /// The same where answers that named no option are guessed.
    pub guessed: Rate,
    /// Answers that named no option.
    pub unparsed: usize,
    /// Mean probability of all options together, where they were scored.
    pub mass: Option<f64>,
    /// The score over types and sources, where the set has them, with its interval.
    pub score: Option<(f64, Interval)>,
    /// The rate of each task, source and type.
    pub tasks: BTreeMap<String, Rate>,
    /// By source.
    pub sources: BTreeMap<String, Rate>,
    /// By type.
    pub types: BTreeMap<String, Rate>,
    /// Against the first condition, with the p value of all comparisons together (Holm).
    pub change: Option<(Paired, f64)>,
}

/// One encoder in numbers, as (accuracy, accuracy without it) gives them.
#[derive(Debug)]
pub struct EncoderSummary {
    /// Its name.
    pub name: String,
    /// The condition that takes it away.
    pub condition: String,
    /// (acc − acc without it) / acc.
    pub cur: f64,
    /// (acc − acc without it) / (acc − chance); `None` where the whole is no better than chance.
    pub corrected: Option<f64>,
}

/// A run in numbers.
#[derive(Debug)]
pub struct Summary {
    /// Items.
    pub items: usize,
    /// Items that could not be asked.
    pub unanswered: usize,
    /// Groups of items that are not independent.
    pub clusters: usize,
    /// The mean probability of a blind guess being right.
    pub chance: f64,
    /// The most frequent answer of each task.
    pub majority: Rate,
    /// Each condition, in the run's order.
    pub conditions: Vec<ConditionSummary>,
    /// Each encoder that a condition takes away.
    pub encoders: Vec<EncoderSummary>,
    /// Largest minus smallest CUR, where every encoder has one.
    pub information_gap: Option<f64>,
    /// Shapley values over encoders by accuracy, for each game whose coalitions were all asked.
    pub shapley: Vec<(Game, Vec<f64>)>,
    /// Items that are right as they are and wrong without a picture.
    pub needed_eyes: Option<Rate>,
    /// The rate among items that are wrong without a picture, and the mean rate among as many items at random.
    pub beyond_blind: Option<(Rate, f64)>,
}

/// The mean over types of the mean over sources of the rate in each: of CV-Bench, its official score
/// ½ (½ (ADE20K + COCO) + Omni3D). `groups` are (type, source) of each item; weighted by `weights`.
pub fn group_score(groups: &[(usize, usize)], right: &[f64], weights: &[f64]) -> f64 {
    let mut sums: BTreeMap<usize, BTreeMap<usize, (f64, f64)>> = BTreeMap::new();
    for ((group, right), weight) in groups.iter().zip(right).zip(weights) {
        let sum = sums.entry(group.0).or_default().entry(group.1).or_default();
        sum.0 += right * weight;
        sum.1 += weight;
    }
    let means = sums.values().filter_map(|sources| {
        let drawn: Vec<f64> = sources.values().filter(|sum| sum.1 > 0.0).map(|sum| sum.0 / sum.1).collect();
        (!drawn.is_empty()).then(|| drawn.iter().sum::<f64>() / drawn.len() as f64)
    });
    let means: Vec<f64> = means.collect();
    means.iter().sum::<f64>() / means.len().max(1) as f64
}

/// The type and source of each item as numbers, if all have both.
fn type_and_source(records: &[&Record]) -> Option<Vec<(usize, usize)>> {
    let names: Option<Vec<(&str, &str)>> =
        records.iter().map(|record| Some((record.kind.as_deref()?, record.source.as_deref()?))).collect();
    let names = names?;
    let kinds: BTreeSet<&str> = names.iter().map(|(kind, _)| *kind).collect();
    let sources: BTreeSet<&str> = names.iter().map(|(_, source)| *source).collect();
    let at = |set: &BTreeSet<&str>, name: &str| set.iter().position(|one| *one == name).unwrap_or(0);
    Some(names.iter().map(|(kind, source)| (at(&kinds, kind), at(&sources, source))).collect())
}

impl Summary {
    /// The numbers of `columns`.
    pub fn new(columns: &Columns<'_>) -> Self {
        let header = columns.header;
        let groups = type_and_source(&columns.records).filter(|groups| !groups.is_empty());
        let first = header.conditions.first().map(|condition| columns.right(&condition.name)).unwrap_or_default();
        let mut conditions: Vec<ConditionSummary> = Vec::new();
        for (at, condition) in header.conditions.iter().enumerate() {
            let name = &condition.name;
            let right = columns.right(name);
            let by = |of: &dyn Fn(&Record) -> Option<String>| {
                let groups = columns.groups(of);
                groups.into_iter().map(|(group, columns)| (group, columns.rate(&columns.right(name)))).collect()
            };
            let outcomes = columns.outcomes(name);
            let masses: Vec<f64> = outcomes.iter().flatten().filter_map(|o| o.mass).map(f64::from).collect();
            let unparsed = columns.records.iter().zip(&outcomes);
            let unparsed = unparsed.filter(|(r, o)| r.answer.is_some() && o.is_some_and(|o| o.choice.is_none()));
            conditions.push(ConditionSummary {
                name: name.clone(),
                rate: columns.rate(&right),
                guessed: columns.rate(&columns.right_with_guesses(name)),
                unparsed: unparsed.count(),
                mass: (!masses.is_empty()).then(|| masses.iter().sum::<f64>() / masses.len() as f64),
                score: groups.as_ref().map(|groups| score(groups, &right, &columns.clusters, header.seed)),
                tasks: by(&|record| Some(record.task.clone())),
                sources: by(&|record| record.source.clone()),
                types: by(&|record| record.kind.clone()),
                change: (at > 0).then(|| (Paired::new(&first, &right, &columns.clusters, header.seed), 1.0)),
            });
        }
        let p: Vec<f64> = conditions.iter().filter_map(|c| c.change.as_ref().map(|(paired, _)| paired.p)).collect();
        let adjusted = holm(&p);
        for (change, adjusted) in conditions.iter_mut().filter_map(|c| c.change.as_mut()).zip(adjusted) {
            change.1 = adjusted;
        }
        let encoders = encoders(columns, &conditions);
        let whole = header.model.encoders.len();
        let curs: Vec<f64> = encoders.iter().map(|encoder| encoder.cur).collect();
        let gap =
            curs.iter().copied().fold(f64::NEG_INFINITY, f64::max) - curs.iter().copied().fold(f64::INFINITY, f64::min);
        let (needed_eyes, beyond_blind) = eyes(columns);
        Self {
            items: columns.records.len(),
            unanswered: columns.unanswered.len(),
            clusters: columns.clusters.len(),
            chance: columns.chance(),
            majority: columns.majority(),
            information_gap: (whole > 1 && encoders.len() == whole).then_some(gap),
            shapley: [Game::Swap, Game::Mask].into_iter().filter_map(|game| values(columns, game)).collect(),
            conditions,
            encoders,
            needed_eyes,
            beyond_blind,
        }
    }

    /// As JSON.
    pub fn json(&self, columns: &Columns<'_>) -> Value {
        let header = columns.header;
        let rate = |rate: &Rate| {
            let (low, high) = rate.interval();
            json!({ "right": rate.right, "of": rate.of, "accuracy": rate.value(), "wilson95": [low, high] })
        };
        let rates = |rates: &BTreeMap<String, Rate>| {
            rates.iter().map(|(name, one)| (name.clone(), rate(one))).collect::<serde_json::Map<_, _>>()
        };
        let interval = |interval: &Interval| json!([interval.low, interval.high]);
        let conditions: Vec<Value> = self
            .conditions
            .iter()
            .map(|condition| {
                let mut object = rate(&condition.rate);
                object["name"] = condition.name.as_str().into();
                object["unparsed"] = condition.unparsed.into();
                object["accuracy_with_guesses"] = condition.guessed.value().into();
                object["mass"] = condition.mass.into();
                object["tasks"] = rates(&condition.tasks).into();
                object["sources"] = rates(&condition.sources).into();
                object["types"] = rates(&condition.types).into();
                if let Some((score, about)) = &condition.score {
                    object["score"] = json!({ "value": score, "bootstrap95": interval(about) });
                }
                if let Some((paired, adjusted)) = &condition.change {
                    object["against_first"] = paired_json(paired);
                    object["against_first"]["p_holm"] = (*adjusted).into();
                }
                object
            })
            .collect();
        let encoders: Vec<Value> = self
            .encoders
            .iter()
            .map(|e| json!({ "name": e.name, "condition": e.condition, "cur": e.cur, "cur_chance_corrected": e.corrected }))
            .collect();
        let shapley: serde_json::Map<String, Value> =
            self.shapley.iter().map(|(game, values)| (game.name().to_owned(), json!(values))).collect();
        json!({
            "run": header.id(),
            "model": header.model.name,
            "data": header.data.name,
            "data_fingerprint": header.data.fingerprint,
            "protocol": header.protocol,
            "rule": header.rule,
            "seed": header.seed,
            "items": self.items,
            "questions": header.data.questions,
            "unanswered": self.unanswered,
            "skipped": header.data.skipped.count(),
            "skipped_reasons": header.data.skipped.reasons,
            "clusters": self.clusters,
            "chance": self.chance,
            "majority": rate(&self.majority),
            "conditions": conditions,
            "encoders": encoders,
            "information_gap": self.information_gap,
            "shapley_by_accuracy": shapley,
            "needed_eyes": self.needed_eyes.as_ref().map(rate),
            "not_answerable_blind": self.beyond_blind.as_ref().map(|(r, control)| {
                json!({ "rate": rate(r), "random_removal": control })
            }),
        })
    }
}

/// A comparison as JSON.
pub fn paired_json(paired: &Paired) -> Value {
    let counts = paired.counts;
    json!({
        "both_right": counts.both,
        "only_first": counts.only_a,
        "only_second": counts.only_b,
        "both_wrong": counts.neither,
        "difference": paired.difference,
        "bootstrap95": [paired.interval.low, paired.interval.high],
        "p": paired.p,
        "smallest_shown": paired.smallest_shown,
    })
}

fn score(groups: &[(usize, usize)], right: &[bool], clusters: &Clusters, seed: u64) -> (f64, Interval) {
    let right: Vec<f64> = right.iter().map(|right| f64::from(*right)).collect();
    let all = vec![1.0; right.len()];
    let interval = clusters.bootstrap(right.len(), seed, |weights| group_score(groups, &right, weights));
    (group_score(groups, &right, &all), interval)
}

fn encoders(columns: &Columns<'_>, conditions: &[ConditionSummary]) -> Vec<EncoderSummary> {
    let rate = |name: &str| conditions.iter().find(|one| one.name == name).map(|one| one.rate.value());
    let Some(whole) = rate(AS_IS).filter(|whole| *whole > 0.0) else { return Vec::new() };
    let chance = columns.chance();
    // One way of taking an encoder away: the first.
    let names = columns.header.model.encoders.iter().enumerate();
    names
        .filter_map(|(k, name)| {
            let condition = columns.header.conditions.iter().find(|condition| condition.without == Some(k))?;
            let without = rate(&condition.name)?;
            Some(EncoderSummary {
                name: name.clone(),
                condition: condition.name.clone(),
                cur: (whole - without) / whole,
                corrected: (whole > chance).then(|| (whole - without) / (whole - chance)),
            })
        })
        .collect()
}

/// The Shapley values of `game`, if every coalition was asked.
fn values(columns: &Columns<'_>, game: Game) -> Option<(Game, Vec<f64>)> {
    let count = columns.header.model.encoders.len();
    if count == 0 || count > 8 {
        return None;
    }
    let value = |coalition: usize| {
        let of_game =
            |c: &&crate::run::Condition| c.coalition.as_ref().is_some_and(|(g, c)| g == game.name() && *c == coalition);
        let name = match columns.header.conditions.iter().find(of_game) {
            Some(condition) => condition.name.as_str(),
            None if coalition + 1 == 1 << count => columns.condition(AS_IS)?.name.as_str(),
            None => return None,
        };
        Some(columns.rate(&columns.right(name)).value())
    };
    let values: Option<Vec<f64>> = (0..1 << count).map(value).collect();
    Some((game, shapley(&values?)))
}

/// Items that needed eyes; and the rate among items that cannot be answered blind, beside that among as many at random.
fn eyes(columns: &Columns<'_>) -> (Option<Rate>, Option<(Rate, f64)>) {
    if columns.condition(AS_IS).is_none() || columns.condition(NO_IMAGE).is_none() {
        return (None, None);
    }
    let (seen, blind) = (columns.right(AS_IS), columns.right(NO_IMAGE));
    let needed = Rate::count(seen.iter().zip(&blind).map(|(seen, blind)| *seen && !blind));
    let left = Rate::count(seen.iter().zip(&blind).filter(|(_, blind)| !**blind).map(|(seen, _)| *seen));
    let mut random = Random::new(columns.header.seed ^ 0xb11d);
    let mut order: Vec<usize> = (0..seen.len()).collect();
    const DRAWS: usize = 200;
    let drawn = (0..DRAWS).map(|_| {
        random.shuffle(&mut order);
        Rate::count(order.iter().take(left.of).map(|at| seen[*at])).value()
    });
    let control = drawn.sum::<f64>() / DRAWS as f64;
    (Some(needed), (left.of > 0).then_some((left, control)))
}
