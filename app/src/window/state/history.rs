//! What is looked at, with its past and its undone future.

use super::{Linked, MapLens, PaneId, Panes, Said, ViewChange};

/// How many steps can be gone back.
const STEPS: usize = 200;

/// The panes as they are, were, and were before that was undone.
#[derive(Debug, Default)]
pub struct ViewHistory {
    now: Panes,
    past: Vec<Panes>,
    future: Vec<Panes>,
    last: Option<(PaneId, ViewChange)>,
    position: u64,
}

impl ViewHistory {
    /// A history that begins with `panes`.
    pub fn starting_with(panes: Panes) -> Self {
        Self { now: panes, ..Self::default() }
    }

    /// All panes.
    pub fn panes(&self) -> &Panes {
        &self.now
    }

    /// Makes `id` the active pane. That is not a step of the history: nothing looks different.
    pub fn activate(&mut self, id: PaneId) {
        self.now.activate(id);
    }

    /// Changes one property of the active pane and of what is linked with it, `said` as it is said of what that shows.
    pub fn change(&mut self, change: &ViewChange, said: Said<'_>) {
        let mut next = self.now.clone();
        next.change(change, said);
        if next == self.now {
            return;
        }
        let active = next.active().id;
        let continues = |(pane, last): &(PaneId, ViewChange)| *pane == active && change.continues(last);
        if self.last.as_ref().is_some_and(continues) {
            self.now = next;
        } else {
            self.step_to(next);
        }
        self.last = Some((active, change.clone()));
    }

    /// Replaces the lens of the active pane.
    pub fn look_through(&mut self, lens: MapLens, said: Said<'_>) {
        let mut next = self.now.clone();
        next.look_through(lens, said);
        self.step_to(next);
    }

    /// Opens a pane that shows what the active one shows. Gives its name, unless there are too many.
    pub fn duplicate(&mut self) -> Option<PaneId> {
        let mut next = self.now.clone();
        let id = next.duplicate()?;
        self.step_to(next);
        Some(id)
    }

    /// Closes the pane `id`, unless it is the last one.
    pub fn close(&mut self, id: PaneId) {
        let mut next = self.now.clone();
        next.close(id);
        self.step_to(next);
    }

    /// Links all of `what` of the pane `id` with the others, or breaks these links.
    pub fn link(&mut self, id: PaneId, what: &[Linked], linked: bool) {
        let mut next = self.now.clone();
        for what in what.iter().filter(|what| self.now.get(id).is_some_and(|pane| pane.links.has(**what) != linked)) {
            next.link(id, *what, linked);
        }
        self.step_to(next);
    }

    fn step_to(&mut self, next: Panes) {
        self.last = None;
        if next == self.now {
            return;
        }
        if self.past.len() == STEPS {
            self.past.remove(0);
        }
        self.past.push(std::mem::replace(&mut self.now, next));
        self.position += 1;
        self.future.clear();
    }

    /// How many steps of the history lie behind what is looked at, those forgotten included: two places of it compare as
    /// what was done earlier and later.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether there is a step to go back.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is a step to go forward.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Goes one step back.
    pub fn undo(&mut self) {
        if let Some(before) = self.past.pop() {
            self.future.push(std::mem::replace(&mut self.now, before));
            self.position = self.position.saturating_sub(1);
            self.last = None;
        }
    }

