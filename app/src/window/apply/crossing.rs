//! Scoring each of two answers on both sides.

use crate::window::app::{App, Finished};
use crate::window::state::{CrossKey, Crossing, Purpose, SIDES};
use opabinia_engine::compare::{Crossed, parting, same_tokenizer};
use opabinia_engine::generate::Scores;
use opabinia_engine::worker::{Command, Decoding, Prompt, RunSpec};
use std::path::PathBuf;
use std::sync::Arc;

impl App {
    /// Scores both answers that are shown on both sides, where that was not done and both have one tokenizer.
    pub(super) fn cross(&mut self) {
        let Some(key) = self.state.cross_key() else { return };
        if !matches!(self.state.comparison.crossed.get(&key), None | Some(Crossing::Failed(_))) {
            return;
        }
        let directories =
            SIDES.map(|slot| self.state.models.loaded(slot).map(|model| model.inspection.directory.clone()));
        let [Some(a), Some(b)] = directories else { return };
        self.state.comparison.crossed.set(key, Crossing::begun());
        let texts = self.texts();
        let same = move |a: PathBuf, b: PathBuf| same_tokenizer(&a, &b).map_err(|error| texts.engine.error(&error));
        self.run_beside(
            "tokenizers",
            move |error| Finished::Tokenizers(key, Err(error)),
            move || Finished::Tokenizers(key, same(a, b)),
        );
    }

    /// The same of what takes a moment: a person need not ask for it.
    pub(super) fn cross_if_quick(&mut self) {
        let quick = |slot| self.state.models.loaded(slot).is_some_and(super::traces::is_quick);
        if self.state.comparison.on && SIDES.into_iter().all(quick) {
            self.cross();
        }
    }

    /// Whether the tokenizers of both sides are the same is known.
    pub(super) fn tokenizers_compared(&mut self, key: CrossKey, same: Result<bool, String>) {
        let crossing = match same {
            Ok(true) => return self.score_both(key),
            Ok(false) => Crossing::OtherTokenizers,
            Err(error) => Crossing::Failed(error),
        };
        self.state.comparison.crossed.set(key, crossing);
    }

    fn score_both(&mut self, key: CrossKey) {
        let Some(ids) = self.ids(&key) else { return };
        let place = parting(&ids[0], &ids[1]);
        let Some(conversation) = self.state.conversations.get(key.conversation) else { return };
        let mut specs = Vec::with_capacity(4);
        for (answer, (at, ids)) in key.exchanges.into_iter().zip(&ids).enumerate() {
            let Some(exchange) = conversation.exchanges.get(at) else { return };
            let image = exchange.picture.map(|picture| self.state.pictures.ready(picture).map(Arc::clone));
            if let Some(None) = image {
                let gone = Crossing::Failed(self.texts().comparison.picture_first.to_owned());
                return self.state.comparison.crossed.set(key, gone);
            }
            let system = Some(exchange.system.clone()).filter(|text| !text.trim().is_empty());
            for (under, model) in key.models.into_iter().enumerate() {
                let prompt = Prompt { system: system.clone(), turns: conversation.turns(at) };
                let spec = RunSpec {
                    image: image.clone().flatten(),
                    forced_prefix: ids.clone(),
                    place,
                    decoding: Decoding::Score { alternatives: 0 },
                    ..RunSpec::new(model, prompt)
                };
                specs.push((answer, under, spec));
            }
        }
        for (answer, under, spec) in specs {
            let job = self.engine.submit(Command::Run(Box::new(spec)));
            self.state.jobs.begin(job, Purpose::Cross { key, answer, under });
        }
    }

    /// The answer of side `answer` was scored on side `under`.
    pub(super) fn scored(&mut self, key: CrossKey, (answer, under): (usize, usize), scores: Scores) {
        let ids = self.ids(&key);
        let Some(Crossing::Underway(known)) = self.state.comparison.crossed.get_mut(&key) else { return };
        if let Some(place) = known.get_mut(answer).and_then(|of| of.get_mut(under)) {
            *place = Some(scores);
        }
        let [[Some(a), Some(a_under_b)], [Some(b_under_a), Some(b)]] = &**known else { return };
        let place = ids.and_then(|[a, b]| parting(&a, &b));
        let crossed = Crossed::of([[a, a_under_b], [b_under_a, b]], place);
        self.state.comparison.crossed.set(key, Crossing::Ready(Arc::new(crossed)));
    }

    /// A score was stopped, or failed for this reason.
    pub(super) fn crossing_failed(&mut self, key: CrossKey, why: String) {
        if let Some(crossing @ Crossing::Underway(_)) = self.state.comparison.crossed.get_mut(&key) {
            *crossing = Crossing::Failed(why);
        }
    }

    /// The ids of the tokens of both answers.
    fn ids(&self, key: &CrossKey) -> Option<[Vec<u32>; 2]> {
        let conversation = self.state.conversations.get(key.conversation)?;
        let ids = |at: usize| Some(conversation.exchanges.get(at)?.tokens.iter().map(|token| token.id).collect());
        let [a, b] = key.exchanges.map(ids);
        Some([a?, b?])
    }
}
