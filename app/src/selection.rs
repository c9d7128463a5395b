//! Layers and heads as people write and read them.

use opabinia_engine::sva::HEADS;
use opabinia_engine::{Error, Result};

/// The layers that `text` means, as places in `labels`: `all`, `connector`, `samplers`, labels (`C1`, `S0`), and
/// ranges of them (`C1..C3`), separated by commas. In order and without repetition.
///
/// # Errors
/// [`Error::Input`] listing the labels, if one is unknown or nothing is left.
pub fn layers(labels: &[&str], text: &str) -> Result<Vec<usize>> {
    let refuse = |problem: String| {
        Error::input(
            problem,
            format!(
                "this trace's layers are {}; all, connector, samplers, lists (C1,S0) and ranges (C1..C3) are understood",
                labels.join(" ")
            ),
        )
    };
    let find = |label: &str| {
        let place = labels.iter().position(|known| known.eq_ignore_ascii_case(label.trim()));
        place.ok_or_else(|| refuse(format!("there is no layer `{}`", label.trim())))
    };
    let starting = |letter: char| (0..labels.len()).filter(|&at| labels[at].starts_with(letter)).collect::<Vec<_>>();
    let mut chosen = Vec::new();
    for part in text.split(',') {
        match (part.trim(), part.split_once("..")) {
            ("all", _) => chosen.extend(0..labels.len()),
            ("connector", _) => chosen.extend(starting('C')),
            ("samplers", _) => chosen.extend(starting('S')),
            (_, Some((first, last))) => chosen.extend(find(first)?..=find(last)?),
            (label, None) => chosen.push(find(label)?),
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    if chosen.is_empty() { Err(refuse(format!("`{text}` names no layer of this trace"))) } else { Ok(chosen) }
}

/// Heads, and how they become one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// In order, without repetition.
    pub chosen: Vec<usize>,
    /// The maximum instead of the mean, over layers as over heads.
    pub maximum: bool,
}

/// The heads that `text` means: `mean` or `max` over all, or numbers and ranges of them (`0,4..7`), averaged.
///
/// # Errors
/// [`Error::Input`] if it means none.
pub fn heads(text: &str) -> Result<Heads> {
    let refuse = || {
        Error::input(
            format!("`{text}` names no heads"),
            format!("use mean, max, or numbers from 0 to {} such as 3 or 0,4..7", HEADS - 1),
        )
    };
    if text == "mean" || text == "max" {
        return Ok(Heads { chosen: (0..HEADS).collect(), maximum: text == "max" });
    }
    let number = |text: &str| text.trim().parse().ok().filter(|head| *head < HEADS).ok_or_else(refuse);
    let mut chosen = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            Some((first, last)) => chosen.extend(number(first)?..=number(last)?),
            None => chosen.push(number(part)?),
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    if chosen.is_empty() { Err(refuse()) } else { Ok(Heads { chosen, maximum: false }) }
}

/// `places` in words: `layer C1`, `layers C1–C3 and S0`, with runs of neighbours of one kind drawn together.
pub fn words(what: &str, places: &[usize], name: impl Fn(usize) -> String) -> String {
    let parts = runs(places, name);
    let plural = if places.len() == 1 { "" } else { "s" };
    let list = match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    };
    format!("{what}{plural} {list}")
}

/// `places` in a table: `C1..C3 S0`.
pub fn list(places: &[usize], name: impl Fn(usize) -> String) -> String {
    runs(places, name).join(" ").replace('–', "..")
}

/// The names of `places`, with three or more neighbours of one kind drawn together: `C1–C3`, `S0`.
pub fn runs(places: &[usize], name: impl Fn(usize) -> String) -> Vec<String> {
    let kind = |place: usize| name(place).chars().take_while(|c| c.is_alphabetic()).collect::<String>();
    let mut parts: Vec<String> = Vec::new();
    for run in places.chunk_by(|a, b| a + 1 == *b && kind(*a) == kind(*b)) {
        match run {
            [first, _, .., last] => parts.push(format!("{}–{}", name(*first), name(*last))),
            few => parts.extend(few.iter().map(|place| name(*place))),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [&str; 6] = ["C1", "C2", "C3", "S0", "S2", "S4"];

    #[test]
    fn layers_by_label_range_and_kind() {
        let chosen = |text| layers(&LABELS, text).unwrap();
        assert_eq!(chosen("all"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(chosen("connector"), [0, 1, 2]);
        assert_eq!(chosen("samplers, C2"), [1, 3, 4, 5]);
        assert_eq!(chosen("C2..S0,c2"), [1, 2, 3]);
        assert_eq!(layers(&["C1.1", "C1.2", "C2.1"], "C1.1..C1.2").unwrap(), [0, 1]);
    }

    #[test]
    fn unknown_layers_are_refused_with_the_list() {
        for text in ["S1", "", "C3..C1", "C1..", "0"] {
            let error = layers(&LABELS, text).unwrap_err().to_string();
            assert!(error.contains("C1 C2 C3 S0 S2 S4"), "{text}: {error}");
        }
        assert!(layers(&LABELS[..3], "samplers").is_err());
    }

    #[test]
    fn heads_by_number_and_reduction() {
        assert_eq!(heads("mean").unwrap(), Heads { chosen: (0..16).collect(), maximum: false });
        assert!(heads("max").unwrap().maximum);
        assert_eq!(heads("5").unwrap().chosen, [5]);
        assert_eq!(heads("3,0..2").unwrap().chosen, [0, 1, 2, 3]);
        for text in ["16", "x", "", "3..1", "-1"] {
            assert!(heads(text).is_err(), "{text}");
        }
    }

    #[test]
    fn selections_in_words() {
        let name = |at: usize| LABELS[at].to_owned();
        assert_eq!(words("layer", &[3], name), "layer S0");
        assert_eq!(list(&[0, 1, 2, 4], name), "C1..C3 S2");
        assert_eq!(words("layer", &[0, 1, 2, 4], name), "layers C1–C3 and S2");
        assert_eq!(words("layer", &[0, 1, 2, 3, 4, 5], name), "layers C1–C3 and S0–S4");
        assert_eq!(words("head", &[8, 9, 10], |head| head.to_string()), "heads 8–10");
        assert_eq!(words("layer", &[0, 1, 3, 5], name), "layers C1, C2, S0 and S4");
    }
}
