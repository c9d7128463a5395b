//! Evidence about the answers to a whole set of questions: whether what was attended to, written or sensitive is what the
//! answers needed, by families of questions; and whether cells in these orders are lost faster than at random.

mod table;

use super::{Findings, Measure, NOTHING, Removal};
use opabinia_engine::probe::evidence::{CellOrder, CurvesOf, Way};
use opabinia_eval::stats::{Clusters, Interval};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Measures that are compared with the intervention.
pub const MEASURES: [Measure; 4] = [Measure::Share, Measure::Lift, Measure::Norm, Measure::Gradient];

/// What is known about one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its name in the set.
    pub idx: String,
    /// Its family.
    pub task: String,
    /// What it is not independent of.
    pub cluster: String,
    /// What the model answered: this is what was measured.
    pub answer: String,
    /// Whether that is right.
    pub right: bool,
    /// `[n]`: Δ log p without each encoder.
    pub deltas: Vec<f64>,
    /// `[n]` of each of [`MEASURES`]; empty where it is not known.
    pub measures: Vec<Vec<f64>>,
    /// For each order, areas of deletion and insertion.
    pub areas: Vec<(CellOrder, [f64; 2])>,
    /// The mean area of the random orders, deletion and insertion.
    pub random: Option<[f64; 2]>,
}

impl Question {
    /// What `findings` say of a question; `None` where an encoder's removal was not measured.
    pub fn new(
        (idx, task, cluster): (&str, &str, &str),
        right: bool,
        findings: &Findings,
        removal: Removal,
        of: CurvesOf,
    ) -> Option<Self> {
        let all = |measure| findings.column(measure, None).into_iter().collect::<Option<Vec<f64>>>();
        let random = findings.random_curves(of);
        let areas = findings.curve_rows(of).into_iter().filter_map(|row| {
            let [deletion, insertion] = row.areas.map(|area| area.map(|(area, _)| area));
            Some((row.order, [deletion?, insertion?]))
        });
        Some(Self {
            idx: idx.to_owned(),
            task: task.to_owned(),
            cluster: cluster.to_owned(),
            answer: findings.evidence().text.clone(),
            right,
            deltas: all(Measure::Removal(removal))?,
            measures: MEASURES.map(|measure| all(measure).unwrap_or_default()).to_vec(),
            areas: areas.collect(),
            random: random[0].zip(random[1]).map(|(deletion, insertion)| [deletion.0, insertion.0]),
        })
    }

    /// The encoder whose removal cost most, where any cost anything.
    fn needed(&self) -> Option<usize> {
        let least = (0..self.deltas.len()).min_by(|a, b| self.deltas[*a].total_cmp(&self.deltas[*b]))?;
        (self.deltas[least] < -NOTHING).then_some(least)
    }

    /// The encoder that a measure names.
    fn named(&self, measure: usize) -> Option<usize> {
        let values = self.measures.get(measure)?;
        (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]).then(b.cmp(a)))
    }
}

/// A set of questions that were measured.
#[derive(Debug, Clone)]
pub struct Study {
    /// What people call the model.
    pub model: String,
    /// What people call the set.
    pub set: String,
    /// Its encoders.
    pub encoders: Vec<String>,
    /// How they were taken away.
    pub removal: Removal,
    /// The questions.
    pub questions: Vec<Question>,
}

/// One family of questions, or all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// How many questions, and how many were answered rightly.
    pub questions: usize,
    /// How many were answered rightly.
    pub right: usize,
    /// Mean Δ log p without each encoder.
    pub deltas: Vec<f64>,
    /// Questions to which no single encoder was needed.
    pub none_needed: usize,
    /// The encoder with the highest mean of each of [`MEASURES`].
    pub highest: Vec<Option<usize>>,
    /// Of the questions that needed an encoder, those in which each of [`MEASURES`] names it.
    pub agree: Vec<usize>,
}

impl Family {
    /// The encoder whose removal cost most on average.
    pub fn needed(&self) -> Option<usize> {
        (0..self.deltas.len()).min_by(|a, b| self.deltas[*a].total_cmp(&self.deltas[*b]))
    }
}

/// How much better than random an order is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Better {
    /// The order.
    pub order: CellOrder,
    /// Its direction.
    pub way: Way,
    /// Mean area.
    pub area: f64,
    /// Mean area of random orders.
    pub random: f64,
    /// Mean of how much better than random, in nats: above 0 is better.
    pub gain: f64,
    /// Its 95 % interval, resampled over clusters.
    pub interval: Interval,
    /// Questions in which it was better than the mean random order, of how many.
    pub better: (usize, usize),
}

