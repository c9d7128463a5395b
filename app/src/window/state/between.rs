//! What lies between both sides: A + λ (B − A), a third model to ask.

use super::{AppState, Exchange, ExchangeId, Slot};
use opabinia_engine::model::{LoadRequest, Toward};

impl AppState {
    /// The request for the model that lies between both sides as far from A as is chosen, with the settings of A; `None` where
    /// there are not two.
    pub fn request_between(&self) -> Option<LoadRequest> {
        let (a, b) = (self.models.loaded(Slot::A)?, self.models.loaded(Slot::B)?);
        let encoders = b.request.encoders.clone();
        let toward = Toward { source: b.directory(), encoders, part: self.comparison.lambda };
        Some(LoadRequest { toward: Some(toward), ..a.inspection.with_chosen_formats(&a.request) })
    }

    /// Whether the model that lies there is in memory. Whatever lay between other sides has gone with them.
    pub fn between_is_loaded(&self) -> bool {
        let part = self.models.loaded(Slot::Between).and_then(|model| Some(model.request.toward.as_ref()?.part));
        part == Some(self.comparison.lambda)
    }

    /// The newest answer to the question that is shown by what lies between two checkpoints.
    pub fn answer_between(&self) -> Option<(ExchangeId, &Exchange)> {
        let shown = self.conversations.current()?;
        let leaf = shown.leaf?;
        let question = &shown.exchanges.get(leaf)?.question;
        let known = shown.siblings(leaf).into_iter().rev();
        let mut known = known.filter_map(|at| Some((at, shown.exchanges.get(at)?)));
        known.find(|(_, exchange)| exchange.asked == Some(Slot::Between) && exchange.question == *question)
    }
}
