//! What can be read of a question without its picture and without its answer.

use crate::data::Item;
use std::collections::{BTreeMap, HashMap};

/// Words of questions that are features of their own.
const WORDS: usize = 60;

/// Features of a candidate, and whether it is right.
pub(super) type Labelled = (Vec<f32>, bool);

/// What the questions of other folds say.
pub(super) struct Known {
    letters: HashMap<String, BTreeMap<usize, usize>>,
    texts: HashMap<String, BTreeMap<String, usize>>,
    /// Right and all, of a text as an option of a task.
    options: HashMap<(String, String), (usize, usize)>,
    tasks: Vec<String>,
    words: Vec<String>,
}

impl Known {
    pub(super) fn new<'a>(items: impl Iterator<Item = &'a Item>) -> Self {
        let mut known = Self {
            letters: HashMap::new(),
            texts: HashMap::new(),
            options: HashMap::new(),
            tasks: vec![],
            words: vec![],
        };
        let mut words: BTreeMap<String, usize> = BTreeMap::new();
        for item in items {
            let Some(right) = item.right_option() else { continue };
            let task = || item.task.clone();
            *known.letters.entry(task()).or_default().entry(right).or_default() += 1;
            *known.texts.entry(task()).or_default().entry(item.answer().to_owned()).or_default() += 1;
            for (at, choice) in item.choices.iter().enumerate() {
                let count = known.options.entry((task(), choice.clone())).or_default();
                count.0 += usize::from(at == right);
                count.1 += 1;
            }
            words_of(&item.question).for_each(|word| *words.entry(word).or_default() += 1);
        }
        known.tasks = known.letters.keys().cloned().collect();
        known.tasks.sort();
        let mut words: Vec<(String, usize)> = words.into_iter().collect();
        words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        known.words = words.into_iter().take(WORDS).map(|(word, _)| word).collect();
        known
    }

    pub(super) fn most_frequent_letter(&self, item: &Item) -> Option<usize> {
        let counts = self.letters.get(&item.task)?;
        (0..item.choices.len()).rev().max_by_key(|at| counts.get(at).copied().unwrap_or(0))
    }

    pub(super) fn most_frequent_text(&self, item: &Item) -> Option<usize> {
        let counts = self.texts.get(&item.task)?;
        let count = |at: &usize| counts.get(&item.choices[*at]).copied().unwrap_or(0);
        (0..item.choices.len()).rev().max_by_key(count)
    }

    /// The features of each option of `item`.
    pub(super) fn candidates(&self, item: &Item) -> Vec<Vec<f32>> {
        self.features(item, None)
    }

    /// Features and labels of every option of `items`, whose own labels are taken out of what is counted.
    pub(super) fn rows<'a>(&self, items: impl Iterator<Item = &'a Item>) -> Vec<Labelled> {
        let mut rows = Vec::new();
        for item in items {
            let Some(right) = item.right_option() else { continue };
            let features = self.features(item, Some(right)).into_iter().enumerate();
            rows.extend(features.map(|(at, features)| (features, at == right)));
        }
        rows
    }

    fn features(&self, item: &Item, own: Option<usize>) -> Vec<Vec<f32>> {
        let task = self.tasks.iter().position(|task| *task == item.task).map_or(-1.0, |at| at as f32);
        let numbers: Vec<Option<f32>> = item.choices.iter().map(|choice| choice.trim().parse().ok()).collect();
        let mean_length =
            item.choices.iter().map(|c| c.chars().count()).sum::<usize>() as f32 / item.choices.len() as f32;
        let question = item.question.to_lowercase();
        let asked: Vec<String> = words_of(&question).collect();
        let letters = self.letters.get(&item.task);
        let frequencies: Vec<(f32, f32)> = item
            .choices
            .iter()
            .enumerate()
            .map(|(at, choice)| {
                let counted = self.options.get(&(item.task.clone(), choice.clone())).copied().unwrap_or_default();
                // Leaving the item's own row out keeps the forest from learning to read labels.
                let (right, all) = match own {
                    Some(own) => (counted.0 - usize::from(own == at), counted.1.saturating_sub(1)),
                    None => counted,
                };
                let letter = letters.and_then(|counts| counts.get(&at)).copied().unwrap_or(0);
                let letter = letter - usize::from(own == Some(at));
                ((right as f32 + 1.0) / (all as f32 + item.choices.len() as f32), letter as f32)
            })
            .collect();
        let best = frequencies.iter().map(|(frequency, _)| *frequency).fold(0.0_f32, f32::max);
        item.choices
            .iter()
            .enumerate()
            .map(|(at, choice)| {
                let number = numbers[at];
                let below = numbers.iter().flatten().filter(|other| number.is_some_and(|n| **other < n)).count();
                let lower = choice.to_lowercase();
                let mut features = vec![
                    task,
                    item.choices.len() as f32,
                    at as f32,
                    choice.chars().count() as f32 - mean_length,
                    number.unwrap_or(-1.0),
                    if number.is_some() { below as f32 } else { -1.0 },
                    frequencies[at].0,
                    frequencies[at].0 - best,
                    frequencies[at].1,
                    question.chars().count() as f32,
                    f32::from(u8::from(question.contains(&lower))),
                    question.find(&lower).map_or(-1.0, |place| place as f32),
                ];
                features.extend(self.words.iter().map(|word| f32::from(u8::from(asked.contains(word)))));
                features
            })
            .collect()
    }
}

fn words_of(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1).map(str::to_lowercase)
}
