//! Conditions as a person names them, and what each does to a question.

use opabinia_engine::intervention::{Action, Anatomy, Interventions};
use opabinia_engine::{Error, Result};
use opabinia_eval::run::Condition;
use opabinia_eval::stats::Game;

/// A condition and what it does.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its name and what it stands for.
    pub condition: Condition,
    /// What is done to each question under it.
    pub how: How,
}

impl Asked {
    /// Whether nothing but the words of the question reaches the model.
    pub fn is_blind(&self) -> bool {
        matches!(self.how, How::NoImage | How::Missing)
    }

    /// Whether another picture is wanted.
    pub fn needs_other(&self) -> bool {
        match &self.how {
            How::Shuffled => true,
            How::Intervene(interventions) => interventions.needs_other(),
            How::AsIs | How::NoImage | How::Missing => false,
        }
    }
}

/// What is done to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// The picture is shown.
    AsIs,
    /// The question is asked without a picture.
    NoImage,
    /// The same, and the prompt says so.
    Missing,
    /// Another picture of the same task is shown.
    Shuffled,
    /// The picture is shown, and something is done to the pass.
    Intervene(Interventions),
}

/// Words that begin a condition; what follows a comma and begins with none of them belongs to the one before.
const BEGINNINGS: [&str; 18] = [
    "as_is",
    "no_image",
    "blank",
    "shuffled",
    "missing",
    "encoders",
    "shapley",
    "mask",
    "mask_context",
    "context",
    "zero",
    "zero_raw",
    "mean",
    "swap",
    "region",
    "skip",
    "head",
    "all",
];

/// Encoders at most for which every coalition is asked.
const MAX_PLAYERS: usize = 6;

/// Reads a list of conditions for a model with `anatomy`.
///
/// # Errors
/// [`Error::Input`] saying what is not understood and what there is.
pub fn parse(text: &str, anatomy: &Anatomy) -> Result<Vec<Asked>> {
    let mut list: Vec<Asked> = Vec::new();
    let mut add = |asked: Asked| match list.iter_mut().find(|there| there.condition.name == asked.condition.name) {
        Some(there) => {
            if asked.condition.coalition.is_some() {
                there.condition.coalition = asked.condition.coalition;
            }
        }
        None => list.push(asked),
    };
    for name in split(text) {
        match name.split_once(':').map_or((name.as_str(), None), |(name, kind)| (name, Some(kind))) {
            ("encoders", kind) => {
                for k in 0..anatomy.encoders().len() {
                    add(intervened(taken_away(k, kind.unwrap_or("mask_context"), anatomy)?, anatomy));
                }
            }
            ("shapley", kind) => coalitions(kind, anatomy)?.into_iter().for_each(&mut add),
            ("as_is", None) => add(plain("as_is", How::AsIs, "the question and its picture")),
            ("no_image", None) => add(plain("no_image", How::NoImage, "the question without its picture")),
            ("shuffled", None) => add(plain("shuffled", How::Shuffled, "another picture of the same task")),
            ("missing", None) => add(plain("missing", How::Missing, "told that the picture is missing, and to guess")),
            _ => {
                let interventions = Interventions::parse(&name, anatomy)?;
                if interventions.drop_image() {
                    add(plain("no_image", How::NoImage, "the question without its picture"));
                } else {
                    add(intervened(interventions, anatomy));
                }
            }
        }
    }
    if list.is_empty() {
        return Err(Error::input("there is no condition", "leave --conditions out for as_is,no_image,encoders"));
    }
    Ok(list)
}

fn split(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let word = part.split([':', '@', '+']).next().unwrap_or(part);
        match names.last_mut() {
            Some(last) if !BEGINNINGS.contains(&word) || word == "all" => last.push_str(&format!(",{part}")),
            _ => names.push(part.to_owned()),
        }
    }
    names
}

fn plain(name: &str, how: How, what: &str) -> Asked {
    Asked { condition: Condition { name: name.into(), what: what.into(), without: None, coalition: None }, how }
}

fn intervened(interventions: Interventions, anatomy: &Anatomy) -> Asked {
    let condition = Condition {
        name: interventions.to_spec(anatomy),
        what: interventions.words(anatomy),
        without: without(&interventions),
        coalition: None,
    };
    Asked { condition, how: How::Intervene(interventions) }
}