impl Study {
    /// All questions, then each family.
    pub fn families(&self) -> Vec<Family> {
        let mut families: BTreeMap<&str, Vec<&Question>> = BTreeMap::new();
        for question in &self.questions {
            families.entry(&question.task).or_default().push(question);
        }
        let each = families.iter().map(|(name, questions)| self.family(name, questions));
        let all: Vec<&Question> = self.questions.iter().collect();
        each.chain([self.family("all", &all)]).collect()
    }

    fn family(&self, name: &str, questions: &[&Question]) -> Family {
        let mean = |values: &dyn Fn(&Question) -> Option<f64>| {
            let known: Vec<f64> = questions.iter().filter_map(|question| values(question)).collect();
            if known.is_empty() { f64::NAN } else { known.iter().sum::<f64>() / known.len() as f64 }
        };
        let encoders = 0..self.encoders.len();
        let highest = |measure: usize| {
            let means: Vec<f64> =
                encoders.clone().map(|k| mean(&|question| question.measures.get(measure)?.get(k).copied())).collect();
            let known = encoders.clone().filter(|k| means[*k].is_finite());
            known.max_by(|a, b| means[*a].total_cmp(&means[*b]).then(b.cmp(a)))
        };
        let agree = |measure: usize| {
            let same =
                |question: &&&Question| question.needed().is_some_and(|needed| question.named(measure) == Some(needed));
            questions.iter().filter(same).count()
        };
        Family {
            name: name.to_owned(),
            questions: questions.len(),
            right: questions.iter().filter(|question| question.right).count(),
            deltas: encoders.clone().map(|k| mean(&|question| question.deltas.get(k).copied())).collect(),
            none_needed: questions.iter().filter(|question| question.needed().is_none()).count(),
            highest: (0..MEASURES.len()).map(highest).collect(),
            agree: (0..MEASURES.len()).map(agree).collect(),
        }
    }

    /// Each order against random ones, in both directions.
    pub fn faithfulness(&self) -> Vec<Better> {
        let orders = CellOrder::METHODS.into_iter().chain([CellOrder::Greedy]);
        let mut all = Vec::new();
        for order in orders {
            for (at, way) in Way::ALL.into_iter().enumerate() {
                let pairs: Vec<(&Question, f64, f64)> = self
                    .questions
                    .iter()
                    .filter_map(|question| {
                        let (_, areas) = question.areas.iter().find(|(known, _)| *known == order)?;
                        Some((question, areas[at], question.random?[at]))
                    })
                    .collect();
                if pairs.is_empty() {
                    continue;
                }
                let gains: Vec<f64> = pairs.iter().map(|(_, area, random)| way.gain(*area, *random)).collect();
                let clusters = Clusters::of(pairs.iter().map(|(question, ..)| question.cluster.as_str()));
                let interval = clusters.bootstrap(gains.len(), SEED, |weights| {
                    let total: f64 = weights.iter().sum();
                    gains.iter().zip(weights).map(|(gain, weight)| gain * weight).sum::<f64>() / total.max(1.0)
                });
                let count = pairs.len() as f64;
                all.push(Better {
                    order,
                    way,
                    area: pairs.iter().map(|(_, area, _)| area).sum::<f64>() / count,
                    random: pairs.iter().map(|(.., random)| random).sum::<f64>() / count,
                    gain: gains.iter().sum::<f64>() / count,
                    interval,
                    better: (gains.iter().filter(|gain| **gain > 0.0).count(), gains.len()),
                });
            }
        }
        all
    }

