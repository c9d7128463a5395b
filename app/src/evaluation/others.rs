//! Which other picture is shown or swapped in.

use opabinia_eval::data::{Item, PictureId};
use opabinia_eval::score::draw;
use std::collections::{BTreeMap, HashMap};

/// For each picture and task of `items` another picture of the task, or of any where the task has but one. It follows from
/// `seed`, picture and task, and from the whole set, whatever is asked of it.
pub fn others(items: &[Item], seed: u64) -> HashMap<(PictureId, String), PictureId> {
    let mut of_task: BTreeMap<&str, Vec<PictureId>> = BTreeMap::new();
    let mut all: Vec<PictureId> = Vec::new();
    for item in items {
        let task = of_task.entry(&item.task).or_default();
        if task.last() != Some(&item.picture) {
            task.push(item.picture);
        }
        if all.last() != Some(&item.picture) {
            all.push(item.picture);
        }
    }
    let pick = |from: &[PictureId], item: &Item| {
        let drawn = draw(&[&seed.to_string(), &item.picture.to_string(), &item.task], from.len());
        (0..from.len()).map(|step| from[(drawn + step) % from.len()]).find(|id| *id != item.picture)
    };
    let mut others = HashMap::new();
    for item in items {
        let key = (item.picture, item.task.clone());
        if !others.contains_key(&key)
            && let Some(other) = pick(&of_task[item.task.as_str()], item).or_else(|| pick(&all, item))
        {
            others.insert(key, other);
        }
    }
    others
}