    /// Goes one step forward.
    pub fn redo(&mut self) {
        if let Some(after) = self.future.pop() {
            self.past.push(std::mem::replace(&mut self.now, after));
            self.position += 1;
            self.last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::MapSource;
    use opabinia_shaders::{Indices, Normalisation, Quantity};

    fn chosen(indices: impl IntoIterator<Item = usize>) -> Indices {
        indices.into_iter().collect()
    }

    fn change(history: &mut ViewHistory, change: &ViewChange) {
        history.change(change, &|_, change| Some(change.clone()));
    }

    fn lens(history: &ViewHistory) -> &MapLens {
        &history.panes().active().lens
    }

    #[test]
    fn dragging_is_one_step_of_the_history_and_choosing_another_is_not() {
        let mut history = ViewHistory::default();
        for end in 1..4 {
            change(&mut history, &ViewChange::Layers(chosen(0..end)));
        }
        change(&mut history, &ViewChange::Layers(chosen([5])));
        history.undo();
        assert_eq!(lens(&history).layers, chosen(0..3));
        history.undo();
        assert_eq!(lens(&history).layers, Indices::ALL);
        assert!(!history.can_undo());
    }

    #[test]
    fn a_range_of_one_quantity_is_not_taken_for_another() {
        let mut history = ViewHistory::default();
        change(&mut history, &ViewChange::Normalisation(Normalisation::Fixed { low: -3.0, high: 3.0 }));
        change(&mut history, &ViewChange::Quantity(Quantity::Share));
        assert_eq!(lens(&history).normalisation, Normalisation::Common);
        history.undo();
        assert_eq!(lens(&history).normalisation, Normalisation::Fixed { low: -3.0, high: 3.0 });
    }

    #[test]
    fn panes_are_opened_and_closed_like_anything_that_can_be_undone() {
        let mut history = ViewHistory::default();
        let second = history.duplicate().unwrap();
        assert_eq!(history.panes().active().id, second);
        change(&mut history, &ViewChange::Quantity(Quantity::Share));
        history.close(second);
        assert_eq!((history.panes().count(), history.panes().active().id), (1, PaneId::FIRST));
        history.undo();
        assert_eq!(history.panes().get(second).unwrap().lens.quantity, Quantity::Share);
        // The last one stays.
        history.close(second);
        history.close(PaneId::FIRST);
        assert_eq!(history.panes().count(), 1);
    }

    #[test]
    fn what_is_linked_changes_everywhere_and_what_is_not_stays() {
        let mut history = ViewHistory::default();
        let second = history.duplicate().unwrap();
        change(&mut history, &ViewChange::Layers(chosen([1])));
        change(&mut history, &ViewChange::Quantity(Quantity::Share));
        let lens_of = |history: &ViewHistory, id| history.panes().get(id).unwrap().lens.clone();
        assert_eq!(lens_of(&history, PaneId::FIRST).layers, chosen([1]));
        assert_eq!(lens_of(&history, PaneId::FIRST).quantity, Quantity::Lift, "quantities are a pane's own");
        history.link(second, &[Linked::Layers], false);
        change(&mut history, &ViewChange::Layers(chosen([2])));
        assert_eq!(lens_of(&history, PaneId::FIRST).layers, chosen([1]));
        history.activate(PaneId::FIRST);
        change(&mut history, &ViewChange::Layers(chosen([3])));
        assert_eq!(lens_of(&history, second).layers, chosen([2]));
        // Linked again, it stays as far from the others as it was put.
        history.link(second, &[Linked::Layers], true);
        assert_eq!(lens_of(&history, second).layers, chosen([2]));
        change(&mut history, &ViewChange::Layers(chosen([5])));
        assert_eq!(lens_of(&history, second).layers, chosen([4]));
        change(&mut history, &ViewChange::Layers(Indices::ALL));
        assert_eq!(lens_of(&history, second).layers, Indices::ALL);
        history.activate(second);
        change(&mut history, &ViewChange::Layers(chosen([6])));
        assert_eq!(lens_of(&history, PaneId::FIRST).layers, chosen([7]));
        history.undo();
        history.undo();
        history.undo();
        assert!(history.panes().get(second).is_some_and(|pane| pane.links.has(Linked::Layers)));
        history.undo();
        let pane = history.panes().get(second).unwrap();
        assert!(
            !pane.links.has(Linked::Layers) && pane.offset == Default::default(),
            "a link is a step like any other"
        );
    }

    #[test]
    fn a_difference_shows_what_has_one() {
        let mut history = ViewHistory::default();
        change(&mut history, &ViewChange::Quantity(Quantity::Dominant));
        change(&mut history, &ViewChange::Source(MapSource::Difference(Default::default(), Default::default())));
        assert_eq!(lens(&history).quantity, Quantity::Lift);
    }
}