    /// Both tables as Markdown.
    pub fn markdown(&self) -> String {
        let name = |k: Option<usize>| k.and_then(|k| self.encoders.get(k)).map_or("–", String::as_str);
        let percent = |part: usize, of: usize| match of {
            0 => "–".to_owned(),
            of => format!("{:.0} %", 100.0 * part as f64 / of as f64),
        };
        let mut text = String::new();
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "{}, {}: {} questions; encoders taken away by {}\n",
            self.model,
            self.set,
            self.questions.len(),
            self.removal.name()
        );
        text.push_str("| family | questions | right | needed most (mean Δ log p) | highest share | lift | norm | gradient × attn | share agrees | lift | norm | gradient | none needed |\n|---|--:|--:|---|---|---|---|---|--:|--:|--:|--:|--:|\n");
        for family in self.families() {
            let needed = family.needed();
            let delta = needed.and_then(|k| family.deltas.get(k)).copied().unwrap_or_default();
            let highest: Vec<&str> = family.highest.iter().map(|k| name(*k)).collect();
            let of = family.questions - family.none_needed;
            let agree: Vec<String> = family.agree.iter().map(|part| percent(*part, of)).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} ({}) | {} | {} | {} |",
                family.name,
                family.questions,
                percent(family.right, family.questions),
                name(needed),
                crate::evidence::sheet::signed(delta),
                highest.join(" | "),
                agree.join(" | "),
                family.none_needed
            );
        }
        let faithfulness = self.faithfulness();
        if faithfulness.is_empty() {
            return text;
        }
        text.push_str("\n| order of cells | curve | area | random orders | better than random by (95 %) | in questions |\n|---|---|--:|--:|---|--:|\n");
        for one in faithfulness {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} ({} … {}) | {} |",
                one.order,
                one.way.name(),
                crate::evidence::sheet::signed(one.area),
                crate::evidence::sheet::signed(one.random),
                crate::evidence::sheet::signed(one.gain),
                crate::evidence::sheet::signed(one.interval.low),
                crate::evidence::sheet::signed(one.interval.high),
                percent(one.better.0, one.better.1)
            );
        }
        text
    }

    /// Both tables as JSON.
    pub fn json(&self) -> Value {
        let families = self.families().into_iter().map(|family| {
            json!({
                "family": family.name,
                "questions": family.questions,
                "right": family.right,
                "mean_delta_log_p": family.deltas,
                "needed": family.needed(),
                "none_needed": family.none_needed,
                "highest": family.highest,
                "agree": family.agree,
            })
        });
        let faithfulness = self.faithfulness().into_iter().map(|one| {
            json!({
                "order": one.order.to_string(),
                "way": one.way.name(),
                "area": one.area,
                "random": one.random,
                "gain": one.gain,
                "low": one.interval.low,
                "high": one.interval.high,
                "better": one.better.0,
                "questions": one.better.1,
            })
        });
        json!({
            "model": self.model,
            "set": self.set,
            "encoders": self.encoders,
            "removal": self.removal.name(),
            "measures": MEASURES.map(Measure::name),
            "families": families.collect::<Value>(),
            "faithfulness": faithfulness.collect::<Value>(),
        })
    }
}

/// Seed of resampling.
const SEED: u64 = 0;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn question(at: usize, deltas: [f64; 2], share: [f64; 2], deletion: f64) -> Question {
        Question {
            idx: at.to_string(),
            task: if at.is_multiple_of(2) { "count" } else { "colour" }.to_owned(),
            cluster: (at / 2).to_string(),
            answer: "two".to_owned(),
            right: at != 1,
            deltas: deltas.to_vec(),
            measures: vec![share.to_vec(), Vec::new(), Vec::new(), Vec::new()],
            areas: vec![(CellOrder::Effect, [deletion, -1.0])],
            random: Some([-2.0, -1.5]),
        }
    }

    pub(super) fn study() -> Study {
        let questions = vec![
            question(0, [-3.0, -1.0], [0.7, 0.3], -3.0),
            question(1, [-1.0, -2.0], [0.7, 0.3], -4.0),
            question(2, [-0.5, 0.2], [0.4, 0.6], -2.5),
            question(3, [0.1, 0.0], [0.4, 0.6], -1.0),
        ];
        Study {
            model: "m".into(),
            set: "s".into(),
            encoders: vec!["a".into(), "b".into()],
            removal: Removal::MaskContext,
            questions,
        }
    }

    #[test]
    fn families_say_what_was_needed_and_how_often_measures_name_it() {
        let families = study().families();
        let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["colour", "count", "all"]);
        let all = &families[2];
        assert_eq!((all.questions, all.right, all.none_needed), (4, 3, 1));
        assert_eq!((all.needed(), all.highest[0], all.highest[1]), (Some(0), Some(0), None));
        // Needed: a, b, a, none; share names a, a, b, b.
        assert_eq!((all.agree[0], all.agree[1]), (1, 0));
        assert_eq!(families[0].needed(), Some(1));
    }

    #[test]
    fn an_order_is_better_where_it_loses_more_in_deletion_and_gains_more_in_insertion() {
        let [deletion, insertion] = study().faithfulness()[..] else { panic!("two directions") };
        assert_eq!((deletion.gain, deletion.better), ((1.0 + 2.0 + 0.5 - 1.0) / 4.0, (3, 4)));
        assert!(deletion.interval.low <= deletion.gain && deletion.gain <= deletion.interval.high);
        assert_eq!((insertion.gain, insertion.interval.low, insertion.better), (0.5, 0.5, (4, 4)));
    }

    #[test]
    fn tables_have_a_line_for_each_row() {
        let page = study().markdown();
        assert!(page.contains("| colour | 2 | 50 % | b (−1.000) |"), "{page}");
        assert!(page.contains("| effect | deletion | −2.625 | −2.000 |"), "{page}");
    }
}
