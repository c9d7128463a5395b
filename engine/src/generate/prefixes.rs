//! Decoder states that are kept between runs, of all models together: what begins like an earlier prompt need not be run
//! again.
//!
//! Each state is about one [`RunKey`], so that an intervened run never goes on from the plain one's image, nor the other
//! way round. There is a budget of bytes. What a batch of interventions leaves behind goes first, then what other batch
//! work does, then conversations, each in the order of last use; three never go: the state used last, the plain one that
//! it is compared with, and that of the latest conversation.

use super::run::Passes;
use super::state::DecoderState;
use crate::error::Result;
use crate::model::Model;
use crate::run::{Lane, ModelId, RunKey};
use std::collections::BTreeMap;

/// A state and what it is about.
struct Entry {
    key: RunKey,
    lane: Lane,
    /// In which passes it came about.
    passes: Passes,
    state: DecoderState,
}

impl Entry {
    /// Whether a run in these `passes` may go on from it. What was run together with other rows may have been rounded
    /// otherwise, and no number of repeatable passes may depend on it.
    fn serves(&self, passes: Passes) -> bool {
        passes == Passes::Free || self.passes == passes
    }
}

/// All states that are kept.
#[derive(Default)]
pub(super) struct PrefixCache {
    /// The one used last at the end.
    entries: Vec<Entry>,
    /// What each model adds to the budget.
    budgets: BTreeMap<ModelId, u64>,
}

impl PrefixCache {
    /// Takes out the state about `key` that shares most with `ids` and serves a run in these `passes`. Batch work leaves a
    /// conversation's state where it is and goes on from a copy of what it shares.
    pub(super) fn check_out(
        &mut self,
        key: &RunKey,
        ids: &[i64],
        (lane, passes): (Lane, Passes),
    ) -> Result<Option<DecoderState>> {
        let about = self.entries.iter().enumerate().filter(|(_, entry)| entry.key == *key && entry.serves(passes));
        let best = about.max_by_key(|(_, entry)| (entry.state.shares(ids), entry.lane == lane)).map(|(at, _)| at);
        let Some(at) = best else { return Ok(None) };
        let entry = self.entries.remove(at);
        if (lane, entry.lane) == (Lane::Batch, Lane::Interactive) {
            let copy = entry.state.copy(entry.state.shares(ids));
            self.entries.push(entry);
            return copy.map(Some);
        }
        Ok(Some(entry.state))
    }

    /// Drops the state about `key` that a run in this lane would replace.
    pub(super) fn drop_state(&mut self, key: &RunKey, lane: Lane) {
        self.entries.retain(|entry| (&entry.key, entry.lane) != (key, lane));
    }

    /// Gives `state`, which is empty and about `key`, the text before its image where some state of the same model has it.
    /// For [`Passes::Repeatable`] that state is about an image, too: without one, the text was run together with more.
    pub(super) fn share_text(&self, key: &RunKey, ids: &[i64], passes: Passes, state: &mut DecoderState) -> Result<()> {
        let fits = |entry: &&Entry| passes == Passes::Free || entry.serves(passes) && entry.key.image.is_some();
        let of_model = self.entries.iter().filter(|entry| entry.key.model == key.model).filter(fits);
        let shared = of_model.map(|entry| (entry.state.shares_before_image(ids), &entry.state));
        match shared.max_by_key(|(count, _)| *count) {
            Some((count, other)) if count > 0 => state.begin_with(other, count),
            _ => Ok(()),
        }
    }

    /// Keeps `state` about `key`, in place of what the same lane left about it.
    pub(super) fn save(&mut self, model: &Model, key: &RunKey, (lane, passes): (Lane, Passes), state: DecoderState) {
        self.budgets.insert(model.id(), model.budgets().prefixes);
        self.drop_state(key, lane);
        self.entries.push(Entry { key: key.clone(), lane, passes, state });
        let budget = self.budgets.values().sum();
        loop {
            let held: Vec<Held<'_>> = self.entries.iter().map(Held::of).collect();
            let Some(at) = to_evict(&held, budget) else { return };
            self.entries.remove(at);
        }
    }

