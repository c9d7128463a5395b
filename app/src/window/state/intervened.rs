//! What panes and answers have to do with interventions.

use super::{AnswerStatus, AppState, Exchange, ExchangeId, MapSource, RunRef};
use opabinia_engine::intervention::{Action, Cells, Interventions};
use opabinia_shaders::Cell;

/// How an encoder can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// Its keys are masked.
    Mask,
    /// Each of its tokens becomes their mean.
    Mean,
    /// Its features are zero.
    Zero,
}

impl Off {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 3] = [Self::Mask, Self::Mean, Self::Zero];

    fn action(self, encoder: usize) -> Action {
        match self {
            Self::Mask => Action::Mask { encoder },
            Self::Mean => Action::Mean { encoder },
            Self::Zero => Action::Zero { encoder },
        }
    }
}

/// How `encoder` is off; `None` if it is on.
pub fn off(interventions: &Interventions, encoder: usize) -> Option<Off> {
    let done = |kind: &Off| interventions.iter().any(|one| one.action == kind.action(encoder));
    Off::ALL.into_iter().find(done)
}

/// The same with `encoder` off in this way, or on.
pub fn switched(interventions: &Interventions, encoder: usize, kind: Option<Off>) -> Interventions {
    let others = interventions.iter().filter(|one| Off::ALL.iter().all(|kind| one.action != kind.action(encoder)));
    let others: Interventions = others.cloned().collect();
    kind.map_or_else(|| others.clone(), |kind| others.and(&Interventions::of(kind.action(encoder))))
}

/// Cells whose tokens are replaced in every one of `encoders`.
pub fn cells_off(interventions: &Interventions) -> Cells {
    let regions = interventions.iter().filter_map(|one| match &one.action {
        Action::Region { encoder: 0, cells } => Some(cells),
        _ => None,
    });
    regions.flat_map(Cells::iter).collect()
}

/// The same with the tokens of all `encoders` under exactly these cells replaced.
pub fn with_cells(interventions: &Interventions, encoders: usize, cells: &Cells) -> Interventions {
    let others: Interventions =
        interventions.iter().filter(|one| !matches!(one.action, Action::Region { .. })).cloned().collect();
    others.and(&Interventions::region(0..encoders, cells))
}

/// The same with the tokens of all `encoders` under `cells` replaced as well; or no longer, where all of these are.
pub fn with_cells_switched(interventions: &Interventions, cells: &Cells, encoders: usize) -> Interventions {
    let off = cells_off(interventions);
    let is_off = |cell: [usize; 2]| off.iter().any(|known| known == cell);
    let next: Cells = if cells.iter().all(is_off) {
        off.iter().filter(|known| !cells.iter().any(|cell| cell == *known)).collect()
    } else {
        off.iter().chain(cells.iter()).collect()
    };
    with_cells(interventions, encoders, &next)
}

/// The cells of a query grid of `grid` cells to a side that a rectangle covers, whose corners are cells of `side` to a side.
pub fn cells_between(from: Cell, to: Cell, side: u32, grid: usize) -> Cells {
    let covered = |a: u32, b: u32| {
        let (first, last, side) = (a.min(b) as usize, a.max(b) as usize, (side as usize).max(1));
        first * grid / side..((last + 1) * grid).div_ceil(side).min(grid)
    };
    Cells::rectangle(covered(from.row, to.row), covered(from.col, to.col))
}

impl MapSource {
    /// What is done on purpose in the run that is looked at; of two sides, neither is it alone.
    pub fn interventions(&self) -> Option<&Interventions> {
        self.runs().find(|_| self.look().is_none()).map(|run| &run.interventions)
    }

    /// The same with these interventions instead. Without any there is nothing to take a difference to.
    pub fn intervened(&self, interventions: Interventions) -> Self {
        let Some(run) = self.runs().next() else { return self.clone() };
        let run = RunRef { side: run.side, interventions };
        match self {
            Self::Difference(_, minus) if run != *minus => Self::Difference(run, minus.clone()),
            _ => Self::Run(run),
        }
    }