/// The encoder that is taken away everywhere, if that is all that is done.
fn without(interventions: &Interventions) -> Option<usize> {
    use opabinia_engine::intervention::Place;
    let whole = |action: &Action| match action {
        Action::Region { .. } => None,
        Action::Context => Some(0),
        action => action.encoder(),
    };
    let mut encoders = interventions.iter().map(|one| whole(&one.action).filter(|_| one.at == Place::Everywhere));
    let first = encoders.next()??;
    let alone = encoders.all(|encoder| encoder == Some(first));
    // The context alone is only one of an encoder's ways in.
    let only_context = interventions.iter().all(|one| one.action == Action::Context);
    (alone && !only_context).then_some(first)
}

fn taken_away(k: usize, kind: &str, anatomy: &Anatomy) -> Result<Interventions> {
    const KINDS: [&str; 6] = ["mask_context", "mask", "swap", "mean", "zero", "zero_raw"];
    if !KINDS.contains(&kind) {
        return Err(Error::input(
            format!("`{kind}` is no way to take an encoder away"),
            format!("there are {}", KINDS.join(", ")),
        ));
    }
    let word = anatomy.encoder_words().get(k).cloned().unwrap_or_else(|| k.to_string());
    // Only encoder 0 has a part of the context.
    let kind = if kind == "mask_context" && k > 0 { "mask" } else { kind };
    Ok(Interventions::parse(&format!("{kind}:{word}"), anatomy)?)
}

/// Every coalition of a game, as `evidence` defines them: who is outside is taken away.
fn coalitions(kind: Option<&str>, anatomy: &Anatomy) -> Result<Vec<Asked>> {
    let game = match kind {
        None | Some("swap") => Game::Swap,
        Some("mask") => Game::Mask,
        Some(other) => {
            return Err(Error::input(
                format!("there is no game `{other}`"),
                "write shapley, shapley:swap or shapley:mask",
            ));
        }
    };
    let count = anatomy.encoders().len();
    if count > MAX_PLAYERS {
        return Err(Error::input(
            format!("{count} encoders have {} coalitions", 1_u64 << count.min(60)),
            "use encoders, which takes each away once",
        ));
    }
    let whole = (1 << count) - 1;
    let of = |coalition: usize| {
        let outside = (0..count).filter(|k| coalition >> k & 1 == 0);
        let mut asked = if coalition == whole {
            plain("as_is", How::AsIs, "the question and its picture")
        } else {
            let each = outside.map(|k| match game {
                Game::Swap => Interventions::of(Action::Swap { encoder: k }),
                // With every key masked there is nothing left to attend to.
                Game::Mask if coalition == 0 => Interventions::of(Action::Mean { encoder: k }),
                Game::Mask => Interventions::mask(k, true),
            });
            intervened(each.fold(Interventions::default(), |all, one| all.and(&one)), anatomy)
        };
        asked.condition.coalition = Some((game.name().to_owned(), coalition));
        asked
    };
    Ok((0..=whole).rev().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_engine::observe::SvaLayer;

    fn anatomy() -> Anatomy {
        let layers = vec![
            (SvaLayer::Connector { group: 0, layer: 0 }, "C1".to_owned()),
            (SvaLayer::Sampler { n: 0 }, "S0".to_owned()),
        ];
        let names = ["siglip/x", "openai/clip-x", "facebook/dinov2-x"].map(String::from);
        Anatomy::from_parts(names.to_vec(), layers, 4)
    }

    fn names(text: &str) -> Vec<String> {
        parse(text, &anatomy()).unwrap().into_iter().map(|asked| asked.condition.name).collect()
    }

    #[test]
    fn commas_part_conditions_and_the_lists_in_them() {
        let found = names("as_is, no_image,mask:1,2,region:all@0:3,0:3,skip:S0,as_is");
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!((found[0].as_str(), found[1].as_str(), found[4].as_str()), ("as_is", "no_image", "skip:S0"));
    }

    #[test]
    fn every_encoder_is_taken_away_once_and_known_by_its_number() {
        let asked = parse("as_is,encoders", &anatomy()).unwrap();
        let without: Vec<Option<usize>> = asked.iter().map(|asked| asked.condition.without).collect();
        assert_eq!(without, [None, Some(0), Some(1), Some(2)]);
        assert!(parse("encoders:burn", &anatomy()).is_err());
    }

    #[test]
    fn a_game_has_every_coalition_once() {
        let asked = parse("as_is,encoders:swap,shapley", &anatomy()).unwrap();
        assert_eq!(asked.len(), 8);
        let mut coalitions: Vec<usize> =
            asked.iter().filter_map(|asked| asked.condition.coalition.as_ref().map(|(_, c)| *c)).collect();
        coalitions.sort_unstable();
        assert_eq!(coalitions, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