    /// Drops everything of `model`, which has gone.
    pub(super) fn forget(&mut self, model: ModelId) {
        self.budgets.remove(&model);
        self.entries.retain(|entry| entry.key.model != model);
    }

    /// Bytes of all states of `model`.
    pub(super) fn bytes_of(&self, model: ModelId) -> u64 {
        self.entries.iter().filter(|entry| entry.key.model == model).map(|entry| entry.state.bytes()).sum()
    }
}

/// What decides whether a state stays.
struct Held<'a> {
    key: &'a RunKey,
    lane: Lane,
    bytes: u64,
}

impl<'a> Held<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self { key: &entry.key, lane: entry.lane, bytes: entry.state.bytes() }
    }
}

/// Which of `held`, the one used last at the end, has to go so that all fit into `budget`; `None` if they do, or if
/// nothing more may go.
fn to_evict(held: &[Held<'_>], budget: u64) -> Option<usize> {
    if held.iter().map(|one| one.bytes).sum::<u64>() <= budget {
        return None;
    }
    let last = held.len().checked_sub(1)?;
    let plain = held[last].key.plain();
    let baseline = held.iter().rposition(|one| *one.key == plain);
    let conversation = held.iter().rposition(|one| one.lane == Lane::Interactive);
    let pinned = [Some(last), baseline, conversation];
    let rank = |one: &Held<'_>| match (one.lane, one.key.is_plain()) {
        (Lane::Batch, false) => 0,
        (Lane::Batch, true) => 1,
        (Lane::Interactive, _) => 2,
    };
    let may_go = held.iter().enumerate().filter(|(at, _)| !pinned.contains(&Some(*at)));
    may_go.min_by_key(|(at, one)| (rank(one), *at)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervention::Interventions;
    use crate::vision::Picture;

    fn key(model: ModelId, image: u8, masked: Option<usize>) -> RunKey {
        let image = Some(Picture { width: 1, height: 1, rgb: vec![image; 3] }.id());
        let interventions = masked.map(|k| Interventions::mask(k, false)).unwrap_or_default();
        RunKey { model, image, before: None, interventions, other: None }
    }

    /// Saves `keys` one after another, each of one byte, into a cache of `budget` bytes; gives what is left.
    fn left(keys: &[(RunKey, Lane)], budget: u64) -> Vec<usize> {
        let mut kept: Vec<usize> = Vec::new();
        for at in 0..keys.len() {
            kept.push(at);
            loop {
                let of = |at: &usize| Held { key: &keys[*at].0, lane: keys[*at].1, bytes: 1 };
                let held: Vec<Held<'_>> = kept.iter().map(of).collect();
                let Some(gone) = to_evict(&held, budget) else { break };
                kept.remove(gone);
            }
        }
        kept
    }

    #[test]
    fn neither_the_baseline_nor_a_conversation_goes_for_31_interventions() {
        let model = ModelId::unique();
        let mut keys = vec![(key(model, 1, None), Lane::Interactive), (key(model, 2, None), Lane::Interactive)];
        // The picture of the first conversation, without and with interventions.
        keys.push((key(model, 1, None), Lane::Batch));
        keys.extend((0..31).map(|k| (key(model, 1, Some(k)), Lane::Batch)));
        assert_eq!(left(&keys, 6), [0, 1, 2, 31, 32, 33]);
        assert_eq!(left(&keys, 4), [0, 1, 2, 33]);
        // Where there is no room for all, the older conversation goes; the baseline and the latest one stay.
        assert_eq!(left(&keys, 3), [1, 2, 33]);
        assert_eq!(left(&keys, 0), [1, 2, 33]);
    }

    #[test]
    fn conversations_go_in_the_order_of_last_use_and_after_batch_work() {
        let (a, b) = (ModelId::unique(), ModelId::unique());
        let keys = [
            (key(a, 1, None), Lane::Interactive),
            (key(b, 1, None), Lane::Batch),
            (key(a, 2, None), Lane::Interactive),
            (key(b, 3, None), Lane::Interactive),
        ];
        assert_eq!(left(&keys, 4), [0, 1, 2, 3]);
        assert_eq!(left(&keys, 3), [0, 2, 3]);
        assert_eq!(left(&keys, 2), [2, 3]);
    }
}