    /// The run that is looked at minus the plain one of the same model.
    pub fn against_plain(&self) -> Self {
        let Some(run) = self.runs().next() else { return self.clone() };
        Self::Difference(run.clone(), RunRef::plain(run.side))
    }

    /// The run that is looked at, by itself.
    pub fn alone(&self) -> Self {
        self.runs().next().map_or_else(|| self.clone(), |run| Self::Run(run.clone()))
    }
}

impl AppState {
    /// Interventions that are on in some pane, in the model that answers, each once.
    pub fn interventions_on(&self) -> Vec<&Interventions> {
        let answering = self.models.current().map(|model| model.id);
        let runs = self.panes().iter().flat_map(|pane| pane.source.runs());
        let of_it = runs.filter(|run| self.model_of(run.side).map(|model| model.id) == answering);
        let mut on: Vec<&Interventions> = Vec::new();
        for run in of_it.filter(|run| !run.interventions.is_none()) {
            if !on.contains(&&run.interventions) {
                on.push(&run.interventions);
            }
        }
        on
    }

    /// The exchange whose answer stands beside the maps: the last one of the path, if the model that answers gave it, of a
    /// picture, to its end.
    pub fn answer_beside_maps(&self) -> Option<(ExchangeId, &Exchange)> {
        let shown = self.conversations.current()?;
        let leaf = shown.leaf?;
        let exchange = shown.exchanges.get(leaf)?;
        let ended = matches!(exchange.status, AnswerStatus::Done | AnswerStatus::Full);
        let own = self.models.current().is_some_and(|model| model.answered(exchange));
        (ended && own && exchange.picture.is_some()).then_some((leaf, exchange))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_is_off_in_one_way_at_a_time_and_what_else_is_done_stays() {
        let cells: Cells = [[1, 2]].into_iter().collect();
        let region = with_cells(&Interventions::default(), 3, &cells);
        let masked = switched(&region, 1, Some(Off::Mask));
        assert_eq!((off(&masked, 1), off(&masked, 0), cells_off(&masked)), (Some(Off::Mask), None, cells.clone()));
        let mean = switched(&masked, 1, Some(Off::Mean));
        assert_eq!(off(&mean, 1), Some(Off::Mean));
        assert_eq!(switched(&mean, 1, None), region);
        assert!(with_cells(&region, 3, &Cells::default()).is_none());
        let more = with_cells_switched(&region, &[[1, 2], [0, 0]].into_iter().collect(), 3);
        assert_eq!(cells_off(&more).len(), 2);
        assert_eq!(with_cells_switched(&more, &[[0, 0]].into_iter().collect(), 3), region);
    }

    #[test]
    fn a_region_is_of_cells_of_the_query_grid_whatever_grid_it_was_brushed_on() {
        let cell = |row, col| Cell { row, col };
        assert_eq!(cells_between(cell(2, 1), cell(1, 1), 6, 6), Cells::rectangle(1..3, 1..2));
        assert_eq!(cells_between(cell(0, 1), cell(0, 1), 3, 6), Cells::rectangle(0..2, 2..4));
        assert_eq!(cells_between(cell(11, 11), cell(11, 11), 12, 6), Cells::rectangle(5..6, 5..6));
    }

    #[test]
    fn a_difference_ends_with_what_it_is_about() {
        let off = MapSource::default().intervened(Interventions::mask(0, false));
        let difference = off.against_plain();
        assert!(difference.is_difference() && difference.alone() == off);
        let other = difference.intervened(Interventions::mask(1, false));
        assert!(other.is_difference() && other.interventions() == Some(&Interventions::mask(1, false)));
        assert_eq!(other.intervened(Interventions::default()), MapSource::default());
    }
}
