//! What checkpoints are called where there may be several of them: by names that tell them apart.

use super::Slot;
use super::{AppState, Called, Exchange, Model, Which};
use std::collections::BTreeSet;

impl From<&Model> for Which {
    fn from(model: &Model) -> Self {
        Self { name: model.name(), directory: model.directory(), weights: model.weights().to_owned() }
    }
}

impl From<&Exchange> for Which {
    fn from(exchange: &Exchange) -> Self {
        Self { name: exchange.model.clone(), directory: exchange.directory.clone(), weights: exchange.weights.clone() }
    }
}

impl Model {
    /// As names tell it from others.
    pub fn which(&self) -> Which {
        self.into()
    }
}

/// Checkpoints among which each is to be told from the others.
#[derive(Debug, Default)]
pub struct Names {
    known: BTreeSet<Which>,
    /// What a person calls some of them.
    called: Vec<Called>,
    /// The letters of those that are loaded, where two are.
    letters: Vec<(Which, &'static str)>,
}

impl Names {
    /// The name of `which`, with its letter where two checkpoints are loaded: `A · one/checkpoint`.
    pub fn of(&self, which: impl Into<Which>) -> String {
        let which = which.into();
        let mut letters = self.letters.iter().filter(|(known, _)| *known == which).map(|(_, letter)| *letter);
        let name = self.plain(&which);
        match (letters.next(), letters.next()) {
            (Some(letter), None) => format!("{letter} · {name}"),
            // It is in both places, so that neither letter is wrong and neither says anything.
            _ => name,
        }
    }

    /// The same without a letter: as much of its path as tells it from others of its name, and the type of its weights
    /// where nothing else does.
    pub fn plain(&self, which: &Which) -> String {
        if let Some(called) = self.called.iter().find(|called| called.which == *which) {
            return called.name.clone();
        }
        let namesakes: BTreeSet<&str> = (self.known.iter())
            .filter(|other| other.name == which.name && other.directory != which.directory)
            .map(|other| other.directory.as_str())
            .filter(|directory| !directory.is_empty())
            .collect();
        let suffix = if which.directory.is_empty() { "" } else { suffix(&which.directory, &namesakes) };
        let mut name = match suffix {
            "" => which.name.clone(),
            suffix if suffix.ends_with(&which.name) => suffix.to_owned(),
            suffix => format!("{} ({suffix})", which.name),
        };
        let differs = |other: &Which| other.directory == which.directory && other.weights != which.weights;
        if !which.weights.is_empty() && self.known.iter().any(|other| differs(other) && !other.weights.is_empty()) {
            name = format!("{name} · {}", which.weights);
        }
        name
    }
}

/// The shortest end of `path`, in whole names, that none of `others` has; nothing where there are no others.
fn suffix<'a>(path: &'a str, others: &BTreeSet<&str>) -> &'a str {
    if others.is_empty() {
        return "";
    }
    let path = path.trim_end_matches(['/', '\\']);
    let ends = path.rmatch_indices(['/', '\\']).map(|(at, _)| &path[at + 1..]).chain([path]);
    let has = |other: &str, end: &str| {
        let other = other.trim_end_matches(['/', '\\']);
        other.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with(['/', '\\']))
    };
    let mut ends = ends.filter(|end| !end.is_empty());
    ends.find(|end| !others.iter().any(|other| has(other, end))).unwrap_or(path)
}

impl AppState {
    /// The names of the checkpoints that are loaded and of those that answered in the conversation that is shown.
    pub fn names(&self) -> Names {
        let mut names = Names { called: self.settings.called.clone(), ..Names::default() };
        let mut last: Option<&Exchange> = None;
        for exchange in self.conversations.current().into_iter().flat_map(|shown| shown.exchanges.iter()) {
            // Mostly one answered after the other.
            let same = |last: &Exchange| (&last.directory, &last.weights) == (&exchange.directory, &exchange.weights);
            if !last.is_some_and(same) && !exchange.model.is_empty() {
                names.known.insert(exchange.into());
            }
            last = Some(exchange);
        }
        for slot in [Slot::A, Slot::B, Slot::Between] {
            if let Some(model) = self.models.loaded(slot) {
                names.known.insert(model.into());
                if self.models.are_two() {
                    names.letters.push((model.into(), slot.letter()));
                }
            }
        }
        names
    }

    /// What the model in `slot` is called, without its letter.
    pub fn name_of(&self, slot: Slot) -> Option<String> {
        Some(self.names().plain(&self.models.loaded(slot)?.into()))
    }

    /// Whose maps and numbers are shown, by its name of `names`, where that is not plain: two checkpoints are loaded, or
    /// another one gave the answer that is shown. With it, whether it is another one.
    pub fn whose_maps(&self, names: &Names) -> Option<(String, bool)> {
        let model = self.models.current()?;
        let shown = self.conversations.current();
        let leaf = shown.and_then(|shown| shown.exchanges.get(shown.leaf?)).filter(|leaf| !leaf.model.is_empty());
        let of_another = leaf.is_some_and(|leaf| !model.answered(leaf));
        (of_another || self.models.are_two()).then(|| (names.of(model), of_another))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn which(directory: &str, weights: &str) -> Which {
        let name = directory.rsplit('/').next().unwrap_or_default().to_owned();
        Which { name, directory: directory.to_owned(), weights: weights.to_owned() }
    }

    #[test]
    fn as_much_of_a_path_is_said_as_tells_it_from_others() {
        let all = [which("/m/one/checkpoint", "f32"), which("/m/two/checkpoint", "f32"), which("/n/8b", "f32")];
        let names = Names { known: all.iter().cloned().collect(), ..Names::default() };
        assert_eq!(all.map(|which| names.of(which)), ["one/checkpoint", "two/checkpoint", "8b"]);
        let all = [which("/checkpoint", ""), which("/a/checkpoint", ""), which("/b/a/checkpoint", "")];
        let names = Names { known: all.iter().cloned().collect(), ..Names::default() };
        let said: BTreeSet<String> = all.into_iter().map(|which| names.of(which)).collect();
        assert_eq!(said.len(), 3, "{said:?}");
    }

    #[test]
    fn snapshots_of_one_repository_are_told_apart_and_so_are_types_of_weights() {
        let snapshot = |hash: &str, weights: &str| Which {
            name: "org/model".to_owned(),
            directory: format!("/hub/models--org--model/snapshots/{hash}"),
            weights: weights.to_owned(),
        };
        let all = [snapshot("aa", "f32"), snapshot("bb", "f32"), snapshot("bb", "bf16")];
        let letters = vec![(all[1].clone(), "A"), (all[2].clone(), "B")];
        let names = Names { known: all.iter().cloned().collect(), letters, ..Names::default() };
        assert_eq!(
            all.map(|which| names.of(which)),
            ["org/model (aa)", "A · org/model (bb) · f32", "B · org/model (bb) · bf16"]
        );
    }
}
